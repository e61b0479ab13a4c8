//! Evaluation: what holds for somebody, from what is in force and what was declared.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::change::{Change, Scope};
use crate::toggle::Toggle;

/// For whom a toggle is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The name of a user.
    pub user: Option<String>,
    /// The key of a course.
    pub course: Option<String>,
    /// The short name of an organisation.
    pub organization: Option<String>,
    /// The domain of a site.
    pub site: Option<String>,
}

impl Context {
    /// The scopes that have a say, the nearest first.
    fn scopes(&self) -> impl Iterator<Item = Scope> {
        let Self { user, course, organization, site } = self.clone();
        let narrow = [
            user.map(Scope::User),
            course.map(Scope::Course),
            organization.map(Scope::Organization),
            site.map(Scope::Site),
        ];
        narrow.into_iter().flatten().chain([Scope::Everyone])
    }
}

/// All toggles at one moment. What is asked of it in one request agrees, whatever is changed meanwhile.
#[derive(Debug)]
pub struct Snapshot {
    /// The id of the newest change that it knows.
    pub(crate) newest: i64,
    /// Of each declared toggle: the declaration, its default, and what is set.
    pub(crate) toggles: BTreeMap<&'static str, State>,
}

/// A toggle with what it is set to.
#[derive(Debug)]
pub(crate) struct State {
    pub toggle: Toggle,
    pub default: Value,
    /// Those that were taken back are not in it.
    pub set: HashMap<Scope, Change>,
    /// The newest change, also one that took something back.
    pub newest: Option<Change>,
}

impl Snapshot {
    /// Puts what is in force beside what is declared; changes of toggles that are declared no more are left out.
    pub(crate) fn new(declared: &[(Toggle, Value)], newest: i64, in_force: Vec<Change>) -> Self {
        let mut toggles: BTreeMap<&'static str, State> = declared
            .iter()
            .map(|(toggle, default)| {
                let state = State { toggle: *toggle, default: default.clone(), set: HashMap::new(), newest: None };
                (toggle.name(), state)
            })
            .collect();
        for change in in_force {
            let Some(state) = toggles.get_mut(change.name.as_str()) else { continue };
            if state.newest.as_ref().is_none_or(|newest| newest.id < change.id) {
                state.newest = Some(change.clone());
            }
            if change.value.is_some() {
                state.set.insert(change.scope.clone(), change);
            }
        }
        Self { newest, toggles }
    }

    /// What holds for somebody: of what is set for the user, the course, the organisation, the site and everyone the first,
    /// else the default. `None` if there is no toggle of that name.
    pub fn value(&self, name: &str, context: &Context) -> Option<&Value> {
        let state = self.toggles.get(name)?;
        let set = context.scopes().find_map(|scope| state.set.get(&scope));
        Some(set.and_then(|change| change.value.as_ref()).unwrap_or(&state.default))
    }

    /// Whether a flag or a switch is on for somebody.
    ///
    /// # Panics
    ///
    /// If the toggle is not among those that were declared to [`crate::Toggles`].
    pub fn is_on(&self, toggle: &Toggle, context: &Context) -> bool {
        let value = self.value(toggle.name(), context).expect("a toggle that is asked for is declared");
        value.as_bool().unwrap_or_default()
    }

    /// The value of a setting.
    ///
    /// # Panics
    ///
    /// If the toggle is not among those that were declared to [`crate::Toggles`].
    pub fn setting(&self, toggle: &Toggle) -> &Value {
        self.value(toggle.name(), &Context::default()).expect("a toggle that is asked for is declared")
    }
}
