//! What the documents show and say is so: their sessions, their links, and the pages that are made from the program.
//!
//! `SEEDBED_BLESS=1` puts into the documents what is so now; the diff is for people to read.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests are not seen to be in tests")]

mod generated;
mod links;
mod markdown;
mod page;
mod sameness;
mod session;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is in `crates`");
    crates.parent().expect("`crates` is in the repository").to_owned()
}

fn blessing() -> bool {
    std::env::var_os("SEEDBED_BLESS").is_some_and(|value| value == "1")
}
