//! What happens at one statement: the connection is lost, or the process is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What happens, and on which side of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is lost before the statement has come to the server.
    Lost,
    /// It is lost when the statement was executed, and its answer does not come back.
    AnswerLost,
    /// The process is killed before the statement.
    Killed,
    /// It is killed when the statement was executed.
    KilledAfter,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Lost, Self::AnswerLost, Self::Killed, Self::KilledAfter];

    pub(super) fn kills(self) -> bool {
        matches!(self, Self::Killed | Self::KilledAfter)
    }

    /// Whether the statement is executed.
    pub(super) fn is_after(self) -> bool {
        matches!(self, Self::AnswerLost | Self::KilledAfter)
    }
}

/// A statement of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Whether it may change something.
    changes: bool,
    /// What the journal was.
    journal: Vec<(String, Vec<u8>)>,
}

impl Statement {
    /// Whether a fault at this statement can come to anything that it does not come to at the one before. What only reads
    /// can be lost, and that is all; and a process that is killed leaves what it would have left when it was killed after
    /// the statement before, unless the journal was written meanwhile.
    pub(super) fn is_worth(&self, kind: Kind, before: Option<&Self>) -> bool {
        let is_another_moment = before.is_none_or(|before| before.journal != self.journal);
        match kind {
            Kind::Lost => self.changes || is_another_moment || before.is_some_and(|before| before.changes),
            Kind::AnswerLost | Kind::KilledAfter => self.changes,
            Kind::Killed => is_another_moment,
        }
    }
}

/// The fault of one run, at one of its statements, which are counted over all connections.
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The statement, from 0.
    at: usize,
    statements: Mutex<Vec<Statement>>,
    has_happened: AtomicBool,
    /// The directory of the journal, and where the journal goes as it is when the process is killed.
    journal: (PathBuf, PathBuf),
    /// Holds whoever copies the journal.
    copying: Mutex<()>,
}

impl Fault {
    pub(super) fn new(kind: Kind, at: usize, journal: &Path, left: &Path) -> Self {
        let journal = (journal.to_owned(), left.to_owned());
        let (statements, has_happened) = (Mutex::default(), AtomicBool::new(false));
        Self { kind, at, statements, has_happened, journal, copying: Mutex::new(()) }
    }

    /// Notes a statement, and says whether it is the one.
    pub(super) fn is_now(&self, changes: bool) -> bool {
        let entries = fs::read_dir(&self.journal.0).unwrap().flatten();
        let entry = |entry: fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What only takes space is the same wherever it is.
            let bytes = if name == "journal-reserve" { Vec::new() } else { fs::read(entry.path()).unwrap() };
            (name, bytes)
        };
        let mut journal: Vec<(String, Vec<u8>)> = entries.map(entry).collect();
        journal.sort();
        let mut statements = self.statements.lock().unwrap();
        statements.push(Statement { changes, journal });
        statements.len() - 1 == self.at
    }

    /// The statements of the run so far.
    pub(super) fn statements(&self) -> Vec<Statement> {
        self.statements.lock().unwrap().clone()
    }

    /// It happens. Whoever was killed writes no journal any more: what there is of it now is what is found later.
    pub(super) fn happens(&self) {
        let _copying = self.copying.lock().unwrap();
        if !self.has_happened.swap(true, Ordering::SeqCst) && self.kind.kills() {
            let (from, to) = &self.journal;
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }

    pub(super) fn has_happened(&self) -> bool {
        self.has_happened.load(Ordering::SeqCst)
    }

    /// Whether nothing comes to a server any more.
    pub(super) fn is_dead(&self) -> bool {
        self.has_happened() && self.kind.kills()
    }
}
