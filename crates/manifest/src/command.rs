//! What is run: words, or a script for a shell.

use source::{Place, Problem, Tree};

use crate::reading::Reading;
use crate::template::Template;
use crate::words;

/// What a task, a service, a schema step or a probe runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A program and its arguments, started directly.
    Words {
        /// The program, then the arguments; at least one.
        words: Vec<Template>,
        /// Where the command stands.
        place: Place,
    },
    /// A script for `sh -c`.
    Shell {
        /// The script.
        script: Template,
        /// Where the command stands.
        place: Place,
    },
}

impl Command {
    /// Returns where the command stands.
    pub fn place(&self) -> &Place {
        match self {
            Self::Words { place, .. } | Self::Shell { place, .. } => place,
        }
    }

    /// Returns all texts of the command, with the references in them.
    pub fn templates(&self) -> &[Template] {
        match self {
            Self::Words { words, .. } => words,
            Self::Shell { script, .. } => std::slice::from_ref(script),
        }
    }

    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let place = tree.place.clone();
        let command = if let Some(script) = tree.get("shell") {
            Self::Shell { script: reading.template(script)?, place }
        } else if let Some(list) = tree.as_list() {
            let words = list.iter().map(|word| reading.template(word)).collect::<Option<Vec<_>>>()?;
            Self::Words { words, place }
        } else {
            match words::split(tree.as_str()?, &place) {
                Ok(words) => {
                    for word in &words {
                        reading.check_references(word);
                    }
                    Self::Words { words, place }
                }
                Err(problem) => {
                    reading.problems.push(problem);
                    return None;
                }
            }
        };
        // That a list is empty has been reported.
        let program = command.templates().first()?;
        if program.parts().is_empty() {
            reading.problems.push(
                Problem::error("manifest::command", "a command needs a program")
                    .at(command.place(), "there is none here"),
            );
            return None;
        }
        Some(command)
    }
}
