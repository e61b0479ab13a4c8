//! Clients: programs that get tokens, and the tokens by which they get further ones.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

row! {
    /// A client.
    #[derive(Debug, Clone)]
    pub struct Client {
        pub id: i64,
        pub client_id: String,
        pub secret: Option<String>,
        pub user_id: Option<i64>,
        pub grant_types: String,
        pub scopes: String,
        pub restricted: bool,
        pub is_active: bool,
    }
}

row! {
    /// A token by which a client gets a further token of its user.
    #[derive(Debug, Clone)]
    pub struct RefreshToken {
        pub family: String,
        pub user_id: i64,
        pub scopes: String,
        pub expires: DateTime<Utc>,
        pub used: bool,
    }
}

impl Client {
    /// Whether it may get tokens in this way.
    pub fn may(&self, grant_type: &str) -> bool {
        self.grant_types.split_whitespace().any(|one| one == grant_type)
    }
}

/// The client of that name.
pub async fn by_client_id(database: &Database, client_id: &str) -> Result<Option<Client>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM clients WHERE client_id = $1").bind(client_id).fetch_optional(pool).await
    })
}

/// Writes a client down, or gives the one of that name another secret.
pub async fn save(database: &Database, client_id: &str, secret: &str, user_id: i64) -> Result<(), sqlx::Error> {
    on!(database, pool => {
        sqlx::query(
            "INSERT INTO clients (client_id, name, secret, user_id) VALUES ($1, $1, $2, $3)
             ON CONFLICT (client_id) DO UPDATE SET secret = excluded.secret, user_id = excluded.user_id",
        )
        .bind(client_id)
        .bind(secret)
        .bind(user_id)
        .execute(pool)
        .await
        .map(drop)
    })
}

/// Writes a refresh token down, and forgets those of the user that have expired.
pub async fn keep(database: &Database, client_id: i64, token: &RefreshToken, digest: &str) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query("DELETE FROM refresh_tokens WHERE user_id = $1 AND expires < $2")
            .bind(token.user_id)
            .bind(Utc::now())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO refresh_tokens (digest, family, client_id, user_id, scopes, expires)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(digest)
        .bind(&token.family)
        .bind(client_id)
        .bind(token.user_id)
        .bind(&token.scopes)
        .bind(token.expires)
        .execute(&mut *transaction)
        .await?;
    });
    Ok(())
}

/// Uses a refresh token: gives it as it was before, so that of two who use it at the same time one sees it used.
///
/// One that was used already ends its whole family.
pub async fn take(database: &Database, client_id: i64, digest: &str) -> Result<Option<RefreshToken>, sqlx::Error> {
    let found: Option<RefreshToken> = transaction!(database, transaction => {
        let fresh: Option<RefreshToken> = sqlx::query_as(
            "UPDATE refresh_tokens SET used = TRUE WHERE client_id = $1 AND digest = $2 AND NOT used
             RETURNING family, user_id, scopes, expires, FALSE AS used",
        )
        .bind(client_id)
        .bind(digest)
        .fetch_optional(&mut *transaction)
        .await?;
        if fresh.is_some() {
            fresh
        } else {
            let used: Option<RefreshToken> =
                sqlx::query_as("SELECT * FROM refresh_tokens WHERE client_id = $1 AND digest = $2")
                    .bind(client_id)
                    .bind(digest)
                    .fetch_optional(&mut *transaction)
                    .await?;
            if let Some(token) = &used {
                sqlx::query("UPDATE refresh_tokens SET used = TRUE WHERE family = $1")
                    .bind(&token.family)
                    .execute(&mut *transaction)
                    .await?;
            }
            used
        }
    });
    Ok(found)
}
