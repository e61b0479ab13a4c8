//! The names of the databases that are Seedbed's own: kept states, spares, what is being made, what is put aside.

use database::StateName;

use crate::database::PostgresDatabase;

/// Digits of a digest in a name: two of them, and the words, fit into the 63 bytes of a name.
const DIGEST_DIGITS: usize = 24;

/// What a database of Seedbed's own is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A kept state; the name ends with the digest of the state's.
    Kept,
    /// A copy of a kept state for the next reset; the name ends with the number of the state's database, so that a state
    /// that is replaced has no spare, and one that is renamed keeps it.
    Spare,
    /// Under construction; the name ends with anything, and whoever constructs it holds a lock.
    New,
    /// A clone of a kept state that somebody uses, who holds a lock; the name ends with anything.
    Clone,
    /// To be dropped; the name ends with its number.
    Old,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Kept => "kept",
            Role::Spare => "spare",
            Role::New => "new",
            Role::Clone => "clone",
            Role::Old => "old",
        }
    }
}

impl PostgresDatabase {
    /// Gives the beginning of the names of all databases with a role that belong to this one.
    pub(crate) fn prefix(&self, role: Role) -> String {
        format!("seedbed-{}-{}-", role.word(), digest(&self.name))
    }

    /// Names a database with a role that belongs to this one.
    pub(crate) fn own_name(&self, role: Role, end: impl std::fmt::Display) -> String {
        format!("{}{end}", self.prefix(role))
    }

    /// Names the database of a kept state.
    pub(crate) fn kept_name(&self, state: &StateName) -> String {
        self.own_name(Role::Kept, digest(state.as_str()))
    }
}

/// Shortens any name to digits that fit into the name of a database.
fn digest(name: &str) -> String {
    let mut digits = blake3::hash(name.as_bytes()).to_hex().to_string();
    digits.truncate(DIGEST_DIGITS);
    digits
}
