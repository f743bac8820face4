//! The quasi-Poisson regression: one intercept a level of the season, and a slope.
//!
//! The levels are one-hot, so the normal equations of a step of weighted least squares are an arrowhead: the slope
//! is the regression of the working responses on time within levels, each intercept the level's mean at the slope.
//! A step is linear in the rows. With a column for each level there is no constant; the fit is that of R's formula
//! with a constant and contrasts.
//!
//! Where counts of a level are all zero its intercept falls for ever, and what R answers depends on where it stops.
//! So start (counts + 0.1), weights, stopping rule (relative change of the deviance under 1e-8, 25 steps) and the
//! mixture of the last step's weights with the means after it are those of R's `glm.fit` and `summary.glm`.
use statrs::function::beta::beta_reg;

const STEPS: usize = 25;
const TOLERANCE: f64 = 1e-8;
/// Under this share of its squares time does not vary within the levels.
const FLAT: f64 = 1e-12;

/// What is regressed; all of one length.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rows {
    /// Counts.
    pub y: Vec<f64>,
    /// Periods since the judged one, so negative.
    pub time: Vec<f64>,
    /// Level of the season.
    pub block: Vec<usize>,
    /// Logarithm of the population, or zero.
    pub offset: Vec<f64>,
    /// Number of levels.
    pub blocks: usize,
}

/// What one level of the season has come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Level {
    /// Sum of the weights of its rows at the last step.
    weight: f64,
    /// Their weighted mean time.
    time: f64,
    /// Linear predictor at time zero.
    intercept: f64,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    levels: Vec<Level>,
    /// Coefficient of time, where it was asked for and time varies within levels.
    pub slope: Option<f64>,
    /// Sum over the rows of weight times squared time within the level; infinite without slope.
    spread: f64,
    /// Prior times working weight of each row at the last step.
    pub weights: Vec<f64>,
    /// Fitted mean of each row.
    pub means: Vec<f64>,
    /// Rows with weight less coefficients.
    pub freedom: f64,
    /// Whether the deviance settled.
    pub converged: bool,
}

impl Fit {
    /// Fits `rows` with prior weights, with or without slope.
    pub(super) fn new(rows: &Rows, prior: &[f64], trend: bool) -> Self {
        let mut fit = Self {
            levels: vec![Level::default(); rows.blocks],
            slope: None,
            spread: f64::INFINITY,
            weights: vec![0.0; rows.y.len()],
            means: rows.y.iter().map(|y| y + 0.1).collect(),
            freedom: 0.0,
            converged: false,
        };
        let mut responses = vec![0.0; rows.y.len()];
        let mut eta: Vec<f64> = fit.means.iter().map(|mu| mu.ln()).collect();
        let mut before = deviance(&rows.y, &fit.means, prior);
        for step in 0..STEPS {
            let last = (step > 0).then(|| (fit.levels.clone(), fit.slope));
            fit.solve(rows, prior, &eta, &mut responses, trend);
            let now = fit.advance(rows, prior, last, &mut eta);
            fit.converged = (now - before).abs() < TOLERANCE * (now.abs() + 0.1);
            if fit.converged || !now.is_finite() {
                break;
            }
            before = now;
        }
        let used = fit.levels.iter().filter(|level| level.weight > 0.0).count() + fit.slope.iter().count();
        fit.freedom = prior.iter().filter(|w| **w > 0.0).count() as f64 - used as f64;
        fit
    }

    /// One weighted regression of the working responses at `eta`; leaves the weights it was done with.
    fn solve(&mut self, rows: &Rows, prior: &[f64], eta: &[f64], responses: &mut [f64], trend: bool) {
        let mut sums = vec![[0.0_f64; 3]; self.levels.len()];
        for (i, response) in responses.iter_mut().enumerate() {
            let mu = self.means[i];
            let weight = prior[i] * mu;
            *response = eta[i] - rows.offset[i] + (rows.y[i] - mu) / mu;
            self.weights[i] = weight;
            let sum = &mut sums[rows.block[i]];
            sum[0] += weight;
            sum[1] += weight * rows.time[i];
            sum[2] += weight * *response;
        }
        let mean = |total: f64, weight: f64| if weight > 0.0 { total / weight } else { 0.0 };
        for (level, [weight, time, response]) in self.levels.iter_mut().zip(sums) {
            *level = Level { weight, time: mean(time, weight), intercept: mean(response, weight) };
        }
        (self.slope, self.spread) = (None, f64::INFINITY);
        if trend {
            self.tilt(rows, responses);
        }
    }

    /// Adds the slope to levels that are means of the responses, where time varies within them.
    fn tilt(&mut self, rows: &Rows, responses: &[f64]) {
        let (mut square, mut product, mut scale) = (0.0, 0.0, 0.0);
        for (i, response) in responses.iter().enumerate() {
            let (level, weight) = (&self.levels[rows.block[i]], self.weights[i]);
            let time = rows.time[i] - level.time;
            square += weight * time * time;
            product += weight * time * (response - level.intercept);
            scale += weight * rows.time[i] * rows.time[i];
        }
        if square > FLAT * scale {
            let slope = product / square;
            (self.slope, self.spread) = (Some(slope), square);
            for level in &mut self.levels {
                level.intercept -= slope * level.time;
            }
        }
    }

    /// Fills `eta` and the means, and returns the deviance. A step from `last` that went too far for it to be finite
    /// is halved.
    fn advance(
        &mut self,
        rows: &Rows,
        prior: &[f64],
        last: Option<(Vec<Level>, Option<f64>)>,
        eta: &mut [f64],
    ) -> f64 {
        let mut deviance = self.predict(rows, prior, eta);
        let Some((levels, slope)) = last else { return deviance };
        for _ in 0..STEPS {
            if deviance.is_finite() {
                break;
            }
            for (level, last) in self.levels.iter_mut().zip(&levels) {
                level.intercept = f64::midpoint(level.intercept, last.intercept);
            }
            self.slope = self.slope.map(|now| f64::midpoint(now, slope.unwrap_or(now)));
            deviance = self.predict(rows, prior, eta);
        }
        deviance
    }

    fn predict(&mut self, rows: &Rows, prior: &[f64], eta: &mut [f64]) -> f64 {
        let slope = self.slope.unwrap_or(0.0);
        for (i, (eta, mean)) in eta.iter_mut().zip(&mut self.means).enumerate() {
            *eta = rows.offset[i] + self.levels[rows.block[i]].intercept + slope * rows.time[i];
            *mean = eta.exp().max(f64::EPSILON);
        }
        deviance(&rows.y, &self.means, prior)
    }

    /// Share of each row in its own fitted value; at most 1.
    pub(super) fn leverages<'a>(&'a self, rows: &'a Rows) -> impl Iterator<Item = f64> + 'a {
        self.weights.iter().zip(&rows.time).zip(&rows.block).map(|((weight, time), block)| {
            let share = weight * self.unit_variance(*block, *time);
            if share > 1.0 - 10.0 * f64::EPSILON { 1.0 } else { share }
        })
    }

    /// Variance of the linear predictor of one level at a time, as a multiple of the dispersion.
    fn unit_variance(&self, block: usize, time: f64) -> f64 {
        let level = &self.levels[block];
        1.0 / level.weight + (time - level.time).powi(2) / self.spread
    }

    /// Linear predictor of a level at time zero, without offset.
    pub(super) fn now(&self, block: usize) -> f64 {
        self.levels[block].intercept
    }

    /// Variance of [`Fit::now`] as a multiple of the dispersion.
    pub(super) fn unit_variance_now(&self, block: usize) -> f64 {
        self.unit_variance(block, 0.0)
    }

    /// Weighted squares of the relative residuals over the degrees of freedom.
    pub(super) fn dispersion(&self, rows: &Rows, weights: &[f64]) -> f64 {
        let residuals = rows.y.iter().zip(&self.means).map(|(y, mu)| (y - mu) / mu);
        weights.iter().zip(residuals).map(|(w, r)| w * r * r).sum::<f64>() / self.freedom
    }

    /// Two-sided p-value of the slope at a dispersion, Student's t; 1 without slope.
    pub(super) fn slope_p_value(&self, dispersion: f64) -> f64 {
        let Some(slope) = self.slope.filter(|_| self.freedom > 0.0 && dispersion > 0.0) else { return 1.0 };
        let t2 = slope * slope * self.spread / dispersion;
        let x = self.freedom / (self.freedom + t2);
        if x > 0.0 && x <= 1.0 { beta_reg(0.5 * self.freedom, 0.5, x) } else { f64::from(u8::from(x > 0.0)) }
    }
}

/// Poisson deviance with prior weights.
fn deviance(y: &[f64], means: &[f64], prior: &[f64]) -> f64 {
    let one =
        |((y, mu), w): ((&f64, &f64), &f64)| w * if *y > 0.0 { y * (y / mu).ln() - (y - mu) } else { *mu };
    2.0 * y.iter().zip(means).zip(prior).map(one).sum::<f64>()
}
