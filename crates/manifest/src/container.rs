//! A container: what a service or a task runs in place of a native process. The manifest's own keys are read into this, and
//! so are the services of a Compose file; whatever is asked of an engine stands here.
//!
//! What both kinds of services have is not here but in [`crate::Service`]: variables, the port, readiness, the stop, limits.

use std::time::Duration;

use indexmap::IndexMap;

use crate::{Command, Port, Template};

/// What a service or a task runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// A process of this machine.
    Process(Command),
    /// A container.
    Container(Box<Container>),
}

impl Workload {
    /// The command of a process; of a container, nothing.
    pub fn command(&self) -> Option<&Command> {
        match self {
            Self::Process(command) => Some(command),
            Self::Container(_) => None,
        }
    }

    /// The container; of a process, nothing.
    pub fn container(&self) -> Option<&Container> {
        match self {
            Self::Process(_) => None,
            Self::Container(container) => Some(container),
        }
    }

    /// All texts in it that may have references.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Process(command) => command.templates().iter().collect(),
            Self::Container(container) => container.templates().collect(),
        }
    }
}

/// How much of the machine a service may use, process or container.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Limits {
    /// How many processors, such as 0.5.
    pub cpus: Option<f64>,
    /// How much memory, in bytes.
    pub memory: Option<u64>,
    /// How much memory and swap together, in bytes; -1 is no limit.
    pub memory_swap: Option<i64>,
    /// How much memory it is left with when the machine is short of it, in bytes.
    pub memory_reservation: Option<u64>,
    /// How many processes and threads.
    pub pids: Option<i64>,
    /// Its share of the processors when all are busy; others have 1024.
    pub cpu_shares: Option<u64>,
    /// Which processors, such as `0-2,4`.
    pub cpuset: Option<String>,
}

/// A container, as it is asked of the engine. What is `None` or empty is what the image says, or else the engine's own.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the engine, and none follows from another")]
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Where its image comes from.
    pub image: ImageSource,
    /// The platform that is asked for, such as `linux/arm64`.
    pub platform: Option<String>,
    /// What is put before the command, in place of the image's; empty: nothing.
    pub entrypoint: Option<Vec<Template>>,
    /// What is run, in place of the image's; empty: nothing but the entry point.
    pub command: Option<Vec<Template>>,
    /// Where it runs, an absolute path inside.
    pub directory: Option<String>,
    /// The user, `NAME`, `UID` or either with `:GROUP`.
    pub user: Option<String>,
    /// Further groups of the user.
    pub groups: Vec<String>,
    /// The port inside to which that of the service leads; `None`: the same number as outside.
    pub port: Option<u16>,
    /// The address outside at which the port of the service is; `None`: `127.0.0.1`.
    pub address: Option<String>,
    /// Further ports that can be reached from outside.
    pub ports: Vec<PublishedPort>,
    /// How it is connected.
    pub network: NetworkMode,
    /// Names that are added to its `/etc/hosts`, each with an address; `host-gateway` is the address of this machine.
    pub extra_hosts: Vec<(String, String)>,
    /// Servers for its names.
    pub dns: Vec<String>,
    /// Domains in which its names are looked for.
    pub dns_search: Vec<String>,
    /// Options of its resolver.
    pub dns_options: Vec<String>,
    /// What it calls itself; `None`: a word of the engine.
    pub hostname: Option<String>,
    /// The domain of what it calls itself.
    pub domainname: Option<String>,
    /// What the engine calls it, everywhere on the machine; `None`: a name of its environment.
    pub name: Option<String>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Files that are put into it before it starts.
    pub files: Vec<ContainerFile>,
    /// What tells whether it is healthy.
    pub health: Option<HealthCheck>,
    /// Whether a small first process passes signals on and collects the dead.
    pub init: bool,
    /// Whether it has a terminal; then both outputs are one.
    pub tty: bool,
    /// Whether its standard input stays open.
    pub stdin_open: bool,
    /// Whether its own file system cannot be written.
    pub read_only: bool,
    /// Whether it may do all that root may.
    pub privileged: bool,
    /// Capabilities that it has besides.
    pub cap_add: Vec<String>,
    /// Capabilities that it has not.
    pub cap_drop: Vec<String>,
    /// Options such as `no-new-privileges:true`.
    pub security_options: Vec<String>,
    /// Devices, as `HOST:CONTAINER:rwm`.
    pub devices: Vec<String>,
    /// Rules for devices, as the kernel writes them.
    pub device_rules: Vec<String>,
    /// How much shared memory it has, in bytes.
    pub shm_size: Option<u64>,
    /// Limits by name, each with its soft and its hard value; -1 is none.
    pub ulimits: IndexMap<String, (i64, i64)>,
    /// Settings of its kernel.
    pub sysctls: IndexMap<String, String>,
    /// The name space of processes: `host`.
    pub pid: Option<String>,
    /// The name space of shared memory: `host`, `private`, `shareable`, `none`.
    pub ipc: Option<String>,
    /// The name space of users: `host`.
    pub userns: Option<String>,
    /// The name space of names: `host`.
    pub uts: Option<String>,
    /// The name space of control groups: `host` or `private`.
    pub cgroup: Option<String>,
    /// The control group above it.
    pub cgroup_parent: Option<String>,
    /// What runs it, such as `runc`.
    pub runtime: Option<String>,
    /// How ready the kernel is to end it when memory is short, from -1000 to 1000.
    pub oom_score: Option<i64>,
    /// Whether the kernel never ends it when memory is short.
    pub oom_kill_disable: bool,
    /// Options of the driver of its storage.
    pub storage_options: IndexMap<String, String>,
    /// What is written on it.
    pub labels: IndexMap<String, String>,
    /// What the engine does with its output besides; `None`: nothing, Seedbed has it.
    pub logging: Option<Logging>,
}

impl Container {
    /// A container of an image, of which nothing else is said.
    pub fn new(image: ImageSource) -> Self {
        Self {
            image,
            platform: None,
            entrypoint: None,
            command: None,
            directory: None,
            user: None,
            groups: Vec::new(),
            port: None,
            address: None,
            ports: Vec::new(),
            network: NetworkMode::Environment(IndexMap::new()),
            extra_hosts: Vec::new(),
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            hostname: None,
            domainname: None,
            name: None,
            mounts: Vec::new(),
            files: Vec::new(),
            health: None,
            init: false,
            tty: false,
            stdin_open: false,
            read_only: false,
            privileged: false,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            security_options: Vec::new(),
            devices: Vec::new(),
            device_rules: Vec::new(),
            shm_size: None,
            ulimits: IndexMap::new(),
            sysctls: IndexMap::new(),
            pid: None,
            ipc: None,
            userns: None,
            uts: None,
            cgroup: None,
            cgroup_parent: None,
            runtime: None,
            oom_score: None,
            oom_kill_disable: false,
            storage_options: IndexMap::new(),
            labels: IndexMap::new(),
            logging: None,
        }
    }

    /// All texts in it that may have references.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let image = match &self.image {
            ImageSource::Pull { image, .. } => vec![image],
            ImageSource::Build(build) => build.args.values().flatten().collect(),
        };
        let words = self.entrypoint.iter().chain(&self.command).flatten();
        let files = self.files.iter().filter_map(|file| match &file.content {
            FileContent::Text(text) => Some(text),
            FileContent::File(_) => None,
        });
        image.into_iter().chain(words).chain(files)
    }
}

/// Where the image of a container comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageSource {
    /// A registry, if it is not here.
    Pull {
        /// Its name.
        image: Template,
        /// When it is pulled.
        policy: PullPolicy,
    },
    /// A Dockerfile.
    Build(Box<Build>),
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// When it is not there.
    #[default]
    Missing,
    /// By each `up` that starts the container.
    Always,
    /// Never: it has to be there.
    Never,
}

/// An image that is built of a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// The directory, relative to the workspace, or absolute.
    pub context: String,
    /// The Dockerfile, relative to the directory.
    pub dockerfile: String,
    /// The Dockerfile itself, in place of a file.
    pub dockerfile_text: Option<String>,
    /// The stage that is wanted; `None`: the last.
    pub target: Option<String>,
    /// Arguments by name; one without a value is that variable of the user's, if it is set.
    pub args: IndexMap<String, Option<Template>>,
    /// What is written on the image.
    pub labels: IndexMap<String, String>,
    /// Images of which layers may be taken.
    pub cache_from: Vec<String>,
    /// How the steps are connected: `host`, `none` or a network.
    pub network: Option<String>,
    /// Names that are added to `/etc/hosts` of the steps.
    pub extra_hosts: Vec<(String, String)>,
    /// How much shared memory the steps have, in bytes.
    pub shm_size: Option<u64>,
    /// Whether images that it begins with are pulled again.
    pub pull: bool,
    /// Whether all steps are done again.
    pub no_cache: bool,
    /// The name that the image gets besides; `None`: only one of its environment.
    pub tag: Option<String>,
}

impl Build {
    /// A build of a directory with its `Dockerfile`.
    pub fn new(context: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            dockerfile: "Dockerfile".to_owned(),
            dockerfile_text: None,
            target: None,
            args: IndexMap::new(),
            labels: IndexMap::new(),
            cache_from: Vec::new(),
            network: None,
            extra_hosts: Vec::new(),
            shm_size: None,
            pull: false,
            no_cache: false,
            tag: None,
        }
    }
}

/// A port of a container that can be reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// What it is called; it tells the ports of a service apart. A Compose port without a name is called by its number and
    /// protocol.
    pub name: String,
    /// The port inside.
    pub container: u16,
    /// The port outside.
    pub host: Port,
    /// The address outside; `None`: `127.0.0.1`.
    pub address: Option<String>,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A protocol that ports have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// How a container is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkMode {
    /// In the network of the environment, where it is called by the name of its service; and in these, by their names.
    /// Compose's `default` is the network of the environment, whose connection stands here if it has aliases.
    Environment(IndexMap<String, NetworkConnection>),
    /// In these networks only.
    Networks(IndexMap<String, NetworkConnection>),
    /// As this machine.
    Host,
    /// Not at all.
    None,
    /// As the container of that service.
    Service(String),
}

impl NetworkMode {
    /// Whether it is in networks that are not this machine's or another container's.
    pub const fn is_of_its_own(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::Networks(_))
    }
}

/// How a container is in one network.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NetworkConnection {
    /// Further names that it has there.
    pub aliases: Vec<String>,
    /// Its address.
    pub ipv4_address: Option<String>,
    /// Its address.
    pub ipv6_address: Option<String>,
    /// Its hardware address.
    pub mac_address: Option<String>,
    /// Options of the network's driver.
    pub options: IndexMap<String, String>,
    /// The network.
    pub network: Network,
}

/// A network that an environment has besides its own.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Network {
    /// What the engine calls it, everywhere on the machine; `None`: a name of the environment.
    pub name: Option<String>,
    /// Whether it is there already, and is neither made nor removed.
    pub external: bool,
    /// Its driver; `None`: `bridge`.
    pub driver: Option<String>,
    /// Options of its driver.
    pub options: IndexMap<String, String>,
    /// Whether nothing outside can be reached.
    pub internal: bool,
    /// Whether it has addresses of IPv6.
    pub ipv6: bool,
    /// Its ranges of addresses: subnet, gateway, range of those that are given out.
    pub subnets: Vec<(String, Option<String>, Option<String>)>,
    /// What is written on it.
    pub labels: IndexMap<String, String>,
}

/// Something that is mounted in a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// Where, an absolute path inside.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq)]
pub enum MountSource {
    /// A volume of the environment, by its name in the manifest.
    Volume {
        /// Its name.
        name: String,
        /// What it is.
        volume: Volume,
        /// Whether it begins empty, without what the image has there.
        no_copy: bool,
    },
    /// A volume that goes with the container.
    Anonymous,
    /// A file or directory of this machine.
    Bind {
        /// Where, relative to the workspace or absolute.
        path: String,
        /// Whether a directory is made if there is nothing.
        create: bool,
        /// How mounts below it are seen, such as `rslave`.
        propagation: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// How much, in bytes.
        size: Option<u64>,
        /// Its mode, such as `0o1777`.
        mode: Option<u32>,
    },
}

/// A volume of an environment.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Volume {
    /// What the engine calls it, everywhere on the machine; `None`: a name of the environment.
    pub name: Option<String>,
    /// Whether it is there already, and is neither made nor removed.
    pub external: bool,
    /// Its driver; `None`: `local`.
    pub driver: Option<String>,
    /// Options of its driver.
    pub options: IndexMap<String, String>,
    /// What is written on it.
    pub labels: IndexMap<String, String>,
}

/// A file that is put into a container before it starts: a secret or a config of Compose.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerFile {
    /// Where, an absolute path inside.
    pub target: String,
    /// What is in it.
    pub content: FileContent,
    /// Its owner.
    pub uid: Option<u32>,
    /// Its group.
    pub gid: Option<u32>,
    /// Its mode; `None`: `0o444`.
    pub mode: Option<u32>,
}

/// What is in a file that is put into a container.
#[derive(Clone, Debug, PartialEq)]
pub enum FileContent {
    /// What is in a file of this machine when the container is made; its path, relative to the workspace or absolute.
    File(String),
    /// This.
    Text(Template),
}

/// What tells whether a container is healthy. Seedbed runs it itself, from short to longer pauses, until it succeeds; so of
/// the times those count that say when to give up.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What is run inside.
    pub test: HealthTest,
    /// The longest pause between two tries.
    pub interval: Option<Duration>,
    /// How long one try may take.
    pub timeout: Option<Duration>,
    /// How long failures do not count.
    pub start_period: Option<Duration>,
    /// The longest pause between two tries in that time.
    pub start_interval: Option<Duration>,
    /// How many failures in a row it takes.
    pub retries: Option<u32>,
}

impl HealthCheck {
    /// A try, and the pause after it, where nothing is said.
    const USUAL_INTERVAL: Duration = Duration::from_secs(1);
    const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
    const USUAL_RETRIES: u32 = 3;

    /// How long it may take until it passes, as far as that is said: the time in which failures do not count, and then as long as
    /// so many tries in a row take at most. Tries are closer together than that, so they cannot be counted.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let start = self.start_period.unwrap_or_default();
        if self.retries.is_none() && self.start_period.is_none() {
            return None;
        }
        let once = self.interval.unwrap_or(Self::USUAL_INTERVAL) + self.timeout.unwrap_or(Self::USUAL_TIMEOUT);
        Some(start + once.saturating_mul(self.retries.unwrap_or(Self::USUAL_RETRIES)))
    }
}

/// What is run to learn whether a container is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthTest {
    /// What the image says.
    Image,
    /// Nothing, whatever the image says.
    Disabled,
    /// A program with its arguments.
    Command(Vec<String>),
    /// A script for the shell of the image.
    Shell(String),
}

/// What the engine does with the output of a container besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The driver.
    pub driver: String,
    /// Its options.
    pub options: IndexMap<String, String>,
}
