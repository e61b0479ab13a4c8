//! The name of a workspace.

use std::fmt;
use std::ops::Deref;

/// The name of a workspace: `[a-z][a-z0-9-]*`, at most 40 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Takes a text that is a name.
    pub fn new(text: &str) -> Option<Self> {
        crate::format::NAME.matches(text).then(|| Self(text.to_owned()))
    }

    /// Stands where a manifest has no name or a wrong one. That is an error, so it is never seen outside.
    pub(crate) fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
