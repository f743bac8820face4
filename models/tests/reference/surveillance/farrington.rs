//! Farrington's algorithms against R `farringtonFlexible` and `farrington`, every data set and setting.
use std::collections::BTreeMap;

use weisu_models::hotspot::farrington::{Bound, Farrington, Power, Series, Settings, Step, Verdict};

use super::table::{self, Row, Unit, off};

/// The settings of one of R's calls.
pub fn settings(dataset: &str, unit: &Unit, setting: &str) -> Settings {
    let (n, year) = (unit.counts.len(), table::per_year(dataset));
    let step = if year == 12 { Step::Month } else { Step::Week };
    let years = [(5, 30), (4, 30), (3, 20), (2, 0)];
    let years = years.iter().find(|(b, more)| n >= b * year + more).map_or(1, |(b, _)| *b);
    let base = if setting == "b_w3_a01" { Settings::original(step) } else { Settings::flexible(step) };
    let base = Settings { years, ..base };
    let delta = |power| Settings { bound: Bound::Delta(power), ..base };
    match setting {
        "noufaily_nbPlugin" | "popoffset_nbPlugin" | "b_w3_a01" => base,
        "noufaily_muan" => Settings { bound: Bound::Muan, ..base },
        "noufaily_delta" => delta(Power::TwoThirds),
        "noufaily_delta_pt12" => delta(Power::Half),
        "noufaily_delta_ptnone" => delta(Power::One),
        "old_delta" => Settings {
            blocks: 1,
            guard: base.half_window,
            reweight_above: Some(1.0),
            trend: Some(0.05),
            ..delta(Power::TwoThirds)
        },
        "nolimit_a005" => Settings { few_cases: 0.0, alpha: 0.005, ..base },
        "notrend_noreweight" => Settings { trend: None, reweight_above: None, ..base },
        other => panic!("setting {other}"),
    }
}

/// The counts of a unit, with their dates where it has some.
pub fn series_of(unit: &Unit) -> Series<'_> {
    let series = Series::new(&unit.counts);
    match &unit.dates {
        Some(dates) => series.with_dates(dates),
        None => series,
    }
}

fn judge(unit: &Unit, row: &Row) -> Verdict {
    let farrington = Farrington::new(settings(&row.unit.0, unit, &row.method.1)).unwrap();
    let mut series = series_of(unit);
    if row.method.1 == "popoffset_nbPlugin" {
        series = series.with_population(&unit.population);
    }
    farrington.judge(&series, row.t).unwrap_or_else(|error| panic!("{error}: {row:?}"))
}

/// Past counts are all zero: the fit falls without end, and p-value, score and trend of the last step are rounding.
const ALL_ZERO: f64 = 1e-9;

/// What differs from R: name and relative distance.
fn differences(row: &Row, v: &Verdict) -> Vec<(&'static str, f64)> {
    let original = row.method.0 == "farrington";
    let plug_in = !original && !row.method.1.contains("delta");
    let shown = |x: f64| {
        if !v.suppressed {
            x
        } else if original {
            0.0
        } else {
            f64::NAN
        }
    };
    let alarm = if v.alarm == row.alarm { 0.0 } else { 1.0 };
    let mut all = vec![("alarm", alarm)];
    if !original {
        all.push(("phi", off(v.phi, row.phi)));
    }
    if plug_in {
        all.push(("mu0", off(v.mu0, row.mu0)));
        // R has no bound at an infinite mean.
        if row.mu0.is_infinite() {
            return all;
        }
    }
    all.push(("upper", off(shown(v.upper), row.upper)));
    if !original {
        all.push(("expected", off(shown(v.expected), row.expected)));
    }
    if !original && v.expected > ALL_ZERO {
        let near = |got: f64, want: f64| if (got - want).abs() < 1e-12 { 0.0 } else { off(got, want) };
        all.push(("p_value", off(v.p_value, row.p_value)));
        all.push(("score", near(v.score, row.score)));
        all.push(("trend", near(v.trend.unwrap_or(f64::NAN), row.trend)));
    }
    all
}

#[test]
fn every_data_set_and_setting_as_r() {
    let (mut rows_of, mut worst) = (BTreeMap::<String, usize>::new(), BTreeMap::<&str, f64>::new());
    let mut flipped = 0;
    for dataset in table::DATASETS {
        let Some((units, rows)) = table::units(dataset).zip(table::rows(dataset, "farrington")) else {
            return;
        };
        for row in &rows {
            let verdict = judge(&units[&row.unit.1], row);
            assert_eq!(verdict.observed, row.count);
            *rows_of.entry(row.method.1.clone()).or_default() += 1;
            for (name, off) in differences(row, &verdict) {
                // A quantile on a tie of probabilities may fall to the next count.
                let integer = name == "upper" && row.upper == row.upper.round();
                if integer && (verdict.upper - row.upper).abs() == 1.0 {
                    flipped += 1;
                    continue;
                }
                assert!(off <= 1e-6, "{name} is off by {off:.1e}: {row:?} {verdict:?}");
                let worst = worst.entry(name).or_default();
                *worst = worst.max(off);
            }
        }
    }
    println!("rows {rows_of:?}, worst relative differences {worst:?}, bounds off by one {flipped}");
    let total: usize = rows_of.values().sum();
    assert_eq!((rows_of.len(), total), (10, 10_578));
    assert!(flipped * 1000 <= total);
}
