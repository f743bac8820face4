//! Alarms: what a detector said of a cell and a window, kept whether or not anyone is told.
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Doing, Store, StoreError, Tx, execute, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// What kind of deviation it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Observed above the upper bound of what was expected.
    Spike,
    /// The level has moved and stays there.
    LevelShift,
    /// Observed below the lower bound of what was expected: a data or a trust problem.
    Drop,
    /// More of the same tickets again than usual.
    RepeatCluster,
    /// The same topic rises in several districts at once.
    Widespread,
    /// Neighbouring districts together above what was expected, in space and time.
    Cluster,
    /// A hot spot whose class over time has changed: new, consecutive, intensifying, ….
    Emerging,
    /// The data themselves are at fault: late, doubled, mapped anew.
    Data,
    /// Forecast to be above the seasonal norm.
    ForecastExceedance,
    /// A season is expected to begin.
    SeasonOnset,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Spike,
        Self::LevelShift,
        Self::Drop,
        Self::RepeatCluster,
        Self::Widespread,
        Self::Cluster,
        Self::Emerging,
        Self::Data,
        Self::ForecastExceedance,
        Self::SeasonOnset,
    ];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::LevelShift => "level_shift",
            Self::Drop => "drop",
            Self::RepeatCluster => "repeat_cluster",
            Self::Widespread => "widespread",
            Self::Cluster => "cluster",
            Self::Emerging => "emerging",
            Self::Data => "data",
            Self::ForecastExceedance => "forecast_exceedance",
            Self::SeasonOnset => "season_onset",
        }
    }

    /// Whether it speaks of days to come.
    pub fn is_ahead(self) -> bool {
        matches!(self, Self::ForecastExceedance | Self::SeasonOnset)
    }

    /// The kind of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// How much it matters; ordered from least to most.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 蓝
    Low,
    /// 黄
    Medium,
    /// 橙
    High,
    /// 红
    Critical,
}

impl Severity {
    /// All severities, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A cell below the alarm's that contributes to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Driver {
    /// Topic as people read it.
    pub topic: String,
    /// District as people read it.
    pub district: String,
    /// Tickets observed, or forecast.
    pub observed: f64,
    /// Tickets expected.
    pub expected: f64,
    /// Share of the whole excess, 0 to 1.
    pub share: f64,
}

/// One judgement of a detector that something is above (or will be above) what is expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// Identity of what is watched, never of values: see [`fingerprint`].
    pub fingerprint: String,
    /// First and last local day judged.
    pub window: (Day, Day),
    /// What kind of deviation.
    pub kind: Kind,
    /// Detector that said so.
    pub method: String,
    /// Key of the series.
    pub series: i32,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = the whole city.
    pub district: DistrictId,
    /// What is counted.
    pub basis: Basis,
    /// Tickets observed in the window; `None` when it lies ahead.
    pub observed: Option<f64>,
    /// Tickets expected in the window.
    pub expected: f64,
    /// Upper bound of the expected.
    pub bound: f64,
    /// P(at least so many | as expected).
    pub p_value: f64,
    /// Above 1 = abnormal, comparable over detectors.
    pub score: f64,
    /// Days from the last known day to the begin of the window; 0 when it has begun.
    pub lead_days: i32,
    /// How much it matters.
    pub severity: Severity,
    /// Cells below that contribute most, largest share first.
    pub drivers: Vec<Driver>,
    /// Why nobody is told, if so.
    pub suppressed: Option<String>,
}

/// Identity of what a rule watches: SHA-256 of rule, kind, topic path, district path and basis, 16 bytes in hex.
/// Values are left out, so that the same trouble keeps its identity while it grows; names and not keys go in, so
/// that a rebuilt store gives the same identity.
pub fn fingerprint(rule: &str, kind: Kind, topic: &[String], district: &[String], basis: Basis) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        // Length first: no two lists of names share their bytes.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    field(rule);
    field(kind.name());
    for path in [topic, district] {
        field(&path.len().to_string());
        path.iter().for_each(|name| field(name));
    }
    field(basis.name());
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: String,
    window_start: i32,
    window_end: i32,
    kind: String,
    method: String,
    series: i32,
    topic: TopicId,
    district: DistrictId,
    basis: String,
    observed: Option<f64>,
    expected: f64,
    bound: f64,
    p_value: f64,
    score: f64,
    lead_days: i32,
    severity: String,
    drivers: String,
    suppressed: Option<String>,
}

impl TryFrom<Row> for Alarm {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
        Ok(Self {
            kind: Kind::from_name(&row.kind).ok_or_else(|| corrupt("alarms.kind", &row.kind))?,
            basis: Basis::from_name(&row.basis).ok_or_else(|| corrupt("series.basis", &row.basis))?,
            severity: Severity::from_name(&row.severity)
                .ok_or_else(|| corrupt("alarms.severity", &row.severity))?,
            drivers: serde_json::from_str(&row.drivers)
                .map_err(|_| corrupt("alarms.drivers", &row.drivers))?,
            fingerprint: row.fingerprint,
            window: (Day(row.window_start), Day(row.window_end)),
            method: row.method,
            series: row.series,
            topic: row.topic,
            district: row.district,
            observed: row.observed,
            expected: row.expected,
            bound: row.bound,
            p_value: row.p_value,
            score: row.score,
            lead_days: row.lead_days,
            suppressed: row.suppressed,
        })
    }
}

const SELECT: &str = "SELECT a.fingerprint, a.window_start, a.window_end, a.kind, a.method, a.series, s.topic, s.district, \
     s.basis, a.observed, a.expected, a.bound, a.p_value, a.score, a.lead_days, a.severity, a.drivers, a.suppressed \
     FROM alarms a JOIN series s ON s.id = a.series";

impl Store {
    /// The alarms a run raised, most abnormal first.
    pub async fn alarms_of_run(&self, run: i64) -> Result<Vec<Alarm>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE a.run = $1 ORDER BY a.score DESC, a.fingerprint, a.window_start"
        ));
        let rows: Vec<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(run).fetch_all(c)).doing("read alarms")?;
        rows.into_iter().map(Alarm::try_from).collect()
    }

    /// Series with an alarm of a kind that a run of an earlier origin raised for days after `origin`, told or not.
    pub async fn series_alarmed_before(&self, kind: Kind, origin: Day) -> Result<Vec<i32>, StoreError> {
        const SQL: &str = "SELECT DISTINCT a.series FROM alarms a JOIN runs r ON r.id = a.run \
             WHERE a.kind = $1 AND a.window_end > $2 AND r.origin < $2";
        let rows: Vec<(i32,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(kind.name()).bind(origin.0).fetch_all(c))
                .doing("read alarms")?;
        Ok(rows.into_iter().map(|(series,)| series).collect())
    }

    /// The alarms whose window touches `[from, to]`, newest window first, then most abnormal first.
    pub async fn alarms_between(&self, from: Day, to: Day, limit: i64) -> Result<Vec<Alarm>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE a.window_end >= $1 AND a.window_start <= $2 \
             ORDER BY a.window_end DESC, a.score DESC, a.fingerprint LIMIT $3"
        ));
        let rows: Vec<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(from.0).bind(to.0).bind(limit).fetch_all(c))
                .doing("read alarms")?;
        rows.into_iter().map(Alarm::try_from).collect()
    }
}

impl Tx {
    /// Writes the alarms of a run; returns how many are new. A window that was judged before under the same
    /// fingerprint keeps what was said then.
    pub async fn put_alarms(&mut self, run: i64, alarms: &[Alarm]) -> Result<u64, StoreError> {
        const SQL: &str = "INSERT INTO alarms (fingerprint, window_start, window_end, run, kind, method, series, observed, \
             expected, bound, p_value, score, lead_days, severity, drivers, suppressed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
             ON CONFLICT (fingerprint, window_start) DO NOTHING";
        let mut new = 0;
        for a in alarms {
            let drivers = json(&a.drivers, "alarms.drivers")?;
            new += execute!(
                self,
                "write alarms",
                SQL,
                &a.fingerprint,
                a.window.0.0,
                a.window.1.0,
                run,
                a.kind.name(),
                &a.method,
                a.series,
                a.observed,
                a.expected,
                a.bound,
                a.p_value,
                a.score,
                a.lead_days,
                a.severity.name(),
                &drivers,
                a.suppressed.as_deref()
            )?;
        }
        Ok(new)
    }
}

/// JSON of a value that goes into a text column.
pub(super) fn json<T: Serialize>(value: &T, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt { what, value: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_fingerprint_tells_cells_apart_and_stays_the_same() {
        let of = |topic: &[&str], district: &[&str], kind, basis| {
            fingerprint("default", kind, &path(topic), &path(district), basis)
        };
        let one = of(&["供暖", "室温不达标"], &["朝阳区"], Kind::Spike, Basis::Raw);
        assert_eq!(one, of(&["供暖", "室温不达标"], &["朝阳区"], Kind::Spike, Basis::Raw));
        assert_eq!(one.len(), 32);
        // Fixed for ever: receivers keep it, and alerts of an older version must be recognised.
        assert_eq!(one, "b3659454039c0663bb3b95dc1370fcfe");
        let others = [
            of(&["供暖"], &["室温不达标", "朝阳区"], Kind::Spike, Basis::Raw),
            of(&["供暖室温不达标"], &["朝阳区"], Kind::Spike, Basis::Raw),
            of(&["供暖", "室温不达标"], &["朝阳区"], Kind::ForecastExceedance, Basis::Raw),
            of(&["供暖", "室温不达标"], &["朝阳区"], Kind::Spike, Basis::Dedup),
            of(&["供暖", "室温不达标"], &[], Kind::Spike, Basis::Raw),
        ];
        for (i, other) in others.iter().enumerate() {
            assert_ne!(&one, other, "{i}");
        }
    }
}
