//! The functions of templates: made-up values that are pure functions of what they are given.

use blake3::{Hasher, OutputReader};
use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::formula::to_json;

/// The moment that stands for the present, which would differ each time.
const EPOCH: &str = "2025-01-01T00:00:00Z";
/// The longest digest, in hexadecimal digits.
const LONGEST_DIGEST: usize = 1024;

/// The names of the functions.
pub(crate) const FUNCTIONS: [&str; 3] = ["digest", "uuid", "number"];

/// Adds `digest`, `uuid`, `number` and `epoch`; another seed gives other values.
pub(crate) fn add_functions(environment: &mut Environment<'_>, seed: u64) {
    environment.add_function("digest", move |length: usize, values: Rest<Value>| digest(seed, length, &values));
    environment.add_function("uuid", move |values: Rest<Value>| uuid(seed, &values));
    environment.add_function("number", move |below: u64, values: Rest<Value>| number(seed, below, &values));
    environment.add_global("epoch", EPOCH);
}

/// Returns that many hexadecimal digits.
fn digest(seed: u64, length: usize, values: &[Value]) -> Result<String, Error> {
    if length == 0 || length > LONGEST_DIGEST {
        let message = format!("the length of a digest is from 1 to {LONGEST_DIGEST}, not {length}");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    let mut bytes = vec![0; length.div_ceil(2)];
    stream("digest", seed, values)?.fill(&mut bytes);
    let mut digits = hexadecimal(&bytes);
    digits.truncate(length);
    Ok(digits)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// Returns a UUID of version 8, which is the one for own ways to make them (RFC 9562).
fn uuid(seed: u64, values: &[Value]) -> Result<String, Error> {
    let mut bytes = [0; 16];
    stream("uuid", seed, values)?.fill(&mut bytes);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    // MariaDB takes none of version 8 whose variant is followed by zeros alone.
    bytes[8] = (0x80 | (bytes[8] & 0x3f)).max(0x81);
    let digits = hexadecimal(&bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(parts.join("-"))
}

/// Returns an integer from 0 up to `below`.
fn number(seed: u64, below: u64, values: &[Value]) -> Result<u64, Error> {
    if below == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "there is no number below 0"));
    }
    let mut bytes = [0; 8];
    stream("number", seed, values)?.fill(&mut bytes);
    // The high half of the product: spread evenly over the whole range, as far as 64 bits allow.
    let product = u128::from(u64::from_le_bytes(bytes)) * u128::from(below);
    Ok(u64::try_from(product >> 64).expect("the high half of 128 bits has 64"))
}

/// Begins an endless stream of bytes. Each value goes in with its length, so that `"a", "bc"` is not `"ab", "c"`.
fn stream(function: &str, seed: u64, values: &[Value]) -> Result<OutputReader, Error> {
    let mut hasher = Hasher::new();
    let mut take = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    take(function.as_bytes());
    take(&seed.to_le_bytes());
    for value in values {
        let json = to_json(value).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))?;
        take(json.to_string().as_bytes());
    }
    Ok(hasher.finalize_xof())
}

#[cfg(test)]
mod tests {
    use crate::formula::templates;

    fn eval(seed: u64, expression: &str) -> String {
        let templates = templates(seed);
        let compiled = templates.compile_expression(expression).unwrap();
        compiled.eval(()).map_or_else(|error| error.to_string(), |value| value.to_string())
    }

    /// These values are in people's databases: a change of them is a change of the format.
    #[test]
    fn the_same_values_give_the_same_digits_for_ever() {
        for (expression, expected) in [
            ("digest(7, 'a', 'b')", "a5f3005"),
            ("uuid('edX')", "53b98dad-9b63-8c51-b0b8-6217398303de"),
            ("number(1000, 'edX', 1)", "612"),
            ("number(1, 'x')", "0"),
            ("epoch", "2025-01-01T00:00:00Z"),
        ] {
            assert_eq!(eval(0, expression), expected, "{expression}");
        }
    }

    #[test]
    fn other_values_another_seed_and_another_split_give_others() {
        let first = eval(0, "digest(32, 'a', 'bc')");
        assert_ne!(first, eval(0, "digest(32, 'ab', 'c')"));
        assert_ne!(first, eval(0, "digest(32, 'abc')"));
        assert_ne!(first, eval(1, "digest(32, 'a', 'bc')"));
        assert_ne!(eval(0, "digest(32, 1)"), eval(0, "digest(32, '1')"));
        assert!(eval(0, "digest(64, 'a')").starts_with(&eval(0, "digest(7, 'a')")));
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        for expression in ["digest(0, 'a')", "digest(2000, 'a')", "number(0, 'a')", "uuid(missing)"] {
            assert!(eval(0, expression).starts_with("invalid operation"), "{expression}: {}", eval(0, expression));
        }
    }

    #[test]
    fn a_uuid_has_the_version_and_variant_of_its_kind() {
        let uuid = eval(0, "uuid('a', 1, true, none)");
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "8");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
