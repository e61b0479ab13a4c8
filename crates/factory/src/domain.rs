//! The values that a column can have: counted, so that each can be had by its number, and drawn.

use database::{Datum, Kind, day_of};

use crate::draw::{Draw, below, fraction};
use crate::expression::{Comparison, Expression};
use crate::pattern::Pattern;
use crate::words::Style;

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Domain {
    Boolean,
    Numbers(Numbers),
    Float { least: f64, greatest: f64 },
    Texts(Texts),
    Choices(Vec<Datum>),
    Set(Vec<String>),
    Bytes { length: u32 },
    Interval,
    Uuid,
    Json,
    Xml,
    Inet,
    Cidr,
    MacAddress,
    Bits { length: u32 },
    Array(Box<Domain>),
    Range(Box<Domain>),
    Figure(String),
    SearchWords,
}

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
    usual: (i64, i64),
    step: i64,
    /// Values between the ends that are not allowed, sorted.
    excluded: Vec<i64>,
}

/// Texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Texts {
    style: Style,
    least: u32,
    length: Option<u32>,
    case: Case,
    pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Any,
    Lower,
    Upper,
}

/// Microseconds of a second and of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// As many values as there are of a kind that never runs out.
pub(crate) const ENDLESS: u64 = 1 << 62;

/// Where the present stands for data, as for templates: a fixed moment, since it would differ each time.
const PRESENT: (i32, u32, u32) = (2025, 1, 1);

/// What is certainly not over yet.
const FAR: (i32, u32, u32) = (2099, 1, 1);

fn day((year, month, day): (i32, u32, u32)) -> i64 {
    i64::from(day_of(year, month, day))
}

impl Domain {
    /// What a kind allows, and what is usual in a column of this name; `None` for a kind that nothing is known of.
    pub(crate) fn of(kind: &Kind, column: &str) -> Option<Self> {
        let name = column.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let texts = |length| Texts { style: Style::of(column), least: 0, length, case: Case::Any, pattern: None };
        Some(match kind {
            Kind::Boolean => Self::Boolean,
            Kind::Integer { least, greatest } => {
                let usual = if has(&["year"]) {
                    (1990, 2024)
                } else if name == "age" {
                    (18, 90)
                } else if has(&["qty", "quantity", "count"]) {
                    (1, 20)
                } else {
                    (1, 1000)
                };
                Self::numbers(Form::Integer, *least, *greatest, usual, 1)
            }
            Kind::Decimal { precision, scale } => {
                // An i64 has 18 digits for sure.
                let digits = (*precision).min(18);
                let scale = (*scale).min(digits);
                let greatest = 10_i64.pow(digits) - 1;
                let unit = 10_i64.pow(scale);
                let usual = (0, 500_i64.saturating_mul(unit));
                Self::numbers(Form::Decimal { scale }, -greatest, greatest, usual, 1)
            }
            Kind::Float => Self::Float { least: 0.0, greatest: 1000.0 },
            Kind::Text { length } => Self::Texts(texts(*length)),
            Kind::Bytes { length, exact } => {
                let length = length.unwrap_or(16);
                Self::Bytes { length: if *exact { length } else { length.min(16) } }
            }
            Kind::Date => {
                let usual = if has(&["birth", "dob"]) { ((1950, 1, 1), (2005, 12, 31)) } else { USUAL };
                Self::numbers(Form::Date, day((1, 1, 1)), day((9999, 12, 31)), (day(usual.0), day(usual.1)), 1)
            }
            Kind::Time => Self::numbers(Form::Time, 0, DAY - SECOND, (0, DAY - SECOND), SECOND),
            Kind::Timestamp { .. } => {
                let usual = (day(USUAL.0) * DAY, day(USUAL.1) * DAY);
                // The least and greatest moments that every engine's narrowest type holds.
                Self::numbers(Form::Timestamp, day((1971, 1, 1)) * DAY, day((2037, 12, 31)) * DAY, usual, SECOND)
            }
            Kind::Year => Self::numbers(Form::Integer, 1901, 2155, (1990, 2024), 1),
            Kind::Interval => Self::Interval,
            Kind::Uuid => Self::Uuid,
            Kind::Json => Self::Json,
            Kind::Xml => Self::Xml,
            Kind::Enum(labels) => Self::Choices(labels.iter().cloned().map(Datum::Text).collect()),
            Kind::Set(labels) => Self::Set(labels.clone()),
            Kind::Inet => Self::Inet,
            Kind::Cidr => Self::Cidr,
            Kind::MacAddress => Self::MacAddress,
            Kind::Bits { length } => Self::Bits { length: *length },
            Kind::Array(element) => Self::Array(Box::new(Self::of(element, column)?)),
            Kind::Range(element) => Self::Range(Box::new(Self::of(element, column)?)),
            Kind::Figure(name) => Self::Figure(name.clone()),
            Kind::SearchWords => Self::SearchWords,
            Kind::Unknown => return None,
        })
    }

    fn numbers(form: Form, least: i64, greatest: i64, usual: (i64, i64), step: i64) -> Self {
        Self::Numbers(Numbers { form, least, greatest, usual, step, excluded: Vec::new() })
    }

    /// What the values are, in a word or two.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Numbers(numbers) => {
                let (from, to) = numbers.usual();
                let text = |value| numbers.datum(value).text().unwrap_or_default();
                format!("{} to {}", text(from), text(to))
            }
            Self::Float { least, greatest } => format!("{least} to {greatest}"),
            Self::Texts(texts) if texts.pattern.is_some() => "texts of its pattern".to_owned(),
            Self::Texts(texts) => format!("{:?}", texts.style).to_lowercase(),
            Self::Choices(choices) => {
                const SHOWN: usize = 4;
                let texts: Vec<String> = choices.iter().take(SHOWN).filter_map(Datum::text).collect();
                let more = if choices.len() > SHOWN { ", …" } else { "" };
                format!("one of {}{more}", texts.join(", "))
            }
            Self::Set(_) => "any of its words".to_owned(),
            Self::Bytes { length } => format!("{length} bytes"),
            Self::Interval => "durations".to_owned(),
            Self::Uuid => "UUIDs".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::Xml => "XML".to_owned(),
            Self::Inet | Self::Cidr | Self::MacAddress => "addresses".to_owned(),
            Self::Bits { .. } => "bits".to_owned(),
            Self::Array(element) => format!("lists of {}", element.shown()),
            Self::Range(element) => format!("ranges of {}", element.shown()),
            Self::Figure(name) => name.clone(),
            Self::SearchWords => "words".to_owned(),
        }
    }

    /// How many values there are, at most [`ENDLESS`].
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Boolean => 2,
            Self::Numbers(numbers) => numbers.size(),
            Self::Float { .. } => 1 << 32,
            Self::Texts(texts) => texts.size(),
            Self::Choices(choices) => choices.len() as u64,
            Self::Set(labels) => 1_u64 << labels.len().min(62),
            Self::Bytes { length } | Self::Bits { length } if *length < 8 => match self {
                Self::Bits { .. } => 1 << length,
                _ => 1 << (8 * length),
            },
            Self::Bits { length } => 1_u64 << (*length).min(62),
            Self::Inet | Self::Cidr => 1 << 24,
            Self::MacAddress => 1 << 40,
            Self::Range(element) => element.size(),
            Self::Interval => 1 << 30,
            Self::Bytes { .. } | Self::Uuid | Self::Json | Self::Xml | Self::SearchWords => ENDLESS,
            Self::Array(_) | Self::Figure(_) => 1,
        }
    }

    /// The value of a number below the size; another one for each.
    #[expect(clippy::cast_precision_loss, reason = "below 2³² a float is exact")]
    pub(crate) fn nth(&self, number: u64, draw: Draw, row: u64) -> Datum {
        let at = |length: usize| usize::try_from(number).expect("it is below a length").min(length.saturating_sub(1));
        match self {
            Self::Boolean => Datum::Boolean(number == 1),
            Self::Numbers(numbers) => numbers.datum(numbers.nth(number)),
            Self::Float { least, greatest } => {
                Datum::Float(least + (greatest - least) * (number as f64 / (1_u64 << 32) as f64))
            }
            Self::Texts(texts) => Datum::Text(texts.nth(number, draw, row)),
            Self::Choices(choices) => choices[at(choices.len())].clone(),
            Self::Set(labels) => {
                let chosen = labels.iter().enumerate().filter(|(index, _)| number >> index & 1 == 1);
                Datum::Text(chosen.map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(","))
            }
            Self::Bytes { length } => {
                let mut bytes: Vec<u8> = number.to_be_bytes().to_vec();
                let length = *length as usize;
                if length < bytes.len() {
                    bytes.drain(..bytes.len() - length);
                } else {
                    bytes.resize(length, 0);
                }
                Datum::Bytes(bytes)
            }
            Self::Bits { length } => {
                let digit = |place: u32| if place < 64 && number >> place & 1 == 1 { '1' } else { '0' };
                Datum::Text((0..*length).rev().map(digit).collect())
            }
            Self::Uuid => {
                // A version-8 UUID: digits of the field, then the number, so that no two are the same.
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&draw.at(number).to_be_bytes());
                bytes[8..].copy_from_slice(&number.to_be_bytes());
                bytes[6] = 0x80 | bytes[6] & 0x0f;
                bytes[8] = 0x80 | bytes[8] & 0x3f;
                Datum::Uuid(bytes)
            }
            Self::Json => Datum::Text(format!("{{\"number\": {number}, \"word\": \"{}\"}}", word(draw, row))),
            Self::Xml => Datum::Text(format!("<note number=\"{number}\">{}</note>", word(draw, row))),
            Self::SearchWords => Datum::Text(format!("'{}' 'n{number}'", word(draw, row))),
            Self::Inet => Datum::Text(format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)),
            Self::Cidr => Datum::Text(format!("10.{}.{}.{}/32", number >> 16 & 255, number >> 8 & 255, number & 255)),
            Self::MacAddress => {
                let byte = |place: u64| number >> (8 * place) & 255;
                let bytes: Vec<String> = (0..5).rev().map(|place| format!("{:02x}", byte(place))).collect();
                Datum::Text(format!("02:{}", bytes.join(":")))
            }
            Self::Interval => Datum::Text(format!("{number} seconds")),
            Self::Range(element) => {
                // From the value to the one after it, which differs for each number.
                let text = |number| element.nth(number % element.size(), draw, row).text().unwrap_or_default();
                let (from, to) = (text(number), text(number + 1));
                if number + 1 < element.size() && !matches!(**element, Self::Texts(_)) {
                    Datum::Text(format!("[\"{from}\",\"{to}\")"))
                } else {
                    Datum::Text(format!("[\"{from}\",\"{from}\"]"))
                }
            }
            Self::Array(element) => array(element, draw, row),
            Self::Figure(name) => figure(name, draw, row),
        }
    }

    /// A value.
    pub(crate) fn draw(&self, draw: Draw, row: u64) -> Datum {
        let digits = draw.at(row);
        match self {
            Self::Numbers(numbers) => numbers.datum(numbers.draw(digits)),
            Self::Float { least, greatest } => {
                // Three digits are enough to look at.
                Datum::Float(((least + (greatest - least) * fraction(digits)) * 1000.0).round() / 1000.0)
            }
            Self::Texts(texts) => Datum::Text(texts.draw(draw, row)),
            Self::Array(_) | Self::Figure(_) => self.nth(0, draw, row),
            Self::Json | Self::Xml | Self::SearchWords => self.nth(below(digits, 1000), draw, row),
            Self::Interval => self.nth(60 * below(digits, 10_000), draw, row),
            Self::Range(element) => match &**element {
                Self::Numbers(numbers) => self.nth(below(digits, numbers.usual_size()), draw, row),
                _ => self.nth(below(digits, element.size().min(1000)), draw, row),
            },
            _ => self.nth(below(digits, self.size()), draw, row),
        }
    }

    /// Whether a constant of the database is one of the values, as far as that can be told.
    pub(crate) fn has(&self, constant: &Datum) -> bool {
        let Some(text) = constant.text() else { return false };
        match self {
            Self::Numbers(numbers) => numbers.read(text.trim()).is_none_or(|value| {
                (numbers.least..=numbers.greatest).contains(&value) && !numbers.excluded.contains(&value)
            }),
            Self::Choices(choices) => choices.iter().any(|choice| choice.text().as_ref() == Some(&text)),
            Self::Texts(texts) => {
                let cased = match texts.case {
                    Case::Any => true,
                    Case::Lower => text == text.to_lowercase(),
                    Case::Upper => text == text.to_uppercase(),
                };
                texts.pattern.is_none() && cased && text.chars().count() >= texts.least as usize
            }
            _ => true,
        }
    }

    /// Leaves only values that compare so with a constant; `None` when that is not understood.
    pub(crate) fn compare(&mut self, comparison: Comparison, constant: &Expression) -> Option<()> {
        match self {
            Self::Numbers(numbers) => numbers.compare(comparison, constant),
            Self::Float { least, greatest } => {
                let Expression::Number(digits) = constant else { return None };
                let value: f64 = digits.parse().ok()?;
                let close = (value.abs() * 1e-9).max(1e-3);
                match comparison {
                    Comparison::Greater => *least = least.max(value + close),
                    Comparison::GreaterEqual => *least = least.max(value),
                    Comparison::Less => *greatest = greatest.min(value - close),
                    Comparison::LessEqual => *greatest = greatest.min(value),
                    Comparison::Equal => (*least, *greatest) = (value, value),
                    Comparison::Unequal => {}
                }
                if *least > *greatest {
                    // The usual end lies outside of what is allowed.
                    match comparison {
                        Comparison::Greater | Comparison::GreaterEqual => *greatest = *least + 1000.0,
                        _ => *least = *greatest - 1000.0,
                    }
                }
                Some(())
            }
            Self::Boolean => match (comparison, constant) {
                (Comparison::Equal, Expression::Boolean(value)) => {
                    *self = Self::Choices(vec![Datum::Boolean(*value)]);
                    Some(())
                }
                (Comparison::Unequal, Expression::Boolean(value)) => {
                    *self = Self::Choices(vec![Datum::Boolean(!*value)]);
                    Some(())
                }
                _ => None,
            },
            Self::Texts(texts) => match (comparison, constant) {
                (Comparison::Equal, Expression::Text(text)) => {
                    *self = Self::Choices(vec![Datum::Text(text.clone())]);
                    Some(())
                }
                // What is written here is longer than nothing and has no blanks at its ends.
                (Comparison::Unequal | Comparison::Greater, Expression::Text(text)) if text.trim().is_empty() => {
                    texts.least = texts.least.max(1);
                    Some(())
                }
                _ => None,
            },
            Self::Choices(choices) => {
                match comparison {
                    Comparison::Equal => choices.retain(|choice| same(choice, constant)),
                    Comparison::Unequal => choices.retain(|choice| !same(choice, constant)),
                    _ => {
                        let Expression::Number(digits) = constant else { return None };
                        let limit: f64 = digits.parse().ok()?;
                        let number = |choice: &Datum| choice.text()?.parse::<f64>().ok();
                        if choices.iter().any(|choice| number(choice).is_none()) {
                            return None;
                        }
                        choices.retain(|choice| {
                            number(choice).is_some_and(|number| match comparison {
                                Comparison::Less => number < limit,
                                Comparison::LessEqual => number <= limit,
                                Comparison::Greater => number > limit,
                                _ => number >= limit,
                            })
                        });
                    }
                }
                (!choices.is_empty()).then_some(())
            }
            _ => None,
        }
    }

    /// Leaves only the values of a list; `fold` changes the case of a value before it is compared.
    pub(crate) fn within(&mut self, values: &[Expression], is_upper_or_lower: bool) -> Option<()> {
        match self {
            Self::Choices(choices) => {
                choices.retain(|choice| values.iter().any(|value| same(choice, value)));
                (!choices.is_empty()).then_some(())
            }
            Self::Texts(texts) => {
                let mut choices = Vec::new();
                for value in values {
                    let Expression::Text(text) = value else { return None };
                    if texts.length.is_none_or(|length| text.chars().count() <= length as usize) {
                        choices.push(Datum::Text(text.clone()));
                    }
                }
                let some = (!choices.is_empty()).then_some(());
                *self = Self::Choices(choices);
                some
            }
            Self::Numbers(numbers) if !is_upper_or_lower => {
                let mut choices = Vec::new();
                for value in values {
                    let (value, rounded) = numbers.value(value, Comparison::Equal)?;
                    let datum = numbers.datum(value);
                    let is_allowed = (numbers.least..=numbers.greatest).contains(&value);
                    if is_allowed && !rounded && !numbers.excluded.contains(&value) && !choices.contains(&datum) {
                        choices.push(datum);
                    }
                }
                let some = (!choices.is_empty()).then_some(());
                *self = Self::Choices(choices);
                some
            }
            Self::Boolean => self.compare(Comparison::Equal, values.first().filter(|_| values.len() == 1)?),
            _ => None,
        }
    }

    /// Leaves out the values of a list.
    pub(crate) fn without(&mut self, values: &[Expression]) -> Option<()> {
        values.iter().try_for_each(|value| self.compare(Comparison::Unequal, value))
    }

    /// Leaves only texts whose length compares so.
    pub(crate) fn length(&mut self, comparison: Comparison, constant: &Expression) -> Option<()> {
        let (Self::Texts(texts), Expression::Number(digits)) = (self, constant) else { return None };
        if texts.pattern.is_some() {
            // How long its texts are is the pattern's own affair.
            return None;
        }
        let number: u32 = digits.parse().ok()?;
        let mut at_most = |length: u32| texts.length = Some(texts.length.map_or(length, |old| old.min(length)));
        match comparison {
            Comparison::Less => at_most(number.checked_sub(1)?),
            Comparison::LessEqual => at_most(number),
            Comparison::Equal => {
                at_most(number);
                texts.least = texts.least.max(number);
            }
            Comparison::Greater => texts.least = texts.least.max(number.checked_add(1)?),
            Comparison::GreaterEqual => texts.least = texts.least.max(number),
            Comparison::Unequal if number == 0 => texts.least = texts.least.max(1),
            Comparison::Unequal => return None,
        }
        (texts.length.is_none_or(|length| texts.least <= length)).then_some(())
    }

    /// Leaves only texts in small or large letters.
    pub(crate) fn cased(&mut self, upper: bool) -> Option<()> {
        let Self::Texts(texts) = self else { return None };
        texts.case = if upper { Case::Upper } else { Case::Lower };
        Some(())
    }

    /// Leaves only texts of a pattern.
    pub(crate) fn matching(&mut self, pattern: Pattern) -> Option<()> {
        let Self::Texts(texts) = self else { return None };
        if texts.pattern.is_some()
            || texts.least > pattern.least()
            || texts.length.is_some_and(|length| pattern.least() > length)
        {
            return None;
        }
        texts.pattern = Some(pattern);
        Some(())
    }
}

/// What is usual for dates and moments.
const USUAL: ((i32, u32, u32), (i32, u32, u32)) = ((2023, 1, 1), (2024, 12, 31));

impl Numbers {
    fn size(&self) -> u64 {
        if self.least > self.greatest {
            return 0;
        }
        let steps = (i128::from(self.greatest) - i128::from(self.least)) / i128::from(self.step) + 1;
        let steps = steps - i128::try_from(self.excluded.len()).unwrap_or(0);
        u64::try_from(steps.max(0)).unwrap_or(ENDLESS).min(ENDLESS)
    }

    /// The usual values, as far as they are allowed.
    fn usual(&self) -> (i64, i64) {
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
    fn nth(&self, number: u64) -> i64 {
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

    fn draw(&self, digits: u64) -> i64 {
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
    fn value(&self, constant: &Expression, comparison: Comparison) -> Option<(i64, bool)> {
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

    fn compare(&mut self, comparison: Comparison, constant: &Expression) -> Option<()> {
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

impl Texts {
    fn size(&self) -> u64 {
        if let Some(pattern) = &self.pattern {
            return pattern.size(self.length);
        }
        let Some(length) = self.length else { return ENDLESS };
        let letters = if length > CODE { length - 1 } else { length };
        36_u64.checked_pow(letters).unwrap_or(ENDLESS).min(ENDLESS)
    }

    fn nth(&self, number: u64, draw: Draw, row: u64) -> String {
        if let Some(pattern) = &self.pattern {
            return self.in_case(pattern.nth(number, self.length));
        }
        let tail = base36(number);
        let text = match self.length {
            Some(length) if length <= CODE => format!("{tail:0>width$}", width = length as usize),
            length => {
                let text = self.style.text(draw, row, Some(&tail));
                match length {
                    // What is cut must not be what makes it the only one.
                    Some(length) if text.chars().count() > length as usize => {
                        let plain = self.style.text(draw, row, None);
                        let room = (length as usize).saturating_sub(tail.len() + 1);
                        let head: String = plain.chars().take(room).collect();
                        format!("{head}-{tail}")
                    }
                    _ => text,
                }
            }
        };
        self.in_case(self.filled(text))
    }

    fn draw(&self, draw: Draw, row: u64) -> String {
        if let Some(pattern) = &self.pattern {
            return self.in_case(pattern.text(draw, row, self.length));
        }
        let mut text = self.style.text(draw, row, None);
        if let Some(length) = self.length {
            if length <= 3 {
                text = base36(draw.at(row)).chars().filter(char::is_ascii_alphabetic).take(length as usize).collect();
                text = format!("{text:a<width$}", width = length as usize);
            } else if let Some((end, _)) = text.char_indices().nth(length as usize) {
                text.truncate(end);
                text.truncate(text.trim_end().len());
            }
        }
        self.in_case(self.filled(text))
    }

    /// Made as long as it must be; in front, where it does not touch what makes it the only one.
    fn filled(&self, text: String) -> String {
        let missing = (self.least as usize).saturating_sub(text.chars().count());
        if missing == 0 { text } else { format!("{}{text}", "x".repeat(missing)) }
    }

    fn in_case(&self, text: String) -> String {
        match self.case {
            Case::Any => text,
            Case::Lower => text.to_lowercase(),
            Case::Upper => text.to_uppercase(),
        }
    }
}

/// Up to this length a text that must be the only one is digits and letters alone.
const CODE: u32 = 8;

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(number % 36).expect("it is below 36"), 36).expect("it is a digit"));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

fn word(draw: Draw, row: u64) -> String {
    Style::Word.text(draw.other(77), row, None)
}

/// Two values or three, in the form in which PostgreSQL reads a list.
fn array(element: &Domain, draw: Draw, row: u64) -> Datum {
    let count = 1 + below(draw.other(90).at(row), 3);
    let values = (0..count).map(|index| {
        let text = element.draw(draw.other(91 + index), row).text().unwrap_or_default();
        if matches!(element, Domain::Array(_)) {
            return text;
        }
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    });
    // Lists in lists must be equally long.
    let values: Vec<String> = values.collect();
    Datum::Text(if matches!(element, Domain::Array(_)) {
        format!("{{{}}}", values[0])
    } else {
        format!("{{{}}}", values.join(","))
    })
}

fn figure(name: &str, draw: Draw, row: u64) -> Datum {
    let number = |salt: u64| below(draw.other(salt).at(row), 100);
    let (x, y, w, h) = (number(1), number(2), 1 + number(3), 1 + number(4));
    Datum::Text(match name {
        "point" => format!("({x},{y})"),
        "line" => format!("{{{w},{h},{x}}}"),
        "lseg" => format!("[({x},{y}),({},{})]", x + w, y + h),
        "box" => format!("({},{}),({x},{y})", x + w, y + h),
        "circle" => format!("<({x},{y}),{w}>"),
        // `path` and `polygon`.
        _ => format!("(({x},{y}),({},{y}),({x},{}))", x + w, y + h),
    })
}

/// Whether a value is a constant.
fn same(datum: &Datum, constant: &Expression) -> bool {
    match (datum, constant) {
        (Datum::Boolean(value), Expression::Boolean(constant)) => value == constant,
        (datum, Expression::Text(text) | Expression::Number(text)) => datum.text().as_ref() == Some(text),
        _ => false,
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
    use std::collections::HashSet;

    use super::*;
    use crate::expression::parse;

    fn kinds() -> Vec<Kind> {
        vec![
            Kind::Boolean,
            Kind::Integer { least: -32_768, greatest: 32_767 },
            Kind::Decimal { precision: 5, scale: 2 },
            Kind::Float,
            Kind::Text { length: None },
            Kind::Text { length: Some(2) },
            Kind::Text { length: Some(9) },
            Kind::Bytes { length: Some(3), exact: true },
            Kind::Bytes { length: None, exact: false },
            Kind::Date,
            Kind::Time,
            Kind::Timestamp { zone: true },
            Kind::Uuid,
            Kind::Json,
            Kind::Enum(vec!["a".to_owned(), "b".to_owned()]),
            Kind::Set(vec!["a".to_owned(), "b".to_owned()]),
            Kind::Inet,
            Kind::Cidr,
            Kind::MacAddress,
            Kind::Bits { length: 5 },
            Kind::Interval,
            Kind::Range(Box::new(Kind::Date)),
            Kind::Year,
        ]
    }

    #[test]
    fn each_number_below_the_size_has_a_value_of_its_own() {
        let draw = Draw::of(0, "t", "f");
        for kind in kinds() {
            let domain = Domain::of(&kind, "name").unwrap();
            let count = domain.size().min(3000);
            let values: HashSet<_> = (0..count).map(|number| domain.nth(number, draw, number).text()).collect();
            assert_eq!(values.len() as u64, count, "{kind:?}");
        }
    }

    #[test]
    fn a_text_is_never_longer_than_its_column() {
        let draw = Draw::of(0, "t", "f");
        for name in ["email", "title", "description", "x"] {
            for length in [1, 2, 3, 5, 8, 9, 12, 30] {
                let domain = Domain::of(&Kind::Text { length: Some(length) }, name).unwrap();
                for row in 0..500 {
                    let numbered = domain.nth(row % domain.size(), draw, row).text().unwrap();
                    let drawn = domain.draw(draw, row).text().unwrap();
                    for text in [numbered, drawn] {
                        assert!(
                            text.chars().count() <= length as usize && !text.is_empty(),
                            "{name} {length}: {text:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn constants_are_rounded_to_the_side_that_is_allowed() {
        let limits = |condition: &str, kind: &Kind| {
            let mut domain = Domain::of(kind, "x").unwrap();
            let Some(Expression::Compare(comparison, _, constant)) = parse(condition) else { panic!("{condition}") };
            domain.compare(comparison, &constant)?;
            let Domain::Numbers(numbers) = domain else { panic!("{condition}") };
            Some((numbers.datum(numbers.least).text().unwrap(), numbers.datum(numbers.greatest).text().unwrap()))
        };
        let small = Kind::Integer { least: -10, greatest: 10 };
        let cents = Kind::Decimal { precision: 3, scale: 2 };
        for (condition, kind, least, greatest) in [
            ("x > 0.5", &small, "1", "10"),
            ("x >= 0.5", &small, "1", "10"),
            ("x < -0.5", &small, "-10", "-1"),
            ("x <= -0.5", &small, "-10", "-1"),
            ("x > 0", &cents, "0.01", "9.99"),
            ("x >= 1.005", &cents, "1.01", "9.99"),
            ("x < '2022-01-01 00:00:01'", &Kind::Date, "0001-01-01", "2022-01-01"),
            ("x >= '2022-01-01 00:00:01'", &Kind::Date, "2022-01-02", "9999-12-31"),
        ] {
            assert_eq!(limits(condition, kind), Some((least.to_owned(), greatest.to_owned())), "{condition}");
        }
        assert_eq!(limits("x > 10", &small), None);
    }

    #[test]
    fn moments_with_a_zone_are_read_in_utc() {
        assert_eq!(timestamp("1970-01-01 01:00:00+01"), Some(0));
        assert_eq!(timestamp("1969-12-31 23:30:00-00:30"), Some(0));
        assert_eq!(timestamp("1970-01-01 00:00:00.5"), Some(500_000));
        assert_eq!(timestamp("yesterday"), None);
    }
}
