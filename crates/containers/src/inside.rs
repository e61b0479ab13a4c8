//! A program that is run inside of a container, and whoever talks with it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval};

use crate::attach::Frames;
use crate::container::text;
use crate::engine::{DOCUMENT, escaped, full};
use crate::{Engine, EngineError, Output, OutputKind};

/// Keys that leave a program behind: none that anybody types, for else Ctrl-P would wait for another key.
const DETACH_KEYS: &str = "ctrl-^,ctrl-],ctrl-^,ctrl-]";

/// How often it is looked whether the terminal has another size, and whether whoever talks wants to end.
const LOOK: Duration = Duration::from_millis(100);

/// A program inside of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables that it has besides those of the container, as `NAME=VALUE`.
    pub variables: Vec<String>,
    /// Whether it has a terminal, whose both outputs are one.
    pub has_terminal: bool,
}

/// What a program reads: ends when nobody can send any more.
#[derive(Debug)]
pub struct Input(Receiver<Bytes>);

/// Where what a program reads is sent; may be used where there is no event loop.
#[derive(Debug)]
pub struct InputSender(Sender<Bytes>);

/// Makes a way for what a program reads, on which so many pieces may wait.
pub fn input(waiting: usize) -> (InputSender, Input) {
    let (sender, receiver) = channel(waiting);
    (InputSender(sender), Input(receiver))
}

impl InputSender {
    /// Sends some of it, and waits as long as too much of it waits; gives whether anybody still reads.
    pub fn send(&self, bytes: &[u8]) -> bool {
        self.0.blocking_send(Bytes::copy_from_slice(bytes)).is_ok()
    }
}

/// Whoever talks with a program.
pub trait Partner {
    /// Passes on what the program writes.
    fn hear(&mut self, kind: OutputKind, bytes: &[u8]) -> io::Result<()>;

    /// The columns and rows of the terminal.
    fn size(&self) -> Option<(u16, u16)>;

    /// Whether it wants to end, though the program has not.
    fn is_gone(&self) -> bool;
}

impl Engine {
    /// Runs a program in a container that runs, and gives its exit code; `None` if whoever talks with it has gone before. `input` is what it
    /// reads.
    pub async fn talk(
        &self,
        container: &str,
        inside: &Inside,
        Input(mut input): Input,
        partner: &mut dyn Partner,
    ) -> Result<Option<i32>, EngineError> {
        let mut body = json!({
            "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": inside.has_terminal,
            "Cmd": inside.words, "Env": inside.variables, "DetachKeys": DETACH_KEYS,
        });
        let mut size = partner.size().filter(|_| inside.has_terminal);
        if let Some((columns, rows)) = size {
            body["ConsoleSize"] = json!([rows, columns]);
        }
        let path = format!("/containers/{}/exec", escaped(container));
        let made = self.post(&path, Some(body.to_string())).await?;
        let missing = || EngineError::Answer { request: path.clone(), detail: "it has no id".to_owned() };
        let exec = text(&made, "/Id").ok_or_else(missing)?;
        let start = json!({ "Detach": false, "Tty": inside.has_terminal }).to_string();
        let connection = self.converse(&format!("/exec/{exec}/start"), start).await?;
        if let Some(size) = size {
            self.resize(&exec, size).await;
        }
        let (mut reader, mut writer) = tokio::io::split(connection);
        let mut frames = Frames::new(inside.has_terminal);
        let mut buffer = vec![0; 1 << 16];
        let mut is_open = true;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                read = reader.read(&mut buffer) => {
                    // A connection that breaks is the end of the engine, which tells no exit code then.
                    let Ok(count @ 1..) = read else { break };
                    frames.add(&buffer[..count]);
                    while let Some((kind, bytes)) = frames.next() {
                        if partner.hear(kind, &bytes).is_err() {
                            self.interrupt(&exec).await;
                            return Ok(None);
                        }
                    }
                }
                bytes = input.recv(), if is_open => if let Some(bytes) = bytes {
                    // Who reads no more is told by its end.
                    is_open = writer.write_all(&bytes).await.is_ok() && writer.flush().await.is_ok();
                } else {
                    is_open = false;
                    let _ = writer.shutdown().await;
                },
                _ = looks.tick() => {
                    if partner.is_gone() {
                        self.interrupt(&exec).await;
                        return Ok(None);
                    }
                    let now = partner.size().filter(|_| inside.has_terminal);
                    if let (true, Some(now)) = (now != size, now) {
                        size = Some(now);
                        self.resize(&exec, now).await;
                    }
                }
            }
        }
        let ended = self.get(&format!("/exec/{exec}/json")).await?;
        let code = ended.get("ExitCode").and_then(Value::as_i64).unwrap_or(-1);
        Ok(Some(i32::try_from(code).unwrap_or(-1)))
    }

    /// Tells a program the size of its terminal; one that has ended, or an engine that cannot, needs none.
    async fn resize(&self, exec: &str, (columns, rows): (u16, u16)) {
        let path = format!("/exec/{exec}/resize?h={rows}&w={columns}");
        let _ = self.order(&path, None).await;
    }

    /// Ends a program whose partner is gone, as the end of a terminal would. Engines have no request for that; where the program
    /// is a process of this machine that the user may signal, it is signalled.
    async fn interrupt(&self, exec: &str) {
        let Ok(found) = self.get(&format!("/exec/{exec}/json")).await else { return };
        let pid = found.get("Pid").and_then(Value::as_i64).and_then(|pid| i32::try_from(pid).ok());
        let is_running = found.get("Running").and_then(Value::as_bool) == Some(true);
        if is_running
            && self.address().is_local()
            && let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
        {
            // Whose process it may not signal goes on until its container ends.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
        }
    }

    /// Runs a command in a container that runs; gives its exit code and what it wrote, of which it keeps the end.
    pub async fn execute(&self, id: &str, command: &[String]) -> Result<(i32, String), EngineError> {
        /// Of what a command wrote, so much is kept.
        const KEPT: usize = 4096;
        let body = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": command });
        let path = format!("/containers/{id}/exec");
        let made = self.post(&path, Some(body.to_string())).await?;
        let exec = text(&made, "/Id");
        let exec = exec.ok_or_else(|| EngineError::Answer { request: path, detail: "it has no id".to_owned() })?;
        let start = json!({ "Detach": false, "Tty": false }).to_string();
        let path = format!("/exec/{exec}/start");
        let response = self.ask(Method::POST, &path, &[DOCUMENT], full(start.into())).await?;
        let mut output = Output::new(response.into_body());
        let mut said = Vec::new();
        while let Some((_, bytes)) = output.next().await {
            said.extend_from_slice(&bytes);
            let surplus = said.len().saturating_sub(KEPT);
            said.drain(..surplus);
        }
        let ended = self.get(&format!("/exec/{exec}/json")).await?;
        let code = ended.get("ExitCode").and_then(Value::as_i64).unwrap_or(-1);
        Ok((i32::try_from(code).unwrap_or(-1), String::from_utf8_lossy(&said).into_owned()))
    }
}
