//! Things that were made of the database's content, and are used again while that is the same.
//!
//! Whoever looks for something says which revision of the content there is now, as read from the database for this very
//! request. So nothing old is ever shown, also when others write to the same database.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Nothing is kept longer. A database that was put back to an earlier state under the running service counts its
/// revisions from there: another content may get a number that was seen before.
const LONGEST: Duration = Duration::from_secs(60);

/// Things by name, up to a total size.
pub struct Kept<T> {
    largest: usize,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    size: usize,
    entries: HashMap<String, Entry<T>>,
}

struct Entry<T> {
    revision: i64,
    until: Instant,
    size: usize,
    value: T,
}

impl<T: Clone> Kept<T> {
    /// Keeps at most so much, in the unit of the sizes that are given.
    pub fn new(largest: usize) -> Self {
        Self { largest, inner: Mutex::new(Inner { size: 0, entries: HashMap::new() }) }
    }

    /// What was made under this name of this revision, if it is still true at the moment.
    pub fn get(&self, name: &str, revision: i64, now: Instant) -> Option<T> {
        let inner = self.inner.lock().expect("nobody panics while holding it");
        let entry = inner.entries.get(name)?;
        (entry.revision == revision && now < entry.until).then(|| entry.value.clone())
    }

    /// Keeps something that was made of this revision, and is true for `lifetime` unless the content changes.
    pub fn put(&self, name: String, revision: i64, now: Instant, lifetime: Duration, size: usize, value: T) {
        let mut inner = self.inner.lock().expect("nobody panics while holding it");
        if let Some(old) = inner.entries.remove(&name) {
            inner.size -= old.size;
        }
        if inner.size + size > self.largest {
            inner.entries.retain(|_, entry| entry.revision == revision && now < entry.until);
            inner.size = inner.entries.values().map(|entry| entry.size).sum();
        }
        if inner.size + size > self.largest {
            inner.entries.clear();
            inner.size = 0;
        }
        if size <= self.largest {
            inner.size += size;
            inner.entries.insert(name, Entry { revision, until: now + lifetime.min(LONGEST), size, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_what_is_true_is_had_again() {
        let kept = Kept::new(10);
        let now = Instant::now();
        kept.put("list".to_owned(), 7, now, 5 * SECOND, 1, "seven");
        kept.put("other".to_owned(), 7, now, 500 * SECOND, 1, "other");
        assert_eq!(kept.get("list", 7, now + 4 * SECOND), Some("seven"));
        assert_eq!(kept.get("list", 7, now + 5 * SECOND), None, "its time is over");
        assert_eq!(kept.get("list", 8, now), None, "the content has changed");
        assert_eq!(kept.get("other", 7, now + LONGEST), None, "nothing is kept for ever");
        assert_eq!(kept.get("nothing", 7, now), None);
    }

    #[test]
    fn what_is_not_true_any_more_goes_first_and_then_everything() {
        let kept = Kept::new(10);
        let now = Instant::now();
        let put = |name: &str, revision, size| kept.put(name.to_owned(), revision, now, SECOND, size, size);
        put("old", 1, 6);
        put("new", 2, 4);
        put("newer", 2, 5);
        assert_eq!(
            (kept.get("old", 1, now), kept.get("new", 2, now), kept.get("newer", 2, now)),
            (None, Some(4), Some(5))
        );
        put("newest", 2, 6);
        assert_eq!((kept.get("new", 2, now), kept.get("newest", 2, now)), (None, Some(6)));
        put("huge", 2, 11);
        assert_eq!(kept.get("huge", 2, now), None);
        put("newest", 2, 10);
        assert_eq!(kept.get("newest", 2, now), Some(10), "it takes its own place");
    }
}
