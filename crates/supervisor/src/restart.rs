//! When a service that has ended is started again.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::{Exit, Timestamp};

/// When a service that has ended by itself is started again, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartSpec {
    /// After which ends.
    pub policy: RestartPolicy,
    /// Whether also before it was ready for the first time, unless it is not ready in time. If not, an apply hears at once
    /// of a service that cannot start.
    pub early: bool,
    /// The pause before the second restart within the window; the first has none.
    pub pause: Duration,
    /// By how much each further pause is longer than the one before.
    pub factor: u32,
    /// The longest pause.
    pub cap: Duration,
    /// The exit codes that are no failure.
    pub success: BTreeSet<i32>,
    /// How many restarts there may be within the window; the next failure is a crash loop. `None`: it is tried for ever.
    pub limit: Option<u32>,
    /// How far back restarts count that a service has come back from; those that it has not come back from always do.
    pub window: Duration,
}

/// After which ends a service is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// After none.
    No,
    /// After a failure: a signal, an exit code that is none of success, not ready in time, not live any more.
    OnFailure,
    /// After every end that nobody asked for.
    Always,
}

impl Default for RestartSpec {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::OnFailure,
            early: false,
            pause: Duration::from_millis(250),
            factor: 2,
            cap: Duration::from_secs(10),
            success: BTreeSet::from([0]),
            limit: Some(5),
            window: Duration::from_mins(1),
        }
    }
}

impl RestartSpec {
    /// Makes one that never restarts.
    pub fn never() -> Self {
        Self { policy: RestartPolicy::No, ..Self::default() }
    }

    pub(crate) fn is_success(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Code(code) if self.success.contains(&code))
    }

    /// The pause before a restart when there were so many within the window.
    fn pause_after(&self, restarts: usize) -> Duration {
        let Some(further) = restarts.checked_sub(1) else { return Duration::ZERO };
        let mut pause = self.pause.min(self.cap);
        for _ in 0..further {
            if pause >= self.cap || self.factor <= 1 {
                break;
            }
            pause = pause.saturating_mul(self.factor).min(self.cap);
        }
        pause
    }
}

/// The restarts of one service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restarts {
    /// Those that may still count.
    recent: VecDeque<Timestamp>,
    /// Whether it was ready since the last of them.
    is_back: bool,
    /// All of them.
    pub(crate) count: u32,
}

impl Restarts {
    /// Notes one more and returns when it is due; `None` if that would be too many.
    pub(crate) fn next(&mut self, spec: &RestartSpec, now: Timestamp) -> Option<Timestamp> {
        // However long each life of a service takes that does not become ready, it comes to an end with them.
        while self.is_back && self.recent.front().is_some_and(|restart| restart.plus(spec.window) <= now) {
            self.recent.pop_front();
        }
        if spec.limit.is_some_and(|limit| self.recent.len() >= usize::try_from(limit).unwrap_or(usize::MAX)) {
            return None;
        }
        let due = now.plus(spec.pause_after(self.recent.len()));
        self.recent.push_back(due);
        self.is_back = false;
        self.count = self.count.saturating_add(1);
        Some(due)
    }

    /// Notes that the service is ready again.
    pub(crate) fn come_back(&mut self) {
        self.is_back = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_what_is_long_ago_does_not_count() {
        let spec = RestartSpec {
            pause: Duration::from_millis(100),
            factor: 3,
            cap: Duration::from_secs(1),
            limit: None,
            ..RestartSpec::default()
        };
        let mut restarts = Restarts::default();
        let mut pauses = Vec::new();
        for number in 0..6_u64 {
            let now = Timestamp::from_millis(number * 2000);
            restarts.come_back();
            pauses.push(restarts.next(&spec, now).expect("there is no limit").millis_since(now));
        }
        assert_eq!(pauses, [0, 100, 300, 900, 1000, 1000]);
        let later = Timestamp::from_millis(200_000);
        restarts.come_back();
        assert_eq!(restarts.next(&spec, later), Some(later));
        assert_eq!(restarts.count, 7);
    }

    #[test]
    fn the_limit_holds_within_the_window_and_not_beyond() {
        let spec = RestartSpec { limit: Some(2), pause: Duration::ZERO, ..RestartSpec::default() };
        let mut restarts = Restarts::default();
        let at = Timestamp::from_millis;
        assert_eq!(restarts.next(&spec, at(0)), Some(at(0)));
        assert_eq!(restarts.next(&spec, at(1000)), Some(at(1000)));
        restarts.come_back();
        assert_eq!(restarts.next(&spec, at(59_999)), None);
        assert_eq!(restarts.next(&spec, at(60_000)), Some(at(60_000)), "the first is a minute ago");
        assert_eq!(restarts.next(&spec, at(60_001)), None);
        assert_eq!(restarts.next(&spec, at(600_000)), None, "it has not been ready since");
    }
}
