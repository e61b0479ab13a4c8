//! Extensions: made with the database, or explained when the server does not have them.

use std::fs;
use std::path::{Path, PathBuf};

use database::{DatabaseError, ServerFound};
use postgres::Client;

use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::table::quote;

/// Extensions whose Debian package has another name than they, behind `postgresql-VERSION-`.
const PACKAGES: [(&str, &str); 9] = [
    ("postgis", "postgis-3"),
    ("postgis_raster", "postgis-3"),
    ("postgis_topology", "postgis-3"),
    ("vector", "pgvector"),
    ("pg_cron", "cron"),
    ("pg_partman", "partman"),
    ("pg_repack", "repack"),
    ("rum", "rum"),
    ("plpython3u", "plpython3"),
];

impl PostgresDatabase {
    /// Makes the extensions that the settings name in a database that is under construction.
    pub(crate) fn create_extensions(&mut self, database: &str) -> Result<(), DatabaseError> {
        if self.settings.extensions.is_empty() {
            return Ok(());
        }
        let mut client = self.address.connect(database, &self.name)?;
        for extension in &self.settings.extensions {
            let known = "SELECT 1 FROM pg_available_extensions WHERE name = $1";
            let found = client.query_opt(known, &[&extension]).map_err(refused(&self.name, "look for extensions"))?;
            if found.is_none() {
                return Err(self.missing_extension(&mut client, extension));
            }
            let sql = format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", quote(extension));
            client.batch_execute(&sql).map_err(refused(&self.name, format!("create the extension {extension}")))?;
        }
        Ok(())
    }

    fn missing_extension(&self, client: &mut Client, extension: &str) -> DatabaseError {
        let version = client.query_one("SHOW server_version", &[]).map(|row| row.get::<_, String>(0));
        let version = version.unwrap_or_default();
        let major = version.split('.').next().unwrap_or_default();
        DatabaseError::Refused {
            database: self.name.clone(),
            action: format!("create the extension {extension}"),
            source: install(extension, major).into(),
        }
    }
}

/// Whether only superusers can make an extension, as its control file says; one that is not found is taken for such.
pub(crate) fn needs_superuser(found: &ServerFound, extension: &str) -> bool {
    let file = format!("{extension}.control");
    let directories = found.binaries.directory().map(|binaries| control_directories(binaries, found.major()));
    let mut texts = directories.into_iter().flatten().map(|directory| fs::read_to_string(directory.join(&file)));
    let Some(Ok(text)) = texts.find(Result::is_ok) else { return true };
    let is = |key: &str, value: &str| {
        let set = text.lines().filter_map(|line| line.split('#').next()?.split_once('='));
        set.map(|(name, set)| (name.trim(), set.trim().trim_matches('\''))).any(|line| line == (key, value))
    };
    !(is("trusted", "true") || is("superuser", "false"))
}

/// Where the control files of extensions can be, by where the programs are: PostgreSQL finds them by the same way from one to
/// the other.
fn control_directories(binaries: &Path, major: &str) -> Vec<PathBuf> {
    let prefix = binaries.parent().unwrap_or(binaries);
    let shares = ["share", "share/postgresql", &format!("share/postgresql@{major}")].map(|share| prefix.join(share));
    let debian = Path::new("/usr/share/postgresql").join(major);
    shares.into_iter().chain([debian]).map(|share| share.join("extension")).collect()
}

/// Says what to install for an extension that the server does not have.
pub(crate) fn install(extension: &str, major: &str) -> String {
    let package = PACKAGES.iter().find(|(name, _)| *name == extension).map_or(extension, |(_, package)| package);
    format!(
        "the server has no extension {extension}; install it for PostgreSQL {major} (Debian and Ubuntu: the package \
         postgresql-{major}-{}, or postgresql-contrib if it is one of PostgreSQL's own)",
        package.replace('_', "-")
    )
}
