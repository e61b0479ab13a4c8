//! The certificates by which an engine at a port and its user know each other: the files that Docker has for that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Whom to believe.
const AUTHORITY: &str = "ca.pem";
/// Who the user is, and the key to it.
const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";

/// Reads the files of a directory. `ca.pem` must be there; who has `cert.pem` and `key.pem` shows them.
pub(crate) fn read(directory: &Path) -> io::Result<Arc<ClientConfig>> {
    let file = |name: &str| directory.join(name);
    let mut roots = RootCertStore::empty();
    let authority = file(AUTHORITY);
    for certificate in certificates(&authority)? {
        roots.add(certificate).map_err(|error| bad(&authority, &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| bad(directory, &error))?.with_root_certificates(roots);
    let (certificate, key) = (file(CERTIFICATE), file(KEY));
    let config = if certificate.exists() || key.exists() {
        let text = readable(&key)?;
        let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| bad(&key, &error))?;
        let chain = certificates(&certificate)?;
        builder.with_client_auth_cert(chain, private).map_err(|error| bad(&certificate, &error))?
    } else {
        builder.with_no_client_auth()
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = readable(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| bad(path, &error))?;
    if all.is_empty() { Err(bad(path, &"it has no certificate")) } else { Ok(all) }
}

fn readable(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be used: {why}", path.display()))
}

/// Where Docker keeps the certificates of a context, by the directory that describes it.
pub(crate) fn of_context(configuration: &Path, described: &Path) -> Option<PathBuf> {
    let directory = configuration.join("contexts/tls").join(described.file_name()?).join("docker");
    directory.is_dir().then_some(directory)
}
