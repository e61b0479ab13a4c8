//! Services that come from files of other formats.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use manifest::{
    AfterTarget, Applied, ByPath, Command, Condition, FileContent, HealthTest, ImageSource, Local, Manifest,
    MountSource, NetworkMode, Part, Port, Probe, ProbedPort, StopSignal, Template, load,
};
use source::{RenderOptions, render};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn manifest(root: &Path) -> Manifest {
    let (tree, problems) = load(
        root,
        None,
        &BTreeMap::from([("TAG".to_owned(), "7".to_owned())]),
        &Local::default(),
        &Applied::default(),
        &mut ByPath,
    );
    assert!(problems.is_empty(), "{}", render(&problems, RenderOptions::default()));
    let tree = tree.expect("there is no problem");
    tree[tree.root].manifest.clone()
}

fn report(root: &Path) -> String {
    let (tree, problems) = load(root, None, &BTreeMap::new(), &Local::default(), &Applied::default(), &mut ByPath);
    assert!(tree.is_none() && problems.has_errors(), "there is no problem");
    render(&problems, RenderOptions::default())
}

/// The template as it could have been written.
fn written(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Reference(reference) => format!("<{}>", reference.path.join(".")),
    };
    template.parts().iter().map(part).collect()
}

const PROCFILE: &str = "# what runs
web: bundle exec puma -p $PORT

worker: ./work --queue=\"a: b\"   # not a comment
release: ./migrate && echo ${DONE}
";

#[test]
fn processes_of_a_procfile_are_services() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\nprocfile: Procfile\nservices:\n  own: { run: ./own, after: { web: ready, worker: started }, env: { \
             URL: \"${services.web.url}\" } }\n",
        ),
        ("Procfile", PROCFILE),
        (".env", "RAILS_ENV=development\nSECRET='a $b'\n"),
    ]);
    let manifest = manifest(directory.path());
    let services: Vec<_> = manifest.services.keys().map(String::as_str).collect();
    assert_eq!(services, ["own", "web", "worker"]);
    let web = &manifest.services["web"];
    let Some(Command::Shell { script, .. }) = web.run.command() else { panic!("a script") };
    assert_eq!(written(script), "bundle exec puma -p $PORT");
    assert_eq!(script.place().text(), "bundle exec puma -p $PORT");
    let env: Vec<_> = web.env.iter().map(|(name, value)| (name.as_str(), written(value))).collect();
    let expected = [("RAILS_ENV", "development"), ("SECRET", "a $b"), ("PORT", "<port>")];
    assert_eq!(env, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!((web.port, &web.ready.probe), (Some(Port::Auto), &Probe::Tcp { port: ProbedPort::Own }));
    assert_eq!(manifest.services["worker"].ready.probe, Probe::Started);
    // What is to be done before anything runs is a task.
    assert_eq!(manifest.tasks.keys().collect::<Vec<_>>(), ["release"]);
    let after = &web.after[0];
    assert_eq!((&after.target, after.condition), (&AfterTarget::Task("release".to_owned()), Condition::Succeeded));
}

#[test]
fn a_port_in_the_environment_is_that_of_the_first_process() {
    let directory = directory(&[
        ("seedbed.yaml", "name: shop\nprocfile: Procfile\n"),
        ("Procfile", "web: a\nworker: b\n"),
        (".env", "PORT=3000\n"),
    ]);
    let manifest = manifest(directory.path());
    let ports: Vec<_> = manifest.services.values().map(|service| service.port).collect();
    assert_eq!(ports, [Some(Port::Fixed(3000)), Some(Port::Fixed(3100))]);
}

#[test]
fn mistakes_in_a_procfile_are_told_at_their_place() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\nprocfile: Procfile\nservices:\n  web: { run: ./x }\n  own: { run: ./y, after: [wrker] }\n",
        ),
        ("Procfile", "web: a\nworker: b\nworker: c\nno process\nbad name: x\nempty:\n"),
    ]);
    let report = report(directory.path());
    for expected in [
        "`web` is there twice",
        "Procfile:1:1",
        "the process `worker` is there twice",
        "this line is no process",
        "`bad name` cannot be the name of a process",
        "the process `empty` has no command",
        "did you mean `worker`?",
    ] {
        assert!(report.contains(expected), "{expected} in:\n{report}");
    }
}

#[test]
fn a_procfile_that_is_not_there_is_told_where_it_is_named() {
    let directory = directory(&[("seedbed.yaml", "name: shop\nprocfile: Procfle\n")]);
    let report = report(directory.path());
    assert!(report.contains("cannot read `Procfle`") && report.contains("seedbed.yaml:2:11"), "{report}");
}

const COMPOSE: &str = "services:
  web:
    build: { context: ./web, args: { A: 1 } }
    image: shop/web
    command: serve \"a b\"
    environment: { TAG: \"$TAG\", URL: \"${DATABASE_URL}/x\", EMPTY: }
    ports: [\"8080:80\", \"9000-9001:9000-9001\", \"53:53/udp\", \"127.0.0.2:7000:7000\", \"6000\"]
    depends_on: { cache_1: { condition: service_healthy }, other: { condition: service_started, required: false } }
    volumes: [\"kept:/data:ro\", \"./src:/src\", /own]
    networks: { default: { aliases: [shop] }, back: }
    secrets: [token]
    configs: [{ source: conf, target: /etc/app.conf, mode: 0400 }]
    stop_signal: SIGINT
    stop_grace_period: 1m
    mem_limit: 64m
    deploy: { resources: { limits: { cpus: '0.5' } } }
    ulimits: { nofile: 10 }
    tmpfs: /run:size=1m
    read_only: true
  cache_1:
    image: \"cache:$TAG\"
    entrypoint: []
    network_mode: host
    healthcheck: { test: [CMD, ping], interval: 2s, retries: 5, start_period: 10m }
  db: { image: db }
  other: { image: other, profiles: [debug] }
networks: { back: { name: back, internal: true } }
volumes: { kept: { driver_opts: { o: x } } }
secrets: { token: { environment: TAG } }
configs: { conf: { content: \"url=${DATABASE_URL}\" } }
";

#[test]
fn services_of_a_compose_file_are_services() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\ncompose: { files: [docker-compose.yml], variables: { DATABASE_URL: \"${databases.shop.url}\" } }\n\
             databases: { shop: { engine: sqlite } }\n\
             services: { own: { run: ./own, after: { cache_1: ready }, env: { URL: \"${services.web.url}\" } } }\n",
        ),
        ("docker-compose.yml", COMPOSE),
    ]);
    let manifest = manifest(directory.path());
    assert_eq!(manifest.services.keys().collect::<Vec<_>>(), ["own", "web", "cache_1", "db"]);
    let root = directory.path().canonicalize().expect("there");
    let web = &manifest.services["web"];
    let container = web.run.container().expect("a container");
    let ImageSource::Build(build) = &container.image else { panic!("it is built") };
    assert_eq!(
        (build.context.as_str(), build.tag.as_deref()),
        (root.join("web").to_str().expect("text"), Some("shop/web"))
    );
    let words: Vec<_> = container.command.iter().flatten().map(written).collect();
    assert_eq!(words, ["serve", "a b"]);
    let env: Vec<_> = web.env.iter().map(|(name, value)| (name.as_str(), written(value))).collect();
    assert_eq!(env, [("TAG", "7".to_owned()), ("URL", "<databases.shop.url>/x".to_owned())]);
    assert_eq!((web.port, container.port), (Some(Port::Fixed(8080)), Some(80)));
    let ports: Vec<_> = container.ports.iter().map(|port| (port.name.as_str(), port.container, port.host)).collect();
    let expected = [
        ("9000-tcp", 9000, Port::Fixed(9000)),
        ("9001-tcp", 9001, Port::Fixed(9001)),
        ("53-udp", 53, Port::Fixed(53)),
        ("7000-tcp", 7000, Port::Fixed(7000)),
        ("6000-tcp", 6000, Port::Auto),
    ];
    assert_eq!(ports, expected);
    assert_eq!(container.ports[3].address.as_deref(), Some("127.0.0.2"));
    let after: Vec<_> = web.after.iter().map(|after| (&after.target, after.condition)).collect();
    assert_eq!(after, [(&AfterTarget::Service("cache_1".to_owned()), Condition::Ready)]);
    let targets: Vec<_> = container.mounts.iter().map(|mount| (mount.target.as_str(), mount.read_only)).collect();
    assert_eq!(targets, [("/data", true), ("/src", false), ("/own", false), ("/run", false)]);
    let MountSource::Bind { path, create: true, .. } = &container.mounts[1].source else { panic!("a bind mount") };
    assert_eq!(Path::new(path), root.join("src"));
    let NetworkMode::Environment(networks) = &container.network else { panic!("the network of the environment") };
    assert_eq!(
        (networks["default"].aliases.as_slice(), networks["back"].network.internal),
        (&["shop".to_owned()][..], true)
    );
    assert_eq!(networks["back"].network.name.as_deref(), Some("back"));
    let files: Vec<_> = container.files.iter().map(|file| (file.target.as_str(), file.mode)).collect();
    assert_eq!(files, [("/run/secrets/token", None), ("/etc/app.conf", Some(0o400))]);
    let FileContent::Text(text) = &container.files[1].content else { panic!("a text") };
    assert_eq!(written(text), "url=<databases.shop.url>");
    assert_eq!((web.stop.signal, web.stop.timeout), (StopSignal::Int, Duration::from_mins(1)));
    assert_eq!((web.limits.memory, web.limits.cpus), (Some(64 << 20), Some(0.5)));
    assert_eq!((container.ulimits["nofile"], container.read_only), ((10, 10), true));

    let cache = &manifest.services["cache_1"];
    assert_eq!((&cache.ready.probe, cache.ready.timeout), (&Probe::Health, Duration::from_secs(600 + 5 * 32)));
    let container = cache.run.container().expect("a container");
    assert_eq!((container.entrypoint.as_deref(), &container.network), (Some(&[][..]), &NetworkMode::Host));
    let health = container.health.as_ref().expect("a health check");
    assert_eq!(health.test, HealthTest::Command(vec!["ping".to_owned()]));
    // Without a health check nobody knows more than that it was started.
    assert_eq!(manifest.services["db"].ready.probe, Probe::Started);
}

#[test]
fn a_file_of_changes_beside_a_usual_one_is_taken() {
    let directory = directory(&[
        ("seedbed.yaml", "name: shop\ncompose: deploy/compose.yaml\n"),
        ("deploy/compose.yaml", "services: { web: { image: \"web:${TAG}\" } }\n"),
        ("deploy/compose.override.yaml", "services: { web: { user: \"${WHO}\" } }\n"),
        ("deploy/.env", "WHO=me\nTAG=file\n"),
    ]);
    let manifest = manifest(directory.path());
    let container = manifest.services["web"].run.container().expect("a container");
    let ImageSource::Pull { image, .. } = &container.image else { panic!("it is pulled") };
    assert_eq!((written(image).as_str(), container.user.as_deref()), ("web:7", Some("me")));
}

#[test]
fn what_is_not_done_is_told_at_its_place() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\ncompose: { files: [compose.yaml], variables: { V: \"${services.web.url}\" } }\nservices: { web: { run: ./x } }\n",
        ),
        (
            "compose.yaml",
            "services:
  web: { image: x, gpus: all }
  a.b: { image: x }
  c: { image: x, scale: 2, container_name: c, ports: [\"1:1\"], network_mode: \"container:x\", pull_policy: daily, stop_signal: SIGPWR, hostname: \"h${V}\" }
  d: { build: \"https://example.com/x.git\", links: [\"c:other\"], pid: \"service:c\", ports: [\"1:1/sctp\"] }
",
        ),
    ]);
    let report = report(directory.path());
    for expected in [
        "`web` is there twice",
        "Seedbed does not do `gpus` of a service",
        "`a.b` cannot be the name of a service here",
        "all copies of `c` would have the same port outside",
        "all copies of `c` would have the same `container_name`",
        "`network_mode: container:x` is not known",
        "`pull_policy: daily` is not known",
        "`SIGPWR` is none of the signals",
        "a variable of the manifest stands where its value is not known yet",
        "an image is built of a directory of this machine",
        "a link gives a service another name",
        "`pid: service:c` is not one of host",
        "ports of `sctp` are not published",
    ] {
        assert!(report.contains(expected), "{expected} in:\n{report}");
    }
}

/// Every key of Compose files that is said to be done is asked for somewhere.
#[test]
fn no_key_of_compose_files_is_forgotten() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a directory of crates");
    let readers = ["compose_project", "compose_service", "compose_container", "compose_copies"];
    let readers = readers.map(|name| format!("manifest/src/{name}.rs"));
    let parts = ["load", "extends", "include", "finish", "check"].map(|name| format!("compose/src/{name}.rs"));
    let text: String = readers
        .iter()
        .chain(&parts)
        .map(|path| fs::read_to_string(crates.join(path)).expect("a source file"))
        .collect();
    let done = |row: &compose::Row| matches!(row.support, compose::Support::Done | compose::Support::Differs(_));
    let forgotten: Vec<_> = compose::reference()
        .into_iter()
        .filter(done)
        .filter(|row| {
            !text.contains(&format!("\"{}\"", row.path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]")))
        })
        .map(|row| row.path)
        .collect();
    assert_eq!(forgotten, Vec::<String>::new());
}
