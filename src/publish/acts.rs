//! What people do to alerts: one transaction that reads the alert, asks [`life`] whether it is possible, and writes state
//! and audit together. Page, API, links and command line all come here; nothing else of them is ever written.
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    event::rfc3339,
    life::{self, Action, Refused},
};
use crate::{
    store::{
        Store, StoreError, Tx,
        alerts::{Alert, State},
        audit::{About, Entry, PROGRAM, Via},
        silences::{Scope, Silence},
        verdicts::{Cause, Said, Verdict},
    },
    ticket::Millis,
};

/// Characters of a note or a reason at most.
pub const MOST_WORDS: usize = 1000;

/// Who does something, and by which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Name of a token or a receiver; of an office or a role on the command line.
    pub name: String,
    /// By which way.
    pub via: Via,
}

impl Actor {
    /// The program itself.
    fn program() -> Self {
        Self { name: PROGRAM.to_owned(), via: Via::Stage }
    }

    fn entry(&self, about: About, subject: &str, action: &str, now: Millis) -> Entry {
        Entry {
            at: now,
            author: self.name.clone(),
            via: self.via,
            about,
            subject: subject.to_owned(),
            action: action.to_owned(),
            from: None,
            to: None,
            detail: Value::Object(Map::new()),
        }
    }
}

/// Something a person does to one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A step of its life, or only a note.
    Step {
        /// Which.
        action: Action,
        /// In their words.
        note: Option<String>,
    },
    /// What it turned out to be.
    Verdict {
        /// What.
        verdict: Verdict,
        /// Why.
        cause: Option<Cause>,
        /// In their words.
        note: Option<String>,
    },
    /// Nobody is to be told of it, or of what else the scope covers.
    Silence(Hush),
}

/// A silence that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hush {
    /// What it covers.
    pub scope: Scope,
    /// Until when.
    pub until: Millis,
    /// Why.
    pub reason: String,
}

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is no such alert.
    #[error("there is no alert {0}: /api/v1/alerts and the messages name the ids there are")]
    NoAlert(Uuid),
    /// There is no such silence, or it is over.
    #[error("there is no silence {0} that still holds: /api/v1/silences lists those that do")]
    NoSilence(Uuid),
    /// The state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The alert is silenced with others.
    #[error("the alert is silenced together with others: lift the silence {0} itself")]
    Wider(Uuid),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What people wrote, without blanks around it; nothing for nothing.
///
/// # Errors
/// What is wrong with it, where it is too long or holds what no text holds.
pub fn words(text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let n = text.chars().count();
    if n > MOST_WORDS {
        return Err(format!("the text has {n} characters: write {MOST_WORDS} or fewer"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("the text holds control characters: write plain text".to_owned());
    }
    Ok(Some(text.to_owned()))
}

/// Does it; whether it changed anything or added a word.
pub async fn act(
    store: &Store,
    alert: Uuid,
    deed: &Deed,
    actor: &Actor,
    now: Millis,
) -> Result<bool, ActError> {
    let mut tx = store.begin().await?;
    let mut found = tx.alert(alert).await?.ok_or(ActError::NoAlert(alert))?;
    let done = match deed {
        Deed::Step { action: Action::Lift, note } => {
            life::next(found.state, Action::Lift, found.silenced_from)?;
            let own = own_silences(&mut tx, &found, now).await?;
            lift_all(&mut tx, &own, note.as_deref(), actor, now).await?;
            true
        }
        Deed::Step { action, note } => {
            step(&mut tx, &mut found, *action, note.as_deref(), actor, now).await?
        }
        Deed::Verdict { verdict, cause, note } => {
            let said = Said {
                alert,
                at: now,
                verdict: *verdict,
                cause: *cause,
                author: actor.name.clone(),
                note: note.clone(),
            };
            tx.say(&said).await?;
            let mut entry = actor.entry(About::Alert, &alert.to_string(), Action::Verdict.name(), now);
            entry.detail = detail([
                ("verdict", Some(verdict.name().to_owned())),
                ("cause", cause.map(|c| c.name().to_owned())),
                ("note", note.clone()),
            ]);
            tx.audit(&entry).await?;
            true
        }
        Deed::Silence(hush) => {
            life::next(found.state, Action::Silence, None)?;
            quiet(&mut tx, hush, actor, now).await?;
            true
        }
    };
    tx.commit().await?;
    Ok(done)
}

/// Silences what a scope covers, now and until its end.
pub async fn silence(store: &Store, hush: &Hush, actor: &Actor, now: Millis) -> Result<Silence, ActError> {
    let mut tx = store.begin().await?;
    let silence = quiet(&mut tx, hush, actor, now).await?;
    tx.commit().await?;
    Ok(silence)
}

/// Takes a silence back; alerts that no other one covers are as they were.
pub async fn lift(store: &Store, id: Uuid, actor: &Actor, now: Millis) -> Result<(), ActError> {
    let mut tx = store.begin().await?;
    lift_all(&mut tx, &[id], None, actor, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the silences whose time has come; how many alerts are heard again.
pub async fn lapse(store: &Store, now: Millis) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    if tx.lapse_silences(now).await? == 0 {
        return Ok(0);
    }
    let holding = tx.silences(now).await?;
    let n = unhush(&mut tx, &holding, &Actor::program(), None, now).await?;
    tx.commit().await?;
    Ok(n)
}

/// Lets deadlines and waiting messages follow a plan that silences alerts or lifts them: `open` as they were, `changed` as
/// they are.
pub async fn follow(tx: &mut Tx, open: &[Alert], changed: &[Alert], now: Millis) -> Result<(), StoreError> {
    for alert in changed {
        match open.iter().find(|before| before.id == alert.id).map(|before| before.state) {
            Some(State::Silenced) if alert.state != State::Silenced => tx.unhush(alert.id, now).await?,
            Some(from) if from != State::Silenced && alert.state == State::Silenced => {
                tx.hush(alert.id, from, now).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The silences that are of this alert alone.
async fn own_silences(tx: &mut Tx, alert: &Alert, now: Millis) -> Result<Vec<Uuid>, ActError> {
    let holding = tx.silences(now).await?;
    let covering = holding.iter().filter(|s| s.scope.covers(&alert.fingerprint, &alert.body));
    let own =
        |s: &Silence| s.scope == Scope { fingerprint: Some(alert.fingerprint.clone()), ..Scope::default() };
    covering.map(|s| if own(s) { Ok(s.id) } else { Err(ActError::Wider(s.id)) }).collect()
}

async fn step(
    tx: &mut Tx,
    alert: &mut Alert,
    action: Action,
    note: Option<&str>,
    actor: &Actor,
    now: Millis,
) -> Result<bool, ActError> {
    let from = alert.state;
    let changed = life::apply(alert, action)?;
    if !changed && note.is_none() {
        return Ok(false);
    }
    if changed {
        alert.updated = now;
        if !alert.state.is_open() {
            alert.resolved.get_or_insert(now);
            // Whatever still waits would speak of what is done.
            tx.withhold(alert.id, action.name(), now).await?;
            if from.is_open() {
                tx.put_ending(alert.id, now).await?;
            }
        }
        tx.put_state(alert).await?;
    }
    let name = if changed { action } else { Action::Note }.name();
    let mut entry = actor.entry(About::Alert, &alert.id.to_string(), name, now);
    (entry.from, entry.to) = (changed.then_some(from), changed.then_some(alert.state));
    entry.detail = detail([("note", note.map(str::to_owned))]);
    tx.audit(&entry).await?;
    Ok(true)
}

async fn quiet(tx: &mut Tx, hush: &Hush, actor: &Actor, now: Millis) -> Result<Silence, ActError> {
    let name = format!("silence\n{}\n{now}\n{:?}\n{}", actor.name, hush.scope, hush.until);
    let silence = Silence {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
        scope: hush.scope.clone(),
        until: hush.until,
        reason: hush.reason.clone(),
        author: actor.name.clone(),
        created: now,
        lifted: None,
    };
    tx.put_silence(&silence).await?;
    let mut entry = actor.entry(About::Silence, &silence.id.to_string(), Action::Silence.name(), now);
    entry.detail = json!({ "scope": silence.scope, "until": rfc3339(hush.until), "reason": hush.reason });
    tx.audit(&entry).await?;
    for mut alert in tx.open_alerts().await? {
        if !hush.scope.covers(&alert.fingerprint, &alert.body) {
            continue;
        }
        let from = alert.state;
        if life::apply(&mut alert, Action::Silence)? {
            alert.updated = now;
            tx.put_state(&alert).await?;
            tx.hush(alert.id, from, now).await?;
        }
        let mut entry = actor.entry(About::Alert, &alert.id.to_string(), Action::Silence.name(), now);
        (entry.from, entry.to) = (Some(from), Some(State::Silenced));
        let told = [
            ("silence", Some(silence.id.to_string())),
            ("until", Some(rfc3339(hush.until))),
            ("reason", Some(hush.reason.clone())),
        ];
        entry.detail = detail(told);
        tx.audit(&entry).await?;
    }
    Ok(silence)
}

async fn lift_all(
    tx: &mut Tx,
    ids: &[Uuid],
    note: Option<&str>,
    actor: &Actor,
    now: Millis,
) -> Result<(), ActError> {
    for id in ids {
        if !tx.lift_silence(*id, now).await? {
            return Err(ActError::NoSilence(*id));
        }
        let mut entry = actor.entry(About::Silence, &id.to_string(), Action::Lift.name(), now);
        entry.detail = detail([("note", note.map(str::to_owned))]);
        tx.audit(&entry).await?;
    }
    let holding = tx.silences(now).await?;
    unhush(tx, &holding, actor, note, now).await?;
    Ok(())
}

/// Brings silenced alerts that nothing covers any more back to where they were.
async fn unhush(
    tx: &mut Tx,
    holding: &[Silence],
    actor: &Actor,
    note: Option<&str>,
    now: Millis,
) -> Result<u64, StoreError> {
    let mut n = 0;
    for mut alert in tx.open_alerts().await? {
        let covered = holding.iter().any(|s| s.scope.covers(&alert.fingerprint, &alert.body));
        let from = alert.state;
        if covered || from != State::Silenced || !life::apply(&mut alert, Action::Lift).unwrap_or(false) {
            continue;
        }
        alert.updated = now;
        tx.put_state(&alert).await?;
        tx.unhush(alert.id, now).await?;
        let mut entry = actor.entry(About::Alert, &alert.id.to_string(), Action::Lift.name(), now);
        (entry.from, entry.to) = (Some(from), Some(alert.state));
        entry.detail = detail([("note", note.map(str::to_owned))]);
        tx.audit(&entry).await?;
        n += 1;
    }
    Ok(n)
}

/// What was said, as JSON, without what was not.
fn detail<const N: usize>(said: [(&str, Option<String>); N]) -> Value {
    said.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))))
        .collect::<Map<_, _>>()
        .into()
}
