//! The negative binomial distribution with mean and dispersion (NB2), for any mean from 1e-6 to 1e6.
//!
//! Library implementations lose digits where counts are large or alpha is small, because they subtract
//! log-gammas of nearly equal size or stop their continued fraction after some 140 terms. Here the point mass
//! is Loader's saddle-point form (C. Loader, *Fast and accurate computation of binomial probabilities*, 2000),
//! and each tail is that mass times a continued fraction, so tails keep their relative accuracy down to 1e-300.

/// Below this the distribution is Poisson to all digits that matter.
const ALPHA_MIN: f64 = 1e-16;
/// Up to this mean the masses are summed from zero, which is faster than the continued fraction.
const SUM_MEAN_MAX: f64 = 40.0;
/// Above this size the lower tail's continued fraction cancels, and a plain sum is short.
const SIZE_FRACTION_MAX: f64 = 1e5;

/// Counts with mean `m` and variance `m + alpha m^2`; Poisson where `alpha` is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NegativeBinomial {
    mean: f64,
    /// Size r = 1 / alpha.
    size: f64,
    /// Success probability r / (r + m).
    p: f64,
    /// m / (r + m).
    q: f64,
}

impl NegativeBinomial {
    /// `mean` >= 0 and `alpha` >= 0; anything else, not-a-number too, counts as 0.
    pub fn new(mean: f64, alpha: f64) -> Self {
        let mean = if mean > 0.0 && mean.is_finite() { mean } else { 0.0 };
        let size = 1.0 / if alpha > ALPHA_MIN { alpha } else { ALPHA_MIN };
        Self { mean, size, p: size / (size + mean), q: mean / (size + mean) }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance, `m + alpha m^2`.
    pub fn variance(&self) -> f64 {
        self.mean + self.mean * self.mean / self.size
    }

    /// Natural logarithm of P(Y = y).
    pub fn ln_pmf(&self, y: u64) -> f64 {
        if self.mean == 0.0 {
            return if y == 0 { 0.0 } else { f64::NEG_INFINITY };
        }
        let (r, m) = (self.size, self.mean);
        if y == 0 {
            return -r * (m / r).ln_1p();
        }
        let y = y as f64;
        let n = y + r;
        // Deviations from the binomial's mean, worked out without cancellation.
        let d = r * (y - m) / (r + m);
        let lc = stirling_error(n)
            - stirling_error(r)
            - stirling_error(y)
            - deviance_part(r, n * self.p, -d)
            - deviance_part(y, n * self.q, d);
        // dbinom(r; n, p) * r / n, with dbinom's factor sqrt(n / (2 pi r y)).
        lc + 0.5 * ((r / n) / (std::f64::consts::TAU * y)).ln()
    }

    /// P(Y = y).
    pub fn pmf(&self, y: u64) -> f64 {
        self.ln_pmf(y).exp()
    }

    /// P(Y <= y).
    pub fn cdf(&self, y: u64) -> f64 {
        if self.mean <= SUM_MEAN_MAX && (y as f64) < 4.0 * SUM_MEAN_MAX {
            return self.masses().take(y as usize + 1).sum::<f64>().min(1.0);
        }
        if self.upper_is_short(y + 1) { 1.0 - self.upper(y + 1) } else { self.lower(y) }
    }

    /// P(Y >= y), accurate in the far tail.
    pub fn upper_tail(&self, y: u64) -> f64 {
        if y == 0 {
            return 1.0;
        }
        if self.mean == 0.0 {
            return 0.0;
        }
        if self.upper_is_short(y) { self.upper(y) } else { 1.0 - self.lower(y - 1) }
    }

    /// The smallest count with P(Y <= count) >= `level`; levels outside (0, 1) are clipped.
    pub fn quantile(&self, level: f64) -> u64 {
        self.quantiles([level])[0]
    }

    /// Quantiles at ascending `levels`, non-decreasing.
    pub fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [u64; N] {
        if self.mean == 0.0 {
            return [0; N];
        }
        if self.mean <= SUM_MEAN_MAX { self.quantiles_by_sum(levels) } else { levels.map(|p| self.search(p)) }
    }

    /// P(Y = 0), P(Y = 1), … by recurrence.
    fn masses(&self) -> impl Iterator<Item = f64> {
        let (r, q) = (self.size, self.q);
        let first = (-r * (self.mean / r).ln_1p()).exp();
        (0_u32..).scan(first, move |mass, k| {
            let now = *mass;
            *mass *= q * (f64::from(k) + r) / (f64::from(k) + 1.0);
            Some(now)
        })
    }

    fn quantiles_by_sum<const N: usize>(&self, levels: [f64; N]) -> [u64; N] {
        let mut masses = self.masses();
        let mut below = masses.next().unwrap_or(1.0);
        let mut y = 0_u64;
        levels.map(|level| {
            let level = clip_level(level);
            while below < level {
                let Some(mass) = masses.next().filter(|m| *m > 1e-17 || (y as f64) < self.mean) else {
                    break;
                };
                below += mass;
                y += 1;
            }
            y
        })
    }

    /// Normal approximation with skewness, then exact steps and bisection.
    fn search(&self, level: f64) -> u64 {
        let level = clip_level(level);
        let sd = self.variance().sqrt();
        let skew = (1.0 + self.q) / (self.size * self.q).sqrt();
        let z = normal_quantile(level);
        let guess = (self.mean + sd * (z + skew.min(4.0) * (z * z - 1.0) / 6.0)).max(0.0) as u64;
        let (mut low, mut high) = self.bracket(guess, level, sd);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.cdf(middle) >= level { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// Counts `low <= answer <= high`, found by doubling steps away from `guess`.
    fn bracket(&self, guess: u64, level: f64, sd: f64) -> (u64, u64) {
        let mut step = (sd * 0.02) as u64 + 1;
        let mut edge = guess;
        if self.cdf(guess) >= level {
            loop {
                let next = edge.saturating_sub(step);
                if edge == 0 || self.cdf(next) < level {
                    return (next + u64::from(edge != 0), edge);
                }
                (edge, step) = (next, step * 2);
            }
        }
        loop {
            let next = edge + step;
            if self.cdf(next) >= level {
                return (edge + 1, next);
            }
            (edge, step) = (next, step * 2);
        }
    }

    /// Whether the continued fraction of P(Y >= y) converges faster than that of P(Y < y).
    fn upper_is_short(&self, y: u64) -> bool {
        let y = y as f64;
        self.q < (y + 1.0) / (y + self.size + 2.0)
    }

    /// P(Y >= y) = I_q(y, r); its prefactor q^y p^r / (y B(y, r)) is P(Y = y).
    fn upper(&self, y: u64) -> f64 {
        (self.pmf(y) * beta_fraction(self.q, y as f64, self.size)).min(1.0)
    }

    /// P(Y <= y) / P(Y = y), summed downwards.
    fn ratios_below(&self, y: u64) -> f64 {
        let (mut sum, mut ratio) = (1.0, 1.0);
        for k in (1..=y).rev() {
            ratio *= k as f64 / (self.q * (k as f64 - 1.0 + self.size));
            sum += ratio;
            if ratio < 1e-17 * sum {
                break;
            }
        }
        sum
    }

    /// P(Y <= y) = I_p(r, y + 1); its prefactor is P(Y = y) q (r + y) / r.
    fn lower(&self, y: u64) -> f64 {
        if self.size > SIZE_FRACTION_MAX {
            return self.pmf(y) * self.ratios_below(y);
        }
        let prefactor = self.pmf(y) * self.q * (1.0 + y as f64 / self.size);
        (prefactor * beta_fraction(self.p, self.size, y as f64 + 1.0)).min(1.0)
    }
}

fn clip_level(level: f64) -> f64 {
    level.clamp(1e-12, 1.0 - 1e-12)
}

/// Standard normal quantile.
pub fn normal_quantile(level: f64) -> f64 {
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * level)
}

/// ln(n!) - Stirling's approximation, for real n > 0.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let ln_gamma = statrs::function::gamma::ln_gamma(n + 1.0);
        return ln_gamma - (n + 0.5) * n.ln() + n - 0.5 * std::f64::consts::TAU.ln();
    }
    let s = 1.0 / (n * n);
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / n
}

/// x ln(x / np) + np - x with `d` = x - np given, stable where x is near np.
fn deviance_part(x: f64, np: f64, d: f64) -> f64 {
    if d.abs() >= 0.1 * (x + np) {
        return x * (x / np).ln() - d;
    }
    let v = d / (x + np);
    let mut sum = d * v;
    let mut term = 2.0 * x * v;
    for j in 1..1000 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Continued fraction of the incomplete beta function (modified Lentz), for x < (a + 1) / (a + b + 2).
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for i in 1..20_000 {
        let k = f64::from(i);
        let even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests;
