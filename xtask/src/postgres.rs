//! A PostgreSQL server for the length of the campus' tests.

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::{Durability, Engine, Secret, ServerPlace, ServerRequest};
use database_postgres::PostgresEngine;

/// A running server, which ends when this is dropped.
pub struct Server {
    process: Child,
    directory: PathBuf,
    url: String,
}

impl Server {
    /// Starts one; `None` when PostgreSQL is not installed, which CI takes as an error.
    pub fn start() -> Result<Option<Self>> {
        let found = match PostgresEngine.find_server(&ServerRequest::default()) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if std::env::var_os("CI").is_some() => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let directory = std::env::temp_dir().join(format!("seedbed-campus-tests-{}", std::process::id()));
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let place = ServerPlace {
            directory: directory.join("server"),
            socket_directory: directory.join("sockets"),
            host: "127.0.0.1".to_owned(),
            port,
            password: Secret::new("campus"),
            durability: Durability::Relaxed,
            is_shared: false,
            templates: None,
        };
        std::fs::create_dir_all(&directory)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&directory, mode)?;
        PostgresEngine.prepare_server(&found, &place)?;
        let spec = PostgresEngine.server_process(&found, &place)?;
        let mut command = Command::new(&spec.program);
        command.args(&spec.arguments).envs(&spec.env).current_dir(&spec.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = spec.user {
            std::os::unix::process::CommandExt::gid(&mut command, group);
            std::os::unix::process::CommandExt::uid(&mut command, user);
        }
        let process = command.spawn().context("cannot start PostgreSQL")?;
        let server = Self { process, directory, url: format!("postgres://seedbed:campus@127.0.0.1:{port}/postgres") };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "PostgreSQL does not accept connections on port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    /// Where it is; its user may create databases.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that anyone wants back.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
