//! Everything that writes programs and what belongs to them, in a transaction of either engine.

use chrono::{DateTime, Utc};
use either_database::row;
use sqlx::{PgConnection, QueryBuilder, SqliteConnection};

use super::program::{CourseRow, Program, columns, course_rows};
use crate::program_input::{CourseCodeInput, RunModeInput};
use crate::slug::Reference;

/// What is written of a program beside its courses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub slug: String,
    pub name: String,
    pub subtitle: String,
    pub category: String,
    pub status: String,
    pub marketing_slug: String,
    pub site: String,
    pub organization_id: Option<i64>,
    pub version: i32,
}

/// A line of the history.
#[derive(Debug)]
pub struct Note<'a> {
    pub subject: &'a str,
    pub key: &'a str,
    pub action: &'a str,
    pub username: &'a str,
    /// JSON.
    pub changes: String,
}

row! {
    /// What is known of a run when it is put into a program.
    #[derive(Debug)]
    pub struct RunDates {
        pub course_key: String,
        pub start_date: Option<DateTime<Utc>>,
        pub end_date: Option<DateTime<Utc>>,
        pub enrollment_start: Option<DateTime<Utc>>,
        pub enrollment_end: Option<DateTime<Utc>>,
        pub withdrawn: bool,
    }
}

/// A connection in a transaction. Dropped unfinished, it has done nothing.
pub trait Writer: Send {
    /// Lets nobody else write what is shown, until the transaction ends. So what is checked stays true.
    fn lock(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// The program of this name, deleted or not.
    fn program(&mut self, name: &Reference) -> impl Future<Output = Result<Option<Program>, sqlx::Error>> + Send;

    /// Its course codes and run modes, by their positions.
    fn courses(&mut self, program_id: i64) -> impl Future<Output = Result<Vec<CourseRow>, sqlx::Error>> + Send;

    /// The organisation of this key.
    fn organization(&mut self, key: &str) -> impl Future<Output = Result<Option<i64>, sqlx::Error>> + Send;

    /// Whether another program than this one has the name, and whether another one has the slug.
    fn taken(
        &mut self,
        name: &str,
        slug: &str,
        except: Option<i64>,
    ) -> impl Future<Output = Result<(bool, bool), sqlx::Error>> + Send;

    /// What is known of the runs with these keys.
    fn run_dates(&mut self, keys: &[&str]) -> impl Future<Output = Result<Vec<RunDates>, sqlx::Error>> + Send;

    /// A new program, and its number.
    fn insert(
        &mut self,
        uuid: &str,
        content: &Content,
        author: &str,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<i64, sqlx::Error>> + Send;

    /// A program has other content. Who made its version stays known unless `version_author` is another one.
    fn update(
        &mut self,
        id: i64,
        content: &Content,
        version_author: Option<&str>,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Keeps a version that is about to be replaced.
    fn keep_version(
        &mut self,
        program: &Program,
        course_codes: String,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// A program has these courses and no others. Course codes that are not there are made.
    fn replace_courses(
        &mut self,
        program_id: i64,
        organization_id: i64,
        course_codes: &[CourseCodeInput],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// A program has this banner, or none of its own; without a program, all that have none of their own.
    fn set_banner(
        &mut self,
        program_id: Option<i64>,
        digest: Option<&str>,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// One width of a banner is there, as JPEG.
    fn keep_banner(
        &mut self,
        digest: &str,
        width: i32,
        content: &[u8],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Banners that nobody has any more go.
    fn remove_unused_banners(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// A new organisation.
    fn insert_organization(
        &mut self,
        key: &str,
        display_name: &str,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Writes a line of the history.
    fn note(&mut self, note: Note<'_>, now: DateTime<Utc>) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// Where the engines differ.
trait Dialect {
    const INSERT_PROGRAM: &'static str;
}

macro_rules! insert_program {
    ($uuid:literal) => {
        concat!(
            "INSERT INTO programs (uuid, slug, name, subtitle, category, status, marketing_slug, site, organization_id,
                 author, version, version_author, version_created, created, modified)
             VALUES (",
            $uuid,
            ", $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10, $12, $12, $12) RETURNING id"
        )
    };
}

impl Dialect for SqliteConnection {
    const INSERT_PROGRAM: &'static str = insert_program!("$1");
}

impl Dialect for PgConnection {
    const INSERT_PROGRAM: &'static str = insert_program!("CAST($1 AS UUID)");
}

macro_rules! select_program {
    ($where:literal) => {
        concat!(
            "SELECT CAST(1 AS BIGINT) AS total, ",
            columns!(),
            " FROM programs p LEFT JOIN organizations o ON o.id = p.organization_id WHERE ",
            $where
        )
    };
}

/// Compiles the same body for both engines.
macro_rules! for_each_engine {
    ($($body:tt)*) => {
        impl Writer for SqliteConnection { $($body)* }
        impl Writer for PgConnection { $($body)* }
    };
}

for_each_engine! {
    async fn lock(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE catalogue_revision SET number = number + 1").execute(self).await.map(drop)
    }

    async fn program(&mut self, name: &Reference) -> Result<Option<Program>, sqlx::Error> {
        match name {
            Reference::Id(id) => {
                sqlx::query_as(select_program!("p.id = $1")).bind(*id).fetch_optional(self).await
            }
            Reference::Slug(slug) => {
                sqlx::query_as(select_program!("p.slug = $1")).bind(slug).fetch_optional(self).await
            }
            Reference::Uuid(uuid) => {
                sqlx::query_as(select_program!("CAST(p.uuid AS TEXT) = $1")).bind(uuid).fetch_optional(self).await
            }
        }
    }

    async fn courses(&mut self, program_id: i64) -> Result<Vec<CourseRow>, sqlx::Error> {
        sqlx::query_as(course_rows!("= $1")).bind(program_id).fetch_all(self).await
    }

    async fn organization(&mut self, key: &str) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT id FROM organizations WHERE key = $1").bind(key).fetch_optional(self).await
    }

    async fn taken(&mut self, name: &str, slug: &str, except: Option<i64>) -> Result<(bool, bool), sqlx::Error> {
        let except = except.unwrap_or(0);
        let name = sqlx::query_scalar("SELECT count(*) > 0 FROM programs WHERE name = $1 AND id <> $2")
            .bind(name)
            .bind(except)
            .fetch_one(&mut *self)
            .await?;
        let slug = sqlx::query_scalar("SELECT count(*) > 0 FROM programs WHERE slug = $1 AND id <> $2")
            .bind(slug)
            .bind(except)
            .fetch_one(self)
            .await?;
        Ok((name, slug))
    }

    async fn run_dates(&mut self, keys: &[&str]) -> Result<Vec<RunDates>, sqlx::Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT course_key, start_date, end_date, enrollment_start, enrollment_end, withdrawn
             FROM course_runs WHERE course_key IN (",
        );
        let mut list = query.separated(", ");
        for key in keys {
            list.push_bind(*key);
        }
        query.push(")");
        query.build_query_as().fetch_all(self).await
    }

    async fn insert(
        &mut self,
        uuid: &str,
        content: &Content,
        author: &str,
        now: DateTime<Utc>,
    ) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(Self::INSERT_PROGRAM)
            .bind(uuid)
            .bind(&content.slug)
            .bind(&content.name)
            .bind(&content.subtitle)
            .bind(&content.category)
            .bind(&content.status)
            .bind(&content.marketing_slug)
            .bind(&content.site)
            .bind(content.organization_id)
            .bind(author)
            .bind(content.version)
            .bind(now)
            .fetch_one(self)
            .await
    }

    async fn update(
        &mut self,
        id: i64,
        content: &Content,
        version_author: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE programs SET slug = $2, name = $3, subtitle = $4, category = $5, status = $6, marketing_slug = $7,
                 site = $8, organization_id = $9, version = $10, modified = $11,
                 version_author = COALESCE($12, version_author),
                 version_created = CASE WHEN $12 IS NULL THEN version_created ELSE $11 END
             WHERE id = $1",
        )
        .bind(id)
        .bind(&content.slug)
        .bind(&content.name)
        .bind(&content.subtitle)
        .bind(&content.category)
        .bind(&content.status)
        .bind(&content.marketing_slug)
        .bind(&content.site)
        .bind(content.organization_id)
        .bind(content.version)
        .bind(now)
        .bind(version_author)
        .execute(self)
        .await
        .map(drop)
    }

    async fn keep_version(&mut self, program: &Program, course_codes: String) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO program_versions (program_id, number, course_codes, author, created)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(program.id)
        .bind(program.version)
        .bind(course_codes)
        .bind(&program.version_author)
        .bind(program.version_created)
        .execute(self)
        .await
        .map(drop)
    }

    async fn replace_courses(
        &mut self,
        program_id: i64,
        organization_id: i64,
        course_codes: &[CourseCodeInput],
    ) -> Result<(), sqlx::Error> {
        // Their run modes go with them.
        sqlx::query("DELETE FROM program_course_codes WHERE program_id = $1")
            .bind(program_id)
            .execute(&mut *self)
            .await?;
        for (position, code) in (1_i32..).zip(course_codes) {
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO course_codes (organization_id, key, display_name) VALUES ($1, $2, COALESCE($3, $2))
                 ON CONFLICT (organization_id, key) DO UPDATE
                 SET display_name = COALESCE($3, course_codes.display_name) RETURNING id",
            )
            .bind(organization_id)
            .bind(&code.key)
            .bind(&code.display_name)
            .fetch_one(&mut *self)
            .await?;
            sqlx::query("INSERT INTO program_course_codes (program_id, course_code_id, position) VALUES ($1, $2, $3)")
                .bind(program_id)
                .bind(id)
                .bind(position)
                .execute(&mut *self)
                .await?;
            if code.run_modes.is_empty() {
                continue;
            }
            let mut query = QueryBuilder::new(
                "INSERT INTO run_modes (program_id, course_code_id, course_key, mode_slug, sku, start_date, lms_url) ",
            );
            query.push_values(&code.run_modes, |mut row, run: &RunModeInput| {
                row.push_bind(program_id)
                    .push_bind(id)
                    .push_bind(&run.course_key)
                    .push_bind(&run.mode_slug)
                    .push_bind(&run.sku)
                    .push_bind(run.start_date)
                    .push_bind(&run.lms_url);
            });
            query.build().execute(&mut *self).await?;
        }
        Ok(())
    }

    async fn set_banner(
        &mut self,
        program_id: Option<i64>,
        digest: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        match program_id {
            Some(id) => {
                sqlx::query("UPDATE programs SET banner_image = $2, modified = $3 WHERE id = $1")
                    .bind(id)
                    .bind(digest)
                    .bind(now)
                    .execute(self)
                    .await
            }
            None => sqlx::query("UPDATE program_defaults SET banner_image = $1").bind(digest).execute(self).await,
        }
        .map(drop)
    }

    async fn keep_banner(&mut self, digest: &str, width: i32, content: &[u8]) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO banner_images (digest, width, content) VALUES ($1, $2, $3)
             ON CONFLICT (digest, width) DO NOTHING",
        )
        .bind(digest)
        .bind(width)
        .bind(content)
        .execute(self)
        .await
        .map(drop)
    }

    async fn remove_unused_banners(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM banner_images
             WHERE NOT EXISTS (SELECT 1 FROM programs WHERE banner_image = banner_images.digest)
             AND NOT EXISTS (SELECT 1 FROM program_defaults WHERE banner_image = banner_images.digest)",
        )
        .execute(self)
        .await
        .map(drop)
    }

    async fn insert_organization(
        &mut self,
        key: &str,
        display_name: &str,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO organizations (key, display_name, created, modified) VALUES ($1, $2, $3, $3)")
            .bind(key)
            .bind(display_name)
            .bind(now)
            .execute(self)
            .await
            .map(drop)
    }

    async fn note(&mut self, note: Note<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO history (subject, key, action, username, changes, created) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(note.subject)
        .bind(note.key)
        .bind(note.action)
        .bind(note.username)
        .bind(note.changes)
        .bind(now)
        .execute(self)
        .await
        .map(drop)
    }
}
