//! Milliseconds per GLM fit, per decomposition, per classical model and per series of the weekly and daily step.
#![allow(clippy::unwrap_used)]
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weisu_models::{
    forecast::{
        Horizon, Params,
        classic::{
            aggregation, average,
            croston::{self, Constant},
            ets::{self, Ets, Form},
            mstl as classic_mstl, naive,
            ses::{self, Ses},
            stl::{Span, Stl},
            theta::{self, Kind, Theta},
            tsb,
        },
        fit, forecast,
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

/// Every classical model: two years of days with weeks, and twelve years of months.
fn classic(c: &mut Criterion) {
    let city = city(7, 1, 730, 3);
    let days: Vec<f64> = city.panel.cell(6).iter().map(|v| f64::from(*v)).collect();
    let month = |t: usize| 400.0 + 90.0 * (t as f64 * std::f64::consts::TAU / 12.0).sin();
    let months: Vec<f64> = (0..144).map(|t| month(t) + days[3 * t] - days[t]).collect();
    for (name, y, m, h) in [("classic_730_days", days, 7, 28), ("classic_144_months", months, 12, 12)] {
        let y = black_box(&y[..]);
        let mut group = c.benchmark_group(name);
        let mut time = |name: &str, model: &dyn Fn() -> f64| {
            group.bench_function(name, |b| b.iter(model));
        };
        let fitted = |form: Form| Ets::new(m, form).unwrap().fit(y).unwrap().forecast(h).mean[0];
        time("seasonal_naive", &|| naive::seasonal_naive(y, m, h).unwrap().mean[0]);
        time("seasonal_window", &|| average::seasonal_window(y, m, 4, h).unwrap()[0]);
        time("ses_optimised", &|| Ses::optimised(y, ses::BOUNDS).unwrap().level());
        time("tsb", &|| tsb::forecast(y, 0.1, 0.1).unwrap());
        time("croston", &|| croston::forecast(y, &Constant::Fixed(0.1)).unwrap());
        time("imapa", &|| aggregation::imapa(y).unwrap());
        time("ets_ann", &|| fitted(Form::ANN));
        time("ets_aan", &|| fitted(Form::AAN));
        time("ets_ana", &|| fitted(Form::ANA));
        time("ets_aada", &|| fitted(Form::AADA));
        time("ets_auto", &|| ets::auto(y, m).unwrap().aicc());
        let kind = Kind::DynamicOptimised;
        time("theta_dynamic_optimised", &|| Theta { m, kind }.fit(y).unwrap().forecast(h).mean[0]);
        time("theta_auto", &|| theta::auto(y, m).unwrap().forecast(h).mean[0]);
        time("theta_classical", &|| theta::classical(y, m, h).unwrap().mean[0]);
        let stl = Stl { m, season: Span::Seasons(11), trend: None, robust: false };
        time("stl", &|| stl.decompose(y).unwrap().trend[0]);
        time("stl_robust", &|| Stl { robust: true, ..stl }.decompose(y).unwrap().trend[0]);
        time("mstl", &|| classic_mstl::forecast(y, &[m], h).unwrap().mean[0]);
        group.finish();
    }
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

criterion_group!(benches, one_series, classic, panel);
criterion_main!(benches);
