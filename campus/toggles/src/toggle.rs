//! Toggles as they are declared in code, each with its annotation.

use serde::Serialize;
use serde_json::Value;

/// What kind of toggle it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// On or off, and for some other than for the rest.
    Flag,
    /// On or off, for everybody alike.
    Switch,
    /// A value, for everybody alike.
    Setting,
}

/// Why a toggle is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UseCase {
    /// To bring something in step by step; has a day on which it should be gone.
    Temporary,
    /// To switch something off that does harm.
    CircuitBreaker,
    /// For some who may see what others do not.
    Vip,
    /// For those who do not want something.
    OptOut,
    /// For those who want something.
    OptIn,
    /// What differs between installations.
    OpenEdx,
}

/// What has to be said of a toggle.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Annotation {
    /// What is so when it is on, in a sentence.
    pub description: &'static str,
    /// Why it is there: at least one.
    pub use_cases: &'static [UseCase],
    /// The day on which it was made, `YYYY-MM-DD`.
    pub created: &'static str,
    /// The day on which it should be gone; has to be said of a temporary one.
    pub removed_by: Option<&'static str>,
}

/// A toggle. Its constructors check it: in a constant, a wrong one does not compile.
#[derive(Debug, Clone, Copy)]
pub struct Toggle {
    name: &'static str,
    kind: Kind,
    /// JSON.
    default: &'static str,
    annotation: Annotation,
}

impl Toggle {
    /// A flag: on or off, by user, course, organisation and site.
    ///
    /// # Panics
    ///
    /// If the name has no dot, or the annotation lacks something.
    pub const fn flag(name: &'static str, default: bool, annotation: Annotation) -> Self {
        Self::checked(name, Kind::Flag, if default { "true" } else { "false" }, annotation)
    }

    /// A switch: on or off.
    ///
    /// # Panics
    ///
    /// If the name has no dot, or the annotation lacks something.
    pub const fn switch(name: &'static str, default: bool, annotation: Annotation) -> Self {
        Self::checked(name, Kind::Switch, if default { "true" } else { "false" }, annotation)
    }

    /// A setting: a value, its default written as JSON.
    ///
    /// # Panics
    ///
    /// If the name has no dot, or the annotation lacks something. That the default is JSON is checked when the service starts.
    pub const fn setting(name: &'static str, default: &'static str, annotation: Annotation) -> Self {
        Self::checked(name, Kind::Setting, default, annotation)
    }

    const fn checked(name: &'static str, kind: Kind, default: &'static str, annotation: Annotation) -> Self {
        assert!(is_name(name.as_bytes()), "the name of a toggle is a-z, 0-9, _ and at least one dot: SERVICE.NAME");
        assert!(!annotation.description.is_empty(), "a toggle has a description");
        assert!(!annotation.use_cases.is_empty(), "a toggle has a use case");
        assert!(is_date(annotation.created.as_bytes()), "the date of creation is YYYY-MM-DD");
        match annotation.removed_by {
            Some(date) => assert!(is_date(date.as_bytes()), "the date of removal is YYYY-MM-DD"),
            None => assert!(!is_temporary(annotation.use_cases), "a temporary toggle has a date of removal"),
        }
        Self { name, kind, default, annotation }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What kind of toggle it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What was said of it.
    pub const fn annotation(&self) -> &Annotation {
        &self.annotation
    }

    /// What holds while nobody has set it; `None` if the declaration is no JSON.
    pub(crate) fn default(&self) -> Option<Value> {
        serde_json::from_str(self.default).ok()
    }
}

const fn is_name(name: &[u8]) -> bool {
    let mut index = 0;
    let mut dots = 0;
    while index < name.len() {
        match name[index] {
            b'.' if index == 0 || index + 1 == name.len() || name[index - 1] == b'.' => return false,
            b'.' => dots += 1,
            b'a'..=b'z' | b'0'..=b'9' | b'_' => (),
            _ => return false,
        }
        index += 1;
    }
    dots > 0
}

const fn is_date(date: &[u8]) -> bool {
    let mut index = 0;
    while index < date.len() {
        let good = match index {
            4 | 7 => date[index] == b'-',
            _ => date[index].is_ascii_digit(),
        };
        if !good {
            return false;
        }
        index += 1;
    }
    if date.len() != 10 {
        return false;
    }
    let month = (date[5] - b'0') * 10 + (date[6] - b'0');
    let day = (date[8] - b'0') * 10 + (date[9] - b'0');
    month >= 1 && month <= 12 && day >= 1 && day <= 31
}

const fn is_temporary(use_cases: &[UseCase]) -> bool {
    let mut index = 0;
    while index < use_cases.len() {
        if matches!(use_cases[index], UseCase::Temporary) {
            return true;
        }
        index += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Annotation = Annotation {
        description: "A thing.",
        use_cases: &[UseCase::Temporary],
        created: "2026-11-28",
        removed_by: Some("2027-05-31"),
    };

    #[test]
    fn a_toggle_is_made_with_all_that_has_to_be_said() {
        let refused = |name: &'static str, annotation: Annotation| {
            std::panic::catch_unwind(|| Toggle::flag(name, false, annotation)).is_err()
        };
        assert!(!refused("lms.thing", GOOD));
        assert!(!refused("lms.thing", Annotation { use_cases: &[UseCase::Vip], removed_by: None, ..GOOD }));
        for name in ["thing", ".thing", "lms.", "lms..thing", "Lms.thing", "lms.the thing", ""] {
            assert!(refused(name, GOOD), "{name}");
        }
        for annotation in [
            Annotation { description: "", ..GOOD },
            Annotation { use_cases: &[], ..GOOD },
            Annotation { created: "", ..GOOD },
            Annotation { created: "28.11.2026", ..GOOD },
            Annotation { created: "2026-13-01", ..GOOD },
            Annotation { removed_by: None, ..GOOD },
            Annotation { removed_by: Some("soon"), ..GOOD },
        ] {
            assert!(refused("lms.thing", annotation), "{annotation:?}");
        }
    }
}
