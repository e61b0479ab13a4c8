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
    programs_run_inside(&workspace);

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

/// What `exec` and `shell` do with a container that runs.
fn programs_run_inside(workspace: &Workspace) {
    let script = "read line; echo \"in $PWD: $line $API\"; echo wrong >&2; exit 7";
    let mut exec = workspace.command(&["exec", "reader", "--", "sh", "-c", script]);
    let ran = crate::program::run_with(&mut exec, "a line\n", PATIENCE).ends_with(7);
    assert!(ran.stdout.starts_with("in /: a line http://host.docker.internal:"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "wrong\n");
    // Much of both at the same time, and the end of the input.
    let much = "0123456789\n".repeat(100_000);
    let mut exec = workspace.command(&["exec", "reader", "--", "busybox", "cat"]);
    let ran = crate::program::run_with(&mut exec, &much, PATIENCE).ends_with(0);
    assert!(ran.stdout == much, "{} bytes came back of {}", ran.stdout.len(), much.len());
    let ran = workspace.seedbed(&["exec", "reader", "--", "no-such-program"]);
    assert!(ran.code == Some(127) || ran.code == Some(126), "{:?}", ran.code);
    assert!(ran.stdout.contains("no-such-program") || ran.stderr.contains("no-such-program"));

    // A real terminal: both outputs are one, the size is known, and Ctrl-C is for the program.
    let seedbed = workspace.command(&[]).get_program().to_str().unwrap().to_owned();
    let typed = "busybox tty; busybox stty size; trap 'echo inter''rupted; exit 5' INT; echo set''up; while :; do busybox sleep 0.05; done\n";
    let script = format!("stty rows 33 cols 77; exec {seedbed} shell reader");
    let mut terminal = workspace.command(&[]);
    let variables: Vec<_> =
        terminal.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    terminal = Command::new("python3");
    terminal.args(["-c", TYPIST, &script, typed]).current_dir(workspace.root()).env_clear().envs(variables);
    let seen = crate::program::run(&mut terminal, PATIENCE).ends_with(5).stdout;
    for text in ["/dev/pts/", "33 77", "interrupted"] {
        assert!(seen.contains(text), "{text}: {seen}");
    }

    workspace.seedbed(&["stop", "reader"]).ends_with(0);
    workspace
        .seedbed(&["exec", "reader", "--", "true"])
        .ends_with(5)
        .says(&["does not run", "seedbed start shop/reader"]);
    workspace.seedbed(&["start", "reader"]).ends_with(0);
}

/// Types a line into a terminal of its own, and Ctrl-C when that has answered `setup`; ends as the program does.
const TYPIST: &str = r##"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", sys.argv[1]])
seen = b""
def until(text):
    global seen
    while text not in seen:
        try:
            seen += os.read(terminal, 65536)
        except OSError:
            sys.exit("ended with: " + seen.decode())
until(b"# ")
os.write(terminal, sys.argv[2].encode())
until(b"setup")
os.write(terminal, b"\x03")
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"##;

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
fn a_container_may_be_in_the_network_of_this_machine() {
    let Some(image) = busybox() else { return };
    let manifest = format!(
        r#"name: shop
services:
  web:
    image: {image}
    network: host
    port: auto
    command: [busybox, httpd, -f, -p, "127.0.0.1:${{port}}", -h, /]
    stop: {{ signal: KILL }}
  reader:
    image: {image}
    env: {{ WEB: "${{services.web.url}}" }}
    command: {{ shell: 'busybox wget -q -O- "$$WEB/etc/hosts"; echo "from $$WEB"; exec busybox sleep 1000' }}
    ready: {{ log: "^from" }}
    stop: {{ signal: KILL }}
    after: [web]
  neighbour:
    image: {image}
    network: host
    env: {{ WEB: "${{services.web.url}}" }}
    command: {{ shell: 'busybox wget -q -O- "$$WEB/etc/hosts"; echo "from $$WEB"; exec busybox sleep 1000' }}
    ready: {{ log: "^from" }}
    stop: {{ signal: KILL }}
    after: [web]
"#
    );
    let workspace = Workspace::of(&[("seedbed.yaml", manifest.as_str())]);
    workspace.seedbed(&["up"]).ends_with(0);
    let log = |service: &str| workspace.seedbed(&["logs", service, "--stream", "stdout"]).ends_with(0).stdout;
    let (reader, neighbour) = (log("reader"), log("neighbour"));
    assert!(reader.contains("localhost") && reader.contains("from http://host.docker.internal:"), "{reader}");
    assert!(neighbour.contains("localhost") && neighbour.contains("from http://127.0.0.1:"), "{neighbour}");
    assert!(workspace.get("shop/web", "/etc/hosts").starts_with("200 "));
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
}

#[test]
fn an_engine_is_reached_through_ssh() {
    let Some(image) = busybox() else { return };
    let manifest = format!(
        "name: shop\nservices:\n  web:\n    image: {image}\n    command: [busybox, sleep, \"1000\"]\n    stop: {{ signal: KILL }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", manifest.as_str())]);
    // In the place of ssh and of a shell there: it runs what it is told, and writes down for which machine.
    let ssh = workspace.root().with_file_name("bin").join("ssh");
    let script = "#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nexec env -u DOCKER_HOST \"$@\"\n";
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str], input: &str| {
        let mut command = workspace.command(arguments);
        command.env("DOCKER_HOST", "ssh://me@build:2222");
        crate::program::run_with(&mut command, input, PATIENCE)
    };
    run(&["doctor"], "").ends_with(0).says(&[]);
    run(&["up"], "").ends_with(0);
    let read = run(&["exec", "web", "--", "busybox", "cat"], "through and back\n").ends_with(0).stdout;
    assert_eq!(read, "through and back\n");
    run(&["destroy", "--yes"], "").ends_with(0);
    assert_eq!(left(&workspace, "containers"), Vec::<String>::new());
    let asked = fs::read_to_string(workspace.root().with_file_name("home").join("asked")).unwrap();
    assert!(asked.contains("-p 2222 -o BatchMode=yes -- me@build docker system dial-stdio"), "{asked}");
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
    never.seedbed(&["up"]).ends_with(1).says(&["seedbed-test-no-such-image", "seedbed.yaml:3"]);

    let build = service("    build: web\n");
    build.seedbed(&["up"]).ends_with(4).says(&["nothing", "COPY", "seedbed.yaml:3"]);

    // Two tries and their pauses are as long as it may take.
    let ill = service(&format!(
        "    image: {image}\n    command: [busybox, sleep, \"1000\"]\n    stop: {{ signal: KILL }}\n    health: {{ command: [busybox, \"false\"], interval: 100ms, timeout: 1s, start_period: 300ms, retries: 2 }}\n"
    ));
    ill.seedbed(&["up"]).ends_with(1).says(&["not ready within 2.5s", "in the container exited with code 1"]);

    let ends = service(&format!(
        "    image: {image}\n    command: [busybox, sh, -c, \"echo broken >&2; exit 3\"]\n    ready: {{ log: never }}\n"
    ));
    ends.seedbed(&["up"]).ends_with(1).says(&["exited with code 3", "broken"]);
    assert_eq!(left(&ends, "containers"), Vec::<String>::new());
}
