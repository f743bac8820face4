//! What the periods of a forecast are compared with: counts of the same time last year, of the same distance to
//! Lunar New Year, and of the period before.
//!
//! A reference is given only where every one of its days is known: closed in every source, and not after the last day
//! the forecast knew. A day that is missing in a source is unknown, not quiet, so it leaves the reference empty.
use chrono::NaiveDate;
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::calendar::{Alignment, By, align};

use super::month::Month;
use crate::{
    store::{DayStatus, Store, StoreError, Tree, TreeNode, export::ExportSeries},
    ticket::{Basis, Day},
};

/// Where a period's references lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// The same dates last year.
    pub last_year: (Day, Day),
    /// The same distance to Lunar New Year; away from it the same dates.
    pub lunar: (Day, Day),
    /// The period just before.
    pub previous: (Day, Day),
}

impl Periods {
    /// References of a month.
    pub fn of_month(month: Month) -> Self {
        Self::of((month.first(), month.last()), By::Month, month.before().days())
    }

    /// References of a day.
    pub fn of_day(date: NaiveDate) -> Self {
        let before = Day::from(date).plus(-1);
        Self::of((date, date), By::Date, (before, before))
    }

    fn of(period: align::Span, by: By, previous: (Day, Day)) -> Self {
        let past = |alignment: Alignment| {
            let (from, to) = alignment.past(period, 1, by).unwrap_or(period);
            (from.into(), to.into())
        };
        Self { last_year: past(Alignment::Solar), lunar: past(Alignment::SpringFestival), previous }
    }
}

/// Daily counts of every series over the days that references of one month can lie in.
#[derive(Debug, Default)]
pub struct References {
    /// (first day, counts per series and day).
    spans: Vec<Span>,
    at: FxHashMap<i32, usize>,
    unknown: FxHashSet<i32>,
    known: Option<(i32, i32)>,
}

#[derive(Debug)]
struct Span {
    from: i32,
    days: usize,
    counts: Vec<u32>,
}

impl Span {
    fn new((from, to): (Day, Day), series: usize) -> Self {
        let days = usize::try_from(to.0 - from.0 + 1).unwrap_or(0);
        Self { from: from.0, days, counts: vec![0; days * series] }
    }

    fn holds(&self, day: i32) -> bool {
        usize::try_from(day - self.from).is_ok_and(|d| d < self.days)
    }

    fn add(&mut self, series: usize, day: i32, n: i32) {
        let day = usize::try_from(day - self.from).unwrap_or(0);
        self.counts[series * self.days + day] += u32::try_from(n).unwrap_or(0);
    }
}

impl References {
    /// Reads the counts that the references of `month` need. `origin` is the last day the forecast knew.
    pub async fn read(
        store: &Store,
        series: &[ExportSeries],
        month: Month,
        origin: Day,
    ) -> Result<Self, StoreError> {
        let mut out = Self { at: series.iter().map(|s| s.id).zip(0..).collect(), ..Self::default() };
        let days = store.source_days().await?;
        out.unknown = days.iter().filter(|d| d.status != DayStatus::Closed).map(|d| d.day.0).collect();
        let closed = days.iter().filter(|d| d.status == DayStatus::Closed).map(|d| d.day.0);
        out.known = closed.clone().min().zip(closed.max()).map(|(from, to)| (from, to.min(origin.0)));
        let whole = Periods::of_month(month);
        // One day more on the left: the day before the first.
        let ranges = merged([whole.last_year, whole.lunar, (whole.previous.0, month.days().1)]);
        out.spans = ranges.iter().map(|range| Span::new(*range, series.len())).collect();
        let nodes = Basis::ALL.map(|basis| {
            let of_basis = series.iter().enumerate().filter(|(_, s)| s.basis == basis);
            of_basis.map(|(i, s)| ((s.topic, s.district), i)).collect::<FxHashMap<(i32, i32), usize>>()
        });
        let topics = Ancestors::of(store.tree(Tree::Topics).await?);
        let districts = Ancestors::of(store.tree(Tree::Districts).await?);
        for cell in store.export_counts(&ranges).await? {
            let Some(span) = out.spans.iter_mut().find(|s| s.holds(cell.day)) else { continue };
            for topic in topics.up(cell.topic) {
                for district in districts.up(cell.district) {
                    for (nodes, n) in nodes.iter().zip([cell.raw, cell.dedup]) {
                        if let Some(i) = nodes.get(&(topic, district)) {
                            span.add(*i, cell.day, n);
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    /// Tickets of a series in a period; `None` unless all of its days are known.
    pub fn sum(&self, series: i32, (from, to): (Day, Day)) -> Option<u32> {
        let (first, last) = self.known?;
        if from.0 < first || to.0 > last || (from.0..=to.0).any(|d| self.unknown.contains(&d)) {
            return None;
        }
        let i = *self.at.get(&series)?;
        let span = self
            .spans
            .iter()
            .find(|s| s.from <= from.0 && usize::try_from(to.0 - s.from).is_ok_and(|last| last < s.days))?;
        let start = i * span.days + usize::try_from(from.0 - span.from).ok()?;
        let len = usize::try_from(to.0 - from.0 + 1).ok()?;
        Some(span.counts.get(start..start + len)?.iter().sum())
    }
}

/// Ranges in order, those that touch joined.
fn merged(mut ranges: [(Day, Day); 3]) -> Vec<(Day, Day)> {
    ranges.sort_unstable();
    let mut out: Vec<(Day, Day)> = Vec::new();
    for (from, to) in ranges {
        match out.last_mut() {
            Some(last) if from <= last.1.plus(1) => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// A node with its ancestors up to "all".
struct Ancestors(FxHashMap<i32, i32>);

impl Ancestors {
    fn of(nodes: Vec<TreeNode>) -> Self {
        Self(nodes.into_iter().map(|n| (n.id, n.parent)).collect())
    }

    fn up(&self, leaf: i32) -> impl Iterator<Item = i32> {
        std::iter::successors(Some(leaf), |id| (*id != 0).then(|| self.0.get(id).copied().unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn range(from: &str, to: &str) -> (Day, Day) {
        (date(from).into(), date(to).into())
    }

    #[test]
    fn spring_festival_months_look_back_by_the_moon() {
        // Lunar New Year: 2023-01-22, 2024-02-10, 2025-01-29.
        let february = Periods::of_month("2024-02".parse().unwrap());
        assert_eq!(february.last_year, range("2023-02-01", "2023-02-28"));
        assert_eq!(february.lunar, range("2023-01-13", "2023-02-10"));
        assert_eq!(february.previous, range("2024-01-01", "2024-01-31"));
        let day = Periods::of_day(date("2025-01-29"));
        assert_eq!(day.lunar, range("2024-02-10", "2024-02-10"));
        let june = Periods::of_month("2024-06".parse().unwrap());
        assert_eq!(june.lunar, june.last_year);
        assert_eq!(Periods::of_day(date("2024-02-29")).last_year, range("2023-02-28", "2023-02-28"));
    }

    #[test]
    fn unknown_days_give_no_reference() {
        let mut references = References {
            spans: vec![Span { from: 10, days: 4, counts: vec![1, 2, 3, 4, 10, 20, 30, 40] }],
            at: [(7, 0), (9, 1)].into_iter().collect(),
            known: Some((10, 12)),
            ..References::default()
        };
        assert_eq!(references.sum(9, (Day(10), Day(12))), Some(60));
        assert_eq!(references.sum(7, (Day(11), Day(11))), Some(2));
        assert_eq!(references.sum(7, (Day(11), Day(13))), None, "after the origin");
        assert_eq!(references.sum(7, (Day(9), Day(11))), None, "before the first day");
        references.unknown.insert(11);
        assert_eq!(references.sum(7, (Day(10), Day(12))), None, "a gap");
        assert_eq!(references.sum(8, (Day(10), Day(10))), None, "no such series");
    }

    #[test]
    fn touching_ranges_are_read_once() {
        let days = |a, b| (Day(a), Day(b));
        assert_eq!(merged([days(50, 60), days(1, 5), days(4, 9)]), [days(1, 9), days(50, 60)]);
        assert_eq!(merged([days(6, 9), days(1, 5), days(2, 3)]), [days(1, 9)]);
    }
}
