//! Development commands of the repository: `cargo xtask test`, `cargo xtask bench up`, `cargo xtask bless`.

mod bench;
mod postgres;
mod run;
mod test;

use std::process::ExitCode;

const HELP: &str = "usage:
  cargo xtask test          everything that CI runs: formatting, lints, and every test
  cargo xtask lint          formatting, lints and dependencies only
  cargo xtask bless         rewrite the expected output of file-driven tests and the generated files
  cargo xtask bench up      figures of `up`, `reset` and the supervisor, with their bars
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::lint().and_then(|()| test::all()),
        ["lint"] => test::lint(),
        ["bless"] => test::bless(),
        ["bench", "up"] => bench::up(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
