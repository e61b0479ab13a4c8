//! Services of a Compose file, under the same commands as all others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::services_in_containers::{busybox, left};
use crate::workspace::Workspace;

/// A project as Compose has them: what is built, what is waited for until it is healthy or has ended, a file that is put into a container,
/// a volume, variables of a file, a profile.
fn shop(image: &str) -> Workspace {
    let compose = r#"
services:
  web:
    build: web
    ports: ["80"]
    environment:
      GREETING: ${GREETING:-hello}
      STORE: ${STORE_URL}
    depends_on:
      cache_1: { condition: service_healthy }
      migrate: { condition: service_completed_successfully }
    configs: [{ source: page, target: /www/index.html }]
    volumes: ["kept:/kept", "./shared:/shared:ro"]
    stop_grace_period: 1s
  cache_1:
    image: ${IMAGE}
    command: ["busybox", "sh", "-c", "trap 'exit 0' TERM; busybox touch /tmp/well; while :; do busybox sleep 0.05; done"]
    healthcheck: { test: [CMD, busybox, test, -e, /tmp/well], interval: 1s }
  migrate:
    image: ${IMAGE}
    command: ["busybox", "sh", "-c", "echo migrated > /kept/done; echo it is done"]
    volumes: ["kept:/kept"]
    depends_on: [cache_1]
  debug:
    image: nowhere/at/all
    profiles: [debug]
configs:
  page: { content: "welcome to ${TITLE}" }
volumes:
  kept:
"#;
    let manifest = r#"name: shop
compose:
  files: [docker-compose.yml]
  variables: { STORE_URL: "${databases.store.url}" }
databases:
  store: { engine: sqlite }
services:
  own:
    run: trivial_service ${port}
    port: auto
    env: { WEB: "${services.web.url}" }
    after: { web: started }
"#;
    let dockerfile = format!(
        "FROM {image}\nENTRYPOINT [\"busybox\", \"sh\", \"-c\", \"busybox env; busybox cat /kept/done /shared/note; exec busybox httpd -f -p 80 -h /www\"]\n"
    );
    let variables = format!("IMAGE={image}\nTITLE='the shop'\n");
    let files = [
        ("docker-compose.yml", compose),
        (".env", &variables),
        ("web/Dockerfile", &dockerfile),
        ("shared/note", "a note\n"),
        ("seedbed.yaml", manifest),
    ];
    let workspace = Workspace::of(&files);
    // An image of the same files is there from the last run, and would not be built.
    fs::write(workspace.root().join("web/unique"), workspace.root().display().to_string()).unwrap();
    workspace
}

#[test]
fn a_compose_file_is_used_as_it_is() {
    let Some(image) = busybox() else { return };
    let workspace = shop(&image);
    let dry = workspace.seedbed(&["up", "--dry-run"]).ends_with(0).stdout;
    assert!(
        dry.contains("image of shop/web") && dry.contains("run     shop/migrate") && !dry.contains("debug"),
        "{dry}"
    );
    workspace.seedbed(&["up"]).ends_with(0);
    crate::program::wait_until("web answers", Duration::from_secs(60), || {
        // It counts as ready when it was started: its file has no health check for it.
        let log = workspace.seedbed(&["logs", "web"]).ends_with(0).stdout;
        if log.contains("a note") { Ok(()) } else { Err(log) }
    })
    .unwrap();
    let log = workspace.seedbed(&["logs", "web"]).ends_with(0).stdout;
    assert!(log.contains("GREETING=hello") && log.contains("migrated") && log.contains("STORE=sqlite:"), "{log}");
    assert_eq!(workspace.get("shop/web", "/index.html"), "200 welcome to the shop");
    let done = workspace.seedbed(&["logs", "migrate"]).ends_with(0).stdout;
    assert!(done.contains("it is done"), "{done}");
    let again = workspace.seedbed(&["up", "--dry-run"]).ends_with(0).stdout;
    assert!(!again.contains("start") && !again.contains("build"), "{again}");

    workspace.seedbed(&["down"]).ends_with(0);
    assert_eq!(left(&workspace, "containers"), Vec::<String>::new());
    assert_eq!(left(&workspace, "volumes").len(), 1, "a volume outlives `down`");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    assert_eq!(left(&workspace, "volumes"), Vec::<String>::new());
}

#[test]
fn a_compose_file_alone_is_a_workspace() {
    let Some(image) = busybox() else { return };
    let compose = |name: &str| {
        format!(
            "{name}services:\n  web:\n    image: {image}\n    command: [busybox, httpd, -f, -p, \"80\", -h, /]\n    ports: [\"80\"]\n    healthcheck: {{ test: [CMD, busybox, wget, -q, -O, /dev/null, \"http://127.0.0.1/etc/hosts\"], interval: 100ms }}\n    stop_grace_period: 0s\n"
        )
    };
    let files =
        [("compose.yaml", compose("")), ("other/dev.yml", compose("name: dev\n")), ("below/note", String::new())];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let workspace = Workspace::of(&files);
    let services = |arguments: &[&str]| -> Vec<String> {
        let status = workspace.seedbed(&[arguments, &["status", "--json"]].concat()).ends_with(0).json();
        let all = status["services"].as_array().unwrap();
        all.iter()
            .map(|one| format!("{} {}", one["service"].as_str().unwrap(), one["state"].as_str().unwrap()))
            .collect()
    };
    workspace.seedbed(&["-C", "below", "up"]).ends_with(0);
    assert_eq!(services(&[]), ["work/web ready"]);
    let logs = workspace.seedbed(&["exec", "web", "--", "busybox", "echo", "inside"]).ends_with(0).stdout;
    assert_eq!(logs, "inside\n");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);

    // A file of another name is remembered, so that later commands need not be told.
    workspace.seedbed(&["-f", "other/dev.yml", "up"]).ends_with(0);
    assert_eq!(services(&["-f", "other/dev.yml"]), ["dev/web ready"]);
    assert_eq!(services(&["-C", "other"]), ["dev/web ready"]);
    workspace.seedbed(&["-C", "other", "destroy", "--yes"]).ends_with(0);
    assert!(!workspace.root().join("other/.seedbed/compose-files").exists());

    workspace.write("seedbed.yaml", "name: shop\ncompose: compose.yaml\n");
    workspace.seedbed(&["-f", "compose.yaml", "status"]).ends_with(6).says(&["has a seedbed.yaml", "leave --file out"]);
}

/// A project that says much of what a file can say of a container, and a container that tells what has become of it.
const EVERYTHING: &str = r#"
x-usual: &usual
  image: IMAGE
  stop_grace_period: 0s
services:
  teller:
    <<: *usual
    command:
      - busybox
      - sh
      - -c
      - |
        busybox cat /run/secrets/pass /etc/shop.conf /etc/from-variable
        busybox stat -c '%n %a %u' /etc/shop.conf
        busybox grep -E ' (/scratch|/tmpfs2) ' /proc/mounts
        ulimit -n
        busybox cat /etc/hosts
        busybox cat /proc/1/oom_score_adj
        busybox ip -o address
        busybox hostname
        busybox id -u
        busybox pwd
        busybox cat /shared/written
        busybox touch /shared/no || echo read only
        busybox env
        exec busybox sleep 1000
    secrets: [pass]
    configs:
      - { source: conf, target: /etc/shop.conf, mode: 0440, uid: "7" }
      - { source: variable, target: /etc/from-variable }
    tmpfs: ["/scratch:size=1m"]
    volumes:
      - { type: tmpfs, target: /tmpfs2, tmpfs: { size: 64k } }
      - "kept:/shared:ro"
    ulimits: { nofile: { soft: 123, hard: 456 } }
    extra_hosts: ["elsewhere:10.9.8.7"]
    oom_score_adj: 300
    hostname: teller.shop
    user: "0:0"
    working_dir: /scratch
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 40
    networks: { front: { aliases: [told] }, back: {} }
    env_file: [{ path: variables }, { path: nowhere, required: false }]
    environment: ["INHERITED", "SAID=${SAID:-by default}"]
    labels: { shop.part: teller }
    depends_on: { writer: { condition: service_completed_successfully }, echo: { condition: service_healthy } }
  writer:
    <<: *usual
    command: [busybox, sh, -c, "echo of the writer > /shared/written"]
    volumes: ["kept:/shared"]
    network_mode: none
  echo:
    <<: *usual
    command: [busybox, sh, -c, "exec busybox nc -ll -p 5001 -e busybox cat"]
    ports: ["5000/udp", "5001"]
    networks: [front]
    healthcheck: { test: "busybox true", interval: 1h, start_interval: 100ms, start_period: 10s, retries: 1 }
  flaky:
    <<: *usual
    command: [busybox, sh, -c, "busybox test -e /kept/twice && exec busybox sleep 1000; busybox test -e /kept/once && busybox touch /kept/twice; busybox touch /kept/once; exit 3"]
    volumes: ["flaky:/kept"]
    restart: on-failure
  debugger:
    <<: *usual
    command: [busybox, sleep, "1000"]
    profiles: [debug]
  asleep:
    image: nowhere/at/all
    deploy: { replicas: 0 }
secrets:
  pass: { file: ./pass }
configs:
  conf: { content: "conf of $$shop\n" }
  variable: { environment: INHERITED }
networks:
  front: {}
  back: { internal: true }
volumes:
  kept: {}
  flaky: {}
"#;

#[test]
fn what_a_compose_file_asks_for_is_so() {
    let Some(image) = busybox() else { return };
    let files = [
        ("compose.yaml", EVERYTHING.replace("IMAGE", &image)),
        ("pass", "a secret\n".to_owned()),
        ("variables", "OF_FILE='a # b'\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let workspace = Workspace::of(&files);
    let seedbed = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        command.env("INHERITED", "from outside");
        crate::program::run(&mut command, Duration::from_secs(60)).ends_with(0).stdout
    };
    seedbed(&["up"]);
    let told = crate::program::wait_until("all is told", Duration::from_secs(60), || {
        let log = seedbed(&["logs", "teller"]);
        if log.contains("SAID=") { Ok(log) } else { Err(log) }
    })
    .unwrap();
    let expected = [
        "a secret",
        "conf of $shop",
        "from outside",
        "/etc/shop.conf 440 7",
        "tmpfs /scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k",
        "tmpfs /tmpfs2 tmpfs",
        "size=64k",
        "123",
        "10.9.8.7\telsewhere",
        "300",
        "teller.shop",
        "/scratch",
        "of the writer",
        "read only",
        "OF_FILE=a # b",
        "INHERITED=from outside",
        "SAID=by default",
    ];
    for text in expected {
        assert!(told.contains(text), "`{text}` is missing in\n{told}");
    }
    assert_eq!(told.matches(" inet ").count(), 3, "loopback, front, back: {told}");

    // Ports of both protocols.
    let ports = serde_json::from_str::<serde_json::Value>(&seedbed(&["ports", "--json"])).unwrap();
    let port = |name: &str| {
        let all = ports["ports"].as_array().unwrap();
        let found = all.iter().find(|port| port["service"].as_str().is_some_and(|found| found.ends_with(name)));
        u16::try_from(found.unwrap_or_else(|| panic!("no {name} in {ports}"))["port"].as_u64().unwrap()).unwrap()
    };
    let inspect = |format: &str, service: &str| {
        let script = format!(
            "docker inspect --format '{format}' $(docker ps -q --filter label=seedbed.environment=$PWD/.seedbed/default --filter name={service})"
        );
        workspace.shell(&script).stdout.trim().to_owned()
    };
    let outside = inspect(r#"{{(index (index .NetworkSettings.Ports "5000/udp") 0).HostPort}}"#, "echo");
    assert_eq!(outside, port("5000-udp").to_string());
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port("/echo"))).unwrap();
    std::io::Write::write_all(&mut stream, b"there and back").unwrap();
    let mut answer = [0; 14];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"there and back");
    let limits = inspect("{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}", "teller");
    assert_eq!(limits, "67108864 500000000 40");
    assert_eq!(inspect("{{index .Config.Labels \"shop.part\"}}", "teller"), "teller");
    // It has ended twice by then.
    crate::program::wait_until("it runs at last", Duration::from_secs(60), || {
        let status = serde_json::from_str::<serde_json::Value>(&seedbed(&["status", "--json"])).unwrap();
        let flaky =
            status["services"].as_array().unwrap().iter().find(|one| one["service"] == "work/flaky").unwrap().clone();
        if flaky["state"] == "ready" && flaky["restarts"] == 2 { Ok(()) } else { Err(flaky.to_string()) }
    })
    .unwrap();
    let status = seedbed(&["status"]);
    assert!(!status.contains("debugger") && !status.contains("asleep"), "{status}");
    seedbed(&["destroy", "--yes"]);
    assert_eq!(left(&workspace, "networks"), Vec::<String>::new());
}

#[test]
fn a_service_may_be_there_several_times() {
    let Some(image) = busybox() else { return };
    let compose = |port: &str| {
        format!(
            r#"
services:
  web:
    image: {image}
    command: [busybox, sh, -c, "busybox hostname > /name; exec busybox httpd -f -p 80 -h /"]
    stop_grace_period: 0s
    ports: ["{port}"]
    deploy: {{ replicas: 3 }}
    healthcheck: {{ test: [CMD, busybox, wget, -q, -O, /dev/null, "http://127.0.0.1/name"], interval: 100ms }}
  asker:
    image: {image}
    command: [busybox, sh, -c, "busybox nslookup web; echo asked; exec busybox sleep 1000"]
    stop_grace_period: 0s
    depends_on: {{ web: {{ condition: service_healthy }} }}
"#
        )
    };
    let workspace = Workspace::of(&[("compose.yaml", compose("80").as_str())]);
    workspace.seedbed(&["up"]).ends_with(0);
    let names = ["work/web", "work/web-2", "work/web-3"].map(|service| workspace.get(service, "/name"));
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), 3, "{names:?}");
    let log = crate::program::wait_until("it has asked", Duration::from_secs(60), || {
        let log = workspace.seedbed(&["logs", "asker"]).ends_with(0).stdout;
        if log.contains("asked") { Ok(log) } else { Err(log) }
    })
    .unwrap();
    let addresses = log.lines().filter(|line| line.contains("Address") && !line.contains(":53")).count();
    assert_eq!(addresses, 3, "all are called web: {log}");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);

    workspace.write("compose.yaml", &compose("8080:80"));
    workspace.seedbed(&["up"]).ends_with(3).says(&["all copies of `web` would have the same port outside"]);
}

/// Projects whose services wait for each other in random ways: the engine's own clock says that nothing was started before what
/// it needs.
#[test]
fn nothing_starts_before_what_it_needs() {
    const SERVICES: usize = 7;
    /// How long a container takes until it is healthy.
    const HEALTHY_AFTER: Duration = Duration::from_millis(150);
    let Some(image) = busybox() else { return };
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = "services:\n".to_owned();
        let mut edges = Vec::new();
        for number in 0..SERVICES {
            write!(
                text,
                "  s{number}:\n    image: {image}\n    stop_grace_period: 0s\n    command: [busybox, sh, -c, \"busybox sleep 0.15; busybox touch /tmp/well; exec busybox sleep 1000\"]\n    healthcheck: {{ test: [CMD, busybox, test, -e, /tmp/well], interval: 100ms }}\n"
            )
            .unwrap();
            let needed: Vec<usize> = (0..number).filter(|_| random.u8(0..3) == 0).collect();
            if !needed.is_empty() {
                text.push_str("    depends_on:\n");
            }
            for needed in needed {
                let is_healthy = random.bool();
                let condition = if is_healthy { "service_healthy" } else { "service_started" };
                writeln!(text, "      s{needed}: {{ condition: {condition} }}").unwrap();
                edges.push((needed, number, is_healthy));
            }
        }
        let workspace = Workspace::of(&[("compose.yaml", text.as_str())]);
        workspace.seedbed(&["up"]).ends_with(0);
        let format = "{{.Name}} {{.State.StartedAt}}";
        let script = format!(
            "docker inspect --format '{format}' $(docker ps -q --filter label=seedbed.environment=$PWD/.seedbed/default)"
        );
        let seen = workspace.shell(&script).stdout;
        let started: BTreeMap<usize, Duration> = seen
            .lines()
            .map(|line| {
                let (name, moment) = line.split_once(' ').unwrap();
                let number = name.rsplit_once("-s").unwrap().1.parse().unwrap();
                (number, of_day(moment))
            })
            .collect();
        assert_eq!(started.len(), SERVICES, "{seen}");
        for (needed, number, is_healthy) in edges {
            let least = started[&needed] + if is_healthy { HEALTHY_AFTER } else { Duration::ZERO };
            assert!(
                started[&number] >= least,
                "seed {seed}: s{number} began before s{needed} ({is_healthy}):\n{text}\n{seen}"
            );
        }
        workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    }
}

/// The time within its month of `2026-11-27T17:42:32.123456789Z`.
fn of_day(moment: &str) -> Duration {
    let (day, time) = moment.trim_end_matches('Z').split_once('T').unwrap();
    let day: u64 = day.rsplit_once('-').unwrap().1.parse().unwrap();
    let parts: Vec<&str> = time.split(':').collect();
    let seconds: f64 = parts[2].parse().unwrap();
    let whole: u64 = parts[0].parse::<u64>().unwrap() * 3600 + parts[1].parse::<u64>().unwrap() * 60;
    Duration::from_secs(day * 86_400 + whole) + Duration::from_secs_f64(seconds)
}
