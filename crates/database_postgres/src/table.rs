//! What a transaction has to know of a table to write its statements.

use database::{DatabaseError, Value};
use postgres::{Client, Error};

use crate::schema::{NAME, TABLES};

/// A table's quoted name and its columns.
pub(crate) struct Shape {
    table: String,
    quoted: String,
    columns: Vec<ColumnShape>,
}

/// How values of a column are written in SQL.
#[derive(Clone)]
pub(crate) struct ColumnShape {
    name: String,
    quoted: String,
    /// The type as declared, for values that are stored.
    declared: String,
    /// The type without its length, for values that are compared.
    compared: String,
    /// The name of the type below any domain.
    base: String,
    /// Whether the type can be compared as it is.
    comparable: bool,
}

impl Shape {
    /// The table as it is written in SQL.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// Reads a table's columns; `None` when there is no such table.
    pub(crate) fn read(client: &mut Client, table: &str) -> Result<Option<Self>, Error> {
        // Without a length, "char" would mean one character; -1 stands for any.
        let sql = format!(
            "SELECT format('%I.%I', nspname, relname), attname, quote_ident(attname), format_type(atttypid, atttypmod),
                format_type(atttypid, -1), base.typname,
                base.typcategory = 'A' OR EXISTS (SELECT FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod
                    WHERE amname IN ('btree', 'hash') AND opcdefault
                    AND (opcintype = base.oid OR opcintype = 'anyenum'::regtype AND base.typtype = 'e')
                ) OR base.typname IN ('varchar', 'cidr')
            FROM {TABLES}
            LEFT JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_type declared ON declared.oid = atttypid
            LEFT JOIN pg_type base ON base.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
            WHERE {NAME} = $1 ORDER BY attnum"
        );
        let rows = client.query(&sql, &[&table])?;
        let Some(first) = rows.first() else { return Ok(None) };
        let columns = rows.iter().filter(|row| row.get::<_, Option<&str>>(1).is_some()).map(|row| ColumnShape {
            name: row.get(1),
            quoted: row.get(2),
            declared: row.get(3),
            compared: row.get(4),
            base: row.get(5),
            comparable: row.get(6),
        });
        Ok(Some(Shape { table: table.to_owned(), quoted: first.get(0), columns: columns.collect() }))
    }

    /// Finds columns by their names.
    pub(crate) fn columns(&self, database: &str, names: &[String]) -> Result<Vec<ColumnShape>, DatabaseError> {
        let find = |name: &String| {
            self.columns.iter().find(|column| column.name == *name).cloned().ok_or_else(|| {
                DatabaseError::UnknownColumn {
                    database: database.to_owned(),
                    table: self.table.clone(),
                    column: name.clone(),
                }
            })
        };
        names.iter().map(find).collect()
    }

    /// Selects, for each key, its position and the wanted columns.
    pub(crate) fn select(&self, keys: &[ColumnShape], nulls: &[bool], wanted: &[ColumnShape]) -> String {
        let mut found = vec!["given.position".to_owned()];
        found.extend(wanted.iter().map(|column| column.read("stored")));
        format!(
            "SELECT {} FROM {} JOIN {} AS stored ON {} ORDER BY given.position",
            found.join(", "),
            given(keys, ColumnShape::compared),
            self.quoted,
            equal(keys, nulls)
        )
    }

    /// Inserts rows in their order and returns the wanted columns in the same order: the rows are sorted before their
    /// defaults are computed, and each is returned as it is inserted.
    pub(crate) fn insert(&self, columns: &[ColumnShape], wanted: &[ColumnShape]) -> String {
        let names: Vec<_> = columns.iter().map(|column| column.quoted.as_str()).collect();
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let values: Vec<_> = (0..columns.len()).map(|index| format!("given.c{index}")).collect();
        let mut returned: Vec<_> = wanted.iter().map(|column| column.read("stored")).collect();
        if returned.is_empty() {
            returned.push("1".to_owned());
        }
        format!(
            "INSERT INTO {} AS stored{names} SELECT {} FROM {} ORDER BY given.position RETURNING {}",
            self.quoted,
            values.join(", "),
            given(columns, ColumnShape::declared),
            returned.join(", ")
        )
    }

    /// Selects all rows that equal one of the given ones.
    pub(crate) fn select_all(&self, columns: &[ColumnShape], wanted: &[ColumnShape]) -> String {
        let mut found: Vec<_> = wanted.iter().map(|column| column.read("stored")).collect();
        if found.is_empty() {
            found.push("1".to_owned());
        }
        format!(
            "SELECT {} FROM {} JOIN {} AS stored ON {}",
            found.join(", "),
            given(columns, ColumnShape::compared),
            self.quoted,
            equal(columns, &vec![false; columns.len()])
        )
    }

    /// Sets columns of the rows that equal the given ones; the keys come before the values.
    pub(crate) fn update(&self, keys: &[ColumnShape], nulls: &[bool], columns: &[ColumnShape]) -> String {
        let sets = columns.iter().enumerate();
        let sets: Vec<_> =
            sets.map(|(index, column)| format!("{} = given.c{}", column.quoted, keys.len() + index)).collect();
        let typed = |index: usize, column: &ColumnShape| {
            let sql_type = if index < keys.len() { column.compared() } else { column.declared() };
            format!("c{index} {sql_type}")
        };
        let all = keys.iter().chain(columns).enumerate();
        let typed: Vec<_> = all.map(|(index, column)| typed(index, column)).collect();
        format!(
            "UPDATE {} AS stored SET {} FROM json_to_recordset($1::text::json) AS given({}) WHERE {}",
            self.quoted,
            sets.join(", "),
            typed.join(", "),
            equal(keys, nulls)
        )
    }

    pub(crate) fn delete(&self, columns: &[ColumnShape], nulls: &[bool]) -> String {
        format!(
            "DELETE FROM {} AS stored USING {} WHERE {}",
            self.quoted,
            given(columns, ColumnShape::compared),
            equal(columns, nulls)
        )
    }
}

impl ColumnShape {
    fn declared(&self) -> &str {
        &self.declared
    }

    fn compared(&self) -> &str {
        &self.compared
    }

    /// Reads the column as JSON; a number that JSON's readers would round is text.
    fn read(&self, row: &str) -> String {
        let column = format!("{row}.{}", self.quoted);
        if self.base == "numeric" {
            return format!(
                "CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e15 AND scale({column}) = 0
                    THEN to_jsonb({column}) ELSE to_jsonb({column}::text) END"
            );
        }
        format!("to_jsonb({column})")
    }

    /// Gives the form in which two values can be compared.
    fn comparable(&self, value: &str) -> String {
        match (self.comparable, self.base.as_str()) {
            (true, _) => value.to_owned(),
            (false, "json") => format!("{value}::jsonb"),
            (false, _) => format!("{value}::text"),
        }
    }
}

/// The rows of the parameter, with columns `c0`, `c1`, … and their position, from 1.
///
/// The parameter is JSON, so that every type is made from JSON by the server itself.
fn given(columns: &[ColumnShape], sql_type: fn(&ColumnShape) -> &str) -> String {
    let typed: Vec<_> =
        columns.iter().enumerate().map(|(index, column)| format!("c{index} {}", sql_type(column))).collect();
    let names: Vec<_> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    if columns.is_empty() {
        return "json_array_elements($1::text::json) WITH ORDINALITY AS given(c, position)".to_owned();
    }
    format!(
        "ROWS FROM (json_to_recordset($1::text::json) AS ({})) WITH ORDINALITY AS given({}, position)",
        typed.join(", "),
        names.join(", ")
    )
}

/// Compares the stored columns with the given ones; only where a NULL is given in a form that finds NULL, since that cannot
/// use an index.
fn equal(columns: &[ColumnShape], nulls: &[bool]) -> String {
    let conditions = columns.iter().zip(nulls).enumerate().map(|(index, (column, null))| {
        let stored = column.comparable(&format!("stored.{}", column.quoted));
        let given = column.comparable(&format!("given.c{index}"));
        if *null { format!("{stored} IS NOT DISTINCT FROM {given}") } else { format!("{stored} = {given}") }
    });
    let conditions: Vec<_> = conditions.collect();
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}

/// Renders rows as the parameter of [`given`].
pub(crate) fn parameter(rows: &[Vec<Value>]) -> String {
    let object = |row: &Vec<Value>| {
        let cells = row.iter().enumerate().map(|(index, value)| format!("\"c{index}\":{value}"));
        format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
    };
    format!("[{}]", rows.iter().map(object).collect::<Vec<_>>().join(","))
}

/// Quotes a name, whatever is in it.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a text as a literal, whatever is in it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
