//! A seeded city for the demo and for tests.
