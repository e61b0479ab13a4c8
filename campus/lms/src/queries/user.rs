//! Users, and the tokens that they sign in with.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// A user.
    #[derive(Debug, Serialize)]
    pub struct User {
        #[serde(skip)]
        pub id: i64,
        pub username: String,
        pub email: String,
        pub name: String,
        pub is_staff: bool,
        pub is_active: bool,
        pub date_joined: DateTime<Utc>,
    }
}

/// The owner of a token.
pub async fn by_token(database: &Database, token: &str) -> Result<Option<User>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT u.* FROM users u JOIN tokens t ON t.user_id = u.id WHERE t.token = $1")
            .bind(token)
            .fetch_optional(pool)
            .await
    })
}

/// The user of that name.
pub async fn by_username(database: &Database, username: &str) -> Result<Option<User>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM users WHERE username = $1").bind(username).fetch_optional(pool).await
    })
}
