//! Publish: sends what waits in the outbox. Export: writes the forecasts of the coming month and the report of the month
//! gone by. Weekly: writes the digest of the week gone by.
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Cx, Done};
use crate::{
    publish::{
        compose::{self, Composed},
        deliver::{self, Limits},
        dispatch::Desk,
        event::Sender,
        export::{self, Month},
        links::Links,
        report::{self, Period, ReportError},
    },
    store::RunStatus,
    ticket::Day,
};

#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    composed: Composed,
    #[serde(flatten)]
    sent: deliver::Summary,
}

/// Makes messages of what has waited for its hour, and sends what is due.
pub async fn run(cx: &Cx) -> anyhow::Result<Done> {
    let limits = Limits::of(&cx.config.publish, cx.config.city.lang);
    let (begun, start) = (std::time::Instant::now(), cx.now);
    let now: deliver::Now = Arc::new(move || start + begun.elapsed());
    let client = deliver::client()?;
    let links = Links::load(&cx.config)?;
    let plans = cx.config.plans();
    let sender = Sender { plans: Some(&plans), links: links.as_ref(), ..Sender::of(&cx.config) };
    let desk = Desk::of(&cx.config, None, sender);
    let composed = compose::compose(&cx.store, desk, cx.millis()).await?;
    let summary =
        deliver::drain(&cx.store, &cx.config.receiver, &client, &now, &limits, &CancellationToken::new())
            .await?;
    for (outcome, n) in [("delivered", summary.delivered), ("retry", summary.retried), ("dead", summary.dead)]
    {
        (0..n).for_each(|_| cx.metrics.delivery(outcome));
    }
    let summary = Summary { composed, sent: summary };
    Done::new(cx.store.begin().await?, None, &summary)
}

#[derive(Debug, Serialize)]
struct Exported {
    #[serde(flatten)]
    forecast: export::Summary,
    /// The calendar of seasons, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<export::Summary>,
    /// Absent while the store holds nothing of the month gone by.
    report: Option<report::Summary>,
}

/// Writes the first whole month that the newest forecast holds, the calendar of seasons, and the report of the last whole
/// month before.
pub async fn export(cx: &Cx) -> anyhow::Result<Done> {
    let forecast = cx.store.last_run("forecast", RunStatus::Ok).await?;
    let forecast = forecast.context("no forecast yet: run `weisu once` first")?;
    let request = export::Request {
        city: &cx.config.city,
        month: first_whole_month(Day(forecast.origin.unwrap_or_default())),
        run: Some(forecast.id),
        basis: None,
        folder: &cx.config.publish.exports,
        small_cell: cx.config.publish.small_cell,
    };
    let forecasts = export::export(&cx.store, &request).await?;
    let calendar = calendar(cx).await?;
    let origin = forecast.origin.map(Day);
    let report = report_of(cx, origin.map(Period::last_month)).await?;
    Done::new(cx.store.begin().await?, origin, &Exported { forecast: forecasts, calendar, report })
}

/// Writes the digest of the last whole week.
pub async fn weekly(cx: &Cx) -> anyhow::Result<Done> {
    let last = cx.store.last_closed_day().await?;
    let report = report_of(cx, last.map(Period::last_week)).await?;
    Done::new(cx.store.begin().await?, last, &report)
}

/// Writes a report in the city's language; nothing while no day of its period is known.
async fn report_of(cx: &Cx, period: Option<Period>) -> anyhow::Result<Option<report::Summary>> {
    let Some(period) = period else { return Ok(None) };
    let (from, to) = period.days();
    let calendar = super::city::calendar(&cx.config, from, to)?;
    let sources: Vec<String> = cx.config.source.iter().map(|source| source.name.clone()).collect();
    let request = report::Request {
        city: &cx.config.city,
        calendar: &calendar,
        sources: &sources,
        period,
        lang: cx.config.city.lang,
        small_cell: cx.config.publish.small_cell,
    };
    match report::write(&cx.store, &request, &cx.config.publish.exports).await {
        Ok(summary) => Ok(Some(summary)),
        Err(ReportError::NothingKnown { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn calendar(cx: &Cx) -> anyhow::Result<Option<export::Summary>> {
    let plans = cx.config.plans();
    let request = export::CalendarRequest {
        city: &cx.config.city,
        folder: &cx.config.publish.exports,
        small_cell: cx.config.publish.small_cell,
        plans: &plans,
    };
    match export::export_calendar(&cx.store, &request).await {
        Err(export::ExportError::NoCalendar) => Ok(None),
        done => Ok(Some(done?)),
    }
}

/// The month after the last known day, unless that day ends a month: then the month that begins.
pub fn first_whole_month(origin: Day) -> Month {
    use chrono::Datelike;
    let next = origin.plus(1).date();
    if next.day() == 1 { Month::of(next) } else { Month::of(next + chrono::Months::new(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_lies_wholly_after_the_last_known_day() {
        for (origin, first) in
            [("2024-01-31", "2024-02-01"), ("2024-02-01", "2024-03-01"), ("2024-12-15", "2025-01-01")]
        {
            let origin = Day::from(origin.parse::<chrono::NaiveDate>().unwrap());
            assert_eq!(first_whole_month(origin).first().to_string(), first);
        }
    }
}
