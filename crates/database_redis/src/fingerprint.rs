//! The digest of a database's content: its keys that do not expire.
//!
//! A key that expires does not count: it may vanish between two looks at the same content, and restoring it later than its
//! moment does not bring it back. Nor do the moments count at which entries of streams were delivered.

use database::{DatabaseError, FingerprintBuilder, RowDigest, RowSum};
use redis::Connection;

use crate::content;

/// Gives the fingerprint of the selected database.
pub(crate) fn of(connection: &mut Connection, database: &str) -> Result<String, DatabaseError> {
    let keys = content::keys(connection, database)?;
    let (mut digest, mut rows) = (RowDigest::default(), RowSum::default());
    content::each(connection, database, &keys, |entry| {
        if entry.expiry.is_none() {
            let kind = entry.value.kind().to_owned();
            digest.value(b'k', &entry.key);
            digest.value(b't', kind.as_bytes());
            digest.value(b'v', entry.value.timeless().to_json().to_string().as_bytes());
            rows.add(&digest.take());
        }
        Ok(())
    })?;
    let mut builder = FingerprintBuilder::default();
    builder.table("keys", &rows);
    Ok(builder.finish())
}
