//! Dispersion of count forecasts, measured on honest errors.
//!
//! For forecasts M of counts y made without knowing y, moments give alpha = sum((y - M)^2 - M) / sum(M^2) with
//! Var = M + alpha M^2. Multi-step errors put the drift of the level into alpha, so no separate term is needed.
//! A single series knows little about its alpha: it is shrunk to its level's centre, the harder the fewer
//! tickets it has. Errors grow with the lead; the growth is a straight line per level.
use std::ops::AddAssign;

/// Lower bound of every dispersion: an error of some 3 % that no count model sees.
pub const ALPHA_MIN: f64 = 0.001;
/// Used where no forecast could be checked.
pub const ALPHA_UNKNOWN: f64 = 0.2;
/// Leads at which the growth is stored.
pub const KNOTS: [usize; 4] = [1, 29, 57, 85];
/// Length of the blocks whose sums stand in for months.
pub const BLOCK: usize = 28;

/// Standard deviations beyond which a count is no error of the forecast but a fault or a catastrophe: it counts as this
/// far away. One day at fifty times the usual count would else make the band of a year several times as wide.
const REACH: f64 = 6.0;
/// Rounds in which a dispersion and what is within reach of it are found.
const ROUNDS: usize = 5;
/// Pseudo-observations of the centre in a series' own alpha.
const SHRINK: f64 = 10.0;
/// Squares that a variance is taken to rest on at least.
const FEW_SQUARES: f64 = 6.0;
/// Largest relative growth from the middle of the scored leads to their end.
const GROWTH_MAX: f64 = 0.4;

/// Sums that a dispersion is the ratio of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Excess {
    /// Sum of (y - M)^2 - M.
    pub excess: f64,
    /// Sum of M^2.
    pub squares: f64,
    /// Number of terms.
    pub n: usize,
}

impl Excess {
    /// Adds one forecast with its count.
    pub fn push(&mut self, y: f64, mean: f64) {
        self.excess += (y - mean) * (y - mean) - mean;
        self.squares += mean * mean;
        self.n += 1;
    }

    /// Moment estimate, not negative; `None` without volume.
    pub fn alpha(&self) -> Option<f64> {
        (self.squares > 0.0).then(|| (self.excess / self.squares).max(0.0))
    }

    /// The series' own alpha shrunk to `centre`.
    ///
    /// `information` is the number of observations the squares are worth; with mean M, M^2 for each.
    fn shrunk(&self, centre: f64, information: f64) -> f64 {
        let k = information / (information + SHRINK);
        (k * self.alpha().unwrap_or(centre) + (1.0 - k) * centre).max(ALPHA_MIN)
    }
}

/// A count brought within [`REACH`] standard deviations of its forecast.
pub fn within_reach(y: f64, mean: f64, alpha: f64) -> f64 {
    within(REACH, y, mean, alpha)
}

/// A count brought within so many standard deviations of its forecast, and one ticket.
pub fn within(reach: f64, y: f64, mean: f64, alpha: f64) -> f64 {
    let reach = reach * (mean + alpha * mean * mean).sqrt() + 1.0;
    y.clamp(mean - reach, mean + reach)
}

/// Moment estimate of alpha from counts with their means, at least [`ALPHA_MIN`]; counts out of reach of it are brought
/// within, since one fault of the data would else let every later burst pass.
pub fn alpha_within_reach<I: Iterator<Item = (f64, f64)>>(known: impl Fn() -> I) -> f64 {
    let moments = |within: &dyn Fn(f64, f64) -> f64| {
        let mut excess = Excess::default();
        known().for_each(|(y, mean)| excess.push(within(y, mean), mean));
        excess.alpha().unwrap_or(0.0).max(ALPHA_MIN)
    };
    (0..ROUNDS).fold(moments(&|y, _| y), |alpha, _| moments(&|y, mean| within_reach(y, mean, alpha)))
}

impl AddAssign for Excess {
    fn add_assign(&mut self, other: Self) {
        self.excess += other.excess;
        self.squares += other.squares;
        self.n += other.n;
    }
}

/// Errors of one series over rolling origins.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// By quarter of the scored leads.
    pub quarters: [Excess; 4],
    /// Of block sums.
    pub blocks: Excess,
    horizon: usize,
}

impl Errors {
    /// For forecasts of `horizon` days.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, ..Self::default() }
    }

    /// Of forecasts from several origins, each with what came, see [`Self::push_origin`]; counts out of reach of the
    /// dispersion that the others have are brought within it.
    pub fn of<'a>(horizon: usize, origins: &(impl Iterator<Item = (&'a [f32], &'a [f64])> + Clone)) -> Self {
        let mut errors = Self::new(horizon);
        origins.clone().for_each(|(y, means)| errors.push_origin(y, means));
        for _ in 0..ROUNDS {
            let Some(alpha) = errors.daily().alpha() else { break };
            let mut again = Self::new(horizon);
            let mut clipped = false;
            for (y, means) in origins.clone() {
                let near = |(y, mean): (&f32, &f64)| within_reach(f64::from(*y), *mean, alpha) as f32;
                let near: Vec<f32> = y.iter().zip(means).map(near).collect();
                clipped |= near.iter().zip(y).any(|(a, b)| a < b);
                again.push_origin(&near, means);
            }
            if !clipped {
                break;
            }
            errors = again;
        }
        errors
    }

    /// Adds the forecasts of one origin; `y` and `means` are indexed by lead, missing days are `NaN`.
    ///
    /// The sum of the first [`BLOCK`] days counts as a month unless one of them is missing.
    pub fn push_origin(&mut self, y: &[f32], means: &[f64]) {
        for (lead, (count, mean)) in y.iter().zip(means).enumerate().filter(|(_, (count, _))| !count.is_nan())
        {
            self.quarters[lead * 4 / self.horizon.max(1)].push(f64::from(*count), *mean);
        }
        let days = BLOCK.min(self.horizon);
        let sum: f64 = y.iter().take(days).map(|v| f64::from(*v)).sum();
        if !sum.is_nan() && days > 0 {
            self.blocks.push(sum, means.iter().take(days).sum());
        }
    }

    /// All leads together.
    pub fn daily(&self) -> Excess {
        let mut all = Excess::default();
        for quarter in self.quarters {
            all += quarter;
        }
        all
    }
}

/// Centre and growth of the dispersion at one level of the hierarchy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Centre {
    daily: f64,
    blocks: f64,
    /// Relative growth of alpha from the middle of the scored leads to their end.
    slope: f64,
    horizon: usize,
    /// Series of the level.
    series: usize,
}

impl Centre {
    /// From the errors of all series of a level.
    pub fn new<'a>(errors: impl Iterator<Item = &'a Errors> + Clone, horizon: usize) -> Self {
        let mut quarters = [Excess::default(); 4];
        for one in errors.clone() {
            for (sum, quarter) in quarters.iter_mut().zip(one.quarters) {
                *sum += quarter;
            }
        }
        Self {
            daily: centre(errors.clone().map(Errors::daily)),
            blocks: centre(errors.clone().map(|e| e.blocks)),
            slope: slope(&quarters),
            horizon,
            series: errors.count(),
        }
    }

    /// Dispersion of daily forecasts at lead 1, and its growth at [`KNOTS`].
    pub fn daily(&self, errors: &Errors) -> (f64, [f64; 4]) {
        let all = errors.daily();
        let at_middle = all.shrunk(self.daily, all.squares / self.horizon.max(1) as f64);
        let first = self.line(1.0);
        let alpha = (at_middle * first).max(ALPHA_MIN);
        (alpha, KNOTS.map(|knot| self.line(knot as f64) / first))
    }

    /// What [`Self::daily`] rests on: the series' squared means, and what the centre counts for.
    pub fn evidence(&self, errors: &Errors) -> f64 {
        errors.daily().squares + SHRINK * self.horizon as f64
    }

    /// Dispersion of monthly sums in the first month ahead; each day is in `counted` blocks.
    ///
    /// Blocks are few: n of them tell a variance as n squares do, and what is forecast with it spreads as Student's t,
    /// whose variance is n / (n - 2) times as large. A year of the city's total has 13 blocks, its topics lend each
    /// other theirs.
    pub fn monthly(&self, errors: &Errors, counted: f64) -> f64 {
        let blocks = errors.blocks;
        let information = (blocks.squares / BLOCK as f64).min(blocks.n as f64);
        let k = information / (information + SHRINK);
        let squares = blocks.n as f64 / counted.max(1.0) * (k + (1.0 - k) * self.series as f64);
        blocks.shrunk(self.blocks, information) * squares.max(FEW_SQUARES) / (squares.max(FEW_SQUARES) - 2.0)
    }

    /// Growth at a lead relative to the middle of the scored leads.
    fn line(&self, lead: f64) -> f64 {
        let middle = (self.horizon as f64 + 1.0) / 2.0;
        let half = ((self.horizon as f64 - 1.0) / 2.0).max(1.0);
        1.0 + self.slope * (lead - middle) / half
    }
}

/// A dispersion after some more days, without looking at the old ones again.
///
/// alpha = sum((y - M)^2 - M) / sum(g M^2) with g the growth at each lead is a ratio of sums, so new days are added to
/// both: alpha' = (E alpha + sum((y - M)^2 - M)) / (E + sum(g M^2)), with E the `evidence` of the old one. Counts out of
/// reach are brought within it. `y` and `means` are indexed by lead, missing days are `NaN`; the sum over old days includes what the series' level counts for.
pub fn updated(alpha: f64, evidence: f64, growth: &[f64; 4], y: &[f32], means: &[f64]) -> f64 {
    if evidence <= 0.0 {
        return alpha;
    }
    let (mut excess, mut squares) = (evidence * alpha, evidence);
    for (lead, (count, mean)) in (1..).zip(y.iter().zip(means)).filter(|(_, (count, _))| !count.is_nan()) {
        let growth = growth_at(growth, lead);
        let error = within_reach(f64::from(*count), *mean, alpha * growth) - mean;
        excess += error * error - mean;
        squares += growth * mean * mean;
    }
    (excess / squares).max(ALPHA_MIN)
}

/// Growth at any lead from the values at [`KNOTS`]: straight between them, constant after the last.
pub fn growth_at(growth: &[f64; 4], lead: usize) -> f64 {
    let at = KNOTS.partition_point(|knot| *knot <= lead);
    match at {
        0 => growth[0],
        4 => growth[3],
        _ => {
            let (left, right) = (KNOTS[at - 1] as f64, KNOTS[at] as f64);
            let share = (lead as f64 - left) / (right - left);
            growth[at - 1] + share * (growth[at] - growth[at - 1])
        }
    }
}

/// Mean of the series' alphas, weighted by the root of their squares.
fn centre(errors: impl Iterator<Item = Excess>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for one in errors {
        if let Some(alpha) = one.alpha() {
            let weight = one.squares.sqrt();
            sum += weight * alpha;
            weights += weight;
        }
    }
    if weights > 0.0 { (sum / weights).max(ALPHA_MIN) } else { ALPHA_UNKNOWN }
}

/// Slope of the pooled alphas over the quarters of the leads, relative to their mean, per half of the leads.
fn slope(quarters: &[Excess; 4]) -> f64 {
    let alphas: Vec<f64> = quarters.iter().filter_map(Excess::alpha).collect();
    let mean = alphas.iter().sum::<f64>() / 4.0;
    if alphas.len() < 4 || mean <= 0.0 {
        return 0.0;
    }
    // Quarters' middles are at -3/4, -1/4, 1/4, 3/4 of half the leads; their squares sum to 5/4.
    let product: f64 = [-0.75, -0.25, 0.25, 0.75].iter().zip(&alphas).map(|(x, a)| x * a).sum();
    (product / 1.25 / mean).clamp(0.0, GROWTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(pairs: &[(f32, f64)]) -> Errors {
        let mut errors = Errors::new(pairs.len());
        let (y, means): (Vec<f32>, Vec<f64>) = pairs.iter().copied().unzip();
        errors.push_origin(&y, &means);
        errors
    }

    #[test]
    fn moments_by_hand() {
        // (20-10)^2-10 = 90, (4-10)^2-10 = 26 over 100 + 100.
        let mut excess = Excess::default();
        excess.push(20.0, 10.0);
        excess.push(4.0, 10.0);
        assert!((excess.alpha().unwrap() - 116.0 / 200.0).abs() < 1e-12);
    }

    #[test]
    fn alpha_grows_over_the_leads_and_never_shrinks() {
        let rising = errors(&[(11.0, 10.0), (16.0, 10.0), (17.0, 10.0), (20.0, 10.0)]);
        let falling = errors(&[(20.0, 10.0), (17.0, 10.0), (16.0, 10.0), (11.0, 10.0)]);
        let grow = |e: &Errors| Centre::new([*e].iter(), 4).daily(e).1;
        assert!(grow(&rising).windows(2).all(|w| w[0] < w[1]), "{:?}", grow(&rising));
        assert_eq!(grow(&falling), [1.0; 4]);
    }

    #[test]
    fn few_tickets_mean_the_centre() {
        let sparse = errors(&[(1.0, 0.01), (0.0, 0.01), (0.0, 0.01), (0.0, 0.01)]);
        let dense = errors(&[(110.0, 100.0), (90.0, 100.0), (110.0, 100.0), (90.0, 100.0)]);
        let centre = Centre { daily: 0.5, blocks: 0.5, slope: 0.0, horizon: 4, series: 1 };
        assert!((centre.daily(&sparse).0 - 0.5).abs() < 0.05);
        assert!(centre.daily(&dense).0 < 0.01);
    }

    #[test]
    fn a_month_known_from_few_blocks_is_wider_than_one_known_from_many() {
        let mut errors = Errors::new(28);
        for k in 0..26 {
            errors.push_origin(&[if k % 2 == 0 { 120.0 } else { 80.0 }; 28], &[100.0; 28]);
        }
        let plain = errors.blocks.alpha().unwrap();
        let of = |series: usize| Centre::new(vec![errors; series].iter(), 28).monthly(&errors, 2.0);
        assert!((of(1) / plain - 13.0 / 11.0).abs() < 1e-9, "{}", of(1) / plain);
        assert!(of(100) / plain < 1.01);
    }

    #[test]
    fn one_impossible_day_counts_as_one_out_of_reach() {
        let usual = |n: usize| vec![[12.0_f32, 8.0, 9.0, 11.0]; n];
        let means = [10.0; 4];
        let of = |days: &[[f32; 4]]| {
            let origins = days.iter().map(|y| (&y[..], &means[..]));
            Errors::of(4, &origins).daily().alpha().unwrap()
        };
        let mut faulty = usual(50);
        faulty[20][1] = 500.0;
        assert_eq!(of(&usual(50)), 0.0);
        assert!(of(&faulty) < 0.05, "{}", of(&faulty));
        // What is far but happens is no fault.
        let wild: Vec<[f32; 4]> = (0..50).map(|k| if k % 5 == 0 { [40.0; 4] } else { [4.0; 4] }).collect();
        let mut plain = Errors::new(4);
        wild.iter().for_each(|y| plain.push_origin(y, &means));
        assert_eq!(of(&wild), plain.daily().alpha().unwrap());
        let flat = [1.0; 4];
        assert!(updated(0.05, 5000.0, &flat, &[500.0], &[10.0]) < 0.2);
    }

    #[test]
    fn new_days_move_a_dispersion_by_their_weight() {
        let flat = [1.0; 4];
        // (100 * 0.1 + (30-10)^2 - 10) / (100 + 100); the missing day says nothing.
        let got = updated(0.1, 100.0, &flat, &[30.0, f32::NAN], &[10.0, 10.0]);
        assert!((got - 400.0 / 200.0).abs() < 1e-12, "{got}");
        // Added one by one or together, with the evidence grown by what was added.
        let first = updated(0.1, 100.0, &flat, &[30.0], &[10.0]);
        let both = updated(first, 200.0, &flat, &[12.0], &[10.0]);
        assert!((both - updated(0.1, 100.0, &flat, &[30.0, 12.0], &[10.0, 10.0])).abs() < 1e-12);
        assert_eq!(updated(0.1, 0.0, &flat, &[30.0], &[10.0]), 0.1);
        assert_eq!(updated(0.1, 1.0, &flat, &[10.0], &[10.0]), ALPHA_MIN);
    }

    #[test]
    fn growth_is_straight_between_knots() {
        let growth = [1.0, 2.0, 2.5, 4.0];
        assert_eq!(growth_at(&growth, 1), 1.0);
        assert_eq!(growth_at(&growth, 15), 1.5);
        assert_eq!(growth_at(&growth, 57), 2.5);
        assert_eq!(growth_at(&growth, 300), 4.0);
    }

    #[test]
    fn a_block_with_a_missing_day_is_no_month() {
        let mut errors = Errors::new(2);
        errors.push_origin(&[1.0, f32::NAN], &[1.0, 1.0]);
        errors.push_origin(&[3.0, 4.0], &[2.0, 2.0]);
        assert_eq!((errors.blocks.n, errors.daily().n), (1, 3));
        assert_eq!(errors.blocks.excess, 9.0 - 4.0);
    }
}
