//! `seedbed supervise`: the supervisor of one environment, started by other commands.

use std::io::Write;
use std::process::ExitCode;

use daemon::ServeOptions;

use crate::arguments::SuperviseArguments;

pub fn run(arguments: &SuperviseArguments) -> ExitCode {
    let options = ServeOptions {
        directory: arguments.directory.clone(),
        socket: arguments.socket.clone(),
        handshake: true,
        guard: vec!["guard".into()],
    };
    match daemon::serve(&options) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started it shows the end of this log.
            let _ = writeln!(std::io::stderr(), "error: {}", environment::with_causes(&error));
            ExitCode::from(4)
        }
    }
}
