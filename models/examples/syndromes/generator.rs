//! The simulated syndromes: counts by day, with one outbreak in the last 49 weeks.
//!
//! `log mu(t) = alpha + beta u + sum_{j<=k} [g1 cos(2 pi j u / Y) + g2 sin(2 pi j u / Y)]
//! + sum_{l<=k2} [g3 cos(2 pi l u / D) + g4 sin(2 pi l u / D)]` with `u = t + shift`, `D` days in a week of the system
//! and `Y = 52 D` days in its year; counts are negative binomial with variance `phi mu` (Poisson where `phi` is 1).
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, LogNormal, Poisson};

/// Years simulated.
pub const YEARS: usize = 7;
/// Weeks in a year of the simulation.
const WEEKS: usize = 52;
/// Days simulated, weekends of 5-day systems too.
pub const DAYS: usize = YEARS * WEEKS * 7;
/// Newest days, in which the outbreak begins and that are scored.
pub const CURRENT: usize = 49 * 7;
/// Week of Good Friday in each year; the Monday after is a holiday as well.
const EASTER: [usize; YEARS] = [13, 15, 13, 12, 15, 13, 12];

/// Mean and dispersion of a series.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    alpha: f64,
    beta: f64,
    annual: [f64; 2],
    weekly: [f64; 2],
    harmonics: [u32; 2],
    phi: f64,
    shift: f64,
}

/// A rise that comes every year, some days earlier or later.
#[derive(Debug, Clone, Copy)]
pub struct Surge {
    /// First day of a year on which it may begin, in days of the system.
    from: usize,
    /// Days of the system within which it begins.
    within: usize,
    /// Cases, in standard deviations of `shape` on the day it begins.
    size: f64,
    /// Mean and dispersion its size is drawn from.
    shape: Shape,
}

/// A syndrome.
#[derive(Debug, Clone, Copy)]
pub struct Syndrome {
    /// Its number.
    pub id: u8,
    /// Days in a week of the system: 5 or 7.
    pub week: usize,
    /// Mean and dispersion.
    pub shape: Shape,
    /// Counts are divided by this after they are drawn.
    pub divisor: f64,
    /// Mean and dispersion that its outbreaks are sized by.
    pub sized_by: Shape,
    /// Its yearly rise.
    pub surge: Option<Surge>,
}

/// A simulated series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Counts by day.
    pub counts: Vec<f32>,
    /// Cases of the outbreak among them.
    pub outbreak: Vec<f32>,
}

const fn shape(alpha: f64, beta: f64, g: [f64; 4], harmonics: [u32; 2], phi: f64, shift: f64) -> Shape {
    Shape { alpha, beta, annual: [g[0], g[1]], weekly: [g[2], g[3]], harmonics, phi, shift }
}

const fn syndrome(id: u8, week: usize, shape: Shape) -> Syndrome {
    Syndrome { id, week, shape, divisor: 1.0, sized_by: shape, surge: None }
}

/// The published sixteen (there is no number 2).
pub fn all() -> Vec<Syndrome> {
    let winter = shape(1.0, 0.0, [0.1, 2.0, 0.05, 0.05], [1, 1], 1.0, -50.0);
    let cold = shape(6.0, 0.0, [0.3, 2.0, 0.3, 0.5], [1, 1], 1.5, -50.0);
    let steady = shape(6.0, 0.0, [0.2, 0.2, 0.5, 0.4], [1, 2], 2.0, 29.0);
    let rising = shape(2.0, 0.0005, [0.8, 0.8, 0.8, 0.4], [1, 2], 4.0, 57.0);
    let surge = |from, within, size, shape| Some(Surge { from, within, size, shape });
    vec![
        syndrome(1, 7, steady),
        syndrome(3, 7, shape(0.5, 0.0, [1.5, 1.4, 0.5, 0.4], [1, 2], 1.0, -167.0)),
        syndrome(4, 7, shape(5.5, 0.0, [0.0, 0.0, 0.3, 0.25], [0, 2], 1.0, 1.0)),
        syndrome(5, 7, shape(2.0, 0.0, [0.0, 0.0, 0.3, 0.25], [0, 2], 1.0, 1.0)),
        Syndrome { divisor: 10.0, surge: surge(0, 20, 3.0 * 5.0 * 80.0, cold), ..syndrome(6, 5, cold) },
        Syndrome { surge: surge(0, 20, 3.0 * 5.0 * 50.0, winter), ..syndrome(7, 5, winter) },
        Syndrome {
            divisor: 10.0,
            ..syndrome(8, 5, shape(6.0, 0.0001, [0.0, 0.0, 0.6, 0.9], [0, 1], 1.5, 0.0))
        },
        syndrome(9, 5, shape(3.0, 0.0, [1.5, 0.1, 0.2, 0.3], [1, 1], 1.0, -150.0)),
        syndrome(10, 5, shape(3.0, 0.0, [0.2, 0.1, 0.05, 0.15], [1, 1], 1.0, -200.0)),
        syndrome(11, 5, shape(5.0, 0.0, [0.2, 0.1, 0.05, 0.1], [1, 1], 1.0, 0.0)),
        syndrome(12, 5, shape(0.5, 0.0, [0.4, 0.0, 0.05, 0.15], [2, 1], 1.0, 0.0)),
        Syndrome {
            divisor: 100.0,
            ..syndrome(13, 5, shape(9.0, 0.0, [0.5, 0.2, 0.2, 0.5], [1, 1], 1.0, 0.0))
        },
        Syndrome { sized_by: steady, ..syndrome(14, 7, rising) },
        Syndrome {
            sized_by: Shape { beta: 0.0, ..rising },
            ..syndrome(15, 7, shape(0.05, 0.0, [0.01, 0.01, 1.8, 0.1], [4, 1], 1.0, -85.0))
        },
        Syndrome {
            surge: surge(209, 21, 3.0 * 7.0 * 150.0, winter),
            ..syndrome(16, 7, shape(3.0, 0.0, [0.8, 0.6, 0.8, 0.4], [1, 2], 4.0, 29.0))
        },
        syndrome(17, 7, shape(6.0, 0.0, [0.0, 0.0, 0.8, 0.4], [0, 2], 4.0, 1.0)),
    ]
}

impl Shape {
    /// Mean of day `t` (from 1) of a system with `week` days a week.
    fn mean(&self, t: usize, week: usize) -> f64 {
        let u = t as f64 + self.shift;
        let waves = |harmonics: u32, [cosine, sine]: [f64; 2], period: usize| {
            (1..=harmonics)
                .map(|j| {
                    let angle = std::f64::consts::TAU * f64::from(j) * u / period as f64;
                    cosine * angle.cos() + sine * angle.sin()
                })
                .sum::<f64>()
        };
        let annual = waves(self.harmonics[0], self.annual, WEEKS * week);
        (self.alpha + self.beta * u + annual + waves(self.harmonics[1], self.weekly, week)).exp()
    }

    fn draw(&self, mean: f64, rng: &mut ChaCha8Rng) -> f64 {
        let rate = if self.phi > 1.0 {
            Gamma::new(mean / (self.phi - 1.0), self.phi - 1.0).map_or(mean, |gamma| gamma.sample(rng))
        } else {
            mean
        };
        poisson(rate, rng)
    }
}

fn poisson(rate: f64, rng: &mut ChaCha8Rng) -> f64 {
    Poisson::new(rate.max(1e-12)).map_or(0.0, |poisson| poisson.sample(rng))
}

impl Syndrome {
    /// One series with an outbreak of `factor` times its standard deviation a day over a week; 0 for none. `holidays` lets
    /// bank holidays change the counts.
    pub fn simulate(&self, factor: f64, holidays: bool, seed: u64) -> Series {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let days = YEARS * WEEKS * self.week;
        let mut counts: Vec<f64> = (1..=days)
            .map(|t| self.shape.draw(self.shape.mean(t, self.week), &mut rng) / self.divisor)
            .collect();
        if let Some(surge) = &self.surge {
            for year in 0..YEARS {
                let start = year * WEEKS * self.week + surge.from + rng.random_range(0..surge.within);
                let sd = (surge.shape.mean(start + 1, 5) * surge.shape.phi).sqrt();
                let cases = self.spread(start, surge.size * sd, 0.02, 5, &mut rng);
                counts.iter_mut().zip(&cases).for_each(|(y, extra)| *y += extra);
            }
        }
        let current = CURRENT / 7 * self.week;
        let start = days - current + rng.random_range(0..current);
        let sd = (self.sized_by.mean(start + 1, self.week) * self.sized_by.phi).sqrt();
        let outbreak = match factor > 0.0 {
            true => self.spread(start, factor * self.week as f64 * sd, 0.25, self.week, &mut rng),
            false => vec![0.0; days],
        };
        counts.iter_mut().zip(&outbreak).for_each(|(y, extra)| *y += extra);
        if holidays {
            self.keep_holidays(&mut counts);
        }
        Series { counts: self.laid_out(&counts), outbreak: self.laid_out(&outbreak) }
    }

    /// Poisson(`size`) cases, 2 at least, from day `start` on: lognormal(0, 0.5) times, `interval` of it a day, more on
    /// the days of the week on which more is reported. Cases on the last day or after it are lost.
    fn spread(&self, start: usize, size: f64, interval: f64, week: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut days = vec![0.0; YEARS * WEEKS * self.week];
        let Ok(delay) = LogNormal::new(0.0, 0.5) else { return days };
        let cases = loop {
            let cases = poisson(size, rng);
            if cases >= 2.0 {
                break cases as u64;
            }
        };
        let end = days.len() - 1;
        for _ in 0..cases {
            let day = start + (delay.sample(rng) / interval) as usize;
            if day < end {
                days[day] += weight(day + 1, week);
            }
        }
        days
    }

    /// Bank holidays: nothing in 5-day systems and half as much again on the next day of work; twice as much in 7-day
    /// systems.
    fn keep_holidays(&self, counts: &mut [f64]) {
        for day in holidays() {
            let (weeks, weekday) = (day / 7, day % 7);
            let at = weeks * self.week + weekday;
            if self.week == 7 {
                counts[at] *= 2.0;
            } else {
                counts[at] = 0.0;
                counts[at + 1] *= 1.5;
            }
        }
    }

    /// Rounded, with empty weekends in a 5-day system.
    fn laid_out(&self, days: &[f64]) -> Vec<f32> {
        let mut out = Vec::with_capacity(DAYS);
        for week in days.chunks_exact(self.week) {
            out.extend(week.iter().map(|y| y.round() as f32));
            out.resize(out.len() + 7 - self.week, 0.0);
        }
        out
    }
}

/// Weight of day `t` (from 1) in an outbreak: Mondays weigh most in 5-day systems, weekends in 7-day systems.
fn weight(t: usize, week: usize) -> f64 {
    match (week, t % week) {
        (5, 1) => 1.5,
        (5, 0 | 2) => 1.1,
        (7, 0 | 6) => 2.0,
        _ => 1.0,
    }
}

/// Positions of the bank holidays, in years of 52 weeks that begin on a Monday: New Year, Good Friday, Easter Monday, two
/// Mondays in May, one in August, two days at Christmas.
pub fn holidays() -> impl Iterator<Item = usize> {
    EASTER.into_iter().enumerate().flat_map(|(year, easter)| {
        let week = |w: usize| (year * WEEKS + w) * 7;
        [week(0), week(easter) + 4, week(easter + 1), week(18), week(21), week(34), week(51), week(51) + 1]
    })
}
