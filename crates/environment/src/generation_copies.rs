//! Copies of the records of our own form: the same records with other values in their keys.
//!
//! [`dataset::order_copy`] does the same for records of data types.

use std::collections::{BTreeMap, BTreeSet};

use database::{Datum, Description, KeyDescription, Kind, TableDescription};
use factory::{Given, Group, Impossible, RecordRef, Wanted};
use indexmap::IndexMap;

/// What is given of a row, by column.
type Values = IndexMap<String, Given>;

/// Makes a copy of all records that are wanted; copies count from 1, which has the keys as they are given. What refers to a
/// record refers to its copy.
///
/// `None` if there is a record with a value that the copy would give one of its keys.
pub(crate) fn copy(wanted: &Wanted, description: &Description, number: u64) -> Result<Option<Wanted>, Vec<Impossible>> {
    let records = Records { wanted, description };
    let mut copies: BTreeMap<&str, Vec<(&Values, Values)>> = BTreeMap::new();
    let (mut impossible, mut is_taken) = (Vec::new(), false);
    for (table, groups) in records.of_tables() {
        let ranges = ranges(&groups);
        let mut of_table = Vec::new();
        for group in &groups {
            let mut given = group.given.clone();
            for column in records.varying(table, &group.given).unwrap_or_else(|reason| {
                impossible.push(reason);
                BTreeSet::new()
            }) {
                let Some(value) = varied(&given[&column], ranges.get(&column), number) else {
                    impossible.push(fixed(table, Some(&column)));
                    continue;
                };
                is_taken |= number > 1 && groups.iter().any(|other| other.given.get(&column) == Some(&value));
                given.insert(column, value);
            }
            of_table.push((&group.given, given));
        }
        copies.insert(&table.name, of_table);
    }
    if !impossible.is_empty() {
        return Err(impossible);
    }
    let mut copy = wanted.clone();
    for (name, groups) in &mut copy.tables {
        let Some(table) = description.table(name) else { continue };
        for group in groups {
            if let Some((_, given)) = copies
                .get(name.as_str())
                .into_iter()
                .flatten()
                .find(|(former, _)| group.is_record && **former == group.given)
            {
                group.given = given.clone();
            }
            follow(&mut group.given, table, description, &copies);
        }
    }
    Ok((!is_taken).then_some(copy))
}

/// The records of all tables.
struct Records<'a> {
    wanted: &'a Wanted,
    description: &'a Description,
}

impl<'a> Records<'a> {
    fn of_tables(&self) -> Vec<(&'a TableDescription, Vec<&'a Group>)> {
        let tables = self.wanted.tables.iter();
        tables
            .filter_map(|(name, groups)| {
                Some((self.description.table(name)?, groups.iter().filter(|group| group.is_record).collect()))
            })
            .collect()
    }

    /// The columns that must get other values, so that each key of a record is another one.
    fn varying(&self, table: &TableDescription, given: &Values) -> Result<BTreeSet<String>, Impossible> {
        let mut varying = BTreeSet::new();
        for key in whole_keys(table, given) {
            let is_new =
                key.columns.iter().any(|column| varying.contains(column) || self.is_copied(table, given, column));
            if is_new {
                continue;
            }
            let of = |is_meant: &dyn Fn(&Datum) -> bool| -> Vec<String> {
                let free = key.columns.iter().filter(|column| can_vary(table, column));
                free.filter(|column| matches!(given.get(*column), Some(Given::Value(value)) if is_meant(value)))
                    .cloned()
                    .collect()
            };
            let texts = of(&|value| matches!(value, Datum::Text(_)));
            let chosen = if texts.is_empty() { of(&|value| matches!(value, Datum::Integer(_))) } else { texts };
            if chosen.is_empty() {
                return Err(fixed(table, key.columns.first()));
            }
            varying.extend(chosen);
        }
        Ok(varying)
    }

    /// Whether a column refers to a record that is copied itself.
    fn is_copied(&self, table: &TableDescription, given: &Values, column: &str) -> bool {
        let Some(Given::Records(refs)) = given.get(column) else { return false };
        let Some(target) = target(table, column) else { return false };
        let Some(described) = self.description.table(target) else { return false };
        let groups = self.wanted.tables.get(target).into_iter().flatten().filter(|group| group.is_record);
        // What no key tells apart is not found again, so it is not another one either.
        let known = groups.map(|group| &group.given).filter(|given| whole_keys(described, given).next().is_some());
        let known: Vec<&Values> = known.collect();
        !refs.is_empty()
            && refs.iter().all(|(record, _)| {
                matches!(record, RecordRef::By(values) if known.iter().any(|known| is_meant(values, known)))
            })
    }
}

/// The keys of a table by which a record of which this is given can be found.
fn whole_keys<'a>(table: &'a TableDescription, given: &'a Values) -> impl Iterator<Item = &'a KeyDescription> {
    let is_given = |column: &String| match given.get(column) {
        Some(Given::Value(value)) => *value != Datum::Null,
        Some(Given::Records(_)) => true,
        _ => false,
    };
    let plain = table.keys.iter().filter(|key| key.expressions.is_empty() && key.condition.is_none());
    plain.filter(move |key| key.columns.iter().all(is_given))
}

fn fixed(table: &TableDescription, column: Option<&String>) -> Impossible {
    Impossible {
        table: table.name.clone(),
        column: column.cloned(),
        reason: "the record cannot be made once more: nothing in its key can vary".to_owned(),
    }
}

/// A text or a whole number varies where the column holds such, and refers to nothing.
fn can_vary(table: &TableDescription, column: &str) -> bool {
    let described = table.columns.iter().find(|known| known.name == column);
    let has_kind =
        described.is_some_and(|described| matches!(described.kind, Kind::Text { .. } | Kind::Integer { .. }));
    has_kind && target(table, column).is_none()
}

/// The table to which a column refers.
fn target<'a>(table: &'a TableDescription, column: &str) -> Option<&'a str> {
    let key = table.foreign_keys.iter().find(|key| key.columns.iter().any(|known| known == column))?;
    Some(&key.table)
}

/// Whether the values by which a record is referred to are those of this one.
fn is_meant(values: &Values, given: &Values) -> bool {
    values.iter().all(|(column, value)| given.get(column) == Some(value))
}

/// By column, the least and the greatest whole number that is given.
fn ranges(groups: &[&Group]) -> BTreeMap<String, (i64, i64)> {
    let mut ranges: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (column, value) in groups.iter().flat_map(|group| &group.given) {
        if let Given::Value(Datum::Integer(number)) = value {
            let range = ranges.entry(column.clone()).or_insert((*number, *number));
            *range = (range.0.min(*number), range.1.max(*number));
        }
    }
    ranges
}

/// What stands for a value in a copy; `None` if there is nothing that could.
fn varied(value: &Given, range: Option<&(i64, i64)>, copy: u64) -> Option<Given> {
    match value {
        Given::Value(Datum::Text(_)) if copy == 1 => Some(value.clone()),
        Given::Value(Datum::Text(text)) => Some(Given::Value(Datum::Text(format!("{text}-{copy}")))),
        Given::Value(Datum::Integer(number)) => {
            let next = dataset::counted_on(*number, *range?, copy)?;
            Some(Given::Value(Datum::Integer(next)))
        }
        _ => None,
    }
}

/// Makes what refers to records refer to their copies.
fn follow(
    given: &mut Values,
    table: &TableDescription,
    description: &Description,
    copies: &BTreeMap<&str, Vec<(&Values, Values)>>,
) {
    for (column, value) in given {
        let Some(target) = target(table, column).and_then(|target| description.table(target)) else { continue };
        let copies_there = copies.get(target.name.as_str()).into_iter().flatten();
        match value {
            Given::Records(refs) => {
                for (record, _) in refs {
                    let RecordRef::By(values) = record else { continue };
                    if let Some((_, copy)) = copies_there.clone().find(|(former, _)| is_meant(values, former)) {
                        // What it is referred to by may be no key, and the same for both.
                        let keys = whole_keys(target, copy).flat_map(|key| &key.columns);
                        let named: Vec<String> = keys.chain(values.keys()).cloned().collect();
                        values.extend(named.into_iter().map(|column| (column.clone(), copy[&column].clone())));
                    }
                    follow(values, target, description, copies);
                }
            }
            Given::Value(_) => {
                let key = table.foreign_keys.iter().find(|key| key.columns == [column.as_str()]);
                let Some(referenced) = key.and_then(|key| key.referenced.first()) else { continue };
                let is_meant = |former: &Values| former.get(referenced) == Some(value);
                if let Some(new) =
                    copies_there.clone().find(|(former, _)| is_meant(former)).map(|(_, copy)| &copy[referenced])
                {
                    *value = new.clone();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use database::{DatabaseSettings, Engine as _, Location};
    use database_sqlite::SqliteEngine;

    use super::*;

    const SCHEMA: &str = "
        CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, mail TEXT);
        CREATE TABLE posts (slug TEXT, user_id INTEGER REFERENCES users, PRIMARY KEY (user_id, slug));
        CREATE TABLE levels (number INTEGER PRIMARY KEY);
        CREATE TABLE flags (is_on BOOLEAN PRIMARY KEY);
    ";

    fn description() -> Description {
        let directory = tempfile::tempdir().unwrap();
        let path = |end: &str| directory.path().join(format!("one{end}"));
        let location = Location::Sqlite { path: path(".db"), kept: path(".kept") };
        let mut database = SqliteEngine.open(&location, &DatabaseSettings::default()).unwrap();
        database.create().unwrap();
        database.execute_script(SCHEMA).unwrap();
        database.describe().unwrap()
    }

    fn text(text: &str) -> Given {
        Given::Value(Datum::Text(text.to_owned()))
    }

    fn number(number: i64) -> Given {
        Given::Value(Datum::Integer(number))
    }

    /// A reference to the user of this name.
    fn user(name: &str) -> Given {
        by(&[("name", text(name))])
    }

    fn by(given: &[(&str, Given)]) -> Given {
        Given::Records(vec![(RecordRef::By(values(given)), 1)])
    }

    fn values(given: &[(&str, Given)]) -> Values {
        given.iter().map(|(column, value)| ((*column).to_owned(), value.clone())).collect()
    }

    fn wanted(records: &[(&str, &[(&str, Given)])]) -> Wanted {
        let mut wanted = Wanted::default();
        for (table, given) in records {
            let group = Group { is_record: true, given: values(given), ..Group::of(1) };
            wanted.tables.entry((*table).to_owned()).or_default().push(group);
        }
        wanted
    }

    /// Table and columns of each record.
    type Rows<'a> = &'a [(&'a str, &'a [(&'a str, Given)])];

    #[test]
    fn copies_have_other_keys_and_what_refers_to_them_follows() {
        let description = description();
        let ada = [("name", text("ada")), ("mail", text("a@b"))];
        let cases: [(&str, u64, Rows<'_>, Rows<'_>); 7] = [
            ("the first has the keys as they are", 1, &[("users", &ada)], &[("users", &ada)]),
            (
                "only texts of keys vary",
                3,
                &[("users", &ada)],
                &[("users", &[("name", text("ada-3")), ("mail", text("a@b"))])],
            ),
            (
                "each key of a record varies, and plain values that refer to one follow",
                2,
                &[
                    ("users", &[("id", number(1)), ("name", text("ada"))]),
                    ("users", &[("id", number(2)), ("name", text("bob"))]),
                    ("posts", &[("slug", text("x")), ("user_id", number(2))]),
                ],
                &[
                    ("users", &[("id", number(3)), ("name", text("ada-2"))]),
                    ("users", &[("id", number(4)), ("name", text("bob-2"))]),
                    ("posts", &[("slug", text("x-2")), ("user_id", number(4))]),
                ],
            ),
            (
                "a key is new through what it refers to",
                2,
                &[("users", &ada), ("posts", &[("slug", text("x")), ("user_id", user("ada"))])],
                &[
                    ("users", &[("name", text("ada-2")), ("mail", text("a@b"))]),
                    ("posts", &[("slug", text("x")), ("user_id", user("ada-2"))]),
                ],
            ),
            (
                "what is referred to by something else than its key is told by that, too",
                2,
                &[("users", &ada), ("posts", &[("slug", text("x")), ("user_id", by(&[("mail", text("a@b"))]))])],
                &[
                    ("users", &[("name", text("ada-2")), ("mail", text("a@b"))]),
                    (
                        "posts",
                        &[("slug", text("x")), ("user_id", by(&[("mail", text("a@b")), ("name", text("ada-2"))]))],
                    ),
                ],
            ),
            (
                "what refers to others stays",
                2,
                &[("posts", &[("slug", text("x")), ("user_id", user("eve"))])],
                &[("posts", &[("slug", text("x-2")), ("user_id", user("eve"))])],
            ),
            (
                "whole numbers go on counting",
                3,
                &[("levels", &[("number", number(3))]), ("levels", &[("number", number(5))])],
                &[("levels", &[("number", number(9))]), ("levels", &[("number", number(11))])],
            ),
        ];
        for (what, copy_number, records, expected) in cases {
            let copied = copy(&wanted(records), &description, copy_number).unwrap().unwrap();
            let given = |wanted: &Wanted| -> Vec<(String, Vec<Values>)> {
                let of = |groups: &Vec<Group>| groups.iter().map(|group| group.given.clone()).collect();
                wanted.tables.iter().map(|(name, groups)| (name.clone(), of(groups))).collect()
            };
            assert_eq!(given(&copied), given(&wanted(expected)), "{what}");
        }
    }

    #[test]
    fn what_cannot_vary_is_named_and_a_number_that_the_records_have_is_none() {
        let description = description();
        let flag = wanted(&[("flags", &[("is_on", Given::Value(Datum::Boolean(true)))])]);
        let impossible = copy(&flag, &description, 1).unwrap_err();
        assert_eq!((impossible[0].table.as_str(), impossible[0].column.as_deref()), ("flags", Some("is_on")));
        let far = wanted(&[("levels", &[("number", number(0))]), ("levels", &[("number", number(i64::MAX))])]);
        assert_eq!(copy(&far, &description, 2).unwrap_err()[0].table, "levels");
        let both = wanted(&[("users", &[("name", text("ada"))]), ("users", &[("name", text("ada-2"))])]);
        assert!(copy(&both, &description, 2).unwrap().is_none());
        assert!(copy(&both, &description, 3).unwrap().is_some());
    }
}
