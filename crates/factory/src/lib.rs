//! Rows that nobody wrote: how the rows of a table are made from its description alone, and from what is given of them.
//!
//! ```text
//! Description (columns, keys, checks) ─┐
//! Wanted (counts, records, spreads)   ─┼── Plan ── rows(table, from, to)
//! Existing (what is there)            ─┘
//! ```
//!
//! Knows no driver, reads no clock and no randomness: a value is a function of seed, table, column and row, so that any
//! rows can be made alone, in any order, and one more column or table changes no other value. The decisions are in
//! `docs/design/015-rows-from-the-schema.md`.

mod cell;
mod condition;
mod declared;
mod domain;
mod draw;
mod expression;
mod given;
mod keys;
mod layout;
mod locale;
mod locale_words;
mod looks;
mod maker;
mod numbers;
mod parameters;
mod pattern;
mod places;
mod plan;
mod refusal;
mod rule;
mod spec;
mod spread;
mod table;
mod texts;
mod wanted;
mod words;

pub use declared::{Declared, DeclaredRows, Stated};
pub use locale::Locale;
pub use plan::{Impossible, Plan, PlannedColumn};
pub use rule::{Compile, RULES, read_given};
pub use spec::{Choice, GROUP_KEYS, Include, Spec, SpecEntry, SpecGroup, includes, is_own, scenario_names};
pub use table::taken;
pub use wanted::{
    Elsewhere, Existing, Given, Group, Operand, Pick, RecordRef, Referable, RowTemplate, RowsElsewhere, Spread,
    Template, Wanted,
};

/// The version of what is generated: another one gives other rows for the same spec.
pub const GENERATOR: u32 = 2;
