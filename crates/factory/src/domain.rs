//! The values that a column can have: counted, so that each can be had by its number, and drawn.

use database::{Datum, Kind};

use crate::draw::{Draw, below, fraction};
use crate::expression::{Comparison, Expression};
use crate::locale::Locale;
use crate::numbers::{DAY, Form, Numbers, SECOND, day};
use crate::pattern::Pattern;
use crate::texts::{Case, Texts, word};
use crate::wanted::Elsewhere;
use crate::words::{Style, Voice};

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
    Elsewhere(Elsewhere),
}

/// As many values as there are of a kind that never runs out.
pub(crate) const ENDLESS: u64 = 1 << 62;

/// What is usual for dates and moments.
const USUAL: ((i32, u32, u32), (i32, u32, u32)) = ((2023, 1, 1), (2024, 12, 31));

impl Domain {
    /// What a kind allows, and what is usual in a column of this name; `None` for a kind that nothing is known of.
    pub(crate) fn of(kind: &Kind, column: &str, locale: Locale) -> Option<Self> {
        let name = column.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let voice = Voice { locale, ..Voice::default() };
        let texts = |length| Texts {
            style: Style::of(column),
            voice: voice.clone(),
            least: 0,
            length,
            case: Case::Any,
            pattern: None,
        };
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
            Kind::Array(element) => Self::Array(Box::new(Self::of(element, column, locale)?)),
            Kind::Range(element) => Self::Range(Box::new(Self::of(element, column, locale)?)),
            Kind::Figure(name) => Self::Figure(name.clone()),
            Kind::SearchWords => Self::SearchWords,
            Kind::Unknown => return None,
        })
    }

    /// Draws persons and places by what all columns about the same one have in common.
    pub(crate) fn share(&mut self, column: &str, draw: impl Fn(&str) -> Draw) {
        if let Self::Texts(texts) = self {
            texts.voice.shared = texts.style.shares(column).map(|shared| draw(&shared));
        }
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
            Self::Elsewhere(rows) => format!("a row of {}", rows.0.name()),
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
            Self::Elsewhere(rows) => rows.0.size(),
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
                // MariaDB takes none of version 8 whose variant is followed by zeros alone.
                bytes[8] = (0x80 | bytes[8] & 0x3f).max(0x81);
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
            Self::Elsewhere(rows) => rows.0.value(number),
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

    /// Leaves only documents; `None` where there is no room for one.
    pub(crate) fn documents(&mut self) -> Option<()> {
        // As long as any that is made.
        const LENGTH: u32 = 64;
        match self {
            Self::Json => Some(()),
            Self::Texts(texts) if texts.pattern.is_none() && texts.length.is_none_or(|length| length >= LENGTH) => {
                *self = Self::Json;
                Some(())
            }
            _ => None,
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
            let domain = Domain::of(&kind, "name", Locale::World).unwrap();
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
                let domain = Domain::of(&Kind::Text { length: Some(length) }, name, Locale::World).unwrap();
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
            let mut domain = Domain::of(kind, "x", Locale::World).unwrap();
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
}
