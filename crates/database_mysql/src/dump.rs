//! The content as one portable file: the statements that make it, as the server's own program writes them.
//!
//! The first line says whose file it is, the last has the digest of everything before it: a text of statements that is
//! damaged may still be one. Rows come in the order of their keys, and without the time, so that similar contents give
//! similar files.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use database::{DatabaseError, DurableRename, FileError, Program, ProgramFailure};

use crate::client;
use crate::database::MysqlDatabase;
use crate::program::{DUMP, program};

/// The first line of a dump.
pub(crate) const HEAD: &str = "-- Seedbed dump of MariaDB or MySQL, version 1\n";

/// What the last line of a dump begins with; 64 hexadecimal digits follow, and a line feed.
pub(crate) const TAIL: &str = "-- Seedbed digest: ";

impl MysqlDatabase {
    pub(crate) fn dump_to(&mut self, to: &Path) -> Result<(), DatabaseError> {
        let file = DurableRename::begin(to)?;
        let write = |source| FileError::of("write", file.path())(source);
        let mut output = File::create(file.path()).map_err(write)?;
        output.write_all(HEAD.as_bytes()).map_err(write)?;
        let mut program = self.client(program(&self.binaries, &DUMP));
        program.argument("--single-transaction").argument("--quick").argument("--order-by-primary");
        program.argument("--routines").argument("--triggers").argument("--events").argument("--hex-blob");
        program.argument("--no-tablespaces").argument("--skip-comments").argument("--skip-dump-date");
        program.argument("--skip-lock-tables").argument("--skip-add-locks").argument("--skip-add-drop-table");
        // Long statements: where one ends depends on all rows before it, so that few places differ between similar files.
        program.argument("--no-autocommit").argument("--net-buffer-length=16777216");
        program.argument("--max-allowed-packet=1073741824").argument(&self.schema);
        let path = program.path().to_owned();
        program.endable().run_into(output.try_clone().map_err(write)?).map_err(|failure| match failure {
            ProgramFailure::Start(source) => FileError { action: "start", path, source }.into(),
            ProgramFailure::Status { status, output } => DatabaseError::Program { program: path, status, output },
        })?;
        let digest = digest(file.path())?;
        writeln!(output, "{TAIL}{digest}").map_err(write)?;
        drop(output);
        Ok(file.finish()?)
    }

    /// Adds what every client needs to connect as this database's user.
    pub(crate) fn client(&self, mut program: Program) -> Program {
        program.env("MYSQL_PWD", self.address.password.expose());
        program.argument("--no-defaults");
        program.setting("--socket", client::socket(&self.address.socket_directory));
        program.share(&self.address.socket_directory);
        program.argument(format!("--user={}", self.address.user)).argument("--default-character-set=utf8mb4");
        program
    }
}

/// Digests a file.
fn digest(path: &Path) -> Result<String, FileError> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(FileError::of("read", path))?;
    hasher.update_reader(file).map_err(FileError::of("read", path))?;
    Ok(hasher.finalize().to_hex().to_string())
}
