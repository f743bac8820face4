//! From a finding to the alarm that is kept and the alert that would be told.
use rustc_hash::FxHashMap;

use super::{Finding, context, control::Held, scene::Scene};
use crate::{
    config::{Detect, Lang},
    publish::{lifecycle::Candidate, message},
    stages::city::Names,
    store::{
        SeriesKey,
        alarms::{self, Alarm, Driver, Kind, Severity},
        alerts::{AlertBody, Lane},
        details::Details,
    },
    ticket::{Basis, DistrictId},
};

/// Name of the rule in fingerprints.
const RULE: &str = "daily";

/// What turns nodes into names and stored keys.
pub struct Naming<'a> {
    /// Language of titles.
    pub lang: Lang,
    /// What was looked at.
    pub scene: &'a Scene,
    /// Names of both trees.
    pub names: &'a Names,
    /// Stored key of each series.
    pub ids: &'a FxHashMap<SeriesKey, i32>,
}

impl Naming<'_> {
    /// The candidate of a finding; `None` for a series that is not stored.
    pub fn candidate(&self, finding: &Finding, held: Option<Held>) -> Option<Candidate> {
        let alarm = self.alarm(finding, held)?;
        let body = self.body(finding, &alarm);
        Some(Candidate { alarm, body })
    }

    fn alarm(&self, finding: &Finding, held: Option<Held>) -> Option<Alarm> {
        let key = self.scene.city.keys[finding.node];
        Some(Alarm {
            fingerprint: self.fingerprint(rule(finding), finding.kind, finding.node, finding.anchor()),
            window: finding.window,
            kind: finding.kind,
            method: finding.method.to_owned(),
            series: *self.ids.get(&key)?,
            topic: key.topic,
            district: key.district,
            basis: Basis::Raw,
            observed: finding.observed,
            expected: finding.expected,
            bound: finding.bound,
            p_value: finding.p_value,
            score: finding.score,
            lead_days: finding.lead_days,
            severity: severity(finding, &self.scene.settings),
            drivers: finding.drivers.iter().map(|driver| self.driver(driver)).collect(),
            suppressed: held.map(|held| match held {
                Held::FalseDiscovery => "false_discovery_rate".to_owned(),
                Held::Folded { into, kind, anchor } => {
                    format!("folded:{}", self.fingerprint(RULE, kind, into, anchor))
                }
                Held::Unconfirmed => "unconfirmed".to_owned(),
                Held::Budget => "budget".to_owned(),
                Held::DataFault(fault) => format!("data_fault:{fault}"),
                Held::TaxonomyChange => "taxonomy_change".to_owned(),
            }),
        })
    }

    fn body(&self, finding: &Finding, alarm: &Alarm) -> AlertBody {
        let mut body = AlertBody {
            title: String::new(),
            topic: self.names.topic(alarm.topic),
            district: self.names.district(alarm.district),
            basis: alarm.basis,
            kind: finding.kind,
            lane: lane(finding.kind),
            severity: alarm.severity,
            observed: finding.observed,
            expected: finding.expected,
            lower: if finding.bound < finding.normal { Some(finding.bound) } else { finding.lower },
            upper: if finding.bound < finding.normal {
                finding.lower.unwrap_or(finding.normal)
            } else {
                finding.bound
            },
            score: finding.score,
            p_value: finding.p_value,
            lead_days: finding.lead_days,
            onset: finding.window.0.date(),
            window: (finding.window.0.date(), finding.window.1.date()),
            method: finding.method.to_owned(),
            drivers: alarm.drivers.clone(),
            compare: context::compare(self.scene, finding),
            details: self.details(finding),
        };
        body.title = message::title(self.lang, &body);
        body
    }

    fn details(&self, finding: &Finding) -> Details {
        let mut details =
            Details { events: context::events(self.scene, self.lang, finding), ..finding.details.clone() };
        if let Some(cluster) = &mut details.cluster {
            cluster.names = cluster.districts.iter().map(|d| self.names.district(*d)).collect();
        }
        details
    }

    /// Two clusters of a topic are told apart by the districts that they are known by.
    fn fingerprint(&self, rule: &str, kind: Kind, node: usize, anchor: Option<DistrictId>) -> String {
        let key = self.scene.city.keys[node];
        let district = anchor.unwrap_or(key.district);
        let (topic, district) = (self.names.topic(key.topic), self.names.district(district));
        alarms::fingerprint(rule, kind, &topic, &district, Basis::Raw)
    }

    fn driver(&self, (node, observed, expected, share): &(usize, f64, f64, f64)) -> Driver {
        let key = self.scene.city.keys[*node];
        Driver {
            topic: self.names.topic(key.topic).join(" / "),
            district: self.names.district(key.district).join(" / "),
            observed: *observed,
            expected: *expected,
            share: *share,
        }
    }
}

/// Faults of the data are each a rule of their own, because two of them can be on one node and day.
fn rule(finding: &Finding) -> &'static str {
    if finding.kind == Kind::Data { finding.method } else { RULE }
}

fn lane(kind: Kind) -> Lane {
    if kind.is_ahead() { Lane::Seasonal } else { Lane::Risk }
}

/// A season is more urgent the nearer it is: one step up at each stage of its announcement.
fn urgency(stage: u32, stages: &[u32]) -> Severity {
    match stages.iter().filter(|days| **days > stage).count() {
        0 => Severity::Low,
        1 => Severity::Medium,
        _ => Severity::High,
    }
}

/// Severity from the score on the kind's own scale; few tickets are never critical.
fn severity(finding: &Finding, settings: &Detect) -> Severity {
    if let Some(onset) = &finding.details.onset {
        return urgency(onset.stage, &settings.onset_days);
    }
    // Forecasts vary less than counts: the same score says more of a coming week than of a day.
    let steps = if finding.kind.is_ahead() { [1.15, 1.4, 1.8] } else { [1.4, 2.0, 3.0] };
    let many = finding.count() >= 4.0 * f64::from(settings.min_count);
    match steps.iter().filter(|step| finding.score >= **step).count() {
        0 => Severity::Low,
        1 => Severity::Medium,
        2 => Severity::High,
        _ if many => Severity::Critical,
        _ => Severity::High,
    }
}
