//! Values in bulk: one small type that every engine can take without a detour.

use std::fmt::Write as _;

/// A value of a column on its way into a database in bulk.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An exact number: `unscaled` with so many digits behind the point.
    Decimal {
        /// The number without its point.
        unscaled: i64,
        /// How many digits are behind the point.
        scale: u32,
    },
    /// A number that is not exact.
    Float(f64),
    /// A text; or a value of any type in the form that the engine reads.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 in UTC.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

impl Datum {
    /// Appends the value as text: numbers in digits, dates in ISO 8601, bytes as `\x` and hexadecimal digits, booleans as
    /// `true` and `false`. Says whether there is a value.
    pub fn write(&self, text: &mut String) -> bool {
        let written = match self {
            Datum::Null => return false,
            Datum::Boolean(value) => write!(text, "{value}"),
            Datum::Integer(value) => write!(text, "{value}"),
            Datum::Decimal { unscaled, scale: 0 } => write!(text, "{unscaled}"),
            Datum::Decimal { unscaled, scale } => {
                let unit = 10_u64.pow(*scale);
                let sign = if *unscaled < 0 { "-" } else { "" };
                let (whole, rest) = (unscaled.unsigned_abs() / unit, unscaled.unsigned_abs() % unit);
                write!(text, "{sign}{whole}.{rest:0width$}", width = *scale as usize)
            }
            Datum::Float(value) => write!(text, "{value}"),
            Datum::Text(value) => {
                text.push_str(value);
                Ok(())
            }
            Datum::Bytes(bytes) => {
                text.push_str("\\x");
                bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
            }
            Datum::Date(days) => {
                let (year, month, day) = civil(*days);
                write!(text, "{year:04}-{month:02}-{day:02}")
            }
            Datum::Time(micros) => clock(text, *micros),
            Datum::Timestamp(micros) => {
                let days = i32::try_from(micros.div_euclid(DAY)).expect("moments are within the years of dates");
                let (year, month, day) = civil(days);
                write!(text, "{year:04}-{month:02}-{day:02} ").and_then(|()| clock(text, micros.rem_euclid(DAY)))
            }
            Datum::Uuid(bytes) => bytes.iter().enumerate().try_for_each(|(index, byte)| {
                let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(text, "{dash}{byte:02x}")
            }),
        };
        written.expect("writing to a string cannot fail");
        true
    }

    /// Gives the value as text; `None` for no value.
    pub fn text(&self) -> Option<String> {
        let mut text = String::new();
        self.write(&mut text).then_some(text)
    }
}

fn clock(text: &mut String, micros: i64) -> std::fmt::Result {
    let seconds = micros / 1_000_000;
    write!(text, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match micros % 1_000_000 {
        0 => Ok(()),
        rest => write!(text, ".{rest:06}"),
    }
}

/// Gives year, month and day of a day since 1970-01-01, in the Gregorian calendar (Howard Hinnant's `civil_from_days`).
pub fn civil(days: i32) -> (i32, u32, u32) {
    let shifted = i64::from(days) + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |number: i64| u32::try_from(number).expect("months and days are small");
    (i32::try_from(year).expect("an i32 of days is within the years of an i32"), small(month), small(day))
}

/// Gives the day since 1970-01-01 of a year, month and day; the counterpart of [`civil`].
pub fn day_of(year: i32, month: u32, day: u32) -> i32 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + of_era - 719_468).expect("years of dates have four digits")
}

/// Rows of one table, cell after cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// How many columns there are; at least one.
    pub width: usize,
    /// The cells, row after row.
    pub cells: Vec<Datum>,
}

impl Rows {
    /// Goes through the rows.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, Datum> {
        self.cells.chunks_exact(self.width)
    }

    /// Counts the rows.
    pub fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a [Datum];
    type IntoIter = std::slice::ChunksExact<'a, Datum>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_the_forms_that_every_engine_reads() {
        let text = |datum: Datum| datum.text().unwrap_or_else(|| "nothing".to_owned());
        assert_eq!(text(Datum::Null), "nothing");
        assert_eq!(text(Datum::Decimal { unscaled: -1205, scale: 2 }), "-12.05");
        assert_eq!(text(Datum::Decimal { unscaled: 7, scale: 3 }), "0.007");
        assert_eq!(text(Datum::Date(-1)), "1969-12-31");
        assert_eq!(text(Datum::Timestamp(-1)), "1969-12-31 23:59:59.999999");
        assert_eq!(text(Datum::Time(3_661_000_000)), "01:01:01");
        assert_eq!(text(Datum::Bytes(vec![0, 255])), "\\x00ff");
        assert_eq!(text(Datum::Uuid(*b"0123456789abcdef")), "30313233-3435-3637-3839-616263646566");
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-800_000..800_000).step_by(37) {
            let (year, month, day) = civil(days);
            assert_eq!(day_of(year, month, day), days);
        }
        assert_eq!(civil(day_of(2024, 2, 29)), (2024, 2, 29));
        assert_eq!(day_of(1970, 1, 1), 0);
    }
}
