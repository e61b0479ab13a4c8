//! `why`: the chain of each database, where each state of it can be had, and what changed.

use plan::{Chain, ChainStep, DatabaseId, StateSource};

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::databases::find;
use crate::record::Record;
use crate::session::Session;
use crate::states_search::{self, Reach};

/// The chain of a database.
#[derive(Debug)]
pub struct ChainReport {
    /// `WORKSPACE/DATABASE`.
    pub id: String,
    /// Its engine, with the server's maker and version if there is one.
    pub engine: String,
    /// Its steps, in their order.
    pub steps: Vec<StepOfChain>,
}

/// A step of a chain.
#[derive(Debug)]
pub struct StepOfChain {
    /// `create`, `base`, `schema` or `data`.
    pub step: &'static str,
    /// The key of the state that it makes.
    pub key: String,
    /// Where that state can be had: `engine`, `store`, `remote NAME`; nothing when the step has to be done.
    pub found: Option<String>,
    /// For a schema step: the nearest state that can be had, in words.
    pub nearest: Option<String>,
    /// What changed since a state of this step was last kept.
    pub changes: Vec<String>,
}

/// Says of each state of each chain, or of one, whether it can be had, and if not, why not.
pub fn why(context: &Context<'_>, target: &Target, database: Option<&str>) -> Result<Vec<ChainReport>, Error> {
    let mut session = Session::open(context, target, &Mode::Look(None), "why")?;
    let wanted: Vec<DatabaseId> = match database {
        Some(name) => vec![find(&session, name)?],
        None => session.model.databases.keys().cloned().collect(),
    };
    states_search::find(&mut session, &wanted.iter().cloned().collect(), Reach::Everywhere)?;
    let chains = session.chains();
    let record = session.record();
    let mut reports = Vec::new();
    for id in wanted {
        let chain = &chains[&id];
        let found = session.observed.states.get(&id);
        let mut steps = Vec::new();
        for (step, key) in chain.steps() {
            let here = found.and_then(|found| found.get(key)).map(|found| place(&found.source));
            let nearest = found.into_iter().flat_map(|found| found.values());
            let nearest = nearest.filter_map(|found| found.ancestor.clone().map(|text| (text, place(&found.source))));
            let nearest = nearest.map(|(text, place)| format!("{place}: {text}")).next();
            let changes = if here.is_none() { changes(&session, &record, &id, chain, step)? } else { Vec::new() };
            let nearest = nearest.filter(|_| step == ChainStep::Schema && here.is_none());
            steps.push(StepOfChain { step: step.as_str(), key: key.to_string(), found: here, nearest, changes });
        }
        let server = session.model.databases[&id].server.as_ref();
        let server = server.and_then(|server| session.model.servers.get(server));
        let engine =
            server.map_or_else(|| session.model.databases[&id].engine.as_str().to_owned(), |s| s.version.clone());
        reports.push(ChainReport { id: id.to_string(), engine, steps });
    }
    Ok(reports)
}

/// What changed since a state of a step was last kept: of those that were used in the same second, since the most similar.
fn changes(
    session: &Session<'_>,
    record: &Record,
    id: &DatabaseId,
    chain: &Chain,
    step: ChainStep,
) -> Result<Vec<String>, Error> {
    let kept =
        || record.kept.get(id).into_iter().flat_map(|kept| kept.values()).filter(|kept| kept.step == step.as_str());
    let Some(last) = kept().map(|kept| &kept.used).max() else { return Ok(Vec::new()) };
    let now = session.made_of(id, chain, step)?;
    let changes = kept().filter(|kept| kept.used == *last).map(|kept| now.changes_since(&kept.made_of));
    Ok(changes.min_by_key(Vec::len).unwrap_or_default())
}

fn place(source: &StateSource) -> String {
    match source {
        StateSource::Engine => "engine".to_owned(),
        StateSource::Store => "store".to_owned(),
        StateSource::Remote(name) => format!("remote {name}"),
    }
}
