//! What becomes of services after their start: restarts, checks, what they say of themselves, commands that stop them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use supervisor::{BodyPattern, ConditionState, Failure, HttpProbe, Probe, RestartPolicy, UnitState, UnitStatus};

use crate::place::{Place, UnitSpecWords, eventually, exists, is_alive, kill, last_states, processes_with};

/// Waits until a unit is as wanted, and returns how it is.
fn until(place: &Place, id: &str, wanted: impl Fn(&UnitStatus) -> bool) -> UnitStatus {
    let mut last = place.status(id);
    eventually(id, || {
        last = place.status(id);
        if wanted(&last) { Ok(()) } else { Err(last.clone()) }
    });
    last
}

#[test]
fn a_killed_service_comes_back_at_once() {
    let place = Place::new();
    let unit = place.service("web", "echo begun; exec sleep 1000").probe(Probe::Log("begun".into()));
    assert!(place.up(vec![unit.restart(RestartPolicy::OnFailure)]).0);
    let first = place.status("web").pid.expect("a process");
    let begin = Instant::now();
    kill(first, Signal::KILL);
    let web = until(&place, "web", |web| web.state == UnitState::Ready && web.pid != Some(first));
    println!("ready again after {:?}", begin.elapsed());
    assert_eq!((web.restarts, web.last_end.as_deref()), (1, Some("ended by signal 9")));
    assert!(!is_alive(first));
    let runs = place.log_texts("web").iter().filter(|text| *text == "begun").count();
    assert_eq!(runs, 2, "both runs are in one log");
}

#[test]
fn a_service_that_ends_again_and_again_is_given_up_and_remembered() {
    let place = Place::new();
    let unit = place.service("web", "echo up; sleep 0.02; echo broken >&2; exit 3").probe(Probe::Log("up".into()));
    assert!(place.up(vec![unit.restart(RestartPolicy::OnFailure)]).0);
    let web = until(&place, "web", |web| web.state.is_settled() && web.state != UnitState::Ready);
    assert_eq!(web.state, UnitState::Failed(Failure::CrashLoop { restarts: 3 }));
    assert_eq!(web.detail.as_deref(), Some("exited with code 3"));
    // Longer than a supervisor stays that nobody needs.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(place.status("web").restarts, 3, "the supervisor is still there to tell");
}

#[test]
fn a_dependent_is_restarted_with_what_it_needs() {
    let place = Place::new();
    let server = place.service("server", "exec sleep 1000").restart(RestartPolicy::OnFailure);
    let mut web = place.service("web", "exec sleep 1000").after("server", ConditionState::Ready);
    web.after[0].restart = true;
    let other = place.service("other", "exec sleep 1000").after("server", ConditionState::Ready);
    assert!(place.up(vec![server, web, other]).0);
    let (web, other) = (place.status("web").pid, place.status("other").pid);
    kill(place.status("server").pid.expect("a process"), Signal::KILL);
    until(&place, "web", |status| status.state == UnitState::Ready && status.pid != web);
    assert_eq!(place.status("other").pid, other);
}

#[test]
fn a_service_that_no_longer_answers_is_restarted() {
    let place = Place::new();
    let alive = Probe::Command(Box::new(place.process("web", "test", &["-e", "alive"])));
    let unit = place.service("web", "touch alive; echo up; exec sleep 1000").probe(Probe::Log("up".into()));
    assert!(place.up(vec![unit.live(alive, Duration::from_millis(25)).restart(RestartPolicy::OnFailure)]).0);
    let first = place.status("web").pid;
    std::fs::remove_file(place.path("alive")).expect("a file");
    let web = until(&place, "web", |web| web.state == UnitState::Ready && web.pid != first);
    let end = web.last_end.expect("an end");
    assert_eq!(end, "not live: 2 checks in a row failed; the command test exited with code 1");
}

/// Sends messages to the socket that a service is given, as any language can.
const SAY: &str = r#"
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def say(text): s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"#;

fn saying(script: &str) -> String {
    format!("exec python3 -u -c '{SAY}{script}'")
}

#[test]
fn a_service_says_itself_how_it_is() {
    let place = Place::new();
    let notifying =
        saying("say(\"STATUS=nearly\"); say(\"READY=1\\nSTATUS=serving\"); print(\"said\"); time.sleep(1000)");
    let silent = saying("say(\"STATUS=thinking hard\"); time.sleep(1000)");
    let (ok, told) = place.up(vec![
        place.service("web", &notifying).probe(Probe::Notify).ready_within(Duration::from_secs(30)),
        place.service("silent", &silent).probe(Probe::Notify).ready_within(Duration::from_millis(1500)),
        place.service("mute", "exec sleep 1000").probe(Probe::Notify).ready_within(Duration::from_millis(50)),
    ]);
    assert!(!ok);
    let states = last_states(&told);
    assert_eq!(states["web"], UnitState::Ready);
    assert_eq!(states["silent"], UnitState::Failed(Failure::NotReady { timeout: Duration::from_millis(1500) }));
    until(&place, "web", |web| web.detail.as_deref() == Some("serving"));
    assert_eq!(place.status("silent").detail.as_deref(), Some("thinking hard"));
    let mute = place.status("mute").detail;
    assert_eq!(mute.as_deref(), Some("it did not say READY=1 on the socket of NOTIFY_SOCKET"));
    place.stop("web");
    let left: Vec<_> = std::fs::read_dir(place.path("notify")).expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_watchdog_that_is_not_fed_bites() {
    let place = Place::new();
    let feeding = saying(
        "say(\"READY=1\")\nfor _ in range(int(sys.argv[1])): say(\"WATCHDOG=1\"); time.sleep(0.05)\ntime.sleep(1000)",
    );
    let fed = |id: &str, times: &str| {
        place
            .service(id, &format!("{feeding} {times}"))
            .probe(Probe::Notify)
            .live(Probe::Notify, Duration::from_millis(400))
            .ready_within(Duration::from_secs(30))
    };
    assert!(place.up(vec![fed("hungry", "1"), fed("fed", "10000")]).0);
    let hungry = until(&place, "hungry", |hungry| hungry.state.is_settled() && hungry.state != UnitState::Ready);
    assert_eq!(hungry.state, UnitState::Failed(Failure::NotLive { failures: 2 }));
    assert_eq!(hungry.detail.as_deref(), Some("it did not say WATCHDOG=1 within 400ms"));
    assert_eq!(place.status("fed").state, UnitState::Ready);
}

#[test]
fn a_request_is_sent_and_judged_as_said() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let server = format!(
        r#"exec python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        known = self.headers["X-Key"] == "secret"
        body = b"state: fine" if known else b"who are you?"
        self.send_response(418 if known else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()'"#
    );
    let probe = |key: &str, status: Vec<u16>, body: BodyPattern| {
        let mut probe = HttpProbe::get("127.0.0.1", port, "/health");
        probe.method = "POST".to_owned();
        probe.headers = vec![("X-Key".to_owned(), key.to_owned())];
        (probe.status, probe.body) = (status, Some(body));
        Probe::Http(Box::new(probe))
    };
    let fine = || BodyPattern::Regex("^state: f.ne$".to_owned());
    assert!(place.up(vec![place.service("web", &server).probe(probe("secret", vec![200, 418], fine()))]).0);
    let looking = |id: &str, probe: Probe| {
        place.service(id, "exec sleep 1000").probe(probe).ready_within(Duration::from_millis(300))
    };
    let (ok, _) = place.up(vec![
        looking("status", probe("secret", vec![200], fine())),
        looking("regex", probe("other", vec![], fine())),
        looking("text", probe("secret", vec![418], BodyPattern::Text("state: fine!".to_owned()))),
    ]);
    assert!(!ok);
    let details = ["status", "regex", "text"].map(|id| place.status(id).detail.expect("what was seen"));
    let at = format!("from http://127.0.0.1:{port}/health");
    assert_eq!(details[0], format!("HTTP 418 {at}"));
    assert_eq!(details[1], format!("HTTP 200 with another body, `who are you?`, {at}"));
    assert_eq!(details[2], format!("HTTP 418 with another body, `state: fine`, {at}"));
}

#[test]
fn a_stop_command_stops_and_a_bad_one_is_helped() {
    let place = Place::new();
    let asked = "echo up; while [ ! -e asked-$0 ]; do sleep 0.01; done; echo asked";
    let by = |id: &str, script: &str| {
        let command = place.process(id, "sh", &["-c", script, id]);
        place.service(id, &asked.replace("$0", id)).probe(Probe::Log("up".into())).stop_command(command)
    };
    assert!(
        place
            .up(vec![
                by("good", "echo $MAINPID > main-pid; touch asked-$0"),
                by("bad", "echo no >&2; exit 1"),
                by("stuck", "touch stuck-is-asked; exec sleep 1000").stop_within(Duration::from_millis(200)),
            ])
            .0
    );
    let pid = place.status("good").pid.expect("a process");
    place.stop("good");
    assert!(place.log_texts("good").iter().any(|text| text == "asked"), "{:?}", place.log_texts("good"));
    let told = std::fs::read_to_string(place.path("main-pid")).expect("the process that it was told");
    assert_eq!(told.trim(), pid.to_string());
    place.stop("bad");
    let log = place.log_texts("bad");
    let helped = ["the command sh exited with code 1: no", "sent SIGTERM", "ended by signal 15"];
    assert!(helped.iter().all(|wanted| log.iter().any(|text| text == wanted)), "{log:?}");
    place.stop("stuck");
    exists(&place.path("stuck-is-asked")).expect("it was asked");
    assert_eq!(processes_with("stuck-is-asked"), Vec::<u32>::new(), "the command ends with what it did not stop");
}

#[test]
fn nothing_of_a_life_is_left_when_its_supervisor_is_killed() {
    let place = Place::new();
    let word = format!("77{}", std::process::id());
    let sleep = |id: &str| place.process(id, "sleep", &[&word]);
    let (asked, pausing, checked) = (
        place.service("asked", "trap '' TERM; while :; do sleep 0.05; done").stop_command(sleep("asked")),
        place.service("pausing", "exit 1").probe(Probe::Started).restart(RestartPolicy::OnFailure),
        place.service("checked", &format!("exec sleep {word}")),
    );
    let checked = checked.live(Probe::Command(Box::new(sleep("checked"))), Duration::from_millis(25));
    // One of them may have ended before it was seen to be ready.
    let _ = place.up(vec![asked, pausing, checked]);
    let stopping = {
        let socket = place.socket();
        std::thread::spawn(move || {
            let mut client = daemon::Client::connect(&socket).expect("a socket").expect("a supervisor");
            client.stop(&["asked".into()], &mut |_| {})
        })
    };
    let find = || processes_with(&format!("sleep {word}"));
    eventually("the service, the check and the stop command", || match find() {
        all if all.len() >= 3 => Ok(()),
        some => Err(some),
    });
    let supervisor = place.client().pid();
    kill(supervisor, Signal::KILL);
    eventually("they are gone", || match find() {
        none if none.is_empty() => Ok(()),
        left => Err(left),
    });
    assert!(stopping.join().expect("no panic").is_err(), "who waited hears of it");
}
