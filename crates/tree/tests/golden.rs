//! Chunk boundaries, nodes and digests are format: these vectors stand in `docs/formats/tree.md` and never change.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod common;

use common::Memory;
use tree::Class;
use tree::format::cut_bytes;

const CDC: &[i64] = &[
    28128, 87550, 64925, 67788, 30364, 38273, 50371, 101_085, 100_168, 79822, 94750, 68129, 37731, 77250, 65957, 7710,
];
const CDC_WITH_ZEROS: &[i64] =
    &[28128, 87550, 64925, 67788, 30364, 48925, -262_144, 67127, 86273, 68129, 37731, 77250, 65957, 7710];
const DIGESTS: [&str; 4] = [
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    "250f44315482faffae809863325417d8333b47776067fc764d68c44ca3999276",
    "00cd66b8355eb0eda5c1299a3f1ee2bcb3fb8e124a410b969a2de30dad5ccd36",
    "9645b5dbc6140e6b51aa57881d80c4d8fbc330357fb1d542bb02e107e6782c81",
];

/// The bytes of the vectors: `splitmix64` from 1, each number in little endian.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Lengths of the pieces; zeros are negative.
fn lengths(bytes: &[u8], class: Class) -> Vec<i64> {
    let pieces = cut_bytes(bytes, class, &Memory::default()).unwrap();
    pieces
        .iter()
        .map(|piece| if piece.id.is_some() { i64::from(piece.length) } else { -i64::from(piece.length) })
        .collect()
}

#[test]
fn content_decides_where_these_chunks_begin() {
    let mut bytes = bytes(1_000_001);
    assert_eq!(lengths(&bytes, Class::Cdc), CDC);
    bytes[300_000..600_000].fill(0);
    assert_eq!(lengths(&bytes, Class::Cdc), CDC_WITH_ZEROS);
}

#[test]
fn pages_are_cut_at_multiples_and_zeros_are_not_stored() {
    let mut bytes = bytes(100_000);
    bytes[20_000..70_000].fill(0);
    assert_eq!(lengths(&bytes, Class::Page(16_384)), [16_384, 16_384, -32_768, 16_384, 16_384, 1_696]);
}

#[test]
fn a_tree_of_one_file_has_this_digest() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    let mut digests = Vec::new();
    for length in [0, 1000, 65_536, 1_000_001] {
        std::fs::write(&path, bytes(length)).unwrap();
        digests.push(tree::save_file(&path, &Memory::default(), &tree::unwatched).unwrap().content);
    }
    assert_eq!(digests, DIGESTS);
}
