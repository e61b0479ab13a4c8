//! The catalog: a schema of Seedbed's own that says which further schemas hold which content, and what move is under way.
//!
//! A content (a kept state, a spare copy) is in a schema with an arbitrary name, so that to rename or to replace one is to
//! change a row. What is being made is `unfinished`, and whoever makes it holds the lock of its name; what nobody wants any
//! more is `trash`, which [`tidy`](MysqlDatabase::tidy_up) drops.

use database::{DatabaseError, StateName};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};

use crate::client::end_connection;
use crate::database::MysqlDatabase;
use crate::error::{is_locked, refused};
use crate::literal::{quote, text};

/// The catalog's schema.
const CATALOG: &str = "seedbed_catalog";

/// How long to wait for another caller that does the same, in seconds.
const LOCK_SECONDS: u32 = 60;

/// How often a change of the catalog that met another one is tried again.
const ATTEMPTS: usize = 10;

/// A kept state as the catalog has it.
pub(crate) struct KeptContent {
    pub(crate) content: String,
    pub(crate) state: StateName,
    pub(crate) bytes: u64,
    pub(crate) has_spare: bool,
}

impl MysqlDatabase {
    /// Makes the catalog when it is missing.
    pub(crate) fn prepare_catalog(&mut self) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let Some(conn) = self.session.as_mut() else { return Ok(()) };
        let there = format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{CATALOG}' AND TABLE_NAME = 'moves'"
        );
        let made = conn.query_first::<u64, _>(there).and_then(|count| match count {
            Some(0) | None => make(conn),
            Some(_) => Ok(()),
        });
        made.map_err(refused(&name, "make the catalog of kept states"))
    }

    /// Takes a lock of the server, which goes with the connection; `false` when another has it for too long.
    pub(crate) fn lock(&mut self, lock: &str, seconds: u32) -> Result<bool, DatabaseError> {
        let refused = refused(&self.name, "take a lock");
        let sql = format!("SELECT GET_LOCK({}, {seconds})", text(lock));
        let answer: Option<Option<u64>> = self.session()?.query_first(sql).map_err(refused)?;
        Ok(answer.flatten() == Some(1))
    }

    /// Gives a lock back. If that fails the connection is gone, and the lock with it.
    pub(crate) fn unlock(&mut self, lock: &str) {
        if let Some(conn) = self.session.as_mut() {
            let _ = conn.query_drop(format!("DO RELEASE_LOCK({})", text(lock)));
        }
    }

    /// Changes the catalog in one transaction.
    pub(crate) fn change_catalog(&mut self, statements: &[String]) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let conn = self.session()?;
        let mut attempt = 1;
        loop {
            let changed = transaction(conn, statements);
            match changed {
                Err(error) if is_locked(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result.map_err(refused(&name, "write down what is kept")),
            }
        }
    }

    /// Makes an empty schema for a content that is about to be made, with the lock of its name.
    pub(crate) fn begin_content(&mut self, source: Option<&str>) -> Result<String, DatabaseError> {
        let refused = refused(&self.name, "choose the name of a schema");
        let name: Option<String> =
            self.session()?.query_first("SELECT CONCAT('seedbed_', LEFT(SHA1(UUID()), 24))").map_err(refused)?;
        let content = name.expect("the statement gives one row");
        self.lock(&content, LOCK_SECONDS)?;
        let (charset, collation) = match source {
            Some(source) => self.charset(source)?,
            None => self.empty_charset()?,
        };
        let source = source.map_or_else(|| "NULL".to_owned(), text);
        self.change_catalog(&[format!(
            "INSERT INTO {CATALOG}.contents (content, owner, role, source, builder)
                VALUES ({}, {}, 'unfinished', {source}, CONNECTION_ID())",
            text(&content),
            text(&self.name)
        )])?;
        let sql = format!("CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}", quote(&content));
        self.run(&sql, "make a schema")?;
        Ok(content)
    }

    /// Ends the making of a content: it becomes what it was made for by other statements, or else is for nobody.
    pub(crate) fn end_content(&mut self, content: &str, statements: Option<Vec<String>>) -> Result<(), DatabaseError> {
        let result = match statements {
            Some(statements) => self.change_catalog(&statements),
            None => self.change_catalog(&[discard(content)]),
        };
        self.unlock(content);
        result
    }

    /// Lists the kept states, in the order of their names.
    pub(crate) fn kept_contents(&mut self) -> Result<Vec<KeptContent>, DatabaseError> {
        if self.is_kept() {
            return Ok(Vec::new());
        }
        let refused = refused(&self.name, "list kept states");
        let sql = format!(
            "SELECT content, state, bytes, EXISTS (SELECT 1 FROM {CATALOG}.contents spare
                    WHERE spare.role = 'spare' AND spare.source = kept.content)
                FROM {CATALOG}.contents kept WHERE owner = {} AND role = 'kept' ORDER BY state",
            text(&self.name)
        );
        let rows: Vec<(String, String, u64, bool)> = self.session()?.query(sql).map_err(refused)?;
        let read = |(content, state, bytes, has_spare)| {
            Some(KeptContent { content, state: StateName::new(state).ok()?, bytes, has_spare })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Finds the schema of a kept state.
    pub(crate) fn content_of(&mut self, state: &StateName) -> Result<String, DatabaseError> {
        let found = self.kept_contents()?.into_iter().find(|kept| kept.state == *state);
        found
            .map(|kept| kept.content)
            .ok_or_else(|| DatabaseError::UnknownState { database: self.name.clone(), state: state.clone() })
    }

    /// Finds a spare copy of a content.
    pub(crate) fn spare_of(&mut self, content: &str) -> Result<Option<String>, DatabaseError> {
        let refused = refused(&self.name, "look for a spare copy");
        let sql = format!(
            "SELECT content FROM {CATALOG}.contents WHERE role = 'spare' AND source = {} LIMIT 1",
            text(content)
        );
        self.session()?.query_first(sql).map_err(refused)
    }

    /// Ends those who are copying a content, since it is about to go.
    pub(crate) fn end_copies_of(&mut self, content: &str) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let sql = format!(
            "SELECT ID FROM information_schema.PROCESSLIST JOIN {CATALOG}.contents ON builder = ID
                WHERE role = 'unfinished' AND source = {} AND ID <> CONNECTION_ID()",
            text(content)
        );
        let conn = self.session()?;
        let ended = conn
            .query(sql)
            .and_then(|builders: Vec<u64>| builders.into_iter().try_for_each(|builder| end_connection(conn, builder)));
        ended.map_err(refused(&name, "end a copy"))
    }

    /// Reads the move of this database that is under way.
    pub(crate) fn pending_move(&mut self) -> Result<Option<String>, DatabaseError> {
        let refused = refused(&self.name, "look for an unfinished move");
        let sql = format!("SELECT plan FROM {CATALOG}.moves WHERE owner = {}", text(&self.name));
        let Some(conn) = self.session.as_mut() else { return Ok(None) };
        conn.query_first(sql).map_err(refused)
    }

    /// Lists what nobody wants: contents of all databases that are trash, or that nobody is making any more.
    pub(crate) fn leftovers(&mut self) -> Result<Vec<String>, DatabaseError> {
        let refused = refused(&self.name, "list what was put aside");
        let sql = format!("SELECT content FROM {CATALOG}.contents WHERE role IN ('trash', 'unfinished')");
        self.session()?.query(sql).map_err(refused)
    }

    /// Looks again whether nobody wants a content, now that its lock is held.
    pub(crate) fn is_leftover(&mut self, content: &str) -> Result<bool, DatabaseError> {
        Ok(self.leftovers()?.iter().any(|leftover| leftover == content))
    }
}

fn make(conn: &mut Conn) -> Result<(), Error> {
    conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS {CATALOG} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))?;
    conn.query_drop(format!(
        "CREATE TABLE IF NOT EXISTS {CATALOG}.contents (
            content varchar(64) NOT NULL PRIMARY KEY, owner varchar(64) NOT NULL,
            role enum('unfinished', 'kept', 'spare', 'trash') NOT NULL, state varchar(120), source varchar(64),
            bytes bigint unsigned NOT NULL DEFAULT 0, builder bigint unsigned, KEY (owner), KEY (source)
        ) ENGINE = InnoDB COMMENT = 'version 1'"
    ))?;
    conn.query_drop(format!(
        "CREATE TABLE IF NOT EXISTS {CATALOG}.moves (owner varchar(64) NOT NULL PRIMARY KEY, plan longtext NOT NULL)
            ENGINE = InnoDB COMMENT = 'version 1'"
    ))
}

fn transaction(conn: &mut Conn, statements: &[String]) -> Result<(), Error> {
    conn.query_drop("START TRANSACTION")?;
    for statement in statements {
        if let Err(error) = conn.query_drop(statement) {
            conn.query_drop("ROLLBACK")?;
            return Err(error);
        }
    }
    conn.query_drop("COMMIT")
}

/// Makes trash of a content and of the copies of it.
pub(crate) fn discard(content: &str) -> String {
    let content = text(content);
    format!(
        "UPDATE {CATALOG}.contents SET role = 'trash', state = NULL
            WHERE content = {content} OR role = 'spare' AND source = {content}"
    )
}

/// Makes trash of the kept state of a name, and of the copies of it.
pub(crate) fn discard_state(owner: &str, state: &StateName) -> Vec<String> {
    let (owner, state) = (text(owner), text(state.as_str()));
    vec![
        format!(
            "UPDATE {CATALOG}.contents spare JOIN {CATALOG}.contents kept ON spare.source = kept.content
                SET spare.role = 'trash'
                WHERE spare.role = 'spare' AND kept.role = 'kept' AND kept.owner = {owner} AND kept.state = {state}"
        ),
        format!(
            "UPDATE {CATALOG}.contents SET role = 'trash', state = NULL
                WHERE role = 'kept' AND owner = {owner} AND state = {state}"
        ),
    ]
}

/// Makes trash of everything of a database.
pub(crate) fn discard_all(owner: &str) -> String {
    format!(
        "UPDATE {CATALOG}.contents SET role = 'trash', state = NULL WHERE owner = {} AND role <> 'unfinished'",
        text(owner)
    )
}

/// Gives a kept content another name.
pub(crate) fn rename(content: &str, state: &StateName) -> String {
    format!("UPDATE {CATALOG}.contents SET state = {} WHERE content = {}", text(state.as_str()), text(content))
}

/// Makes a kept state of a content that is complete.
pub(crate) fn accept(content: &str, state: &StateName, bytes: u64) -> String {
    format!(
        "UPDATE {CATALOG}.contents SET role = 'kept', state = {}, source = NULL, bytes = {bytes}, builder = NULL
            WHERE content = {}",
        text(state.as_str()),
        text(content)
    )
}

/// Makes a spare of a content that is complete, or trash when what it is a copy of is not kept any more.
pub(crate) fn accept_spare(content: &str, source: &str) -> String {
    format!(
        "UPDATE {CATALOG}.contents spare LEFT JOIN {CATALOG}.contents kept
                ON kept.content = {} AND kept.role = 'kept'
            SET spare.role = IF(kept.content IS NULL, 'trash', 'spare'), spare.builder = NULL
            WHERE spare.content = {}",
        text(source),
        text(content)
    )
}

/// Adds what was displaced: under a name, or as trash.
pub(crate) fn add_displaced(content: &str, owner: &str, state: Option<&StateName>, bytes: u64) -> String {
    let (role, state) = match state {
        Some(state) => ("kept", text(state.as_str())),
        None => ("trash", "NULL".to_owned()),
    };
    format!(
        "INSERT INTO {CATALOG}.contents (content, owner, role, state, bytes)
            VALUES ({}, {}, '{role}', {state}, {bytes})",
        text(content),
        text(owner)
    )
}

/// Removes the row of a content whose schema is gone.
pub(crate) fn remove(content: &str) -> String {
    format!("DELETE FROM {CATALOG}.contents WHERE content = {}", text(content))
}

/// Writes down a move, before its first step.
pub(crate) fn begin_move(owner: &str, plan: &str) -> String {
    format!("INSERT INTO {CATALOG}.moves (owner, plan) VALUES ({}, {})", text(owner), text(plan))
}

/// Strikes a move out, with its last step.
pub(crate) fn end_move(owner: &str) -> String {
    format!("DELETE FROM {CATALOG}.moves WHERE owner = {}", text(owner))
}
