//! One binary for every test that needs more than a module: fewer links, one support library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod alertmanager;
mod dashboards;
mod export;
mod http;
mod publish;
mod simulated_city;
mod store;
mod support;
mod systemd;
mod tidy;
