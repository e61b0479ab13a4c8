//! A record: one execution of a step, and what it read and wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::place::Place;

/// The kind of a record that takes a step out of the work.
pub const FORGET: &str = "forget";

/// What is known of the content of a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Nothing is known.
    Unknown,
    /// There is nothing.
    Absent,
    /// Equal for equal content of the place.
    Digest(String),
}

impl Content {
    /// Whether both are known, and not the same.
    pub fn differs(&self, other: &Self) -> bool {
        *self != Self::Unknown && *other != Self::Unknown && self != other
    }

    /// As it is shown to people: the first digits.
    pub fn short(&self) -> &str {
        match self {
            Self::Unknown => "?",
            Self::Absent => "nothing",
            Self::Digest(digest) => digest.get(..12).unwrap_or(digest),
        }
    }
}

/// Something that was read or written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// What.
    pub subject: Subject,
    /// Its content then.
    pub content: Content,
    /// The records that had made this content, if somebody looked.
    pub made_by: Option<Vec<String>>,
}

/// What a reference is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A place in a resource.
    Place(Place),
    /// Something elsewhere, by its URL.
    External(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => place.fmt(formatter),
            Self::External(url) => formatter.write_str(url),
        }
    }
}

impl Reference {
    /// A place with its content, of which nobody looked who made it.
    pub fn of(place: Place, content: Content) -> Self {
        Self { subject: Subject::Place(place), content, made_by: None }
    }

    /// The place, if it is one.
    pub fn place(&self) -> Option<&Place> {
        match &self.subject {
            Subject::Place(place) => Some(place),
            Subject::External(_) => None,
        }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It did what it was to do.
    Complete,
    /// It ended with an error.
    Failed,
    /// It was taken back, or its process ended without a word.
    Aborted,
}

impl Status {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// One execution of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// No two records of the world have the same.
    pub id: String,
    /// The name of the step.
    pub step: String,
    /// What kind of execution: `script`, `process`, `load` …
    pub kind: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// How it ended.
    pub status: Status,
    /// Why it did not complete.
    pub reason: Option<String>,
    /// What was typed; empty if it cannot be executed again.
    pub command: Vec<String>,
    /// Where, below the directory of the workspace.
    pub directory: String,
    /// By name.
    pub parameters: Map<String, Value>,
    /// What it read.
    pub inputs: Vec<Reference>,
    /// What it wrote.
    pub outputs: Vec<Reference>,
    /// What was executed.
    pub code: Vec<Reference>,
    /// What it ran in.
    pub environment: BTreeMap<String, String>,
    /// The machine.
    pub host: String,
    /// The user.
    pub by: String,
    /// Members that this version does not know, and those that nothing is asked of.
    pub others: Map<String, Value>,
}

impl Record {
    /// A record without anything read or written.
    pub fn new(id: impl Into<String>, step: impl Into<String>, kind: impl Into<String>, started_ms: i64) -> Self {
        Self {
            id: id.into(),
            step: step.into(),
            kind: kind.into(),
            started_ms,
            duration_ms: 0,
            status: Status::Complete,
            reason: None,
            command: Vec::new(),
            directory: String::new(),
            parameters: Map::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            code: Vec::new(),
            environment: BTreeMap::new(),
            host: String::new(),
            by: String::new(),
            others: Map::new(),
        }
    }

    /// Milliseconds since 1970 at its end.
    pub fn ended_ms(&self) -> i64 {
        self.started_ms.saturating_add(self.duration_ms)
    }

    /// What records are ordered by: their end, and then their id.
    pub fn order(&self) -> (i64, &str) {
        (self.ended_ms(), &self.id)
    }

    /// The executions of a step that have the same output places are a family: the text is the same for them, and for no others.
    pub fn family(&self) -> String {
        let mut places: Vec<String> = self.outputs.iter().map(|output| output.subject.to_string()).collect();
        places.sort_unstable();
        places.dedup();
        let mut text = self.step.clone();
        for place in places {
            text.push('\0');
            text.push_str(&place);
        }
        text
    }

    /// The places that it wrote.
    pub fn output_places(&self) -> impl Iterator<Item = &Place> {
        self.outputs.iter().filter_map(Reference::place)
    }

    /// Brings references into the order in which they are written down, each subject once.
    pub fn settle(&mut self) {
        for list in [&mut self.inputs, &mut self.outputs, &mut self.code] {
            list.sort();
            list.dedup_by(|next, kept| next.subject == kept.subject);
        }
    }

    /// A member of `others` that is a list of texts.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.others.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// A new id: the time in milliseconds since 1970, and 48 random bits.
pub fn new_id(started_ms: i64, random: u64) -> String {
    let digits: String =
        format_time(started_ms).chars().filter(|letter| !matches!(letter, '-' | ':' | '.' | 'Z')).collect();
    format!("{digits}-{:012x}", random & 0xffff_ffff_ffff)
}

/// A time as records have it: UTC, with milliseconds.
pub fn format_time(ms: i64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))).to_string()
}

/// The milliseconds since 1970 of a time of RFC 3339; one without a zone is UTC.
pub fn parse_time(text: &str) -> Option<i64> {
    let (time, ahead_minutes) = match text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) {
        Some((time, zone)) if time.contains('T') && zone.starts_with(['+', '-']) => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            (time, if zone.starts_with('-') { -minutes } else { minutes })
        }
        _ => (text.strip_suffix('Z').unwrap_or(text), 0),
    };
    let ms = milliseconds(humantime::parse_rfc3339_weak(&format!("{time}Z")).ok()?)?;
    Some(ms - ahead_minutes * 60_000)
}

/// The milliseconds since 1970 of a moment.
pub fn milliseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        let text = "2026-11-28T00:10:11.123Z";
        let ms = parse_time(text).unwrap();
        assert_eq!(format_time(ms), text);
        assert_eq!(parse_time("2026-11-28T00:10:11.123000"), Some(ms));
        assert_eq!(parse_time("2026-11-28T02:10:11.123+02:00"), Some(ms));
        assert_eq!(parse_time("2026-11-27T18:40:11.123-05:30"), Some(ms));
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(new_id(ms, 0x5f0c_9a3e_7b21), "20261128T001011123-5f0c9a3e7b21");
    }

    #[test]
    fn a_family_is_the_step_and_its_output_places() {
        let mut one = Record::new("a", "s", "script", 0);
        one.outputs = vec![
            Reference::of(Place::new("r", "b"), Content::Absent),
            Reference::of(Place::new("r", "a"), Content::Unknown),
        ];
        let mut two = Record::new("b", "s", "script", 1);
        two.outputs = vec![
            Reference::of(Place::new("r", "a"), Content::Digest("x".into())),
            Reference::of(Place::new("r", "b"), Content::Unknown),
        ];
        assert_eq!(one.family(), two.family());
        two.outputs.pop();
        assert_ne!(one.family(), two.family());
    }
}
