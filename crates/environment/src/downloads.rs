//! Single files that are fetched once: bases, and specs with what they include.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::place::DIRECTORY;
use crate::{Error, Progress, library};

/// Gets a file that has this digest, once, under the name of that.
pub(crate) fn download(
    context: &Context<'_>,
    root: &Path,
    url: &str,
    digest: &manifest::Digest,
) -> Result<PathBuf, Error> {
    let (manifest::Digest::Sha256(hex) | manifest::Digest::Blake3(hex)) = digest;
    let file = place(root, &hex[..16], url)?;
    if !file.exists() {
        context.remotes.fetch(url, Some(digest), &file, context.monitor).map_err(failed(url))?;
    }
    Ok(file)
}

/// Gets a file that may be another one each time; what was got before serves while the address cannot be reached.
pub(crate) fn download_anew(context: &Context<'_>, root: &Path, url: &str) -> Result<PathBuf, Error> {
    let name = blake3::hash(url.as_bytes()).to_hex();
    let file = place(root, &name[..16], url)?;
    let fetched = context.remotes.fetch(url, None, &file, context.monitor).map_err(failed(url));
    match fetched {
        Err(error) if file.exists() => {
            let said = crate::with_causes(&error);
            context.monitor.on(Progress::Note(format!("{said}; what was fetched before is used")));
        }
        fetched => fetched?,
    }
    Ok(file)
}

fn place(root: &Path, name: &str, url: &str) -> Result<PathBuf, Error> {
    let top = root.join(DIRECTORY);
    crate::place::create_top(&top)?;
    let directory = top.join(library::DOWNLOADS);
    fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    // What a file is compressed with is told by its name.
    let last = url.rsplit('/').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    let last: String = last.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    Ok(directory.join(format!("{name}-{last}")))
}

fn failed(url: &str) -> impl FnOnce(crate::RemoteFailure) -> Error + '_ {
    move |source| Error::Fetch { url: url.to_owned(), source }
}
