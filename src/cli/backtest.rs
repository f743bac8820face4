//! `weisu backtest`: how good forecasts would have been, by level and model, from rolling origins over the store.
use std::{collections::BTreeMap, fmt::Write};

use clap::ValueEnum;
use serde::Serialize;
use weisu_models::forecast::NodeFit;

use super::{Global, text};
use crate::{
    stages::{city, fit},
    ticket::Basis,
};

/// Arguments of `backtest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rolling origins [default: forecast.origins of the configuration]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=60))]
    origins: Option<u16>,
    /// What is counted
    #[arg(long, value_enum, default_value_t = Counted::Raw)]
    basis: Counted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Counted {
    /// Every ticket
    Raw,
    /// Repeats merged
    Dedup,
}

/// Mean scores of the series of one level that got one model.
#[derive(Debug, Default, Serialize)]
struct Group {
    topic_depth: i32,
    district_depth: i32,
    model: &'static str,
    series: usize,
    mase: Option<f64>,
    rmsse: Option<f64>,
    wql: Option<f64>,
    skill: Option<f64>,
    coverage_80: Option<f64>,
    coverage_95: Option<f64>,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let mut config = global.load()?;
    if let Some(origins) = args.origins {
        config.forecast.origins = origins.into();
    }
    let cx = global.cx(config).await?;
    let basis = match args.basis {
        Counted::Raw => Basis::Raw,
        Counted::Dedup => Basis::Dedup,
    };
    let (city, origin) = city::panel(&cx, basis).await?;
    let fits = fit::fit(&cx, &city, origin).await?.nodes;
    cx.store.close().await;
    let groups = groups(city.keys.iter().map(|k| (k.topic_depth, k.district_depth)).zip(&fits));
    text::result(global.format, &groups, || {
        table(&groups, &format!("{} origins before {origin}", cx.config.forecast.origins))
    })
}

fn groups<'a>(fits: impl Iterator<Item = ((i32, i32), &'a NodeFit)>) -> Vec<Group> {
    let mut by: BTreeMap<(i32, i32, &'static str), Vec<&NodeFit>> = BTreeMap::new();
    for ((topic, district), fit) in fits {
        by.entry((topic, district, fit.model.name())).or_default().push(fit);
    }
    let group = |((topic_depth, district_depth, model), fits): (_, Vec<&NodeFit>)| {
        let mean = |of: fn(&NodeFit) -> Option<f64>| mean(fits.iter().filter_map(|f| of(f)));
        // Losses are summed before they are compared, as in the definition of WQL skill over a set of series.
        let (ours, naive) = fits
            .iter()
            .filter_map(|f| f.scores.wql.zip(f.scores.wql_naive))
            .fold((0.0, 0.0), |s, w| (s.0 + w.0, s.1 + w.1));
        Group {
            topic_depth,
            district_depth,
            model,
            series: fits.len(),
            mase: mean(|f| f.scores.mase),
            rmsse: mean(|f| f.scores.rmsse),
            wql: mean(|f| f.scores.wql),
            skill: (naive > 0.0).then(|| 1.0 - ours / naive),
            coverage_80: mean(|f| f.scores.coverage_80),
            coverage_95: mean(|f| f.scores.coverage_95),
        }
    };
    by.into_iter().map(group).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
    (n > 0.0).then(|| sum / n)
}

fn table(groups: &[Group], title: &str) -> String {
    let mut out = format!(
        "{title}\ntopic  district  model            series   MASE  RMSSE    WQL  skill  cov80  cov95\n"
    );
    let show = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
    for g in groups {
        let _ = writeln!(
            out,
            "{:>5}  {:>8}  {:<15} {:>7}  {:>5}  {:>5}  {:>5}  {:>5}  {:>5}  {:>5}",
            g.topic_depth,
            g.district_depth,
            g.model,
            g.series,
            show(g.mase),
            show(g.rmsse),
            show(g.wql),
            show(g.skill),
            show(g.coverage_80),
            show(g.coverage_95),
        );
    }
    out
}
