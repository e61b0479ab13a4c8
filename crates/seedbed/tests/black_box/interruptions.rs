//! Signals that arrive while a command goes on.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(20);

const MANIFEST: &str = "\
name: shop
services:
  web:
    run: trivial_service ${port}
    port: auto
    ready: { http: / }
";

fn interrupt(child: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
    let ended = wait_until("the program ends", PATIENCE, || child.try_wait().unwrap().ok_or("it still runs"));
    ended
        .unwrap_or_else(|state| {
            child.kill().unwrap();
            panic!("{state}")
        })
        .code()
}

#[test]
fn following_logs_shows_new_lines_and_ends_on_an_interrupt() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let output = workspace.root().join("followed");
    let file = fs::File::create(&output).unwrap();
    let mut child = workspace
        .command(&["logs", "-f", "web"])
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shows = |text: &str| {
        let found = wait_until(text, PATIENCE, || {
            let shown = fs::read_to_string(&output).unwrap();
            if shown.contains(text) { Ok(()) } else { Err(shown) }
        });
        found.unwrap_or_else(|state| panic!("{state}"));
    };
    shows("listening on");
    workspace.get("shop/web", "/after-the-start");
    shows("GET /after-the-start HTTP/1.1");
    assert_eq!(interrupt(&mut child), Some(0));
}

#[test]
fn an_interrupted_up_leaves_nothing_that_it_began_and_what_ran_before_still_runs() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let before = workspace.processes();
    workspace.write(
        "seedbed.yaml",
        &format!(
            "{MANIFEST}  slow:\n    run: [sh, -c, 'echo begun > begun; exec sleep 1000']\n    ready: {{ log: never }}\n"
        ),
    );
    let mut child =
        workspace.command(&["up"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = workspace.root().join("begun");
    let started = wait_until("the slow service starts", PATIENCE, || begun.exists().then_some(()).ok_or("not yet"));
    let code = interrupt(&mut child);
    started.unwrap();
    assert_eq!(code, Some(130));
    assert_eq!(workspace.processes(), before);
}

/// A web server for the files of a directory. While it stalls, it answers nothing that is asked of a pack.
struct Website {
    address: String,
    stalls: Arc<AtomicBool>,
    /// The connections that wait for an answer.
    waiting: Arc<Mutex<Vec<TcpStream>>>,
}

impl Website {
    fn of(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stalls = Arc::new(AtomicBool::new(true));
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let (directory, is_stalling, held) = (directory.to_owned(), Arc::clone(&stalls), Arc::clone(&waiting));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (directory, is_stalling, held) = (directory.clone(), Arc::clone(&is_stalling), Arc::clone(&held));
                std::thread::spawn(move || answer(stream, &directory, &is_stalling, &held));
            }
        });
        Self { address, stalls, waiting }
    }
}

fn answer(mut stream: TcpStream, directory: &Path, stalls: &AtomicBool, waiting: &Mutex<Vec<TcpStream>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.trim_start_matches('/').to_owned()))
    else {
        return;
    };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    if path.contains("packs/") && stalls.load(Ordering::SeqCst) {
        waiting.lock().unwrap().push(stream);
        return;
    }
    let (status, body) = fs::read(directory.join(&path)).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    // Whoever asked may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

#[test]
fn an_interrupt_ends_an_import_at_once_and_what_it_has_unpacked_goes_with_the_next_one() {
    let files = "name: shop\nresources:\n  files: { path: files }\n";
    let workspace = Workspace::of(&[("seedbed.yaml", files), ("files/a", "what is saved\n")]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["snapshot", "taken"]).ends_with(0);
    workspace.seedbed(&["export", "taken.tar", "taken"]).ends_with(0);
    let pipe = workspace.root().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut started = workspace.command(&["import", "pipe"]);
    let said = workspace.root().join("said");
    started.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
    let mut child = started.spawn().unwrap();
    // It is open when the other side has opened it, too; then it waits for what never comes.
    let archive = fs::read(workspace.root().join("taken.tar")).unwrap();
    let mut writing = fs::File::options().write(true).open(&pipe).unwrap();
    writing.write_all(&archive[..archive.len() / 2]).unwrap();
    let unpacked = || {
        let names = fs::read_dir(workspace.root().join(".seedbed")).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".import-")).count()
    };
    let is_at_work = wait_until("it unpacks", PATIENCE, || (unpacked() == 1).then_some(()).ok_or("not yet"));
    let code = interrupt(&mut child);
    is_at_work.unwrap();
    let said = fs::read_to_string(&said).unwrap();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("error: interrupted"), "{said}");
    workspace.seedbed(&["delete", "taken", "--yes"]).ends_with(0);
    workspace.seedbed(&["import", "taken.tar"]).ends_with(0);
    assert_eq!(unpacked(), 0);
    workspace.seedbed(&["restore", "taken"]).ends_with(0);
}

#[test]
fn an_interrupt_ends_at_once_what_waits_for_a_remote_and_it_goes_on_when_it_is_repeated() {
    let files = "name: shop\nresources:\n  files: { path: files }\nremotes:\n  team: ../remote\n";
    let workspace = Workspace::of(&[("one/seedbed.yaml", files), ("one/files/a", "what is shared\n")]);
    workspace.seedbed(&["-C", "one", "up"]).ends_with(0);
    workspace.seedbed(&["-C", "one", "snapshot", "taken"]).ends_with(0);
    workspace.seedbed(&["-C", "one", "push", "taken"]).ends_with(0);
    let remote: PathBuf = workspace.root().join("remote");
    assert!(remote.join("listing").exists(), "it can be read by a web server");
    let website = Website::of(&remote);
    let there = files.replace("../remote", &website.address);
    workspace.write("two/seedbed.yaml", &there);
    workspace.seedbed(&["-C", "two", "up"]).ends_with(0);

    for command in [&["pull", "taken"][..], &["store", "check", "--data", "--remote=team"]] {
        website.waiting.lock().unwrap().clear();
        let arguments = [&["-C", "two"], command].concat();
        let said = workspace.root().join("said");
        let mut started = workspace.command(&arguments);
        started.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
        let mut child = started.spawn().unwrap();
        let asked = wait_until("it asks for a pack", PATIENCE, || {
            (!website.waiting.lock().unwrap().is_empty()).then_some(()).ok_or("not yet")
        });
        let code = interrupt(&mut child);
        asked.unwrap();
        let said = fs::read_to_string(&said).unwrap();
        assert_eq!(code, Some(130), "{command:?}: {said}");
        assert!(said.contains("error: interrupted\nhelp: nothing has to be undone"), "{command:?}: {said}");
    }
    website.stalls.store(false, Ordering::SeqCst);
    workspace.seedbed(&["-C", "two", "pull", "taken"]).ends_with(0);
    workspace.seedbed(&["-C", "two", "restore", "taken"]).ends_with(0);
    assert_eq!(workspace.read("two/files/a"), "what is shared\n");
}

#[test]
fn a_queue_for_memory_ends_on_an_interrupt_and_starts_nothing() {
    // No machine has so much.
    let manifest = MANIFEST.replace("port: auto", "port: auto\n    memory: 900000TB");
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    let errors = workspace.root().join("errors");
    let mut queue = workspace.command(&["up", "--queue"]);
    queue.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&errors).unwrap());
    let mut child = queue.spawn().unwrap();
    let waits = wait_until("it waits", PATIENCE, || {
        let said = fs::read_to_string(&errors).unwrap();
        if said.contains("waiting for memory: ") { Ok(()) } else { Err(said) }
    });
    waits.unwrap_or_else(|state| panic!("{state}"));
    assert_eq!(interrupt(&mut child), Some(130));
    assert!(workspace.processes().is_empty());
}

#[test]
fn who_waits_for_a_command_that_has_not_said_who_it_is_says_so() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let lock = fs::File::options().write(true).open(workspace.root().join(".seedbed/default/lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(lock.metadata().unwrap().len(), 0, "who has left it has left its name");
    let mut child =
        workspace.command(&["up"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "· waiting for another command\n");
    lock.unlock().unwrap();
    assert!(child.wait().unwrap().success());
}
