//! The end of what an environment has in an engine.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::container::text;
use crate::engine::escaped;
use crate::{Engine, EngineError};

/// The label of everything that is made; its value is the directory of the environment.
pub const LABEL: &str = "seedbed.environment";

/// The label of what one supervisor has made; its value is the same for no other.
pub const SUPERVISOR_LABEL: &str = "seedbed.supervisor";

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Containers and networks; volumes stay.
    Running,
    /// Volumes, too. Images that were built stay: they are called by what they are made of, and others may use them.
    Everything,
}

impl Engine {
    /// Removes what carries a label of ours with this value; gives how many things that were.
    pub async fn sweep(&self, label: &str, value: &str, sweep: Sweep) -> Result<usize, EngineError> {
        let label = format!("{label}={value}");
        let containers = self.list_containers(&label).await?;
        let mut removed = containers.len();
        all(join_all(containers.iter().map(|container| self.remove_container(&container.id))).await)?;
        let mut kinds = vec![("networks", "Id")];
        if sweep == Sweep::Everything {
            kinds.push(("volumes", "Name"));
        }
        for (kind, key) in kinds {
            let filters = escaped(&json!({ "label": [label] }).to_string());
            let found = self.get(&format!("/{kind}?filters={filters}")).await?;
            let list = if kind == "volumes" { found.get("Volumes") } else { Some(&found) };
            let list = list.and_then(Value::as_array).into_iter().flatten();
            let names: Vec<String> = list.filter_map(|thing| text(thing, &format!("/{key}"))).collect();
            removed += names.len();
            let removals =
                names.iter().map(|name| async move { self.delete(&format!("/{kind}/{}", escaped(name))).await });
            all(join_all(removals).await)?;
        }
        Ok(removed)
    }
}

/// Everything is tried before the first failure is told.
fn all(results: Vec<Result<(), EngineError>>) -> Result<(), EngineError> {
    results.into_iter().collect()
}
