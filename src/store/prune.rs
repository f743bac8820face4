//! Dropping what is past its keep time.
use super::{StoreError, Tx, execute};
use crate::ticket::Millis;

impl Tx {
    /// Drops what ended before `before`, except the newest successful run of each stage and what rests on it. Backtests
    /// and the ledger stay, with the runs they are about.
    /// Returns rows by table.
    pub async fn prune(&mut self, before: Millis) -> Result<Vec<(&'static str, u64)>, StoreError> {
        const OLD: [(&str, &str); 9] = [
            (
                "forecasts",
                "DELETE FROM forecasts WHERE run IN (SELECT id FROM runs WHERE stage = 'forecast' AND started < $1 \
              AND id <> (SELECT COALESCE(MAX(id), 0) FROM runs WHERE stage = 'forecast' AND status = 'ok'))",
            ),
            (
                "fits",
                "DELETE FROM fits WHERE run IN (SELECT id FROM runs WHERE stage = 'fit' AND started < $1 \
              AND id <> (SELECT COALESCE(MAX(id), 0) FROM runs WHERE stage = 'fit' AND status = 'ok'))",
            ),
            ("boosts", "DELETE FROM boosts WHERE run NOT IN (SELECT run FROM fits)"),
            ("profiles", "DELETE FROM profiles WHERE run NOT IN (SELECT run FROM fits)"),
            ("profile_columns", "DELETE FROM profile_columns WHERE run NOT IN (SELECT run FROM fits)"),
            (
                "alarms",
                "DELETE FROM alarms WHERE run IN (SELECT id FROM runs WHERE stage = 'detect' AND started < $1)",
            ),
            (
                "deliveries",
                "DELETE FROM deliveries WHERE status IN ('delivered', 'bundled') AND finished < $1",
            ),
            (
                "slots",
                "DELETE FROM slots WHERE due < $1 \
              AND due < (SELECT MAX(s.due) FROM slots s WHERE s.stage = slots.stage AND s.status = 'done')",
            ),
            (
                "runs",
                "DELETE FROM runs WHERE started < $1 AND id NOT IN (SELECT MAX(id) FROM runs WHERE status = 'ok' GROUP BY stage) \
              AND NOT EXISTS (SELECT 1 FROM forecasts f WHERE f.run = runs.id) AND NOT EXISTS (SELECT 1 FROM fits f WHERE f.run = runs.id) \
              AND NOT EXISTS (SELECT 1 FROM backtests b WHERE b.run = runs.id) AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.run = runs.id)",
            ),
        ];
        let mut out = Vec::with_capacity(OLD.len());
        for (table, sql) in OLD {
            out.push((table, execute!(self, "prune", sql, before)?));
        }
        Ok(out)
    }
}
