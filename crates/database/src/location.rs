//! Where a database is, and how it is reached.

use std::fmt;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::{Binaries, EngineKind};

/// Holds a text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// Gives the text to whoever needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A name and a password by which a server knows who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

/// Says where one database is and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file.
    Sqlite {
        /// The file, an absolute path.
        path: PathBuf,
        /// The directory for this database's kept states, on the same filesystem if possible; of no other use.
        kept: PathBuf,
    },
    /// A database of a PostgreSQL server.
    Postgres {
        /// The address for clients.
        host: String,
        /// The port for clients, which also names the socket.
        port: u16,
        /// The directory of the socket, which Seedbed's own connections use.
        socket_directory: PathBuf,
        /// The role.
        user: String,
        /// Its password.
        password: Secret,
        /// The superuser that Seedbed's own connections use in a server that environments share; there `user` is a role that
        /// owns its databases and cannot enter those of others. `None` in a server of its own, where `user` is the superuser.
        administrator: Option<Login>,
        /// The database's name.
        name: String,
        /// The server's programs (for dumps).
        binaries: Binaries,
    },
    /// A database of a MariaDB or `MySQL` server.
    Mysql {
        /// The address for clients.
        host: String,
        /// The port for clients.
        port: u16,
        /// The directory of the socket `mysql.sock`, which Seedbed's own connections use.
        socket_directory: PathBuf,
        /// The user.
        user: String,
        /// Its password.
        password: Secret,
        /// The database's name.
        name: String,
        /// The server's programs.
        binaries: Binaries,
    },
    /// A numbered database of a Redis server.
    Redis {
        /// The address for clients.
        host: String,
        /// The port for clients.
        port: u16,
        /// The directory of the socket `redis.sock`, which Seedbed's own connections use.
        socket_directory: PathBuf,
        /// The password of the user `default`.
        password: Secret,
        /// The database's name, for messages and kept states.
        name: String,
        /// Its number, 1 to 999: 0 and those above are Seedbed's own.
        number: u16,
        /// The server's programs.
        binaries: Binaries,
    },
}

impl Location {
    /// Says which engine it belongs to.
    pub fn engine(&self) -> EngineKind {
        match self {
            Location::Sqlite { .. } => EngineKind::Sqlite,
            Location::Postgres { .. } => EngineKind::Postgres,
            Location::Mysql { .. } => EngineKind::Mysql,
            Location::Redis { .. } => EngineKind::Redis,
        }
    }

    /// Gives the database's name: that of the server's database, or the file's name without its extension.
    pub fn name(&self) -> String {
        match self {
            Location::Sqlite { path, .. } => {
                path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Location::Postgres { name, .. } | Location::Mysql { name, .. } | Location::Redis { name, .. } => {
                name.clone()
            }
        }
    }

    /// Says where another database of the same server is, or another file.
    #[must_use]
    pub fn renamed(&self, other: &str) -> Self {
        let mut location = self.clone();
        match &mut location {
            Location::Sqlite { path, .. } => *path = PathBuf::from(other),
            Location::Postgres { name, .. } | Location::Mysql { name, .. } | Location::Redis { name, .. } => {
                other.clone_into(name);
            }
        }
        location
    }

    /// Gives the URL that services connect with; it contains the password.
    ///
    /// `sqlite:///absolute/path`, `postgres://user:password@host:port/name`, `mysql://user:password@host:port/name`,
    /// `redis://:password@host:port/number`.
    pub fn url(&self) -> String {
        match self {
            Location::Sqlite { path, .. } => format!("sqlite://{}", percent_encode(&path.to_string_lossy(), "/")),
            Location::Postgres { host, port, user, password, name, .. } => {
                server_url("postgres", user, password, host, *port, name)
            }
            Location::Mysql { host, port, user, password, name, .. } => {
                server_url("mysql", user, password, host, *port, name)
            }
            Location::Redis { host, port, password, number, .. } => {
                server_url("redis", "", password, host, *port, &number.to_string())
            }
        }
    }

    /// Gives one part by its name in manifests: `url`, `name`, `path`, `host`, `port`, `user`, `password` or `number`.
    ///
    /// `None` when this engine has no such part.
    pub fn property(&self, property: &str) -> Option<String> {
        match (property, self) {
            ("url", _) => Some(self.url()),
            ("name", _) => Some(self.name()),
            ("path", Location::Sqlite { path, .. }) => Some(path.to_string_lossy().into_owned()),
            ("host", Location::Postgres { host, .. } | Location::Mysql { host, .. } | Location::Redis { host, .. }) => {
                Some(host.clone())
            }
            ("port", Location::Postgres { port, .. } | Location::Mysql { port, .. } | Location::Redis { port, .. }) => {
                Some(port.to_string())
            }
            ("user", Location::Postgres { user, .. } | Location::Mysql { user, .. }) => Some(user.clone()),
            (
                "password",
                Location::Postgres { password, .. }
                | Location::Mysql { password, .. }
                | Location::Redis { password, .. },
            ) => Some(password.expose().to_owned()),
            ("number", Location::Redis { number, .. }) => Some(number.to_string()),
            _ => None,
        }
    }
}

fn server_url(scheme: &str, user: &str, password: &Secret, host: &str, port: u16, name: &str) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let (user, name) = (percent_encode(user, ""), percent_encode(name, ""));
    format!("{scheme}://{user}:{}@{host}:{port}/{name}", percent_encode(password.expose(), ""))
}

/// Encodes what has a meaning in URLs, save the characters in `kept`.
fn percent_encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric() || "-._~".contains(character) || kept.contains(character) {
            encoded.push(character);
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(password: &str) -> Location {
        Location::Postgres {
            host: "127.0.0.1".into(),
            port: 5501,
            socket_directory: "/tmp/s".into(),
            user: "seedbed".into(),
            password: Secret::new(password),
            administrator: None,
            name: "lms".into(),
            binaries: "/bin".into(),
        }
    }

    #[test]
    fn urls_escape_what_has_a_meaning_in_them() {
        let sqlite = Location::Sqlite { path: "/a b/lms?.db".into(), kept: "/k".into() };
        assert_eq!(sqlite.url(), "sqlite:///a%20b/lms%3F.db");
        assert_eq!(postgres("p@:/é").url(), "postgres://seedbed:p%40%3A%2F%C3%A9@127.0.0.1:5501/lms");
    }

    #[test]
    fn properties_are_those_of_the_engine() {
        let sqlite = Location::Sqlite { path: "/d/lms.db".into(), kept: "/k".into() };
        let cases = [
            (&sqlite, "name", Some("lms")),
            (&sqlite, "path", Some("/d/lms.db")),
            (&sqlite, "host", None),
            (&sqlite, "password", None),
            (&postgres("x"), "path", None),
            (&postgres("x"), "port", Some("5501")),
            (&postgres("x"), "password", Some("x")),
            (&postgres("x"), "kept", None),
        ];
        for (location, property, expected) in cases {
            assert_eq!(location.property(property).as_deref(), expected, "{property} of {}", location.engine());
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", postgres("hunter2")).contains("hunter2"));
    }
}
