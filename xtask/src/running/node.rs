//! Managers from npm: pm2, concurrently, mprocs, wireit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::manager::Manager;
use super::site::{Service, Site};
use crate::run::output;

/// A package below a `node_modules` that all of them share.
struct Package {
    name: &'static str,
    version: &'static str,
    directory: PathBuf,
}

impl Package {
    fn new(peers: &Path, name: &'static str, version: &'static str) -> Self {
        Self { name, version, directory: peers.join("node") }
    }

    fn install(&self) -> Result<String> {
        if !self.directory.join("node_modules").join(self.name).exists() {
            fs::create_dir_all(&self.directory)?;
            let package = format!("{}@{}", self.name, self.version);
            output(Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&self.directory).arg(package))?;
        }
        Ok(self.version.to_owned())
    }

    fn program(&self, name: &str) -> PathBuf {
        self.directory.join("node_modules/.bin").join(name)
    }
}

/// pm2, whose daemon stays in the background.
pub struct Pm2(Package);

impl Pm2 {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "pm2", "7.0.4"))
    }

    fn command(&self, site: &Site) -> Command {
        let mut command = site.command(self.0.program("pm2"));
        command.env("PM2_HOME", site.directory.join("home/.pm2"));
        command
    }
}

impl Manager for Pm2 {
    fn name(&self) -> &'static str {
        "pm2"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let app = |service: &Service| json!({ "name": service.name, "script": service.words[0], "args": service.words[1..], "interpreter": "none", "exec_mode": "fork" });
        let apps: Vec<Value> = services.iter().map(app).collect();
        Ok(fs::write(site.directory.join("bench.json"), json!({ "apps": apps }).to_string())?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = self.command(site);
        command.args(["start", "bench.json"]);
        command
    }

    fn is_background(&self) -> bool {
        true
    }

    fn stop(&self, site: &Site) -> Option<Command> {
        let mut command = self.command(site);
        command.arg("kill");
        Some(command)
    }

    fn leader(&self) -> &'static str {
        "God Daemon"
    }

    fn log(&self, site: &Site, service: &str) -> PathBuf {
        site.directory.join(format!("home/.pm2/logs/{service}-out.log"))
    }
}

/// concurrently, which gives each to a shell.
pub struct Concurrently(Package);

impl Concurrently {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "concurrently", "10.0.7"))
    }
}

impl Manager for Concurrently {
    fn name(&self) -> &'static str {
        "concurrently"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let lines: Vec<String> = services.iter().map(Service::line).collect();
        Ok(fs::write(site.directory.join("lines"), lines.join("\n"))?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command(self.0.program("concurrently"));
        let lines = fs::read_to_string(site.directory.join("lines")).unwrap_or_default();
        command.args(["--restart-tries", "-1", "--restart-after", "0"]).args(lines.lines());
        command
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.printed()
    }
}

/// mprocs, which needs a terminal.
pub struct Mprocs(Package);

impl Mprocs {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "mprocs", "0.9.6"))
    }
}

impl Manager for Mprocs {
    fn name(&self) -> &'static str {
        "mprocs"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let process = |service: &Service| (service.name.clone(), json!({ "cmd": service.words, "autorestart": true }));
        let processes: Map<String, Value> = services.iter().map(process).collect();
        Ok(fs::write(site.directory.join("mprocs.yaml"), json!({ "procs": processes }).to_string())?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command("script");
        let machine = std::env::consts::ARCH;
        let program = format!("node_modules/mprocs/mprocs-{}-linux-{machine}-musl/mprocs", self.0.version);
        let line = format!(
            "stty rows 50 cols 200; exec {} --log-dir {}/logs",
            self.0.directory.join(program).display(),
            site.directory.display()
        );
        command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm");
        command
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.directory.join("logs")
    }
}

/// wireit, whose scripts are services with a line that says that they are ready.
pub struct Wireit(Package);

impl Wireit {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "wireit", "0.14.13"))
    }
}

impl Manager for Wireit {
    fn name(&self) -> &'static str {
        "wireit"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let mut scripts = Map::from_iter([("all".to_owned(), json!("wireit"))]);
        let mut wireit = Map::from_iter([("all".to_owned(), json!({ "dependencies": names }))]);
        for service in services {
            scripts.insert(service.name.clone(), json!("wireit"));
            let ready = if service.port.is_some() {
                json!({ "readyWhen": { "lineMatches": "listening" } })
            } else {
                json!(true)
            };
            let script = json!({ "command": service.line(), "service": ready, "dependencies": service.after });
            wireit.insert(service.name.clone(), script);
        }
        let package = json!({ "name": "bench", "scripts": scripts, "wireit": wireit });
        Ok(fs::write(site.directory.join("package.json"), package.to_string())?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command("npm");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = format!("{}:{}", self.0.program("").display(), path.display());
        command.args(["run", "all"]).env("PATH", path).env("WIREIT_LOGGER", "simple").env("WIREIT_CACHE", "none");
        command
    }

    fn has_order(&self) -> bool {
        true
    }

    fn has_restart(&self) -> bool {
        false
    }

    fn leader(&self) -> &'static str {
        "/wireit"
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.printed()
    }
}
