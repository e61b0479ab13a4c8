//! What a load has done, or would do.

use dataset::Batch;
use serde_json::Value;

/// What a load has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Whether nothing was written, since only what would be done was asked for.
    pub is_dry: bool,
    /// By data type, in the order of loading.
    pub types: Vec<TypeReport>,
    /// Names of the records that were created although no spec names them.
    pub implied: Vec<String>,
    /// Declared fields that hold something else, the first of them.
    pub differences: Vec<Difference>,
    /// How many there are.
    pub differing: usize,
    /// What else there is to know of generated rows: tables that are left out or have fewer, and why.
    pub notes: Vec<String>,
}

/// What a load has done to records of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeReport {
    /// `SERVICE.TYPE`.
    pub data_type: String,
    /// Records that were not there.
    pub created: usize,
    /// Records that were there.
    pub found: usize,
    /// Of those that were there, how many were changed.
    pub changed: usize,
    /// Records that earlier loads of the spec made and it does not have any more.
    pub removed: usize,
}

/// A declared field that holds something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The record.
    pub record: String,
    /// The field.
    pub field: String,
    /// What it holds.
    pub is: Value,
    /// What the spec says.
    pub declared: Value,
}

/// How many differences are told one by one.
const TOLD: usize = 5;

impl LoadReport {
    /// Records that were not there before.
    #[must_use]
    pub fn created(&self) -> usize {
        self.types.iter().map(|report| report.created).sum()
    }

    /// Records that were there before.
    #[must_use]
    pub fn found(&self) -> usize {
        self.types.iter().map(|report| report.found).sum()
    }

    /// Records that were changed.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.types.iter().map(|report| report.changed).sum()
    }

    /// Records that were removed.
    #[must_use]
    pub fn removed(&self) -> usize {
        self.types.iter().map(|report| report.removed).sum()
    }

    /// Adds what another load did.
    pub(crate) fn extend(&mut self, other: Self) {
        for of_type in other.types {
            let report = self.of(&of_type.data_type);
            report.created += of_type.created;
            report.found += of_type.found;
            report.changed += of_type.changed;
            report.removed += of_type.removed;
        }
        self.implied.extend(other.implied);
        self.differing += other.differing;
        self.differences.extend(other.differences);
        self.differences.truncate(TOLD);
        self.notes.extend(other.notes);
    }

    /// What is reported of a data type.
    pub(crate) fn of(&mut self, data_type: &str) -> &mut TypeReport {
        let place = self.types.iter().position(|report| report.data_type == data_type).unwrap_or_else(|| {
            self.types.push(TypeReport { data_type: data_type.to_owned(), ..TypeReport::default() });
            self.types.len() - 1
        });
        &mut self.types[place]
    }

    /// What is reported of the data type of a batch.
    pub(crate) fn of_batch(&mut self, batch: &Batch) -> &mut TypeReport {
        self.of(&format!("{}.{}", batch.service, batch.data_type))
    }

    /// Notes that a declared field holds something else.
    pub(crate) fn differs(&mut self, difference: Difference) {
        self.differing += 1;
        if self.differences.len() < TOLD {
            self.differences.push(difference);
        }
    }
}
