//! Whether one can take part in a run of a course: from the dates that the learning management system has of it.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What a run is good for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// The learning management system has said nothing of it.
    Unknown,
    /// It has not begun, or enrolment has not.
    Upcoming,
    /// One can enrol.
    Open,
    /// Enrolment is over.
    Closed,
    /// The run is over.
    Archived,
    /// The learning management system has it no longer.
    Withdrawn,
}

/// What is known of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    /// When it begins.
    pub start: Option<DateTime<Utc>>,
    /// When it is over.
    pub end: Option<DateTime<Utc>>,
    /// When enrolment begins.
    pub enrollment_start: Option<DateTime<Utc>>,
    /// When enrolment is over.
    pub enrollment_end: Option<DateTime<Utc>>,
    /// Whether the learning management system has it no longer.
    pub withdrawn: bool,
}

impl Dates {
    /// The state at a moment.
    pub fn state(&self, now: DateTime<Utc>) -> RunState {
        let past = |date: Option<DateTime<Utc>>| date.is_some_and(|date| date <= now);
        let future = |date: Option<DateTime<Utc>>| date.is_some_and(|date| date > now);
        if self.withdrawn {
            RunState::Withdrawn
        } else if past(self.end) {
            RunState::Archived
        } else if past(self.enrollment_end) {
            RunState::Closed
        } else if future(self.start) || future(self.enrollment_start) {
            RunState::Upcoming
        } else {
            RunState::Open
        }
    }

    /// When the state may be another one by itself.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let dates = [self.start, self.end, self.enrollment_start, self.enrollment_end];
        dates.into_iter().flatten().filter(|date| *date > now).min()
    }
}

impl RunState {
    /// Whether nobody can enrol any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Archived | Self::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_the_dates() {
        let at = |hour: u32| format!("2030-01-01T{hour:02}:00:00Z").parse::<DateTime<Utc>>().unwrap();
        let some = |hour| (hour > 0).then(|| at(hour));
        for (start, end, enrollment_start, enrollment_end, state, next) in [
            (0, 0, 0, 0, RunState::Open, None),
            (1, 0, 0, 0, RunState::Open, None),
            (13, 0, 0, 0, RunState::Upcoming, Some(13)),
            (1, 20, 14, 15, RunState::Upcoming, Some(14)),
            (1, 20, 1, 15, RunState::Open, Some(15)),
            (1, 20, 1, 12, RunState::Closed, Some(20)),
            (13, 20, 1, 11, RunState::Closed, Some(13)),
            (1, 12, 0, 0, RunState::Archived, None),
        ] {
            let dates = Dates {
                start: some(start),
                end: some(end),
                enrollment_start: some(enrollment_start),
                enrollment_end: some(enrollment_end),
                withdrawn: false,
            };
            assert_eq!((dates.state(at(12)), dates.next_change(at(12))), (state, next.map(at)), "{dates:?}");
            assert_eq!(Dates { withdrawn: true, ..dates }.state(at(12)), RunState::Withdrawn);
        }
    }
}
