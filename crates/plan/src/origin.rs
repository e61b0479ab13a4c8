//! Where the content of a database that is made comes from: the furthest state of its chain that can be had.

use std::collections::BTreeMap;

use crate::keys::Keys;
use crate::{ChainStep, DatabaseId, Key, Model, Observed, StateFound, StateSource};

/// Where the content of a database comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// A copy of a state that this step of its chain has made.
    State {
        /// The step.
        step: ChainStep,
        /// The state.
        key: &'a Key,
        /// Where it can be had.
        source: &'a StateSource,
        /// For a state from which the schema step goes on: what that has to do.
        ancestor: Option<&'a str>,
    },
    /// Its base, which was not imported before.
    Base,
    /// Nothing: it is empty.
    Empty,
}

impl Origin<'_> {
    /// Whether its schema step has run on this already.
    pub(crate) fn has_schema(&self) -> bool {
        matches!(self, Self::State { step: ChainStep::Schema | ChainStep::Data, ancestor: None, .. })
    }

    /// Whether the declared data is in this already.
    pub(crate) fn has_data(&self) -> bool {
        matches!(self, Self::State { step: ChainStep::Data, .. })
    }
}

/// Where the content of these databases comes from when they are all made now.
///
/// Records refer to records of other databases: loaded copies of some and new ones of others would not fit together.
pub(crate) fn origins<'a>(
    model: &Model,
    observed: &'a Observed,
    keys: &'a Keys,
    made: &[&'a DatabaseId],
) -> BTreeMap<&'a DatabaseId, Origin<'a>> {
    let data = |id: &DatabaseId| {
        let key = keys.chains[id].data.as_ref()?;
        Some((key, observed.state(id, key)?))
    };
    let is_whole = keys.loaded().all(|id| made.contains(&id) && data(id).is_some());
    let origin = |id: &DatabaseId| {
        let chain = &keys.chains[id];
        let state = |step, (key, found): (&'a Key, &'a StateFound)| Origin::State {
            step,
            key,
            source: &found.source,
            ancestor: found.ancestor.as_deref(),
        };
        if let Some(found) = data(id).filter(|_| is_whole) {
            return state(ChainStep::Data, found);
        }
        let had = |key: &'a Option<Key>| key.as_ref().and_then(|key| Some((key, observed.state(id, key)?)));
        let base = || had(&chain.base).map(|found| state(ChainStep::Base, found));
        let schema = || had(&chain.schema).map(|found| state(ChainStep::Schema, found));
        let ancestor = || observed.ancestor(id).map(|found| state(ChainStep::Schema, found));
        let has_base = model.databases[id].base.is_some();
        schema().or_else(ancestor).or_else(base).unwrap_or(if has_base { Origin::Base } else { Origin::Empty })
    };
    made.iter().map(|id| (*id, origin(id))).collect()
}
