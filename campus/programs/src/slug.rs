//! The names of programs in addresses: by number, by UUID, by slug.

use uuid::Uuid;

/// Words that stand in the place of a program in addresses.
const RESERVED: [&str; 2] = ["complete", "deleted"];
const LONGEST: usize = 255;

/// How somebody names a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By its number in the database.
    Id(i64),
    /// By its UUID, in lower case and with hyphens.
    Uuid(String),
    /// By its slug.
    Slug(String),
}

impl Reference {
    /// Reads what stands in an address; `None` if no program can have that name.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().map(Self::Id)
        } else if let Ok(uuid) = Uuid::try_parse(text) {
            Some(Self::Uuid(uuid.hyphenated().to_string()))
        } else {
            is_slug(text).then(|| Self::Slug(text.to_owned()))
        }
    }
}

/// Whether a text may be a slug: small letters, digits, hyphens, and nothing that means something else in an address.
pub fn is_slug(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(good)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && Uuid::try_parse(text).is_err()
        && !RESERVED.contains(&text)
}

/// A slug for a program of this name; the number is put behind it unless it is 1.
pub fn slug_of(name: &str, number: u32) -> String {
    let mut slug = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(LONGEST - 20);
    let slug = slug.trim_end_matches('-');
    let slug = if is_slug(slug) { slug.to_owned() } else { format!("program-{slug}").trim_end_matches('-').to_owned() };
    if number == 1 { slug } else { format!("{slug}-{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_a_uuid_or_a_slug() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for (text, reference) in [
            ("7", Some(Reference::Id(7))),
            (uuid, Some(Reference::Uuid(uuid.to_owned()))),
            ("0F8FAD5B-D9CB-469F-A165-70867728950E", Some(Reference::Uuid(uuid.to_owned()))),
            ("seeds-101", Some(Reference::Slug("seeds-101".to_owned()))),
            ("99999999999999999999", None),
            ("", None),
            ("Seeds", None),
            ("complete", None),
        ] {
            assert_eq!(Reference::parse(text), reference, "{text}");
        }
    }

    #[test]
    fn every_name_gives_a_slug() {
        for (name, number, slug) in [
            ("How Seeds Grow", 1, "how-seeds-grow"),
            ("How  Seeds: Grow!", 3, "how-seeds-grow-3"),
            ("2030", 1, "program-2030"),
            ("Complete", 1, "program-complete"),
            ("Ботаника", 2, "program-2"),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", 1, "program-0f8fad5b-d9cb-469f-a165-70867728950e"),
        ] {
            assert_eq!(slug_of(name, number), slug);
            assert!(is_slug(slug));
        }
        assert!(is_slug(&slug_of(&"long ".repeat(60), u32::MAX)));
    }
}
