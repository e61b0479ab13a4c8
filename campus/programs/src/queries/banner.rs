//! Banners: one picture in several widths, by the digest of what was uploaded.

use either_database::{Database, on, row};

row! {
    /// One width of a banner.
    #[derive(Debug)]
    pub struct Banner {
        pub content: Vec<u8>,
    }
}

/// One width of a banner, as JPEG.
pub async fn find(database: &Database, digest: &str, width: i32) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let found: Option<Banner> = on!(database, pool => {
        sqlx::query_as("SELECT content FROM banner_images WHERE digest = $1 AND width = $2")
            .bind(digest)
            .bind(width)
            .fetch_optional(pool)
            .await
    })?;
    Ok(found.map(|banner| banner.content))
}

row! {
    /// What programs without a banner of their own have.
    #[derive(Debug)]
    pub struct Default {
        pub banner_image: Option<String>,
    }
}

/// The digest of the banner of programs that have none of their own; none for the drawn one.
pub async fn default_digest(database: &Database) -> Result<Option<String>, sqlx::Error> {
    let found: Option<Default> = on!(database, pool => {
        sqlx::query_as("SELECT banner_image FROM program_defaults").fetch_optional(pool).await
    })?;
    Ok(found.and_then(|found| found.banner_image))
}
