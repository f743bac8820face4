//! Poisson, quasi-Poisson and negative binomial regressions against R's glm() and MASS::glm.nb().
use std::collections::BTreeMap;

use chrono::{Datelike, Days};
use weisu_models::forecast::classic::count_glm::CountGlm;

use crate::reference::table::{self, Daily};

const COLUMNS: [&str; 12] =
    ["(Intercept)", "dow1", "dow2", "dow3", "dow4", "dow5", "dow6", "s1", "c1", "s2", "c2", "hol"];

fn design(daily: &Daily) -> Vec<f64> {
    let row = |t: usize| {
        let date = daily.start + Days::new(t as u64);
        let angle = std::f64::consts::TAU * (t + 1) as f64 / 365.25;
        let mut row = [0.0; 12];
        row[0] = 1.0;
        if let Some(day) = date.weekday().num_days_from_sunday().checked_sub(1) {
            row[1 + day as usize] = 1.0;
        }
        let ((s1, c1), (s2, c2)) = (angle.sin_cos(), (2.0 * angle).sin_cos());
        row[7..11].copy_from_slice(&[s1, c1, s2, c2]);
        row[11] = f64::from(u8::from(daily.holidays.contains(&date)));
        row
    };
    (0..daily.y.len()).flat_map(row).collect()
}

type Fit = fn(&[f64], usize, &[f64]) -> Result<CountGlm, weisu_models::forecast::classic::ClassicError>;

/// Compares `numbers` of the fit with R's values of the same names.
fn check(method: &str, tolerance: f64, fit: Fit, numbers: impl Fn(&CountGlm) -> Vec<(&'static str, f64)>) {
    let (Some(series), Some(rows)) = (table::daily(), table::rows("r_params.csv")) else { return };
    let mut reference: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| &row[1] == method) {
        reference.entry(&row[0]).or_default().insert(&row[2], row[3].parse().unwrap());
    }
    assert_eq!(reference.len(), 12);
    let (mut compared, mut worst) = (0, 0.0_f64);
    for (id, want) in &reference {
        let daily = &series[*id];
        let y: Vec<f64> = daily.y.iter().map(|v| f64::from(*v)).collect();
        let fit = fit(&design(daily), COLUMNS.len(), &y).unwrap();
        // Coefficients without bound (no ticket on any holiday) have no reference value.
        if fit.coefficients().iter().any(|v| v.abs() > 10.0) {
            continue;
        }
        compared += 1;
        for (name, got) in numbers(&fit) {
            let off = (got - want[name]).abs() / want[name].abs().max(1.0);
            assert!(off <= tolerance, "{method} {id} {name}: {got} not {}", want[name]);
            worst = worst.max(off);
        }
    }
    println!("{method}: {compared} series, worst difference {worst:.1e}");
    assert!(compared >= 8);
}

fn coefficients(fit: &CountGlm) -> Vec<(&'static str, f64)> {
    COLUMNS.into_iter().zip(fit.coefficients().iter().copied()).collect()
}

#[test]
fn count_regressions_match_r() {
    check("r_glm_poisson", 1e-5, CountGlm::poisson, |fit| {
        let whole = [("deviance", fit.deviance()), ("loglik", fit.log_likelihood())];
        coefficients(fit).into_iter().chain(whole).collect()
    });
    // R stops when the deviance has settled to 1e-8, and Pearson's sum is not flat there: 1.5e-5 was seen.
    check("r_glm_quasipoisson", 1e-4, CountGlm::poisson, |fit| vec![("dispersion", fit.dispersion())]);
    check("r_glm_nb", 1e-5, CountGlm::negative_binomial, |fit| {
        let whole = [("theta", fit.theta()), ("loglik", fit.log_likelihood())];
        coefficients(fit).into_iter().chain(whole).collect()
    });
}
