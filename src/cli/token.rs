//! `weisu token`: who may see page and API and say what became of alerts. A token shows once, when it is made.
use anyhow::{Context, bail};
use serde_json::json;

use super::{Global, text};
use crate::{
    publish::{event::rfc3339, links},
    stages::Cx,
    store::{
        audit::{About, Entry, Via},
        tokens::{Role, Token, hash},
    },
    ticket::Millis,
};

/// What every token begins with, so that people and scanners know one when they see it.
const BEGIN: &str = "weisu_";

/// Arguments of `token`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token and print it, once
    Add(Add),
    /// List tokens, revoked and expired ones too
    List,
    /// Take a token back, at once and for good
    Revoke {
        /// Name of the token
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its name: an office or a role, which the audit shows
    name: String,
    /// What it may do
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Role::ALL.map(Role::name)))]
    role: String,
    /// Name of a district it is for, as in the exports; may be given several times. An officer needs one, for the
    /// others none means all
    #[arg(long = "district", value_name = "NAME")]
    districts: Vec<String>,
    /// Days after which it is worth nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    let done = match &args.command {
        Command::Add(add) => make(global, &cx, add).await,
        Command::List => list(global, &cx).await,
        Command::Revoke { name } => revoke(global, &cx, name).await,
    };
    cx.store.close().await;
    done
}

fn entry(name: &str, action: &str, now: Millis) -> Entry {
    Entry {
        at: now,
        author: "operator".to_owned(),
        via: Via::Cli,
        about: About::Token,
        subject: name.to_owned(),
        action: action.to_owned(),
        from: None,
        to: None,
        detail: json!({}),
    }
}

async fn make(global: &Global, cx: &Cx, add: &Add) -> anyhow::Result<()> {
    let role = Role::from_name(&add.role).with_context(|| format!("{} is no role", add.role))?;
    let name = add.name.trim();
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
        bail!("{name:?} is no name: write 1 to 60 characters that say which office or role it is");
    }
    if role == Role::Officer && add.districts.is_empty() {
        bail!("an officer's token is for districts: name one or more with --district");
    }
    let secret = format!("{BEGIN}{}", links::random_hex()?);
    let now = cx.millis();
    let token = Token {
        name: name.to_owned(),
        role,
        districts: add.districts.clone(),
        created: now,
        expires: add.days.map(|days| now + Millis::from(days) * 86_400_000),
        revoked: None,
    };
    let mut tx = cx.store.begin().await?;
    if !tx.put_token(&token, &hash(&secret)).await? {
        bail!("there is a token {name:?} already, valid or not: choose another name, the audit goes by it");
    }
    let mut added = entry(name, "add", now);
    added.detail =
        json!({ "role": role.name(), "districts": token.districts, "expires": token.expires.map(rfc3339) });
    tx.audit(&added).await?;
    tx.commit().await?;
    let printed = json!({ "name": name, "role": role, "districts": token.districts, "token": secret });
    text::result(global.format, &printed, || {
        format!("{secret}\n\nThis is the token of {name:?}. It is not kept and cannot be shown again.")
    })
}

async fn list(global: &Global, cx: &Cx) -> anyhow::Result<()> {
    let (all, now) = (cx.store.tokens().await?, cx.millis());
    text::result(global.format, &all, || match all.len() {
        0 => "no token; make one with `weisu token add NAME --role viewer|officer|planner|admin`".to_owned(),
        _ => all.iter().map(|token| line(token, now)).collect::<Vec<_>>().join("\n"),
    })
}

fn line(token: &Token, now: Millis) -> String {
    let of = if token.districts.is_empty() { "all districts".to_owned() } else { token.districts.join(", ") };
    let until = match (token.revoked, token.expires) {
        (Some(at), _) => format!("revoked {}", rfc3339(at)),
        (None, Some(at)) if at <= now => format!("expired {}", rfc3339(at)),
        (None, Some(at)) => format!("until {}", rfc3339(at)),
        (None, None) => "without end".to_owned(),
    };
    format!("{}: {}, {of}, {until}", token.name, token.role.name())
}

async fn revoke(global: &Global, cx: &Cx, name: &str) -> anyhow::Result<()> {
    let now = cx.millis();
    let mut tx = cx.store.begin().await?;
    if !tx.revoke_token(name, now).await? {
        bail!("no valid token {name:?}: `weisu token list` names those there are");
    }
    tx.audit(&entry(name, "revoke", now)).await?;
    tx.commit().await?;
    text::result(global.format, &json!({ "revoked": name }), || {
        format!("{name:?} is worth nothing any more, and neither are its sessions")
    })
}
