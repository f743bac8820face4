//! `[[regressor]]`: what is measured of each day and moves the counts, such as temperature and rain.
use std::path::PathBuf;

use anyhow::Context;
use garde::Validate;
use serde::{Deserialize, Serialize};
use weisu_models::calendar::{
    Exogenous,
    exogenous::{Known, Shape},
};

use super::Problem;
use crate::ingest::regressors;

/// One regressor of the city.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Regressor {
    /// Its own name, as explanations show it.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// CSV with a column `ds` (2024-02-10) and one of values; read again before each fit and forecast.
    #[garde(skip)]
    pub file: PathBuf,
    /// Column of the values; empty = `value`.
    #[garde(length(chars, max = 60))]
    pub column: String,
    /// `known_future` where the file holds forecasts of coming days, `past_only` otherwise.
    #[garde(skip)]
    pub kind: Known,
    /// Days after which it acts; empty = the same day.
    #[garde(length(max = 4), inner(range(max = 28)))]
    pub lags: Vec<u8>,
    /// More than usual and less than usual act each in their own way, as heat and cold do.
    #[garde(skip)]
    pub split: bool,
    /// ln(1 + value) instead of the value, for skewed amounts such as rain.
    #[garde(skip)]
    pub log: bool,
}

/// The regressors that can be read. A weather file that is late or half written today must not cost the city its
/// forecast, so what cannot be read is left out with a warning.
pub fn readable(regressors: &[Regressor]) -> Vec<Exogenous> {
    let read = |regressor: &Regressor| {
        regressor.read().inspect_err(|error| tracing::warn!("forecasting without it: {error:#}")).ok()
    };
    regressors.iter().filter_map(read).collect()
}

impl Regressor {
    /// How it acts.
    pub fn shape(&self) -> Shape {
        Shape { lags: self.lags.clone(), split: self.split, log: self.log }
    }

    /// Its values, read now.
    ///
    /// # Errors
    /// When the file cannot be read, with file and line.
    pub fn read(&self) -> anyhow::Result<Exogenous> {
        let values = regressors::values(&self.file, &self.column)
            .with_context(|| format!("regressor {:?}", self.name))?;
        Ok(Exogenous { name: self.name.clone(), known: self.kind, shape: self.shape(), values })
    }

    /// What is wrong with its file.
    pub(super) fn check_file(&self, i: usize) -> Option<Problem> {
        let error = self.read().err()?;
        let remedy = "mend the file, or take the [[regressor]] out";
        Some(Problem::at(format!("regressor[{i}].file"), format!("{error:#}"), remedy))
    }
}
