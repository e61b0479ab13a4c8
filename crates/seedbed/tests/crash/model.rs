//! What a workspace may hold after commands of which some were killed: each was done as a whole, or not at all.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::world::{DECLARED, World};

const MANIFEST: &str = "resources:\n  uploads: { path: media }\nremotes:\n  team: ./remote\n";

/// Gives a workspace a resource with 300 files, and a remote.
pub fn add_files(world: &World) {
    world.manifest(MANIFEST);
    for number in 0..300 {
        let directory = world.path("media").join(format!("{}", number % 10));
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join(format!("{number}")), format!("{number}\n").repeat(100)).expect("a file");
    }
}

/// The files of a resource: by path, mode and bytes.
type Files = Arc<BTreeMap<String, (u32, Vec<u8>)>>;

/// What both databases and the resource hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    pub rows: String,
    pub files: Files,
}

/// What the last command has put aside; nothing of what it did not replace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aside {
    rows: String,
    files: Option<Files>,
}

/// What there is, and what `undo` would bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub content: Content,
    aside: Option<Aside>,
}

/// A command, as far as it matters to what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Changes nothing.
    Nothing,
    /// Saves what there is.
    Snapshot,
    /// Brings back one of these, whichever was saved.
    Restore(Vec<Content>),
    Reset,
    Undo,
}

/// How a command ended, as far as that says what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    /// It was done or not; the next command sees to it that it is nothing between.
    Killed,
}

impl Content {
    /// What there is now.
    pub fn read(world: &World) -> Self {
        let (root, mut files) = (world.path("media"), BTreeMap::new());
        read_files(&root, &root, &mut files);
        Self { rows: world.content(), files: Arc::new(files) }
    }

    /// In what two differ, in words.
    pub fn difference(&self, other: &Self) -> String {
        let names = self.files.keys().chain(other.files.keys());
        let differ = |name: &&String| self.files.get(*name) != other.files.get(*name);
        let mut files: Vec<&String> = names.filter(differ).collect();
        files.dedup();
        let rows = if self.rows == other.rows { "the same" } else { "others" };
        format!("rows: {rows}; {} of {} files, such as {:?}", files.len(), self.files.len(), files.first())
    }
}

impl Debug for Content {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} and {} files", self.rows, self.files.len())
    }
}

fn read_files(root: &Path, directory: &Path, files: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry of a directory").path();
        let name = path.strip_prefix(root).expect("it is below").display().to_string();
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        if path.is_dir() {
            files.insert(name, (mode, Vec::new()));
            read_files(root, &path, files);
        } else {
            files.insert(name, (mode, fs::read(&path).expect("a file")));
        }
    }
}

impl State {
    /// One in which nothing was put aside.
    pub fn new(content: Content) -> Self {
        Self { content, aside: None }
    }

    /// Whether `undo` has something to bring back.
    pub fn has_aside(&self) -> bool {
        self.aside.is_some()
    }

    fn after(&self, work: &Work) -> Vec<Self> {
        let Content { rows, files } = self.content.clone();
        match work {
            Work::Nothing | Work::Snapshot => vec![self.clone()],
            Work::Restore(contents) => {
                let aside = Aside { rows, files: Some(files) };
                contents.iter().map(|content| Self { content: content.clone(), aside: Some(aside.clone()) }).collect()
            }
            Work::Reset => {
                let content = Content { rows: DECLARED.to_owned(), files };
                vec![Self { content, aside: Some(Aside { rows, files: None }) }]
            }
            Work::Undo => {
                let Some(aside) = self.aside.clone() else { return vec![self.clone()] };
                let instead = Aside { rows, files: aside.files.is_some().then(|| files.clone()) };
                let content = Content { rows: aside.rows, files: aside.files.unwrap_or(files) };
                vec![Self { content, aside: Some(instead) }]
            }
        }
    }
}

/// Everything that there may be after these commands, in whatever order they had their turns; and for each what it may have
/// found.
pub fn possible(states: &[State], works: &[(Work, Outcome)]) -> (Vec<State>, Vec<Vec<Content>>) {
    let mut found = vec![Vec::new(); works.len()];
    let mut ends = Vec::new();
    let forth: Vec<usize> = (0..works.len()).collect();
    let back = forth.iter().rev().copied().collect();
    for order in [forth, back] {
        let mut now = states.to_vec();
        for index in order {
            let (work, outcome) = &works[index];
            add(&mut found[index], now.iter().map(|state| state.content.clone()));
            let done = now.iter().flat_map(|state| state.after(work));
            now = match outcome {
                Outcome::Done => done.collect(),
                Outcome::Refused => continue,
                Outcome::Killed => done.chain(now.iter().cloned()).collect(),
            };
        }
        add(&mut ends, now.into_iter());
    }
    (ends, found)
}

fn add<T: PartialEq>(all: &mut Vec<T>, more: impl Iterator<Item = T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
