//! Patterns of texts: what LIKE and the common regular expressions ask for, as a row of classes of letters.

use crate::draw::{Draw, below};

/// Letters of a class, so many times.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    letters: Vec<char>,
    least: u32,
    most: u32,
}

/// A pattern that texts are made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

/// How many letters stand for "any number of".
const MANY: u32 = 6;

/// The most of one part: more is a limit, and not what texts look like.
const MOST: u32 = 40;

impl Pattern {
    /// Reads the pattern of LIKE.
    pub(crate) fn like(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '%' => Part { letters: alphabet('a', 'z'), least: 1, most: MANY },
                '_' => Part { letters: alphabet('a', 'z'), least: 1, most: 1 },
                '\\' => literal(letters.next().unwrap_or('\\')),
                other => literal(other),
            });
        }
        Self(parts)
    }

    /// Reads a regular expression without alternatives and groups; `None` when it is another one.
    pub(crate) fn regular(text: &str) -> Option<Self> {
        let (start, rest) = match text.strip_prefix('^') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (end, rest) = match rest.strip_suffix('$') {
            Some(rest) if !rest.ends_with('\\') => (true, rest),
            _ => (false, rest),
        };
        let mut parts = Vec::new();
        if !start {
            parts.push(Part { letters: alphabet('a', 'z'), least: 0, most: 2 });
        }
        let mut letters = rest.chars().peekable();
        while let Some(letter) = letters.next() {
            let class = match letter {
                '[' => class(&mut letters)?,
                '.' => alphabet('a', 'z'),
                '\\' => escaped(letters.next()?)?,
                '(' | ')' | '|' | '^' | '$' | '*' | '+' | '?' | '{' | '}' => return None,
                other => vec![other],
            };
            let (least, most) = repetition(&mut letters)?;
            parts.push(Part { letters: class, least, most });
        }
        if !end {
            parts.push(Part { letters: alphabet('a', 'z'), least: 0, most: 2 });
        }
        Some(Self(parts))
    }

    /// The length of the shortest text.
    pub(crate) fn least(&self) -> u32 {
        self.0.iter().map(|part| part.least).sum()
    }

    /// How many texts [`nth`](Self::nth) gives for a greatest length, at most 2⁶².
    pub(crate) fn size(&self, length: Option<u32>) -> u64 {
        let most = self.lengths(length, None);
        let mut size = 1_u64;
        for (part, count) in self.0.iter().zip(most) {
            for _ in 0..count {
                size = size.saturating_mul(part.letters.len() as u64).min(1 << 62);
            }
        }
        size
    }

    /// The text of a number below the size; another one for each.
    pub(crate) fn nth(&self, mut number: u64, length: Option<u32>) -> String {
        let lengths = self.lengths(length, None);
        let mut letters = Vec::new();
        for (part, count) in self.0.iter().zip(lengths).rev() {
            for _ in 0..count {
                let size = part.letters.len() as u64;
                letters.push(part.letters[usize::try_from(number % size).expect("it is below a length")]);
                number /= size;
            }
        }
        letters.into_iter().rev().collect()
    }

    /// A text.
    pub(crate) fn text(&self, draw: Draw, row: u64, length: Option<u32>) -> String {
        let lengths = self.lengths(length, Some((draw, row)));
        let mut text = String::new();
        let mut position = 1000;
        for (part, count) in self.0.iter().zip(lengths) {
            for _ in 0..count {
                let index = below(draw.other(position).at(row), part.letters.len() as u64);
                text.push(part.letters[usize::try_from(index).expect("it is below a length")]);
                position += 1;
            }
        }
        text
    }

    /// How often each part comes; all together no more than the length.
    fn lengths(&self, length: Option<u32>, drawn: Option<(Draw, u64)>) -> Vec<u32> {
        let mut spare = length.map_or(u32::MAX, |length| length.saturating_sub(self.least()));
        let count = |(index, part): (usize, &Part)| {
            let range = (part.most - part.least).min(spare);
            let more = match drawn {
                Some((draw, row)) => {
                    let more = below(draw.other(500 + index as u64).at(row), u64::from(range) + 1);
                    u32::try_from(more).expect("it is at most a range")
                }
                None => range,
            };
            spare -= more;
            part.least + more
        };
        self.0.iter().enumerate().map(count).collect()
    }
}

fn literal(letter: char) -> Part {
    Part { letters: vec![letter], least: 1, most: 1 }
}

fn alphabet(first: char, last: char) -> Vec<char> {
    (first..=last).collect()
}

fn escaped(letter: char) -> Option<Vec<char>> {
    Some(match letter {
        'd' => alphabet('0', '9'),
        'w' => alphabet('a', 'z'),
        's' => vec![' '],
        letter if letter.is_alphanumeric() => return None,
        other => vec![other],
    })
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn class(letters: &mut Letters<'_>) -> Option<Vec<char>> {
    let mut members = Vec::new();
    loop {
        match letters.next()? {
            ']' if !members.is_empty() => return Some(members),
            '^' if members.is_empty() => return None,
            '[' => {
                let name: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                letters.next_if_eq(&']')?;
                members.extend(match name.as_str() {
                    ":alpha:" | ":lower:" => alphabet('a', 'z'),
                    ":upper:" => alphabet('A', 'Z'),
                    ":digit:" => alphabet('0', '9'),
                    ":alnum:" => alphabet('a', 'z').into_iter().chain(alphabet('0', '9')).collect(),
                    _ => return None,
                });
            }
            '\\' => members.extend(escaped(letters.next()?)?),
            first => {
                let mut ahead = letters.clone();
                if ahead.next() == Some('-')
                    && let Some(last) = ahead.next().filter(|last| *last != ']')
                {
                    *letters = ahead;
                    members.extend(alphabet(first, last));
                } else {
                    members.push(first);
                }
            }
        }
    }
}

fn repetition(letters: &mut Letters<'_>) -> Option<(u32, u32)> {
    Some(match letters.peek() {
        Some('*') => (letters.next().map(|_| 0)?, MANY),
        Some('+') => (letters.next().map(|_| 1)?, MANY),
        Some('?') => (letters.next().map(|_| 0)?, 1),
        Some('{') => {
            let text: String = letters.by_ref().skip(1).take_while(|letter| *letter != '}').collect();
            let (least, most) = match text.split_once(',') {
                None => (text.parse().ok()?, text.parse().ok()?),
                Some((least, "")) => {
                    let least: u32 = least.parse().ok()?;
                    (least, least.saturating_add(MANY))
                }
                Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
            };
            (least <= most && least <= 1000).then_some((least, most.min(least.saturating_add(MOST))))?
        }
        _ => (1, 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_the_pattern_says() {
        let pattern = Pattern::regular("^[A-Z]{2}-\\d{3}$").unwrap();
        assert_eq!(pattern.nth(0, None), "AA-000");
        assert_eq!(pattern.nth(1, None), "AA-001");
        assert_eq!(pattern.size(None), 676_000);
        let drawn = pattern.text(Draw::of(0, "t", "f"), 5, None);
        assert_eq!((drawn.len(), &drawn[2..3]), (6, "-"));
        let like = Pattern::like("ab_%");
        assert!(like.text(Draw::of(0, "t", "f"), 5, Some(4)).starts_with("ab"));
        assert_eq!(like.text(Draw::of(0, "t", "f"), 5, Some(4)).len(), 4);
    }

    #[test]
    fn what_is_not_read_is_not_guessed() {
        for text in ["a|b", "(a)", "[^a]", "\\bword", "a{3,1}", "[a"] {
            assert_eq!(Pattern::regular(text), None, "{text}");
        }
    }
}
