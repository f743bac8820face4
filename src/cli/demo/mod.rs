//! `weisu demo`: a whole city on one machine, through the ordinary path.
//!
//! A seeded city is simulated as a ticket export, read by the ordinary reader under an ordinary configuration, run
//! through every stage, printed as a planner would want it, exported and delivered to a receiver on loopback; then the
//! daemon stays up. Nothing here does what the daemon does by another way.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::{Global, once, text};
use crate::{
    config::{Config, Lang},
    daemon::{self, Start},
    http::Health,
    simulate::{City, Params, Truth, plans},
    stages::{self, Cx, Stage},
};

mod planner;
mod planted;
mod receiver;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Language of the city and of everything printed [default: from the environment]
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Seed of the city
    #[arg(long, default_value_t = 12345)]
    seed: u64,
    /// The city's tickets end the day before this date [default: today]
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Share of the full number of tickets, about 1.5 million in four years
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Folder for the demo's files; what an earlier demo left there is replaced
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Address of page, API and metrics
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// End after one cycle instead of staying up
    #[arg(long)]
    once: bool,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    let lang = args.lang.unwrap_or_else(|| super::language(|name| std::env::var(name).ok()));
    let dir = fresh_folder(args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("weisu-demo")))?;
    let (config_path, truth) = simulate(global, args, lang, &dir)?;
    text::line(planner::intro(lang, &truth, &dir));
    let receiver = receiver::start(&dir).await?;
    let config = configured(&config_path, args, &receiver)?;
    let cx = global.cx(config).await?;
    let ran = stages::chain(&cx, &once::slot(&cx)).await?;
    text::line(once::report(&ran).trim_end());
    let export = stages::one(&cx, Stage::Export, &once::slot(&cx)).await?.unwrap_or_default();
    let state = daemon::app_state(&cx, global.clock(), Arc::new(Health::default()))?;
    let (report, alerts) = planner::report(lang, state).await?;
    text::line(report);
    text::line(planted::table(lang, &truth, &alerts));
    text::line(planner::deliveries(lang, &receiver, &export));
    text::line(planner::outro(lang, begun.elapsed(), (!args.once).then_some(args.listen)));
    if args.once {
        cx.store.close().await;
        return Ok(());
    }
    stay_up(global, cx, config_path).await
}

async fn stay_up(global: &Global, cx: Cx, config_path: PathBuf) -> anyhow::Result<()> {
    let start = Start { cx, clock: global.clock(), config_path: Some(config_path) };
    daemon::run(start, CancellationToken::new()).await
}

/// An empty folder; one that is not an earlier demo's is left alone.
fn fresh_folder(dir: PathBuf) -> anyhow::Result<PathBuf> {
    let mark = dir.join("weisu-demo");
    let used = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    if used && !mark.exists() {
        anyhow::bail!("{} holds other files: name an empty or new folder with --dir", dir.display());
    }
    if used {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("cannot create {}: name another folder with --dir", dir.display()))?;
    std::fs::write(&mark, "").with_context(|| format!("cannot write into {}", dir.display()))?;
    Ok(dir)
}

/// The city's tickets, what was planted in them, and a configuration that reads them.
fn simulate(global: &Global, args: &Args, lang: Lang, dir: &Path) -> anyhow::Result<(PathBuf, Truth)> {
    let today = global.clock().now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
    let until = args.until.unwrap_or(today);
    let city = City::new(Params { seed: args.seed, scale: args.scale, ..Params::demo(lang, until) })?;
    let truth = super::simulate::write_tickets(
        &city,
        &dir.join("tickets.csv"),
        &*super::progress::bars(global.quiet),
    )?;
    std::fs::write(dir.join("truth.json"), serde_json::to_vec_pretty(&truth)?)?;
    std::fs::write(dir.join("districts.geojson"), city.map())?;
    plans::write(&dir.join("plans"), lang)?;
    let path = dir.join("weisu.toml");
    std::fs::write(&path, city.config_toml("tickets.csv", Some("districts.geojson"), "sqlite://weisu.db"))?;
    Ok((path, truth))
}

/// The configuration as written, with the receiver and the address of this demo added to the file.
fn configured(path: &Path, args: &Args, receiver: &receiver::Receiver) -> anyhow::Result<Config> {
    let mut toml = std::fs::read_to_string(path)?;
    toml.push_str(&format!(
        "\n[publish]\nplans = \"plans\"\n\n[http]\nlisten = \"{}\"\n\n[[receiver]]\nname = \"duty office\"\nurl = \"{}\"\nsecret_file = \"receiver.secret\"\n",
        args.listen,
        receiver.url(),
    ));
    std::fs::write(path, toml)?;
    Ok(Config::load(path)?)
}
