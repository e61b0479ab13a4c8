//! Sizes: `500MB`, `5GB`.

use source::Tree;

/// Takes a size of the file, in bytes; `None` if it is none, which the grammar has reported.
pub(crate) fn read(tree: &Tree) -> Option<u64> {
    let text = tree.as_str().filter(|text| crate::format::SIZE.matches(text))?;
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let count: u64 = text[..unit].parse().ok()?;
    let bytes = match &text[unit..] {
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => 1_000_000_000_000,
    };
    Some(count * bytes)
}
