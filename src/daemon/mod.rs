//! The daemon: assembly only. Store, schedule, HTTP, signals and the service manager, put together.
//!
//! SIGTERM and SIGINT drain: no new activation begins, those under way are finished, then the store is closed.
//! SIGHUP reads the configuration again; one with mistakes is reported and the old one stays in force.
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Access, Config, Schedule},
    http::{self, AppState, City, Gate, Health},
    publish::{links::Key, secrets},
    schedule::{
        clock::Clock,
        cron::{Expression, Slot},
        driver::{self, Job, Outcome, Runner},
    },
    stages::{self, Busy, Cx, Held, Stage},
};

mod notify;

/// What the daemon is started with.
#[derive(Debug, Clone)]
pub struct Start {
    /// What stages need.
    pub cx: Cx,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// File that SIGHUP reads again; without one SIGHUP is ignored.
    pub config_path: Option<PathBuf>,
}

/// How long activations under way may take to end after SIGTERM; `TimeoutStopSec` of the systemd unit is longer, so
/// that the store is still closed.
const DRAIN: Duration = Duration::from_secs(150);

/// How long HTTP clients may take to hear the end of their answer; one that never ends its request is cut off.
const HANG_UP: Duration = Duration::from_secs(5);

/// Years of calendar that the page can show around today.
const YEARS: i32 = 5;

/// Runs until a signal or `stop` ends it.
pub async fn run(start: Start, stop: CancellationToken) -> anyhow::Result<()> {
    let _only_one = start.cx.store.lock_daemon()?;
    let mut cx = start.cx.clone();
    let health = Arc::new(Health::default());
    let state = app_state(&start.cx, start.clock.clone(), health.clone())?;
    // Before anybody can see that it is up: whoever sees it may end it.
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let server = serve(&start, state.clone(), &stop).await?;
    let warm = server.as_ref().map(|_| tokio::spawn(http::keep_warm(state)));
    let mut drivers = Drivers::start(&cx, &start.clock);
    let watchdog = tokio::spawn(notify::watchdog(cx.store.clone()));
    notify::ready(&cx.config);
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = tokio::signal::ctrl_c() => break Ok(()),
            () = stop.cancelled() => break Ok(()),
            // A daemon without its schedule would look alive and do nothing: it ends, to be started again.
            Some(Err(error)) = drivers.tasks.join_next() => {
                break Err(anyhow::Error::from(error).context("a job's driver broke down"));
            }
            _ = hangup.recv() => {
                if let Some(config) = reload(start.config_path.as_deref(), &cx.config) {
                    drivers.stop().await;
                    cx.config = Arc::new(config);
                    drivers = Drivers::start(&cx, &start.clock);
                }
                notify::ready(&cx.config);
            }
        }
    };
    notify::stopping();
    health.drain();
    tracing::info!("stopping: finishing what is under way");
    drivers.stop().await;
    stop.cancel();
    if let Some(server) = server {
        hang_up(server).await?;
    }
    watchdog.abort();
    if let Some(warm) = warm {
        warm.abort();
    }
    cx.store.close().await;
    ended
}

/// The configuration read again, or `None` with the reason in the log.
fn reload(path: Option<&std::path::Path>, old: &Config) -> Option<Config> {
    notify::reloading();
    let path = path?;
    let new = Config::load(path)
        .and_then(|new| new.check_files(path).map(|()| new))
        .inspect_err(|e| tracing::error!("configuration not reloaded, the old one stays: {e}"))
        .ok()?;
    if new.store != old.store || new.http != old.http || new.city != old.city {
        tracing::error!(
            "configuration not reloaded: [store], [http] and [city] change only with a restart, the old one stays"
        );
        return None;
    }
    tracing::info!("configuration reloaded");
    Some(new)
}

/// What the HTTP handlers may read.
pub fn app_state(cx: &Cx, clock: Arc<dyn Clock>, health: Arc<Health>) -> anyhow::Result<AppState> {
    let city = &cx.config.city;
    let names = City {
        name: city.name.clone(),
        code: city.code.clone(),
        zone: city.zone.0,
        lang: city.lang,
        history_days: cx.config.forecast.history_days,
        regressors: cx.config.regressor.clone(),
        geography: city.geography().unwrap_or_else(|mistakes| {
            mistakes.iter().for_each(|m| tracing::error!("no map is shown: {} ({})", m.problem, m.remedy));
            None
        }),
        plans: cx.config.publish.plans.clone(),
    };
    let today = cx.today();
    let calendar = stages::city::calendar(&cx.config, today.plus(-366 * YEARS), today.plus(366 * YEARS))?;
    let gate = Gate::new(&cx.config.http, Key::of_server(&cx.config, secrets::credentials().as_deref())?);
    let state = AppState::new(cx.store.clone(), cx.metrics.clone(), names, calendar, clock, health, gate);
    Ok(state.with_exports(&cx.config.publish.exports))
}

type Server = tokio::task::JoinHandle<anyhow::Result<()>>;

async fn serve(start: &Start, state: AppState, stop: &CancellationToken) -> anyhow::Result<Option<Server>> {
    let http = &start.cx.config.http;
    if !http.enabled {
        return Ok(None);
    }
    let listener = tokio::net::TcpListener::bind(http.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another weisu or program using it? Set http.listen to a free port",
            http.listen
        )
    })?;
    tracing::info!(address = %listener.local_addr()?, "page, API and metrics");
    if http.access == Access::Tokens {
        warn_without_tokens(start).await?;
    }
    let router = http::router(state).into_make_service_with_connect_info::<SocketAddr>();
    let stop = stop.clone();
    Ok(Some(tokio::spawn(async move {
        Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
    })))
}

/// Says so where nobody could sign in.
async fn warn_without_tokens(start: &Start) -> anyhow::Result<()> {
    let now = start.clock.now().timestamp_millis();
    if !start.cx.store.tokens().await?.iter().any(|token| token.is_valid(now)) {
        tracing::warn!("there is no valid token, so nobody can sign in: make one with `weisu token add`");
    }
    Ok(())
}

/// Waits for the answers under way.
async fn hang_up(server: Server) -> anyhow::Result<()> {
    let cut = server.abort_handle();
    match tokio::time::timeout(HANG_UP, server).await {
        Ok(ended) => ended.context("the HTTP server ended badly")?,
        Err(_) => {
            tracing::warn!("a client did not end its request: cut off");
            cut.abort();
            Ok(())
        }
    }
}

/// The running drivers, one a job.
struct Drivers {
    tasks: JoinSet<()>,
    cancel: CancellationToken,
}

impl Drivers {
    fn start(cx: &Cx, clock: &Arc<dyn Clock>) -> Self {
        let cancel = CancellationToken::new();
        let runner = Arc::new(Stages { cx: cx.clone(), clock: clock.clone() });
        let mut tasks = JoinSet::new();
        for job in jobs(&cx.config.schedule) {
            tasks.spawn(driver::drive(
                job,
                cx.config.city.zone.0,
                clock.clone(),
                runner.clone(),
                cancel.clone(),
            ));
        }
        Self { tasks, cancel }
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        let drained =
            tokio::time::timeout(DRAIN, async { while self.tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("a stage did not end in time: it is cut off, the next start takes it up again");
            self.tasks.abort_all();
        }
    }
}

/// Jobs that are not switched off; the expressions were checked with the configuration.
fn jobs(schedule: &Schedule) -> Vec<Job> {
    let keys = [
        ("daily", &schedule.daily),
        ("publish", &schedule.publish),
        ("export", &schedule.export),
        ("weekly", &schedule.weekly),
        ("prune", &schedule.prune),
    ];
    keys.into_iter()
        .filter_map(|(name, text)| Some(Job { name, when: text.parse::<Expression>().ok()? }))
        .collect()
}

/// Runs jobs as stages.
struct Stages {
    cx: Cx,
    clock: Arc<dyn Clock>,
}

impl Runner for Stages {
    async fn is_done(&self, job: &'static str, slot: &Slot) -> anyhow::Result<bool> {
        Ok(self.cx.store.slot_done(job, &slot.local).await?)
    }

    /// One instance at a time: the others wait for it to be done, or take over what it left.
    async fn run(&self, job: &'static str, slot: &Slot) -> anyhow::Result<Outcome> {
        let cx = Cx { now: self.clock.now(), ..self.cx.clone() };
        let held = match Held::take(&cx, &format!("job {job}")).await? {
            Ok(held) => held,
            Err(owner) => return Ok(Outcome::Busy { owner }),
        };
        let ended = self.run_held(&cx, job, slot).await;
        held.give_back(&cx).await;
        match ended {
            Ok(()) => Ok(Outcome::Done),
            Err(error) => match error.downcast::<Busy>() {
                Ok(Busy { owner, .. }) => Ok(Outcome::Busy { owner }),
                Err(error) => Err(error),
            },
        }
    }

    fn given_up(&self, job: &'static str, _: &Slot) {
        self.cx.metrics.run(job, "skipped", 0.0);
    }
}

impl Stages {
    async fn run_held(&self, cx: &Cx, job: &'static str, slot: &Slot) -> anyhow::Result<()> {
        // Another instance may have ended it between the driver's look and the lease.
        if self.is_done(job, slot).await? {
            return Ok(());
        }
        notify::status(&format!("running {job} of {}", slot.local));
        match job {
            "daily" => drop(stages::chain(cx, &slot.local).await?),
            "publish" => drop(stages::one(cx, Stage::Publish, &slot.local).await?),
            "export" => drop(stages::one(cx, Stage::Export, &slot.local).await?),
            "weekly" => drop(stages::one(cx, Stage::Weekly, &slot.local).await?),
            _ => drop(stages::one(cx, Stage::Prune, &slot.local).await?),
        }
        let due = slot.due.timestamp_millis();
        cx.store.finish_slot(job, &slot.local, due, "done", self.clock.now().timestamp_millis()).await?;
        notify::status(&format!("{job} of {} done", slot.local));
        Ok(())
    }
}
