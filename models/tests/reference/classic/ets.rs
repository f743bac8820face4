//! Exponential smoothing against R and statsforecast.
use std::{cell::Cell, collections::BTreeMap};

use weisu_models::forecast::classic::ets::{
    Error, Ets, FittedEts, Form, Season, Smoothing, Start, Trend, auto,
};

use crate::reference::table::{self, Lead, Regular};

/// Parameters of a method by id.
fn parameters(method: &str) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in table::rows("r_params.csv")?.iter().filter(|row| &row[1] == method) {
        out.entry(row[0].to_owned()).or_default().insert(row[2].to_owned(), row[3].to_owned());
    }
    Some(out)
}

fn form(name: &str) -> Form {
    let letters: Vec<&str> = name[4..name.len() - 1].split(',').collect();
    let error = if letters[0] == "A" { Error::Additive } else { Error::Multiplicative };
    let trend = match letters[1] {
        "N" => Trend::None,
        "A" => Trend::Additive,
        _ => Trend::Damped,
    };
    let season = match letters[2] {
        "N" => Season::None,
        "A" => Season::Additive,
        _ => Season::Multiplicative,
    };
    Form::new(error, trend, season).unwrap()
}

/// Distances of means and of 95 % half-widths, as shares of the series' mean. R's variance of a seasonal form is
/// wrong at whole seasons, so those leads are left out of the widths.
fn distance(fit: &FittedEts, series: &Regular, want: &[Lead]) -> (f64, f64) {
    let moments = fit.forecast(want.len());
    let scale = series.y.iter().sum::<f64>() / series.y.len() as f64;
    let (mut means, mut widths) = (0.0_f64, 0.0_f64);
    for (h, want) in want.iter().enumerate() {
        means = means.max((moments.mean[h] - want.mean).abs() / scale);
        if (h + 1) % series.m > 0 {
            let width = 1.959_963_984_540_054 * moments.variance[h].sqrt();
            widths = widths.max((width - want.half_95).abs() / want.half_95);
        }
    }
    (means, widths)
}

/// What R found for one series.
struct Found {
    form: Form,
    by: Smoothing,
    start: Start,
    log_likelihood: f64,
    aicc: f64,
    sigma2: f64,
}

impl Found {
    fn new(values: &BTreeMap<String, String>, m: usize) -> Self {
        let form = form(&values["method"]);
        let number = |name: &str, absent: f64| values.get(name).map_or(absent, |v| v.parse().unwrap());
        // R's s0 is the last season before the series; the first one makes the sum 0 or m.
        let mut season: Vec<f64> = (0..m - 1).rev().map(|k| number(&format!("s{k}"), 0.0)).collect();
        let total = if form.season() == Season::Multiplicative { m as f64 } else { 0.0 };
        season.insert(0, total - season.iter().sum::<f64>());
        Self {
            form,
            by: Smoothing {
                alpha: number("alpha", f64::NAN),
                beta: number("beta", 0.0),
                gamma: number("gamma", 0.0),
                phi: number("phi", 1.0),
            },
            start: Start { level: number("l", f64::NAN), slope: number("b", 0.0), season },
            log_likelihood: number("loglik", f64::NAN),
            aicc: number("aicc", f64::NAN),
            sigma2: number("sigma2", f64::NAN),
        }
    }
}

/// Every series of a method: its id, the series, what R found and its forecast.
fn each(method: &str, check: impl Fn(&str, &Regular, &Found, &[Lead])) {
    let (Some(series), Some(parameters)) = (table::regular(), parameters(method)) else { return };
    let forecasts = table::forecasts(method).unwrap();
    assert!(parameters.len() >= 5 && parameters.len() == forecasts.len());
    for (id, values) in &parameters {
        let s = &series[id];
        check(id, s, &Found::new(values, s.m), &forecasts[id]);
    }
}

const FREE: [&str; 5] = ["r_ets_ANN", "r_ets_ANA", "r_ets_AAN", "r_ets_AAdA", "r_ets_auto"];
const FIXED: [&str; 2] = ["r_ets_ANN_a0.1", "r_ets_ANA_a0.1_g0.05"];

#[test]
fn with_the_parameters_of_r_the_numbers_are_those_of_r() {
    for method in FREE.into_iter().chain(FIXED) {
        each(method, |id, series, r, want| {
            let fit = Ets::new(series.m, r.form).unwrap().given(&series.y, r.by, &r.start).unwrap();
            let relative = |got: f64, want: f64| (got - want).abs() / want.abs();
            assert!(relative(fit.log_likelihood(), r.log_likelihood) < 1e-9, "{method} {id}");
            assert!(relative(fit.sigma2(), r.sigma2) < 1e-9, "{method} {id}: {}", fit.sigma2());
            let (means, widths) = distance(&fit, series, want);
            assert!(means < 1e-9, "{method} {id}: mean off by {means:.1e}");
            assert!(widths < 1e-9, "{method} {id}: width off by {widths:.1e}");
            if !FIXED.contains(&method) {
                assert!(relative(fit.aicc(), r.aicc) < 1e-9, "{method} {id}: {}", fit.aicc());
            }
        });
    }
}

/// The likelihood reaches R's, and where it is not better the points are within `tolerance` of the mean.
fn check_fit(method: &str, tolerance: f64, fit: impl Fn(&Regular, &Found) -> FittedEts) {
    let worst = Cell::new((f64::INFINITY, 0.0_f64, 0_u32));
    each(method, |id, series, r, want| {
        let fit = fit(series, r);
        let gain = fit.log_likelihood() - r.log_likelihood;
        assert!(gain >= -0.1, "{method} {id}: log-likelihood {gain:.3} from R's");
        let (least, most, same) = worst.get();
        let (means, _) = distance(&fit, series, want);
        let better = gain > 0.1;
        assert!(better || means < tolerance, "{method} {id}: {means:.4} of the mean from R's");
        let most = if better { most } else { most.max(means) };
        worst.set((least.min(gain), most, same + u32::from(!better)));
    });
    let (least, most, same) = worst.get();
    println!("{method}: least gain {least:.1e}, same optimum in {same} series, points within {most:.1e}");
}

#[test]
fn the_likelihood_is_that_of_r_or_better() {
    for method in &FREE[..4] {
        check_fit(method, 0.02, |series, r| Ets::new(series.m, r.form).unwrap().fit(&series.y).unwrap());
    }
    check_fit("r_ets_auto", 0.02, |series, r| {
        let fit = auto(&series.y, series.m).unwrap();
        assert_eq!(fit.form(), r.form);
        fit
    });
    for method in FIXED {
        check_fit(method, 0.01, |series, r| {
            Ets::new(series.m, r.form).unwrap().fit_states(&series.y, r.by).unwrap()
        });
    }
}

/// A form as statsforecast writes it: error, trend, season, and D where the trend is damped.
fn form_of_peer(name: &str) -> Form {
    let letters: Vec<char> = name.chars().collect();
    let trend = if letters[3] == 'D' { "Ad".to_owned() } else { letters[1].to_string() };
    form(&format!("ETS({},{trend},{})", letters[0], letters[2]))
}

/// Where statsforecast's likelihood is reached and not surpassed, its points are met too. `fit` gets the series and
/// statsforecast's form; where another form is chosen, it has the lower criterion.
fn check_peer(method: &str, fit: impl Fn(&Regular, Form) -> FittedEts) {
    let (Some(series), Some(reference)) = (table::regular(), table::forecasts(method)) else { return };
    let found = table::found_by_statsforecast(method);
    let (mut same, mut better, mut others) = (0, 0, 0);
    for (id, peer) in &found {
        let (s, form) = (&series[id], form_of_peer(&peer.form));
        let (ours, theirs) = (fit(s, form), Ets::new(s.m, form).unwrap().fit(&s.y).unwrap());
        let gain = theirs.log_likelihood() - peer.log_likelihood;
        assert!(gain >= -0.1, "{method} {id}: log-likelihood {gain:.3} from statsforecast's");
        if ours.form() != form {
            assert!(ours.aicc() < theirs.aicc(), "{method} {id}");
            others += 1;
        } else if gain > 0.1 {
            better += 1;
        } else {
            let off = distance(&ours, s, &reference[id]).0;
            assert!(off < 0.02, "{method} {id}: points {off:.4} of the mean away");
            same += 1;
        }
    }
    assert_eq!(found.len(), 16);
    println!("{method}: same optimum in {same} series, a better one in {better}, a better form in {others}");
}

#[test]
fn the_likelihood_is_that_of_statsforecast_or_better() {
    for method in ["sf_ETS_ANN", "sf_ETS_ANA"] {
        check_peer(method, |s, form| Ets::new(s.m, form).unwrap().fit(&s.y).unwrap());
    }
    check_peer("sf_AutoETS_ZZZ", |s, _| auto(&s.y, s.m).unwrap());
}
