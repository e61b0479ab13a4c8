//! The table model of a file, read from SQLite's own pragmas.

use database::{Column, ForeignKey, LEDGER, Schema, Table};
use indexmap::IndexMap;
use rusqlite::{Connection, Error};

use crate::table::quote;

/// Reads the tables; `sqlite_…` ones, the ledger, views and virtual tables are left out.
pub(crate) fn inspect(connection: &Connection) -> Result<Schema, Error> {
    let mut tables = table_names(connection)?
        .into_iter()
        .map(|(name, has_row_id)| {
            let (columns, primary_key) = columns(connection, &name, has_row_id)?;
            let unique = unique(connection, &name)?;
            Ok(Table { columns, primary_key, unique, foreign_keys: Vec::new(), name })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    for index in 0..tables.len() {
        tables[index].foreign_keys = foreign_keys(connection, &tables[index].name, &tables)?;
    }
    Ok(Schema { tables })
}

/// Counts the rows of every table.
pub(crate) fn row_counts(connection: &Connection) -> Result<IndexMap<String, u64>, Error> {
    let count = |(name, _): (String, bool)| {
        let sql = format!("SELECT count(*) FROM {}", quote(&name));
        let rows = connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        Ok((name, u64::try_from(rows).expect("SQLite counts from zero")))
    };
    table_names(connection)?.into_iter().map(count).collect()
}

/// Lists the tables by name, and whether they have a row id.
fn table_names(connection: &Connection) -> Result<Vec<(String, bool)>, Error> {
    let sql = format!(
        "SELECT name, NOT wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
            AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '{LEDGER}' ORDER BY name"
    );
    connection.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn columns(connection: &Connection, table: &str, has_row_id: bool) -> Result<(Vec<Column>, Vec<String>), Error> {
    let sql =
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid";
    let mut statement = connection.prepare(sql)?;
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(4)?;
        if position > 0 {
            key.push((position, columns.len()));
        }
        columns.push(Column {
            name: row.get(0)?,
            sql_type: row.get(1)?,
            nullable: !row.get::<_, bool>(2)?,
            has_default: row.get(3)?,
            // 2 and 3 are virtual and stored generated columns.
            generated: row.get::<_, i64>(5)? >= 2,
        });
    }
    key.sort_unstable();
    if let [(_, only)] = key[..]
        && has_row_id
        && columns[only].sql_type.eq_ignore_ascii_case("INTEGER")
    {
        // Another name of the row id, which is never NULL and chosen when not given.
        columns[only].nullable = false;
        columns[only].has_default = true;
    }
    let primary_key = key.iter().map(|&(_, index)| columns[index].name.clone()).collect();
    Ok((columns, primary_key))
}

fn unique(connection: &Connection, table: &str) -> Result<Vec<Vec<String>>, Error> {
    let sql = "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial AND origin <> 'pk'";
    let names: Vec<String> =
        connection.prepare(sql)?.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?) ORDER BY seqno")?;
    let mut sets = Vec::new();
    for name in names {
        let columns: Vec<Option<String>> = statement.query_map([name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        // An expression has no name.
        sets.extend(columns.into_iter().collect::<Option<Vec<_>>>());
    }
    sets.sort();
    sets.dedup();
    Ok(sets)
}

fn foreign_keys(connection: &Connection, table: &str, tables: &[Table]) -> Result<Vec<ForeignKey>, Error> {
    let sql = "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq";
    let mut keys: IndexMap<i64, ForeignKey> = IndexMap::new();
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let key = keys.entry(row.get(0)?).or_default();
        key.table = row.get(1)?;
        key.columns.push(row.get(2)?);
        key.referenced.extend(row.get::<_, Option<String>>(3)?);
    }
    let mut keys: Vec<_> = keys.into_values().collect();
    for key in &mut keys {
        let parent = tables.iter().find(|parent| parent.name.eq_ignore_ascii_case(&key.table));
        if let Some(parent) = parent {
            // As it is declared, so that the names of tables match.
            key.table.clone_from(&parent.name);
            if key.referenced.is_empty() {
                key.referenced.clone_from(&parent.primary_key);
            }
        }
    }
    keys.sort();
    Ok(keys)
}
