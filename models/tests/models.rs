//! Properties and reference numbers of the mathematics.
mod properties {
    mod forecast;
    mod hotspots;
}
mod reference {
    mod glm;
    mod naive;
    mod table;
}
mod support;
