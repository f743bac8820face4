//! The biggest coming rises: what, where, when, how sure, against last year and the seasonal norm.
//!
//! Judged by whole calendar months, because only there the published band is that of the sum; daily bands cannot
//! be added. The norm is the mean of the same month over up to three earlier years. Each node is shown with the
//! month in which it exceeds its norm most.
use chrono::NaiveDate;
use serde::Serialize;
use weisu_models::calendar::align::{YEAR_OF_WEEKS, same_date};

use super::board::{Daily, Member};
use crate::{store::board::Point, ticket::Day};

/// A published band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Band {
    /// Lower edge.
    pub lower: f64,
    /// Upper edge.
    pub upper: f64,
}

/// A week in which a rise is steepest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Week {
    /// First of its seven days.
    pub from: NaiveDate,
    /// Expected count.
    pub expected: f64,
    /// Count of the same weekdays 52 weeks earlier.
    pub last_year: Option<f64>,
}

/// A coming rise (or fall) of one topic or district.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Rise {
    /// Key of the topic or district.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// First day of the month looked at.
    pub month: NaiveDate,
    /// Expected count of the month.
    pub expected: f64,
    /// 80 % band.
    pub band_80: Band,
    /// 95 % band.
    pub band_95: Band,
    /// The same month last year.
    pub last_year: Option<f64>,
    /// Mean of the same month over up to three earlier years.
    pub norm: Option<f64>,
    /// Number of years in the norm.
    pub norm_years: usize,
    /// Expected / last year - 1.
    pub change_last_year: Option<f64>,
    /// Expected / norm - 1.
    pub change_norm: Option<f64>,
    /// Probability that the month exceeds its norm, between 0.025 and 0.975 (the published quantiles say no more).
    pub probability: Option<f64>,
    /// The coming week that exceeds last year's most.
    pub steepest_week: Option<Week>,
}

impl Rise {
    /// Tickets above the norm.
    pub fn excess(&self) -> f64 {
        self.norm.map_or(0.0, |norm| self.expected - norm)
    }
}

/// Which months are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The next whole months.
    Next(usize),
    /// One month, by its first day.
    In(NaiveDate),
}

/// The rises of the members, largest excess over the norm first.
pub fn rises(members: &[Member], name: impl Fn(i32) -> String, when: When) -> Vec<Rise> {
    let mut rises: Vec<Rise> = members.iter().filter_map(|m| rise(m, &name(m.node), when)).collect();
    rises.sort_by(|a, b| b.excess().total_cmp(&a.excess()).then(a.id.cmp(&b.id)));
    rises
}

fn rise(member: &Member, name: &str, when: When) -> Option<Rise> {
    let looked_at = |(i, row): &(usize, &Point)| match when {
        When::Next(months) => *i < months,
        When::In(month) => row.target == Day::from(month).0,
    };
    let months = member.monthly.iter().enumerate().filter(looked_at);
    let best = months
        .map(|(_, row)| row)
        .map(|row| month(member, name, row))
        .reduce(|best, next| if next.excess() > best.excess() { next } else { best })?;
    Some(Rise { steepest_week: steepest_week(member), ..best })
}

fn month(member: &Member, name: &str, row: &Point) -> Rise {
    let month = Day(row.target).date();
    let earlier: Vec<f64> = (1..=3).filter_map(|y| member.actual.month(same_date(month, y))).collect();
    let norm = (!earlier.is_empty()).then(|| earlier.iter().sum::<f64>() / earlier.len() as f64);
    let last_year = member.actual.month(same_date(month, 1));
    Rise {
        id: member.node,
        name: name.to_owned(),
        month,
        expected: row.mean,
        band_80: Band { lower: row.q10, upper: row.q90 },
        band_95: Band { lower: row.q025, upper: row.q975 },
        last_year,
        norm,
        norm_years: earlier.len(),
        change_last_year: change(row.mean, last_year),
        change_norm: change(row.mean, norm),
        probability: norm.map(|norm| probability_above(row, norm)),
        steepest_week: None,
    }
}

/// `value / reference - 1`, where there is a reference.
pub fn change(value: f64, reference: Option<f64>) -> Option<f64> {
    reference.filter(|r| *r > 0.0).map(|r| value / r - 1.0)
}

/// P(count > x) by straight lines between the published quantiles.
pub fn probability_above(row: &Point, x: f64) -> f64 {
    let points = [(row.q025, 0.025), (row.q10, 0.1), (row.q50, 0.5), (row.q90, 0.9), (row.q975, 0.975)];
    if x < points[0].0 {
        return 0.975;
    }
    for pair in points.windows(2) {
        let [(a, p), (b, q)] = [pair[0], pair[1]];
        if x < b {
            return 1.0 - (p + (q - p) * (x - a) / (b - a));
        }
    }
    0.025
}

fn steepest_week(member: &Member) -> Option<Week> {
    let weeks = member.daily.chunks_exact(7).map(|days| week(&member.actual, days));
    weeks.max_by(|a, b| excess(a).total_cmp(&excess(b)))
}

fn excess(week: &Week) -> f64 {
    week.expected - week.last_year.unwrap_or(week.expected)
}

fn week(actual: &Daily, days: &[Point]) -> Week {
    let from = Day(days[0].target);
    let year = i32::from(YEAR_OF_WEEKS);
    let last_year = actual.sum(from.plus(-year), from.plus(6 - year));
    Week { from: from.date(), expected: days.iter().map(|d| d.mean).sum(), last_year }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: i32, q: [f64; 5]) -> Point {
        let [q025, q10, q50, q90, q975] = q;
        Point { topic: 1, district: 0, target, mean: q50, q025, q10, q50, q90, q975 }
    }

    #[test]
    fn the_probability_runs_along_the_quantiles() {
        let row = row(0, [80.0, 90.0, 100.0, 110.0, 120.0]);
        for (x, p) in [(10.0, 0.975), (90.0, 0.9), (95.0, 0.7), (100.0, 0.5), (110.0, 0.1), (500.0, 0.025)] {
            assert!((probability_above(&row, x) - p).abs() < 1e-12, "P(> {x})");
        }
    }

    #[test]
    fn a_band_without_width_is_a_step() {
        let row = row(0, [0.0; 5]);
        assert_eq!(probability_above(&row, 0.0), 0.025);
        assert_eq!(probability_above(&row, -1.0), 0.975);
    }

    #[test]
    fn the_month_with_the_largest_excess_is_shown() {
        let day = |y, m| Day::from(NaiveDate::from_ymd_opt(y, m, 1).unwrap());
        let known: Vec<(Day, bool)> = (day(2023, 1).0..day(2024, 6).0).map(|d| (Day(d), true)).collect();
        let counts: Vec<(Day, i64)> = known.iter().map(|(d, _)| (*d, 10)).collect();
        let monthly = vec![
            row(day(2024, 6).0, [280.0, 290.0, 310.0, 330.0, 340.0]),
            row(day(2024, 7).0, [380.0, 390.0, 400.0, 430.0, 440.0]),
            row(day(2024, 8).0, [180.0, 190.0, 200.0, 230.0, 240.0]),
        ];
        let member = Member { node: 1, actual: Daily::new(&known, counts), daily: Vec::new(), monthly };
        let rises = rises(&[member], |_| "heat".to_owned(), When::Next(3));
        assert_eq!(rises[0].month, NaiveDate::from_ymd_opt(2024, 7, 1).unwrap());
        assert_eq!((rises[0].last_year, rises[0].norm, rises[0].norm_years), (Some(310.0), Some(310.0), 1));
        assert_eq!(rises[0].probability, Some(0.975));
    }
}
