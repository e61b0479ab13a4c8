//! Stock keeping units: the name of a seat towards other services.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Derives the sku of a seat from its course and type, so that the same seat has the same sku everywhere.
///
/// Seven hexadecimal digits in upper case. A seat keeps the sku that it was given first, wherever that came from.
pub fn sku(course_key: &str, seat_type: &str) -> String {
    let digest = Sha256::new().chain_update(course_key).chain_update([0]).chain_update(seat_type).finalize();
    let mut digits = digest.iter().take(4).fold(String::with_capacity(8), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes any text");
        text
    });
    digits.truncate(7);
    digits
}

#[cfg(test)]
mod tests {
    use super::sku;

    #[test]
    fn is_the_same_for_ever_and_differs_by_course_and_type() {
        let first = sku("course-v1:edX+DemoX+2025", "verified");
        assert_eq!(first, "27F35EC");
        assert_ne!(first, sku("course-v1:edX+DemoX+2025", "honor"));
        assert_ne!(first, sku("course-v1:edX+DemoX+2026", "verified"));
    }
}
