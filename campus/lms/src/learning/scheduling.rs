//! Scheduling: when something begins or is due, for everybody at one moment or for each learner after their own start.

use chrono::{DateTime, TimeDelta, Utc};

/// A moment, or a distance from the learner's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The same for everybody.
    Absolute(DateTime<Utc>),
    /// So long after the learner's start.
    Relative(TimeDelta),
}

impl Rule {
    /// The moment that is meant for a learner; nothing if it depends on a start and there is none.
    pub fn resolve(self, start: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self {
            Self::Absolute(moment) => Some(moment),
            Self::Relative(distance) => start?.checked_add_signed(distance),
        }
    }
}

/// When a learner starts: with the enrolment, but not before the course does.
pub fn start_of(enrolled: DateTime<Utc>, course_starts: Option<DateTime<Utc>>) -> DateTime<Utc> {
    course_starts.map_or(enrolled, |starts| starts.max(enrolled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        format!("2026-01-{day:02}T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn a_learner_starts_with_the_course_or_later() {
        assert_eq!(start_of(day(5), None), day(5));
        assert_eq!(start_of(day(5), Some(day(7))), day(7));
        assert_eq!(start_of(day(9), Some(day(7))), day(9));
    }

    #[test]
    fn a_rule_is_a_moment_for_a_learner() {
        let week = Rule::Relative(TimeDelta::days(7));
        assert_eq!(week.resolve(Some(day(2))), Some(day(9)));
        assert_eq!(week.resolve(None), None);
        assert_eq!(Rule::Absolute(day(3)).resolve(None), Some(day(3)));
        assert_eq!(Rule::Relative(TimeDelta::MAX).resolve(Some(day(1))), None, "beyond the calendar");
    }
}
