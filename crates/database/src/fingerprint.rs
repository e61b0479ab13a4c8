//! The digest of a database's content, which does not depend on the order in which it is stored.

/// How fingerprints are computed. Whoever changes what an engine adds to a fingerprint, in which words or in which order, raises
/// it: the same content has another fingerprint then, and that must not be taken for another content.
pub const FINGERPRINT_VERSION: u32 = 1;

/// Whether a fingerprint was computed as it is now. One that was not says nothing of a content that is here.
pub fn is_comparable(fingerprint: &str) -> bool {
    fingerprint.split_once('-').is_some_and(|(version, _)| version == FINGERPRINT_VERSION.to_string())
}

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

/// The rows of a table, as one number that does not depend on their order and takes the same space however many there are:
/// how many they are, and the sum of their digests modulo 2^256.
///
/// Digests of different rows are as good as random numbers that know nothing of each other. Of two collections that differ,
/// take a row that one has `d` times more often than the other. With all other rows given, at most 2^k of the 2^256 possible
/// digests of this one make the sums equal, where 2^k is the greatest power of two that divides `d`. `d` is below 2^64, so by
/// chance that is one case in 2^192 at most. (An exclusive or in place of the sum would lose every pair of equal rows.) It is no
/// defence against someone who chooses rows so that the sum stays the same: the objects of a store have digests for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSum {
    rows: u64,
    low: u128,
    high: u128,
}

impl RowSum {
    /// Adds a row by its digest.
    pub fn add(&mut self, row: &[u8; 32]) {
        let (low, high) = row.split_at(16);
        let half = |bytes: &[u8]| u128::from_le_bytes(bytes.try_into().expect("half of 32 bytes"));
        self.add_number(half(low), half(high));
        self.rows += 1;
    }

    /// Adds all rows of another part of the same table.
    pub fn merge(&mut self, other: &RowSum) {
        self.add_number(other.low, other.high);
        self.rows += other.rows;
    }

    fn add_number(&mut self, low: u128, high: u128) {
        let (sum, carries) = self.low.overflowing_add(low);
        self.low = sum;
        self.high = self.high.wrapping_add(high).wrapping_add(u128::from(carries));
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

    /// Adds the rows of a table.
    pub fn table(&mut self, name: &str, rows: &RowSum) {
        self.0.value(b't', name.as_bytes());
        self.0.value(b'c', &rows.rows.to_le_bytes());
        self.0.value(b's', [rows.low.to_le_bytes(), rows.high.to_le_bytes()].as_flattened());
    }

    /// Gives the fingerprint: how it was computed, a hyphen, and 64 hexadecimal digits.
    pub fn finish(mut self) -> String {
        format!("{FINGERPRINT_VERSION}-{}", blake3::Hash::from_bytes(self.0.take()).to_hex())
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

    fn sum(rows: &[[u8; 32]]) -> RowSum {
        let mut sum = RowSum::default();
        for row in rows {
            sum.add(row);
        }
        sum
    }

    fn fingerprint(rows: &[[u8; 32]]) -> String {
        let mut builder = FingerprintBuilder::default();
        builder.table("t", &sum(rows));
        builder.finish()
    }

    #[test]
    fn the_order_of_rows_does_not_count_but_their_number_and_borders_do() {
        let (a, b) = (row(&["a", "b"]), row(&["c"]));
        assert_eq!(fingerprint(&[a, b]), fingerprint(&[b, a]));
        assert_ne!(fingerprint(&[a, b]), fingerprint(&[a, b, b]));
        assert_ne!(fingerprint(&[a]), fingerprint(&[a, b, b]), "a pair of equal rows does not vanish");
        assert_ne!(fingerprint(&[a, a, b]), fingerprint(&[a, b, b]));
        assert_ne!(row(&["ab", ""]), row(&["a", "b"]));
    }

    #[test]
    fn a_fingerprint_says_how_it_was_computed() {
        let now = fingerprint(&[row(&["a"])]);
        // Another value here needs another version.
        assert_eq!(now, "1-8842688ed8b298189f5602b5ebc27ae6f1b97b6489b19854487c4fc5922315a9");
        let digits = now.split_once('-').expect("a hyphen").1;
        for (text, expected) in [
            (now.as_str(), true),
            (digits, false),
            (&format!("0-{digits}"), false),
            (&format!("{}-{digits}", FINGERPRINT_VERSION + 1), false),
            ("", false),
            ("-", false),
        ] {
            assert_eq!(is_comparable(text), expected, "{text}");
        }
    }

    #[test]
    fn the_sum_carries_and_is_that_of_its_parts() {
        let (one, most) = ([[1_u8].as_slice(), &[0; 31]].concat(), [0xff_u8; 32]);
        let one: [u8; 32] = one.try_into().expect("32 bytes");
        assert_eq!(sum(&[most, one]), RowSum { rows: 2, low: 0, high: 0 }, "modulo 2^256");
        let half: [u8; 32] = std::array::from_fn(|at| if at < 16 { 0xff } else { 0 });
        assert_eq!(sum(&[half, one]), RowSum { rows: 2, low: 0, high: 1 });
        let rows: Vec<[u8; 32]> = (0..100).map(|number: u32| row(&[&number.to_string()])).collect();
        let mut parts = sum(&rows[70..]);
        parts.merge(&sum(&rows[..70]));
        assert_eq!(parts, sum(&rows));
    }
}
