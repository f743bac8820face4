//! Detectors for series too short for a season: a moving baseline, and a prior rate.
//!
//! The moving baseline is the window of EARS C2 (L. Hutwagner et al., *The bioterrorism preparedness and response
//! Early Aberration Reporting System*, J Urban Health 2003), 7 to 28 periods that end two periods before the judged
//! one, so that an outbreak's first days do not raise its own baseline. Where EARS takes mean + 3 sd, which alarms
//! on 4 to 5 % of sparse weeks at a nominal 0.1 %, this takes the negative binomial tail with the spread measured in
//! the window. Daily windows are adjusted by the kind of day, with factors from all the history there is.
use crate::hotspot::evidence::{LONGER, Predictive};

/// Periods between the baseline and the judged period.
const GUARD: usize = 2;
/// Longest baseline, in periods.
const LONGEST: usize = 28;
/// Fewest known periods in a baseline.
pub(in crate::hotspot) const SHORTEST: usize = 7;
/// Weight of the average kind of day in the factor of one kind, in days.
const KIND_PRIOR_DAYS: f64 = 2.0;

/// What is expected of period `t` after the counts before it; `kind(t)` is the kind of day (0 for weeks), below
/// [`KINDS`]. `None` when fewer than 7 periods of the window are known.
pub(in crate::hotspot) fn c2(before: &[f32], kind: impl Fn(usize) -> usize) -> Option<Predictive> {
    let t = before.len();
    let factors = kind_factors(before, &kind);
    let end = t.saturating_sub(GUARD);
    let window = (end.saturating_sub(LONGEST)..end).filter(|i| !before[*i].is_nan());
    let (mut n, mut sum, mut exposure) = (0.0, 0.0, 0.0);
    for i in window.clone() {
        n += 1.0;
        sum += f64::from(before[i]);
        exposure += factors[kind(i)];
    }
    if n < SHORTEST as f64 {
        return None;
    }
    // Half a count stands for what an empty window does not rule out.
    let rate = (sum + 0.5) / exposure;
    let mut pearson = 0.0;
    for i in window {
        let expected = rate * factors[kind(i)];
        pearson += (f64::from(before[i]) - expected).powi(2) / expected;
    }
    let phi = (pearson / (n - 1.0)).max(1.0);
    let mean = rate * factors[kind(t)];
    Some(Predictive {
        mean,
        relative_variance: phi / (rate * exposure),
        phi,
        inverse_mean: n / (rate * exposure),
        n_eff: n,
        inflation: [1.0; LONGER.len()],
    })
}

/// Number of kinds of day.
pub(in crate::hotspot) const KINDS: usize = 9;

/// Level of each kind of day against the average, from all days before the judged one, shrunk to 1.
fn kind_factors(before: &[f32], kind: &impl Fn(usize) -> usize) -> [f64; KINDS] {
    let (mut days, mut sums) = ([0.0; KINDS], [0.0; KINDS]);
    for (i, y) in before.iter().enumerate().filter(|(_, y)| !y.is_nan()) {
        days[kind(i)] += 1.0;
        sums[kind(i)] += f64::from(*y);
    }
    let average = (sums.iter().sum::<f64>() + 0.5) / f64::max(days.iter().sum(), 1.0);
    std::array::from_fn(|k| (sums[k] + KIND_PRIOR_DAYS * average) / ((days[k] + KIND_PRIOR_DAYS) * average))
}

/// What is expected after fewer periods than any baseline needs: the mean so far, shrunk to one count a period by
/// half a period, with a spread (variance = mean + mean^2 / 4 at least) under which only gross excess stands out.
///
/// `None` when nothing is known yet: then every count is as good as any other.
pub(in crate::hotspot) fn prior(before: &[f32]) -> Option<Predictive> {
    let known = before.iter().filter(|y| !y.is_nan());
    let (n, sum) = known.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + f64::from(*y)));
    if n == 0.0 {
        return None;
    }
    let shape = sum + 0.5;
    Some(Predictive {
        mean: shape / (n + 0.5),
        relative_variance: 1.0 / shape.min(4.0),
        phi: 1.0,
        inverse_mean: 0.0,
        n_eff: 1e9,
        inflation: [1.0; LONGER.len()],
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::Distribution;

    use super::*;

    #[test]
    fn the_two_newest_periods_are_not_in_the_baseline() {
        let mut counts = vec![4.0_f32; 30];
        let quiet = c2(&counts, |_| 0).unwrap();
        counts[28] = 90.0;
        let spread = c2(&counts, |_| 0).unwrap();
        // Only the average of all days, which the factor of the one kind cancels, has seen it.
        assert!((quiet.mean - spread.mean).abs() < 1e-9 && quiet.phi == spread.phi, "{quiet:?} {spread:?}");
        counts[27] = 90.0;
        assert!(c2(&counts, |_| 0).unwrap().mean > 6.0);
    }

    #[test]
    fn a_sunday_is_held_against_sundays() {
        let counts: Vec<f32> = (0..27).map(|t| if t % 7 == 6 { 5.0 } else { 40.0 }).collect();
        let sunday = c2(&counts, |t| t % 7).unwrap().mean;
        let monday = c2(&[&counts[..], &[5.0]].concat(), |t| t % 7).unwrap().mean;
        assert!(sunday < 20.0 && monday > 30.0, "{sunday} {monday}");
    }

    #[test]
    fn fewer_than_seven_known_periods_are_no_baseline() {
        let mut counts = vec![1.0_f32; 9];
        assert!(c2(&counts, |_| 0).is_some());
        counts[3] = f32::NAN;
        assert_eq!(c2(&counts, |_| 0), None);
        assert_eq!(prior(&[]), None);
        assert!(prior(&[f32::NAN, 3.0]).unwrap().mean > 2.0);
    }

    #[test]
    fn false_alarms_stay_near_their_nominal_level_on_sparse_counts() {
        // Where mean + 3 sd of a short window alarms on several percent of such periods.
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for mean in [0.3, 3.0] {
            let poisson = rand_distr::Poisson::new(mean).unwrap();
            let counts: Vec<f32> = (0..20_000).map(|_| poisson.sample(&mut rng) as f32).collect();
            let alarms = (30..counts.len())
                .filter(|t| {
                    let before = &counts[t - 30..*t];
                    c2(before, |_| 0).unwrap().tail().mid_p(counts[*t] as u64) < 0.005
                })
                .count();
            let share = alarms as f64 / (counts.len() - 30) as f64;
            assert!((0.001..0.01).contains(&share), "mean {mean}: {share}");
        }
    }
}
