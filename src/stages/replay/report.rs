//! What a replay says: episodes, load by office, lead times, precision, recall.
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use super::{Episode, History, Request, confirmed::confirmed, labels, labels::Outcome};

/// Days in a week of the load.
const WEEK: i64 = 7;

/// A replay in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// First day judged.
    pub from: NaiveDate,
    /// Last day judged.
    pub to: NaiveDate,
    /// Alerts by the day they were told, with what became of them.
    pub episodes: Vec<Told>,
    /// Alerts by office and week.
    pub load: Load,
    /// Alerts that what came bore out, by kind; `all` for all.
    pub confirmed: BTreeMap<&'static str, Share>,
    /// Days between the day an alert about a coming week was told and that week.
    pub lead_days: Option<Spread>,
    /// Labelled rises, where there are labels.
    pub labelled: Option<Labelled>,
}

/// An episode and its worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// The episode.
    #[serde(flatten)]
    pub episode: Episode,
    /// Whether what came bears it out; `None` where that is not known.
    pub confirmed: Option<bool>,
    /// Whether a label speaks of it, where there are labels.
    pub labelled: Option<bool>,
}

/// Alerts told an office in a week; every office counts in every whole week.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    /// Offices, the whole city's among them.
    pub offices: usize,
    /// Whole weeks.
    pub weeks: usize,
    /// Over offices and weeks.
    pub per_week: Option<Spread>,
    /// Most alerts told one office on one day.
    pub most_a_day: usize,
    /// Alerts an office may get in one day.
    pub budget_a_day: usize,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// Of them.
    pub yes: usize,
    /// All that are known.
    pub of: usize,
}

/// Numbers in short.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// Largest.
    pub max: f64,
}

/// Against labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Labelled {
    /// Labelled rises found.
    pub recall: Share,
    /// Alerts that a label speaks of.
    pub precision: Share,
    /// Days from the begin of a rise to the first word of it, of those found.
    pub delay: Option<Spread>,
    /// Each rise.
    pub rises: Vec<Outcome>,
}

impl Spread {
    /// `None` of no numbers.
    pub fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_unstable_by(f64::total_cmp);
        let n = numbers.len();
        let at = |level: f64| numbers[(level * (n - 1) as f64).round() as usize];
        let max = *numbers.last()?;
        Some(Self { n, mean: numbers.iter().sum::<f64>() / n as f64, median: at(0.5), p90: at(0.9), max })
    }
}

impl Share {
    fn add(&mut self, yes: bool) {
        self.of += 1;
        self.yes += usize::from(yes);
    }

    /// The share; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.yes as f64 / self.of as f64)
    }
}

/// The report of a replay's episodes.
pub fn of(history: &History, request: &Request, episodes: &[Episode]) -> Report {
    // Labels of other days cannot be found and are no fault.
    let within = |l: &&labels::Label| l.from <= request.to.date() && request.from.date() <= l.to;
    let rises: Option<Vec<_>> =
        request.labels.as_ref().map(|all| all.iter().filter(within).cloned().collect());
    let told: Vec<Told> = episodes
        .iter()
        .map(|episode| Told {
            confirmed: confirmed(history, episode),
            labelled: rises.as_ref().map(|rises| rises.iter().any(|rise| rise.is_of(episode))),
            episode: episode.clone(),
        })
        .collect();
    let ahead = episodes.iter().filter(|e| e.kind.is_ahead());
    Report {
        from: request.from.date(),
        to: request.to.date(),
        load: load(history, request, episodes),
        confirmed: by_kind(&told),
        lead_days: Spread::of(ahead.map(|e| f64::from(e.lead_days)).collect()),
        labelled: rises.map(|rises| labelled(labels::outcomes(&rises, episodes), &told)),
        episodes: told,
    }
}

fn by_kind(told: &[Told]) -> BTreeMap<&'static str, Share> {
    let mut out: BTreeMap<&'static str, Share> = BTreeMap::new();
    for one in told {
        if let Some(yes) = one.confirmed {
            out.entry("all").or_default().add(yes);
            out.entry(one.episode.kind.name()).or_default().add(yes);
        }
    }
    out
}

fn labelled(rises: Vec<Outcome>, told: &[Told]) -> Labelled {
    let (mut recall, mut precision) = (Share::default(), Share::default());
    rises.iter().for_each(|rise| recall.add(rise.told.is_some()));
    told.iter().filter_map(|one| one.labelled).for_each(|yes| precision.add(yes));
    let delay = Spread::of(rises.iter().filter_map(|r| r.delay).map(|days| days as f64).collect());
    Labelled { recall, precision, delay, rises }
}

fn load(history: &History, request: &Request, episodes: &[Episode]) -> Load {
    let offices: BTreeSet<i32> = history.city.keys.iter().map(|key| key.district).collect();
    let weeks = i64::from(request.to.0 - request.from.0 + 1) / WEEK;
    let mut by_week: BTreeMap<(i32, i64), usize> = BTreeMap::new();
    let mut by_day: BTreeMap<(i32, NaiveDate), usize> = BTreeMap::new();
    for episode in episodes {
        let week = (episode.told - request.from.date()).num_days() / WEEK;
        *by_week.entry((episode.office, week)).or_default() += 1;
        *by_day.entry((episode.office, episode.told)).or_default() += 1;
    }
    let cells = offices.iter().flat_map(|office| (0..weeks).map(move |week| (*office, week)));
    let counts = cells.map(|cell| by_week.get(&cell).map_or(0.0, |n| *n as f64)).collect();
    Load {
        offices: offices.len(),
        weeks: weeks as usize,
        per_week: Spread::of(counts),
        most_a_day: by_day.into_values().max().unwrap_or(0),
        budget_a_day: history.config.detect.budget_per_district,
    }
}
