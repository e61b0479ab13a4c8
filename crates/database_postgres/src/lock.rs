//! Who is at work: advisory locks in the server's own database, which end with the session of whoever holds them.
//!
//! A killed process leaves its session to the server, which ends it only when its statement is done. Until then its locks
//! tell what it is at, so that the next one can wait for it, or end it.

use std::time::{Duration, Instant};

use database::DatabaseError;

use crate::client::application_name;
use crate::database::PostgresDatabase;
use crate::error::refused;

/// How long a session has to end after it was told to.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether it has.
pub(crate) const END_INTERVAL: Duration = Duration::from_millis(1);

/// What a lock is about, as the first of its two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Lock {
    /// The databases of one database are being renamed; the second number is made of its name.
    Command = 0x5eed_0001,
    /// A database is being copied (shared); the second number is that of the database.
    Copy = 0x5eed_0002,
    /// A database is under construction; the second number is made of its name.
    Make = 0x5eed_0003,
    /// A spare is under construction; the second number is that of the kept state's database.
    Spare = 0x5eed_0004,
    /// A clone is in use; the second number is made of its name.
    Clone = 0x5eed_0005,
}

impl Lock {
    pub(crate) fn class(self) -> i32 {
        self as i32
    }
}

/// Makes the second number of a lock of a name.
pub(crate) fn number(name: &str) -> i32 {
    let hash = blake3::hash(name.as_bytes());
    let [first, second, third, fourth, ..] = *hash.as_bytes();
    i32::from_le_bytes([first, second, third, fourth])
}

/// Makes the second number of a lock of a database.
pub(crate) fn number_of(oid: u32) -> i32 {
    oid.cast_signed()
}

impl PostgresDatabase {
    /// Does something as the one who renames. Another process that holds the lock is one that was killed, or one that only
    /// gives a spare its name; its session is ended.
    pub(crate) fn commanding<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let name = self.name.clone();
        let key = number(&name);
        let deadline = Instant::now() + END_TIMEOUT;
        while !self.try_lock(Lock::Command, key)? {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
                WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid = $2 AND granted
                    AND application_name <> $3";
            let found = self
                .maintenance()?
                .query(sql, &[&i64::from(Lock::Command.class()), &key.cast_unsigned(), &application_name()]);
            found.map_err(refused(&name, "end the session of a killed command"))?;
            if Instant::now() > deadline {
                return Err(DatabaseError::Busy { database: name, detail: "another command is at work".to_owned() });
            }
            std::thread::sleep(END_INTERVAL);
        }
        let done = work(self);
        self.unlock();
        done
    }

    /// Takes a lock for this session if nobody else has it.
    pub(crate) fn try_lock(&mut self, lock: Lock, number: i32) -> Result<bool, DatabaseError> {
        let name = self.name.clone();
        let row = self.maintenance()?.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&lock.class(), &number]);
        row.map(|row| row.get(0)).map_err(refused(&name, "take a lock"))
    }

    /// Takes a lock for this session, as soon as nobody else has it.
    pub(crate) fn wait_for_lock(&mut self, lock: Lock, number: i32) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let row = self.maintenance()?.query_one("SELECT pg_advisory_lock($1, $2)", &[&lock.class(), &number]);
        row.map(drop).map_err(refused(&name, "take a lock"))
    }

    /// Gives all locks of this session back.
    pub(crate) fn unlock(&mut self) {
        // Without a connection there are no locks; and with a broken one, they went with it.
        if let Some(client) = self.maintenance.as_mut()
            && client.batch_execute("SELECT pg_advisory_unlock_all()").is_err()
        {
            self.maintenance = None;
        }
    }
}
