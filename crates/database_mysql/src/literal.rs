//! Names and texts as SQL.

/// Quotes a name, whatever is in it.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Quotes two names as one: a table of a schema.
pub(crate) fn within(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// Writes a text as a literal.
pub(crate) fn text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('\'');
    for character in value.chars() {
        match character {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            '\0' => literal.push_str("\\0"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_name_or_a_text_early() {
        assert_eq!(within("a`b", "c"), "`a``b`.`c`");
        assert_eq!(text("o'neil \\ \0"), "'o''neil \\\\ \\0'");
    }
}
