//! Events: what happened, where and when, and how it is written when it travels.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The library that an event says it comes from.
const LIBRARY: &str = env!("CARGO_PKG_VERSION");
/// Where Linux says what the machine is called.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// The name of a kind of event, `org.openedx.SUBDOMAIN.SUBJECT.ACTION.vN`.
///
/// Another shape of the data that readers of the old one would not understand is another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType(&'static str);

impl EventType {
    /// A name that is known when the program is built; a wrong one does not compile in a constant.
    ///
    /// # Panics
    ///
    /// If the name has another form.
    pub const fn new(name: &'static str) -> Self {
        assert!(is_event_type(name.as_bytes()), "an event type is org.openedx.SUBDOMAIN.SUBJECT.ACTION.vN");
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

const fn is_event_type(name: &[u8]) -> bool {
    let prefix = b"org.openedx.";
    let mut index = 0;
    let mut dots = 0;
    while index < name.len() {
        let byte = name[index];
        if index < prefix.len() && byte != prefix[index] {
            return false;
        }
        match byte {
            b'.' if index == 0 || name[index - 1] == b'.' => return false,
            b'.' => dots += 1,
            b'a'..=b'z' | b'0'..=b'9' | b'_' => (),
            _ => return false,
        }
        index += 1;
    }
    // The last part is a version: v and digits.
    let mut digits = 0;
    while index > 0 && name[index - 1].is_ascii_digit() {
        index -= 1;
        digits += 1;
    }
    dots >= 5 && digits > 0 && index >= 2 && name[index - 1] == b'v' && name[index - 2] == b'.'
}

/// Something that happened, with what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing happened.
    pub event_type: String,
    /// A UUID: the same event has the same one wherever and however often it is seen.
    pub id: String,
    /// Grows with additions to the data that old readers may overlook.
    pub minorversion: i32,
    /// Who says so: `openedx/SERVICE/web`.
    pub source: String,
    /// On which machine.
    pub sourcehost: String,
    /// When, in UTC.
    pub time: DateTime<Utc>,
    /// The version of the library that made the event.
    pub sourcelib: String,
    /// What the event is about: events of one key are delivered in the order in which they were published.
    pub key: String,
    /// What there is to say.
    pub data: Value,
}

impl Event {
    /// Whether it is of this kind.
    pub fn is(&self, event_type: EventType) -> bool {
        self.event_type == event_type.0
    }
}

/// A service that makes events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    source: String,
    host: String,
}

impl Publisher {
    /// A publisher in the name of that service.
    pub fn new(service: &str) -> Self {
        let host = std::fs::read_to_string(HOSTNAME).map(|name| name.trim().to_owned());
        let host = host.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned());
        Self { source: format!("openedx/{service}/web"), host }
    }

    /// Makes an event that happens now. Nobody hears of it before it is published.
    pub fn event(&self, event_type: EventType, key: impl Into<String>, data: Value) -> Event {
        Event {
            event_type: event_type.0.to_owned(),
            id: Uuid::now_v7().to_string(),
            minorversion: 0,
            source: self.source.clone(),
            sourcehost: self.host.clone(),
            time: Utc::now(),
            sourcelib: LIBRARY.to_owned(),
            key: key.into(),
            data,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} of '{}'", self.event_type, self.id, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_form_of_the_bus() {
        for (name, good) in [
            ("org.openedx.learning.course.enrollment.created.v1", true),
            ("org.openedx.content_authoring.course.catalog_info.changed.v1", true),
            ("org.openedx.commerce.order.placed.v12", true),
            ("org.openedx.learning.created.v1", false),
            ("org.openedx.learning.course.created", false),
            ("org.openedx.learning.course.created.v", false),
            ("org.openedx.learning.course.created.x1", false),
            ("org.openedx.learning..course.created.v1", false),
            ("org.openedx.Learning.course.thing.created.v1", false),
            ("com.openedx.learning.course.thing.created.v1", false),
            ("", false),
        ] {
            assert_eq!(is_event_type(name.as_bytes()), good, "{name}");
        }
    }

    #[test]
    fn an_event_says_who_and_when() {
        let publisher = Publisher::new("lms");
        let kind = const { EventType::new("org.openedx.learning.course.enrollment.created.v1") };
        let (first, second) = (publisher.event(kind, "a", Value::Null), publisher.event(kind, "a", Value::Null));
        assert!(first.is(kind) && first.source == "openedx/lms/web" && !first.sourcehost.is_empty());
        assert!(first.id < second.id, "later ids are greater: {} {}", first.id, second.id);
    }
}
