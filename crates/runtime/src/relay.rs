//! Ways from the network of containers to ports of this machine that accept only what comes from the machine itself.

use std::cell::RefCell;
use std::collections::HashMap;

use supervisor::Relay;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The relays of an environment, each on the address that the machine has in a network of containers.
#[derive(Default)]
pub(crate) struct Relays(RefCell<HashMap<(String, Relay), AbortHandle>>);

impl Relays {
    /// Opens those of these that are not open. Where the address is not one of this machine, the engine is elsewhere, or in a
    /// virtual machine that has relays of its own.
    pub(crate) fn open(&self, address: &str, relays: &[Relay]) {
        for relay in relays {
            let key = (address.to_owned(), *relay);
            if self.0.borrow().contains_key(&key) {
                continue;
            }
            let (address, relay) = (address.to_owned(), *relay);
            let task = tokio::task::spawn_local(async move {
                let Ok(listener) = TcpListener::bind((address.as_str(), relay.port)).await else { return };
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
            self.0.borrow_mut().insert(key, task.abort_handle());
        }
    }

    /// Closes all.
    pub(crate) fn close(&self) {
        for (_, task) in self.0.borrow_mut().drain() {
            task.abort();
        }
    }
}
