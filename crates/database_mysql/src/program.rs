//! The programs of MariaDB and MySQL.

use std::path::PathBuf;

use database::{Binaries, Program};

/// The server, by its names.
pub(crate) const SERVER: [&str; 2] = ["mariadbd", "mysqld"];

/// The interactive client, by its names.
pub(crate) const CLIENT: [&str; 2] = ["mariadb", "mysql"];

/// The program that writes dumps, by its names.
pub(crate) const DUMP: [&str; 2] = ["mariadb-dump", "mysqldump"];

/// The program that makes the data directory of a MariaDB, by its names.
pub(crate) const INSTALL: [&str; 2] = ["mariadb-install-db", "mysql_install_db"];

/// Finds a program of an installation, or of an image: packages put the server and the other programs into sibling directories. What is
/// nowhere is given in the server's directory, so that the error of starting it names a path.
pub(crate) fn locate(binaries: &Binaries, names: &[&str]) -> PathBuf {
    let Some(binaries) = binaries.directory() else { return binaries.program(names) };
    let beside = |word: &str| binaries.parent().map(|parent| parent.join(word));
    let directories = [Some(binaries.to_owned()), beside("bin"), beside("sbin"), beside("scripts")];
    let candidates = names.iter().flat_map(|name| directories.iter().flatten().map(move |place| place.join(name)));
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| binaries.join(names[0]))
}

/// A program about to be run, free of the caller's MariaDB and MySQL settings.
pub(crate) fn program(binaries: &Binaries, names: &[&str]) -> Program {
    Program::new(binaries, locate(binaries, names), &["MYSQL", "MARIADB"])
}
