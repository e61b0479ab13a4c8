//! Addresses of remotes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;

use crate::error::RemoteError;

/// Where a remote is, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Location {
    Directory(PathBuf),
    S3 { bucket: String, prefix: String, parameters: BTreeMap<String, String> },
    Rclone(String),
    Oci { registry: String, repository: String },
    Web(Url),
}

const PARAMETERS: [&str; 5] = ["endpoint", "region", "profile", "anonymous", "addressing"];

impl Location {
    pub(crate) fn parse(text: &str) -> Result<Self, RemoteError> {
        let bad = |reason: &str| RemoteError::BadUrl { url: shown(text), reason: reason.to_owned() };
        if let Some(remote) = text.strip_prefix("rclone:") {
            return Ok(Self::Rclone(remote.to_owned()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Err(bad("it is empty")) } else { Ok(Self::Directory(text.into())) };
        };
        match scheme {
            "file" => {
                let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
                url.to_file_path()
                    .map(Self::Directory)
                    .map_err(|()| bad("it names no directory of this machine; write file:///DIRECTORY"))
            }
            "s3" => {
                let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
                let bucket = url
                    .host_str()
                    .filter(|bucket| !bucket.is_empty())
                    .ok_or_else(|| bad("it names no bucket; write s3://BUCKET/PREFIX"))?;
                let parameters: BTreeMap<_, _> =
                    url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
                if let Some(unknown) = parameters.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
                    return Err(bad(&format!(
                        "there is no parameter '{unknown}'; there are {}",
                        PARAMETERS.join(", ")
                    )));
                }
                let prefix =
                    prefix(url.path()).ok_or_else(|| bad("its prefix may have letters, digits and . _ - only"))?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix, parameters })
            }
            "oci" => {
                let (registry, repository) = rest.split_once('/').unwrap_or((rest, ""));
                let repository = prefix(repository)
                    .filter(|repository| !repository.is_empty() && *repository == repository.to_lowercase());
                match repository {
                    Some(repository) if !registry.is_empty() && !registry.contains('@') => {
                        Ok(Self::Oci { registry: registry.to_owned(), repository })
                    }
                    _ => Err(bad("write oci://REGISTRY/REPOSITORY, the repository in lower case")),
                }
            }
            "http" | "https" => {
                let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
                if url.query().is_some() { Err(bad("a website's address has no '?'")) } else { Ok(Self::Web(url)) }
            }
            _ => Err(bad("there are directories, file://, s3://, rclone:, oci://, https:// and http://")),
        }
    }
}

fn prefix(path: &str) -> Option<String> {
    let trimmed = path.trim_matches('/');
    let fine = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    (trimmed.is_empty() || trimmed.split('/').all(fine)).then(|| trimmed.to_owned())
}

/// An address as it may be shown: without user, password and parameters.
pub(crate) fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let s3 = |bucket: &str, prefix: &str, parameters: &[(&str, &str)]| Location::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            parameters: parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        for (text, expected) in [
            ("/srv/store", Location::Directory("/srv/store".into())),
            ("../store", Location::Directory("../store".into())),
            ("file:///srv/my%20store", Location::Directory("/srv/my store".into())),
            ("s3://bucket", s3("bucket", "", &[])),
            ("s3://bucket/a/b/", s3("bucket", "a/b", &[])),
            (
                "s3://b/p?endpoint=http://127.0.0.1:9000&region=x",
                s3("b", "p", &[("endpoint", "http://127.0.0.1:9000"), ("region", "x")]),
            ),
            ("rclone:drive:a/b", Location::Rclone("drive:a/b".to_owned())),
            (
                "oci://localhost:5000/team/store",
                Location::Oci { registry: "localhost:5000".to_owned(), repository: "team/store".to_owned() },
            ),
        ] {
            assert_eq!(Location::parse(text).expect(text), expected, "of {text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_a_reason_and_without_a_password() {
        for (text, reason) in [
            ("", "empty"),
            ("ftp://host/x", "there are directories"),
            ("s3:///x", "no bucket"),
            ("s3://b/p?secret=x", "no parameter 'secret'"),
            ("s3://b/ü", "prefix"),
            ("oci://registry", "REPOSITORY"),
            ("oci://registry/UPPER", "lower case"),
            ("file://elsewhere/x", "no directory of this machine"),
            ("https://user:hidden@host/x?y", "no '?'"),
        ] {
            let message = Location::parse(text).expect_err(text).to_string();
            assert!(message.contains(reason) && !message.contains("hidden"), "of {text}: {message}");
        }
    }
}
