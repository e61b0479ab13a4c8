//! A command line split into words, as Compose does it.

/// A command line that was split.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its words.
    pub(crate) words: Vec<String>,
    /// Where it ended before its end: at a character that means something to shells.
    pub(crate) cut: Option<usize>,
}

/// Splits a command line at blanks; quotes and backslashes keep them. `None` if something has no end.
pub(crate) fn split(line: &str) -> Option<Line> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.char_indices();
    let mut next = || characters.next();
    while let Some((at, character)) = next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match next()?.1 {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match next()?.1 {
                        '"' => break,
                        '\\' => word.push(next()?.1),
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(next()?.1),
            ';' | '&' | '|' | '<' | '>' => {
                // `2>` is a redirection, and no word.
                let is_number = |word: &String| word.starts_with(|first: char| first.is_ascii_digit());
                words.extend(word.take_if(|word| !(character == '>' && is_number(word))));
                return Some(Line { words, cut: Some(at) });
            }
            '(' | ')' => return None,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(Line { words, cut: None })
}

#[cfg(test)]
mod tests {
    use super::{Line, split};

    #[test]
    fn lines_are_split() {
        for (line, words, cut) in [
            ("a b  c", vec!["a", "b", "c"], None),
            ("", vec![], None),
            ("'a b' \"c d\"e", vec!["a b", "c de"], None),
            (r#"a\ b "c\"d" 'e\f'"#, vec!["a b", "c\"d", r"e\f"], None),
            ("'' a", vec!["", "a"], None),
            ("a\nb # d", vec!["a", "b", "#", "d"], None),
            ("a b;c && d", vec!["a", "b"], Some(3)),
            ("a 2>b", vec!["a"], Some(3)),
            ("a '&&' b > c", vec!["a", "&&", "b"], Some(9)),
        ] {
            let words = words.into_iter().map(str::to_owned).collect();
            assert_eq!(split(line), Some(Line { words, cut }), "{line}");
        }
        for line in ["'a", "\"a", "a\\", "\"a\\", "(a)"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
