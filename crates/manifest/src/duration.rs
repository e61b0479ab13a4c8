//! Durations: `250ms`, `10s`, `2m`, `1h`, and for ages `30d`.

use std::time::Duration;

use source::Tree;

/// Takes a duration of the file; `None` if it is none, which the grammar has reported.
pub(crate) fn read(tree: &Tree) -> Option<Duration> {
    tree.as_str().filter(|text| crate::format::DURATION.matches(text)).and_then(parse)
}

/// Takes an age of the file, which may be in days; `None` if it is none, which the grammar has reported.
pub(crate) fn read_age(tree: &Tree) -> Option<Duration> {
    tree.as_str().filter(|text| crate::format::AGE.matches(text)).and_then(parse)
}

fn parse(text: &str) -> Option<Duration> {
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let count: u64 = text[..unit].parse().ok()?;
    match &text[unit..] {
        "ms" => Some(Duration::from_millis(count)),
        "s" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_secs(count * 60)),
        "h" => Some(Duration::from_secs(count * 60 * 60)),
        _ => Some(Duration::from_secs(count * 24 * 60 * 60)),
    }
}
