//! A private server: its data directory, its configuration, and how to run it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use database::{
    Account, Durability, EngineError, FileError, ProgramFailure, ServerFiles, ServerFound, ServerPlace, ServerProcess,
    Unsettled,
};

use crate::data::{make_data, set_password};
use crate::program::program;

/// The accounts that stand in for root, as which the server refuses to run, the best first.
pub(crate) const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The longest path of a socket that every operating system takes (103 on macOS, 107 on Linux).
const SOCKET_PATH_LIMIT: usize = 103;

/// The size of a page of tables and indexes, in bytes.
const PAGE_SIZE: u32 = 8192;

/// Makes what is missing.
pub(crate) fn prepare(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    socket(place)?;
    let account = Account::for_server(&ACCOUNTS)?;
    for directory in [&place.directory, &place.socket_directory] {
        make_directory(directory, account.as_ref())?;
    }
    if let (Some(account), Some(binaries)) = (&account, found.binaries.directory()) {
        account.check_way(binaries)?;
    }

    write(&configuration(place), &settings(place), account.as_ref())?;
    write(&access(place), "local all all scram-sha-256\nhost all all all scram-sha-256\n", account.as_ref())?;
    let data = data(place);
    if data.try_exists().map_err(FileError::of("inspect", &data))? {
        return check_version(&data, found);
    }
    make_data(found, place, account.as_ref())
}

pub(crate) fn data(place: &ServerPlace) -> PathBuf {
    place.directory.join("data")
}

pub(crate) fn configuration(place: &ServerPlace) -> PathBuf {
    place.directory.join("postgresql.conf")
}

pub(crate) fn access(place: &ServerPlace) -> PathBuf {
    place.directory.join("pg_hba.conf")
}

/// Says how to run the server.
pub(crate) fn process(found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
    let ready_socket = socket(place)?;
    let account = Account::for_server(&ACCOUNTS)?;
    let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
    let process = ServerProcess {
        program: found.binaries.program(&["postgres"]),
        arguments: vec![
            "-D".to_owned(),
            data(place).display().to_string(),
            "-c".to_owned(),
            setting("config_file", &configuration(place)),
            "-c".to_owned(),
            setting("hba_file", &access(place)),
        ],
        env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
        directory: place.directory.clone(),
        user: account.map(|account| (account.user, account.group)),
        ready_socket,
        greets: false,
        stop_signal: rustix::process::Signal::INT.as_raw(),
        stops_once_ready: false,
        // Killed, it would leave its shared memory.
        discard_signal: rustix::process::Signal::QUIT.as_raw(),
    };
    Ok(match found.binaries.image() {
        None => process,
        Some(image) => {
            let lock = format!("{}.lock", process.ready_socket.display());
            let locks = [data(place).join("postmaster.pid"), PathBuf::from(lock)];
            image.server(process, &place.socket_directory, &locks)
        }
    })
}

fn socket(place: &ServerPlace) -> Result<PathBuf, EngineError> {
    let path = place.socket_directory.join(format!(".s.PGSQL.{}", place.port));
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(EngineError::SocketPathTooLong { path, length, limit: SOCKET_PATH_LIMIT });
    }
    Ok(path)
}

/// Makes a directory that only the server's account can enter; what is above it stays as it is.
pub(crate) fn make_directory(directory: &Path, account: Option<&Account>) -> Result<(), EngineError> {
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

fn check_version(data: &Path, found: &ServerFound) -> Result<(), EngineError> {
    let file = data.join("PG_VERSION");
    let made_by = fs::read_to_string(&file).map_err(FileError::of("read", &file))?.trim().to_owned();
    if made_by == found.major() {
        return Ok(());
    }
    Err(EngineError::OtherVersion { directory: data.to_owned(), made_by, found: found.version.clone() })
}

/// Gives the whole configuration: what `initdb` wrote depends on the machine and is not used.
fn settings(place: &ServerPlace) -> String {
    let text = |value: &str| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    let mut lines = vec![
        ("listen_addresses", text(&place.host)),
        ("port", place.port.to_string()),
        ("unix_socket_directories", text(&socket_directories(&place.socket_directory))),
        ("unix_socket_permissions", "0700".to_owned()),
        ("password_encryption", "'scram-sha-256'".to_owned()),
        ("max_connections", if place.is_shared { "500" } else { "100" }.to_owned()),
        ("shared_buffers", "'32MB'".to_owned()),
        ("max_wal_size", "'256MB'".to_owned()),
        ("min_wal_size", "'32MB'".to_owned()),
        // Nothing follows this server, so rows of a table that its own transaction has made need not be in the log.
        ("wal_level", "minimal".to_owned()),
        ("max_wal_senders", "0".to_owned()),
        ("timezone", "'UTC'".to_owned()),
        ("log_timezone", "'UTC'".to_owned()),
        ("datestyle", "'iso, mdy'".to_owned()),
        ("lc_messages", "'C'".to_owned()),
        ("lc_monetary", "'C'".to_owned()),
        ("lc_numeric", "'C'".to_owned()),
        ("lc_time", "'C'".to_owned()),
        ("default_text_search_config", "'pg_catalog.english'".to_owned()),
    ];
    if place.durability == Durability::Relaxed {
        lines.extend(["fsync", "synchronous_commit", "full_page_writes"].map(|name| (name, "off".to_owned())));
    }
    // Later settings override earlier ones.
    lines.push(("include_if_exists", text(&Unsettled::of(&place.directory).file().display().to_string())));
    let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!("# Written by Seedbed before each start of the server.\n{}", lines.concat())
}

/// Says which files hold the state: the data directory alone, since the configuration is written before each start.
///
/// Of some directories the content does not count, but they must be there: the server does not make them.
pub(crate) fn files(place: &ServerPlace) -> ServerFiles {
    let exclude = [
        "postmaster.pid",
        "postmaster.opts",
        "backup_label.old",
        "tablespace_map.old",
        "log/*",
        "pg_log/*",
        "pg_stat_tmp/*",
        "pg_dynshmem/*",
        "pg_notify/*",
        "pg_serial/*",
        "pg_snapshots/*",
        "pg_subtrans/*",
        "base/pgsql_tmp",
        "**/pg_internal.init",
    ];
    ServerFiles {
        directory: data(place),
        exclude: exclude.map(ToOwned::to_owned).to_vec(),
        // Two pages of the server are one of ours: half as many to keep account of.
        pages: ["base/**", "global/**"].map(|files| (files.to_owned(), 2 * PAGE_SIZE)).to_vec(),
    }
}

/// Says which files a copy needs: of the log, which is of no use after an orderly end, only the part in which that end stands.
pub(crate) fn stopped_files(found: &ServerFound, place: &ServerPlace) -> Result<ServerFiles, EngineError> {
    let mut files = files(place);
    let control = control(found, &files.directory)?;
    let value = |name: &str| control.get(name).cloned().unwrap_or_default();
    let state = value("Database cluster state");
    if state != "shut down" {
        return Err(EngineError::NotStopped { directory: files.directory, state });
    }
    let log = files.directory.join("pg_wal");
    let needed = value("Latest checkpoint's REDO WAL file");
    let entries = fs::read_dir(&log).map_err(FileError::of("read", &log))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(FileError::of("read", &log))?.file_name().to_string_lossy().into_owned());
    }
    let is_segment = |name: &str| name.len() == needed.len() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let others = names.into_iter().filter(|name| is_segment(name) && *name != needed);
    files.exclude.extend(others.map(|name| format!("pg_wal/{name}")));
    files.exclude.push("pg_wal/archive_status/*".to_owned());
    Ok(files)
}

/// Reads what the server has written down about itself.
fn control(found: &ServerFound, data: &Path) -> Result<BTreeMap<String, String>, EngineError> {
    let mut program = program(&found.binaries, "pg_controldata");
    program.share(data).argument("-D").argument(data);
    let path = program.path().to_owned();
    let said = program.run().map_err(|failure| failed(path, failure))?;
    let line = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(said.lines().filter_map(line).collect())
}

/// Gives the files of another server to this one, and lets it be entered with the password of its place.
pub(crate) fn adopt_files(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    let data = data(place);
    let account = Account::for_server(&ACCOUNTS)?;
    if let Some(account) = &account {
        account.give_all(&data)?;
    }
    prepare(found, place)?;
    set_password(&data, found, place, account.as_ref())
}

pub(crate) fn failed(program: PathBuf, failure: ProgramFailure) -> EngineError {
    match failure {
        ProgramFailure::Start(source) => FileError::of("start", &program)(source).into(),
        ProgramFailure::Status { status, output } => EngineError::Program { program, status, output },
    }
}

/// Quotes a directory as an element of the list of socket directories.
fn socket_directories(directory: &Path) -> String {
    format!("\"{}\"", directory.display().to_string().replace('"', "\"\""))
}

/// Writes a file of ours that only the server's account can read. It is written before each start, so it may be lost with the
/// machine.
pub(crate) fn write(path: &Path, content: &str, account: Option<&Account>) -> Result<(), EngineError> {
    let new = path.with_extension("unfinished");
    database::remove_file(&new)?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    file.and_then(|mut file| file.write_all(content.as_bytes())).map_err(FileError::of("write", &new))?;
    if let Some(account) = account {
        account.give(&new)?;
    }
    Ok(fs::rename(&new, path).map_err(FileError::of("rename", &new))?)
}
