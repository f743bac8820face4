//! A simulated city of 64 places and 60 days: brute force and R's scanstatistics.
use ndarray::Array2;
use weisu_models::hotspot::space::{
    Places, ZoneLimits, Zones,
    scan::{Data, Settings, Spans, scan},
};

use super::fixtures::{Windows, check, circle, matrix, members, number, rows, whole, windows, zones_of_r};

const DAYS: usize = 60;
const SIZE: f64 = 8.0;

struct City {
    places: Places,
    zones: Zones,
    counts: Array2<f64>,
    baseline: Array2<f64>,
}

fn city() -> Option<City> {
    let xy = matrix("sim_scan_xy.csv", 0)?;
    let points: Vec<(f64, f64)> = xy.rows().into_iter().map(|p| (p[0], p[1])).collect();
    let places = Places::on_plane(&points).unwrap();
    let limits = ZoneLimits { districts: 16, share: 1.0, ..ZoneLimits::default() };
    let zones = Zones::circles(&places, &[1.0; 64], limits).unwrap();
    let (counts, baseline) = (matrix("sim_scan_counts.csv", 0)?, matrix("sim_scan_baseline.csv", 0)?);
    Some(City { places, zones, counts, baseline })
}

impl City {
    fn permutation(&self) -> Data {
        Data::permutation(&self.counts).unwrap()
    }

    fn poisson(&self) -> Data {
        Data::expectation_poisson(&self.counts, &self.baseline).unwrap()
    }

    fn negative_binomial(&self) -> Data {
        let (counts, baseline) = (&self.counts, &self.baseline);
        Data::expectation_negative_binomial(counts, baseline, &[SIZE; 64]).unwrap()
    }

    fn windows(&self, data: &Data, longest: usize, min_cases: u32) -> Windows {
        windows(data, &self.zones, &Spans::prospective(DAYS, 1, longest).unwrap(), min_cases)
    }
}

#[test]
fn every_window_scores_as_by_brute_force() {
    let (Some(city), Some(rows)) = (city(), rows("sim_scan_all_windows.csv.gz")) else { return };
    let permutation = city.windows(&city.permutation(), 7, 2);
    let poisson = city.windows(&city.poisson(), 7, 1);
    let negative_binomial = city.windows(&city.negative_binomial(), 7, 0);
    for row in &rows {
        let zone = circle(&city.places, whole(row, 0), whole(row, 1));
        let key = (zone, DAYS - whole(row, 2), DAYS - 1);
        let (stp, ebp, ebnb) = (permutation[&key], poisson[&key], negative_binomial[&key]);
        assert_eq!([stp.observed, ebp.observed, ebnb.observed], [whole(row, 3) as u64; 3]);
        // The table holds eight digits.
        check(stp.expected, number(row, 4), 1e-7 * number(row, 4), row);
        check(ebp.expected, number(row, 5), 1e-7 * number(row, 5), row);
        check(stp.score, number(row, 6), 1e-6, row);
        check(ebp.score, number(row, 7), 1e-6, row);
        check(ebnb.score, number(row, 8), 1e-6, row);
    }
    assert_eq!(rows.len(), 64 * 16 * 7);
}

#[test]
fn zones_are_those_of_r_in_its_order() {
    let (Some(city), Some(r)) = (city(), zones_of_r("scanstat_R_sim_zones.csv")) else { return };
    let ours: Vec<Vec<usize>> = (0..city.zones.len()).map(|zone| members(&city.zones, zone)).collect();
    assert_eq!(ours, r);
    assert_eq!(r.len(), 888);
}

/// Scores of all windows of a table of R, and the relative risks where it has them.
fn check_r(file: &str, windows: &Windows, total: f64, want: usize) {
    let (Some(zones), Some(rows)) = (zones_of_r("scanstat_R_sim_zones.csv"), rows(file)) else { return };
    for row in &rows {
        let key = (zones[whole(row, 0) - 1].clone(), DAYS - whole(row, 1), DAYS - 1);
        let window = windows[&key];
        check(window.score, number(row, 2), 1e-9, row);
        let (observed, expected) = (window.observed as f64, window.expected);
        if row.len() == 5 || (row.len() == 4 && window.score > 0.0) {
            check(observed / expected, number(row, 3), 1e-9, row);
        }
        if row.len() == 5 {
            let outside = if expected < total { (total - observed) / (total - expected) } else { 1.0 };
            check(outside, number(row, 4), 1e-9, row);
        }
    }
    assert_eq!(rows.len(), want, "{file}");
}

#[test]
fn every_window_scores_as_in_r() {
    let Some(city) = city() else { return };
    let total = city.counts.sum();
    check_r("scanstat_R_sim_permutation.csv.gz", &city.windows(&city.permutation(), 60, 1), total, 53_280);
    check_r("scanstat_R_sim_eb_poisson.csv", &city.windows(&city.poisson(), 7, 1), total, 6216);
    check_r("scanstat_R_sim_eb_negbin.csv", &city.windows(&city.negative_binomial(), 7, 0), total, 6216);
}

#[test]
fn the_cluster_put_in_is_found() {
    let Some(city) = city() else { return };
    let spans = Spans::prospective(DAYS, 1, 7).unwrap();
    // Where and when the simulation doubled its means.
    let (truth, since) = ([23, 27, 28, 33, 36, 41], DAYS - 3);
    for data in [city.permutation(), city.poisson(), city.negative_binomial()] {
        let found = scan(&data, &city.zones, &spans, &Settings::default()).unwrap();
        let cluster = &found.clusters[0];
        assert_eq!((cluster.first, cluster.p_value), (since, 0.001), "{cluster:?}");
        let hit = cluster.districts.iter().filter(|d| truth.contains(d)).count();
        assert!(hit >= 5 && cluster.districts.len() <= 7, "{cluster:?}");
        assert_eq!(cluster.recurrence_interval(1.0), 1000.0);
        assert!(cluster.gumbel_p_value.unwrap() < 1e-4, "{cluster:?}");
    }
}
