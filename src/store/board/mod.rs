//! What the page, the API and the metrics read. Nothing here writes.
//!
//! "Newest" always means of the newest run that ended `ok`: what a run wrote before it failed is never shown.
use super::{Doing, Store, StoreError, on_read};

mod alerts;
mod cells;
mod forecasts;
mod history;
mod quality;
mod records;
mod series;

pub use alerts::{AlertFilter, AlertRow};
pub use cells::{CellDay, Cells};
pub use forecasts::{PastRow, Point};
pub use history::{DayCount, NodeDay, Scope};
pub use quality::{FitLevel, LevelScore};
pub use records::{AlarmRow, AlertSpan, DeliveryMark, LedgerOrigin, RunRow};
pub use series::{SeriesFilter, SeriesRow};

impl Store {
    /// A number that changes whenever counts, fits or forecasts may have: the newest run that wrote them.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT COALESCE(MAX(id), 0) FROM runs \
             WHERE status = 'ok' AND stage IN ('ingest', 'aggregate', 'fit', 'forecast')";
        let (version,): (i64,) =
            on_read!(self, c => sqlx::query_as(SQL).fetch_one(c)).doing("read the data version")?;
        Ok(version)
    }

    /// Whether a stage is at work that will change [`Self::data_version`].
    pub async fn is_data_changing(&self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM runs \
             WHERE status = 'running' AND stage IN ('ingest', 'aggregate', 'fit', 'forecast')";
        let (running,): (i64,) =
            on_read!(self, c => sqlx::query_as(SQL).fetch_one(c)).doing("read what is under way")?;
        Ok(running > 0)
    }
}
