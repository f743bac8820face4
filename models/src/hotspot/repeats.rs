//! Repeats piling up: more of a cell's tickets are about a matter already reported than usual.
//!
//! Given `n` tickets in a window, the repeats among them are beta-binomial: mean `n s`, with the share `s` of the weeks
//! before, shrunk to that of the topic, and variance `phi n s (1 - s)`, with `phi` measured on those weeks. The number of
//! tickets is taken as given, so that a rise of everything is no rise of repeats.
use statrs::function::gamma::ln_gamma;

use super::baseline::trimmed_mean;

/// Tickets that the share of the topic is worth.
const STRENGTH: f64 = 40.0;
/// The share is never taken for less than this: a cell without a repeat so far is not certain to have none.
const LEAST: f64 = 0.005;
/// Variance over that of a binomial where too little is known to measure it.
const USUAL_PHI: f64 = 1.5;

/// Repeats and tickets of one window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Tickets about a matter already reported.
    pub repeats: f64,
    /// All tickets.
    pub tickets: f64,
}

/// How a window's repeats look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeats {
    /// Usual share of repeats.
    pub share: f64,
    /// Repeats expected among the tickets of the window.
    pub expected: f64,
    /// The largest number that is still normal.
    pub upper: f64,
    /// P(at least as many | as usual), mid-p.
    pub p_value: f64,
    /// (repeats - expected) / (upper - expected): above 1 is abnormal.
    pub score: f64,
}

/// Judges the window `now` by the windows `past` of the same length; `topic` is the usual share of repeats in the topic.
/// `None` where the window has no ticket.
pub fn judge(now: Counts, past: &[Counts], topic: f64, alpha: f64) -> Option<Repeats> {
    let n = now.tickets.round();
    if n < 1.0 {
        return None;
    }
    let total = past.iter().fold(Counts::default(), |sum, w| Counts {
        repeats: sum.repeats + w.repeats,
        tickets: sum.tickets + w.tickets,
    });
    let share = ((total.repeats + STRENGTH * topic) / (total.tickets + STRENGTH)).clamp(LEAST, 1.0 - LEAST);
    let squares = past.iter().filter(|w| w.tickets >= 1.0);
    let squares =
        squares.map(|w| (w.repeats - w.tickets * share).powi(2) / (w.tickets * share * (1.0 - share)));
    let phi = trimmed_mean(squares.collect()).unwrap_or(USUAL_PHI);
    // What is not known of the share adds to the spread of the window.
    let phi = phi.max(1.0) + n / (total.tickets + STRENGTH);
    let expected = n * share;
    let tail = tail(n as u64, share, phi.min(0.9 * n.max(1.2)));
    let at = (now.repeats.max(0.0) as usize).min(tail.len() - 2);
    let mid = |y: usize| f64::midpoint(tail[y], tail[y + 1]);
    let upper = (0..=n as usize).rev().find(|y| mid(*y) >= alpha).unwrap_or(0) as f64;
    let upper = if upper > expected { upper } else { expected + 0.5 };
    Some(Repeats {
        share,
        expected,
        upper,
        p_value: mid(at).clamp(1e-14, 1.0),
        score: (now.repeats - expected) / (upper - expected),
    })
}

/// P(Y >= y) for y = 0 ..= n + 1 of a beta-binomial of `n` with mean `n share` and variance `phi n share (1 - share)`.
fn tail(n: u64, share: f64, phi: f64) -> Vec<f64> {
    let size = n as f64;
    // variance = n s (1 - s) (1 + (n - 1) rho), and a + b = 1 / rho - 1.
    let rho = ((phi - 1.0) / (size - 1.0).max(1.0)).clamp(1e-6, 0.95);
    let (a, b) = (share * (1.0 / rho - 1.0), (1.0 - share) * (1.0 / rho - 1.0));
    let beta = |x: f64, y: f64| ln_gamma(x) + ln_gamma(y) - ln_gamma(x + y);
    let base = ln_gamma(size + 1.0) - beta(a, b);
    let mut out = vec![0.0; n as usize + 2];
    for y in (0..=n as usize).rev() {
        let k = y as f64;
        let log = base - ln_gamma(k + 1.0) - ln_gamma(size - k + 1.0) + beta(k + a, size - k + b);
        out[y] = (out[y + 1] + log.exp()).min(1.0);
    }
    out
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn week(rng: &mut ChaCha8Rng, tickets: usize, share: f64) -> Counts {
        let repeats = (0..tickets).filter(|_| rng.random::<f64>() < share).count();
        Counts { repeats: repeats as f64, tickets: tickets as f64 }
    }

    #[test]
    fn the_distribution_sums_to_one_and_has_its_mean_and_variance() {
        let tail = tail(60, 0.2, 2.5);
        let mean: f64 = tail[1..].iter().sum();
        let pmf = |y: usize| tail[y] - tail[y + 1];
        let variance: f64 = (0..=60).map(|y| pmf(y) * (y as f64 - mean).powi(2)).sum();
        assert!((tail[0] - 1.0).abs() < 1e-9 && (mean - 12.0).abs() < 1e-6, "{mean}");
        assert!((variance - 2.5 * 60.0 * 0.16).abs() < 1e-6, "{variance}");
    }

    #[test]
    fn usual_weeks_seldom_alarm_and_a_pile_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut alarms, n) = (0, 2000);
        for i in 0..n {
            let tickets = [8, 30, 120][i % 3];
            let past: Vec<Counts> = (0..25).map(|_| week(&mut rng, tickets, 0.15)).collect();
            let judged = judge(week(&mut rng, tickets, 0.15), &past, 0.12, 0.005).unwrap();
            assert_eq!(judged.p_value < 0.005, judged.score > 1.0, "{judged:?}");
            alarms += usize::from(judged.p_value < 0.005);
        }
        assert!(alarms <= 16, "{alarms} of {n} at 0.005");
        let past: Vec<Counts> = (0..25).map(|_| week(&mut rng, 40, 0.15)).collect();
        let pile = judge(Counts { repeats: 24.0, tickets: 40.0 }, &past, 0.15, 0.005).unwrap();
        assert!(pile.p_value < 1e-5 && pile.score > 1.5, "{pile:?}");
        // Twice as many tickets with the usual share are no pile.
        let busy = judge(Counts { repeats: 12.0, tickets: 80.0 }, &past, 0.15, 0.005).unwrap();
        assert!(busy.p_value > 0.2, "{busy:?}");
        assert_eq!(judge(Counts::default(), &past, 0.15, 0.005), None);
    }

    #[test]
    fn a_cell_without_a_past_takes_the_share_of_its_topic() {
        let judged = judge(Counts { repeats: 4.0, tickets: 10.0 }, &[], 0.4, 0.005).unwrap();
        assert!((judged.share - 0.4).abs() < 1e-9 && judged.p_value > 0.3, "{judged:?}");
    }
}
