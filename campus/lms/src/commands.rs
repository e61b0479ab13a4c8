//! What is done by hand: users, clients, and the passwords of development.

use std::path::Path;

use either_database::{Database, OpenError, Options};

use crate::error::{Error, is_taken};
use crate::key_file::{self, KeyFileError};
use crate::queries::client;
use crate::queries::user::{self, User};
use crate::routes::registration::{check_password, check_username};
use crate::secret;

/// At most so many passwords are shown at a time.
const SHOWN: i64 = 20;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses.
    #[error("the database does not do it")]
    Database(#[from] sqlx::Error),
    /// The key of the passwords can be neither read nor made.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// What was asked for cannot be.
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { reason, .. } => Self::Refused(reason),
            Error::Database(error) => Self::Database(error),
            Error::NotAllowed(_) | Error::TooMany(_) => unreachable!("only a request is refused so"),
        }
    }
}

/// A user who signs in with a password that is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevPassword {
    /// The user's name.
    pub username: String,
    /// What they sign in with.
    pub password: String,
    /// Whether they are staff.
    pub is_staff: bool,
}

fn open(database_url: &str) -> Result<Database, OpenError> {
    Database::open(database_url, Options { connections: 1, create_file: false })
}

/// The passwords of the first twenty users who have none of their own.
pub async fn dev_passwords(database_url: &str, key_file: &Path) -> Result<Vec<DevPassword>, CommandError> {
    let key = key_file::read_or_make(key_file, secret::random_text)?;
    let database = open(database_url)?;
    let users = user::without_password(&database, SHOWN).await?;
    database.close().await;
    let shown = |user: User| DevPassword {
        password: secret::derived_password(key.as_bytes(), &user.username),
        username: user.username,
        is_staff: user.is_staff,
    };
    Ok(users.into_iter().map(shown).collect())
}

/// Makes a user with a password, or gives the user of that name this password.
pub async fn add_user(
    database_url: &str,
    username: &str,
    email: &str,
    password: &str,
    is_staff: bool,
) -> Result<(), CommandError> {
    check_username(username)?;
    check_password(password, username, email)?;
    let database = open(database_url)?;
    let user = User {
        email: email.to_owned(),
        is_staff,
        password: Some(secret::hash_password(password)),
        anonymous_id: Some(secret::random_text()),
        ..User::named(username)
    };
    let done = user::insert(&database, &user).await;
    database.close().await;
    match done {
        Err(error) if is_taken(&error) => {
            Err(CommandError::Refused(format!("the name '{username}' or the address '{email}' is taken")))
        }
        done => Ok(done.map(|_| ())?),
    }
}

/// Makes a client that acts for a user, or gives the client of that name a new secret. The secret is shown this once.
pub async fn add_client(database_url: &str, client_id: &str, username: &str) -> Result<String, CommandError> {
    let database = open(database_url)?;
    let user = user::by_username(&database, username).await?;
    let user = user.ok_or_else(|| CommandError::Refused(format!("there is no user '{username}'")))?;
    let made = secret::random_text();
    client::save(&database, client_id, &secret::hash_random(&made), user.id).await?;
    database.close().await;
    Ok(made)
}
