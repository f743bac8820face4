//! One series' candidates made one: weighted means and standard deviations.
use super::{
    Candidate,
    tried::{Answers, Past, Tried},
};
use crate::{
    forecast::classic::Moments,
    intervals::{NegativeBinomial, Predictive, Values},
};

/// Mean below which the distribution of counts is far from normal.
const FEW: f64 = 20.0;
/// Last season's period must beat the combination by this factor in squared error: six
/// overlapping origins say little, and at 0.9 the series that were given up were forecast worse for it.
const MARGIN: f64 = 0.6;
/// Origins without which the two are not compared.
const COMPARED: usize = 3;

/// The combination with `weights` of the models that have an answer; `None` where none has.
pub fn combined(answers: &Answers, weights: &[f64]) -> Option<Moments> {
    let present = || answers.iter().zip(weights).filter_map(|(a, w)| Some((a.as_ref()?, *w)));
    let (leads, n) = (present().next()?.0.mean.len(), present().count() as f64);
    let all: f64 = present().map(|(_, w)| w).sum();
    // The models left may be those without weight.
    let share = |w: f64| if all > 0.0 { w / all } else { 1.0 / n };
    let sum = |of: &dyn Fn(&Moments) -> f64| present().map(|(a, w)| share(w) * of(a)).sum::<f64>();
    let mean = (0..leads).map(|k| sum(&|a| a.mean[k])).collect();
    let variance = (0..leads).map(|k| sum(&|a| a.variance[k].max(0.0).sqrt()).powi(2)).collect();
    Some(Moments { mean, variance })
}

/// What a series is forecast with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Used {
    /// The combination.
    Combination,
    /// Last season's same period, which did better.
    Naive,
    /// Last season's same period, or the last value, because nothing else has an answer.
    Short,
}

/// The models' weights on one series, with what is used of it.
#[derive(Debug)]
pub struct Combined<'a> {
    tried: &'a Tried,
    weights: &'a [f64],
    /// What is used.
    pub used: Used,
}

impl<'a> Combined<'a> {
    /// Compares the combination with last season's same period at the past origins.
    pub fn new(tried: &'a Tried, weights: &'a [f64]) -> Self {
        let mut this = Self { tried, weights, used: Used::Combination };
        if combined(&tried.newest, weights).is_none() {
            this.used = Used::Short;
        } else if tried.past.len() >= COMPARED {
            let naive = error(tried, |past| past.naive.as_ref().map(|m| m.mean.clone()));
            let own = error(tried, |past| combined(&past.answers, weights).map(|m| m.mean));
            if naive < MARGIN * own {
                this.used = Used::Naive;
            }
        }
        this
    }

    /// Forecast of the future; `h` zeros with no variance for a series without a known value.
    pub fn newest(&self, h: usize) -> Moments {
        let moments = match self.used {
            Used::Combination => combined(&self.tried.newest, self.weights),
            Used::Naive | Used::Short => None,
        };
        moments
            .or_else(|| self.tried.naive.clone())
            .unwrap_or_else(|| Moments { mean: vec![self.tried.mean; h], variance: vec![self.tried.mean; h] })
    }

    /// Forecast from a past origin.
    pub fn past(&self, past: &Past) -> Option<Moments> {
        match self.used {
            Used::Combination => combined(&past.answers, self.weights),
            Used::Naive | Used::Short => past.naive.clone(),
        }
    }

    /// Mean squared error over the past origins; the newest forecast's variance where there are none.
    pub fn squared_error(&self) -> f64 {
        let known = error(self.tried, |past| self.past(past).map(|m| m.mean));
        if known.is_finite() {
            return known;
        }
        let newest = self.newest(1);
        newest.variance.iter().sum::<f64>() / newest.variance.len().max(1) as f64
    }
}

/// Mean squared error of a forecast over the past origins; infinite where there is none.
fn error(tried: &Tried, forecast: impl Fn(&Past) -> Option<Vec<f64>>) -> f64 {
    let (mut sum, mut n) = (0.0, 0_usize);
    for past in &tried.past {
        let Some(means) = forecast(past) else { continue };
        for (y, mean) in past.came.iter().zip(means).filter(|(y, _)| y.is_finite()) {
            sum += (y - mean) * (y - mean);
            n += 1;
        }
    }
    if n == 0 { f64::INFINITY } else { sum / n as f64 }
}

/// The distribution with these moments: negative binomial for few counts, else normal.
pub fn distribution(values: Values, mean: f64, variance: f64) -> Predictive {
    if values == Values::Counts && mean < FEW {
        let mean = mean.max(0.0);
        let alpha = if mean > 0.0 { ((variance - mean) / (mean * mean)).max(0.0) } else { 0.0 };
        return Predictive::Counts(NegativeBinomial::new(mean, alpha));
    }
    Predictive::normal(mean, variance)
}

/// Number of models.
pub const MODELS: usize = Candidate::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mean: f64, sd: f64) -> Option<Moments> {
        Some(Moments { mean: vec![mean], variance: vec![sd * sd] })
    }

    #[test]
    fn means_and_deviations_are_averaged_over_the_models_there_are() {
        let all = combined(&[moments(10.0, 1.0), moments(20.0, 3.0), moments(30.0, 5.0)], &[0.5, 0.25, 0.25]);
        let all = all.unwrap();
        assert_eq!((all.mean[0], all.variance[0].sqrt()), (17.5, 2.5));
        let one = combined(&[None, moments(20.0, 3.0), None], &[1.0, 0.0, 0.0]).unwrap();
        assert_eq!((one.mean[0], one.variance[0].sqrt()), (20.0, 3.0));
        assert_eq!(combined(&[None, None, None], &[1.0, 0.0, 0.0]), None);
    }

    #[test]
    fn last_year_is_published_where_it_did_clearly_better() {
        let past = |naive: f64| Past {
            answers: [moments(10.0, 1.0), None, None],
            naive: moments(naive, 1.0),
            came: vec![20.0],
        };
        let tried = |naive: f64, n: usize| Tried {
            scale: 1.0,
            mean: 15.0,
            past: vec![past(naive); n],
            newest: [moments(11.0, 1.0), None, None],
            naive: moments(21.0, 1.0),
        };
        let used = |tried: &Tried| {
            (
                Combined::new(tried, &[1.0, 0.0, 0.0]).used,
                Combined::new(tried, &[1.0, 0.0, 0.0]).newest(1).mean[0],
            )
        };
        assert_eq!(used(&tried(19.0, 6)), (Used::Naive, 21.0));
        assert_eq!(used(&tried(10.2, 6)), (Used::Combination, 11.0));
        assert_eq!(used(&tried(19.0, 2)), (Used::Combination, 11.0));
    }

    #[test]
    fn few_counts_are_negative_binomial_and_many_normal() {
        assert!(matches!(distribution(Values::Counts, 3.0, 9.0), Predictive::Counts(_)));
        assert!(matches!(distribution(Values::Counts, 300.0, 9.0), Predictive::Normal { .. }));
        assert!(matches!(distribution(Values::Measures, 3.0, 9.0), Predictive::Normal { .. }));
    }
}
