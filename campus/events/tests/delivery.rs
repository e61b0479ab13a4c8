//! What publishers and consumers rely on, on each engine and over each of the ways.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use either_database::{Connection, Database, on, through, transaction};
use events::{
    Asking, Bus, Consumer, ConsumerOptions, Dead, Event, EventType, Handler, HandlerError, Open, Outbox, Position,
    Publisher, Relay, RelayOptions, Source, dead_letters, drop_dead_letter, feed, inbox_migration, outbox_migration,
    publish, publish_all, replay, retry_dead_letter,
};
use harness::{Broker, Engine, engines, until};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const CREATED: EventType = EventType::new("org.openedx.learning.course.enrollment.created.v1");
const CHANGED: EventType = EventType::new("org.openedx.content_authoring.course.catalog_info.changed.v1");

/// A consumer's own table: what it was told, in the order in which it was.
const NOTES: either_database::Migration = either_database::Migration {
    version: 3,
    name: "notes",
    sqlite: "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)",
    postgres: "CREATE TABLE notes (id BIGSERIAL PRIMARY KEY, text TEXT NOT NULL)",
};

/// Writes down what it is told, and fails where it is told to.
#[derive(Clone, Default)]
struct Notes {
    /// Fails on events with this text, as long as it is there.
    stumbles_at: Arc<Mutex<Option<String>>>,
    fails_for_good: bool,
    republishes: bool,
    missed: Arc<AtomicBool>,
}

impl Handler for Notes {
    fn event_types(&self) -> &[EventType] {
        &[CREATED]
    }

    async fn handle(&self, connection: &mut Connection<'_>, event: &Event) -> Result<(), HandlerError> {
        let text = format!("{} {}", event.key, event.data["n"]);
        // Written first, so that a failure has something to take back.
        through!(*connection, connection => {
            sqlx::query("INSERT INTO notes (text) VALUES ($1)").bind(&text).execute(&mut *connection).await?;
        });
        if self.republishes {
            publish(connection.reborrow(), event).await?;
        }
        if self.stumbles_at.lock().unwrap().as_deref() == Some(&text) {
            let error = format!("stumbled at {text}").into();
            return Err(if self.fails_for_good { HandlerError::Never(error) } else { HandlerError::Again(error) });
        }
        Ok(())
    }

    async fn missed(&self) -> Result<(), HandlerError> {
        self.missed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

const QUICK: ConsumerOptions = ConsumerOptions {
    batch: 50,
    wait: Duration::from_millis(200),
    attempts: 3,
    pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(20),
    dead: Dead::HoldKey,
};

/// Something that runs until it is dropped or stopped.
struct Running(Option<oneshot::Sender<()>>, JoinHandle<()>);

impl Running {
    fn consumer(database: &Database, source: Source, handler: Notes, options: ConsumerOptions) -> Self {
        let (stop, stopped) = oneshot::channel();
        let consumer = Consumer::new(database.clone(), "notes", source, handler, options);
        Self(Some(stop), tokio::spawn(consumer.run(async { drop(stopped.await) })))
    }

    async fn stop(mut self) {
        drop(self.0.take());
        self.1.await.unwrap();
    }
}

fn event(key: &str, n: u32) -> Event {
    Publisher::new("lms").event(CREATED, key, json!({ "n": n }))
}

async fn tell(database: &Database, events: &[Event]) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => publish_all(&mut *transaction, events).await?);
    Ok(())
}

async fn notes(database: &Database) -> Vec<String> {
    on!(database, pool => sqlx::query_scalar("SELECT text FROM notes ORDER BY id").fetch_all(pool).await.unwrap())
}

async fn number(database: &Database, query: &'static str) -> i64 {
    on!(database, pool => sqlx::query_scalar(query).fetch_one(pool).await.unwrap())
}

async fn publisher_and_consumer(engine: &Engine) -> (Database, Database) {
    let publisher = engine.database(&[outbox_migration(1)]).await;
    (publisher, engine.database(&[outbox_migration(1), inbox_migration(2), NOTES]).await)
}

async fn serve(outbox: Outbox) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, feed(outbox)).await.unwrap() });
    url
}

#[tokio::test]
async fn what_is_committed_comes_once_and_in_order_on_each_way() {
    let (redis, nats) = (Broker::redis(), Broker::nats());
    for engine in engines() {
        let url = async |outbox: &Outbox| serve(outbox.clone()).await;
        let brokers = [redis.as_ref(), nats.as_ref()].into_iter().flatten().map(|broker| Some(broker.url.clone()));
        for bus in std::iter::once(None).chain(brokers) {
            let (publisher, consumer) = publisher_and_consumer(&engine).await;
            let outbox = Outbox::new(publisher.clone());
            // A stream of its own: the broker is shared by the engines.
            let service = format!("lms{}", matches!(engine, Engine::Postgres(_)));
            let (source, relay) = match bus.as_deref().map(|url| Bus::parse(url).unwrap()) {
                None => (Source::http(&url(&outbox).await, Arc::new(Open)), None),
                Some(bus) => {
                    let options = RelayOptions { pause: Duration::from_millis(5), ..RelayOptions::default() };
                    let relay = Relay::new(outbox.clone(), &bus, &service, options);
                    (bus.source(&service), Some(tokio::spawn(relay.run(std::future::pending()))))
                }
            };
            let running = Running::consumer(&consumer, source, Notes::default(), QUICK);

            tell(&publisher, &[event("a", 1), event("b", 1)]).await.unwrap();
            on!(&publisher, pool => {
                let mut transaction = pool.begin().await.unwrap();
                publish(&mut *transaction, &event("a", 99)).await.unwrap();
                transaction.rollback().await.unwrap();
            });
            // Of another type: nobody asked for it.
            tell(&publisher, &[Publisher::new("lms").event(CHANGED, "a", json!({ "n": 98 })), event("a", 2)])
                .await
                .unwrap();
            let seen = until("all came", async || notes(&consumer).await, |notes| notes.len() >= 3).await;
            assert_eq!(seen, ["a 1", "b 1", "a 2"], "{bus:?}");

            // Many more than fit into a page.
            let many: Vec<Event> = (3..500).map(|n| event(if n % 2 == 0 { "a" } else { "ü \"b\"\n" }, n)).collect();
            tell(&publisher, &many).await.unwrap();
            let seen = until("all came", async || notes(&consumer).await, |notes| notes.len() >= 500).await;
            let expected: Vec<String> = many.iter().map(|event| format!("{} {}", event.key, event.data["n"])).collect();
            assert_eq!(seen[3..], expected, "{bus:?}");
            running.stop().await;
            if let Some(relay) = relay {
                relay.abort();
            }
        }
    }
}

#[tokio::test]
async fn the_same_event_from_the_bus_twice_changes_nothing_and_is_not_published_again() {
    let Some(redis) = Broker::redis() else { return };
    for engine in engines() {
        let (publisher, consumer) = publisher_and_consumer(&engine).await;
        let bus = Bus::parse(&redis.url).unwrap();
        let service = format!("twice{}", matches!(engine, Engine::Postgres(_)));
        let outbox = Outbox::new(publisher.clone());
        tell(&publisher, &[event("a", 1), event("a", 2)]).await.unwrap();
        let relay = || {
            tokio::spawn(
                Relay::new(outbox.clone(), &bus, &service, RelayOptions::default()).run(std::future::pending()),
            )
        };
        let relayed = async |n: i64| {
            let look = async || number(&publisher, "SELECT coalesce(max(position), 0) FROM outbox_relays").await;
            until("handed on", look, |position| *position == n).await;
        };
        let first = relay();
        relayed(2).await;
        first.abort();
        // A relay that dies after it has handed on and before it has noted so.
        on!(&publisher, pool => sqlx::query("UPDATE outbox_relays SET position = 0").execute(pool).await.map(drop))
            .unwrap();
        let second = relay();
        relayed(2).await;
        second.abort();
        tell(&publisher, &[event("a", 3)]).await.unwrap();
        let third = relay();

        let handler = Notes { republishes: true, ..Notes::default() };
        let running = Running::consumer(&consumer, bus.source(&service), handler, QUICK);
        let seen = until("the last", async || notes(&consumer).await, |notes| notes.len() >= 3).await;
        assert_eq!(seen, ["a 1", "a 2", "a 3"]);
        assert_eq!(
            number(&consumer, "SELECT count(*) FROM outbox_events").await,
            0,
            "whose event it is has told of it"
        );
        running.stop().await;
        third.abort();
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_while_its_key_waits_and_others_go_on() {
    for engine in engines() {
        let (publisher, consumer) = publisher_and_consumer(&engine).await;
        let handler = Notes::default();
        *handler.stumbles_at.lock().unwrap() = Some("a 1".to_owned());
        let source = Source::http(&serve(Outbox::new(publisher.clone())).await, Arc::new(Open));
        tell(&publisher, &[event("a", 1), event("a", 2), event("b", 1)]).await.unwrap();
        let options = ConsumerOptions { attempts: i32::MAX, ..QUICK };
        let running = Running::consumer(&consumer, source, handler.clone(), options);

        until("the other key", async || notes(&consumer).await, |notes| notes == &["b 1"]).await;
        let attempts = async || number(&consumer, "SELECT CAST(max(attempts) AS BIGINT) FROM event_waiting").await;
        until("several attempts", attempts, |attempts| *attempts > 2).await;
        tell(&publisher, &[event("a", 3)]).await.unwrap();
        *handler.stumbles_at.lock().unwrap() = None;
        let seen = until("all", async || notes(&consumer).await, |notes| notes.len() == 4).await;
        assert_eq!(seen, ["b 1", "a 1", "a 2", "a 3"]);
        assert_eq!(number(&consumer, "SELECT count(*) FROM event_waiting").await, 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_dead_letter_holds_its_key_or_is_skipped_as_was_declared() {
    for engine in engines() {
        for (dead, fails_for_good) in [(Dead::HoldKey, false), (Dead::SkipEvent, true)] {
            let (publisher, consumer) = publisher_and_consumer(&engine).await;
            let handler = Notes { fails_for_good, ..Notes::default() };
            *handler.stumbles_at.lock().unwrap() = Some("a 1".to_owned());
            let source = Source::http(&serve(Outbox::new(publisher.clone())).await, Arc::new(Open));
            let options = ConsumerOptions { dead, ..QUICK };
            let running = Running::consumer(&consumer, source, handler.clone(), options);
            tell(&publisher, &[event("a", 1), event("a", 2), event("b", 1)]).await.unwrap();

            let letters = async || dead_letters(&consumer, "notes").await.unwrap();
            let letter = until("dead", letters, |letters| letters.len() == 1).await.remove(0);
            assert_eq!((letter.event_key.as_str(), letter.error.as_str()), ("a", "stumbled at a 1"));
            assert_eq!(letter.attempts, if fails_for_good { 1 } else { 3 }, "{dead:?}");
            tell(&publisher, &[event("b", 2)]).await.unwrap();
            let others: &[&str] = if dead == Dead::HoldKey { &["b 1", "b 2"] } else { &["a 2", "b 1", "b 2"] };
            let sorted = async || {
                let mut notes = notes(&consumer).await;
                notes.sort();
                notes
            };
            until("the others", sorted, |notes| notes == others).await;

            assert!(!retry_dead_letter(&consumer, "nobody", letter.id).await.unwrap());
            if dead == Dead::HoldKey {
                *handler.stumbles_at.lock().unwrap() = None;
                assert!(retry_dead_letter(&consumer, "notes", letter.id).await.unwrap());
                let seen = until("all", async || notes(&consumer).await, |notes| notes.len() == 4).await;
                assert_eq!(seen[2..], ["a 1", "a 2"], "what waited comes after it");
            } else {
                assert!(drop_dead_letter(&consumer, "notes", letter.id).await.unwrap());
                assert!(!drop_dead_letter(&consumer, "notes", letter.id).await.unwrap());
            }
            assert!(dead_letters(&consumer, "notes").await.unwrap().is_empty());
            running.stop().await;
        }
    }
}

#[tokio::test]
async fn what_came_after_a_position_can_be_taken_again() {
    for engine in engines() {
        let (publisher, consumer) = publisher_and_consumer(&engine).await;
        let url = serve(Outbox::new(publisher.clone())).await;
        let source = || Source::http(&url, Arc::new(Open));
        tell(&publisher, &[event("a", 1), event("a", 2), event("a", 3)]).await.unwrap();
        let running = Running::consumer(&consumer, source(), Notes::default(), QUICK);
        until("all", async || notes(&consumer).await, |notes| notes.len() == 3).await;
        assert!(replay(&consumer, "nobody", &Position::start()).await.is_err());
        assert_eq!(replay(&consumer, "notes", &Position::of_number(1)).await.unwrap(), 2);
        let seen = until("again", async || notes(&consumer).await, |notes| notes.len() == 5).await;
        assert_eq!(seen[3..], ["a 2", "a 3"]);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_consumer_learns_that_events_are_missing_and_that_the_publisher_began_anew() {
    for engine in engines() {
        let (publisher, consumer) = publisher_and_consumer(&engine).await;
        let outbox = Outbox::new(publisher.clone());
        tell(&publisher, &[event("a", 1), event("a", 2)]).await.unwrap();
        let later = chrono::Utc::now() + Duration::from_secs(3600);
        assert_eq!(outbox.prune(later).await.unwrap(), 2);
        assert_eq!(outbox.prune(later).await.unwrap(), 0);
        tell(&publisher, &[event("a", 3)]).await.unwrap();
        let handler = Notes::default();
        let source =
            Source::http(&serve(outbox).await, Arc::new(Asking::new(|| Ok::<_, std::io::Error>("JWT x".to_owned()))));
        let running = Running::consumer(&consumer, source, handler.clone(), QUICK);
        until("what there is", async || notes(&consumer).await, |notes| notes == &["a 3"]).await;
        assert!(handler.missed.swap(false, Ordering::Relaxed));
        running.stop().await;

        let anew = engine.database(&[outbox_migration(1)]).await;
        tell(&anew, &[event("a", 4)]).await.unwrap();
        let source = Source::http(&serve(Outbox::new(anew)).await, Arc::new(Open));
        let running = Running::consumer(&consumer, source, handler.clone(), QUICK);
        until("the new ones", async || notes(&consumer).await, |notes| notes == &["a 3", "a 4"]).await;
        assert!(handler.missed.load(Ordering::Relaxed));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_has_forgotten_says_so_and_what_is_no_event_is_a_dead_letter() {
    let Some(redis) = Broker::redis() else { return };
    let mut connection =
        redis::Client::open(redis.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for engine in engines() {
        let (publisher, consumer) = publisher_and_consumer(&engine).await;
        let service = format!("forgets{}", matches!(engine, Engine::Postgres(_)));
        let bus = Bus::parse(&redis.url).unwrap();
        tell(&publisher, &[event("a", 1), event("a", 2)]).await.unwrap();
        let relay = tokio::spawn(
            Relay::new(Outbox::new(publisher.clone()), &bus, &service, RelayOptions::default())
                .run(std::future::pending()),
        );
        let relayed = async || number(&publisher, "SELECT coalesce(max(position), 0) FROM outbox_relays").await;
        until("handed on", relayed, |position| *position == 2).await;
        let stream = format!("events:{service}");
        let _: i64 = redis::cmd("XTRIM").arg(&stream).arg("MAXLEN").arg(1).query_async(&mut connection).await.unwrap();
        let _: String = redis::cmd("XADD")
            .arg(&stream)
            .arg("*")
            .arg("greeting")
            .arg("hello")
            .query_async(&mut connection)
            .await
            .unwrap();
        let handler = Notes::default();
        let running = Running::consumer(&consumer, bus.source(&service), handler.clone(), QUICK);
        let letters = async || dead_letters(&consumer, "notes").await.unwrap();
        let letter = until("dead", letters, |letters| letters.len() == 1).await.remove(0);
        assert!(letter.event.contains("hello") && letter.error.contains("'type' is missing"), "{letter:?}");
        assert_eq!(notes(&consumer).await, ["a 2"]);
        assert!(handler.missed.load(Ordering::Relaxed));
        running.stop().await;
        relay.abort();
    }
}

#[tokio::test]
async fn a_reader_that_waits_goes_when_the_service_ends() {
    let engines = engines();
    let publisher = engines[0].database(&[outbox_migration(1)]).await;
    let outbox = Outbox::new(publisher);
    let url = serve(outbox.clone()).await;
    let waits = tokio::task::spawn_blocking(move || {
        let address = url.trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /?wait=30 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer
    });
    let begun = std::time::Instant::now();
    outbox.close();
    let answer = waits.await.unwrap();
    assert!(answer.contains(r#"{"events":[],"position":0}"#), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(25), "it did not wait to the end");
}
