//! The shapes that the format is declared in: one declaration is checked, brought into normal form, merged and documented.

use source::{Entry, Tree};

use crate::normal::Normalising;

/// What a value may look like, and what its normal form is.
pub(crate) enum Shape {
    /// A string.
    Text,
    /// A string, a number or a boolean; a string in normal form.
    Scalar,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`, perhaps as a string.
    Bool,
    /// A whole number, perhaps as a string.
    Integer,
    /// A number, perhaps as a string.
    Number,
    /// A size, such as `64mb`; the bytes as a string in normal form.
    Bytes,
    /// A duration, such as `1m30s`.
    Duration,
    /// The permissions of a file: an octal string in normal form.
    Mode,
    /// A file or directory; absolute in normal form.
    Path,
    /// A list.
    List(&'static Shape),
    /// A list, of which a value that is alone may be written without.
    OneOrMore(&'static Shape),
    /// A list whose values are written shortly or at length, and of which one may stand for several.
    Items(fn(&Tree, &mut Normalising<'_>) -> Vec<Tree>, &'static Shape),
    /// A map whose keys are names that the user gives.
    Map(&'static Shape),
    /// A map from name to text, or a list of `NAME=value`.
    Pairs(Alone),
    /// A map with these keys.
    Record(&'static Record),
    /// A value that is written shortly, as something else than a map or a list of the shape, or at length.
    Short(fn(&Tree, &mut Normalising<'_>) -> Option<Tree>, &'static Shape),
    /// What this function makes of it.
    Made(fn(&Tree, &mut Normalising<'_>) -> Option<Tree>),
    /// This, or nothing.
    OrNothing(&'static Shape),
    /// Anything: nobody looks at it.
    Any,
}

/// What a name means that stands alone in a list of pairs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// The variable of that name.
    Variable,
    /// The empty text.
    Empty,
}

/// A map with known keys.
pub(crate) struct Record {
    /// For messages: `a service`.
    pub(crate) what: &'static str,
    /// Its keys; keys that begin with `x-` are let through besides.
    pub(crate) keys: &'static [Key],
}

/// A key of a record.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) merge: Merge,
    pub(crate) support: Support,
    pub(crate) required: bool,
}

/// What becomes of a value when another file says something else.
pub(crate) enum Merge {
    /// Maps are merged key by key, lists are appended, anything else is replaced.
    Usual,
    /// It is replaced.
    Replaced,
    /// As usual if the key of this name is the same in both or missing in one, else it is replaced.
    ReplacedUnlessSame(&'static str),
    /// As usual, but of values of a list that this function gives the same name the last stays, in the place of the first.
    Unique(fn(&Tree) -> String),
}

/// What Seedbed does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is done as Compose does it.
    Done,
    /// It is done differently, as is said.
    Differs(&'static str),
    /// It has no effect, for the reason that is said.
    NoEffect(&'static str),
    /// It is an error, for the reason that is said.
    Refused(&'static str),
}

impl Key {
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, merge: Merge::Usual, support: Support::Done, required: false }
    }

    pub(crate) const fn merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn differs(mut self, how: &'static str) -> Self {
        self.support = Support::Differs(how);
        self
    }

    pub(crate) const fn no_effect(mut self, why: &'static str) -> Self {
        self.support = Support::NoEffect(why);
        self
    }

    pub(crate) const fn refused(mut self, why: &'static str) -> Self {
        self.support = Support::Refused(why);
        self
    }
}

impl Record {
    /// Returns the key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Says whether a key is the user's own, of which Compose knows nothing.
pub(crate) fn is_extension(entry: &Entry) -> bool {
    entry.key.starts_with("x-")
}
