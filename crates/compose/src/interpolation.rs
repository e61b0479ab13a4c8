//! `${…}` in values: variables, with what stands for one that is not set, and `$$`.

use std::ops::Range;

use source::{Node, Place, Problem, Problems, Tree};

use crate::Variables;

/// How deep `${a:-${b:-…}}` may be.
const MAX_DEPTH: usize = 32;

/// Replaces variables in all strings below a value; keys are left as they are.
pub(crate) fn interpolate(tree: &mut Tree, variables: &Variables, problems: &mut Problems) {
    match &mut tree.node {
        Node::String(text) if text.contains('$') => match substitute(text, variables) {
            Ok(Substituted { text: value, unset }) => {
                for (name, range) in unset {
                    problems.push(not_set(&name, &tree.place.within(text, range)));
                }
                *text = value;
            }
            Err(Failure { range, message, help }) => problems.push(
                Problem::error("compose::variable", message)
                    .at(&tree.place.within(text, range), "here")
                    .maybe_help(help),
            ),
        },
        Node::List(values) => values.iter_mut().for_each(|value| interpolate(value, variables, problems)),
        Node::Map(entries) => {
            for entry in entries {
                interpolate(&mut entry.value, variables, problems);
            }
        }
        _ => {}
    }
}

fn not_set(name: &str, place: &Place) -> Problem {
    Problem::warning("compose::variable-not-set", format!("the variable `{name}` is not set"))
        .at(place, "nothing stands for it here")
        .help(format!("set it in the environment or in `.env`, or say what stands for it: `${{{name}:-…}}`"))
}

/// A text in which variables were replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Variables that are not set and for which nothing was given, with where they stand in the text.
    pub(crate) unset: Vec<(String, Range<usize>)>,
}

/// Why variables could not be replaced, and where in the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Replaces variables in a text.
pub(crate) fn substitute(text: &str, variables: &Variables) -> Result<Substituted, Failure> {
    let mut substituted = Substituted { text: String::new(), unset: Vec::new() };
    substitute_part(text, 0, 0, variables, &mut substituted)?;
    Ok(substituted)
}

/// Replaces variables in a part of a text that begins at `start`.
fn substitute_part(
    part: &str,
    start: usize,
    depth: usize,
    variables: &Variables,
    into: &mut Substituted,
) -> Result<(), Failure> {
    let mut at = 0;
    while let Some(dollar) = part[at..].find('$') {
        into.text.push_str(&part[at..at + dollar]);
        let begin = at + dollar;
        let after = &part[begin + 1..];
        if after.starts_with('$') {
            into.text.push('$');
            at = begin + 2;
        } else if let Some(length) = name_length(after) {
            let name = &after[..length];
            at = begin + 1 + length;
            match variables.get(name) {
                Some(value) => into.text.push_str(value),
                None => into.unset.push((name.to_owned(), start + begin..start + at)),
            }
        } else if after.starts_with('{') {
            let length = braced_length(&part[begin..]).ok_or_else(|| Failure {
                range: start + begin..start + begin + 2,
                message: "`${` has no end".to_owned(),
                help: Some("end it with `}`, or write `$$` for a dollar".to_owned()),
            })?;
            substitute_braced(&part[begin..begin + length], start + begin, depth, variables, into)?;
            at = begin + length;
        } else {
            let end = begin + 1 + after.chars().next().map_or(0, char::len_utf8);
            return Err(Failure {
                range: start + begin..start + end,
                message: format!("`{}` is not a variable", &part[begin..end]),
                help: Some("write `$$` for a dollar".to_owned()),
            });
        }
    }
    into.text.push_str(&part[at..]);
    Ok(())
}

/// Replaces one `${…}`, which begins at `start`.
fn substitute_braced(
    braced: &str,
    start: usize,
    depth: usize,
    variables: &Variables,
    into: &mut Substituted,
) -> Result<(), Failure> {
    let whole = start..start + braced.len();
    let inner = &braced[2..braced.len() - 1];
    let failure = |message: String, help: &str| Failure { range: whole.clone(), message, help: Some(help.to_owned()) };
    let Some(length) = name_length(inner) else {
        return Err(failure(format!("`{braced}` names no variable"), "a name has letters, digits and underscores"));
    };
    if depth == MAX_DEPTH {
        return Err(failure(format!("variables are inside each other more than {MAX_DEPTH} levels deep"), "set them"));
    }
    let (name, rest) = inner.split_at(length);
    if rest.is_empty() {
        match variables.get(name) {
            Some(value) => into.text.push_str(value),
            None => into.unset.push((name.to_owned(), whole)),
        }
        return Ok(());
    }
    let (may_be_empty, operator) = match rest.strip_prefix(':') {
        Some(operator) => (false, operator),
        None => (true, rest),
    };
    let value = variables.get(name).filter(|value| may_be_empty || !value.is_empty());
    let Some(word) = operator.strip_prefix(['-', '+', '?']) else {
        return Err(failure(
            format!("`{rest}` does not follow a variable"),
            "after the name may come `:-`, `-`, `:+`, `+`, `:?` or `?`; write `$$` for a dollar",
        ));
    };
    let word_start = start + braced.len() - 1 - word.len();
    match (operator.as_bytes()[0], value) {
        (b'-' | b'?', Some(value)) => into.text.push_str(value),
        (b'+', None) => {}
        (b'-' | b'+', _) => substitute_part(word, word_start, depth + 1, variables, into)?,
        _ => {
            let mut reason = Substituted { text: String::new(), unset: Vec::new() };
            substitute_part(word, word_start, depth + 1, variables, &mut reason)?;
            let reason = if reason.text.is_empty() { String::new() } else { format!(": {}", reason.text) };
            let state = if variables.get(name).is_some() { "is empty" } else { "is not set" };
            return Err(failure(
                format!("the variable `{name}` {state}{reason}"),
                "set it in the environment, or in `.env` beside the file",
            ));
        }
    }
    Ok(())
}

/// Returns how many bytes of a name a text begins with.
fn name_length(text: &str) -> Option<usize> {
    let first = text.bytes().next()?;
    let is_first = first.is_ascii_alphabetic() || first == b'_';
    is_first.then(|| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count())
}

/// Returns the length of the `${…}` that a text begins with, with those inside it.
fn braced_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("${") {
            depth += 1;
            at += 2;
        } else {
            let next = text[at..].chars().next()?;
            at += next.len_utf8();
            if next == '}' {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::substitute;
    use crate::Variables;

    fn variables() -> Variables {
        [("A", "a"), ("E", ""), ("_x1", "y")].into_iter().collect()
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("$A-${A}", "a-a"),
            ("$_x1.$A", "y.a"),
            ("$$A $${A}", "$A ${A}"),
            ("${N:-d}${N-d}${E:-d}${E-d}", "ddd"),
            ("${A:-d}${A-d}", "aa"),
            ("${A:+p}${E:+p}${E+p}${N+p}", "pp"),
            ("${A:?e}${A?e}${E?e}", "aa"),
            ("${N:-${M:-${A}}}", "a"),
            ("${N:-{x}}", "{x}"),
            ("${N:-a:b?c-d}", "a:b?c-d"),
            ("${N:-$$A}", "$A"),
            ("$N|${N}", "|"),
            ("ä$Aä", "aä"),
        ] {
            let expected = if text == "ä$Aä" { "äaä" } else { expected };
            assert_eq!(substitute(text, &variables()).expect(text).text, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_range() {
        for (text, at, message) in [
            ("x $1", "$1", "`$1` is not a variable"),
            ("x $", "$", "`$` is not a variable"),
            ("x ${A", "${", "`${` has no end"),
            ("${}", "${}", "`${}` names no variable"),
            ("a ${A!b}", "${A!b}", "`!b` does not follow a variable"),
            ("a ${N:?no $A}", "${N:?no $A}", "the variable `N` is not set: no a"),
            ("a ${E:?}", "${E:?}", "the variable `E` is empty"),
            ("${N:-${M?m}}", "${M?m}", "the variable `M` is not set: m"),
        ] {
            let failure = substitute(text, &variables()).expect_err(text);
            assert_eq!((&text[failure.range], failure.message.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn variables_for_which_nothing_stands_are_told() {
        let unset = substitute("$N ${M:-$L} ${K:-x}", &variables()).expect("variables").unset;
        assert_eq!(unset, [("N".to_owned(), 0..2), ("L".to_owned(), 8..10)]);
    }
}
