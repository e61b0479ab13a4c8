//! `store check`, `store repair` and `store collect`: a store is read, mended, and freed of what nothing needs.

use std::collections::BTreeSet;

use database::StateName;
use plan::DatabaseId;
use store::{CheckOptions, CollectOptions, CollectReport, Finding, Repaired, Store};

use crate::context::{Context, Mode, Target};
use crate::library::{Purpose, existing_store, open_remote, open_store, remote};
use crate::material::Material;
use crate::session::Session;
use crate::sharing::tree;
use crate::snapshot::{Part, named_remote, part_of};
use crate::{Error, states};

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// What is damaged or missing in the store.
    pub findings: Vec<Finding>,
    /// What the engines' own checkers found: database and finding.
    pub disproved: Vec<(String, String)>,
    /// Databases of which the engines' own checkers found nothing wrong.
    pub proved: Vec<String>,
}

/// Reads the store of the workspace or of a remote, with all its data if that is wanted, and lets the engines' own checkers
/// read the databases of some snapshots.
pub fn check(
    context: &Context<'_>,
    target: &Target,
    from: Option<&str>,
    with_data: bool,
    prove: &[String],
) -> Result<CheckReport, Error> {
    let store = opened(context, target, from)?;
    let findings = {
        let _at_once = context.interrupt.at_once();
        store::check(&store, CheckOptions { data: with_data }, &|_| {})?
    };
    let mut report = CheckReport { findings, ..CheckReport::default() };
    if !prove.is_empty() {
        proved(context, target, &store, prove, &mut report)?;
    }
    Ok(report)
}

fn opened(context: &Context<'_>, target: &Target, from: Option<&str>) -> Result<Store, Error> {
    match from {
        Some(name) => named_remote(context, target, name),
        None => open_store(context, &target.root),
    }
}

/// Starts what the databases of snapshots need, makes each a kept state that nobody uses, and lets the engine read it.
fn proved(
    context: &Context<'_>,
    target: &Target,
    store: &Store,
    tags: &[String],
    report: &mut CheckReport,
) -> Result<(), Error> {
    let session = Session::open(context, target, &Mode::Existing, "check")?;
    let was_running = !session.observed.running.is_empty();
    let all: BTreeSet<DatabaseId> = session.model.databases.keys().cloned().collect();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &all);
    session.execute(&servers, &Material::of("check"))?;
    let result = tags.iter().try_for_each(|tag| prove_one(&session, store, tag, report));
    session.rest(was_running)?;
    result
}

fn prove_one(session: &Session<'_>, store: &Store, tag: &str, report: &mut CheckReport) -> Result<(), Error> {
    let record = store.find(tag)?;
    let name = StateName::new("proved").expect("it is a plain word");
    let mut wrong = Vec::new();
    for content in store.snapshot(&record)?.contents {
        let Some(Part::Database(id)) = part_of(session, &content) else { continue };
        let mut database = session.database(&id)?;
        let result = states::restore_as(session, &id, &mut *database, &name, &content, store, true);
        database.forget(&name).map_err(Error::database(&id))?;
        match result {
            Ok(()) => report.proved.push(format!("{tag}: {id}")),
            Err(Error::NotProved { findings, .. }) => {
                wrong.extend(findings.into_iter().map(|finding| (format!("{tag}: {id}"), finding)));
            }
            Err(Error::NotRestored(_)) => {
                wrong.push((format!("{tag}: {id}"), "its content is not what was saved".to_owned()));
            }
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        let text = format!("by the engines' own checkers, {}", session.now());
        store.update_record(&record.details.tag, |details| details.proof = Some(text.clone()))?;
    }
    report.disproved.extend(wrong);
    Ok(())
}

/// Mends the store of the workspace or of a remote as far as it can be mended. What is missing is taken from the remote
/// `from`; if none is named, that of a remote is taken from the store of the workspace.
pub fn repair(context: &Context<'_>, target: &Target, of: Option<&str>, from: Option<&str>) -> Result<Repaired, Error> {
    let store = opened(context, target, of)?;
    let there = match (from, of) {
        (Some(name), _) => {
            Some(open_remote(context, target, remote(&tree(context, target)?, Some(name))?, Purpose::Read)?)
        }
        (None, Some(_)) => existing_store(context, &target.root)?,
        (None, None) => None,
    };
    // Both can be interrupted anywhere, and repeated.
    let _at_once = context.interrupt.at_once();
    Ok(store::repair(&store, there.as_ref(), &|_| {})?)
}

/// Frees the space of what no snapshot, state or base needs.
pub fn collect(
    context: &Context<'_>,
    target: &Target,
    from: Option<&str>,
    dry_run: bool,
) -> Result<CollectReport, Error> {
    let store = opened(context, target, from)?;
    let _at_once = context.interrupt.at_once();
    Ok(store::collect(&store, &CollectOptions { dry_run, ..CollectOptions::default() }, &|_| {})?)
}
