//! Servers that the machine has lost while they were filled for the first time: nobody relied on them, and they are made again.

use std::collections::BTreeMap;
use std::fs;

use database::{Location, Unsettled};
use plan::{DatabaseId, RunningUnit, ServerId};
use supervisor::UnitId;

use crate::facts::Servers;
use crate::journal::Journal;
use crate::observation::server_of;
use crate::record::{Record, SharedRecord};
use crate::shared_server::Seat;
use crate::{Error, Monitor, Progress};

/// Removes servers that were not settled before the machine was started anew, and forgets what was in them.
pub(crate) fn forget_lost(
    servers: &Servers,
    locations: &BTreeMap<DatabaseId, Location>,
    running: &BTreeMap<UnitId, RunningUnit>,
    seats: &BTreeMap<ServerId, Seat>,
    record: &mut Record,
    journal: &Journal,
    monitor: &dyn Monitor,
) -> Result<(), Error> {
    for (id, (_, place)) in servers {
        let seat = seats.get(id);
        let name = id.to_string();
        let now = seat.map(|seat| SharedRecord { server: seat.server.name.clone(), birth: seat.birth.clone() });
        let before = record.shared.get(&name).cloned();
        let is_lost = match seat {
            // Whoever had the turn has removed it, if that was to be done; it is for each to forget what it had there.
            Some(_) => before.is_some() && before != now,
            None => !running.contains_key(&UnitId::new(name.clone())) && Unsettled::of(&place.directory).is_lost(),
        };
        if !is_lost {
            if let Some(now) = now.filter(|_| before.is_none()) {
                record.shared.insert(name, now);
                record.write()?;
            }
            continue;
        }
        let text = match seat {
            Some(_) => {
                format!("{id}: the shared server is another one by now; what this environment had there is made again")
            }
            None => {
                format!("{id}: the machine went down before what it was filled with was on the disk; it is made again")
            }
        };
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
        record.shared.extend(now.map(|now| (name, now)));
        record.write()?;
        // Last: until then, the next command comes here again.
        if seat.is_none() {
            fs::remove_dir_all(&place.directory).map_err(Error::io("remove", &place.directory))?;
        }
    }
    Ok(())
}
