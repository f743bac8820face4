//! Theta models against R and statsforecast.
use weisu_models::forecast::classic::{
    Moments,
    ets::{Ets, Form, Smoothing},
    season::{self, Adjustment},
    theta::{self, FittedTheta, Kind, Theta},
};

use crate::reference::table::{self, Regular};

/// Share of the series' mean that points may differ by where everybody finds the same optimum.
const SAME: f64 = 1e-3;

fn check(method: &str, forecast: impl Fn(&Regular, usize) -> Moments) {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let distances = reference.iter().map(|(id, want)| {
        let s = &series[id];
        let scale = s.y.iter().sum::<f64>() / s.y.len() as f64;
        let got = forecast(s, want.len());
        let off = got.mean.iter().zip(want).map(|(got, want)| (got - want.mean).abs() / scale);
        off.fold(0.0, f64::max)
    });
    let distances: Vec<f64> = distances.collect();
    let worst = distances.iter().fold(0.0_f64, |a, b| a.max(*b));
    println!("{method}: 16 series, worst {worst:.1e} of the mean");
    assert!(distances.len() == 16 && worst <= SAME, "{method}: {distances:?}");
}

#[test]
fn theta_models() {
    for (method, kind) in [
        ("sf_Theta", Kind::Standard),
        ("sf_DynamicTheta", Kind::Dynamic),
        ("sf_DynamicOptimizedTheta", Kind::DynamicOptimised),
    ] {
        check(method, |s, h| Theta { m: s.m, kind }.fit(&s.y).unwrap().forecast(h));
    }
}

/// The recursion written out (Fiorucci et al. 2016) on a series whose season is taken out: sum of the squared errors, and
/// forecasts at `h` leads with the season put back.
struct Recursion {
    squares: f64,
    mean: Vec<f64>,
}

fn recursion(
    fit: &FittedTheta,
    s: &Regular,
    moves: bool,
    [alpha, theta, start]: [f64; 3],
    h: usize,
) -> Recursion {
    let season = season::profile(&s.y, s.m, fit.adjustment());
    let multiply = fit.adjustment() == Adjustment::Multiplicative;
    let at = |t: usize| season.as_ref().map_or(if multiply { 1.0 } else { 0.0 }, |p| p[t % s.m]);
    let y: Vec<f64> =
        s.y.iter().enumerate().map(|(t, v)| if multiply { v / at(t) } else { v - at(t) }).collect();
    let (n, mean) = (y.len() as f64, y.iter().sum::<f64>() / y.len() as f64);
    let weighted = y.iter().zip(1..).map(|(v, t)| v * f64::from(t)).sum::<f64>() / n;
    let slope = 6.0 * (2.0 * weighted - (n + 1.0) * mean) / (n * n - 1.0);
    let (mut a, mut b) = if moves { (y[0], 0.0) } else { (mean - (n + 1.0) * slope / 2.0, slope) };
    let mut out = Recursion { squares: 0.0, mean: Vec::new() };
    let (mut level, mut average) = (start, 0.0);
    for t in 0..y.len() + h {
        let (i, power) = (t as f64, (1.0 - alpha).powf(t as f64));
        let line = a * power + b * (1.0 - power * (1.0 - alpha)) / alpha;
        let mu = level + (1.0 - 1.0 / theta) * line;
        let value = y.get(t).copied().unwrap_or(mu);
        if t >= y.len() {
            out.mean.push(if multiply { mu * at(t) } else { mu + at(t) });
        } else if t >= 3 {
            out.squares += (value - mu).powi(2);
        }
        level += alpha * (value - level);
        average = (i * average + value) / (i + 1.0);
        if moves && t > 0 {
            b = ((i - 1.0) * b + 6.0 * (value - average) / (i + 1.0)) / (i + 2.0);
            a = average - b * (i + 2.0) / 2.0;
        }
    }
    out
}

/// At statsforecast's parameters the points are statsforecast's; the error found here is never larger, and where it is
/// not smaller the points are the same.
fn check_search(method: &str, fit: impl Fn(&Regular) -> FittedTheta) {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let (mut same, mut gain) = (0, 0.0_f64);
    for (id, peer) in &table::found_by_statsforecast(method) {
        let (s, want) = (&series[id], &reference[id]);
        let scale = s.y.iter().sum::<f64>() / s.y.len() as f64;
        let off = |points: &[f64]| {
            points.iter().zip(want).map(|(got, want)| (got - want.mean).abs() / scale).fold(0.0, f64::max)
        };
        let fit = fit(s);
        let theirs =
            recursion(&fit, s, peer.form.starts_with('D'), [peer.alpha, peer.theta, peer.start], want.len());
        assert!(off(&theirs.mean) < 1e-6, "{method} {id}: {:.1e} from its own parameters", off(&theirs.mean));
        let moves = matches!(fit.kind(), Kind::Dynamic | Kind::DynamicOptimised);
        let ours = recursion(&fit, s, moves, [fit.alpha(), fit.theta(), fit.start()], want.len());
        let made = fit.forecast(want.len()).mean;
        let inner = made.iter().zip(&ours.mean).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max);
        assert!(inner < 1e-6, "{method} {id}: {inner:.1e}");
        assert!(ours.squares <= theirs.squares * (1.0 + 1e-9), "{method} {id}: a larger error");
        if theirs.squares <= ours.squares * (1.0 + 1e-8) {
            assert!(off(&made) < 1e-3, "{method} {id}: {:.1e} at the same error", off(&made));
            same += 1;
        }
        gain = gain.max(theirs.squares / ours.squares - 1.0);
    }
    println!("{method}: same error in {same} series, the others smaller by up to {gain:.1e}");
}

#[test]
fn the_error_is_that_of_statsforecast_or_smaller() {
    check_search("sf_OptimizedTheta", |s| Theta { m: s.m, kind: Kind::Optimised }.fit(&s.y).unwrap());
    check_search("sf_AutoTheta", |s| theta::auto(&s.y, s.m).unwrap());
}

/// In one sparse series R's search for the smoothing constant stays at its lower bound, the lower of two tops: the
/// likelihood found here is higher than that of the constant whose forecast is R's.
#[test]
fn the_classical_method_of_r() {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts("r_thetaf")) else { return };
    let mut higher = Vec::new();
    for (id, want) in &reference {
        let s = &series[id];
        let scale = s.y.iter().sum::<f64>() / s.y.len() as f64;
        let moments = theta::classical(&s.y, s.m, want.len()).unwrap();
        let off = |points: &[f64]| {
            points.iter().zip(want).map(|(got, want)| (got - want.mean).abs() / scale).fold(0.0, f64::max)
        };
        if off(&moments.mean) > 2e-3 {
            higher.push(id);
            let (best, at_r, near) = tops(s, want.len(), &off);
            println!(
                "{id}: log-likelihood {best:.3}, R's {at_r:.3} at points {near:.3} of the mean from its own"
            );
            assert!(best > at_r + 0.1 && near < 0.1, "{id}: {best} and {at_r}, {near}");
        }
        for (variance, want) in moments.variance.iter().zip(want).filter(|_| s.m == 12) {
            assert!((1.959_964 * variance.sqrt() / want.half_95 - 1.0).abs() < 5e-3, "{id}");
        }
    }
    println!("r_thetaf: R's points in {} of 16 series, a higher likelihood in {higher:?}", 16 - higher.len());
    assert!(higher.len() <= 1, "{higher:?}");
}

/// The highest likelihood of all smoothing constants, that of the one whose forecast is nearest to the reference's, and
/// how near.
fn tops(s: &Regular, h: usize, off: &dyn Fn(&[f64]) -> f64) -> (f64, f64, f64) {
    let season =
        season::profile(&s.y, s.m, Adjustment::Multiplicative).filter(|_| season::stands_out(&s.y, s.m));
    let season = season.filter(|p| p.iter().all(|v| *v > 1e-10)).unwrap_or_else(|| vec![1.0; s.m]);
    let y: Vec<f64> = s.y.iter().enumerate().map(|(t, v)| v / season[t % s.m]).collect();
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let weighted = y.iter().zip(1..).map(|(v, t)| v * f64::from(t)).sum::<f64>() / n;
    let half = 3.0 * (2.0 * weighted - (n + 1.0) * mean) / (n * n - 1.0);
    let (mut best, mut at_reference, mut nearest) = (f64::NEG_INFINITY, f64::NAN, f64::INFINITY);
    for alpha in (0..4000).map(|k| 1e-4 * (1.0 / 1e-4_f64).powf(f64::from(k) / 4000.0)) {
        let by = Smoothing { alpha, beta: 0.0, gamma: 0.0, phi: 1.0 };
        let fit = Ets::new(1, Form::ANN).unwrap().fit_states(&y, by).unwrap();
        let (level, settled) = (fit.forecast(1).mean[0], (1.0 - (1.0 - alpha).powf(n)) / alpha);
        let points: Vec<f64> =
            (0..h).map(|k| season[(y.len() + k) % s.m] * (level + half * (k as f64 + settled))).collect();
        best = best.max(fit.log_likelihood());
        if off(&points) < nearest {
            (at_reference, nearest) = (fit.log_likelihood(), off(&points));
        }
    }
    (best, at_reference, nearest)
}
