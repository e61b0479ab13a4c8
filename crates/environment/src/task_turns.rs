//! The turn of the one command that runs a task: what it makes lies in the workspace, which several environments may use at
//! once. Whoever comes second waits, and uses what the first has made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use daemon::Client;
use plan::{Action, Plan};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use supervisor::UnitId;

use crate::session::Session;
use crate::{Error, Progress, supervisor_client, tasks};

/// How often to look whether another command is done, and whether the user still wants to wait for it.
const PAUSE: Duration = Duration::from_millis(10);

/// The turns that a command has, by task.
pub(crate) type Turns = BTreeMap<UnitId, Turn>;

/// The turn of one task; given back by the kernel however the process ends.
pub(crate) struct Turn(File);

impl Drop for Turn {
    fn drop(&mut self) {
        // One that is found written in was not given back in order.
        drop(self.0.set_len(0));
    }
}

impl Session<'_> {
    /// Takes the turns of all tasks that a plan runs, and gives back others. Says whether something is otherwise now than it was
    /// planned with: then it is to be planned again, with the turns that there are.
    pub(crate) fn take_turns(&mut self, plan: &Plan, command: &str) -> Result<bool, Error> {
        let is_task = |action: &Action| matches!(action, Action::RunTask { .. });
        let wanted = plan.steps.iter().filter(|step| is_task(&step.action)).map(|step| step.id.clone());
        // In one order everywhere: nobody waits for somebody who waits for him.
        let mut paths = BTreeMap::new();
        for id in wanted {
            let (workspace, task) = self.task(&id);
            paths.insert(tasks::create(&workspace)?.join(format!("{task}.lock")), id);
        }
        let turns = self.turns.get_mut().expect("nothing panics while it holds this");
        turns.retain(|id, _| paths.values().any(|wanted| wanted == id));
        if turns.len() == paths.len() {
            return Ok(false);
        }
        turns.clear();
        let mut taken = Turns::new();
        for (path, id) in paths {
            let turn = self.take_turn(&path, &id, command)?;
            taken.insert(id, turn);
        }
        *self.turns.get_mut().expect("nothing panics while it holds this") = taken;
        self.look_at_tasks()
    }

    fn take_turn(&self, path: &PathBuf, id: &UnitId, command: &str) -> Result<Turn, Error> {
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(Error::io("open", path))?;
        let mut has_told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if self.context.interrupt.is_raised() => return Err(Error::Interrupted),
                Err(Errno::WOULDBLOCK) => {
                    let mut holder = String::new();
                    let read = file.rewind().and_then(|()| file.read_to_string(&mut holder));
                    // It is told once, as soon as it is known who that is.
                    if let Some(holder) = holder.lines().next().filter(|_| !has_told && read.is_ok()) {
                        self.context.monitor.on(Progress::Note(format!("waiting for {holder}, which runs {id}")));
                        has_told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(Error::io("lock", path)(error.into())),
            }
        }
        let mut left = String::new();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut left));
        if let Some(socket) = left.lines().nth(1).filter(|_| read.is_ok()) {
            // Whoever had it was killed: what it has started is being stopped, and must not be at work any more.
            let supervisor = Client::connect(socket.as_ref()).ok().flatten();
            drop(supervisor.map(|client| supervisor_client::await_settled(self.context, client)));
        }
        let holder =
            format!("`seedbed {command}` (process {})\n{}\n", std::process::id(), self.place.socket().display());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(Error::io("write", path))?;
        Ok(Turn(file))
    }

    /// A task has succeeded, and whoever waits for it can use what it has made.
    pub(crate) fn give_turn_back(&self, id: &UnitId) {
        drop(self.turns.lock().expect("nothing panics while it holds this").remove(id));
    }
}
