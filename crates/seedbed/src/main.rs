//! The `seedbed` program.

mod api;
mod arguments;
mod commands;
mod completion;
mod completion_data;
mod data_arguments;
mod duration;
mod dws;
mod failure;
mod help;
mod lineage_arguments;
mod lineage_views;
mod local_time;
mod makefile;
mod progress;
mod recording;
mod table;
mod terminal;
mod world;

fn main() -> std::process::ExitCode {
    match dws::called() {
        Some(words) => dws::run(&words),
        None => commands::run(),
    }
}
