//! An installation as an operator has it: a folder with a configuration and a small city's tickets, and the real binary.
use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use sqlx::{Connection, PgConnection, SqliteConnection};
use weisu::{
    config::Lang,
    simulate::{City, Params},
};

use super::Database;

/// The morning after the last ticket.
pub const MORNING: &str = "2025-11-10T00:00:00Z";
/// When everything that waits has come due again.
pub const LATER: &str = "2025-11-10T00:20:00Z";

/// What makes every run quick, and raises alerts in a quiet city.
const QUICK: &str = "[forecast]\ndays = 14\nmonths = 2\norigins = 4\nboost = false\ntopic_depth = 1\n\n\
    [detect]\nalpha = 0.1\nfalse_discovery_rate = 1.0\nmin_count = 2\nexceedance_margin = 0.01\n\n";

/// A folder with everything a weisu needs.
pub struct Installation {
    /// Its folder.
    pub folder: PathBuf,
    database: Database,
}

impl Installation {
    /// A city whose tickets end before `until`; `more` is laid after the common part of the configuration.
    pub fn new(database: &Database, until: &str, more: &str) -> Self {
        let params =
            Params { years: 2, districts: 3, scale: 0.05, ..Params::demo(Lang::En, until.parse().unwrap()) };
        let city = City::new(params).unwrap();
        let mut file = fs::File::create(database.folder.join("tickets.csv")).unwrap();
        city.write(&mut file, &|_| {}).unwrap();
        file.flush().unwrap();
        let this = Self { folder: database.folder.clone(), database: database.clone() };
        this.configure(&format!("{}\n{more}", city.config_toml("tickets.csv", None, &database.url)));
        fs::rename(this.path("weisu.toml"), this.path("base.toml")).unwrap();
        this.reconfigure("");
        this
    }

    /// Writes the configuration again, with `more` behind what the installation began with.
    pub fn reconfigure(&self, more: &str) {
        let base = fs::read_to_string(self.path("base.toml")).unwrap();
        self.configure(&format!("{base}\n{QUICK}{more}"));
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("weisu.toml"), text).unwrap();
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The binary with this configuration, as of an instant or of now.
    pub fn weisu(&self, args: &[&str], now: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weisu"));
        command.current_dir(&self.folder).args(["--config", "weisu.toml", "--quiet"]).args(args);
        if let Some(now) = now {
            command.args(["--now", now]);
        }
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str], now: &str) -> Output {
        self.weisu(args, Some(now)).output().unwrap()
    }

    /// Runs it to its end, which must be a good one.
    pub fn must(&self, args: &[&str], now: &str) -> String {
        let out = self.run(args, now);
        let said = format!("{}{}", text(&out.stdout), text(&out.stderr));
        assert!(out.status.success(), "{args:?}: {:?} {said}", out.status);
        said
    }

    /// The first column of a query, as texts; nothing while the store is not there yet.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        match self.try_ask(sql).await {
            Ok(rows) => rows,
            Err(sqlx::Error::Database(e)) if matches!(e.code().as_deref(), Some("14" | "42P01")) => {
                Vec::new()
            }
            Err(sqlx::Error::Database(e)) if e.message().starts_with("no such table") => Vec::new(),
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    async fn try_ask(&self, sql: &str) -> Result<Vec<String>, sqlx::Error> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.database.url.starts_with("sqlite") {
            let mut c = SqliteConnection::connect(&self.database.url).await?;
            let rows = sqlx::query_scalar(sql).fetch_all(&mut c).await;
            c.close().await?;
            rows
        } else {
            let mut c = PgConnection::connect(&self.database.url).await?;
            let rows = sqlx::query_scalar(sql).fetch_all(&mut c).await;
            c.close().await?;
            rows
        }
    }

    /// Runs as `stage status`, oldest first.
    pub async fn runs(&self) -> Vec<String> {
        self.ask("SELECT stage || ' ' || status FROM runs ORDER BY id").await
    }
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port that nobody listens on, outside the range that the system hands out: between this look and the daemon's own
/// an outgoing connection of another test could take it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 1000) as u16 * 10;
    let port = || 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
    std::iter::repeat_with(port).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Waits until an expression is true; fails with what was waited for after 30 s.
macro_rules! until {
    ($what:expr, $met:expr) => {
        let begun = std::time::Instant::now();
        while !$met {
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "waited in vain: {}", $what);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
}
pub(crate) use until;

/// A daemon, killed when the test ends.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Daemon {
    /// Starts `weisu run`; `more` is laid after the installation's configuration, `env` is added to the environment.
    pub fn start(at: &Installation, more: &str, now: Option<&str>, env: &[(&str, &str)]) -> Self {
        let port = free_port();
        at.reconfigure(&Self::http(port, more));
        let log = at.path(&format!("daemon-{port}.log"));
        let mut command = at.weisu(&["run"], now);
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log, port }
    }

    fn http(port: u16, more: &str) -> String {
        format!("[http]\nlisten = \"127.0.0.1:{port}\"\n\n{more}\n")
    }

    /// Writes another configuration and sends SIGHUP.
    pub fn reload(&self, at: &Installation, more: &str) {
        at.reconfigure(&Self::http(self.port, more));
        self.signal("-HUP");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for words in the log.
    pub async fn says(&self, words: &str) {
        until!(&format!("{words:?} in\n{}", self.log()), self.log().contains(words));
    }

    /// Address of its HTTP side.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Status of the answer at a path; 0 when nobody answers.
    pub async fn status(&self, path: &str) -> u16 {
        let url = format!("http://{}{path}", self.address());
        let answer = super::server::client().get(url).timeout(Duration::from_secs(5)).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// Waits for its end; the exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let mut code;
        until!("the daemon's end", {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code()
    }

    /// SIGTERM, which must end it well.
    pub async fn stop(mut self) {
        self.signal("-TERM");
        let code = self.ended().await;
        assert_eq!(code, Some(0), "{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a killed child is dead, without looking after it: it stays a zombie.
pub async fn dead(child: &Child) {
    let stat = PathBuf::from(format!("/proc/{}/stat", child.id()));
    if Path::new("/proc/self/stat").exists() {
        // Gone altogether is dead, too: it ended by itself and was looked after.
        until!("its death", fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z ")));
    }
}
