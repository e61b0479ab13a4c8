//! A private server: its data directory, its configuration, and how to run it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use database::{
    Account, Binaries, Durability, EngineError, FileError, Program, ProgramFailure, ServerFiles, ServerFound,
    ServerPlace, ServerProcess,
};

use crate::client;
use crate::literal::text;
use crate::program::{INSTALL, SERVER, locate, program};

/// The user of Seedbed and of the services, who may do everything on its private server.
const USER: &str = "seedbed";

/// The accounts that stand in for root, as which the server refuses to run, the best first.
pub(crate) const ACCOUNTS: [&str; 2] = ["mysql", "nobody"];

/// The longest path of a socket that every operating system takes (103 on macOS, 107 on Linux).
const SOCKET_PATH_LIMIT: usize = 103;

/// The file in the data directory that says which server made it.
const VERSION_FILE: &str = "seedbed-version";

/// Makes what is missing.
pub(crate) fn prepare(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    socket(place)?;
    let account = Account::for_server(&ACCOUNTS)?;
    for directory in [&place.directory, &place.socket_directory, &temporary(place)] {
        make_directory(directory, account.as_ref())?;
    }
    if let (Some(account), Some(binaries)) = (&account, found.binaries.directory()) {
        account.check_way(binaries)?;
    }
    write(&configuration(place), &settings(place), account.as_ref())?;
    if is_mysql(found) {
        let users =
            format!("{}{}DROP USER IF EXISTS 'root'@'localhost';\n", create_user(place), change_password(place));
        write(&users_file(place), &users, account.as_ref())?;
    }

    let data = data(place);
    if data.try_exists().map_err(FileError::of("inspect", &data))? {
        check_version(&data, found)
    } else {
        make_data(&data, found, place, account.as_ref())
    }
}

fn data(place: &ServerPlace) -> PathBuf {
    place.directory.join("data")
}

/// Names the directory of temporary files: a server removes those of others from a directory that it shares.
fn temporary(place: &ServerPlace) -> PathBuf {
    place.directory.join("tmp")
}

pub(crate) fn configuration(place: &ServerPlace) -> PathBuf {
    place.directory.join("my.cnf")
}

/// Names the statements that a MySQL executes before it takes connections: while it makes its data directory it accepts
/// none about users. They can be repeated.
fn users_file(place: &ServerPlace) -> PathBuf {
    place.directory.join("users.sql")
}

pub(crate) fn is_mysql(found: &ServerFound) -> bool {
    found.product != "MariaDB"
}

/// Makes Seedbed's user where it is not there, a statement a line.
fn create_user(place: &ServerPlace) -> String {
    let (user, password) = (text(USER), text(place.password.expose()));
    format!(
        "CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY {password};\n\
         GRANT ALL PRIVILEGES ON *.* TO {user}@'%' WITH GRANT OPTION;\n"
    )
}

/// Gives Seedbed's user the password of the place, also in files that were another server's; a statement in a line.
pub(crate) fn change_password(place: &ServerPlace) -> String {
    format!("ALTER USER {}@'%' IDENTIFIED BY {};\n", text(USER), text(place.password.expose()))
}

/// Names the file that is there while the server runs.
pub(crate) fn pid_file(place: &ServerPlace) -> PathBuf {
    place.directory.join("server.pid")
}

/// Says how to run the server.
pub(crate) fn process(found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
    let ready_socket = socket(place)?;
    let account = Account::for_server(&ACCOUNTS)?;
    let mut arguments = vec![
        format!("--defaults-file={}", configuration(place).display()),
        format!("--datadir={}", data(place).display()),
    ];
    if is_mysql(found) {
        arguments.push(format!("--init-file={}", users_file(place).display()));
    }
    let process = ServerProcess {
        program: locate(&found.binaries, &SERVER),
        arguments,
        env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned()), ("TZ".to_owned(), "UTC".to_owned())]),
        directory: place.directory.clone(),
        user: account.map(|account| (account.user, account.group)),
        ready_socket,
        greets: true,
        stop_signal: rustix::process::Signal::TERM.as_raw(),
        // Until it listens to those who connect, it would wait for itself forever (seen with MariaDB 10.11).
        stops_once_ready: true,
        discard_signal: rustix::process::Signal::KILL.as_raw(),
    };
    Ok(match found.binaries.image() {
        None => process,
        // Its locks are those of the kernel, which go with their holder; only this file stays.
        Some(image) => {
            let lock = format!("{}.lock", process.ready_socket.display());
            image.server(process, &place.socket_directory, &[PathBuf::from(lock)])
        }
    })
}

/// Says which files are the state of a stopped server.
pub(crate) fn files(place: &ServerPlace) -> ServerFiles {
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    ServerFiles {
        directory: data(place),
        exclude: owned(&["*.pid", "*.err", "ibtmp*", "#innodb_temp/*", "ib_buffer_pool"]),
        pages: ["**/*.ibd", "ibdata*", "undo*"].iter().map(|glob| ((*glob).to_owned(), 16_384)).collect(),
    }
}

fn socket(place: &ServerPlace) -> Result<PathBuf, EngineError> {
    let path = client::socket(&place.socket_directory);
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(EngineError::SocketPathTooLong { path, length, limit: SOCKET_PATH_LIMIT });
    }
    Ok(path)
}

/// Makes a directory that only the server's account can enter; what is above it stays as it is.
fn make_directory(directory: &Path, account: Option<&Account>) -> Result<(), EngineError> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.map_err(FileError::of("create", directory))?,
    }
    match account {
        Some(account) => {
            account.give(directory)?;
            account.check_way(directory)
        }
        None => Ok(()),
    }
}

/// Names what the data directories of one server have in common: `MariaDB 10.11`.
fn series(found: &ServerFound) -> String {
    let numbers: Vec<&str> = found.version.split('.').take(2).collect();
    format!("{} {}", found.product, numbers.join("."))
}

fn check_version(data: &Path, found: &ServerFound) -> Result<(), EngineError> {
    let file = data.join(VERSION_FILE);
    let made_by = fs::read_to_string(&file).map_err(FileError::of("read", &file))?.trim().to_owned();
    if made_by == series(found) {
        return Ok(());
    }
    let found = format!("{} {}", found.product, found.version);
    Err(EngineError::OtherVersion { directory: data.to_owned(), made_by, found })
}

/// Builds the data directory beside its place and renames it when it is complete and on the disk.
fn make_data(
    data: &Path,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let unfinished = place.directory.join("data.unfinished");
    if unfinished.try_exists().map_err(FileError::of("inspect", &unfinished))? {
        fs::remove_dir_all(&unfinished).map_err(FileError::of("remove", &unfinished))?;
    }
    build(&unfinished, found, place, account)?;
    write(&unfinished.join(VERSION_FILE), &series(found), account)?;
    database::sync_tree(&unfinished)?;
    fs::rename(&unfinished, data).map_err(FileError::of("rename", &unfinished))?;
    Ok(database::sync_directory(&place.directory)?)
}

fn build(
    unfinished: &Path,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let (user, create) = (text(USER), create_user(place));
    let defaults = configuration(place);
    if !is_mysql(found) {
        let mut install = program(&found.binaries, &INSTALL);
        install.run_as(account).directory(&place.directory).share(&place.directory);
        install.setting("--defaults-file", &defaults);
        install.setting("--datadir", unfinished);
        // The script reads every installation but its own default only when told where that is.
        if let Some(base) = base(&found.binaries) {
            install.setting("--basedir", base);
        }
        install.argument("--auth-root-authentication-method=normal").argument("--skip-test-db");
        run(install, Program::run)?;
        // While it makes itself, the server has no privileges; the first statement brings them back. Whoever else could
        // connect goes, save the owner of the views in `sys`.
        let sql = format!(
            "FLUSH PRIVILEGES;\n{create}DELETE FROM mysql.global_priv WHERE User NOT IN ({user}, 'mariadb.sys');\n\
             DELETE FROM mysql.proxies_priv;\n"
        );
        let mut bootstrap = program(&found.binaries, &SERVER);
        bootstrap.run_as(account).directory(&place.directory).share(&place.directory);
        bootstrap.setting("--defaults-file", &defaults);
        bootstrap.setting("--datadir", unfinished).argument("--bootstrap");
        return run(bootstrap, |program| {
            program.feed(|input| std::io::Write::write_all(input, sql.as_bytes())).map(|()| String::new())
        });
    }
    let mut initialize = program(&found.binaries, &SERVER);
    initialize.run_as(account).directory(&place.directory).share(&place.directory);
    initialize.setting("--defaults-file", &defaults);
    initialize.setting("--datadir", unfinished).argument("--initialize-insecure");
    run(initialize, Program::run)
}

/// Gives the directory above that of the server's program.
fn base(binaries: &Binaries) -> Option<PathBuf> {
    let above = |path: &Path| path.parent().map(Path::to_owned);
    match binaries.directory() {
        Some(directory) => above(directory),
        None => locate(binaries, &SERVER).parent().and_then(above),
    }
}

pub(crate) fn run(
    mut program: Program,
    how: impl FnOnce(&mut Program) -> Result<String, ProgramFailure>,
) -> Result<(), EngineError> {
    let path = program.path().to_owned();
    how(&mut program).map(drop).map_err(|failure| match failure {
        ProgramFailure::Start(source) => FileError::of("run", &path)(source).into(),
        ProgramFailure::Status { status, output } => EngineError::Program { program: path, status, output },
    })
}

/// Gives the whole configuration; the machine's own files are not read.
fn settings(place: &ServerPlace) -> String {
    let mut lines = vec![
        ("socket", client::socket(&place.socket_directory).display().to_string()),
        ("pid-file", pid_file(place).display().to_string()),
        ("tmpdir", temporary(place).display().to_string()),
        ("port", place.port.to_string()),
        ("skip-name-resolve", "ON".to_owned()),
        ("skip-log-bin", String::new()),
        ("loose-mysqlx", "OFF".to_owned()),
        ("performance-schema", "OFF".to_owned()),
        // A state that changes by itself would not be the same state the next day.
        ("event-scheduler", "OFF".to_owned()),
        ("character-set-server", "utf8mb4".to_owned()),
        ("default-time-zone", "+00:00".to_owned()),
        ("max-allowed-packet", "1G".to_owned()),
        ("max-connections", "150".to_owned()),
        ("innodb-file-per-table", "ON".to_owned()),
        ("innodb-buffer-pool-size", "128M".to_owned()),
        // MySQL has another name for it, and is about to forget this one.
        ("loose-innodb-log-file-size", "64M".to_owned()),
        // MySQL remembers sizes of tables for a day unless told otherwise.
        ("loose-information-schema-stats-expiry", "0".to_owned()),
        ("innodb-buffer-pool-dump-at-shutdown", "OFF".to_owned()),
        ("innodb-buffer-pool-load-at-startup", "OFF".to_owned()),
        ("key-buffer-size", "8M".to_owned()),
        ("loose-aria-pagecache-buffer-size", "16M".to_owned()),
    ];
    lines.extend(match place.durability {
        Durability::Full | Durability::OnceSettled => vec![("innodb-flush-log-at-trx-commit", "1".to_owned())],
        // What is written reaches the system at each commit, so that a crash of the server alone loses nothing.
        Durability::Relaxed => vec![
            ("innodb-flush-log-at-trx-commit", "2".to_owned()),
            ("innodb-doublewrite", "OFF".to_owned()),
            ("innodb-flush-method", "nosync".to_owned()),
            ("loose-debug-no-sync", "ON".to_owned()),
        ],
    });
    lines.push(match place.host.as_str() {
        "" => ("skip-networking", "ON".to_owned()),
        host => ("bind-address", host.to_owned()),
    });
    let line = |(name, value): &(&str, String)| match value.as_str() {
        "" => format!("{name}\n"),
        value => format!("{name} = \"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let lines: String = lines.iter().map(line).collect();
    format!("# Written by Seedbed before each start of the server.\n[mysqld]\n{lines}")
}

/// Writes a file of ours that only the server's account can read.
fn write(path: &Path, content: &str, account: Option<&Account>) -> Result<(), EngineError> {
    let file = database::DurableRename::begin(path)?;
    fs::write(file.path(), "").map_err(FileError::of("write", file.path()))?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600))
        .map_err(FileError::of("protect", file.path()))?;
    fs::write(file.path(), content).map_err(FileError::of("write", file.path()))?;
    if let Some(account) = account {
        account.give(file.path())?;
    }
    Ok(file.finish()?)
}

#[cfg(test)]
mod tests {
    use database::Secret;

    use super::*;

    #[test]
    fn a_mysql_makes_its_users_before_it_takes_connections() {
        let directory = tempfile::tempdir().unwrap();
        let place = ServerPlace {
            directory: directory.path().join("server"),
            socket_directory: directory.path().join("socket"),
            host: "127.0.0.1".to_owned(),
            port: 1,
            password: Secret::new("it's"),
            durability: Durability::Full,
            is_shared: false,
            templates: None,
        };
        let found = |product: &str| ServerFound {
            version: "8.4.2".to_owned(),
            binaries: "/nowhere/bin".into(),
            product: product.to_owned(),
        };
        let arguments = |product: &str| process(&found(product), &place).unwrap().arguments;
        let users = format!("--init-file={}", users_file(&place).display());
        assert!(arguments("MySQL").contains(&users));
        assert!(!arguments("MariaDB").contains(&users));
        // A server reads such a file line by line, and executes it at each start.
        for line in create_user(&place).lines() {
            assert!(line.ends_with(';') && (line.contains("IF NOT EXISTS") || line.starts_with("GRANT ")), "{line}");
        }
        assert!(create_user(&place).contains(&text("it's")));
    }
}
