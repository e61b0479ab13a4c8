//! Words that texts are made of, chosen by what a column is called.
//!
//! The lists are part of what a seed gives: a change of them changes the values of everybody's data.

use crate::draw::{Draw, below};

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
    Country,
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
        let name: String = column.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
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
    pub(crate) fn text(self, draw: Draw, row: u64, tail: Option<&str>) -> String {
        let pick = |salt: u64, list: &'static [&'static str]| {
            let index = below(draw.other(salt).at(row), list.len() as u64);
            list[usize::try_from(index).expect("it is below a length")]
        };
        let number = |salt: u64, least: u64, size: u64| least + below(draw.other(salt).at(row), size);
        let (first, last) = (pick(1, FIRST), pick(2, LAST));
        let dash = |text: String| match tail {
            Some(tail) => format!("{text}-{tail}"),
            None => text,
        };
        match self {
            Self::Email => {
                let dot = if tail.is_some() { "." } else { "" };
                let local = format!("{first}.{last}{dot}{}", tail.unwrap_or_default()).to_lowercase();
                format!("{local}@example.com")
            }
            Self::Url => dash(format!("https://example.com/{}/{}", pick(3, NOUNS), pick(4, NOUNS))),
            Self::Phone => dash(format!("+49 30 {:03} {:04}", number(3, 0, 1000), number(4, 0, 10_000))),
            Self::FirstName => dash(first.to_owned()),
            Self::LastName => dash(last.to_owned()),
            Self::FullName => dash(format!("{first} {last}")),
            Self::UserName => dash(format!("{first}.{last}").to_lowercase()),
            Self::City => dash(pick(3, CITIES).to_owned()),
            Self::Country => dash(pick(3, COUNTRIES).to_owned()),
            Self::Street => dash(format!("{} {}", pick(3, STREETS), number(4, 1, 150))),
            Self::PostalCode => dash(format!("{:05}", number(3, 10_000, 90_000))),
            Self::Company => dash(format!("{last} {}", pick(3, COMPANIES))),
            Self::Title => dash(format!("{} {}", capital(pick(3, ADJECTIVES)), capital(pick(4, NOUNS)))),
            Self::Prose => {
                let words = number(3, 4, 12);
                let mut text = capital(pick(4, ADJECTIVES));
                for word in 0..words {
                    text.push(' ');
                    text.push_str(pick(10 + word, if word % 3 == 1 { ADJECTIVES } else { NOUNS }));
                }
                dash(text)
            }
            Self::Code => dash(format!("{}{}", pick(3, NOUNS), number(4, 1, 1000))),
            Self::Word => dash(pick(3, NOUNS).to_owned()),
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const FIRST: &[&str] = &[
    "Ada", "Alan", "Amal", "Anita", "Barbara", "Carlos", "Chidi", "Dana", "Edsger", "Elena", "Fatima", "Grace", "Hana",
    "Hedy", "Ines", "Ivan", "Jamal", "Joan", "Kenji", "Lena", "Linus", "Maria", "Mei", "Nadia", "Niklaus", "Olga",
    "Omar", "Priya", "Radia", "Rosa", "Samir", "Sofia", "Tariq", "Tony", "Uma", "Vera", "Wei", "Yuki", "Zara", "Zoe",
];
const LAST: &[&str] = &[
    "Adeyemi", "Allen", "Bauer", "Borg", "Chen", "Costa", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Hopper",
    "Ito", "Jensen", "Kaya", "Kim", "Kowalski", "Lamarr", "Lovelace", "Mehta", "Moreau", "Nakamura", "Novak", "Okafor",
    "Perlman", "Petrov", "Rossi", "Sato", "Schmidt", "Silva", "Singh", "Turing", "Vargas", "Weber", "Wirth", "Yilmaz",
    "Zhang",
];
const CITIES: &[&str] = &[
    "Accra", "Athens", "Berlin", "Bogota", "Cairo", "Dublin", "Hanoi", "Helsinki", "Istanbul", "Kyoto", "Lagos",
    "Lima", "Lisbon", "Madrid", "Mumbai", "Nairobi", "Oslo", "Porto", "Prague", "Quito", "Riga", "Seoul", "Toronto",
    "Vienna",
];
const COUNTRIES: &[&str] = &[
    "Argentina",
    "Brazil",
    "Canada",
    "Egypt",
    "Estonia",
    "France",
    "Germany",
    "Ghana",
    "India",
    "Italy",
    "Japan",
    "Kenya",
    "Mexico",
    "Norway",
    "Peru",
    "Poland",
    "Portugal",
    "Spain",
    "Sweden",
    "Turkey",
    "Uruguay",
    "Vietnam",
];
const STREETS: &[&str] = &[
    "Acacia Avenue",
    "Bridge Street",
    "Canal Walk",
    "Church Lane",
    "Garden Road",
    "Harbour Street",
    "High Street",
    "Hill Road",
    "Lake View",
    "Market Square",
    "Mill Lane",
    "North Street",
    "Park Road",
    "River Walk",
    "Station Road",
];
const COMPANIES: &[&str] =
    &["Brothers", "Foods", "Group", "Industries", "Labs", "Logistics", "Partners", "Systems", "Works"];
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
    fn a_tail_makes_every_text_the_only_one() {
        let draw = Draw::of(0, "t", "f");
        assert_eq!(Style::Email.text(draw, 3, Some("z1")).rsplit_once('.').map(|(_, end)| end), Some("com"));
        assert!(Style::Email.text(draw, 3, Some("z1")).ends_with(".z1@example.com"));
        assert!(Style::Title.text(draw, 3, Some("z1")).ends_with("-z1"));
    }
}
