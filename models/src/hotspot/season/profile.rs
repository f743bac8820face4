//! Whether a series has a yearly season, and what it looked like in past years.
//!
//! Years are laid beside each other in rows of 52 weeks that begin in the quietest time, so that no season is cut in
//! two. Three questions are asked, and each must be answered with yes:
//!
//! 1. *Is there a profile at all?* Two-way analysis of variance of sqrt(count / the year's mean) over 13 periods of four
//!    weeks and J years, without interaction: F = MS(periods) / MS(residual) with 12 and 12 (J - 1) degrees of freedom.
//!    What differs between years is the residual, so that one loud month in one year is no season. The root makes
//!    the noise of counts alike in quiet and busy months.
//! 2. *Does it matter?* The share of variance that the periods explain, adjusted for degrees of freedom, and the rise
//!    from trough to peak against the noise of one week's count.
//! 3. *Does it begin at about the same time?* The threshold is passed in nearly every past year, within weeks.
//!
//! The threshold is half-way between trough and peak of the smoothed profile, and no lower than the upper 95 % limit of
//! what the quiet quarter of past years reached, which is the pre-epidemic threshold of the moving epidemic method (Vega
//! et al. 2013). It is a multiple of the level of the 52 weeks before the row, and frozen there: a season that
//! grows must not raise the bar that it is held against.
use chrono::NaiveDate;
use statrs::function::beta::beta_reg;

use super::{Weekly, episodes};

/// Weeks in a row of the profile: the same weekdays, nearly the same date.
pub const YEAR: usize = 52;
/// Years that are looked at.
const MOST_YEARS: usize = 5;
/// Years that a season needs to be known from.
const LEAST_YEARS: usize = 2;
/// Weeks in a period of the test, and periods in a year.
const PERIOD: usize = 4;
const PERIODS: usize = YEAR / PERIOD;
/// Weeks over which the quietest time is looked for: a quarter.
const QUARTER: usize = 13;
/// Weights of the weeks around a week in the smoothed profile.
const KERNEL: [f64; 5] = [1.0, 2.0, 3.0, 2.0, 1.0];
/// P(F) and adjusted share of variance of a season.
const MOST_P: f64 = 0.01;
const LEAST_STRENGTH: f64 = 0.4;
/// Standard deviations of a week's count that the rise from trough to peak is worth.
const LEAST_RISE: f64 = 3.0;
/// Weeks that the onset of a past year lies from the median of all at most.
const MOST_SHIFT: usize = 10;
/// Upper 95 % limit of a normal distribution.
const Z95: f64 = 1.645;

/// A season of a past year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Past {
    /// Monday of the first week.
    pub onset: NaiveDate,
    /// Monday of the busiest week of the year.
    pub peak: NaiveDate,
    /// Tickets of that week.
    pub height: f64,
}

/// The yearly season of a series, as it is known in the quiet time before.
#[derive(Debug, Clone, PartialEq)]
pub struct Yearly {
    /// Position of the week in which the present row of 52 begins.
    pub cut: usize,
    /// Mean tickets a week in the 52 before.
    pub level: f64,
    /// Tickets a week above which a week belongs to the season.
    pub threshold: f64,
    /// Smoothed multiples of the level from the cut on.
    pub profile: Vec<f64>,
    /// Seasons of past years, newest first.
    pub past: Vec<Past>,
    /// Past years that were looked at, with a season or without.
    pub years: usize,
    /// Share of the variance within years that the profile explains, adjusted for degrees of freedom.
    pub strength: f64,
    /// P(so strong a profile | none).
    pub p_value: f64,
}

impl Yearly {
    /// The season of a series of weekly sums, frozen at the newest quiet time; `None` without a clear one.
    pub fn new(weekly: &Weekly) -> Option<Self> {
        Self::at(weekly, Self::quietest(&weekly.sums)?)
    }

    /// The season as it is known before week `cut`; `None` without a clear one.
    pub fn at(weekly: &Weekly, cut: usize) -> Option<Self> {
        let rows = rows(weekly.sums.get(..cut)?);
        if rows.len() < LEAST_YEARS {
            return None;
        }
        let levels: Vec<f64> = rows.iter().map(|row| mean(row)).collect();
        if levels.iter().any(|level| level.is_nan() || *level <= 0.0) {
            return None;
        }
        let relative: Vec<Vec<f64>> =
            rows.iter().zip(&levels).map(|(row, level)| row.iter().map(|y| y / level).collect()).collect();
        let (strength, p_value) = test(&relative)?;
        let profile = smooth(&columns(&relative));
        let (low, high) = (trough(&profile), profile.iter().copied().fold(0.0, f64::max));
        let level = levels[0];
        let rise = (high - low) * level > LEAST_RISE * (high * level).sqrt();
        if p_value > MOST_P || strength < LEAST_STRENGTH || !rise {
            return None;
        }
        let bar = (0.5 * (low + high)).max(quiet_limit(&relative, &profile));
        let past = past(weekly, cut, &rows, &levels, bar)?;
        Some(Self { cut, level, threshold: bar * level, profile, past, years: rows.len(), strength, p_value })
    }

    /// Begin of the newest row of 52 weeks that starts in the middle of the quietest quarter; `None` with less than two
    /// years.
    ///
    /// All 52 places are compared, the newest of equal ones wins.
    pub fn quietest(sums: &[f64]) -> Option<usize> {
        let rows = rows(sums);
        if rows.len() < LEAST_YEARS {
            return None;
        }
        let levels = rows.iter().map(|row| mean(row));
        let relative: Vec<Vec<f64>> =
            rows.iter().zip(levels).map(|(row, level)| row.iter().map(|y| y / level).collect()).collect();
        let means = columns(&relative);
        let quarter = |at: usize| {
            let around = (0..QUARTER).map(|k| means[(at + YEAR + k - QUARTER / 2) % YEAR]);
            mean(&around.collect::<Vec<_>>())
        };
        let at = (1..=YEAR).rev().min_by(|a, b| quarter(*a).total_cmp(&quarter(*b)))?;
        // Column `at` of the newest row; column 52 is the week after the last.
        Some(sums.len() - YEAR + at)
    }
}

/// Rows of 52 weeks before the end, newest first.
fn rows(known: &[f64]) -> Vec<&[f64]> {
    known.rchunks_exact(YEAR).take(MOST_YEARS).collect()
}

/// Mean over the years in each of 52 weeks; what is unknown in every year is the mean of all.
fn columns(relative: &[Vec<f64>]) -> Vec<f64> {
    let means: Vec<f64> =
        (0..YEAR).map(|k| mean(&relative.iter().map(|row| row[k]).collect::<Vec<_>>())).collect();
    let all = mean(&means);
    means.into_iter().map(|m| if m.is_nan() { all } else { m }).collect()
}

/// Weighted mean over neighbouring weeks, around the year.
fn smooth(means: &[f64]) -> Vec<f64> {
    let half = KERNEL.len() / 2;
    let total: f64 = KERNEL.iter().sum();
    let at = |k: usize| {
        (0..KERNEL.len()).map(|i| KERNEL[i] * means[(k + YEAR + i - half) % YEAR]).sum::<f64>() / total
    };
    (0..YEAR).map(at).collect()
}

/// Mean of the known values; `NaN` without any.
fn mean(values: &[f64]) -> f64 {
    let known = values.iter().filter(|y| !y.is_nan());
    let (n, sum) = known.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + y));
    sum / n
}

/// Median of the quietest quarter of the profile.
fn trough(profile: &[f64]) -> f64 {
    let mut sorted = profile.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[QUARTER / 2]
}

/// Upper 95 % limit of single weeks in the quietest quarter of the profile, over all years.
fn quiet_limit(relative: &[Vec<f64>], profile: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..YEAR).collect();
    order.sort_unstable_by(|a, b| profile[*a].total_cmp(&profile[*b]));
    let quiet: Vec<f64> = relative
        .iter()
        .flat_map(|row| order[..QUARTER].iter().map(|k| row[*k]))
        .filter(|y| !y.is_nan())
        .collect();
    let centre = mean(&quiet);
    let squares: f64 = quiet.iter().map(|y| (y - centre).powi(2)).sum();
    centre + Z95 * (squares / (quiet.len().max(2) - 1) as f64).sqrt()
}

/// Seasons of past years, newest first; `None` unless nearly every year has one, at about the same time.
fn past(weekly: &Weekly, cut: usize, rows: &[&[f64]], levels: &[f64], bar: f64) -> Option<Vec<Past>> {
    let mut at = Vec::new();
    let mut out = Vec::new();
    for (years, row) in rows.iter().enumerate() {
        // The oldest year has no year before it.
        let level = levels.get(years + 1).unwrap_or(&levels[years]);
        let above = row.iter().map(|y| (!y.is_nan()).then_some(*y > bar * level));
        let Some(first) = episodes(above).first().copied() else { continue };
        let begin = cut - (years + 1) * YEAR;
        let (peak, height) = busiest(row);
        at.push(first.from);
        out.push(Past {
            onset: weekly.monday(begin + first.from),
            peak: weekly.monday(begin + peak),
            height,
        });
    }
    at.sort_unstable();
    let middle = *at.get(at.len() / 2)?;
    let is_usual = at.len() >= LEAST_YEARS.max((3 * rows.len()).div_ceil(4));
    (is_usual && at.iter().all(|week| week.abs_diff(middle) <= MOST_SHIFT)).then_some(out)
}

/// Place and count of the busiest known week.
fn busiest(row: &[f64]) -> (usize, f64) {
    let known = row.iter().copied().enumerate().filter(|(_, y)| !y.is_nan());
    known.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Adjusted share of variance that the periods explain, and P(F); `None` where too little is known.
///
/// An unknown period takes the mean of the other years and costs a degree of freedom (Yates 1933).
fn test(relative: &[Vec<f64>]) -> Option<(f64, f64)> {
    let (cells, unknown) = cells(relative);
    let of_year: Vec<f64> = cells.iter().map(|row| mean(row)).collect();
    let of_period: Vec<f64> = (0..PERIODS).map(|k| column(&cells, k)).collect();
    let all = mean(&of_year);
    let explained = cells.len() as f64 * of_period.iter().map(|m| (m - all).powi(2)).sum::<f64>();
    let residual: f64 = cells
        .iter()
        .zip(&of_year)
        .flat_map(|(row, year)| row.iter().zip(&of_period).map(move |(y, p)| (y - year - p + all).powi(2)))
        .sum();
    let df1 = (PERIODS - 1) as f64;
    let df2 = (df1 as usize * (cells.len() - 1)).checked_sub(unknown).filter(|df| *df > 0)? as f64;
    let whole = explained + residual;
    // Not a number: a period that no year knows.
    if whole.is_nan() || whole <= 0.0 {
        return None;
    }
    let strength = 1.0 - (residual / df2) / (whole / (df1 + df2));
    // P(F >= f) = I_x(df2 / 2, df1 / 2) at x = df2 / (df2 + df1 f).
    Some((strength.max(0.0), beta_reg(0.5 * df2, 0.5 * df1, residual / whole)))
}

/// Roots of the period means by year and period, and how many were filled in.
fn cells(relative: &[Vec<f64>]) -> (Vec<Vec<f64>>, usize) {
    let root = |row: &Vec<f64>| row.chunks_exact(PERIOD).map(|weeks| mean(weeks).sqrt()).collect();
    let mut cells: Vec<Vec<f64>> = relative.iter().map(root).collect();
    let mut unknown = 0;
    for k in 0..PERIODS {
        let others = column(&cells, k);
        for row in cells.iter_mut().filter(|row| row[k].is_nan()) {
            row[k] = others;
            unknown += 1;
        }
    }
    (cells, unknown)
}

fn column(cells: &[Vec<f64>], k: usize) -> f64 {
    mean(&cells.iter().map(|row| row[k]).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Poisson};

    use super::*;

    /// `years` of weeks from a Monday, with a bump of `height` around `centre` weeks of each year, as Poisson counts.
    pub(crate) fn bumps(years: usize, height: f64, centre: impl Fn(usize) -> f64, seed: u64) -> Weekly {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sums = (0..years * YEAR)
            .map(|k| {
                let away = (k % YEAR) as f64 - centre(k / YEAR);
                let away = away.abs().min(YEAR as f64 - away.abs());
                let mean = 50.0 * (1.0 + height * (-0.5 * (away / 4.0).powi(2)).exp());
                Poisson::new(mean).unwrap().sample(&mut rng)
            })
            .collect();
        Weekly { start: "2020-01-06".parse().unwrap(), sums, open: 0.0, open_days: 0 }
    }

    #[test]
    fn a_season_is_found_where_it_was_put() {
        let yearly = Yearly::new(&bumps(4, 3.0, |_| 30.0, 1)).unwrap();
        assert!(yearly.strength > 0.9 && yearly.p_value < 1e-6, "{yearly:?}");
        // Half of the height is passed 1.18 widths before the centre: in week 25 or 26.
        let first = "2020-01-06".parse::<NaiveDate>().unwrap();
        let weeks: Vec<i64> = yearly.past.iter().map(|p| (p.onset - first).num_days() / 7 % 52).collect();
        assert!(weeks.len() >= 3 && weeks.iter().all(|w| (24..=26).contains(w)), "{weeks:?}");
        let peaks: Vec<i64> = yearly.past.iter().map(|p| (p.peak - first).num_days() / 7 % 52).collect();
        assert!(peaks.iter().all(|w| (27..=33).contains(w)), "{peaks:?}");
        assert!((110.0..140.0).contains(&yearly.threshold), "half-way from 50 to 200: {}", yearly.threshold);
        // The row of 52 weeks begins far from the bump.
        let cut = yearly.cut % YEAR;
        assert!(!(15..=45).contains(&cut), "{cut}");
    }

    #[test]
    fn noise_drift_and_one_loud_year_are_no_season() {
        for seed in 0..40 {
            assert_eq!(Yearly::new(&bumps(4, 0.0, |_| 30.0, seed)), None, "noise {seed}");
        }
        let mut drift = bumps(4, 0.0, |_| 30.0, 7);
        drift.sums.iter_mut().enumerate().for_each(|(k, y)| *y *= 1.0 + k as f64 / 100.0);
        assert_eq!(Yearly::new(&drift), None, "drift");
        let mut once = bumps(4, 0.0, |_| 30.0, 7);
        once.sums[80..95].iter_mut().for_each(|y| *y *= 4.0);
        assert_eq!(Yearly::new(&once), None, "one loud year");
        assert_eq!(
            Yearly::new(&bumps(4, 3.0, |year| [5.0, 30.0, 15.0, 45.0][year], 3)),
            None,
            "never the same"
        );
        assert_eq!(Yearly::new(&bumps(1, 3.0, |_| 30.0, 1)), None, "one year");
    }

    #[test]
    fn gaps_are_bridged_and_too_many_are_no_season() {
        let mut gap = bumps(4, 3.0, |_| 30.0, 1);
        gap.sums[60..75].fill(f64::NAN);
        assert!(Yearly::new(&gap).is_some());
        gap.sums.fill(f64::NAN);
        assert_eq!(Yearly::new(&gap), None);
        let zero = Weekly { sums: vec![0.0; 4 * YEAR], ..gap };
        assert_eq!(Yearly::new(&zero), None);
    }

    #[test]
    fn the_test_has_its_nominal_size() {
        // Rows of pure noise pass the F test as often as its level says.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (mut below, n) = (0, 2000);
        for _ in 0..n {
            let rows: Vec<Vec<f64>> =
                (0..3).map(|_| (0..YEAR).map(|_| rng.random_range(0.8..1.2)).collect()).collect();
            below += usize::from(test(&rows).unwrap().1 < 0.05);
        }
        let share = below as f64 / f64::from(n);
        assert!((0.035..0.065).contains(&share), "{share}");
    }

    proptest! {
        /// Ten times the tickets is the same season: positions stay, levels scale.
        #[test]
        fn scale_does_not_move_a_season(scale in 1.0..100.0_f64, seed in 0..20_u64) {
            let one = bumps(3, 3.0, |_| 30.0, seed);
            let many = Weekly { sums: one.sums.iter().map(|y| y * scale).collect(), ..one.clone() };
            let (a, b) = (Yearly::new(&one).unwrap(), Yearly::new(&many).unwrap());
            prop_assert_eq!(a.cut, b.cut);
            let dates = |y: &Yearly| y.past.iter().map(|p| (p.onset, p.peak)).collect::<Vec<_>>();
            prop_assert_eq!(dates(&a), dates(&b));
            prop_assert!((a.threshold * scale / b.threshold - 1.0).abs() < 1e-9);
        }
    }
}
