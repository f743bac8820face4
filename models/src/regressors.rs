//! The calendar design that every series of a city shares.
//!
//! Columns, in order: the intercept; six weekdays (Tuesday to Sunday against Monday); sine and cosine of the
//! first three yearly harmonics; then *rare* columns that are zero on most days: kinds of day off and the days
//! around them, one column per holiday name, in China one per day around Lunar New Year, and per season of the
//! calendar one column for "in season" and one for the onset pulse exp(-days since its first day / 10). The city's
//! exogenous regressors come last and are not zero on most days.
//!
//! A row is kept in a form that makes the normal equations cheap: its weekday, the seven dense values with
//! their 28 products, and a short list of rare entries. A thousand days cost some 40,000 multiplications
//! instead of 800,000.
use std::ops::RangeInclusive;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use rustc_hash::FxHashMap;

use crate::calendar::{Calendar, exogenous::Column};

/// Begin of the names of exogenous regressors' columns.
pub const EXOGENOUS: &str = "regressor:";
/// Dense values a day: 1 and three harmonic pairs.
pub const DENSE: usize = 7;
/// Products of pairs of dense values, lower triangle by rows.
pub const PRODUCTS: usize = DENSE * (DENSE + 1) / 2;
/// First rare column: after the intercept, six weekdays and six harmonics.
pub const RARE: usize = 13;
/// Days after which an onset pulse is no longer carried.
const PULSE_DAYS: i64 = 50;

/// Days around Lunar New Year's Day that have a column.
const LUNAR_DAYS: RangeInclusive<i64> = -7..=15;

/// What a column describes; ridges differ by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The constant.
    Intercept,
    /// A weekday against Monday.
    Weekday,
    /// Sine or cosine of the k-th yearly harmonic, k = 1, 2, 3.
    Harmonic(u8),
    /// A kind of special day: day off, day before, day after, make-up workday, …
    Day,
    /// One holiday by name, or a bridge day.
    Name,
    /// In season, or a season's onset pulse.
    Season,
    /// An exogenous regressor.
    Exogenous {
        /// Whether it counts up to the origin alone.
        past_only: bool,
    },
}

/// Design rows for consecutive days.
#[derive(Debug, Clone)]
pub struct Design {
    kinds: Vec<Kind>,
    names: Vec<String>,
    weekday: Vec<u8>,
    dense: Vec<[f64; DENSE]>,
    products: Vec<[f64; PRODUCTS]>,
    /// Rare entries of row t are `entries[starts[t]..starts[t + 1]]`, ascending by column.
    starts: Vec<u32>,
    entries: Vec<(u16, f64)>,
    index: FxHashMap<String, u16>,
}

impl Default for Design {
    /// No rows, and the columns that are always there.
    fn default() -> Self {
        Self {
            kinds: dense_kinds(),
            names: dense_names(),
            weekday: Vec::new(),
            dense: Vec::new(),
            products: Vec::new(),
            starts: vec![0],
            entries: Vec::new(),
            index: FxHashMap::default(),
        }
    }
}

impl Design {
    /// Rows for `days` days from `start` on.
    pub fn new(start: NaiveDate, days: usize, calendar: &Calendar) -> Self {
        let mut design = Self::default();
        let measured: Vec<Column> =
            calendar.regressors().iter().flat_map(|regressor| regressor.columns(start, days)).collect();
        for t in 0..days {
            let date = start + Days::new(t as u64);
            let weekday = date.weekday().num_days_from_monday() as u8;
            let mut rare = rare_values(date, calendar);
            rare.extend(measured.iter().filter(|column| column.values[t] != 0.0).map(|column| {
                let kind = Kind::Exogenous { past_only: column.past_only };
                (format!("{EXOGENOUS}{}", column.name), kind, column.values[t])
            }));
            design.push(weekday, harmonics(date), rare);
        }
        design
    }

    /// Adds a row: weekday 0 to 6 (0 is the base), three harmonic pairs, and entries of rare columns by name.
    ///
    /// A column is created by its first entry; rows before it hold zero there.
    pub fn push(&mut self, weekday: u8, harmonics: [f64; 6], rare: Vec<(String, Kind, f64)>) {
        let mut dense = [1.0; DENSE];
        dense[1..].copy_from_slice(&harmonics);
        let mut products = [0.0; PRODUCTS];
        let pairs = (0..DENSE).flat_map(|a| (0..=a).map(move |b| (a, b)));
        for (p, (a, b)) in products.iter_mut().zip(pairs) {
            *p = dense[a] * dense[b];
        }
        self.weekday.push(weekday % 7);
        self.dense.push(dense);
        self.products.push(products);
        let from = self.entries.len();
        for (name, kind, value) in rare {
            let next = self.kinds.len() as u16;
            let column = *self.index.entry(name).or_insert_with_key(|name| {
                self.kinds.push(kind);
                self.names.push(name.clone());
                next
            });
            self.entries.push((column, value));
        }
        self.entries[from..].sort_unstable_by_key(|(column, _)| *column);
        self.starts.push(self.entries.len() as u32);
    }

    /// Number of rows (days).
    pub fn days(&self) -> usize {
        self.weekday.len()
    }

    /// Kind of every column.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Name of every column.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Weekday of row `t`, 0 = Monday.
    pub fn weekday(&self, t: usize) -> usize {
        usize::from(self.weekday[t])
    }

    /// 1 and the harmonics of row `t`.
    pub fn dense(&self, t: usize) -> &[f64; DENSE] {
        &self.dense[t]
    }

    /// Products of the dense values of row `t`, lower triangle by rows.
    pub fn products(&self, t: usize) -> &[f64; PRODUCTS] {
        &self.products[t]
    }

    /// Entries of row `t` in the rare columns, ascending by column.
    pub fn rare(&self, t: usize) -> &[(u16, f64)] {
        &self.entries[self.starts[t] as usize..self.starts[t + 1] as usize]
    }

    /// Linear predictor of row `t` for coefficients `beta` (one per column).
    pub fn eta(&self, t: usize, beta: &[f64]) -> f64 {
        self.eta_of(t, beta, |_| true)
    }

    /// The same as seen from before row `t`: regressors that are known up to the origin alone are at their norm.
    pub fn eta_ahead(&self, t: usize, beta: &[f64]) -> f64 {
        self.eta_of(t, beta, |column| self.kinds[column] != Kind::Exogenous { past_only: true })
    }

    fn eta_of(&self, t: usize, beta: &[f64], counts: impl Fn(usize) -> bool) -> f64 {
        let dense = &self.dense[t];
        let mut eta = beta[0];
        let weekday = self.weekday(t);
        if weekday > 0 {
            eta += beta[weekday];
        }
        for (x, b) in dense[1..].iter().zip(&beta[7..RARE]) {
            eta += x * b;
        }
        for (column, value) in self.rare(t) {
            let column = usize::from(*column);
            if counts(column) {
                eta += beta[column] * value;
            }
        }
        eta
    }
}

fn dense_kinds() -> Vec<Kind> {
    let harmonics = [1, 1, 2, 2, 3, 3].map(Kind::Harmonic);
    [Kind::Intercept].into_iter().chain([Kind::Weekday; 6]).chain(harmonics).collect()
}

fn dense_names() -> Vec<String> {
    ["intercept", "tue", "wed", "thu", "fri", "sat", "sun", "sin1", "cos1", "sin2", "cos2", "sin3", "cos3"]
        .map(String::from)
        .to_vec()
}

/// Sine and cosine of the first three yearly harmonics.
fn harmonics(date: NaiveDate) -> [f64; 6] {
    let angle = std::f64::consts::TAU * f64::from(date.ordinal0()) / 365.25;
    let mut x = [0.0; 6];
    for k in 0..3_usize {
        (x[2 * k], x[2 * k + 1]) = (angle * (k + 1) as f64).sin_cos();
    }
    x
}

/// Name, kind and value of each rare column that is not zero on `date`.
fn rare_values(date: NaiveDate, calendar: &Calendar) -> Vec<(String, Kind, f64)> {
    let mut out = Vec::new();
    let mut day = |name: &str, kind| out.push((name.to_owned(), kind, 1.0));
    let (before, after) = (date - Days::new(1), date + Days::new(1));
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    match calendar.holiday(date) {
        Some(_) if weekend => day("holiday_weekend", Kind::Day),
        Some(holiday) => {
            day("holiday", Kind::Day);
            if is_big(holiday, date) {
                day("big_holiday", Kind::Day);
            }
            day(&format!("holiday:{}", base_name(holiday)), Kind::Name);
        }
        None if weekend && calendar.is_workday(date) => day("makeup_workday", Kind::Day),
        None => {
            let off = |d| calendar.holiday(d).is_some();
            if !weekend {
                special_weekday(date, before, after, calendar, &mut day);
            }
            if matches!((date.month(), date.day()), (12, 22..) | (1, ..=2)) && !off(date) {
                day("year_end", Kind::Day);
            }
        }
    }
    out.extend(lunar_value(date, calendar));
    out.extend(season_values(date, calendar));
    out
}

/// The day's place around Lunar New Year, in China: a column of its own for each, because a city empties and fills
/// over weeks and no two of these days are alike.
fn lunar_value(date: NaiveDate, calendar: &Calendar) -> Option<(String, Kind, f64)> {
    // New Year's Day lies between 21 January and 20 February.
    let offset = (date.month() <= 3).then(|| calendar.lunar_offset(date)).flatten()?;
    LUNAR_DAYS.contains(&offset).then(|| (format!("lunar:{offset}"), Kind::Name, 1.0))
}

/// Ordinary weekdays next to a holiday.
fn special_weekday(
    date: NaiveDate,
    before: NaiveDate,
    after: NaiveDate,
    calendar: &Calendar,
    day: &mut impl FnMut(&str, Kind),
) {
    if let Some(holiday) = calendar.holiday(before) {
        day("day_after", Kind::Day);
        if date.weekday() == Weekday::Fri {
            day("bridge", Kind::Name);
            if is_big(holiday, before) {
                day("big_friday", Kind::Day);
            }
        }
    }
    if calendar.holiday(after).is_some() {
        day("day_before", Kind::Day);
        if date.weekday() == Weekday::Mon {
            day("bridge", Kind::Name);
        }
    }
}

fn season_values(date: NaiveDate, calendar: &Calendar) -> Vec<(String, Kind, f64)> {
    let mut out: Vec<(String, Kind, f64)> = Vec::new();
    for season in calendar.seasons(date) {
        let name = format!("season:{}", season.name);
        // Overlapping spans of one season (announced over predicted) are one season.
        if out.iter().any(|(known, _, _)| *known == name) {
            continue;
        }
        out.push((name, Kind::Season, 1.0));
        let days = (date - season.from).num_days();
        if days < PULSE_DAYS {
            out.push((format!("onset:{}", season.name), Kind::Season, (-(days as f64) / 10.0).exp()));
        }
    }
    out
}

/// The holiday's name without "(observed)" and the like.
fn base_name(name: &str) -> &str {
    name.split(['(', '（']).next().unwrap_or(name).trim()
}

/// Holidays that empty a city: the year's end, the spring festival, the national week, Thanksgiving.
fn is_big(name: &str, date: NaiveDate) -> bool {
    const NAMES: [&str; 9] = [
        "christmas",
        "thanksgiving",
        "new year",
        "spring festival",
        "national day",
        "春节",
        "除夕",
        "国庆",
        "元旦",
    ];
    let lower = name.to_lowercase();
    NAMES.iter().any(|big| lower.contains(big)) || matches!((date.month(), date.day()), (1, 1) | (12, 25))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Event, Season, Status};

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn calendar() -> Calendar {
        let mut calendar = Calendar::new();
        let mut insert = |day: &str, name: &str, off| {
            let event = Event { name: name.to_owned(), off, status: Status::Announced };
            calendar.insert(date(day), event);
        };
        insert("2024-10-01", "国庆节", true); // Tuesday
        insert("2024-10-12", "国庆节", false); // Saturday, make-up workday
        insert("2024-07-04", "Independence Day (observed)", true); // Thursday
        calendar.insert_season(Season {
            name: "heating".into(),
            from: date("2024-11-15"),
            to: date("2025-03-15"),
            status: Status::Announced,
        });
        calendar
    }

    fn row(day: &str) -> Vec<(String, f64)> {
        let design = Design::new(date(day), 1, &calendar());
        design.rare(0).iter().map(|(c, v)| (design.names()[usize::from(*c)].clone(), *v)).collect()
    }

    fn names(day: &str) -> Vec<String> {
        row(day).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn special_days_get_their_columns() {
        assert_eq!(names("2024-10-01"), ["holiday", "big_holiday", "holiday:国庆节"]);
        assert_eq!(names("2024-10-12"), ["makeup_workday"]);
        assert_eq!(names("2024-09-30"), ["day_before", "bridge"]);
        assert_eq!(names("2024-07-05"), ["day_after", "bridge"]);
        assert_eq!(names("2024-07-04"), ["holiday", "holiday:Independence Day"]);
        assert_eq!(names("2024-12-24"), ["year_end", "season:heating", "onset:heating"]);
        assert_eq!(names("2024-06-12"), [""; 0]);
    }

    #[test]
    fn days_around_lunar_new_year_have_columns_in_china_alone() {
        use crate::calendar::Region;
        let lunar = |day: &str, region| {
            let design = Design::new(date(day), 1, &Calendar::for_region(region, 2024, 2024));
            let name = |(column, _): &(u16, f64)| design.names()[usize::from(*column)].clone();
            design.rare(0).iter().map(name).find(|name| name.starts_with("lunar:"))
        };
        // 10 February is New Year's Day.
        for (day, column) in [
            ("2024-02-02", None),
            ("2024-02-03", Some("lunar:-7")),
            ("2024-02-10", Some("lunar:0")),
            ("2024-02-25", Some("lunar:15")),
            ("2024-02-26", None),
            ("2024-06-10", None),
        ] {
            assert_eq!(lunar(day, Region::China).as_deref(), column, "{day}");
            assert_eq!(lunar(day, Region::UnitedStates), None, "{day}");
        }
    }

    #[test]
    fn a_season_starts_with_a_pulse_that_decays() {
        assert_eq!(row("2024-11-15")[1], ("onset:heating".to_owned(), 1.0));
        assert!((row("2024-11-25")[1].1 - (-1.0_f64).exp()).abs() < 1e-12);
        assert_eq!(names("2025-02-10"), ["season:heating"]);
    }

    #[test]
    fn the_linear_predictor_is_the_row_times_the_coefficients() {
        let design = Design::new(date("2024-09-25"), 30, &calendar());
        let beta: Vec<f64> = (0..design.kinds().len()).map(|c| 0.1 + c as f64).collect();
        let t = 6; // 2024-10-01, Tuesday
        let mut want = beta[0] + beta[1];
        want += (1..DENSE).map(|k| design.dense(t)[k] * beta[6 + k]).sum::<f64>();
        want += design.rare(t).iter().map(|(c, v)| beta[usize::from(*c)] * v).sum::<f64>();
        assert!((design.eta(t, &beta) - want).abs() < 1e-12);
    }
}
