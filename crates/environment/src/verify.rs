//! `verify`: all states are built twice from nothing and compared. What differs has an input that nobody declared.

use std::collections::BTreeMap;

use plan::{ChainStep, DatabaseId, Parts, StateWork};

use crate::compare::{DatabaseDifference, TableDifference, compare};
use crate::context::{Context, Mode, Target};
use crate::execute::kept_state;
use crate::material::Material;
use crate::record::Record;
use crate::session::Session;
use crate::{Error, Progress, destroy};

/// What a verification found of one state.
#[derive(Debug)]
pub struct Verified {
    /// `WORKSPACE/DATABASE`.
    pub id: String,
    /// `schema` or `data`.
    pub step: &'static str,
    /// The key that both builds have.
    pub key: String,
    /// What the second build was compared with: `a second build`, or the environment's own kept state.
    pub against: &'static str,
    /// How they differ; empty when they are the same.
    pub difference: DatabaseDifference,
}

/// The environments that are built; nobody else has such names by accident.
const BUILDS: [&str; 2] = ["verify-1", "verify-2"];

/// How many rows are shown of a table that differs.
const EXAMPLES: usize = 3;

/// Builds all states twice from nothing, beside the environment, and compares them with each other and with what the
/// environment has kept under the same keys.
pub fn verify(context: &Context<'_>, target: &Target, profile: Option<&str>) -> Result<Vec<Verified>, Error> {
    let own = Record::read(target.place(context).directory())?;
    let profile = profile.map(str::to_owned).or_else(|| own.as_ref().and_then(|record| record.profile.clone()));
    let builds = BUILDS.map(|name| Target { root: target.root.clone(), name: name.to_owned() });
    let result = built(context, target, &builds, profile.as_ref(), own.is_some());
    for build in &builds {
        if Record::exists(build.place(context).directory()) {
            destroy(context, build)?;
        }
    }
    result
}

fn built(
    context: &Context<'_>,
    target: &Target,
    builds: &[Target; 2],
    profile: Option<&String>,
    has_own: bool,
) -> Result<Vec<Verified>, Error> {
    for build in builds {
        if Record::exists(build.place(context).directory()) {
            // Left by a verification that was killed.
            destroy(context, build)?;
        }
    }
    let mut sessions = Vec::new();
    for (number, build) in builds.iter().enumerate() {
        context.monitor.on(Progress::Note(format!("build {} of {}, from nothing", number + 1, builds.len())));
        let session = Session::open(context, build, &Mode::Make(profile.cloned()), "verify")?;
        let parts = Parts { databases: session.model.databases.keys().cloned().collect(), ..Parts::default() };
        let nothing = std::collections::BTreeSet::new();
        // No states are looked for: everything is made.
        let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
        let plan = plan::around_state(model, observed, inputs, &parts, StateWork::Reset, &nothing);
        session.execute(&plan, &Material::of("verify"))?;
        sessions.push(session);
    }
    let [first, second] = sessions.as_slice() else { unreachable!("there are two builds") };
    let mut verified = compared(first, second, "a second build")?;
    if has_own {
        let own = Session::open(context, target, &Mode::Look(None), "verify")?;
        verified.extend(compared(&own, second, "what the environment keeps")?);
    }
    Ok(verified)
}

/// Compares the states that both have kept under the same keys.
fn compared(first: &Session<'_>, second: &Session<'_>, against: &'static str) -> Result<Vec<Verified>, Error> {
    let (known, chains) = (first.record().kept, second.chains());
    let mut verified = Vec::new();
    for (id, chain) in &chains {
        for (step, key) in chain.steps().filter(|(step, _)| matches!(step, ChainStep::Schema | ChainStep::Data)) {
            let is_known = known.get(id).is_some_and(|kept| kept.contains_key(key.as_str()));
            if !is_known || !crate::databases::is_reachable(first, id) {
                continue;
            }
            let open = |session: &Session<'_>, id: &DatabaseId| {
                let mut database = session.database(id)?;
                database.open_kept(&kept_state(key)).map_err(Error::database(id))
            };
            let (mut one, mut other) = (open(first, id)?, open(second, id)?);
            let same =
                one.fingerprint().map_err(Error::database(id))? == other.fingerprint().map_err(Error::database(id))?;
            let difference = if same {
                DatabaseDifference::default()
            } else {
                let mut difference = compare(&mut *one, &mut *other, EXAMPLES).map_err(Error::database(id))?;
                if difference.is_empty() {
                    // Something that rows do not show, such as an index.
                    difference.tables_changed =
                        BTreeMap::from([("(definitions)".to_owned(), TableDifference::default())]);
                }
                difference
            };
            verified.push(Verified {
                id: id.to_string(),
                step: step.as_str(),
                key: key.to_string(),
                against,
                difference,
            });
        }
    }
    Ok(verified)
}
