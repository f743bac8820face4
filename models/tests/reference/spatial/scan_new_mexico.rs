//! The New Mexico brain cancer data: brute-force tables with SaTScan's settings, and R's scanstatistics.
use std::collections::HashMap;

use ndarray::Array2;
use weisu_models::hotspot::space::{
    Places, ZoneLimits, Zones,
    scan::{Data, Spans, expected_of_population},
};

use super::fixtures::{
    Windows, check, circle, fields, matrix, members, number, rows, whole, windows, zones_of_r,
};

const START: usize = 1973;
const YEARS: usize = 19;

#[test]
fn all_windows_of_the_poisson_scan_score_as_in_the_tables() {
    let (Some(geo), Some(cells)) = (fields("satscan_sample/nm.geo"), rows("nm_county_year.csv")) else {
        return;
    };
    let ids: HashMap<&str, usize> = geo.iter().enumerate().map(|(i, row)| (&row[0][..], i)).collect();
    let degrees = |row: &Vec<String>| (row[1].parse().unwrap(), row[2].parse().unwrap());
    let places = Places::on_globe(&geo.iter().map(degrees).collect::<Vec<_>>()).unwrap();
    let mut counts = Array2::zeros((geo.len(), YEARS));
    let mut expected = counts.clone();
    for row in &cells {
        let at = (ids[&row[0]], whole(row, 1) - START);
        (counts[at], expected[at]) = (number(row, 2), number(row, 3));
    }
    let data = Data::poisson(&counts, &expected).unwrap();
    let weights: Vec<f64> = expected.rows().into_iter().map(|row| row.sum()).collect();
    let zones = Zones::circles(&places, &weights, ZoneLimits::default()).unwrap();
    let tables = [
        ("nm_scan_retrospective_top500.csv", Spans::retrospective(YEARS, 1, 9).unwrap(), 500),
        ("nm_scan_prospective_top200.csv", Spans::prospective(YEARS, 1, 9).unwrap(), 200),
    ];
    for (file, spans, want) in tables {
        let windows = windows(&data, &zones, &spans, 1);
        let rows = rows(file).unwrap();
        for row in &rows {
            let zone = circle(&places, ids[&row[1]], whole(row, 2));
            let window = windows[&(zone, whole(row, 3) - START, whole(row, 4) - START)];
            check(window.score, number(row, 0), 1e-6, row);
            assert_eq!(window.observed, row[5].parse::<u64>().unwrap(), "{row:?}");
            check(window.expected, number(row, 6), 1e-6 * window.expected, row);
        }
        let last = number(&rows[want - 1], 0);
        let listed = rows.iter().map(|row| circle(&places, ids[&row[1]], whole(row, 2))).collect::<Vec<_>>();
        let higher = windows.iter().filter(|(_, w)| w.score > last + 1e-6);
        assert!(higher.clone().all(|((zone, ..), _)| listed.contains(zone)), "{file}");
        assert_eq!(rows.len(), want, "{file}");
    }
}

/// Counties x years of a table of years x counties.
fn transposed(file: &str, skipped: usize) -> Option<Array2<f64>> {
    Some(matrix(file, skipped)?.reversed_axes().as_standard_layout().to_owned())
}

/// All windows of R's zones, but for the one whose order of counties its ellipsoid turns round.
fn check_r(file: &str, windows: &Windows) {
    let (Some(zones), Some(rows)) = (zones_of_r("scanstat_R_nm_zones.csv"), rows(file)) else { return };
    let mut compared = 0;
    for row in &rows {
        let key = (zones[whole(row, 0) - 1].clone(), 4 - whole(row, 1), 3);
        let Some(window) = windows.get(&key) else { continue };
        check(window.score, number(row, 2), 1e-9, row);
        if row.len() == 5 {
            let risk = window.observed as f64 / window.expected;
            check(risk, number(row, 3), 1e-9, row);
        }
        compared += 1;
    }
    println!("{file}: {compared} of {} windows", rows.len());
    assert_eq!((compared, rows.len()), (414 * 4, 415 * 4), "{file}");
}

#[test]
fn every_window_scores_as_in_r() {
    let Some(counts) = transposed("scanstat_R_nm_counts.csv", 1) else { return };
    let (baseline, population) = (
        transposed("scanstat_R_nm_baseline.csv", 0).unwrap(),
        transposed("scanstat_R_nm_population.csv", 0).unwrap(),
    );
    let geo = matrix("scanstat_R_nm_geo.csv", 1).unwrap();
    let degrees: Vec<(f64, f64)> = geo.rows().into_iter().map(|row| (row[1], row[0])).collect();
    let places = Places::on_globe(&degrees).unwrap();
    let limits = ZoneLimits { districts: 15, share: 1.0, ..ZoneLimits::default() };
    let zones = Zones::circles(&places, &[1.0; 32], limits).unwrap();
    let r = zones_of_r("scanstat_R_nm_zones.csv").unwrap();
    let same = (0..zones.len()).filter(|zone| r.contains(&members(&zones, *zone))).count();
    assert_eq!((zones.len(), r.len(), same), (415, 415, 414));
    let spans = Spans::prospective(4, 1, 4).unwrap();
    let check = |file, data: Data, min_cases| check_r(file, &windows(&data, &zones, &spans, min_cases));
    let poisson = Data::expectation_poisson(&counts, &baseline).unwrap();
    check("scanstat_R_nm_eb_poisson.csv", poisson, 1);
    let sizes = [8.0; 32];
    let negative_binomial = Data::expectation_negative_binomial(&counts, &baseline, &sizes).unwrap();
    check("scanstat_R_nm_eb_negbin.csv", negative_binomial, 0);
    let expected = expected_of_population(&population, counts.sum());
    check("scanstat_R_nm_pb_poisson.csv", Data::poisson(&counts, &expected).unwrap(), 1);
}
