//! Publish: sends what waits in the outbox. Export: writes the files of the coming month.
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
        export::{self, Month},
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
    let composed = compose::compose(&cx.store, Desk::of(&cx.config, None), cx.millis()).await?;
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
}

/// Writes the first whole month that the newest forecast holds, and the calendar of seasons.
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
    let summary =
        Exported { forecast: export::export(&cx.store, &request).await?, calendar: calendar(cx).await? };
    Done::new(cx.store.begin().await?, forecast.origin.map(Day), &summary)
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
