//! Closed forms and smoothers with fixed constants against R and statsforecast.
use statrs::distribution::{ContinuousCDF, StudentsT};
use weisu_models::forecast::classic::{
    ClassicError, Moments, aggregation, average,
    croston::{self, Constant},
    naive,
    ses::{self, Ses},
    tsb,
};

use crate::reference::table::{self, Lead, Regular};

/// The normal quantile of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// Compares every lead of every series with `method`, to a relative difference of 1e-6.
fn check(method: &str, leads: impl Fn(&Regular, usize, &[Lead]) -> Vec<(f64, f64)>) {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let mut worst = 0.0_f64;
    for (id, want) in &reference {
        for (got, want) in leads(&series[id], want.len(), want) {
            let off = (got - want).abs() / want.abs().max(1e-3);
            assert!(off <= 1e-6 || want.is_nan(), "{method} {id}: {got} not {want}");
            worst = worst.max(off);
        }
    }
    assert_eq!(reference.len(), 16);
    println!("{method}: worst relative difference {worst:.1e}");
}

fn check_flat(method: &str, forecast: impl Fn(&[f64]) -> Result<f64, ClassicError>) {
    check(method, |series, _, want| {
        let level = forecast(&series.y).unwrap();
        want.iter().map(|lead| (level, lead.mean)).collect()
    });
}

/// Means, and half-widths of the interval at `quantile` standard deviations.
fn pairs(moments: &Moments, want: &[Lead], quantile: f64) -> Vec<(f64, f64)> {
    let means = moments.mean.iter().zip(want).map(|(got, want)| (*got, want.mean));
    let widths = moments.variance.iter().zip(want).map(|(v, want)| (quantile * v.sqrt(), want.half_95));
    means.chain(widths).collect()
}

#[test]
fn naive_forecasts() {
    for method in ["r_snaive", "sf_SeasonalNaive"] {
        check(method, |s, h, want| pairs(&naive::seasonal_naive(&s.y, s.m, h).unwrap(), want, Z95));
    }
    check("r_naive", |s, h, want| pairs(&naive::naive(&s.y, h).unwrap(), want, Z95));
}

#[test]
fn averages() {
    check("r_meanf", |s, h, want| {
        let student = StudentsT::new(0.0, 1.0, s.y.len() as f64 - 1.0).unwrap();
        pairs(&average::historic(&s.y, h).unwrap(), want, student.inverse_cdf(0.975))
    });
    check_flat("sf_WindowAverage", |y| average::window(y, 28));
    check("sf_SeasWA", |s, h, want| match average::seasonal_window(&s.y, s.m, 4, h) {
        Ok(mean) => mean.into_iter().zip(want.iter().map(|lead| lead.mean)).collect(),
        Err(error) => {
            assert_eq!(error, ClassicError::TooShort { known: 47, needed: 48 });
            assert!(want.iter().all(|lead| lead.mean.is_nan()));
            vec![]
        }
    });
}

#[test]
fn exponential_smoothing() {
    check_flat("sf_SES_0.1", |y| Ok(Ses::fixed(y, 0.1)?.level()));
    check_flat("sf_SESOpt", |y| Ok(Ses::optimised(y, ses::BOUNDS)?.level()));
}

#[test]
fn intermittent_demand() {
    check_flat("sf_TSB_a0.1_b0.1", |y| tsb::forecast(y, 0.1, 0.1));
    check_flat("sf_TSB_a0.2_b0.05", |y| tsb::forecast(y, 0.2, 0.05));
    for method in ["sf_CrostonClassic", "r_croston_a0.1"] {
        check_flat(method, |y| croston::forecast(y, &Constant::Fixed(0.1)));
    }
    check_flat("sf_CrostonSBA", |y| Ok(croston::SBA_FACTOR * croston::forecast(y, &Constant::Fixed(0.1))?));
    check_flat("sf_CrostonOptimized", |y| croston::forecast(y, &Constant::Optimised(croston::BOUNDS)));
    check_flat("sf_ADIDA", aggregation::adida);
    check_flat("sf_IMAPA", aggregation::imapa);
}
