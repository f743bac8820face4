//! The models that a series of months, quarters or weeks can be forecast with.
use crate::forecast::classic::{
    ClassicError, Moments,
    ets::{self, Ets, Form},
    mstl,
    theta::{Kind, Theta},
};

/// A model of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// Exponential smoothing, its form by the information criterion.
    Ets,
    /// Dynamic optimised theta.
    Theta,
    /// STL, the rest by exponential smoothing.
    Stl,
}

impl Candidate {
    /// All of them, in the order of every array of weights.
    pub const ALL: [Self; 3] = [Self::Ets, Self::Theta, Self::Stl];

    /// Stable name in tables and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ets => "ets",
            Self::Theta => "theta",
            Self::Stl => "stl",
        }
    }

    /// Forecast of `y` with seasons of `m` periods at leads 1 ..= `h`; `form` is that of exponential smoothing,
    /// searched where there is none.
    ///
    /// # Errors
    /// The model's own, mostly a history that is too short for it.
    pub fn forecast(
        self,
        y: &[f64],
        m: usize,
        h: usize,
        form: Option<Form>,
    ) -> Result<Moments, ClassicError> {
        match self {
            Self::Ets => {
                let fitted = match form {
                    Some(form) => Ets::new(m, form)?.fit(y),
                    None => ets::auto(y, m),
                };
                Ok(fitted?.forecast(h))
            }
            Self::Theta => Ok(Theta { m, kind: Kind::DynamicOptimised }.fit(y)?.forecast(h)),
            Self::Stl => mstl::forecast(y, &[m], h),
        }
    }
}
