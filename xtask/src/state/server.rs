//! A plain PostgreSQL server on a data directory, as anyone would start it: set (c) is made with it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use database::{Engine, ServerRequest};
use database_postgres::PostgresEngine;

use crate::run::output;

/// Accounts that run it where this is root, which the server refuses.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A data directory, and how a server on it is started.
pub struct Server {
    data: PathBuf,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    sockets: tempfile::TempDir,
}

/// Where the programs of PostgreSQL are.
pub fn programs() -> Result<PathBuf> {
    let found = PostgresEngine.find_server(&ServerRequest::default())?;
    let found = found.context("PostgreSQL is not installed: apt-get install postgresql")?;
    Ok(found.binaries.directory().context("its programs are not on this machine")?.to_owned())
}

impl Server {
    /// Makes a data directory.
    pub fn create(data: &Path) -> Result<Self> {
        fs::create_dir(data).with_context(|| format!("cannot create {}", data.display()))?;
        fs::set_permissions(data, PermissionsExt::from_mode(0o700))?;
        let server = Self::of(data)?;
        if let Some((user, group)) = server.account {
            chown(data, Some(user), Some(group))?;
        }
        output(
            server
                .program("initdb")
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
                .arg(data),
        )?;
        Ok(server)
    }

    /// Takes a data directory that is there.
    pub fn of(data: &Path) -> Result<Self> {
        let account = rustix::process::geteuid().is_root().then(account).transpose()?;
        // A socket's path may not be long.
        let sockets = tempfile::Builder::new().prefix("bench").tempdir()?;
        if let Some((user, group)) = account {
            chown(sockets.path(), Some(user), Some(group))?;
        }
        Ok(Self { data: data.to_owned(), programs: programs()?, account, sockets })
    }

    /// Starts the server, does something, and stops it, whatever came of it.
    pub fn with(&self, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{}'", self.sockets.path().display());
        let log = self.sockets.path().join("log");
        output(
            self.program("pg_ctl")
                .arg("-D")
                .arg(&self.data)
                .arg("-l")
                .arg(&log)
                .args(["-o", &options, "-w", "-s", "start"]),
        )?;
        let result = work(self);
        let stopped = output(self.program("pg_ctl").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "-s", "stop"]));
        result?;
        stopped?;
        Ok(())
    }

    /// Runs `pgbench` on the running server.
    pub fn pgbench(&self, arguments: &[&str]) -> Result<()> {
        output(
            self.program("pgbench")
                .arg("-h")
                .arg(self.sockets.path())
                .args(["-U", "postgres"])
                .args(arguments)
                .arg("postgres"),
        )?;
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/");
        if let Some((user, group)) = self.account {
            command.gid(group).uid(user);
        }
        command
    }
}

fn account() -> Result<(u32, u32)> {
    let text = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &&str| {
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.first() == Some(name))
                .then(|| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))?
        })
    };
    ACCOUNTS.iter().find_map(find).context("root cannot run PostgreSQL, and there is no account `postgres` or `nobody`")
}
