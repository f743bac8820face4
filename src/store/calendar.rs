//! The appeals calendar (民情月历): what each series with a yearly season is expected to do.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Doing, Run, RunStatus, Store, StoreError, Tx, alarms::json, execute, on_read};
use crate::ticket::{Day, DistrictId, TopicId};

/// Rows of a statement: 23 columns x 1,000 rows stay below SQLite's 32,766 variables.
const CHUNK: usize = 1000;

/// A season of a past year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PastSeason {
    /// Monday of the week it began in.
    #[schema(value_type = String, format = Date)]
    pub onset: NaiveDate,
    /// Monday of its busiest week.
    #[schema(value_type = String, format = Date)]
    pub peak: NaiveDate,
    /// Tickets of that week.
    pub height: f64,
}

/// A series in the calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarRow {
    /// Its key.
    pub series: i32,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = the whole city.
    pub district: DistrictId,
    /// The year that the season to come is named after: that of its usual date.
    pub season: i32,
    /// `ahead` or `under_way`.
    pub standing: String,
    /// First week of the season under way, where that is known.
    pub begun: Option<Day>,
    /// Monday of the week in which the next one is expected to begin.
    pub onset: Day,
    /// First and last day of an 80 % interval of that.
    pub interval: (Day, Day),
    /// P(it begins within two weeks of the date).
    pub probability: f64,
    /// `forecast`, or `past_years` where the forecast does not reach it.
    pub said_by: String,
    /// `early`, `usual` or `late` against past years.
    pub timing: String,
    /// Days later than in past years; negative = earlier.
    pub shift_days: i32,
    /// Monday of the busiest week.
    pub peak: Day,
    /// Tickets expected in it.
    pub peak_expected: f64,
    /// 80 % interval of that.
    pub peak_interval: (f64, f64),
    /// Last day of the season.
    pub ends: Option<Day>,
    /// First and last day of the quiet weeks before it.
    pub repair: Option<(Day, Day)>,
    /// Tickets a week from which on a week belongs to the season.
    pub threshold: f64,
    /// `own`, or `city` where the dates are borrowed from the topic over the whole city.
    pub dates_of: String,
    /// Share of the city's tickets in season, where the dates are borrowed.
    pub share: Option<f64>,
    /// Past seasons, newest first: of the city where the dates are borrowed.
    pub past: Vec<PastSeason>,
}

/// Which rows, by the trees: with all below them unless a district is given alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CalendarFilter {
    /// This topic and what is below it.
    pub topic: Option<TopicId>,
    /// Exactly this district; 0 = the whole city.
    pub district: Option<DistrictId>,
    /// Seasons that begin by this day, or are under way.
    pub until: Option<Day>,
    /// At most so many, the first ones.
    pub limit: Option<i64>,
}

/// The calendar of run `$1`, cut down by the filter.
const MATCHING: &str = "FROM calendar c JOIN series s ON s.id = c.series \
     WHERE c.run = $1 AND ($2 = 0 OR s.topic IN (WITH RECURSIVE below (id) AS (SELECT $2 UNION ALL \
     SELECT t.id FROM topics t JOIN below b ON t.parent = b.id) SELECT id FROM below)) \
     AND ($3 IS NULL OR s.district = $3) AND ($4 IS NULL OR c.standing = 'under_way' OR c.onset <= $4)";

#[derive(sqlx::FromRow)]
struct Row {
    series: i32,
    topic: TopicId,
    district: DistrictId,
    season: i32,
    standing: String,
    begun: Option<i32>,
    onset: i32,
    onset_from: i32,
    onset_to: i32,
    probability: f64,
    said_by: String,
    timing: String,
    shift_days: i32,
    peak: i32,
    peak_expected: f64,
    peak_low: f64,
    peak_high: f64,
    ends: Option<i32>,
    repair_from: Option<i32>,
    repair_to: Option<i32>,
    threshold: f64,
    dates_of: String,
    share: Option<f64>,
    past: String,
}

impl TryFrom<Row> for CalendarRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let past = serde_json::from_str(&row.past)
            .map_err(|_| StoreError::Corrupt { what: "calendar.past", value: row.past.clone() })?;
        Ok(Self {
            series: row.series,
            topic: row.topic,
            district: row.district,
            season: row.season,
            standing: row.standing,
            begun: row.begun.map(Day),
            onset: Day(row.onset),
            interval: (Day(row.onset_from), Day(row.onset_to)),
            probability: row.probability,
            said_by: row.said_by,
            timing: row.timing,
            shift_days: row.shift_days,
            peak: Day(row.peak),
            peak_expected: row.peak_expected,
            peak_interval: (row.peak_low, row.peak_high),
            ends: row.ends.map(Day),
            repair: row.repair_from.map(Day).zip(row.repair_to.map(Day)),
            threshold: row.threshold,
            dates_of: row.dates_of,
            share: row.share,
            past,
        })
    }
}

impl Store {
    /// The detect run whose calendar is kept, and the rows of it that match: seasons under way first, then by begin,
    /// topic and district; `None` before the first.
    pub async fn calendar(
        &self,
        filter: CalendarFilter,
    ) -> Result<Option<(Run, Vec<CalendarRow>)>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT c.series, s.topic, s.district, c.season, c.standing, c.begun, c.onset, c.onset_from, c.onset_to, \
             c.probability, c.said_by, c.timing, c.shift_days, c.peak, c.peak_expected, c.peak_low, c.peak_high, c.ends, \
             c.repair_from, c.repair_to, c.threshold, c.dates_of, c.share, c.past {MATCHING} \
             ORDER BY CASE c.standing WHEN 'under_way' THEN 0 ELSE 1 END, c.onset, s.topic, s.district LIMIT $5"
        ));
        let Some(run) = self.last_run("detect", RunStatus::Ok).await? else { return Ok(None) };
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(sql)
            .bind(run.id).bind(filter.topic.unwrap_or(0)).bind(filter.district).bind(filter.until.map(|d| d.0))
            .bind(filter.limit.unwrap_or(i64::MAX)).fetch_all(c))
        .doing("read the calendar")?;
        Ok(Some((run, rows.into_iter().map(CalendarRow::try_from).collect::<Result<_, _>>()?)))
    }

    /// How many rows of a run's calendar match, whatever the limit.
    pub async fn calendar_size(&self, run: i64, filter: CalendarFilter) -> Result<i64, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) {MATCHING}"));
        let (n,): (i64,) = on_read!(self, c => sqlx::query_as(sql)
            .bind(run).bind(filter.topic.unwrap_or(0)).bind(filter.district).bind(filter.until.map(|d| d.0))
            .fetch_one(c))
        .doing("read the calendar")?;
        Ok(n)
    }
}

impl Tx {
    /// Puts a run's calendar in the place of the one before; `rows` ascend by series.
    pub async fn put_calendar(&mut self, run: i64, rows: &[CalendarRow]) -> Result<(), StoreError> {
        execute!(self, "write the calendar", "DELETE FROM calendar WHERE run <> $1", run)?;
        let past: Vec<String> =
            rows.iter().map(|row| json(&row.past, "calendar.past")).collect::<Result<_, _>>()?;
        let lines: Vec<(&CalendarRow, &String)> = rows.iter().zip(&past).collect();
        for chunk in lines.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(
                        "INSERT INTO calendar (run, series, season, standing, begun, onset, onset_from, onset_to, probability, \
                         said_by, timing, shift_days, peak, peak_expected, peak_low, peak_high, ends, repair_from, repair_to, \
                         threshold, dates_of, share, past) ",
                    );
                    q.push_values(chunk, |mut to, (row, past)| {
                        to.push_bind(run).push_bind(row.series).push_bind(row.season).push_bind(&row.standing);
                        to.push_bind(row.begun.map(|d| d.0)).push_bind(row.onset.0);
                        to.push_bind(row.interval.0.0).push_bind(row.interval.1.0).push_bind(row.probability);
                        to.push_bind(&row.said_by).push_bind(&row.timing).push_bind(row.shift_days);
                        to.push_bind(row.peak.0).push_bind(row.peak_expected);
                        to.push_bind(row.peak_interval.0).push_bind(row.peak_interval.1);
                        to.push_bind(row.ends.map(|d| d.0));
                        to.push_bind(row.repair.map(|r| r.0.0)).push_bind(row.repair.map(|r| r.1.0));
                        to.push_bind(row.threshold).push_bind(&row.dates_of).push_bind(row.share).push_bind(*past);
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write the calendar")?;
        }
        Ok(())
    }
}
