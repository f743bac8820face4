//! One binary for every test that needs more than a module: fewer links, one support library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod alertmanager;
mod export;
mod publish;
mod dashboards;
mod http;
mod simulated_city;
mod store;
mod support;
mod systemd;
mod tidy;
