//! `weisu verdict`: what an alert turned out to be, kept with who said so and when.
use anyhow::bail;
use uuid::Uuid;

use super::{Global, alert::speaker, text};
use crate::{
    publish::acts::{self, Deed},
    store::verdicts::{Cause, Said, Verdict},
};

/// Arguments of `verdict`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the alert, as in `/api/v1/alerts`
    alert: Uuid,
    /// What it was
    #[arg(value_parser = named(&Verdict::ALL.map(Verdict::name)))]
    verdict: String,
    /// Why
    #[arg(long, value_parser = named(&Cause::ALL.map(Cause::name)))]
    cause: Option<String>,
    /// Who says so: an office or a role
    #[arg(long, value_name = "NAME")]
    by: String,
    /// In your words; no names of callers
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

fn named(names: &[&'static str]) -> clap::builder::PossibleValuesParser {
    names.iter().copied().into()
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let (Some(verdict), cause) =
        (Verdict::from_name(&args.verdict), args.cause.as_deref().and_then(Cause::from_name))
    else {
        bail!("{} is no verdict", args.verdict);
    };
    let note = acts::words(args.note.as_deref()).map_err(anyhow::Error::msg)?;
    let actor = speaker(&args.by)?;
    let cx = global.cx(global.load()?).await?;
    let deed = Deed::Verdict { verdict, cause, note };
    acts::act(&cx.store, args.alert, &deed, &actor, cx.millis()).await?;
    let all = cx.store.said_of(args.alert).await?;
    cx.store.close().await;
    text::result(global.format, &all, || {
        let line = |s: &Said| {
            let cause = s.cause.map_or(String::new(), |c| format!(" ({})", c.name()));
            format!("{} {}{cause} by {}", crate::publish::event::rfc3339(s.at), s.verdict.name(), s.author)
        };
        all.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
