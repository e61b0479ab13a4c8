//! Real repositories of git, good and hostile ones, through the cache.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod checkouts;
mod hostile;
mod remote;
