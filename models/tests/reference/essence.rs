//! ESSENCE's daily detectors against pynssp 0.1.0.
use std::{collections::BTreeMap, path::PathBuf};

use chrono::NaiveDate;
use weisu_models::hotspot::essence::{Essence, Level, Verdict};

/// Rows by series and detector.
fn rows() -> Option<BTreeMap<(String, String), Vec<csv::StringRecord>>> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/essence/essence_daily.csv");
    if !path.is_file() {
        println!("skipped: no {}", path.display());
        return None;
    }
    let mut out: BTreeMap<(String, String), Vec<csv::StringRecord>> = BTreeMap::new();
    for row in csv::Reader::from_path(path).unwrap().records().map(Result::unwrap) {
        out.entry((row[6].to_owned(), row[7].to_owned())).or_default().push(row);
    }
    Some(out)
}

fn check(row: &csv::StringRecord, verdict: Option<&Verdict>) -> f64 {
    let Some(v) = verdict else {
        assert_eq!(&row[5], "grey", "{row:?}");
        return 0.0;
    };
    let level = match v.level() {
        Level::Normal => "blue",
        Level::Warning => "yellow",
        Level::Alert => "red",
    };
    assert_eq!(&row[5], level, "{row:?} {v:?}");
    let mut pairs = vec![(2, v.expected), (3, v.statistic), (4, v.p_value)];
    if &row[7] == "regression" {
        pairs.extend([(11, v.sigma), (12, v.explained.unwrap())]);
    }
    let off = pairs.into_iter().map(|(column, got)| {
        let want: f64 = row[column].parse().unwrap();
        let off = (got - want).abs() / want.abs().max(1.0);
        assert!(off <= 1e-6, "column {column}: {got}, {row:?}");
        off
    });
    off.fold(0.0, f64::max)
}

#[test]
fn every_day_as_pynssp() {
    let Some(rows) = rows() else { return };
    let essence = Essence::default();
    let mut worst = BTreeMap::<&str, f64>::new();
    for ((_, detector), rows) in &rows {
        let counts: Vec<f64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        let start: NaiveDate = rows[0][0].parse().unwrap();
        let verdicts = match detector.as_str() {
            "ewma" => essence.ewma(&counts),
            "regression" => essence.regression(&counts, start),
            _ => essence.switch(&counts, start),
        };
        for (row, verdict) in rows.iter().zip(&verdicts) {
            let worst = worst.entry(detector).or_default();
            *worst = worst.max(check(row, verdict.as_ref()));
        }
    }
    println!("{} days, worst differences {worst:?}", rows.values().map(Vec::len).sum::<usize>());
    assert_eq!(rows.len(), 18);
}
