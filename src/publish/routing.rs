//! Who gets an alert.
//!
//! A receiver that the routing table names gets what the table says, and nothing else. Any other receiver goes by its own
//! filters: without filters it gets everything; a district filter asks for one of its names anywhere on the alert's
//! district path, a topic filter for the top-level topic. An alert of the whole city or of all topics passes no such
//! filter and no such row, it is for those who look after everything. A cluster is the business of each of its districts.
//! What nobody gets is unrouted: it is shown, and nobody is guessed.
use crate::{
    config::{
        Receiver,
        routing::{Row, Table},
    },
    store::alerts::AlertBody,
};

/// A receiver of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Route<'a> {
    /// Who.
    pub receiver: &'a Receiver,
    /// Who says so: `routing.csv:12`, or `filter`.
    pub rule: String,
    /// Where this receiver is the first of its row: who is told after how many minutes without an acknowledgement.
    pub escalation: Option<(&'a str, u32)>,
}

/// Whether a receiver's own filters let an alert pass.
pub fn wants(receiver: &Receiver, body: &AlertBody) -> bool {
    let named = |path: &[String]| path.iter().any(|d| receiver.districts.contains(d));
    let district = receiver.districts.is_empty() || body.districts().any(named);
    let topic = receiver.topics.is_empty() || body.topic.first().is_some_and(|t| receiver.topics.contains(t));
    district && topic
}

/// Everybody who gets an alert, each once.
pub fn routes<'a>(receivers: &'a [Receiver], table: Option<&'a Table>, body: &AlertBody) -> Vec<Route<'a>> {
    let mut routes: Vec<Route<'a>> = Vec::new();
    let rows = table.iter().flat_map(|table| {
        body.districts().filter_map(|district| Some((*table, decides(table, body, district)?)))
    });
    for (table, row) in rows {
        let names = std::iter::once(&row.receiver).chain(&row.copy_to);
        for receiver in names.filter_map(|name| receivers.iter().find(|r| r.name == *name)) {
            if routes.iter().any(|route| route.receiver.name == receiver.name) {
                continue;
            }
            let escalation = match (&row.escalate_to, row.ack_minutes) {
                (Some(to), Some(minutes)) if receiver.name == row.receiver => Some((to.as_str(), minutes)),
                _ => None,
            };
            routes.push(Route { receiver, rule: format!("{}:{}", table.file, row.line), escalation });
        }
    }
    let by_filter = receivers.iter().filter(|r| !table.is_some_and(|table| table.names(&r.name)));
    routes.extend(by_filter.filter(|r| wants(r, body)).map(|receiver| Route {
        receiver,
        rule: "filter".to_owned(),
        escalation: None,
    }));
    routes
}

/// The row that decides: the most filled cells, then the deeper district, the deeper topic and the higher severity.
fn decides<'a>(table: &'a Table, body: &AlertBody, district: &[String]) -> Option<&'a Row> {
    table
        .rows
        .iter()
        .filter_map(|row| {
            let district = depth(row.district.as_ref(), district)?;
            let topic = depth(row.topic.as_ref(), &body.topic)?;
            let fits = row.lane.is_none_or(|lane| lane == body.lane)
                && row.at_least.is_none_or(|least| body.severity >= least);
            fits.then_some(((row.filled(), district, topic, row.at_least), row))
        })
        .max_by_key(|(closeness, _)| *closeness)
        .map(|(_, row)| row)
}

/// How deep on a path a cell's name is; 0 for an empty cell, `None` when it is not on it.
fn depth(cell: Option<&String>, path: &[String]) -> Option<usize> {
    match cell {
        None => Some(0),
        Some(name) => path.iter().rposition(|step| step == name).map(|i| i + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        publish::lifecycle::tests::body,
        store::{
            alarms::{Kind, Severity},
            alerts::Lane,
            details::ClusterDetails,
        },
    };

    fn receiver(name: &str, districts: &[&str], topics: &[&str]) -> Receiver {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Receiver {
            name: name.into(),
            districts: owned(districts),
            topics: owned(topics),
            ..Receiver::default()
        }
    }

    fn names(routes: &[Route<'_>]) -> Vec<String> {
        routes.iter().map(|r| format!("{} {}", r.receiver.name, r.rule)).collect()
    }

    #[test]
    fn filters_choose_receivers() {
        let body = body(Kind::Spike, Severity::High);
        let receivers = [
            receiver("all", &[], &[]),
            receiver("here", &["朝阳区", "海淀区"], &["供暖"]),
            receiver("elsewhere", &["海淀区"], &[]),
            receiver("other", &["朝阳区"], &["室温不达标"]),
        ];
        assert_eq!(names(&routes(&receivers, None, &body)), ["all filter", "here filter"]);
        assert_eq!(routes(&receivers[2..], None, &body), []);
        let whole_city = AlertBody { district: Vec::new(), ..body };
        assert_eq!(names(&routes(&receivers, None, &whole_city)), ["all filter"]);
    }

    fn row(line: u64, district: &str, topic: &str, receiver: &str) -> Row {
        let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Row {
            line,
            district: cell(district),
            topic: cell(topic),
            receiver: receiver.into(),
            ..Row::default()
        }
    }

    #[test]
    fn the_closest_row_decides_and_filters_stand_beside_it() {
        let receivers =
            ["city", "east", "street", "heat", "boss"].map(|name| receiver(name, &[], &[])).to_vec();
        let rows = vec![
            row(2, "", "", "city"),
            row(3, "朝阳区", "", "east"),
            row(4, "A街道", "", "street"),
            Row { at_least: Some(Severity::High), ..row(5, "朝阳区", "供暖", "heat") },
            Row {
                copy_to: vec!["city".into(), "heat".into()],
                escalate_to: Some("city".into()),
                ack_minutes: Some(30),
                at_least: Some(Severity::Critical),
                lane: Some(Lane::Risk),
                ..row(6, "", "供暖", "heat")
            },
        ];
        let table = Table { file: "routing.csv".into(), rows };
        let mut alert = body(Kind::Spike, Severity::Medium);
        alert.district.push("A街道".into());
        let to = |alert: &AlertBody| names(&routes(&receivers, Some(&table), alert));
        assert_eq!(to(&alert), ["street routing.csv:4", "boss filter"], "the deeper of two districts");
        alert.severity = Severity::High;
        assert_eq!(to(&alert), ["heat routing.csv:5", "boss filter"]);
        alert.severity = Severity::Critical;
        assert_eq!(to(&alert)[0], "heat routing.csv:5", "of as many cells the deeper district");
        alert.district.clear();
        let found = routes(&receivers, Some(&table), &alert);
        assert_eq!(names(&found), ["heat routing.csv:6", "city routing.csv:6", "boss filter"]);
        assert_eq!((found[0].escalation, found[1].escalation), (Some(("city", 30)), None));
        alert.topic.clear();
        assert_eq!(to(&alert), ["city routing.csv:2", "boss filter"]);
        let few = Table { rows: table.rows[1..2].to_vec(), ..table.clone() };
        assert_eq!(routes(&receivers[1..2], Some(&few), &alert), [], "nobody is guessed");
    }

    #[test]
    fn a_cluster_goes_to_each_of_its_districts() {
        let mut cluster = body(Kind::Cluster, Severity::High);
        cluster.district = Vec::new();
        cluster.details.cluster = Some(ClusterDetails {
            districts: vec![1, 2],
            names: ["朝阳区", "海淀区"].map(|name| vec![name.to_owned()]).to_vec(),
            anchor: 1,
            recurrence_days: 1000.0,
            ongoing: false,
            since: chrono::NaiveDate::default(),
        });
        let receivers = [receiver("here", &["海淀区"], &[]), receiver("far", &["丰台区"], &[])];
        assert_eq!(names(&routes(&receivers, None, &cluster)), ["here filter"]);
        let all = ["east", "west", "city", "far"].map(|name| receiver(name, &[], &[]));
        let rows = vec![
            row(2, "朝阳区", "", "east"),
            row(3, "海淀区", "", "west"),
            row(4, "丰台区", "", "far"),
            row(5, "", "", "city"),
        ];
        let table = Table { file: "t.csv".into(), rows };
        assert_eq!(
            names(&routes(&all, Some(&table), &cluster)),
            ["city t.csv:5", "east t.csv:2", "west t.csv:3"]
        );
    }
}
