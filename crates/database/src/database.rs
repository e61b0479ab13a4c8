//! One database: its life, its schema, its content as a file, and its kept states.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;

use crate::{Cause, DatabaseError, Description, Schema, StateName, Transaction};

/// One named database of an engine, existing or not.
///
/// Its content can be *kept* under names, as complete databases inside the engine. Copying is slow and renaming is not:
/// [`keep`](Database::keep) copies; [`take`](Database::take) and [`clear`](Database::clear) rename; and
/// [`reset_to`](Database::reset_to) renames when a spare copy of the state was [prepared](Database::prepare_spare). What
/// a rename displaces is kept under a name too, or put aside until [`tidy`](Database::tidy) removes it.
///
/// The services that use it are stopped by the caller before its content is replaced. One caller at a time changes a
/// database, save that [`prepare_spare`](Database::prepare_spare), [`clone_kept`](Database::clone_kept) and
/// [`tidy`](Database::tidy) may run in another process at the same time as anything else; what a killed caller left behind is repaired by the next one.
pub trait Database: Send {
    /// Says whether it exists.
    fn exists(&mut self) -> Result<bool, DatabaseError>;

    /// Creates it, empty. One that exists is left alone.
    fn create(&mut self) -> Result<(), DatabaseError>;

    /// Puts an empty one in its place; what it held is kept under `aside`, or put aside to be removed.
    ///
    /// Kept states stay. On failure the old content is still there.
    fn clear(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError>;

    /// Removes it together with its kept states, and ends other connections. One that does not exist is no error.
    fn destroy(&mut self) -> Result<(), DatabaseError>;

    /// Reads the schema: tables in the order of their names, columns in the order of the table.
    fn inspect(&mut self) -> Result<Schema, DatabaseError>;

    /// Reads all that values must obey; the same tables as [`inspect`](Database::inspect). Nothing of it is in fingerprints.
    fn describe(&mut self) -> Result<Description, DatabaseError>;

    /// Counts the rows of every table, in the order of [`inspect`](Database::inspect).
    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError>;

    /// Says how much space it takes on the disk, in bytes.
    fn size(&mut self) -> Result<u64, DatabaseError>;

    /// Executes the statements of a script, in a session of their own.
    ///
    /// In one transaction, unless the script has statements that control transactions or cannot stand in one. The
    /// error has the line of the script.
    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Begins a transaction. [`DatabaseError::Unsupported`] for an engine without tables.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError>;

    /// Makes a place for the [ledger](Transaction::ledger) where a transaction cannot make one.
    fn prepare_ledger(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// Removes an empty [ledger](Transaction::ledger) where a transaction cannot do it.
    fn tidy_ledger(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// Hands out all rows of a table, each as the texts of its values in the order of the columns (`None`: null), sorted
    /// by the primary key, or by all columns where there is none; in bounded memory.
    #[expect(clippy::type_complexity, reason = "an alias would hide what is handed out")]
    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError>;

    /// Hands out the rows of a table of which these columns hold one of these values, as [`read_rows`](Database::read_rows)
    /// hands them out; by an index where there is one. What is asked for is written as the rows are.
    ///
    /// Rows are sorted among those of one value; an empty list of columns finds nothing.
    #[expect(clippy::type_complexity, reason = "an alias would hide what is handed out")]
    fn read_rows_with(
        &mut self,
        table: &str,
        columns: &[String],
        values: &[Vec<String>],
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let schema = self.inspect()?;
        let known = schema.table(table).map(|table| &table.columns);
        let place = |name: &String| known.and_then(|columns| columns.iter().position(|column| column.name == *name));
        let places: Vec<Option<usize>> = columns.iter().map(place).collect();
        let is_meant = |row: &[Option<String>]| {
            let cell = |place: &Option<usize>| row[(*place)?].clone();
            let tuple: Option<Vec<String>> = places.iter().map(cell).collect();
            !columns.is_empty() && tuple.is_some_and(|tuple| values.contains(&tuple))
        };
        self.read_rows(table, &mut |row| if is_meant(row) { each(row) } else { Ok(()) })
    }

    /// Writes the whole content into one portable file, which is complete and durable when it appears.
    ///
    /// It is not compressed, and similar contents give similar files, so that a store can share what they have in common.
    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError>;

    /// Keeps the content of a dump under a name, what had that name before is replaced. The database itself need not exist
    /// and does not change.
    ///
    /// Takes what [`dump`](Database::dump) has written, and any dump that the engine's own tools write. An error leaves
    /// nothing under the name.
    fn restore_as(&mut self, name: &StateName, from: &Path) -> Result<(), DatabaseError>;

    /// Keeps a copy of the present content under a name; what had that name before is replaced.
    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Lists the kept states, in the order of their names.
    fn kept(&mut self) -> Result<Vec<Kept>, DatabaseError>;

    /// Opens a kept state for reading: schema, rows, fingerprint, dump, check. A kept state has no kept states of its own.
    fn open_kept(&mut self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError>;

    /// Gives a kept state another name; what had that name before is removed.
    fn rename_kept(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError>;

    /// Removes a kept state with its spares. One that is not kept is no error.
    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Replaces the content by a copy of a kept state, which stays; creates the database if it does not exist. What it held
    /// is kept under `aside`, or put aside to be removed.
    ///
    /// A spare that is ready makes it a rename. At any moment the database holds either the old or the new content.
    fn reset_to(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError>;

    /// Puts a kept state itself in the place of the content, which needs no space; it is no longer kept then. What the
    /// database held is kept under `aside` (which may be the same name: they change places), or put aside to be removed.
    ///
    /// Always a rename. When it is cut short, nothing is lost: the state is in place, or still kept.
    fn take(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError>;

    /// Makes a spare copy of a kept state for the next [`reset_to`](Database::reset_to); one that is ready is enough.
    ///
    /// May run beside everything else, in another process.
    fn prepare_spare(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Makes another database with the content of a kept state, which stays, and gives its name: that on the server, or the path
    /// of a file; [`Location::renamed`](crate::Location::renamed) is where it is.
    ///
    /// It is the caller's until [`drop_clone`](Database::drop_clone), and no longer than this handle lives: whoever tidies
    /// then removes it. May run beside everything else, in another process. [`DatabaseError::Unsupported`] for an engine whose
    /// databases have no names of their own.
    fn clone_kept(&mut self, name: &StateName) -> Result<String, DatabaseError>;

    /// Removes a database that [`clone_kept`](Database::clone_kept) of this handle has made, and ends connections to it. One that is
    /// gone is no error.
    fn drop_clone(&mut self, clone: &str) -> Result<(), DatabaseError>;

    /// Removes what was put aside, and what killed callers have left. May run beside everything else, in another process.
    fn tidy(&mut self) -> Result<(), DatabaseError>;

    /// Gives a digest of schema and rows, in a canonical order: same content, same text.
    ///
    /// What is no content does not count: sequences, statistics, the layout on disk. Fingerprints of different engines
    /// are not comparable, nor are those that were computed [in another way](crate::FINGERPRINT_VERSION).
    fn fingerprint(&mut self) -> Result<String, DatabaseError>;

    /// Says how the database is found in the files of its server, which are about to be saved when that is stopped; `None` for an
    /// engine whose databases are not saved as files. An error says why these cannot be.
    fn files(&mut self) -> Result<Option<DatabaseFiles>, DatabaseError> {
        Ok(None)
    }

    /// Says whether saved files are of the past of this very server: `notes` is what [`files`](Database::files) gave when they were
    /// saved. Then a database whose files are still the same has the same content.
    fn has_past(&mut self, notes: &BTreeMap<String, String>) -> Result<bool, DatabaseError> {
        let _ = notes;
        Ok(false)
    }

    /// Keeps the content that the database had in saved files of this very server under a name, without reading a row.
    ///
    /// `data` is the directory of the server's files, `notes` what [`files`](Database::files) gave when they were saved, and
    /// `bring` puts one of the saved directories, with all that is in it and synced, into a directory. Where the saved files do
    /// not fit the server, nothing is done.
    fn transplant(
        &mut self,
        name: &StateName,
        data: &Path,
        notes: &BTreeMap<String, String>,
        bring: &mut Bring<'_>,
    ) -> Result<Transplant, DatabaseError> {
        let _ = (name, data, notes, bring);
        Ok(Transplant::DoesNotFit("this engine cannot do it".to_owned()))
    }

    /// Writes all to the disk that the server has written so far without waiting, and lets it wait from now on; then the server
    /// also stops soon. May run beside everything else, in another process.
    fn settle(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// Lets the engine's own checker read everything; gives what it found wrong, in its words.
    fn check(&mut self) -> Result<Vec<String>, DatabaseError>;
}

/// Puts one of the saved directories of a server, named by its path below the server's directory, into another directory.
pub type Bring<'a> = dyn FnMut(&str, &Path) -> Result<(), Cause> + 'a;

/// How a database is found in the files of its server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFiles {
    /// What has to be remembered of it to read it there; `name` is how the server calls it.
    pub notes: BTreeMap<String, String>,
    /// The directory, below the server's, that has its content.
    pub directory: String,
    /// Globs below the server's directory of what is beside the content: kept states, spares, what was put aside.
    pub exclude: Vec<String>,
    /// Whether they can [go back](Database::transplant) into their server as they are. If not, every restore begins with a dump of
    /// them, so that they are saved only where that is asked for.
    pub go_back: bool,
}

/// What became of a transplant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transplant {
    /// The state is kept.
    Done,
    /// Nothing was done; the text says why the files do not fit.
    DoesNotFit(String),
}

/// A kept state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: StateName,
    /// The space that it takes on the disk, without spares, in bytes.
    pub bytes: u64,
    /// Whether a spare copy is ready.
    pub has_spare: bool,
}
