//! The sample of New York emergency calls: a brute-force table and what SaTScan published of it.
use std::collections::HashMap;

use ndarray::Array2;
use weisu_models::hotspot::space::{
    Places, ZoneLimits, Zones,
    scan::{Data, Found, Settings, Spans, scan},
};

use super::fixtures::{check, circle, fields, nearest, number, rows, whole, windows};

const DAYS: usize = 24;
/// The sample's settings: circles up to 3 km, the last 1 to 7 days, at least two cases.
const LIMITS: ZoneLimits = ZoneLimits { districts: usize::MAX, radius: 3.0, share: 0.5 };

struct Sample {
    ids: HashMap<String, usize>,
    coordinates: Vec<(f64, f64)>,
    places: Places,
    data: Data,
    zones: Zones,
    spans: Spans,
}

fn sample() -> Option<Sample> {
    let geo = fields("satscan_sample/NYCfever.geo")?;
    let ids: HashMap<String, usize> = geo.iter().enumerate().map(|(i, row)| (row[0].clone(), i)).collect();
    let coordinate = |text: &String| text.parse::<f64>().unwrap();
    let coordinates: Vec<(f64, f64)> =
        geo.iter().map(|row| (coordinate(&row[1]), coordinate(&row[2]))).collect();
    let mut counts = Array2::zeros((geo.len(), DAYS));
    for row in fields("satscan_sample/NYCfever.cas")? {
        let day: usize = row[2].rsplit('/').next().unwrap().parse().unwrap();
        counts[(ids[&row[0]], day - 1)] += coordinate(&row[1]);
    }
    let places = Places::on_globe(&coordinates).unwrap();
    let data = Data::permutation(&counts).unwrap();
    let zones = Zones::circles(&places, &data.cases(), LIMITS).unwrap();
    let spans = Spans::prospective(DAYS, 1, 7).unwrap();
    Some(Sample { ids, coordinates, places, data, zones, spans })
}

impl Sample {
    fn scan(&self, km: f64) -> Found {
        let limits = ZoneLimits { radius: km, ..LIMITS };
        let zones = Zones::circles(&self.places, &self.data.cases(), limits).unwrap();
        scan(&self.data, &zones, &self.spans, &Settings { replicates: 9999, ..Settings::default() }).unwrap()
    }
}

fn day(text: &str) -> usize {
    text.rsplit('-').next().unwrap().parse().unwrap()
}

#[test]
fn the_best_windows_are_those_of_the_table() {
    let (Some(sample), Some(rows)) = (sample(), rows("nyc_stp_top300.csv")) else { return };
    let windows = windows(&sample.data, &sample.zones, &sample.spans, 2);
    for row in &rows {
        let (centre, n) = (sample.ids[&row[1]], whole(row, 2));
        let radius = sample.places.distance(centre, nearest(&sample.places, centre)[n - 1]);
        check(radius, number(row, 3), 1e-6, row);
        let window = windows[&(circle(&sample.places, centre, n), DAYS - whole(row, 4), DAYS - 1)];
        check(window.score, number(row, 0), 1e-6, row);
        assert_eq!(window.observed, row[5].parse::<u64>().unwrap(), "{row:?}");
        check(window.expected, number(row, 6), 1e-6, row);
    }
    assert_eq!(rows.len(), 300);
    // No other window scores higher than the last of the table but those it has.
    let last = number(&rows[299], 0);
    let listed: std::collections::HashSet<_> = rows
        .iter()
        .map(|row| (circle(&sample.places, sample.ids[&row[1]], whole(row, 2)), DAYS - whole(row, 4)))
        .collect();
    for ((zone, first, _), window) in windows.iter().filter(|(_, w)| w.score > last + 1e-6) {
        assert!(listed.contains(&(zone.clone(), *first)), "{zone:?} {window:?}");
    }
}

#[test]
fn the_clusters_are_those_satscan_published() {
    let (Some(sample), Some(rows)) = (sample(), rows("nyc_satscan_published.csv")) else { return };
    let found = sample.scan(3.0);
    for (row, cluster) in rows.iter().zip(&found.clusters) {
        assert_eq!(sample.coordinates[cluster.centre], (number(row, 1), number(row, 2)), "{cluster:?}");
        assert_eq!(cluster.districts.len(), whole(row, 11), "{cluster:?}");
        assert_eq!((cluster.first + 1, cluster.last + 1), (day(&row[4]), day(&row[5])), "{cluster:?}");
        assert_eq!(cluster.observed, row[6].parse::<u64>().unwrap(), "{cluster:?}");
        // Published with two decimals, intervals in whole days.
        check(cluster.expected, number(row, 7), 0.005, cluster);
        check(cluster.observed as f64 / cluster.expected, number(row, 8), 0.005_001, cluster);
        let days: f64 = row[10].split(' ').next().unwrap().parse().unwrap();
        check(cluster.recurrence_interval(1.0), days, 1.0, cluster);
        if whole(row, 11) > 1 {
            let far = sample.places.distance(cluster.centre, cluster.districts[cluster.districts.len() - 1]);
            check(far * 1000.0, number(row, 3), 1e-6, cluster);
        }
    }
    assert_eq!(rows.len(), 3);
}

/// The published probabilities are higher than circles of up to 3 km give, by more than 999 replicates explain, and
/// lower than circles of up to 4 km do.
#[test]
fn probabilities_are_near_those_satscan_published() {
    let (Some(sample), Some(rows)) = (sample(), rows("nyc_satscan_published.csv")) else { return };
    let [near, wider] = [3.0, 4.0].map(|km| sample.scan(km));
    for (row, cluster) in rows.iter().zip(&near.clusters).take(2) {
        let reached = wider.maxima.iter().filter(|m| **m >= cluster.score - 1e-9).count();
        let high = (1 + reached) as f64 / (1 + wider.maxima.len()) as f64;
        let (low, published) = (cluster.p_value, number(row, 9));
        println!("published {published}, 3 km {low}, 4 km {high}");
        assert!(low < published && published < high && high - low < 0.1, "{low} {published} {high}");
    }
}
