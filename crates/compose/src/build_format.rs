//! The part of the format that says how images are built, how services are deployed, and what both share.

use crate::format::{BUILDER, GRANTS, HOOK};
use crate::shape::{Alone, Key, Merge, Record, Shape};
use crate::{short, unique};

const TEXT: Shape = Shape::Text;
const TEXTS: Shape = Shape::List(&Shape::Text);
const INTEGER: Shape = Shape::Integer;
const DURATION: Shape = Shape::Duration;
const LABELS: Shape = Shape::Pairs(Alone::Empty);
const SWARM: &str = "only Swarm does something with it";
const ENGINE: &str = "containers of Seedbed do not have it";

/// How an image is built.
pub(crate) static BUILD: Record = Record {
    what: "a build",
    keys: &[
        Key::new("additional_contexts", Shape::Made(short::contexts)).refused(BUILDER),
        Key::new("args", Shape::Pairs(Alone::Variable)),
        Key::new("cache_from", TEXTS),
        Key::new("cache_to", TEXTS).refused(BUILDER),
        Key::new("context", Shape::Made(short::context)).differs("a directory"),
        Key::new("dockerfile", TEXT),
        Key::new("dockerfile_inline", TEXT),
        Key::new("entitlements", TEXTS).refused(BUILDER),
        Key::new("extra_hosts", EXTRA_HOSTS),
        Key::new("isolation", TEXT).refused("only Windows has it"),
        Key::new("labels", LABELS),
        Key::new("network", TEXT),
        Key::new("no_cache", Shape::Bool),
        Key::new("platforms", TEXTS).refused(BUILDER),
        Key::new("privileged", Shape::Bool).refused(BUILDER),
        Key::new("provenance", Shape::Scalar).refused(BUILDER),
        Key::new("pull", Shape::Bool),
        Key::new("sbom", Shape::Scalar).refused(BUILDER),
        Key::new("secrets", GRANTS).merge(Merge::Unique(unique::secret)).refused(BUILDER),
        Key::new("shm_size", Shape::Bytes),
        Key::new("ssh", Shape::Any).refused(BUILDER),
        Key::new("tags", TEXTS).merge(Merge::Unique(unique::whole)).refused("its name is `image`"),
        Key::new("target", TEXT),
        Key::new("ulimits", ULIMITS).refused(BUILDER),
    ],
};

pub(crate) const EXTRA_HOSTS: Shape = Shape::Short(short::extra_hosts, &Shape::Map(&Shape::OneOrMore(&TEXT)));

pub(crate) const ULIMITS: Shape = Shape::Map(&Shape::Made(short::ulimit));

pub(crate) static ULIMIT: Record =
    Record { what: "a limit", keys: &[Key::new("hard", INTEGER).required(), Key::new("soft", INTEGER).required()] };

/// How a service is deployed.
pub(crate) static DEPLOY: Record = Record {
    what: "a deployment",
    keys: &[
        Key::new("endpoint_mode", TEXT).no_effect(SWARM),
        Key::new("labels", LABELS).no_effect(SWARM),
        Key::new("mode", TEXT).differs("`replicated`"),
        Key::new("placement", Shape::Record(&PLACEMENT)).no_effect(SWARM),
        Key::new("replicas", INTEGER).differs(
            "each copy is a service, `NAME-2` and so on, beside the first; `${services.NAME.url}` is the first",
        ),
        Key::new("resources", Shape::Record(&RESOURCES)),
        Key::new("restart_policy", Shape::Record(&RESTART_POLICY)),
        Key::new("rollback_config", Shape::Record(&UPDATE)).no_effect(SWARM),
        Key::new("update_config", Shape::Record(&UPDATE)).no_effect(SWARM),
    ],
};

static PLACEMENT: Record = Record {
    what: "a placement",
    keys: &[
        Key::new("constraints", TEXTS),
        Key::new("max_replicas_per_node", INTEGER),
        Key::new("preferences", Shape::List(&Shape::Any)),
    ],
};

static RESOURCES: Record = Record {
    what: "resources",
    keys: &[Key::new("limits", Shape::Record(&LIMITS)), Key::new("reservations", Shape::Record(&RESERVATIONS))],
};

static LIMITS: Record = Record {
    what: "limits",
    keys: &[Key::new("cpus", Shape::Number), Key::new("memory", Shape::Bytes), Key::new("pids", INTEGER)],
};

static RESERVATIONS: Record = Record {
    what: "reservations",
    keys: &[
        Key::new("cpus", Shape::Number).no_effect("nothing reserves processors on one machine"),
        Key::new("devices", Shape::List(&Shape::Record(&DEVICE_REQUEST))).refused(ENGINE),
        Key::new("generic_resources", Shape::List(&Shape::Any)).refused(ENGINE),
        Key::new("memory", Shape::Bytes),
    ],
};

pub(crate) static DEVICE_REQUEST: Record = Record {
    what: "a request for devices",
    keys: &[
        Key::new("capabilities", TEXTS),
        Key::new("count", Shape::Made(short::count)),
        Key::new("device_ids", TEXTS),
        Key::new("driver", TEXT),
        Key::new("options", LABELS),
    ],
};

static RESTART_POLICY: Record = Record {
    what: "a restart policy",
    keys: &[
        Key::new("condition", TEXT),
        Key::new("delay", DURATION),
        Key::new("max_attempts", INTEGER),
        Key::new("window", DURATION).no_effect(SWARM),
    ],
};

static UPDATE: Record = Record {
    what: "a way to update",
    keys: &[
        Key::new("delay", DURATION),
        Key::new("failure_action", TEXT),
        Key::new("max_failure_ratio", Shape::Number),
        Key::new("monitor", DURATION),
        Key::new("order", Shape::Word(&["start-first", "stop-first"])),
        Key::new("parallelism", INTEGER),
    ],
};

/// What is watched while somebody works.
pub(crate) static DEVELOP: Record =
    Record { what: "`develop`", keys: &[Key::new("watch", Shape::List(&Shape::Record(&WATCH)))] };

static WATCH: Record = Record {
    what: "a watch",
    keys: &[
        Key::new("action", Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])).required(),
        Key::new("exec", Shape::Record(&HOOK)),
        Key::new("ignore", Shape::OneOrMore(&TEXT)),
        Key::new("include", Shape::OneOrMore(&TEXT)),
        Key::new("initial_sync", Shape::Bool),
        Key::new("path", Shape::Path).required(),
        Key::new("target", TEXT),
    ],
};
