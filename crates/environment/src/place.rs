//! Where an environment keeps what it has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use plan::DatabaseId;

use crate::Error;

/// The directory in a workspace's root that holds its environments.
pub const DIRECTORY: &str = ".seedbed";

/// The places of one environment. Everything of it is below [`Place::directory`], save sockets, whose paths must be
/// short, and servers that run as another user, who could not reach into a home directory.
#[derive(Debug, Clone)]
pub struct Place {
    directory: PathBuf,
    short: PathBuf,
    servers: PathBuf,
}

impl Place {
    /// The places of the environment `name` of the workspace in `root`.
    pub fn new(root: &Path, name: &str, runtime_directory: &Path, is_root: bool) -> Self {
        Self::at(root.join(DIRECTORY).join(name), runtime_directory, is_root)
    }

    /// The places of a server that environments share, which has a supervisor of its own.
    pub fn of_server(servers: &Path, name: &str, runtime_directory: &Path, is_root: bool) -> Self {
        Self::at(servers.join(name), runtime_directory, is_root)
    }

    fn at(directory: PathBuf, runtime_directory: &Path, is_root: bool) -> Self {
        let id = blake3::hash(directory.as_os_str().as_encoded_bytes()).to_hex();
        let servers = if is_root { Path::new("/var/lib/seedbed").join(&id[..16]) } else { directory.join("servers") };
        Self { short: runtime_directory.join(&id[..16]), servers, directory }
    }

    /// The environment's own directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All directories in which something of it can be.
    pub fn all(&self) -> [&Path; 3] {
        [&self.directory, &self.short, &self.servers]
    }

    /// Where its socket is.
    pub fn socket(&self) -> PathBuf {
        self.short.join("supervisor.sock")
    }

    /// Where a server has its socket: each a directory of its own, since servers may run as different users.
    pub fn server_sockets(&self, id: &str) -> PathBuf {
        self.short.join("servers").join(id)
    }

    /// Where a server keeps its data.
    pub fn server(&self, id: &str) -> PathBuf {
        self.servers.join(id)
    }

    /// The directories of all servers that there are.
    pub fn all_servers(&self) -> Result<Vec<PathBuf>, Error> {
        match fs::read_dir(&self.servers) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries
                .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
                .map_err(Error::io("read", &self.servers)),
        }
    }

    /// The logs of its units.
    pub fn logs(&self) -> PathBuf {
        self.directory.join("logs")
    }

    /// The log of its supervisor.
    pub fn supervisor_log(&self) -> PathBuf {
        self.directory.join("supervisor.log")
    }

    /// A database that is a file.
    pub fn database_file(&self, id: &DatabaseId) -> PathBuf {
        self.directory.join("databases").join(&id.workspace).join(format!("{}.sqlite3", id.name))
    }

    /// Where the kept states of a database that is a file are.
    pub fn kept(&self, id: &DatabaseId) -> PathBuf {
        self.directory.join("states").join(&id.workspace).join(&id.name)
    }

    /// A workspace's own directory in the environment.
    pub fn workspace_directory(&self, workspace: &str) -> PathBuf {
        self.directory.join("files").join(workspace)
    }

    /// How much memory its services have used.
    pub fn usage(&self) -> PathBuf {
        self.directory.join("usage.json")
    }

    /// How long each step of each command took.
    pub fn times(&self) -> PathBuf {
        self.directory.join("times.jsonl")
    }

    /// Which configuration was in force when.
    pub fn config_history(&self) -> PathBuf {
        self.directory.join("config.jsonl")
    }

    /// Where files are that are made of templates.
    pub fn config_files(&self) -> PathBuf {
        self.directory.join("config")
    }

    /// Makes the directory that has the lock, and nothing else: a command that waits for the lock must not make what the one
    /// that has it removes.
    pub fn create_directory(&self) -> Result<(), Error> {
        create_top(self.directory.parent().expect("it was made by joining a name"))?;
        make_private(&self.directory)
    }

    /// Makes the other directories, for who has the lock. What is in them is private, and hidden from git.
    pub fn create(&self) -> Result<(), Error> {
        self.remove_rest()?;
        make_private(&self.logs())?;
        // The user of a server goes through here to its sockets.
        let parent = self.short.parent().expect("it was made by joining an id");
        make(parent, 0o711)?;
        check_owner(parent)?;
        make(&self.short, 0o711)?;
        make(&self.short.join("servers"), 0o711)
    }

    /// Removes everything of the environment; what its tasks have made stays. It is there as a whole or not at all,
    /// whenever this is cut short; the directory, which has the lock, goes last.
    pub fn remove(&self) -> Result<(), Error> {
        self.remove_rest()?;
        for directory in [&self.servers, &self.directory] {
            let gone = gone(directory);
            match fs::rename(directory, &gone) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", directory)(error));
                }
                _ => {}
            }
            if *directory == self.servers {
                remove_all(&self.short)?;
            }
        }
        self.remove_rest()
    }

    /// Removes the servers' data.
    pub fn remove_servers(&self) -> Result<(), Error> {
        remove_all(&self.servers)
    }

    /// Removes what is left of an environment that was destroyed.
    fn remove_rest(&self) -> Result<(), Error> {
        [&self.servers, &self.directory].iter().try_for_each(|directory| remove_all(&gone(directory)))
    }
}

/// Where a directory is while it is being removed; no environment can be called so.
fn gone(directory: &Path) -> PathBuf {
    let name = directory.file_name().expect("it was made by joining a name");
    directory.with_file_name(format!(".gone-{}", name.to_string_lossy()))
}

/// Removes a directory with all that is in it. Several of its innermost directories at a time: a file system that tells its
/// disk what is free makes each file wait for that.
fn remove_all(directory: &Path) -> Result<(), Error> {
    const AT_ONCE: usize = 8;
    let mut innermost = Vec::new();
    find_innermost(directory, &mut innermost);
    let next = Mutex::new(innermost.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let take = || next.lock().expect("nothing panics while it holds this").next();
                // What stays is removed below, or it is said there why it cannot be.
                while let Some(_removed) = take().map(fs::remove_dir_all) {}
            });
        }
    });
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", directory)(error)),
        _ => Ok(()),
    }
}

/// Finds the directories below one that have none in them.
fn find_innermost(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let before = found.len();
        find_innermost(&entry.path(), found);
        if found.len() == before {
            found.push(entry.path());
        }
    }
}

/// A directory for temporary files is everybody's: what is ours there must not be somebody else's.
fn check_owner(directory: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(directory).map_err(Error::io("open", directory))?;
    if metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::io("use", directory)(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user")))
}

/// Makes the directory of a workspace's environments and of its store, which git does not see.
pub(crate) fn create_top(top: &Path) -> Result<(), Error> {
    make_private(top)?;
    let ignore = top.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(Error::io("write", &ignore))?;
    }
    Ok(())
}

fn make_private(directory: &Path) -> Result<(), Error> {
    make(directory, 0o700)
}

fn make(directory: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if !directory.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(mode).create(directory).map_err(Error::io("create", directory))?;
        // A directory that is made on the way gets the same mode; the umask may have taken bits from it.
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).map_err(Error::io("open", directory))?;
    }
    Ok(())
}
