//! Files that are watched for units: on a thread of its own, since looking through directories takes its time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::WalkBuilder;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use supervisor::{Event, UnitId, WatchSpec};
use tokio::sync::mpsc::UnboundedSender;

use crate::pattern::Patterns;

/// So many paths wait to be looked at; what comes beyond that is looked at as a whole.
const PENDING: usize = 4096;

/// So many directories are watched for one unit: each costs memory of the system and of the supervisor.
const DIRECTORIES: usize = 10_000;

/// The files of all units; nothing runs while there are none.
pub(crate) struct Files {
    events: UnboundedSender<Event>,
    thread: RefCell<Option<Sender<Message>>>,
}

enum Message {
    Watch(UnitId, WatchSpec),
    Unwatch(UnitId),
    /// Something has changed.
    Look,
}

/// What has changed and was not looked at.
#[derive(Default)]
struct Pending {
    paths: BTreeSet<PathBuf>,
    /// More has changed than is known.
    is_incomplete: bool,
}

impl Files {
    pub(crate) fn new(events: UnboundedSender<Event>) -> Self {
        Self { events, thread: RefCell::default() }
    }

    /// Tells of changes of these files from now on.
    pub(crate) fn watch(&self, unit: &UnitId, watch: &WatchSpec) {
        let mut thread = self.thread.borrow_mut();
        let sender = thread.get_or_insert_with(|| {
            let (sender, messages) = channel();
            let (events, own) = (self.events.clone(), sender.clone());
            std::thread::spawn(move || Looker::new(events, own).run(&messages));
            sender
        });
        // The thread ends with the process.
        let _ = sender.send(Message::Watch(unit.clone(), watch.clone()));
    }

    /// Tells of them no longer.
    pub(crate) fn unwatch(&self, unit: &UnitId) {
        if let Some(sender) = &*self.thread.borrow() {
            let _ = sender.send(Message::Unwatch(unit.clone()));
        }
    }
}

/// What looks at changes.
struct Looker {
    events: UnboundedSender<Event>,
    pending: Arc<Mutex<Pending>>,
    watcher: notify::Result<RecommendedWatcher>,
    units: BTreeMap<UnitId, Watched>,
    /// By directory that is watched: for how many units.
    directories: BTreeMap<PathBuf, usize>,
}

/// A unit whose files are watched.
struct Watched {
    patterns: Patterns,
    directories: BTreeSet<PathBuf>,
}

impl Looker {
    fn new(events: UnboundedSender<Event>, own: Sender<Message>) -> Self {
        let pending = Arc::<Mutex<Pending>>::default();
        let noted = Arc::clone(&pending);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let mut pending = noted.lock().unwrap_or_else(PoisonError::into_inner);
            let was_empty = pending.paths.is_empty() && !pending.is_incomplete;
            pending.note(event);
            if was_empty && (!pending.paths.is_empty() || pending.is_incomplete) {
                // The thread ends with the process.
                let _ = own.send(Message::Look);
            }
        });
        Self { events, pending, watcher, units: BTreeMap::new(), directories: BTreeMap::new() }
    }

    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Watch(unit, watch) => {
                    self.forget(&unit);
                    let patterns = Patterns::new(&watch);
                    let mut watched = Watched { patterns, directories: BTreeSet::new() };
                    let outcome = self.add_roots(&mut watched);
                    self.units.insert(unit.clone(), watched);
                    self.tell(&unit, outcome);
                }
                Message::Unwatch(unit) => self.forget(&unit),
                Message::Look => self.look(),
            }
        }
    }

    fn tell(&self, unit: &UnitId, outcome: Result<(), String>) {
        if let Err(reason) = outcome {
            // Nobody listens any more only when everything ends.
            let _ = self.events.send(Event::WatchFailed { unit: unit.clone(), reason });
        }
    }

    /// Watches the directories that a unit's patterns begin in.
    fn add_roots(&mut self, watched: &mut Watched) -> Result<(), String> {
        for base in watched.patterns.bases().map(Path::to_owned).collect::<Vec<_>>() {
            self.add_root(watched, &base, &mut |_| {})?;
        }
        Ok(())
    }

    /// Watches where one pattern begins, and names the files that are there.
    fn add_root(&mut self, watched: &mut Watched, base: &Path, file: &mut dyn FnMut(&Path)) -> Result<(), String> {
        let mut parent = None;
        while !base.is_dir() {
            // What is not there yet, or is a file, comes and changes in the directory that it is in.
            let nearest = base.ancestors().skip(1).find(|nearest| nearest.is_dir()).unwrap_or(base);
            // What was made before that was watched is told of by nobody: it is looked for once more.
            if parent == Some(nearest) {
                return Ok(());
            }
            self.add(watched, nearest)?;
            parent = Some(nearest);
        }
        self.add_below(watched, base, file)
    }

    /// Watches a directory and all below it that is not ignored, and names the files that are there.
    fn add_below(&mut self, watched: &mut Watched, top: &Path, file: &mut dyn FnMut(&Path)) -> Result<(), String> {
        let patterns = watched.patterns.clone();
        let mut walk = WalkBuilder::new(top);
        walk.standard_filters(false).git_ignore(true).parents(true).require_git(false);
        walk.filter_entry(move |entry| entry.depth() == 0 || !patterns.hides(entry.path()));
        for entry in walk.build().flatten() {
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                self.add(watched, entry.path())?;
            } else {
                file(entry.path());
            }
        }
        Ok(())
    }

    fn add(&mut self, watched: &mut Watched, directory: &Path) -> Result<(), String> {
        if watched.directories.contains(directory) {
            return Ok(());
        }
        if watched.directories.len() == DIRECTORIES {
            return Err(format!("more than {DIRECTORIES} directories would be watched: name fewer, or ignore some"));
        }
        if !self.directories.contains_key(directory) {
            let system = match &mut self.watcher {
                Ok(system) => system,
                Err(error) => return Err(told(error)),
            };
            match system.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It went as it came.
                Err(_) if !directory.is_dir() => return Ok(()),
                Err(error) => return Err(told(&error)),
            }
        }
        *self.directories.entry(directory.to_owned()).or_default() += 1;
        watched.directories.insert(directory.to_owned());
        Ok(())
    }

    fn forget(&mut self, unit: &UnitId) {
        for directory in self.units.remove(unit).into_iter().flat_map(|watched| watched.directories) {
            let Some(users) = self.directories.get_mut(&directory) else { continue };
            *users -= 1;
            if *users == 0 {
                self.directories.remove(&directory);
                if let Ok(watcher) = &mut self.watcher {
                    // One that is gone is watched no longer.
                    let _ = watcher.unwatch(&directory);
                }
            }
        }
    }

    /// Finds out whose files have changed.
    fn look(&mut self) {
        let Pending { paths, is_incomplete } =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for (unit, mut watched) in std::mem::take(&mut self.units) {
            let mut changed = BTreeSet::new();
            let mut outcome = Ok(());
            if is_incomplete {
                outcome = self.add_roots(&mut watched);
                changed.insert("much".to_owned());
            }
            for path in &paths {
                if outcome.is_ok() {
                    outcome = self.look_at(&mut watched, path, &mut changed);
                }
            }
            if let Some(path) = changed.first().cloned() {
                let others = changed.len() - 1;
                // Nobody listens any more only when everything ends.
                let _ = self.events.send(Event::FilesChanged { unit: unit.clone(), path, others });
            }
            self.tell(&unit, outcome);
            self.units.insert(unit, watched);
        }
        // A directory that is gone may come back, and is another one then.
        let gone: Vec<PathBuf> = paths.into_iter().filter(|path| self.directories.contains_key(path)).collect();
        for directory in gone.into_iter().filter(|directory| !directory.is_dir()) {
            self.directories.remove(&directory);
            for watched in self.units.values_mut() {
                watched.directories.remove(&directory);
            }
        }
    }

    fn look_at(&mut self, watched: &mut Watched, path: &Path, changed: &mut BTreeSet<String>) -> Result<(), String> {
        let patterns = watched.patterns.clone();
        let mut note = |path: &Path| {
            if patterns.matches(path) {
                changed.insert(patterns.name(path));
            }
        };
        if !path.is_dir() {
            note(path);
            return Ok(());
        }
        // One that was there before has changed only in what is in it, which is told, too.
        if watched.directories.contains(path) {
            return Ok(());
        }
        for base in patterns.bases().filter(|base| base.starts_with(path)) {
            self.add_root(watched, base, &mut note)?;
        }
        if patterns.bases().any(|base| path.starts_with(base)) && !patterns.ignores(path, true) {
            self.add_below(watched, path, &mut note)?;
        }
        Ok(())
    }
}

impl Pending {
    fn note(&mut self, event: notify::Result<notify::Event>) {
        let Ok(event) = event else {
            self.is_incomplete = true;
            return;
        };
        self.is_incomplete |= event.need_rescan();
        // Who only reads changes nothing.
        let is_change = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => false,
            _ => true,
        };
        if !is_change {
            return;
        }
        for path in event.paths {
            if self.paths.len() == PENDING {
                self.is_incomplete = true;
                return;
            }
            self.paths.insert(path);
        }
    }
}

fn told(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "files cannot be watched: the system watches no more directories (fs.inotify.max_user_watches)".to_owned()
        }
        ErrorKind::Io(error) => format!("files cannot be watched: {error}"),
        kind => format!("files cannot be watched: {kind:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    struct Case {
        directory: tempfile::TempDir,
        files: Files,
        events: UnboundedReceiver<Event>,
        rounds: usize,
    }

    impl Case {
        fn new(patterns: &[&str], ignore: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (sender, events) = unbounded_channel();
            let case = Self { directory, files: Files::new(sender), events, rounds: 0 };
            for (path, text) in [
                (".gitignore", "build/\n*.log\n"),
                ("src/app.py", "1"),
                ("src/deep/er.py", "1"),
                ("src/build/out.py", "1"),
                ("pages/one.html", "1"),
                ("settings.toml", "1"),
            ] {
                case.write(path, text);
            }
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let watch = |patterns: &[&str], ignore: &[&str]| WatchSpec {
                root: case.directory.path().canonicalize().unwrap(),
                patterns: texts(patterns),
                ignore: texts(ignore),
                debounce: Duration::from_millis(1),
            };
            case.files.watch(&"unit".into(), &watch(patterns, ignore));
            // By name the last: of what is looked at together it is told of last.
            case.files.watch(&"zz".into(), &watch(&["end*"], &[]));
            let mut case = case;
            case.changed(&[]);
            case
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Writes files and says which changes are told of until one that comes last.
        fn changed(&mut self, paths: &[&str]) -> Vec<String> {
            for path in paths {
                self.write(path, "2");
            }
            let mut told = BTreeSet::new();
            self.rounds += 1;
            // Of several the first by name is told of: the one of this round.
            let end = format!("end-{}", 1000 - self.rounds);
            let began = Instant::now();
            loop {
                // It may be watched only after it was written.
                self.write(&end, "2");
                let until = Instant::now() + Duration::from_millis(50);
                while Instant::now() < until {
                    match self.events.try_recv() {
                        Ok(Event::FilesChanged { path, .. }) if path == end => {
                            return told.into_iter().collect();
                        }
                        Ok(Event::FilesChanged { unit, .. }) if unit.as_str() == "zz" => {}
                        Ok(Event::FilesChanged { path, .. }) => {
                            told.insert(path);
                        }
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => std::thread::yield_now(),
                    }
                }
                assert!(began.elapsed() < PATIENCE, "nothing is told of any more; {told:?}");
            }
        }
    }

    #[test]
    fn what_matches_and_is_not_ignored_is_told_of() {
        let mut case = Case::new(&["src/**/*.py", "settings.toml", "pages", "later/**"], &["**/skipped.*"]);
        let none: [&str; 0] = [];
        assert_eq!(case.changed(&["src/app.py"]), ["src/app.py"]);
        assert_eq!(case.changed(&["src/deep/er.py"]), ["src/deep/er.py"]);
        assert_eq!(case.changed(&["settings.toml"]), ["settings.toml"]);
        assert_eq!(case.changed(&["pages/two.html"]), ["pages/two.html"]);
        for hidden in ["src/build/out.py", "src/notes.txt", "src/skipped.py", "pages/a.log", "pages/.one.swp", "other"]
        {
            assert_eq!(case.changed(&[hidden]), none, "{hidden}");
        }
    }

    #[test]
    fn directories_that_come_and_go_are_watched() {
        let mut case = Case::new(&["src/**", "later/on/**"], &[]);
        assert_eq!(case.changed(&["src/new/in/it.py"]), ["src/new/in/it.py"]);
        assert_eq!(case.changed(&["src/new/in/it.py"]), ["src/new/in/it.py"]);
        assert_eq!(case.changed(&["later/on/file"]), ["later/on/file"]);
        assert_eq!(case.changed(&["later/on/file"]), ["later/on/file"]);
        fs::remove_dir_all(case.directory.path().join("src/new")).unwrap();
        assert!(!case.changed(&[]).is_empty());
        assert_eq!(case.changed(&["src/new/in/it.py"]), ["src/new/in/it.py"]);
        assert_eq!(case.changed(&["src/new/in/it.py"]), ["src/new/in/it.py"]);
    }

    #[test]
    fn nothing_is_told_of_what_is_watched_no_longer() {
        let mut case = Case::new(&["src/**"], &[]);
        case.files.unwatch(&"unit".into());
        let none: [&str; 0] = [];
        assert_eq!(case.changed(&["src/app.py"]), none);
    }
}
