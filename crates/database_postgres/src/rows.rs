//! The rows of a table as texts, in an order that is the same on every server.

use database::DatabaseError;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::{Client, Error};

use crate::error::refused;
use crate::schema::{NAME, TABLES};
use crate::table::{literal, quote};

/// Takes the texts of a row.
type EachRow<'a> = dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError> + 'a;

/// How many values are asked for at once.
const AT_ONCE: usize = 1000;

/// Hands out all rows of a table.
pub(crate) fn read(
    client: &mut Client,
    database: &str,
    table: &str,
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    read_where(client, database, table, "", each)
}

/// Hands out the rows of which these columns hold one of these values.
pub(crate) fn read_with(
    client: &mut Client,
    database: &str,
    table: &str,
    (columns, values): (&[String], &[Vec<String>]),
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    if columns.is_empty() {
        return Ok(());
    }
    let columns: Vec<String> = columns.iter().map(|column| format!("stored.{}", quote(column))).collect();
    for some in values.chunks(AT_ONCE) {
        // Words without a type take that of the column, so that an index can be used.
        let tuple = |row: &Vec<String>| {
            let cells: Vec<String> = row.iter().map(|cell| literal(cell)).collect();
            format!("({})", cells.join(", "))
        };
        let tuples: Vec<String> = some.iter().map(tuple).collect();
        let condition = format!(" WHERE ({}) IN ({})", columns.join(", "), tuples.join(", "));
        read_where(client, database, table, &condition, each)?;
    }
    Ok(())
}

fn read_where(
    client: &mut Client,
    database: &str,
    table: &str,
    condition: &str,
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    let action = || format!("read {table}");
    let sql = select(client, table, condition).map_err(refused(database, action()))?;
    let sql =
        sql.ok_or_else(|| DatabaseError::UnknownTable { database: database.to_owned(), table: table.to_owned() })?;
    let none: [&str; 0] = [];
    let mut rows = client.query_raw(&sql, none).map_err(refused(database, action()))?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next().map_err(refused(database, action()))? {
        texts.clear();
        texts.extend((0..row.len()).map(|index| row.get::<_, Option<String>>(index)));
        each(&texts)?;
    }
    Ok(())
}

/// Writes the query; `None` when there is no such table.
fn select(client: &mut Client, table: &str, condition: &str) -> Result<Option<String>, Error> {
    // Texts are in the order of their bytes, whatever the collation of the column is, and other types in their own; those
    // that have none, such as JSON, in that of their texts.
    let sql = format!(
        "SELECT format('%I.%I', nspname, relname), quote_ident(attname), attcollation <> 0,
            array_position(indkey::int2[], attnum),
            EXISTS (SELECT FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod WHERE amname = 'btree' AND opcdefault
                AND (opcintype = base.oid OR opcintype = 'anyenum'::regtype AND base.typtype = 'e')
            ) OR base.typname IN ('varchar', 'cidr')
        FROM {TABLES}
        LEFT JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_type declared ON declared.oid = atttypid
        LEFT JOIN pg_type base ON base.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
        LEFT JOIN pg_index ON indrelid = class.oid AND indisprimary
        WHERE {NAME} = $1 ORDER BY attnum"
    );
    let rows = client.query(&sql, &[&table])?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (mut columns, mut key, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.get::<_, Option<&str>>(1).is_some()) {
        let column: &str = row.get(1);
        columns.push(format!("{column}::text"));
        let order = match (row.get(2), row.get(4)) {
            (true, true) => format!("stored.{column} COLLATE \"C\""),
            (false, true) => format!("stored.{column}"),
            (_, false) => format!("stored.{column}::text COLLATE \"C\""),
        };
        if let Some(position) = row.get::<_, Option<i32>>(3) {
            key.push((position, order.clone()));
        }
        all.push(order);
    }
    key.sort();
    let order = if key.is_empty() { all } else { key.into_iter().map(|(_, column)| column).collect() };
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    Ok(Some(format!("SELECT {} FROM {} AS stored{condition}{order}", columns.join(", "), first.get::<_, &str>(0))))
}
