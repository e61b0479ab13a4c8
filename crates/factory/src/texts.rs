//! Texts: of a style or a pattern, as long as they may be.

use crate::domain::ENDLESS;
use crate::draw::Draw;
use crate::pattern::Pattern;
use crate::words::{Style, Voice};

/// Texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Texts {
    pub(crate) style: Style,
    pub(crate) voice: Voice,
    pub(crate) least: u32,
    pub(crate) length: Option<u32>,
    pub(crate) case: Case,
    pub(crate) pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Any,
    Lower,
    Upper,
}

impl Texts {
    pub(crate) fn size(&self) -> u64 {
        if let Some(pattern) = &self.pattern {
            return pattern.size(self.length);
        }
        let Some(length) = self.length else { return ENDLESS };
        let letters = if length > CODE { length - 1 } else { length };
        36_u64.checked_pow(letters).unwrap_or(ENDLESS).min(ENDLESS)
    }

    pub(crate) fn nth(&self, number: u64, draw: Draw, row: u64) -> String {
        if let Some(pattern) = &self.pattern {
            return self.in_case(pattern.nth(number, self.length));
        }
        let tail = base36(number);
        let text = match self.length {
            Some(length) if length <= CODE => format!("{tail:0>width$}", width = length as usize),
            length => {
                let text = self.style.text(&self.voice, draw, row, Some(&tail));
                match length {
                    // What is cut must not be what makes it the only one.
                    Some(length) if text.chars().count() > length as usize => {
                        let plain = self.style.text(&self.voice, draw, row, None);
                        let room = (length as usize).saturating_sub(tail.len() + 1);
                        let head: String = plain.chars().take(room).collect();
                        format!("{head}-{tail}")
                    }
                    _ => text,
                }
            }
        };
        self.in_case(self.filled(text))
    }

    pub(crate) fn draw(&self, draw: Draw, row: u64) -> String {
        if let Some(pattern) = &self.pattern {
            return self.in_case(pattern.text(draw, row, self.length));
        }
        let is_code = self.length == Some(2) && self.style == Style::Country;
        let style = if is_code { Style::CountryCode } else { self.style };
        let mut text = style.text(&self.voice, draw, row, None);
        if is_code {
            return self.in_case(text);
        }
        if let Some(length) = self.length {
            if length <= 3 {
                text = base36(draw.at(row)).chars().filter(char::is_ascii_alphabetic).take(length as usize).collect();
                text = format!("{text:a<width$}", width = length as usize);
            } else if let Some((end, _)) = text.char_indices().nth(length as usize) {
                text.truncate(end);
                text.truncate(text.trim_end().len());
            }
        }
        self.in_case(self.filled(text))
    }

    /// Made as long as it must be; in front, where it does not touch what makes it the only one.
    fn filled(&self, text: String) -> String {
        let missing = (self.least as usize).saturating_sub(text.chars().count());
        if missing == 0 { text } else { format!("{}{text}", "x".repeat(missing)) }
    }

    fn in_case(&self, text: String) -> String {
        match self.case {
            Case::Any => text,
            Case::Lower => text.to_lowercase(),
            Case::Upper => text.to_uppercase(),
        }
    }
}

/// Up to this length a text that must be the only one is digits and letters alone.
const CODE: u32 = 8;

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(number % 36).expect("it is below 36"), 36).expect("it is a digit"));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

pub(crate) fn word(draw: Draw, row: u64) -> String {
    Style::Word.text(&Voice::default(), draw.other(77), row, None)
}
