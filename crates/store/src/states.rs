//! States of databases by the key of what made them, and bases by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::snapshot::{Content, ContentJson};
use crate::writer::Writer;
use crate::{Expect, Store, StoreError};

const STATES: &str = "states/";
const BASES: &str = "bases/";

/// A database as it was after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The digest of all that made it: the state's name.
    pub key: String,
    /// The step that it was kept after: `base`, `schema`, `data`.
    pub step: String,
    /// The database itself.
    pub content: Content,
    /// When it was kept, in RFC 3339, UTC.
    pub made: String,
}

/// The value of the reference of a state, and of a base.
#[derive(Serialize, Deserialize)]
struct StateJson {
    seedbed_state: u32,
    key: String,
    step: String,
    made: String,
    content: ContentJson,
}

/// How many states are kept. The youngest stay; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatePolicy {
    /// How many of each database.
    pub count: Option<usize>,
    /// How many bytes, of all databases.
    pub bytes: Option<u64>,
    /// States that were made before this moment (RFC 3339, UTC) go.
    pub made_since: Option<String>,
}

/// The keys of the states that a policy lets go.
pub fn prune(states: &[State], policy: &StatePolicy) -> Vec<String> {
    let mut youngest_first: Vec<&State> = states.iter().collect();
    youngest_first.sort_by(|one, other| (&other.made, &other.key).cmp(&(&one.made, &one.key)));
    let mut of_database: BTreeMap<&str, usize> = BTreeMap::new();
    let mut bytes: u64 = 0;
    let mut gone = Vec::new();
    for state in youngest_first {
        let count = of_database.entry(&state.content.name).or_default();
        let with_it = bytes.saturating_add(state.content.bytes);
        let stays = policy.count.is_none_or(|limit| *count < limit)
            && policy.bytes.is_none_or(|limit| with_it <= limit)
            && policy.made_since.as_ref().is_none_or(|since| state.made >= *since);
        if stays {
            *count += 1;
            bytes = with_it;
        } else {
            gone.push(state.key.clone());
        }
    }
    gone
}

impl Store {
    /// Keeps a state whose objects the writer has put. Does nothing when there is one with this key.
    pub fn put_state(&self, writer: Writer, state: &State) -> Result<(), StoreError> {
        self.name_state(state, &writer.finish()?.session)
    }

    /// Keeps a state that was [transferred](crate::transfer) here. Does nothing when there is one with this key.
    pub fn name_state(&self, state: &State, session: &Session) -> Result<(), StoreError> {
        self.put(STATES, &state.key, session, state, &Expect::Absent)
    }

    /// The state with this key.
    pub fn state(&self, key: &str) -> Result<Option<State>, StoreError> {
        self.read(STATES, key)
    }

    /// All states, in the order of their keys.
    pub fn states(&self) -> Result<Vec<State>, StoreError> {
        self.read_all(STATES)
    }

    /// Lets go of a state; fine when there is none.
    pub fn delete_state(&self, key: &str) -> Result<(), StoreError> {
        self.delete_reference(&format!("{STATES}{key}"))
    }

    /// Publishes a base under a name, in place of the one that has it.
    pub fn put_base(&self, name: &str, writer: Writer, base: &State) -> Result<(), StoreError> {
        let before = self.reference::<StateJson>(&format!("{BASES}{name}"))?;
        let expect = before.map_or(Expect::Absent, |reference| Expect::Version(reference.version));
        self.put(BASES, name, &writer.finish()?.session, base, &expect)
    }

    /// The base with this name.
    pub fn base(&self, name: &str) -> Result<Option<State>, StoreError> {
        self.read(BASES, name)
    }

    /// The names of all bases.
    pub fn bases(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.references(BASES)?.into_iter().map(|name| name[BASES.len()..].to_owned()).collect())
    }

    /// Removes a base; fine when there is none.
    pub fn delete_base(&self, name: &str) -> Result<(), StoreError> {
        self.delete_reference(&format!("{BASES}{name}"))
    }

    fn put(
        &self,
        directory: &str,
        name: &str,
        session: &Session,
        state: &State,
        expect: &Expect,
    ) -> Result<(), StoreError> {
        let json = StateJson {
            seedbed_state: 1,
            key: state.key.clone(),
            step: state.step.clone(),
            made: state.made.clone(),
            content: ContentJson::of(&state.content),
        };
        let name = format!("{directory}{name}");
        match self.put_reference(&name, &[state.content.root], &json, expect, session) {
            // The same key is the same state.
            Err(error) if error.is_conflict() && *expect == Expect::Absent => Ok(()),
            other => other.map(|_| ()),
        }
    }

    fn read(&self, directory: &str, name: &str) -> Result<Option<State>, StoreError> {
        let name = format!("{directory}{name}");
        let Some(reference) = self.reference::<StateJson>(&name)? else { return Ok(None) };
        let StateJson { seedbed_state, key, step, made, content } = reference.value;
        match content.into_content() {
            Some(content) if seedbed_state == 1 => Ok(Some(State { key, step, content, made })),
            _ => Err(self.inner.damaged(&name, "is no state that this version of seedbed knows")),
        }
    }

    fn read_all(&self, directory: &str) -> Result<Vec<State>, StoreError> {
        let mut states = Vec::new();
        for name in self.references(directory)? {
            states.extend(self.read(directory, &name[directory.len()..])?);
        }
        Ok(states)
    }
}
