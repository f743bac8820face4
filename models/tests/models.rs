//! Properties and reference numbers of the mathematics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
mod properties {
    mod forecast;
    mod hotspots;
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
    mod surveillance {
        mod classic;
        mod ears;
        mod farrington;
        mod table;
    }
    mod table;
}
mod support;
