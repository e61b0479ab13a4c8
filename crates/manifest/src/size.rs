//! Sizes: `500MB`, `5GB`.

use source::Tree;

/// Takes a size of the file, in bytes; `None` if it is none, which the grammar has reported.
pub(crate) fn read(tree: &Tree) -> Option<u64> {
    tree.as_str().and_then(bytes)
}

/// Reads a size as manifests have it: `5GB` is 5,000,000,000 bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    bytes(text).ok_or_else(|| "a size is written like `500MB` or `5GB`".to_owned())
}

fn bytes(text: &str) -> Option<u64> {
    let text = Some(text).filter(|text| crate::format::SIZE.matches(text))?;
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
