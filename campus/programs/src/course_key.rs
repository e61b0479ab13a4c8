//! Course keys: the names of course runs, in the new and the old form.

const PREFIX: &str = "course-v1:";

/// Whether a text has one of the two forms: `course-v1:Org+Course+Run` or `Org/Course/Run`.
pub fn is_valid(text: &str) -> bool {
    let parts: Vec<&str> = match text.strip_prefix(PREFIX) {
        Some(rest) => rest.split('+').collect(),
        None => text.split('/').collect(),
    };
    let good = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~'))
    };
    parts.len() == 3 && parts.iter().all(good)
}

/// The run that a key names: the last of its three parts.
pub fn run_of(key: &str) -> &str {
    key.rsplit(['+', '/']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_valid, run_of};

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
            assert_eq!(is_valid(text).then(|| run_of(text)), run, "{text}");
        }
    }
}
