//! The store of a workspace, and those of its remotes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

use manifest::{Remote, WorkspaceTree};
use store::{Access, Backend, CreateOptions, DirectoryBackend, Recipient, Store};

use crate::Error;
use crate::context::{Context, Target};
use crate::place::DIRECTORY;
use crate::session::Session;

/// Names in the directory of a workspace's environments that are none.
pub(crate) const STORE: &str = "store";
pub(crate) const STORE_CACHE: &str = "store-cache";
pub(crate) const DOWNLOADS: &str = "downloads";

/// The store of a workspace; made when it is not there. All of its environments share it.
pub fn open_store(context: &Context<'_>, root: &Path) -> Result<Store, Error> {
    let top = root.join(DIRECTORY);
    crate::place::create_top(&top)?;
    let directory = top.join(STORE);
    let backend = Arc::new(DirectoryBackend::new(&directory));
    Ok(Store::open_or_create(
        backend,
        &top.join(STORE_CACHE).join("local"),
        &context.identities,
        &CreateOptions::default(),
    )?)
}

/// The store of a workspace if it has one.
pub(crate) fn existing_store(context: &Context<'_>, root: &Path) -> Result<Option<Store>, Error> {
    if root.join(DIRECTORY).join(STORE).join("store").exists() { open_store(context, root).map(Some) } else { Ok(None) }
}

/// What is to be done with a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// It is read, and must be there.
    Read,
    /// It is written to, and made when it is not there.
    Write,
}

/// The remote of this name, or the only one when none is named.
pub(crate) fn remote<'t>(tree: &'t WorkspaceTree, name: Option<&str>) -> Result<&'t Remote, Error> {
    let remotes = &tree.workspace(tree.root).manifest.remotes;
    let known = || remotes.keys().cloned().collect();
    match name {
        Some(name) => {
            remotes.get(name).ok_or_else(|| Error::NoRemote { wanted: Some(name.to_owned()), known: known() })
        }
        None if remotes.len() == 1 => Ok(&remotes[0]),
        None => Err(Error::NoRemote { wanted: None, known: known() }),
    }
}

/// Opens the store in a remote.
pub(crate) fn open_remote(
    context: &Context<'_>,
    target: &Target,
    remote: &Remote,
    purpose: Purpose,
) -> Result<Store, Error> {
    let failed = |source| Error::Remote { name: remote.name.clone(), url: remote.written.clone(), source };
    let backend = context.remotes.open(&remote.url).map_err(failed)?;
    let cache = target.root.join(DIRECTORY).join(STORE_CACHE).join(&remote.name);
    let store = opened_or_made(context, remote, purpose, backend, &cache)?;
    if purpose == Purpose::Write && !remote.encrypt_to.is_empty() && !store.is_encrypted() {
        return Err(Error::NotEncrypted { name: remote.name.clone(), url: remote.written.clone() });
    }
    Ok(store)
}

fn opened_or_made(
    context: &Context<'_>,
    remote: &Remote,
    purpose: Purpose,
    backend: Arc<dyn Backend>,
    cache: &Path,
) -> Result<Store, Error> {
    match Store::open(Arc::clone(&backend), cache, &context.identities) {
        Err(store::StoreError::NoStore { .. }) if purpose == Purpose::Write => {
            let recipients = remote.encrypt_to.iter().map(|text| {
                let recipient = Recipient::parse(text);
                recipient.map(|recipient| (recipient, Access::Reader)).map_err(|_| Error::BadRecipient(text.clone()))
            });
            let options = CreateOptions { recipients: recipients.collect::<Result<_, _>>()? };
            match Store::create(Arc::clone(&backend), cache, &options) {
                // Somebody else was faster.
                Err(error) if error.is_conflict() => Ok(Store::open(backend, cache, &context.identities)?),
                created => Ok(created?),
            }
        }
        opened => Ok(opened?),
    }
}

impl Session<'_> {
    /// The store of the workspace.
    pub(crate) fn store(&self) -> Result<&Store, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = open_store(self.context, &self.target.root)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Opens the store in a remote; one that was opened stays so for the command.
    pub(crate) fn remote(&self, remote: &Remote, purpose: Purpose) -> Result<Store, Error> {
        let key = (remote.name.clone(), purpose);
        if let Some(store) = self.remotes().get(&key) {
            return Ok(store.clone());
        }
        let store = open_remote(self.context, &self.target, remote, purpose)?;
        Ok(self.remotes().entry(key).or_insert(store).clone())
    }

    fn remotes(&self) -> MutexGuard<'_, BTreeMap<(String, Purpose), Store>> {
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remotes that `up` takes states from.
    pub(crate) fn pulled_remotes(&self) -> impl Iterator<Item = &Remote> {
        self.tree.workspace(self.tree.root).manifest.remotes.values().filter(|remote| remote.pull)
    }
}
