//! Servers that the machine has lost while they were filled for the first time: nobody relied on them, and they are made again.

use std::collections::BTreeMap;
use std::fs;

use database::{Location, Unsettled};
use plan::{DatabaseId, RunningUnit};
use supervisor::UnitId;

use crate::facts::Servers;
use crate::journal::Journal;
use crate::observation::server_of;
use crate::record::Record;
use crate::{Error, Monitor, Progress};

/// Removes servers that were not settled before the machine was started anew, and forgets what was in them.
pub(crate) fn forget_lost(
    servers: &Servers,
    locations: &BTreeMap<DatabaseId, Location>,
    running: &BTreeMap<UnitId, RunningUnit>,
    record: &mut Record,
    journal: &Journal,
    monitor: &dyn Monitor,
) -> Result<(), Error> {
    for (id, (_, place)) in servers {
        let is_running = running.contains_key(&UnitId::new(id.to_string()));
        if is_running || !Unsettled::of(&place.directory).is_lost() {
            continue;
        }
        let text =
            format!("{id}: the machine went down before what it was filled with was on the disk; it is made again");
        monitor.on(Progress::Note(text));
        let own = |database: &DatabaseId| {
            let location = locations.get(database);
            location.and_then(|location| server_of(location, servers)).is_some_and(|server| server == id)
        };
        journal.forget(&journal.contents().databases().into_iter().filter(|id| own(id)).collect())?;
        record.databases.retain(|database, _| !own(database));
        record.kept.retain(|database, _| !own(database));
        if let Some(undo) = &mut record.undo {
            undo.databases.retain(|name, _| !DatabaseId::parse(name).is_some_and(|database| own(&database)));
        }
        record.write()?;
        // Last: until then, the next command comes here again.
        fs::remove_dir_all(&place.directory).map_err(Error::io("remove", &place.directory))?;
    }
    Ok(())
}
