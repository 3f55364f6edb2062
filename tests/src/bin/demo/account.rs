//! What the demo tells: scenes, figures, and checks that fail the demo when they do not hold.

use std::fmt::Debug;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

/// Tells a figure.
pub(crate) fn say(text: &str) {
    println!("           {text}");
}

/// Tells the story on standard output.
pub(crate) struct Account {
    begun: Instant,
    checks: AtomicUsize,
}

impl Account {
    pub(crate) fn begin() -> Self {
        Account { begun: Instant::now(), checks: AtomicUsize::new(0) }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How many checks were made; all of them held.
    pub(crate) fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    /// Begins a scene.
    pub(crate) fn scene(&self, title: &str) {
        println!("\n[{:6.1} s] {title}", self.begun.elapsed().as_secs_f64());
    }

    /// Checks a promise and tells that it holds.
    ///
    /// # Errors
    /// When it does not: what was expected, and what was there instead.
    pub(crate) fn check<T: PartialEq + Debug + ?Sized>(
        &self,
        what: &str,
        expected: &T,
        found: &T,
    ) -> anyhow::Result<()> {
        ensure!(expected == found, "{what}: expected {expected:?}, found {found:?}");
        self.holds(what);
        Ok(())
    }

    /// Tells that a promise holds that was checked already.
    pub(crate) fn holds(&self, what: &str) {
        self.checks.fetch_add(1, Ordering::Relaxed);
        println!("      ok   {what}");
    }
}

/// Shows how far something is that goes on for a while.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of so many.
    pub(crate) fn of(what: &'static str, total: usize) -> Self {
        let total = total as u64;
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("           {msg} {bar:40} {pos}/{len} {per_sec}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        Progress { what, total, done: AtomicUsize::new(0), bar }
    }

    /// One more is done. Without a terminal every fourth part is a line.
    pub(crate) fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        match &self.bar {
            Some(bar) if done == self.total => bar.finish_and_clear(),
            Some(bar) => bar.inc(1),
            None => {
                let quarter = (self.total / 4).max(1);
                if done.is_multiple_of(quarter) {
                    println!("           {}: {done} of {}", self.what, self.total);
                }
            }
        }
    }
}
