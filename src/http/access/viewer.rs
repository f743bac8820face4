//! Who asks, and what he may see and do.
use crate::{
    http::problem::Problem,
    publish::{acts::Actor, life::Action},
    store::{
        alerts::AlertBody,
        audit::Via,
        silences::Scope,
        tokens::{Role, Token},
    },
};

/// Name in the audit of whoever acts where nobody is asked who he is.
const NOBODY_ASKED: &str = "local";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Name of the token.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Names of the districts it is for; empty = all.
    pub districts: Vec<String>,
}

impl Viewer {
    /// Everybody, where access is open.
    pub fn everybody() -> Self {
        Self { name: NOBODY_ASKED.to_owned(), role: Role::Admin, districts: Vec::new() }
    }

    /// Whoever shows a token.
    pub fn of(token: Token) -> Self {
        Self { name: token.name, role: token.role, districts: token.districts }
    }

    /// Whether it is for some districts only.
    pub fn is_restricted(&self) -> bool {
        !self.districts.is_empty()
    }

    /// Whether it may see what is about a district, named from the top down. The whole city is for those who look after
    /// all of it.
    pub fn sees(&self, district: &[String]) -> bool {
        !self.is_restricted() || district.iter().any(|name| self.districts.contains(name))
    }

    /// Whether it may see an alert: one of its districts, or a cluster that reaches into one.
    pub fn sees_alert(&self, body: &AlertBody) -> bool {
        body.districts().any(|district| self.sees(district))
    }

    /// Whether it may say anything at all.
    pub fn acts(&self) -> bool {
        self.role != Role::Viewer
    }

    /// What it may do of what is possible.
    pub fn may(&self, possible: Vec<Action>) -> Vec<Action> {
        if self.acts() { possible } else { Vec::new() }
    }

    /// As the author of what it does.
    ///
    /// # Errors
    /// 403 for who only looks.
    pub fn author(&self, via: Via) -> Result<Actor, Problem> {
        if self.acts() {
            Ok(Actor { name: self.name.clone(), via })
        } else {
            Err(Problem::forbidden(
                "a viewer's token changes nothing: ask for one of an officer or a planner",
            ))
        }
    }

    /// Whether it may silence so much: an officer his own alerts and districts, a planner everything.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn hushes(&self, scope: &Scope) -> Result<(), Problem> {
        let own = scope.fingerprint.is_some() || (self.is_restricted() && self.sees(&scope.district));
        if self.acts() && (own || (self.role >= Role::Planner && !self.is_restricted())) {
            return Ok(());
        }
        Err(Problem::forbidden("an officer silences an alert or within his districts: ask a planner"))
    }

    /// For what only an admin sees.
    ///
    /// # Errors
    /// 403 for everybody else.
    pub fn administers(&self) -> Result<(), Problem> {
        match self.role {
            Role::Admin if !self.is_restricted() => Ok(()),
            _ => Err(Problem::forbidden("only an admin sees this")),
        }
    }
}

/// Addresses whose handlers show each viewer what it may see.
pub fn is_for_districts(path: &str) -> bool {
    const EXACT: [&str; 7] = [
        "/alerts",
        "/api/openapi.json",
        "/api/v1/alerts",
        "/api/v1/alarms",
        "/api/v1/silences",
        "/api/v1/topics",
        "/api/v1/districts",
    ];
    const BELOW: [&str; 3] = ["/alerts/", "/api/v1/alerts/", "/api/v1/silences/"];
    EXACT.contains(&path) || BELOW.iter().any(|begin| path.starts_with(begin))
}

/// Addresses that are about one district, named by their parameter.
pub fn is_by_district(path: &str) -> bool {
    matches!(path, "/api/v1/forecast" | "/api/v1/explanation" | "/api/v1/series")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(role: Role, districts: &[&str]) -> Viewer {
        let districts = districts.iter().map(|d| (*d).to_owned()).collect();
        Viewer { name: "x".into(), role, districts }
    }

    #[test]
    fn an_officer_sees_his_districts_and_below() {
        let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let officer = viewer(Role::Officer, &["朝阳区", "A 街道"]);
        for (district, sees) in [
            (&["朝阳区"][..], true),
            (&["朝阳区", "B 街道"], true),
            (&["海淀区", "A 街道"], true),
            (&["海淀区"], false),
            (&[], false),
        ] {
            assert_eq!(officer.sees(&path(district)), sees, "{district:?}");
            assert!(viewer(Role::Planner, &[]).sees(&path(district)));
        }
    }

    #[test]
    fn roles_say_who_may_do_what() {
        let scope = |district: &[&str], fingerprint: Option<&str>| Scope {
            fingerprint: fingerprint.map(str::to_owned),
            district: district.iter().map(|d| (*d).to_owned()).collect(),
            ..Scope::default()
        };
        let (east, one, all) = (scope(&["East"], None), scope(&[], Some("f")), scope(&[], None));
        let check = |viewer: Viewer, acts, hushes: [bool; 3], administers| {
            let hushed = [&east, &one, &all].map(|scope| viewer.hushes(scope).is_ok());
            let found = (viewer.author(Via::Api).is_ok(), hushed, viewer.administers().is_ok());
            assert_eq!(found, (acts, hushes, administers), "{viewer:?}");
        };
        check(viewer(Role::Viewer, &[]), false, [false; 3], false);
        check(viewer(Role::Officer, &["East"]), true, [true, true, false], false);
        check(viewer(Role::Officer, &["West"]), true, [false, true, false], false);
        check(viewer(Role::Planner, &[]), true, [true; 3], false);
        check(viewer(Role::Admin, &[]), true, [true; 3], true);
        check(Viewer::everybody(), true, [true; 3], true);
    }
}
