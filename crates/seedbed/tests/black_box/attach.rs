//! Terminals of services, and people attached to them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::program::wait_until;
use crate::services_in_containers::busybox;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

/// It says what it is told, and how large its window is when it is asked.
const MANIFEST: &str = "\
name: shop
services:
  talk:
    run: [sh, -c, \"tty > /dev/null && echo ready; while read line; do case $line in size) stty size;; bye) exit 0;; *) echo \\\"$line?\\\";; esac; done\"]
    tty: true
    restart: no
    ready: { log: ready }
  mute:
    run: [sleep, \"1000\"]
";

/// A person at a terminal, who runs `attach`.
struct Person {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// The end that the program has.
    end: OwnedFd,
}

impl Person {
    fn attach(workspace: &Workspace, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let end: OwnedFd = File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap().into();
        let stdio = || Stdio::from(end.try_clone().unwrap());
        let mut command = workspace.command(&["attach", "talk"]);
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let (sender, screen) = channel();
        let mut output = File::from(master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut person = Self { child, keys: File::from(master), screen, seen: String::new(), end };
        person.sees("Ctrl-] detaches");
        person
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for a text, and forgets what came before its end.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(more) => self.seen.push_str(&String::from_utf8_lossy(&more)),
                Err(error) => panic!("{text:?} is not seen ({error}): {:?}", self.seen),
            }
        }
    }

    /// Whether a text has come by now.
    fn has_seen(&mut self, text: &str) -> bool {
        while let Ok(more) = self.screen.try_recv() {
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        self.seen.contains(text)
    }

    /// Whether keys are echoed and lines edited, as before `attach`.
    fn is_cooked(&self) -> bool {
        tcgetattr(&self.end).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    #[track_caller]
    fn ends(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let status = wait_until("attach ends", PATIENCE, || child.try_wait().unwrap().ok_or("it runs")).unwrap();
        assert!(self.is_cooked(), "the terminal is as it was");
        status.code()
    }
}

#[test]
fn several_people_talk_to_a_service_in_its_terminal() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let mut one = Person::attach(&workspace, 33);
    one.sees("ready");
    wait_until("the terminal is raw", PATIENCE, || if one.is_cooked() { Err("it is not") } else { Ok(()) }).unwrap();
    one.types("hello\r");
    one.sees("hello?");
    let mut two = Person::attach(&workspace, 44);
    // What was there before is shown.
    two.sees("hello?");
    two.types("size\r");
    two.sees("44 100");
    one.sees("44 100");
    tcsetwinsize(&one.keys, Winsize { ws_row: 55, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut tries = 0;
    // The window is looked at again and again, also while nobody types.
    wait_until("the service sees the window", PATIENCE, || {
        tries += 1;
        one.types("size\r");
        one.sees(" 100");
        if one.seen.contains("55") || two.has_seen("55 100") { Ok(()) } else { Err(tries) }
    })
    .unwrap();
    one.types("\x1d");
    one.sees("detached from shop/talk, which goes on");
    assert_eq!(one.ends(), Some(0));
    two.types("again\r");
    two.sees("again?");
    // Its output is logged whoever looks.
    let logs = workspace.seedbed(&["logs", "talk"]).ends_with(0).stdout;
    assert!(logs.contains("| hello?\n") && logs.contains("| again?\n"), "{logs}");
    // What comes from a pipe is typed, too, and nothing of it is lost when that ends.
    for number in 0..20 {
        let mut typed = workspace.command(&["attach", "talk"]);
        let mut typed = typed.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(typed.stdin.take().unwrap(), "number {number}").unwrap();
        assert!(typed.wait().unwrap().success());
        two.sees(&format!("number {number}?"));
    }
    // Whoever is told to end leaves the terminal as it was.
    kill_process(Pid::from_child(&two.child), Signal::TERM).unwrap();
    two.ends();
    let mut three = Person::attach(&workspace, 24);
    three.types("bye\r");
    three.sees("shop/talk has ended");
    assert_eq!(three.ends(), Some(0));
    let refused = workspace.seedbed(&["attach", "talk"]).ends_with(5);
    assert!(refused.stderr.contains("shop/talk does not run"), "{}", refused.stderr);
    let refused = workspace.seedbed(&["attach", "mute"]).ends_with(5);
    assert!(refused.stderr.contains("shop/mute has no terminal to attach to"), "{}", refused.stderr);
    workspace.seedbed(&["down"]).ends_with(0);
}

#[test]
fn a_container_has_a_terminal_as_a_process_has() {
    let Some(image) = busybox() else { return };
    let script = "busybox tty > /dev/null && echo ready; while read line; do case $$line in size) busybox stty size;; bye) exit 0;; *) echo \\\"$$line?\\\";; esac; done";
    let manifest = format!(
        "name: shop\nservices:\n  talk:\n    image: {image}\n    command: [sh, -c, \"{script}\"]\n    tty: true\n    restart: no\n    ready: {{ log: ready }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let mut one = Person::attach(&workspace, 33);
    one.sees("ready");
    one.types("hello\r");
    one.sees("hello?");
    let mut two = Person::attach(&workspace, 44);
    two.sees("hello?");
    let mut tries = 0;
    wait_until("the container sees the window", PATIENCE, || {
        tries += 1;
        two.types("size\r");
        two.sees(" 100");
        if one.has_seen("44 100") { Ok(()) } else { Err(tries) }
    })
    .unwrap();
    one.types("\x1d");
    one.sees("detached from shop/talk, which goes on");
    assert_eq!(one.ends(), Some(0));
    let logs = workspace.seedbed(&["logs", "talk"]).ends_with(0).stdout;
    assert!(logs.contains("| hello?\n"), "{logs}");
    two.types("bye\r");
    two.sees("shop/talk has ended");
    assert_eq!(two.ends(), Some(0));
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
}
