//! Development commands of the repository: `cargo xtask test`, `cargo xtask versions`, `cargo xtask torture`, `cargo xtask bench up`, `cargo xtask bench run`, `cargo xtask bench state`, `cargo xtask bench load`, `cargo xtask bench repositories`, `cargo xtask bench workspace`, `cargo xtask bless`, `cargo xtask compose`, `cargo xtask limits`.

mod bench;
mod compose;
mod limits;
mod load;
mod postgres;
mod repositories;
mod run;
mod running;
mod state;
mod test;
mod torture;
mod versions;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "usage:
  cargo xtask test          everything that CI runs: formatting, lints, and every test
  cargo xtask lint          formatting, lints and dependencies only
  cargo xtask bless         rewrite the expected output of file-driven tests and the generated files
  cargo xtask compose       what Docker Compose says of the files in the tests of crates/compose, asked again and stored
  cargo xtask limits        limits of processes, tried in an emulated machine; --kernel FILE: the kernel that it boots
  cargo xtask versions      the tests of PostgreSQL on the versions that are fetched: all, or those named, such as 14 18
  cargo xtask torture       commands killed at random moments, two at once in half of the runs; --runs 2000 --seed 1
  cargo xtask bench up      figures of `up` and `reset` of the campus, with their bars
  cargo xtask bench state   figures of snapshots, resets and shared states beside those of other tools; --help says more
  cargo xtask bench repositories  how long 101 workspaces of 100 repositories take to be resolved, with its bar; --program PATH: of another build
  cargo xtask bench run     figures of services that are started and looked after, with their bars; --peers DIRECTORY: beside other managers
  cargo xtask bench workspace  figures of data workspaces beside dws 1.6 (from PyPI), with their bars; --help says more
  cargo xtask bench load    figures of generated rows beside COPY of ready-made files, with their bars; --peers DIRECTORY: beside Django, factory_boy and drizzle-seed, installed there
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::lint().and_then(|()| test::all()),
        ["lint"] => test::lint(),
        ["bless"] => test::bless(),
        ["compose"] => compose::compose(),
        ["limits", rest @ ..] => limits::limits(rest),
        ["versions", rest @ ..] => versions::versions(rest),
        ["torture", rest @ ..] => torture::torture(rest),
        ["bench", "up"] => bench::up(),
        ["bench", "load", rest @ ..] => load::load(rest),
        ["bench", "run", rest @ ..] => running::run(rest),
        ["bench", "repositories", rest @ ..] => repositories::repositories(rest),
        ["bench", "workspace", rest @ ..] => workspace::workspace(rest),
        ["bench", "state", rest @ ..] => state::state(rest),
        // How `bench state` starts what it measures.
        ["measured", report, program, rest @ ..] => {
            return state::measured(report, program, rest).unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            });
        }
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
