//! The decomposition under statsforecast's MSTL, and what comes of it.
//!
//! statsforecast takes R's spans, but decomposes with statsmodels, which fits every point instead of every tenth of a
//! span, smooths the low pass over the next odd number above the season and makes five rounds. With the same settings its
//! forecasts are met; with R's, as [`crate::forecast::classic::mstl`] has them, in 13 of 16 series.
use super::{as_r::table, *};
use crate::forecast::classic::{
    Moments,
    ets::{Ets, Form, auto},
    mstl,
};

/// The season as statsmodels finds it.
fn season(y: &[f64], m: usize) -> Vec<f64> {
    let stl = Stl { m, season: Span::Seasons(11), trend: None, robust: false };
    let mut work = Work::new(&stl, y.to_vec());
    work.by_low_pass = Loess::new(odd(m + 1), true);
    for loess in [&mut work.by_season, &mut work.by_trend, &mut work.by_low_pass] {
        loess.jump = 1;
    }
    (0..5).for_each(|_| work.step());
    work.season
}

/// Distance of points from the reference's, as a share of the series' mean.
fn off(y: &[f64], got: &[f64], want: &[table::Lead]) -> f64 {
    let scale = y.iter().sum::<f64>() / y.len() as f64;
    got.iter().zip(want).map(|(got, want)| (got - want.mean).abs() / scale).fold(0.0, f64::max)
}

#[test]
fn with_the_settings_of_statsmodels_the_forecasts_are_those_of_statsforecast() {
    let method = "sf_MSTL_default";
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let (mut near, mut better, mut as_r) = (0, 0, 0);
    for (id, peer) in &table::found_by_statsforecast(method) {
        let (s, want) = (&series[id], &reference[id]);
        let season = season(&s.y, s.m);
        let adjusted: Vec<f64> = s.y.iter().zip(&season).map(|(y, s)| y - s).collect();
        assert_eq!(peer.form, "ANNN");
        let same = Ets::new(1, Form::ANN).unwrap().fit(&adjusted).unwrap();
        let gain = same.log_likelihood() - peer.log_likelihood;
        assert!(gain > -0.1, "{id}: log-likelihood {gain:.3} from statsforecast's");
        let ours = auto(&adjusted, 1).unwrap();
        let Moments { mean, .. } = ours.forecast(want.len());
        let last = season[season.len() - s.m..].iter().cycle();
        let points: Vec<f64> = mean.iter().zip(last).map(|(level, season)| level + season).collect();
        let is_better = gain > 0.1 || ours.aicc() < same.aicc();
        assert!(is_better || off(&s.y, &points, want) < 0.02, "{id}: {:.4}", off(&s.y, &points, want));
        near += usize::from(!is_better);
        better += usize::from(is_better);
        let with_r = mstl::forecast(&s.y, &[s.m], want.len()).unwrap().mean;
        as_r += usize::from(off(&s.y, &with_r, want) < 0.02);
    }
    println!(
        "{method}: points in {near} series, a better trend in {better}; with R's settings points in {as_r}"
    );
    assert_eq!((near + better, as_r), (16, 13));
}
