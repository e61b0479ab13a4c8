//! Words that texts are made of, chosen by what a column is called.
//!
//! The lists are part of what a seed gives: a change of them changes the values of everybody's data.

use std::sync::Arc;

use crate::draw::{Draw, below};
use crate::locale::{Locale, in_ascii};
use crate::places::Town;

/// What a text is about, as its column's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Email,
    Url,
    Phone,
    FirstName,
    LastName,
    FullName,
    UserName,
    City,
    Region,
    Country,
    CountryCode,
    Street,
    PostalCode,
    Company,
    Title,
    Prose,
    Code,
    Word,
}

impl Style {
    /// Guesses from the name of a column; the first that fits.
    pub(crate) fn of(column: &str) -> Self {
        let name = letters(column);
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
        if has(&["email", "mailaddress"]) {
            Self::Email
        } else if has(&["url", "website", "homepage", "link", "href", "uri"]) {
            Self::Url
        } else if has(&["phone", "mobile", "fax"]) {
            Self::Phone
        } else if has(&["firstname", "givenname", "middlename", "forename"]) {
            Self::FirstName
        } else if has(&["lastname", "surname", "familyname"]) {
            Self::LastName
        } else if has(&["username", "login", "nickname", "handle"]) {
            Self::UserName
        } else if has(&["fullname", "contactname", "displayname", "author", "customername"]) {
            Self::FullName
        } else if ends(&["city", "town"]) {
            Self::City
        } else if ends(&["region", "province"]) {
            Self::Region
        } else if ends(&["countrycode", "countryiso", "nationcode"]) {
            Self::CountryCode
        } else if ends(&["country", "nation"]) {
            Self::Country
        } else if has(&["address", "street"]) {
            Self::Street
        } else if has(&["postal", "zip", "postcode"]) {
            Self::PostalCode
        } else if has(&["company", "organisation", "organization", "vendor"]) {
            Self::Company
        } else if has(&["description", "comment", "note", "text", "body", "content", "summary", "message", "bio"]) {
            Self::Prose
        } else if has(&["title", "subject", "headline"]) || name.ends_with("name") {
            Self::Title
        } else if has(&["code", "sku", "key", "slug", "token", "hash", "number", "ref"]) || name.ends_with("id") {
            Self::Code
        } else {
            Self::Word
        }
    }

    /// Makes a text; `tail` stands in it where it makes the text the only one of its kind.
    pub(crate) fn text(self, voice: &Voice, draw: Draw, row: u64, tail: Option<&str>) -> String {
        fn pick<T>(draw: Draw, row: u64, list: &'static [T]) -> &'static T {
            let index = below(draw.at(row), list.len() as u64);
            &list[usize::try_from(index).expect("it is below a length")]
        }
        let word = |salt: u64, list: &'static [&'static str]| *pick(draw.other(salt), row, list);
        let number = |salt: u64, least: u64, size: u64| least + below(draw.other(salt).at(row), size);
        let shared = voice.shared.unwrap_or(draw);
        let words = voice.locale.words();
        let told = voice.told.as_deref();
        let first =
            told.and_then(|told| told.first.as_deref()).unwrap_or_else(|| *pick(shared.other(1), row, words.first));
        let last =
            told.and_then(|told| told.last.as_deref()).unwrap_or_else(|| *pick(shared.other(2), row, words.last));
        let town = || told.and_then(|told| told.town).unwrap_or_else(|| pick(shared.other(3), row, words.towns));
        let dash = |text: String| match tail {
            Some(tail) => format!("{text}-{tail}"),
            None => text,
        };
        match self {
            Self::Email => {
                let dot = if tail.is_some() { "." } else { "" };
                format!("{}.{}{dot}{}@example.com", in_ascii(first), in_ascii(last), tail.unwrap_or_default())
            }
            Self::Url => dash(format!("https://example.com/{}/{}", word(3, NOUNS), word(4, NOUNS))),
            Self::Phone => dash(digits(words.phone, draw, row)),
            Self::FirstName => dash(first.to_owned()),
            Self::LastName => dash(last.to_owned()),
            Self::FullName => dash(format!("{first} {last}")),
            Self::UserName => dash(format!("{}.{}", in_ascii(first), in_ascii(last))),
            Self::City => dash(town().name.to_owned()),
            Self::Region => dash(town().region.to_owned()),
            Self::Country => dash(town().country.to_owned()),
            Self::CountryCode => dash(town().code.to_owned()),
            Self::Street => dash(word(3, words.streets).replace('#', &number(4, 1, 150).to_string())),
            Self::PostalCode => dash(digits(town().postal, draw, row)),
            Self::Company => dash(format!("{last} {}", word(3, words.companies))),
            Self::Title => dash(format!("{} {}", capital(word(3, ADJECTIVES)), capital(word(4, NOUNS)))),
            Self::Prose => dash(prose(draw, row, usize::try_from(number(3, 4, 12)).expect("it is small"))),
            Self::Code => dash(format!("{}{}", word(3, NOUNS), number(4, 1, 1000))),
            Self::Word => dash(word(3, NOUNS).to_owned()),
        }
    }

    /// Whether what is given of it tells others of its row something.
    pub(crate) fn tells(self) -> bool {
        matches!(self, Self::FirstName | Self::LastName | Self::FullName | Self::City)
    }

    /// What a column shares with others of its row, as a name for that: columns of one name are of one person, or one
    /// place.
    pub(crate) fn shares(self, column: &str) -> Option<String> {
        const OF_PERSONS: [&str; 13] = [
            "emailaddress",
            "mailaddress",
            "email",
            "firstname",
            "givenname",
            "forename",
            "lastname",
            "surname",
            "familyname",
            "username",
            "fullname",
            "displayname",
            "name",
        ];
        const OF_PLACES: [&str; 10] = [
            "city",
            "town",
            "region",
            "province",
            "countrycode",
            "country",
            "postalcode",
            "postcode",
            "zipcode",
            "zip",
        ];
        let (what, words): (_, &[&str]) = match self {
            Self::Email | Self::FirstName | Self::LastName | Self::FullName | Self::UserName => ("person", &OF_PERSONS),
            Self::City | Self::Region | Self::Country | Self::CountryCode | Self::PostalCode => ("place", &OF_PLACES),
            _ => return None,
        };
        let mut name = letters(column);
        // A middle name is another one.
        if name.contains("middle") {
            return None;
        }
        if let Some(word) = words.iter().find(|word| name.contains(*word)) {
            name = name.replacen(word, "", 1);
        }
        Some(format!("{what} {name}"))
    }
}

/// Whose words a text is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Voice {
    pub(crate) locale: Locale,
    /// What the person or place is drawn by, if other columns of the row are about the same one.
    pub(crate) shared: Option<Draw>,
    /// What is given of that person or place.
    pub(crate) told: Option<Arc<Told>>,
}

/// What is given of a person or a place.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    first: Option<String>,
    last: Option<String>,
    /// One of those that are known.
    town: Option<&'static Town>,
}

impl Told {
    /// Takes in what a column of a style is given.
    pub(crate) fn tell(&mut self, locale: Locale, style: Style, given: String) {
        match style {
            Style::FirstName => self.first = Some(given),
            Style::LastName => self.last = Some(given),
            Style::FullName => {
                if let Some((first, last)) = given.split_once(' ') {
                    (self.first, self.last) = (Some(first.to_owned()), Some(last.to_owned()));
                }
            }
            Style::City => {
                let known = locale.words().towns.iter().chain(Locale::World.words().towns);
                self.town = known.into_iter().find(|town| town.name == given);
            }
            _ => {}
        }
    }
}

/// So many words and one more, the first with a capital letter.
fn prose(draw: Draw, row: u64, words: usize) -> String {
    let pick = |salt: u64, list: &'static [&'static str]| {
        list[usize::try_from(below(draw.other(salt).at(row), list.len() as u64)).expect("it is below a length")]
    };
    let mut text = capital(pick(4, ADJECTIVES));
    for word in 0..words as u64 {
        text.push(' ');
        text.push_str(pick(10 + word, if word % 3 == 1 { ADJECTIVES } else { NOUNS }));
    }
    text
}

/// A text of exactly so many characters.
pub(crate) fn text_of_length(draw: Draw, row: u64, length: usize) -> String {
    let mut text = prose(draw, row, length / 4 + 1);
    while text.len() < length {
        text.push_str(" and more");
    }
    text.truncate(length);
    // No blank at the end, which some engines take away.
    if text.ends_with(' ') {
        text.pop();
        text.push('.');
    }
    text
}

/// A form in which each `#` is a digit.
fn digits(form: &str, draw: Draw, row: u64) -> String {
    let mut salt = 99;
    let digit = |letter: char| {
        if letter != '#' {
            return letter;
        }
        salt += 1;
        let digit = u32::try_from(below(draw.other(salt).at(row), 10)).expect("it is below 10");
        char::from_digit(digit, 10).expect("it is a digit")
    };
    form.chars().map(digit).collect()
}

/// The letters and digits of a name, in small letters.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const ADJECTIVES: &[&str] = &[
    "bright", "calm", "clear", "deep", "early", "fast", "fine", "gentle", "grand", "green", "hidden", "high", "keen",
    "late", "light", "little", "modern", "new", "open", "plain", "quiet", "rare", "round", "sharp", "simple", "small",
    "steady", "strong", "true", "warm", "wide", "young",
];
const NOUNS: &[&str] = &[
    "anchor", "apple", "arrow", "basin", "beacon", "birch", "bridge", "brook", "cedar", "circle", "cloud", "copper",
    "coral", "delta", "ember", "falcon", "fern", "field", "flint", "forest", "garden", "harbour", "hazel", "island",
    "ivory", "lantern", "linen", "maple", "meadow", "mirror", "orchard", "otter", "pebble", "pine", "prism", "quartz",
    "raven", "river", "saddle", "sail", "silver", "spring", "stone", "summit", "thistle", "timber", "valley", "violet",
    "willow", "window",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_say_what_a_text_is_about() {
        for (name, style) in [
            ("email", Style::Email),
            ("CustomerEmail", Style::Email),
            ("first_name", Style::FirstName),
            ("username", Style::UserName),
            ("contact_name", Style::FullName),
            ("BillingCity", Style::City),
            ("product_name", Style::Title),
            ("description", Style::Prose),
            ("sku", Style::Code),
            ("colour", Style::Word),
        ] {
            assert_eq!(Style::of(name), style, "{name}");
        }
    }

    #[test]
    fn columns_about_the_same_person_or_place_share_it() {
        let shares = |column: &str| Style::of(column).shares(column);
        for (one, other) in [
            ("email", "first_name"),
            ("customer_name", "CustomerEmail"),
            ("BillingCity", "BillingPostalCode"),
            ("city", "country_code"),
            ("zip", "country"),
        ] {
            assert!(shares(one).is_some() && shares(one) == shares(other), "{one} {other}: {:?}", shares(one));
        }
        for (one, other) in [("BillingCity", "ShippingCity"), ("email", "city"), ("first_name", "contact_first_name")] {
            assert_ne!(shares(one), shares(other));
        }
        assert_eq!(shares("middle_name"), None);
        assert_eq!(shares("title"), None);
    }

    #[test]
    fn a_city_has_its_postal_code_and_its_country() {
        let voice = Voice { locale: Locale::German, shared: Some(Draw::of(0, "t", "place ")), told: None };
        for row in 0..50 {
            let text = |style: Style| style.text(&voice, Draw::of(0, "t", &format!("{style:?}")), row, None);
            let town = Locale::German.words().towns.iter().find(|town| town.name == text(Style::City)).unwrap();
            let postal = text(Style::PostalCode);
            assert!(postal.starts_with(town.postal.trim_end_matches('#')), "{town:?} {postal}");
            assert_eq!((text(Style::Country).as_str(), text(Style::CountryCode).as_str()), ("Deutschland", "DE"));
        }
    }

    /// These texts are in people's databases: a change of them is a change of the generator's version.
    #[test]
    fn the_same_place_gives_the_same_text_for_ever() {
        let draw = Draw::of(0, "users", "text");
        let text = |locale: Locale, style: Style| style.text(&Voice { locale, ..Voice::default() }, draw, 4, None);
        let made: Vec<String> = Locale::NAMES
            .iter()
            .map(|(_, locale)| {
                let styles = [Style::FullName, Style::Email, Style::City, Style::Street, Style::Phone, Style::Company];
                styles.map(|style| text(*locale, style)).join(" | ")
            })
            .collect();
        assert_eq!(made, GOLDEN);
    }

    const GOLDEN: [&str; 7] = [
        "Amal Vargas | amal.vargas@example.com | Lima | Hill Road 131 | +49 30 762 4410 | Vargas Labs",
        "Ben Werner | ben.werner@example.com | Kiel | Goethestraße 131 | +49 762 4410917 | Werner KG",
        "Aurélie Robert | aurelie.robert@example.com | Marseille | 131 place de la Mairie | +33 1 76 24 41 09 | Robert SA",
        "Alba Romero | alba.romero@example.com | Madrid | Calle del Sol 131 | +34 976 244 109 | Romero Hermanos",
        "Andrea Santoro | andrea.santoro@example.com | Milano | Via della Libertà 131 | +39 07 6244 1091 | Santoro e Fratelli",
        "Aline Santos | aline.santos@example.com | Manaus | Rua Augusta, 131 | +55 11 97624 4109 | Santos Indústria",
        "Aiden Taylor | aiden.taylor@example.com | Honolulu | 131 Maple Avenue | +1 212 555 0176 | Taylor Group",
    ];

    #[test]
    fn texts_of_a_length_have_it_and_no_blank_at_the_end() {
        let draw = Draw::of(0, "t", "f");
        for length in [1, 2, 3, 10, 33, 200] {
            for row in 0..50 {
                let text = text_of_length(draw, row, length);
                assert!(text.len() == length && text.trim() == text, "{length} {text:?}");
            }
        }
    }

    #[test]
    fn a_tail_makes_every_text_the_only_one() {
        let draw = Draw::of(0, "t", "f");
        assert_eq!(
            Style::Email.text(&Voice::default(), draw, 3, Some("z1")).rsplit_once('.').map(|(_, end)| end),
            Some("com")
        );
        assert!(Style::Email.text(&Voice::default(), draw, 3, Some("z1")).ends_with(".z1@example.com"));
        assert!(Style::Title.text(&Voice::default(), draw, 3, Some("z1")).ends_with("-z1"));
    }
}
