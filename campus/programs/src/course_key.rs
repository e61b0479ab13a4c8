//! Course keys: the names of course runs, in the new and the old form.

/// The name of a course run: `course-v1:Org+Course+Run` or `Org/Course/Run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourseKey(String);

const PREFIX: &str = "course-v1:";

impl CourseKey {
    /// Reads a key; `None` if it has neither form.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = match text.strip_prefix(PREFIX) {
            Some(rest) => rest.split('+').collect(),
            None => text.split('/').collect(),
        };
        let good = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~'))
        };
        (parts.len() == 3 && parts.iter().all(good)).then(|| Self(text.to_owned()))
    }

    /// The run: the last of the three parts.
    pub fn run(&self) -> &str {
        self.0.rsplit(['+', '/']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::CourseKey;

    #[test]
    fn both_forms_have_a_run() {
        for (text, run) in [
            ("course-v1:edX+DemoX+2025", Some("2025")),
            ("edX/DemoX/2025", Some("2025")),
            ("course-v1:edX+DemoX", None),
            ("course-v1:edX+DemoX+2025+more", None),
            ("course-v1:edX+Demo X+2025", None),
            ("edX//2025", None),
            ("", None),
        ] {
            assert_eq!(CourseKey::parse(text).as_ref().map(CourseKey::run), run, "{text}");
        }
    }
}
