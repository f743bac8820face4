//! One binary for every test that needs more than a module: fewer links, one support library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod alert_chain;
mod alertmanager;
mod backtest;
mod bad_input;
mod board_queries;
mod browser;
mod channels;
mod cli;
mod config;
mod control;
mod crash;
mod cron;
mod daemon;
mod dashboards;
mod degenerate;
mod explain;
mod export;
mod http;
mod ingest;
mod outbox;
mod pictures;
mod plan;
mod planted;
mod presets;
mod prom;
mod publish;
mod real_tickets;
mod restraint;
mod shards;
mod simulated_city;
mod store;
mod support;
mod systemd;
mod tidy;
