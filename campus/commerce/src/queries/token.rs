//! Tokens: who may call this service.

use either_database::{Database, on, row};

row! {
    /// What is known about the owner of a token.
    #[derive(Debug)]
    pub struct Token {
        pub is_staff: bool,
    }
}

/// The token, if somebody has it.
pub async fn find(database: &Database, token: &str) -> Result<Option<Token>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT is_staff FROM tokens WHERE token = $1").bind(token).fetch_optional(pool).await
    })
}
