//! The clock of the supervisor: the only place here that asks for the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use supervisor::Timestamp;

/// A clock that begins at the present and never goes back, even if the machine's time is set.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_ms: u64,
}

impl Clock {
    /// Makes a clock that agrees with the machine's time now.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Returns the present moment.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.start_ms).plus(self.start.elapsed())
    }

    /// Returns the instant of a moment, which is the clock's start for anything before.
    pub fn instant(&self, moment: Timestamp) -> Instant {
        let after_start = moment.millis_since(Timestamp::from_millis(self.start_ms));
        // A year stands for moments that no clock can name.
        self.start + std::time::Duration::from_millis(after_start.min(365 * 24 * 3_600_000))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
