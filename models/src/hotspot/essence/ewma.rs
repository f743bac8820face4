//! Two exponentially weighted averages of the newest days against a moving baseline.
use super::{Essence, Verdict, t_quantile, t_upper_tail};

/// One average.
#[derive(Debug, Clone, Copy)]
struct Average {
    /// Weight of the newest day.
    weight: f64,
    value: f64,
}

/// Mean and spread of a baseline with the critical values for its length.
struct Baseline {
    n: f64,
    mean: f64,
    sd: f64,
    alert: f64,
    warning: f64,
}

pub(super) fn judge(essence: &Essence, counts: &[f64]) -> Vec<Option<Verdict>> {
    let start = counts.iter().copied().find(|y| !y.is_nan()).unwrap_or(0.0);
    let mut averages = [essence.slow, essence.sudden].map(|weight| Average { weight, value: start });
    let mut critical = Vec::new();
    let mut judged = Vec::with_capacity(counts.len());
    for (t, y) in counts.iter().enumerate() {
        if y.is_nan() {
            judged.push(None);
            continue;
        }
        for average in &mut averages {
            average.value += average.weight * (y - average.value);
        }
        // The baseline is a day longer than its name.
        let window = essence.window(t, essence.baseline + 1);
        let baseline = window.and_then(|days| Baseline::new(&counts[days], &mut critical));
        judged.push(baseline.map(|baseline| {
            let tested = averages.each_mut().map(|a| (a.test(&baseline, essence.guard), a.weight));
            let ((statistic, sigma), weight) = sharper(tested);
            let freedom = baseline.n - 1.0;
            let p_value = t_upper_tail(statistic, freedom);
            let expected = baseline.mean;
            Verdict { observed: *y, expected, statistic, p_value, sigma, explained: None, freedom, weight }
        }));
    }
    judged
}

/// The higher statistic, of two alike the second.
fn sharper([slow, sudden]: [((f64, f64), f64); 2]) -> ((f64, f64), f64) {
    if slow.0.0 > sudden.0.0 { slow } else { sudden }
}

impl Baseline {
    /// `critical` remembers the critical values by number of days.
    fn new(days: &[f64], critical: &mut Vec<Option<(f64, f64)>>) -> Option<Self> {
        let known = days.iter().filter(|y| !y.is_nan());
        let count = known.clone().count();
        if count < 2 {
            return None;
        }
        let n = count as f64;
        let mean = known.clone().sum::<f64>() / n;
        let sd = (known.map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        critical.resize(critical.len().max(count + 1), None);
        let quantiles = || (t_quantile(0.99, n - 1.0), t_quantile(0.975, n - 1.0));
        let (alert, warning) = *critical[count].get_or_insert_with(quantiles);
        Some(Self { n, mean, sd, alert, warning })
    }
}

impl Average {
    /// Statistic and standard error; an average beyond the alert level is set back to it.
    fn test(&mut self, baseline: &Baseline, guard: usize) -> (f64, f64) {
        let (w, n) = (self.weight, baseline.n);
        let rest = 1.0 - w;
        let overlap = 2.0 * rest.powf(guard as f64 + 1.0) * (1.0 - rest.powf(n)) / n;
        let correction = (w / (2.0 - w) + 1.0 / n - overlap).sqrt();
        let unit = w / baseline.warning;
        let least = unit * (1.0 + 0.5 * rest * rest);
        let constant = (0.1289 - (0.2414 - 0.1826 * rest.powi(4)) * 0.5_f64.ln()) * unit;
        let sigma = (baseline.sd * correction + constant).max(least);
        let statistic = (self.value - baseline.mean) / sigma;
        if statistic.abs() > baseline.alert {
            self.value = baseline.mean + statistic.signum() * baseline.alert * sigma;
        }
        (statistic, sigma)
    }
}
