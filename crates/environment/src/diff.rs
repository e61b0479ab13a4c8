//! `diff`: how two snapshots differ, or a snapshot and the present.

use std::collections::BTreeSet;

use database::{Database, StateName, is_comparable};
use plan::DatabaseId;
use store::{Content, Store};
use tree::ChangeKind;

use crate::compare::{DatabaseDifference, compare};
use crate::context::{Context, Mode, Target};
use crate::material::Material;
use crate::resources::{self, FILES};
use crate::session::Session;
use crate::snapshot::{Part, part_of};
use crate::{Error, states};

/// How two states of an environment differ.
#[derive(Debug, Default)]
pub struct Difference {
    /// Databases and resources only in the second.
    pub added: Vec<String>,
    /// Databases and resources only in the first.
    pub removed: Vec<String>,
    /// Those that are the same in both.
    pub same: Vec<String>,
    /// Databases that differ.
    pub databases: Vec<(String, DatabaseDifference)>,
    /// Resources that differ: `+`, `-` or `~` and a path.
    pub files: Vec<(String, Vec<(char, String)>)>,
}

/// Compares two snapshots, or a snapshot and the present. Nothing but copies is touched.
pub fn diff(
    context: &Context<'_>,
    target: &Target,
    from: &str,
    to: Option<&str>,
    rows: usize,
) -> Result<Difference, Error> {
    let session = Session::open(context, target, &Mode::Existing, "diff")?;
    let store = session.store()?;
    let contents = |tag: &str| Ok::<_, Error>(store.snapshot(&store.find(tag)?)?.contents);
    let before = contents(from)?;
    let after = to.map(contents).transpose()?;
    let was_running = !session.observed.running.is_empty();
    let databases: BTreeSet<DatabaseId> = session.observed.databases.keys().cloned().collect();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &databases);
    session.execute(&servers, &Material::of("diff"))?;
    let compared = session.compare(store, &before, after.as_deref(), rows);
    let rested = session.rest(was_running);
    let compared = compared?;
    rested?;
    Ok(compared)
}

impl Session<'_> {
    fn compare(
        &self,
        store: &Store,
        before: &[Content],
        after: Option<&[Content]>,
        rows: usize,
    ) -> Result<Difference, Error> {
        let mut difference = Difference::default();
        let now: Vec<String> = if let Some(after) = after {
            after.iter().map(|content| content.name.clone()).collect()
        } else {
            let databases = self.observed.databases.keys().map(ToString::to_string);
            databases.chain(self.model.resources.keys().map(ToString::to_string)).collect()
        };
        let is_before = |name: &String| before.iter().any(|content| content.name == *name);
        difference.added = now.iter().filter(|name| !is_before(name)).cloned().collect();
        for old in before {
            if !now.contains(&old.name) {
                difference.removed.push(old.name.clone());
                continue;
            }
            let new = after.and_then(|after| after.iter().find(|content| content.name == old.name));
            if new.is_some_and(|new| new.fingerprint == old.fingerprint) {
                difference.same.push(old.name.clone());
                continue;
            }
            match part_of(self, old) {
                Some(Part::Database(id)) => {
                    let found = self.compare_database(store, &id, old, new, rows)?;
                    match found {
                        None => difference.same.push(old.name.clone()),
                        Some(found) => difference.databases.push((old.name.clone(), found)),
                    }
                }
                Some(Part::Resource(id)) => {
                    // The present files are put into the store, named by nothing: the next collection takes them away.
                    let (root, _present) = if let Some(new) = new {
                        (new.root, None)
                    } else {
                        let (saved, written) = resources::save_present(self, &id)?;
                        (saved.root, Some(written))
                    };
                    let mut files = Vec::new();
                    tree::diff(&old.root, &root, store, &mut |change| {
                        let sign = match change.kind {
                            ChangeKind::Added => '+',
                            ChangeKind::Removed => '-',
                            _ => '~',
                        };
                        let path = change.path.display().to_string();
                        files.push((sign, if path.is_empty() { ".".to_owned() } else { path }));
                        Ok(())
                    })
                    .map_err(Error::tree)?;
                    if files.is_empty() {
                        difference.same.push(old.name.clone());
                    } else {
                        difference.files.push((old.name.clone(), files));
                    }
                }
                None if old.kind == FILES && new.is_some() => difference.files.push((old.name.clone(), Vec::new())),
                // It is a database that this environment does not have any more.
                None => difference.removed.push(old.name.clone()),
            }
        }
        Ok(difference)
    }

    fn compare_database(
        &self,
        store: &Store,
        id: &DatabaseId,
        old: &Content,
        new: Option<&Content>,
        rows: usize,
    ) -> Result<Option<DatabaseDifference>, Error> {
        let mut database = self.database(id)?;
        if new.is_none() && database.fingerprint().map_err(Error::database(id))? == old.fingerprint {
            return Ok(None);
        }
        let names = ["diff-before", "diff-after"].map(|name| StateName::new(name).expect("letters and a hyphen"));
        let result = self.compare_states(store, id, &mut *database, &names, old, new, rows);
        for name in &names {
            database.forget(name).map_err(Error::database(id))?;
        }
        result
    }

    #[expect(clippy::too_many_arguments, reason = "they are two states of one database")]
    fn compare_states(
        &self,
        store: &Store,
        id: &DatabaseId,
        database: &mut dyn Database,
        names: &[StateName; 2],
        old: &Content,
        new: Option<&Content>,
        rows: usize,
    ) -> Result<Option<DatabaseDifference>, Error> {
        states::restore_as(self, id, database, &names[0], old, store, false)?;
        let mut before = database.open_kept(&names[0]).map_err(Error::database(id))?;
        let mut kept;
        let after = match new {
            None => database,
            Some(new) => {
                states::restore_as(self, id, database, &names[1], new, store, false)?;
                kept = database.open_kept(&names[1]).map_err(Error::database(id))?;
                &mut *kept
            }
        };
        // Fingerprints that were computed in another way did not tell whether they are the same.
        let is_open = [Some(old), new].into_iter().flatten().any(|content| !is_comparable(&content.fingerprint));
        let digest = |database: &mut dyn Database| database.fingerprint().map_err(Error::database(id));
        if is_open && digest(&mut *before)? == digest(after)? {
            return Ok(None);
        }
        compare(&mut *before, after, rows).map(Some).map_err(Error::database(id))
    }
}
