//! The replacement of the content: one statement moves all tables of the old and of the new content.
//!
//! What is to be done is written down first, with all that cannot be moved. From then on a caller that is killed has done
//! it: the next one reads the plan and does what is missing.

use std::collections::HashSet;

use database::{DatabaseError, StateName};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};
use serde::{Deserialize, Serialize};

use crate::catalog::{add_displaced, begin_move, discard, discard_state, end_move};
use crate::database::MysqlDatabase;
use crate::error::{is_locked, refused};
use crate::literal::{quote, text, within};
use crate::objects::{self, Object};
use crate::schema;

/// How long to wait for another process that is moving the same tables, in seconds.
const LOCK_SECONDS: u32 = 60;

/// How often tables that others use are tried to be moved, a second each time.
const ATTEMPTS: usize = 15;

/// The version of what is written down.
const VERSION: u32 = 1;

/// A replacement as it is written down.
#[derive(Serialize, Deserialize)]
struct Plan {
    version: u32,
    /// In their order: the old content goes before the new one comes.
    moves: Vec<Move>,
    /// The schema that the old content goes to, its size, and the name that it is kept under.
    displaced: Option<(String, u64, Option<String>)>,
    /// The schema that the new content comes from.
    incoming: Option<String>,
}

/// The way of one content.
#[derive(Serialize, Deserialize)]
struct Move {
    /// The schema that it is in; `None` for an empty content.
    from: Option<String>,
    to: String,
    /// Tables and sequences.
    tables: Vec<String>,
    objects: Vec<Object>,
    /// Statements that are due when the tables are there.
    afterwards: Vec<String>,
    character_set: String,
    collation: String,
}

impl MysqlDatabase {
    /// Puts a content in the place of the present one, or nothing; the present one is kept under a name, or trash.
    pub(crate) fn replace(&mut self, incoming: Option<String>, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let lock = self.move_lock();
        self.session()?;
        if !self.lock(&lock, LOCK_SECONDS)? {
            return Err(DatabaseError::Busy {
                database: self.name.clone(),
                detail: "another process is replacing its content".to_owned(),
            });
        }
        let replaced = self.plan_and_move(incoming, aside);
        self.unlock(&lock);
        replaced
    }

    fn move_lock(&self) -> String {
        format!("seedbed_move_{}", &blake3::hash(self.name.as_bytes()).to_hex()[..32])
    }

    fn plan_and_move(&mut self, incoming: Option<String>, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.end_connections()?;
        let name = self.name.clone();
        let mut plan = Plan { version: VERSION, moves: Vec::new(), displaced: None, incoming };
        if self.is_there(&name)? {
            let digest = "SELECT CONCAT('seedbed_', LEFT(SHA1(UUID()), 24))";
            let fresh: Option<String> =
                self.session()?.query_first(digest).map_err(refused(&name, "choose the name of a schema"))?;
            let fresh = fresh.expect("the statement gives one row");
            let bytes = self.size_of(&name)?;
            plan.moves.push(self.plan_move(&name, &fresh)?);
            plan.displaced = Some((fresh, bytes, aside.map(ToString::to_string)));
        }
        let coming = match plan.incoming.clone() {
            Some(incoming) => self.plan_move(&incoming, &name)?,
            None => self.plan_nothing()?,
        };
        plan.moves.push(coming);
        let text = serde_json::to_string(&plan).expect("a plan is lists of texts");
        self.change_catalog(&[begin_move(&name, &text)])?;
        if let Err(error) = self.move_tables(&plan) {
            self.take_back(&plan);
            return Err(error);
        }
        self.complete(&plan)
    }

    fn plan_nothing(&mut self) -> Result<Move, DatabaseError> {
        let (character_set, collation) = self.empty_charset()?;
        Ok(Move {
            from: None,
            to: self.name.clone(),
            tables: Vec::new(),
            objects: Vec::new(),
            afterwards: Vec::new(),
            character_set,
            collation,
        })
    }

    fn plan_move(&mut self, from: &str, to: &str) -> Result<Move, DatabaseError> {
        let name = self.name.clone();
        let (character_set, collation) = self.charset(from)?;
        let conn = self.session()?;
        let mut read = || {
            let sequences = schema::sequences(conn, from)?;
            let mut tables = sequences.clone();
            tables.extend(schema::base_tables(conn, from)?);
            let afterwards = defaults(conn, from, to, &sequences)?;
            Ok((tables, objects::read(conn, from)?, afterwards))
        };
        let (tables, objects, afterwards) = read().map_err(refused(&name, "read what is to be moved"))?;
        Ok(Move {
            from: Some(from.to_owned()),
            to: to.to_owned(),
            tables,
            objects,
            afterwards,
            character_set,
            collation,
        })
    }

    /// Does what a killed caller has written down and not done.
    pub(crate) fn finish_pending(&mut self) -> Result<(), DatabaseError> {
        if self.pending_move()?.is_none() {
            return Ok(());
        }
        let lock = self.move_lock();
        if !self.lock(&lock, LOCK_SECONDS)? {
            return Err(DatabaseError::Busy {
                database: self.name.clone(),
                detail: "another process is replacing its content".to_owned(),
            });
        }
        // Whoever had the lock may have done it.
        let finished = match self.pending_move() {
            Ok(Some(text)) => self.finish(&text),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.unlock(&lock);
        finished
    }

    fn finish(&mut self, text: &str) -> Result<(), DatabaseError> {
        let unreadable = |source: serde_json::Error| DatabaseError::Refused {
            database: self.name.clone(),
            action: "read what a killed command has begun".to_owned(),
            source: source.into(),
        };
        let plan: Plan = serde_json::from_str(text).map_err(unreadable)?;
        self.move_tables(&plan)?;
        self.complete(&plan)
    }

    /// Moves the tables that are not moved yet, all at once.
    fn move_tables(&mut self, plan: &Plan) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let conn = self.session()?;
        prepare_schemas(conn, plan).map_err(refused(&name, "prepare the move of its tables"))?;
        let mut attempt = 1;
        loop {
            // Those who make copies of what is moved would be in the way.
            if let Some(incoming) = &plan.incoming {
                self.end_copies_of(incoming)?;
            }
            match rename(self.session()?, plan) {
                Err(error) if is_locked(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result.map_err(refused(&name, "move its tables")),
            }
        }
    }

    /// Makes what could not be moved, and strikes the plan out.
    fn complete(&mut self, plan: &Plan) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let conn = self.session()?;
        for part in &plan.moves {
            arrive(conn, part).map_err(refused(&name, "make its views and routines"))?;
        }
        let mut statements: Vec<String> = plan.incoming.iter().map(|incoming| discard(incoming)).collect();
        if let Some((content, bytes, state)) = &plan.displaced {
            let state = state.as_ref().and_then(|state| StateName::new(state.clone()).ok());
            if let Some(state) = &state {
                statements.extend(discard_state(&name, state));
            }
            statements.push(add_displaced(content, &name, state.as_ref(), *bytes));
        }
        statements.push(end_move(&name));
        self.change_catalog(&statements)
    }

    /// After a move that was refused: if no table has moved, everything is as it was, and the plan is struck out. Else it
    /// stays, and the next caller goes on with it.
    fn take_back(&mut self, plan: &Plan) {
        let name = self.name.clone();
        let displaced = plan.displaced.as_ref().map(|(content, _, _)| content.clone());
        let Ok(conn) = self.session() else { return };
        let back = || -> Result<bool, Error> {
            let tables = plan.moves.iter().map(|part| part.tables.len()).sum::<usize>();
            if pending(conn, plan)?.len() != tables {
                return Ok(false);
            }
            for part in &plan.moves {
                if let Some(from) = &part.from {
                    objects::remove(conn, from)?;
                    objects::make(conn, from, &part.objects)?;
                }
            }
            if let Some(displaced) = displaced {
                conn.query_drop(format!("DROP DATABASE IF EXISTS {}", quote(&displaced)))?;
            }
            Ok(true)
        };
        if let Ok(true) = back() {
            // If that fails, the next caller finds the plan and tries the move again.
            let _ = self.change_catalog(&[end_move(&name)]);
        }
    }
}

/// Makes the schemas that contents come to, and removes what cannot stay on tables that move.
fn prepare_schemas(conn: &mut Conn, plan: &Plan) -> Result<(), Error> {
    for part in &plan.moves {
        let (to, charset, collation) = (quote(&part.to), &part.character_set, &part.collation);
        conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS {to} CHARACTER SET {charset} COLLATE {collation}"))?;
        objects::remove(conn, &part.to)?;
        if let Some(from) = &part.from {
            objects::remove(conn, from)?;
        }
    }
    Ok(())
}

/// Lists the renames that are still to be done. One that leaves the database is done when the table is in its new schema,
/// which nobody else knows; one that comes to it is done when the table is no longer in its old schema.
fn pending(conn: &mut Conn, plan: &Plan) -> Result<Vec<String>, Error> {
    let mut renames = Vec::new();
    for part in &plan.moves {
        let Some(from) = &part.from else { continue };
        let leaves = plan.displaced.as_ref().is_some_and(|(content, _, _)| *content == part.to);
        let there: HashSet<String> = conn
            .query(format!(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
                text(if leaves { &part.to } else { from })
            ))?
            .into_iter()
            .collect();
        let due = part.tables.iter().filter(|table| there.contains(*table) != leaves);
        renames.extend(due.map(|table| format!("{} TO {}", within(from, table), within(&part.to, table))));
    }
    Ok(renames)
}

fn rename(conn: &mut Conn, plan: &Plan) -> Result<(), Error> {
    let renames = pending(conn, plan)?;
    if renames.is_empty() {
        return Ok(());
    }
    conn.query_drop("SET SESSION lock_wait_timeout = 1")?;
    let moved = conn.query_drop(format!("RENAME TABLE {}", renames.join(", ")));
    conn.query_drop("SET SESSION lock_wait_timeout = DEFAULT")?;
    moved
}

/// Makes a content whole whose tables are there.
fn arrive(conn: &mut Conn, part: &Move) -> Result<(), Error> {
    let (to, charset, collation) = (quote(&part.to), &part.character_set, &part.collation);
    conn.query_drop(format!("ALTER DATABASE {to} CHARACTER SET {charset} COLLATE {collation}"))?;
    for statement in &part.afterwards {
        conn.query_drop(statement)?;
    }
    objects::remove(conn, &part.to)?;
    objects::make(conn, &part.to, &part.objects)
}

/// Gives the statements that point defaults to the sequences in their new schema.
fn defaults(conn: &mut Conn, from: &str, to: &str, sequences: &[String]) -> Result<Vec<String>, Error> {
    if sequences.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<(String, String, String)> = conn.query(format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS
            WHERE TABLE_SCHEMA = {} AND COLUMN_DEFAULT LIKE '%nextval(%'",
        text(from)
    ))?;
    let statement = |(table, column, default): &(String, String, String)| {
        let moved = sequences
            .iter()
            .fold(default.clone(), |text, sequence| text.replace(&within(from, sequence), &within(to, sequence)));
        format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {moved}", within(to, table), quote(column))
    };
    Ok(columns.iter().map(statement).collect())
}
