//! STL: a series as trend, season and remainder, by repeated local regression.
//!
//! Written from the paper and its Fortran (netlib `a/stl`), in double precision and with the defaults of R's
//! `stl`: the season of each position is smoothed by local means, trend and low-pass by local lines; spans skip
//! a tenth of their length between fitted points and interpolate; two rounds, or one round and 15 robust ones.
//!
//! Source: Cleveland, Cleveland, McRae and Terpenning (1990), *STL: A seasonal-trend decomposition procedure
//! based on loess*, Journal of Official Statistics 6.
use super::{ClassicError, at_least, season::filled};

/// How fast the season may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Not at all.
    Periodic,
    /// It is smoothed over this odd number of seasons.
    Seasons(usize),
}

/// How to decompose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stl {
    /// Periods in a season, at least 2.
    pub m: usize,
    /// Span of the season.
    pub season: Span,
    /// Odd number of periods the trend is smoothed over; `None` for the least that keeps the season out of it,
    /// 1.5 m / (1 - 1.5 / span of the season).
    pub trend: Option<usize>,
    /// Whether outliers are weighed down.
    pub robust: bool,
}

/// The parts of a series; their sum is the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Slow part.
    pub trend: Vec<f64>,
    /// Part that comes back with the season.
    pub season: Vec<f64>,
    /// The rest; NaN where the series is missing.
    pub remainder: Vec<f64>,
}

impl Stl {
    /// Decomposes a series; gaps are filled with the season before.
    ///
    /// # Errors
    /// [`ClassicError::Period`] for a season below 2; [`ClassicError::TooShort`] without more than two seasons, or
    /// when nothing is known.
    pub fn decompose(&self, y: &[f64]) -> Result<Parts, ClassicError> {
        self.decompose_with(y, middle)
    }

    /// [`Stl::decompose`] with another sum of the two middle values of the residuals, which may be reordered.
    fn decompose_with(&self, y: &[f64], middle: fn(&mut [f64]) -> f64) -> Result<Parts, ClassicError> {
        if self.m < 2 {
            return Err(ClassicError::Period { period: self.m });
        }
        let known = at_least(y, 1)?.len();
        if y.len() <= 2 * self.m {
            return Err(ClassicError::TooShort { known, needed: 2 * self.m + 1 });
        }
        let mut work = Work::new(self, filled(y, self.m)?);
        let (inner, outer) = if self.robust { (1, 15) } else { (2, 0) };
        for round in 0..=outer {
            (0..inner).for_each(|_| work.step());
            if round < outer {
                work.weigh(middle);
            }
        }
        if self.season == Span::Periodic {
            work.repeat();
        }
        let parts = work.trend.iter().zip(&work.season);
        let remainder = y.iter().zip(parts).map(|(v, (trend, season))| v - season - trend).collect();
        Ok(Parts { trend: work.trend, season: work.season, remainder })
    }

    fn season_span(&self, n: usize) -> usize {
        match self.season {
            Span::Periodic => 10 * n + 1,
            Span::Seasons(span) => span,
        }
    }

    fn trend_span(&self, n: usize) -> usize {
        let season = self.season_span(n) as f64;
        self.trend
            .unwrap_or_else(|| odd((1.5 * self.m as f64 / (1.0 - 1.5 / season).max(0.1)).ceil() as usize))
    }
}

fn odd(n: usize) -> usize {
    n + usize::from(n.is_multiple_of(2))
}

/// The state of a decomposition, and room for its steps.
struct Work {
    m: usize,
    y: Vec<f64>,
    trend: Vec<f64>,
    season: Vec<f64>,
    /// Robustness weights; empty in the first round.
    robust: Vec<f64>,
    by_season: Loess,
    by_trend: Loess,
    by_low_pass: Loess,
    /// Smoothed cycles with one season more at both ends.
    cycles: Vec<f64>,
    one: Vec<f64>,
    two: Vec<f64>,
    low: Vec<f64>,
}

impl Work {
    fn new(stl: &Stl, y: Vec<f64>) -> Self {
        let n = y.len();
        Self {
            m: stl.m,
            trend: vec![0.0; n],
            season: vec![0.0; n],
            robust: Vec::new(),
            by_season: Loess::new(stl.season_span(n), false),
            by_trend: Loess::new(stl.trend_span(n), true),
            by_low_pass: Loess::new(odd(stl.m), true),
            cycles: vec![0.0; n + 2 * stl.m],
            one: Vec::with_capacity(n + 2 * stl.m),
            two: Vec::with_capacity(n + 2 * stl.m),
            low: vec![0.0; n],
            y,
        }
    }

    /// One inner round: season from the detrended series, trend from the deseasonalised one.
    fn step(&mut self) {
        self.smooth_cycles();
        moving_mean(&self.cycles, self.m, &mut self.one);
        moving_mean(&self.one, self.m, &mut self.two);
        moving_mean(&self.two, 3, &mut self.one);
        self.by_low_pass.smooth(&self.one, &[], &mut self.low);
        for (t, season) in self.season.iter_mut().enumerate() {
            *season = self.cycles[self.m + t] - self.low[t];
        }
        self.one.clear();
        self.one.extend(self.y.iter().zip(&self.season).map(|(y, s)| y - s));
        self.by_trend.smooth(&self.one, &self.robust, &mut self.trend);
    }

    /// Smooths the values of each position in the season and continues them by one at both ends.
    fn smooth_cycles(&mut self) {
        let m = self.m;
        for j in 0..m {
            self.one.clear();
            self.one.extend(self.y.iter().zip(&self.trend).skip(j).step_by(m).map(|(y, t)| y - t));
            self.two.clear();
            self.two.extend(self.robust.iter().skip(j).step_by(m));
            let k = self.one.len();
            let smooth = &mut self.low[..k];
            self.by_season.smooth(&self.one, &self.two, smooth);
            let before = self.by_season.at(&self.one, &self.two, -1.0, 0);
            let last = k.saturating_sub(self.by_season.span);
            let after = self.by_season.at(&self.one, &self.two, k as f64, last);
            self.cycles[j] = before.unwrap_or(smooth[0]);
            smooth.iter().enumerate().for_each(|(i, v)| self.cycles[(i + 1) * m + j] = *v);
            self.cycles[(k + 1) * m + j] = after.unwrap_or(smooth[k - 1]);
        }
    }

    /// Bisquare weights of the residuals in units of six times their median.
    fn weigh(&mut self, middle: fn(&mut [f64]) -> f64) {
        let parts = self.trend.iter().zip(&self.season);
        self.robust.clear();
        self.robust.extend(self.y.iter().zip(parts).map(|(y, (t, s))| (y - t - s).abs()));
        self.one.clone_from(&self.robust);
        let scale = 3.0 * middle(&mut self.one);
        for weight in &mut self.robust {
            *weight = match *weight {
                r if r <= 0.001 * scale => 1.0,
                r if r <= 0.999 * scale => (1.0 - (r / scale).powi(2)).powi(2),
                _ => 0.0,
            };
        }
    }

    /// Replaces the season by its mean at each position.
    fn repeat(&mut self) {
        for j in 0..self.m {
            let (sum, n) =
                self.season.iter().skip(j).step_by(self.m).fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
            self.season.iter_mut().skip(j).step_by(self.m).for_each(|v| *v = sum / n);
        }
    }
}

/// Twice the median.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    values[(n - 1) / 2] + values[n / 2]
}

fn moving_mean(x: &[f64], length: usize, out: &mut Vec<f64>) {
    out.clear();
    let mut sum: f64 = x[..length].iter().sum();
    out.push(sum / length as f64);
    for (old, new) in x.iter().zip(&x[length..]) {
        sum += new - old;
        out.push(sum / length as f64);
    }
}

/// Local regression over the nearest `span` points with tricube weights.
struct Loess {
    span: usize,
    linear: bool,
    jump: usize,
}

impl Loess {
    fn new(span: usize, linear: bool) -> Self {
        Self { span, linear, jump: span.div_ceil(10) }
    }

    /// Fits every `jump`-th point and the last, and interpolates between. `robust` is empty or one weight a point.
    fn smooth(&self, y: &[f64], robust: &[f64], out: &mut [f64]) {
        let n = y.len();
        let fit = |i: usize| {
            let left = (i + 1).saturating_sub(self.span.div_ceil(2)).min(n.saturating_sub(self.span));
            self.at(y, robust, i as f64, left).unwrap_or(y[i])
        };
        out[0] = fit(0);
        let mut i = 0;
        while i + 1 < n {
            let next = (i + self.jump.min(n - 1)).min(n - 1);
            out[next] = fit(next);
            let step = (out[next] - out[i]) / (next - i) as f64;
            for k in i + 1..next {
                out[k] = out[i] + step * (k - i) as f64;
            }
            i = next;
        }
    }

    /// The fit at `x` from the points of one span from `left` on; `None` where all their weights are zero.
    fn at(&self, y: &[f64], robust: &[f64], x: f64, left: usize) -> Option<f64> {
        let n = y.len();
        let right = (left + self.span).min(n) - 1;
        let beyond = (self.span.max(n) - n) / 2;
        let h = (x - left as f64).max(right as f64 - x) + beyond as f64;
        let weight = |j: usize| {
            let r = (j as f64 - x).abs();
            let near = match r {
                r if r <= 0.001 * h => 1.0,
                r if r <= 0.999 * h => {
                    let cube = (r / h) * (r / h) * (r / h);
                    (1.0 - cube) * (1.0 - cube) * (1.0 - cube)
                }
                _ => 0.0,
            };
            near * robust.get(j).copied().unwrap_or(1.0)
        };
        // Moments around x: a line's value there is their combination, so one pass is enough.
        let (mut w, mut wx, mut wxx, mut wy, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (j, value) in y.iter().enumerate().take(right + 1).skip(left) {
            let (weight, d) = (weight(j), j as f64 - x);
            w += weight;
            wx += weight * d;
            wxx += weight * d * d;
            wy += weight * value;
            wxy += weight * d * value;
        }
        if w <= 0.0 {
            return None;
        }
        let (centre, mean) = (wx / w, wy / w);
        let spread = (wxx / w - centre * centre).max(0.0);
        let wide = spread.sqrt() > 0.001 * (n as f64 - 1.0);
        let slope = if self.linear && h > 0.0 && wide { (wxy / w - centre * mean) / spread } else { 0.0 };
        Some(mean - slope * centre)
    }
}

#[cfg(test)]
mod as_r;
#[cfg(test)]
mod as_statsmodels;

#[cfg(test)]
mod tests {
    use super::*;

    const STL: Stl = Stl { m: 7, season: Span::Seasons(11), trend: None, robust: false };

    #[test]
    fn a_line_with_a_season_is_taken_apart() {
        let season = [3.0, 2.0, 0.0, -1.0, -4.0, 1.0, -1.0];
        let y: Vec<f64> = (0..100).map(|t| 10.0 + 0.2 * t as f64 + season[t % 7]).collect();
        let periodic = Stl { season: Span::Periodic, ..STL };
        for stl in [STL, periodic, Stl { robust: true, ..periodic }] {
            let parts = stl.decompose(&y).unwrap();
            for t in 0..100 {
                assert!((parts.season[t] - season[t % 7]).abs() < 0.1, "{stl:?} {t}");
                assert!((parts.trend[t] - 10.0 - 0.2 * t as f64).abs() < 0.1, "{stl:?} {t}");
                assert!((parts.trend[t] + parts.season[t] + parts.remainder[t] - y[t]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_robust_trend_ignores_an_outlier() {
        let mut y = vec![10.0; 70];
        (0..70).for_each(|t| y[t] += ((t * 37) % 11) as f64 / 10.0);
        y[35] = 500.0;
        let plain = STL.decompose(&y).unwrap().trend[35];
        let robust = Stl { robust: true, ..STL }.decompose(&y).unwrap().trend[35];
        assert!(plain > 20.0 && (robust - 10.5).abs() < 1.0, "{plain} {robust}");
    }

    #[test]
    fn awkward_series_give_an_error_or_numbers() {
        assert!(matches!(STL.decompose(&[1.0; 14]), Err(ClassicError::TooShort { .. })));
        assert!(matches!(STL.decompose(&[f64::NAN; 30]), Err(ClassicError::TooShort { .. })));
        assert_eq!(Stl { m: 1, ..STL }.decompose(&[1.0; 30]), Err(ClassicError::Period { period: 1 }));
        let mut y = [3.0; 30];
        y[4] = f64::NAN;
        for robust in [false, true] {
            let parts = Stl { robust, ..STL }.decompose(&y).unwrap();
            assert!(parts.trend.iter().all(|v| (v - 3.0).abs() < 1e-12));
            assert!(parts.remainder[4].is_nan() && parts.remainder[5].abs() < 1e-12);
        }
        let odd = Stl { m: 2, season: Span::Seasons(1), trend: Some(1), robust: true };
        assert!(odd.decompose(&[1.0, 2.0, 1.0, 5.0, 2.0]).unwrap().trend.iter().all(|v| v.is_finite()));
    }
}
