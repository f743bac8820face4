//! The theta method: a line that carries the long run and exponential smoothing of what is left.
//!
//! With level l_t = alpha y_t + (1 - alpha) l_(t-1) the one-step forecast is
//! mu_t = l_(t-1) + w D_t, w = 1 - 1 / theta, D_t = A (1 - alpha)^t + B (1 - (1 - alpha)^(t+1)) / alpha, where
//! A + B t is the least-squares line: through the whole series, or through the part that is known at t in the
//! dynamic kinds. The parameters minimise the squared one-step errors, the first three left out.
//!
//! For a given alpha the errors are affine in the starting level and in w, so both are solved exactly and only
//! alpha is searched. A season that stands out is divided out before (subtracted where a value or a season is not
//! above zero) and put back.
//!
//! Source: Assimakopoulos and Nikolopoulos (2000), *The theta model*; Hyndman and Billah (2003); Fiorucci et al.
//! (2016), *Models for optimising the theta method and their relationship to state space models*; statsforecast
//! `Theta`, `OptimizedTheta`, `DynamicTheta`, `DynamicOptimizedTheta`, `AutoTheta`; R `forecast::thetaf`.
use super::{
    ClassicError, Moments, at_least,
    ets::{Ets, Form},
    season::{Adjustment, filled, profile, stands_out},
};
use crate::numeric::scalar_minimum::bounded;

/// Known values that a fit needs.
const NEEDED: usize = 6;
/// Errors that do not count, because the line is not settled.
const WARM_UP: usize = 3;
const ALPHA: [f64; 2] = [0.1, 0.99];
/// Places at which alpha is tried before the search between the best one's neighbours.
const GRID: usize = 10;
/// A multiplicative season below this would blow up what it divides.
const LEAST_SEASON: f64 = 0.01;

/// The kinds of theta model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// theta = 2, one line.
    Standard,
    /// theta of the least error, one line.
    Optimised,
    /// theta = 2, the line moves.
    Dynamic,
    /// theta of the least error, the line moves.
    DynamicOptimised,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Standard, Self::Optimised, Self::Dynamic, Self::DynamicOptimised];

    fn moves(self) -> bool {
        matches!(self, Self::Dynamic | Self::DynamicOptimised)
    }

    fn optimises(self) -> bool {
        matches!(self, Self::Optimised | Self::DynamicOptimised)
    }
}

/// A theta model of a kind for a season length, not fitted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theta {
    /// Periods in a season; below 4 no season is looked for.
    pub m: usize,
    /// The kind.
    pub kind: Kind,
}

impl Theta {
    /// Fits to a series; gaps are filled with the season before.
    ///
    /// # Errors
    /// [`ClassicError::TooShort`] with fewer than six known values, [`ClassicError::Period`] for a season of 0.
    pub fn fit(self, y: &[f64]) -> Result<FittedTheta, ClassicError> {
        at_least(y, NEEDED)?;
        let adjusted = Adjusted::new(filled(y, self.m)?, self.m);
        Ok(fit(self.kind, &adjusted))
    }
}

/// The kind with the least squared error, fitted.
///
/// # Errors
/// As [`Theta::fit`].
pub fn auto(y: &[f64], m: usize) -> Result<FittedTheta, ClassicError> {
    at_least(y, NEEDED)?;
    let adjusted = Adjusted::new(filled(y, m)?, m);
    let first = fit(Kind::ALL[0], &adjusted);
    Ok(Kind::ALL[1..]
        .iter()
        .map(|kind| fit(*kind, &adjusted))
        .fold(first, |best, fit| if fit.squares < best.squares { fit } else { best }))
}

/// The classical method as R's `thetaf` computes it: ETS(A,N,N) and half the slope of the series.
///
/// Means and variances at leads 1 ..= `h`; the season is always divided out, as R does, unless a profile value is
/// zero or the division has no result. The variance takes the season's square; R leaves the season out of it.
///
/// # Errors
/// [`ClassicError::TooShort`] with fewer than six known values, [`ClassicError::Period`] for a season of 0.
pub fn classical(y: &[f64], m: usize, h: usize) -> Result<Moments, ClassicError> {
    at_least(y, NEEDED)?;
    let mut y = filled(y, m)?;
    let seasonal = y.len() > 2 * m && stands_out(&y, m);
    let season = Some(Adjustment::Multiplicative)
        .filter(|_| seasonal)
        .and_then(|adjustment| profile(&y, m, adjustment))
        .filter(|season| season.iter().all(|s| *s > 1e-10))
        .unwrap_or_else(|| vec![1.0; m]);
    y.iter_mut().enumerate().for_each(|(t, v)| *v /= season[t % m]);
    let fit = Ets::new(1, Form::ANN)?.fit(&y)?;
    let (level, alpha) = (fit.forecast(1), fit.smoothing().alpha);
    let half = Line::through(&y).slope / 2.0;
    let settled = (1.0 - (1.0 - alpha).powf(y.len() as f64)) / alpha;
    let at = |k: usize| season[(y.len() + k) % m];
    Ok(Moments {
        mean: (0..h).map(|k| at(k) * (half.mul_add(k as f64 + settled, level.mean[0]))).collect(),
        variance: (0..h)
            .map(|k| at(k).powi(2) * level.variance[0] * (k as f64).mul_add(alpha * alpha, 1.0))
            .collect(),
    })
}

/// A series without its season, and the season.
struct Adjusted {
    y: Vec<f64>,
    adjustment: Adjustment,
    season: Vec<f64>,
}

impl Adjusted {
    fn new(mut y: Vec<f64>, m: usize) -> Self {
        let (adjustment, season) = choose(&y, m).unwrap_or((Adjustment::None, vec![0.0]));
        for (v, s) in y.iter_mut().zip(season.iter().cycle()) {
            *v = if adjustment == Adjustment::Multiplicative { *v / s } else { *v - s };
        }
        Self { y, adjustment, season }
    }
}

/// Divide the season where values and season are well above zero, else subtract it, if it stands out at all.
fn choose(y: &[f64], m: usize) -> Option<(Adjustment, Vec<f64>)> {
    if m < 4 || y.len() < 2 * m || !stands_out(y, m) {
        return None;
    }
    let divided = Some(Adjustment::Multiplicative)
        .filter(|_| y.iter().all(|v| *v > 0.0))
        .and_then(|adjustment| profile(y, m, adjustment))
        .filter(|season| season.iter().all(|s| *s >= LEAST_SEASON));
    match divided {
        Some(season) => Some((Adjustment::Multiplicative, season)),
        None => Some((Adjustment::Additive, profile(y, m, Adjustment::Additive)?)),
    }
}

/// A line a + b t, t from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    intercept: f64,
    slope: f64,
    /// Mean of the values it was drawn through.
    mean: f64,
}

impl Line {
    fn through(y: &[f64]) -> Self {
        let n = y.len() as f64;
        let mean = y.iter().sum::<f64>() / n;
        let weighted = y.iter().zip(1..).map(|(v, t)| v * f64::from(t)).sum::<f64>() / n;
        let slope = 6.0 * (2.0 * weighted - (n + 1.0) * mean) / (n * n - 1.0);
        Self { intercept: mean - (n + 1.0) * slope / 2.0, slope, mean }
    }

    /// One value more, the one at position `i` from 0 (Fiorucci et al. 2016, equation 12).
    fn extend(&mut self, i: usize, value: f64) {
        let i = i as f64;
        self.slope = ((i - 1.0) * self.slope + 6.0 * (value - self.mean) / (i + 1.0)) / (i + 2.0);
        self.mean = (i * self.mean + value) / (i + 1.0);
        self.intercept = self.mean - self.slope * (i + 2.0) / 2.0;
    }

    /// D_t with `power` = (1 - alpha)^t.
    fn part(&self, alpha: f64, power: f64) -> f64 {
        self.intercept * power + self.slope * (1.0 - power * (1.0 - alpha)) / alpha
    }
}

/// One pass at a given alpha: what is needed to solve for the starting level and w.
struct Pass {
    start: f64,
    weight: f64,
    squares: f64,
    /// Level after the series with the best start.
    level: f64,
    line: Line,
    power: f64,
}

fn pass(kind: Kind, y: &[f64], whole: Line, alpha: f64) -> Pass {
    let keep = 1.0 - alpha;
    let mut line = if kind.moves() { Line { intercept: y[0], slope: 0.0, mean: y[0] } } else { whole };
    // The level is `level + share * start`.
    let (mut level, mut share, mut power) = (alpha * y[0], keep, 1.0);
    // Sums of squares and products of the known part of the error u, of the share s and of D.
    let (mut uu, mut us, mut ud, mut ss, mut sd, mut dd) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, value) in y.iter().enumerate().skip(1) {
        power *= keep;
        let d = line.part(alpha, power);
        if i >= WARM_UP {
            let u = value - level;
            uu += u * u;
            us += u * share;
            ud += u * d;
            ss += share * share;
            sd += share * d;
            dd += d * d;
        }
        level += alpha * (value - level);
        share *= keep;
        if kind.moves() {
            line.extend(i, *value);
        }
    }
    let rest = |weight: f64| if ss > 0.0 { (us - weight * sd) / ss } else { 0.0 };
    let determinant = dd - if ss > 0.0 { sd * sd / ss } else { 0.0 };
    let free = (ud - if ss > 0.0 { us * sd / ss } else { 0.0 }) / determinant;
    let weight = if kind.optimises() && free.is_finite() { free.clamp(0.0, 1.0) } else { 0.5 };
    let start = rest(weight);
    let squares = uu - 2.0 * (start * us + weight * ud - start * weight * sd)
        + start * start * ss
        + weight * weight * dd;
    Pass { start, weight, squares, level: level + share * start, line, power: power * keep }
}

fn fit(kind: Kind, adjusted: &Adjusted) -> FittedTheta {
    let y = &adjusted.y;
    let whole = Line::through(y);
    let squares = |alpha: f64| pass(kind, y, whole, alpha).squares;
    let step = (ALPHA[1] - ALPHA[0]) / GRID as f64;
    let place = |k: usize| ALPHA[0] + step * k as f64;
    let best = (0..=GRID).map(|k| (squares(place(k)), k)).min_by(|a, b| a.0.total_cmp(&b.0));
    let k = best.map_or(0, |(_, k)| k);
    let alpha = bounded(squares, place(k.saturating_sub(1)), place((k + 1).min(GRID)));
    let pass = pass(kind, y, whole, alpha);
    let freedom = y.len().saturating_sub(WARM_UP + 1).max(1) as f64;
    FittedTheta {
        kind,
        alpha,
        weight: pass.weight,
        start: pass.start,
        level: pass.level,
        line: pass.line,
        power: pass.power,
        known: y.len(),
        squares: pass.squares.max(0.0),
        sigma2: pass.squares.max(0.0) / freedom,
        adjustment: adjusted.adjustment,
        season: adjusted.season.clone(),
    }
}

/// A fitted theta model.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedTheta {
    kind: Kind,
    alpha: f64,
    weight: f64,
    start: f64,
    level: f64,
    line: Line,
    power: f64,
    known: usize,
    squares: f64,
    sigma2: f64,
    adjustment: Adjustment,
    season: Vec<f64>,
}

impl FittedTheta {
    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Smoothing constant of the level, in 0.1 ..= 0.99.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// theta, from 1 (no line) up; infinite where the line enters in full.
    pub fn theta(&self) -> f64 {
        1.0 / (1.0 - self.weight)
    }

    /// The level before the first value, in the unit of the series without its season.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// How the season was taken out.
    pub fn adjustment(&self) -> Adjustment {
        self.adjustment
    }

    /// Mean and variance at leads 1 ..= `h`.
    ///
    /// The variance is that of the level alone, s^2 (1 + (k - 1) alpha^2) at lead k, times the square of a
    /// multiplicative season: the line is taken as known. statsforecast simulates instead.
    pub fn forecast(&self, h: usize) -> Moments {
        let (mut level, mut line, mut power) = (self.level, self.line, self.power);
        let mut out = Moments { mean: Vec::with_capacity(h), variance: Vec::with_capacity(h) };
        for k in 0..h {
            let mean = level + self.weight * line.part(self.alpha, power);
            let variance = self.sigma2 * (1.0 + k as f64 * self.alpha * self.alpha);
            power *= 1.0 - self.alpha;
            level += self.alpha * (mean - level);
            if self.kind.moves() {
                line.extend(self.known + k, mean);
            }
            let s = self.season[(self.known + k) % self.season.len()];
            let multiply = self.adjustment == Adjustment::Multiplicative;
            out.mean.push(if multiply { mean * s } else { mean + s });
            out.variance.push(if multiply { variance * s * s } else { variance });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moving_line_ends_where_the_whole_one_lies() {
        let y = [3.0, 5.0, 4.0, 8.0, 6.0, 11.0];
        let mut line = Line { intercept: y[0], slope: 0.0, mean: y[0] };
        y.iter().enumerate().skip(1).for_each(|(i, v)| line.extend(i, *v));
        let whole = Line::through(&y);
        assert!((line.slope - whole.slope).abs() < 1e-12 && (line.intercept - whole.intercept).abs() < 1e-12);
    }

    #[test]
    fn the_sum_of_squares_is_that_of_the_errors_and_the_least() {
        let y: Vec<f64> = (0..40).map(|t| 20.0 + f64::from(t) * 0.3 + f64::from((t * 37) % 11)).collect();
        let adjusted = Adjusted::new(y, 1);
        for kind in Kind::ALL {
            let fit = fit(kind, &adjusted);
            let of = |alpha: f64, start: f64, weight: f64| direct(kind, &adjusted.y, alpha, start, weight);
            let least = of(fit.alpha, fit.start, fit.weight);
            assert!((least - fit.squares).abs() < 1e-8 * least, "{kind:?}: {least} {}", fit.squares);
            assert!(of(fit.alpha, fit.start + 0.5, fit.weight) > least);
            assert!(!kind.optimises() || of(fit.alpha, fit.start, (fit.weight - 0.05).abs()) > least);
            assert!(of((fit.alpha + 0.05).min(0.99), fit.start, fit.weight) > least);
        }
    }

    /// The recursion written out.
    fn direct(kind: Kind, y: &[f64], alpha: f64, start: f64, weight: f64) -> f64 {
        let mut level = start;
        let mut sum = 0.0;
        for (i, value) in y.iter().enumerate() {
            let mut line = Line::through(y);
            if kind.moves() {
                line = Line::through(&y[..i.max(1)]);
                if i < 2 {
                    line = Line { intercept: y[0], slope: 0.0, mean: y[0] };
                }
            }
            let power = (1.0 - alpha).powf(i as f64);
            let mu = level + weight * line.part(alpha, power);
            sum += if i >= WARM_UP { (value - mu).powi(2) } else { 0.0 };
            level += alpha * (value - level);
        }
        sum
    }

    #[test]
    fn a_weekly_pattern_is_followed_with_and_without_zeros() {
        for low in [10.0, 0.0] {
            let y: Vec<f64> = (0..140).map(|t| if t % 7 < 5 { 40.0 } else { low }).collect();
            let fit = auto(&y, 7).unwrap();
            let divided = fit.adjustment() == Adjustment::Multiplicative;
            assert_eq!(divided, low > 0.0);
            for (lead, mean) in fit.forecast(14).mean.iter().enumerate() {
                let want = if lead % 7 < 5 { 40.0 } else { low };
                assert!((mean - want).abs() < 1.5, "{lead}: {mean}");
            }
        }
    }

    #[test]
    fn awkward_series_give_an_error_or_a_number() {
        let gap = f64::NAN;
        for y in [vec![], vec![gap; 20], vec![1.0; 5]] {
            assert!(matches!(auto(&y, 7), Err(ClassicError::TooShort { .. })));
            assert!(classical(&y, 7, 3).is_err());
        }
        assert_eq!(
            Theta { m: 0, kind: Kind::Standard }.fit(&[1.0; 9]),
            Err(ClassicError::Period { period: 0 })
        );
        for value in [0.0, 5.0] {
            for kind in Kind::ALL {
                let moments = Theta { m: 7, kind }.fit(&[value; 30]).unwrap().forecast(9);
                assert!(moments.mean.iter().all(|v| (v - value).abs() < 1e-6), "{kind:?} {moments:?}");
            }
            assert!((classical(&[value; 30], 7, 2).unwrap().mean[1] - value).abs() < 1e-6);
        }
    }
}
