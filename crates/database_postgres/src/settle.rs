//! What a server has written without waiting for the disk gets there, and from then on it waits.

use std::path::PathBuf;
use std::time::Instant;

use database::{DatabaseError, Unsettled};

use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::lock::{END_INTERVAL, END_TIMEOUT};

impl PostgresDatabase {
    pub(crate) fn settle_server(&mut self) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let failed = || refused(&name, "write everything to the disk");
        let client = self.maintenance()?;
        let file: String = client.query_one("SHOW config_file", &[]).map_err(failed())?.get(0);
        let mark = PathBuf::from(file).parent().map(Unsettled::of);
        let Some(mark) = mark.filter(Unsettled::is_set) else {
            // Whoever stops the server waits for what it has not written then.
            return client.batch_execute("CHECKPOINT").map_err(failed());
        };
        // Most of it at once, before the server waits for each of its files.
        client.batch_execute("CHECKPOINT").map_err(failed())?;
        mark.sync()?;
        // The mark stays until the end: without settings it only says that the server would be lost.
        mark.set("")?;
        client.batch_execute("SELECT pg_reload_conf()").map_err(failed())?;
        let deadline = Instant::now() + END_TIMEOUT;
        // The server tells all of its processes at once.
        while client.query_one("SHOW fsync", &[]).map_err(failed())?.get::<_, &str>(0) != "on" {
            if Instant::now() > deadline {
                let detail = "it does not read its settings".to_owned();
                return Err(DatabaseError::Busy { database: name, detail });
            }
            std::thread::sleep(END_INTERVAL);
        }
        // Now what came meanwhile: pages that are still in its memory, and files that it did not wait for.
        client.batch_execute("CHECKPOINT").map_err(failed())?;
        Ok(mark.settle()?)
    }
}
