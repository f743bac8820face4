//! Upper bound, p-value and score of a count under the fitted mean.
//!
//! Sources: Noufaily et al. (2013), section 3.4; Salmon, Schumacher and Höhle (2016), *Monitoring count time series
//! in R*, J Stat Soft 70(10); R `algo.farrington.threshold.noufaily`, `algo.farrington.threshold.farrington`.
use crate::{
    intervals::{NegativeBinomial, normal_quantile},
    numeric::normal::upper_tail,
};

use super::settings::{Bound, Edition, Settings};

/// From here on a mean is that of a fit without hold, and the normal distribution says enough of it.
const NO_COUNT: f64 = 1e9;

/// What is predicted for the judged period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Predicted {
    /// Logarithm of the mean.
    pub eta: f64,
    /// Standard error of `eta`.
    pub se: f64,
    /// Variance over mean of the counts, at least 1.
    pub phi: f64,
}

/// A count against its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Against {
    /// Mean the bound is taken at.
    pub mu0: f64,
    /// The bound.
    pub upper: f64,
    /// Probability of a count at least as high.
    pub p_value: f64,
    /// Above 1 beyond the bound.
    pub score: f64,
}

impl Predicted {
    /// Holds a count against the prediction.
    pub(super) fn judge(&self, settings: &Settings, y: f64) -> Against {
        let alpha = match settings.edition {
            Edition::Flexible => settings.alpha,
            Edition::Original => settings.alpha / 2.0,
        };
        let z = normal_quantile(1.0 - alpha);
        match settings.bound {
            Bound::NbPlugin => self.plug_in(self.eta.exp(), alpha, y),
            Bound::Muan => self.plug_in((self.eta + z * self.se).exp(), alpha, y),
            Bound::Delta(power) => self.delta(power.exponent(), z, y),
        }
    }

    /// R's score of the two negative binomial bounds sets the logarithm of the mean where the others set the mean.
    fn plug_in(&self, mu0: f64, alpha: f64, y: f64) -> Against {
        let (upper, p_value) = if mu0.is_infinite() {
            (mu0, 1.0)
        } else if mu0 < NO_COUNT {
            let counts = NegativeBinomial::new(mu0, (self.phi - 1.0) / mu0);
            (counts.quantile(1.0 - alpha) as f64, counts.upper_tail(y as u64))
        } else {
            let sd = (self.phi * mu0).sqrt();
            (mu0 + normal_quantile(1.0 - alpha) * sd, upper_tail((y - mu0) / sd))
        };
        Against { mu0, upper, p_value, score: (y - self.eta) / (upper - self.eta) }
    }

    fn delta(&self, exponent: f64, z: f64, y: f64) -> Against {
        let mu = self.eta.exp().max(f64::EPSILON);
        // Variance of count and mean together, in units of the mean.
        let tau = self.phi + mu * self.se * self.se;
        let se = exponent * (mu.powf(2.0 * exponent - 1.0) * tau).sqrt();
        let center = mu.powf(exponent);
        let upper = (center + z * se).powf(1.0 / exponent);
        let p_value = upper_tail((y.powf(exponent) - center) / se);
        Against { mu0: mu, upper, p_value, score: (y - mu) / (upper - mu) }
    }
}
