//! The one place that collects dead children, those that were adopted from dead units too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rustix::process::{WaitOptions, wait};
use supervisor::Exit;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use crate::RuntimeError;

/// Who waits for which child.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    waiting: RefCell<HashMap<u32, oneshot::Sender<Exit>>>,
    reaped: Notify,
}

impl Reaper {
    /// Makes a reaper that works as a task of the current runtime.
    pub(crate) fn start() -> Result<Rc<Self>, RuntimeError> {
        let mut children = signal(SignalKind::child())
            .map_err(|source| RuntimeError::System { operation: "listen for the end of children", source })?;
        let reaper = Rc::new(Self::default());
        let own = Rc::clone(&reaper);
        tokio::task::spawn_local(async move {
            while children.recv().await.is_some() {
                own.reap();
            }
        });
        Ok(reaper)
    }

    /// Waits for a child, which must have been started on this thread since control was last given up.
    pub(crate) fn exit_of(&self, pid: u32) -> oneshot::Receiver<Exit> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(pid, sender);
        receiver
    }

    /// Waits until some child was reaped.
    pub(crate) async fn reaped(&self) {
        self.reaped.notified().await;
    }

    fn reap(&self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let exit = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(signal)) => Exit::Signal(signal),
                (None, None) => continue,
            };
            let pid = pid.as_raw_nonzero().get().unsigned_abs();
            if let Some(waiting) = self.waiting.borrow_mut().remove(&pid) {
                // Who no longer waits has no use for it.
                let _ = waiting.send(exit);
            }
        }
        self.reaped.notify_waiters();
    }
}
