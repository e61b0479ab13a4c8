//! Services of a Compose file, under the same commands as all others.

use std::fs;

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
    crate::program::wait_until("web answers", std::time::Duration::from_secs(60), || {
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
