//! A service of a Compose project as a service or a task of the manifest.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Problems, Tree};

use crate::after::After;
use crate::compose_copies;
use crate::compose_project::{has_variable, is_awaited, is_awaited_to_end, template};
use crate::container::{Limits, Workload};
use crate::{
    AfterTarget, Condition, Port, Probe, Ready, Restart, RestartLimit, RestartPolicy, Service, Stop, StopSignal, Task,
    Template,
};

/// How long a health check may fail if nothing is said: as Compose has it, three tries of 30 seconds each.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// The conversion of one service.
pub(crate) struct Conversion<'a> {
    pub(crate) project: &'a compose::Project,
    /// What the variables of the manifest stand for.
    given: &'a [Option<Template>],
    pub(crate) problems: &'a mut Problems,
}

impl<'a> Conversion<'a> {
    pub(crate) fn new(
        project: &'a compose::Project,
        given: &'a [Option<Template>],
        problems: &'a mut Problems,
    ) -> Self {
        Self { project, given, problems }
    }

    /// Converts a service that keeps running.
    pub(crate) fn service(&mut self, entry: &Entry) -> Option<Service> {
        let tree = &entry.value;
        let container = self.container(entry)?;
        let port = self.main_port(tree).map(|(port, _)| port);
        let ready = self.ready(entry);
        let ports = container.ports.iter().map(|port| (port.name.clone(), port.host)).collect();
        Some(Service {
            ports,
            name: entry.key.clone(),
            run: Workload::Container(Box::new(container)),
            env: self.env(tree),
            directory: None,
            after: self.after(tree),
            port,
            ready,
            stop: self.stop(tree),
            restart: self.restart(tree),
            live: None,
            lazy: None,
            watch: None,
            has_terminal: false,
            memory: None,
            limits: Self::limits(tree),
            place: entry.key_place.clone(),
        })
    }

    /// Converts a service that others wait for until it has succeeded.
    pub(crate) fn task(&mut self, entry: &Entry) -> Option<Task> {
        let tree = &entry.value;
        let container = self.container(entry)?;
        self.refuse_several(tree);
        Some(Task {
            name: entry.key.clone(),
            run: Workload::Container(Box::new(container)),
            env: self.env(tree),
            directory: None,
            limits: Self::limits(tree),
            inputs: Vec::new(),
            outputs: Vec::new(),
            keep: false,
            watch: None,
            after: self.after(tree),
            timeout: None,
            place: entry.key_place.clone(),
        })
    }

    fn env(&mut self, tree: &Tree) -> IndexMap<String, Template> {
        let variables = tree.get("environment").and_then(Tree::as_map).unwrap_or_default();
        let set = variables.iter().filter(|variable| variable.value.node != Node::Null);
        set.map(|variable| (variable.key.clone(), self.template(&variable.value))).collect()
    }

    fn after(&mut self, tree: &Tree) -> Vec<After> {
        let mut all = Vec::new();
        for dependency in tree.get("depends_on").and_then(Tree::as_map).unwrap_or_default() {
            let (name, place) = (&dependency.key, &dependency.key_place);
            // One that need not be there, and is not.
            if self.project.services().iter().all(|service| service.key != *name) {
                continue;
            }
            let said = dependency.value.get("condition");
            let is_task = is_awaited_to_end(self.project, name);
            let condition = match said.and_then(Tree::as_str) {
                Some("service_completed_successfully") => Condition::Succeeded,
                // What ends is only waited for until it has ended.
                Some("service_healthy") if is_task => {
                    self.refuse(place, format!("`{name}` is waited for until it ends, and until it is healthy"));
                    continue;
                }
                _ if is_task => Condition::Succeeded,
                Some("service_healthy") => Condition::Ready,
                _ => Condition::Started,
            };
            let service = self.project.services().iter().find(|service| service.key == *name);
            let copies = service.into_iter().flat_map(|service| compose_copies::names(name, &service.value));
            let restart = !is_task && dependency.value.get("restart").and_then(Tree::as_bool) == Some(true);
            for copy in copies.filter(|_| !is_task) {
                all.push(After {
                    target: AfterTarget::Service(copy),
                    condition,
                    restart,
                    wake: false,
                    place: place.clone(),
                });
            }
            let target = if is_task { AfterTarget::Task(name.clone()) } else { AfterTarget::Service(name.clone()) };
            all.push(After { target, condition, restart, wake: false, place: place.clone() });
        }
        all
    }

    /// A service is ready when its health check passes; one without is once it was started, as for Compose. One whose health
    /// others wait for has that of its image.
    fn ready(&mut self, entry: &Entry) -> Ready {
        let check = entry.value.get("healthcheck").filter(|check| !is_disabled(check));
        if check.is_none() && !is_awaited(self.project, &entry.key, "service_healthy") {
            return Ready {
                probe: Probe::Started,
                timeout: Ready::TIMEOUT,
                interval: None,
                longest_pause: None,
                check_timeout: None,
            };
        }
        let duration = |key: &str| check.and_then(|check| check.get(key)).and_then(duration);
        let retries = check.and_then(|check| check.get("retries")).and_then(Tree::as_integer);
        let retries = retries.and_then(|retries| u32::try_from(retries).ok()).filter(|retries| *retries > 0);
        let once = duration("interval").unwrap_or(INTERVAL) + duration("timeout").unwrap_or(TIMEOUT);
        let start = duration("start_period").unwrap_or_default();
        let timeout = (start + once.saturating_mul(retries.unwrap_or(RETRIES))).max(Ready::TIMEOUT);
        Ready {
            probe: Probe::Health,
            timeout,
            interval: None,
            longest_pause: duration("start_interval").or_else(|| duration("interval")),
            check_timeout: duration("timeout"),
        }
    }

    fn stop(&mut self, tree: &Tree) -> Stop {
        let mut stop = Stop::default();
        if let Some(signal) = tree.get("stop_signal") {
            let text = signal.as_str().unwrap_or_default();
            if let Some(known) = StopSignal::from_word(text.strip_prefix("SIG").unwrap_or(text)) {
                stop.signal = known;
            } else {
                let words = StopSignal::WORDS.join(", ");
                self.refuse(&signal.place, format!("`{text}` is none of the signals {words}"));
            }
        }
        stop.timeout = tree.get("stop_grace_period").and_then(duration).unwrap_or(stop.timeout);
        stop
    }

    fn restart(&mut self, tree: &Tree) -> Option<Restart> {
        let policy = |policy, limit| {
            let (pause, factor, cap, window) = (None, None, None, None);
            Some(Restart { policy, pause, factor, cap, success: Vec::new(), limit, window })
        };
        let deployed = tree.get("deploy").and_then(|deploy| deploy.get("restart_policy"));
        if let Some(deployed) = deployed {
            let limit = deployed.get("max_attempts").and_then(Tree::as_integer).and_then(|max| u32::try_from(max).ok());
            let limit = limit.map_or(RestartLimit::None, RestartLimit::Of);
            let mut restart = match deployed.get("condition").and_then(Tree::as_str).unwrap_or("any") {
                "none" => policy(RestartPolicy::No, RestartLimit::Usual),
                "on-failure" => policy(RestartPolicy::OnFailure, limit),
                "any" => policy(RestartPolicy::Always, limit),
                other => {
                    let message = format!("`{other}` is none of `none`, `on-failure`, `any`");
                    self.refuse(&deployed.place, message);
                    None
                }
            };
            if let (Some(restart), Some(delay)) = (&mut restart, deployed.get("delay").and_then(duration)) {
                restart.pause = Some(delay);
            }
            return restart;
        }
        let Some(said) = tree.get("restart") else { return policy(RestartPolicy::No, RestartLimit::Usual) };
        let text = said.as_str().unwrap_or_default();
        let (word, count) = text.split_once(':').unwrap_or((text, ""));
        match (word, count.parse().ok()) {
            ("no", _) => policy(RestartPolicy::No, RestartLimit::Usual),
            ("always" | "unless-stopped", _) => policy(RestartPolicy::Always, RestartLimit::None),
            ("on-failure", Some(count)) => policy(RestartPolicy::OnFailure, RestartLimit::Of(count)),
            ("on-failure", None) if count.is_empty() => policy(RestartPolicy::OnFailure, RestartLimit::None),
            _ => {
                let message = format!("`{text}` is none of `no`, `always`, `unless-stopped`, `on-failure[:COUNT]`");
                self.refuse(&said.place, message);
                None
            }
        }
    }

    fn limits(tree: &Tree) -> Limits {
        let resources = tree.get("deploy").and_then(|deploy| deploy.get("resources"));
        let deployed = |part: &str, key: &str| resources?.get(part)?.get(key);
        let own = |key: &str| tree.get(key);
        Limits {
            cpus: own("cpus").or_else(|| deployed("limits", "cpus")).and_then(number),
            memory: own("mem_limit").or_else(|| deployed("limits", "memory")).and_then(unsigned),
            memory_swap: own("memswap_limit").and_then(integer),
            memory_reservation: own("mem_reservation")
                .or_else(|| deployed("reservations", "memory"))
                .and_then(unsigned),
            pids: own("pids_limit").or_else(|| deployed("limits", "pids")).and_then(integer),
            cpu_shares: own("cpu_shares").and_then(unsigned),
            cpuset: own("cpuset").and_then(Tree::as_str).map(str::to_owned),
        }
    }

    /// The port that is the service's own: the first of TCP that is published, with its entry.
    pub(crate) fn main_port<'t>(&mut self, tree: &'t Tree) -> Option<(Port, &'t Tree)> {
        let ports = tree.get("ports").and_then(Tree::as_list).unwrap_or_default();
        let port = ports.iter().find(|port| port.get("protocol").and_then(Tree::as_str) == Some("tcp"))?;
        Some((self.published(port), port))
    }

    /// The number outside; of a range, the first. Without one, a number is chosen.
    pub(crate) fn published(&mut self, port: &Tree) -> Port {
        let Some(published) = port.get("published") else { return Port::Auto };
        let text = published.as_str().unwrap_or_default();
        match compose::range(text) {
            Some((0, _)) => Port::Auto,
            Some((first, _)) => Port::Fixed(first),
            None => {
                self.refuse(&published.place, format!("`{text}` is not a port"));
                Port::Auto
            }
        }
    }

    /// Makes a template of a text.
    pub(crate) fn template(&self, tree: &Tree) -> Template {
        template(tree.as_str().unwrap_or_default(), tree, self.given)
    }

    /// Returns a text that may not have references.
    pub(crate) fn plain(&mut self, tree: &Tree) -> String {
        let text = tree.as_str().unwrap_or_default();
        if has_variable(text) {
            let message = "a variable of the manifest stands where its value is not known yet".to_owned();
            self.refuse(&tree.place, message);
        }
        text.to_owned()
    }

    /// Reports what Seedbed does not do.
    pub(crate) fn refuse(&mut self, place: &Place, message: String) {
        self.problems.push(Problem::error("manifest::compose", message).at(place, "Seedbed does not do this"));
    }
}

/// Whether a health check says that there is none.
pub(crate) fn is_disabled(check: &Tree) -> bool {
    let first = check.get("test").and_then(Tree::as_list).and_then(|words| words.first()?.as_str());
    first == Some("NONE") || check.get("disable").and_then(Tree::as_bool).unwrap_or(false)
}

/// A duration in normal form.
pub(crate) fn duration(tree: &Tree) -> Option<Duration> {
    let nanoseconds = tree.as_str().and_then(compose::nanoseconds)?;
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

/// A whole number, which may be a text in normal form.
pub(crate) fn integer(tree: &Tree) -> Option<i64> {
    tree.as_integer().or_else(|| tree.as_str()?.parse().ok())
}

/// A whole number that is not negative.
pub(crate) fn unsigned(tree: &Tree) -> Option<u64> {
    integer(tree).and_then(|number| u64::try_from(number).ok())
}

fn number(tree: &Tree) -> Option<f64> {
    match tree.node {
        #[expect(clippy::cast_precision_loss, reason = "so many processors there are not")]
        Node::Integer(number) => Some(number as f64),
        Node::Float(number) => Some(number),
        _ => None,
    }
}
