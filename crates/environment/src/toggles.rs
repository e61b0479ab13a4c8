//! Temporary toggles that should be gone.

use std::time::{Duration, UNIX_EPOCH};

use manifest::{Date, WorkspaceTree};
use source::{Problem, Problems};

use crate::context::Context;

/// Whose toggles are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Those of the root workspace.
    Root,
    /// Those of all workspaces.
    All,
}

/// A warning for each toggle whose day is past.
pub(crate) fn expired(context: &Context<'_>, tree: &WorkspaceTree, of: Of) -> Problems {
    let today = today(context);
    let mut problems = Problems::new();
    for (id, workspace) in tree.iter().filter(|(id, _)| of == Of::All || *id == tree.root) {
        for (key, setting) in &workspace.manifest.config {
            let Some(until) = setting.until.filter(|until| today.is_some_and(|today| *until < today)) else { continue };
            let name = if id == tree.root { key.clone() } else { format!("{}.{key}", workspace.manifest.name) };
            problems.push(
                Problem::warning("config::expired", format!("the toggle `{name}` should be gone since {until}"))
                    .at(&setting.declared, "temporary, and its day is past")
                    .help("remove it with what it switches, or say why it is still needed with a later `until`"),
            );
        }
    }
    problems
}

fn today(context: &Context<'_>) -> Option<Date> {
    let now = (context.now)().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + now).to_string();
    text.get(..10)?.parse().ok()
}
