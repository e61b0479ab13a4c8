//! What callers see, on each engine.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod banners;
mod completion;
mod editing;
mod harness;
mod interface;
mod limits;
mod listening;
mod lms;
mod organizations;
mod people;
mod reading;
mod synchronization;
mod versions;
