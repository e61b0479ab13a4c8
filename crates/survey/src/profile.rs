//! What a column holds, in numbers: gathered row by row, in bounded memory.

use std::collections::{HashMap, HashSet};

use database::{ColumnDescription, Kind};

/// How many different values are counted one by one; of more it is only known that there are more.
const COUNTED: usize = 200;

/// How many different values are told apart at all.
const TOLD_APART: usize = 1_000_000;

/// Gathers what a column holds.
#[derive(Clone, Debug)]
pub struct ColumnSurvey {
    is_number: bool,
    rows: u64,
    nulls: u64,
    /// Digests of the values; memory is bounded by how many are told apart.
    different: HashSet<u64>,
    /// Values and how often each was seen; `None` when there were too many.
    counts: Option<HashMap<String, u64>>,
    least: Option<String>,
    greatest: Option<String>,
    lengths: Option<(u64, u64)>,
    length_sum: u64,
    /// How many numbers, their mean, and the sum of the squares of their distances from it (Welford's way).
    moments: (u64, f64, f64),
}

/// What a column holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnProfile {
    /// How many rows there are.
    pub rows: u64,
    /// How many of them hold nothing.
    pub nulls: u64,
    /// How many different values there are.
    pub distinct: u64,
    /// Whether there are more than that.
    pub distinct_is_least: bool,
    /// The least value: of numbers by their size, else as texts.
    pub least: Option<String>,
    /// The greatest value.
    pub greatest: Option<String>,
    /// The values and how often each is there, the most frequent first; empty where there are many.
    pub values: Vec<(String, u64)>,
    /// The least and the greatest length in characters, and the mean of all.
    pub lengths: Option<(u64, u64, f64)>,
    /// The mean and the standard deviation of numbers.
    pub mean: Option<(f64, f64)>,
}

impl ColumnSurvey {
    /// Begins with a column.
    pub fn new(column: &ColumnDescription) -> Self {
        let is_number = matches!(column.kind, Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Float | Kind::Year);
        Self {
            is_number,
            rows: 0,
            nulls: 0,
            different: HashSet::new(),
            counts: Some(HashMap::new()),
            least: None,
            greatest: None,
            lengths: None,
            length_sum: 0,
            moments: (0, 0.0, 0.0),
        }
    }

    /// Sees the value of one more row.
    #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
    pub fn see(&mut self, value: Option<&str>) {
        self.rows += 1;
        let Some(value) = value else {
            self.nulls += 1;
            return;
        };
        if self.different.len() < TOLD_APART {
            let digest = blake3::hash(value.as_bytes());
            let digest = u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("it has eight bytes"));
            self.different.insert(digest);
        }
        if let Some(counts) = &mut self.counts {
            *counts.entry(value.to_owned()).or_default() += 1;
            if counts.len() > COUNTED {
                self.counts = None;
            }
        }
        let is_less = |left: &str, right: &str| {
            let numbers = (left.parse::<f64>(), right.parse::<f64>());
            match numbers {
                (Ok(left), Ok(right)) if self.is_number => left < right,
                _ => left < right,
            }
        };
        if self.least.as_deref().is_none_or(|least| is_less(value, least)) {
            self.least = Some(value.to_owned());
        }
        if self.greatest.as_deref().is_none_or(|greatest| is_less(greatest, value)) {
            self.greatest = Some(value.to_owned());
        }
        let length = value.chars().count() as u64;
        let (least, greatest) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((least.min(length), greatest.max(length)));
        self.length_sum += length;
        if let (true, Ok(number)) = (self.is_number, value.parse::<f64>()) {
            let (count, mean, squares) = self.moments;
            let distance = number - mean;
            let mean = mean + distance / (count + 1) as f64;
            self.moments = (count + 1, mean, squares + distance * (number - mean));
        }
    }

    /// What was seen.
    #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
    pub fn profile(&self) -> ColumnProfile {
        let filled = self.rows - self.nulls;
        let mut values: Vec<(String, u64)> =
            self.counts.iter().flatten().map(|(value, count)| (value.clone(), *count)).collect();
        values.sort_by(|(left, more), (right, less)| less.cmp(more).then_with(|| left.cmp(right)));
        let (count, mean, squares) = self.moments;
        ColumnProfile {
            rows: self.rows,
            nulls: self.nulls,
            distinct: self.different.len() as u64,
            distinct_is_least: self.different.len() >= TOLD_APART,
            least: self.least.clone(),
            greatest: self.greatest.clone(),
            values,
            lengths: self.lengths.map(|(least, greatest)| (least, greatest, self.length_sum as f64 / filled as f64)),
            mean: (count > 0).then(|| (mean, (squares / count as f64).sqrt())),
        }
    }
}

/// Gathers how rows refer to those of another table.
#[derive(Clone, Debug, Default)]
pub struct FanOutSurvey {
    counts: HashMap<u64, u64>,
    nulls: u64,
}

/// How rows refer to those of another table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FanOut {
    /// How many rows there are to refer to.
    pub parents: u64,
    /// How many of them are referred to.
    pub referred_to: u64,
    /// How many rows refer to the one that most refer to.
    pub most: u64,
    /// How many rows refer to one, on the average of those that are referred to.
    pub mean: f64,
    /// How many rows refer to nothing.
    pub nulls: u64,
    /// The exponent of Zipf's law that fits best, where a few rows are referred to much more often than others.
    pub zipf: Option<f64>,
}

impl FanOutSurvey {
    /// Sees what one more row refers to.
    pub fn see(&mut self, tuple: Option<&[String]>) {
        let Some(tuple) = tuple else {
            self.nulls += 1;
            return;
        };
        let mut hasher = blake3::Hasher::new();
        for part in tuple {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        let digest = u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().expect("it has eight bytes"));
        *self.counts.entry(digest).or_default() += 1;
    }

    /// What was seen, of a table that refers to one with so many rows.
    #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
    pub fn fan_out(&self, parents: u64) -> FanOut {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        let sum: u64 = counts.iter().sum();
        FanOut {
            parents,
            referred_to: counts.len() as u64,
            most: counts.first().copied().unwrap_or(0),
            mean: if counts.is_empty() { 0.0 } else { sum as f64 / counts.len() as f64 },
            nulls: self.nulls,
            zipf: zipf(&counts),
        }
    }
}

/// Fits Zipf's law to counts, the greatest first: the slope of their logarithms over those of their ranks.
#[expect(clippy::cast_precision_loss, reason = "a fit is no exact number")]
fn zipf(counts: &[u64]) -> Option<f64> {
    // Fewer rows say nothing of how they are spread, and a slope that is flatter is none.
    const ROWS: u64 = 50;
    const RANKS: usize = 5;
    const FLAT: f64 = 0.4;
    if counts.len() < RANKS || counts.iter().sum::<u64>() < ROWS {
        return None;
    }
    // The tail of single rows would hide the slope.
    let points: Vec<(f64, f64)> = counts
        .iter()
        .enumerate()
        .take(100)
        .map(|(rank, count)| (((rank + 1) as f64).ln(), (*count as f64).ln()))
        .collect();
    let number = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / number, y + point.1 / number));
    let (both, square) = points.iter().fold((0.0, 0.0), |(both, square), point| {
        (both + (point.0 - x) * (point.1 - y), square + (point.0 - x) * (point.0 - x))
    });
    let exponent = ((-both / square) * 100.0).round() / 100.0;
    (exponent >= FLAT).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use database::Filled;

    use super::*;

    fn seen(kind: Kind, values: &[Option<&str>]) -> ColumnProfile {
        let column = ColumnDescription {
            name: "c".to_owned(),
            sql_type: String::new(),
            kind,
            nullable: true,
            filled: Filled::Null,
            checks: Vec::new(),
        };
        let mut survey = ColumnSurvey::new(&column);
        for value in values {
            survey.see(*value);
        }
        survey.profile()
    }

    #[test]
    fn numbers_are_ordered_by_their_size_and_texts_by_their_letters() {
        let numbers = seen(Kind::Integer { least: 0, greatest: 100 }, &[Some("9"), Some("10"), None, Some("10")]);
        assert_eq!((numbers.least.as_deref(), numbers.greatest.as_deref()), (Some("9"), Some("10")));
        assert_eq!((numbers.rows, numbers.nulls, numbers.distinct), (4, 1, 2));
        assert_eq!(numbers.values, [("10".to_owned(), 2), ("9".to_owned(), 1)]);
        let (mean, deviation) = numbers.mean.expect("they are numbers");
        assert!((mean - 29.0 / 3.0).abs() < 1e-9 && (deviation - 0.4714).abs() < 1e-3, "{mean} {deviation}");
        let texts = seen(Kind::Text { length: None }, &[Some("9"), Some("10"), Some("äöü")]);
        assert_eq!((texts.least.as_deref(), texts.greatest.as_deref()), (Some("10"), Some("äöü")));
        assert_eq!(texts.lengths, Some((1, 3, 2.0)));
        assert_eq!(seen(Kind::Json, &[None]), ColumnProfile { rows: 1, nulls: 1, ..ColumnProfile::default() });
    }

    #[test]
    fn a_slope_is_found_where_there_is_one() {
        let fan_out = |count: fn(u64) -> u64| {
            let mut survey = FanOutSurvey::default();
            for parent in 1..=50_u64 {
                (0..count(parent)).for_each(|_| survey.see(Some(&[parent.to_string()])));
            }
            survey.see(None);
            survey.fan_out(60)
        };
        let skewed = fan_out(|parent| 1000 / parent);
        assert_eq!((skewed.parents, skewed.referred_to, skewed.most, skewed.nulls), (60, 50, 1000, 1));
        assert!((skewed.zipf.expect("a slope") - 1.0).abs() < 0.05, "{skewed:?}");
        assert_eq!(fan_out(|_| 20).zipf, None);
    }
}
