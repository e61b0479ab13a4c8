//! Locales: whose names, places and telephone numbers texts are made of.

use source::{Problem, Problems, Tree};

use crate::locale_words::{AMERICAN, BRAZILIAN, FRENCH, GERMAN, ITALIAN, SPANISH, WORLD};
use crate::places::Town;

/// Whose names, places and telephone numbers texts are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// Of the whole world.
    #[default]
    World,
    /// German, in Germany.
    German,
    /// French, in France.
    French,
    /// Spanish, in Spain.
    Spanish,
    /// Italian, in Italy.
    Italian,
    /// Portuguese, in Brazil.
    Brazilian,
    /// English, in the United States.
    American,
}

/// The words of a locale. The lists are part of what a seed gives: a change of them changes the values of everybody's data.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) first: &'static [&'static str],
    pub(crate) last: &'static [&'static str],
    pub(crate) towns: &'static [Town],
    /// Streets; what is called `#` is the number of the house.
    pub(crate) streets: &'static [&'static str],
    /// What companies are called after a name.
    pub(crate) companies: &'static [&'static str],
    /// A telephone number; each `#` is a digit.
    pub(crate) phone: &'static str,
}

impl Locale {
    /// The locales by the names that specs call them.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("world", Self::World),
        ("de_DE", Self::German),
        ("fr_FR", Self::French),
        ("es_ES", Self::Spanish),
        ("it_IT", Self::Italian),
        ("pt_BR", Self::Brazilian),
        ("en_US", Self::American),
    ];

    /// Reads the name of a locale.
    pub(crate) fn read(tree: &Tree, problems: &mut Problems) -> Option<Self> {
        let Some(name) = tree.as_str() else {
            problems.push(tree.wrong_type("a locale, such as `de_DE`"));
            return None;
        };
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let names: Vec<String> = Self::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            let help = match source::closest(name, Self::NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the locales are {}", names.join(", ")),
            };
            problems.push(
                Problem::error("spec::locale", format!("there is no locale `{name}`"))
                    .at(&tree.place, "not a locale that is known here")
                    .help(help),
            );
        }
        found.map(|(_, locale)| locale)
    }

    /// Its words.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::World => &WORLD,
            Self::German => &GERMAN,
            Self::French => &FRENCH,
            Self::Spanish => &SPANISH,
            Self::Italian => &ITALIAN,
            Self::Brazilian => &BRAZILIAN,
            Self::American => &AMERICAN,
        }
    }
}

/// A name in the letters of addresses.
pub(crate) fn in_ascii(text: &str) -> String {
    let mut ascii = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' | '.' | '-' => ascii.push(letter),
            'ä' => ascii.push_str("ae"),
            'ö' => ascii.push_str("oe"),
            'ü' => ascii.push_str("ue"),
            'ß' => ascii.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' => ascii.push('a'),
            'ç' => ascii.push('c'),
            'è' | 'é' | 'ê' | 'ë' => ascii.push('e'),
            'ì' | 'í' | 'î' | 'ï' => ascii.push('i'),
            'ñ' => ascii.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' => ascii.push('o'),
            'ù' | 'ú' | 'û' => ascii.push('u'),
            _ => {}
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_letters_for_an_address() {
        for (name, locale) in Locale::NAMES {
            let words = locale.words();
            for word in words.first.iter().chain(words.last) {
                let ascii = in_ascii(word);
                let letters = |text: &str| text.chars().filter(|letter| letter.is_alphabetic()).count();
                assert!(letters(&ascii) >= letters(word), "{name}: {word} → {ascii}");
            }
            assert!(!words.towns.is_empty() && words.phone.starts_with('+'), "{name}");
        }
    }
}
