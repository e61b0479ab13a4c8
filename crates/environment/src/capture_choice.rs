//! Which records a capture begins with: chosen by their keys or by a condition, before what is personal in them is replaced.

use std::collections::HashSet;

use manifest::Replacement;
use plan::DatabaseId;
use source::{Problem, Problems};
use survey::Row;

use crate::Error;
use crate::capture::Capture;
use crate::capture_rows::Want;
use crate::copy::{clean, quoted};
use crate::pseudonyms::Pseudonyms;

/// Which records: `[SERVICE.]TYPE`, or `[SERVICE.]TYPE[KEY]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The data type or table, perhaps with its service before it.
    pub name: String,
    /// The values of its key, each perhaps with the name of its field; all records without one.
    pub key: Vec<(Option<String>, String)>,
}

impl Selector {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((name, rest)) = text.split_once('[') else {
            return Ok(Self { name: text.to_owned(), key: Vec::new() });
        };
        let inner = rest.strip_suffix(']').ok_or("a key ends with `]`: `users[ada]`")?;
        if inner.is_empty() || name.is_empty() {
            return Err(
                "it is written `TYPE[KEY]`: `users[ada]`, `lms.enrollment[ada,demo]`, `users[email=ada@example.com]`"
                    .to_owned(),
            );
        }
        let part = |part: &str| match part.split_once('=') {
            Some((name, value)) => (Some(name.trim().to_owned()), value.to_owned()),
            None => (None, part.to_owned()),
        };
        Ok(Self { name: name.to_owned(), key: inner.split(',').map(part).collect() })
    }
}

impl Capture<'_, '_> {
    /// The table that a name means: of a data type, a table, or a table without its schema.
    pub(crate) fn find(&mut self, name: &str) -> Result<(DatabaseId, usize), Error> {
        let root = self.session.model.root.clone();
        let candidates = match name.split_once('.') {
            Some((service, rest)) => vec![(service.to_owned(), rest), (root, name)],
            None => vec![(root, name)],
        };
        let mut known = Vec::new();
        for (service, name) in candidates {
            let ids: Vec<DatabaseId> = self.databases.iter().filter(|id| id.workspace == service).cloned().collect();
            for declared in self.session.types.types().filter(|declared| declared.name.service == service) {
                known.push(declared.name.to_string());
                let id = ids.iter().find(|id| id.name == declared.database);
                if let (true, Some(id)) = (declared.name.name == name, id) {
                    let table = declared.table().map(str::to_owned);
                    self.open(id)?;
                    if let Some(table) = table.and_then(|table| self.position(id, &table)) {
                        return Ok((id.clone(), table));
                    }
                }
            }
            for id in ids {
                self.open(&id)?;
                if let Some(table) = self.position(&id, name) {
                    return Ok((id, table));
                }
                let tables = &self.sources[&id].description.tables;
                known.extend(tables.iter().map(|table| format!("{service}.{}", table.name)));
                let ending = format!(".{name}");
                let mut endings = (0..tables.len()).filter(|number| tables[*number].name.ends_with(&ending));
                if let (Some(table), None) = (endings.next(), endings.next()) {
                    return Ok((id, table));
                }
            }
        }
        let help = match source::closest(
            name,
            known.iter().flat_map(|known| [known.as_str(), known.split_once('.').map_or("", |(_, name)| name)]),
        ) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`seedbed types` lists them".to_owned(),
        };
        Err(problem(
            Problem::error("capture::unknown-type", format!("there is no data type or table `{name}`")).help(help),
        ))
    }

    /// Finds the records of a selector, and says what they are known by in their table.
    pub(crate) fn choose(
        &mut self,
        id: &DatabaseId,
        table: usize,
        selector: &Selector,
        condition: Option<&str>,
    ) -> Result<Want, Error> {
        let engine = self.session.location(id).engine();
        let data_type = self.data_type(id, table, Some(&selector.name)).cloned();
        let source = self.sources.get_mut(id).expect("it was opened");
        let described = source.description.tables[table].clone();
        let column = |name: &str| {
            let field = data_type.as_ref().and_then(|data_type| data_type.fields.get(name)?.column.as_deref());
            let name = field.unwrap_or(name);
            described.columns.iter().position(|column| column.name == name)
        };
        let primary = described.keys.iter().find(|key| key.primary).map(|key| key.columns.clone());
        let mut key: Vec<(usize, String)> = Vec::new();
        let positional = match &data_type {
            Some(data_type) => data_type.key.iter().map(|(name, _)| name.clone()).collect(),
            None => primary.clone().unwrap_or_default(),
        };
        let is_positional = selector.key.iter().all(|(name, _)| name.is_none());
        // A value with commas in it is still one value, where the key has one field.
        let values: Vec<(Option<String>, String)> = if is_positional && positional.len() == 1 && selector.key.len() > 1
        {
            let values: Vec<&str> = selector.key.iter().map(|(_, value)| value.as_str()).collect();
            vec![(None, values.join(","))]
        } else {
            selector.key.clone()
        };
        for (place, (name, value)) in values.iter().enumerate() {
            let name = name.clone().or_else(|| positional.get(place).cloned());
            let number = name.as_deref().and_then(column);
            let Some(number) = number else {
                let what = name.map_or_else(
                    || format!("its key has {} field(s)", positional.len()),
                    |name| format!("it has no column `{name}`"),
                );
                let help = format!(
                    "write `{}[{}]`, or the names of columns: `[NAME=VALUE]`",
                    selector.name,
                    positional.join(",")
                );
                return Err(problem(Problem::error("capture::key", format!("`{}`: {what}", selector.name)).help(help)));
            };
            key.push((number, value.clone()));
        }
        if is_positional && !values.is_empty() && values.len() < positional.len() {
            let help = format!("write `{}[{}]`", selector.name, positional.join(","));
            return Err(problem(
                Problem::error("capture::key", format!("`{}`: its key has {} fields", selector.name, positional.len()))
                    .help(help),
            ));
        }
        let identity: Vec<usize> = match &primary {
            Some(columns) => columns
                .iter()
                .filter_map(|name| described.columns.iter().position(|column| column.name == *name))
                .collect(),
            None => (0..described.columns.len()).collect(),
        };
        let database = &mut *source.copy.database;
        let name = match condition.filter(|_| selector.key.is_empty()) {
            None => described.name.clone(),
            Some(condition) => {
                let (from, to) = (quoted(engine, &described.name), quoted(engine, CHOSEN));
                let columns: Vec<String> =
                    described.columns.iter().map(|column| quoted(engine, &column.name)).collect();
                let sql = format!("CREATE TABLE {to} AS SELECT {} FROM {from} WHERE ({condition})", columns.join(", "));
                database.execute_script(&sql).map_err(|source| Error::Rule { place: "--where".to_owned(), source })?;
                CHOSEN.to_owned()
            }
        };
        let mut values = HashSet::new();
        let read = database.read_rows(&name, &mut |row| {
            if key.iter().all(|(number, value)| row[*number].as_ref() == Some(value)) {
                values.insert(identity.iter().map(|number| row[*number].clone()).collect());
            }
            Ok(())
        });
        read.map_err(Error::database(id))?;
        if name == CHOSEN {
            database.execute_script(&format!("DROP TABLE {}", quoted(engine, CHOSEN))).map_err(Error::database(id))?;
        }
        if values.is_empty() {
            let known = selector.key.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
            let what = match (known.as_str(), condition) {
                ("", Some(condition)) => format!("no record of `{}` has {condition}", selector.name),
                ("", None) => format!("there is no record of `{}`", selector.name),
                (known, _) => format!("there is no record {known} of `{}`", selector.name),
            };
            return Err(problem(Problem::error("capture::no-record", what)));
        }
        Ok(Want { columns: identity, values, descends: true, limit: None })
    }

    /// Replaces what is personal in a copy; what was chosen is known by what stands there afterwards.
    pub(crate) fn clean(&mut self, id: &DatabaseId, chosen: &mut [(usize, Want)]) -> Result<(), Error> {
        let source = self.sources.get_mut(id).expect("it was opened");
        source.is_clean = true;
        let Some(scrub) = self.session.declaration(id).1.scrub.clone() else { return Ok(()) };
        let database = &mut *source.copy.database;
        let pseudonyms = Pseudonyms::of(self.session, id, database)?;
        for (table, want) in chosen {
            let table = &source.description.tables[*table];
            for column in &want.columns {
                let name = &table.columns[*column].name;
                let is_lost = scrub.columns.iter().any(|rule| {
                    rule.table == table.name
                        && rule.column == *name
                        && !matches!(rule.replacement, Replacement::Pseudonym(_))
                });
                if is_lost {
                    let what =
                        format!("{}.{name}: its rows are known by it, and a rule of `scrub` replaces it", table.name);
                    let help = "`pseudonym(word)` is a rule by which they can still be told apart".to_owned();
                    return Err(problem(Problem::error("capture::lost", what).help(help)));
                }
            }
            let replaced = |value: &Row| {
                let cells = want.columns.iter().zip(value);
                let cells = cells.map(|(column, cell)| {
                    Some(pseudonyms.replaced(&table.name, &table.columns[*column].name, cell.as_ref()?))
                });
                cells.collect::<Vec<_>>()
            };
            want.values = want.values.iter().map(replaced).collect();
        }
        clean(self.session, id, &scrub, database)
    }
}

/// The table with the records that a condition chose, in a copy.
const CHOSEN: &str = "seedbed_chosen";

fn problem(problem: Problem) -> Error {
    let mut problems = Problems::default();
    problems.push(problem);
    Error::Problems(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_name_types_and_keys() {
        let parse = |text: &str| Selector::parse(text).map(|selector| (selector.name, selector.key));
        let plain = |value: &str| (None, value.to_owned());
        assert_eq!(parse("lms.user"), Ok(("lms.user".to_owned(), vec![])));
        assert_eq!(parse("user[ada]"), Ok(("user".to_owned(), vec![plain("ada")])));
        assert_eq!(parse("e[ada,demo]"), Ok(("e".to_owned(), vec![plain("ada"), plain("demo")])));
        let named = (Some("email".to_owned()), "a@b.example".to_owned());
        assert_eq!(parse("u[email=a@b.example]"), Ok(("u".to_owned(), vec![named])));
        for wrong in ["u[", "u[]", "[a]", "u[a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
