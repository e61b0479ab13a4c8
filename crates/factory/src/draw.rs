//! Where values come from: digits that depend on seed, table, field and row number, and on nothing else.

/// The source of one field's digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The source of a field of a table.
    pub(crate) fn of(seed: u64, table: &str, field: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [b"factory".as_slice(), &seed.to_le_bytes(), table.as_bytes(), field.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut word = [0; 8];
        hasher.finalize_xof().fill(&mut word);
        Self(u64::from_le_bytes(word))
    }

    /// 64 digits for a row.
    pub(crate) fn at(self, row: u64) -> u64 {
        mix(self.0 ^ mix(row.wrapping_add(0x9e37_79b9_7f4a_7c15)))
    }

    /// Another source, for a second question about the same field.
    pub(crate) fn other(self, salt: u64) -> Self {
        Self(mix(self.0.wrapping_add(salt.wrapping_mul(0xd134_2543_de82_ef95))))
    }
}

/// Spreads all bits of a word over all others (the finaliser of `SplitMix64`).
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Takes a number below `size` from digits; `size` is not 0.
pub(crate) fn below(digits: u64, size: u64) -> u64 {
    let product = u128::from(digits) * u128::from(size);
    u64::try_from(product >> 64).expect("it is below the size")
}

/// Takes a number from 0 up to 1 from digits.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
pub(crate) fn fraction(digits: u64) -> f64 {
    (digits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A bijection of the numbers below a size: a Feistel network that is walked until it is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permutation {
    draw: Draw,
    size: u64,
    half: u32,
}

/// More rounds mix better and cost more; four are enough to look random.
const ROUNDS: u64 = 4;

impl Permutation {
    /// Of the numbers below `size`, which is at most 2⁶².
    pub(crate) fn new(draw: Draw, size: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        Self { draw, size, half: bits.div_ceil(2).max(1) }
    }

    /// How many numbers there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Where a number below the size goes.
    pub(crate) fn at(&self, number: u64) -> u64 {
        debug_assert!(number < self.size, "{number} is not below {}", self.size);
        let mask = (1 << self.half) - 1;
        let mut word = number;
        loop {
            let (mut left, mut right) = (word >> self.half, word & mask);
            for round in 0..ROUNDS {
                (left, right) = (right, left ^ (self.draw.other(round).at(right) & mask));
            }
            word = left << self.half | right;
            if word < self.size {
                return word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These digits are in people's databases: a change of them is a change of the format.
    #[test]
    fn the_same_place_gives_the_same_digits_for_ever() {
        let draw = Draw::of(0, "users", "email");
        let digits = [draw.at(0), draw.at(1), draw.other(1).at(0), Draw::of(1, "users", "email").at(0)];
        assert_eq!(digits.map(|digits| format!("{digits:016x}")), GOLDEN);
        let permutation = Permutation::new(draw, 1000);
        assert_eq!([0, 1, 2, 999].map(|number| permutation.at(number)), GOLDEN_PERMUTATION);
    }

    const GOLDEN: [&str; 4] = ["c34ab02dc383d9b1", "2fc71bba8cc7d52a", "c81421e560935e40", "a742874e3975fd42"];
    const GOLDEN_PERMUTATION: [u64; 4] = [864, 711, 620, 701];

    #[test]
    fn a_permutation_hits_every_number_once() {
        for size in [1, 2, 3, 5, 16, 17, 1000, 4097] {
            let permutation = Permutation::new(Draw::of(7, "t", "f"), size);
            let mut hit: Vec<u64> = (0..size).map(|number| permutation.at(number)).collect();
            hit.sort_unstable();
            assert!(hit.iter().copied().eq(0..size), "size {size}");
        }
    }

    #[test]
    fn numbers_below_a_size_are_evenly_spread() {
        let draw = Draw::of(0, "t", "f");
        let mut counts = [0; 10];
        for row in 0..10_000 {
            counts[usize::try_from(below(draw.at(row), 10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
