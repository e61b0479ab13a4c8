//! A manifest with every key in every form, and what becomes of it.

use std::time::Duration;

use manifest::{
    AfterTarget, BaseSource, Body, Command, Condition, DependencySource, Digest, Durability, Engine, ImageSource,
    Manifest, MountSource, NetworkMode, Part, Port, Probe, ProbedPort, Pseudonym, Replacement, Restart, RestartLimit,
    RestartPolicy, SchemaStep, SettingValue, SnapshotForm, Snapshots, States, Stop, StopSignal, Template, read,
};
use source::{RenderOptions, SourceFile, render};

const FULL: &str = include_str!("valid/full.yaml");

fn manifest(text: &str) -> Manifest {
    read_with(text, None)
}

fn full(profile: Option<&str>) -> Manifest {
    read_with(FULL, profile)
}

fn read_with(text: &str, profile: Option<&str>) -> Manifest {
    let (manifest, problems) = read(&SourceFile::new("seedbed.yaml", text), profile);
    assert!(problems.is_empty(), "{}", render(&problems, RenderOptions::default()));
    manifest.expect("there is no problem")
}

/// The template as it could have been written.
fn written(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.replace('$', "$$"),
        Part::Reference(reference) => format!("${{{}}}", reference.path.join(".")),
    };
    template.parts().iter().map(part).collect()
}

fn words(command: &Command) -> Vec<String> {
    command.templates().iter().map(written).collect()
}

#[test]
fn names_and_settings_are_taken_as_they_stand() {
    let manifest = full(None);
    assert_eq!(manifest.name.as_str(), "lms");
    assert_eq!(manifest.description.as_deref(), Some("Courses and enrolments"));
    let sources: Vec<_> = manifest.dependencies.values().map(|dependency| dependency.source.clone()).collect();
    let git = |url: &str, reference: Option<&str>, path: &str| {
        (url.to_owned(), reference.map(str::to_owned), path.to_owned())
    };
    let seen: Vec<_> = sources
        .into_iter()
        .map(|source| match source {
            DependencySource::Path(path) => Err(path),
            DependencySource::Git { url, reference, path } => Ok((url, reference.map(|(name, _)| name), path)),
        })
        .collect();
    assert_eq!(
        seen,
        [
            Err("../commerce".to_owned()),
            Err("../programs".to_owned()),
            Ok(git("https://example.com/org/credentials", None, ".")),
            Ok(git("git@example.com:org/platform.git", Some("release/ulmo"), "services/discovery")),
        ]
    );
    assert_eq!(manifest.dependencies["discovery"].mode.as_ref().map(|(mode, _)| mode.as_str()), Some("search"));
    assert_eq!(manifest.config["page_size"].value, SettingValue::Integer(20));
    let texts: Vec<_> = manifest.config.values().map(|setting| setting.value.to_string()).collect();
    assert_eq!(texts[..6], ["20", "1.0", "Learn & grow", "true", "red", "1"]);
    assert_eq!(texts[6..], ["false", "the variable API_KEY", "the command pass show token", "the file ~/pin"]);
    assert_eq!(manifest.profiles, ["postgres", "large"]);
    assert_eq!(manifest.data[0].words(), "data/demo.yaml");
    assert_eq!(written(&manifest.exports["url"].value), "${services.web.url}");
}

#[test]
fn commands_are_split_as_a_shell_would_and_keep_their_references() {
    let manifest = full(None);
    let build = &manifest.tasks["build"];
    assert_eq!(
        words(build.run.command().expect("a process")),
        [
            "cargo",
            "build",
            "--locked",
            "two words",
            "single $$HOME",
            "back slash",
            "${config.page_size}x",
            "--dollar=$$5"
        ]
    );
    let reference = build.run.command().expect("a process").templates()[6].references().next().expect("one").clone();
    assert_eq!(reference.place.text(), "${config.page_size}");
    assert_eq!(build.run.command().expect("a process").templates()[3].place().text(), "\"two words\"");
    assert_eq!(build.timeout, Some(Duration::from_secs(600)));
    let inputs: Vec<_> = build.inputs.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(inputs, ["src/**", "migrations/**", "Cargo.toml", "../Cargo.lock"]);

    assert_eq!(words(manifest.tasks["lines"].run.command().expect("a process")), ["cargo", "run", "--quiet", "ab"]);

    let assets = &manifest.tasks["assets"];
    assert_eq!(words(assets.run.command().expect("a process")), ["npm", "run", "build", "8", "${workspace.root}/x y"]);
    let env: Vec<_> = assets.env.values().map(written).collect();
    assert_eq!(env, ["development", "2", "false"]);
    assert_eq!(assets.directory.as_deref(), Some("frontend"));

    let Command::Shell { script, .. } = manifest.tasks["clean"].run.command().expect("a process") else {
        panic!("a script")
    };
    assert_eq!(written(script), "rm -rf out && echo $$HOME ${environment.name} $${literal}");
}

#[test]
fn conditions_have_the_defaults_of_their_kinds() {
    let manifest = full(None);
    let target = |index: usize| {
        let after = &manifest.services["worker"].after[index];
        (after.target.clone(), after.condition)
    };
    assert_eq!(target(0), (AfterTarget::Service("web".into()), Condition::Started));
    assert_eq!(target(1), (AfterTarget::Dependency("commerce".into()), Condition::Ready));
    assert_eq!(target(2), (AfterTarget::DependencyService("programs".into(), "web".into()), Condition::Started));
    assert_eq!(target(3), (AfterTarget::Task("build".into()), Condition::Succeeded));
    assert_eq!(manifest.services["web"].after[0].condition, Condition::Succeeded);
}

#[test]
fn services_have_ports_probes_and_ways_to_stop() {
    let manifest = full(None);
    let service = |name: &str| &manifest.services[name];
    assert_eq!(service("web").port, Some(Port::Auto));
    assert_eq!(service("admin").port, Some(Port::Fixed(8080)));
    assert_eq!(
        service("web").stop,
        Stop { signal: StopSignal::Int, command: None, timeout: Duration::from_millis(250) }
    );
    assert_eq!(
        service("bare").stop,
        Stop { signal: StopSignal::Term, command: None, timeout: Duration::from_secs(10) }
    );
    let ready = |name: &str| &service(name).ready;
    let http = |name: &str| if let Probe::Http(http) = &ready(name).probe { http.clone() } else { panic!("{name}") };
    let web = http("web");
    assert_eq!((written(&web.path).as_str(), &web.port, web.method.as_str()), ("/heartbeat", &ProbedPort::Own, "GET"));
    assert!(web.headers.is_empty() && web.status.is_empty() && web.body.is_none());
    assert_eq!((http("admin").status, http("admin").port), (vec![204], ProbedPort::Number(8081)));
    assert_eq!(ready("raw").probe, Probe::Tcp { port: ProbedPort::Own });
    assert_eq!(ready("other").probe, Probe::Tcp { port: ProbedPort::Number(9001) });
    assert!(matches!(&ready("checked").probe, Probe::Command(Command::Shell { .. })));
    assert!(
        matches!(&ready("worker").probe, Probe::Log(log) if written(log) == "listening on .*:${services.web.port}$$")
    );
    assert_eq!(ready("worker").interval, Some(Duration::from_millis(100)));
    assert_eq!(ready("worker").timeout, Duration::from_secs(3600));
    // Without a probe: the port accepts, or the process was started.
    assert_eq!(ready("patient").probe, Probe::Tcp { port: ProbedPort::Own });
    assert_eq!(ready("patient").timeout, Duration::from_secs(300));
    assert_eq!((&ready("bare").probe, ready("bare").timeout), (&Probe::Started, Duration::from_secs(60)));
}

#[test]
fn services_have_lives() {
    let manifest = full(None);
    let service = |name: &str| &manifest.services[name];
    let careful = service("careful");
    let Probe::Http(http) = &careful.ready.probe else { panic!("{careful:?}") };
    assert_eq!((http.method.as_str(), &http.status[..]), ("POST", &[200, 418][..]));
    let headers: Vec<_> = http.headers.iter().map(|(name, value)| format!("{name}: {}", written(value))).collect();
    assert_eq!(headers, ["X-Key: ${config.title}", "Host: lms.local"]);
    assert!(matches!(&http.body, Some(Body::Regex(regex)) if written(regex) == "^up ${config.title}$$"));
    assert_eq!(careful.ready.check_timeout, Some(Duration::from_secs(2)));
    let live = careful.live.as_ref().expect("it has one");
    assert_eq!(live.probe, careful.ready.probe, "what tells of readiness tells of life");
    let second = Duration::from_secs(1);
    assert_eq!((live.interval, live.check_timeout, live.failures), (second * 5, second, 2));
    let restart = Restart {
        policy: RestartPolicy::Always,
        pause: Some(Duration::from_millis(100)),
        factor: Some(3),
        cap: Some(second * 30),
        success: vec![0, 143],
        limit: RestartLimit::None,
        window: Some(second * 300),
    };
    assert_eq!(careful.restart, Some(restart));
    assert!(careful.stop.command.is_some());
    let after: Vec<_> = careful.after.iter().map(|after| (after.condition, after.restart)).collect();
    assert_eq!(after, [(Condition::Ready, true), (Condition::Started, false), (Condition::Started, false)]);

    let policy = |name: &str| service(name).restart.as_ref().map(|restart| (restart.policy, restart.limit));
    assert_eq!(policy("told"), Some((RestartPolicy::OnFailure, RestartLimit::Usual)));
    assert_eq!(policy("never"), Some((RestartPolicy::No, RestartLimit::Usual)));
    assert_eq!(policy("rarely"), Some((RestartPolicy::OnFailure, RestartLimit::Of(1))));
    assert_eq!((policy("bare"), &service("bare").live), (None, &None));
    let live = |name: &str| service(name).live.as_ref().map(|live| live.probe.clone());
    assert_eq!((&service("told").ready.probe, live("told")), (&Probe::Notify, Some(Probe::Notify)));
    assert!(matches!(live("never"), Some(Probe::Command(_))));
    assert_eq!(
        live("rarely"),
        Some(Probe::Tcp { port: ProbedPort::Own }),
        "a line of the past says nothing of the present"
    );
}

#[test]
fn databases_have_engines_and_schema_steps() {
    let manifest = full(None);
    let lms = &manifest.databases["lms"];
    assert_eq!((lms.engine, lms.types.len(), lms.data.len()), (Engine::Sqlite, 1, 2));
    let Some(SchemaStep::Command { run, env, inputs, after, directory, timeout }) = &lms.schema else {
        panic!("a command")
    };
    assert_eq!(words(run), ["../target/debug/lms", "migrate"]);
    assert_eq!((env.len(), inputs.len(), after[0].condition), (1, 1, Condition::Completed));
    assert_eq!((directory.as_deref(), *timeout), (Some("db"), Some(Duration::from_secs(90))));
    let search = &manifest.databases["search"];
    assert_eq!((search.engine, search.version.as_deref()), (Engine::Postgres, Some("15")));
    let Some(SchemaStep::Sql { files }) = &search.schema else { panic!("files") };
    assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["schema.sql", "views.sql"]);
    assert_eq!(manifest.databases["plain"].version.as_deref(), Some("16"));
    assert_eq!(manifest.databases["plain"].image.as_deref(), Some("postgres:16"));
    assert_eq!(search.image, None);
}

#[test]
fn databases_have_what_their_engine_allows() {
    let manifest = full(None);
    let learning = &manifest.databases["learning"];
    assert_eq!(learning.durability, Some(Durability::Relaxed));
    assert_eq!((learning.encoding.as_deref(), learning.locale.as_deref()), (Some("UTF8"), Some("C.UTF-8")));
    assert_eq!(
        (&learning.extensions[..], &learning.roles[..]),
        (&["pg_trgm".into(), "uuid-ossp".into()][..], &["readonly".into()][..])
    );
    let shop = &manifest.databases["shop"];
    assert_eq!((shop.engine, shop.version.as_deref()), (Engine::Mysql, Some("10.11")));
    assert_eq!((shop.durability, shop.locale.as_deref()), (Some(Durability::Full), Some("utf8mb4_bin")));
    let cache = &manifest.databases["cache"];
    assert_eq!((cache.engine, cache.version.as_deref()), (Engine::Redis, Some("7")));
    assert!(matches!(&cache.schema, Some(SchemaStep::Sql { files }) if files[0].path == "seed.redis"));
    let plain = &manifest.databases["plain"];
    assert_eq!((plain.durability, &plain.base, &plain.scrub, &plain.cold), (None, &None, &None, &None));
}

#[test]
fn a_base_is_a_file_an_address_a_snapshot_or_a_published_base() {
    let manifest = full(None);
    let base = |name: &str| manifest.databases[name].base.clone().expect("it has one");
    for (name, path) in [("learning", "base/lms.sql.zst"), ("dump", "base/lms.dump")] {
        let base = base(name);
        assert!(matches!(&base.source, BaseSource::File(file) if file.path == path), "{base:?}");
        assert_eq!(base.database, None);
    }
    let digest = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9".to_owned();
    let url = "https://example.com/shop.sql.gz".to_owned();
    assert_eq!(base("shop").source, BaseSource::Url { url, digest: Digest::Sha256(digest.clone()) });
    let url = "file:///srv/bases/known.sqlite3".to_owned();
    assert_eq!(base("known").source, BaseSource::Url { url, digest: Digest::Blake3(digest) });
    assert_eq!(base("yesterday").source, BaseSource::Snapshot { tag: "monday-2.1".into(), remote: None });
    let production = base("production");
    assert_eq!(production.source, BaseSource::Published { name: "production".into(), remote: Some("team".into()) });
    assert_eq!(production.database.as_deref(), Some("lms/lms"));
    assert_eq!(production.place.text(), "{ name: production, remote: team, database: lms/lms }");
}

#[test]
fn a_copy_is_made_cold_and_scrubbed() {
    let manifest = full(None);
    let learning = &manifest.databases["learning"];
    let cold = learning.cold.as_ref().expect("there");
    assert_eq!(cold.sql[0].path, "cold/lms.sql");
    let scrub = learning.scrub.as_ref().expect("there");
    let rules: Vec<_> =
        scrub.columns.iter().map(|rule| (rule.table.as_str(), rule.column.as_str(), &rule.replacement)).collect();
    assert_eq!(
        rules,
        [
            ("users", "email", &Replacement::Expression("'user' || id || '@example.invalid'".to_owned())),
            ("audit.events", "detail", &Replacement::Nothing),
            ("users", "active", &Replacement::Expression("false".to_owned())),
            ("users", "name", &Replacement::Pseudonym(Pseudonym::Name)),
        ]
    );
    assert_eq!(scrub.sql[0].path, "scrub/lms.sql");
    assert_eq!(scrub.keep.iter().map(|glob| glob.pattern.as_str()).collect::<Vec<_>>(), ["countries", "audit.*"]);
}

#[test]
fn resources_remotes_and_states_are_of_the_whole_environment() {
    let manifest = full(None);
    let paths: Vec<_> = manifest.resources.values().map(|resource| written(&resource.path)).collect();
    assert_eq!(paths, ["media", "reports/${environment.name}", "${environment.directory}"]);
    let excluded: Vec<_> = manifest.resources["uploads"].exclude.iter().map(|glob| glob.pattern.as_str()).collect();
    assert_eq!(excluded, ["*.tmp", "cache/**"]);

    let team = &manifest.remotes["team"];
    assert_eq!((team.url.as_str(), team.pull, team.encrypt_to.len()), ("s3://bucket/prefix", true, 0));
    let disk = &manifest.remotes["disk"];
    assert_eq!((disk.url.as_str(), disk.written.as_str()), ("../shared/store", "../shared/store"));
    assert_eq!((disk.pull, &disk.encrypt_to[..]), (false, &["age1qqqq".to_owned(), "age1pppp".to_owned()][..]));

    let day = Duration::from_hours(24);
    assert_eq!(manifest.states, States { keep: 3, size_bytes: 500_000_000, age: 7 * day, spares: 0 });
    assert_eq!(manifest.snapshots, Snapshots { form: SnapshotForm::Logical, files_from_bytes: 128_000_000 });
    let (bare, _) = read(&SourceFile::new("seedbed.yaml", "name: bare"), None);
    let default = States { keep: 10, size_bytes: 5_000_000_000, age: 30 * day, spares: 1 };
    let bare = bare.expect("it is right");
    assert_eq!(
        (bare.states, bare.snapshots),
        (default, Snapshots { form: SnapshotForm::Auto, files_from_bytes: 128_000_000 })
    );
}

#[test]
fn a_profile_merges_maps_key_by_key_and_replaces_the_rest() {
    let manifest = full(Some("large"));
    assert_eq!(manifest.config["page_size"].value, SettingValue::Integer(500));
    assert_eq!(manifest.config.len(), 10);
    assert_eq!(manifest.tasks["build"].timeout, Some(Duration::from_secs(3600)));
    assert_eq!(manifest.tasks["build"].inputs.len(), 4);
    assert!(manifest.data.is_empty());
    assert_eq!(manifest.exports.keys().collect::<Vec<_>>(), ["url", "token", "extra"]);
    assert_eq!(manifest.resources.len(), 4);
    let base = manifest.databases["learning"].base.as_ref().expect("there");
    assert!(matches!(base.source, BaseSource::Published { .. }), "a record replaces the short form: {base:?}");
    assert_eq!(manifest.remotes["team"].url, "s3://other");
    let states = States { keep: 0, size_bytes: 2_000_000_000_000, ..full(None).states };
    assert_eq!(manifest.states, states);
    assert_eq!(manifest.snapshots, Snapshots { form: SnapshotForm::Physical, files_from_bytes: 1_000_000 });
    assert_eq!(full(Some("nowhere")), full(None), "a profile that it does not declare changes nothing");
}

#[test]
fn a_service_is_a_container_when_it_has_an_image() {
    let manifest = manifest(
        "name: shop
services:
  cache:
    image: redis:7
    port: { container: 6379 }
    ports: { admin: 9000, statistics: { container: 9125, host: 9125, protocol: udp } }
    command: [redis-server, --port, \"${port}\"]
    entrypoint: []
    volumes: [\"data:/data\", \"./conf:/etc/redis:ro\", /tmp/scratch, { target: /run, tmpfs: 16MB }]
    limits: { cpus: 0.5, memory: 64MB, pids: 20 }
    ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 64 }
    health: { command: redis-cli ping }
  web:
    build: { context: web, target: dev, args: { LEVEL: 2 } }
    network: host
    stop: { signal: INT }
",
    );
    let cache = &manifest.services["cache"];
    let container = cache.run.container().expect("a container");
    assert_eq!((cache.port, container.port), (Some(Port::Auto), Some(6379)));
    assert_eq!(container.entrypoint, Some(vec![]));
    assert_eq!(container.command.as_ref().map(Vec::len), Some(3));
    let ports: Vec<_> = container.ports.iter().map(|port| (port.name.as_str(), port.container, port.host)).collect();
    assert_eq!(ports, [("admin", 9000, Port::Auto), ("statistics", 9125, Port::Fixed(9125))]);
    let mounts: Vec<_> = container.mounts.iter().map(|mount| (mount.target.as_str(), mount.read_only)).collect();
    assert_eq!(mounts, [("/data", false), ("/etc/redis", true), ("/tmp/scratch", false), ("/run", false)]);
    assert!(matches!(&container.mounts[0].source, MountSource::Volume { name, .. } if name == "data"));
    assert!(matches!(&container.mounts[1].source, MountSource::Bind { path, .. } if path == "./conf"));
    assert!(matches!(container.mounts[2].source, MountSource::Anonymous));
    assert_eq!((cache.limits.cpus, cache.limits.memory, cache.limits.pids), (Some(0.5), Some(64_000_000), Some(20)));
    assert_eq!(container.ulimits["nofile"], (1024, 2048));
    assert_eq!(cache.ready.probe, Probe::Health);
    let web = manifest.services["web"].run.container().expect("a container");
    let ImageSource::Build(build) = &web.image else { panic!("it is built") };
    assert_eq!((build.context.as_str(), build.target.as_deref()), ("web", Some("dev")));
    assert_eq!(web.network, NetworkMode::Host);
}
