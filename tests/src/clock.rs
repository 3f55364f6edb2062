//! The wall clock of a host, which a test sets forward and back while the host runs (`tests/shim/clock.c`
//! stands between the host and the system). The monotonic clock stays true, as on a real machine.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::config::Settings;
use crate::eventually::{SOON, eventually};
use crate::shim;

const NANOSECONDS_PER_MS: i64 = 1_000_000;
/// Where the shim says what the host saw.
const SEEN_AT: u64 = 8;

/// See the [module](self).
pub struct WallClock {
    control: NamedTempFile,
}

impl WallClock {
    /// One that is true at first.
    pub fn new() -> anyhow::Result<Self> {
        let control = tempfile::Builder::new().prefix("greenroom-clock-").tempfile()?;
        control.as_file().set_len(2 * SEEN_AT)?;
        Ok(WallClock { control })
    }

    /// With this clock for the host's.
    pub fn of(&self, settings: Settings) -> anyhow::Result<Settings> {
        let path = self.control.path().to_str().context("a path in UTF-8")?;
        shim::preload(settings, "clock", &[("CLOCK_CONTROL", path)])
    }

    /// By how many milliseconds it is ahead of the true one.
    pub fn ahead_ms(&self) -> anyhow::Result<i64> {
        Ok(number(self.control.as_file(), 0)? / NANOSECONDS_PER_MS)
    }

    /// Sets it forward, or back, whether or not a host runs.
    pub fn move_by(&self, ms: i64) -> anyhow::Result<()> {
        let ahead = self.ahead_ms()? + ms;
        Ok(self.control.as_file().write_all_at(&(ahead * NANOSECONDS_PER_MS).to_ne_bytes(), 0)?)
    }

    /// The same, and waits until the host that runs has looked at it since.
    pub async fn jump(&self, ms: i64) -> anyhow::Result<()> {
        self.move_by(ms)?;
        let ahead_ms = self.ahead_ms()?;
        eventually("the host has looked at its clock", SOON, || async {
            match number(self.control.as_file(), SEEN_AT) {
                Ok(seen) if seen == ahead_ms * NANOSECONDS_PER_MS => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }
}

fn number(file: &File, at: u64) -> anyhow::Result<i64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(i64::from_ne_bytes(bytes))
}

/// What the true wall clock says, in milliseconds since the Unix epoch.
pub fn true_time_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
