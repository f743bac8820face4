//! `weisu explain`: why the newest forecast of a series is what it is.
use std::{fmt::Write, sync::Arc};

use anyhow::bail;
use chrono::NaiveDate;

use super::{Global, text};
use crate::{
    explain::{self, Explanation, PartView, Question, Sum},
    stages::city,
    store::{Store, Tree, TreeNode},
    ticket::{Basis, Day},
};

/// Days of calendar after today: forecasts reach no further.
const AHEAD: i32 = 800;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic by name, by path ("Heating / Heating fees") or by key; all topics unless said
    #[arg(long)]
    topic: Option<String>,
    /// District by name, path or key; the whole city unless said
    #[arg(long)]
    district: Option<String>,
    /// Count matters (repeats merged) instead of every ticket
    #[arg(long)]
    dedup: bool,
    /// First day; the coming week unless said
    #[arg(long, requires = "to", value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day
    #[arg(long, requires = "from", value_name = "DATE")]
    to: Option<NaiveDate>,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let store = Store::open(&config.store.options()).await?;
    let topic = key(&store, Tree::Topics, args.topic.as_deref()).await?;
    let district = key(&store, Tree::Districts, args.district.as_deref()).await?;
    let today = Day::from(global.clock().now().date_naive());
    let calendar =
        city::calendar(&config, today.plus(-(config.forecast.history_days as i32)), today.plus(AHEAD))?;
    let question = Question {
        at: (topic, district),
        basis: if args.dedup { Basis::Dedup } else { Basis::Raw },
        span: args.from.zip(args.to),
        history_days: config.forecast.history_days,
    };
    let answer = explain::answer(&store, &Arc::new(calendar), question).await;
    store.close().await;
    let answer = answer?;
    let of =
        [args.topic.as_deref().unwrap_or("all topics"), args.district.as_deref().unwrap_or("the whole city")];
    text::result(global.format, &answer, || written(&of.join(", "), &answer))
}

/// Key of a node by its name, its path or its key.
async fn key(store: &Store, tree: Tree, asked: Option<&str>) -> anyhow::Result<i32> {
    let Some(asked) = asked else { return Ok(0) };
    let nodes = store.tree(tree).await?;
    let parts: Vec<&str> = asked.split('/').map(str::trim).collect();
    let found: Vec<&TreeNode> = nodes.iter().filter(|node| is_meant(&nodes, node, asked, &parts)).collect();
    match found.as_slice() {
        [node] => Ok(node.id),
        [] => bail!(
            "there is no {asked:?} among the {} stored; /api/v1/topics and /api/v1/districts list them",
            nodes.len()
        ),
        several => {
            let paths: Vec<String> =
                several.iter().map(|node| format!("{} ({})", path(&nodes, node), node.id)).collect();
            bail!("{asked:?} is the name of several: write one of {}", paths.join(", "))
        }
    }
}

fn is_meant(nodes: &[TreeNode], node: &TreeNode, asked: &str, parts: &[&str]) -> bool {
    node.id.to_string() == asked
        || node.name == asked
        || parts.len() > 1 && path(nodes, node) == parts.join(" / ")
}

fn path(nodes: &[TreeNode], node: &TreeNode) -> String {
    let mut names = vec![node.name.as_str()];
    let mut parent = node.parent;
    while let Some(node) = nodes.iter().find(|n| n.id == parent) {
        names.push(&node.name);
        parent = node.parent;
    }
    names.reverse();
    names.join(" / ")
}

fn written(of: &str, answer: &Explanation) -> String {
    let mut out = format!("{of}: run {}, which knows the days until {}\n", answer.run, answer.origin);
    let because = answer.fallback.map_or(String::new(), |reason| format!(", because {reason}"));
    let _ = writeln!(out, "model {}{because}{}", answer.model, beside(answer.companions));
    if let (Some(mase), Some(skill)) = (answer.mase, answer.skill) {
        let better = if skill < 0.0 { "worse" } else { "better" };
        let percent = 100.0 * skill.abs();
        let _ = writeln!(
            out,
            "from past days: MASE {mase:.2}, {percent:.0} % {better} than last week's and last year's same days"
        );
    }
    out.push('\n');
    let days = answer.days.first().zip(answer.days.last());
    if let Some((first, last)) = days {
        let _ = writeln!(out, "{} to {}, against as many average days:", first.date, last.date);
    }
    table(&mut out, &answer.total);
    for day in answer.days.iter() {
        let parts: Vec<String> = day.parts.iter().map(|p| format!("{} {:.2}", called(p), p.factor)).collect();
        let _ = writeln!(out, "{}  {:.1} = {:.1} x {}", day.date, day.mean, day.rate, parts.join(" x "));
    }
    if let Some(since) = &answer.since {
        let _ = writeln!(out, "\nSince run {}, which knew the days until {}:", since.run, since.origin);
        table(&mut out, &since.change);
    }
    out
}

fn beside(companions: [f64; 2]) -> String {
    if companions == [0.0; 2] {
        return String::new();
    }
    let [first, second] = companions.map(|weight| format!("{:.0} %", weight * 100.0));
    format!(", with {first} exponential smoothing (or TSB) and {second} theta (or a moving average)")
}

fn table(out: &mut String, sum: &Sum) {
    let _ = writeln!(out, "  {:<28} {:>8} {:>10.1}", "from", "", sum.from);
    for part in &sum.parts {
        let _ = writeln!(
            out,
            "  {:<28} {:>8} {:>+10.1}",
            called(part),
            format!("x {:.3}", part.factor),
            part.tickets
        );
    }
    let _ = writeln!(out, "  {:<28} {:>8} {:>10.1}", "to", "", sum.to);
}

fn called(part: &PartView) -> String {
    part.name.as_ref().map_or_else(|| part.part.to_owned(), |name| format!("{} {name}", part.part))
}
