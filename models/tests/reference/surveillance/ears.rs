//! EARS C1, C2 and C3 against R `earsC`, every data set and setting.
use weisu_models::hotspot::ears::{Chart, Ears};

use super::table::{self, Row, off};

fn ears(row: &Row) -> Ears {
    let chart = match row.method.0.as_str() {
        "earsC_C1" => Chart::C1,
        "earsC_C2" => Chart::C2,
        _ => Chart::C3,
    };
    let (baseline, min_sigma, alpha) = match row.method.1.as_str() {
        "baseline7_alpha0.001" => (7, 0.0, 0.001),
        "baseline7_alpha0.01" => (7, 0.0, 0.01),
        "baseline28_minSigma0.5_alpha0.001" => (28, 0.5, 0.001),
        other => panic!("setting {other}"),
    };
    Ears::new(chart, baseline, min_sigma, alpha).unwrap()
}

#[test]
fn every_data_set_and_setting_as_r() {
    let (mut compared, mut without, mut worst) = (0, 0, 0.0_f64);
    for dataset in table::DATASETS {
        let Some((units, rows)) = table::units(dataset).zip(table::rows(dataset, "earsC")) else { return };
        for row in &rows {
            let verdict = ears(row).judge(&units[&row.unit.1].counts, row.t);
            let Some(verdict) = verdict else {
                assert!(row.upper.is_nan(), "{row:?}");
                without += 1;
                continue;
            };
            assert_eq!(verdict.alarm, row.alarm, "{row:?} {verdict:?}");
            let off =
                if (verdict.upper - row.upper).abs() < 1e-9 { 0.0 } else { off(verdict.upper, row.upper) };
            assert!(off <= 1e-9, "{off:.1e}: {row:?} {verdict:?}");
            worst = worst.max(off);
            compared += 1;
        }
    }
    println!("{compared} bounds within {worst:.1e}; {without} without bound in R");
    assert_eq!(compared + without, 65_227);
}
