//! The states of an alert and what leads from one to another: a pure table, for people and program alike.
//!
//! ```text
//! pending -> firing -> acknowledged -> in_progress -> resolved -> closed
//!    any open state <-> silenced            any open state -> resolved, superseded, expired, closed
//! ```
//! A step may be left out (who starts work has seen the alert), and none is taken back: trouble that returns is a new
//! alert. Asking for what is so already changes nothing and is no mistake, so that a repeated tap is harmless.
use serde::{Deserialize, Serialize};

use crate::store::alerts::{Alert, State};

/// What can happen to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The first message about it was taken.
    Tell,
    /// 签收: somebody has taken it.
    Acknowledge,
    /// Somebody works on it.
    Start,
    /// It is over: back to what is expected, or a person says so.
    Resolve,
    /// A person is done with it.
    Close,
    /// Nobody is to be told of it for a while.
    Silence,
    /// The silence is over.
    Lift,
    /// Another alert tells it from now on.
    Supersede,
    /// Its window went by.
    Expire,
    /// Said what it turned out to be; any state.
    Verdict,
    /// Said something; any state.
    Note,
}

impl Action {
    /// What people can do, in the order of a life.
    pub const OF_PEOPLE: [Self; 8] = [
        Self::Acknowledge,
        Self::Start,
        Self::Resolve,
        Self::Close,
        Self::Silence,
        Self::Lift,
        Self::Verdict,
        Self::Note,
    ];

    /// Stable name in the audit, in addresses and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tell => "tell",
            Self::Acknowledge => "ack",
            Self::Start => "start",
            Self::Resolve => "resolve",
            Self::Close => "close",
            Self::Silence => "silence",
            Self::Lift => "lift",
            Self::Supersede => "supersede",
            Self::Expire => "expire",
            Self::Verdict => "verdict",
            Self::Note => "note",
        }
    }

    /// Whether it is only said and changes no state.
    pub fn is_word(self) -> bool {
        matches!(self, Self::Verdict | Self::Note)
    }
}

/// Why an action is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an alert that is {} cannot be changed by \"{}\": {}", from.name(), action.name(), remedy(*from, *action))]
pub struct Refused {
    /// The state it is in.
    pub from: State,
    /// What was asked for.
    pub action: Action,
}

fn remedy(from: State, action: Action) -> &'static str {
    match (from, action) {
        (_, Action::Lift) => "it is not silenced",
        (State::Silenced, _) => "lift the silence first",
        _ => "it is over; the same trouble would be a new alert",
    }
}

/// The state after an action. `before_silence` is where a silenced alert came from.
pub fn next(from: State, action: Action, before_silence: Option<State>) -> Result<State, Refused> {
    use State::{Acknowledged, Closed, Expired, Firing, InProgress, Pending, Resolved, Silenced, Superseded};
    let to = match (action, from) {
        (Action::Verdict | Action::Note, state) => state,
        (Action::Tell, Pending) => Firing,
        (Action::Tell, Firing | Acknowledged | InProgress) => from,
        (Action::Acknowledge, Pending | Firing) => Acknowledged,
        (Action::Acknowledge, Acknowledged | InProgress) => from,
        (Action::Start, Pending | Firing | Acknowledged | InProgress) => InProgress,
        (Action::Resolve, Pending | Firing | Acknowledged | InProgress | Silenced | Resolved) => Resolved,
        (Action::Close, _) => Closed,
        (Action::Silence, Pending | Firing | Acknowledged | InProgress | Silenced) => Silenced,
        (Action::Lift, Silenced) => before_silence.filter(|s| s.is_open()).unwrap_or(Firing),
        (Action::Supersede, Pending | Firing | Acknowledged | InProgress | Silenced | Superseded) => {
            Superseded
        }
        (Action::Expire, Pending | Firing | Acknowledged | InProgress | Silenced | Expired) => Expired,
        (action, from) => return Err(Refused { from, action }),
    };
    Ok(to)
}

/// Does it to an alert, as far as state and silence go; whether it changed anything.
pub fn apply(alert: &mut Alert, action: Action) -> Result<bool, Refused> {
    let to = next(alert.state, action, alert.silenced_from)?;
    let changed = to != alert.state;
    if changed {
        alert.silenced_from = match (alert.state, to) {
            (from, State::Silenced) => Some(from),
            // Nobody was told of it yet: the next plan has to.
            (State::Silenced, State::Pending) => Some(State::Pending),
            _ => None,
        };
        alert.state = to;
    }
    Ok(changed)
}

/// What people can do now that would change something, or say something.
pub fn possible(from: State) -> Vec<Action> {
    let would = |action: &Action| match next(from, *action, None) {
        // Another silence may last longer.
        Ok(to) => action.is_word() || to != from || *action == Action::Silence,
        Err(_) => false,
    };
    Action::OF_PEOPLE.into_iter().filter(would).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Action; 11] = [
        Action::Tell,
        Action::Acknowledge,
        Action::Start,
        Action::Resolve,
        Action::Close,
        Action::Silence,
        Action::Lift,
        Action::Supersede,
        Action::Expire,
        Action::Verdict,
        Action::Note,
    ];

    /// How far along a life is; a silence stands beside it.
    fn rank(state: State) -> Option<u8> {
        match state {
            State::Pending => Some(0),
            State::Firing => Some(1),
            State::Acknowledged => Some(2),
            State::InProgress => Some(3),
            State::Resolved | State::Superseded | State::Expired => Some(4),
            State::Closed => Some(5),
            State::Silenced => None,
        }
    }

    #[test]
    fn people_can_do_what_the_state_allows() {
        let names = |state| possible(state).into_iter().map(Action::name).collect::<Vec<_>>();
        let check = |state, wanted: &str| assert_eq!(names(state).join(" "), wanted, "{state:?}");
        check(State::Pending, "ack start resolve close silence verdict note");
        check(State::Firing, "ack start resolve close silence verdict note");
        check(State::Acknowledged, "start resolve close silence verdict note");
        check(State::InProgress, "resolve close silence verdict note");
        check(State::Silenced, "resolve close silence lift verdict note");
        for over in [State::Resolved, State::Superseded, State::Expired] {
            check(over, "close verdict note");
        }
        check(State::Closed, "verdict note");
    }

    #[test]
    fn what_is_refused_says_why() {
        let said = |from, action| next(from, action, None).unwrap_err().to_string();
        assert!(
            said(State::Closed, Action::Acknowledge)
                .contains("closed cannot be changed by \"ack\": it is over")
        );
        assert!(said(State::Silenced, Action::Start).contains("lift the silence first"));
        assert!(said(State::Firing, Action::Lift).contains("it is not silenced"));
    }

    proptest! {
        /// Over any sequence of actions: a life never goes back, what is over is never opened again, a second time
        /// changes nothing, and a silence ends where it began.
        #[test]
        fn a_life_goes_one_way(actions in prop::collection::vec(0..ALL.len(), 0..40)) {
            let (mut state, mut before) = (State::Pending, None);
            for action in actions.into_iter().map(|i| ALL[i]) {
                let Ok(to) = next(state, action, before) else { continue };
                prop_assert!(state.is_open() || !to.is_open(), "{state:?} {action:?} {to:?}");
                if action == Action::Lift {
                    prop_assert_eq!(Some(to), before);
                } else {
                    prop_assert_eq!(next(to, action, before), Ok(to), "a second time");
                    if let (Some(a), Some(b)) = (rank(state), rank(to)) {
                        prop_assert!(a <= b, "{state:?} {action:?} {to:?}");
                    }
                }
                if action.is_word() {
                    prop_assert_eq!(state, to);
                }
                before = match (state, to) {
                    (State::Silenced, State::Silenced) => before,
                    (_, State::Silenced) => Some(state),
                    _ => None,
                };
                state = to;
            }
        }
    }
}
