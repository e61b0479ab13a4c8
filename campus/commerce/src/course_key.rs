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

    /// Takes the key off the front of a path, and gives what follows it without the slashes around it.
    ///
    /// A key of the old form has slashes itself, so that it takes three segments.
    pub fn split_path(path: &str) -> Option<(Self, &str)> {
        let segments = if path.starts_with(PREFIX) { 1 } else { 3 };
        let end = path.match_indices('/').nth(segments - 1).map_or(path.len(), |(index, _)| index);
        Some((Self::parse(&path[..end])?, path[end..].trim_matches('/')))
    }

    /// The organisation that it begins with.
    pub fn organization(&self) -> &str {
        let key = self.0.strip_prefix(PREFIX).unwrap_or(&self.0);
        key.split(['+', '/']).next().unwrap_or_default()
    }

    /// The key as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::CourseKey;

    #[test]
    fn begins_with_the_organisation() {
        for key in ["course-v1:edX+DemoX+2025", "edX/DemoX/2025"] {
            assert_eq!(CourseKey::parse(key).unwrap().organization(), "edX");
        }
    }

    #[test]
    fn splits_a_path_into_key_and_rest() {
        for (path, expected) in [
            ("course-v1:edX+DemoX+2025/", Some(("course-v1:edX+DemoX+2025", ""))),
            ("course-v1:edX+DemoX+2025/verified", Some(("course-v1:edX+DemoX+2025", "verified"))),
            ("course-v1:edX+DemoX+2025", Some(("course-v1:edX+DemoX+2025", ""))),
            ("edX/DemoX/2025/", Some(("edX/DemoX/2025", ""))),
            ("edX/DemoX/2025/verified/", Some(("edX/DemoX/2025", "verified"))),
            ("edX/DemoX", None),
            ("course-v1:edX+DemoX", None),
            ("course-v1:edX+DemoX+2025+more", None),
            ("course-v1:edX++2025", None),
            ("course-v1:edX+Demo X+2025", None),
            ("", None),
        ] {
            let split = CourseKey::split_path(path);
            assert_eq!(split.as_ref().map(|(key, rest)| (key.as_str(), *rest)), expected, "{path}");
        }
    }
}
