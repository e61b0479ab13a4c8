//! What a service of a Compose project asks of the engine.

use indexmap::IndexMap;
use source::{Entry, Node, Tree};

use crate::Template;
use crate::compose_project::texts;
use crate::compose_service::{Conversion, duration, integer, is_disabled, unsigned};
use crate::container::{
    Build, Container, ContainerFile, FileContent, HealthCheck, HealthTest, ImageSource, Logging, Mount, MountSource,
    Network, NetworkConnection, NetworkMode, Protocol, PublishedPort, PullPolicy, Volume,
};

impl Conversion<'_> {
    /// Converts what a service says of its container.
    pub(crate) fn container(&mut self, entry: &Entry) -> Option<Container> {
        let tree = &entry.value;
        let mut container = Container::new(self.image(tree)?);
        self.process(tree, &mut container);
        self.connections(tree, &mut container);
        self.ports(tree, &mut container);
        container.mounts = self.mounts(tree);
        container.files = self.files(tree);
        container.health = self.health(tree);
        self.privileges(tree, &mut container);
        self.refuse_modes(tree);
        Some(container)
    }

    fn image(&mut self, tree: &Tree) -> Option<ImageSource> {
        let policy = match tree.get("pull_policy").and_then(Tree::as_str) {
            None | Some("missing" | "build") => PullPolicy::Missing,
            Some("always") => PullPolicy::Always,
            Some("never") => PullPolicy::Never,
            Some(other) => {
                self.refuse(&tree.get("pull_policy")?.place, format!("`pull_policy: {other}` is not known"));
                PullPolicy::Missing
            }
        };
        match tree.get("build") {
            Some(build) => Some(ImageSource::Build(Box::new(self.build(build, tree.get("image"))))),
            None => Some(ImageSource::Pull { image: self.template(tree.get("image")?), policy }),
        }
    }

    fn build(&mut self, tree: &Tree, image: Option<&Tree>) -> Build {
        let context = tree.get("context").map(|context| self.plain(context)).unwrap_or_default();
        if compose::is_address(&context)
            && let Some(context) = tree.get("context")
        {
            self.refuse(&context.place, "an image is built of a directory of this machine".to_owned());
        }
        let text = |key: &str| tree.get(key).and_then(Tree::as_str).map(str::to_owned);
        let flag = |key: &str| tree.get(key).and_then(Tree::as_bool).unwrap_or(false);
        let arguments = tree.get("args").and_then(Tree::as_map).unwrap_or_default();
        Build {
            dockerfile: text("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned()),
            dockerfile_text: text("dockerfile_inline"),
            target: text("target"),
            args: arguments
                .iter()
                .map(|argument| (argument.key.clone(), Some(self.template(&argument.value))))
                .collect(),
            labels: texts(tree.get("labels")),
            cache_from: self.listed(tree, "cache_from"),
            network: text("network"),
            extra_hosts: hosts(tree),
            shm_size: tree.get("shm_size").and_then(unsigned),
            pull: flag("pull"),
            no_cache: flag("no_cache"),
            tag: image.map(|image| self.plain(image)),
            ..Build::new(context)
        }
    }

    /// What runs in it, and as whom.
    fn process(&mut self, tree: &Tree, container: &mut Container) {
        let words = |key: &str| -> Option<Vec<Template>> {
            let words = tree.get(key).and_then(Tree::as_list)?;
            Some(words.iter().map(|word| self.template(word)).collect())
        };
        container.entrypoint = words("entrypoint");
        container.command = words("command");
        let flag = |key: &str| tree.get(key).and_then(Tree::as_bool).unwrap_or(false);
        container.init = flag("init");
        container.tty = flag("tty");
        container.stdin_open = flag("stdin_open");
        let mut text = |key: &str| tree.get(key).map(|value| self.plain(value));
        container.platform = text("platform");
        container.directory = text("working_dir");
        container.user = text("user");
        container.hostname = text("hostname");
        container.domainname = text("domainname");
        container.name = text("container_name");
        container.runtime = text("runtime");
        container.groups = self.listed(tree, "group_add");
        container.labels = texts(tree.get("labels"));
        container.logging = tree.get("logging").map(|logging| {
            let driver = logging.get("driver").and_then(Tree::as_str).unwrap_or("json-file").to_owned();
            Logging { driver, options: texts(logging.get("options")) }
        });
    }

    fn privileges(&mut self, tree: &Tree, container: &mut Container) {
        let flag = |key: &str| tree.get(key).and_then(Tree::as_bool).unwrap_or(false);
        container.read_only = flag("read_only");
        container.privileged = flag("privileged");
        container.oom_kill_disable = flag("oom_kill_disable");
        container.oom_score = tree.get("oom_score_adj").and_then(integer);
        container.cap_add = self.listed(tree, "cap_add");
        container.cap_drop = self.listed(tree, "cap_drop");
        container.security_options = self.listed(tree, "security_opt");
        container.device_rules = self.listed(tree, "device_cgroup_rules");
        container.shm_size = tree.get("shm_size").and_then(unsigned);
        container.sysctls = texts(tree.get("sysctls"));
        container.storage_options = texts(tree.get("storage_opt"));
        let devices = tree.get("devices").and_then(Tree::as_list).unwrap_or_default();
        container.devices = devices
            .iter()
            .map(|device| {
                let part =
                    |key: &str, missing: &str| device.get(key).and_then(Tree::as_str).unwrap_or(missing).to_owned();
                let source = part("source", "");
                format!("{source}:{}:{}", part("target", &source), part("permissions", "rwm"))
            })
            .collect();
        for limit in tree.get("ulimits").and_then(Tree::as_map).unwrap_or_default() {
            let both = limit.value.as_integer().map(|limit| (limit, limit));
            let part = |key: &str| limit.value.get(key).and_then(integer);
            if let Some(found) = both.or_else(|| Some((part("soft")?, part("hard")?))) {
                container.ulimits.insert(limit.key.clone(), found);
            }
        }
        container.pid = self.name_space(tree, "pid", &["host"]);
        container.ipc = self.name_space(tree, "ipc", &["host", "private", "shareable", "none"]);
        container.uts = self.name_space(tree, "uts", &["host"]);
        container.userns = self.name_space(tree, "userns_mode", &["host"]);
        container.cgroup = tree.get("cgroup").map(|value| self.plain(value));
        container.cgroup_parent = tree.get("cgroup_parent").map(|value| self.plain(value));
    }

    fn name_space(&mut self, tree: &Tree, key: &str, words: &[&str]) -> Option<String> {
        let value = tree.get(key).filter(|value| value.node != Node::Null)?;
        let text = value.as_str().unwrap_or_default();
        if !words.contains(&text) {
            self.refuse(&value.place, format!("`{key}: {text}` is not one of {}", words.join(", ")));
        }
        Some(text.to_owned())
    }

    fn connections(&mut self, tree: &Tree, container: &mut Container) {
        container.extra_hosts = hosts(tree);
        container.dns = self.listed(tree, "dns");
        container.dns_search = self.listed(tree, "dns_search");
        container.dns_options = self.listed(tree, "dns_opt");
        for link in tree.get("links").and_then(Tree::as_list).unwrap_or_default() {
            let text = link.as_str().unwrap_or_default();
            if text.split_once(':').is_some_and(|(service, name)| service != name) {
                self.refuse(
                    &link.place,
                    "a link gives a service another name; `networks` with `aliases` does".to_owned(),
                );
            }
        }
        if let Some(mode) = tree.get("network_mode").filter(|mode| mode.as_str().is_some_and(|mode| !mode.is_empty())) {
            container.network = match mode.as_str().unwrap_or_default() {
                "host" => NetworkMode::Host,
                "none" => NetworkMode::None,
                "bridge" | "default" => NetworkMode::Environment(IndexMap::new()),
                text => self.network_of_service(text, mode),
            };
            return;
        }
        let mac = tree.get("mac_address").and_then(Tree::as_str).map(str::to_owned);
        let mut connections = IndexMap::new();
        for (index, network) in tree.get("networks").and_then(Tree::as_map).unwrap_or_default().iter().enumerate() {
            let mut connection = self.connection(network);
            if index == 0 && connection.mac_address.is_none() {
                connection.mac_address.clone_from(&mac);
            }
            connections.insert(network.key.clone(), connection);
        }
        let is_default = connections.contains_key("default");
        container.network =
            if is_default { NetworkMode::Environment(connections) } else { NetworkMode::Networks(connections) };
    }

    fn network_of_service(&mut self, text: &str, mode: &Tree) -> NetworkMode {
        if let Some(service) = text.strip_prefix("service:") {
            return NetworkMode::Service(service.to_owned());
        }
        self.refuse(&mode.place, format!("`network_mode: {text}` is not known"));
        NetworkMode::None
    }

    fn connection(&mut self, entry: &Entry) -> NetworkConnection {
        let text = |key: &str| entry.value.get(key).and_then(Tree::as_str).map(str::to_owned);
        NetworkConnection {
            aliases: self.listed(&entry.value, "aliases"),
            ipv4_address: text("ipv4_address"),
            ipv6_address: text("ipv6_address"),
            mac_address: text("mac_address"),
            options: texts(entry.value.get("driver_opts")),
            network: self.network(&entry.key),
        }
    }

    fn network(&mut self, name: &str) -> Network {
        let Some(entry) = self.project.entries("networks").iter().find(|network| network.key == name) else {
            return Network::default();
        };
        let tree = &entry.value;
        let flag = |key: &str| tree.get(key).and_then(Tree::as_bool).unwrap_or(false);
        let ipam = tree.get("ipam");
        if let Some(driver) =
            ipam.and_then(|ipam| ipam.get("driver")).filter(|driver| driver.as_str() != Some("default"))
        {
            self.refuse(&driver.place, "addresses are given by the driver `default`".to_owned());
        }
        let pools = ipam.and_then(|ipam| ipam.get("config")).and_then(Tree::as_list).unwrap_or_default();
        let subnets = pools.iter().filter_map(|pool| {
            let text = |key: &str| pool.get(key).and_then(Tree::as_str).map(str::to_owned);
            Some((text("subnet")?, text("gateway"), text("ip_range")))
        });
        Network {
            name: self.own_name(entry),
            external: flag("external"),
            driver: tree.get("driver").and_then(Tree::as_str).map(str::to_owned),
            options: texts(tree.get("driver_opts")),
            internal: flag("internal"),
            ipv6: flag("enable_ipv6"),
            subnets: subnets.collect(),
            labels: texts(tree.get("labels")),
        }
    }

    /// The name of a network or volume, if it is another one than Compose would give it.
    fn own_name(&self, entry: &Entry) -> Option<String> {
        let name = entry.value.get("name").and_then(Tree::as_str)?;
        (name != format!("{}_{}", self.project.name, entry.key)).then(|| name.to_owned())
    }

    fn ports(&mut self, tree: &Tree, container: &mut Container) {
        let inside = |port: &Tree| port.get("target").and_then(integer).and_then(|port| u16::try_from(port).ok());
        let address = |port: &Tree| port.get("host_ip").and_then(Tree::as_str).map(str::to_owned);
        let main = self.main_port(tree).map(|(_, port)| port);
        if let Some(main) = main {
            container.port = inside(main);
            container.address = address(main);
        }
        for port in tree.get("ports").and_then(Tree::as_list).unwrap_or_default() {
            let protocol = port.get("protocol").and_then(Tree::as_str).unwrap_or("tcp");
            let known = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => {
                    self.refuse(&port.place, format!("ports of `{protocol}` are not published"));
                    continue;
                }
            };
            let Some(number) = inside(port) else {
                self.refuse(&port.place, "a port is a number up to 65535".to_owned());
                continue;
            };
            if main.is_some_and(|main| std::ptr::eq(main, port)) {
                continue;
            }
            let said = port.get("name").and_then(Tree::as_str).map(str::to_owned);
            let taken =
                container.ports.iter().filter(|other| other.container == number && other.protocol == known).count();
            let again = if taken == 0 { String::new() } else { format!("-{}", taken + 1) };
            container.ports.push(PublishedPort {
                name: said.unwrap_or_else(|| format!("{number}-{protocol}{again}")),
                container: number,
                host: self.published(port),
                address: address(port),
                protocol: known,
            });
        }
    }

    fn mounts(&mut self, tree: &Tree) -> Vec<Mount> {
        let mut mounts = Vec::new();
        for mount in tree.get("volumes").and_then(Tree::as_list).unwrap_or_default() {
            let Some(target) = mount.get("target").map(|target| self.plain(target)) else { continue };
            let read_only = mount.get("read_only").and_then(Tree::as_bool).unwrap_or(false);
            if let Some(source) = self.mount_source(mount) {
                mounts.push(Mount { target, source, read_only });
            }
        }
        for tmpfs in tree.get("tmpfs").and_then(Tree::as_list).unwrap_or_default() {
            let text = self.plain(tmpfs);
            let (target, options) = text.split_once(':').unwrap_or((&text, ""));
            let (mut size, mut mode) = (None, None);
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", value)) => size = compose::bytes(value).and_then(|size| u64::try_from(size).ok()),
                    Some(("mode", value)) => mode = u32::from_str_radix(value, 8).ok(),
                    _ => self.refuse(&tmpfs.place, format!("the option `{option}` is not known")),
                }
            }
            mounts.push(Mount {
                target: target.to_owned(),
                source: MountSource::Tmpfs { size, mode },
                read_only: false,
            });
        }
        mounts
    }

    fn mount_source(&mut self, mount: &Tree) -> Option<MountSource> {
        let source = mount.get("source").map(|source| self.plain(source)).filter(|source| !source.is_empty());
        let detail = |part: &str, key: &str| mount.get(part).and_then(|part| part.get(key));
        match mount.get("type").and_then(Tree::as_str)? {
            "bind" => Some(MountSource::Bind {
                path: source?,
                create: detail("bind", "create_host_path").and_then(Tree::as_bool).unwrap_or(false),
                propagation: detail("bind", "propagation").and_then(Tree::as_str).map(str::to_owned),
            }),
            "volume" => {
                let Some(name) = source else { return Some(MountSource::Anonymous) };
                let no_copy = detail("volume", "nocopy").and_then(Tree::as_bool).unwrap_or(false);
                Some(MountSource::Volume { volume: self.volume(&name), name, no_copy })
            }
            "tmpfs" => Some(MountSource::Tmpfs {
                size: detail("tmpfs", "size").and_then(unsigned),
                mode: detail("tmpfs", "mode").and_then(unsigned).and_then(|mode| u32::try_from(mode).ok()),
            }),
            other => {
                self.refuse(&mount.place, format!("volumes of the type `{other}` are not mounted"));
                None
            }
        }
    }

    fn volume(&mut self, name: &str) -> Volume {
        let Some(entry) = self.project.entries("volumes").iter().find(|volume| volume.key == name) else {
            return Volume::default();
        };
        Volume {
            name: self.own_name(entry),
            external: entry.value.get("external").and_then(Tree::as_bool).unwrap_or(false),
            driver: entry.value.get("driver").and_then(Tree::as_str).map(str::to_owned),
            options: texts(entry.value.get("driver_opts")),
            labels: texts(entry.value.get("labels")),
        }
    }

    /// Secrets and configs are files that are put into the container.
    fn files(&mut self, tree: &Tree) -> Vec<ContainerFile> {
        let mut files = Vec::new();
        for (kind, below) in [("secrets", "/run/secrets"), ("configs", "")] {
            for grant in tree.get(kind).and_then(Tree::as_list).unwrap_or_default() {
                let text = |key: &str| grant.get(key).and_then(Tree::as_str);
                let Some(source) = text("source") else { continue };
                let target = text("target").unwrap_or(source);
                let target = if target.starts_with('/') { target.to_owned() } else { format!("{below}/{target}") };
                let declared = self.project.entries(kind).iter().find(|entry| entry.key == source);
                let Some(content) = declared.and_then(|entry| self.content(entry)) else { continue };
                let id = |key: &str| text(key).and_then(|id| id.parse().ok());
                let mode = text("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
                files.push(ContainerFile { target, content, uid: id("uid"), gid: id("gid"), mode });
            }
        }
        files
    }

    fn content(&mut self, entry: &Entry) -> Option<FileContent> {
        if let Some(file) = entry.value.get("file") {
            return Some(FileContent::File(self.plain(file)));
        }
        if let Some(content) = entry.value.get("content") {
            return Some(FileContent::Text(self.template(content)));
        }
        let variable = entry.value.get("environment")?;
        let name = variable.as_str().unwrap_or_default();
        let Some(value) = self.project.variables.get(name) else {
            self.refuse(&variable.place, format!("the variable `{name}` is not set"));
            return None;
        };
        let value = Tree { node: Node::String(value.to_owned()), place: variable.place.clone() };
        Some(FileContent::Text(self.template(&value)))
    }

    fn health(&mut self, tree: &Tree) -> Option<HealthCheck> {
        let check = tree.get("healthcheck")?;
        let words = check.get("test").and_then(Tree::as_list).unwrap_or_default();
        let words: Vec<String> = words.iter().map(|word| self.plain(word)).collect();
        let test = match words.split_first() {
            _ if is_disabled(check) => HealthTest::Disabled,
            None => HealthTest::Image,
            Some((first, rest)) => match (first.as_str(), rest) {
                ("CMD-SHELL", [script, ..]) => HealthTest::Shell(script.clone()),
                ("CMD", [_, ..]) => HealthTest::Command(rest.to_vec()),
                _ => {
                    let message = "a test begins with `CMD`, `CMD-SHELL` or `NONE`".to_owned();
                    self.refuse(&check.place, message);
                    HealthTest::Image
                }
            },
        };
        let time = |key: &str| check.get(key).and_then(duration);
        Some(HealthCheck {
            test,
            interval: time("interval"),
            timeout: time("timeout"),
            start_period: time("start_period"),
            start_interval: time("start_interval"),
            retries: check.get("retries").and_then(integer).and_then(|retries| u32::try_from(retries).ok()),
        })
    }

    fn refuse_modes(&mut self, tree: &Tree) {
        let deploy = tree.get("deploy");
        if let Some(mode) =
            deploy.and_then(|deploy| deploy.get("mode")).filter(|mode| mode.as_str() != Some("replicated"))
        {
            self.refuse(&mode.place, "the only mode on one machine is `replicated`".to_owned());
        }
    }

    fn listed(&mut self, tree: &Tree, key: &str) -> Vec<String> {
        let values = tree.get(key).and_then(Tree::as_list).unwrap_or_default();
        values.iter().map(|value| self.plain(value)).collect()
    }
}

/// Names with their addresses.
fn hosts(tree: &Tree) -> Vec<(String, String)> {
    let hosts = tree.get("extra_hosts").and_then(Tree::as_map).unwrap_or_default();
    let each = hosts.iter().flat_map(|host| {
        let addresses = host.value.as_list().unwrap_or_default();
        addresses.iter().filter_map(|address| {
            let address = address.as_str()?.trim_start_matches('[').trim_end_matches(']');
            Some((host.key.clone(), address.to_owned()))
        })
    });
    each.collect()
}
