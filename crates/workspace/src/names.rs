//! Names of resources, tags and parameters as names of files.

use std::fmt::Write as _;

/// The stem of the file for a name: what is not a letter, a digit, `-`, `_` or a `.` inside becomes `%` and two digits.
pub fn file_stem(name: &str) -> String {
    let mut stem = String::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => stem.push(char::from(byte)),
            b'.' if at > 0 => stem.push('.'),
            _ => write!(stem, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    stem
}

/// The name that a stem stands for; `None` when it stands for none.
pub fn of_stem(stem: &str) -> Option<String> {
    let mut rest = stem.bytes();
    let mut name = Vec::new();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok()
}

/// What is wrong with a new name of a resource, if something is.
pub fn check(name: &str) -> Result<(), &'static str> {
    let fits = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    match name.chars().next() {
        None => Err("it is empty"),
        Some(first) if !first.is_alphanumeric() => Err("it begins with a letter or a digit"),
        _ if name.len() > 100 => Err("it has at most 100 bytes"),
        _ if name.chars().all(fits) => Ok(()),
        _ => Err("it has letters, digits, '-', '_' and '.' only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_file() {
        for name in ["data", "a/b", ".hidden", "größe v1", "100%", "a.b-c_d"] {
            assert_eq!(of_stem(&file_stem(name)).as_deref(), Some(name));
        }
        assert_eq!(file_stem("../x"), "%2E.%2Fx");
        assert_eq!(of_stem("a%zz"), None);
    }

    #[test]
    fn names_of_resources_are_words() {
        assert!(check("raw-data.v1").is_ok() && check("größe").is_ok());
        assert!(check("").is_err() && check("-x").is_err() && check("a/b").is_err() && check("a b").is_err());
    }
}
