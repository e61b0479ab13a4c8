//! Servers in which nothing was done but restoring dumps: their files leave the machine, and others begin with them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use database::{Account, DatabaseError, EngineError, FileError, Fill, ServerFiles, ServerFound, ServerPlace};

use crate::copy::STRATEGY_VERSION;
use crate::data::{remove, set_password};
use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::names::Role;
use crate::program::program;
use crate::server::{ACCOUNTS, data, failed, stopped_files};

/// The setting by which a server says that databases are made by copying files: then pages that were not changed are the same in
/// all of them, and so are those of two servers that were made in the same way.
pub(crate) const COPIES: (&str, &str) = ("seedbed.copies", "files");

/// Why the files of a database would not mean the same on another machine, in words; no row if they would.
///
/// Orders of texts are those of the system's library, save those of codes; and what an extension brings is not in the files.
const BOUND: &str = "WITH foreign_orders AS (
        SELECT oid FROM pg_collation WHERE collprovider = 'i' OR (collprovider = 'c' AND collcollate NOT IN ('C', 'POSIX')
            AND collcollate NOT LIKE 'C.%'))
    SELECT 'it has the extension ' || extname FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL SELECT 'its locale is ' || datcollate FROM pg_database WHERE datname = current_database()
        AND datcollate NOT IN ('C', 'POSIX') AND datcollate NOT LIKE 'C.%'
    UNION ALL SELECT indexrelid::regclass || ' is ordered by the system' FROM pg_index WHERE EXISTS (
        SELECT FROM unnest(indcollation::oid[]) AS used (oid) JOIN foreign_orders USING (oid))
    UNION ALL SELECT partrelid::regclass || ' is divided in an order of the system' FROM pg_partitioned_table WHERE EXISTS (
        SELECT FROM unnest(partcollation::oid[]) AS used (oid) JOIN foreign_orders USING (oid))
    UNION ALL SELECT rngtypid::regtype || ' is ordered by the system' FROM pg_range JOIN foreign_orders ON oid = rngcollation
    LIMIT 1";

/// How much of a file is read at a time, in bytes.
const BLOCK: usize = 1 << 16;

/// Lets a stopped server forget its log, and says which files another one begins with.
pub(crate) fn seal(found: &ServerFound, place: &ServerPlace) -> Result<ServerFiles, EngineError> {
    // Fails unless it came to an orderly end: then the log is of no use any more.
    stopped_files(found, place)?;
    let data = data(place);
    let account = Account::for_server(&ACCOUNTS)?;
    let mut program = program(&found.binaries, "pg_resetwal");
    program.run_as(account.as_ref()).directory(&place.directory).share(&place.directory);
    program.argument("-D").argument(&data);
    let path = program.path().to_owned();
    program.run().map_err(|failure| failed(path, failure))?;
    let log = data.join("pg_wal");
    for entry in fs::read_dir(&log).map_err(FileError::of("read", &log))? {
        let path = entry.map_err(FileError::of("read", &log))?.path();
        if path.is_file() {
            hollow(&path).map_err(FileError::of("write", &path))?;
        }
    }
    let mut files = stopped_files(found, place)?;
    // What was counted while it was made.
    files.exclude.push("pg_stat/*".to_owned());
    Ok(files)
}

/// Makes a hole of the zeros at the end of a file: the log has little in it, and is reserved as a whole.
fn hollow(path: &Path) -> std::io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let bytes = &mut block[..usize::try_from(end - begin).expect("it is a block at most")];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            break;
        }
        end = begin;
    }
    file.set_len(end)?;
    file.set_len(length)
}

/// Fills a data directory with the files of a sealed server, and lets the server begin with them once: that sets its password, and
/// says whether it can run on them at all.
pub(crate) fn fill_data(
    unfinished: &Path,
    fill: &mut Fill<'_>,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let filled = fill(unfinished).map_err(EngineError::Files).and_then(|()| {
        if let Some(account) = account {
            account.give_all(unfinished)?;
        }
        set_password(unfinished, found, place, account)
    });
    if filled.is_err() {
        remove(unfinished)?;
    }
    filled
}

impl PostgresDatabase {
    /// Whether it has to be said to this server that databases are made by copying files.
    pub(crate) fn copies_files(&mut self) -> Result<bool, DatabaseError> {
        let (name, (setting, value)) = (self.name.clone(), COPIES);
        let sql = "SELECT current_setting($1, true) = $2 AND current_setting('server_version_num')::int >= $3";
        let row = self.maintenance()?.query_one(sql, &[&setting, &value, &STRATEGY_VERSION]);
        let is_so: Option<bool> = row.map_err(refused(&name, "ask how it is copied"))?.get(0);
        Ok(is_so.unwrap_or(false))
    }

    /// Says why the content and the kept states would not mean the same on another machine.
    pub(crate) fn find_bounds(&mut self) -> Result<Option<String>, DatabaseError> {
        let name = self.name.clone();
        let mut databases: Vec<String> = self.with_role(Role::Kept)?.into_keys().collect();
        if self.is_there(&name)? {
            databases.push(name.clone());
        }
        for database in databases {
            let found = self.address.connect(&database, &name)?.query_opt(BOUND, &[]);
            if let Some(row) = found.map_err(refused(&name, "see what it is bound to"))? {
                return Ok(Some(row.get(0)));
            }
        }
        Ok(None)
    }
}
