//! A file from the web: fetched once, checked by its digest, kept in the store like other files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use store::ObjectReader;

use crate::kind::{Draft, ResourceKind, State, Work};
use crate::local_files::LocalFiles;
use crate::status::Change;
use crate::{Context, Error};

/// The kind `http`.
pub struct Http;

/// The word for it.
pub const KIND: &str = "http";

/// Where the file comes from.
const URL: &str = "url";
/// What it must be: `sha256:…` or `blake3:…`.
const DIGEST: &str = "digest";

impl ResourceKind for Http {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a file from the web, checked by its digest"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        work.files()?;
        match work.resource.text(URL) {
            Some(_) => Ok(()),
            None => Err(Error::resource(&work.resource.name, "it has no `url`", "remove it, and add it again")),
        }
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        self.check(work)?;
        if !draft.only_looks && !file(work)?.is_file() {
            fetch(work)?;
        }
        LocalFiles.save(work, draft)
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        LocalFiles.stage(work, state)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        LocalFiles.put(work, state)
    }

    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        LocalFiles.changes(work, before, after, reader)
    }

    fn pull(&self, work: &Work<'_>) -> Result<bool, Error> {
        if file(work)?.is_file() {
            return Ok(false);
        }
        fetch(work).map(|()| true)
    }
}

/// The name of the file at the end of an address.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name == "." || name == ".." { "file" } else { name }
}

fn file(work: &Work<'_>) -> Result<PathBuf, Error> {
    Ok(work.files()?.join(file_name(work.resource.text(URL).unwrap_or_default())))
}

fn fetch(work: &Work<'_>) -> Result<(), Error> {
    let (url, to) = (work.resource.text(URL).unwrap_or_default(), file(work)?);
    bring(work.context, &work.resource.name, url, work.resource.text(DIGEST), &to)
}

fn bring(context: &Context<'_>, name: &str, url: &str, digest: Option<&str>, to: &Path) -> Result<(), Error> {
    let parent = to.parent().expect("a file is in a directory");
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let failed = |source| Error::World { resource: name.to_owned(), problem: format!("cannot fetch {url}"), source };
    context.world.fetch(url, digest, to).map_err(failed)
}

/// Fetches the file of a resource that is being added, and pins its digest where none is said.
pub(crate) fn prepare(
    context: &Context<'_>,
    name: &str,
    directory: &Path,
    parameters: &mut Map<String, Value>,
) -> Result<(), Error> {
    let text = |key: &str| parameters.get(key).and_then(Value::as_str).map(str::to_owned);
    let (url, digest) = (text(URL).unwrap_or_default(), text(DIGEST));
    let to = directory.join(file_name(&url));
    bring(context, name, &url, digest.as_deref(), &to)?;
    if digest.is_none() {
        let mut hasher = blake3::Hasher::new();
        let mut opened = File::open(&to).map_err(Error::io("open", &to))?;
        std::io::copy(&mut opened, &mut hasher).map_err(Error::io("read", &to))?;
        parameters.insert(DIGEST.to_owned(), json!(format!("blake3:{}", hasher.finalize().to_hex())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_address() {
        assert_eq!(file_name("https://example.org/a/b.csv?x=1#y"), "b.csv");
        assert_eq!(file_name("https://example.org/a/"), "a");
        assert_eq!(file_name("https://example.org/.."), "file");
    }
}
