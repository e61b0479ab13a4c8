//! Whether all that a store should have is there, and is what was written.

use std::collections::BTreeSet;

use crate::block::Decoder;
use crate::census::{Census, Marks, Roots};
use crate::object::object_id;
use crate::pack::{self, PackBlock, PackId};
use crate::seal::Seal;
use crate::session::CollectState;
use crate::store::{Inner, Store};
use crate::{ObjectId, Progress, StoreError};

/// How thoroughly a store is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Read every byte. Without it: index, references, nodes, and the size of every pack.
    pub data: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file of the store, or the reference.
    pub path: String,
    /// What is wrong, as a predicate: `is missing`.
    pub what: String,
    /// References that name, or reach, what is damaged: `records/v1`.
    pub affected: Vec<String>,
}

/// What was found in the packs.
#[derive(Default)]
struct Damage {
    packs: BTreeSet<PackId>,
    blocks: BTreeSet<(PackId, u32)>,
}

impl Damage {
    fn spares(&self, pack: &PackId, block: u32) -> bool {
        !self.packs.contains(pack) && !self.blocks.contains(&(*pack, block))
    }
}

/// Checks a store. Nothing found means that every reference can be read in full. Errors are those of the place, not of
/// what is in it.
pub fn check(store: &Store, options: CheckOptions, progress: &dyn Fn(Progress)) -> Result<Vec<Finding>, StoreError> {
    let inner = &store.inner;
    let mut findings = Vec::new();
    // References first: what is committed later than they were listed is not this check's business.
    let Roots { roots, damaged: damaged_references } = store.roots()?;
    findings.extend(damaged_references.into_iter().map(unreadable));
    let state = match inner.read_state() {
        Ok((state, _)) => state,
        Err(StoreError::Damaged { name, problem, .. }) => {
            findings.push(Finding { path: name, what: problem, affected: Vec::new() });
            CollectState::default()
        }
        Err(other) => return Err(other),
    };
    let census = Census::take(inner)?;
    for (name, problem) in &census.damaged {
        findings.push(Finding { path: name.clone(), what: problem.clone(), affected: Vec::new() });
    }
    let mut damage = Damage::default();
    for (pack, length) in &census.indexed {
        let what = match census.listed.get(pack) {
            // A collection removed it, and another one that was taken over has named it again: nobody relies on it, and who
            // does is found below.
            None if state.is_condemned(pack) => {
                damage.packs.insert(*pack);
                continue;
            }
            None => "is missing".to_owned(),
            Some(found) if found != length => format!("has {found} bytes where {length} were written"),
            Some(_) => continue,
        };
        damage.packs.insert(*pack);
        findings.push(Finding { path: pack::file_name(pack), what, affected: Vec::new() });
    }
    if options.data {
        let mut done = Progress::default();
        for pack in census.listed.keys().filter(|pack| !damage.packs.contains(pack)).copied().collect::<Vec<_>>() {
            if let Some(what) = check_pack(store, &pack, census.indexed.contains_key(&pack), &mut damage)? {
                findings.push(Finding { path: pack::file_name(&pack), what, affected: Vec::new() });
            }
            done.objects += 1;
            done.bytes += census.listed[&pack];
            progress(done);
        }
    }

    let mut marks = Marks::new(census.count());
    let all: Vec<ObjectId> = roots.iter().flat_map(|(_, objects)| objects.clone()).collect();
    census.mark(inner, &all, &mut marks, &|pack, block| damage.spares(pack, block), progress)?;
    if !marks.missing.is_empty() {
        let spares = |pack: &PackId, block| damage.spares(pack, block);
        findings.extend(incomplete(inner, &census, &roots, &spares)?);
        let affected: BTreeSet<String> = findings.iter().flat_map(|finding| finding.affected.clone()).collect();
        for finding in findings.iter_mut().filter(|finding| finding.affected.is_empty()) {
            if finding.path.starts_with("packs/") || finding.path.starts_with("index/") {
                finding.affected = affected.iter().cloned().collect();
            }
        }
    }
    Ok(findings)
}

/// What is said of a reference that cannot be read.
pub(crate) fn unreadable((name, error): (String, StoreError)) -> Finding {
    Finding { path: format!("references/{name}"), what: error.to_string(), affected: vec![name] }
}

/// The references that reach what cannot be had. Each is walked by itself: it is rare that one must.
pub(crate) fn incomplete(
    inner: &Inner,
    census: &Census,
    roots: &[(String, Vec<ObjectId>)],
    good: &dyn Fn(&PackId, u32) -> bool,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for (name, objects) in roots {
        let mut marks = Marks::new(census.count());
        census.mark(inner, objects, &mut marks, good, &|_| {})?;
        if let Some(first) = marks.missing.first() {
            let what = format!("reaches {} objects that cannot be read, such as {first}", marks.missing.len());
            findings.push(Finding { path: format!("references/{name}"), what, affected: vec![name.clone()] });
        }
    }
    Ok(findings)
}

/// Calls with each object of a block: its id, and its bytes if they are what the id says. Whether `each` was content
/// with all of them; not if the block cannot be opened.
#[expect(clippy::type_complexity, reason = "a closure with its arguments")]
pub(crate) fn prove(
    bytes: &[u8],
    found: &PackBlock,
    opener: Option<&Seal>,
    decoder: &mut Decoder,
    each: &mut dyn FnMut(&ObjectId, Option<&[u8]>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let Ok(plain) = decoder.decode(bytes, opener) else { return Ok(false) };
    let (mut rest, mut content) = (plain, true);
    for (id, length) in &found.objects {
        let Some((object, others)) = rest.split_at_checked(*length as usize) else { return Ok(false) };
        rest = others;
        content &= each(id, (object_id(found.kind, object) == *id).then_some(object))?;
    }
    Ok(content)
}

/// Reads a whole pack; what is wrong with it, if anything is.
fn check_pack(store: &Store, id: &PackId, indexed: bool, damage: &mut Damage) -> Result<Option<String>, StoreError> {
    let bytes = match store.inner.backend.read(&pack::file_name(id)) {
        // Collected since it was listed, or a writer's that took it back.
        Err(error) if error.is_not_found() && !indexed => return Ok(None),
        Err(error) if error.is_not_found() => {
            damage.packs.insert(*id);
            return Ok(Some("is missing".to_owned()));
        }
        other => other?,
    };
    let whole = blake3::hash(&bytes).as_bytes() == &id.0;
    let Some(salt) = pack::salt(&bytes) else {
        damage.packs.insert(*id);
        return Ok(Some("is no pack".to_owned()));
    };
    let opener = store.inner.keys.as_ref().and_then(|keys| keys.opener(salt));
    let mut decoder = Decoder::new().map_err(StoreError::other)?;
    let scan = pack::scan(&bytes, opener.as_ref());
    let mut bad = scan.damaged.len() + scan.closed;
    for found in &scan.blocks {
        let (from, to) = (found.offset as usize, found.offset as usize + found.length as usize);
        let proved =
            prove(&bytes[from..to], found, opener.as_ref(), &mut decoder, &mut |_, bytes| Ok(bytes.is_some()))?;
        if !proved {
            bad += 1;
            damage.blocks.insert((*id, found.offset));
        }
    }
    if whole && bad == 0 {
        return Ok(None);
    }
    if bad > 0 && !scan.damaged.is_empty() {
        // Where a header is damaged it is not known which blocks were there.
        damage.packs.insert(*id);
    }
    Ok(Some(format!("does not have the bytes that were written; {bad} of its blocks cannot be read")))
}
