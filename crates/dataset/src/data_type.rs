//! Data types: the kinds of records that a service knows how to make.

use std::fmt;

use indexmap::IndexMap;
use source::{Place, Problem, Tree};

use crate::provider::ProviderUse;
use crate::suggestion::suggestion;

/// The name of a data type: `lms.user`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeName {
    /// The service, which is the name of its workspace.
    pub service: String,
    /// The name within the service.
    pub name: String,
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.name)
    }
}

/// Who makes the records of a type.
#[derive(Clone, Debug)]
pub enum Maker {
    /// Seedbed itself: they are rows of this table.
    Table(String),
    /// A provider.
    Provider(Box<ProviderUse>),
}

/// A kind of record: its table, natural key, fields and what it implies.
#[derive(Clone, Debug)]
pub struct DataType {
    /// Service and name.
    pub name: TypeName,
    /// The database of that service in which the table is.
    pub database: String,
    /// Where its records are, and who makes them.
    pub maker: Maker,
    /// The fields of the natural key and where they are named, in order.
    pub key: Vec<(String, Place)>,
    /// The key under which a spec lists such records.
    pub list: String,
    /// The fields by name, in the order of the file.
    pub fields: IndexMap<String, Field>,
    /// What exists whenever such a record does.
    pub implies: Vec<ImpliedRecord>,
    /// Sets of values by a name.
    pub traits: IndexMap<String, Trait>,
    /// The version of its fields' names, from 1.
    pub version: u32,
    /// Names that fields had before: the version that changed them, the old name and the new one.
    pub renamed: Vec<(u32, String, String)>,
    /// Where its name stands.
    pub place: Place,
}

impl DataType {
    /// The name that a field has now which a spec for an older version calls so; `None` when that is its name.
    pub fn name_now(&self, name: &str, version: u32) -> Option<&str> {
        let mut now: Option<&str> = None;
        for (changed, old, new) in &self.renamed {
            if *changed > version && now.unwrap_or(name) == old {
                now = Some(new);
            }
        }
        now
    }

    /// Returns the table whose rows its records are; none if a provider makes them.
    pub fn table(&self) -> Option<&str> {
        match &self.maker {
            Maker::Table(table) => Some(table),
            Maker::Provider(_) => None,
        }
    }

    /// Makes the problem of a trait that the type does not have.
    pub fn unknown_trait(&self, name: &str, place: &Place) -> Problem {
        let help = if self.traits.is_empty() {
            format!("`{}` has no traits", self.name)
        } else {
            suggestion(name, self.traits.keys().map(String::as_str), "its traits are")
        };
        Problem::error("dataset::unknown-trait", format!("`{}` has no trait `{name}`", self.name))
            .at(place, "not a trait of this data type")
            .help(help)
    }

    /// Makes the problem of a field that the type does not have.
    pub fn unknown_field(&self, name: &str, place: &Place) -> Problem {
        if let Some((version, _, new)) = self.renamed.iter().find(|(_, old, _)| old == name) {
            let message = format!("`{}` has no field `{name}` since its version {version}", self.name);
            return Problem::error("dataset::unknown-field", message)
                .at(place, format!("it is called `{new}` now"))
                .help(format!("write `{new}`, or say which version the spec is for: {}", version - 1));
        }
        Problem::error("dataset::unknown-field", format!("`{}` has no field `{name}`", self.name))
            .at(place, "not a field of this data type")
            .help(suggestion(name, self.fields.keys().map(String::as_str), "its fields are"))
    }
}

/// One field of a data type.
#[derive(Clone, Debug)]
pub struct Field {
    /// The column in which it is stored; none if it only serves templates.
    pub column: Option<String>,
    /// The value when no spec gives one; templates are not evaluated yet.
    pub default: Option<Tree>,
    /// Whether a spec must give it.
    pub required: bool,
    /// What its values are.
    pub kind: FieldKind,
    /// Where its name stands.
    pub place: Place,
}

/// What the values of a field are.
#[derive(Clone, Debug)]
pub enum FieldKind {
    /// Values of the database.
    Plain,
    /// Natural keys of other records.
    Reference(ReferenceTo),
    /// Lists of records that are made along; nothing is stored.
    Children(Children),
}

/// Values that records have which have this trait, unless a spec gives others.
#[derive(Clone, Debug)]
pub struct Trait {
    /// The fields, as a spec would give them.
    pub fields: Vec<(String, Place, Tree)>,
    /// Where its name stands.
    pub place: Place,
}

/// How a field refers to records of another type.
#[derive(Clone, Debug)]
pub struct ReferenceTo {
    /// The type of the record.
    pub target: TypeName,
    /// Values for the parts of its key that specs do not give.
    pub with: Vec<(String, Place, Tree)>,
    /// The column of the referenced row that is stored; none for its primary key.
    pub value: Option<String>,
    /// Where the type is named.
    pub place: Place,
}

/// How a field holds records that are made along.
#[derive(Clone, Debug)]
pub struct Children {
    /// The type of the children.
    pub child: TypeName,
    /// The field of the child that refers to the record with the list.
    pub parent_field: String,
    /// Where that field is named.
    pub parent_field_place: Place,
    /// Where the type is named.
    pub place: Place,
}

/// A record that exists whenever one of the type does.
#[derive(Clone, Debug)]
pub struct ImpliedRecord {
    /// The type of the implied record.
    pub implied: TypeName,
    /// Its fields, from the fields of the record that implies it.
    pub record: Vec<(String, Place, Tree)>,
    /// Where the type is named.
    pub place: Place,
}
