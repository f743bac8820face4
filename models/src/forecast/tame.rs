//! Impossible days taken out of a series before a model sees it that would chase them.
//!
//! Smoothing and decomposition follow the last days with whatever weight their errors suggest: a batch of tickets entered
//! forty times yesterday would be half of tomorrow's forecast. A day is held against the same weekday three weeks back and
//! forth; what is out of [reach](crate::intervals::dispersion::within_reach) of the series' own scatter around that is
//! brought within it. A new level is not out of reach.
use crate::intervals::dispersion::{alpha_within_reach, within_reach};

const WEEK: usize = 7;
const WEEKS: usize = 3;

/// Daily counts with impossible days brought within reach; missing days stay missing.
pub fn tame(y: &[f32]) -> Vec<f32> {
    stood_in_for(y, |_, reach| reach)
}

/// Daily counts with what is usual in place of impossible days, for who would repeat them as they are.
pub fn usual_for_impossible(y: &[f32]) -> Vec<f32> {
    stood_in_for(y, |usual, _| usual)
}

fn stood_in_for(y: &[f32], what: impl Fn(f64, f64) -> f64) -> Vec<f32> {
    let usual: Vec<f64> = (0..y.len()).map(|t| usual(y, t)).collect();
    let known = || y.iter().zip(&usual).filter(|(count, usual)| !count.is_nan() && !usual.is_nan());
    let alpha = alpha_within_reach(|| known().map(|(count, usual)| (f64::from(*count), *usual)));
    let tamed = |(count, usual): (&f32, &f64)| {
        if count.is_nan() || usual.is_nan() {
            return *count;
        }
        let reach = within_reach(f64::from(*count), *usual, alpha);
        if f64::from(*count) > reach { what(*usual, reach) as f32 } else { *count }
    };
    y.iter().zip(&usual).map(tamed).collect()
}

/// Median of the same weekday in the weeks around; NaN where none is known.
fn usual(y: &[f32], t: usize) -> f64 {
    let mut around = [0.0_f32; 2 * WEEKS];
    let mut n = 0;
    for back in (1..=WEEKS).map(|week| week * WEEK) {
        let both = [t.checked_sub(back), Some(t + back)];
        for count in both.into_iter().flatten().filter_map(|at| y.get(at)).filter(|count| !count.is_nan()) {
            around[n] = *count;
            n += 1;
        }
    }
    let around = &mut around[..n];
    around.sort_unstable_by(f32::total_cmp);
    if n == 0 { f64::NAN } else { f64::midpoint(f64::from(around[(n - 1) / 2]), f64::from(around[n / 2])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(n: usize) -> Vec<f32> {
        (0..n).map(|t| if t % 7 < 5 { 40.0 + (t * 37 % 11) as f32 } else { 10.0 + (t % 3) as f32 }).collect()
    }

    #[test]
    fn an_impossible_day_is_brought_within_reach_wherever_it_is() {
        for day in [0, 70, 139] {
            let mut y = weeks(140);
            let before = y[day];
            y[day] = 40.0 * before;
            let tamed = tame(&y);
            assert!(tamed[day] < 4.0 * before, "{day}: {}", tamed[day]);
            let usual = usual_for_impossible(&y);
            assert!(usual[day] < 1.3 * before, "{day}: {}", usual[day]);
            y[day] = tamed[day];
            let touched = tamed.iter().zip(&y).filter(|(a, b)| *a != *b).count();
            assert_eq!(touched, 0, "no other day");
        }
    }

    #[test]
    fn a_new_level_a_quiet_day_and_a_gap_are_left_as_they_are() {
        let mut y = weeks(140);
        y[133..].iter_mut().for_each(|v| *v *= 2.0);
        y[60] = 0.0;
        y[61] = f32::NAN;
        for (t, (tamed, count)) in tame(&y).iter().zip(&y).enumerate() {
            assert!(tamed == count || (tamed.is_nan() && t == 61), "{t}: {tamed} for {count}");
        }
        assert!(tame(&[]).is_empty() && tame(&[3.0])[0] == 3.0);
    }
}
