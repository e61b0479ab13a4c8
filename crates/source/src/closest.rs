//! "Did you mean": the known word that is nearest to an unknown one.

/// Returns the candidate that was probably meant, if one is near enough; of equally near ones the first.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One slip for each three letters: `prot` is `port`, `web` is not `db`.
    let limit = (word.chars().count().max(2) / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
        if distance <= limit && distance < candidate.chars().count() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_finds_the_word_and_a_different_word_finds_nothing() {
        let known = ["port", "ready", "directory", "after", "a"];
        for (word, expected) in [
            ("prot", Some("port")),
            ("Ready", Some("ready")),
            ("dierctory", Some("directory")),
            ("ater", Some("after")),
            ("image", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), expected, "{word}");
        }
    }
}
