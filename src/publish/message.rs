//! What an alert says to people: one line, and a message of at most 12 lines, in Chinese and English.
//!
//! The words are those of a forecast, never of a prophecy: 预计, 区间, 提示. The templates in `templates/` are compiled in.
use std::sync::LazyLock;

use minijinja::{Environment, context};

use super::{
    event::Preparation,
    lifecycle::{Event, EventKind},
    message_onset,
};
use crate::{
    config::Lang,
    store::{
        alarms::{Kind, Severity},
        alerts::AlertBody,
        details::DataFault,
    },
    ticket::Basis,
};

/// Lines of a message at most: a duty officer reads it on a phone.
pub const MAX_LINES: usize = 12;
/// Drivers named in a message.
const DRIVERS: usize = 3;
/// Districts of a cluster named in a message.
const DISTRICTS: usize = 6;
/// Neighbours named in a message.
const NEIGHBOURS: usize = 3;

pub(super) static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    for (name, text) in [
        ("zh", include_str!("templates/zh.txt")),
        ("en", include_str!("templates/en.txt")),
        ("digest_zh", include_str!("templates/digest_zh.txt")),
        ("digest_en", include_str!("templates/digest_en.txt")),
        ("group_zh", include_str!("templates/group_zh.txt")),
        ("group_en", include_str!("templates/group_en.txt")),
    ] {
        // Tests render all of them, so a template that cannot be read never ships.
        if let Err(error) = env.add_template(name, text) {
            tracing::error!(%error, name, "message template");
        }
    }
    env
});

/// 供暖-室温不达标 朝阳区
pub fn subject(lang: Lang, body: &AlertBody) -> String {
    let all = |path: &[String], zh: &str, en: &str| match (path, lang) {
        ([], Lang::Zh) => zh.to_owned(),
        ([], Lang::En) => en.to_owned(),
        (path, Lang::Zh) => path.join("-"),
        (path, Lang::En) => path.join(" / "),
    };
    let (topic, district) =
        (all(&body.topic, "全部诉求", "All topics"), all(&body.district, "全市", "whole city"));
    match lang {
        Lang::Zh => format!("{topic} {district}"),
        Lang::En => format!("{topic}, {district}"),
    }
}

/// One line: what, where, how many against what is expected.
pub fn title(lang: Lang, body: &AlertBody) -> String {
    let (subject, interval) = (subject(lang, body), interval(body));
    if let Some(onset) = &body.details.onset {
        return message_onset::title(lang, &subject, onset);
    }
    let (expected, observed) = (count(body.expected), body.observed.map(count));
    match (lang, observed) {
        (Lang::Zh, Some(n)) => format!("{subject}: {n} 件(预计 {expected}, 区间 {interval})"),
        (Lang::Zh, None) => format!("{subject}: 预计 {expected} 件(区间 {interval})"),
        (Lang::En, Some(n)) => {
            format!("{subject}: {n} tickets (expected {expected}, interval {interval})")
        }
        (Lang::En, None) => format!("{subject}: {expected} tickets expected (interval {interval})"),
    }
}

/// The message of an event, with the plan for it.
pub fn text(lang: Lang, event: &Event, plan: Option<&Preparation>) -> Result<String, minijinja::Error> {
    let body = &event.alert.body;
    let name = match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    };
    let rendered = TEMPLATES.get_template(name)?.render(context! {
        event => match event.kind {
            EventKind::Firing => "firing",
            EventKind::Updated => "updated",
            EventKind::Resolved => "resolved",
            EventKind::Escalated => "escalated",
            EventKind::Superseded => "superseded",
            EventKind::Expired => "expired",
            EventKind::Closed => "closed",
            EventKind::Test => "test",
        },
        over => event.kind.is_over(),
        colour => colour(lang, body.severity),
        raised_from => event.before.map(|before| colour(lang, before)),
        subject => subject(lang, body),
        observed => body.observed.map(count),
        expected => count(body.expected),
        interval => interval(body),
        window => window(lang, body),
        onset => body.onset.to_string(),
        lead_days => body.lead_days,
        season => message_onset::values(lang, body),
        is_capacity => body.method == "capacity",
        bound => body.details.exceedance.map(|e| count(e.bound)),
        chance => body.details.exceedance.map(|e| format!("{:.0}%", e.probability * 100.0)),
        norm => body.compare.norm.filter(|_| body.kind == Kind::ForecastExceedance).map(count),
        changes => changes(lang, body),
        events => (!body.details.events.is_empty()).then(|| listed(lang, &body.details.events)),
        around => body.details.neighbours.as_ref().map(|n| context! {
            up => n.up.len(), of => n.of, falls => body.observed.is_some_and(|n| n < body.expected), names => listed(lang, n.up.get(..NEIGHBOURS).unwrap_or(&n.up)),
        }),
        drivers => drivers(lang, body),
        score => format!("{:.1}", body.score),
        kind => body.kind.name(),
        data => body.details.data.map(|fault| fault_name(lang, fault)),
        level => body.details.level.as_ref().map(|l| context! {
            since => l.since.to_string(), before => format!("{:.1}", l.before),
            after => format!("{:.1}", l.after), ratio => format!("{:.1}", l.ratio),
        }),
        cluster => cluster(lang, body),
        spread => body.details.spread.as_ref().map(|s| context! { up => s.up, of => s.of }),
        repeats => body.details.repeats.as_ref().map(|r| context! {
            share => count(100.0 * r.share), usual => count(100.0 * r.usual),
        }),
        plan => plan.map(|plan| context! {
            title => &plan.title, owner => &plan.owner, url => &plan.url,
            helpers => (!plan.co_owners.is_empty()).then(|| listed(lang, &plan.co_owners)),
        }),
        basis => basis(lang, body.basis),
    })?;
    Ok(short(rendered.trim(), 2 + usize::from(plan.is_some())))
}

/// So that a link fits below within [`MAX_LINES`]: what is too much goes before the last lines, which say what to make of it.
fn short(text: &str, last: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = lines.split_at(lines.len().saturating_sub(last));
    let room = MAX_LINES - 1 - last.len();
    first.iter().take(room).chain(last).copied().collect::<Vec<_>>().join("\n")
}

/// 请于 11-15 18:00 前签收: the line that leads to the acknowledgement, laid below a message.
pub fn with_link(lang: Lang, text: &str, due: Option<&str>, url: &str) -> String {
    let line = match (lang, due) {
        (Lang::Zh, Some(due)) => format!("请于 {due} 前签收: {url}"),
        (Lang::Zh, None) => format!("签收: {url}"),
        (Lang::En, Some(due)) => format!("Please acknowledge by {due}: {url}"),
        (Lang::En, None) => format!("Acknowledge: {url}"),
    };
    format!("{text}\n{line}")
}

/// 橙, or its English name.
pub fn colour(lang: Lang, severity: Severity) -> &'static str {
    match (lang, severity) {
        (Lang::Zh, Severity::Low) => "蓝",
        (Lang::Zh, Severity::Medium) => "黄",
        (Lang::Zh, Severity::High) => "橙",
        (Lang::Zh, Severity::Critical) => "红",
        (Lang::En, _) => severity.name(),
    }
}

/// What a message says of a cluster: how many districts, which, how seldom, new or going on.
fn cluster(lang: Lang, body: &AlertBody) -> Option<minijinja::Value> {
    let cluster = body.details.cluster.as_ref()?;
    let names = cluster.names.iter().filter_map(|path| path.last()).take(DISTRICTS).map(String::as_str);
    let separator = match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    };
    Some(context! {
        of => cluster.districts.len(),
        names => names.collect::<Vec<_>>().join(separator),
        more => cluster.districts.len().saturating_sub(DISTRICTS),
        ongoing => cluster.ongoing, since => cluster.since.to_string(),
        years => cluster.years(),
    })
}

fn fault_name(lang: Lang, fault: DataFault) -> &'static str {
    match (lang, fault) {
        (Lang::Zh, DataFault::MissingDay) => "整日无数据",
        (Lang::Zh, DataFault::DoubledDay) => "疑似重复报送",
        (Lang::Zh, DataFault::UnmappedTopic) => "大量工单无类别",
        (Lang::Zh, DataFault::TaxonomyChange) => "类别改名或重新归类",
        (Lang::Zh, DataFault::DoubledRows) => "大量重复行",
        (Lang::Zh, DataFault::LateSource) => "数据源迟报",
        (Lang::En, DataFault::MissingDay) => "a day without any ticket",
        (Lang::En, DataFault::DoubledDay) => "a day that came twice",
        (Lang::En, DataFault::UnmappedTopic) => "tickets without a topic",
        (Lang::En, DataFault::TaxonomyChange) => "a topic renamed or mapped anew",
        (Lang::En, DataFault::DoubledRows) => "many rows that came twice",
        (Lang::En, DataFault::LateSource) => "a source that is late",
    }
}

fn basis(lang: Lang, basis: Basis) -> &'static str {
    match (lang, basis) {
        (Lang::Zh, Basis::Raw) => "件次(每件工单均计)",
        (Lang::Zh, Basis::Dedup) => "事项(重复诉求合并)",
        (Lang::En, Basis::Raw) => "every ticket",
        (Lang::En, Basis::Dedup) => "repeats merged",
    }
}

fn count(n: f64) -> String {
    // Adding zero turns a negative zero into a plain one.
    format!("{:.0}", n.round() + 0.0)
}

fn interval(body: &AlertBody) -> String {
    format!("{}–{}", count(body.lower.unwrap_or(0.0)), count(body.upper))
}

fn window(lang: Lang, body: &AlertBody) -> String {
    let (from, to) = body.window;
    match (from == to, lang) {
        (true, _) => from.to_string(),
        (false, Lang::Zh) => format!("{from} 至 {to}"),
        (false, Lang::En) => format!("{from} to {to}"),
    }
}

/// 环比 +96%, 公历同比 +41%; nothing where there is nothing to compare with.
fn changes(lang: Lang, body: &AlertBody) -> Option<String> {
    let now = body.observed.unwrap_or(body.expected);
    let (week, year, lunar) = match lang {
        Lang::Zh => ("环比", "公历同比", "春节对齐同比"),
        Lang::En => ("on the week before", "on last year", "on last year by Spring Festival"),
    };
    let c = &body.compare;
    // Away from the festival both alignments name the same days.
    let aligned = c.last_year_lunar.filter(|lunar| c.last_year != Some(*lunar));
    let parts: Vec<String> = [(week, c.last_week), (year, c.last_year), (lunar, aligned)]
        .into_iter()
        .filter_map(|(name, before)| {
            let percent = (now / before.filter(|b| *b > 0.0)? - 1.0) * 100.0;
            Some(match lang {
                Lang::Zh => format!("{name} {percent:+.0}%"),
                Lang::En => format!("{percent:+.0}% {name}"),
            })
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A 街道 44%, B 街道 12%: the part of the name that tells a driver from its alert.
fn drivers(lang: Lang, body: &AlertBody) -> Option<String> {
    let own = (body.topic.last(), body.district.last());
    let parts: Vec<String> = body
        .drivers
        .iter()
        .take(DRIVERS)
        .map(|d| {
            let same_topic = own.0.is_some_and(|t| *t == d.topic);
            let same_district = own.1.is_some_and(|t| *t == d.district);
            let name = match (same_topic || d.topic.is_empty(), same_district || d.district.is_empty()) {
                (true, _) => d.district.clone(),
                (false, true) => d.topic.clone(),
                (false, false) => format!("{} {}", d.district, d.topic),
            };
            format!("{name} {:.0}%", d.share * 100.0)
        })
        .collect();
    (!parts.is_empty()).then(|| listed(lang, &parts))
}

fn listed(lang: Lang, names: &[String]) -> String {
    names.join(match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        publish::lifecycle::tests::{alert, body},
        store::details::{
            ClusterDetails, Details, ExceedanceDetails, LevelChange, Neighbours, OnsetDetails, OnsetStatus,
            RepeatShare, Spread,
        },
    };

    fn event(kind: EventKind, body: AlertBody, before: Option<Severity>) -> Event {
        let mut alert = alert("a", 100);
        alert.body = body;
        Event { kind, alert, before, day: crate::ticket::Day(100) }
    }

    fn season() -> AlertBody {
        let mut body = body(Kind::SeasonOnset, Severity::Medium);
        let day = |text: &str| text.parse().unwrap();
        body.details.onset = Some(OnsetDetails {
            date: day("2024-11-11"),
            from: day("2024-11-04"),
            to: day("2024-11-24"),
            probability: 0.83,
            threshold: 150.0,
            peak_week: day("2024-11-25"),
            peak_expected: 420.0,
            past: vec![day("2023-11-20"), day("2022-11-21")],
            status: OnsetStatus::Early,
            shift_days: -9,
            lead_days: 11,
            stage: 15,
        });
        body
    }

    #[test]
    fn what_is_too_much_leaves_room_for_what_to_make_of_it_and_for_a_link() {
        let lines = |n: usize| (1..=n).map(|k| format!("line {k}")).collect::<Vec<_>>().join("\n");
        assert_eq!(short(&lines(11), 3), lines(11));
        let said = with_link(Lang::En, &short(&lines(15), 3), None, "https://a.b/c");
        let said: Vec<&str> = said.lines().collect();
        assert_eq!(said.len(), MAX_LINES);
        assert_eq!(
            said[6..],
            ["line 7", "line 8", "line 13", "line 14", "line 15", "Acknowledge: https://a.b/c"]
        );
    }

    #[test]
    fn messages_read_well_in_both_languages() {
        let spike = body(Kind::Spike, Severity::High);
        let ahead = body(Kind::ForecastExceedance, Severity::Medium);
        let season = season();
        let mut over = ahead.clone();
        over.method = "capacity".into();
        over.details.exceedance =
            Some(ExceedanceDetails { bound: 150.0, probability: 0.87, above_last_year: None, agreed: true });
        let mut all = Vec::new();
        for lang in [Lang::Zh, Lang::En] {
            for (kind, body, before) in [
                (EventKind::Firing, &spike, None),
                (EventKind::Updated, &spike, Some(Severity::Low)),
                (EventKind::Resolved, &spike, None),
                (EventKind::Escalated, &spike, None),
                (EventKind::Firing, &ahead, None),
                (EventKind::Firing, &over, None),
                (EventKind::Firing, &season, None),
                (EventKind::Updated, &season, Some(Severity::Low)),
                (EventKind::Resolved, &season, None),
                (EventKind::Superseded, &spike, None),
                (EventKind::Expired, &ahead, None),
                (EventKind::Closed, &spike, None),
            ] {
                let text = text(lang, &event(kind, body.clone(), before), None).unwrap();
                assert!(text.lines().count() <= MAX_LINES, "{text}");
                assert!(text.lines().all(|l| !l.trim().is_empty()), "{text}");
                assert!(!text.contains("预言") && !text.contains("{"), "{text}");
                all.push(text);
            }
        }
        insta::assert_snapshot!(all.join("\n---\n"));
    }

    #[test]
    fn one_day_is_not_days() {
        let tomorrow = AlertBody { lead_days: 1, ..body(Kind::ForecastExceedance, Severity::Medium) };
        let text = text(Lang::En, &event(EventKind::Firing, tomorrow, None), None).unwrap();
        assert!(text.contains("1 day ahead"), "{text}");
    }

    #[test]
    fn neighbours_and_the_calendar_are_named() {
        let mut spike = body(Kind::Spike, Severity::High);
        spike.details.neighbours =
            Some(Neighbours { up: ["A", "B", "C", "D"].map(str::to_owned).to_vec(), of: 6 });
        spike.details.events = vec!["国庆节".to_owned(), "供暖季".to_owned()];
        let say = |lang, body: &AlertBody| {
            text(lang, &event(EventKind::Escalated, body.clone(), None), None).unwrap()
        };
        for (lang, lines) in [
            (Lang::Zh, ["邻区: 6 个中 4 个同步偏高(A、B、C)", "日历: 国庆节、供暖季"]),
            (Lang::En, ["Neighbours: 4 of 6 up too (A, B, C)", "Calendar: 国庆节, 供暖季"]),
        ] {
            let text = say(lang, &spike);
            assert!(lines.iter().all(|line| text.contains(line)), "{text}");
            assert!(text.lines().count() <= MAX_LINES, "{text}");
        }
        spike.observed = Some(20.0);
        spike.details.neighbours = Some(Neighbours { up: Vec::new(), of: 3 });
        assert!(say(Lang::Zh, &spike).contains("邻区: 3 个中 0 个同步偏低\n"), "{}", say(Lang::Zh, &spike));
    }

    #[test]
    fn each_kind_says_what_it_is_in_twelve_lines() {
        let with = |kind, details| AlertBody { details, observed: Some(40.0), ..body(kind, Severity::High) };
        let day = |d| chrono::NaiveDate::from_ymd_opt(2024, 10, d).unwrap();
        let level = LevelChange {
            since: day(3),
            earliest: day(1),
            latest: day(5),
            before: 10.44,
            after: 17.8,
            ratio: 2.27,
        };
        let cluster = ClusterDetails {
            districts: vec![2, 1],
            names: ["Lakeview", "Riverside"].map(|name| vec![name.to_owned()]).to_vec(),
            anchor: 1,
            recurrence_days: 4383.0,
            ongoing: true,
            since: day(3),
        };
        let bodies = [
            (with(Kind::Drop, Details::default()), "data or a trust problem", "可能是数据缺失"),
            (
                with(Kind::LevelShift, Details { level: Some(level), ..Details::default() }),
                "from 10.4 to 17.8 tickets a day since 2024-10-03 (2.3 times)",
                "日均由 10.4 件变为 17.8 件",
            ),
            (
                with(
                    Kind::Widespread,
                    Details { spread: Some(Spread { up: 15, of: 16 }), ..Details::default() },
                ),
                "15 of 16 districts",
                "16 个区中 15 个",
            ),
            (
                with(
                    Kind::RepeatCluster,
                    Details {
                        repeats: Some(RepeatShare { tickets: 30.0, share: 0.73, usual: 0.19 }),
                        ..Details::default()
                    },
                ),
                "73 % are repeats (usually 19 %)",
                "重复诉求占 73%(通常 19%)",
            ),
            (
                with(Kind::Cluster, Details { cluster: Some(cluster), ..Details::default() }),
                "2 neighbouring districts rise together (Lakeview, Riverside), ongoing since 2024-10-03, by chance once in 12.0 years",
                "相邻 2 个区(Lakeview、Riverside)同步上升, 自 2024-10-03 持续, 偶然出现约 12.0 年一次",
            ),
            (
                with(Kind::Data, Details { data: Some(DataFault::TaxonomyChange), ..Details::default() }),
                "a topic renamed",
                "类别改名",
            ),
        ];
        for (body, en, zh) in bodies {
            for (lang, says) in [(Lang::En, en), (Lang::Zh, zh)] {
                let text = text(lang, &event(EventKind::Firing, body.clone(), None), None).unwrap();
                assert!(text.contains(says) && text.lines().count() <= MAX_LINES, "{text}");
            }
        }
    }

    #[test]
    fn titles_name_count_and_interval() {
        let spike = body(Kind::Spike, Severity::High);
        assert_eq!(title(Lang::Zh, &spike), "供暖-室温不达标 朝阳区: 412 件(预计 180, 区间 131–246)");
        assert_eq!(
            title(Lang::Zh, &season()),
            "供暖-室温不达标 朝阳区: 预计 2024-11-11 起进入高发期(区间 2024-11-04 至 2024-11-24), 峰值每周 420 件"
        );
        let mut city = body(Kind::ForecastExceedance, Severity::High);
        (city.topic, city.district) = (Vec::new(), Vec::new());
        assert_eq!(title(Lang::En, &city), "All topics, whole city: 180 tickets expected (interval 131–246)");
    }
}
