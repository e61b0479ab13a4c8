//! Sizes, durations and numbers as Compose writes them.

/// What can be read of a text: nanoseconds of a duration such as `1m30s` or `500ms`.
pub fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units: [(&str, f64); 10] = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3600e9),
            ("d", 24.0 * 3600e9),
            ("w", 7.0 * 24.0 * 3600e9),
            ("μs", 1e3),
        ];
        // `m` begins `ms` too: the longest unit is meant.
        let fitting = units.iter().filter(|(unit, _)| rest.starts_with(unit)).max_by_key(|(unit, _)| unit.len());
        let (unit, factor) = fitting?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    let total = if negative { -total } else { total };
    // What a Go program can hold.
    (total.abs() < 9.2e18).then_some(
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        {
            total.round() as i64
        },
    )
}

/// Writes a duration as Compose does: `1m30s`, `1.5s`, `500ms`.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    for (below, unit, factor) in [(1_000, "ns", 1), (1_000_000, "µs", 1_000), (1_000_000_000, "ms", 1_000_000)] {
        if total < below {
            return format!("{sign}{}{unit}", fraction(total, factor));
        }
    }
    let seconds = total / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = fraction(total - (hours * 3600 + minutes * 60) * 1_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn fraction(value: u64, factor: u64) -> String {
    let (whole, rest) = (value / factor, value % factor);
    if rest == 0 {
        return whole.to_string();
    }
    let width = factor.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

/// What can be read of a text: the bytes of a size such as `1.5g`, `64mb` or `100`.
pub fn bytes(text: &str) -> Option<i64> {
    let text = text.trim();
    if text == "-1" {
        return Some(-1);
    }
    let end = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim_start().to_ascii_lowercase();
    let factor: i64 = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if unit != "ib" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        "p" => 1 << 50,
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "factors are powers of two")]
    let bytes = number * factor as f64;
    (bytes < 9.2e18).then_some(
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and parts of a byte are none")]
        {
            bytes as i64
        },
    )
}

/// Writes a number as Compose does where text is wanted: `1.5`, `1000`, `1e+21`.
pub(crate) fn float(value: f64) -> String {
    if value != 0.0 && (value.abs() < 1e-4 || value.abs() >= 1e21) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration, float, nanoseconds};

    #[test]
    fn durations_are_read_and_written() {
        for (text, written) in [
            ("1m30s", "1m30s"),
            ("90s", "1m30s"),
            ("500ms", "500ms"),
            ("1.5s", "1.5s"),
            ("0", "0s"),
            ("2h", "2h0m0s"),
            ("1d", "24h0m0s"),
            ("10us", "10µs"),
            ("3h0m0.25s", "3h0m0.25s"),
            ("-1s", "-1s"),
        ] {
            assert_eq!(nanoseconds(text).map(duration).as_deref(), Some(written), "{text}");
        }
        for text in ["", "5", "s", "1x", "1 s", "1.s.", "-", "9999999999h"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("100", 100),
            ("1k", 1024),
            ("64mb", 64 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("5 M", 5 << 20),
            ("12b", 12),
            ("-1", -1),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "k", "1x", "1kk", "-5m", "ib"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_written() {
        for (value, expected) in [(1.5, "1.5"), (1000.0, "1000"), (1e21, "1e+21"), (1.5e-7, "1.5e-07"), (0.0, "0")] {
            assert_eq!(float(value), expected);
        }
    }
}
