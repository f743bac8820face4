//! A receiver on loopback that checks signatures, as a district office's would.
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine, prelude::BASE64_STANDARD};
use standardwebhooks::Webhook;

/// What it got.
#[derive(Debug, Clone, Default)]
pub struct Got {
    /// Distinct webhook-ids with a good signature.
    pub ids: BTreeSet<String>,
    /// Posts with a bad one.
    pub refused: usize,
    /// The first message, as an example.
    pub first: Option<serde_json::Value>,
}

/// The running receiver.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

#[derive(Clone)]
struct Office {
    webhook: Arc<Webhook>,
    got: Arc<Mutex<Got>>,
}

/// Starts it on a free port; its secret lies in `receiver.secret` of the folder.
pub async fn start(dir: &Path) -> anyhow::Result<Receiver> {
    // Both ends live in this process, so the secret protects nothing; a fixed one keeps the demo reproducible.
    let secret = format!("whsec_{}", BASE64_STANDARD.encode("weisu demo secret, not secret"));
    std::fs::write(dir.join("receiver.secret"), format!("{secret}\n"))
        .context("cannot write the receiver's secret")?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    let receiver = Receiver { address: listener.local_addr()?, got: Arc::default() };
    let office = Office { webhook: Arc::new(Webhook::new(&secret)?), got: receiver.got.clone() };
    let router = Router::new().route("/alerts", post(take)).with_state(office);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(receiver)
}

async fn take(State(office): State<Office>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut got = office.got.lock().unwrap_or_else(PoisonError::into_inner);
    if office.webhook.verify(&body, &headers).is_err() {
        got.refused += 1;
        return StatusCode::UNAUTHORIZED;
    }
    let id = headers.get("webhook-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
    got.ids.insert(id.to_owned());
    got.first = got.first.take().or_else(|| serde_json::from_slice(&body).ok());
    StatusCode::NO_CONTENT
}

impl Receiver {
    /// Where to post.
    pub fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// What it got so far.
    pub fn got(&self) -> Got {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
