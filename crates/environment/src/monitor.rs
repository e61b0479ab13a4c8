//! What an operation tells while it goes on. The library never prints; whoever calls it shows this, or does not.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use daemon::Answerer;
use source::Problems;

/// Something that happened in the course of an operation.
#[derive(Debug)]
pub enum Progress<'a> {
    /// This is going to be done.
    Planned(&'a plan::Plan),
    /// A step began.
    Began {
        /// Its id in the plan.
        step: &'a str,
        /// A verb and what it is done to.
        title: &'a str,
        /// Why it is done.
        reason: &'a str,
    },
    /// A step has come to its end.
    Ended {
        /// Its id in the plan.
        step: &'a str,
        /// A verb and what it is done to.
        title: &'a str,
        /// Milliseconds since it began.
        took_ms: u64,
        /// What went wrong, or nothing.
        failure: Option<&'a str>,
    },
    /// Files of a resource are saved or restored.
    Files {
        /// Which.
        resource: &'a str,
        /// Entries that are done.
        entries: u64,
        /// Bytes that are done.
        bytes: u64,
    },
    /// Objects go to another store, or come from there.
    Transferred {
        /// Bytes that are done.
        bytes: u64,
        /// Objects that are done.
        objects: u64,
    },
    /// Records are captured.
    Captured {
        /// The database that is copied, or the table that is read.
        from: &'a str,
        /// Rows that are taken so far, of all tables.
        rows: usize,
    },
    /// A file comes from elsewhere.
    Downloaded {
        /// Bytes that are there.
        bytes: u64,
        /// Bytes that there will be, if that is known.
        of: Option<u64>,
    },
    /// A repository is asked or fetched.
    Fetching {
        /// What goes on, in words.
        what: &'a str,
    },
    /// An image comes from elsewhere.
    Pulled {
        /// Layers that are there.
        layers: usize,
        /// Layers that are known of.
        of: usize,
    },
    /// The user may like to know.
    Note(String),
    /// Nothing is wrong, but something in the files is not as it should be.
    Warnings(&'a Problems),
}

/// Listens to what goes on; called from several threads.
pub trait Monitor: Sync {
    /// Something happened.
    fn on(&self, progress: Progress<'_>);
}

/// The user's wish to end what goes on (Ctrl-C).
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    raised: Condvar,
}

#[derive(Default)]
struct State {
    raised: bool,
    /// How many see to it that nothing has to be undone.
    at_once: usize,
    /// What supervisors carry out for this process, by a number.
    running: BTreeMap<u64, Answerer>,
    next: u64,
}

impl Interrupt {
    /// Asks what goes on to end; called by a signal handler's thread. Says whether it need not be waited for: then nothing has
    /// to be undone, and the process may end at once.
    pub fn raise(&self) -> bool {
        let mut state = self.0.state.lock().expect("nothing panics while it holds this");
        state.raised = true;
        self.0.raised.notify_all();
        for answerer in state.running.values() {
            // A supervisor that is gone has nothing left to cancel.
            let _ = answerer.cancel();
        }
        // What dumps or fills a database would be waited for.
        database::end_programs();
        state.at_once > 0
    }

    /// Says that the process may be ended at once as long as the result lives: what goes on waits for others, and leaves nothing
    /// that has to be undone.
    pub(crate) fn at_once(&self) -> AtOnce<'_> {
        self.0.state.lock().expect("nothing panics while it holds this").at_once += 1;
        AtOnce(self)
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.state.lock().expect("nothing panics while it holds this").raised
    }

    /// Whether work that asks now and then goes on.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Waits for so long, or until it is asked for.
    pub fn sleep(&self, time: Duration) {
        let state = self.0.state.lock().expect("nothing panics while it holds this");
        let slept = self.0.raised.wait_timeout_while(state, time, |state| !state.raised);
        drop(slept.expect("nothing panics while it holds this"));
    }

    /// Forgets that it was asked for: what is undone must come to its end.
    pub(crate) fn lower(&self) {
        self.0.state.lock().expect("nothing panics while it holds this").raised = false;
    }

    /// Says what a supervisor carries out, which the wish cancels as long as the result lives.
    pub(crate) fn watch(&self, answerer: Answerer) -> Watched<'_> {
        let mut state = self.0.state.lock().expect("nothing panics while it holds this");
        if state.raised {
            // A supervisor that is gone has nothing left to cancel.
            let _ = answerer.cancel();
        }
        let number = state.next;
        state.next += 1;
        state.running.insert(number, answerer);
        Watched { interrupt: self, number }
    }
}

/// Something that a supervisor carries out, and that the wish to end cancels.
pub(crate) struct Watched<'a> {
    interrupt: &'a Interrupt,
    number: u64,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.interrupt.0.state.lock().expect("nothing panics while it holds this").running.remove(&self.number);
    }
}

/// A time in which the process may be ended at once.
pub(crate) struct AtOnce<'a>(&'a Interrupt);

impl Drop for AtOnce<'_> {
    fn drop(&mut self) {
        self.0.0.state.lock().expect("nothing panics while it holds this").at_once -= 1;
    }
}
