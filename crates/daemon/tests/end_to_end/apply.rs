//! Applies: order, probes, and every way to fail.

use std::net::TcpListener;
use std::time::Duration;

use daemon::ApplyEvent;
use supervisor::{ConditionState, Exit, Failure, HttpProbe, Probe, UnitKind, UnitState};

use crate::place::{Place, UnitSpecWords, eventually, external, is_alive, last_states, processes_with};

#[test]
fn layers_start_in_order_and_end_in_reverse() {
    let place = Place::new();
    let sleeper = "echo up; exec sleep 1000";
    let units = vec![
        place.service("web", sleeper).after("migrate", ConditionState::Succeeded),
        place.task("migrate", "echo migrated >&2").after("create", ConditionState::Succeeded),
        external("create").after("server", ConditionState::Ready),
        place.service("server", sleeper).probe(Probe::Log("^u.$".into())),
    ];
    let (ok, told) = place.up(units);
    assert!(ok, "{told:#?}");
    let finals: Vec<&str> = told.iter().filter(|status| status.state.is_settled()).map(|s| s.id.as_str()).collect();
    assert_eq!(finals, ["server", "create", "migrate", "web"]);
    assert!(place.log_texts("migrate").contains(&"migrated".to_owned()));
    let pid = place.status("web").pid.expect("a process");

    let mut stopped = Vec::new();
    place.client().shutdown(&mut |status| stopped.push((status.id.to_string(), status.state))).expect("an end");
    let stopped: Vec<_> = stopped.into_iter().filter(|(_, state)| *state == UnitState::Stopped).collect();
    assert_eq!(stopped.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["web", "server"]);
    assert!(!is_alive(pid));
    assert!(!place.socket().exists());
}

#[test]
fn every_failure_says_what_happened_and_blocks_only_those_that_need_it() {
    let place = Place::new();
    std::fs::write(place.path("text"), "no program").expect("a file");
    std::fs::write(place.path("script"), "#!/no/interpreter\n").expect("a file");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path("script"), executable).expect("a mode");
    let program = |id: &str, program: &str| {
        let mut unit = place.task(id, "");
        if let UnitKind::Task { process, .. } = &mut unit.kind {
            program.clone_into(&mut process.program);
        }
        unit
    };
    let mut lost = place.task("lost", "");
    if let UnitKind::Task { process, .. } = &mut lost.kind {
        process.directory = "/no/such/directory".into();
    }
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let tcp = Probe::Tcp { host: "127.0.0.1".into(), port: closed };
    let mut slow = place.task("slow", "sleep 1000");
    if let UnitKind::Task { timeout, .. } = &mut slow.kind {
        *timeout = Some(Duration::from_millis(50));
    }
    let (ok, told) = place.up(vec![
        program("missing", "no-such-program"),
        program("missing-file", "./no-such-file"),
        program("text", "./text"),
        program("script", "./script"),
        lost,
        slow,
        place.task("three", "exit 3"),
        place.task("killed", "kill -9 $$"),
        place.service("early", "exit 0").probe(tcp.clone()),
        place.service("deaf", "exec sleep 1000").probe(tcp).ready_within(Duration::from_millis(200)),
        place.service("pattern", "exec sleep 1000").probe(Probe::Log("(".into())),
        place.service("blocked", "exec sleep 1000").after("three", ConditionState::Succeeded),
        place.task("blocked-too", "true").after("blocked", ConditionState::Ready).after("fine", ConditionState::Ready),
        place.task("anyway", "true").after("three", ConditionState::Completed),
        place.service("fine", "exec sleep 1000"),
    ]);
    assert!(!ok);
    let root = place.root.path().display();
    let states: Vec<String> = last_states(&told).into_iter().map(|(id, state)| format!("{id}: {state}")).collect();
    assert_eq!(
        states,
        [
            "anyway: succeeded".to_owned(),
            "blocked: blocked by three".to_owned(),
            "blocked-too: blocked by three".to_owned(),
            "deaf: failed: not ready within 200ms".to_owned(),
            "early: failed: exited with code 0".to_owned(),
            "fine: ready".to_owned(),
            "killed: failed: ended by signal 9".to_owned(),
            "lost: failed: the directory /no/such/directory does not exist".to_owned(),
            "missing: failed: there is no program no-such-program in PATH".to_owned(),
            format!("missing-file: failed: there is no program {root}/./no-such-file"),
            "pattern: failed: the regular expression ( of its probe is not valid".to_owned(),
            format!(
                "script: failed: {root}/./script cannot be executed: the interpreter that its first line names does not exist"
            ),
            "slow: failed: did not end within 50ms".to_owned(),
            format!("text: failed: {root}/./text is not executable"),
            "three: failed: exited with code 3".to_owned(),
        ]
    );
    let deaf = place.status("deaf");
    assert_eq!(deaf.detail, Some(format!("connection refused on 127.0.0.1:{closed}")));
    assert!(place.log_texts("missing").iter().any(|text| text.contains("no-such-program")));
}

#[test]
fn probes_pass_when_the_service_answers() {
    let place = Place::new();
    let port = || TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let (http_port, tcp_port, socket) = (port(), port(), place.path("service.sock"));
    let server = |code: &str| format!("exec python3 -c '{code}'");
    let http = server(&format!(
        r#"
import http.server
count = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global count
        count += 1
        self.send_response(200 if count > 2 and self.path == "/heartbeat" else 503)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {http_port}), Handler).serve_forever()"#
    ));
    let listen = |family: &str, address: &str| {
        server(&format!(
            r"
import socket, time
s = socket.socket(socket.{family}); s.bind({address}); s.listen()
while True: s.accept()"
        ))
    };
    let command = place.process("command", "test", &["-e", "there"]);
    let (ok, told) = place.up(vec![
        place.service("http", &http).probe(Probe::Http(Box::new(HttpProbe::get("localhost", http_port, "/heartbeat")))),
        place
            .service("tcp", &listen("AF_INET", &format!(r#"("127.0.0.1", {tcp_port})"#)))
            .probe(Probe::Tcp { host: "127.0.0.1".into(), port: tcp_port }),
        place
            .service("unix", &listen("AF_UNIX", &format!(r#""{}""#, socket.display())))
            .probe(Probe::Unix { path: socket.clone(), greets: false }),
        place.service("command", "sleep 0.1; touch there; exec sleep 1000").probe(Probe::Command(Box::new(command))),
    ]);
    assert!(ok, "{told:#?}");
    assert!(place.path("there").exists());
    place.down();
    assert_eq!(processes_with(&socket.display().to_string()), Vec::<u32>::new());
}

#[test]
fn a_cancelled_apply_leaves_what_ran_before() {
    let place = Place::new();
    assert!(place.up(vec![place.service("old", "exec sleep 1000")]).0);
    let old = place.status("old").pid;
    let units = vec![
        place.service("new", "exec sleep 1000").after("old", ConditionState::Ready),
        external("work").after("new", ConditionState::Ready),
        place.task("later", "true").after("work", ConditionState::Succeeded),
    ];
    let mut apply = place.client().apply(units, vec![]).expect("an apply");
    let mut told = Vec::new();
    loop {
        match apply.next().expect("an event") {
            ApplyEvent::Due(_) => apply.answerer().cancel().expect("a cancellation"),
            ApplyEvent::Changed(status) => told.push(status),
            ApplyEvent::Finished { ok } => break assert!(!ok),
        }
    }
    let states = last_states(&told);
    assert!(states.values().all(|state| *state == UnitState::Stopped), "{states:?}");
    assert_eq!((place.status("old").pid, place.status("old").state), (old, UnitState::Ready));
}

#[test]
fn a_second_apply_is_told_that_the_first_is_busy() {
    let place = Place::new();
    let mut first = place.client().apply(vec![external("work")], vec![]).expect("an apply");
    while first.next().expect("an event") != ApplyEvent::Due("work".into()) {}
    let mut second = place.client().apply(vec![external("other")], vec![]).expect("an apply");
    assert!(matches!(second.next(), Err(daemon::ClientError::Busy(_))));
    first.answerer().done(&"work".into(), Err("no luck".into())).expect("an answer");
    let mut failure = None;
    let ok = loop {
        match first.next().expect("an event") {
            ApplyEvent::Changed(status) => failure = Some(status.state),
            ApplyEvent::Due(_) => {}
            ApplyEvent::Finished { ok } => break ok,
        }
    };
    assert!(!ok);
    assert_eq!(failure, Some(UnitState::Failed(Failure::External("no luck".into()))));
}

#[test]
fn a_unit_is_replaced_by_a_new_one_of_its_name() {
    let place = Place::new();
    assert!(place.up(vec![place.service("web", "exec sleep 1000")]).0);
    let before = place.status("web").pid.expect("a process");
    assert!(place.up(vec![place.service("web", "exec sleep 1001")]).0);
    let after = place.status("web");
    assert_ne!(after.pid, Some(before));
    assert!(!is_alive(before));
    assert_eq!(after.digest, "exec sleep 1001");
}

#[test]
fn a_service_that_ends_after_it_was_ready_shows_how() {
    let place = Place::new();
    let (ok, _) = place.up(vec![place.service("web", "while [ ! -e end ]; do sleep 0.01; done; exit 7")]);
    assert!(ok);
    std::fs::write(place.path("end"), "").expect("a file");
    eventually("the service is failed", || {
        let state = place.status("web").state;
        if state == UnitState::Failed(Failure::Exited(Exit::Code(7))) { Ok(()) } else { Err(state) }
    });
}
