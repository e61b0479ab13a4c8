//! A database as files of its stopped server, and back into that server without reading a row.
//!
//! What makes the files of a database valid in its cluster again stands outside of them: the fate of the transactions that
//! wrote its rows, and a row in the catalog of databases. The first is there as long as the cluster has the same history, and
//! nothing was cut off it that old rows refer to; both are checked. The second is copied.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use database::{Bring, DatabaseError, DatabaseFiles, FileError, StateName, Transplant};

use crate::copy::STRATEGY_VERSION;
use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::names::Role;
use crate::table::quote;

/// What the database is called on its server.
const NAME: &str = "name";
/// The number of the database, which is the name of its directory.
const OID: &str = "oid";
/// The number that the cluster was made with.
const SYSTEM: &str = "system";
/// A mark that was left in the cluster when the files were saved: who has it has all the history before it.
const HISTORY: &str = "history";
/// The row in the catalog of databases, without what belongs to the name and not to the content.
const ROW: &str = "row";
/// What the objects of the database have to do with roles of the cluster.
const SHARED: &str = "shared";

/// The columns of the catalog that a transplant does not bring along.
const OWN_COLUMNS: [&str; 9] = [
    "oid",
    "datname",
    "datdba",
    "datistemplate",
    "datallowconn",
    "datconnlimit",
    "dattablespace",
    "datacl",
    "datlastsysoid",
];

/// Where saved files are put before they are in place: within the new database's directory, which goes with the database.
const INCOMING: &str = "seedbed-incoming";

/// The directory of the databases.
const BASE: &str = "base";

/// Why a server cannot be saved as files, in words; null if it can be.
const OBSTACLE: &str = "SELECT CASE
    WHEN EXISTS (SELECT FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))
        THEN 'the server has tablespaces, whose files are somewhere else'
    WHEN EXISTS (SELECT FROM pg_prepared_xacts) THEN 'the server has prepared transactions' END";

/// Leaves a mark in the cluster's history.
const MARK: &str = "CREATE SCHEMA IF NOT EXISTS seedbed;
    CREATE TABLE IF NOT EXISTS seedbed.history (mark uuid PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())";

impl PostgresDatabase {
    pub(crate) fn find_files(&mut self) -> Result<DatabaseFiles, DatabaseError> {
        let name = self.name.clone();
        let failed = || refused(&name, "find its files");
        let obstacle: Option<String> = self.maintenance()?.query_one(OBSTACLE, &[]).map_err(failed())?.get(0);
        if let Some(obstacle) = obstacle {
            let action = "save it as files".to_owned();
            return Err(DatabaseError::Refused { database: name, action, source: obstacle.into() });
        }
        let mut exclude = Vec::new();
        for role in [Role::Kept, Role::Spare, Role::New, Role::Clone, Role::Old] {
            exclude.extend(self.with_role(role)?.into_values().map(|oid| format!("{BASE}/{oid}")));
        }
        let client = self.maintenance()?;
        client.batch_execute(MARK).map_err(failed())?;
        let mark = "INSERT INTO seedbed.history (mark) VALUES (gen_random_uuid()) RETURNING mark::text";
        let mark: String = client.query_one(mark, &[]).map_err(failed())?.get(0);
        let facts = "SELECT oid::text, (to_jsonb(own) - $2::text[])::text,
                (SELECT system_identifier::text FROM pg_control_system()),
                (SELECT coalesce(jsonb_agg(to_jsonb(shared) - 'dbid'), '[]')::text FROM pg_shdepend shared
                    WHERE dbid = own.oid)
            FROM pg_database own WHERE datname = $1";
        let row = client.query_opt(facts, &[&name, &OWN_COLUMNS.as_slice()]).map_err(failed())?;
        let row = row.ok_or_else(|| DatabaseError::Missing { database: name.clone() })?;
        let text = |index: usize| row.get::<_, String>(index);
        let notes = [
            (NAME, name.clone()),
            (HISTORY, mark),
            (OID, text(0)),
            (ROW, text(1)),
            (SYSTEM, text(2)),
            (SHARED, text(3)),
        ];
        let directory = format!("{BASE}/{}", text(0));
        let notes = notes.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(DatabaseFiles { directory, notes, exclude, go_back: true })
    }

    pub(crate) fn transplant_state(
        &mut self,
        state: &StateName,
        data: &Path,
        notes: &BTreeMap<String, String>,
        bring: &mut Bring<'_>,
    ) -> Result<Transplant, DatabaseError> {
        let Some(saved) = Saved::of(notes) else {
            return Ok(Transplant::DoesNotFit("it is not said where in the files the database is".to_owned()));
        };
        self.commanding(|this| {
            if let Some(reason) = this.misfit(&saved)? {
                return Ok(Transplant::DoesNotFit(reason));
            }
            let mut cut_off = false;
            let mut directory = None;
            let made = this.make(
                |this, new| {
                    let oid = this.create_closed(new)?;
                    directory = Some((oid, data.join(BASE).join(oid.to_string())));
                    this.take_over(oid, &saved)?;
                    if this.is_cut_off(oid, &saved)? {
                        cut_off = true;
                        return Err(DatabaseError::Missing { database: this.name.clone() });
                    }
                    let (_, directory) = directory.as_ref().expect("it was found above");
                    this.bring_files(directory, data, &saved, bring)?;
                    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quote(new));
                    let name = this.name.clone();
                    this.maintenance()?.batch_execute(&sql).map_err(refused(&name, "open the new copy of it"))
                },
                |this, new| this.put_under(new, state),
            );
            match made {
                Ok(()) => Ok(Transplant::Done),
                Err(error) => {
                    if let Some((oid, directory)) = directory {
                        this.remove_rest(oid, &directory)?;
                    }
                    if cut_off {
                        let reason = "the server has let go of what its transactions came to".to_owned();
                        return Ok(Transplant::DoesNotFit(reason));
                    }
                    Err(error)
                }
            }
        })
    }

    /// Says why the saved files are not of the past of this cluster.
    pub(crate) fn is_past(&mut self, saved: &Saved<'_>) -> Result<Option<String>, DatabaseError> {
        let name = self.name.clone();
        let failed = || refused(&name, "compare it with saved files");
        let client = self.maintenance()?;
        let facts = "SELECT (SELECT system_identifier::text FROM pg_control_system()),
            to_regclass('seedbed.history') IS NOT NULL";
        let row = client.query_one(facts, &[]).map_err(failed())?;
        if row.get::<_, &str>(0) != saved.system {
            return Ok(Some("they are of another server".to_owned()));
        }
        let has_mark = "SELECT EXISTS (SELECT FROM seedbed.history WHERE mark::text = $1)";
        let is_marked: bool = row.get(1);
        if !is_marked || !client.query_one(has_mark, &[&saved.history]).map_err(failed())?.get::<_, bool>(0) {
            return Ok(Some("the server has gone back to before they were saved".to_owned()));
        }
        Ok(None)
    }

    /// Says why the saved files cannot be those of a database of this cluster.
    fn misfit(&mut self, saved: &Saved<'_>) -> Result<Option<String>, DatabaseError> {
        if let Some(reason) = self.is_past(saved)? {
            return Ok(Some(reason));
        }
        let name = self.name.clone();
        let failed = || refused(&name, "compare it with saved files");
        let client = self.maintenance()?;
        // A worker that keeps the numbers of transactions from running out may enter any database when half of them are used.
        let facts = "SELECT greatest(max(age(datfrozenxid)), age($1::text::xid)) < current_setting('autovacuum_freeze_max_age')::int / 2
                AND greatest(max(mxid_age(datminmxid)), mxid_age($2::text::xid))
                    < current_setting('autovacuum_multixact_freeze_max_age')::int / 2,
            NOT EXISTS (SELECT FROM jsonb_to_recordset($3::text::jsonb) shared (refclassid oid, refobjid oid)
                WHERE refclassid <> 'pg_authid'::regclass OR NOT EXISTS (SELECT FROM pg_authid WHERE oid = refobjid))
            FROM pg_database";
        let row = client.query_one(facts, &[&saved.frozen, &saved.multi, &saved.shared]).map_err(failed())?;
        if !row.get::<_, bool>(0) {
            return Ok(Some("the server has used too many of its transactions' numbers".to_owned()));
        }
        if !row.get::<_, bool>(1) {
            return Ok(Some("they name roles that the server does not have any more".to_owned()));
        }
        Ok(None)
    }

    /// Makes a database that nobody can connect to. Its files are copied, not written through the log, and that ends with a
    /// checkpoint: a server that crashes later does not repeat the copying, and has no page of it in memory.
    fn create_closed(&mut self, database: &str) -> Result<u32, DatabaseError> {
        let name = self.name.clone();
        let failed = || refused(&name, "create a copy of it");
        let client = self.maintenance()?;
        let version = "SELECT current_setting('server_version_num')::int";
        let version: i32 = client.query_one(version, &[]).map_err(failed())?.get(0);
        let strategy = if version >= STRATEGY_VERSION { " STRATEGY file_copy" } else { "" };
        let sql = format!("CREATE DATABASE {} TEMPLATE template0{strategy} ALLOW_CONNECTIONS false", quote(database));
        client.batch_execute(&sql).map_err(failed())?;
        let oid = self.oid(database)?;
        oid.ok_or_else(|| DatabaseError::Missing { database: name.clone() })
    }

    /// Writes into the shared catalogs what they said of the saved database.
    fn take_over(&mut self, oid: u32, saved: &Saved<'_>) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let failed = || refused(&name, "describe a copy of it");
        let client = self.maintenance()?;
        let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = 'pg_database'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL ($1)";
        let columns: String = client.query_one(columns, &[&OWN_COLUMNS.as_slice()]).map_err(failed())?.get(0);
        let row = format!(
            "UPDATE pg_database SET ({columns}) =
                (SELECT {columns} FROM jsonb_populate_record(NULL::pg_database, $2::text::jsonb)) WHERE oid = $1"
        );
        let shared = "INSERT INTO pg_shdepend
            SELECT (jsonb_populate_record(NULL::pg_shdepend, shared || jsonb_build_object('dbid', $1::oid))).*
            FROM jsonb_array_elements($2::text::jsonb) shared";
        let mut transaction = client.transaction().map_err(failed())?;
        transaction.execute(&row, &[&oid, &saved.row]).map_err(failed())?;
        transaction.execute("DELETE FROM pg_shdepend WHERE dbid = $1", &[&oid]).map_err(failed())?;
        transaction.execute(shared, &[&oid, &saved.shared]).map_err(failed())?;
        transaction.commit().map_err(failed())
    }

    /// Says whether the cluster may have forgotten what became of transactions that rows of the saved files name.
    ///
    /// It keeps what the oldest of its databases may need. From now on that is this one at the latest; and if another one is
    /// older still, nothing that this one needs was ever let go.
    fn is_cut_off(&mut self, oid: u32, saved: &Saved<'_>) -> Result<bool, DatabaseError> {
        let name = self.name.clone();
        let sql =
            "SELECT max(age(datfrozenxid)) < age($2::text::xid) OR max(mxid_age(datminmxid)) < mxid_age($3::text::xid)
            FROM pg_database WHERE oid <> $1";
        let row = self.maintenance()?.query_one(sql, &[&oid, &saved.frozen, &saved.multi]);
        row.map(|row| row.get(0)).map_err(refused(&name, "compare it with saved files"))
    }

    /// Puts the saved files in the place of those that the new database began with. Nobody can be connected to it, and the server
    /// has none of its pages.
    fn bring_files(
        &self,
        directory: &Path,
        data: &Path,
        saved: &Saved<'_>,
        bring: &mut Bring<'_>,
    ) -> Result<(), DatabaseError> {
        let incoming = directory.join(INCOMING);
        let from = format!("{BASE}/{}", saved.oid);
        bring(&from, &incoming).map_err(|source| DatabaseError::Refused {
            database: self.name.clone(),
            action: "bring its saved files".to_owned(),
            source,
        })?;
        let owner = fs::metadata(data).map_err(FileError::of("inspect", data))?;
        for old in files_of(directory)? {
            fs::remove_file(&old).map_err(FileError::of("remove", &old))?;
        }
        for file in files_of(&incoming.join(&from))? {
            let metadata = fs::metadata(&file).map_err(FileError::of("inspect", &file))?;
            if (metadata.uid(), metadata.gid()) != (owner.uid(), owner.gid()) {
                chown(&file, Some(owner.uid()), Some(owner.gid()))
                    .map_err(FileError::of("change the owner of", &file))?;
            }
            let to = directory.join(file.file_name().expect("it is an entry of a directory"));
            fs::rename(&file, &to).map_err(FileError::of("rename", &file))?;
        }
        fs::remove_dir_all(&incoming).map_err(FileError::of("remove", &incoming))?;
        Ok(database::sync_directory(directory)?)
    }

    /// Removes files of a database that was dropped while they were being brought.
    fn remove_rest(&mut self, oid: u32, directory: &Path) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let there = self.maintenance()?.query_opt("SELECT 1 FROM pg_database WHERE oid = $1", &[&oid]);
        if there.map_err(refused(&name, "look for a copy of it"))?.is_some() {
            return Ok(());
        }
        match fs::remove_dir_all(directory) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(FileError::of("remove", directory)(source).into())
            }
            _ => Ok(()),
        }
    }
}

/// Lists the files of a directory, without what is below it.
fn files_of(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = |source| FileError::of("read", directory)(source);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// What was noted of a saved database.
pub(crate) struct Saved<'a> {
    oid: &'a str,
    system: &'a str,
    history: &'a str,
    row: &'a str,
    shared: &'a str,
    /// The oldest transaction that its rows may name.
    frozen: String,
    /// The oldest group of transactions that its rows may name.
    multi: String,
}

impl<'a> Saved<'a> {
    pub(crate) fn of(notes: &'a BTreeMap<String, String>) -> Option<Self> {
        let note = |name: &str| notes.get(name).map(String::as_str);
        // It becomes a part of a path.
        let oid = note(OID).filter(|oid| oid.parse::<u32>().is_ok())?;
        let row: serde_json::Value = serde_json::from_str(note(ROW)?).ok()?;
        let number = |name: &str| row.get(name).and_then(|value| value.as_str().map(ToOwned::to_owned));
        Some(Saved {
            oid,
            system: note(SYSTEM)?,
            history: note(HISTORY)?,
            row: note(ROW)?,
            shared: note(SHARED)?,
            frozen: number("datfrozenxid")?,
            multi: number("datminmxid")?,
        })
    }
}
