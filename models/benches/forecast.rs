//! Milliseconds per GLM fit, per decomposition and per series of the weekly and daily step.
#![allow(clippy::unwrap_used)]
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weisu_models::{
    forecast::{
        Horizon, Params, fit, forecast,
        glm::{self, Prior, Weighted},
        mstl,
    },
    regressors::Design,
};

#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;
use support::city;

const DAYS: usize = 1461;

fn one_series(c: &mut Criterion) {
    let city = city(7, 1, DAYS, 1);
    let design = Design::new(city.panel.start, DAYS + 28, &city.calendar);
    let weights = glm::weights_by_age();
    let mut group = c.benchmark_group("one_series_1461_days");
    for (name, cell) in [("sparse", 0_usize), ("dense", 6)] {
        let y = city.panel.cell(cell).to_vec();
        let data = Weighted { y: &y, from: 0, end: DAYS, by_age: &weights };
        let prior = Prior::alone(&design, data.volume());
        let beta = glm::fit(&design, data, &prior, None).unwrap();
        group.bench_function(format!("glm_cold_{name}"), |b| {
            b.iter(|| {
                let beta = glm::fit(&design, data, &prior, None).unwrap();
                (DAYS..DAYS + 28).map(|t| glm::mean(&design, t, &beta)).sum::<f64>()
            });
        });
        group.bench_function(format!("glm_warm_{name}"), |b| {
            b.iter(|| glm::fit(&design, data, &prior, Some(black_box(&beta))));
        });
        group.bench_function(format!("augurs_mstl_{name}"), |b| b.iter(|| mstl::forecast(black_box(&y), 28)));
    }
    group.finish();
}

/// 80 cells and their 18 margins; divide by 99 for a series.
fn panel(c: &mut Criterion) {
    let city = city(10, 8, DAYS, 2);
    let params = Params::default();
    let fits = fit(&city.panel, &city.hierarchy, &city.calendar, &params, &|_| ());
    let mut group = c.benchmark_group("panel_99_series");
    group.sample_size(10);
    group.bench_function("fit", |b| {
        b.iter(|| fit(&city.panel, &city.hierarchy, &city.calendar, &params, &|_| ()));
    });
    let horizon = Horizon { days: 90, months: 12 };
    group.bench_function("forecast_90_days_12_months", |b| {
        b.iter(|| forecast(&city.panel, &city.hierarchy, &city.calendar, &fits, horizon, &|_| ()));
    });
    group.finish();
}

criterion_group!(benches, one_series, panel);
criterion_main!(benches);
