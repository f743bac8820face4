//! Tables of the coming rises, and the figures in their rows.
use chrono::NaiveDate;
use minijinja::context;
use serde::Serialize;

use super::{Choice, Text};
use crate::{
    http::{
        AppState, api,
        board::Base,
        outlook::{Rise, When},
        problem::Problem,
    },
    store::Tree,
};

/// What the page says of the coming months.
#[derive(Debug, Default)]
pub(super) struct Rises {
    /// Topics in the whole city.
    pub topics: Vec<Rise>,
    /// Districts within the topic that rises most, in the month it does.
    pub places: Vec<Rise>,
    /// Topics in the chosen district.
    pub by_topic: Vec<Rise>,
    /// The topic looked at: the chosen one, or the one that rises most.
    pub topic: i32,
    /// The month in which it rises most.
    pub month: Option<NaiveDate>,
    /// Districts within that topic, in that month.
    pub by_district: Vec<Rise>,
    /// Whether there is any forecast.
    pub published: bool,
}

impl Rises {
    /// The topic that more likely than not exceeds its norm by the most tickets.
    pub fn headline(&self) -> Option<&Rise> {
        self.topics.first().filter(|r| r.excess() > 0.0 && r.probability.is_some_and(|p| p > 0.5))
    }
}

/// Months looked at.
const MONTHS: When = When::Next(3);

/// Reads them; a district or topic that is not there counts as all.
pub(super) async fn read(state: &AppState, choice: Choice) -> Result<Rises, Problem> {
    let base = state.boards.base(&state.store).await?;
    if base.forecast.is_none() {
        return Ok(Rises::default());
    }
    let rises = async |of, within, when| api::forecast::rises(state, of, within, choice.basis, when).await;
    let district = if base.districts.has(choice.district) { choice.district } else { 0 };
    let topics = rises(Tree::Topics, 0, MONTHS).await?;
    let by_topic = rises(Tree::Topics, district, MONTHS).await?;
    let mut found = Rises { topics, by_topic, published: true, ..Rises::default() };
    let headline = found.headline().map(|r| (r.id, r.month));
    if let Some((id, month)) = headline {
        found.places = rises(Tree::Districts, id, When::In(month)).await?;
    }
    let chosen = choice.topic.filter(|t| base.topics.has(*t));
    found.topic = chosen.or(headline.map(|(id, _)| id)).unwrap_or(0);
    found.month = month(&base.topics.path(found.topic), &found.topics);
    if let Some(month) = found.month {
        found.by_district = rises(Tree::Districts, found.topic, When::In(month)).await?;
    }
    Ok(found)
}

/// The month in which a topic, by its path, rises most: that of its top level; for all topics, of the one that rises most.
fn month(path: &[String], topics: &[Rise]) -> Option<NaiveDate> {
    let own = path.first().and_then(|top| topics.iter().find(|r| r.name == *top));
    own.or(topics.first()).map(|r| r.month)
}

/// A table; what a row leads to is the address without what names the row.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    scope: Option<String>,
    month: Option<String>,
    head: String,
    link: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: i32,
    tier: &'static str,
    name: String,
    month: String,
    expected: String,
    band: String,
    last_year: String,
    change: String,
    up: bool,
    norm: String,
    probability: String,
    bar: Bar,
}

/// Geometry of a band figure, in units of a 160 x 18 drawing.
#[derive(Debug, Serialize)]
struct Bar {
    label: String,
    x95: String,
    w95: String,
    x80: String,
    w80: String,
    dot: String,
    year: Option<String>,
}

/// Topics of the table at most; the rest is in the API.
const ROWS: usize = 12;
/// Width of the drawing without room for the dot.
const WIDTH: f64 = 152.0;

/// What rises: topics, each in its month.
pub(super) fn what(text: &Text, rises: &Rises, base: &Base, choice: Choice) -> Table {
    let scope = base.districts.path(choice.district).pop();
    let link = format!("district={}&topic=", choice.district);
    let rows = &rises.by_topic[..rises.by_topic.len().min(ROWS)];
    Table { scope, month: None, head: text.say("c_name_topic", ().into()), link, rows: table(text, rows) }
}

/// Where it rises: districts, all in the same month, so that they can be compared.
pub(super) fn places(text: &Text, rises: &Rises, base: &Base) -> Table {
    Table {
        scope: Some(base.topics.path(rises.topic).pop().unwrap_or_else(|| text.say("all_topics", ().into()))),
        month: rises.month.map(|m| text.month(m)),
        head: text.say("c_name_district", ().into()),
        link: format!("topic={}&district=", rises.topic),
        rows: table(text, &rises.by_district),
    }
}

fn table(text: &Text, rises: &[Rise]) -> Vec<Row> {
    let most = rises.iter().map(|r| r.band_95.upper.max(r.last_year.unwrap_or(0.0))).fold(1.0, f64::max);
    rises.iter().map(|r| row(text, r, most)).collect()
}

/// How far beyond its norm a month is expected to be: a word only where the 80 % band leaves the norm out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    /// Above it by [`STRONG`] or more.
    FarAbove,
    /// Above it.
    Above,
    /// The band holds the norm.
    Usual,
    /// Below it.
    Below,
    /// Below it by [`STRONG`] or more.
    FarBelow,
    /// There are no past years to hold it against.
    Unknown,
}

/// Share of the norm from which a rise or a fall is a strong one.
const STRONG: f64 = 0.15;

impl Tier {
    /// All tiers in the order of the legend.
    pub const ALL: [Self; 6] =
        [Self::FarAbove, Self::Above, Self::Usual, Self::Below, Self::FarBelow, Self::Unknown];

    /// Its name in the catalogue and in the style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::FarAbove => "up2",
            Self::Above => "up1",
            Self::Usual => "flat",
            Self::Below => "down1",
            Self::FarBelow => "down2",
            Self::Unknown => "none",
        }
    }

    /// The tier of a month.
    pub fn of(rise: &Rise) -> Self {
        let (Some(norm), Some(change)) = (rise.norm, rise.change_norm) else { return Self::Unknown };
        match () {
            () if rise.band_80.lower > norm && change >= STRONG => Self::FarAbove,
            () if rise.band_80.lower > norm => Self::Above,
            () if rise.band_80.upper < norm && change <= -STRONG => Self::FarBelow,
            () if rise.band_80.upper < norm => Self::Below,
            () => Self::Usual,
        }
    }
}

fn row(text: &Text, rise: &Rise, most: f64) -> Row {
    let dash = || "–".to_owned();
    let (low, high) = (text.count(rise.band_80.lower), text.count(rise.band_80.upper));
    let last_year = rise.last_year.map_or_else(dash, |n| text.count(n));
    let x = |value: f64| format!("{:.1}", 4.0 + WIDTH * value / most);
    let w = |from: f64, to: f64| format!("{:.1}", (WIDTH * (to - from) / most).max(1.0));
    Row {
        id: rise.id,
        tier: Tier::of(rise).name(),
        name: rise.name.clone(),
        month: text.month(rise.month),
        expected: text.count(rise.expected),
        band: format!("{low}–{high}"),
        change: rise.change_last_year.map_or_else(dash, |c| text.change(c)),
        up: rise.change_last_year.is_some_and(|c| c > 0.0),
        norm: rise.change_norm.map_or_else(dash, |c| text.change(c)),
        probability: rise.probability.map_or_else(dash, |p| text.probability(p)),
        bar: Bar {
            label: text.say(
                "band_of",
                context! { n => text.count(rise.expected), low, high, year => last_year.clone() },
            ),
            x95: x(rise.band_95.lower),
            w95: w(rise.band_95.lower, rise.band_95.upper),
            x80: x(rise.band_80.lower),
            w80: w(rise.band_80.lower, rise.band_80.upper),
            dot: x(rise.expected),
            year: rise.last_year.map(x),
        },
        last_year,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::outlook::Band;

    fn rise(name: &str, band: [f64; 2], expected: f64, norm: Option<f64>) -> Rise {
        let band = Band { lower: band[0], upper: band[1] };
        Rise {
            id: 1,
            name: name.to_owned(),
            month: NaiveDate::from_ymd_opt(2026, name.len() as u32, 1).unwrap(),
            expected,
            band_80: band,
            band_95: band,
            last_year: None,
            norm,
            norm_years: 1,
            change_last_year: None,
            change_norm: norm.map(|n| expected / n - 1.0),
            probability: None,
            steepest_week: None,
        }
    }

    #[test]
    fn a_tier_says_nothing_that_the_band_does_not() {
        for (band, expected, norm, tier) in [
            ([110.0, 140.0], 125.0, Some(100.0), Tier::FarAbove),
            ([102.0, 120.0], 110.0, Some(100.0), Tier::Above),
            ([90.0, 180.0], 130.0, Some(100.0), Tier::Usual),
            ([90.0, 99.0], 95.0, Some(100.0), Tier::Below),
            ([60.0, 99.0], 80.0, Some(100.0), Tier::FarBelow),
            ([60.0, 99.0], 80.0, None, Tier::Unknown),
        ] {
            assert_eq!(Tier::of(&rise("x", band, expected, norm)), tier, "{band:?} against {norm:?}");
        }
    }

    #[test]
    fn a_part_of_a_topic_is_looked_at_in_the_month_of_its_top_level() {
        let topics = [rise("a", [0.0; 2], 0.0, None), rise("bb", [0.0; 2], 0.0, None)];
        let of = |path: &[&str]| month(&path.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>(), &topics);
        assert_eq!(of(&["bb", "below"]), Some(topics[1].month));
        assert_eq!(of(&[]), Some(topics[0].month));
        assert_eq!(month(&[], &[]), None);
    }
}
