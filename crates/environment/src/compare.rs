//! How two databases differ: their schemas, and their rows by key.

use std::collections::BTreeMap;
use std::sync::mpsc;

use database::{Database, DatabaseError, Schema, Table};

/// How two databases differ, table by table; a table that is the same in both is not among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DatabaseDifference {
    /// Tables only in the second.
    pub tables_added: Vec<String>,
    /// Tables only in the first.
    pub tables_removed: Vec<String>,
    /// Tables in both that differ.
    pub tables_changed: BTreeMap<String, TableDifference>,
}

/// How two tables of one name differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TableDifference {
    /// What of the columns changed, a line each: `+ name type`, `- name type`.
    pub schema: Vec<String>,
    /// Rows only in the second.
    pub added: u64,
    /// Rows only in the first.
    pub removed: u64,
    /// Rows with the same key and other values.
    pub changed: u64,
    /// Columns whose values changed, each with how many rows.
    pub columns: BTreeMap<String, u64>,
    /// The first few rows: `+`, `-` or `~`, and the key.
    pub examples: Vec<String>,
}

impl DatabaseDifference {
    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables_added.is_empty() && self.tables_removed.is_empty() && self.tables_changed.is_empty()
    }
}

impl TableDifference {
    fn is_empty(&self) -> bool {
        self.schema.is_empty() && self.added + self.removed + self.changed == 0
    }
}

type Row = Vec<Option<String>>;

/// Compares two databases. Rows are read side by side in the order of their keys, a few at a time.
pub(crate) fn compare(
    first: &mut dyn Database,
    second: &mut dyn Database,
    examples: usize,
) -> Result<DatabaseDifference, DatabaseError> {
    let (before, after) = (first.inspect()?, second.inspect()?);
    let mut difference = DatabaseDifference::default();
    let table = |schema: &Schema, name: &str| schema.tables.iter().find(|table| table.name == name).cloned();
    for old in &before.tables {
        let Some(new) = table(&after, &old.name) else {
            difference.tables_removed.push(old.name.clone());
            continue;
        };
        let mut changes = TableDifference { schema: schema_changes(old, &new), ..TableDifference::default() };
        rows(first, second, old, &new, examples, &mut changes)?;
        if !changes.is_empty() {
            difference.tables_changed.insert(old.name.clone(), changes);
        }
    }
    let added = after.tables.iter().filter(|new| table(&before, &new.name).is_none());
    difference.tables_added = added.map(|table| table.name.clone()).collect();
    Ok(difference)
}

fn schema_changes(old: &Table, new: &Table) -> Vec<String> {
    let lines = |table: &Table| -> Vec<String> {
        let nullable = |is_nullable| if is_nullable { "" } else { " not null" };
        table
            .columns
            .iter()
            .map(|column| format!("{} {}{}", column.name, column.sql_type, nullable(column.nullable)))
            .collect()
    };
    let (old, new) = (lines(old), lines(new));
    let removed = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    removed.chain(added).collect()
}

/// Compares the rows by the columns that both have. Each side reads in a thread of its own, a batch ahead.
fn rows(
    first: &mut dyn Database,
    second: &mut dyn Database,
    old: &Table,
    new: &Table,
    examples: usize,
    changes: &mut TableDifference,
) -> Result<(), DatabaseError> {
    const BATCH: usize = 512;
    let name = &old.name;
    let shared: Vec<&str> = old
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| new.columns.iter().any(|c| c.name == *name))
        .collect();
    let positions = |table: &Table| -> Vec<usize> {
        shared.iter().filter_map(|name| table.columns.iter().position(|column| column.name == *name)).collect()
    };
    let (old_positions, new_positions) = (positions(old), positions(new));
    let same_key = old.primary_key == new.primary_key && !old.primary_key.is_empty();
    let key: Vec<usize> = if same_key {
        old.primary_key.iter().filter_map(|name| shared.iter().position(|shared| shared == name)).collect()
    } else {
        (0..shared.len()).collect()
    };
    std::thread::scope(|scope| {
        let side = |database: &'_ mut dyn Database, positions: Vec<usize>, to: mpsc::SyncSender<Vec<Row>>| {
            let mut batch = Vec::with_capacity(BATCH);
            // The other side ends early only when the comparison has failed.
            database.read_rows(name, &mut |row| {
                batch.push(positions.iter().map(|position| row[*position].clone()).collect());
                if batch.len() == BATCH {
                    let _ = to.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
                Ok(())
            })?;
            let _ = to.send(batch);
            Ok::<(), DatabaseError>(())
        };
        let (to_left, left) = mpsc::sync_channel(2);
        let (to_right, right) = mpsc::sync_channel(2);
        let one = scope.spawn(move || side(first, old_positions, to_left));
        let other = scope.spawn(move || side(second, new_positions, to_right));
        merge(left.into_iter().flatten(), right.into_iter().flatten(), &shared, &key, examples, changes);
        one.join().expect("reading rows does not panic")?;
        other.join().expect("reading rows does not panic")
    })
}

/// Goes through two sorted sequences of rows. The order is that of the engine; what is not in step is taken for another row
/// on both sides, and matched again by its key.
fn merge(
    left: impl Iterator<Item = Row>,
    right: impl Iterator<Item = Row>,
    columns: &[&str],
    key: &[usize],
    examples: usize,
    changes: &mut TableDifference,
) {
    let key_of = |row: &Row| -> Row { key.iter().map(|position| row[*position].clone()).collect() };
    let (mut left, mut right) = (left.peekable(), right.peekable());
    // Rows that the other side has not reached yet, or does not have, by key; several rows may be alike.
    let mut only_left: BTreeMap<Row, Vec<Row>> = BTreeMap::new();
    let mut only_right: BTreeMap<Row, Vec<Row>> = BTreeMap::new();
    let note = |changes: &mut TableDifference, sign: char, key: &Row| {
        if changes.examples.len() < examples {
            let shown: Vec<&str> = key.iter().map(|value| value.as_deref().unwrap_or("null")).collect();
            changes.examples.push(format!("{sign} {}", shown.join(", ")));
        }
    };
    let pair = |changes: &mut TableDifference, a: &Row, b: &Row, key: &Row| {
        if a == b {
            return;
        }
        changes.changed += 1;
        for (position, column) in columns.iter().enumerate() {
            if a[position] != b[position] {
                *changes.columns.entry((*column).to_owned()).or_default() += 1;
            }
        }
        note(changes, '~', key);
    };
    let take = |side: &mut BTreeMap<Row, Vec<Row>>, key: &Row| {
        let rows = side.get_mut(key)?;
        let row = rows.pop();
        if rows.is_empty() {
            side.remove(key);
        }
        row
    };
    while left.peek().is_some() || right.peek().is_some() {
        let (a, b) = (left.next(), right.next());
        if let (Some(a), Some(b)) = (&a, &b) {
            let (key_a, key_b) = (key_of(a), key_of(b));
            if key_a == key_b {
                pair(changes, a, b, &key_a);
                continue;
            }
        }
        if let Some(a) = a {
            let key = key_of(&a);
            match take(&mut only_right, &key) {
                Some(b) => pair(changes, &a, &b, &key),
                None => only_left.entry(key).or_default().push(a),
            }
        }
        if let Some(b) = b {
            let key = key_of(&b);
            match take(&mut only_left, &key) {
                Some(a) => pair(changes, &a, &b, &key),
                None => only_right.entry(key).or_default().push(b),
            }
        }
    }
    let rest = |changes: &mut TableDifference, side: BTreeMap<Row, Vec<Row>>, sign: char| {
        let mut count = 0;
        for (key, rows) in side {
            count += rows.len() as u64;
            if changes.examples.len() < examples {
                let shown: Vec<&str> = key.iter().map(|value| value.as_deref().unwrap_or("null")).collect();
                changes.examples.push(format!("{sign} {}", shown.join(", ")));
            }
        }
        count
    };
    changes.removed += rest(changes, only_left, '-');
    changes.added += rest(changes, only_right, '+');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        let value = |word: &str| (word != "null").then(|| word.to_owned());
        text.split(';')
            .filter(|row| !row.trim().is_empty())
            .map(|row| row.split_whitespace().map(value).collect())
            .collect()
    }

    #[test]
    fn rows_are_matched_by_key_wherever_they_stand() {
        let cases = [
            ("1 a; 2 b", "1 a; 2 b", (0, 0, 0)),
            ("1 a; 2 b", "1 a; 2 c", (0, 0, 1)),
            ("1 a; 3 c", "1 a; 2 b; 3 c", (1, 0, 0)),
            ("1 a; 2 b; 3 c; 4 d", "2 b; 3 x; 4 d; 5 e", (1, 1, 1)),
            ("", "1 a", (1, 0, 0)),
            ("1 null", "1 a", (0, 0, 1)),
            ("1 a; 2 b", "2 b; 1 a", (0, 0, 0)),
        ];
        for (before, after, expected) in cases {
            let mut changes = TableDifference::default();
            merge(rows(before).into_iter(), rows(after).into_iter(), &["id", "v"], &[0], 10, &mut changes);
            assert_eq!((changes.added, changes.removed, changes.changed), expected, "{before} | {after}");
        }
    }

    #[test]
    fn alike_rows_without_a_key_are_counted() {
        let mut changes = TableDifference::default();
        merge(rows("a; a; b").into_iter(), rows("a; b; b; b").into_iter(), &["v"], &[0], 10, &mut changes);
        assert_eq!((changes.added, changes.removed, changes.changed), (2, 1, 0));
        assert_eq!(changes.examples, ["- a", "+ b"]);
    }
}
