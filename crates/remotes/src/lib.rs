//! Places where stores are shared: directories, S3, whatever rclone reaches, container registries, web servers.
//!
//! [`open`] gives the [`Backend`] for an address; [`fetch`] brings single files. What each place guarantees stands in
//! `docs/formats/remotes.md`. Neither may be called from within an asynchronous runtime: each backend has its own.

mod ask;
mod aws;
mod checksum;
mod claims;
mod docker;
mod error;
mod fetch;
mod http;
mod location;
mod oci;
mod package;
mod rclone;
mod s3;
mod settings;
mod website;

use std::sync::Arc;

use store::{Backend, DirectoryBackend};

pub use ask::{Asker, Asking};
pub use checksum::{BadChecksum, Checksum};
pub use docker::{RegistryLogin, known_registries, registry_login};
pub use error::RemoteError;
pub use fetch::fetch;
pub use package::fetch_package;
pub use settings::Settings;
pub use website::publish_listing;

use location::Location;

/// Opens the place at an address: a path, `file:///DIRECTORY`, `s3://BUCKET/PREFIX`, `rclone:REMOTE:PATH`,
/// `oci://REGISTRY/REPOSITORY`, or `https://…` and `http://…` for reading.
///
/// Only `rclone:` does something at once (it starts rclone); a place that does not answer is noticed by the first
/// operation.
pub fn open(url: &str, settings: &Settings) -> Result<Arc<dyn Backend>, RemoteError> {
    Ok(match Location::parse(url)? {
        Location::Directory(path) => Arc::new(DirectoryBackend::new(path)),
        Location::S3 { bucket, prefix, parameters } => Arc::new(s3::S3::open(&bucket, &prefix, &parameters, settings)?),
        Location::Rclone(remote) => Arc::new(rclone::Rclone::open(&remote, settings)?),
        Location::Oci { registry, repository } => Arc::new(oci::Oci::open(&registry, &repository, settings)?),
        Location::Web(address) => Arc::new(website::Website::open(address, location::shown(url), settings)?),
    })
}
