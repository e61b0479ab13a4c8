//! A consumer that is killed at any moment: no event is lost, none applied twice, and the order of each key is kept.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use either_database::{Connection, Database, Migration, Options, on, through, transaction};
use events::{
    Bus, Consumer, ConsumerOptions, Event, EventType, Handler, HandlerError, Open, Outbox, Publisher, Relay,
    RelayOptions, Source, feed, inbox_migration, outbox_migration, publish_all,
};
use harness::{Broker, engines, until};
use serde_json::json;

const CREATED: EventType = EventType::new("org.openedx.learning.course.enrollment.created.v1");
/// What the child has to consume: the database's URL, a space, the source's.
const CHILD: &str = "EVENTS_TEST_CHILD";
const SERVICE: &str = "lms";
const KEYS: u64 = 1000;

/// One row per key: how many events were applied, the number of the last, and how often one was not the next.
const PROGRESS: Migration = Migration {
    version: 2,
    name: "progress",
    sqlite: "CREATE TABLE progress (name TEXT PRIMARY KEY, applied BIGINT NOT NULL, last BIGINT NOT NULL, wrong BIGINT NOT NULL)",
    postgres: "CREATE TABLE progress (name TEXT PRIMARY KEY, applied BIGINT NOT NULL, last BIGINT NOT NULL, wrong BIGINT NOT NULL)",
};

struct Apply;

impl Handler for Apply {
    fn event_types(&self) -> &[EventType] {
        &[CREATED]
    }

    async fn handle(&self, connection: &mut Connection<'_>, event: &Event) -> Result<(), HandlerError> {
        let number = event.data["n"].as_i64().unwrap();
        through!(*connection, connection => {
            sqlx::query(
                "INSERT INTO progress (name, applied, last, wrong) VALUES ($1, 1, $2, CASE WHEN $2 = 0 THEN 0 ELSE 1 END)
                 ON CONFLICT (name) DO UPDATE SET applied = progress.applied + 1, last = excluded.last,
                    wrong = progress.wrong + CASE WHEN progress.last + 1 = excluded.last THEN 0 ELSE 1 END",
            )
            .bind(&event.key)
            .bind(number)
            .execute(&mut *connection)
            .await?;
        });
        Ok(())
    }
}

/// Not a test, but the child of those below: it consumes until it is killed.
#[test]
#[ignore = "the child of the other tests"]
fn consume() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (database, source) = told.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::open(database, Options::default()).unwrap();
        let source = match Bus::parse(source) {
            Ok(bus) => bus.source(SERVICE),
            Err(_) => Source::http(source, Arc::new(Open)),
        };
        let options = ConsumerOptions { pause: Duration::from_millis(10), ..ConsumerOptions::default() };
        Consumer::new(database, "progress", source, Apply, options).run(std::future::pending()).await;
    });
}

fn child(database: &str, source: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "consume", "--ignored", "--nocapture"])
        .env(CHILD, format!("{database} {source}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A row of numbers that looks random, another one at each run; the test says which.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn none_is_lost(count: u64, kills: usize, broker: Option<&Broker>, engine_of: impl Fn(usize) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (_, engine) in engines().into_iter().enumerate().filter(|(index, _)| engine_of(*index)) {
        runtime.block_on(async {
            let publisher = engine.database(&[outbox_migration(1)]).await;
            let consumer_url = engine.make(&[inbox_migration(1), PROGRESS]).await;
            let consumer = Database::open(&consumer_url, Options::default()).unwrap();
            let outbox = Outbox::new(publisher.clone());
            let source = match broker {
                None => {
                    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                    let url = format!("http://{}", listener.local_addr().unwrap());
                    let feed = feed(outbox.clone());
                    tokio::spawn(async move { axum::serve(listener, feed).await.unwrap() });
                    url
                }
                Some(broker) => broker.url.clone(),
            };
            let relay = || {
                Bus::parse(&source).ok().map(|bus| {
                    let relay = Relay::new(outbox.clone(), &bus, SERVICE, RelayOptions::default());
                    tokio::spawn(relay.run(std::future::pending()))
                })
            };
            let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
            eprintln!("random numbers from {seed}");
            let mut random = Random(seed);
            let begun = Instant::now();
            let publishing = tokio::spawn(write(publisher, count));

            let mut moments: Vec<u64> = (0..kills).map(|_| random.below(count)).collect();
            moments.sort_unstable();
            let (mut running, mut handing_on) = (child(&consumer_url, &source), relay());
            for moment in moments {
                until("progress", async || applied(&consumer).await, |applied| *applied >= moment as i64).await;
                running.kill().unwrap();
                running.wait().unwrap();
                running = child(&consumer_url, &source);
                // What hands on may fall at any moment, too.
                handing_on = handing_on.and_then(|relay_| {
                    relay_.abort();
                    relay()
                });
            }
            publishing.await.unwrap();
            let mut last = (0, Instant::now());
            while last.0 < count as i64 {
                let applied = applied(&consumer).await;
                if applied > last.0 {
                    last = (applied, Instant::now());
                }
                assert!(last.1.elapsed() < harness::PATIENCE, "it stays at {applied} of {count}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let elapsed = begun.elapsed();
            // A moment more, for whatever would come twice.
            until("the inbox", async || position(&consumer).await, |position| !position.is_empty()).await;
            running.kill().unwrap();
            running.wait().unwrap();
            if let Some(relay) = handing_on {
                relay.abort();
            }

            let (keys, wrong, total): (i64, i64, i64) = on!(&consumer, pool => {
                sqlx::query_as("SELECT count(*), CAST(sum(wrong) AS BIGINT), CAST(sum(applied) AS BIGINT) FROM progress")
                    .fetch_one(pool)
                    .await
                    .unwrap()
            });
            assert_eq!((keys, wrong, total), (KEYS as i64, 0, count as i64));
            let rate = count as f64 / elapsed.as_secs_f64();
            eprintln!("{count} events, {kills} kills: {:.1} s, {rate:.0} events/s", elapsed.as_secs_f64());
        });
    }
}

async fn write(database: Database, count: u64) {
    let publisher = Publisher::new(SERVICE);
    for first in (0..count).step_by(2000) {
        let numbers = first..(first + 2000).min(count);
        let events: Vec<Event> = numbers
            .map(|n| {
                publisher.event(CREATED, format!("learner-{}", n % KEYS), json!({ "n": n / KEYS, "mode": "verified" }))
            })
            .collect();
        let write = async {
            transaction!(&database, transaction => publish_all(&mut *transaction, &events).await?);
            Ok::<_, sqlx::Error>(())
        };
        write.await.unwrap();
    }
}

async fn applied(database: &Database) -> i64 {
    on!(database, pool => {
        sqlx::query_scalar("SELECT CAST(coalesce(sum(applied), 0) AS BIGINT) FROM progress").fetch_one(pool).await.unwrap()
    })
}

async fn position(database: &Database) -> String {
    on!(database, pool => sqlx::query_scalar("SELECT position FROM event_consumers").fetch_one(pool).await.unwrap())
}

#[test]
fn over_http() {
    none_is_lost(4000, 4, None, |_| true);
}

#[test]
fn over_redis() {
    if let Some(broker) = Broker::redis() {
        none_is_lost(4000, 4, Some(&broker), |engine| engine == 0);
    }
}

#[test]
fn over_nats() {
    if let Some(broker) = Broker::nats() {
        none_is_lost(4000, 4, Some(&broker), |engine| engine == 0);
    }
}

#[test]
#[ignore = "takes minutes; in release: cargo test --release -p events --test killed -- --ignored a_million --nocapture"]
fn a_million_over_http() {
    none_is_lost(1_000_000, 20, None, |_| true);
}

#[test]
#[ignore = "takes minutes"]
fn a_million_over_redis() {
    if let Some(broker) = Broker::redis() {
        none_is_lost(1_000_000, 20, Some(&broker), |engine| engine == 0);
    }
}

#[test]
#[ignore = "takes minutes"]
fn a_million_over_nats() {
    if let Some(broker) = Broker::nats() {
        none_is_lost(1_000_000, 20, Some(&broker), |engine| engine == 0);
    }
}
