//! Numbers, dates and moments as whole steps between two ends.

use database::{Datum, day_of};

use crate::domain::ENDLESS;
use crate::draw::below;
use crate::expression::{Comparison, Expression};

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Integer,
    Decimal {
        scale: u32,
    },
    /// Days since 1970.
    Date,
    /// Microseconds of a day.
    Time,
    /// Microseconds since 1970.
    Timestamp,
}

/// Whole steps between two ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) form: Form,
    /// The least that is allowed.
    pub(crate) least: i64,
    /// The greatest that is allowed.
    pub(crate) greatest: i64,
    /// From where to where values are usual.
    pub(crate) usual: (i64, i64),
    pub(crate) step: i64,
    /// Values between the ends that are not allowed, sorted.
    pub(crate) excluded: Vec<i64>,
}

/// Microseconds of a second and of a day.
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// Where the present stands for data, as for templates: a fixed moment, since it would differ each time.
const PRESENT: (i32, u32, u32) = (2025, 1, 1);

/// What is certainly not over yet.
const FAR: (i32, u32, u32) = (2099, 1, 1);

pub(crate) fn day((year, month, day): (i32, u32, u32)) -> i64 {
    i64::from(day_of(year, month, day))
}

impl Numbers {
    pub(crate) fn size(&self) -> u64 {
        if self.least > self.greatest {
            return 0;
        }
        let steps = (i128::from(self.greatest) - i128::from(self.least)) / i128::from(self.step) + 1;
        let steps = steps - i128::try_from(self.excluded.len()).unwrap_or(0);
        u64::try_from(steps.max(0)).unwrap_or(ENDLESS).min(ENDLESS)
    }

    /// The usual values, as far as they are allowed.
    pub(crate) fn usual(&self) -> (i64, i64) {
        let (from, to) = self.usual;
        if from > self.greatest || to < self.least {
            // As many as usual, at the end that is nearer.
            let span = to.saturating_sub(from);
            return if from > self.greatest {
                (self.greatest.saturating_sub(span).max(self.least), self.greatest)
            } else {
                (self.least, self.least.saturating_add(span).min(self.greatest))
            };
        }
        (from.max(self.least), to.min(self.greatest))
    }

    pub(crate) fn usual_size(&self) -> u64 {
        let (from, to) = self.usual();
        u64::try_from((to - from) / self.step + 1).expect("the ends are in order")
    }

    /// Counts from the usual beginning up, and then from the least.
    pub(crate) fn nth(&self, number: u64) -> i64 {
        let (from, _) = self.usual();
        let (step, least) = (i128::from(self.step), i128::from(self.least));
        let all = (i128::from(self.greatest) - least) / step + 1;
        let offset = (i128::from(from) - least) / step;
        let size = all - i128::try_from(self.excluded.len()).expect("lists are short");
        // What is excluded before the beginning is no place of its own.
        let before = self.excluded.iter().filter(|value| **value < from).count();
        let offset = offset - i128::try_from(before).expect("lists are short");
        let place = (offset + i128::from(number)).rem_euclid(size.max(1));
        self.place(place)
    }

    /// The value of a place, where those that are excluded are none.
    fn place(&self, place: i128) -> i64 {
        let mut value = i128::from(self.least) + place * i128::from(self.step);
        for excluded in &self.excluded {
            if value >= i128::from(*excluded) {
                value += i128::from(self.step);
            }
        }
        i64::try_from(value).expect("it is between the ends")
    }

    pub(crate) fn draw(&self, digits: u64) -> i64 {
        let (from, _) = self.usual();
        let value = from + i64::try_from(below(digits, self.usual_size())).expect("the ends are i64") * self.step;
        if self.excluded.contains(&value) { self.nth(below(digits, self.size().max(1))) } else { value }
    }

    /// The datum of a value.
    pub(crate) fn datum(&self, value: i64) -> Datum {
        match self.form {
            Form::Integer => Datum::Integer(value),
            Form::Decimal { scale } => Datum::Decimal { unscaled: value, scale },
            Form::Date => Datum::Date(i32::try_from(value).expect("days are within the years of dates")),
            Form::Time => Datum::Time(value),
            Form::Timestamp => Datum::Timestamp(value),
        }
    }

    /// The value of a constant, and whether it was rounded down to one.
    pub(crate) fn value(&self, constant: &Expression, comparison: Comparison) -> Option<(i64, bool)> {
        match (self.form, constant) {
            // There are engines that write every constant as a text.
            (Form::Integer, Expression::Number(digits) | Expression::Text(digits)) => decimal(digits, 0),
            (Form::Decimal { scale }, Expression::Number(digits) | Expression::Text(digits)) => decimal(digits, scale),
            (Form::Date | Form::Timestamp, constant) => {
                let micros = moment(constant, comparison)?;
                Some(if self.form == Form::Date {
                    (micros.div_euclid(DAY), micros.rem_euclid(DAY) != 0)
                } else {
                    (micros, false)
                })
            }
            (Form::Time, Expression::Text(text)) => Some((time_of_day(text)?, false)),
            _ => None,
        }
    }

    pub(crate) fn compare(&mut self, comparison: Comparison, constant: &Expression) -> Option<()> {
        let (value, rounded) = self.value(constant, comparison)?;
        match comparison {
            Comparison::Equal => {
                if rounded {
                    return None;
                }
                (self.least, self.greatest) = (value.max(self.least), value.min(self.greatest));
            }
            Comparison::Unequal => {
                if !rounded && (self.least..=self.greatest).contains(&value) && !self.excluded.contains(&value) {
                    self.excluded.push(value);
                    self.excluded.sort_unstable();
                }
            }
            Comparison::Less => {
                let end = if rounded { value } else { value.checked_sub(self.step)? };
                self.greatest = self.greatest.min(end);
            }
            Comparison::LessEqual => self.greatest = self.greatest.min(value),
            Comparison::Greater => self.least = self.least.max(value.checked_add(self.step)?),
            Comparison::GreaterEqual => {
                let end = if rounded { value.checked_add(1)? } else { value };
                self.least = self.least.max(end);
            }
        }
        (self.least <= self.greatest).then_some(())?;
        let (least, greatest) = (self.least, self.greatest);
        self.excluded.retain(|value| (least..=greatest).contains(value));
        (self.size() > 0).then_some(())
    }

    /// Leaves only values from one to another that stand in the texts of an engine; none: without an end.
    pub(crate) fn between(&mut self, least: Option<i64>, end: Option<i64>) -> Option<()> {
        self.least = self.least.max(least.unwrap_or(i64::MIN));
        if let Some(end) = end {
            self.greatest = self.greatest.min(end.checked_sub(self.step)?);
        }
        (self.least <= self.greatest).then_some(())
    }

    /// Reads a text in an engine's words as a value.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        self.value(&Expression::Text(text.to_owned()), Comparison::Equal).map(|(value, _)| value)
    }

    /// A value that compares so with another one of the same form; `None` when there is none.
    pub(crate) fn beside(&self, comparison: Comparison, other: i64, digits: u64) -> Option<i64> {
        let (from, to) = self.usual();
        // As far away as usual values are from each other, at most.
        let span = (to.saturating_sub(from) / 4 / self.step).clamp(1, 1 << 40);
        let distance = |least: i64| {
            (least + i64::try_from(below(digits, span.unsigned_abs())).unwrap_or(0)).saturating_mul(self.step)
        };
        let value = match comparison {
            Comparison::Equal => other,
            Comparison::Greater => other.checked_add(distance(1))?.min(self.greatest),
            Comparison::GreaterEqual => other.checked_add(distance(0))?.min(self.greatest),
            Comparison::Less => other.checked_sub(distance(1))?.max(self.least),
            Comparison::LessEqual => other.checked_sub(distance(0))?.max(self.least),
            Comparison::Unequal => {
                let value = self.draw(digits);
                if value == other { self.nth_beside(other) } else { value }
            }
        };
        let value = if self.excluded.contains(&value) { self.nth_beside(value) } else { value };
        let holds = match comparison {
            Comparison::Equal => value == other,
            Comparison::Unequal => value != other,
            Comparison::Less => value < other,
            Comparison::LessEqual => value <= other,
            Comparison::Greater => value > other,
            Comparison::GreaterEqual => value >= other,
        };
        (holds && (self.least..=self.greatest).contains(&value)).then_some(value)
    }

    /// A value so far away from another one, in days for dates and moments; `None` when none is allowed.
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit is cut")]
    pub(crate) fn away(&self, other: i64, greater: bool, least: f64, greatest: f64, digits: u64) -> Option<i64> {
        let unit = match self.form {
            Form::Integer | Form::Date => 1.0,
            Form::Decimal { scale } => 10_f64.powi(i32::try_from(scale).unwrap_or(0)),
            Form::Time => 1e6,
            Form::Timestamp => 86_400e6,
        };
        let (least, greatest) = ((least * unit).ceil() as i64, (greatest * unit).floor() as i64);
        let size = u64::try_from((greatest - least) / self.step).unwrap_or(0) + 1;
        let distance = least + i64::try_from(below(digits, size)).unwrap_or(0) * self.step;
        let value = if greater { other.checked_add(distance) } else { other.checked_sub(distance) };
        value.filter(|value| (self.least..=self.greatest).contains(value) && !self.excluded.contains(value))
    }

    /// Leaves only values that compare so with another one.
    pub(crate) fn keep_beside(&mut self, comparison: Comparison, other: i64) {
        match comparison {
            Comparison::Equal => (self.least, self.greatest) = (self.least.max(other), self.greatest.min(other)),
            Comparison::Unequal => self.excluded.push(other),
            Comparison::Less => self.greatest = self.greatest.min(other.saturating_sub(self.step)),
            Comparison::LessEqual => self.greatest = self.greatest.min(other),
            Comparison::Greater => self.least = self.least.max(other.saturating_add(self.step)),
            Comparison::GreaterEqual => self.least = self.least.max(other),
        }
    }

    /// A value from one to another, as far as they are allowed.
    pub(crate) fn within(&self, least: i64, greatest: i64, digits: u64) -> i64 {
        let (least, greatest) = (least.max(self.least), greatest.min(self.greatest));
        let size = u64::try_from((greatest.saturating_sub(least) / self.step).max(0)).unwrap_or(0) + 1;
        least + i64::try_from(below(digits, size)).expect("it is below what an i64 counted") * self.step
    }

    /// The allowed value nearest to a number.
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit is cut")]
    pub(crate) fn nearest(&self, value: f64) -> i64 {
        let unit = match self.form {
            Form::Decimal { scale } => 10_f64.powi(i32::try_from(scale).unwrap_or(0)),
            _ => 1.0,
        };
        let value = ((value * unit).round() as i64).clamp(self.least, self.greatest);
        if self.excluded.contains(&value) { self.nth_beside(value) } else { value }
    }

    fn nth_beside(&self, value: i64) -> i64 {
        if value < self.greatest { value + self.step } else { self.least }
    }

    /// Leaves room at one end, so that another column can have a value beyond each of these.
    pub(crate) fn leave_room(&mut self, other: &Numbers, above: bool) {
        if above {
            let end = self.greatest.min(other.greatest.saturating_sub(self.step));
            self.greatest = if end >= self.least { end } else { self.greatest };
        } else {
            let end = self.least.max(other.least.saturating_add(self.step));
            self.least = if end <= self.greatest { end } else { self.least };
        }
    }
}

/// Reads digits as a number without its point; and whether digits behind were cut, so that it was rounded down.
fn decimal(digits: &str, scale: u32) -> Option<(i64, bool)> {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = scale as usize;
    let kept = &rest[..rest.len().min(scale)];
    let cut = rest[kept.len()..].bytes().any(|digit| digit != b'0');
    let unscaled: i64 = format!("{whole}{kept:0<scale$}").parse().ok()?;
    // Cutting rounds towards nothing; down is one more for negative ones.
    Some((sign * unscaled - i64::from(cut && sign < 0), cut))
}

fn moment(constant: &Expression, comparison: Comparison) -> Option<i64> {
    match constant {
        Expression::Text(text) => timestamp(text),
        Expression::Now => {
            let present = match comparison {
                Comparison::Greater | Comparison::GreaterEqual => FAR,
                _ => PRESENT,
            };
            Some(day(present) * DAY)
        }
        Expression::Sum(left, plus, right) => {
            let Expression::Interval(interval) = **right else { return None };
            let left = moment(left, comparison)?;
            if *plus { left.checked_add(interval) } else { left.checked_sub(interval) }
        }
        Expression::Call(name, arguments) if name == "date" || name == "timestamp" => {
            moment(arguments.first()?, comparison)
        }
        _ => None,
    }
}

/// Reads `2022-01-31`, `2022-01-31 01:02:03.5` and `2022-01-31 01:02:03+01`, in UTC.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let mut parts = date.split('-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || year > 9999 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let micros = i64::from(day_of(i32::try_from(year).ok()?, month, day)) * DAY;
    if rest.is_empty() {
        return Some(micros);
    }
    let zone = rest.rfind(['+', '-', 'Z']);
    let (clock, zone) = rest.split_at(zone.unwrap_or(rest.len()));
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "0"));
            let offset = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    Some(micros + time_of_day(clock)? - offset * SECOND)
}

fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let (seconds, rest) =
        parts.next().unwrap_or("0").split_once('.').unwrap_or((text.split(':').nth(2).unwrap_or("0"), ""));
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = format!("{:0<6}", &rest[..rest.len().min(6)]).parse().ok()?;
    Some((hours * 3600 + minutes * 60 + seconds) * SECOND + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_with_a_zone_are_read_in_utc() {
        assert_eq!(timestamp("1970-01-01 01:00:00+01"), Some(0));
        assert_eq!(timestamp("1969-12-31 23:30:00-00:30"), Some(0));
        assert_eq!(timestamp("1970-01-01 00:00:00.5"), Some(500_000));
        assert_eq!(timestamp("yesterday"), None);
    }
}
