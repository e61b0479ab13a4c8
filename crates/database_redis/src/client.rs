//! Connections to the server, over its socket.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use database::{DatabaseError, Secret};
use redis::{
    Client, Connection, ConnectionAddr, ConnectionLike as _, ErrorKind, IntoConnectionInfo as _, RedisError,
    RedisResult,
};
use redis::{RedisConnectionInfo, ServerErrorKind};

use crate::database::RedisDatabase;
use crate::error::refused;

/// The user of Seedbed, who may do everything.
pub(crate) const OWNER: &str = "seedbed";

/// The user of the services, who may not empty the databases of others.
pub(crate) const SERVICE: &str = "default";

/// The name of the socket in its directory.
pub(crate) const SOCKET: &str = "redis.sock";

/// How long a server may read its data after it has begun to listen.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// How often to look whether it has.
const LOAD_INTERVAL: Duration = Duration::from_millis(5);

/// How to reach a server.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) socket: PathBuf,
    /// The password of both users; without one, nobody is anybody.
    pub(crate) password: Option<Secret>,
}

impl Address {
    /// Connects as a user, and waits until the server has read its data.
    pub(crate) fn connect(&self, user: &str, number: i64) -> RedisResult<Connection> {
        let mut settings = RedisConnectionInfo::default().set_db(number).set_skip_set_lib_name();
        if let Some(password) = &self.password {
            settings = settings.set_username(user).set_password(password.expose());
        }
        let address = ConnectionAddr::Unix(self.socket.clone()).into_connection_info()?.set_redis_settings(settings);
        let mut connection = Client::open(address)?.get_connection()?;
        let deadline = Instant::now() + LOAD_TIMEOUT;
        while let Err(error) = redis::cmd("PING").exec(&mut connection) {
            if !is_loading(&error) || Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(LOAD_INTERVAL);
        }
        Ok(connection)
    }
}

fn is_loading(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading)
}

impl RedisDatabase {
    /// Gives the connection; which number it has selected is not known.
    pub(crate) fn session(&mut self) -> Result<&mut Connection, DatabaseError> {
        // The server may have been started anew since.
        let alive = self.session.take().and_then(|mut connection| connection.check_connection().then_some(connection));
        let connection = match alive {
            Some(connection) => connection,
            None => self.connect(OWNER, 0)?,
        };
        Ok(self.session.insert(connection))
    }

    /// Connects anew.
    pub(crate) fn connect(&self, user: &str, number: i64) -> Result<Connection, DatabaseError> {
        self.address
            .connect(user, number)
            .map_err(|source| DatabaseError::Unreachable { database: self.name.clone(), source: source.into() })
    }

    /// Gives the connection with a number selected.
    pub(crate) fn session_in(&mut self, number: u16) -> Result<&mut Connection, DatabaseError> {
        let name = self.name.clone();
        let session = self.session()?;
        redis::cmd("SELECT").arg(number).exec(session).map_err(refused(&name, "select it"))?;
        Ok(session)
    }
}
