//! Which number holds what: the changes are a script that runs in the server.

use std::collections::BTreeMap;

use database::{DatabaseError, StateName};
use redis::{RedisResult, Value};
use serde_json::Value as Json;

use crate::database::RedisDatabase;
use crate::error::{Said, refused};

/// The script; it says what the records are.
const SCRIPT: &str = include_str!("registry.lua");

/// The script that measures a number.
const SIZE: &str = include_str!("size.lua");

/// The hash with the records, in database 0.
const REGISTRY: &str = "seedbed";

/// A number in use for a database.
pub(crate) enum Record {
    /// A kept state.
    Kept { state: StateName, id: i64 },
    /// A copy of the kept state with this id.
    Spare { of: i64 },
    /// Being made by a client in a run of the server.
    Making(Maker),
}

/// Who makes a copy: a connection, which ends with its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) run: String,
    pub(crate) client: String,
}

impl RedisDatabase {
    /// Makes a change, as the script describes it, and gives its answer.
    pub(crate) fn change(&mut self, operation: &str, arguments: &[&str]) -> Result<String, DatabaseError> {
        let (name, owner) = (self.name.clone(), self.number);
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(0).arg(operation).arg(owner).arg(arguments);
        let answer: String = command.query(self.session()?).map_err(refused(&name, operation))?;
        let Some(failure) = answer.strip_prefix('!') else { return Ok(answer) };
        if let Some(state) = failure.strip_prefix("unknown state ").and_then(|state| StateName::new(state).ok()) {
            return Err(DatabaseError::UnknownState { database: name, state });
        }
        Err(match failure {
            "missing" => DatabaseError::Missing { database: name },
            said => DatabaseError::Refused {
                database: name,
                action: operation.to_owned(),
                source: Box::new(Said(said.to_owned())),
            },
        })
    }

    /// Says whether the database itself is registered.
    pub(crate) fn is_registered(&mut self) -> Result<bool, DatabaseError> {
        let (name, number) = (self.name.clone(), self.number);
        let session = self.session_in(0)?;
        redis::cmd("HEXISTS").arg(REGISTRY).arg(number).query(session).map_err(refused(&name, "look for it"))
    }

    /// Lists the other numbers in use for this database.
    pub(crate) fn records(&mut self) -> Result<BTreeMap<u16, Record>, DatabaseError> {
        let (name, owner) = (self.name.clone(), self.number);
        let session = self.session_in(0)?;
        let all: BTreeMap<u16, String> =
            redis::cmd("HGETALL").arg(REGISTRY).query(session).map_err(refused(&name, "list kept states"))?;
        let read = |(number, text): (u16, String)| {
            let json: Json = serde_json::from_str(&text).ok()?;
            (json.get("owner")?.as_u64()? == u64::from(owner)).then_some(())?;
            let text = |field: &str| json.get(field)?.as_str().map(str::to_owned);
            let record = match json.get("role")?.as_str()? {
                "kept" => Record::Kept { state: StateName::new(text("state")?).ok()?, id: json.get("id")?.as_i64()? },
                "spare" => Record::Spare { of: json.get("of")?.as_i64()? },
                "making" => Record::Making(Maker { run: text("run")?, client: text("client")? }),
                _ => return None,
            };
            Some((number, record))
        };
        Ok(all.into_iter().filter_map(read).collect())
    }

    /// Says who this handle is, as a maker of copies.
    pub(crate) fn maker(&mut self) -> Result<Maker, DatabaseError> {
        let name = self.name.clone();
        let session = self.session()?;
        let (run, client) = identity(session).map_err(refused(&name, "ask for the server's run"))?;
        Ok(Maker { run, client: client.to_string() })
    }

    /// Says whether a maker still lives.
    pub(crate) fn is_alive(&mut self, maker: &Maker) -> Result<bool, DatabaseError> {
        let this = self.maker()?;
        if this.run != maker.run || this.client == maker.client {
            return Ok(false);
        }
        let name = self.name.clone();
        let session = self.session()?;
        let found: String = redis::cmd("CLIENT")
            .arg("LIST")
            .arg("ID")
            .arg(&maker.client)
            .query(session)
            .map_err(refused(&name, "look for a client"))?;
        Ok(!found.trim().is_empty())
    }

    /// Estimates the bytes that a number takes.
    pub(crate) fn measure(&mut self, number: u16) -> Result<u64, DatabaseError> {
        let name = self.name.clone();
        let mut command = redis::cmd("EVAL");
        command.arg(SIZE).arg(0).arg(number);
        command.query(self.session()?).map_err(refused(&name, "measure it"))
    }

    /// Ends the connections of others that have this database selected.
    pub(crate) fn end_connections(&mut self) -> Result<(), DatabaseError> {
        let (name, number) = (self.name.clone(), self.number);
        let session = self.session_in(0)?;
        let mut end = || -> RedisResult<()> {
            let clients: String = redis::cmd("CLIENT").arg("LIST").query(session)?;
            for client in clients.lines() {
                let fact = |name: &str| client.split(' ').find_map(|fact| fact.strip_prefix(name)?.strip_prefix('='));
                if let (Some(id), Some(selected)) = (fact("id"), fact("db"))
                    && selected == number.to_string()
                {
                    redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query::<Value>(session)?;
                }
            }
            Ok(())
        };
        end().map_err(refused(&name, "end its connections"))
    }
}

fn identity(session: &mut redis::Connection) -> RedisResult<(String, i64)> {
    let facts: String = redis::cmd("INFO").arg("server").query(session)?;
    let run = facts.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default();
    Ok((run.to_owned(), redis::cmd("CLIENT").arg("ID").query(session)?))
}
