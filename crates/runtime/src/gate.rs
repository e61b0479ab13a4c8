//! Ports that are listened on in place of services that sleep.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use supervisor::{Event, Gate, UnitId};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// So many connections are held; further ones wait in the queue of the system.
const HELD: usize = 256;

/// A service that was ready may have ended a moment ago, and nobody knows yet: how often, and with which pauses, a connection
/// that it refuses is tried again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// How long it waits after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Held,
    Admitted,
    Closed,
}

/// All gates of an environment.
pub(crate) struct Gates {
    events: UnboundedSender<Event>,
    open: RefCell<HashMap<UnitId, Rc<Counter>>>,
}

/// The connections of one gate.
struct Counter {
    unit: UnitId,
    passage: watch::Sender<Passage>,
    waiting: Cell<usize>,
    led: Cell<usize>,
    events: UnboundedSender<Event>,
}

impl Gates {
    pub(crate) fn new(events: UnboundedSender<Event>) -> Self {
        Self { events, open: RefCell::default() }
    }

    /// Listens, or goes on to, and holds the connections.
    pub(crate) fn hold(&self, unit: &UnitId, gate: Gate) {
        if let Some(counter) = self.open.borrow().get(unit) {
            counter.passage.send_replace(Passage::Held);
            return counter.tell();
        }
        let listener = match listen(gate.port) {
            Ok(listener) => listener,
            Err(error) => {
                let reason = format!("cannot listen on 127.0.0.1:{} in place of it: {error}", gate.port);
                // Nobody listens any more only when everything ends.
                let _ = self.events.send(Event::GateFailed { unit: unit.clone(), reason });
                return;
            }
        };
        let (unit, events) = (unit.clone(), self.events.clone());
        let (waiting, led) = (Cell::new(0), Cell::new(0));
        let counter = Counter { unit, passage: watch::Sender::new(Passage::Held), waiting, led, events };
        let counter = Rc::new(counter);
        counter.tell();
        tokio::task::spawn_local(accept(listener, gate.to, Rc::clone(&counter)));
        self.open.borrow_mut().insert(counter.unit.clone(), counter);
    }

    /// Leads on the connections that are held, and those that come.
    pub(crate) fn admit(&self, unit: &UnitId) {
        if let Some(counter) = self.open.borrow().get(unit) {
            counter.passage.send_replace(Passage::Admitted);
        }
    }

    /// Listens no longer, and closes what is held.
    pub(crate) fn close(&self, unit: &UnitId) {
        if let Some(counter) = self.open.borrow_mut().remove(unit) {
            counter.passage.send_replace(Passage::Closed);
        }
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: TcpListener, to: u16, counter: Rc<Counter>) {
    let mut passage = counter.passage.subscribe();
    loop {
        let is_full = counter.waiting.get() >= HELD;
        tokio::select! {
            // A sender is in the counter, which lives as long as this.
            _ = passage.changed() => {
                if *passage.borrow_and_update() == Passage::Closed {
                    return;
                }
            }
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((near, _)) => {
                    counter.count(1, 0);
                    tokio::task::spawn_local(lead(near, to, Rc::clone(&counter)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// Holds a connection until it is admitted, and leads it on to its end.
async fn lead(mut near: TcpStream, to: u16, counter: Rc<Counter>) {
    let mut passage = counter.passage.subscribe();
    for _ in 0..TRIES {
        let now = passage.wait_for(|passage| *passage != Passage::Held).await.map_or(Passage::Closed, |now| *now);
        if now == Passage::Closed {
            break;
        }
        counter.count(-1, 1);
        let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)).await else {
            counter.count(1, -1);
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // As if the two were one connection: nothing is held back to be sent together.
        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
        let _ = copy_bidirectional(&mut near, &mut far).await;
        return counter.count(0, -1);
    }
    counter.count(-1, 0);
}

impl Counter {
    /// Counts what is held and what is led on, and tells when there is some for the first time, or none any more.
    fn count(&self, waiting: isize, led: isize) {
        let before = (self.waiting.get() == 0, self.led.get() == 0);
        self.waiting.set(self.waiting.get().saturating_add_signed(waiting));
        self.led.set(self.led.get().saturating_add_signed(led));
        if before != (self.waiting.get() == 0, self.led.get() == 0) && *self.passage.borrow() != Passage::Closed {
            self.tell();
        }
    }

    fn tell(&self) {
        let (unit, waiting, open) = (self.unit.clone(), self.waiting.get(), self.led.get());
        // Nobody listens any more only when everything ends.
        let _ = self.events.send(Event::Traffic { unit, waiting, open });
    }
}
