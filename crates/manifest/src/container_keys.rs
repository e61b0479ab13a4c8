//! The keys of a service that is a container, read.

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Tree};

use crate::command::Command;
use crate::reading::Reading;
use crate::{
    Build, Container, HealthCheck, HealthTest, ImageSource, Limits, Mount, MountSource, NetworkConnection, NetworkMode,
    Port, Protocol, PublishedPort, PullPolicy, Template, Volume, Workload, duration, probe, size,
};

impl PullPolicy {
    pub(crate) const WORDS: [&'static str; 3] = ["missing", "always", "never"];
}

impl Workload {
    /// Reads what a service runs: `run`, or the keys of a container.
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        if let Some(run) = tree.get("run") {
            return Command::read(run, reading).map(Self::Process);
        }
        let image = match (tree.get("image"), tree.get("build")) {
            (Some(image), _) => ImageSource::Pull { image: reading.template(image)?, policy: policy(tree) },
            (None, Some(build)) => ImageSource::Build(Box::new(read_build(build, reading)?)),
            (None, None) => return None,
        };
        let mut container = Container::new(image);
        read_words(tree, &mut container, reading);
        read_connections(tree, &mut container, reading);
        let mounts = list(tree, "volumes").iter().filter_map(|mount| read_mount(mount, reading));
        container.mounts = mounts.collect();
        container.health = tree.get("health").and_then(|health| read_health(health, reading));
        read_switches(tree, &mut container);
        Some(Self::Container(Box::new(container)))
    }
}

impl Limits {
    /// Reads `limits`.
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Self {
        let cpus = tree.get("cpus").and_then(|cpus| {
            let number = match &cpus.node {
                Node::Integer(number) => number.to_string().parse::<f64>().ok(),
                Node::Float(number) => Some(*number),
                _ => None,
            };
            let number = number.filter(|number| number.is_finite() && *number > 0.0);
            if number.is_none() {
                reading.problems.push(
                    Problem::error("manifest::limits", "a number of processors is greater than 0, such as 2 or 0.5")
                        .at(&cpus.place, "no number of processors"),
                );
            }
            number
        });
        Self {
            cpus,
            memory: tree.get("memory").and_then(size::read),
            pids: tree.get("pids").and_then(Tree::as_integer),
            ..Self::default()
        }
    }
}

fn list<'t>(tree: &'t Tree, key: &str) -> &'t [Tree] {
    tree.get(key).and_then(Tree::as_list).unwrap_or_default()
}

fn texts(tree: &Tree, key: &str) -> Vec<String> {
    list(tree, key).iter().filter_map(scalar).collect()
}

fn text(tree: &Tree, key: &str) -> Option<String> {
    tree.get(key).and_then(scalar)
}

fn is_set(tree: &Tree, key: &str) -> bool {
    tree.get(key).and_then(Tree::as_bool).unwrap_or_default()
}

fn map(tree: &Tree, key: &str) -> IndexMap<String, String> {
    let entries = tree.get(key).and_then(Tree::as_map).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.clone(), scalar(&entry.value)?))).collect()
}

fn scalar(tree: &Tree) -> Option<String> {
    match &tree.node {
        Node::String(text) => Some(text.clone()),
        Node::Integer(number) => Some(number.to_string()),
        Node::Bool(value) => Some(value.to_string()),
        Node::Null | Node::Float(_) | Node::List(_) | Node::Map(_) => None,
    }
}

fn policy(tree: &Tree) -> PullPolicy {
    match tree.get("pull").and_then(Tree::as_str) {
        Some("always") => PullPolicy::Always,
        Some("never") => PullPolicy::Never,
        _ => PullPolicy::Missing,
    }
}

fn read_build(tree: &Tree, reading: &mut Reading<'_>) -> Option<Build> {
    if let Some(context) = tree.as_str() {
        return Some(Build::new(context));
    }
    let mut build = Build::new(text(tree, "context")?);
    build.dockerfile = text(tree, "dockerfile").unwrap_or(build.dockerfile);
    build.target = text(tree, "target");
    build.args = reading.texts(tree.get("args")).into_iter().map(|(name, value)| (name, Some(value))).collect();
    build.labels = map(tree, "labels");
    build.cache_from = texts(tree, "cache_from");
    build.network = text(tree, "network");
    build.pull = is_set(tree, "pull");
    build.no_cache = is_set(tree, "no_cache");
    Some(build)
}

fn read_words(tree: &Tree, container: &mut Container, reading: &mut Reading<'_>) {
    let mut words = |key: &str| {
        let tree = tree.get(key)?;
        // Nothing in place of what the image has.
        if tree.as_list().is_some_and(<[Tree]>::is_empty) {
            return Some(Vec::new());
        }
        Some(container_words(Command::read(tree, reading)?))
    };
    container.entrypoint = words("entrypoint");
    container.command = words("command");
    container.user = text(tree, "user");
    container.platform = text(tree, "platform");
    container.hostname = text(tree, "hostname");
    container.directory = text(tree, "directory").filter(|directory| {
        let is_absolute = directory.starts_with('/');
        if let (false, Some(tree)) = (is_absolute, tree.get("directory")) {
            reading.problems.push(absolute(&tree.place, "the directory of a container is an absolute path inside"));
        }
        is_absolute
    });
}

/// The words of a command; a script is for the shell of the image.
fn container_words(command: Command) -> Vec<Template> {
    match command {
        Command::Words { words, .. } => words,
        Command::Shell { script, place } => {
            vec![Template::literal("/bin/sh", place.clone()), Template::literal("-c", place), script]
        }
    }
}

fn absolute(place: &Place, message: &str) -> Problem {
    Problem::error("manifest::path", message).at(place, "does not begin with `/`")
}

fn read_connections(tree: &Tree, container: &mut Container, reading: &mut Reading<'_>) {
    if let Some(port) = tree.get("port").filter(|port| port.as_map().is_some()) {
        container.port = port.get("container").and_then(probe::port_number);
        container.address = text(port, "address");
    }
    let ports = tree.get("ports").and_then(Tree::as_map).unwrap_or_default();
    container.ports = ports
        .iter()
        .filter_map(|entry| {
            let tree = &entry.value;
            Some(PublishedPort {
                name: entry.key.clone(),
                container: probe::port_number(tree.get("container").unwrap_or(tree))?,
                host: tree.get("host").and_then(Port::read).unwrap_or(Port::Auto),
                address: text(tree, "address"),
                protocol: if text(tree, "protocol").as_deref() == Some("udp") { Protocol::Udp } else { Protocol::Tcp },
            })
        })
        .collect();
    let aliases = texts(tree, "aliases");
    container.network = match tree.get("network").and_then(Tree::as_str) {
        Some("host") => NetworkMode::Host,
        Some("none") => NetworkMode::None,
        _ if aliases.is_empty() => NetworkMode::Environment(IndexMap::new()),
        _ => {
            let own = NetworkConnection { aliases, ..NetworkConnection::default() };
            NetworkMode::Environment(IndexMap::from([("default".to_owned(), own)]))
        }
    };
    if matches!(container.network, NetworkMode::None)
        && let Some(port) = tree.get("port")
    {
        reading.problems.push(
            Problem::error("manifest::network", "a container without a network has no port")
                .at(&port.place, "cannot be reached"),
        );
    }
    container.extra_hosts = map(tree, "extra_hosts").into_iter().collect();
    container.dns = texts(tree, "dns");
}

fn read_mount(tree: &Tree, reading: &mut Reading<'_>) -> Option<Mount> {
    let mount = if let Some(text) = tree.as_str() {
        short_mount(text)
    } else {
        let source = if let Some(name) = text(tree, "volume") {
            MountSource::Volume { name, volume: Volume::default(), no_copy: false }
        } else if let Some(path) = text(tree, "bind") {
            MountSource::Bind { path, create: false, propagation: None }
        } else if let Some(tmpfs) = tree.get("tmpfs") {
            MountSource::Tmpfs { size: size::read(tmpfs), mode: None }
        } else {
            MountSource::Anonymous
        };
        Mount { target: text(tree, "target")?, source, read_only: is_set(tree, "read_only") }
    };
    if mount.target.starts_with('/') {
        return Some(mount);
    }
    reading.problems.push(
        absolute(&tree.place, "what is mounted has an absolute path inside of the container")
            .help("write `NAME:/path`, `./DIRECTORY:/path` or `/path`, and `:ro` after it for what is only read"),
    );
    None
}

/// Reads `NAME:/path`, `./DIRECTORY:/path` or `/path`, perhaps with `:ro`.
fn short_mount(text: &str) -> Mount {
    let (text, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text.strip_suffix(":rw").unwrap_or(text), false),
    };
    let Some((source, target)) = text.rsplit_once(':') else {
        return Mount { target: text.to_owned(), source: MountSource::Anonymous, read_only };
    };
    let source = if source.starts_with(['.', '/', '~']) {
        MountSource::Bind { path: source.to_owned(), create: false, propagation: None }
    } else {
        MountSource::Volume { name: source.to_owned(), volume: Volume::default(), no_copy: false }
    };
    Mount { target: target.to_owned(), source, read_only }
}

fn read_health(tree: &Tree, reading: &mut Reading<'_>) -> Option<HealthCheck> {
    let test = match tree.get("command") {
        None => HealthTest::Image,
        Some(command) => {
            let words = container_words(Command::read(command, reading)?);
            let plain = words.iter().map(|word| match word.parts() {
                [] => Some(String::new()),
                [crate::Part::Text(text)] => Some(text.clone()),
                _ => None,
            });
            let Some(words) = plain.collect::<Option<Vec<String>>>() else {
                reading.problems.push(
                    Problem::error("manifest::health", "a health check has no references")
                        .at(&command.place, "has one")
                        .help("write the command below `ready`, which may have references"),
                );
                return None;
            };
            HealthTest::Command(words)
        }
    };
    let time = |key: &str| tree.get(key).and_then(duration::read);
    Some(HealthCheck {
        test,
        interval: time("interval"),
        timeout: time("timeout"),
        start_period: time("start_period"),
        start_interval: time("start_interval"),
        retries: tree.get("retries").and_then(Tree::as_integer).and_then(|retries| u32::try_from(retries).ok()),
    })
}

fn read_switches(tree: &Tree, container: &mut Container) {
    container.init = is_set(tree, "init");
    container.tty = is_set(tree, "tty");
    container.stdin_open = is_set(tree, "stdin_open");
    container.read_only = is_set(tree, "read_only");
    container.privileged = is_set(tree, "privileged");
    container.cap_add = texts(tree, "cap_add");
    container.cap_drop = texts(tree, "cap_drop");
    container.security_options = texts(tree, "security_options");
    container.devices = texts(tree, "devices");
    container.shm_size = tree.get("shm_size").and_then(size::read);
    container.sysctls = map(tree, "sysctls");
    container.labels = map(tree, "labels");
    let ulimits = tree.get("ulimits").and_then(Tree::as_map).unwrap_or_default();
    container.ulimits = ulimits
        .iter()
        .filter_map(|entry| {
            let of = |key: &str| entry.value.get(key).and_then(Tree::as_integer);
            let both = entry.value.as_integer().map(|limit| (limit, limit));
            Some((entry.key.clone(), both.or_else(|| Some((of("soft")?, of("hard")?)))?))
        })
        .collect();
}
