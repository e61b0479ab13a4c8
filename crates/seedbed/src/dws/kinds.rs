//! What the values of options may be, and what is said when they are not.

use std::path::{Path, PathBuf};

/// The roles, in the order in which they are listed.
pub const ROLES: [&str; 4] = ["source-data", "intermediate-data", "code", "results"];

/// Several roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(pub Vec<String>);

/// A role, or its first letter.
pub fn role(text: &str) -> Result<String, String> {
    let lower = text.to_lowercase();
    let found = ROLES.iter().find(|role| **role == lower || role[..1] == lower);
    found.map(|role| (*role).to_owned()).ok_or_else(|| unknown(&ROLES.join(", ")))
}

/// A role of data.
pub fn data_role(text: &str) -> Result<String, String> {
    let is_data = |role: &String| ROLES[..2].contains(&role.as_str());
    role(text).ok().filter(is_data).ok_or_else(|| unknown(&ROLES[..2].join(", ")))
}

/// Roles with commas between, or `all`.
pub fn roles(text: &str) -> Result<Roles, String> {
    let mut all = Vec::new();
    for word in text.to_lowercase().split(',') {
        if word == "all" {
            return Ok(Roles(ROLES.iter().map(|role| (*role).to_owned()).collect()));
        }
        all.push(role(word).map_err(|_| unknown(&format!("{}, all", ROLES.join(", "))))?);
    }
    Ok(Roles(all))
}

fn unknown(known: &str) -> String {
    format!("Invalid resource role. Must be one of: {known}")
}

/// The name of a machine, or a tag.
pub fn word(text: &str) -> Result<String, String> {
    if is_word(text) { Ok(text.to_owned()) } else { Err(FORM.to_owned()) }
}

/// A tag or a hash.
pub fn snapshot(text: &str) -> Result<String, String> {
    if is_word(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("Snapshot tag or hash: {}{}", FORM[..1].to_lowercase(), &FORM[1..]))
    }
}

const FORM: &str = "Must start with a letter or number and only contain letters, numbers, '.', '_', or '-'";

/// Parts with dots between, of letters, digits and, inside, `-`; none longer than in the name of a host. An `_` is refused: dws says
/// that it may be, and refuses it.
fn is_word(text: &str) -> bool {
    let is_edge = |byte: u8| byte.is_ascii_alphanumeric();
    text.split('.').all(|part| {
        let bytes = part.as_bytes();
        let inside = bytes.iter().all(|byte| is_edge(*byte) || *byte == b'-');
        (1..=63).contains(&bytes.len()) && is_edge(bytes[0]) && is_edge(bytes[bytes.len() - 1]) && inside
    })
}

/// A whole number that is not negative.
pub fn integer(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("'{text}' is not a valid integer."))
}

/// A directory that is there.
pub fn directory(text: &str) -> Result<PathBuf, String> {
    if Path::new(text).is_dir() { Ok(PathBuf::from(text)) } else { Err(format!("Directory '{text}' does not exist")) }
}

/// A directory that can be made.
pub fn new_directory(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.ancestors().find(|above| above.exists()) {
        Some(above) if !above.is_dir() => Err(format!("Directory \"{}\" is a file.", above.display())),
        _ => Ok(path.to_owned()),
    }
}

/// The root of a workspace.
pub fn workspace(text: &str) -> Result<PathBuf, String> {
    let path = directory(text)?;
    if path.join(".dataworkspace").is_dir() {
        return Ok(path);
    }
    Err(format!("No .dataworkspace directory found under '{text}'. Did you run 'dws init'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_can_be_its_first_letter() {
        assert_eq!(role("R").as_deref(), Ok("results"));
        assert_eq!(role("source-data").as_deref(), Ok("source-data"));
        assert!(role("x").is_err() && data_role("c").is_err());
        assert_eq!(roles("code,r").unwrap().0, ["code", "results"]);
        assert_eq!(roles("all").unwrap().0, ROLES);
    }

    #[test]
    fn tags_and_machines_are_words() {
        for good in ["SVC-1", "v1.0", "a", "192.168.1.9"] {
            assert!(word(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a..b", "a-", "a_b", "ä"] {
            assert!(word(bad).is_err(), "{bad}");
        }
    }
}
