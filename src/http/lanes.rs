//! The three lanes that guidance on hotline data asks for: what is common, what comes back, what is at risk.
use chrono::NaiveDate;
use serde::Serialize;
use weisu_models::calendar::align::YEAR_OF_WEEKS;

use super::{
    AppState,
    alert_view::AlertView,
    api::forecast::{SeasonView, seasons},
    board::{Board, Daily},
    outlook::change,
    problem::Problem,
    seasons::SeasonView as Returning,
};
use crate::{
    store::{
        StoreError, Tree,
        alarms::Severity,
        alerts::Lane,
        board::{AlertFilter, Scope},
        calendar::CalendarFilter,
    },
    ticket::{Basis, Day},
};

/// Days that what is common is counted over: whole weeks, so that weekdays weigh alike.
const COMMON_DAYS: i32 = 28;
/// Days ahead that what comes back is looked for.
const AHEAD_DAYS: i32 = 60;
/// Topics and alerts named.
const NAMED: usize = 3;

/// A topic that many ask about: a candidate for being governed at its root.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct CommonTopic {
    /// Key.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Tickets of the days looked at; days without data count as average ones.
    pub tickets: f64,
    /// Share of all tickets.
    pub share: f64,
    /// The same weekdays 52 weeks earlier.
    pub last_year: Option<f64>,
    /// `tickets / last_year - 1`.
    pub change: Option<f64>,
}

/// Open alerts of a lane.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Open {
    /// How many.
    pub alerts: i64,
    /// How many of each severity, the worst first; severities without any are left out.
    pub severities: Vec<SeverityCount>,
    /// The most severe and newest.
    pub first: Vec<AlertView>,
}

/// How many alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SeverityCount {
    /// How much they matter.
    pub severity: Severity,
    /// How many.
    pub alerts: i64,
}

/// 共性: what many ask about.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Common {
    /// First day counted; absent while there are no data.
    pub from: Option<NaiveDate>,
    /// Last day counted.
    pub to: Option<NaiveDate>,
    /// The top-level topics with the most tickets.
    pub topics: Vec<CommonTopic>,
    /// Its alerts.
    pub open: Open,
}

/// 季节: what comes back.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Seasonal {
    /// First day looked at: today.
    pub from: NaiveDate,
    /// Last day looked at.
    pub to: NaiveDate,
    /// Topics whose tickets are expected to come back in the whole city, the soonest first.
    pub coming: Vec<Returning>,
    /// Seasons of the city's calendar under way or to begin.
    pub seasons: Vec<SeasonView>,
    /// Its alerts.
    pub open: Open,
}

/// 风险: more than expected now, or forecast to be.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Risk {
    /// Its alerts.
    pub open: Open,
}

/// The three lanes.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Lanes {
    /// What is counted.
    pub basis: Basis,
    /// 共性
    pub common: Common,
    /// 季节
    pub seasonal: Seasonal,
    /// 风险
    pub risk: Risk,
}

/// Reads them.
pub(crate) async fn lanes(state: &AppState, basis: Basis) -> Result<Lanes, Problem> {
    let counts = state.store.alerts_by_lane().await?;
    let open = async |lane: Lane| {
        let filter = AlertFilter {
            state: Some("open".to_owned()),
            lane: Some(lane.name().to_owned()),
            limit: NAMED as i64,
            ..AlertFilter::default()
        };
        let first = state.store.find_alerts(&filter).await?.into_iter().filter_map(AlertView::new).collect();
        let of = |severity: Severity| {
            let found = counts.iter().find(|(l, s, _)| l == lane.name() && s == severity.name());
            found.map(|(.., alerts)| SeverityCount { severity, alerts: *alerts })
        };
        let mut severities: Vec<SeverityCount> = Severity::ALL.into_iter().filter_map(of).collect();
        severities.sort_by_key(|count| std::cmp::Reverse(count.severity));
        Ok::<_, StoreError>(Open { alerts: severities.iter().map(|c| c.alerts).sum(), severities, first })
    };
    let board = state.boards.board(&state.store, Scope { of: Tree::Topics, within: 0 }, basis).await?;
    let today = state.today();
    let (from, to) = (today.date(), today.plus(AHEAD_DAYS).date());
    Ok(Lanes {
        basis,
        common: common(&board, open(Lane::Common).await?),
        seasonal: Seasonal {
            from,
            to,
            coming: coming(state, today, to).await?,
            seasons: seasons(state, from, to),
            open: open(Lane::Seasonal).await?,
        },
        risk: Risk { open: open(Lane::Risk).await? },
    })
}

/// What begins between today and a day, in the whole city.
async fn coming(state: &AppState, today: Day, to: NaiveDate) -> Result<Vec<Returning>, Problem> {
    let filter = CalendarFilter {
        topic: None,
        district: Some(0),
        until: Some(to.into()),
        ..CalendarFilter::default()
    };
    let items = super::seasons::read(state, filter).await?.map_or_else(Vec::new, |calendar| calendar.items);
    let ahead = items.into_iter().filter(|s| s.standing == "ahead" && s.onset >= today.date());
    Ok(ahead.take(NAMED).collect())
}

fn common(board: &Board, open: Open) -> Common {
    let Some(last) = board.base.last_closed() else {
        return Common { from: None, to: None, topics: Vec::new(), open };
    };
    let first = last.plus(1 - COMMON_DAYS);
    let sum = |daily: &Daily, back: i32| daily.sum(first.plus(-back), last.plus(-back));
    let total: f64 = board.members.iter().filter_map(|m| sum(&m.actual, 0)).sum();
    let names = board.base.names(Tree::Topics);
    let topic = |m: &super::board::Member| {
        let tickets = sum(&m.actual, 0).filter(|n| *n > 0.0)?;
        let last_year = sum(&m.actual, i32::from(YEAR_OF_WEEKS));
        Some(CommonTopic {
            id: m.node,
            name: names.path(m.node).pop().unwrap_or_default(),
            tickets,
            share: tickets / total,
            last_year,
            change: change(tickets, last_year),
        })
    };
    let mut topics: Vec<CommonTopic> = board.members.iter().filter_map(topic).collect();
    topics.sort_by(|a, b| b.tickets.total_cmp(&a.tickets).then(a.id.cmp(&b.id)));
    topics.truncate(NAMED);
    Common { from: Some(first.date()), to: Some(last.date()), topics, open }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::http::board::{Base, Member};

    fn none() -> Open {
        Open { alerts: 0, severities: Vec::new(), first: Vec::new() }
    }

    fn board(known: &[(Day, bool)], per_day: &[(i32, i64)]) -> Board {
        let member = |&(node, n): &(i32, i64)| Member {
            node,
            actual: Daily::new(known, known.iter().map(|(day, _)| (*day, n))),
            daily: Vec::new(),
            monthly: Vec::new(),
        };
        let base = Base { known: known.to_vec(), ..Base::default() };
        Board { base: Arc::new(base), members: per_day.iter().map(member).collect() }
    }

    #[test]
    fn the_commonest_topics_come_first_and_shares_are_of_everything() {
        let known: Vec<(Day, bool)> = (0..40).map(|d| (Day(d), true)).collect();
        let found = common(&board(&known, &[(1, 2), (2, 5), (3, 0), (4, 1), (5, 2)]), none());
        let ids: Vec<(i32, f64, f64)> = found.topics.iter().map(|t| (t.id, t.tickets, t.share)).collect();
        assert_eq!(ids, [(2, 140.0, 0.5), (1, 56.0, 0.2), (5, 56.0, 0.2)]);
        assert_eq!(
            (found.topics[0].last_year, found.topics[0].change),
            (None, None),
            "there was no last year"
        );
        assert_eq!((found.from, found.to), (Some(Day(12).date()), Some(Day(39).date())));
    }

    #[test]
    fn without_data_nothing_is_common() {
        let found = common(&board(&[], &[]), none());
        assert_eq!((found.from, found.topics.len()), (None, 0));
    }
}
