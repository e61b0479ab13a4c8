//! Course modes: the ways to take part in a course, and what they cost.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

use crate::queries::course::Course;

row! {
    /// A course mode.
    #[derive(Debug, Clone)]
    pub struct CourseMode {
        pub slug: String,
        pub display_name: String,
        pub min_price: i64,
        pub suggested_prices: String,
        pub currency: String,
        pub expiration_datetime: Option<DateTime<Utc>>,
        pub description: Option<String>,
        pub sku: Option<String>,
        pub bulk_sku: Option<String>,
    }
}

impl CourseMode {
    /// The mode of learners who did not choose one.
    pub const DEFAULT_SLUG: &str = "audit";

    /// What a course without modes offers: to listen, for nothing.
    pub fn default_mode() -> Self {
        Self {
            slug: Self::DEFAULT_SLUG.to_owned(),
            display_name: display_name(Self::DEFAULT_SLUG),
            min_price: 0,
            suggested_prices: String::new(),
            currency: "usd".to_owned(),
            expiration_datetime: None,
            description: None,
            sku: None,
            bulk_sku: None,
        }
    }

    /// Whether one can no longer enrol in this mode.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expiration_datetime.is_some_and(|expiration| expiration <= now)
    }
}

/// A slug as a title: `no-id-professional` is "No Id Professional".
pub fn display_name(slug: &str) -> String {
    let title = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    slug.split(['-', '_']).filter_map(title).collect::<Vec<_>>().join(" ")
}

/// Tells of a course in the transaction in which it, or its modes, became what they are.
macro_rules! tell {
    ($transaction:ident, $course:expr) => {{
        let modes: Vec<$crate::queries::course_mode::CourseMode> =
            sqlx::query_as("SELECT * FROM course_modes WHERE course_id = $1 ORDER BY slug")
                .bind($course.id)
                .fetch_all(&mut *$transaction)
                .await?;
        events::publish(&mut *$transaction, &$crate::happened::course_changed($course, &modes)).await?;
    }};
}
pub(crate) use tell;

/// The modes of a course, by slug.
pub async fn of_course(database: &Database, course_id: i64) -> Result<Vec<CourseMode>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM course_modes WHERE course_id = $1 ORDER BY slug")
            .bind(course_id)
            .fetch_all(pool)
            .await
    })
}

/// Replaces the modes and the verification deadline of a course. A mode that stays keeps its row and what is not given.
pub async fn replace(
    database: &Database,
    course: &Course,
    modes: &[CourseMode],
    verification_deadline: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query("UPDATE courses SET verification_deadline = $1, modified = $2 WHERE id = $3")
            .bind(verification_deadline)
            .bind(Utc::now())
            .bind(course.id)
            .execute(&mut *transaction)
            .await?;
        let present: Vec<String> = sqlx::query_scalar("SELECT slug FROM course_modes WHERE course_id = $1")
            .bind(course.id)
            .fetch_all(&mut *transaction)
            .await?;
        for slug in present.iter().filter(|slug| modes.iter().all(|mode| mode.slug != **slug)) {
            sqlx::query("DELETE FROM course_modes WHERE course_id = $1 AND slug = $2")
                .bind(course.id)
                .bind(slug)
                .execute(&mut *transaction)
                .await?;
        }
        for mode in modes {
            sqlx::query(
                "INSERT INTO course_modes
                    (course_id, slug, display_name, min_price, currency, expiration_datetime, sku, bulk_sku)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (course_id, slug) DO UPDATE SET min_price = excluded.min_price,
                    currency = excluded.currency, expiration_datetime = excluded.expiration_datetime,
                    sku = excluded.sku, bulk_sku = excluded.bulk_sku",
            )
            .bind(course.id)
            .bind(&mode.slug)
            .bind(&mode.display_name)
            .bind(mode.min_price)
            .bind(&mode.currency)
            .bind(mode.expiration_datetime)
            .bind(&mode.sku)
            .bind(&mode.bulk_sku)
            .execute(&mut *transaction)
            .await?;
        }
        tell!(transaction, course);
    });
    Ok(())
}

/// Writes a mode down, or what it is now.
pub async fn save(database: &Database, course: &Course, mode: &CourseMode) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query(
            "INSERT INTO course_modes (course_id, slug, display_name, min_price, suggested_prices, currency,
                expiration_datetime, description, sku, bulk_sku)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (course_id, slug) DO UPDATE SET display_name = excluded.display_name,
                min_price = excluded.min_price, suggested_prices = excluded.suggested_prices,
                currency = excluded.currency, expiration_datetime = excluded.expiration_datetime,
                description = excluded.description, sku = excluded.sku, bulk_sku = excluded.bulk_sku",
        )
        .bind(course.id)
        .bind(&mode.slug)
        .bind(&mode.display_name)
        .bind(mode.min_price)
        .bind(&mode.suggested_prices)
        .bind(&mode.currency)
        .bind(mode.expiration_datetime)
        .bind(&mode.description)
        .bind(&mode.sku)
        .bind(&mode.bulk_sku)
        .execute(&mut *transaction)
        .await?;
        tell!(transaction, course);
    });
    Ok(())
}

/// Takes a mode away; whether there was one.
pub async fn remove(database: &Database, course: &Course, slug: &str) -> Result<bool, sqlx::Error> {
    let was_there: bool = transaction!(database, transaction => {
        let gone = sqlx::query("DELETE FROM course_modes WHERE course_id = $1 AND slug = $2")
            .bind(course.id)
            .bind(slug)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if gone > 0 {
            tell!(transaction, course);
        }
        gone > 0
    });
    Ok(was_there)
}
