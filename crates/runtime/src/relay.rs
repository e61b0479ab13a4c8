//! Ways from the network of containers to ports of this machine that accept only what comes from the machine itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use supervisor::Relay;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The relays of an environment, each on the address that the machine has in a network of containers.
#[derive(Default)]
pub(crate) struct Relays {
    open: RefCell<HashMap<(String, Relay), AbortHandle>>,
    /// Tells those that wait for their address that a container was started: some engines have a network only from then on.
    started: Rc<Notify>,
}

impl Relays {
    /// Opens those of these that are not open. Where the address never becomes one of this machine, the engine is elsewhere, or in
    /// a virtual machine that has relays of its own.
    pub(crate) fn open(&self, address: &str, relays: &[Relay]) {
        for relay in relays {
            let key = (address.to_owned(), *relay);
            if self.open.borrow().contains_key(&key) {
                continue;
            }
            let (address, relay) = (address.to_owned(), *relay);
            let started = Rc::clone(&self.started);
            let task = tokio::task::spawn_local(async move {
                let listener = loop {
                    let next = started.notified();
                    match TcpListener::bind((address.as_str(), relay.port)).await {
                        Ok(listener) => break listener,
                        Err(_) => next.await,
                    }
                };
                loop {
                    let Ok((mut near, _)) = listener.accept().await else {
                        // There are too many open files; not as fast as possible then.
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        continue;
                    };
                    tokio::task::spawn_local(async move {
                        // Who cannot be reached is shown by the connection's end.
                        if let Ok(mut far) = TcpStream::connect(("127.0.0.1", relay.to)).await {
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                        }
                    });
                }
            });
            self.open.borrow_mut().insert(key, task.abort_handle());
        }
    }

    /// Says that a container was started.
    pub(crate) fn container_started(&self) {
        self.started.notify_waiters();
    }

    /// Closes all.
    pub(crate) fn close(&self) {
        for (_, task) in self.open.borrow_mut().drain() {
            task.abort();
        }
    }
}
