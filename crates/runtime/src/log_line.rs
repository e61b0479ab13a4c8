//! One line of a unit's log.

use std::fmt::Write as _;

use supervisor::Timestamp;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The standard output of the process.
    Output,
    /// The standard error of the process.
    Errors,
    /// The supervisor, about the process.
    Remark,
}

impl Stream {
    const fn letter(self) -> char {
        match self {
            Self::Output => 'o',
            Self::Errors => 'e',
            Self::Remark => 's',
        }
    }
}

/// One line of a unit's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was captured.
    pub time: Timestamp,
    /// Where it comes from.
    pub stream: Stream,
    /// Whether it is only a piece of a longer line, which goes on in the next one of the same stream.
    pub is_cut: bool,
    /// Its text, without the end of the line; what is not UTF-8 is replaced.
    pub text: String,
}

impl LogLine {
    /// Reads a line of a log file; `None` if it is not one.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (head, text) = line.split_at_checked(PREFIX_LENGTH)?;
        let head = str::from_utf8(head).ok()?;
        let time = parse_time(head.get(..24)?)?;
        let letter = head.get(24..)?.strip_prefix(' ')?.strip_suffix(' ')?.chars().next()?;
        let stream = [Stream::Output, Stream::Errors, Stream::Remark]
            .into_iter()
            .find(|stream| stream.letter() == letter.to_ascii_lowercase())?;
        let text = String::from_utf8_lossy(text).into_owned();
        Some(Self { time, stream, is_cut: letter.is_ascii_uppercase(), text })
    }
}

/// `2026-11-21T09:11:20.123Z o `
pub(crate) const PREFIX_LENGTH: usize = 27;

/// Makes what stands before each line of a stream; the letter, at [`LETTER`], is a capital one for a cut line.
pub(crate) fn prefix(time: Timestamp, stream: Stream) -> String {
    let millis = time.as_millis();
    let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = date_of(days);
    let mut text = String::with_capacity(PREFIX_LENGTH);
    let (hour, minute, second, milli) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60, of_day % 1000);
    write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z {} ", stream.letter())
        .expect("a string takes everything");
    text
}

/// Where in a prefix the letter of the stream is.
pub(crate) const LETTER: usize = 25;

/// Makes the first line of a file of a log that is not its first: `lines` begin after it, at the same time.
pub(crate) fn part_line(lines: &[u8], number: u64) -> Vec<u8> {
    let time = lines.get(..LETTER).unwrap_or_default();
    [time, format!("{PART} {number}\n").as_bytes()].concat()
}

/// Reads the number in the line that [`part_line`] makes, without its end; `None` if it is another one.
pub(crate) fn part_number(line: &[u8]) -> Option<u64> {
    let (head, number) = line.split_at_checked(PREFIX_LENGTH)?;
    (head[LETTER] == PART as u8).then(|| str::from_utf8(number).ok()?.parse().ok())?
}

/// Stands in place of the letter of a stream where a file of a log begins.
const PART: char = 'n';

fn parse_time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    if bytes.len() != shape.len() || !bytes.iter().zip(shape).all(fits) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().ok();
    let days = days_of(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let of_day = (number(11..13)? * 60 + number(14..16)?) * 60 + number(17..19)?;
    Some(Timestamp::from_millis(days * 86_400_000 + of_day * 1000 + number(20..23)?))
}

/// Returns year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that a leap day is
/// the last of its year.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Returns the number of days from 1970-01-01 to a date; `None` for one before, or in no calendar.
fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        // 2026-11-21T09:11:20.123Z, a leap day, the last moment of a year, the epoch.
        for (millis, text) in [
            (1_795_252_280_123, "2026-11-21T09:11:20.123Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00.000Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            let line = format!("{}hello  world", prefix(time, Stream::Errors));
            assert_eq!(line, format!("{text} e hello  world"));
            let read = LogLine::parse(line.as_bytes());
            let text = "hello  world".to_owned();
            assert_eq!(read, Some(LogLine { time, stream: Stream::Errors, is_cut: false, text }));
        }
    }

    #[test]
    fn what_is_not_a_line_is_not_read() {
        for text in
            ["", "hello", "2026-11-21T09:11:20.123Z", "2026-11-21T09:11:20.123Z x text", "2026-13-21T09:11:20.123Z o t"]
        {
            assert_eq!(LogLine::parse(text.as_bytes()), None, "{text}");
        }
        let cut = LogLine::parse(b"2026-11-21T09:11:20.123Z O \xff\n").expect("a line");
        assert!(cut.is_cut);
        assert_eq!(cut.text, "\u{fffd}");
    }
}
