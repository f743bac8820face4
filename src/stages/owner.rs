//! Who holds a lease, and whether that process still lives.
//!
//! A lease outlives its process. Waiting until it runs out would keep a restarted daemon idle for a minute, so the
//! lease of a process that has *certainly* ended is taken over at once. Certain means: the owner ran on this boot of this
//! machine and in this process namespace, and its number is now nobody's, a zombie's, or another process's. Where
//! `/proc` hides other people's processes (systemd's `ProtectProc=invisible`) an absent process proves nothing.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// A process that can hold leases; clones are the same owner.
#[derive(Debug, Clone)]
pub struct Owner {
    id: String,
    turns: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// The right of one activation within this process.
#[derive(Debug)]
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
}

impl Owner {
    /// This process, told apart from an earlier one with the same number by when it began and where.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        let began = stat(pid).map(|s| s.began).unwrap_or_default();
        let place = place().unwrap_or_default();
        Self { id: format!("{}/{pid}/{began}/{place}", host()), turns: Arc::default() }
    }

    /// Host, process number, its begin and its place.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits until no other activation of this process holds `name`: a lease tells processes apart, not the tasks in one.
    pub async fn turn(&self, name: &str) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        Turn { _guard: turn.lock_owned().await }
    }
}

/// Whether the process of `owner` has certainly ended.
pub(super) fn has_ended(owner: &str) -> bool {
    place().is_some_and(|here| judge(owner, &here, stat))
}

/// What `/proc` shows of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    /// Dead, and only kept until its parent looks.
    is_zombie: bool,
    /// Clock ticks since boot.
    began: String,
}

fn judge(owner: &str, here: &str, stat: impl Fn(u32) -> Option<Stat>) -> bool {
    let parts: Vec<&str> = owner.splitn(4, '/').collect();
    let [_, pid, began, place] = parts[..] else { return false };
    let Ok(pid) = pid.parse() else { return false };
    if place != here || began.is_empty() {
        return false;
    }
    match stat(pid) {
        Some(found) => found.is_zombie || found.began != began,
        // Process 1 is always there: when it is not to be seen, neither would the owner be.
        None => stat(1).is_some(),
    }
}

fn host() -> String {
    read("/etc/hostname").map(|name| name.replace('/', "-")).unwrap_or_default()
}

/// This boot and process namespace, within which a process number has one meaning; `None` when it cannot be told.
fn place() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id").filter(|id| !id.is_empty())?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{boot} {}", namespace.display()))
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may hold blanks and parentheses; the state is the first field after it, the start the 20th.
fn parse(stat: &str) -> Option<Stat> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X" | "x");
    Some(Stat { is_zombie, began: fields.nth(18)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(began: &str) -> Stat {
        Stat { is_zombie: false, began: began.to_owned() }
    }

    fn check(owner: &str, found: Option<&Stat>, init: Option<&Stat>, ended: bool, why: &str) {
        let stat = |pid| if pid == 1 { init.cloned() } else { found.cloned() };
        assert_eq!(judge(owner, "boot ns", stat), ended, "{why}: {owner}");
    }

    #[test]
    fn only_a_process_that_has_certainly_ended_loses_its_lease() {
        let init = &alive("1");
        check("h/77/500/boot ns", Some(&alive("500")), Some(init), false, "it runs");
        check("h/77/500/boot ns", None, Some(init), true, "gone");
        check("h/77/500/boot ns", Some(&alive("900")), Some(init), true, "its number was given away");
        let zombie = Stat { is_zombie: true, began: "500".to_owned() };
        check("h/77/500/boot ns", Some(&zombie), Some(init), true, "killed, not yet looked after");
        check("h/77/500/boot ns", None, None, false, "others' processes are hidden here");
        check("h/77/500/boot other", None, Some(init), false, "another container on this host");
        check("h/77/500/reboot ns", None, Some(init), false, "another machine of the same name");
        check("h/77//boot ns", Some(&alive("500")), Some(init), false, "it could not say when it began");
        check("h/x/500/boot ns", None, Some(init), false, "no process number");
        check("h/77/500", None, Some(init), false, "no place");
        check("", None, Some(init), false, "nobody");
    }

    #[test]
    fn this_process_runs_and_names_itself() {
        let me = Owner::this_process();
        assert!(!has_ended(me.id()), "{}", me.id());
        assert_eq!(me.id(), Owner::this_process().id());
        let stat = stat(std::process::id()).unwrap();
        assert!(!stat.is_zombie && stat.began.parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let line = "77 (a) Z (b) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2 3";
        assert_eq!(parse(line), Some(Stat { is_zombie: false, began: "12345".to_owned() }));
        assert!(parse(&line.replace(") S", ") Z")).unwrap().is_zombie);
        assert_eq!(parse("77 (short) S 1"), None);
    }

    #[tokio::test]
    async fn a_second_activation_in_one_process_waits_for_the_first() {
        use std::time::Duration;
        let owner = Owner::this_process();
        let first = owner.turn("publish").await;
        let clone = owner.clone();
        let mut second = tokio::spawn(async move { clone.turn("publish").await });
        owner.turn("fit").await;
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err(), "it waits");
        drop(first);
        second.await.unwrap();
    }
}
