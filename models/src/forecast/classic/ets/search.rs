//! The search for the parameters with the highest likelihood.
use super::{
    filter::{MAX_PERIOD, States, pass},
    form::{Error, Form, Season, Smoothing, Trend},
    linear,
};
use crate::numeric::nelder_mead::{Axis, Stop, minimise};

/// Close enough that a forecast has settled, too: near the top the likelihood is flat.
const LINEAR: Stop = Stop { calls: 150, spread: 1e-4 };
/// To tell which top is the highest.
const ROUGH: Stop = Stop { calls: 25, spread: 0.5 };
/// One simplex in up to 16 dimensions.
const JOINT: Stop = Stop { calls: 800, spread: 1e-3 };
/// Fresh simplexes at most: a long search in many dimensions may stall on a flat one.
const RESTARTS: usize = 3;

/// Places in the unit cube where the search may begin.
const STARTS: [[f64; 4]; 4] =
    [[0.03, 0.05, 0.05, 0.9], [0.1, 0.1, 0.01, 0.9], [0.3, 0.05, 0.05, 0.9], [0.7, 0.05, 0.1, 0.9]];

/// n log sum e^2 + 2 sum log f: -2 log L without its constants. An exact fit is kept finite.
pub(super) fn deviance(known: usize, squares: f64, logs: f64) -> f64 {
    known as f64 * squares.max(1e-30).ln() + 2.0 * logs
}

/// The smoothing parameters that the form has; the others as if absent.
pub(super) fn restrict(form: Form, by: Smoothing) -> Smoothing {
    Smoothing {
        alpha: by.alpha,
        beta: if form.trend() == Trend::None { 0.0 } else { by.beta },
        gamma: if form.season() == Season::None { 0.0 } else { by.gamma },
        phi: if form.trend() == Trend::Damped { by.phi } else { 1.0 },
    }
}

/// Smoothing parameters and starting states of the highest likelihood found.
pub(super) fn optimise(form: Form, y: &[f64], m: usize) -> Option<(Smoothing, States)> {
    let unit = additive(form.linear(), y, m);
    let by = Smoothing::from_unit(form, &unit);
    let start = linear::best(form.linear(), by, y, m).start;
    if form == form.linear() {
        return Some((by, start));
    }
    Joint { form, y, m, fixed: None }.search(&unit, &start)
}

/// The best starting states for given smoothing parameters.
pub(super) fn start(form: Form, by: Smoothing, y: &[f64], m: usize) -> Option<States> {
    let start = linear::best(form.linear(), by, y, m).start;
    if form == form.linear() {
        return Some(start);
    }
    let problem = Joint { form, y, m, fixed: Some(by) };
    problem.search(&[], &start).map(|(_, states)| states)
}

/// The smoothing parameters of an additive form, as places in the unit cube.
///
/// A slope gives the likelihood several tops, one of them where the level hardly moves, so a form with one is
/// searched roughly from every place and closely from the best.
fn additive(form: Form, y: &[f64], m: usize) -> Vec<f64> {
    let n = form.smoothing();
    let known = y.iter().filter(|v| v.is_finite()).count();
    let value = |unit: &[f64]| {
        deviance(known, linear::best(form, Smoothing::from_unit(form, unit), y, m).squares, 0.0)
    };
    let search = |start: &[f64], stop| {
        let axis = |u: &f64| Axis { start: *u, step: 0.05, low: 0.0, high: 1.0 };
        minimise(value, &start.iter().map(axis).collect::<Vec<_>>(), stop)
    };
    let starts = STARTS.iter().map(|start| &start[..n]);
    let best = if form.trend() == Trend::None {
        starts.map(|start| (start.to_vec(), value(start))).min_by(|a, b| a.1.total_cmp(&b.1))
    } else {
        starts.map(|start| search(start, ROUGH)).min_by(|a, b| a.1.total_cmp(&b.1))
    };
    best.map_or_else(Vec::new, |(start, _)| search(&start, LINEAR).0)
}

/// Smoothing parameters and starting states searched together.
struct Joint<'a> {
    form: Form,
    y: &'a [f64],
    m: usize,
    fixed: Option<Smoothing>,
}

impl Joint<'_> {
    fn search(&self, unit: &[f64], additive: &States) -> Option<(Smoothing, States)> {
        let known = self.y.iter().filter(|v| v.is_finite()).count();
        let mut axes = self.axes(unit, additive);
        let mut best = f64::INFINITY;
        for _ in 0..=RESTARTS {
            let value = |point: &[f64]| {
                let (by, start) = self.at(point);
                pass(self.form, by, start, self.y, self.m)
                    .map_or(f64::INFINITY, |pass| deviance(known, pass.squares, pass.logs))
            };
            let (point, found) = minimise(value, &axes, JOINT);
            axes.iter_mut().zip(point).for_each(|(axis, x)| axis.start = x);
            if best - found < 5e-2 || !found.is_finite() {
                best = found;
                break;
            }
            best = found;
        }
        let point: Vec<f64> = axes.iter().map(|axis| axis.start).collect();
        best.is_finite().then(|| self.at(&point))
    }

    /// A point is the smoothing parameters' places in the unit cube, then level, slope and seasons.
    fn at(&self, point: &[f64]) -> (Smoothing, States) {
        let smoothing = if self.fixed.is_some() { 0 } else { self.form.smoothing() };
        let (unit, states) = point.split_at(smoothing);
        let by = self.fixed.unwrap_or_else(|| Smoothing::from_unit(self.form, unit));
        let mut rest = states.iter().copied();
        let mut next = || rest.next().unwrap_or(0.0);
        let level = next();
        let slope = if self.form.trend() == Trend::None { 0.0 } else { next() };
        let mut season = [0.0; MAX_PERIOD];
        let total = match self.form.season() {
            Season::None => return (by, States { level, slope, season }),
            Season::Additive => 0.0,
            Season::Multiplicative => self.m as f64,
        };
        season[..self.m - 1].iter_mut().for_each(|s| *s = next());
        season[self.m - 1] = total - season[..self.m - 1].iter().sum::<f64>();
        (by, States { level, slope, season })
    }

    /// Steps are a tenth of what they move: of the mean for level and season, of the mean a season for the slope.
    fn axes(&self, unit: &[f64], additive: &States) -> Vec<Axis> {
        let relative = self.form.error() == Error::Multiplicative;
        let (sum, n) = self.y.iter().filter(|v| v.is_finite()).fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
        let mean = sum / n;
        let free = |start: f64, step: f64| Axis { start, step, low: f64::NEG_INFINITY, high: f64::INFINITY };
        let mut axes: Vec<Axis> =
            unit.iter().map(|u| Axis { start: *u, step: 0.05, low: 0.0, high: 1.0 }).collect();
        let level = if relative { additive.level.max(0.1 * mean) } else { additive.level };
        axes.push(free(level, 0.1 * mean));
        if self.form.trend() != Trend::None {
            axes.push(free(additive.slope, 0.01 * mean / self.m as f64));
        }
        let seasons = &additive.season[..self.m - 1];
        match self.form.season() {
            Season::None => {}
            Season::Additive => axes.extend(seasons.iter().map(|s| free(*s, 0.1 * mean))),
            Season::Multiplicative => {
                axes.extend(seasons.iter().map(|s| free((1.0 + s / level).max(0.1), 0.1)));
            }
        }
        axes
    }
}
