//! The daemon's HTTP side over a fixture city, on a free loopback port.
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use chrono_tz::Tz;
use weisu::{
    config::{Http, Lang},
    http::{AppState, City, Gate, Health, router},
    map::Geography,
    metrics::Metrics,
    publish::links::Key,
    schedule::clock::Fixed,
    store::Store,
};
use weisu_models::calendar::{Calendar, Event, Season, Status};

use super::{Database, city};

/// A running server; it ends with the test's runtime.
pub struct Server {
    /// Where it listens.
    pub at: SocketAddr,
    /// What it knows about itself.
    pub health: Arc<Health>,
}

/// What a server has beside its store.
pub struct With {
    /// Who is let in; everybody by default.
    pub http: Http,
    /// What links and sessions are signed with.
    pub key: Key,
    /// The map of its districts.
    pub geography: Option<Geography>,
    /// Folder of contingency plans.
    pub plans: Option<PathBuf>,
    /// Folder of exports.
    pub exports: Option<PathBuf>,
}

impl Default for With {
    fn default() -> Self {
        let (http, key) = (Http::default(), Key::of_process().unwrap());
        Self { http, key, geography: None, plans: None, exports: None }
    }
}

/// Serves `store` as of the fixture's morning, open to everybody.
pub async fn serve(store: Store, lang: Lang) -> Server {
    serve_with(store, lang, With::default()).await
}

/// The same with more than the store.
pub async fn serve_with(store: Store, lang: Lang, with: With) -> Server {
    let mut calendar = Calendar::new();
    let name = if lang == Lang::Zh { "元旦" } else { "New Year" };
    for day in 1..=3 {
        let date = chrono::NaiveDate::from_ymd_opt(2027, 1, day).unwrap();
        calendar.insert(date, Event { name: name.to_owned(), off: true, status: Status::Announced });
    }
    let heating = |year| Season {
        name: "heating".to_owned(),
        from: chrono::NaiveDate::from_ymd_opt(year, 11, 15).unwrap(),
        to: chrono::NaiveDate::from_ymd_opt(year + 1, 3, 15).unwrap(),
        status: Status::Predicted,
    };
    [2025, 2026].into_iter().for_each(|year| calendar.insert_season(heating(year)));
    let name = if lang == Lang::Zh { "示范市" } else { "Sampleton" }.to_owned();
    let city = City {
        name,
        code: "demo".to_owned(),
        zone: Tz::Asia__Shanghai,
        lang,
        history_days: 1461,
        regressors: Vec::new(),
        geography: with.geography,
        plans: with.plans,
    };
    let (health, metrics) = (Arc::new(Health::default()), Metrics::new().unwrap());
    let clock = Arc::new(Fixed(city::now()));
    let gate = Gate::new(&with.http, with.key);
    let state = AppState::new(store, metrics, city, calendar, clock, health.clone(), gate);
    let state = match &with.exports {
        Some(folder) => state.with_exports(folder),
        None => state,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = router(state).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { at, health }
}

impl Server {
    /// The fixture city in SQLite, served; its store goes with the folder.
    pub async fn of_a_city(lang: Lang) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::at(&Database::sqlite(&folder), lang).await;
        (server, folder)
    }

    /// The fixture city in a database, served, with a map.
    pub async fn at(database: &Database, lang: Lang) -> Self {
        let names = if lang == Lang::Zh { &city::ZH } else { &city::EN };
        let with = With { geography: Some(city::map(names)), ..With::default() };
        serve_with(city::store(database, Some(names)).await, lang, with).await
    }

    /// The full address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// The answer to a GET.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.get_with(path, &[]).await
    }

    /// The answer to a GET with headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = client().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// The JSON at a path.
    pub async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

/// A client of its own: reqwest is built without a default TLS provider.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
