//! The consumer: takes events from a source and has them handled, each once and in the order of its key.

use std::time::Duration;

use chrono::Utc;
use either_database::{Connection, Database, transaction};

use crate::delivery::{Delivery, Page};
use crate::event::{Event, EventType};
use crate::inbox::{self, milliseconds};
use crate::position::Position;
use crate::source::{Source, SourceError};
use crate::waiting::{self, Entry, Waiting};

/// How many waiting events are tried before new ones are looked for.
const WAITING_AT_ONCE: i64 = 100;
/// How much is kept of the text of an error, in bytes.
const LONGEST_ERROR: usize = 2000;

tokio::task_local! {
    /// Set while an event of others is handled.
    static FOREIGN: bool;
}

/// Whether what runs now is the handling of an event that came from others.
pub(crate) fn handles_an_event_of_others() -> bool {
    FOREIGN.try_with(|foreign| *foreign).unwrap_or(false)
}

/// What is done with events.
pub trait Handler: Send + Sync {
    /// The types of event that it wants; none means all.
    fn event_types(&self) -> &[EventType];

    /// What is done outside of the database, before the transaction: a call of another service, say.
    ///
    /// May happen more than once for the same event, and has to make no difference then.
    fn act(&self, event: &Event) -> impl Future<Output = Result<(), HandlerError>> + Send {
        let _ = event;
        std::future::ready(Ok(()))
    }

    /// What is done in the database, in the transaction in which the event is noted as taken: once for each event.
    fn handle(
        &self,
        connection: &mut Connection<'_>,
        event: &Event,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Called when events are missing, before those that are there: brings right by other means what they would have told.
    fn missed(&self) -> impl Future<Output = Result<(), HandlerError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Why an event is not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// It may succeed later.
    #[error("{0}")]
    Again(Box<dyn std::error::Error + Send + Sync>),
    /// It will never succeed: the event is a dead letter at once.
    #[error("{0}")]
    Never(Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Again(Box::new(error))
    }
}

/// What becomes of the later events of a key of which one was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// They wait until somebody has seen to the dead letter: none of them makes sense without it.
    HoldKey,
    /// They are handled: each says all that there is to say.
    SkipEvent,
}

/// How a consumer behaves.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerOptions {
    /// At most so many events in one transaction.
    pub batch: usize,
    /// How long a source is asked to wait for the next event.
    pub wait: Duration,
    /// How often an event is tried before it is a dead letter.
    pub attempts: i32,
    /// The pause after the first failure of an event, or of the source; doubled after each further one.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// What becomes of those behind a dead letter.
    pub dead: Dead,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            wait: Duration::from_secs(20),
            attempts: 8,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            dead: Dead::HoldKey,
        }
    }
}

/// Takes events from a source under a name. Any number of them may run under the same one; each event goes to one.
#[derive(Debug)]
pub struct Consumer<H> {
    database: Database,
    name: String,
    source: Source,
    handler: H,
    types: Vec<String>,
    options: ConsumerOptions,
}

/// Why a consumer does not get on.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// Its database cannot be reached, or refuses a statement.
    #[error("the inbox cannot be written: {0}")]
    Database(#[from] sqlx::Error),
    /// The source has no answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What is missing could not be brought right by other means.
    #[error("what was missed is not brought right: {0}")]
    Missed(HandlerError),
}

/// Why a page was not taken.
enum TakeError {
    Database(sqlx::Error),
    /// Another one of the same name was faster.
    Moved,
    Handler(HandlerError),
}

impl From<sqlx::Error> for TakeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl<H: Handler> Consumer<H> {
    /// A consumer of that name, whose state and whose handler's are in this database.
    pub fn new(database: Database, name: &str, source: Source, handler: H, options: ConsumerOptions) -> Self {
        let types = handler.event_types().iter().map(|event_type| event_type.name().to_owned()).collect();
        Self { database, name: name.to_owned(), source, handler, types, options }
    }

    /// Consumes until `shutdown` is ready. What is under way then is as if it had not begun.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => (),
            () = self.consume() => (),
        }
    }

    async fn consume(&mut self) {
        let mut failures = 0;
        loop {
            match self.step().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let pause = self.pause(failures);
                    tracing::warn!(%error, "consumer '{}' does not get on; next attempt in {pause:?}", self.name);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    fn pause(&self, failures: i32) -> Duration {
        let doublings = u32::try_from(failures - 1).unwrap_or_default().min(20);
        (self.options.pause * 2_u32.pow(doublings)).min(self.options.longest_pause)
    }

    /// Tries what is due, then takes what has come; waits for it as long as nothing is due.
    async fn step(&mut self) -> Result<(), ConsumerError> {
        let wait = self.try_waiting().await?.min(self.options.wait);
        let from = inbox::position(&self.database, &self.name).await?;
        match self.source.read(&from, &self.types, self.options.batch, wait).await {
            Ok(page) => Ok(self.take_page(from, page).await?),
            Err(SourceError::Gap { position }) => {
                tracing::error!("consumer '{}' has missed events between {from} and {position}", self.name);
                self.scoped(self.handler.missed()).await.map_err(ConsumerError::Missed)?;
                transaction!(&self.database, transaction => {
                    inbox::advance((&mut *transaction).into(), &self.name, &from, &position).await?
                });
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn scoped<T>(&self, body: impl Future<Output = T>) -> T {
        FOREIGN.scope(self.source.is_foreign(), body).await
    }

    fn wants(&self, event: &Event) -> bool {
        self.types.is_empty() || self.types.contains(&event.event_type)
    }

    async fn take_page(&self, from: Position, page: Page) -> Result<(), sqlx::Error> {
        if page.position == from {
            return Ok(());
        }
        let taken = match self.act(&page.deliveries).await {
            Ok(()) => self.take(&page.deliveries, &from, &page.position).await,
            Err(error) => Err(TakeError::Handler(error)),
        };
        match taken {
            Ok(()) | Err(TakeError::Moved) => return Ok(()),
            Err(TakeError::Database(error)) => return Err(error),
            // Nothing of the page is done. One after the other, so that only the one that fails waits.
            Err(TakeError::Handler(_)) => (),
        }
        let mut from = from;
        for delivery in page.deliveries {
            let one = std::slice::from_ref(&delivery);
            let taken = match self.act(one).await {
                Ok(()) => self.take(one, &from, &delivery.position).await,
                Err(error) => Err(TakeError::Handler(error)),
            };
            match (taken, &delivery.event) {
                (Ok(()), _) => (),
                (Err(TakeError::Moved), _) => return Ok(()),
                (Err(TakeError::Database(error)), _) => return Err(error),
                (Err(TakeError::Handler(error)), Ok(event)) => {
                    if !self.put_by(event, &from, &delivery.position, &error).await? {
                        return Ok(());
                    }
                }
                (Err(TakeError::Handler(_)), Err(_)) => unreachable!("what is no event is not handled"),
            }
            from = delivery.position;
        }
        Ok(())
    }

    /// What has to be done outside of the database, for those whose turn it is.
    async fn act(&self, deliveries: &[Delivery]) -> Result<(), HandlerError> {
        let held = waiting::held_keys_of(&self.database, &self.name, self.options.dead).await?;
        for event in deliveries.iter().filter_map(|delivery| delivery.event.as_ref().ok()) {
            if self.wants(event) && !held.contains(&event.key) {
                self.scoped(self.handler.act(event)).await?;
            }
        }
        Ok(())
    }

    /// Takes deliveries in one transaction: all of them, or none.
    async fn take(&self, deliveries: &[Delivery], from: &Position, to: &Position) -> Result<(), TakeError> {
        let wanted: Vec<(&str, &Position)> = deliveries
            .iter()
            .filter_map(|delivery| match &delivery.event {
                Ok(event) => self.wants(event).then_some((event.id.as_str(), &delivery.position)),
                Err(malformed) => Some((malformed.id.as_str(), &delivery.position)),
            })
            .collect();
        transaction!(&self.database, transaction => {
            let mut connection = Connection::from(&mut *transaction);
            if !inbox::advance(connection.reborrow(), &self.name, from, to).await? {
                return Err(TakeError::Moved);
            }
            let held = waiting::held_keys(connection.reborrow(), &self.name, self.options.dead).await?;
            let mut new = inbox::register(connection.reborrow(), &self.name, &wanted).await?;
            for delivery in deliveries {
                match &delivery.event {
                    // The same event twice in one page is new once.
                    Ok(event) if !self.wants(event) || !new.remove(&event.id) => (),
                    Ok(event) if held.contains(&event.key) => {
                        let entry = Entry { attempts: 0, due: 0, ..Entry::of(event, &delivery.position, "") };
                        waiting::insert(connection.reborrow(), &self.name, &entry).await?;
                    }
                    Ok(event) => {
                        let handled = self.scoped(self.handler.handle(&mut connection, event)).await;
                        handled.map_err(TakeError::Handler)?;
                    }
                    Err(malformed) if new.remove(&malformed.id) => {
                        tracing::error!("consumer '{}': {} is no event: {}", self.name, malformed.id, malformed.reason);
                        let entry = Entry {
                            event_id: &malformed.id,
                            key: &malformed.id,
                            position: &delivery.position,
                            event: malformed.text.clone(),
                            attempts: 0,
                            due: 0,
                            dead: true,
                            error: &malformed.reason,
                        };
                        waiting::insert(connection.reborrow(), &self.name, &entry).await?;
                    }
                    Err(_) => (),
                }
            }
        });
        Ok(())
    }

    /// Puts an event that has failed by for later, and goes on; false if another one of the same name was faster.
    async fn put_by(
        &self,
        event: &Event,
        from: &Position,
        to: &Position,
        error: &HandlerError,
    ) -> Result<bool, sqlx::Error> {
        let dead = self.is_dead(1, error);
        self.say(event, 1, dead, error);
        let error = shortened(error.to_string());
        let due = milliseconds(Utc::now() + self.pause(1));
        let entry = Entry { attempts: 1, due, dead, ..Entry::of(event, to, &error) };
        let event_id = [(event.id.as_str(), to)];
        transaction!(&self.database, transaction => {
            let mut connection = Connection::from(&mut *transaction);
            if !inbox::advance(connection.reborrow(), &self.name, from, to).await? {
                return Ok(false);
            }
            if !inbox::register(connection.reborrow(), &self.name, &event_id).await?.is_empty() {
                waiting::insert(connection.reborrow(), &self.name, &entry).await?;
            }
        });
        Ok(true)
    }

    fn is_dead(&self, attempts: i32, error: &HandlerError) -> bool {
        attempts >= self.options.attempts || matches!(error, HandlerError::Never(_))
    }

    fn say(&self, event: &Event, attempts: i32, dead: bool, error: &HandlerError) {
        let name = &self.name;
        if dead {
            tracing::error!(%error, "consumer '{name}' gives up {event} after {attempts} attempts");
        } else {
            tracing::warn!(%error, "consumer '{name}': attempt {attempts} at {event} failed");
        }
    }

    /// Tries the waiting events that are due, and says for how long none will be.
    async fn try_waiting(&self) -> Result<Duration, sqlx::Error> {
        loop {
            let now = milliseconds(Utc::now());
            let (due, next) = waiting::due(&self.database, &self.name, self.options.dead, now, WAITING_AT_ONCE).await?;
            if due.is_empty() {
                let until = next.map(|next| u64::try_from(next - now).unwrap_or_default());
                return Ok(until.map_or(Duration::MAX, Duration::from_millis));
            }
            for one in due {
                let event = one.event()?;
                match self.try_one(&one, &event).await {
                    Ok(()) | Err(TakeError::Moved) => (),
                    Err(TakeError::Database(error)) => return Err(error),
                    Err(TakeError::Handler(error)) => {
                        let attempts = one.attempts + 1;
                        let dead = self.is_dead(attempts, &error);
                        self.say(&event, attempts, dead, &error);
                        let due = milliseconds(Utc::now() + self.pause(attempts));
                        waiting::failed(&self.database, &one, due, dead, &shortened(error.to_string())).await?;
                    }
                }
            }
        }
    }

    async fn try_one(&self, waiting: &Waiting, event: &Event) -> Result<(), TakeError> {
        self.scoped(self.handler.act(event)).await.map_err(TakeError::Handler)?;
        transaction!(&self.database, transaction => {
            let mut connection = Connection::from(&mut *transaction);
            if !waiting::remove(connection.reborrow(), waiting).await? {
                return Err(TakeError::Moved);
            }
            self.scoped(self.handler.handle(&mut connection, event)).await.map_err(TakeError::Handler)?;
        });
        Ok(())
    }
}

impl<'a> Entry<'a> {
    fn of(event: &'a Event, position: &'a Position, error: &'a str) -> Self {
        let text = serde_json::to_string(event).expect("an event has texts as keys");
        Self { event_id: &event.id, key: &event.key, position, event: text, attempts: 0, due: 0, dead: false, error }
    }
}

fn shortened(mut error: String) -> String {
    error.truncate(error.floor_char_boundary(LONGEST_ERROR));
    error
}
