//! How numbers are spread, by operations that give the same digits on every machine.

use crate::draw::{Draw, fraction};

/// A number around 0, with the standard deviation 1.
pub(crate) fn normal(draw: Draw, row: u64) -> f64 {
    // Twelve even ones add up to what is normal enough.
    (0..12).map(|salt| fraction(draw.other(20 + salt).at(row))).sum::<f64>() - 6.0
}

/// How far a fraction from 0 up to 1 is on the way from the end to the beginning, when what is near the end is more frequent.
pub(crate) fn recent(fraction: f64) -> f64 {
    // What lies at the beginning is e⁴, about fifty times, as rare as what lies at the end.
    const STEEPNESS: f64 = 4.0;
    -logarithm(1.0 - fraction * (1.0 - exponential(-STEEPNESS))) / STEEPNESS
}

/// The place of a fraction among `size` ones of which the k-th is as frequent as 1/k^exponent.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a frequency"
)]
pub(crate) fn zipf(fraction: f64, size: u64, exponent: f64) -> u64 {
    let ends = size as f64 + 1.0;
    let place = if (exponent - 1.0).abs() < 1e-9 {
        exponential(fraction * logarithm(ends))
    } else {
        let power = 1.0 - exponent;
        let end = exponential(power * logarithm(ends));
        exponential(logarithm(fraction * (end - 1.0) + 1.0) / power)
    };
    (place as u64).saturating_sub(1).min(size - 1)
}

/// The natural logarithm, by operations that give the same digits on every machine; of what is more than 0.
pub(crate) fn logarithm(value: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let (mut value, mut halvings) = (value, 0.0);
    while value > 1.5 {
        value /= 2.0;
        halvings += 1.0;
    }
    while value < 0.75 && value > 0.0 {
        value *= 2.0;
        halvings -= 1.0;
    }
    let ratio = (value - 1.0) / (value + 1.0);
    let (mut power, mut sum, mut odd) = (ratio, 0.0, 1.0);
    while odd < 40.0 {
        sum += power / odd;
        power *= ratio * ratio;
        odd += 2.0;
    }
    2.0 * sum + halvings * LN_2
}

/// The exponential function, likewise.
pub(crate) fn exponential(value: f64) -> f64 {
    let mut halved = value;
    let mut squarings = 0;
    while halved.abs() > 0.5 {
        halved /= 2.0;
        squarings += 1;
    }
    let (mut term, mut sum, mut number) = (1.0, 1.0, 1.0);
    while number < 20.0 {
        term *= halved / number;
        sum += term;
        number += 1.0;
    }
    for _ in 0..squarings {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the same digits are what is promised")]
    fn logarithm_and_exponential_are_those_of_the_library_and_fixed() {
        for value in [0.001, 0.5, 1.0, 1.7, 10.0, 123_456.0] {
            assert!((logarithm(value) - value.ln()).abs() < 1e-12, "{value}");
            assert!((exponential(value.ln()) / value - 1.0).abs() < 1e-12, "{value}");
        }
        assert_eq!(exponential(1.0), 2.718_281_828_459_043_8);
    }

    #[test]
    fn the_first_is_the_most_frequent_of_a_zipf() {
        let counts = (0..10_000_u32).fold([0; 4], |mut counts, number| {
            counts[usize::try_from(zipf(f64::from(number) / 10_000.0, 4, 1.0)).unwrap()] += 1;
            counts
        });
        assert!(counts.is_sorted_by(|a, b| a > b), "{counts:?}");
    }
}
