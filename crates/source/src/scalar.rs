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
    use super::{Unclear, plain};
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
}
