//! The kinds of databases, and what each of them knows.

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// A file of the environment.
    Sqlite,
    /// A private PostgreSQL server of the environment.
    Postgres,
    /// A private server of the environment: `mysqld` or `mariadbd`, whichever is there.
    Mysql,
    /// A private Redis server of the environment, in which a database is a number.
    Redis,
}

impl Engine {
    const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Mysql, Self::Redis];
    pub(crate) const WORDS: [&'static str; 4] = ["sqlite", "postgres", "mysql", "redis"];

    /// Returns the engine as the manifest calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
        }
    }

    /// Says whether databases of this engine live in a server.
    pub fn has_server(self) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Postgres | Self::Mysql | Self::Redis => true,
        }
    }

    /// Says whether its databases consist of tables, and so can have records.
    pub fn has_tables(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgres | Self::Mysql => true,
            Self::Redis => false,
        }
    }

    /// Says whether its databases have an encoding and a locale, and its server has roles.
    pub(crate) fn has_roles_and_locales(self) -> bool {
        match self {
            Self::Postgres | Self::Mysql => true,
            Self::Sqlite | Self::Redis => false,
        }
    }

    /// Says whether databases of this engine are numbered.
    pub(crate) fn has_numbers(self) -> bool {
        self == Self::Redis
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == word)
    }
}
