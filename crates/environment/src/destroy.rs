//! `destroy`: the environment is gone, with its databases. Snapshots are in the store of the workspace, and stay.

use daemon::Client;

use crate::context::{Context, Target};
use crate::down::stop_all;
use crate::lock::Lock;
use crate::record::Record;
use crate::resources::forget_aside;
use crate::{Error, Progress, images, with_causes};

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

/// Stops the environment and removes everything of it.
pub fn destroy(context: &Context<'_>, target: &Target) -> Result<(), Error> {
    let place = target.place(context);
    if !Record::exists(place.directory()) {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    // What a server has not written yet it need not write.
    stop_all(context, target, Client::discard)?;
    let _lock = Lock::take(&place, "destroy", context)?;
    stop_all(context, target, Client::discard)?;
    images::sweep(context, &place)?;
    images::sweep_services(context, &place, true);
    place.remove()?;
    // Nothing can be undone any more. A store that cannot be changed does not keep the environment alive.
    if let Err(error) = forget_aside(context, target) {
        let text = format!("what `undo` would have used stays in the store: {}", with_causes(&error));
        context.monitor.on(Progress::Note(text));
    }
    Ok(())
}
