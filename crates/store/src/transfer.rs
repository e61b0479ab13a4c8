//! Objects from one store to another: only what is missing there, in the order in which it is stored here.

use std::collections::{BTreeSet, HashSet};

use crate::session::Session;
use crate::writer::Writer;
use crate::{ObjectId, ObjectKind, ObjectReader, ObjectWriter, Store, StoreError, decode_node};

/// So many data objects are read together.
const OBJECTS: usize = 4096;
/// Nodes are put when so many bytes of them wait for their children.
const NODE_BYTES: usize = 8 * 1024 * 1024;

/// How far a transfer, a check or a collection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects that were dealt with.
    pub objects: u64,
    /// Bytes that were dealt with.
    pub bytes: u64,
}

/// What a transfer did. Holds the session: to be kept until a reference names what was transferred.
#[must_use = "what was transferred may be collected when this is dropped"]
pub struct Transferred {
    /// Objects that were sent.
    pub objects: u64,
    /// Their plain bytes.
    pub bytes: u64,
    /// Bytes that the target became larger by.
    pub stored_bytes: u64,
    /// Objects that were there already and were not looked into.
    pub skipped: u64,
    /// Keeps collection from what was transferred.
    pub session: Session,
}

/// Sends the objects that `roots` reach. What an interrupted transfer has sent is not sent again. Each object is proved
/// by its id on the way.
pub fn transfer(
    from: &Store,
    to: &Store,
    roots: &[ObjectId],
    progress: &dyn Fn(Progress),
) -> Result<Transferred, StoreError> {
    let writer = to.writer()?;
    let mut transfer = Transfer::new(from, &writer, progress);
    transfer.run(roots)?;
    let Transfer { done, skipped, .. } = transfer;
    let written = writer.finish()?;
    let (stored_bytes, session) = (written.new_bytes, written.session);
    Ok(Transferred { objects: done.objects, bytes: done.bytes, stored_bytes, skipped, session })
}

/// Takes what can be had of the objects that `roots` reach, and leaves out what `from` has not. How many there were.
pub(crate) fn fetch(
    from: &Store,
    writer: &Writer,
    roots: &[ObjectId],
    progress: &dyn Fn(Progress),
) -> Result<u64, StoreError> {
    let mut transfer = Transfer::new(from, writer, progress);
    transfer.lenient = true;
    transfer.run(roots)?;
    Ok(transfer.done.objects)
}

/// Whether an error says that an object cannot be had, and nothing of the others.
fn is_of_object(error: &StoreError) -> bool {
    match error {
        StoreError::NoObject { .. } | StoreError::NotANode { .. } | StoreError::Damaged { .. } => true,
        StoreError::Backend(error) => error.is_not_found(),
        _ => false,
    }
}

struct Transfer<'a> {
    from: &'a Store,
    writer: &'a Writer,
    /// What cannot be had is left out.
    lenient: bool,
    /// To be sent.
    data: BTreeSet<ObjectId>,
    /// To be sent after the data, in this order: children first.
    nodes: Vec<(ObjectId, Vec<u8>)>,
    waiting: HashSet<ObjectId>,
    node_bytes: usize,
    done: Progress,
    skipped: u64,
    progress: &'a dyn Fn(Progress),
}

/// A node whose children are being walked.
struct Open {
    id: ObjectId,
    bytes: Vec<u8>,
    children: std::vec::IntoIter<ObjectId>,
}

impl<'a> Transfer<'a> {
    fn new(from: &'a Store, writer: &'a Writer, progress: &'a dyn Fn(Progress)) -> Self {
        Self {
            from,
            writer,
            lenient: false,
            data: BTreeSet::new(),
            nodes: Vec::new(),
            waiting: HashSet::new(),
            node_bytes: 0,
            done: Progress::default(),
            skipped: 0,
            progress,
        }
    }

    fn run(&mut self, roots: &[ObjectId]) -> Result<(), StoreError> {
        for root in roots {
            self.walk(root)?;
        }
        self.flush()
    }

    fn walk(&mut self, root: &ObjectId) -> Result<(), StoreError> {
        let mut open: Vec<Open> = self.enter(root)?.into_iter().collect();
        while let Some(last) = open.last_mut() {
            if let Some(child) = last.children.next() {
                open.extend(self.enter(&child)?);
            } else if let Some(Open { id, bytes, .. }) = open.pop() {
                self.node_bytes += bytes.len();
                self.waiting.insert(id);
                self.nodes.push((id, bytes));
                if self.node_bytes >= NODE_BYTES {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    /// What is to be done about an object: nothing, or its children, if it is a node that is missing.
    fn enter(&mut self, id: &ObjectId) -> Result<Option<Open>, StoreError> {
        if self.waiting.contains(id) || self.data.contains(id) {
            return Ok(None);
        }
        if self.writer.contains(id)? {
            self.skipped += 1;
            return Ok(None);
        }
        match self.look(id) {
            Err(error) if self.lenient && is_of_object(&error) => Ok(None),
            Err(error) => Err(error),
            Ok(None) => {
                self.data.insert(*id);
                if self.data.len() >= OBJECTS {
                    self.flush_data()?;
                }
                Ok(None)
            }
            Ok(open) => Ok(open),
        }
    }

    /// The node with this id; `None` when it is data.
    fn look(&self, id: &ObjectId) -> Result<Option<Open>, StoreError> {
        if self.from.kind(id)? == ObjectKind::Data {
            return Ok(None);
        }
        let bytes = self.from.get(id)?;
        let (children, _) = decode_node(&bytes).ok_or_else(|| StoreError::NotANode { id: *id })?;
        Ok(Some(Open { id: *id, children: children.into_iter(), bytes }))
    }

    fn flush_data(&mut self) -> Result<(), StoreError> {
        let ids: Vec<ObjectId> = std::mem::take(&mut self.data).into_iter().collect();
        let (writer, done, progress) = (self.writer, &mut self.done, self.progress);
        let mut put = |id: ObjectId, bytes: &[u8]| {
            writer.put(ObjectKind::Data, id, bytes)?;
            done.objects += 1;
            done.bytes += bytes.len() as u64;
            progress(*done);
            Ok(())
        };
        match self.from.get_many(&ids, &mut |at, bytes| put(ids[at], bytes)) {
            // One of them: the others are taken one by one.
            Err(error) if self.lenient && is_of_object(&error) => {
                for id in ids {
                    if writer.contains(&id)? {
                        continue;
                    }
                    match self.from.get(&id) {
                        Ok(bytes) => put(id, &bytes)?,
                        Err(error) if is_of_object(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            other => other,
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.flush_data()?;
        self.waiting.clear();
        self.node_bytes = 0;
        for (id, bytes) in self.nodes.drain(..) {
            self.writer.put(ObjectKind::Node, id, &bytes)?;
            self.done.objects += 1;
            self.done.bytes += bytes.len() as u64;
            (self.progress)(self.done);
        }
        Ok(())
    }
}
