//! Ctrl-C ends the measurement as an error does, so that what was started is ended.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on a signal is remembered; the programs that run get it, too, and end.
pub fn listen() -> Result<()> {
    Ok(ctrlc::set_handler(|| ASKED.store(true, Ordering::Relaxed))?)
}

/// An error when the measurement is to end.
pub fn check() -> Result<()> {
    ensure!(!ASKED.load(Ordering::Relaxed), "interrupted");
    Ok(())
}
