//! Faults of the delivery: rows that came twice, and a source that is late.
//!
//! While a source is late no newer day is judged at all ([`crate::aggregate::watermark`]); what is held back here is what
//! would be said of coming weeks from forecasts that have grown old.
use std::collections::BTreeMap;

use weisu_models::hotspot::tuning::Share;

use super::{
    Finding, Found, Scene,
    control::Held,
    data::{Fault, SIZABLE, days_back, finding},
    grounds::Late,
};
use crate::{
    store::{Arrival, DayStatus, SourceDay, details::DataFault},
    ticket::Day,
};

/// Share of repeated rows over the usual one that is too many, and the usual one from which on times are too coarse to tell.
const MANY: f64 = 0.05;
const COARSE: f64 = 0.2;
/// Days before that say what is usual.
const BEFORE: usize = 28;
/// Deliveries that say how long a source usually takes.
const DELIVERIES: usize = 6;
/// A source whose newest day is older has ended.
const OVER: i32 = 60;

/// A day on which far more rows than usual repeat another one of their delivery.
pub fn doubled_rows(scene: &Scene, out: &mut Found) {
    let Some(twins) = &scene.grounds.twins else { return };
    let (start, total) = (Day::from(scene.city.panel.start), scene.series(0));
    let rows = |t: usize| twins.get(&start.plus(t as i32)).copied().unwrap_or(0) as f64;
    let share = |t: usize| rows(t) / f64::from(total[t]).max(1.0);
    for t in days_back(scene).filter(|t| *t >= BEFORE) {
        let (now, of) = (rows(t), f64::from(total[t]));
        if now < SIZABLE || of.is_nan() {
            continue;
        }
        let mut before: Vec<f64> = (t - BEFORE..t).filter(|t| !total[*t].is_nan()).map(share).collect();
        before.sort_by(f64::total_cmp);
        let usual = before.get(before.len() / 2).copied().unwrap_or(1.0);
        let most = 2.0 * usual + MANY;
        if usual >= COARSE || Share::new(now as usize, of.max(now) as usize).lower < most {
            continue;
        }
        let (day, single) = (start.plus(t as i32), (of - now).max(0.0));
        let found = finding(scene, 0, "doubled_rows", (day, day), (of, single), DataFault::DoubledRows);
        // As many tickets as there would be with the largest share that is no fault.
        out.findings.push(Finding { bound: single / (1.0 - most), ..found });
        out.faults.push(Fault {
            window: (day, day),
            nodes: Vec::new(),
            is_ahead: false,
            held: Held::DataFault("doubled_rows"),
        });
    }
}

/// A source that is late: told, and what would be said of coming weeks without it is held back.
pub fn late_source(scene: &Scene, out: &mut Found) {
    let Some(late) = scene.grounds.late.iter().max_by_key(|late| late.window.1.0 - late.window.0.0) else {
        return;
    };
    let days = f64::from(late.window.1.0 - late.window.0.0 + 1);
    let (counts, fault) = ((0.0, late.usual * days), DataFault::LateSource);
    out.findings.push(finding(scene, 0, "late_source", late.window, counts, fault));
    out.faults.push(Fault {
        window: (late.window.0, Day(i32::MAX)),
        nodes: Vec::new(),
        is_ahead: true,
        held: Held::DataFault("late_source"),
    });
}

/// Sources of which a newer day should be known by `today`: by what their deliveries of the last months took until
/// the next one, but for the slowest tenth of them, and a day more.
pub fn late(arrivals: &[Arrival], days: &[SourceDay], today: Day) -> Vec<Late> {
    let mut sources: BTreeMap<i32, BTreeMap<i32, i32>> = BTreeMap::new();
    for arrival in arrivals.iter().filter(|a| a.n > 0) {
        let newest = sources.entry(arrival.source).or_default().entry(arrival.arrived).or_insert(arrival.day);
        *newest = arrival.day.max(*newest);
    }
    sources.iter().filter_map(|(source, deliveries)| is_late(*source, deliveries, days, today)).collect()
}

/// `deliveries` has the newest day of each day of arrival.
fn is_late(source: i32, deliveries: &BTreeMap<i32, i32>, days: &[SourceDay], today: Day) -> Option<Late> {
    let mut known = i32::MIN;
    // How old the newest day was when the next delivery came.
    let mut took = Vec::new();
    for (arrived, newest) in deliveries {
        if known > i32::MIN {
            took.push(arrived - known);
        }
        known = known.max(*newest);
    }
    took.sort_unstable();
    let usual = *took.get((took.len() * 9 / 10).min(took.len().checked_sub(1)?))?;
    let age = today.0 - known;
    if took.len() < DELIVERIES || age <= usual.max(1) + 1 || age > OVER {
        return None;
    }
    let closed = days.iter().filter(|d| d.source == source && d.status == DayStatus::Closed);
    let tickets: Vec<i64> = closed.rev().take(BEFORE).map(|d| d.tickets).collect();
    let usual = tickets.iter().sum::<i64>() as f64 / tickets.len().max(1) as f64;
    Some(Late { window: (Day(known + 1), today.plus(-1)), usual })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deliveries every `every` days up to day 100, each with all days before its own.
    fn arrivals(every: i32) -> Vec<Arrival> {
        let days = |arrived: i32| (arrived - every..arrived).map(move |day| (day, arrived));
        (0..=100)
            .step_by(every as usize)
            .flat_map(days)
            .map(|(day, arrived)| Arrival { source: 1, day, arrived, n: 10 })
            .collect()
    }

    fn check(every: i32, today: i32, late: Option<(i32, i32)>) {
        let days: Vec<SourceDay> = (0..100)
            .map(|day| SourceDay { source: 1, day: Day(day), tickets: 10, status: DayStatus::Closed })
            .collect();
        let found = super::late(&arrivals(every), &days, Day(today));
        let windows: Vec<_> = found.iter().map(|l| (l.window.0.0, l.window.1.0)).collect();
        assert_eq!(windows, late.into_iter().collect::<Vec<_>>(), "every {every} days, day {today}");
        assert!(found.iter().all(|l| l.usual == 10.0));
    }

    #[test]
    fn a_source_is_late_by_its_own_rhythm() {
        check(1, 101, None);
        check(1, 102, None);
        check(1, 103, Some((100, 102)));
        check(10, 110, None);
        check(10, 112, Some((100, 111)));
        check(1, 165, None);
        // Three deliveries are no rhythm.
        check(50, 155, None);
    }
}
