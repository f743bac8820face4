//! The page at `/alerts`: every alert with its life and its grounds.
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{Text, frame, hotspots, options::Choose, templates, text};
use crate::{
    http::{
        AppState,
        access::{self, Viewer},
        api::alerts,
        board::Base,
        problem::{Params, Problem},
    },
    store::{
        alerts::{Lane, State as Life},
        board::AlertFilter,
    },
};

/// Alerts on the page at most; the rest are in the API.
const SHOWN: i64 = 100;

/// What the address says; a value that means nothing here is passed over.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AlertsParams {
    lang: Option<String>,
    lane: Option<String>,
    state: Option<String>,
    district: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Which {
    lane: Option<Lane>,
    /// `None` = all that are not over.
    state: Option<&'static str>,
    district: i32,
}

/// Every state, over or not.
const ANY: &str = "any";

impl From<&AlertsParams> for Which {
    fn from(params: &AlertsParams) -> Self {
        let state = |asked: &str| match asked {
            ANY => Some(ANY),
            _ => Life::ALL.map(Life::name).into_iter().find(|name| *name == asked),
        };
        Self {
            lane: Lane::ALL.into_iter().find(|l| Some(l.name()) == params.lane.as_deref()),
            state: params.state.as_deref().and_then(state),
            district: params.district.as_deref().and_then(|d| d.parse().ok()).unwrap_or(0),
        }
    }
}

/// A selector.
#[derive(Debug, Serialize)]
struct Selector {
    name: &'static str,
    label: String,
    options: Vec<Choose>,
}

pub(crate) async fn show(
    State(state): State<AppState>,
    viewer: Viewer,
    headers: HeaderMap,
    Params(params): Params<AlertsParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let which = Which::from(&params);
    let base = state.boards.base(&state.store).await?;
    let filter = AlertFilter {
        state: (which.state != Some(ANY)).then(|| which.state.unwrap_or("open").to_owned()),
        lane: which.lane.map(|l| l.name().to_owned()),
        district: Some(which.district).filter(|d| *d != 0),
        limit: SHOWN,
        ..AlertFilter::default()
    };
    let found = alerts::found(&state, &viewer, &filter).await?;
    let cards: Vec<_> = found.iter().map(|alert| hotspots::view(&text, alert)).collect();
    let count = if cards.len() as i64 == SHOWN { "alerts_most" } else { "alerts_count" };
    let html = templates()?.get_template("alerts.html")?.render(context! {
        title => text.say("alerts_title", context! { city => state.city.name.clone() }),
        count => text.say(count, context! { n => cards.len() }),
        hotspots => Value::from(Serde(cards)),
        selectors => Value::from(Serde(selectors(&text, &base, &which, &viewer))),
        restricted => viewer.is_restricted(),
        signed_in => state.gate.is_closed(),
        form => access::form_value(state.gate.key(), &headers, state.now()),
        ..frame(&state, &text, keep(&which)),
    })?;
    Ok(([("vary", "accept-language, cookie")], Html(html)).into_response())
}

fn selectors(text: &Text, base: &Base, which: &Which, viewer: &Viewer) -> Vec<Selector> {
    let say = |key| text.say(key, Value::UNDEFINED);
    let lane = |lane: Lane| (lane.name(), text.word("lane", lane.name()), which.lane == Some(lane));
    let lanes = [("", say("all_lanes"), which.lane.is_none())].into_iter().chain(Lane::ALL.map(lane));
    let life = |name: &'static str| (name, text.word("state", name), which.state == Some(name));
    let states =
        [("", say("state_open"), which.state.is_none()), (ANY, say("state_any"), which.state == Some(ANY))];
    let states = states.into_iter().chain(Life::ALL.map(Life::name).map(life));
    vec![
        Selector { name: "lane", label: say("f_lane"), options: Choose::of(lanes) },
        Selector { name: "state", label: say("f_state"), options: Choose::of(states) },
        Selector {
            name: "district",
            label: say("f_district"),
            options: Choose::some(
                &base.districts,
                base.depth.1,
                which.district,
                say("all_districts"),
                |id| viewer.sees(&base.districts.path(id)),
            ),
        },
    ]
}

/// The choice as name and value, for links that change something else.
fn keep(which: &Which) -> Vec<(&'static str, String)> {
    let mut keep = Vec::new();
    keep.extend(which.lane.map(|l| ("lane", l.name().to_owned())));
    keep.extend(which.state.map(|s| ("state", s.to_owned())));
    keep.extend((which.district != 0).then(|| ("district", which.district.to_string())));
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_nothing_shows_what_is_open() {
        let which = |lane: &str, state: &str, district: &str| {
            let some = |text: &str| Some(text.to_owned());
            Which::from(&AlertsParams {
                lang: None,
                lane: some(lane),
                state: some(state),
                district: some(district),
            })
        };
        assert_eq!(which("omen", "lost", "north"), Which { lane: None, state: None, district: 0 });
        let chosen = Which { lane: Some(Lane::Risk), state: Some("acknowledged"), district: 3 };
        assert_eq!(which("risk", "acknowledged", "3"), chosen);
        assert_eq!(keep(&chosen).len(), 3);
        assert_eq!(which("", "any", "").state, Some(ANY));
    }
}
