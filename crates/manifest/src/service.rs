//! A thing that keeps running.

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Tree};

use crate::after::After;
use crate::lazy::Lazy;
use crate::probe::{Live, Ready, port_number};
use crate::reading::Reading;
use crate::restart::Restart;
use crate::stop::Stop;
use crate::watch::Watch;
use crate::{Limits, Template, Workload, file_reference, size};

/// A process or a container that keeps running.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What is run.
    pub run: Workload,
    /// Variables that are added to the environment that it inherits.
    pub env: IndexMap<String, Template>,
    /// Where it runs, relative to the workspace; its root if there is none.
    pub directory: Option<String>,
    /// How much of the machine it may use.
    pub limits: Limits,
    /// What it waits for.
    pub after: Vec<After>,
    /// The port that it listens on, if it has one.
    pub port: Option<Port>,
    /// Further ports by their names, those of a container too.
    pub ports: IndexMap<String, Port>,
    /// When it counts as ready.
    pub ready: Ready,
    /// How it is stopped.
    pub stop: Stop,
    /// When it is started again after it has ended; `None`: after a failure, once it has been ready.
    pub restart: Option<Restart>,
    /// When it no longer counts as alive; `None`: when it ends.
    pub live: Option<Live>,
    /// How it sleeps until somebody connects to its port; `None`: it runs all the time.
    pub lazy: Option<Lazy>,
    /// The files of which a change starts it anew.
    pub watch: Option<Watch>,
    /// Whether its process has a terminal; that of a container is a matter of its engine.
    pub has_terminal: bool,
    /// How much memory it needs, in bytes, as far as that is known.
    pub memory: Option<u64>,
    /// Where its name stands.
    pub place: Place,
}

/// How a service comes by its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Chosen before the start, and kept.
    Auto,
    /// This one.
    Fixed(u16),
}

impl Service {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        reading.inside_service(&entry.key, |reading| {
            let run = Workload::read(entry, reading);
            let env = reading.env(tree.get("env"));
            let is_container = matches!(run, Some(Workload::Container(_)));
            let directory = tree.get("directory").filter(|_| !is_container);
            let directory = directory.and_then(|directory| file_reference::below(directory, reading));
            let lazy = Lazy::read(tree, run.as_ref(), env.values(), reading);
            let watch = tree.get("watch").map(|watch| Watch::read(watch, reading));
            let limits = tree.get("limits").map(|limits| Limits::read(limits, reading)).unwrap_or_default();
            let after = After::read_all(tree.get("after"), reading);
            let port = tree.get("port").and_then(Port::read);
            let ports = Port::read_further(tree, run.as_ref());
            let container = run.as_ref().and_then(Workload::container);
            let ready = Ready::read(entry, container.and_then(|container| container.health.as_ref()), reading);
            for key in ["ready", "live"].iter().filter(|_| is_container) {
                if let Some(notify) = tree.get(key).and_then(|probe| probe.get("notify")) {
                    reading.problems.push(
                        Problem::error("manifest::probe", "a container cannot say by `notify` how it is")
                            .at(&notify.place, "the socket is one of this machine, which no container sees")
                            .help("write `http`, `tcp`, `command` or `log`, or give the container a `health` check"),
                    );
                }
            }
            if let (false, Some(tree)) = (is_container, tree.get("ready").and_then(|ready| ready.get("health"))) {
                reading.problems.push(
                    Problem::error("manifest::probe", "only a container has a health check")
                        .at(&tree.place, "this service is a process")
                        .help("write `http`, `tcp`, `command` or `log`"),
                );
            }
            let live = ready.as_ref().and_then(|ready| Live::read(entry, &ready.probe, reading));
            let stop = tree.get("stop").map(|stop| Stop::read(stop, reading)).unwrap_or_default();
            Some(Self {
                name: entry.key.clone(),
                run: run?,
                env,
                directory,
                limits,
                after,
                port,
                ports,
                ready: ready?,
                stop,
                restart: tree.get("restart").map(Restart::read),
                live,
                lazy,
                watch,
                has_terminal: !is_container && tree.get("tty").and_then(Tree::as_bool).unwrap_or(false),
                memory: tree.get("memory").and_then(size::read),
                place: entry.key_place.clone(),
            })
        })
    }
}

impl Port {
    /// Reads the ports of `ports`; what a container has inside is read with the container.
    fn read_further(service: &Tree, run: Option<&Workload>) -> IndexMap<String, Self> {
        if let Some(container) = run.and_then(Workload::container) {
            return container.ports.iter().map(|port| (port.name.clone(), port.host)).collect();
        }
        let ports = service.get("ports").and_then(Tree::as_map).unwrap_or_default();
        ports.iter().filter_map(|entry| Some((entry.key.clone(), Self::read(&entry.value)?))).collect()
    }

    /// Reads `auto` or a number; of a container also a map with the port inside, for which any outside will do.
    pub(crate) fn read(tree: &Tree) -> Option<Self> {
        if tree.as_map().is_some() {
            return tree.get("host").map_or(Some(Self::Auto), Self::read);
        }
        port_number(tree).map(Self::Fixed).or_else(|| (tree.as_str() == Some("auto")).then_some(Self::Auto))
    }
}
