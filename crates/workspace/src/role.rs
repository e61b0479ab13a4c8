//! What a resource is for.

use std::fmt;
use std::str::FromStr;

/// The role of a resource, which decides what a snapshot and a restore do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What everything is made from.
    SourceData,
    /// What was made on the way and can be made again.
    IntermediateData,
    /// What makes it.
    Code,
    /// What comes out: a snapshot moves it to a place of its own, and a restore leaves it alone.
    Results,
}

impl Role {
    /// All, in the order in which people meet them.
    pub const ALL: [Self; 4] = [Self::SourceData, Self::IntermediateData, Self::Code, Self::Results];

    /// The word for it in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceData => "source-data",
            Self::IntermediateData => "intermediate-data",
            Self::Code => "code",
            Self::Results => "results",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is one of source-data, intermediate-data, code, results")]
pub struct BadRole;

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(BadRole)
    }
}
