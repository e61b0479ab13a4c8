//! Units that are containers, in the engine of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::containers::{Address, BuildRequest, Call, Context, LABEL, Listed};
use rustix::process::Signal;
use supervisor::{
    ConditionState, ContainerSpec, NeededNetwork, PlacedContent, PlacedFile, Probe, ProcessSpec, UnitKind, UnitSpec,
    UnitState,
};

use crate::place::{Place, UnitSpecWords, eventually, kill, last_states};

/// Runs until it is asked to stop; the first process of a container is asked in vain if it has not said that it hears.
const IDLE: &str = "trap exit INT; while :; do sleep 0.05; done";

const IMAGE: &str = "seedbed-test-daemon:1";

/// The address of the engine, which has [`IMAGE`] with a shell; nothing where there is no engine, which CI does not allow.
fn engine() -> Option<Address> {
    static FOUND: OnceLock<Option<Address>> = OnceLock::new();
    FOUND.get_or_init(find).clone()
}

fn find() -> Option<Address> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let address = Address::find(&variables).ok();
    let call = address.clone().and_then(|address| Call::new(address).ok());
    let call = call.filter(|call| call.ask(::containers::Engine::about).is_ok());
    let busybox = Path::new("/bin/busybox");
    let Some(call) = call.filter(|_| busybox.exists()) else {
        assert!(std::env::var_os("CI").is_none(), "CI has an engine and busybox");
        return None;
    };
    let root = tempfile::tempdir().expect("a directory");
    fs::copy(busybox, root.path().join("busybox")).expect("a copy");
    let dockerfile = "FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\nCOPY busybox /bin/httpd\n";
    fs::write(root.path().join("Dockerfile"), dockerfile).expect("a file");
    let request =
        BuildRequest { tags: vec![IMAGE.to_owned()], dockerfile: "Dockerfile".to_owned(), ..BuildRequest::default() };
    let context = Arc::new(Context::open(root.path(), "Dockerfile").expect("a context"));
    call.ask(|engine| async { engine.build_image(&request, &context, &mut |_| {}).await }).expect("an image");
    address
}

impl Place {
    /// A service that is a container with a script.
    fn container(&self, id: &str, engine: &Address, script: &str) -> UnitSpec {
        let label = self.root.path().display().to_string();
        let name = format!("{}-{id}", self.root.path().file_name().expect("a name").display());
        let quoted = serde_json::to_string(script).expect("a text");
        let labels = format!(r#""Labels":{{"{LABEL}":"{label}"}}"#);
        let body = format!(
            r#"{{"Image":"{IMAGE}","Cmd":["sh","-c",{quoted}],{labels},"StopSignal":"SIGINT","HostConfig":{{"NetworkMode":"{name}"}}}}"#
        );
        let network = NeededNetwork {
            body: Some(format!(r#"{{"Name":"{name}",{labels}}}"#)),
            name: name.clone(),
            connection: None,
        };
        let files = vec![PlacedFile {
            target: "/placed/here".to_owned(),
            content: PlacedContent::Text("a secret".to_owned()),
            uid: 0,
            gid: 0,
            mode: 0o444,
        }];
        let container = ContainerSpec {
            engine: engine.to_string(),
            label,
            name,
            body,
            networks: vec![network],
            files,
            ..ContainerSpec::default()
        };
        let mut unit = self.service(id, script);
        if let UnitKind::Service { process, .. } = &mut unit.kind {
            process.container = Some(Arc::new(container));
        }
        unit
    }

    fn left(&self, engine: &Address) -> Vec<Listed> {
        let call = Call::new(engine.clone()).expect("an engine");
        let label = format!("{LABEL}={}", self.root.path().display());
        call.ask(|engine| async { engine.list_containers(&label).await }).expect("a list")
    }
}

fn process(unit: &UnitSpec) -> &ProcessSpec {
    match &unit.kind {
        UnitKind::Service { process, .. } | UnitKind::Task { process, .. } => process,
        UnitKind::External => panic!("it has no process"),
    }
}

#[test]
fn a_container_is_a_unit_like_any_other() {
    let Some(engine) = engine() else { return };
    let place = Place::new();
    let script = "trap 'echo asked; exit 3' INT; read -r placed </placed/here; echo \"$placed\"; echo no >&2; \
                  : >/well; while :; do sleep 0.05; done";
    let first = place.container("first", &engine, script);
    let inside = ContainerSpec {
        name: process(&first).container.as_ref().expect("a container").name.clone(),
        ..ContainerSpec::default()
    };
    let check = ProcessSpec {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), "test -e /well".to_owned()],
        container: Some(Arc::new(inside)),
        ..process(&first).clone()
    };
    let first = first.probe(Probe::Command(Box::new(check)));
    let second = place.container("second", &engine, IDLE).after("first", ConditionState::Ready);
    let (ok, told) = place.up(vec![first, second]);
    assert!(ok, "{told:?}");
    assert!(place.status("first").pid.is_some_and(|pid| pid > 0));
    assert_eq!(place.left(&engine).iter().filter(|container| container.is_running).count(), 2);
    eventually("it has written", || {
        let texts = place.log_texts("first");
        if texts.iter().any(|text| text == "a secret") && texts.iter().any(|text| text == "no") {
            Ok(())
        } else {
            Err(texts)
        }
    });
    place.down();
    let texts = place.log_texts("first");
    assert!(texts.ends_with(&["asked".to_owned(), "exited with code 3".to_owned()]), "{texts:?}");
    assert_eq!(place.left(&engine), []);
}

#[test]
fn a_container_that_cannot_be_says_why_and_leaves_nothing() {
    let Some(engine) = engine() else { return };
    let place = Place::new();
    let mut missing = place.container("missing", &engine, "true");
    if let UnitKind::Service { process, .. } = &mut missing.kind {
        let container = process.container.as_mut().map(Arc::make_mut).expect("a container");
        container.body = container.body.replace(IMAGE, "seedbed-test-no-such-image");
    }
    // One that is made and never started.
    let never = place.container("never", &engine, IDLE).after("missing", ConditionState::Ready);
    let (ok, told) = place.up(vec![missing, never]);
    assert!(!ok);
    let states = last_states(&told);
    let UnitState::Failed(failure) = &states["missing"] else { panic!("{states:?}") };
    assert!(failure.to_string().contains("No such image"), "{failure}");
    place.down();
    assert_eq!(place.left(&engine), []);
}

#[test]
fn a_killed_supervisor_leaves_no_container() {
    let Some(engine) = engine() else { return };
    for trial in 0..6 {
        let place = Place::new();
        let client = place.client();
        let supervisor = client.pid();
        let units = (0..3).map(|number| place.container(&format!("unit-{number}"), &engine, IDLE)).collect();
        let mut apply = client.apply(units, vec![]).expect("an apply");
        // Later and later: while it is made, while it starts, when it runs.
        for _ in 0..trial * 2 {
            if matches!(apply.next(), Ok(daemon::ApplyEvent::Finished { .. }) | Err(_)) {
                break;
            }
        }
        kill(supervisor, Signal::KILL);
        assert!(runtime::wait_gone(supervisor, Duration::from_secs(5)));
        eventually("the guard has removed them", || {
            let left = place.left(&engine);
            if left.is_empty() { Ok(()) } else { Err((trial, left)) }
        });
        // What the engine was making at that moment, the next supervisor finds.
        let (ok, told) = place.up(vec![place.container("unit-0", &engine, IDLE)]);
        assert!(ok, "{told:?}");
        assert_eq!(place.left(&engine).len(), 1);
        place.down();
        assert_eq!(place.left(&engine), []);
    }
}
