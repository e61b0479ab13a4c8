//! A private server: its data directory, its configuration, and how to run it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use database::{
    Durability, EngineError, FileError, Location, ServerFiles, ServerFound, ServerPlace, ServerProcess, ShellCommand,
};

use crate::client::{OWNER, SERVICE, SOCKET};
use crate::program;

/// The longest path of a socket that every operating system takes (103 on macOS, 107 on Linux).
const SOCKET_PATH_LIMIT: usize = 103;

/// The file in the data directory that says who made it.
const VERSION: &str = "version";

/// Makes what is missing.
pub(crate) fn prepare(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    socket(place)?;
    for directory in [&place.directory, &place.socket_directory] {
        make_directory(directory)?;
    }
    let data = data(place);
    if data.try_exists().map_err(FileError::of("inspect", &data))? {
        check_version(&data, found)?;
    } else {
        make_data(&data, found, place)?;
    }
    write(&configuration(place), &settings(place))
}

fn data(place: &ServerPlace) -> PathBuf {
    place.directory.join("data")
}

fn configuration(place: &ServerPlace) -> PathBuf {
    place.directory.join("redis.conf")
}

/// Says how to run the server.
pub(crate) fn process(found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
    let process = ServerProcess {
        program: program::named(&found.binaries, &found.product.to_lowercase(), "server"),
        arguments: vec![configuration(place).display().to_string()],
        env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
        directory: place.directory.clone(),
        user: None,
        ready_socket: socket(place)?,
        greets: false,
        stop_signal: rustix::process::Signal::TERM.as_raw(),
        stops_once_ready: false,
        discard_signal: rustix::process::Signal::KILL.as_raw(),
    };
    Ok(match found.binaries.image() {
        None => process,
        Some(image) => image.server(process, &place.socket_directory, &[]),
    })
}

/// The directory of the server's log of commands.
pub(crate) const LOG: &str = "appendonlydir";

/// Says which files hold the state.
pub(crate) fn files(place: &ServerPlace) -> ServerFiles {
    let exclude = ["temp-*", "check-*", "appendonlydir/temp-*"];
    ServerFiles { directory: data(place), exclude: exclude.map(str::to_owned).to_vec(), pages: Vec::new() }
}

/// Says how to run the interactive client.
pub(crate) fn shell(location: &Location) -> Result<ShellCommand, EngineError> {
    let Location::Redis { socket_directory, password, number, binaries, .. } = location else {
        return Err(EngineError::NoServer(location.engine()));
    };
    let shell = ShellCommand {
        program: program::path(binaries, "cli"),
        arguments: vec![
            "-s".to_owned(),
            socket_directory.join(SOCKET).display().to_string(),
            "-n".to_owned(),
            number.to_string(),
        ],
        env: BTreeMap::from([("REDISCLI_AUTH".to_owned(), password.expose().to_owned())]),
    };
    Ok(shell.of(binaries, socket_directory))
}

fn socket(place: &ServerPlace) -> Result<PathBuf, EngineError> {
    let path = place.socket_directory.join(SOCKET);
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(EngineError::SocketPathTooLong { path, length, limit: SOCKET_PATH_LIMIT });
    }
    Ok(path)
}

/// Makes a directory that only its owner can enter; what is above it stays as it is.
fn make_directory(directory: &Path) -> Result<(), EngineError> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => Ok(made.map_err(FileError::of("create", directory))?),
    }
}

/// Refuses data of another maker or of a newer version. A newer server reads what an older one wrote.
fn check_version(data: &Path, found: &ServerFound) -> Result<(), EngineError> {
    let file = data.join(VERSION);
    let made_by = fs::read_to_string(&file).map_err(FileError::of("read", &file))?.trim().to_owned();
    let number = |text: &str| text.parse::<u32>().ok();
    let fits = made_by.split_once(' ').is_some_and(|(product, major)| {
        product == found.product && number(major).is_some() && number(major) <= number(found.major())
    });
    if !fits {
        return Err(EngineError::OtherVersion { directory: data.to_owned(), made_by, found: maker(found) });
    }
    if made_by == maker(found) { Ok(()) } else { write(&file, &maker(found)) }
}

fn maker(found: &ServerFound) -> String {
    format!("{} {}", found.product, found.major())
}

/// Makes the data directory beside its place and renames it when it is on the disk.
fn make_data(data: &Path, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    let unfinished = place.directory.join("data.unfinished");
    match fs::remove_dir_all(&unfinished) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(FileError::of("remove", &unfinished)(source).into());
        }
        _ => {}
    }
    make_directory(&unfinished)?;
    write(&unfinished.join(VERSION), &maker(found))?;
    database::sync_tree(&unfinished)?;
    fs::rename(&unfinished, data).map_err(FileError::of("rename", &unfinished))?;
    Ok(database::sync_directory(&place.directory)?)
}

/// Gives the whole configuration.
///
/// The log of commands is on whatever the durability: what a killed server had acknowledged is there when it starts again.
fn settings(place: &ServerPlace) -> String {
    let text = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let path = |path: &Path| text(&path.display().to_string());
    let sync = match place.durability {
        Durability::Full | Durability::OnceSettled => "always",
        Durability::Relaxed => "no",
    };
    let password = text(&format!(">{}", place.password.expose()));
    // Without an address it listens on its socket alone.
    let port = if place.host.is_empty() { 0 } else { place.port };
    let lines = [
        ("bind", text(&place.host)),
        ("port", port.to_string()),
        ("unixsocket", path(&place.socket_directory.join(SOCKET))),
        ("unixsocketperm", "700".to_owned()),
        ("dir", path(&data(place))),
        ("databases", "2000".to_owned()),
        ("appendonly", "yes".to_owned()),
        ("appendfsync", sync.to_owned()),
        ("save", text("")),
        // A long copy makes others wait; it does not make them fail.
        ("busy-reply-threshold", "0".to_owned()),
        ("repl-diskless-sync-delay", "0".to_owned()),
        ("tcp-backlog", "128".to_owned()),
        ("user", format!("{OWNER} on {password} ~* &* +@all")),
        // It would empty the databases of others, and the kept states. No command of Seedbed's own can be taken from this
        // user: as this one the server carries out its log when it starts, and what is not allowed it leaves out.
        ("user", format!("{SERVICE} on {password} ~* &* +@all -flushall")),
    ];
    let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    format!("# Written by Seedbed before each start of the server.\n{}", lines.concat())
}

/// Writes a file of ours that only its owner can read.
fn write(path: &Path, content: &str) -> Result<(), EngineError> {
    let file = database::DurableRename::begin(path)?;
    fs::write(file.path(), "").map_err(FileError::of("write", file.path()))?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600))
        .map_err(FileError::of("protect", file.path()))?;
    fs::write(file.path(), content).map_err(FileError::of("write", file.path()))?;
    Ok(file.finish()?)
}
