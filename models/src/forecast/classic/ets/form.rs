//! The forms of exponential smoothing and their parameters.
use std::fmt;

/// How the error enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// y = f + e.
    Additive,
    /// y = f (1 + e).
    Multiplicative,
}

/// How the level moves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trend {
    /// It stays.
    None,
    /// It grows by the slope at every period.
    Additive,
    /// It grows by a slope that fades with phi.
    Damped,
}

/// How the season enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Season {
    /// There is none.
    None,
    /// Added to the level.
    Additive,
    /// Multiplied with the level.
    Multiplicative,
}

/// One of the 15 forms that R's `ets` and statsforecast's `AutoETS` try by default.
///
/// An additive error with a multiplicative season is not among them: its errors divide by states that may
/// reach zero (Hyndman et al. 2008, section 10.2), and neither is a multiplicative trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    error: Error,
    trend: Trend,
    season: Season,
}

impl Form {
    /// ETS(A,N,N): simple exponential smoothing.
    pub const ANN: Self = Self { error: Error::Additive, trend: Trend::None, season: Season::None };
    /// ETS(A,A,N): Holt's linear method.
    pub const AAN: Self = Self { trend: Trend::Additive, ..Self::ANN };
    /// ETS(A,N,A): level and additive season.
    pub const ANA: Self = Self { season: Season::Additive, ..Self::ANN };
    /// ETS(A,Ad,A): damped slope and additive season.
    pub const AADA: Self = Self { trend: Trend::Damped, ..Self::ANA };

    /// A form, or `None` for the excluded additive error with a multiplicative season.
    pub fn new(error: Error, trend: Trend, season: Season) -> Option<Self> {
        let excluded = error == Error::Additive && season == Season::Multiplicative;
        (!excluded).then_some(Self { error, trend, season })
    }

    /// All forms, additive ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        let seasons = [Season::None, Season::Additive, Season::Multiplicative];
        let trends = [Trend::None, Trend::Additive, Trend::Damped];
        [Error::Additive, Error::Multiplicative].into_iter().flat_map(move |error| {
            seasons.into_iter().flat_map(move |season| {
                trends.into_iter().filter_map(move |trend| Self::new(error, trend, season))
            })
        })
    }

    /// How the error enters.
    pub fn error(self) -> Error {
        self.error
    }

    /// How the level moves.
    pub fn trend(self) -> Trend {
        self.trend
    }

    /// How the season enters.
    pub fn season(self) -> Season {
        self.season
    }

    /// Whether the form works only above zero.
    pub fn needs_positive(self) -> bool {
        self.error == Error::Multiplicative || self.season == Season::Multiplicative
    }

    /// The same form with additive error and season: linear in its starting states.
    pub(super) fn linear(self) -> Self {
        let season = if self.season == Season::None { Season::None } else { Season::Additive };
        Self { error: Error::Additive, season, ..self }
    }

    /// Number of smoothing parameters.
    pub(super) fn smoothing(self) -> usize {
        let trend = match self.trend {
            Trend::None => 0,
            Trend::Additive => 1,
            Trend::Damped => 2,
        };
        1 + trend + usize::from(self.season != Season::None)
    }

    /// Number of free starting states: level, slope and all seasons but one.
    pub(super) fn states(self, m: usize) -> usize {
        let season = if self.season == Season::None { 0 } else { m - 1 };
        1 + usize::from(self.trend != Trend::None) + season
    }
}

impl fmt::Display for Form {
    /// ETS(A,Ad,M), as R writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = if self.error == Error::Additive { "A" } else { "M" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let season = match self.season {
            Season::None => "N",
            Season::Additive => "A",
            Season::Multiplicative => "M",
        };
        write!(f, "ETS({error},{trend},{season})")
    }
}

/// Smoothing parameters. Those that a form does not have are 0, and phi is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smoothing {
    /// Share of an error that the level takes, in 0 ..= 1.
    pub alpha: f64,
    /// Share of an error that the slope takes, at most alpha.
    pub beta: f64,
    /// Share of an error that the season takes, at most 1 - alpha.
    pub gamma: f64,
    /// What is left of the slope after a period.
    pub phi: f64,
}

const LEAST: f64 = 1e-4;
const MOST: f64 = 0.9999;
const PHI: [f64; 2] = [0.8, 0.98];

impl Smoothing {
    /// From numbers in 0 ..= 1, one for each parameter of the form, in the order of the fields: each is the
    /// place between the bounds that R's `ets` sets (`bounds = "usual"`), where those of beta and gamma depend on
    /// alpha. So every point of the unit cube is allowed.
    pub(super) fn from_unit(form: Form, unit: &[f64]) -> Self {
        let mut rest = unit.iter().copied();
        let mut between = |low: f64, high: f64| low + rest.next().unwrap_or(0.0) * (high - low).max(0.0);
        let alpha = between(LEAST, MOST);
        let beta = if form.trend == Trend::None { 0.0 } else { between(LEAST, alpha) };
        let gamma = if form.season == Season::None { 0.0 } else { between(LEAST, 1.0 - alpha) };
        let phi = if form.trend == Trend::Damped { between(PHI[0], PHI[1]) } else { 1.0 };
        Self { alpha, beta, gamma, phi }
    }
}
