//! Where a secret comes from, which nobody writes down.

use std::fmt;

use source::{Problem, Tree};

use crate::Command;
use crate::reading::Reading;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of whoever starts what uses it.
    Variable(String),
    /// A file, absolute, below the home directory (`~/`), or relative to the workspace.
    File(String),
    /// What a program prints: its words.
    Command(Vec<String>),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {path}"),
            Self::Command(words) => write!(f, "the command {}", words.join(" ")),
        }
    }
}

impl SecretSource {
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        if let Some(name) = tree.get("env").and_then(Tree::as_str) {
            return Some(Self::Variable(name.to_owned()));
        }
        if let Some(path) = tree.get("file").and_then(Tree::as_str) {
            return Some(Self::File(path.to_owned()));
        }
        if let Some(run) = tree.get("command") {
            let command = Command::read(run, reading)?;
            if let Some(reference) = command.templates().iter().find_map(|text| text.references().next()) {
                reading.problems.push(
                    Problem::error("manifest::secret", "the command of a secret has no references")
                        .at(&reference.place, "it is run before anything has a value"),
                );
                return None;
            }
            let text = |template: &crate::Template| {
                let parts = template.parts().iter();
                parts
                    .filter_map(|part| if let crate::Part::Text(text) = part { Some(text.as_str()) } else { None })
                    .collect()
            };
            let words: Vec<String> = command.templates().iter().map(text).collect();
            return Some(Self::Command(match command {
                Command::Words { .. } => words,
                Command::Shell { .. } => ["sh".to_owned(), "-c".to_owned()].into_iter().chain(words).collect(),
            }));
        }
        reading.problems.push(
            Problem::error("manifest::secret", "a secret has an `env`, a `file` or a `command`")
                .at(&tree.place, "none of them is here")
                .help("only where it comes from stands here, such as `env: STRIPE_KEY`"),
        );
        None
    }
}
