//! The table model of a database, read from PostgreSQL's catalog.

use std::collections::HashMap;

use database::{Column, ForeignKey, Schema, Table};
use indexmap::IndexMap;
use postgres::{Client, Error};

/// How a table is named: with its schema, unless that is `public`. Stands for a table `class` in a schema `namespace`.
pub(crate) const NAME: &str =
    "CASE namespace.nspname WHEN 'public' THEN '' ELSE namespace.nspname || '.' END || class.relname";

/// The tables that count: no views, no partitions of another table, none of the server or of an extension, no ledger.
pub(crate) const TABLES: &str = "pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
    AND class.relkind IN ('r', 'p') AND NOT class.relispartition
    AND namespace.nspname !~ '^pg_' AND namespace.nspname NOT IN ('information_schema', 'seedbed ledger')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype = 'e')";

/// Reads the tables.
pub(crate) fn inspect(client: &mut Client) -> Result<Schema, Error> {
    let mut tables: HashMap<String, Table> = HashMap::new();
    for name in names(client)? {
        tables.insert(name.clone(), Table { name, ..Table::default() });
    }
    columns(client, &mut tables)?;
    indexes(client, &mut tables)?;
    foreign_keys(client, &mut tables)?;
    let mut tables: Vec<Table> = tables.into_values().collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Schema { tables })
}

/// Counts the rows of every table.
pub(crate) fn row_counts(client: &mut Client) -> Result<IndexMap<String, u64>, Error> {
    let sql = format!("SELECT {NAME}, format('%I.%I', nspname, relname) FROM {TABLES}");
    let mut counts = IndexMap::new();
    for row in client.query(&sql, &[])? {
        let sql = format!("SELECT count(*) FROM {}", row.get::<_, &str>(1));
        let count: i64 = client.query_one(&sql, &[])?.get(0);
        counts.insert(row.get(0), u64::try_from(count).expect("PostgreSQL counts from zero"));
    }
    counts.sort_unstable_keys();
    Ok(counts)
}

fn names(client: &mut Client) -> Result<Vec<String>, Error> {
    let rows = client.query(&format!("SELECT {NAME} FROM {TABLES}"), &[])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn columns(client: &mut Client, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let sql = format!(
        "SELECT {NAME}, attname, format_type(atttypid, atttypmod),
            NOT (attnotnull OR typtype = 'd' AND typnotnull),
            attgenerated = '' AND (atthasdef OR attidentity <> '' OR typdefault IS NOT NULL),
            attgenerated <> '' OR attidentity = 'a'
        FROM {TABLES}
        JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        ORDER BY class.oid, attnum"
    );
    for row in client.query(&sql, &[])? {
        if let Some(table) = tables.get_mut(row.get::<_, &str>(0)) {
            table.columns.push(Column {
                name: row.get(1),
                sql_type: row.get(2),
                nullable: row.get(3),
                has_default: row.get(4),
                generated: row.get(5),
            });
        }
    }
    Ok(())
}

fn indexes(client: &mut Client, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let sql = format!(
        "SELECT {NAME}, indisprimary, {}
        FROM {TABLES} JOIN pg_index ON indrelid = class.oid
        WHERE indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL",
        attributes("class.oid", "(indkey::int2[])[0:indnkeyatts - 1]")
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        if row.get(1) {
            table.primary_key = row.get(2);
        } else {
            table.unique.push(row.get(2));
        }
    }
    for table in tables.values_mut() {
        table.unique.sort();
        table.unique.dedup();
    }
    Ok(())
}

fn foreign_keys(client: &mut Client, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let parent = NAME.replace("namespace.", "parent_namespace.").replace("class.", "parent.");
    let sql = format!(
        "SELECT {NAME}, {}, {parent}, {}
        FROM {TABLES} JOIN pg_constraint ON conrelid = class.oid AND contype = 'f'
        JOIN pg_class parent ON parent.oid = confrelid
        JOIN pg_namespace parent_namespace ON parent_namespace.oid = parent.relnamespace",
        attributes("conrelid", "conkey"),
        attributes("confrelid", "confkey")
    );
    for row in client.query(&sql, &[])? {
        if let Some(table) = tables.get_mut(row.get::<_, &str>(0)) {
            table.foreign_keys.push(ForeignKey { columns: row.get(1), table: row.get(2), referenced: row.get(3) });
        }
    }
    for table in tables.values_mut() {
        table.foreign_keys.sort();
        table.foreign_keys.dedup();
    }
    Ok(())
}

/// Selects the names of a table's columns by an array of their numbers.
pub(crate) fn attributes(table: &str, numbers: &str) -> String {
    format!(
        "ARRAY(SELECT attname::text FROM unnest({numbers}) WITH ORDINALITY AS key(number, position)
            JOIN pg_attribute ON attrelid = {table} AND attnum = number ORDER BY position)"
    )
}
