//! Decompositions against R, and the forecasts built on them against R and statsforecast.
use std::collections::BTreeMap;

use weisu_models::forecast::classic::{
    ets, mstl,
    stl::{Parts, Span, Stl},
};

use crate::reference::table::{self, Regular};

/// R's trend, season and remainder by period.
type Components = BTreeMap<String, Vec<[f64; 3]>>;

fn components(method: &str) -> Option<Components> {
    let mut out = Components::new();
    for row in table::rows("r_components.csv.gz")?.iter().filter(|row| &row[1] == method) {
        out.entry(row[0].to_owned()).or_default().push([3, 4, 5].map(|k| row[k].parse().unwrap()));
    }
    Some(out)
}

/// The largest difference of any part from R's, as a share of the largest value, by series.
fn distances(method: &str, parts: impl Fn(&Regular) -> Parts) -> Option<Vec<f64>> {
    let (series, reference) = (table::regular()?, components(method)?);
    assert_eq!(reference.len(), 16);
    let distance = |(id, want): (&String, &Vec<[f64; 3]>)| {
        let s = &series[id];
        let got = parts(s);
        let scale = s.y.iter().fold(0.0_f64, |a, b| a.max(*b));
        assert_eq!(want.len(), s.y.len());
        let off = want.iter().enumerate().flat_map(|(t, want)| {
            let got = [got.trend[t], got.season[t], got.remainder[t]];
            (0..3).map(move |k| (got[k] - want[k]).abs() / scale)
        });
        off.fold(0.0, f64::max)
    };
    Some(reference.iter().map(distance).collect())
}

fn worst(distances: &[f64]) -> f64 {
    distances.iter().fold(0.0, |a, b| a.max(*b))
}

#[test]
fn components_are_those_of_r() {
    let plain = distances("r_stl_s11_t21", |s| {
        Stl { m: s.m, season: Span::Seasons(11), trend: Some(21), robust: false }.decompose(&s.y).unwrap()
    });
    let mstl = distances("r_mstl", |s| {
        let mut parts = mstl::decompose(&s.y, &[s.m]).unwrap();
        Parts { trend: parts.trend, season: parts.seasons.remove(0).1, remainder: parts.remainder }
    });
    let (Some(plain), Some(mstl)) = (plain, mstl) else { return };
    println!(
        "worst differences, as shares of the largest value: STL {:.1e}, MSTL {:.1e}",
        worst(&plain),
        worst(&mstl)
    );
    assert!(worst(&plain) < 1e-6, "STL {plain:?}");
    assert!(worst(&mstl) < 1e-6, "MSTL {mstl:?}");
}

/// In the other three series R takes the median of the residuals wrong in some rounds; with its median all 16 are met
/// (unit test in `stl/as_r.rs`).
#[test]
fn robust_components_are_those_of_r_where_its_median_is_one() {
    let robust = |s: &Regular| {
        Stl { m: s.m, season: Span::Periodic, trend: None, robust: true }.decompose(&s.y).unwrap()
    };
    let Some(distances) = distances("r_stl_periodic_robust", robust) else { return };
    let near = distances.iter().filter(|off| **off < 1e-6).count();
    println!(
        "robust STL: {near} of 16 series within 1e-6 of the largest value, worst {:.1e}",
        worst(&distances)
    );
    assert!(near == 13 && worst(&distances) < 2e-3, "{distances:?}");
}

/// Series with points within 2 % of the mean of the method's, the tolerance of the exponential smoothing.
fn check_forecasts(method: &str, least: usize, forecast: impl Fn(&Regular, usize) -> Vec<f64>) {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let off = |id: &str, want: &[table::Lead]| {
        let s = &series[id];
        let scale = s.y.iter().sum::<f64>() / s.y.len() as f64;
        let got = forecast(s, want.len());
        got.iter().zip(want).map(|(got, want)| (got - want.mean).abs() / scale).fold(0.0, f64::max)
    };
    let distances: Vec<f64> = reference.iter().map(|(id, want)| off(id, want)).collect();
    let near = distances.iter().filter(|off| **off < 0.02).count();
    println!("{method}: points within 2 % of the mean in {near} of 16 series: {distances:.4?}");
    assert!(near >= least, "{method}: only {near}");
}

#[test]
fn forecasts_are_those_of_r() {
    // R's stlm smooths the season over 13 of them, its mstl over 11.
    check_forecasts("r_stlm_ets", 16, |s, h| {
        let stl = Stl { m: s.m, season: Span::Seasons(13), trend: None, robust: false };
        let Parts { season, .. } = stl.decompose(&s.y).unwrap();
        let adjusted: Vec<f64> = s.y.iter().zip(&season).map(|(y, s)| y - s).collect();
        let level = ets::auto(&adjusted, 1).unwrap().forecast(h).mean;
        let last = &season[season.len() - s.m..];
        level.iter().zip(last.iter().cycle()).map(|(l, s)| l + s).collect()
    });
}
