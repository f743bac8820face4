//! Poisson regression coefficients against R's glm().
use std::collections::BTreeMap;

use weisu_models::{
    forecast::glm::{Prior, Weighted, fit},
    regressors::{Design, Kind, RARE},
};

use super::table::{self, Daily};

/// Columns of R's model in the order of our design; the third harmonic is not in it.
const COLUMNS: [&str; 12] =
    ["(Intercept)", "dow1", "dow2", "dow3", "dow4", "dow5", "dow6", "s1", "c1", "s2", "c2", "hol"];

/// R's design: weekdays against Sunday, harmonics of the day number from 1, one holiday column.
fn design(daily: &Daily) -> Design {
    use chrono::Datelike;
    let mut design = Design::default();
    for t in 0..daily.y.len() {
        let date = daily.start + chrono::Days::new(t as u64);
        let angle = std::f64::consts::TAU * (t + 1) as f64 / 365.25;
        let ((s1, c1), (s2, c2)) = (angle.sin_cos(), (2.0 * angle).sin_cos());
        let holiday = daily.holidays.contains(&date).then(|| ("hol".to_owned(), Kind::Day, 1.0));
        let weekday = date.weekday().num_days_from_sunday() as u8;
        design.push(weekday, [s1, c1, s2, c2, 0.0, 0.0], holiday.into_iter().collect());
    }
    design
}

fn coefficients(daily: &Daily) -> Vec<f64> {
    let design = design(daily);
    let n = design.kinds().len();
    // The empty third harmonic needs a ridge to have a solution at all; nothing else is shrunk.
    let ridge = (0..n).map(|c| if (11..RARE).contains(&c) { 1.0 } else { 0.0 }).collect();
    let data = Weighted { y: &daily.y, from: 0, end: daily.y.len(), by_age: &[] };
    let beta = fit(&design, data, &Prior { center: vec![0.0; n], ridge }, None).unwrap();
    beta[..11].iter().copied().chain([beta[RARE]]).collect()
}

#[test]
fn poisson_coefficients_match_r() {
    let (Some(series), Some(rows)) = (table::daily(), table::rows("r_params.csv")) else { return };
    let mut reference: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| &row[1] == "r_glm_poisson") {
        reference.entry(&row[0]).or_default().insert(&row[2], row[3].parse().unwrap());
    }
    assert!(reference.len() >= 10, "only {} series", reference.len());
    for (id, want) in reference {
        // Coefficients without bound (no ticket on any holiday) have no reference value.
        if want.values().any(|v| v.abs() > 10.0 && v.abs() < 50.0) {
            continue;
        }
        for (name, got) in COLUMNS.iter().zip(coefficients(&series[id])) {
            assert!(
                (got - want[name]).abs() <= 1e-5 * want[name].abs().max(1.0),
                "{id} {name}: {got} not {}",
                want[name]
            );
        }
    }
}
