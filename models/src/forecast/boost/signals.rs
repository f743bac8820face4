//! What the past of one series says at one origin, and the row of features made of it.
use crate::{
    forecast::{
        glm,
        level::{self, decay_of},
    },
    hierarchy::Level,
    intervals::dispersion::within_reach,
    regressors::Design,
};

/// Features of a row.
pub const WIDTH: usize = 31;
/// Half-lives in days of the levels that are features.
const HALF_LIVES: [f64; 6] = [7.0, 14.0, 28.0, 56.0, 112.0, 224.0];
/// Positions in [`HALF_LIVES`] that a cell sees of its topic and district, and of everything.
const OF_PARENTS: [usize; 3] = [0, 1, 3];
const OF_TOTAL: [usize; 2] = [1, 3];
/// Half-life of the weekdays' own levels.
const WEEKDAY_HALF_LIFE: f64 = 56.0;
/// Days looked back: a year, and the month around the same day last year.
const BACK: usize = 420;
const YEAR: usize = 364;
/// Days on either side of last year's day.
const AROUND: usize = 10;
/// Tickets that a level is pulled to 1 by.
const PRIOR: f64 = 2.0;
/// Added before a logarithm of a daily count.
const LEAST: f64 = 0.02;

/// Logarithms of a series' levels, one per half-life.
pub type LogLevels = [f64; 6];

/// The past of a series against its profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    origin: usize,
    /// Logarithms of the levels at half-lives of 7, 14, 28, 56, 112 and 224 days.
    pub levels: LogLevels,
    weekdays: [f64; 7],
    last_week: f64,
    mean_year: f64,
    mean_month: f64,
    /// Dispersion around the profile.
    pub alpha: f64,
    /// Counts and fitted means summed up to each of the last [`BACK`] days.
    sums: Vec<[f64; 2]>,
}

impl Signals {
    /// Of `y` with the profile `beta` fitted at or before `origin`.
    pub fn new(design: &Design, y: &[f32], beta: &[f64], origin: usize) -> Self {
        let from = (origin + 1).saturating_sub(BACK);
        let mut sums = vec![[0.0; 2]];
        let decay = HALF_LIVES.map(decay_of);
        let weekly = decay_of(WEEKDAY_HALF_LIFE);
        let (mut a, mut b) = ([0.0; 6], [0.0; 6]);
        let mut by_day = [[0.0; 2]; 7];
        let means: Vec<f64> = (from..=origin).map(|t| glm::mean(design, t, beta)).collect();
        let alpha = level::dispersion(&y[from..=origin], &means);
        for (t, mu) in (from..=origin).zip(means) {
            let count = within_reach(f64::from(y[t]), mu, alpha);
            let (count, mu) = if count.is_nan() { (0.0, 0.0) } else { (count, mu) };
            for k in 0..decay.len() {
                (a[k], b[k]) = (a[k] * decay[k] + count, b[k] * decay[k] + mu);
            }
            by_day.iter_mut().flatten().for_each(|sum| *sum *= weekly);
            let day = &mut by_day[design.weekday(t)];
            *day = [day[0] + count, day[1] + mu];
            let last = sums[sums.len() - 1];
            sums.push([last[0] + count, last[1] + mu]);
        }
        let all = by_day.iter().fold([0.0; 2], |s, d| [s[0] + d[0], s[1] + d[1]]);
        let mut this = Self {
            origin,
            levels: std::array::from_fn(|k| log_ratio([a[k], b[k]], PRIOR)),
            weekdays: by_day.map(|day| log_ratio(day, PRIOR) - log_ratio(all, PRIOR)),
            last_week: 0.0,
            mean_year: 0.0,
            mean_month: 0.0,
            alpha,
            sums,
        };
        this.last_week = log_ratio(this.span(6, 0), 1.0);
        let mean = |days: usize| (this.span(days - 1, 0)[0] / days as f64 + LEAST).ln();
        (this.mean_year, this.mean_month) = (mean(365), mean(28));
        this
    }

    /// Counts and fitted means of the days from `first` to `last` days before the origin.
    fn span(&self, first: usize, last: usize) -> [f64; 2] {
        let n = self.sums.len() - 1;
        let at = |back: usize| self.sums[n.saturating_sub(back)];
        let (low, high) = (at(first + 1), at(last));
        [high[0] - low[0], high[1] - low[1]]
    }

    /// How the same days of last year stood against the weeks before last year's origin.
    fn last_year(&self, lead: usize) -> f64 {
        let Some(centre) = YEAR.checked_sub(lead) else { return 0.0 };
        let around = self.span(centre + AROUND, centre.saturating_sub(AROUND));
        log_ratio(around, PRIOR) - log_ratio(self.span(YEAR + 27, YEAR), PRIOR)
    }
}

/// Where in the hierarchy a series stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Everything.
    Total,
    /// A topic over all districts.
    Topic,
    /// A district over all topics.
    District,
    /// A topic in a district.
    Cell,
}

impl From<Level> for Class {
    fn from(level: Level) -> Self {
        match (level.topic, level.district) {
            (0, 0) => Self::Total,
            (_, 0) => Self::Topic,
            (0, _) => Self::District,
            _ => Self::Cell,
        }
    }
}

/// The signals of a series and the levels of what it is part of, at one origin.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Where it stands.
    pub class: Class,
    /// Its own.
    pub own: &'a Signals,
    /// Of its topic, its district and the total; margins have none.
    pub parents: Option<[&'a LogLevels; 3]>,
}

/// Columns of the design that the rows count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Per column: which of the five kinds of special day it is.
    kind: Vec<Option<u8>>,
}

impl Special {
    /// Of a design.
    pub fn of(design: &Design) -> Self {
        let kind = |name: &String| match name.as_str() {
            "holiday" | "big_holiday" | "holiday_weekend" => Some(0),
            "day_after" => Some(1),
            "day_before" => Some(2),
            "year_end" => Some(3),
            "bridge" => Some(4),
            _ => None,
        };
        Self { kind: design.names().iter().map(kind).collect() }
    }
}

/// The features of a series `lead` days after the origin; `profile` is its fitted mean there, without level.
pub fn row(
    design: &Design,
    special: &Special,
    around: &Around<'_>,
    lead: usize,
    profile: f64,
) -> [f32; WIDTH] {
    let own = around.own;
    let t = own.origin + lead;
    let mut x = [0.0; WIDTH];
    (x[0], x[1]) = (lead as f64, design.weekday(t) as f64);
    for (column, _) in design.rare(t) {
        if let Some(kind) = special.kind[usize::from(*column)] {
            x[2 + usize::from(kind)] += 1.0;
        }
    }
    x[7] = around.class as usize as f64;
    (x[8], x[9], x[10], x[11]) = (own.mean_year, own.mean_month, (profile + LEAST).ln(), own.alpha);
    x[12..18].copy_from_slice(&own.levels);
    (x[18], x[19], x[20]) = (own.last_week, own.weekdays[design.weekday(t)], own.last_year(lead));
    if let Some([topic, district, total]) = around.parents {
        for (k, level) in OF_PARENTS.into_iter().enumerate() {
            (x[21 + k], x[24 + k]) = (topic[level], district[level]);
        }
        for (k, level) in OF_TOTAL.into_iter().enumerate() {
            x[27 + k] = total[level];
        }
        x[30] = topic[1] + district[1] - total[1];
    }
    x[29] = own.levels[1] - own.levels[3];
    x.map(|v| v as f32)
}

fn log_ratio([count, mean]: [f64; 2], prior: f64) -> f64 {
    ((count + prior) / (mean + prior)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;

    #[test]
    fn a_series_on_its_profile_has_nothing_to_say_and_a_doubled_one_has() {
        let start = chrono::NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
        let design = Design::new(start, 900, &Calendar::new());
        let mut beta = vec![0.0; design.kinds().len()];
        beta[0] = 20.0_f64.ln();
        let quiet = Signals::new(&design, &[20.0; 900], &beta, 800);
        assert!(quiet.levels.iter().chain(&quiet.weekdays).all(|v| v.abs() < 1e-9), "{quiet:?}");
        assert!(quiet.last_week.abs() < 1e-9 && quiet.last_year(14).abs() < 1e-9);
        let mut y = [20.0; 900];
        // The last month, and the month after the same day last year.
        y[773..=800].fill(40.0);
        y[800 - 364..800 - 336].fill(60.0);
        let loud = Signals::new(&design, &y, &beta, 800);
        assert!(loud.last_week > 0.6 && loud.levels[0] > loud.levels[3], "{loud:?}");
        assert!(loud.last_year(14) > 0.9, "{}", loud.last_year(14));
        // Nothing after the origin is seen.
        y[801..].fill(1e6);
        assert_eq!(Signals::new(&design, &y, &beta, 800), loud);
    }

    #[test]
    fn a_row_holds_what_its_parents_say() {
        let start = chrono::NaiveDate::from_ymd_opt(2024, 9, 2).unwrap();
        let design = Design::new(start, 60, &Calendar::new());
        let beta = vec![0.0; design.kinds().len()];
        let (one, three) = ([1.0; 60], [3.0; 60]);
        let (own, topic) = (Signals::new(&design, &one, &beta, 40), Signals::new(&design, &three, &beta, 40));
        let special = Special::of(&design);
        let alone = Around { class: Class::Topic, own: &topic, parents: None };
        let cell = Around {
            class: Class::Cell,
            own: &own,
            parents: Some([&topic.levels, &own.levels, &own.levels]),
        };
        let (alone, cell) = (row(&design, &special, &alone, 3, 1.0), row(&design, &special, &cell, 3, 1.0));
        assert_eq!((cell[0], cell[7], alone[21]), (3.0, 3.0, 0.0));
        assert!(cell[21] > 0.5 && cell[24].abs() < 1e-6 && (cell[30] - cell[22]).abs() < 1e-6, "{cell:?}");
    }
}
