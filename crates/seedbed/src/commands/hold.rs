//! `seedbed hold`: keeps a server running that environments share; started by the supervisor of each.

use std::os::unix::net::UnixDatagram;

use serde_json::Value;

use super::{Job, Outcome};
use crate::arguments::HoldArguments;
use crate::failure::Failure;

/// Where the supervisor listens for how this process is.
const SOCKET: &str = "NOTIFY_SOCKET";

pub fn run(job: &Job<'_>, arguments: &HoldArguments) -> Result<Outcome, Failure> {
    let HoldArguments { server, holder, name } = arguments;
    let socket = job.context.variables.get(SOCKET);
    let ready = || {
        // Who does not listen does not wait for it either.
        let _ = socket.map(|socket| UnixDatagram::unbound()?.send_to(b"READY=1", socket));
    };
    job.tell(environment::hold(job.context, server, holder, name, &ready))?;
    Ok(Outcome::of(String::new(), Value::Null))
}
