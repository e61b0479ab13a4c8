//! What follows from a change here, done in the learning management system: modes are published, learners enrolled.
//!
//! Each change writes an event in its transaction. The events of a course are worked through in their order, and again until
//! the learning management system has answered: so a seat is a mode there before anybody is enrolled in it.

use either_database::{Connection, Database, on, transaction};
use events::{Event, EventType, Handler, HandlerError, Publisher, publish};
use serde_json::{Value, json};

use crate::lms::{Enrollment, Lms, LmsError};
use crate::publication;
use crate::queries::order::{self, Order, Step};
use crate::queries::{course, seat};

/// The seats of a course are others now. The key is the course.
pub const SEATS_CHANGED: EventType = EventType::new("org.openedx.commerce.course.seats.changed.v1");
/// An order is paid, or was free. The key is the course.
pub const ORDER_PAID: EventType = EventType::new("org.openedx.commerce.order.paid.v1");
/// The learner of an order is enrolled. The key is the course.
pub const ORDER_COMPLETED: EventType = EventType::new("org.openedx.commerce.order.completed.v1");
/// What was paid has been given back. The key is the course.
pub const ORDER_REFUNDED: EventType = EventType::new("org.openedx.commerce.order.refunded.v1");

/// The event of an order.
pub fn order_event(publisher: &Publisher, event_type: EventType, order: &Order) -> Event {
    let data = json!({
        "number": order.number,
        "user": order.username,
        "course_key": order.course_key,
        "mode": order.seat_type,
        "sku": order.sku,
        "price": order.price,
        "currency": order.currency,
    });
    publisher.event(event_type, &order.course_key, data)
}

/// Does what follows.
pub struct Fulfilment {
    pub database: Database,
    pub lms: Lms,
    pub publisher: Publisher,
}

impl Handler for Fulfilment {
    fn event_types(&self) -> &[EventType] {
        &[SEATS_CHANGED, ORDER_PAID, ORDER_REFUNDED]
    }

    async fn act(&self, event: &Event) -> Result<(), HandlerError> {
        let text = |name: &str| event.data[name].as_str().unwrap_or_default();
        if event.is(SEATS_CHANGED) { self.publish(text("course_key")).await } else { self.enroll(text("number")).await }
    }

    /// All that is done is noted where it is done: what is asked of another service has no transaction.
    async fn handle(&self, _: &mut Connection<'_>, _: &Event) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Fulfilment {
    /// Publishes a course as it is now, whatever it was when the event was written.
    async fn publish(&self, key: &str) -> Result<(), HandlerError> {
        let Some(found) = course::by_key(&self.database, key).await? else { return Ok(()) };
        let seats = seat::of_course(&self.database, found.id).await?;
        match publication::send(&self.lms, found, seats).await {
            Ok(_) => course::note_publication(&self.database, key, None).await?,
            Err(error) => {
                let reason = refusal(&error)?;
                tracing::warn!("{key} is not published: {reason}");
                course::note_publication(&self.database, key, Some(&reason)).await?;
            }
        }
        Ok(())
    }

    async fn enroll(&self, number: &str) -> Result<(), HandlerError> {
        let Some(order) = order::find(&self.database, number).await? else { return Ok(()) };
        let is_active = match order.status.as_str() {
            "paid" => true,
            "refunded" => false,
            // Done, by an earlier attempt that nobody could note.
            _ => return Ok(()),
        };
        let enrollment = Enrollment {
            username: order.username.clone(),
            course_key: order.course_key.clone(),
            mode: order.seat_type.clone(),
            is_active,
            order: order.number.clone(),
        };
        let refused = match self.lms.enroll(enrollment).await {
            Ok(()) => None,
            Err(error) => Some(refusal(&error)?),
        };
        match (is_active, refused) {
            (true, None) => {
                transaction!(&self.database, transaction => {
                    let step = Step { from: &["paid"], to: "complete", error: "" };
                    if order::advance((&mut *transaction).into(), number, step).await? {
                        publish(&mut *transaction, &order_event(&self.publisher, ORDER_COMPLETED, &order)).await?;
                    }
                });
            }
            (_, Some(reason)) => {
                tracing::warn!("the enrolment of order {number} is refused: {reason}");
                let (from, to) = if is_active { ("paid", "failed") } else { ("refunded", "refunded") };
                let step = Step { from: &[from], to, error: &reason };
                on!(&self.database, pool => {
                    let mut connection = pool.acquire().await?;
                    order::advance((&mut *connection).into(), number, step).await?
                });
            }
            (false, None) => (),
        }
        Ok(())
    }
}

/// The reason of a refusal that is final; any other error is one to try again after.
fn refusal(error: &LmsError) -> Result<String, HandlerError> {
    match error.is_final() {
        Some(reason) => Ok(reason.to_owned()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Err(HandlerError::Again(format!("{error}{cause}").into()))
        }
    }
}

/// The event by which a course is published.
pub fn seats_event(publisher: &Publisher, course_key: &str) -> Event {
    let data: Value = json!({ "course_key": course_key });
    publisher.event(SEATS_CHANGED, course_key, data)
}
