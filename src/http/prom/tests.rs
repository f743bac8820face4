//! Queries over series by hand, with results computed by hand.
use super::{
    evaluate::{Value, evaluate},
    parse,
    series::{Labels, NAME, QueryError, Sample, Series, is_match},
};

const DAY: i64 = 86_400_000;

fn series(name: &str, labels: &[(&'static str, &str)], values: &[Option<f64>]) -> Series {
    let mut all = Labels::from([(NAME, name.to_owned())]);
    all.extend(labels.iter().map(|(k, v)| (*k, (*v).to_owned())));
    let sample = |(day, value): (i64, &Option<f64>)| {
        value.map(|value| Sample { from: day * DAY, until: (day + 1) * DAY, value })
    };
    Series { labels: all, samples: (0..).zip(values).filter_map(sample).collect() }
}

/// Days 0, 1 and 2; the second series has a gap on day 1.
fn city() -> Vec<Series> {
    vec![
        series("t", &[("topic", "heat"), ("district", "east")], &[Some(1.0), Some(2.0), Some(3.0)]),
        series("t", &[("topic", "heat"), ("district", "west")], &[Some(10.0), None, Some(30.0)]),
        series("t", &[("topic", "noise"), ("district", "east")], &[Some(5.0), Some(-7.5), Some(0.0)]),
        series("f", &[("topic", "heat"), ("district", "east")], &[Some(4.0), Some(4.0), Some(0.0)]),
        series("f", &[("topic", "noise"), ("district", "east")], &[Some(2.0), Some(2.0), Some(2.0)]),
    ]
}

fn ask(text: &str, instants: &[i64]) -> Result<Value, QueryError> {
    let query = parse::query(text)?;
    let pick = |s: &parse::Selector| {
        city().into_iter().filter(|series| is_match(&series.labels, &s.matchers)).collect()
    };
    let fetched: Vec<Vec<Series>> = query.selectors.iter().map(pick).collect();
    evaluate(&query, &fetched, instants)
}

/// Lines as `labels: values`, sorted.
fn lines(text: &str) -> Vec<String> {
    match ask(text, &[0, DAY, 2 * DAY + 1]).unwrap_or_else(|e| panic!("{text}: {e}")) {
        Value::Scalar(values) => vec![format!("{values:?}")],
        Value::Vector(lines) => {
            let mut out: Vec<String> = lines
                .iter()
                .map(|line| {
                    let labels: Vec<String> = line.labels.values().cloned().collect();
                    let values: Vec<String> =
                        line.values.iter().map(|v| v.map_or("-".to_owned(), |v| v.to_string())).collect();
                    format!("{}: {}", labels.join(","), values.join(" "))
                })
                .collect();
            out.sort();
            out
        }
    }
}

#[track_caller]
fn check(text: &str, wanted: &[&str]) {
    assert_eq!(lines(text), wanted, "{text}");
}

#[test]
fn selectors_match_labels_and_look_back() {
    check("t{topic=\"heat\",district!=\"west\"}", &["t,east,heat: 1 2 3"]);
    check("t{topic=~\"no.*\"}", &["t,east,noise: 5 -7.5 0"]);
    check("t{topic=~\"eat\"}", &[]);
    check("t{topic!~\"heat|none\"}", &["t,east,noise: 5 -7.5 0"]);
    check("{__name__=\"t\",district=\"west\"}", &["t,west,heat: 10 - 30"]);
    check("t{district=\"west\"} offset 1d", &["t,west,heat: - 10 -"]);
    check("t{district=\"west\"} offset -1d", &["t,west,heat: - 30 -"]);
    check("t{missing=\"\",topic=\"noise\"}", &["t,east,noise: 5 -7.5 0"]);
}

#[test]
fn aggregations_group_by_labels_at_each_instant() {
    check("sum(t)", &[": 16 -5.5 33"]);
    check("sum by (topic) (t)", &["heat: 11 2 33", "noise: 5 -7.5 0"]);
    check("sum without (district) (t)", &["heat: 11 2 33", "noise: 5 -7.5 0"]);
    check("avg by (district) (t)", &["east: 3 -2.75 1.5", "west: 10 - 30"]);
    check("min(t)", &[": 1 -7.5 0"]);
    check("max by (topic) (t)", &["heat: 10 2 30", "noise: 5 -7.5 0"]);
    check("count(t)", &[": 3 2 3"]);
    check("topk(1, t)", &["t,east,heat: - 2 -", "t,west,heat: 10 - 30"]);
    check("bottomk by (topic) (1, t)", &["t,east,heat: 1 2 3", "t,east,noise: 5 -7.5 0"]);
    check("topk(0, t)", &[]);
}

#[test]
fn arithmetic_drops_the_name_and_comparison_keeps_what_holds() {
    check("t{district=\"west\"} * 2 + 1", &["west,heat: 21 - 61"]);
    check("10 - t{topic=\"noise\"}", &["east,noise: 5 17.5 10"]);
    check("-t{topic=\"noise\"} % 2", &["east,noise: -1 1.5 -0"]);
    check("2 ^ 3 ^ 0", &["[2.0, 2.0, 2.0]"]);
    check("t > 2", &["t,east,heat: - - 3", "t,east,noise: 5 - -", "t,west,heat: 10 - 30"]);
    check("2 < bool t{topic=\"noise\"}", &["east,noise: 1 0 0"]);
    check("1 > bool 2", &["[0.0, 0.0, 0.0]"]);
    check("1+1", &["[2.0, 2.0, 2.0]"]);
    check("time()", &["[0.0, 86400.0, 172800.001]"]);
}

#[test]
fn two_vectors_are_matched_one_to_one() {
    check("t / f", &["east,heat: 0.25 0.5 inf", "east,noise: 2.5 -3.75 0"]);
    check("t > f", &["t,east,heat: - - 3", "t,east,noise: 5 - -"]);
    check("t > bool f", &["east,heat: 0 0 1", "east,noise: 1 0 0"]);
    check("t{topic=\"noise\"} - on (district) f{topic=\"heat\"}", &["east: 1 -11.5 0"]);
    check("t{topic=\"noise\"} - ignoring (topic) f{topic=\"heat\"}", &["east: 1 -11.5 0"]);
    check("sum(t{topic=\"none\"}) or vector(0)", &[": 0 0 0"]);
    check("t{district=\"west\"} or f{topic=\"heat\"}", &["f,east,heat: 4 4 0", "t,west,heat: 10 - 30"]);
    check("sum(t{district=\"west\"}) or vector(0)", &[": 10 0 30"]);
}

#[test]
fn functions_work_on_each_value() {
    check("abs(t{topic=\"noise\"})", &["east,noise: 5 7.5 0"]);
    check("round(t{topic=\"noise\"})", &["east,noise: 5 -7 0"]);
    check("round(t{topic=\"noise\"} / 3, 0.5)", &["east,noise: 1.5 -2.5 0"]);
    check("clamp_min(t{topic=\"noise\"}, 0)", &["east,noise: 5 0 0"]);
    check("clamp_max(t{topic=\"noise\"}, 1)", &["east,noise: 1 -7.5 0"]);
    check("clamp(t{topic=\"noise\"}, -1, 1)", &["east,noise: 1 -1 0"]);
    check("ceil(t{topic=\"noise\"} / 4)", &["east,noise: 2 -1 0"]);
    check("floor(t{topic=\"noise\"} / 4)", &["east,noise: 1 -2 0"]);
    check("vector(3)", &[": 3 3 3"]);
}

#[test]
fn what_cannot_be_told_apart_is_an_error() {
    for text in ["t + on (district) f", "t * on (topic) t", "abs({topic=\"heat\"})", "{topic=\"heat\"} + 1"] {
        assert!(matches!(ask(text, &[0]), Err(QueryError::Execution(_))), "{text}");
    }
}

#[test]
fn what_is_not_served_is_named() {
    for (text, name) in [
        ("rate(t[5m])", "the function rate"),
        ("t[5m]", "a range in [brackets]"),
        ("t[5m:1m]", "a subquery"),
        ("t @ 0", "the @ modifier"),
        ("quantile(0.5, t)", "quantile"),
        ("stddev(t)", "stddev"),
        ("t and f", "and"),
        ("t unless f", "unless"),
        ("t + on (topic) group_left f", "group_left"),
        ("\"text\"", "a string"),
        ("t{a=\"1\" or b=\"2\"}", "or between label matchers"),
        ("histogram_quantile(0.9, t)", "the function histogram_quantile"),
    ] {
        match parse::query(text) {
            Err(QueryError::Refused(what)) => assert_eq!(what, name, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_promql_is_bad() {
    let deep = format!("{}1{}", "(".repeat(4000), ")".repeat(4000));
    let long = "1+".repeat(4000) + "1";
    let signs = "-".repeat(8000) + "t";
    let wide = "t".repeat(9000);
    let nested = format!("{}t{}", "sum(".repeat(1600), ")".repeat(1600));
    for text in [
        "",
        "sum(",
        "t{",
        "1 2",
        "t{topic=~\"(\"}",
        "1 > 2",
        "abs(1)",
        "topk(t, t)",
        &deep,
        &long,
        &signs,
        &wide,
        &nested,
    ] {
        let short: String = text.chars().take(40).collect();
        assert!(
            matches!(parse::query(text), Err(QueryError::Bad(_))),
            "{short}: {:?}",
            parse::query(text).map(|_| ())
        );
    }
    // An offset that no number of seconds holds.
    assert!(parse::query("t offset 99999999999999999999y").is_err());
}

proptest::proptest! {
    /// Whatever is written is answered or refused.
    #[test]
    fn any_text_is_answered_or_refused(text in "[ -~]{0,60}") {
        let _ = ask(&text, &[0]);
    }

    /// The same from words of the language, which get further.
    #[test]
    fn any_words_are_answered_or_refused(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "t", "f", "{", "}", "topic", "=", "=~", "\"heat\"", "\"(\"", "(", ")", "sum", "topk", "by", "without", "on",
            "ignoring", "group_left", "offset", "1d", "-1d", "[5m]", "@", "1", "0", "-", "+", "/", "^", ">", "bool", "or",
            "and", ",", "rate", "abs", "vector", "time()", "inf", "nan", "clamp", "round", "1e400", "0x1F", "5m",
        ]), 0..14),
    ) {
        let _ = ask(&words.join(" "), &[0, DAY]);
    }
}
