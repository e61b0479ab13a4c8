//! Users: pointers to those of the learning management system.

use chrono::Utc;
use either_database::{Database, on};

use crate::auth::{Person, Role};
use crate::config::Users;

/// Remembers somebody with the role that the token gives; makes the pointer on first sight, if it is to be made.
pub async fn remember(database: &Database, person: &Person, users: Users) -> Result<(), sqlx::Error> {
    let (administrator, author) = (person.role == Role::Administrator, person.role == Role::Author);
    let sql = if users == Users::All || administrator {
        "INSERT INTO users (username, is_administrator, is_author, created, modified) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (username) DO UPDATE
         SET is_administrator = excluded.is_administrator, is_author = excluded.is_author, modified = excluded.modified
         WHERE users.is_administrator <> excluded.is_administrator OR users.is_author <> excluded.is_author"
    } else {
        "UPDATE users SET is_administrator = $2, is_author = $3, modified = $4
         WHERE username = $1 AND (is_administrator <> $2 OR is_author <> $3)"
    };
    on!(database, pool => {
        sqlx::query(sql)
            .bind(&person.username)
            .bind(administrator)
            .bind(author)
            .bind(Utc::now())
            .execute(pool)
            .await
            .map(drop)
    })
}
