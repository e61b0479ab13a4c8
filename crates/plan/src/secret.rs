//! Secrets in texts that are resolved: marks, which get their values when a process is handed over, and not before.

use std::fmt;

/// What a mark begins and ends with: characters that are for private use, and of which JSON makes nothing else.
const BEGIN: char = '\u{f8fe}';
const END: char = '\u{f8ff}';

/// A setting that is a secret, by its workspace and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    /// Name of the workspace that declares it.
    pub workspace: String,
    /// Its key there.
    pub key: String,
}

impl fmt::Display for SecretId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.workspace, self.key)
    }
}

/// The mark of a secret. It says where the secret comes from, so that what is made of another one differs.
pub(crate) fn mark(workspace: &str, key: &str, source: &manifest::SecretSource) -> String {
    format!("{BEGIN}{workspace}.{key} {source}{END}")
}

/// Whether a text has a secret in it.
pub fn has_secret(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The text with what `value` gives in place of the mark of each secret.
pub fn with_secrets<E>(text: &str, mut value: impl FnMut(&SecretId) -> Result<String, E>) -> Result<String, E> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, marked)) = rest.split_once(BEGIN) {
        filled.push_str(before);
        let named = marked.split_once(END).and_then(|(mark, after)| {
            let (workspace, key) = mark.split_once(' ')?.0.split_once('.')?;
            Some((SecretId { workspace: workspace.to_owned(), key: key.to_owned() }, after))
        });
        if let Some((id, after)) = named {
            filled.push_str(&value(&id)?);
            rest = after;
        } else {
            // Such a character is the user's own.
            filled.push(BEGIN);
            rest = marked;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_gets_its_value_and_all_else_stays() {
        let source = manifest::SecretSource::Variable("TOKEN".to_owned());
        let text = format!("Bearer {}; {}", mark("lms", "token", &source), mark("shop", "api_key", &source));
        assert!(has_secret(&text));
        assert!(text.contains("the variable TOKEN"), "another source is another text");
        let filled = with_secrets(&text, |id| Ok::<_, ()>(format!("<{id}>")));
        assert_eq!(filled.as_deref(), Ok("Bearer <lms.token>; <shop.api_key>"));
        for text in ["", "plain", "a \u{f8fe} of its own", "\u{f8fe}no point\u{f8ff}"] {
            assert_eq!(with_secrets(text, |_| Err(())).as_deref(), Ok(text));
        }
        let as_json = serde_json::Value::from(mark("lms", "token", &source)).to_string();
        assert_eq!(with_secrets(&as_json, |_| Ok::<_, ()>("x".to_owned())).as_deref(), Ok("\"x\""));
    }
}
