//! Users: who they are, what they say of themselves, and which roles they have.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

use crate::happened;

row! {
    /// A user.
    #[derive(Debug, Clone)]
    pub struct User {
        pub id: i64,
        pub username: String,
        pub email: String,
        pub name: String,
        pub is_staff: bool,
        pub is_superuser: bool,
        pub is_active: bool,
        pub date_joined: DateTime<Utc>,
        pub password: Option<String>,
        pub anonymous_id: Option<String>,
        pub bio: Option<String>,
        pub country: Option<String>,
        pub level_of_education: Option<String>,
        pub goals: Option<String>,
        pub year_of_birth: Option<i64>,
    }
}

impl User {
    /// Somebody of whom nothing but the name is known.
    pub fn named(username: &str) -> Self {
        Self {
            id: 0,
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            name: String::new(),
            is_staff: false,
            is_superuser: false,
            is_active: true,
            date_joined: Utc::now(),
            password: None,
            anonymous_id: None,
            bio: None,
            country: None,
            level_of_education: None,
            goals: None,
            year_of_birth: None,
        }
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

/// The user of that number.
pub async fn by_id(database: &Database, id: i64) -> Result<Option<User>, sqlx::Error> {
    on!(database, pool => sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(id).fetch_optional(pool).await)
}

/// The user of that address, whatever the case of its letters.
pub async fn by_email(database: &Database, email: &str) -> Result<Option<User>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM users WHERE lower(email) = lower($1) ORDER BY id LIMIT 1")
            .bind(email)
            .fetch_optional(pool)
            .await
    })
}

/// The first users without a password, by name: at most so many.
pub async fn without_password(database: &Database, limit: i64) -> Result<Vec<User>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT * FROM users WHERE password IS NULL AND is_active
             AND id NOT IN (SELECT user_id FROM clients WHERE user_id IS NOT NULL) ORDER BY username LIMIT $1",
        )
        .bind(limit)
        .fetch_all(pool)
        .await
    })
}

/// The roles of a user: `NAME`, or `NAME:CONTEXT`.
pub async fn roles(database: &Database, user_id: i64) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String, String)> = on!(database, pool => {
        sqlx::query_as("SELECT role, context FROM roles WHERE user_id = $1 ORDER BY role, context")
            .bind(user_id)
            .fetch_all(pool)
            .await
    })?;
    let shown = |(role, context): (String, String)| if context.is_empty() { role } else { format!("{role}:{context}") };
    Ok(rows.into_iter().map(shown).collect())
}

/// What tokens call the user by. It is written down when there is none, and what was written first stays.
pub async fn anonymous_id(database: &Database, user: &User) -> Result<String, sqlx::Error> {
    if let Some(id) = &user.anonymous_id {
        return Ok(id.clone());
    }
    on!(database, pool => {
        sqlx::query_scalar("UPDATE users SET anonymous_id = coalesce(anonymous_id, $1) WHERE id = $2 RETURNING anonymous_id")
            .bind(crate::secret::random_text())
            .bind(user.id)
            .fetch_one(pool)
            .await
    })
}

/// Writes a new user down, and tells of it; its number is given.
pub async fn insert(database: &Database, user: &User) -> Result<i64, sqlx::Error> {
    let id: i64 = transaction!(database, transaction => {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO users (username, email, name, is_staff, is_superuser, is_active, date_joined, password,
                anonymous_id, country, level_of_education, goals, year_of_birth)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
        )
        .bind(&user.username)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.is_staff)
        .bind(user.is_superuser)
        .bind(user.is_active)
        .bind(user.date_joined)
        .bind(&user.password)
        .bind(&user.anonymous_id)
        .bind(&user.country)
        .bind(&user.level_of_education)
        .bind(&user.goals)
        .bind(user.year_of_birth)
        .fetch_one(&mut *transaction)
        .await?;
        events::publish(&mut *transaction, &happened::registered(&User { id, ..user.clone() })).await?;
        id
    });
    Ok(id)
}

/// Writes down what a user says of themselves.
pub async fn update_profile(database: &Database, user: &User) -> Result<(), sqlx::Error> {
    on!(database, pool => {
        sqlx::query(
            "UPDATE users SET name = $1, bio = $2, country = $3, level_of_education = $4, goals = $5, year_of_birth = $6
             WHERE id = $7",
        )
        .bind(&user.name)
        .bind(&user.bio)
        .bind(&user.country)
        .bind(&user.level_of_education)
        .bind(&user.goals)
        .bind(user.year_of_birth)
        .bind(user.id)
        .execute(pool)
        .await
        .map(drop)
    })
}
