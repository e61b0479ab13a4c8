//! Other values in place of those of real people: the same for the same value and key, wherever it stands.

/// What a pseudonym looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A mail address at a domain that belongs to nobody. Letters of both cases are the same.
    Email,
    /// A name of a person, in two words; two people may get the same.
    Name,
    /// A word that is no other's.
    Word,
    /// The same signs, with other digits: telephone numbers, accounts.
    Digits,
}

impl Kind {}

const FIRST: [&str; 32] = [
    "Ada", "Alan", "Amara", "Boris", "Carla", "Chen", "Dora", "Edgar", "Elif", "Emil", "Farah", "Goran", "Hana",
    "Igor", "Ines", "Jun", "Kamal", "Lena", "Luis", "Maya", "Milan", "Nadia", "Nils", "Olga", "Omar", "Petra", "Ravi",
    "Rosa", "Sven", "Tala", "Uma", "Yusuf",
];

const LAST: [&str; 32] = [
    "Alder", "Ash", "Birch", "Brook", "Cedar", "Clay", "Dale", "Elm", "Fern", "Field", "Ford", "Frost", "Glen",
    "Grove", "Hazel", "Heath", "Hill", "Ivy", "Lake", "Lark", "Linden", "Marsh", "Meadow", "Moss", "Oak", "Pine",
    "Reed", "Rowan", "Stone", "Thorn", "Vale", "Wood",
];

/// Gives what stands in place of a value.
pub fn pseudonym(key: &[u8; 32], kind: Kind, value: &str) -> String {
    let value = if kind == Kind::Email { value.to_lowercase() } else { value.to_owned() };
    let mut hasher = blake3::Hasher::new_keyed(key);
    // A word is its own kind of thing: a user's name and their address do not tell of each other.
    hasher.update(format!("{kind:?}\0").as_bytes());
    hasher.update(value.as_bytes());
    let mut bytes = vec![0; value.len().max(32)];
    hasher.finalize_xof().fill(&mut bytes);
    let hexadecimal = bytes.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    match kind {
        Kind::Email => format!("p{hexadecimal}@example.com"),
        Kind::Word => format!("w{hexadecimal}"),
        Kind::Name => format!("{} {}", FIRST[usize::from(bytes[0] % 32)], LAST[usize::from(bytes[1] % 32)]),
        Kind::Digits => value
            .chars()
            .zip(bytes.iter().cycle())
            .map(|(letter, byte)| if letter.is_ascii_digit() { char::from(b'0' + byte % 10) } else { letter })
            .collect(),
    }
}

/// The kind of pseudonym for what a column holds of people, as far as its name tells; `None`: nothing of people.
///
/// Only names that hardly mean anything else.
pub fn looks_personal(column: &str) -> Option<Kind> {
    let name: String = column.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    if ends(&["email", "emailaddress", "mailaddress"]) {
        Some(Kind::Email)
    } else if ends(&[
        "firstname",
        "lastname",
        "surname",
        "fullname",
        "givenname",
        "familyname",
        "maidenname",
        "realname",
    ]) {
        Some(Kind::Name)
    } else if ends(&[
        "phone",
        "phonenumber",
        "mobile",
        "mobilenumber",
        "telephone",
        "iban",
        "ssn",
        "passportnumber",
        "taxid",
    ]) {
        Some(Kind::Digits)
    } else if ends(&["dateofbirth", "birthdate", "birthday", "dob"]) || ends(&["street", "streetaddress"]) {
        Some(Kind::Word)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_and_key_give_the_same_and_others_another() {
        let (one, other) = ([1; 32], [2; 32]);
        let said = |key, kind, value| pseudonym(key, kind, value);
        assert_eq!(said(&one, Kind::Email, "Jane.Doe@gmail.com"), said(&one, Kind::Email, "jane.doe@gmail.com"));
        for kind in [Kind::Email, Kind::Word, Kind::Digits] {
            assert_ne!(said(&one, kind, "jane 0123456789"), said(&other, kind, "jane 0123456789"), "{kind:?}");
            assert_ne!(said(&one, kind, "jane 0123456789"), said(&one, kind, "jane 9876543210"), "{kind:?}");
        }
        let phone = said(&one, Kind::Digits, "+49 (30) 1234-567");
        assert_eq!(phone.len(), 17);
        assert!(phone.starts_with('+') && phone.contains(" ("), "{phone}");
        // What was written once stays so: a key gives the same file for ever.
        assert_eq!(said(&one, Kind::Word, "ada"), "wcb06072f8bee");
    }

    #[test]
    fn names_of_columns_tell_of_people() {
        for (name, kind) in
            [("email", Kind::Email), ("First_Name", Kind::Name), ("billing_phone", Kind::Digits), ("dob", Kind::Word)]
        {
            assert_eq!(looks_personal(name), Some(kind), "{name}");
        }
        for name in ["name", "email_sent", "created", "phone_verified", "id"] {
            assert_eq!(looks_personal(name), None, "{name}");
        }
    }
}
