//! The format: every key that Compose knows, with its shape, how files are merged, and what Seedbed does with it.

use crate::shape::{Alone, Key, Merge, Record, Shape};
use crate::unique;
use crate::{build_format, short};

const TEXT: Shape = Shape::Text;
const TEXTS: Shape = Shape::List(&Shape::Text);
const SCALARS: Shape = Shape::List(&Shape::Scalar);
const BOOL: Shape = Shape::Bool;
const INTEGER: Shape = Shape::Integer;
const BYTES: Shape = Shape::Bytes;
const DURATION: Shape = Shape::Duration;
const LABELS: Shape = Shape::Pairs(Alone::Empty);
const VARIABLES: Shape = Shape::Pairs(Alone::Variable);
const OPTIONS: Shape = Shape::Map(&Shape::Scalar);
const COMMAND: Shape = Shape::OrNothing(&Shape::Short(short::command, &TEXTS));

pub(crate) const BUILDER: &str = "the Engine's own builder does not have it";
const WINDOWS: &str = "only Windows has it";
const SWARM: &str = "only Swarm does something with it";
const ENGINE: &str = "containers of Seedbed do not have it";
const HOOKS: &str = "write a task with `after` in `seedbed.yaml`";
const OUTPUT: &str = "the output of all services is kept, and `seedbed logs` shows it";

/// The whole file.
pub(crate) static FILE: Record = Record {
    what: "a Compose file",
    keys: &[
        Key::new("version", Shape::Scalar).no_effect("Compose looks at it no more"),
        Key::new("name", TEXT),
        Key::new("include", INCLUDES),
        Key::new("services", Shape::Map(&Shape::Record(&SERVICE))),
        Key::new("networks", Shape::Map(&Shape::OrNothing(&Shape::Record(&NETWORK)))),
        Key::new("volumes", Shape::Map(&Shape::OrNothing(&Shape::Record(&VOLUME)))),
        Key::new("secrets", Shape::Map(&Shape::Record(&SECRET))),
        Key::new("configs", Shape::Map(&Shape::Record(&CONFIG))),
        Key::new("models", Shape::Map(&Shape::Record(&MODEL))).refused("Seedbed runs no language models"),
    ],
};

const INCLUDES: Shape = Shape::List(&Shape::Short(short::include, &Shape::Record(&INCLUDE)));

static INCLUDE: Record = Record {
    what: "an included file",
    keys: &[
        Key::new("path", Shape::OneOrMore(&TEXT)).required(),
        Key::new("project_directory", TEXT),
        Key::new("env_file", Shape::OneOrMore(&TEXT)),
    ],
};

/// One service.
pub(crate) static SERVICE: Record = Record {
    what: "a service",
    keys: &[
        Key::new("annotations", LABELS).refused(ENGINE),
        Key::new("attach", BOOL).no_effect(OUTPUT),
        Key::new("blkio_config", Shape::Record(&BLKIO)).refused(ENGINE),
        Key::new("build", Shape::Short(short::build, &Shape::Record(&build_format::BUILD))),
        Key::new("cap_add", TEXTS).merge(Merge::Unique(unique::whole)),
        Key::new("cap_drop", TEXTS).merge(Merge::Unique(unique::whole)),
        Key::new("cgroup", Shape::Word(&["host", "private"])),
        Key::new("cgroup_parent", TEXT),
        Key::new("command", COMMAND).merge(Merge::Replaced),
        Key::new("configs", GRANTS).merge(Merge::Unique(unique::config)),
        Key::new("container_name", TEXT),
        Key::new("cpu_count", INTEGER).refused(WINDOWS),
        Key::new("cpu_percent", Shape::Number).refused(WINDOWS),
        Key::new("cpu_period", INTEGER).refused("say it with `cpus`"),
        Key::new("cpu_quota", INTEGER).refused("say it with `cpus`"),
        Key::new("cpu_rt_period", INTEGER).refused(ENGINE),
        Key::new("cpu_rt_runtime", INTEGER).refused(ENGINE),
        Key::new("cpu_shares", INTEGER),
        Key::new("cpus", Shape::Number),
        Key::new("cpuset", TEXT),
        Key::new("credential_spec", Shape::Record(&CREDENTIALS)).refused(WINDOWS),
        Key::new("depends_on", Shape::Short(short::depends_on, &Shape::Map(&Shape::Record(&DEPENDENCY)))),
        Key::new("deploy", Shape::OrNothing(&Shape::Record(&build_format::DEPLOY))),
        Key::new("develop", Shape::OrNothing(&Shape::Record(&build_format::DEVELOP)))
            .no_effect("Compose does something with it only when it is asked to watch"),
        Key::new("device_cgroup_rules", TEXTS),
        Key::new("devices", Shape::List(&Shape::Short(short::device, &Shape::Record(&DEVICE))))
            .merge(Merge::Unique(unique::target)),
        Key::new("dns", Shape::OneOrMore(&TEXT)).merge(Merge::Unique(unique::whole)),
        Key::new("dns_opt", TEXTS).merge(Merge::Unique(unique::whole)),
        Key::new("dns_search", Shape::OneOrMore(&TEXT)).merge(Merge::Unique(unique::whole)),
        Key::new("domainname", TEXT),
        Key::new("entrypoint", COMMAND).merge(Merge::Replaced),
        Key::new("env_file", Shape::OneOrMore(&Shape::Short(short::env_file, &Shape::Record(&ENV_FILE))))
            .merge(Merge::Unique(unique::path)),
        Key::new("environment", VARIABLES),
        Key::new("expose", SCALARS)
            .merge(Merge::Unique(unique::whole))
            .no_effect("in the network of its environment, all ports of a container can be reached"),
        Key::new("extends", Shape::Short(short::extends, &Shape::Record(&EXTENDS))),
        Key::new("external_links", TEXTS).refused("containers of others are not in the network of an environment"),
        Key::new("extra_hosts", build_format::EXTRA_HOSTS),
        Key::new("gpus", Shape::Short(short::gpus, &Shape::List(&Shape::Record(&build_format::DEVICE_REQUEST))))
            .refused(ENGINE),
        Key::new("group_add", SCALARS),
        Key::new("healthcheck", Shape::Record(&HEALTHCHECK)),
        Key::new("hostname", TEXT),
        Key::new("image", TEXT),
        Key::new("init", BOOL),
        Key::new("ipc", TEXT),
        Key::new("isolation", TEXT).refused(WINDOWS),
        Key::new("label_file", Shape::OneOrMore(&Shape::Path)).merge(Merge::Unique(unique::whole)),
        Key::new("labels", LABELS),
        Key::new("links", TEXTS)
            .merge(Merge::Unique(unique::whole))
            .differs("the services are waited for; one cannot be given another name"),
        Key::new("logging", Shape::Record(&LOGGING))
            .merge(Merge::ReplacedUnlessSame("driver"))
            .differs("`seedbed logs` works whatever the driver is"),
        Key::new("mac_address", TEXT),
        Key::new("mem_limit", BYTES),
        Key::new("mem_reservation", BYTES),
        Key::new("mem_swappiness", BYTES).refused(ENGINE),
        Key::new("memswap_limit", BYTES),
        Key::new("models", Shape::Any).refused("Seedbed runs no language models"),
        Key::new("network_mode", TEXT).differs("`host`, `none`, `bridge` and `service:NAME`"),
        Key::new("networks", Shape::Short(short::networks, &Shape::Map(&Shape::OrNothing(&Shape::Record(&CONNECTION))))),
        Key::new("oom_kill_disable", BOOL),
        Key::new("oom_score_adj", INTEGER),
        Key::new("pid", Shape::OrNothing(&TEXT)).differs("`host`"),
        Key::new("pids_limit", INTEGER),
        Key::new("platform", TEXT),
        Key::new("ports", Shape::Items(short::ports, &Shape::Record(&PORT)))
            .merge(Merge::Unique(unique::port))
            .differs("a port without an address is published at 127.0.0.1, and one without a number outside gets one that stays"),
        Key::new("post_start", HOOK_LIST).refused(HOOKS),
        Key::new("pre_stop", HOOK_LIST).refused(HOOKS),
        Key::new("privileged", BOOL),
        Key::new("profiles", TEXTS).merge(Merge::Unique(unique::whole)),
        Key::new("provider", Shape::Any).refused("providers are plug-ins of Compose"),
        Key::new("pull_policy", TEXT).differs("`always`, `never`, `missing`, `if_not_present` and `build`"),
        Key::new("pull_refresh_after", TEXT).refused("say it with `pull_policy`"),
        Key::new("read_only", BOOL),
        Key::new("restart", TEXT).differs("`unless-stopped` is as `always`: what was stopped by hand comes back with the next `up`"),
        Key::new("runtime", TEXT),
        Key::new("scale", INTEGER).differs("each copy is a service, `NAME-2` and so on, beside the first; `${services.NAME.url}` is the first"),
        Key::new("secrets", GRANTS).merge(Merge::Unique(unique::secret)),
        Key::new("security_opt", TEXTS),
        Key::new("shm_size", BYTES),
        Key::new("stdin_open", BOOL),
        Key::new("stop_grace_period", DURATION),
        Key::new("stop_signal", TEXT),
        Key::new("storage_opt", OPTIONS),
        Key::new("sysctls", LABELS),
        Key::new("tmpfs", Shape::OneOrMore(&TEXT)).merge(Merge::Unique(unique::whole)),
        Key::new("tty", BOOL),
        Key::new("ulimits", build_format::ULIMITS),
        Key::new("use_api_socket", BOOL).refused(ENGINE),
        Key::new("user", TEXT),
        Key::new("userns_mode", TEXT),
        Key::new("uts", TEXT),
        Key::new("volumes", Shape::Items(short::volumes, &Shape::Record(&MOUNT))).merge(Merge::Unique(unique::target)),
        Key::new("volumes_from", TEXTS).refused("name the volumes in both services"),
        Key::new("working_dir", TEXT),
    ],
};

static BLKIO: Record = Record {
    what: "a configuration of block devices",
    keys: &[
        Key::new("device_read_bps", Shape::List(&Shape::Any)),
        Key::new("device_read_iops", Shape::List(&Shape::Any)),
        Key::new("device_write_bps", Shape::List(&Shape::Any)),
        Key::new("device_write_iops", Shape::List(&Shape::Any)),
        Key::new("weight", INTEGER),
        Key::new("weight_device", Shape::List(&Shape::Any)),
    ],
};

static CREDENTIALS: Record = Record {
    what: "a credential spec",
    keys: &[Key::new("config", TEXT), Key::new("file", TEXT), Key::new("registry", TEXT)],
};

static DEPENDENCY: Record = Record {
    what: "a dependency",
    keys: &[
        Key::new("condition", Shape::Word(&["service_started", "service_healthy", "service_completed_successfully"]))
            .differs("a service that others wait for until it has completed is a task: it runs when one of them starts")
            .required(),
        Key::new("restart", BOOL),
        Key::new("required", BOOL),
    ],
};

static DEVICE: Record = Record {
    what: "a device",
    keys: &[Key::new("source", TEXT).required(), Key::new("target", TEXT), Key::new("permissions", TEXT)],
};

static ENV_FILE: Record = Record {
    what: "a file of variables",
    keys: &[
        Key::new("path", Shape::Path).required(),
        Key::new("format", Shape::Word(&["raw"])),
        Key::new("required", BOOL),
    ],
};

static EXTENDS: Record =
    Record { what: "`extends`", keys: &[Key::new("service", TEXT).required(), Key::new("file", TEXT)] };

static HEALTHCHECK: Record = Record {
    what: "a health check",
    keys: &[
        Key::new("disable", BOOL),
        Key::new("interval", DURATION).differs("the longest pause between two tries, unless `start_interval` says it"),
        Key::new("retries", INTEGER),
        Key::new("start_interval", DURATION).differs("the longest pause between two tries until it is healthy"),
        Key::new("start_period", DURATION),
        Key::new("test", Shape::Short(short::health_test, &TEXTS)).merge(Merge::Replaced),
        Key::new("timeout", DURATION),
    ],
};

static LOGGING: Record = Record { what: "logging", keys: &[Key::new("driver", TEXT), Key::new("options", OPTIONS)] };

static CONNECTION: Record = Record {
    what: "a connection to a network",
    keys: &[
        Key::new("aliases", TEXTS).merge(Merge::Unique(unique::whole)),
        Key::new("driver_opts", OPTIONS),
        Key::new("gw_priority", INTEGER).refused(ENGINE),
        Key::new("interface_name", TEXT).refused(ENGINE),
        Key::new("ipv4_address", TEXT),
        Key::new("ipv6_address", TEXT),
        Key::new("link_local_ips", TEXTS).merge(Merge::Unique(unique::whole)).refused(ENGINE),
        Key::new("mac_address", TEXT),
        Key::new("priority", INTEGER).no_effect("all connections are made before the container starts"),
    ],
};

static PORT: Record = Record {
    what: "a port",
    keys: &[
        Key::new("app_protocol", TEXT).no_effect("it is for people"),
        Key::new("host_ip", TEXT),
        Key::new("mode", TEXT).no_effect(SWARM),
        Key::new("name", TEXT),
        Key::new("protocol", TEXT).differs("`tcp` and `udp`"),
        Key::new("published", Shape::Scalar).differs("one port; of a range, the first is taken"),
        Key::new("target", INTEGER).required(),
    ],
};

const HOOK_LIST: Shape = Shape::List(&Shape::Record(&HOOK));

pub(crate) static HOOK: Record = Record {
    what: "a hook",
    keys: &[
        Key::new("command", COMMAND).required(),
        Key::new("environment", VARIABLES),
        Key::new("privileged", BOOL),
        Key::new("user", TEXT),
        Key::new("working_dir", TEXT),
    ],
};

pub(crate) const GRANTS: Shape = Shape::List(&Shape::Short(short::grant, &Shape::Record(&GRANT)));

static GRANT: Record = Record {
    what: "a file that a service gets",
    keys: &[
        Key::new("gid", TEXT),
        Key::new("mode", Shape::Mode),
        Key::new("source", TEXT).required(),
        Key::new("target", TEXT),
        Key::new("uid", TEXT),
    ],
};

static MOUNT: Record = Record {
    what: "a volume of a service",
    keys: &[
        Key::new("bind", Shape::Record(&BIND)),
        Key::new("consistency", TEXT).no_effect("only Docker Desktop looked at it once"),
        Key::new("image", Shape::Any).refused(ENGINE),
        Key::new("read_only", BOOL),
        Key::new("source", TEXT),
        Key::new("target", TEXT),
        Key::new("tmpfs", Shape::Record(&TMPFS)),
        Key::new("type", Shape::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]))
            .required()
            .differs("`bind`, `volume` and `tmpfs`"),
        Key::new("volume", Shape::Record(&VOLUME_MOUNT)),
    ],
};

static BIND: Record = Record {
    what: "options of a bind mount",
    keys: &[
        Key::new("create_host_path", BOOL),
        Key::new("propagation", TEXT),
        Key::new("recursive", Shape::Word(&["enabled", "disabled", "writable", "readonly"])).refused(ENGINE),
        Key::new("selinux", Shape::Word(&["z", "Z"]))
            .no_effect("nothing is relabelled; where SELinux is enforced, `chcon -Rt container_file_t` does it"),
    ],
};

static VOLUME_MOUNT: Record = Record {
    what: "options of a volume",
    keys: &[
        Key::new("labels", LABELS).no_effect("the labels of the volume itself are what is written on it"),
        Key::new("nocopy", BOOL),
        Key::new("subpath", TEXT).refused(ENGINE),
    ],
};

static TMPFS: Record =
    Record { what: "options of a tmpfs", keys: &[Key::new("mode", INTEGER), Key::new("size", BYTES)] };

static NETWORK: Record = Record {
    what: "a network",
    keys: &[
        Key::new("attachable", BOOL).no_effect(SWARM),
        Key::new("driver", TEXT),
        Key::new("driver_opts", OPTIONS),
        Key::new("enable_ipv4", BOOL).refused(ENGINE),
        Key::new("enable_ipv6", BOOL),
        Key::new("external", EXTERNAL).merge(Merge::Replaced),
        Key::new("internal", BOOL),
        Key::new("ipam", Shape::Record(&IPAM)),
        Key::new("labels", LABELS),
        Key::new("name", TEXT),
    ],
};

const EXTERNAL: Shape = Shape::Made(short::external);

static IPAM: Record = Record {
    what: "the addresses of a network",
    keys: &[
        Key::new("config", Shape::List(&Shape::Record(&POOL))).merge(Merge::Unique(unique::subnet)),
        Key::new("driver", TEXT).differs("`default`"),
        Key::new("options", OPTIONS).refused(ENGINE),
    ],
};

static POOL: Record = Record {
    what: "a range of addresses",
    keys: &[
        Key::new("aux_addresses", OPTIONS).refused(ENGINE),
        Key::new("gateway", TEXT),
        Key::new("ip_range", TEXT),
        Key::new("subnet", TEXT),
    ],
};

static VOLUME: Record = Record {
    what: "a volume",
    keys: &[
        Key::new("driver", TEXT),
        Key::new("driver_opts", OPTIONS),
        Key::new("external", EXTERNAL).merge(Merge::Replaced),
        Key::new("labels", LABELS),
        Key::new("name", TEXT),
    ],
};

static SECRET: Record = Record {
    what: "a secret",
    keys: &[
        Key::new("driver", TEXT).refused(SWARM),
        Key::new("driver_opts", OPTIONS).refused(SWARM),
        Key::new("environment", TEXT),
        Key::new("external", EXTERNAL).merge(Merge::Replaced).refused(SWARM),
        Key::new("file", Shape::Path),
        Key::new("labels", LABELS).no_effect(SWARM),
        Key::new("name", TEXT).no_effect(SWARM),
        Key::new("template_driver", TEXT).refused(SWARM),
    ],
};

static CONFIG: Record = Record {
    what: "a config",
    keys: &[
        Key::new("content", TEXT),
        Key::new("environment", TEXT),
        Key::new("external", EXTERNAL).merge(Merge::Replaced).refused(SWARM),
        Key::new("file", Shape::Path),
        Key::new("labels", LABELS).no_effect(SWARM),
        Key::new("name", TEXT).no_effect(SWARM),
        Key::new("template_driver", TEXT).refused(SWARM),
    ],
};

static MODEL: Record = Record {
    what: "a model",
    keys: &[
        Key::new("context_size", INTEGER),
        Key::new("model", TEXT).required(),
        Key::new("name", TEXT),
        Key::new("runtime_flags", TEXTS),
    ],
};
