//! `destroy`: the environment is gone, with its databases. Snapshots are in the store of the workspace, and stay.

use std::collections::BTreeSet;

use daemon::Client;

use crate::context::{Context, Target};
use crate::down::stop_all;
use crate::lock::Lock;
use crate::place::Place;
use crate::record::Record;
use crate::resources::forget_aside;
use crate::shared_hold::{self, Held};
use crate::shared_server::{SharedServer, role_of};
use crate::status::environments;
use crate::{Error, Progress, durable, images, with_causes};

/// What would be lost.
#[derive(Debug, PartialEq, Eq)]
pub struct DestroyPreview {
    /// Its databases.
    pub databases: Vec<String>,
}

/// Says what [`destroy`] would remove, so that the user can be asked.
pub fn destroy_preview(context: &Context<'_>, target: &Target) -> Result<DestroyPreview, Error> {
    let place = target.place(context);
    if !Record::exists(place.directory()) {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    // One that cannot be read must not keep an environment from being removed.
    let record = Record::read(place.directory()).ok().flatten().unwrap_or_default();
    Ok(DestroyPreview { databases: record.databases.keys().map(ToString::to_string).collect() })
}

/// Holds the servers that an environment shares; says of which that cannot be.
fn hold_shared(context: &Context<'_>, place: &Place) -> (Vec<Held>, Vec<String>) {
    let record = Record::read(place.directory()).ok().flatten().unwrap_or_default();
    let servers: BTreeSet<String> = record.shared.into_values().map(|shared| shared.server).collect();
    let mut notes = Vec::new();
    let mut take = |name: &String| {
        let held = shared_hold::start(context, SharedServer::named(context, name), "destroy", None);
        held.map_err(|error| notes.push(with_causes(&error))).ok()
    };
    let held = servers.iter().filter_map(&mut take).collect();
    (held, notes)
}

/// Stops the environment and removes everything of it.
pub fn destroy(context: &Context<'_>, target: &Target) -> Result<(), Error> {
    let place = target.place(context);
    if !Record::exists(place.directory()) {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    // A server that is shared goes on for others; held here, it does not stop only to be started again.
    let (held, notes) = hold_shared(context, &place);
    // What a server has not written yet it need not write.
    stop_all(context, target, Client::discard)?;
    let _lock = Lock::take(&place, "destroy", context)?;
    stop_all(context, target, Client::discard)?;
    let mut notes: Vec<String> = notes;
    for mut held in held {
        let dismissed = held.dismiss(context, &role_of(place.directory()));
        let gone = dismissed.and_then(|()| held.release(context));
        notes.extend(gone.err().map(|error| with_causes(&error)));
    }
    for text in notes {
        let text = format!("databases of this environment may be left: {text}; `seedbed servers --prune` removes them");
        context.monitor.on(Progress::Note(text));
    }
    images::sweep(context, &place)?;
    images::sweep_services(context, &place, true);
    place.remove()?;
    // What has no environment has forgotten which Compose files it was made of.
    if environments(target)?.is_empty() {
        durable::remove(&target.root.join(manifest::CHOSEN_FILES))?;
    }
    // Nothing can be undone any more. A store that cannot be changed does not keep the environment alive.
    if let Err(error) = forget_aside(context, target) {
        let text = format!("what `undo` would have used stays in the store: {}", with_causes(&error));
        context.monitor.on(Progress::Note(text));
    }
    Ok(())
}
