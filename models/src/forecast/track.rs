//! One series through the count GLM at every origin of a plan: profiles, levels and forecast means.
use super::{
    boost::{Boost, LogLevels, Sampling, Signals, Special},
    glm::{self, GlmError, Prior, Weighted},
    level::{self, Levels, SLOW},
    plan::Plan,
};
use crate::regressors::Design;

/// What is done about the factor that series have in common beyond their own forecasts.
#[derive(Debug, Clone, Copy)]
pub enum Boosting<'a> {
    /// Nothing.
    Off,
    /// Samples are taken to learn it from.
    Learn(Sampling),
    /// It is applied.
    Use(&'a Boost),
}

/// What is done about profiles at the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: profiles are fitted where the plan says.
    None,
    /// They are fitted there, too, to be kept.
    Keep,
    /// Those that were kept are used: where each column of the design stands in them.
    Use(Vec<Option<usize>>),
    /// The same for the days since they were fitted, whose errors are measured: the GLM alone forecasts them, because
    /// decompositions and companions cost more than a fit.
    Measure(Vec<Option<usize>>),
}

impl Kept {
    /// Whether the GLM alone forecasts.
    pub fn is_measured(&self) -> bool {
        matches!(self, Self::Measure(_))
    }

    /// A kept profile in the design's columns; a column that it does not know is 0.
    pub fn beta(&self, profile: &[f32]) -> Option<Vec<f64>> {
        let (Self::Use(columns) | Self::Measure(columns)) = self else { return None };
        let value = |at: &Option<usize>| at.and_then(|at| profile.get(at)).map_or(0.0, |v| f64::from(*v));
        (!profile.is_empty()).then(|| columns.iter().map(value).collect())
    }
}

/// What every series of a panel shares.
#[derive(Debug)]
pub struct Context<'a> {
    /// Calendar rows for the panel's days and the leads after them.
    pub design: Design,
    /// Origins.
    pub plan: Plan,
    /// Weight by age of a day.
    pub weights: Vec<f64>,
    /// Kinds of special day.
    pub special: Special,
    /// What to do beyond each series' own forecast.
    pub boosting: Boosting<'a>,
    /// What to do about profiles at the last day.
    pub kept: Kept,
}

impl<'a> Context<'a> {
    /// A context over the rows of `design`.
    pub fn new(design: Design, plan: Plan, boosting: Boosting<'a>) -> Self {
        let special = Special::of(&design);
        Self { design, plan, weights: glm::weights_by_age(), special, boosting, kept: Kept::None }
    }
}

/// The GLM of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Coefficients per profile of the plan.
    betas: Vec<Vec<f64>>,
    /// Coefficients at the last day, where they are to be kept.
    newest: Vec<f64>,
    /// Levels per origin.
    levels: Vec<Levels>,
    /// What series below see of this one, per origin; empty without boosting.
    pub signals: Vec<LogLevels>,
    /// Forecast means, origin by origin, lead by lead.
    pub means: Vec<f32>,
}

/// The series a cell borrows its profile and level from.
#[derive(Debug, Clone, Copy)]
pub struct Parents<'a> {
    /// Its topic over all districts.
    pub topic: &'a Track,
    /// Its district over all topics.
    pub district: &'a Track,
    /// Everything.
    pub total: &'a Track,
}

impl Track {
    /// Coefficients at the origin at position `at` of the plan.
    fn beta(&self, plan: &Plan, at: usize) -> &[f64] {
        let profile = plan.profiles.partition_point(|range| range.end <= at);
        &self.betas[profile]
    }

    /// Coefficients at the newest origin.
    pub fn newest_beta(&self) -> &[f64] {
        self.betas.last().map_or(&[], Vec::as_slice)
    }

    /// The level of the last months at the newest origin.
    pub fn newest_slow_level(&self) -> f64 {
        self.levels.last().map_or(1.0, |levels| levels[SLOW])
    }

    /// Coefficients at the last day, where they are to be kept.
    pub fn newest(&self) -> &[f64] {
        &self.newest
    }

    /// The series' past as seen from an origin.
    pub fn signals_at(&self, context: &Context<'_>, y: &[f32], at: usize) -> Signals {
        Signals::new(&context.design, y, self.beta(&context.plan, at), context.plan.origins[at])
    }

    /// Fitted mean `lead` days after an origin, without level.
    pub fn profile(&self, context: &Context<'_>, at: usize, lead: usize) -> f64 {
        glm::mean_ahead(&context.design, context.plan.origins[at] + lead, self.beta(&context.plan, at))
    }
}

impl<'a> Parents<'a> {
    /// Their levels at an origin, as boosting sees them.
    pub fn signals(&self, at: usize) -> Option<[&'a LogLevels; 3]> {
        Some([self.topic.signals.get(at)?, self.district.signals.get(at)?, self.total.signals.get(at)?])
    }

    /// The profile that topic and district suggest together; its intercept is not used.
    fn center(&self, of: impl for<'t> Fn(&'t Track) -> &'t [f64]) -> Vec<f64> {
        let (topic, district, total) = (of(self.topic), of(self.district), of(self.total));
        let mut center: Vec<f64> =
            topic.iter().zip(district).zip(total).map(|((t, d), all)| t + d - all).collect();
        center[0] = 0.0;
        center
    }
}

/// Fits `y` (indexed like the design) at every profile of the plan and follows its level over the origins.
///
/// Nothing after an origin enters its forecast. With `given` coefficients nothing is fitted.
///
/// # Errors
/// When a profile cannot be fitted.
pub fn track(
    context: &Context<'_>,
    y: &[f32],
    parents: Option<Parents<'_>>,
    given: Option<&[f64]>,
) -> Result<Track, GlmError> {
    let Context { design, plan, .. } = context;
    let mut track = Track {
        betas: Vec::new(),
        newest: Vec::new(),
        levels: Vec::new(),
        signals: Vec::new(),
        means: Vec::with_capacity(plan.width()),
    };
    for (profile, range) in plan.profiles.iter().enumerate() {
        let origins = &plan.origins[range.clone()];
        let beta = match given {
            Some(beta) => beta.to_vec(),
            None => {
                let center = parents.map(|p| p.center(|track| &track.betas[profile]));
                profile_at(context, y, origins[0], center, track.betas.last().map(Vec::as_slice))?
            }
        };
        let sums = level::filter(design, y, &beta, origins[0], origins);
        for (k, (origin, sums)) in origins.iter().zip(&sums).enumerate() {
            let at = range.start + k;
            let levels = match parents {
                None => sums.alone(),
                Some(p) => sums.pooled(&p.topic.levels[at], &p.district.levels[at], &p.total.levels[at]),
            };
            track.means.extend((1..=plan.leads).map(|lead| {
                (glm::mean_ahead(design, origin + lead, &beta) * level::factor(&levels, lead)) as f32
            }));
            track.levels.push(levels);
        }
        track.betas.push(beta);
    }
    if context.kept == Kept::Keep && !y.is_empty() {
        let center = parents.map(|p| p.center(|track| &track.newest));
        track.newest = profile_at(context, y, y.len() - 1, center, track.betas.last().map(Vec::as_slice))?;
    }
    Ok(track)
}

fn profile_at(
    context: &Context<'_>,
    y: &[f32],
    origin: usize,
    center: Option<Vec<f64>>,
    start: Option<&[f64]>,
) -> Result<Vec<f64>, GlmError> {
    let Context { design, weights, .. } = context;
    let pooled = center.is_some();
    let center = center.unwrap_or_else(|| vec![0.0; design.kinds().len()]);
    let end = origin + 1;
    let whole = Weighted { y, from: end.saturating_sub(glm::WINDOW), end, by_age: &[] };
    if whole.volume() < glm::MIN_COUNT {
        return Ok(glm::rare_rate(design, whole, &center));
    }
    let data = Weighted { from: glm::window(y, end).start, by_age: weights, ..whole };
    let prior = if pooled { Prior::pooled(design, center) } else { Prior::alone(design, data.volume()) };
    glm::robust_fit(design, data, &prior, start)
}
