//! Stock keeping units: the name of a seat towards other services.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Derives the sku of a seat from its course and type, so that the same seat has the same sku everywhere.
///
/// Seven hexadecimal digits in upper case. A seat keeps the sku that it was given first, wherever that came from. Another
/// attempt gives another one, for when somebody has the first.
pub fn sku(course_key: &str, seat_type: &str, attempt: u32) -> String {
    let mut digest = Sha256::new().chain_update(course_key).chain_update([0]).chain_update(seat_type);
    if attempt > 0 {
        digest = digest.chain_update([0]).chain_update(attempt.to_be_bytes());
    }
    let digest = digest.finalize();
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
        let first = sku("course-v1:edX+DemoX+2025", "verified", 0);
        assert_eq!(first, "27F35EC");
        assert_ne!(first, sku("course-v1:edX+DemoX+2025", "honor", 0));
        assert_ne!(first, sku("course-v1:edX+DemoX+2026", "verified", 0));
        assert_ne!(first, sku("course-v1:edX+DemoX+2025", "verified", 1));
    }
}
