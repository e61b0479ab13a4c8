//! `seedbed guard`: waits for the end of a supervisor, and removes its containers if it was killed.

use std::process::ExitCode;

pub fn run() -> ExitCode {
    daemon::guard(std::io::stdin());
    ExitCode::SUCCESS
}
