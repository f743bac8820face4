//! Progress bars on stderr for whatever takes longer than a second.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::stages::{Progress, Silent};

/// Work shorter than this draws nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bars, or silence.
pub fn bars(quiet: bool) -> Arc<dyn Progress> {
    if quiet { Arc::new(Silent) } else { Arc::new(Bars::default()) }
}

#[derive(Debug, Default)]
struct Bars(Mutex<BTreeMap<&'static str, (Instant, Option<ProgressBar>)>>);

impl Progress for Bars {
    fn at(&self, what: &'static str, done: u64, total: u64) {
        let mut bars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, bar) = bars.entry(what).or_insert_with(|| (Instant::now(), None));
        if since.elapsed() >= PATIENCE {
            let bar = bar.get_or_insert_with(|| drawn(what));
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn done(&self, what: &'static str) {
        let mut bars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, Some(bar))) = bars.remove(what) {
            bar.finish_and_clear();
        }
    }
}

/// A bar for `what`.
pub fn drawn(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
    let style =
        ProgressStyle::with_template("{prefix:>10} [{bar:40}] {percent:>3}% {elapsed} (about {eta} left)");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what);
    bar
}
