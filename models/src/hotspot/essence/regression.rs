//! Weekdays and a straight line over the baseline.
//!
//! Each weekday has its level, so the line is the regression within weekdays and no system is solved.
use super::{Essence, Verdict, t_quantile, t_upper_tail};

/// Days and counts of one weekday.
#[derive(Debug, Clone, Copy, Default)]
struct Weekday {
    n: f64,
    time: f64,
    count: f64,
}

/// Judges day `t`; `weekday` gives 0 to 6 of a day.
pub(super) fn judge(
    essence: &Essence,
    counts: &[f64],
    weekday: impl Fn(usize) -> usize,
    t: usize,
) -> Option<Verdict> {
    let observed = counts[t];
    let days = essence.window(t, essence.baseline)?.filter(|day| !counts[*day].is_nan());
    let mut weekdays = [Weekday::default(); 7];
    for day in days.clone() {
        let sum = &mut weekdays[weekday(day)];
        *sum = Weekday { n: sum.n + 1.0, time: sum.time + day as f64, count: sum.count + counts[day] };
    }
    let n: f64 = weekdays.iter().map(|w| w.n).sum();
    let freedom = n - weekdays.iter().filter(|w| w.n > 0.0).count() as f64 - 1.0;
    if observed.is_nan() || freedom < 1.0 || weekdays[weekday(t)].n == 0.0 {
        return None;
    }
    let mean = |day: usize| {
        let w = weekdays[weekday(day)];
        (w.time / w.n, w.count / w.n)
    };
    let within = |day: usize| {
        let (time, count) = mean(day);
        (day as f64 - time, counts[day] - count)
    };
    let (square, product) =
        days.clone().map(within).fold((0.0, 0.0), |(s, p), (x, y)| (s + x * x, p + x * y));
    if square <= 0.0 {
        return None;
    }
    let slope = product / square;
    let residuals: f64 = days.clone().map(within).map(|(x, y)| (y - slope * x).powi(2)).sum();
    let level = weekdays.iter().map(|w| w.count).sum::<f64>() / n;
    let total: f64 = days.map(|day| (counts[day] - level).powi(2)).sum();
    let explained = if total > 0.0 { 1.0 - (n - 1.0) / freedom * residuals / total } else { 0.0 };
    let spread = ((n + 7.0) * (n - 4.0) / (n * (n - 7.0))).sqrt();
    let sigma = ((residuals / freedom).sqrt() * spread).max(1.01 / t_quantile(0.95, freedom + 1.0));
    let (time, count) = mean(t);
    let expected = (count + slope * (t as f64 - time)).max(0.0);
    let statistic = (observed - expected) / sigma;
    let p_value = t_upper_tail(statistic, freedom);
    let explained = Some(explained);
    Some(Verdict { observed, expected, statistic, p_value, sigma, explained, freedom, weight: 1.0 })
}
