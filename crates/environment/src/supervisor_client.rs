//! The connection to the supervisor of a place, which is an environment's or that of a server that environments share.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use daemon::Client;
use supervisor::UnitStatus;

use crate::context::Context;
use crate::place::Place;
use crate::{Error, Progress};

/// How long a wait may be before it is said what for.
pub(crate) const MOMENT: Duration = Duration::from_secs(2);

/// The connection to the supervisor when it has nothing under way; `None` when there is none, or it was about to end.
pub(crate) fn settled(context: &Context<'_>, place: &Place) -> Result<Option<Client>, Error> {
    let client = Client::connect(&place.socket()).map_err(Error::Supervisor)?;
    client.map_or(Ok(None), |client| await_settled(context, client))
}

/// Waits until a supervisor has ended what a command began that was killed; says what that is when it takes longer than a moment.
pub(crate) fn await_settled(context: &Context<'_>, mut client: Client) -> Result<Option<Client>, Error> {
    // One that is about to end need not answer; that is seen below.
    let mut busy = client.status().unwrap_or_default();
    busy.retain(|unit| !unit.state.is_settled());
    if busy.is_empty() {
        return client.settled().map_err(Error::Supervisor);
    }
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let is_done = is_done;
            if is_done.recv_timeout(MOMENT) == Err(RecvTimeoutError::Timeout) {
                let busy: Vec<String> = busy.iter().map(in_words).collect();
                let text = format!("waiting for what an earlier command has begun: {}", busy.join(", "));
                context.monitor.on(Progress::Note(text));
            }
        });
        let settled = client.settled().map_err(Error::Supervisor);
        drop(done);
        settled
    })
}

/// What a unit is at.
fn in_words(unit: &UnitStatus) -> String {
    let process = unit.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    format!("{} ({}{process})", unit.id, unit.state)
}

/// Starts the supervisor of a place where there is none, and connects to it.
pub(crate) fn start(context: &Context<'_>, place: &Place) -> Result<Client, Error> {
    let socket = place.socket();
    let arguments = [
        "supervise".into(),
        "--directory".into(),
        place.directory().as_os_str().to_owned(),
        "--socket".into(),
        socket.as_os_str().to_owned(),
    ];
    Client::start(&context.program, &arguments, &socket, &place.supervisor_log()).map_err(Error::Supervisor)
}
