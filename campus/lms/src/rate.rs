//! How often one may ask: a bucket for each caller, which fills again with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Buckets are looked through for full ones when there are so many.
const MANY: usize = 10_000;
const MINUTE: f64 = 60.0;

/// How many requests there may be in a minute; 0 for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// From one address, of who does not say who it is.
    pub anonymous: u32,
    /// Of one user.
    pub user: u32,
    /// Of one user who is staff, as services are.
    pub staff: u32,
    /// From one address, for tokens and accounts: what passwords can be tried with.
    pub sign_in: u32,
    /// Of one user, for changes of enrolments.
    pub enroll: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { anonymous: 600, user: 1200, staff: 0, sign_in: 60, enroll: 40 }
    }
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { anonymous: 0, user: 0, staff: 0, sign_in: 0, enroll: 0 };

    /// Reads `off`, or some of `anonymous=600,user=1200,staff=0,sign_in=60,enroll=40`; the others are as by default.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "off" {
            return Some(Self::NONE);
        }
        let mut limits = Self::default();
        for pair in text.split(',') {
            let (name, number) = pair.split_once('=')?;
            let limit = match name.trim() {
                "anonymous" => &mut limits.anonymous,
                "user" => &mut limits.user,
                "staff" => &mut limits.staff,
                "sign_in" => &mut limits.sign_in,
                "enroll" => &mut limits.enroll,
                _ => return None,
            };
            *limit = number.trim().parse().ok()?;
        }
        Some(limits)
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Who does not say who it is.
    Address(IpAddr),
    /// Who signs in from there.
    SignIn(IpAddr),
    /// A user, by number.
    User(i64),
    /// A user who changes enrolments.
    Enroll(i64),
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    seen: Instant,
}

/// Counts requests.
#[derive(Debug)]
pub struct Limiter {
    limits: RateLimits,
    buckets: Mutex<HashMap<Counted, Bucket>>,
}

impl Limiter {
    /// Makes a limiter that has counted nothing yet.
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Counts a request; after how long the next one may come, if this was one too many.
    pub fn count(&self, who: Counted, is_staff: bool) -> Result<(), Duration> {
        self.count_at(who, is_staff, Instant::now())
    }

    fn count_at(&self, who: Counted, is_staff: bool, now: Instant) -> Result<(), Duration> {
        let limit = match who {
            Counted::Address(_) => self.limits.anonymous,
            Counted::SignIn(_) => self.limits.sign_in,
            Counted::User(_) | Counted::Enroll(_) if is_staff => self.limits.staff,
            Counted::User(_) => self.limits.user,
            Counted::Enroll(_) => self.limits.enroll,
        };
        if limit == 0 {
            return Ok(());
        }
        let (whole, in_a_second) = (f64::from(limit), f64::from(limit) / MINUTE);
        let mut buckets = self.buckets.lock().expect("nobody panics while holding it");
        if buckets.len() >= MANY {
            // A bucket that nobody has taken from for a minute is full, as a new one would be.
            buckets.retain(|_, bucket| now.duration_since(bucket.seen) < Duration::from_secs(60));
        }
        let bucket = buckets.entry(who).or_insert(Bucket { left: whole, seen: now });
        let gone = now.duration_since(bucket.seen).as_secs_f64();
        bucket.left = f64::min(whole, bucket.left + gone * in_a_second);
        bucket.seen = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / in_a_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_again_and_is_of_one_caller() {
        let limiter = Limiter::new(RateLimits { user: 60, ..RateLimits::NONE });
        let begin = Instant::now();
        for _ in 0..60 {
            assert_eq!(limiter.count_at(Counted::User(1), false, begin), Ok(()));
        }
        let wait = limiter.count_at(Counted::User(1), false, begin).unwrap_err();
        assert_eq!(wait, Duration::from_secs(1));
        assert_eq!(limiter.count_at(Counted::User(2), false, begin), Ok(()));
        assert_eq!(limiter.count_at(Counted::User(1), true, begin), Ok(()), "staff have a limit of their own");
        assert_eq!(limiter.count_at(Counted::User(1), false, begin + wait), Ok(()));
        assert!(limiter.count_at(Counted::User(1), false, begin + wait).is_err());
    }

    #[test]
    fn many_callers_do_not_take_ever_more_memory() {
        let limiter = Limiter::new(RateLimits { user: 1, ..RateLimits::NONE });
        let begin = Instant::now();
        for number in 0..i64::try_from(MANY).unwrap() {
            limiter.count_at(Counted::User(number), false, begin).unwrap();
        }
        limiter.count_at(Counted::User(-1), false, begin + Duration::from_secs(61)).unwrap();
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn limits_are_read_from_text() {
        assert_eq!(RateLimits::parse("off"), Some(RateLimits::NONE));
        assert_eq!(
            RateLimits::parse("user=5, enroll=0"),
            Some(RateLimits { user: 5, enroll: 0, ..RateLimits::default() })
        );
        for wrong in ["", "user", "user=", "user=-1", "nobody=1"] {
            assert_eq!(RateLimits::parse(wrong), None, "{wrong}");
        }
    }
}
