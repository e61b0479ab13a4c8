//! A container of the manifest becomes what an engine is asked for, in the engine's words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use manifest::{
    Container, FileContent, HealthTest, ImageSource, Limits, MountSource, Network, NetworkMode, Protocol, PullPolicy,
    Template, Volume,
};
use serde_json::{Map, Value, json};
use source::Problem;
use supervisor::{
    ContainerSpec, NeededNetwork, PlacedContent, PlacedFile, Probe, ProcessSpec, Relay, UnitId, Variables,
};

use crate::resolve::join;
use crate::scope::{Form, Scope};

/// The label of everything that an environment has in an engine; the room `containers` sweeps by the same.
pub const LABEL: &str = "seedbed.environment";

/// The name by which a container finds this machine.
pub const GATEWAY: &str = "host.docker.internal";

/// A pause of a health check, in nanoseconds, so long that the engine never does it beside us.
const NEVER: u64 = 1_000_000_000 * 60 * 60 * 24 * 365;

/// What the planner is told of the engine that runs containers.
#[derive(Debug, Clone, Default)]
pub struct ContainerFacts {
    /// Its address.
    pub engine: String,
    /// The value of the label of everything that the environment has there.
    pub label: String,
    /// A short word for the environment, of which names are made that are the only ones on the machine.
    pub word: String,
    /// Whether containers have networks of their own; if not, they are in that of this machine.
    pub has_networks: bool,
    /// By unit: the name of the image that is built for it.
    pub built: BTreeMap<UnitId, String>,
    /// By port of this machine: the port at which containers reach it.
    pub relays: BTreeMap<u16, u16>,
}

/// The image of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageModel {
    /// What it is called.
    pub name: String,
    /// The platform that is asked for.
    pub platform: Option<String>,
    /// When it is pulled; `None`: it is built.
    pub pull: Option<PullPolicy>,
    /// The arguments of its build; one without a value is that variable of the user's.
    pub args: BTreeMap<String, Option<String>>,
}

impl ContainerFacts {
    /// What the engine calls something of a workspace.
    fn name(&self, scope: &Scope<'_>, name: &str) -> String {
        format!("seedbed-{}-{}-{name}", self.word, scope.name())
    }

    /// The network of the environment.
    fn network(&self) -> String {
        format!("seedbed-{}", self.word)
    }
}

/// One container that is resolved.
pub(crate) struct Resolver<'a, 's> {
    pub(crate) scope: &'s Scope<'a>,
    pub(crate) facts: &'s ContainerFacts,
    pub(crate) container: &'a Container,
    pub(crate) service: &'a str,
    pub(crate) limits: &'a Limits,
    /// Its port outside, if it has one.
    pub(crate) port: Option<u16>,
}

impl<'a> Resolver<'a, '_> {
    /// What the engine calls it.
    pub(crate) fn name(&self) -> String {
        self.container.name.clone().unwrap_or_else(|| self.facts.name(self.scope, self.service))
    }

    pub(crate) fn image(&self) -> Result<ImageModel, Problem> {
        let platform = self.container.platform.clone();
        Ok(match &self.container.image {
            ImageSource::Pull { image, policy } => {
                let name = self.scope.text(image, Form::Value)?;
                ImageModel { name, platform, pull: Some(*policy), args: BTreeMap::new() }
            }
            ImageSource::Build(build) => {
                let name = self.facts.built.get(&self.scope.unit(self.service)).cloned().unwrap_or_default();
                let args = build.args.iter().map(|(key, value)| {
                    let value = value.as_ref().map(|value| self.scope.text(value, Form::Value)).transpose()?;
                    Ok((key.clone(), value))
                });
                ImageModel { name, platform, pull: None, args: args.collect::<Result<_, Problem>>()? }
            }
        })
    }

    pub(crate) fn spec(&self, env: &BTreeMap<String, String>) -> Result<ContainerSpec, Problem> {
        let container = self.container;
        let root = &self.scope.workspace().directory;
        let networks = self.networks();
        let has_network = !networks.is_empty();
        let files = container.files.iter().map(|file| {
            let content = match &file.content {
                FileContent::File(path) => PlacedContent::File(join(root, path)),
                FileContent::Text(text) => PlacedContent::Text(self.scope.text(text, Form::Value)?),
            };
            let (uid, gid) = (file.uid.unwrap_or_default(), file.gid.unwrap_or_default());
            Ok(PlacedFile { target: file.target.clone(), content, uid, gid, mode: file.mode.unwrap_or(0o444) })
        });
        Ok(ContainerSpec {
            engine: self.facts.engine.clone(),
            label: self.facts.label.clone(),
            name: self.name(),
            body: self.body(env, networks.first())?.to_string(),
            platform: container.platform.clone(),
            volumes: self.volumes(),
            files: files.collect::<Result<_, _>>()?,
            has_terminal: container.tty,
            gateway_name: has_network.then(|| GATEWAY.to_owned()),
            relays: if has_network {
                self.facts.relays.iter().map(|(to, port)| Relay { port: *port, to: *to }).collect()
            } else {
                Vec::new()
            },
            networks,
        })
    }

    /// The networks that it is in, the one that it is made in first; none if it has that of this machine, or of another.
    fn networks(&self) -> Vec<NeededNetwork> {
        let (own, others) = match &self.container.network {
            NetworkMode::Environment(others) => (true, others),
            NetworkMode::Networks(others) => (false, others),
            NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) => return Vec::new(),
        };
        if !self.facts.has_networks {
            return Vec::new();
        }
        let mut networks = Vec::new();
        if own {
            let name = self.facts.network();
            let body = self.network_body(&name, &Network::default());
            networks.push(NeededNetwork { name, body: Some(body), connection: None });
        }
        for (key, connection) in others.iter().filter(|(key, _)| !(own && *key == "default")) {
            let network = &connection.network;
            let name = network.name.clone().unwrap_or_else(|| self.facts.name(self.scope, key));
            let body = (!network.external).then(|| self.network_body(&name, network));
            let endpoint = json!({ "Container": "CONTAINER", "EndpointConfig": self.endpoint(key) });
            let connection = (!networks.is_empty()).then(|| endpoint.to_string());
            networks.push(NeededNetwork { name, body, connection });
        }
        networks
    }

    fn network_body(&self, name: &str, network: &Network) -> String {
        let ranges = network.subnets.iter().map(|(subnet, gateway, range)| {
            let parts = [("Subnet", Some(subnet)), ("Gateway", gateway.as_ref()), ("IPRange", range.as_ref())];
            parts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect::<BTreeMap<_, _>>()
        });
        let ranges: Vec<_> = ranges.collect();
        let mut body = json!({
            "Name": name,
            "CheckDuplicate": true,
            "Driver": network.driver.as_deref().unwrap_or("bridge"),
            "Options": network.options,
            "Internal": network.internal,
            "EnableIPv6": network.ipv6,
            "Labels": self.labels(&network.labels),
        });
        if !ranges.is_empty() {
            body["IPAM"] = json!({ "Config": ranges });
        }
        body.to_string()
    }

    /// How it is in a network, by the key of that in the manifest.
    fn endpoint(&self, key: &str) -> Value {
        let (own, others) = match &self.container.network {
            NetworkMode::Environment(others) => (key == "default", others),
            NetworkMode::Networks(others) => (false, others),
            _ => return json!({}),
        };
        let connection = others.get(key);
        let mut aliases: BTreeSet<String> = connection.into_iter().flat_map(|one| one.aliases.clone()).collect();
        aliases.insert(format!("{}.{}", self.service, self.scope.name()));
        if !own || self.scope.is_only_container_of_its_name(self.service) {
            aliases.insert(self.service.to_owned());
        }
        let mut endpoint = json!({ "Aliases": aliases });
        if let Some(connection) = connection {
            let mut addresses = Map::new();
            if let Some(address) = &connection.ipv4_address {
                addresses.insert("IPv4Address".to_owned(), address.clone().into());
            }
            if let Some(address) = &connection.ipv6_address {
                addresses.insert("IPv6Address".to_owned(), address.clone().into());
            }
            if !addresses.is_empty() {
                endpoint["IPAMConfig"] = Value::Object(addresses);
            }
            if !connection.options.is_empty() {
                endpoint["DriverOpts"] = json!(connection.options);
            }
        }
        endpoint
    }

    fn volumes(&self) -> Vec<String> {
        let named = self.container.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume { name, volume, .. } if !volume.external => Some((name, volume)),
            _ => None,
        });
        let body = |(name, volume): (&String, &Volume)| {
            let body = json!({
                "Name": self.volume(name, volume),
                "Driver": volume.driver.as_deref().unwrap_or("local"),
                "DriverOpts": volume.options,
                "Labels": self.labels(&volume.labels),
            });
            body.to_string()
        };
        named.map(body).collect()
    }

    fn volume(&self, name: &str, volume: &Volume) -> String {
        volume.name.clone().unwrap_or_else(|| self.facts.name(self.scope, name))
    }

    fn labels(&self, more: &IndexMap<String, String>) -> Value {
        let mut labels = json!(more);
        labels[LABEL] = self.facts.label.clone().into();
        labels
    }

    /// What is asked for. Keys that are not there are the engine's own, or the image's.
    fn body(&self, env: &BTreeMap<String, String>, first: Option<&NeededNetwork>) -> Result<Value, Problem> {
        let container = self.container;
        let words = |words: &'a Option<Vec<Template>>| -> Result<Option<Vec<String>>, Problem> {
            words
                .as_ref()
                .map(|words| words.iter().map(|word| self.scope.text(word, Form::Value)).collect())
                .transpose()
        };
        let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut body = json!({
            "Image": self.image()?.name,
            "Env": env,
            "Labels": self.labels(&container.labels),
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": container.tty,
            // Whoever attaches to a terminal types.
            "OpenStdin": container.stdin_open || container.tty,
            "HostConfig": self.host(first),
        });
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[key] = value;
            }
        };
        set("Entrypoint", words(&container.entrypoint)?.map(|words| json!(words)));
        set("Cmd", words(&container.command)?.map(|words| json!(words)));
        set("WorkingDir", container.directory.as_ref().map(|directory| json!(directory)));
        set("User", container.user.as_ref().map(|user| json!(user)));
        set("Hostname", container.hostname.as_ref().map(|name| json!(name)));
        set("Domainname", container.domainname.as_ref().map(|name| json!(name)));
        // Seedbed runs the check itself; what is declared stands here to be found again beside that of an image.
        if let Some(health) = &container.health {
            let test = match &health.test {
                HealthTest::Image => None,
                HealthTest::Disabled => Some(json!(["NONE"])),
                HealthTest::Command(words) => Some(json!([&["CMD".to_owned()], words.as_slice()].concat())),
                HealthTest::Shell(script) => Some(json!(["CMD-SHELL", script])),
            };
            set("Healthcheck", test.map(|test| json!({ "Test": test, "Interval": NEVER })));
        }
        let exposed: Map<String, Value> = self.published().into_keys().map(|port| (port, json!({}))).collect();
        set("ExposedPorts", (!exposed.is_empty()).then_some(Value::Object(exposed)));
        if let Some(first) = first {
            let own = matches!(container.network, NetworkMode::Environment(_));
            let key = match &container.network {
                NetworkMode::Networks(others) => others.keys().next().map_or("default", String::as_str),
                _ => "default",
            };
            debug_assert!(own || key != "default" || matches!(container.network, NetworkMode::Networks(_)));
            body["NetworkingConfig"] = json!({ "EndpointsConfig": { &first.name: self.endpoint(key) } });
        }
        Ok(body)
    }

    /// Ports inside, with their protocol, and where they are outside.
    fn published(&self) -> BTreeMap<String, Vec<Value>> {
        let mut published: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut publish = |inside: u16, protocol: Protocol, outside: u16, address: Option<&String>| {
            let protocol = if protocol == Protocol::Udp { "udp" } else { "tcp" };
            let address = address.map_or("127.0.0.1", String::as_str);
            let binding = json!({ "HostIp": address, "HostPort": outside.to_string() });
            published.entry(format!("{inside}/{protocol}")).or_default().push(binding);
        };
        if let Some(port) = self.port {
            publish(self.container.port.unwrap_or(port), Protocol::Tcp, port, self.container.address.as_ref());
        }
        for port in &self.container.ports {
            let outside = self.scope.port(&format!("{}:{}", self.service, port.name));
            if let Some(outside) = outside {
                publish(port.container, port.protocol, outside, port.address.as_ref());
            }
        }
        published
    }

    fn host(&self, first: Option<&NeededNetwork>) -> Value {
        let container = self.container;
        let network = match (&container.network, first) {
            (_, Some(first)) => first.name.clone(),
            (NetworkMode::None, None) => "none".to_owned(),
            (NetworkMode::Service(service), None) => {
                format!("container:{}", self.facts.name(self.scope, service))
            }
            _ => "host".to_owned(),
        };
        let logging = match &container.logging {
            Some(logging) => json!({ "Type": logging.driver, "Config": logging.options }),
            None => json!({ "Type": "none" }),
        };
        let mut host = json!({
            "NetworkMode": network,
            "LogConfig": logging,
            "Mounts": self.mounts(),
            "ReadonlyRootfs": container.read_only,
            "Privileged": container.privileged,
        });
        if first.is_some() {
            host["PortBindings"] = json!(self.published());
        }
        let hosts: Vec<String> =
            container.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect();
        let ulimits =
            container.ulimits.iter().map(|(name, (soft, hard))| json!({ "Name": name, "Soft": soft, "Hard": hard }));
        let ulimits: Vec<Value> = ulimits.collect();
        let lists = [
            ("ExtraHosts", hosts),
            ("Dns", container.dns.clone()),
            ("DnsSearch", container.dns_search.clone()),
            ("DnsOptions", container.dns_options.clone()),
            ("CapAdd", container.cap_add.clone()),
            ("CapDrop", container.cap_drop.clone()),
            ("SecurityOpt", container.security_options.clone()),
            ("GroupAdd", container.groups.clone()),
            ("DeviceCgroupRules", container.device_rules.clone()),
        ];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            host[key] = json!(list);
        }
        let texts = [
            ("PidMode", &container.pid),
            ("IpcMode", &container.ipc),
            ("UsernsMode", &container.userns),
            ("UTSMode", &container.uts),
            ("CgroupnsMode", &container.cgroup),
            ("CgroupParent", &container.cgroup_parent),
            ("Runtime", &container.runtime),
            ("CpusetCpus", &self.limits.cpuset),
        ];
        for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            host[key] = json!(text);
        }
        self.set_numbers(&mut host);
        if container.init {
            host["Init"] = json!(true);
        }
        if container.oom_kill_disable {
            host["OomKillDisable"] = json!(true);
        }
        if !ulimits.is_empty() {
            host["Ulimits"] = json!(ulimits);
        }
        for (key, map) in [("Sysctls", &container.sysctls), ("StorageOpt", &container.storage_options)] {
            if !map.is_empty() {
                host[key] = json!(map);
            }
        }
        if !container.devices.is_empty() {
            host["Devices"] = container.devices.iter().map(|device| device_of(device)).collect();
        }
        host
    }

    fn set_numbers(&self, host: &mut Value) {
        const NANOS: f64 = 1e9;
        let limits = self.limits;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a number of processors in billionths is far below the limit"
        )]
        let cpus = limits.cpus.map(|cpus| json!((cpus * NANOS).round() as i64));
        let numbers = [
            ("NanoCpus", cpus),
            ("Memory", limits.memory.map(|bytes| json!(bytes))),
            ("MemorySwap", limits.memory_swap.map(|bytes| json!(bytes))),
            ("MemoryReservation", limits.memory_reservation.map(|bytes| json!(bytes))),
            ("PidsLimit", limits.pids.map(|count| json!(count))),
            ("CpuShares", limits.cpu_shares.map(|shares| json!(shares))),
            ("ShmSize", self.container.shm_size.map(|bytes| json!(bytes))),
            ("OomScoreAdj", self.container.oom_score.map(|score| json!(score))),
        ];
        for (key, number) in numbers.into_iter().filter_map(|(key, number)| Some((key, number?))) {
            host[key] = number;
        }
    }

    fn mounts(&self) -> Vec<Value> {
        let root = &self.scope.workspace().directory;
        let mount = |mount: &manifest::Mount| {
            let mut value = json!({ "Target": mount.target, "ReadOnly": mount.read_only });
            match &mount.source {
                MountSource::Volume { name, volume, no_copy } => {
                    value["Type"] = json!("volume");
                    value["Source"] = json!(self.volume(name, volume));
                    value["VolumeOptions"] = json!({ "NoCopy": no_copy });
                }
                MountSource::Anonymous => value["Type"] = json!("volume"),
                MountSource::Bind { path, create, propagation } => {
                    value["Type"] = json!("bind");
                    value["Source"] = json!(self.place(root, path).display().to_string());
                    let mut options = json!({ "CreateMountpoint": create });
                    if let Some(propagation) = propagation {
                        options["Propagation"] = json!(propagation);
                    }
                    value["BindOptions"] = options;
                }
                MountSource::Tmpfs { size, mode } => {
                    value["Type"] = json!("tmpfs");
                    let mut options = Map::new();
                    options.extend(size.map(|size| ("SizeBytes".to_owned(), json!(size))));
                    options.extend(mode.map(|mode| ("Mode".to_owned(), json!(mode))));
                    value["TmpfsOptions"] = Value::Object(options);
                }
            }
            value
        };
        self.container.mounts.iter().map(mount).collect()
    }

    /// A place of this machine, relative to the workspace or to the home directory, or absolute.
    fn place(&self, root: &Path, path: &str) -> PathBuf {
        let home = path.strip_prefix("~/").and_then(|rest| Some((self.scope.facts.inherited.get("HOME")?, rest)));
        match home {
            Some((home, rest)) => join(Path::new(home), rest),
            None => join(root, path),
        }
    }

    /// What tells whether it is healthy.
    pub(crate) fn health(&self, process: &ProcessSpec) -> Probe {
        match self.container.health.as_ref().map(|health| &health.test) {
            Some(HealthTest::Disabled) => Probe::Started,
            Some(HealthTest::Command(words)) => Probe::Command(Box::new(inside(&self.name(), words.clone(), process))),
            Some(HealthTest::Shell(script)) => {
                let words = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
                Probe::Command(Box::new(inside(&self.name(), words, process)))
            }
            Some(HealthTest::Image) | None => Probe::Health { container: self.name() },
        }
    }
}

/// A device, written `HOST`, `HOST:CONTAINER` or `HOST:CONTAINER:rwm`.
fn device_of(text: &str) -> Value {
    let parts: Vec<&str> = text.split(':').collect();
    let host = parts.first().copied().unwrap_or_default();
    json!({
        "PathOnHost": host,
        "PathInContainer": parts.get(1).copied().unwrap_or(host),
        "CgroupPermissions": parts.get(2).copied().unwrap_or("rwm"),
    })
}

/// The process of a command that is run inside of a container, of which no more than the name is said.
pub(crate) fn inside(name: &str, words: Vec<String>, process: &ProcessSpec) -> ProcessSpec {
    let mut words = words.into_iter();
    ProcessSpec {
        program: words.next().unwrap_or_default(),
        arguments: words.collect(),
        env: Variables::default(),
        container: Some(Arc::new(ContainerSpec { name: name.to_owned(), ..ContainerSpec::default() })),
        ..process.clone()
    }
}
