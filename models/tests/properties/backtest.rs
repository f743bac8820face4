//! What a backtest promises: it knows nothing after its origins, and threads change nothing.
use weisu_models::{
    evaluation::rolling::{Backtest, Method, MethodRow, Period, Setup, run},
    forecast::{Horizon, Params, fit, forecast},
    series::Panel,
};

use crate::support::{City, city};

const HORIZON: Horizon = Horizon { days: 28, months: 2 };

fn backtest(city: &City, panel: &Panel, origins: &[usize]) -> Backtest {
    let nodes: Vec<usize> = (0..city.hierarchy.nodes.len()).collect();
    let params = Params { origins: 4, boosted: 0, ..Params::default() };
    let setup = Setup {
        panel,
        hierarchy: &city.hierarchy,
        calendar: &city.calendar,
        params: &params,
        nodes: &nodes,
        horizon: HORIZON,
    };
    run(&setup, origins, &|done, of| assert!(done <= of))
}

fn total(rows: &[MethodRow], model: Method, grain: Period) -> &MethodRow {
    let is = |r: &&MethodRow| {
        r.model == model
            && r.grain == grain
            && r.row.band.whole
            && r.row.level.is_some_and(|l| l.topic + l.district == 0)
    };
    rows.iter().find(is).unwrap()
}

#[test]
fn only_the_days_to_score_are_looked_at_after_an_origin() {
    let city = city(3, 2, 500, 3);
    let origins = [370, 420];
    let whole = backtest(&city, &city.panel, &origins);
    let mut broken = city.panel.clone();
    broken.counts.slice_mut(ndarray::s![.., 483..]).fill(1000.0);
    assert_eq!(backtest(&city, &broken, &origins).rows(), whole.rows(), "days beyond the horizon");
    // What came changes the scores of all methods, and no forecast: the sums of means stay as they were.
    broken.counts.slice_mut(ndarray::s![.., 421..]).fill(1000.0);
    let other = backtest(&city, &broken, &[420]);
    assert_ne!(other.rows(), backtest(&city, &city.panel, &[420]).rows());
    let panel = city.panel.until(city.panel.date(420));
    let params = Params { origins: 4, boosted: 0, ..Params::default() };
    let fits = fit(&panel, &city.hierarchy, &city.calendar, &params, &|_| ());
    let made = forecast(&panel, &city.hierarchy, &city.calendar, &fits, HORIZON, &|_| ());
    let bias = made.daily[0].mean.iter().sum::<f64>() / (28.0 * 6.0 * 1000.0) - 1.0;
    let scored = total(&other.rows(), Method::Weisu, Period::Day).row.accuracy.bias.unwrap();
    assert!((scored - bias).abs() < 1e-12);
}

#[test]
fn every_method_is_scored_on_the_same_pairs_and_the_engine_adds_up() {
    let city = city(3, 2, 800, 4);
    let rows = backtest(&city, &city.panel, &[600, 700]).rows();
    for grain in [Period::Day, Period::Month] {
        let (ours, naive) = (total(&rows, Method::Weisu, grain), total(&rows, Method::SeasonalNaive, grain));
        assert_eq!((ours.row.accuracy.n, naive.row.accuracy.n), (2, 2));
        assert_eq!(naive.row.relative.rel_all.map(|r| (r * 1e12).round()), Some(1e12));
    }
    assert!(total(&rows, Method::LastYear, Period::Day).row.accuracy.mase.is_some());
    let all = rows.iter().filter(|r| r.row.level.is_none() && r.model == Method::Weisu);
    assert!(all.clone().count() > 6 && all.clone().all(|r| r.row.incoherence == Some(0.0)));
    let chosen = backtest(&city, &city.panel, &[600, 700]).chosen();
    assert_eq!(chosen.iter().map(|c| c.accuracy.n).sum::<usize>(), 2 * city.hierarchy.nodes.len());
}
