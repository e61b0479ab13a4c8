//! Servers in containers: what is said when there can be none, and that none outlives its owner.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::contract::{image_of, image_with, remove_image};
use database::{Containers, EngineKind};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::wait_until;
use crate::workspace::Workspace;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many moments of a command are tried.
const MOMENTS: u32 = 4;

/// An engine, an image, a variable that is changed with its value, and what is said then.
type Case<'a> = (&'a str, &'a str, (&'a str, &'a str), &'a [&'a str]);

/// A workspace with one database.
fn workspace(engine: &str, more: &str) -> Workspace {
    let manifest = format!("name: shop\ndatabases:\n  shop:\n    engine: {engine}\n{more}");
    Workspace::of(&[("seedbed.yaml", &manifest), ("schema.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);\n")])
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let Some(redis) = image_of(EngineKind::Redis) else { return };
    let nothing = image_with("nothing", &["/bin/busybox"]).unwrap();
    // Ports of this machine on which nobody listens.
    let (nowhere, unreachable) = ("127.0.0.1:1/seedbed/redis:7", "tcp://127.0.0.1:1");
    let (socket, host) = ("unix:///nowhere/docker.sock", "DOCKER_HOST");
    let there = redis.name.as_str();
    let cases: [Case<'_>; 6] = [
        ("redis", there, ("PATH", "/nowhere"), &["neither docker nor podman in PATH"]),
        ("redis", there, (host, socket), &["docker does not answer", "/nowhere/docker.sock"]),
        ("redis", there, (host, unreachable), &["elsewhere than on this machine", unreachable, "not supported"]),
        ("redis", nowhere, ("LANG", "C"), &[nowhere, "cannot be pulled", "pull it by hand"]),
        ("redis", &nothing.name, ("LANG", "C"), &[&nothing.name, "no redis-server"]),
        ("redis\n    version: \"8\"", there, ("LANG", "C"), &[there, "wanted is", "8", "(Redis 7."]),
    ];
    // Where docker does not answer podman would be asked.
    let programs = tempfile::tempdir().unwrap();
    symlink(redis.containers.program(), programs.path().join("docker")).unwrap();
    let docker_alone = programs.path().display().to_string();
    for (engine, image, (name, value), texts) in cases {
        let workspace = workspace(engine, &format!("    image: {image}\n"));
        let run = |arguments: &[&str]| {
            let mut command = workspace.command(arguments);
            command.env("PATH", &docker_alone).env(name, value);
            crate::program::run(&mut command, PATIENCE)
        };
        run(&["up", "--quiet"]).ends_with(4).says(texts);
        let doctor = run(&["doctor"]);
        let said = doctor.stdout + &doctor.stderr;
        let pulls = image == nowhere && said.contains("`up` pulls the image");
        assert!(pulls || texts.iter().all(|text| said.contains(text)), "{said}");
    }
    // What is installed is taken, and else everything is named that was looked for.
    let workspace = workspace("postgres", "    version: \"13\"\n");
    let mut command = workspace.command(&["up", "--quiet"]);
    command.env("PATH", &docker_alone).env(host, socket);
    let installed = crate::program::run(&mut command, PATIENCE).ends_with(4);
    installed.says(&["no PostgreSQL 13 found", "version 15", "containers of postgres:13 (", "does not answer"]);
}

#[test]
fn an_image_is_pulled_once() {
    let Some(image) =
        image_with("pulled", &["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/redis-check-rdb"])
    else {
        return;
    };
    let registry = Registry::start();
    let name = format!("127.0.0.1:{}/pulled:7", registry.port);
    let docker = |arguments: &[&str]| {
        let ran = Command::new(image.containers.program()).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    };
    docker(&["tag", &image.name, &name]);
    docker(&["push", "--quiet", &name]);
    remove_image(&name);
    remove_image(&image.name);

    let workspace = workspace("redis", &format!("    image: {name}\n"));
    let looked = workspace.seedbed(&["up", "--dry-run"]).ends_with(4);
    looked.says(&[&name, "is not on this machine"]);
    let up = workspace.seedbed(&["up"]).ends_with(0);
    up.says(&[&format!("pulling the image {name}")]);
    let again = workspace.seedbed(&["up"]).ends_with(0);
    assert!(!again.stderr.contains("pulling"), "{again:?}");
    let status = workspace.seedbed(&["status"]).ends_with(0).stdout;
    assert!(status.contains(" in containers of ") && status.contains(&name), "{status}");
    let doctor = workspace.seedbed(&["doctor"]).ends_with(0).stdout;
    assert!(doctor.contains("in containers of "), "{doctor}");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    remove_image(&name);
}

#[test]
fn a_private_image_is_pulled_and_built_upon() {
    let Some(image) = image_with("private", &["/bin/busybox"]) else { return };
    let registry = Registry::of("auth: { htpasswd: { realm: shop, path: PASSWORDS } }\n");
    let name = format!("127.0.0.1:{}/private:1", registry.port);
    let workspace = Workspace::of(&[
        (
            "seedbed.yaml",
            &format!(
                "name: shop\nservices:\n  web:\n    image: {name}\n    command: [busybox, sleep, \"1000\"]\n    stop: {{ signal: KILL }}\n"
            ),
        ),
        (
            "own/Dockerfile",
            &format!("FROM {name}\nLABEL made={}\nCMD [\"busybox\", \"sleep\", \"1000\"]\n", registry.port),
        ),
    ]);
    // What `docker login` writes.
    let config = format!(r#"{{"auths": {{"127.0.0.1:{}": {{"auth": "bWU6c2VjcmV0"}}}}}}"#, registry.port);
    let place = workspace.root().with_file_name("login");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("config.json"), config).unwrap();
    let docker = |arguments: &[&str]| {
        let ran =
            Command::new(image.containers.program()).arg("--config").arg(&place).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    };
    docker(&["tag", &image.name, &name]);
    docker(&["push", "--quiet", &name]);
    remove_image(&name);

    workspace.seedbed(&["up"]).ends_with(4).says(&["no basic auth credentials", "docker login"]);
    let known = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        command.env("DOCKER_CONFIG", &place);
        crate::program::run(&mut command, PATIENCE)
    };
    known(&["up"]).ends_with(0);
    known(&["down"]).ends_with(0);
    remove_image(&name);

    // The engine asks for the image that the build begins with.
    workspace.write("seedbed.yaml", "name: shop\nservices:\n  web:\n    build: own\n    stop: { signal: KILL }\n");
    known(&["up"]).ends_with(0);
    let built = workspace.shell("docker inspect --format '{{.Config.Image}}' $(docker ps -q --filter label=seedbed.environment=$PWD/.seedbed/default)");
    known(&["destroy", "--yes"]).ends_with(0);
    remove_image(built.stdout.trim());
    remove_image(&name);
}

#[test]
fn no_container_outlives_its_owner() {
    let Some(image) = image_of(EngineKind::Postgres) else { return };
    let workspace = workspace("postgres", &format!("    image: {}\n    schema: {{ sql: [schema.sql] }}\n", image.name));
    let began = Instant::now();
    workspace.seedbed(&["up"]).ends_with(0);
    let length = began.elapsed();
    let users = || workspace.client(&[], "\\pset tuples_only on\nSELECT 'is ' || count(*) FROM users;\n");
    workspace.client(&[], "INSERT INTO users VALUES (1);\n");
    assert!(users().contains("is 1"));
    // The container of a client is removed a moment after its program has ended.
    let alone = || match running(&workspace) {
        one if one.len() == 1 => Ok(()),
        others => Err(format!("{others:?}")),
    };
    wait_until("the server is alone", PATIENCE, alone).unwrap();

    // The supervisor is killed, and then only the client.
    kill(&fs::read_to_string(workspace.root().join(".seedbed/default/supervisor.pid")).unwrap());
    nothing_runs(&workspace, "after the supervisor was killed");
    workspace.seedbed(&["up"]).ends_with(0);
    assert!(users().contains("is 1"));
    let client = workspace.processes().into_values().next().unwrap();
    let before = running(&workspace);
    kill(&client.to_string());
    // The supervisor starts the server again at once, in another container.
    let is_other = || match running(&workspace) {
        now if now.iter().any(|line| before.iter().any(|before| id(before) == id(line))) => Err(format!("{now:?}")),
        _ => Ok(()),
    };
    wait_until("the container of the client is gone", PATIENCE, is_other).unwrap();
    workspace.seedbed(&["up"]).ends_with(0);
    assert!(users().contains("is 1"));

    // A command that runs a program in a container is killed: the server goes on, the program does not.
    let began = Instant::now();
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    let dump = began.elapsed();
    for moment in 0..MOMENTS {
        workspace.client(&[], &format!("INSERT INTO users VALUES ({});\n", 100 + moment));
        let tag = format!("killed-{moment}");
        let mut snapshot = start(&workspace, &["snapshot", &tag]);
        std::thread::sleep(dump * moment / MOMENTS);
        snapshot.kill().unwrap();
        snapshot.wait().unwrap();
        wait_until("the server is alone", PATIENCE, alone).unwrap();
    }
    // What a client leaves that is killed when it has made a container and not started it.
    let server = running(&workspace).remove(0);
    let directory = server.rsplit(' ').next().unwrap().split(',').next().unwrap();
    let mount = format!("type=bind,source={directory},target={directory}");
    let mut create = Command::new(image.containers.program());
    create.args(["create", "--label", "seedbed", "--mount", &mount, &image.name, "true"]);
    assert!(create.output().unwrap().status.success());
    // A snapshot may have been killed at that very moment, too.
    assert!(all(&workspace).len() >= 2);
    workspace.seedbed(&["down"]).ends_with(0);
    assert_eq!(all(&workspace), Vec::<String>::new(), "after `down`");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);

    // Everything is killed while it comes up.
    for moment in 0..MOMENTS {
        let mut up = start(&workspace, &["up"]);
        std::thread::sleep(length * moment / MOMENTS);
        let supervisor = fs::read_to_string(workspace.root().join(".seedbed/default/supervisor.pid"));
        up.kill().unwrap();
        up.wait().unwrap();
        if let Ok(supervisor) = supervisor {
            kill(&supervisor);
        }
        nothing_runs(&workspace, "after everything was killed");
        workspace.seedbed(&["up"]).ends_with(0);
        assert!(users().contains("is 0"));
        workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
        assert_eq!(all(&workspace), Vec::<String>::new(), "after `destroy`");
    }
}

fn start(workspace: &Workspace, arguments: &[&str]) -> Child {
    let mut command = workspace.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a process that may have ended.
fn kill(process: &str) {
    if let Some(pid) = process.trim().parse().ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[track_caller]
fn nothing_runs(workspace: &Workspace, when: &str) {
    let nothing = || match running(workspace) {
        none if none.is_empty() => Ok(()),
        some => Err(format!("{when}: {some:?}")),
    };
    wait_until("no container runs", PATIENCE, nothing).unwrap();
}

/// The containers of the environment that run: those that share something of its servers.
fn running(workspace: &Workspace) -> Vec<String> {
    all(workspace).into_iter().filter(|line| !line.contains(" Created ")).collect()
}

/// The id of a container that was listed.
fn id(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn all(workspace: &Workspace) -> Vec<String> {
    let environment = workspace.root().join(".seedbed/default");
    let id = blake3::hash(environment.as_os_str().as_encoded_bytes()).to_hex();
    let format = "{{.ID}} {{.Names}} {{.Status}} {{.Mounts}}";
    let containers = Containers::find().unwrap();
    let listed =
        Command::new(containers.program()).args(["ps", "--all", "--no-trunc", "--format", format]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().filter(|line| line.contains(&id[..16])).map(str::to_owned).collect()
}

/// A registry of this machine, which docker trusts without certificates.
struct Registry {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Registry {
    fn start() -> Self {
        Self::of("")
    }

    /// One with further configuration. `PASSWORDS` in it is a file that lets `me` in with the password `secret`.
    fn of(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: '127.0.0.1:{port}' }}\n{}",
            directory.path().display(),
            more.replace("PASSWORDS", &directory.path().join("passwords").display().to_string()),
        );
        let password = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
        fs::write(directory.path().join("passwords"), format!("me:{password}\n")).unwrap();
        let file = directory.path().join("registry.yml");
        fs::write(&file, configuration).unwrap();
        let process = Command::new(program("docker-registry"))
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).map(drop);
        wait_until("the registry listens", PATIENCE, answers).unwrap();
        Self { process, port, _directory: directory }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn program(name: &str) -> std::path::PathBuf {
    let path = env::var_os("PATH").unwrap();
    let found = env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| Path::new("/usr/bin").join(name))
}
