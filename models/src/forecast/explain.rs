//! Why a forecast is what it is: parts that multiply up to the published mean.
//!
//! Day by day the published mean is
//!
//! ```text
//! mean = rate x weekday x yearly season x named seasons x holiday x regressors x level x recent x common
//!        x combination x coherence
//! ```
//!
//! where `rate` is what the series' own profile gives an average weekday without anything special, `level` and
//! `recent` say how the last months stand against the profile and the last weeks against the last months, `common` is
//! what all series of the city share beyond that, `combination` is what simpler models beside the GLM change, and
//! `coherence` what making all levels add up changes. The last part takes up the rest, so that the product is exact;
//! where counts were revised since the run, that shows there.
//!
//! Over several days the parts are added up by the logarithmic mean Divisia index (Ang 2005, *The LMDI approach to
//! decomposition analysis: a practical guide*, Energy Policy 33:867-871), which leaves no residual: with
//! L(a, b) = (a - b) / (ln a - ln b), a part that multiplies day d by f_d accounts for sum_d L(mean_d, rate_d) ln f_d
//! tickets, and these sum to the difference exactly. What changed between two runs is taken apart in the same way.
use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::{
    Model, NodeFit, PanelFit,
    base::{self, Choice, Place},
    blend,
    daily::contexts,
    plan::Plan,
    track::{Boosting, Context, Parents, Track},
};
use crate::{
    calendar::Calendar,
    hierarchy::Level,
    regressors::{Design, EXOGENOUS, Kind, RARE},
};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The average day of the series' own profile.
    Rate,
    /// The weekday against the mean of a week.
    Weekday,
    /// The time of the year, by the yearly harmonics.
    Yearly,
    /// A named season of the calendar, and the pulse of its onset.
    Season,
    /// A holiday, the days around it, a make-up workday.
    Holiday,
    /// An exogenous regressor.
    Regressor,
    /// The last months against the profile.
    Level,
    /// The last weeks against the last months.
    Recent,
    /// What all series share beyond their own forecasts.
    Common,
    /// Simpler models beside or instead of the GLM.
    Combination,
    /// Making topics, districts and days add up.
    Coherence,
}

impl Part {
    /// All parts, in the order they multiply.
    pub const ALL: [Self; 11] = [
        Self::Rate,
        Self::Weekday,
        Self::Yearly,
        Self::Season,
        Self::Holiday,
        Self::Regressor,
        Self::Level,
        Self::Recent,
        Self::Common,
        Self::Combination,
        Self::Coherence,
    ];

    /// Stable name in columns and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Weekday => "weekday",
            Self::Yearly => "yearly",
            Self::Season => "season",
            Self::Holiday => "holiday",
            Self::Regressor => "regressor",
            Self::Level => "level",
            Self::Recent => "recent",
            Self::Common => "common",
            Self::Combination => "combination",
            Self::Coherence => "coherence",
        }
    }
}

/// A part with what it is called, where it has a name: of the season, the holiday, the regressor.
pub type Named = (Part, Option<String>);

/// The parts of one day's mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Tickets of an average day of the series' own profile.
    pub rate: f64,
    /// Factors, in the order they multiply.
    pub factors: Vec<(Named, f64)>,
}

impl Explained {
    /// The published mean, up to rounding.
    pub fn mean(&self) -> f64 {
        self.factors.iter().fold(self.rate, |mean, (_, factor)| mean * factor)
    }

    /// A mean of which nothing else is known.
    fn plain(rate: f64) -> Self {
        Self { rate, factors: Vec::new() }
    }
}

/// A series that others borrow from.
#[derive(Debug, Clone, Copy)]
pub struct Relative<'a> {
    /// Its counts, over the same days.
    pub counts: &'a [f32],
    /// What the weekly step learned.
    pub fit: &'a NodeFit,
}

/// A series, what it borrows from, and what the weekly step learned of it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its place in the hierarchy.
    pub level: Level,
    /// Date of the first count.
    pub start: NaiveDate,
    /// Its counts up to the origin; missing days are `NaN`.
    pub counts: &'a [f32],
    /// Its topic, its district, and everything; `None` for a series that borrows nothing.
    pub around: Option<[Relative<'a>; 3]>,
    /// What the weekly step learned.
    pub fit: &'a NodeFit,
}

/// Takes the published means of the days after the last count apart, one [`Explained`] a day.
///
/// `shared` is what the series of the fit have in common; of its nodes none is looked at.
pub fn explain(
    subject: &Subject<'_>,
    calendar: &Calendar,
    shared: &PanelFit,
    published: &[f64],
) -> Vec<Explained> {
    let (days, leads) = (subject.counts.len(), published.len());
    let design = Design::new(subject.start, days + leads, calendar);
    let newest = subject.start + Days::new(days.saturating_sub(1) as u64);
    let contexts = contexts(shared, &design, newest, Plan::newest(days, leads));
    let Some(context) = contexts.first().filter(|_| days > 0) else {
        return published.iter().copied().map(Explained::plain).collect();
    };
    let tracks = subject.around.map(|around| around.map(|relative| margin_track(context, relative)));
    let parents = match &tracks {
        Some([Some(topic), Some(district), Some(total)]) => Some(Parents { topic, district, total }),
        _ => None,
    };
    let steps = Steps::of(context, subject, parents);
    if steps.mixed.len() < leads {
        return published.iter().copied().map(Explained::plain).collect();
    }
    let profile = Profile { design: &context.design, calendar, start: subject.start };
    (1..).zip(published).map(|(lead, mean)| steps.explained(context, &profile, lead, *mean)).collect()
}

/// A margin as its cells see it.
fn margin_track(context: &Context<'_>, Relative { counts: y, fit }: Relative<'_>) -> Option<Track> {
    let outcome = base::own_forecast(context, y, None, Choice::Fixed(Some(fit)));
    let mut track = outcome.track?;
    if matches!(context.boosting, Boosting::Use(_)) && outcome.model != Model::SeasonalNaive {
        let levels = track.signals_at(context, y, 0).levels;
        track.signals.push(levels);
    }
    Some(track)
}

/// One series' forecast after each step that changes it.
struct Steps {
    /// The GLM, where it has a part in what is published.
    track: Option<Track>,
    /// After the choice of the model.
    chosen: Vec<f32>,
    /// After what is common to all series.
    common: Vec<f32>,
    /// After the simpler models beside the GLM.
    mixed: Vec<f32>,
}

impl Steps {
    fn of(context: &Context<'_>, subject: &Subject<'_>, parents: Option<Parents<'_>>) -> Self {
        let Subject { counts: y, fit, level, .. } = *subject;
        let outcome = base::own_forecast(context, y, parents, Choice::Fixed(Some(fit)));
        let mut steps = Self {
            track: None,
            chosen: outcome.means.clone(),
            common: outcome.means.clone(),
            mixed: outcome.means,
        };
        // As in the engine: what is published because nothing beat it is published as it is.
        let Some(mut track) = outcome.track.filter(|_| outcome.model != Model::SeasonalNaive) else {
            return steps;
        };
        if let Boosting::Use(boost) = context.boosting {
            let place = Place { node: 0, class: level.into(), parents };
            base::boosted(context, y, place, boost, &mut track, &mut steps.common);
        }
        steps.mixed.clone_from(&steps.common);
        if fit.model == Model::Glm {
            blend::mix(&fit.companions, y, &mut steps.mixed);
        }
        steps.track = Some(track);
        steps
    }

    fn explained(&self, context: &Context<'_>, profile: &Profile<'_>, lead: usize, mean: f64) -> Explained {
        let at = |means: &[f32]| f64::from(means[lead - 1]);
        let mixed = at(&self.mixed);
        let Some(track) = &self.track else { return rest(Explained::plain(mixed), mean) };
        let fitted = track.profile(context, 0, lead);
        let mut day = profile.explained(context.plan.origins[0] + lead, track.newest_beta(), fitted);
        let slow = track.newest_slow_level();
        day.factors.push(((Part::Level, None), slow));
        day.factors.push(((Part::Recent, None), at(&track.means) / (fitted * slow)));
        day.factors.push(((Part::Common, None), at(&self.common) / at(&self.chosen)));
        let others = at(&self.chosen) / at(&track.means) * mixed / at(&self.common);
        day.factors.push(((Part::Combination, None), others));
        rest(day, mean)
    }
}

/// Closes the product: with what makes it the published mean, or where nothing can, with that mean alone.
fn rest(mut day: Explained, mean: f64) -> Explained {
    let factor = mean / day.mean();
    if !factor.is_finite() || factor <= 0.0 {
        return Explained::plain(mean);
    }
    day.factors.push(((Part::Coherence, None), factor));
    day
}

/// What the coefficients of a design stand for.
struct Profile<'a> {
    design: &'a Design,
    calendar: &'a Calendar,
    start: NaiveDate,
}

impl Profile<'_> {
    /// Parts of the calendar profile on design row `t`; `fitted` is the mean it gives there.
    fn explained(&self, t: usize, beta: &[f64], fitted: f64) -> Explained {
        let design = self.design;
        let week: [f64; 7] = std::array::from_fn(|day| if day == 0 { 1.0 } else { beta[day].exp() });
        let weekday = week[design.weekday(t)] / (week.iter().sum::<f64>() / 7.0);
        let yearly: f64 = design.dense(t)[1..].iter().zip(&beta[7..RARE]).map(|(x, b)| x * b).sum();
        let mut factors = vec![((Part::Weekday, None), weekday), ((Part::Yearly, None), yearly.exp())];
        let mut rare: BTreeMap<Named, f64> = BTreeMap::new();
        for (column, value) in design.rare(t) {
            let column = usize::from(*column);
            if let Some(named) = self.named(t, column) {
                *rare.entry(named).or_default() += beta[column] * value;
            }
        }
        factors.extend(rare.into_iter().map(|(named, eta)| (named, eta.exp())));
        let product: f64 = factors.iter().map(|(_, factor)| factor).product();
        Explained { rate: fitted / product, factors }
    }

    /// What a rare column belongs to; `None` for one that is at its norm ahead.
    fn named(&self, t: usize, column: usize) -> Option<Named> {
        let name = self.design.names()[column].as_str();
        match self.design.kinds()[column] {
            Kind::Season => {
                let season = name.split_once(':').map_or(name, |(_, season)| season);
                Some((Part::Season, Some(season.to_owned())))
            }
            Kind::Exogenous { past_only: true } => None,
            Kind::Exogenous { past_only: false } => {
                let column = name.strip_prefix(EXOGENOUS).unwrap_or(name);
                let own = self.calendar.regressors().iter().map(|r| r.name.as_str());
                let longest = own.filter(|own| column.starts_with(own)).max_by_key(|own| own.len());
                Some((Part::Regressor, Some(longest.unwrap_or(column).to_owned())))
            }
            _ => {
                let event = self.calendar.event(self.start + Days::new(t as u64));
                Some((Part::Holiday, event.map(|event| event.name.clone())))
            }
        }
    }
}

/// How many tickets each part accounts for over some days.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Tickets before: of the series' average days, or of the run before.
    pub from: f64,
    /// Tickets after: expected now.
    pub to: f64,
    /// Tickets of each part; they sum to the difference.
    pub parts: Vec<(Named, f64)>,
}

impl Contributions {
    /// What each part multiplies `from` by; the product is `to / from`.
    pub fn factors(&self) -> impl Iterator<Item = (&Named, f64)> {
        let mean = log_mean(self.to, self.from);
        self.parts
            .iter()
            .map(move |(named, tickets)| (named, if mean > 0.0 { (tickets / mean).exp() } else { 1.0 }))
    }
}

/// What makes `days` differ from as many average days of the series.
pub fn contributions(days: &[Explained]) -> Contributions {
    let average: Vec<Explained> = days.iter().map(|day| Explained::plain(day.rate)).collect();
    differences(&average, days)
}

/// What changed between two explanations of the same days.
pub fn differences(before: &[Explained], after: &[Explained]) -> Contributions {
    let mut parts: BTreeMap<Named, f64> = BTreeMap::new();
    for (before, after) in before.iter().zip(after) {
        let (from, to) = (before.mean(), after.mean());
        if from <= 0.0 || to <= 0.0 {
            *parts.entry((Part::Rate, None)).or_default() += to - from;
            continue;
        }
        let mean = log_mean(to, from);
        *parts.entry((Part::Rate, None)).or_default() += mean * (after.rate / before.rate).ln();
        for (sign, day) in [(1.0, after), (-1.0, before)] {
            for (named, factor) in &day.factors {
                *parts.entry(named.clone()).or_default() += sign * mean * factor.ln();
            }
        }
    }
    let sum = |days: &[Explained]| days.iter().map(Explained::mean).sum();
    Contributions { from: sum(before), to: sum(after), parts: parts.into_iter().collect() }
}

/// L(a, b) = (a - b) / (ln a - ln b), the mean that lies between the geometric and the arithmetic one.
fn log_mean(a: f64, b: f64) -> f64 {
    if a <= 0.0 || b <= 0.0 {
        return 0.0;
    }
    let ratio = (a / b).ln();
    if ratio.abs() < 1e-9 { (a + b) / 2.0 } else { (a - b) / ratio }
}
