//! Properties and reference numbers of the mathematics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
mod properties {
    mod backtest;
    mod changes;
    mod exogenous;
    mod explain;
    mod forecast;
    mod hotspots;
    mod scans;
    mod shards;
}
mod reference {
    mod classic {
        mod closed;
        mod count_glm;
        mod ets;
        mod stl;
        mod theta;
    }
    mod essence;
    mod glm;
    mod naive;
    mod nowcast;
    mod scores;
    mod spatial {
        mod emerging;
        mod fixtures;
        mod local;
        mod scan_new_mexico;
        mod scan_new_york;
        mod scan_simulated;
        mod trend;
    }
    mod surveillance {
        mod boda;
        mod classic;
        mod ears;
        mod endemic;
        mod farrington;
        mod table;
    }
    mod table;
}
mod support;
