//! Alerts as a list.
use super::super::{Doing, Store, StoreError, on_read};
use crate::ticket::{DistrictId, Millis, TopicId};

/// An alert with the series it is about; `payload` is the JSON people's messages are made from.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AlertRow {
    /// Key.
    pub id: String,
    /// Hash of (rule, kind, topic, district, basis).
    pub fingerprint: String,
    /// Where in its life.
    pub state: String,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// Last day it was seen on.
    pub last_day: i32,
    /// JSON.
    pub payload: String,
    /// Opened, ms since the epoch.
    pub created: Millis,
    /// Last changed, ms since the epoch.
    pub updated: Millis,
    /// Over since, ms since the epoch.
    pub resolved: Option<Millis>,
    /// 1 when nobody gets it.
    pub unrouted: i64,
    /// Who took it last.
    pub taken_by: Option<String>,
    /// When, ms since the epoch.
    pub taken_at: Option<Millis>,
}

/// Which alerts; `None` = any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// State; `open` = every state that is not over.
    pub state: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Lane.
    pub lane: Option<String>,
    /// District or any of its parts.
    pub district: Option<DistrictId>,
    /// One alert.
    pub id: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// States in which an alert is over.
const OVER: &str = "('resolved', 'closed', 'superseded', 'expired')";

impl Store {
    /// Alerts that match, the most severe and newest first.
    pub async fn find_alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT a.id, a.fingerprint, a.state, s.topic, s.district, a.last_day, \
             a.payload, a.created, a.updated, a.resolved, \
             (SELECT COUNT(*) FROM unrouted u WHERE u.alert = a.id) AS unrouted, t.author AS taken_by, t.at AS taken_at \
             FROM alerts a JOIN series s ON s.id = a.series \
             LEFT JOIN audit t ON t.id = (SELECT MAX(id) FROM audit WHERE about = 'alert' AND subject = a.id AND action = 'ack') \
             WHERE ($1 IS NULL OR a.state = $1 OR ($1 = 'open' AND a.state NOT IN {OVER})) \
             AND ($2 IS NULL OR a.kind = $2) AND ($3 IS NULL OR a.lane = $3) \
             AND ($6 IS NULL OR a.id = $6) \
             AND ($4 IS NULL OR s.district IN (WITH RECURSIVE sub(id) AS (SELECT id FROM districts WHERE id = $4 \
             UNION ALL SELECT n.id FROM districts n JOIN sub ON n.parent = sub.id) SELECT id FROM sub)) \
             ORDER BY CASE a.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, \
             a.updated DESC, a.id LIMIT $5"
        ));
        on_read!(self, c => sqlx::query_as(sql)
            .bind(&filter.state).bind(&filter.kind).bind(&filter.lane).bind(filter.district).bind(filter.limit)
            .bind(&filter.id)
            .fetch_all(c))
        .doing("read alerts")
    }

    /// Alerts that are not over, per kind and severity.
    pub async fn alerts_by_kind(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT kind, severity, COUNT(*) FROM alerts WHERE state NOT IN {OVER} GROUP BY kind, severity \
             ORDER BY kind, severity"
        ));
        on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("count alerts")
    }

    /// Alerts that are not over, per lane and severity.
    pub async fn alerts_by_lane(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT lane, severity, COUNT(*) FROM alerts WHERE state NOT IN {OVER} GROUP BY lane, severity \
             ORDER BY lane, severity"
        ));
        on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("count alerts")
    }
}
