//! How often one may ask: a bucket for each caller, which fills again with time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Full buckets are thrown away when there are so many.
const MANY: usize = 10_000;
const MINUTE: f64 = 60.0;

/// Counts requests.
#[derive(Debug)]
pub struct RateLimit {
    /// No limit if there is none.
    per_minute: Option<NonZeroU32>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    /// How many requests it holds.
    left: f64,
    since: Instant,
}

impl RateLimit {
    /// So many in a minute of each caller.
    pub fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Takes a request of a caller; refused with the time after which there may be another one.
    pub fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        let (most, rate) = (f64::from(per_minute.get()), f64::from(per_minute.get()) / MINUTE);
        let mut buckets = self.buckets.lock().expect("nobody panics while holding it");
        let filled = |bucket: &Bucket| (bucket.left + now.duration_since(bucket.since).as_secs_f64() * rate).min(most);
        if buckets.len() >= MANY && !buckets.contains_key(caller) {
            buckets.retain(|_, bucket| filled(bucket) < most);
        }
        let bucket = buckets.entry(caller.to_owned()).or_insert(Bucket { left: most, since: now });
        bucket.left = filled(bucket);
        bucket.since = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / rate));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_and_each_caller_has_one() {
        let limit = RateLimit::new(NonZeroU32::new(60));
        let begin = Instant::now();
        assert!((0..60).all(|_| limit.take("ada", begin).is_ok()));
        assert!(limit.take("ada", begin).unwrap_err() <= Duration::from_secs(1));
        assert!(limit.take("bob", begin).is_ok());
        let later = begin + Duration::from_secs(2);
        assert!(
            limit.take("ada", later).is_ok() && limit.take("ada", later).is_ok() && limit.take("ada", later).is_err()
        );
        let none = RateLimit::new(None);
        assert!((0..1000).all(|_| none.take("ada", begin).is_ok()));
    }
}
