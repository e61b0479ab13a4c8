//! A day of the calendar.

use std::fmt;
use std::str::FromStr;

/// A day, written `2027-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl FromStr for Date {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(()) };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return Err(());
        }
        let number = |text: &str| text.parse::<u16>().map_err(drop);
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        let small = |number: u16| u8::try_from(number).map_err(drop);
        if (1..=days).contains(&day) { Ok(Self { year, month: small(month)?, day: small(day)? }) } else { Err(()) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn a_day_is_one_of_the_calendar() {
        for text in ["2027-01-31", "2028-02-29", "2000-02-29", "2027-12-01"] {
            assert_eq!(text.parse::<Date>().map(|date| date.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["2027-02-29", "1900-02-29", "2027-13-01", "2027-00-01", "2027-4-1", "2027-04-31", "soon", "27-01-01"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("2027-01-31".parse::<Date>() < "2027-02-01".parse::<Date>());
    }
}
