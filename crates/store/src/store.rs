//! The store: made, opened, and what its parts share.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::keys::{Access, Encryption, Identity, Recipient, StoreKeys};
use crate::object::object_id;
use crate::random::random_name;
use crate::reader::{Blocks, Scratch};
use crate::session::Session;
use crate::writer::Writer;
use crate::{Backend, Expect, ObjectId, ObjectKind, StoreError, document};

const FORMAT: u64 = 1;
/// The document that says what the store is.
pub(crate) const STORE: &str = "store";

/// The document `store`.
#[derive(Serialize, Deserialize)]
struct StoreFile {
    format: u64,
    id: String,
    #[serde(default)]
    encryption: Option<Encryption>,
}

/// How a store is made.
#[derive(Debug, Default, Clone)]
pub struct CreateOptions {
    /// For whom the store is encrypted; for nobody, and not at all, when empty. At least one must be a reader.
    pub recipients: Vec<(Recipient, Access)>,
}

/// A store of objects and references.
///
/// Cheap to clone; all clones share an index and a cache of blocks.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the parts of a store share.
pub(crate) struct Inner {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) keys: Option<StoreKeys>,
    pub(crate) id: String,
    pub(crate) index: Index,
    pub(crate) blocks: Mutex<Blocks>,
    pub(crate) scratch: Mutex<Vec<Scratch>>,
}

impl Store {
    /// Makes a store. `cache` is a directory of this machine for what can be made again; stores may share it.
    pub fn create(backend: Arc<dyn Backend>, cache: &Path, options: &CreateOptions) -> Result<Self, StoreError> {
        let keys = if options.recipients.is_empty() { None } else { Some(StoreKeys::generate()) };
        let encryption = keys.as_ref().map(|keys| keys.wrap(&options.recipients));
        let file = StoreFile { format: FORMAT, id: random_name(), encryption };
        let payload = serde_json::to_vec_pretty(&file).expect("this type has string keys");
        match backend.write_if(STORE, &document::encode(STORE, &payload), &Expect::Absent) {
            Err(error) if error.is_conflict() => Err(StoreError::StoreExists { place: backend.describe() }),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Self::with(backend, cache, file.id, keys)),
        }
    }

    /// Opens a store. `identities` are tried on an encrypted one.
    pub fn open(backend: Arc<dyn Backend>, cache: &Path, identities: &[Identity]) -> Result<Self, StoreError> {
        let place = backend.describe();
        let damaged = |problem: String| StoreError::Damaged { name: STORE.to_owned(), place: place.clone(), problem };
        let bytes = match backend.read(STORE) {
            Err(error) if error.is_not_found() => return Err(StoreError::NoStore { place: backend.describe() }),
            other => other?,
        };
        let payload = document::decode(STORE, &bytes).map_err(|problem| damaged(problem.to_owned()))?;
        let value: serde_json::Value =
            serde_json::from_slice(payload).map_err(|error| damaged(format!("cannot be understood: {error}")))?;
        match value["format"].as_u64() {
            Some(FORMAT) => {}
            Some(format) => return Err(StoreError::Format { place, format }),
            None => return Err(damaged("names no format".to_owned())),
        }
        let file: StoreFile =
            serde_json::from_value(value).map_err(|error| damaged(format!("cannot be understood: {error}")))?;
        if file.id.len() != 32 || !file.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(damaged("has no id".to_owned()));
        }
        let keys = match &file.encryption {
            None => None,
            Some(encryption) => {
                Some(encryption.unwrap(identities).ok_or_else(|| StoreError::NoKey { place: place.clone() })?)
            }
        };
        let store = Self::with(backend, cache, file.id, keys);
        store.inner.index.load();
        store.refresh()?;
        Ok(store)
    }

    /// Opens a store, or makes it when there is none.
    pub fn open_or_create(
        backend: Arc<dyn Backend>,
        cache: &Path,
        identities: &[Identity],
        options: &CreateOptions,
    ) -> Result<Self, StoreError> {
        match Self::open(backend.clone(), cache, identities) {
            Err(StoreError::NoStore { .. }) => match Self::create(backend.clone(), cache, options) {
                // Somebody else was faster.
                Err(StoreError::StoreExists { .. }) => Self::open(backend, cache, identities),
                other => other,
            },
            other => other,
        }
    }

    fn with(backend: Arc<dyn Backend>, cache: &Path, id: String, keys: Option<StoreKeys>) -> Self {
        let index = Index::new(backend.clone(), keys.clone(), cache.join(&id));
        let inner = Inner { backend, keys, id, index, blocks: Mutex::default(), scratch: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The id of the store: random, given when it was made.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Where the store lives.
    pub fn place(&self) -> String {
        self.inner.backend.describe()
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.inner.keys.is_some()
    }

    /// The place itself.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.inner.backend
    }

    /// Takes in what others have written since the store was opened. Writers do it when they begin, readers when they
    /// miss something.
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.inner.index.refresh().map(|_| ())
    }

    /// Begins to write.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let session = Session::begin(&self.inner)?;
        // Else the drafts of writers that were killed would stay until somebody collects.
        self.inner.backend.tidy()?;
        self.refresh()?;
        // A node that is found may have children that only the damaged part of the index names.
        if let Some((name, problem)) = self.inner.index.damage() {
            return Err(self.inner.damaged(&name, &problem));
        }
        Writer::new(self.inner.clone(), session)
    }

    /// The id that these bytes have in this store.
    pub fn object_id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        object_id(kind, bytes)
    }

    /// The kind of an object.
    pub(crate) fn kind(&self, id: &ObjectId) -> Result<ObjectKind, StoreError> {
        let mut places = self.inner.index.find(id)?;
        if places.is_empty() && self.inner.index.refresh()? {
            places = self.inner.index.find(id)?;
        }
        places.first().map(|place| place.kind).ok_or_else(|| self.inner.missing(id))
    }

    /// Whether the store has an object, as far as this process knows; see [`Store::refresh`].
    pub fn contains(&self, id: &ObjectId) -> Result<bool, StoreError> {
        Ok(!self.inner.index.find(id)?.is_empty())
    }
}

impl Inner {
    pub(crate) fn damaged(&self, name: &str, problem: &str) -> StoreError {
        let place = self.backend.describe();
        StoreError::Damaged { name: name.to_owned(), place, problem: problem.to_owned() }
    }

    /// What to say of an object that is not found.
    pub(crate) fn missing(&self, id: &ObjectId) -> StoreError {
        match self.index.damage() {
            Some((name, problem)) => self.damaged(&name, &problem),
            None => StoreError::NoObject { id: *id },
        }
    }

    pub(crate) fn outrun(&self) -> StoreError {
        StoreError::Outrun { place: self.backend.describe() }
    }
}
