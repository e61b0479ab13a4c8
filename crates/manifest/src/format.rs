//! The format of `seedbed.yaml`, declared: to add a key, add it here and read it where its type is.

use crate::grammar::{Field, Pattern, Record, Shape, optional, overlay, required};
use crate::{
    Condition, Durability, Engine, ExportKind, PullPolicy, RestartPolicy, Servers, SettingKind, SnapshotForm,
    StopSignal,
};

pub(crate) static NAME: Pattern = Pattern::new(
    "^[a-z][a-z0-9-]{0,39}$",
    "a name",
    "a name begins with a small letter, goes on with small letters, digits and `-`, and has at most 40 characters",
);
/// A name that comes from a file of another format.
pub(crate) static IMPORTED_NAME: Pattern = Pattern::new(
    "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
    "a name",
    "a name begins with a letter or a digit, goes on with letters, digits, `_` and `-`, and has at most 63 characters",
);
static KEY: Pattern = Pattern::new(
    "^[a-z][a-z0-9_]*$",
    "a key",
    "the key of a setting or export begins with a small letter and goes on with small letters, digits and `_`",
);
pub(crate) static VARIABLE: Pattern = Pattern::new(
    "^[A-Za-z_][A-Za-z0-9_]*$",
    "the name of an environment variable",
    "it consists of letters, digits and `_`, and does not begin with a digit",
);
pub(crate) static TARGET: Pattern = Pattern::new(
    "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}(/[A-Za-z0-9][A-Za-z0-9_-]{0,62})?$",
    "a name",
    "write the name of a service, a task or a dependency, or `DEPENDENCY/SERVICE`",
);
pub(crate) static DURATION: Pattern = Pattern::new(
    "^[1-9][0-9]{0,8}(ms|s|m|h)$",
    "a duration",
    "a duration is written like `250ms`, `10s`, `2m` or `1h`",
);
static IDLE: Pattern = Pattern::new(
    "^(never|[1-9][0-9]{0,8}(ms|s|m|h))$",
    "a duration",
    "a duration is written like `250ms`, `10s`, `2m` or `1h`; `never` is for ever",
);
pub(crate) static AGE: Pattern =
    Pattern::new("^[1-9][0-9]{0,8}(s|m|h|d)$", "an age", "an age is written like `30d`, `12h`, `10m` or `30s`");
pub(crate) static SIZE: Pattern = Pattern::new(
    "^[1-9][0-9]{0,5}(kB|MB|GB|TB)$",
    "a size",
    "a size is a whole number of `kB`, `MB`, `GB` or `TB`, such as `5GB`",
);
static VERSION: Pattern = Pattern::new(
    "^[1-9][0-9]{0,3}(\\.[0-9]{1,3})?$",
    "a major version",
    "a major version stands in quotes, such as `\"15\"`, and `\"10.11\"` for MariaDB",
);
static IMAGE: Pattern = Pattern::new(
    "^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$",
    "the name of an image",
    "an image is called like `mariadb:11.4`, `ghcr.io/owner/postgres:17` or `redis@sha256:…`",
);
static IMAGE_TEXT: Pattern = Pattern::new(
    "^[A-Za-z0-9$][A-Za-z0-9._/:@${}-]{0,254}$",
    "the name of an image",
    "an image is called like `redis:7`, `ghcr.io/owner/web:1.2` or `redis@sha256:…`",
);
static HOST_NAME: Pattern = Pattern::new(
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$",
    "the name of a host",
    "it consists of letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
);
static DOTTED: Pattern = Pattern::new("^[^\\s]+$", "a key", "a key has no blanks");
static ENCODING: Pattern =
    Pattern::new("^[A-Za-z][A-Za-z0-9_-]*$", "an encoding", "an encoding is called like `UTF8` or `utf8mb4`");
static LOCALE: Pattern = Pattern::new(
    "^[A-Za-z][A-Za-z0-9_.@-]*$",
    "a locale",
    "a locale is called like `C.UTF-8`, `en_US.UTF-8` or, for MySQL, `utf8mb4_bin`",
);
static EXTENSION: Pattern = Pattern::new(
    "^[a-z][a-z0-9_-]{0,62}$",
    "the name of an extension",
    "it is written in small letters, such as `pg_trgm` or `uuid-ossp`",
);
static ROLE: Pattern = Pattern::new(
    "^[A-Za-z_][A-Za-z0-9_-]{0,31}$",
    "the name of a role",
    "it begins with a letter, goes on with letters, digits, `_` and `-`, and has at most 32 characters",
);
static FETCHED: Pattern = Pattern::new(
    "^(https?|file)://[^\\s{}]+$",
    "the address of a file",
    "it begins with `https://`, `http://` or `file://`; a file of the workspace is written as `file: PATH`",
);
static DIGEST: Pattern = Pattern::new("^[0-9a-fA-F]{64}$", "a digest", "a digest of a file has 64 hexadecimal digits");
static TAG: Pattern = Pattern::new(
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    "a tag",
    "it consists of letters, digits, `.`, `_` and `-`, begins with a letter or digit, and has at most 100 characters",
);
static STEP: Pattern = Pattern::new(
    "^[a-z]+ [^\\s].*$",
    "a step",
    "a step is called as `up` shows it, such as `run shop/build` or `migrate database shop/shop`",
);
static METHOD: Pattern = Pattern::new("^[A-Z]{1,20}$", "a method", "a method is called like `GET`, `HEAD` or `POST`");
static HEADER: Pattern = Pattern::new(
    "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    "the name of a header",
    "a header is called like `Authorization` or `X-Forwarded-Proto`",
);
static PARAMETER: Pattern =
    Pattern::new("^[^\\s${}]+$", "the name of a parameter", "it has no blanks and no `$`, `{`, `}`");
static DATABASE_NAME: Pattern = Pattern::new(
    "^[a-z][a-z0-9-]{0,39}(/[a-z][a-z0-9-]{0,39})?$",
    "the name of a database",
    "write `DATABASE`, or `WORKSPACE/DATABASE`",
);
static COLUMN: Pattern =
    Pattern::new("^[^.]+\\.[^.]+(\\.[^.]+)?$", "a column", "write `TABLE.COLUMN`, or `SCHEMA.TABLE.COLUMN`");

pub(crate) static REPOSITORY: Pattern = Pattern::new(
    "^((https?|ssh|file)://[^\\s]+|[A-Za-z0-9_][A-Za-z0-9._+%~-]*@[A-Za-z0-9_][A-Za-z0-9._-]*:[^\\s:-][^\\s]*)$",
    "the address of a repository",
    "write `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH` or `file:///PATH`; a directory that is there is a `path`",
);

const TEXT: Shape = Shape::Text(None);
const NAMES: Shape = Shape::List(&Shape::Text(Some(&NAME)), 0);
const TEXTS: Shape = Shape::List(&TEXT, 0);
const TIME: Shape = Shape::Text(Some(&DURATION));
const PORT: Shape = Shape::Integer(1, 65535);
const OTHER_PORT: Shape = Shape::Either(&[PORT, Shape::Text(Some(&NAME))]);
const PROBED_PORT: Shape = Shape::Either(&[Shape::True, PORT, Shape::Text(Some(&NAME))]);
const STATUS: Shape = Shape::Integer(100, 599);
const ENV: Shape = Shape::Map(&VARIABLE, &Shape::Scalar);
const RUN: Shape = Shape::Either(&[TEXT, Shape::List(&Shape::Scalar, 1), Shape::Record(&SHELL)]);
const AFTER: Shape = Shape::Either(&[
    Shape::List(&Shape::Text(Some(&TARGET)), 0),
    Shape::Map(&TARGET, &Shape::Either(&[Shape::Word(&Condition::WORDS), Shape::Record(&EDGE)])),
]);

/// Words of a container; none is nothing in place of what the image has.
const WORDS: Shape = Shape::Either(&[TEXT, Shape::List(&Shape::Scalar, 0), Shape::Record(&SHELL)]);
const HOST_PORT: Shape = Shape::Either(&[Shape::Word(&["auto"]), PORT]);
const LIMIT: Shape = Shape::Integer(-1, i64::MAX);

const SCRIPTS: Shape = Shape::List(&TEXT, 1);

const SCRIPTS_DOC: &str = "Scripts that Seedbed executes, in this order.";
const RUN_DOC: &str = "What is run: a command line that is split into words, a list of words, or a script for a shell.";
const ENV_DOC: &str = "Environment variables that are added to the inherited ones.";
const DIRECTORY_DOC: &str = "Where it runs, relative to the workspace. Default: the workspace's root.";
const AFTER_DOC: &str = "What it waits for: a list of names, or a map from name to condition.";
const INPUTS_DOC: &str = "Globs of the files that it reads.";
const CONFIG_DOC: &str = "Settings as code: each a value, or a declaration of what it may be.";
const CONFIG_VALUES_DOC: &str = "Values for settings that are declared.";
const FILES_DOC: &str = "Files that are made of templates, with settings and addresses in them.";
const TASKS_DOC: &str = "Things that run once and end.";
const DATABASES_DOC: &str = "Databases.";
const SERVICES_DOC: &str = "Things that keep running.";
const PROCFILE_DOC: &str = "A Procfile, whose processes are services.";
const COMPOSE_DOC: &str = "A Compose file, or a project of several, whose services are services here.";
const RESOURCES_DOC: &str = "Files that belong to the state of the environment.";
const REMOTES_DOC: &str = "Places where snapshots, states and bases are shared.";
const STATES_DOC: &str = "What is kept of finished steps.";
const SERVERS_DOC: &str = "Whether its databases are in servers that environments share, or in some of its own. Default: shared, where that can be.";
const SNAPSHOTS_DOC: &str = "How snapshots are taken.";
const DATA_DOC: &str = "Specs that are loaded, for data over several services.";
const SCENARIOS_DOC: &str = "Specs by a name, which `seedbed load` takes.";
const BUDGET_DOC: &str = "What the environment may take of the machine.";
const EXPORTS_DOC: &str = "The only names that dependents see.";

/// A secret is known by its own key, whatever else is declared of a setting.
const CONFIG: Shape = Shape::Map(
    &KEY,
    &Shape::Either(&[Shape::Setting, Shape::Keyed("secret", &SECRET_SETTING, &Shape::Record(&SETTING))]),
);
/// Values for settings that are declared elsewhere.
pub(crate) const CONFIG_VALUES: Shape =
    Shape::Map(&KEY, &Shape::Either(&[Shape::Setting, Shape::Record(&SECRET_VALUE)]));
const FILES: Shape = Shape::Map(&NAME, &Shape::Either(&[TEXT, Shape::Record(&CONFIG_FILE)]));
const TASKS: Shape = Shape::Map(&NAME, &Shape::Record(&TASK));
const DATABASES: Shape = Shape::Map(&NAME, &Shape::Record(&DATABASE));
/// A service is a container if it has an image, or is built, and else a process.
const SERVICES: Shape =
    Shape::Map(&NAME, &Shape::Keyed("image", &CONTAINER, &Shape::Keyed("build", &CONTAINER, &Shape::Record(&SERVICE))));
const RESOURCES: Shape = Shape::Map(&NAME, &Shape::Record(&RESOURCE));
const REMOTES: Shape = Shape::Map(&NAME, &Shape::Either(&[TEXT, Shape::Record(&REMOTE)]));
const COMPOSE: Shape = Shape::Either(&[TEXT, Shape::Record(&COMPOSE_PROJECT)]);
const SPECS: Shape = Shape::List(&Shape::Either(&[TEXT, Shape::Record(&SPEC)]), 0);
const SCENARIOS: Shape = Shape::Map(&NAME, &Shape::Either(&[TEXT, Shape::Record(&SPEC)]));
const EXPORTS: Shape = Shape::Map(&KEY, &Shape::Either(&[Shape::Scalar, Shape::Record(&EXPORT)]));

static EXPORT: Record = Record {
    name: "export",
    what: "an export",
    fields: &[
        required("value", Shape::Scalar, "The value."),
        optional(
            "type",
            Shape::Word(&ExportKind::WORDS),
            "What it is, which is checked before anything starts. Default: text.",
        ),
    ],
    exclusive: &[],
};

/// The whole file.
pub(crate) static MANIFEST: Record = Record {
    name: "manifest",
    what: "a manifest",
    fields: &[
        required("name", Shape::Text(Some(&NAME)), "The word by which others call this workspace."),
        optional("description", TEXT, "What this workspace is, for people."),
        optional(
            "dependencies",
            Shape::Map(&NAME, &Shape::Either(&[TEXT, Shape::Record(&DEPENDENCY)])),
            "Other workspaces that must be there, by path or by the address of their repository.",
        ),
        optional("config", CONFIG, CONFIG_DOC),
        optional("files", FILES, FILES_DOC),
        optional("tasks", TASKS, TASKS_DOC),
        optional("databases", DATABASES, DATABASES_DOC),
        optional("services", SERVICES, SERVICES_DOC),
        optional("procfile", TEXT, PROCFILE_DOC),
        optional("compose", COMPOSE, COMPOSE_DOC),
        optional("data", SPECS, DATA_DOC),
        optional("scenarios", SCENARIOS, SCENARIOS_DOC),
        optional("resources", RESOURCES, RESOURCES_DOC),
        optional("remotes", REMOTES, REMOTES_DOC),
        optional("states", Shape::Record(&STATES), STATES_DOC),
        optional("snapshots", Shape::Record(&SNAPSHOTS), SNAPSHOTS_DOC),
        optional("servers", Shape::Word(&Servers::WORDS), SERVERS_DOC),
        optional("budget", Shape::Record(&BUDGET), BUDGET_DOC),
        optional("exports", EXPORTS, EXPORTS_DOC),
        optional("modes", Shape::Map(&NAME, &Shape::Record(&MODE)), "Parts of it that dependents can take."),
        overlay("profiles", Shape::Map(&NAME, &Shape::Record(&PROFILE)), "Named overlays, chosen with --profile."),
    ],
    exclusive: &[],
};

static PROFILE: Record = Record {
    name: "profile",
    what: "a profile",
    fields: &[
        optional("config", CONFIG_VALUES, CONFIG_VALUES_DOC),
        optional("files", FILES, FILES_DOC),
        optional("tasks", TASKS, TASKS_DOC),
        optional("databases", DATABASES, DATABASES_DOC),
        optional("services", SERVICES, SERVICES_DOC),
        optional("procfile", TEXT, PROCFILE_DOC),
        optional("compose", COMPOSE, COMPOSE_DOC),
        optional("data", SPECS, DATA_DOC),
        optional("scenarios", SCENARIOS, SCENARIOS_DOC),
        optional("resources", RESOURCES, RESOURCES_DOC),
        optional("remotes", REMOTES, REMOTES_DOC),
        optional("states", Shape::Record(&STATES), STATES_DOC),
        optional("snapshots", Shape::Record(&SNAPSHOTS), SNAPSHOTS_DOC),
        optional("servers", Shape::Word(&Servers::WORDS), SERVERS_DOC),
        optional("budget", Shape::Record(&BUDGET), BUDGET_DOC),
        optional("exports", EXPORTS, EXPORTS_DOC),
    ],
    exclusive: &[],
};

static COMPOSE_PROJECT: Record = Record {
    name: "compose",
    what: "a Compose project",
    fields: &[
        required("files", Shape::List(&TEXT, 1), "Compose files; each is laid over those before it."),
        optional("profiles", TEXTS, "The active profiles. Default: those of the variable COMPOSE_PROFILES."),
        optional("env_file", Shape::Either(&[TEXT, TEXTS]), "Files of variables. Default: .env, if it is there."),
        optional("name", TEXT, "The name of the project. Default: as Compose finds it."),
        optional("variables", ENV, "Further variables, before those of files; they may have references."),
    ],
    exclusive: &[],
};

static DEPENDENCY: Record = Record {
    name: "dependency",
    what: "a dependency",
    fields: &[
        optional("path", TEXT, "Where the workspace is: relative to this file, or to the root of the repository."),
        optional("git", Shape::Text(Some(&REPOSITORY)), "The address of a repository of git."),
        optional("ref", TEXT, "A branch, a tag or a whole commit of the repository. Default: its default branch."),
        optional(
            "as",
            Shape::Text(Some(&NAME)),
            "The name of the workspace in the environment, at a revision of its own.",
        ),
        optional("mode", Shape::Text(Some(&NAME)), "The part of the workspace that is needed. Default: all of it."),
        optional("config", CONFIG_VALUES, "Values for settings that it lets others set."),
    ],
    exclusive: &[],
};

static MODE: Record = Record {
    name: "mode",
    what: "a mode",
    fields: &[
        optional("services", NAMES, "Services that it has, with all that they need."),
        optional("tasks", NAMES, "Tasks that it has."),
        optional("databases", NAMES, "Databases that it has."),
        optional("data", TEXTS, "Specs that are loaded. Default: those of its databases."),
        optional("dependencies", NAMES, "Dependencies that it has beside those that are referred to."),
    ],
    exclusive: &[],
};

/// `seedbed.local.yaml`.
pub(crate) static LOCAL: Record = Record {
    name: "local",
    what: "what one person has otherwise",
    fields: &[
        optional("env", ENV, "Environment variables of all services and tasks of this workspace."),
        optional("profile", Shape::Text(Some(&NAME)), "The profile of new environments. Default: none."),
        optional("link", Shape::Map(&NAME, &TEXT), "Directories that are used instead of dependencies."),
        overlay("resources", RESOURCES, RESOURCES_DOC),
        optional("config", CONFIG_VALUES, CONFIG_VALUES_DOC),
        optional("servers", Shape::Word(&Servers::WORDS), "Whether databases are in servers that environments share."),
    ],
    exclusive: &[],
};

static SETTING: Record = Record {
    name: "setting",
    what: "a setting",
    fields: &[
        optional("default", Shape::Setting, "Its value where nobody says another one. Default: of a toggle, false."),
        optional("type", Shape::Word(&SettingKind::WORDS), "What it may be. Default: what its default is."),
        optional("values", Shape::List(&Shape::Setting, 1), "The only values that it may have."),
        optional(
            "toggle",
            Shape::Word(&["permanent", "temporary"]),
            "It is on or off, for good or until it is removed.",
        ),
        optional("until", TEXT, "The day on which a temporary toggle should be gone, such as 2027-01-31."),
        optional("description", TEXT, "What it does, for people."),
        optional("public", Shape::Boolean, "Whether those that depend on this workspace may set it. Default: false."),
    ],
    exclusive: &[&["type", "toggle"], &["values", "toggle"]],
};

static SECRET_SETTING: Record = Record {
    name: "secret-setting",
    what: "a setting that is secret",
    fields: &[
        required("secret", Shape::Record(&SECRET), "Where it comes from; its value is never written down."),
        optional("description", TEXT, "What it is, for people."),
        optional("public", Shape::Boolean, "Whether those that depend on this workspace may set it. Default: false."),
    ],
    exclusive: &[],
};

static SECRET_VALUE: Record = Record {
    name: "secret-value",
    what: "the value of a secret",
    fields: &[required("secret", Shape::Record(&SECRET), "Where it comes from; its value is never written down.")],
    exclusive: &[],
};

static SECRET: Record = Record {
    name: "secret",
    what: "a secret",
    fields: &[
        optional("env", Shape::Text(Some(&VARIABLE)), "An environment variable of whoever starts what uses it."),
        optional("file", TEXT, "A file: absolute, below the home directory (`~/`), or relative to the workspace."),
        optional("command", RUN, "A command that prints it, run in the workspace."),
    ],
    exclusive: &[&["env", "file", "command"]],
};

static CONFIG_FILE: Record = Record {
    name: "file",
    what: "a file that is made of a template",
    fields: &[
        required("template", TEXT, "The template, a file of the workspace."),
        optional(
            "name",
            TEXT,
            "How the file is called. Default: as the template, without `.template`, `.tmpl` or `.in`.",
        ),
    ],
    exclusive: &[],
};

static SHELL: Record = Record {
    name: "shell",
    what: "a command for a shell",
    fields: &[required("shell", TEXT, "The script for `sh -c`.")],
    exclusive: &[],
};

static TASK: Record = Record {
    name: "task",
    what: "a task",
    fields: &[
        required("run", RUN, RUN_DOC),
        optional("env", ENV, ENV_DOC),
        optional("directory", TEXT, DIRECTORY_DOC),
        optional("inputs", TEXTS, INPUTS_DOC),
        optional("outputs", TEXTS, "Globs of the files that it makes."),
        optional(
            "keep",
            Shape::Boolean,
            "Whether what it makes is kept in the store, and had from there. Default: false.",
        ),
        optional(
            "watch",
            Shape::Either(&[Shape::Boolean, Shape::Record(&TASK_WATCH)]),
            "Whether it runs again when its inputs change. Default: false.",
        ),
        optional("after", AFTER, AFTER_DOC),
        TIMEOUT,
    ],
    exclusive: &[],
};

const TIMEOUT: Field = optional("timeout", TIME, "When it is ended with a failure. Default: never.");

static SERVICE: Record = Record {
    name: "service",
    what: "a service",
    fields: &[
        required("run", RUN, RUN_DOC),
        optional("env", ENV, ENV_DOC),
        optional("directory", TEXT, DIRECTORY_DOC),
        optional("after", AFTER, AFTER_DOC),
        optional(
            "port",
            Shape::Either(&[Shape::Word(&["auto"]), PORT]),
            "`auto`: chosen before the start and kept; a number: that one.",
        ),
        optional("ports", Shape::Map(&NAME, &HOST_PORT), "Further ports by a name: `auto`, or a number."),
        optional("ready", Shape::Record(&READY), "When it counts as ready. Default: the port accepts."),
        optional("stop", Shape::Record(&STOP), "How it is stopped."),
        optional(
            "restart",
            Shape::Either(&[Shape::Word(&RestartPolicy::WORDS), Shape::Record(&RESTART)]),
            "When it is started again after it has ended. Default: on-failure, once it has been ready.",
        ),
        optional("live", Shape::Record(&LIVE), "When it no longer counts as alive. Default: when it ends."),
        optional("limits", Shape::Record(&LIMITS), "How much of the machine its processes may use together."),
        optional("tty", Shape::Boolean, "Whether it has a terminal, to which `attach` leads. Default: false."),
        optional(
            "watch",
            Shape::Either(&[Shape::List(&TEXT, 1), Shape::Record(&WATCH)]),
            "Globs of files; a change starts it anew.",
        ),
        optional(
            "lazy",
            Shape::Either(&[Shape::Boolean, Shape::Record(&LAZY)]),
            "Whether it starts only when somebody connects to its port. Default: false.",
        ),
        optional(
            "memory",
            Shape::Text(Some(&SIZE)),
            "How much memory it needs. Default: what was measured in its last run.",
        ),
    ],
    exclusive: &[],
};

static BUDGET: Record = Record {
    name: "budget",
    what: "`budget`",
    fields: &[
        optional(
            "memory",
            Shape::Text(Some(&SIZE)),
            "How much memory the services may need together. Default: what the machine has.",
        ),
        optional("up", TIME, "How long `up` may take from nothing, for `check`. Default: 5m."),
        optional("down", TIME, "How long `down` may take."),
        optional("step", TIME, "How long each step of `up` may take."),
        optional(
            "steps",
            Shape::Map(&STEP, &TIME),
            "How long single steps may take, each by what `up` calls it, such as `run shop/build`.",
        ),
    ],
    exclusive: &[],
};

static CONTAINER: Record = Record {
    name: "container",
    what: "a service that is a container",
    fields: &[
        optional("run", RUN, RUN_DOC),
        optional("image", Shape::Text(Some(&IMAGE_TEXT)), "The image that it is a container of."),
        optional(
            "build",
            Shape::Either(&[TEXT, Shape::Record(&BUILD)]),
            "What its image is built of: a directory, or more.",
        ),
        optional("pull", Shape::Word(&PullPolicy::WORDS), "When the image is pulled. Default: missing."),
        optional("platform", TEXT, "The platform that is asked for, such as `linux/arm64`."),
        optional("entrypoint", WORDS, "What stands before the command, in place of the image's."),
        optional("command", WORDS, "What is run, in place of the image's."),
        optional("env", ENV, "Environment variables; of the user's own it gets none."),
        optional("directory", TEXT, "Where it runs, an absolute path inside. Default: the image's."),
        optional(
            "user",
            Shape::Scalar,
            "As whom it runs: `NAME`, `UID`, or either with `:GROUP`. Default: the image's.",
        ),
        optional("after", AFTER, AFTER_DOC),
        optional(
            "port",
            Shape::Either(&[Shape::Word(&["auto"]), PORT, Shape::Record(&CONTAINER_PORT)]),
            "Where it can be reached: as for a process, with the same number inside, or a map with the port inside.",
        ),
        optional(
            "ports",
            Shape::Map(&NAME, &Shape::Either(&[PORT, Shape::Record(&PUBLISHED)])),
            "Further ports by a name: the port inside, or a map.",
        ),
        optional(
            "network",
            Shape::Word(&["environment", "host", "none"]),
            "How it is connected. Default: environment.",
        ),
        optional("aliases", TEXTS, "Further names that it has in the network of the environment."),
        optional("extra_hosts", Shape::Map(&HOST_NAME, &TEXT), "Names that it knows, each with an address."),
        optional("dns", TEXTS, "Servers for its names. Default: the engine's."),
        optional("hostname", TEXT, "What it calls itself."),
        optional(
            "volumes",
            Shape::List(&Shape::Either(&[TEXT, Shape::Record(&MOUNT)]), 0),
            "What is mounted: `NAME:/path`, `./DIRECTORY:/path`, `/path`, with `:ro` if it is only read, or a map.",
        ),
        optional("health", Shape::Record(&HEALTH), "What tells whether it is healthy. Default: what the image says."),
        optional("limits", Shape::Record(&LIMITS), "How much of the machine it may use."),
        optional("init", Shape::Boolean, "Whether a small first process passes signals on. Default: false."),
        optional("tty", Shape::Boolean, "Whether it has a terminal. Default: false."),
        optional("stdin_open", Shape::Boolean, "Whether its standard input stays open. Default: false."),
        optional("read_only", Shape::Boolean, "Whether its own file system cannot be written. Default: false."),
        optional("privileged", Shape::Boolean, "Whether it may do all that root may. Default: false."),
        optional("cap_add", TEXTS, "Capabilities that it has besides."),
        optional("cap_drop", TEXTS, "Capabilities that it has not."),
        optional("security_options", TEXTS, "Options such as `no-new-privileges:true`."),
        optional("devices", TEXTS, "Devices, as `HOST:CONTAINER:rwm`."),
        optional("shm_size", Shape::Text(Some(&SIZE)), "How much shared memory it has. Default: the engine's."),
        optional(
            "ulimits",
            Shape::Map(&KEY, &Shape::Either(&[LIMIT, Shape::Record(&ULIMIT)])),
            "Limits by name: a number, or a soft and a hard one.",
        ),
        optional("sysctls", Shape::Map(&DOTTED, &Shape::Scalar), "Settings of its kernel."),
        optional("labels", Shape::Map(&DOTTED, &Shape::Scalar), "What is written on it."),
        optional(
            "ready",
            Shape::Record(&READY),
            "When it counts as ready. Default: its health check, or the port accepts.",
        ),
        optional("stop", Shape::Record(&STOP), "How it is stopped. Default: by the signal of the image."),
        optional(
            "restart",
            Shape::Either(&[Shape::Word(&RestartPolicy::WORDS), Shape::Record(&RESTART)]),
            "When it is started again after it has ended. Default: on-failure, once it has been ready.",
        ),
        optional("live", Shape::Record(&LIVE), "When it no longer counts as alive. Default: when it ends."),
        optional(
            "watch",
            Shape::Either(&[Shape::List(&TEXT, 1), Shape::Record(&WATCH)]),
            "Globs of files; a change starts it anew.",
        ),
        optional(
            "lazy",
            Shape::Either(&[Shape::Boolean, Shape::Record(&LAZY)]),
            "Whether it starts only when somebody connects to its port. Default: false.",
        ),
        optional(
            "memory",
            Shape::Text(Some(&SIZE)),
            "How much memory it needs. Default: what was measured in its last run.",
        ),
    ],
    exclusive: &[&["run", "image", "build"]],
};

static BUILD: Record = Record {
    name: "build",
    what: "a build",
    fields: &[
        required("context", TEXT, "The directory of its files, relative to the workspace."),
        optional("dockerfile", TEXT, "The Dockerfile, relative to the directory. Default: Dockerfile."),
        optional("target", TEXT, "The stage that is wanted. Default: the last."),
        optional("args", ENV, "Arguments of the Dockerfile."),
        optional("labels", Shape::Map(&DOTTED, &Shape::Scalar), "What is written on the image."),
        optional("cache_from", TEXTS, "Images of which layers may be taken."),
        optional("network", TEXT, "How its steps are connected: `host`, `none` or a network."),
        optional("pull", Shape::Boolean, "Whether images that it begins with are pulled again. Default: false."),
        optional("no_cache", Shape::Boolean, "Whether all steps are done again. Default: false."),
    ],
    exclusive: &[],
};

static CONTAINER_PORT: Record = Record {
    name: "container-port",
    what: "a port of a container",
    fields: &[
        required("container", PORT, "The port inside."),
        optional("host", HOST_PORT, "The port outside. Default: auto."),
        optional("address", TEXT, "The address outside. Default: 127.0.0.1."),
    ],
    exclusive: &[],
};

static PUBLISHED: Record = Record {
    name: "published-port",
    what: "a further port of a container",
    fields: &[
        required("container", PORT, "The port inside."),
        optional("host", HOST_PORT, "The port outside. Default: auto."),
        optional("address", TEXT, "The address outside. Default: 127.0.0.1."),
        optional("protocol", Shape::Word(&["tcp", "udp"]), "Its protocol. Default: tcp."),
    ],
    exclusive: &[],
};

static MOUNT: Record = Record {
    name: "mount",
    what: "a mount",
    fields: &[
        required("target", TEXT, "Where, an absolute path inside."),
        optional("volume", Shape::Text(Some(&NAME)), "A volume of the environment, by a name."),
        optional("bind", TEXT, "A file or directory of this machine, relative to the workspace."),
        optional("tmpfs", Shape::Either(&[Shape::True, Shape::Text(Some(&SIZE))]), "Memory: `true`, or how much."),
        optional("read_only", Shape::Boolean, "Whether it cannot be written. Default: false."),
    ],
    exclusive: &[&["volume", "bind", "tmpfs"]],
};

static HEALTH: Record = Record {
    name: "health",
    what: "a health check",
    fields: &[
        optional("command", RUN, "A command that ends with exit code 0, run inside. Default: the image's."),
        optional("interval", TIME, "The longest pause between two tries. Default: 1s."),
        optional("timeout", TIME, "How long one try may take. Default: 10s."),
        optional("start_period", TIME, "How long failures do not count. Default: 0s."),
        optional(
            "start_interval",
            TIME,
            "The longest pause between two tries until it is healthy. Default: `interval`.",
        ),
        optional(
            "retries",
            Shape::Integer(1, 1000),
            "How many tries may fail after that, each with its pause: so long it may take to be ready. Default: 3; with neither this \
             nor `start_period`, a minute.",
        ),
    ],
    exclusive: &[],
};

static LIMITS: Record = Record {
    name: "limits",
    what: "`limits`",
    fields: &[
        optional("cpus", Shape::Setting, "How many processors, such as 2 or 0.5."),
        optional("memory", Shape::Text(Some(&SIZE)), "How much memory; more ends it."),
        optional("pids", Shape::Integer(1, 4_194_304), "How many processes and threads."),
    ],
    exclusive: &[],
};

static ULIMIT: Record = Record {
    name: "ulimit",
    what: "a limit",
    fields: &[required("soft", LIMIT, "Up to where it may be raised by itself."), required("hard", LIMIT, "The most.")],
    exclusive: &[],
};

static EDGE: Record = Record {
    name: "edge",
    what: "a condition",
    fields: &[
        optional("state", Shape::Word(&Condition::WORDS), "What must be so. Default: ready, of a task succeeded."),
        optional(
            "restart",
            Shape::Boolean,
            "Whether this service is restarted whenever the other one is started anew, or, of a task, has run again.",
        ),
        optional(
            "wake",
            Shape::Boolean,
            "Whether a lazy service is woken. Default: false, asleep is as good as ready.",
        ),
    ],
    exclusive: &[],
};

static RESTART: Record = Record {
    name: "restart",
    what: "a restart policy",
    fields: &[
        optional("policy", Shape::Word(&RestartPolicy::WORDS), "After which ends. Default: on-failure."),
        optional("backoff", Shape::Record(&BACKOFF), "How long it is waited before a restart."),
        optional("success", Shape::List(&Shape::Integer(0, 255), 1), "Exit codes that are no failure. Default: [0]."),
        optional(
            "max",
            Shape::Either(&[Shape::Integer(0, 1000), Shape::Word(&["unlimited"])]),
            "How many restarts there may be within the window; then it is a crash loop. Default: 5.",
        ),
        optional("window", TIME, "How far back restarts count. Default: 60s."),
    ],
    exclusive: &[],
};

static BACKOFF: Record = Record {
    name: "backoff",
    what: "a backoff",
    fields: &[
        optional("start", TIME, "The pause before the second restart; the first has none. Default: 250ms."),
        optional("factor", Shape::Integer(1, 100), "By how much each further pause is longer. Default: 2."),
        optional("cap", TIME, "The longest pause. Default: 10s."),
    ],
    exclusive: &[],
};

static WATCH: Record = Record {
    name: "watch",
    what: "`watch`",
    fields: &[
        required("paths", Shape::List(&TEXT, 1), "Globs of files; a directory stands for all below it."),
        optional("ignore", TEXTS, "Globs of what is not looked at, beside what `.gitignore` hides."),
        optional("debounce", TIME, "How long nothing more must have changed. Default: 200ms."),
    ],
    exclusive: &[],
};

static TASK_WATCH: Record = Record {
    name: "task-watch",
    what: "`watch` of a task",
    fields: &[
        optional("ignore", TEXTS, "Globs of what is not looked at, beside its outputs and what `.gitignore` hides."),
        optional("debounce", TIME, "How long nothing more must have changed. Default: 200ms."),
    ],
    exclusive: &[],
};

static LAZY: Record = Record {
    name: "lazy",
    what: "`lazy`",
    fields: &[optional(
        "idle",
        Shape::Text(Some(&IDLE)),
        "How long it stays when no connection is open. Default: 10m.",
    )],
    exclusive: &[],
};

static LIVE: Record = Record {
    name: "live",
    what: "a liveness probe",
    fields: &[
        optional("http", Shape::Either(&[TEXT, Shape::Record(&HTTP)]), "A path that is answered."),
        optional("tcp", PROBED_PORT, "The port accepts: `true` for its own, a number, or the name of one of `ports`."),
        optional("command", RUN, "A command that ends with exit code 0."),
        optional("notify", Shape::True, "It says `WATCHDOG=1` on the socket of `NOTIFY_SOCKET`, once per interval."),
        optional("interval", TIME, "How long between two tries. Default: 10s."),
        optional("check_timeout", TIME, "How long one try may take. Default: 5s."),
        optional("failures", Shape::Integer(1, 1000), "So many tries in a row must fail. Default: 3."),
    ],
    exclusive: &[&["http", "tcp", "command", "notify"]],
};

static READY: Record = Record {
    name: "ready",
    what: "a readiness probe",
    fields: &[
        optional("http", Shape::Either(&[TEXT, Shape::Record(&HTTP)]), "A path that is answered."),
        optional("tcp", PROBED_PORT, "The port accepts: `true` for its own, a number, or the name of one of `ports`."),
        optional("command", RUN, "A command that ends with exit code 0."),
        optional("log", TEXT, "A regular expression that a line of its output matches."),
        optional("health", Shape::True, "The health check of a container, its own or that of its image."),
        optional("notify", Shape::True, "It says `READY=1` on the socket of `NOTIFY_SOCKET`."),
        optional("timeout", TIME, "How long it may take. Default: 60s."),
        optional("interval", TIME, "How long between two tries. Default: short at first, then longer."),
        optional("check_timeout", TIME, "How long one try may take. Default: short at first, then longer."),
    ],
    exclusive: &[&["http", "tcp", "command", "log", "notify", "health"]],
};

static HTTP: Record = Record {
    name: "http",
    what: "an HTTP probe",
    fields: &[
        required("path", TEXT, "The path, which begins with a slash."),
        optional(
            "status",
            Shape::Either(&[STATUS, Shape::List(&STATUS, 1)]),
            "The status, or one of several, that is wanted. Default: any from 200 to 399.",
        ),
        optional("method", Shape::Text(Some(&METHOD)), "The method. Default: GET."),
        optional("headers", Shape::Map(&HEADER, &Shape::Scalar), "Headers that are sent."),
        optional("body", Shape::Either(&[TEXT, Shape::Record(&BODY)]), "A text that the body must have in it."),
        optional("port", OTHER_PORT, "The port, or the name of one of `ports`. Default: the service's own."),
    ],
    exclusive: &[],
};

static BODY: Record = Record {
    name: "body",
    what: "a condition of a body",
    fields: &[required("regex", TEXT, "A regular expression that matches the body, or a part of it.")],
    exclusive: &[],
};

static STOP: Record = Record {
    name: "stop",
    what: "a way to stop",
    fields: &[
        optional("signal", Shape::Word(&StopSignal::WORDS), "What is sent first. Default: TERM."),
        optional("command", RUN, "What is run in place of the signal, which follows if that fails."),
        optional("timeout", TIME, "When the whole process group is killed. Default: 10s."),
    ],
    exclusive: &[],
};

static DATABASE: Record = Record {
    name: "database",
    what: "a database",
    fields: &[
        required("engine", Shape::Word(&Engine::WORDS), "The kind of database."),
        optional(
            "version",
            Shape::Either(&[Shape::Text(Some(&VERSION)), Shape::Integer(1, 9999)]),
            "The wanted major version of the server. Default: the newest found.",
        ),
        optional(
            "image",
            Shape::Text(Some(&IMAGE)),
            "The image that its server runs in a container of. Default: an installed server, if there is one.",
        ),
        optional(
            "durability",
            Shape::Word(&Durability::WORDS),
            "Whether the server may lose the last changes when the machine fails. Default: full.",
        ),
        optional("encoding", Shape::Text(Some(&ENCODING)), "How text is encoded. Default: the server's."),
        optional("locale", Shape::Text(Some(&LOCALE)), "How text is sorted and compared. Default: the server's."),
        optional("extensions", Shape::List(&Shape::Text(Some(&EXTENSION)), 0), "Extensions of PostgreSQL in it."),
        optional("roles", Shape::List(&Shape::Text(Some(&ROLE)), 0), "Roles that the server has besides its own."),
        optional(
            "base",
            Shape::Either(&[TEXT, Shape::Record(&BASE)]),
            "What it begins with: a dump, a snapshot or a published base. Default: nothing.",
        ),
        optional("cold", Shape::Record(&COLD), "What makes a copy harmless: run on a base when it has been loaded."),
        optional("scrub", Shape::Record(&SCRUB), "What is done to a copy before it leaves the machine."),
        optional(
            "schema",
            Shape::Keyed("sql", &SQL_SCHEMA, &Shape::Record(&SCHEMA)),
            "The step that brings an empty database to its schema.",
        ),
        optional("types", Shape::Either(&[TEXT, TEXTS]), "Files of data types."),
        optional("data", SPECS, "Specs that are loaded, in this order."),
    ],
    exclusive: &[],
};

static SPEC: Record = Record {
    name: "spec",
    what: "a spec",
    fields: &[
        optional("spec", TEXT, "A file of the workspace."),
        optional("url", Shape::Text(Some(&FETCHED)), "The address of a file, which needs a digest."),
        optional("sha256", Shape::Text(Some(&DIGEST)), "The SHA-256 of what the address gives."),
        optional("scenario", TEXT, "The scenario of it that is loaded. Default: none."),
        optional("set", Shape::Map(&PARAMETER, &Shape::Setting), "The values of its parameters."),
    ],
    exclusive: &[&["spec", "url"]],
};

static SCHEMA: Record = Record {
    name: "schema-command",
    what: "a schema step",
    fields: &[
        required("run", RUN, RUN_DOC),
        optional("env", ENV, ENV_DOC),
        optional("inputs", TEXTS, INPUTS_DOC),
        optional("after", AFTER, AFTER_DOC),
        optional("directory", TEXT, DIRECTORY_DOC),
        TIMEOUT,
    ],
    exclusive: &[],
};

static SQL_SCHEMA: Record = Record {
    name: "schema-sql",
    what: "a schema step of SQL files",
    fields: &[required("sql", Shape::List(&TEXT, 1), "Files of SQL that Seedbed executes, in this order.")],
    exclusive: &[],
};

static BASE: Record = Record {
    name: "base",
    what: "a base",
    fields: &[
        optional("file", TEXT, "A file or directory of the workspace."),
        optional("url", Shape::Text(Some(&FETCHED)), "The address of a file, which needs a digest."),
        optional("sha256", Shape::Text(Some(&DIGEST)), "The SHA-256 of what the address gives."),
        optional("blake3", Shape::Text(Some(&DIGEST)), "The BLAKE3 of what the address gives."),
        optional("snapshot", Shape::Text(Some(&TAG)), "The tag of a snapshot."),
        optional("name", Shape::Text(Some(&TAG)), "The name of a published base."),
        optional(
            "remote",
            Shape::Text(Some(&NAME)),
            "The remote that has the snapshot or published base. Default: the store of this workspace.",
        ),
        optional(
            "database",
            Shape::Text(Some(&DATABASE_NAME)),
            "Which database of the snapshot or published base. Default: this one.",
        ),
    ],
    exclusive: &[&["file", "url", "snapshot", "name"], &["sha256", "blake3"]],
};

static COLD: Record =
    Record { name: "cold", what: "`cold`", fields: &[required("sql", SCRIPTS, SCRIPTS_DOC)], exclusive: &[] };

static SCRUB: Record = Record {
    name: "scrub",
    what: "`scrub`",
    fields: &[
        optional(
            "columns",
            Shape::Map(&COLUMN, &Shape::Either(&[Shape::Scalar, Shape::Null])),
            "By column, an SQL expression for its new value, pseudonym(email), pseudonym(name), pseudonym(word), pseudonym(digits), or null.",
        ),
        optional("sql", SCRIPTS, SCRIPTS_DOC),
        optional("keep", TEXTS, "Globs of the tables that are free of personal data."),
    ],
    exclusive: &[],
};

static RESOURCE: Record = Record {
    name: "resource",
    what: "a resource",
    fields: &[
        required("path", TEXT, "A file or directory, below the workspace or below ${environment.directory}."),
        optional("exclude", TEXTS, "Globs of the files that do not belong to it."),
    ],
    exclusive: &[],
};

static REMOTE: Record = Record {
    name: "remote",
    what: "a remote",
    fields: &[
        required("url", TEXT, "A path, or an address with file, s3, oci, http, https or rclone."),
        optional("pull", Shape::Boolean, "Whether `up` takes states from there. Default: true."),
        optional("encrypt_to", TEXTS, "Recipients for whom all that is pushed is encrypted. Default: not encrypted."),
    ],
    exclusive: &[],
};

static SNAPSHOTS: Record = Record {
    name: "snapshots",
    what: "`snapshots`",
    fields: &[
        optional(
            "form",
            Shape::Word(&SnapshotForm::WORDS),
            "How databases are written: as dumps that any server can read, or as the files of their server. Default: auto.",
        ),
        optional(
            "files_from",
            Shape::Text(Some(&SIZE)),
            "From which size on the databases of a server are written as its files with `form: auto`. Default: 128MB.",
        ),
    ],
    exclusive: &[],
};

static STATES: Record = Record {
    name: "states",
    what: "`states`",
    fields: &[
        optional("keep", Shape::Integer(0, 1000), "How many states of each database and step. Default: 10."),
        optional("size", Shape::Text(Some(&SIZE)), "How much they may take together. Default: 5GB."),
        optional(
            "age",
            Shape::Text(Some(&AGE)),
            "How long a state stays: in the store since it was made, in an engine since it was used. Default: 30d.",
        ),
        optional("spares", Shape::Integer(0, 1), "Ready copies of the declared state. Default: 1."),
    ],
    exclusive: &[],
};
