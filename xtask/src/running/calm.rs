//! How busy the machine is, and waiting until it is no busier than it was: what one trial leaves to the system would be measured in the next.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::state::stop;

/// Over how long it is looked how busy the machine is: a few of its ticks.
const WINDOW: Duration = Duration::from_millis(100);

/// How many windows in a row have to be calm: work that waits for a disk comes back.
const WINDOWS: u32 = 3;

/// By how much of all processors' time the machine may be busier than it was: two ticks of a window on two of them.
const MORE: f64 = 0.1;

/// How long to wait at most. Then somebody else works here, and that is said.
const PATIENCE: Duration = Duration::from_secs(20);

/// What share of the processors' time was used before anything was measured.
#[derive(Clone, Copy, Debug)]
pub struct Calm(f64);

impl Calm {
    /// Looks how busy the machine is now.
    pub fn now() -> Result<Self> {
        busy(WINDOW * WINDOWS).map(Self)
    }

    /// Waits until the machine is as calm as it was then, and all writes are on the disk.
    pub fn wait(self) -> Result<()> {
        rustix::fs::sync();
        let began = Instant::now();
        let mut calm = 0;
        while calm < WINDOWS {
            stop::check()?;
            let now = busy(WINDOW)?;
            calm = if now <= self.0 + MORE { calm + 1 } else { 0 };
            if began.elapsed() > PATIENCE {
                eprintln!("  the machine is at {:.0} %, and was at {:.0} % at the begin", now * 100.0, self.0 * 100.0);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What share of all processors' time is used from now on, for so long.
fn busy(window: Duration) -> Result<f64> {
    let before = ticks()?;
    sleep(window);
    let after = ticks()?;
    let (used, all) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    Ok(if all == 0 { 0.0 } else { as_f64(used) / as_f64(all) })
}

/// The ticks of all processors in which they worked, and all ticks, since the machine was started.
fn ticks() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").context("cannot read how busy the machine is")?;
    read(&text).context("it is not said how busy the machine is")
}

/// Reads the first line: user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen.
fn read(text: &str) -> Option<(u64, u64)> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let fields: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    let (idle, all) = (fields.get(3)?, fields.iter().sum::<u64>());
    Some((all - idle, all))
}

#[expect(clippy::cast_precision_loss, reason = "the ticks of a second are few")]
fn as_f64(ticks: u64) -> f64 {
    ticks as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_no_calm() {
        let text = "cpu  10 1 20 900 30 2 3 4 500 0\ncpu0 1 2 3 4\n";
        assert_eq!(read(text), Some((70, 970)));
        assert_eq!(read("intr 1\n"), None);
    }
}
