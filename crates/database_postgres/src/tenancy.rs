//! A server that environments share: each has a role, which owns its databases and cannot enter those of others.
//!
//! Seedbed's own connections are those of a superuser that owns nothing in the end: what it makes it gives to the environment's
//! role. It is not the role that the cluster was made with, since what that one owns cannot be given away.

use database::{DatabaseError, Login, ServerPlace};
use postgres::Client;
use postgres::error::SqlState;

use crate::client::{Address, MAINTENANCE};
use crate::copy::STRATEGY_VERSION;
use crate::data::ROLE;
use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::table::{literal, quote};

/// The superuser that Seedbed's own connections use.
const ADMINISTRATOR: &str = "seedbed administrator";

/// What errors call the server itself.
const SERVER: &str = "of the server";

pub(crate) fn administrator(place: &ServerPlace) -> Login {
    Login { user: ADMINISTRATOR.to_owned(), password: place.password.clone() }
}

/// Makes a role for an environment, or gives it this password.
pub(crate) fn admit(place: &ServerPlace, environment: &Login) -> Result<(), DatabaseError> {
    let mut client = connect(place)?;
    // It is remembered elsewhere that they are there.
    client.batch_execute("SET synchronous_commit = on").map_err(refused(SERVER, "wait for what it writes"))?;
    make_role(&mut client, ADMINISTRATOR, "SUPERUSER", place.password.expose())?;
    // A test runner makes databases of its own.
    make_role(&mut client, &environment.user, "CREATEDB", environment.password.expose())?;
    let close = "REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE ALL ON DATABASE template1 FROM PUBLIC";
    client.batch_execute(close).map_err(refused(SERVER, "keep its users apart"))
}

fn make_role(client: &mut Client, role: &str, rights: &str, password: &str) -> Result<(), DatabaseError> {
    let action = || format!("make the role {role}");
    let known =
        client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).map_err(refused(SERVER, action()))?;
    let verb = if known.is_some() { "ALTER" } else { "CREATE" };
    let sql = format!("{verb} ROLE {} LOGIN {rights} PASSWORD {}", quote(role), literal(password));
    client.batch_execute(&sql).map_err(refused(SERVER, action()))
}

/// Removes a role with all databases that it owns: those of the environment, their kept states, and what its services have made.
pub(crate) fn dismiss(place: &ServerPlace, role: &str) -> Result<(), DatabaseError> {
    let action = || format!("remove what belongs to the role {role}");
    let mut client = connect(place)?;
    let mut was_refused = false;
    loop {
        let owned = "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = $1";
        let owned = client.query(owned, &[&role]).map_err(refused(SERVER, action()))?;
        let was_last = was_refused && owned.is_empty();
        for row in owned {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(row.get(0)));
            client.batch_execute(&sql).map_err(refused(SERVER, action()))?;
        }
        let known =
            client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).map_err(refused(SERVER, action()))?;
        if known.is_none() {
            return Ok(());
        }
        let sql = format!("DROP OWNED BY {role}; DROP ROLE {role}", role = quote(role));
        match client.batch_execute(&sql) {
            // What a killed command has asked for goes on without it, a statement for each of its connections. The role's lock was
            // waited for, so that the database that is in the way is there now, and is found. When none is, it is something else.
            Err(error) if !was_last && error.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
                was_refused = true;
            }
            done => return done.map_err(refused(SERVER, action())),
        }
    }
}

/// Connects as the role that the cluster was made with.
fn connect(place: &ServerPlace) -> Result<Client, DatabaseError> {
    let address = Address {
        socket_directory: place.socket_directory.clone(),
        port: place.port,
        user: ROLE.to_owned(),
        password: place.password.clone(),
        owner: None,
    };
    address.connect(MAINTENANCE, SERVER)
}

impl PostgresDatabase {
    /// What a statement says that makes a database: whose it is, and that nobody but a superuser enters it before it is closed
    /// to others and in its place, where the limit is lifted.
    pub(crate) fn of_owner(&self) -> String {
        let owner = self.address.owner.as_ref();
        owner.map(|owner| format!(" OWNER {} CONNECTION LIMIT 0", quote(owner))).unwrap_or_default()
    }

    /// Lets only its owner enter a database.
    pub(crate) fn close_to_others(&mut self, database: &str) -> Result<(), DatabaseError> {
        if self.address.owner.is_none() {
            return Ok(());
        }
        let name = self.name.clone();
        let sql = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", quote(database));
        self.maintenance()?.batch_execute(&sql).map_err(refused(&name, "close it to others"))
    }

    /// Gives the owner of a new database its schema `public`, which from version 15 on is the owner's anyway.
    pub(crate) fn give_public_schema(&mut self, database: &str) -> Result<(), DatabaseError> {
        let Some(owner) = self.address.owner.clone() else { return Ok(()) };
        let name = self.name.clone();
        let version = self.maintenance()?.query_one("SELECT current_setting('server_version_num')::int", &[]);
        let version: i32 = version.map_err(refused(&name, "ask for the version"))?.get(0);
        if version >= STRATEGY_VERSION {
            return Ok(());
        }
        let sql = format!("ALTER SCHEMA public OWNER TO {}", quote(&owner));
        self.address.connect(database, &name)?.batch_execute(&sql).map_err(refused(&name, "give it to its owner"))
    }

    /// Gives the owner of a database what was made in it by Seedbed.
    pub(crate) fn give_to_owner(&mut self, database: &str) -> Result<(), DatabaseError> {
        let Some(owner) = &self.address.owner else { return Ok(()) };
        let sql = format!("REASSIGN OWNED BY {} TO {}", quote(&self.address.user), quote(owner));
        let mut client = self.address.connect(database, &self.name)?;
        client.batch_execute(&sql).map_err(refused(&self.name, "give it to its owner"))
    }
}
