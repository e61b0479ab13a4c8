//! What operations need of the world around them.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use store::Backend;

/// Why the world could not do something.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The way to what is outside of the workspace; the program implements it.
pub trait World: Sync {
    /// The user may like to know.
    fn note(&self, text: &str);

    /// How far the files of a resource are.
    fn files(&self, resource: &str, entries: u64, bytes: u64);

    /// Whether the user wants it to end.
    fn is_interrupted(&self) -> bool;

    /// Opens the place of a store at an address.
    fn open_remote(&self, url: &str) -> Result<Arc<dyn Backend>, Failure>;

    /// The files by which a snapshot carries the lineage of its state, and their texts, by their paths from the root of the workspace.
    /// `resources` are the names of all, where the metadata are in the classic form, which has a file for each.
    fn snapshot_lineage(&self, snapshot: &str, resources: Option<&[String]>) -> Result<Vec<(String, String)>, Failure>;

    /// A snapshot was taken, and these files are there.
    fn snapshot_taken(&self) -> Result<(), Failure>;

    /// Brings a file, which must have the digest (`sha256:…` or `blake3:…`) if one is given; it is whole when it appears.
    fn fetch(&self, url: &str, digest: Option<&str>, to: &Path) -> Result<(), Failure>;

    /// Has an environment of the workspace at this root save all of its databases under a tag, into the store of the workspace.
    fn snapshot_environment(&self, _root: &Path, environment: &str, _tag: &str) -> Result<(), Failure> {
        Err(format!("there are no environments here, and so not '{environment}'").into())
    }

    /// Has an environment bring back these databases from what is saved under a tag.
    fn restore_environment(
        &self,
        _root: &Path,
        environment: &str,
        _tag: &str,
        _databases: &[String],
    ) -> Result<(), Failure> {
        Err(format!("there are no environments here, and so not '{environment}'").into())
    }
}

/// What every operation is given.
pub struct Context<'a> {
    /// The wall clock.
    pub now: fn() -> SystemTime,
    /// By how many seconds clocks here were ahead of UTC at a moment.
    pub ahead_of_utc: fn(SystemTime) -> i64,
    /// Who works here.
    pub user: String,
    /// What this machine is called.
    pub host: String,
    /// The keys that open encrypted stores.
    pub identities: Vec<store::Identity>,
    /// The rest of the world.
    pub world: &'a dyn World,
}
