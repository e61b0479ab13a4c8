//! Services that sleep until somebody connects to their port.

use std::time::Duration;

use source::{Problem, Tree};

use crate::container::NetworkMode;
use crate::reading::Reading;
use crate::{Template, Workload, duration};

/// How a service sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lazy {
    /// How long it stays when no connection is open; `None`: until it is stopped.
    pub idle: Option<Duration>,
}

impl Lazy {
    /// How long one stays that says nothing of it.
    const IDLE: Duration = Duration::from_mins(10);

    /// Reads `lazy` of a service, and checks that its port can be listened on in its place.
    pub(crate) fn read<'t>(
        service: &Tree,
        run: Option<&'t Workload>,
        env: impl IntoIterator<Item = &'t Template>,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let tree = service.get("lazy").filter(|tree| tree.as_bool() != Some(false))?;
        let mut refuse = |problem: Problem| reading.problems.push(problem);
        if service.get("port").is_none() {
            refuse(
                Problem::error("manifest::lazy", "a lazy service needs a port")
                    .at(&tree.place, "it starts with the first connection to its port")
                    .help("write `port: auto`, and give it `${port}`"),
            );
            return None;
        }
        let is_own = |template: &&Template| template.references().any(|reference| reference.path == ["port"]);
        match run {
            Some(Workload::Process(run)) if !run.templates().iter().chain(env).any(|template| is_own(&template)) => {
                refuse(
                    Problem::error("manifest::lazy", "a lazy service is not told its port")
                        .at(&tree.place, "while it sleeps Seedbed listens on its port; it gets another one behind that")
                        .help("give it `${port}`, in `run` or in `env`, such as `env: { PORT: ${port} }`"),
                );
            }
            Some(Workload::Container(container))
                if !matches!(container.network, NetworkMode::Environment(_) | NetworkMode::Networks(_)) =>
            {
                refuse(
                    Problem::error("manifest::lazy", "a lazy container needs a network of its own")
                        .at(&tree.place, "nobody can listen in place of a container in the network of this machine"),
                );
            }
            _ => {}
        }
        let idle = tree.get("idle");
        let idle = if idle.and_then(Tree::as_str) == Some("never") {
            None
        } else {
            Some(idle.and_then(duration::read).unwrap_or(Self::IDLE))
        };
        Some(Self { idle })
    }
}
