//! The program as its users meet it: sessions that are written in files, and what a file cannot say.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests are not seen to be in tests")]

mod acceptance;
mod api;
mod attach;
mod campus;
mod capture;
mod completion;
mod compose;
mod containers;
mod data_kinds;
mod diamond;
mod dws;
mod engines;
mod faults_of_dws;
mod following;
mod generation;
mod git_https;
mod http;
mod implied_rows;
mod init;
mod interruptions;
mod lazy;
mod loading_again;
mod make;
mod many;
mod program;
mod queue;
mod redaction;
mod refusals;
mod repositories;
mod run_once;
mod same_rows;
mod services_in_containers;
mod session;
mod sessions;
mod shared_servers;
mod specs;
mod tending;
mod unusable_states;
mod workspace;
