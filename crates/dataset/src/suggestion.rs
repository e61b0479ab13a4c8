//! What to say about a word that is not known: the nearest known one, or all of them.

use source::closest;

/// Returns `did you mean …?`, or else the whole list, which `what` introduces: `its fields are`.
pub(crate) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    if let Some(near) = closest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let known: Vec<_> = known.map(|known| format!("`{known}`")).collect();
    format!("{what} {}", known.join(", "))
}
