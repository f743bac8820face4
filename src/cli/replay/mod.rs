//! `weisu replay`: detection day by day over history, as it would have been; nothing is written.
use std::path::PathBuf;

use chrono::NaiveDate;
use weisu_models::calendar::{Calendar, Region};

use super::{Format, Global, progress, text};
use crate::{
    aggregate::CityPanel,
    config::Config,
    files::{cells, labels, panel},
    stages::{
        city::Names,
        detect::known,
        replay::{self, History, Label, Report, Request},
    },
    store::{SeriesKey, TreeNode},
};

mod table;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// First day to judge
    #[arg(long, value_name = "DATE")]
    from: NaiveDate,
    /// Last day to judge
    #[arg(long, value_name = "DATE")]
    to: NaiveDate,
    /// Labelled rises (CSV with columns topic,district,from,to,label) that should be found
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Days between two forecasts of the coming weeks, in between the last one is used; 0 for none
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=28))]
    forecast_every: u32,
    /// Panel file (CSV, also .gz) with columns unique_id,ds,y; without it the store of --config is used
    #[arg(long, value_name = "FILE", requires = "series")]
    pub input: Option<PathBuf>,
    /// Hierarchy file with columns unique_id,level,topic,district
    #[arg(long, value_name = "FILE", requires = "input")]
    series: Option<PathBuf>,
    /// Holiday file with columns ds,name
    #[arg(long, value_name = "FILE", requires = "input")]
    holidays: Option<PathBuf>,
    /// Region of the built-in holidays when there is no holiday file: CN, US, BR or none
    #[arg(long, default_value = "none", requires = "input", conflicts_with = "holidays")]
    region: Region,
    /// Map of the districts (GeoJSON), for clusters of neighbours
    #[arg(long, value_name = "FILE", requires = "input")]
    map: Option<PathBuf>,
    /// Property of the map's features that names the district
    #[arg(long, default_value = crate::map::NAME, value_name = "NAME", requires = "map")]
    map_name: String,
    /// Neighbours (CSV a,b) in place of districts whose borders meet
    #[arg(long, value_name = "FILE", requires = "input")]
    adjacency: Option<PathBuf>,
    /// Print the result as JSON, like --format json
    #[arg(long)]
    json: bool,
}

impl Args {
    fn request(&self) -> anyhow::Result<Request> {
        let rows = self.labels.as_deref().map(labels::read).transpose()?;
        let label = |row: labels::Row| Label {
            topic: row.topic,
            district: row.district,
            from: row.from,
            to: row.to,
            label: row.label,
            line: row.line,
        };
        Ok(Request {
            from: self.from.into(),
            to: self.to.into(),
            labels: rows.map(|rows| rows.into_iter().map(label).collect()),
            forecast_every: self.forecast_every,
        })
    }
}

/// Runs it on the store.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let request = args.request()?;
    let cx = global.cx(global.load()?).await?;
    let history = replay::history(&cx).await;
    cx.store.close().await;
    let history = history?;
    let bars = cx.progress.clone();
    let work = tokio::task::spawn_blocking(move || replay::run(&history, &request, &*bars));
    report(global, args, &work.await??)
}

/// Runs it on files.
pub fn files(global: &Global, args: &Args) -> anyhow::Result<()> {
    let (Some(input), Some(series)) = (&args.input, &args.series) else {
        anyhow::bail!("--input and --series belong together: the panel file and its hierarchy")
    };
    let request = args.request()?;
    let counts = panel::read(input, Some(panel::Step::Day))?;
    let named = cells::with_series(&counts, series)?;
    let calendar = match &args.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => years(args.region, &counts),
    };
    let mut config = Config::default();
    config.city.calendar = args.region.code().to_owned();
    config.city.map.clone_from(&args.map);
    config.city.map_name.clone_from(&args.map_name);
    config.city.adjacency.clone_from(&args.adjacency);
    let mistakes = config.city.geography().err().unwrap_or_default();
    if let Some(mistake) = mistakes.first() {
        anyhow::bail!("{}; {}", mistake.problem, mistake.remedy);
    }
    let bars = progress::bars(global.quiet || args.json);
    let done = replay::run(&history(named, calendar, config), &request, &*bars)?;
    report(global, args, &done)
}

/// The region's holidays over the years of the counts and the next.
fn years(region: Region, counts: &panel::PanelFile) -> Calendar {
    use chrono::Datelike;
    Calendar::for_region(region, counts.start.year() - 1, counts.date(counts.periods()).year() + 1)
}

fn history(named: cells::Named, calendar: Calendar, config: Config) -> History {
    let roots = |names: Vec<String>| (1..).zip(names).map(|(id, name)| (id, 0, name)).collect::<Vec<_>>();
    let key = |node: &weisu_models::hierarchy::Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    let keys = named.hierarchy.nodes.iter().map(key).collect();
    let node = |(id, name): (i32, &String)| TreeNode { id, parent: 0, depth: 1, name: name.clone() };
    let districts: Vec<TreeNode> = (1..).zip(&named.districts).map(node).collect();
    let neighbourhood = known::neighbourhood(&config.city, &districts);
    History {
        city: CityPanel { panel: named.panel, hierarchy: named.hierarchy, keys },
        names: Names::new(roots(named.topics), roots(named.districts)),
        calendar,
        config,
        neighbourhood,
    }
}

fn report(global: &Global, args: &Args, done: &Report) -> anyhow::Result<()> {
    let format = if args.json { Format::Json } else { global.format };
    text::result(format, done, || table::write(done))
}
