//! Explanations: exact, and about the right thing.
use std::collections::BTreeMap;

use chrono::Days;
use weisu_models::{
    calendar::{
        Exogenous,
        exogenous::{Known, Shape},
    },
    forecast::{
        Horizon, PanelFit, Params,
        explain::{Explained, Part, Relative, Subject, contributions, differences, explain},
        fit, forecast,
    },
    hierarchy::Level,
};

use crate::support::{City, city};

const PARAMS: Params = Params { origins: 12, boosted: 30, step: 14, horizon: 28, profiles: true };
const HORIZON: Horizon = Horizon { days: 40, months: 0 };

/// A city with its fit, its published daily means, and how to explain a node.
struct Told {
    city: City,
    fitted: PanelFit,
    means: Vec<Vec<f64>>,
}

impl Told {
    fn new(city: City) -> Self {
        let fitted = fit(&city.panel, &city.hierarchy, &city.calendar, &PARAMS, &|_| ());
        let done = forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, HORIZON, &|_| ());
        Self { means: done.daily.into_iter().map(|node| node.mean).collect(), city, fitted }
    }

    fn node(&self, level: Level, topic: u32, district: u32) -> usize {
        let found =
            |n: &weisu_models::hierarchy::Node| (n.level, n.topic, n.district) == (level, topic, district);
        self.city.hierarchy.nodes.iter().position(found).unwrap()
    }

    fn explain(&self, node: usize) -> Vec<Explained> {
        let (hierarchy, fits) = (&self.city.hierarchy, &self.fitted.nodes);
        let of = |node: usize| (hierarchy.series(&self.city.panel, node), &fits[node]);
        let place = &hierarchy.nodes[node];
        let pooled = place.level.topic > 0 && place.level.district > 0;
        let topic = self.node(Level { district: 0, ..place.level }, place.topic, 0);
        let district = self.node(Level { topic: 0, ..place.level }, 0, place.district);
        let around = [of(topic), of(district), of(0)];
        let subject = Subject {
            level: place.level,
            start: self.city.panel.start,
            counts: &of(node).0,
            around: pooled.then(|| around.each_ref().map(|(counts, fit)| Relative { counts, fit })),
            fit: &fits[node],
        };
        explain(&subject, &self.city.calendar, &self.fitted, &self.means[node])
    }
}

fn factor(day: &Explained, part: Part) -> f64 {
    day.factors.iter().filter(|((p, _), _)| *p == part).map(|(_, f)| f).product()
}

#[test]
fn parts_multiply_up_to_every_published_mean() {
    let told = Told::new(city(4, 6, 1100, 3));
    assert!(told.fitted.boost.is_some(), "boosting has to be in it");
    assert!(told.fitted.nodes.iter().any(|n| n.companions[0] > 0.0), "companions have to be in it");
    for (node, means) in told.means.iter().enumerate() {
        let days = told.explain(node);
        assert_eq!(days.len(), means.len());
        for (day, mean) in days.iter().zip(means) {
            assert!((day.mean() - mean).abs() <= 1e-9 * mean.max(1.0), "{node}: {} not {mean}", day.mean());
            let coherence = factor(day, Part::Coherence);
            assert!(coherence.ln().abs() < 0.5, "{node}: {coherence} is no correction");
        }
    }
}

/// With one cell nothing has to be made to add up, so the engine's own steps must give the published mean.
#[test]
fn the_steps_are_those_of_the_engine() {
    let mut city = city(1, 1, 1100, 5);
    city.panel
        .counts
        .indexed_iter_mut()
        .for_each(|((_, t), y)| *y = 5.0 + *y + (t % 7) as f32 + (t % 5) as f32);
    let told = Told::new(city);
    let cell = told.node(Level { topic: 1, district: 1 }, 1, 1);
    for day in told.explain(cell) {
        assert!((factor(&day, Part::Coherence) - 1.0).abs() < 1e-5, "{day:?}");
    }
}

#[test]
fn the_weekday_and_the_weather_are_named() {
    let mut city = city(1, 3, 900, 8);
    let wave = |t: usize| (std::f64::consts::TAU * t as f64 / 11.0).sin();
    city.panel.counts.indexed_iter_mut().for_each(|((_, t), y)| {
        let week = if t % 7 < 5 { 12.0 } else { 5.0 };
        *y += (week * (0.5 * wave(t)).exp()).round() as f32;
    });
    let values: BTreeMap<_, _> =
        (0..960).map(|t| (city.panel.start + Days::new(t as u64), wave(t))).collect();
    let shape = Shape { split: true, ..Shape::default() };
    let weather = Exogenous { name: "weather".into(), known: Known::KnownFuture, shape, values };
    city.calendar = city.calendar.with_regressors([weather]);
    let told = Told::new(city);
    for (lead, day) in (0..).zip(told.explain(0)).take(14) {
        let t = 900 + lead;
        let weekday = factor(&day, Part::Weekday);
        assert_eq!(weekday > 1.0, t % 7 < 5, "day {t}: {weekday}");
        let ((_, name), factor) = day.factors.iter().find(|((p, _), _)| *p == Part::Regressor).unwrap();
        assert_eq!(name.as_deref(), Some("weather"));
        assert!(wave(t).abs() < 0.2 || (*factor > 1.0) == (wave(t) > 0.0), "day {t}: {factor}");
    }
}

#[test]
fn parts_of_a_week_and_of_a_change_leave_nothing_over() {
    let told = Told::new(city(2, 2, 900, 2));
    let (days, other) = (told.explain(0), told.explain(1));
    let week = contributions(&days[..7]);
    let rates: f64 = days[..7].iter().map(|day| day.rate).sum();
    assert!((week.from - rates).abs() < 1e-9);
    for all in [week, differences(&days[..7], &other[..7]), differences(&other, &days)] {
        let sum: f64 = all.parts.iter().map(|(_, tickets)| tickets).sum();
        assert!((sum - (all.to - all.from)).abs() < 1e-6 * all.to, "{sum} of {}", all.to - all.from);
        let product: f64 = all.factors().map(|(_, factor)| factor).product();
        assert!((product - all.to / all.from).abs() < 1e-9 * product, "{product}");
    }
    assert!(differences(&days, &days).parts.iter().all(|(_, tickets)| *tickets == 0.0));
    // A day of which nothing is expected.
    let nothing = vec![Explained { rate: 0.0, factors: Vec::new() }; 7];
    let all = differences(&nothing, &days[..7]);
    assert!((all.parts.iter().map(|(_, tickets)| tickets).sum::<f64>() - all.to).abs() < 1e-9);
}
