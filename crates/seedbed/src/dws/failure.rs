//! Why a command ended early: what is said of it and the exit code, as scripts know them from dws.

use workspace::Error;

use super::usage::Refused;
use super::{complain, show};

/// Why a command ended.
pub enum Stop {
    /// The command line cannot be understood, or help was asked for.
    Usage(Refused),
    /// An answer would be needed, and nobody may be asked.
    Batch(String),
    /// The user said no.
    NotPositive,
    /// The user gave no answer.
    Aborted,
    /// Something is wrong.
    Configuration(String),
}

impl Stop {
    /// Something is wrong.
    pub fn said(text: impl Into<String>) -> Self {
        Self::Configuration(text.into())
    }

    /// Says it, and returns the exit code.
    pub fn tell(self) -> u8 {
        match self {
            Self::Usage(Refused { is_help: true, text, code }) => {
                show(&text);
                return code;
            }
            Self::Usage(Refused { text, code, .. }) => {
                complain(text.trim_end());
                return code;
            }
            Self::Batch(option) => complain(format!("Running in --batch mode, but user input required for {option}")),
            Self::NotPositive => complain("Not a positive response, exiting without doing anything"),
            Self::Aborted => complain("Aborted!"),
            Self::Configuration(text) => complain(format!("Configuration error: {text}")),
        }
        1
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let text = match &error {
            Error::NoSnapshot { wanted, .. } if is_hash(wanted) => {
                format!("Snapshot match for partial hash {wanted} not found")
            }
            Error::NoSnapshot { wanted, .. } => format!("Snapshot for tag {wanted} not found"),
            Error::NoResource { wanted, .. } => {
                format!("A resource by the name '{wanted}' does not exist in this workspace")
            }
            Error::ResourceExists(name) => format!("Resource name '{name}' already in use"),
            Error::Exists { root } => format!(
                "Found .dataworkspace directory under {} Has this workspace already been initialized?",
                root.display()
            ),
            Error::Refused { help: Some(help), .. } | Error::Resource { help: Some(help), .. } => {
                format!("{}\nhelp: {help}", environment::with_causes(&error))
            }
            Error::Interrupted => return Self::Aborted,
            error => environment::with_causes(error),
        };
        Self::Configuration(text)
    }
}

/// Whether a word can be the beginning of a hash, and so can be no tag.
pub fn is_hash(text: &str) -> bool {
    const SHORTEST: usize = 6;
    let is_digit = |byte: u8| byte.is_ascii_hexdigit();
    let is_small = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 40 && text.bytes().all(is_digit)) || (text.len() >= SHORTEST && text.bytes().all(is_small))
}
