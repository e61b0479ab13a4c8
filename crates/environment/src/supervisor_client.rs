//! The connection to the supervisor of a place, which is an environment's or that of a server that environments share.

use daemon::Client;

use crate::Error;
use crate::context::Context;
use crate::place::Place;

/// The connection to the supervisor when it has nothing under way; `None` when there is none, or it was about to end.
pub(crate) fn settled(place: &Place) -> Result<Option<Client>, Error> {
    let client = Client::connect(&place.socket()).map_err(Error::Supervisor)?;
    client.map_or(Ok(None), Client::settled).map_err(Error::Supervisor)
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
