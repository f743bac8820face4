//! One pass of a form through a series: the innovations and the last states.
//!
//! With the one-step error r_t = y_t - f_t all forms share one recursion. b' = phi b and l' = l + b'; then
//!
//! | season | f | level | slope | season |
//! |---|---|---|---|---|
//! | none | l' | l' + alpha r | b' + beta r | |
//! | additive | l' + s | l' + alpha r | b' + beta r | s + gamma r |
//! | multiplicative | l' s | l' + alpha r / s | b' + beta r / s | s + gamma r / l' |
//!
//! The error of the likelihood is r, or r / f when it is multiplicative (Hyndman et al. 2008, tables 2.2, 2.3).
use super::form::{Error, Form, Season, Smoothing};

/// The longest season, as in R's `ets`.
pub const MAX_PERIOD: usize = 24;

/// Level, slope and seasons before a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct States {
    pub level: f64,
    pub slope: f64,
    /// By position in the season from the series' start.
    pub season: [f64; MAX_PERIOD],
}

/// What a pass gives.
pub(super) struct Pass {
    /// Sum of squared errors of the likelihood.
    pub squares: f64,
    /// Sum of log f where the error is multiplicative, else 0.
    pub logs: f64,
    /// States after the last period.
    pub last: States,
}

/// Runs through `y`, leaving the states as they evolve by themselves where a value is missing.
///
/// `None` when a multiplicative form meets a forecast or a season that is not above zero.
pub(super) fn pass(form: Form, by: Smoothing, start: States, y: &[f64], m: usize) -> Option<Pass> {
    match form.season() {
        Season::None => run(form, by, start, y, 1, |base, _| base, |r, _, _| (r, 0.0)),
        Season::Additive => run(form, by, start, y, m, |base, s| base + s, |r, _, _| (r, r)),
        Season::Multiplicative => run(form, by, start, y, m, |base, s| base * s, |r, b, s| (r / s, r / b)),
    }
}

#[inline(always)]
fn run(
    form: Form,
    by: Smoothing,
    start: States,
    y: &[f64],
    m: usize,
    expect: impl Fn(f64, f64) -> f64,
    share: impl Fn(f64, f64, f64) -> (f64, f64),
) -> Option<Pass> {
    let relative = form.error() == Error::Multiplicative;
    let mut out = Pass { squares: 0.0, logs: 0.0, last: start };
    let States { mut level, mut slope, season } = start;
    out.last.season = season;
    // Logarithms are dear: a product is carried along and taken when it leaves the safe range.
    let mut product = 1.0_f64;
    let mut k = 0;
    for value in y {
        slope *= by.phi;
        level += slope;
        let s = &mut out.last.season[k];
        let f = expect(level, *s);
        k = if k + 1 == m { 0 } else { k + 1 };
        if relative && (f <= 0.0 || f.is_nan()) {
            return None;
        }
        if !value.is_finite() {
            continue;
        }
        let r = value - f;
        let error = if relative { r / f } else { r };
        out.squares += error * error;
        if relative {
            product *= f;
            if !(1e-100..=1e100).contains(&product) {
                out.logs += product.ln();
                product = 1.0;
            }
        }
        let (to_level, to_season) = share(r, level, *s);
        level += by.alpha * to_level;
        slope += by.beta * to_level;
        *s += by.gamma * to_season;
    }
    out.logs += product.ln();
    (out.last.level, out.last.slope) = (level, slope);
    out.squares.is_finite().then_some(out)
}
