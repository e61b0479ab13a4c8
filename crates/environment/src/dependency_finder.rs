//! Says where each dependency lies, by one rule for all.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use manifest::{Dependency, DependencySource, Local, Locator, Wanted};
use repositories::{
    Address, Cache, CommitId, LockFile, Pinned, RepositoryError, Resolved, ResolvedKind, WorkingCopy, below,
    check_reference,
};
use source::{Place, Problem, Problems};

use crate::dependencies::{Found, Moving, Way};
use crate::dependency_problems::{address, conflict, outside};
use crate::{Error, Monitor, Progress};

/// What a dependency is, whichever way leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A path in a repository.
    Repository(String, String),
    /// A directory.
    Path(PathBuf),
}

/// What a repository is called where it is pinned: by its identity; one that a dependent wants at a revision of its own by the name of
/// that one, too.
fn pin(identity: &str, dependency: &Dependency) -> String {
    dependency.called.as_ref().map_or_else(|| identity.to_owned(), |(name, _)| repositories::pin(identity, name))
}

/// The commit that a repository is used at, and who wanted that.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    address: Address,
    pub(crate) reference: Option<String>,
    commit: CommitId,
    /// The names that lead to it.
    pub(crate) chain: Vec<String>,
    pub(crate) place: Place,
}

impl Decision {
    /// Whether the root itself says it.
    fn is_of_root(&self) -> bool {
        self.chain.len() == 2
    }
}

/// Says where dependencies lie.
pub(crate) struct Finder<'a> {
    cache: &'a Cache<'a>,
    monitor: &'a dyn Monitor,
    root: &'a Path,
    local: &'a Local,
    moving: &'a Moving,
    before: LockFile,
    now: LockFile,
    decisions: BTreeMap<String, Decision>,
    /// Repositories whose pins are moved.
    moved: BTreeSet<String>,
    /// What is linked.
    links: HashMap<Key, PathBuf>,
    /// What was checked out, and the digest of it.
    checkouts: HashMap<(String, CommitId, String), (PathBuf, String)>,
    /// By directory.
    found: HashMap<PathBuf, Found>,
    names: BTreeSet<String>,
    /// The repository of the root, and the addresses that it has; asked for when it is needed first.
    own: OnceCell<Option<(PathBuf, Vec<Address>)>>,
    is_settled: bool,
    /// The first thing of the world that failed, and where it is wanted.
    failure: Option<(String, RepositoryError)>,
    problems: Problems,
}

/// What was found.
pub(crate) struct Finished {
    pub(crate) lock: LockFile,
    pub(crate) found: Vec<Found>,
    pub(crate) names: BTreeSet<String>,
    pub(crate) problems: Problems,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(
        cache: &'a Cache<'a>,
        monitor: &'a dyn Monitor,
        root: &'a Path,
        local: &'a Local,
        before: LockFile,
        moving: &'a Moving,
    ) -> Self {
        Self {
            cache,
            monitor,
            root,
            local,
            moving,
            now: before.clone(),
            before,
            decisions: BTreeMap::new(),
            moved: BTreeSet::new(),
            links: HashMap::new(),
            checkouts: HashMap::new(),
            found: HashMap::new(),
            names: BTreeSet::new(),
            own: OnceCell::new(),
            is_settled: true,
            failure: None,
            problems: Problems::new(),
        }
    }

    /// What was found, and what the lock should say: what nothing needs any more is not in it, unless something is linked,
    /// since then nobody knows what its locked version needs.
    pub(crate) fn finish(mut self) -> Result<Finished, Error> {
        if let Some((place, source)) = self.failure {
            return Err(match source {
                RepositoryError::Interrupted => Error::Interrupted,
                source => Error::Repository { place: Some(place), source },
            });
        }
        let mut used: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        for ((identity, commit, path), (_, digest)) in &self.checkouts {
            if self.decisions.get(identity).is_some_and(|decision| decision.commit == *commit) {
                used.entry(identity).or_default().insert(path.clone(), digest.clone());
            }
        }
        if self.links.is_empty() {
            self.now.repositories.retain(|identity, _| used.contains_key(identity.as_str()));
        }
        for (identity, digests) in used {
            let Some(pinned) = self.now.repositories.get_mut(identity) else { continue };
            if self.links.is_empty() {
                pinned.digests = digests;
            } else {
                pinned.digests.extend(digests);
            }
        }
        let found = self.found.into_values().collect();
        Ok(Finished { lock: self.now, found, names: self.names, problems: self.problems })
    }

    /// The key of what is wanted; `None` for a path of a workspace that is not of a repository.
    fn key(&self, wanted: &Wanted<'_>) -> Result<Key, Problem> {
        match &wanted.dependency.source {
            DependencySource::Git { path, .. } => {
                let address = address(wanted.dependency)?;
                let path = below("", path).unwrap_or_else(|| path.clone());
                Ok(Key::Repository(pin(address.identity(), wanted.dependency), path))
            }
            DependencySource::Path(path) => {
                let Some((identity, base)) = self.origin(wanted.from) else {
                    let wanted = wanted.from.join(path);
                    return Ok(Key::Path(wanted.canonicalize().unwrap_or(wanted)));
                };
                let path = below(&base, path).ok_or_else(|| outside(wanted))?;
                Ok(Key::Repository(identity, path))
            }
        }
    }

    /// The repository that a directory was checked out of, and where in it.
    fn origin(&self, directory: &Path) -> Option<(String, String)> {
        let found = self.found.get(directory).filter(|found| found.way == Way::Locked)?;
        found.repository.clone()
    }

    /// The directory that is linked in place of a dependency.
    fn linked(&mut self, wanted: &Wanted<'_>, key: &Key) -> Option<Result<PathBuf, Problem>> {
        if let Some(directory) = self.links.get(key) {
            return Some(Ok(directory.clone()));
        }
        let link = self.local.link.get(wanted.alias)?;
        let place = self.root.join(&link.path);
        let inner = match key {
            Key::Repository(_, path) => place.join(path),
            Key::Path(_) => place.clone(),
        };
        let has_manifest = |directory: &&PathBuf| directory.join(manifest::FILE_NAME).is_file();
        let Some(directory) =
            [&place, &inner].into_iter().find(has_manifest).and_then(|found| found.canonicalize().ok())
        else {
            let message = format!("`{}` is linked to a directory without a `{}`", wanted.alias, manifest::FILE_NAME);
            let problem = Problem::error("dependency::link", message).at(&link.place, "not a workspace");
            return Some(Err(problem.help(format!("correct it, or `seedbed unlink {}`", wanted.alias))));
        };
        self.links.insert(key.clone(), directory.clone());
        // Who wanted the same under another name gets it, too.
        self.is_settled = false;
        let repository = match key {
            Key::Repository(identity, path) => Some((identity.clone(), path.clone())),
            Key::Path(_) => None,
        };
        self.found.insert(directory.clone(), Found { directory: directory.clone(), repository, way: Way::Linked });
        Some(Ok(directory))
    }

    /// The root workspace's own repository, when that is the one that is wanted.
    fn own(&mut self, identity: &str, path: &str) -> Option<PathBuf> {
        // Without git nobody has checked it out.
        let origins = || WorkingCopy::new(self.cache.settings(), self.root).origins().unwrap_or_default();
        let (root, addresses) = self.own.get_or_init(origins).as_ref()?;
        let is_own = addresses.iter().any(|address| address.identity() == identity);
        let directory = root.join(path);
        let directory =
            (is_own && directory.join(manifest::FILE_NAME).is_file()).then(|| directory.canonicalize().ok())??;
        let repository = Some((identity.to_owned(), path.to_owned()));
        let found = Found { directory: directory.clone(), repository, way: Way::Own };
        self.found.entry(directory.clone()).or_insert(found);
        Some(directory)
    }

    fn find(&mut self, wanted: &Wanted<'_>) -> Option<Result<PathBuf, Problem>> {
        self.names.insert(wanted.alias.to_owned());
        let key = match self.key(wanted) {
            Ok(key) => key,
            Err(problem) => return Some(Err(problem)),
        };
        if let Some(linked) = self.linked(wanted, &key) {
            return Some(linked);
        }
        let Key::Repository(identity, path) = key else { return None };
        if matches!(wanted.dependency.source, DependencySource::Git { .. }) {
            if let Some(own) = self.own(&identity, &path) {
                return Some(Ok(own));
            }
            if let Err(problem) = self.decide(wanted, &identity) {
                return Some(Err(problem));
            }
        }
        Some(self.check_out(wanted, &identity, &path))
    }

    /// Decides at which commit a repository is used.
    fn decide(&mut self, wanted: &Wanted<'_>, identity: &str) -> Result<(), Problem> {
        let address = address(wanted.dependency)?;
        let DependencySource::Git { reference, .. } = &wanted.dependency.source else { return Ok(()) };
        if let Some((name, place)) = reference
            && let Err(why) = check_reference(name)
        {
            let message = format!("`{}` cannot be had: {why}", name.escape_debug());
            return Err(Problem::error("dependency::reference", message).at(place, "not a branch, a tag or a commit"));
        }
        let moves = self.is_moved(wanted.alias, identity) && self.moved.insert(identity.to_owned());
        let place = reference.as_ref().map_or(&wanted.dependency.place, |(_, place)| place);
        let chain: Vec<String> = wanted.chain.iter().cloned().chain([wanted.alias.to_owned()]).collect();
        let reference = reference.as_ref().map(|(name, _)| name.clone());
        let mut reference = reference;
        if let Some(known) = self.decisions.get(identity) {
            let is_same = match &reference {
                None => true,
                Some(name) => Some(name) == known.reference.as_ref() || name == known.commit.as_str(),
            };
            // What the root says holds for all; when it says what another one has said, too, that is said by the root.
            let takes_over = chain.len() == 2 && reference.is_some() && !known.is_of_root();
            let is_decided = !takes_over && (is_same || known.is_of_root() && known.reference.is_some());
            if is_decided && !moves {
                return Ok(());
            }
            if is_decided {
                reference.clone_from(&known.reference);
            } else if known.reference.is_some() && chain.len() > 2 {
                return Err(conflict(wanted.alias, (&reference, &chain, place), known, &address));
            }
            self.is_settled = false;
        }
        let commit = self.commit(&address, identity, reference.as_deref(), place)?;
        let decision = Decision { address, reference, commit, chain, place: place.clone() };
        self.decisions.insert(identity.to_owned(), decision);
        Ok(())
    }

    fn is_moved(&self, alias: &str, identity: &str) -> bool {
        match self.moving {
            Moving::None => false,
            Moving::Some { names: None, .. } => true,
            Moving::Some { names: Some(names), .. } => {
                let last = identity.rsplit('/').next().unwrap_or_default();
                names.contains(alias) || last.split(" as ").chain([last]).any(|name| names.contains(name))
            }
        }
    }

    /// The commit of a name: that of the lock, or what the repository says now.
    fn commit(
        &mut self,
        address: &Address,
        identity: &str,
        reference: Option<&str>,
        place: &Place,
    ) -> Result<CommitId, Problem> {
        let locked = self.before.repositories.get(identity).filter(|pinned| pinned.reference.as_deref() == reference);
        if let Some(pinned) = locked.filter(|_| !self.moved.contains(identity)) {
            self.now.repositories.insert(identity.to_owned(), pinned.clone());
            return Ok(pinned.commit.clone());
        }
        let locked = locked.cloned();
        let resolved = self.cache.repository(address).resolve(reference);
        let Resolved { commit, kind } = resolved.map_err(|error| self.failed(place, error))?;
        let may_move = matches!(self.moving, Moving::Some { moved_tags: true, .. });
        if let Some(pinned) = &locked
            && kind == ResolvedKind::Tag
            && pinned.commit != commit
            && !may_move
        {
            let name = reference.unwrap_or_default();
            let message = format!(
                "the tag `{name}` of {address} was moved: it was {} when it was locked, and is {} now",
                pinned.commit.short(),
                commit.short()
            );
            return Err(Problem::error("dependency::moved-tag", message)
                .at(place, "a tag should stay where it is")
                .help("ask who moved it; if that is right, `seedbed update --moved-tags` takes it"));
        }
        let digests = locked.filter(|pinned| pinned.commit == commit).map(|pinned| pinned.digests).unwrap_or_default();
        let pinned = Pinned {
            address: address.clone(),
            reference: reference.map(str::to_owned),
            commit: commit.clone(),
            digests,
        };
        self.now.repositories.insert(identity.to_owned(), pinned);
        Ok(commit)
    }

    fn check_out(&mut self, wanted: &Wanted<'_>, identity: &str, path: &str) -> Result<PathBuf, Problem> {
        let place = &wanted.dependency.place;
        let directory = self.checked_out(identity, path).map_err(|error| self.failed(place, error))?;
        if !directory.join(manifest::FILE_NAME).is_file() {
            let message = format!("the dependency `{}` has no `{}`", wanted.alias, manifest::FILE_NAME);
            let there =
                if path == "." { "in the root of the repository".to_owned() } else { format!("below `{path}`") };
            return Err(Problem::error("dependency::no-manifest", message)
                .at(place, "not a workspace")
                .help(format!("there is none {there}; `path` says where in the repository it is")));
        }
        let found = Found {
            directory: directory.clone(),
            repository: Some((identity.to_owned(), path.to_owned())),
            way: Way::Locked,
        };
        self.found.insert(directory.clone(), found);
        Ok(directory)
    }

    fn checked_out(&mut self, identity: &str, path: &str) -> Result<PathBuf, RepositoryError> {
        let decision = self.decisions.get(identity).expect("it was decided when it was come upon").clone();
        let key = (identity.to_owned(), decision.commit.clone(), path.to_owned());
        if let Some((directory, _)) = self.checkouts.get(&key) {
            return Ok(directory.clone());
        }
        let pinned = self.now.repositories.get(identity);
        let digest = pinned.and_then(|pinned| pinned.digests.get(path)).cloned();
        let checkout = self.cache.repository(&decision.address).checkout(&decision.commit, path, digest.as_deref())?;
        for submodule in &checkout.submodules {
            let address = &decision.address;
            self.monitor.on(Progress::Note(format!("{submodule} of {address} is a submodule, which is not fetched")));
        }
        let directory = checkout.directory.canonicalize().unwrap_or(checkout.directory);
        self.checkouts.insert(key, (directory.clone(), checkout.digest));
        Ok(directory)
    }

    /// What is said of a failure. One of the world ends the command; the text is not what is wrong.
    fn failed(&mut self, place: &Place, error: RepositoryError) -> Problem {
        let problem = Problem::error("dependency::repository", error.to_string()).at(place, "wanted here");
        let problem = problem.maybe_help(error.help());
        let is_of_world = matches!(
            error,
            RepositoryError::NoGit(_)
                | RepositoryError::Unreachable { .. }
                | RepositoryError::Git { .. }
                | RepositoryError::Io { .. }
                | RepositoryError::Interrupted
        );
        if is_of_world && self.failure.is_none() {
            self.failure = Some((place.to_string(), error));
        }
        problem
    }
}

impl Locator for Finder<'_> {
    fn locate(&mut self, wanted: &Wanted<'_>) -> Option<Result<PathBuf, Problem>> {
        if self.failure.is_some() {
            // Nobody waits for the next one, which would fail in the same way.
            return Some(Err(Problem::error("dependency::repository", "not tried any more")));
        }
        self.find(wanted)
    }

    fn beside(&mut self, directory: &Path, paths: &[String]) {
        let Some((identity, base)) = self.origin(directory) else { return };
        if base == "." || self.failure.is_some() {
            return;
        }
        for path in paths.iter().filter_map(|path| below(&base, path)) {
            match self.checked_out(&identity, &path) {
                // What is not in the repository is made by something, or never there.
                Ok(_) | Err(RepositoryError::NoPath { .. }) => {}
                Err(error) => {
                    let place = self.decisions.get(&identity).map(|decision| decision.place.clone());
                    if let Some(place) = place {
                        let problem = self.failed(&place, error);
                        self.problems.push(problem);
                    }
                }
            }
        }
    }

    fn is_settled(&mut self) -> bool {
        std::mem::replace(&mut self.is_settled, true)
    }
}
