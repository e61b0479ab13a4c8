//! What a writer relies on and has not written itself: whether the packs that the index names are there.
//!
//! A writer leaves out what the index names. Were a pack gone, or cut, what it leaves out would be missing from what it
//! reports as saved; and a node that is found may have children there, so nothing short of all packs is enough to look
//! at. It costs one listing, and no byte of a pack is read.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::StoreError;
use crate::index::View;
use crate::pack::{self, PackId};
use crate::session::CollectState;
use crate::store::Inner;

/// What the index named when a writer began.
pub(crate) struct Reliance {
    begun: Arc<View>,
}

impl Reliance {
    pub(crate) fn begin(inner: &Inner) -> Self {
        Self { begun: inner.index.view() }
    }

    /// Fails when something is gone that the writer may have relied on, since it began or before. What is condemned in
    /// `state` it took for absent; what it wrote itself, `own`, is not asked for.
    pub(crate) fn prove(&self, inner: &Inner, state: &CollectState, own: &HashSet<PackId>) -> Result<(), StoreError> {
        let views = [self.begun.clone(), inner.index.view()];
        let mut relied: BTreeMap<PackId, u64> = views.iter().flat_map(|view| view.packs()).collect();
        relied.retain(|pack, _| !own.contains(pack) && !state.is_condemned(pack));
        if relied.is_empty() {
            return Ok(());
        }
        let gone = missing(inner, relied)?;
        if gone.is_empty() {
            return Ok(());
        }
        // A repair may have written it anew; then it stands elsewhere.
        inner.index.refresh()?;
        for view in &views {
            view.each_in(&|pack| gone.contains_key(pack), &mut |id, pack| {
                let stays = |pack: &PackId| !gone.contains_key(pack) && !state.is_condemned(pack);
                if inner.index.find(id)?.iter().any(|place| stays(&place.pack)) {
                    return Ok(());
                }
                Err(inner.damaged(&pack::file_name(pack), &gone[pack]))
            })?;
        }
        Ok(())
    }
}

/// Those that are not there as they were written, each with what is wrong, as a predicate.
fn missing(inner: &Inner, mut relied: BTreeMap<PackId, u64>) -> Result<BTreeMap<PackId, String>, StoreError> {
    let mut gone = BTreeMap::new();
    inner.backend.list("packs/", &mut |entry| {
        if let Some(pack) = pack::parse_file_name(&entry.name)
            && let Some(length) = relied.remove(&pack)
            && length != entry.bytes
        {
            gone.insert(pack, format!("has {} bytes where {length} were written", entry.bytes));
        }
        Ok(())
    })?;
    for (pack, length) in relied {
        // In some places a listing comes after the file.
        match inner.backend.read_range(&pack::file_name(&pack), length.saturating_sub(1), 1) {
            Ok(_) => {}
            Err(error) if error.is_not_found() => drop(gone.insert(pack, "is missing".to_owned())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gone)
}
