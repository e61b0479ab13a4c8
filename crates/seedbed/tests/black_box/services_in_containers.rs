//! Services that are containers, beside services that are processes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use database::Containers;
use database::contract::image_with;

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

/// A name of an image with a shell and what comes with it; nothing where there is no engine.
pub fn busybox() -> Option<String> {
    image_with("services", &["/bin/busybox"]).map(|image| image.name)
}

/// Two containers and a process that need each other. Busybox is called by each of its words.
fn shop(image: &str) -> Workspace {
    let manifest = format!(
        r#"name: shop
services:
  api:
    run: [python3, -u, -m, http.server, "${{port}}", --bind, 127.0.0.1]
    port: auto
  web:
    build: web
    port: {{ container: 80 }}
    volumes: ["data:/data"]
    stop: {{ signal: KILL }}
    limits: {{ memory: 64MB, pids: 50 }}
  reader:
    image: {image}
    env: {{ WEB: "${{services.web.url}}", API: "${{services.api.url}}" }}
    command:
      shell: |
        set -e
        busybox wget -q -O- "$$WEB/index.html"
        busybox wget -q -O- "$$API/seedbed.yaml" | busybox head -n 1
        busybox touch /tmp/well
        trap 'echo asked; exit 0' TERM
        while :; do busybox sleep 0.05; done
    health: {{ command: [busybox, test, -e, /tmp/well] }}
    after: {{ web: ready, api: ready }}
exports:
  web: "${{services.web.url}}"
"#
    );
    let dockerfile = format!(
        "FROM {image}\nCOPY index.html unique /www/\nENTRYPOINT [\"busybox\", \"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/www\"]\n"
    );
    let files = [
        ("seedbed.yaml", manifest.as_str()),
        ("web/Dockerfile", &dockerfile),
        ("web/index.html", "hello\n"),
        ("web/.dockerignore", "*.log\n"),
    ];
    let workspace = Workspace::of(&files);
    // No other test has the same image.
    fs::write(workspace.root().join("web/unique"), workspace.root().display().to_string()).unwrap();
    workspace
}

/// Removes what was built for `shop`.
fn remove_built(workspace: &Workspace) {
    let containers = Containers::find().unwrap();
    let root = workspace.root().display().to_string();
    let format = "{{.Repository}}:{{.Tag}}";
    let listed = Command::new(containers.program()).args(["images", "--format", format, "seedbed/shop-web"]).output();
    for name in String::from_utf8(listed.unwrap().stdout).unwrap().lines() {
        let mut made = Command::new(containers.program());
        let made =
            made.args(["run", "--rm", "--network", "none", "--entrypoint", "busybox", name, "cat", "/www/unique"]);
        if made.output().is_ok_and(|made| String::from_utf8_lossy(&made.stdout) == root) {
            database::contract::remove_image(name);
        }
    }
}

/// What the engine has of an environment: its containers, networks or volumes.
pub fn left(workspace: &Workspace, kind: &str) -> Vec<String> {
    let label = format!("label=seedbed.environment={}", workspace.root().join(".seedbed/default").display());
    let arguments: &[&str] = match kind {
        "containers" => &["ps", "--all", "--quiet"],
        "networks" => &["network", "ls", "--quiet"],
        _ => &["volume", "ls", "--quiet"],
    };
    let containers = Containers::find().unwrap();
    let listed = Command::new(containers.program()).args(arguments).args(["--filter", &label]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn containers_and_processes_see_each_other() {
    let Some(image) = busybox() else { return };
    let workspace = shop(&image);
    let dry = workspace.seedbed(&["up", "--dry-run"]).ends_with(0).stdout;
    assert!(dry.contains("build  image of shop/web"), "{dry}");
    assert_eq!(left(&workspace, "containers"), Vec::<String>::new(), "a dry run makes nothing");
    workspace.seedbed(&["up"]).ends_with(0);
    let log = workspace.seedbed(&["logs", "reader"]).ends_with(0).stdout;
    assert!(log.contains("hello") && log.contains("name: shop"), "{log}");
    assert_eq!(left(&workspace, "containers").len(), 2);

    // Nothing is built again whose files are the same, also when one changes that is not sent.
    fs::write(workspace.root().join("web/build.log"), "noise").unwrap();
    let again = workspace.seedbed(&["up", "--dry-run"]).ends_with(0).stdout;
    assert!(!again.contains("build") && !again.contains("start"), "{again}");
    fs::write(workspace.root().join("web/index.html"), "changed\n").unwrap();
    let changed = workspace.seedbed(&["up", "--dry-run"]).ends_with(0).stdout;
    assert!(changed.contains("build  image of shop/web") && changed.contains("start  shop/web"), "{changed}");

    workspace.seedbed(&["down"]).ends_with(0);
    let log = workspace.seedbed(&["logs", "reader"]).ends_with(0).stdout;
    assert!(log.contains("asked"), "it was asked to stop: {log}");
    assert_eq!(left(&workspace, "containers"), Vec::<String>::new());
    assert_eq!(left(&workspace, "networks"), Vec::<String>::new());
    assert_eq!(left(&workspace, "volumes").len(), 1, "a volume outlives `down`");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    assert_eq!(left(&workspace, "volumes"), Vec::<String>::new());
    remove_built(&workspace);
}

#[test]
fn what_a_killed_supervisor_leaves_is_removed() {
    let Some(image) = busybox() else { return };
    let workspace = shop(&image);
    workspace.seedbed(&["up"]).ends_with(0);
    assert_eq!(left(&workspace, "containers").len(), 2);
    let supervisor = fs::read_to_string(workspace.root().join(".seedbed/default/supervisor.pid")).unwrap();
    let killed = Command::new("kill").args(["-KILL", supervisor.trim()]).status().unwrap();
    assert!(killed.success());
    let nothing = || match left(&workspace, "containers") {
        none if none.is_empty() => Ok(()),
        some => Err(format!("{some:?}")),
    };
    wait_until("the guard has removed the containers", PATIENCE, nothing).unwrap();
    workspace.seedbed(&["up"]).ends_with(0);
    assert_eq!(left(&workspace, "containers").len(), 2);
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    assert_eq!(left(&workspace, "networks"), Vec::<String>::new());
    remove_built(&workspace);
}

#[test]
fn what_is_wrong_with_a_container_is_said_with_its_place() {
    let Some(image) = busybox() else { return };
    let service = |keys: &str| {
        let manifest = format!("name: shop\nservices:\n  web:\n{keys}");
        Workspace::of(&[("seedbed.yaml", manifest.as_str()), ("web/Dockerfile", "FROM scratch\nCOPY nothing /\n")])
    };
    let nowhere = service(&format!("    image: {image}\n"));
    let mut command = nowhere.command(&["up"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    crate::program::run(&mut command, PATIENCE).ends_with(4).says(&[
        "/nowhere/docker.sock",
        "does not answer",
        "seedbed.yaml:3",
    ]);

    let never = service("    image: seedbed-test-no-such-image\n    pull: never\n");
    never.seedbed(&["up"]).ends_with(1).says(&["No such image: seedbed-test-no-such-image", "seedbed.yaml:3"]);

    let build = service("    build: web\n");
    build.seedbed(&["up"]).ends_with(4).says(&["nothing", "COPY", "seedbed.yaml:3"]);

    let ends = service(&format!(
        "    image: {image}\n    command: [busybox, sh, -c, \"echo broken >&2; exit 3\"]\n    ready: {{ log: never }}\n"
    ));
    ends.seedbed(&["up"]).ends_with(1).says(&["exited with code 3", "broken"]);
    assert_eq!(left(&ends, "containers"), Vec::<String>::new());
}
