//! The Bayesian outbreak detection algorithm against R `bodaDelay` without delay, asymptotic inference: its bounds come
//! from draws, so one in twenty is as near as they get.
use std::collections::BTreeMap;

use super::{
    farrington::{series_of, settings},
    table,
};
use weisu_models::hotspot::farrington::Farrington;

/// Relative distance of bounds; small ones may differ by one case.
const BOUND: f64 = 0.05;

#[test]
fn every_period_as_r() {
    let (mut compared, mut flipped) = (0, 0);
    let mut off = BTreeMap::<String, (f64, f64)>::new();
    for dataset in table::DATASETS {
        let Some((units, rows)) = table::units(dataset).zip(table::rows(dataset, "bodaDelay")) else {
            return;
        };
        for row in &rows {
            let unit = &units[&row.unit.1];
            let farrington = Farrington::new(settings(dataset, unit, "noufaily_nbPlugin")).unwrap();
            let got = farrington.judge_predicted(&series_of(unit), row.t).unwrap();
            compared += 1;
            if row.upper.is_nan() {
                assert!(got.suppressed && !row.alarm, "{got:?} {row:?}");
                continue;
            }
            let distance = (got.upper - row.upper).abs();
            assert!(distance <= f64::max(1.0, BOUND * row.upper), "{got:?} {row:?}");
            // A count within a case of the bound may fall on either side of it.
            flipped += usize::from(got.alarm != row.alarm);
            assert!(
                got.alarm == row.alarm || (got.observed - row.upper).abs() <= distance,
                "{got:?} {row:?}"
            );
            let (signed, worst) = off.entry(dataset.to_owned()).or_default();
            *signed += (got.upper - row.upper) / row.upper.max(1.0);
            *worst = worst.max(distance / row.upper.max(1.0));
        }
    }
    println!("{compared} periods, {flipped} alarms differ; sum of signed and largest distance {off:?}");
    assert_eq!(compared, 252);
}
