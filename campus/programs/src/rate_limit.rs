//! How many requests one caller may make: a bucket that fills up again at a steady rate. The time is an argument.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Instant;

/// So many callers are remembered before those are forgotten who have asked for nothing of late.
const REMEMBERED: usize = 10_000;
const MINUTE: f64 = 60.0;

/// What each caller has left.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: f64,
    callers: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    seen: Instant,
}

impl RateLimit {
    /// Every caller may make so many requests at once, and from then on so many a minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { per_minute: f64::from(per_minute.get()), callers: HashMap::new() }
    }

    /// Takes a request of this caller, or says in how many seconds the next one will be taken.
    pub fn take(&mut self, caller: &str, now: Instant) -> Result<(), u64> {
        let per_minute = self.per_minute;
        if self.callers.len() >= REMEMBERED && !self.callers.contains_key(caller) {
            self.callers.retain(|_, bucket| filled(bucket, per_minute, now) < per_minute);
            // All of them are busy: a flood. Whoever is forgotten begins anew.
            if self.callers.len() >= REMEMBERED {
                self.callers.clear();
            }
        }
        if !self.callers.contains_key(caller) {
            self.callers.insert(caller.to_owned(), Bucket { left: per_minute, seen: now });
        }
        let bucket = self.callers.get_mut(caller).expect("inserted above");
        bucket.left = filled(bucket, per_minute, now);
        bucket.seen = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let seconds = ((1.0 - bucket.left) * MINUTE / per_minute).ceil();
        // From 1 to 60: there is at least one request a minute.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 60")]
        Err(seconds as u64)
    }
}

fn filled(bucket: &Bucket, per_minute: f64, now: Instant) -> f64 {
    let since = now.saturating_duration_since(bucket.seen).as_secs_f64();
    (bucket.left + since * per_minute / MINUTE).min(per_minute)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_nobody_else() {
        let mut limit = RateLimit::new(NonZeroU32::new(6).unwrap());
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!((0..6).all(|_| limit.take("ada", begin).is_ok()));
        assert_eq!(limit.take("ada", begin), Err(10));
        assert_eq!(limit.take("bob", begin), Ok(()));
        assert_eq!(limit.take("ada", after(4)), Err(6));
        assert_eq!(limit.take("ada", after(10)), Ok(()));
        assert_eq!(limit.take("ada", after(10)), Err(10));
    }

    #[test]
    fn callers_are_forgotten() {
        let mut limit = RateLimit::new(NonZeroU32::new(60).unwrap());
        let begin = Instant::now();
        for number in 0..3 * REMEMBERED {
            limit.take(&number.to_string(), begin).unwrap();
            assert!(limit.callers.len() <= REMEMBERED);
        }
        limit.take("late", begin + Duration::from_secs(90)).unwrap();
    }
}
