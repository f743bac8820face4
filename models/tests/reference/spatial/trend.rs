//! The Mann-Kendall test against pymannkendall.
use std::collections::BTreeMap;

use weisu_models::hotspot::space::{Direction, mann_kendall};

use super::fixtures::{check, number, rows};

#[test]
fn trends_are_those_of_pymannkendall() {
    let (Some(table), Some(results)) = (rows("mk_series.csv"), rows("mk_results.csv")) else { return };
    let mut series: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    table.iter().for_each(|row| series.entry(row[0].to_owned()).or_default().push(number(row, 2)));
    let original: Vec<_> = results.iter().filter(|row| &row[1] == "original").collect();
    for row in &original {
        let trend = mann_kendall(&series[&row[0]]).unwrap();
        let direction = match trend.direction(0.05) {
            Some(Direction::Up) => "increasing",
            Some(Direction::Down) => "decreasing",
            None => "no trend",
        };
        assert_eq!(direction, &row[2], "{row:?}");
        let got = [trend.p, trend.z, trend.tau, trend.s, trend.variance, trend.slope, trend.intercept];
        for (k, got) in got.into_iter().enumerate() {
            check(got, number(row, k + 4), 1e-9 * number(row, k + 4).abs().max(1.0), row);
        }
    }
    assert_eq!((original.len(), series.len()), (40, 40));
}
