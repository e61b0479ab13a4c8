//! The digest of a database's content: the objects of its schema by name and kind, and all rows.

use database::{FingerprintBuilder, RowDigest};
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::{Client, Error};

use crate::schema::{self, NAME, TABLES};

/// What the table model does not have: other relations, constraints, triggers, functions and enumerations.
///
/// By name and kind only: the text of an expression may change when it is dumped and restored.
const OBJECTS: &str = "WITH own AS (
        SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    ), definition AS (
        SELECT 'relation ' || relkind::text || ' ' || nspname || '.' || relname AS text
            FROM pg_class JOIN own ON own.oid = relnamespace
        UNION ALL SELECT 'constraint ' || contype::text || ' ' || nspname || '.' || conname
            FROM pg_constraint JOIN own ON own.oid = connamespace WHERE contype <> 'n'
        UNION ALL SELECT 'trigger ' || nspname || '.' || relname || '.' || tgname
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN own ON own.oid = relnamespace WHERE NOT tgisinternal
        UNION ALL SELECT 'function ' || nspname || '.' || proname || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')'
            FROM pg_proc JOIN own ON own.oid = pronamespace
        UNION ALL SELECT 'label ' || nspname || '.' || typname || ' ' || enumlabel
            FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid JOIN own ON own.oid = typnamespace
    ) SELECT text FROM definition ORDER BY text COLLATE \"C\"";

/// Gives the fingerprint of one moment of the database.
pub(crate) fn of(client: &mut Client) -> Result<String, Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let fingerprint = read(client);
    let ended = client.batch_execute("ROLLBACK");
    fingerprint.and_then(|fingerprint| ended.map(|()| fingerprint))
}

fn read(client: &mut Client) -> Result<String, Error> {
    let mut builder = FingerprintBuilder::default();
    for row in client.query(OBJECTS, &[])? {
        builder.definition(row.get(0));
    }
    for table in schema::inspect(client)?.tables {
        builder.definition(&format!("{table:?}"));
    }
    let sql = format!("SELECT {NAME}, format('%I.%I', nspname, relname) FROM {TABLES} ORDER BY ({NAME}) COLLATE \"C\"");
    for row in client.query(&sql, &[])? {
        let digests = row_digests(client, row.get(1))?;
        builder.table(row.get(0), digests);
    }
    Ok(builder.finish())
}

fn row_digests(client: &mut Client, table: &str) -> Result<Vec<[u8; 32]>, Error> {
    let none: [&str; 0] = [];
    let mut digest = RowDigest::default();
    let rows = client.query_raw(&format!("SELECT content::text FROM {table} AS content"), none)?;
    rows.map(|row| {
        digest.value(b'r', row.get::<_, &str>(0).as_bytes());
        Ok(digest.take())
    })
    .collect()
}
