//! The digest of a database's content, which does not depend on the order in which it is stored.

/// Digests the values of one row.
#[derive(Default)]
pub struct RowDigest(blake3::Hasher);

impl RowDigest {
    /// Adds a value; `kind` keeps values of different types apart that have the same bytes.
    pub fn value(&mut self, kind: u8, bytes: &[u8]) {
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Gives the digest and starts over.
    pub fn take(&mut self) -> [u8; 32] {
        let digest = self.0.finalize().into();
        self.0.reset();
        digest
    }
}

/// Builds the fingerprint of a database from its schema and its rows.
#[derive(Default)]
pub struct FingerprintBuilder(RowDigest);

impl FingerprintBuilder {
    /// Adds one definition of the schema; the caller gives them in a canonical order.
    pub fn definition(&mut self, text: &str) {
        self.0.value(b'd', text.as_bytes());
    }

    /// Adds the rows of a table, in any order.
    pub fn table(&mut self, name: &str, mut rows: Vec<[u8; 32]>) {
        rows.sort_unstable();
        self.0.value(b't', name.as_bytes());
        self.0.value(b'r', rows.as_flattened());
    }

    /// Gives the fingerprint: 64 hexadecimal digits.
    pub fn finish(mut self) -> String {
        blake3::Hash::from_bytes(self.0.take()).to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[&str]) -> [u8; 32] {
        let mut digest = RowDigest::default();
        for value in values {
            digest.value(b's', value.as_bytes());
        }
        digest.take()
    }

    fn fingerprint(rows: Vec<[u8; 32]>) -> String {
        let mut builder = FingerprintBuilder::default();
        builder.table("t", rows);
        builder.finish()
    }

    #[test]
    fn the_order_of_rows_does_not_count_but_their_number_and_borders_do() {
        let (a, b) = (row(&["a", "b"]), row(&["c"]));
        assert_eq!(fingerprint(vec![a, b]), fingerprint(vec![b, a]));
        assert_ne!(fingerprint(vec![a, b]), fingerprint(vec![a, b, b]));
        assert_ne!(row(&["ab", ""]), row(&["a", "b"]));
    }
}
