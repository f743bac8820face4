//! `weisu tune`: the thresholds that verdicts suggest, and with `--apply` their taking effect.
//!
//! Nothing changes by itself: a threshold that moved on its own could not be explained to the office that is no longer
//! told of something.
use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;
use weisu_models::hotspot::tuning::{Reviewed, Share, suggest};

use super::{Global, text};
use crate::store::{
    alarms::Kind,
    verdicts::{Judged, Threshold},
};

/// Arguments of `tune`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Share of alerts that should be worth telling [default: 1 less detect.false_discovery_rate]
    #[arg(long, value_name = "SHARE")]
    target: Option<f64>,
    /// Put the suggested thresholds into force
    #[arg(long, requires = "by")]
    apply: bool,
    /// Who decides it: an office or a role
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What verdicts say of a kind.
#[derive(Debug, Serialize)]
struct Line {
    kind: Kind,
    alpha: f64,
    suggested: f64,
    precision: Share,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let settings = config.detect.clone();
    let target = args.target.unwrap_or(1.0 - settings.false_discovery_rate);
    anyhow::ensure!((0.0..1.0).contains(&target), "--target {target}: name a share from 0 to below 1");
    let cx = global.cx(config).await?;
    let chosen: BTreeMap<Kind, f64> =
        cx.store.thresholds().await?.into_iter().map(|t| (t.kind, t.alpha)).collect();
    let lines = lines(&cx.store.judged_alerts().await?, &chosen, settings.alpha, target);
    if let (true, Some(author)) = (args.apply, &args.by) {
        let changed = lines.iter().filter(|l| l.suggested != l.alpha).map(|l| Threshold {
            kind: l.kind,
            alpha: l.suggested,
            author: author.clone(),
            reviewed: l.precision.of as i64,
            useful: l.precision.have as i64,
        });
        let mut tx = cx.store.begin().await?;
        tx.put_thresholds(cx.millis(), &changed.collect::<Vec<_>>()).await?;
        tx.commit().await?;
    }
    cx.store.close().await;
    text::result(global.format, &lines, || describe(&lines, target, args.apply))
}

fn lines(all: &[Judged], chosen: &BTreeMap<Kind, f64>, usual: f64, target: f64) -> Vec<Line> {
    let mut kinds: BTreeMap<Kind, Vec<Reviewed>> = BTreeMap::new();
    for judged in all.iter().filter(|j| !j.kind.is_ahead() && j.kind != Kind::Data) {
        let of_kind = kinds.entry(judged.kind).or_default();
        of_kind.extend(judged.verdict.is_useful().map(|useful| Reviewed { p_value: judged.p_value, useful }));
    }
    let line = |(kind, reviewed): (Kind, Vec<Reviewed>)| {
        let alpha = chosen.get(&kind).copied().unwrap_or(usual);
        let useful = reviewed.iter().filter(|r| r.useful).count();
        Line {
            kind,
            alpha,
            suggested: suggest(&reviewed, alpha, target),
            precision: Share::new(useful, reviewed.len()),
        }
    };
    kinds.into_iter().map(line).collect()
}

fn describe(lines: &[Line], target: f64, applied: bool) -> String {
    let mut out = format!("aim: {:.0} % of alerts worth telling\n", 100.0 * target);
    for l in lines {
        let of = l.precision;
        let change = match (l.suggested == l.alpha, applied) {
            (true, _) => "stays".to_owned(),
            (false, true) => format!("is now {}", l.suggested),
            (false, false) => format!("{} suggested, --apply --by NAME to take it", l.suggested),
        };
        let _ = writeln!(
            out,
            "{:<15} {} of {} useful (95 % interval {:.0}-{:.0} %), alpha {}: {change}",
            l.kind.name(),
            of.have,
            of.of,
            100.0 * of.lower,
            100.0 * of.upper,
            l.alpha,
        );
    }
    if lines.is_empty() {
        out.push_str("no alert yet: thresholds stay as configured\n");
    }
    out
}
