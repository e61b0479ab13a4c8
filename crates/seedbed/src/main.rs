//! The `seedbed` program.

mod arguments;
mod commands;
mod completion;
mod completion_data;
mod data_arguments;
mod duration;
mod failure;
mod help;
mod local_time;
mod makefile;
mod progress;
mod table;
mod terminal;
mod world;

fn main() -> std::process::ExitCode {
    commands::run()
}
