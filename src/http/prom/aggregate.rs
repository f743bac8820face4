//! Aggregations over the series of a group, instant by instant.
use std::collections::BTreeMap;

use super::{
    evaluate::{Line, signature},
    parse::{Labelled, Over},
    series::Labels,
};

/// Aggregates lines by what their labels have in common. `keep` is the number of lines that [`Over::Top`] and
/// [`Over::Bottom`] leave in each group, for each instant.
pub fn over(over: Over, lines: Vec<Line>, labelled: &Labelled, keep: Option<&[f64]>) -> Vec<Line> {
    let mut groups: BTreeMap<Labels, Vec<Line>> = BTreeMap::new();
    for line in lines {
        groups.entry(signature(&line.labels, labelled)).or_default().push(line);
    }
    match (over, keep) {
        (Over::Top | Over::Bottom, Some(keep)) => {
            groups.into_values().flat_map(|lines| best(over, lines, keep)).collect()
        }
        _ => groups.into_iter().map(|(labels, lines)| one(over, labels, &lines)).collect(),
    }
}

/// One line of a group's values.
fn one(over: Over, labels: Labels, lines: &[Line]) -> Line {
    let instants = lines.first().map_or(0, |line| line.values.len());
    let at = |at: usize| {
        let values: Vec<f64> = lines.iter().filter_map(|line| line.values[at]).collect();
        let (first, rest) = values.split_first()?;
        let sum = || values.iter().sum::<f64>();
        // A number beats what is not one, as in Prometheus.
        let pick = |better: fn(f64, f64) -> bool| {
            rest.iter().fold(*first, |best, v| if best.is_nan() || better(*v, best) { *v } else { best })
        };
        Some(match over {
            Over::Sum => sum(),
            Over::Avg => sum() / values.len() as f64,
            Over::Min => pick(|v, best| v < best),
            Over::Max => pick(|v, best| v > best),
            Over::Count | Over::Top | Over::Bottom => values.len() as f64,
        })
    };
    Line { labels, values: (0..instants).map(at).collect() }
}

/// The k greatest or least of a group at each instant, the best by their last value first.
fn best(over: Over, mut lines: Vec<Line>, keep: &[f64]) -> Vec<Line> {
    let better = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        (false, false) if over == Over::Top => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    };
    for (at, keep) in keep.iter().enumerate() {
        let mut ranked: Vec<(usize, f64)> =
            lines.iter().enumerate().filter_map(|(i, line)| Some((i, line.values[at]?))).collect();
        ranked.sort_by(|a, b| better(a.1, b.1));
        // A negative number or none at all keeps nothing.
        for (i, _) in ranked.into_iter().skip(*keep as usize) {
            lines[i].values[at] = None;
        }
    }
    lines.retain(|line| line.values.iter().any(Option::is_some));
    let last = |line: &Line| line.values.iter().rev().find_map(|v| *v).unwrap_or(f64::NAN);
    lines.sort_by(|a, b| better(last(a), last(b)));
    lines
}
