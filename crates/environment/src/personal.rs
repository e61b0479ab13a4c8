//! What looks personal in captured rows and has no rule: nothing of real people is written into a spec by oversight.

use database::TableDescription;
use plan::DatabaseId;
use survey::{PseudonymKind, Row, looks_personal};

use crate::scan::{kept_tables, real_address};
use crate::session::Session;

/// A column that looks personal and has no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personal {
    /// The database, `WORKSPACE/DATABASE`.
    pub database: String,
    /// `TABLE.COLUMN`.
    pub column: String,
    /// Why it looks so.
    pub why: String,
    /// The rule that replaces it.
    pub rule: String,
    /// The rule that keeps it.
    pub keep: String,
}

/// The columns of captured rows that look personal and have no rule.
pub(crate) fn of<'r>(
    session: &Session<'_>,
    id: &DatabaseId,
    table: &TableDescription,
    rows: impl Iterator<Item = &'r Row>,
) -> Vec<Personal> {
    if kept_tables(session, id).is_match(&table.name) {
        return Vec::new();
    }
    let rules = || session.declaration(id).1.scrub.iter().flat_map(|scrub| &scrub.columns);
    let mut reasons: Vec<Option<(String, PseudonymKind)>> = vec![None; table.columns.len()];
    for row in rows {
        for ((reason, column), value) in reasons.iter_mut().zip(&table.columns).zip(row) {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty() && reason.is_none()) else { continue };
            let by_name = looks_personal(&column.name);
            *reason = match (by_name, real_address(value)) {
                (_, Some(example)) => Some((format!("it holds addresses such as {example}"), PseudonymKind::Email)),
                // An address that belongs to nobody is nobody's.
                (Some(PseudonymKind::Email), None) if value.contains('@') => None,
                (Some(kind), None) => Some(("its name says so".to_owned(), kind)),
                (None, None) => None,
            };
        }
    }
    let found = table.columns.iter().zip(reasons).filter_map(|(column, reason)| Some((column, reason?)));
    // A column that refers to another one follows its rule.
    let follows = |name: &String| {
        table.foreign_keys.iter().any(|key| {
            key.columns
                .iter()
                .zip(&key.referenced)
                .any(|(own, there)| own == name && rules().any(|rule| rule.table == key.table && rule.column == *there))
        })
    };
    let has_rule =
        |name: &String| rules().any(|rule| rule.table == table.name && rule.column == *name) || follows(name);
    found
        .filter(|(column, _)| !has_rule(&column.name))
        .map(|(column, (why, kind))| {
            let of = format!("{}.{}", table.name, column.name);
            let word = match kind {
                PseudonymKind::Email => "email",
                PseudonymKind::Name => "name",
                PseudonymKind::Digits => "digits",
                PseudonymKind::Word => "word",
            };
            Personal {
                database: id.to_string(),
                rule: format!("{of}: pseudonym({word})"),
                keep: format!("{of}: {}", column.name),
                column: of,
                why,
            }
        })
        .collect()
}
