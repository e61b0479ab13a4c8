//! What a plain scalar means: the core schema of YAML 1.2, save where a reader of YAML 1.1 would see another number.

use crate::Node;

/// Why a plain scalar has no meaning here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// `007`: seven, or octal, or a string.
    LeadingZero,
    /// A whole number beyond 64 bits.
    TooLarge,
    /// `.inf`, `.nan`, `1e999`.
    NotFinite,
}

/// Says what a plain (unquoted) scalar is.
pub(crate) fn plain(text: &str) -> Result<Node, Unclear> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Node::Null),
        // `True` is what Python writes, also in OEP-37; `yes` and `on` are strings.
        "true" | "True" | "TRUE" => return Ok(Node::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Node::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(Unclear::NotFinite);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return i64::from_str_radix(digits, radix).map(Node::Integer).map_err(|_| Unclear::TooLarge);
        }
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(Node::String(text.to_owned()));
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(Unclear::LeadingZero);
        }
        return text.parse().map(Node::Integer).map_err(|_| Unclear::TooLarge);
    }
    if is_float(unsigned)
        && let Ok(value) = text.parse::<f64>()
    {
        return if value.is_finite() { Ok(Node::Float(value)) } else { Err(Unclear::NotFinite) };
    }
    Ok(Node::String(text.to_owned()))
}

/// Says what a plain scalar is to readers of YAML 1.1: as [`plain`], but a leading zero makes a number octal, underscores
/// part digits, and a number that is too large loses its last digits.
pub(crate) fn plain_loosely(text: &str) -> Result<Node, Unclear> {
    match plain(text) {
        Err(Unclear::LeadingZero) => {
            let octal = text.strip_prefix(['-', '+']).unwrap_or(text);
            let sign = if text.starts_with('-') { -1 } else { 1 };
            match i64::from_str_radix(octal, 8) {
                Ok(number) => Ok(Node::Integer(sign * number)),
                Err(_) => Ok(text.parse().map_or_else(|_| Node::String(text.to_owned()), Node::Float)),
            }
        }
        Err(Unclear::TooLarge) => Ok(text.parse().map_or_else(|_| Node::String(text.to_owned()), Node::Float)),
        Ok(Node::String(string)) if text.contains('_') && text.starts_with(|first: char| first.is_ascii_digit()) => {
            let parted = plain(&text.replace('_', ""));
            Ok(if let Ok(number @ (Node::Integer(_) | Node::Float(_))) = parted {
                number
            } else {
                Node::String(string)
            })
        }
        other => other,
    }
}

/// Matches `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        fraction = digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unclear, plain, plain_loosely};
    use crate::Node;

    #[test]
    fn plain_scalars_mean_what_the_core_schema_says() {
        let string = |text: &str| Ok(Node::String(text.to_owned()));
        for (text, expected) in [
            ("", Ok(Node::Null)),
            ("~", Ok(Node::Null)),
            ("true", Ok(Node::Bool(true))),
            ("True", Ok(Node::Bool(true))),
            ("tRue", string("tRue")),
            ("yes", string("yes")),
            ("off", string("off")),
            ("0", Ok(Node::Integer(0))),
            ("-12", Ok(Node::Integer(-12))),
            ("0x1F", Ok(Node::Integer(31))),
            ("0o17", Ok(Node::Integer(15))),
            ("-9223372036854775808", Ok(Node::Integer(i64::MIN))),
            ("9223372036854775808", Err(Unclear::TooLarge)),
            ("007", Err(Unclear::LeadingZero)),
            ("1.50", Ok(Node::Float(1.5))),
            ("0.5", Ok(Node::Float(0.5))),
            (".5", Ok(Node::Float(0.5))),
            ("5.", Ok(Node::Float(5.0))),
            ("1e3", Ok(Node::Float(1000.0))),
            ("1e999", Err(Unclear::NotFinite)),
            ("-.inf", Err(Unclear::NotFinite)),
            (".", string(".")),
            ("1.2.3", string("1.2.3")),
            ("1e", string("1e")),
            ("2025-01-01", string("2025-01-01")),
            ("10:30", string("10:30")),
            ("inf", string("inf")),
            ("+", string("+")),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn loose_scalars_mean_what_other_readers_see() {
        for (text, expected) in [
            ("0755", Node::Integer(493)),
            ("-010", Node::Integer(-8)),
            ("08", Node::Float(8.0)),
            ("1_000", Node::Integer(1000)),
            ("1_a", Node::String("1_a".to_owned())),
            ("18446744073709551615", Node::Float(18_446_744_073_709_551_615.0)),
            ("yes", Node::String("yes".to_owned())),
            ("1.2.3", Node::String("1.2.3".to_owned())),
        ] {
            assert_eq!(plain_loosely(text), Ok(expected), "{text}");
        }
        assert_eq!(plain_loosely(".inf"), Err(Unclear::NotFinite));
    }
}
