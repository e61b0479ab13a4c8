//! Positions: where an event stands among the others of its source, as a text that sorts as they do.

use std::fmt;

/// How many digits a number of 64 bits has at most.
const DIGITS: usize = 20;

/// A place in the events of one source. The start is before all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(String);

impl Position {
    /// Before the first event.
    pub fn start() -> Self {
        Self(String::new())
    }

    /// The number that an outbox or a stream of NATS gave the event.
    pub fn of_number(number: u64) -> Self {
        if number == 0 { Self::start() } else { Self(format!("{number:0DIGITS$}")) }
    }

    /// The number again, 0 for the start; `None` if it is the position of another kind of source.
    pub fn number(&self) -> Option<u64> {
        if self.0.is_empty() { Some(0) } else { self.0.parse().ok() }
    }

    /// The id of an entry of a Redis stream, `MILLISECONDS-NUMBER`.
    pub fn of_entry(id: &str) -> Option<Self> {
        let (milliseconds, number) = id.split_once('-')?;
        let (milliseconds, number): (u64, u64) = (milliseconds.parse().ok()?, number.parse().ok()?);
        Some(Self(format!("{milliseconds:0DIGITS$}-{number:0DIGITS$}")))
    }

    /// The place right before an entry of a Redis stream.
    pub fn before_entry(id: &str) -> Option<Self> {
        let (milliseconds, number) = id.split_once('-')?;
        let (milliseconds, number): (u64, u64) = (milliseconds.parse().ok()?, number.parse().ok()?);
        match (milliseconds, number) {
            (0, 0) => Some(Self::start()),
            (_, 0) => Self::of_entry(&format!("{}-{}", milliseconds - 1, u64::MAX)),
            _ => Self::of_entry(&format!("{milliseconds}-{}", number - 1)),
        }
    }

    /// The id of the entry again, `0-0` for the start; `None` if it is the position of another kind of source.
    pub fn entry(&self) -> Option<String> {
        if self.0.is_empty() {
            return Some("0-0".to_owned());
        }
        let (milliseconds, number) = self.0.split_once('-')?;
        Some(format!("{}-{}", milliseconds.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    }

    /// The text that is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number(), self.entry()) {
            (Some(number), _) => write!(formatter, "{number}"),
            (None, Some(entry)) => formatter.write_str(&entry),
            (None, None) => formatter.write_str(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn texts_sort_as_the_events_do() {
        let numbers = [0, 1, 9, 10, 99, u64::MAX].map(Position::of_number);
        assert!(numbers.is_sorted());
        assert_eq!(numbers.map(|position| position.number()), [0, 1, 9, 10, 99, u64::MAX].map(Some));
        let ids = ["1-0", "9-0", "9-2", "9-10", "1700000000000-0"];
        let entries = ids.map(|id| Position::of_entry(id).unwrap());
        assert!(entries.is_sorted() && Position::start() < entries[0]);
        assert_eq!(entries.map(|position| position.entry().unwrap()), ids);
        assert_eq!(Position::start().entry().unwrap(), "0-0");
        for (id, before) in [("9-1", "9-0"), ("9-0", "8-18446744073709551615"), ("0-0", "0-0")] {
            assert_eq!(Position::before_entry(id).unwrap().entry().unwrap(), before);
        }
    }

    #[test]
    fn one_kind_is_not_taken_for_the_other() {
        assert_eq!(Position::of_entry("5-0").unwrap().number(), None);
        assert_eq!(Position::of_number(5).entry(), None);
        assert_eq!(Position::of_entry("5"), None);
    }
}
