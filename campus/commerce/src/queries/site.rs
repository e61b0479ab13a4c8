//! Sites, on which courses are sold, and their configurations.

use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// A site.
    #[derive(Debug, Serialize)]
    pub struct Site {
        pub domain: String,
        pub name: String,
    }
}

row! {
    /// How a site looks and whom it talks to.
    #[derive(Debug)]
    pub struct Configuration {
        pub site: String,
        pub partner: String,
        pub lms_root_url: String,
        pub lms_public_root_url: String,
        pub sso_client_id: String,
        pub sso_client_secret: String,
        pub backend_client_id: String,
        pub backend_client_secret: String,
        pub from_email: String,
        pub discovery_api_url: String,
        pub enable_microfrontend_for_basket_page: bool,
        pub payment_microfrontend_url: String,
        pub payment_processors: String,
        pub client_side_payment_processor: String,
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT s.domain AS site, p.code AS partner, c.lms_root_url, c.lms_public_root_url, c.sso_client_id,",
            " c.sso_client_secret, c.backend_client_id, c.backend_client_secret, c.from_email, c.discovery_api_url,",
            " c.enable_microfrontend_for_basket_page, c.payment_microfrontend_url, c.payment_processors,",
            " c.client_side_payment_processor FROM site_configurations c",
            " JOIN sites s ON s.id = c.site_id JOIN partners p ON p.id = c.partner_id ",
            $tail
        )
    };
}

/// How many there are.
pub async fn count(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM sites").fetch_one(pool).await)
}

/// A page of them, by domain.
pub async fn page(database: &Database, limit: i64, offset: i64) -> Result<Vec<Site>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT domain, name FROM sites ORDER BY domain LIMIT $1 OFFSET $2")
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The site of that domain.
pub async fn id_by_domain(database: &Database, domain: &str) -> Result<Option<i64>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT id FROM sites WHERE domain = $1").bind(domain).fetch_optional(pool).await
    })
}

/// Makes a site, or gives it this name; true if it was not there.
pub async fn save(database: &Database, domain: &str, name: &str) -> Result<bool, sqlx::Error> {
    on!(database, pool => {
        let made = sqlx::query("INSERT INTO sites (domain, name) VALUES ($1, $2) ON CONFLICT (domain) DO NOTHING")
            .bind(domain)
            .bind(name)
            .execute(pool)
            .await?
            .rows_affected();
        if made == 0 {
            sqlx::query("UPDATE sites SET name = $2 WHERE domain = $1").bind(domain).bind(name).execute(pool).await?;
        }
        Ok(made == 1)
    })
}

/// How many configurations there are.
pub async fn count_configurations(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM site_configurations").fetch_one(pool).await)
}

/// A page of the configurations, by site.
pub async fn configurations(database: &Database, limit: i64, offset: i64) -> Result<Vec<Configuration>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("ORDER BY s.domain LIMIT $1 OFFSET $2")).bind(limit).bind(offset).fetch_all(pool).await
    })
}

/// The configuration of a site.
pub async fn configuration(database: &Database, domain: &str) -> Result<Option<Configuration>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("WHERE s.domain = $1")).bind(domain).fetch_optional(pool).await
    })
}

/// Makes or replaces the configuration of a site; the names in it are those of what is there.
pub async fn save_configuration(
    database: &Database,
    site_id: i64,
    partner_id: i64,
    wanted: &Configuration,
) -> Result<(), sqlx::Error> {
    on!(database, pool => {
        sqlx::query(
            "INSERT INTO site_configurations (site_id, partner_id, lms_root_url, lms_public_root_url, sso_client_id,
                sso_client_secret, backend_client_id, backend_client_secret, from_email, discovery_api_url,
                enable_microfrontend_for_basket_page, payment_microfrontend_url, payment_processors,
                client_side_payment_processor)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT (site_id) DO UPDATE SET partner_id = excluded.partner_id, lms_root_url = excluded.lms_root_url,
                lms_public_root_url = excluded.lms_public_root_url, sso_client_id = excluded.sso_client_id,
                sso_client_secret = excluded.sso_client_secret, backend_client_id = excluded.backend_client_id,
                backend_client_secret = excluded.backend_client_secret, from_email = excluded.from_email,
                discovery_api_url = excluded.discovery_api_url,
                enable_microfrontend_for_basket_page = excluded.enable_microfrontend_for_basket_page,
                payment_microfrontend_url = excluded.payment_microfrontend_url,
                payment_processors = excluded.payment_processors,
                client_side_payment_processor = excluded.client_side_payment_processor",
        )
        .bind(site_id)
        .bind(partner_id)
        .bind(&wanted.lms_root_url)
        .bind(&wanted.lms_public_root_url)
        .bind(&wanted.sso_client_id)
        .bind(&wanted.sso_client_secret)
        .bind(&wanted.backend_client_id)
        .bind(&wanted.backend_client_secret)
        .bind(&wanted.from_email)
        .bind(&wanted.discovery_api_url)
        .bind(wanted.enable_microfrontend_for_basket_page)
        .bind(&wanted.payment_microfrontend_url)
        .bind(&wanted.payment_processors)
        .bind(&wanted.client_side_payment_processor)
        .execute(pool)
        .await?;
    });
    Ok(())
}
