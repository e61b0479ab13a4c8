//! The name of a kept state.

use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes.
const LIMIT: usize = 120;

/// Names a kept state of a database: `[a-z0-9][a-z0-9._-]*`, at most 120 bytes.
///
/// Lower case only, since a driver may use it as a file's name on a filesystem that does not tell cases apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateName(String);

/// Says that a text is no name of a state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a state: a-z, 0-9, '.', '_', '-', the first one a letter or digit, at most 120")]
pub struct InvalidStateName(pub String);

impl StateName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidStateName> {
        let name = name.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = name.len() <= LIMIT
            && name.bytes().next().is_some_and(plain)
            && name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte));
        if valid { Ok(StateName(name)) } else { Err(InvalidStateName(name)) }
    }

    /// Gives the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StateName {
    type Err = InvalidStateName;

    fn from_str(name: &str) -> Result<Self, InvalidStateName> {
        StateName::new(name)
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_file_names() {
        for good in ["base", "0f3a", "a.b_c-d", &"x".repeat(120)] {
            assert!(StateName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", "A", "a/b", "a b", "é", "a\0", &"x".repeat(121)] {
            assert_eq!(StateName::new(bad), Err(InvalidStateName(bad.to_owned())));
        }
    }
}
