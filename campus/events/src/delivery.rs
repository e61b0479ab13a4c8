//! What a source hands over: events in their order, each with its position.

use crate::event::Event;
use crate::position::Position;

/// One event, or what could not be read as one.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where it stands.
    pub position: Position,
    /// The event, or the reason why it is none.
    pub event: Result<Event, Malformed>,
}

/// Something on a bus that is no event.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// A name that is the same whenever it is read again.
    pub id: String,
    /// What was found.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Some of the events after a position.
#[derive(Debug, Clone)]
pub struct Page {
    /// In the order of the source.
    pub deliveries: Vec<Delivery>,
    /// Up to here everything has been seen: at least the last delivery.
    pub position: Position,
}
