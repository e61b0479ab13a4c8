//! Servers that environments share: one process for all, each with its own databases; the last one out stops it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Ran, run, wait_until};
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(120);

/// Workspaces of one user whose databases are in a shared server; `None` where there is no PostgreSQL.
struct Neighbours {
    workspace: Workspace,
}

impl Neighbours {
    fn new(names: &[&str]) -> Option<Self> {
        if !Path::new("/usr/lib/postgresql").is_dir() {
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        }
        let workspace = Workspace::new();
        for name in names {
            let manifest = format!(
                "name: {name}\ndatabases:\n  notes:\n    engine: postgres\n    schema: {{ sql: [notes.sql] }}\n"
            );
            workspace.write(&format!("{name}/seedbed.yaml"), &manifest);
            let sql = format!("CREATE TABLE notes (text text PRIMARY KEY); INSERT INTO notes VALUES ('of {name}');");
            workspace.write(&format!("{name}/notes.sql"), &sql);
        }
        Some(Self { workspace })
    }

    /// Runs a command in the workspace of this name.
    #[track_caller]
    fn ran(&self, name: &str, arguments: &[&str]) -> Ran {
        run(&mut self.workspace.command(&[&["-C", name], arguments].concat()), PATIENCE)
    }

    #[track_caller]
    fn done(&self, name: &str, arguments: &[&str]) -> Ran {
        self.ran(name, arguments).ends_with(0)
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Child {
        let mut command = self.workspace.command(&[&["-C", name], arguments].concat());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    #[track_caller]
    fn rows(&self, name: &str) -> String {
        let sql = "\\pset tuples_only on\n\\pset format unaligned\nSELECT text FROM notes ORDER BY 1;\n";
        let all = self.workspace.asked(&["-C", name, "db", "shell"], sql);
        all.lines().filter(|line| line.starts_with("of ")).collect::<Vec<_>>().join(", ")
    }

    fn servers(&self) -> Vec<Value> {
        let servers = self.workspace.seedbed(&["servers", "--json"]).ends_with(0).json();
        servers["servers"].as_array().unwrap().clone()
    }

    /// The state of each environment that has databases in the one server, by its workspace.
    fn states(&self) -> Vec<String> {
        let servers = self.servers();
        assert!(servers.len() <= 1, "{servers:?}");
        let environments = servers.iter().flat_map(|server| server["environments"].as_array().unwrap());
        let mut states: Vec<String> = environments
            .map(|own| {
                let directory = PathBuf::from(own["directory"].as_str().unwrap());
                let name = directory.ancestors().nth(2).unwrap().file_name().unwrap().to_string_lossy();
                format!("{name} {}", own["state"].as_str().unwrap())
            })
            .collect();
        states.sort();
        states
    }

    /// The directory of the shared server, which its supervisor marks all processes with.
    fn server(&self) -> PathBuf {
        self.workspace.root().with_file_name("home").join(".local/state/seedbed/servers/postgres-15")
    }

    /// The processes that are servers, not those that they have for each connection.
    fn processes(&self) -> Vec<u32> {
        let mark = format!("SEEDBED_UNIT_OF={}", self.server().display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let is_marked = read("environ").split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
            is_marked && String::from_utf8_lossy(&read("cmdline")).contains("config_file=")
        })
        .collect()
    }

    #[track_caller]
    fn server_is_gone(&self) {
        let gone = || if self.processes().is_empty() { Ok(()) } else { Err(format!("{:?}", self.processes())) };
        wait_until("the server is stopped", PATIENCE, gone).unwrap();
    }
}

fn supervisor(directory: &Path) -> Pid {
    let text = fs::read_to_string(directory.join("supervisor.pid")).unwrap();
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

#[test]
fn environments_share_a_server_and_the_last_one_stops_it() {
    let Some(all) = Neighbours::new(&["a", "b"]) else { return };
    for name in ["a", "b"] {
        all.done(name, &["up"]);
    }
    assert_eq!(all.states(), ["a uses it", "b uses it"]);
    // One that the server has just made for a connection has its words for a moment.
    let is_one = || if all.processes().len() == 1 { Ok(()) } else { Err(format!("{:?}", all.processes())) };
    wait_until("there is one server", PATIENCE, is_one).unwrap();
    assert_eq!((all.rows("a"), all.rows("b")), ("of a".into(), "of b".into()));
    let status = all.done("a", &["status"]).stdout;
    assert!(
        status.contains("postgres is the shared server postgres-15, which 1 other environment uses now"),
        "{status}"
    );

    // Nobody reaches what is another's, whoever knows its name.
    let location = |name: &str| {
        let status = all.done(name, &["status", "--json"]).json();
        status["databases"][0]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    };
    let script = format!("\\set ON_ERROR_STOP 1\n\\connect {}\n", location("b"));
    let entered = crate::program::run_with(&mut all.workspace.command(&["-C", "a", "db", "shell"]), &script, PATIENCE);
    entered.ends_with(3).says(&["permission denied for database"]);

    // What each has is saved and brought back beside the others; the server does not stop for it.
    let before = all.processes();
    all.done("a", &["snapshot", "first"]);
    all.workspace.asked(&["-C", "a", "db", "shell"], "INSERT INTO notes VALUES ('of later');");
    assert_eq!(all.rows("a"), "of a, of later");
    all.done("a", &["restore", "first"]);
    assert_eq!(all.rows("a"), "of a");
    all.done("a", &["undo"]);
    assert_eq!(all.rows("a"), "of a, of later");
    all.done("a", &["reset"]);
    assert_eq!(all.rows("a"), "of a");
    all.ran("a", &["snapshot", "files", "--physical"]).ends_with(6).says(&["cannot be saved as files"]);
    assert_eq!(all.processes(), before);

    all.done("a", &["down"]);
    assert_eq!(all.states(), ["a is down", "b uses it"]);
    assert_eq!(all.processes(), before);
    all.done("b", &["down"]);
    assert_eq!(all.processes(), Vec::<u32>::new(), "the last one waits until it is stopped");
    all.done("a", &["up"]);
    assert_eq!(all.rows("a"), "of a");
    all.done("a", &["destroy", "--yes"]);
    assert_eq!(all.states(), ["b is down"]);
    all.done("b", &["up"]);
    assert_eq!(all.rows("b"), "of b");
    all.done("b", &["destroy", "--yes"]);
    assert_eq!(all.servers(), Vec::<Value>::new(), "a server in which nobody has databases is of no use");
}

#[test]
fn an_environment_can_dump_all_of_its_database() {
    let Some(all) = Neighbours::new(&["a"]) else { return };
    all.workspace.write("a/more.yaml", "seedbed: 1\nrecords:\n  a.notes: [{ text: of more }]\n");
    all.done("a", &["up"]);
    all.done("a", &["load", "a/more.yaml"]);
    assert_eq!(all.rows("a"), "of a, of more");
    let url = all.done("a", &["db", "url"]).stdout;
    let dump = all.workspace.shell(&format!("pg_dump --dbname '{}'", url.trim())).stdout;
    assert!(dump.contains("of more") && dump.contains("seedbed ledger"), "{dump}");
}

#[test]
fn a_snapshot_goes_from_a_server_of_its_own_to_a_shared_one_and_an_environment_keeps_its_server() {
    let Some(all) = Neighbours::new(&["a"]) else { return };
    let shared = all.workspace.read("a/seedbed.yaml");
    all.workspace.write("a/seedbed.yaml", &format!("{shared}servers: own\n"));
    all.done("a", &["up"]);
    let status = all.done("a", &["status"]).stdout;
    assert!(status.contains("postgres is a server of this environment alone: a asks for it"), "{status}");
    assert_eq!(all.servers(), Vec::<Value>::new());
    all.workspace.asked(&["-C", "a", "db", "shell"], "INSERT INTO notes VALUES ('of mine');");
    all.done("a", &["snapshot", "mine", "--physical"]);
    all.workspace.write("a/seedbed.yaml", &shared);
    all.done("a", &["up"]);
    assert_eq!(all.rows("a"), "of a, of mine", "it keeps the server that it was made with");
    all.done("a", &["destroy", "--yes"]);
    all.done("a", &["up"]);
    assert_eq!((all.rows("a"), all.states()), ("of a".into(), vec!["a uses it".to_owned()]));
    all.done("a", &["restore", "mine"]);
    assert_eq!(all.rows("a"), "of a, of mine");
    // A service is not Seedbed: what was brought is its own all the same.
    all.workspace.asked(&["-C", "a", "db", "shell"], "\\set ON_ERROR_STOP 1\nDROP TABLE notes;");
}

#[test]
fn whoever_is_killed_holds_nothing_any_more_and_a_killed_server_comes_back() {
    let Some(all) = Neighbours::new(&["a", "b"]) else { return };
    for name in ["a", "b"] {
        all.done(name, &["up"]);
    }
    let environment = |name: &str| all.workspace.root().join(name).join(".seedbed/default");
    let kill = |directory: &Path| kill_process(supervisor(directory), Signal::KILL).unwrap();
    kill(&environment("a"));
    wait_until("a holds nothing", PATIENCE, || match all.states() {
        states if states == ["a is down", "b uses it"] => Ok(()),
        states => Err(format!("{states:?}")),
    })
    .unwrap();
    assert_eq!(all.processes().len(), 1);

    // The server's own supervisor: who holds it starts another one.
    let before = all.processes();
    kill(&all.server());
    wait_until("the server is back", PATIENCE, || match all.processes() {
        now if !now.is_empty() && now != before => Ok(()),
        now => Err(format!("{now:?}")),
    })
    .unwrap();
    all.done("b", &["up"]);
    assert_eq!(all.rows("b"), "of b");

    // The server itself.
    let pid = Pid::from_raw(all.processes()[0].cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    all.done("a", &["up"]);
    assert_eq!((all.rows("a"), all.rows("b")), ("of a".into(), "of b".into()));

    for name in ["a", "b"] {
        kill(&environment(name));
    }
    all.server_is_gone();
    all.done("a", &["up"]);
    assert_eq!(all.rows("a"), "of a");
}

#[test]
fn a_command_that_is_killed_at_any_moment_leaves_a_server_that_can_be_used() {
    let Some(all) = Neighbours::new(&["a", "b"]) else { return };
    for step in 0..6_u64 {
        let mut child = all.start("a", &["up"]);
        // The moment is what the test varies.
        std::thread::sleep(Duration::from_millis(step * 180));
        child.kill().unwrap();
        child.wait().unwrap();
        all.done("b", &["up"]);
        assert_eq!(all.rows("b"), "of b");
        all.done("a", &["up"]);
        assert_eq!(all.rows("a"), "of a");
        let (first, last) = if step % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let said: Vec<String> = [first, last].map(|name| all.done(name, &["destroy", "--yes"]).stderr).into();
        assert_eq!(all.processes(), Vec::<u32>::new());
        assert_eq!(all.servers(), Vec::<Value>::new(), "{said:?}");
    }
}

#[test]
fn environments_that_begin_at_once_and_those_that_come_while_the_last_one_goes_have_one_server() {
    let names = ["a", "b", "c"];
    let Some(all) = Neighbours::new(&names) else { return };
    for trial in 0..4 {
        let children: Vec<Child> = names.iter().map(|name| all.start(name, &["up"])).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success(), "trial {trial}");
        }
        assert_eq!(all.states(), ["a uses it", "b uses it", "c uses it"], "trial {trial}");
        assert_eq!(all.processes().len(), 1, "trial {trial}");
        for name in ["b", "c"] {
            all.done(name, &["down"]);
        }
        // One goes, which may be the last, while another comes.
        let mut going = all.start("a", &["down"]);
        let mut coming = all.start("b", &["up"]);
        assert!(going.wait().unwrap().success() && coming.wait().unwrap().success(), "trial {trial}");
        assert_eq!(all.rows("b"), "of b", "trial {trial}");
        assert_eq!(all.states(), ["a is down", "b uses it", "c is down"], "trial {trial}");
        all.done("b", &["down"]);
        all.server_is_gone();
        if trial % 2 == 1 {
            for name in names {
                all.done(name, &["destroy", "--yes"]);
            }
        }
    }
}

#[test]
fn databases_of_environments_that_are_gone_are_removed_when_that_is_asked_for() {
    let Some(all) = Neighbours::new(&["a", "b"]) else { return };
    for name in ["a", "b"] {
        all.done(name, &["up"]);
        all.done(name, &["down"]);
    }
    fs::remove_dir_all(all.workspace.root().join("a")).unwrap();
    assert_eq!(all.states(), ["a is gone", "b is down"]);
    let doctor = all.done("b", &["doctor"]).stdout;
    assert!(doctor.contains("postgres-15 has the databases of 1 whose directory is gone"), "{doctor}");
    all.done("b", &["servers", "--prune"]);
    assert_eq!(all.states(), ["b is down"]);
    all.done("b", &["up"]);
    assert_eq!(all.rows("b"), "of b");
    let doctor = all.done("b", &["doctor"]).stdout;
    assert!(doctor.contains("postgres-15 runs, used by 1 of 1 environments"), "{doctor}");

    // The data of the server itself, taken away by hand.
    all.done("b", &["down"]);
    let data = PathBuf::from("/var/lib/seedbed");
    let own = all.server().join("servers");
    let digest = blake3::hash(all.server().as_os_str().as_encoded_bytes()).to_hex();
    let directory = if own.is_dir() { own } else { data.join(&digest[..16]) };
    fs::remove_dir_all(&directory).unwrap();
    let ran = all.done("b", &["up"]);
    ran.says(&["the shared server is another one by now"]);
    assert_eq!(all.rows("b"), "of b");
}

#[test]
fn what_a_shared_server_cannot_give_is_had_in_one_of_its_own() {
    let Some(all) = Neighbours::new(&["a"]) else { return };
    let plain = all.workspace.read("a/seedbed.yaml");
    let because = |all: &Neighbours, why: &str| {
        all.done("a", &["up"]).says(&[&format!("postgres is a server of this environment alone: {why}")]);
        assert_eq!(all.servers(), Vec::<Value>::new(), "{why}");
        let status = all.done("a", &["status", "--json"]).json();
        assert_eq!(status["servers"][0]["own"], why);
        all.done("a", &["destroy", "--yes"]);
    };
    all.workspace.write("a/seedbed.yaml", &format!("{plain}    roles: [clerk]\n"));
    because(&all, "a/notes has roles, which belong to a whole server");
    all.workspace.write("a/seedbed.yaml", &format!("{plain}    extensions: [pg_trgm, file_fdw]\n"));
    because(&all, "a/notes has the extension file_fdw, which only superusers make");
    all.workspace.write("a/seedbed.yaml", &format!("{plain}snapshots: {{ form: physical }}\n"));
    because(&all, "`snapshots` asks for files, for which a server is stopped");

    // What everybody may make is no reason, and whoever insists gets what there is.
    all.workspace.write("a/seedbed.yaml", &format!("{plain}    extensions: [pg_trgm]\n"));
    all.done("a", &["up"]);
    assert_eq!(all.states(), ["a uses it"]);
    all.done("a", &["destroy", "--yes"]);
    all.workspace.write("a/seedbed.yaml", &format!("{plain}    roles: [clerk]\nservers: shared\n"));
    all.done("a", &["up"]);
    assert_eq!(all.states(), ["a uses it"]);
}

#[test]
fn an_environment_that_could_not_be_made_in_a_shared_server_leaves_it_when_it_asks_for_its_own() {
    let Some(all) = Neighbours::new(&["a"]) else { return };
    let plain = all.workspace.read("a/seedbed.yaml");
    let sql = r#"psql -X -v ON_ERROR_STOP=1 -c "CREATE EXTENSION file_fdw" "$DATABASE_URL""#;
    let failing = plain.replace("schema: { sql: [notes.sql] }", &format!("schema: {{ run: {{ shell: '{sql}' }} }}"));
    all.workspace.write("a/seedbed.yaml", &failing);
    all.ran("a", &["up"]).ends_with(1).says(&["permission denied to create extension", "servers: own"]);
    all.workspace.write("a/seedbed.yaml", &format!("{failing}servers: own\n"));
    all.done("a", &["up"]);
    assert_eq!(all.servers(), Vec::<Value>::new(), "nothing of it is left there");
    all.server_is_gone();
}
