//! Durations: `250ms`, `10s`, `2m`, `1h`.

use std::time::Duration;

use source::Tree;

/// Takes a duration of the file; `None` if it is none, which the grammar has reported.
pub(crate) fn read(tree: &Tree) -> Option<Duration> {
    let text = tree.as_str().filter(|text| crate::format::DURATION.matches(text))?;
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let count: u64 = text[..unit].parse().ok()?;
    match &text[unit..] {
        "ms" => Some(Duration::from_millis(count)),
        "s" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_secs(count * 60)),
        _ => Some(Duration::from_secs(count * 60 * 60)),
    }
}
