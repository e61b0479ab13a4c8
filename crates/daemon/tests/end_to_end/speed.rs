//! How fast and how small it is; the bounds are loose, the numbers are printed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use supervisor::UnitKind;

use crate::place::Place;

#[test]
fn fifty_services_start_almost_as_fast_as_a_bare_loop() {
    let place = Place::new();
    let begin = Instant::now();
    let mut bare: Vec<_> = (0..50)
        .map(|_| Command::new("/bin/sleep").arg("1000").stdin(Stdio::null()).spawn().expect("a process"))
        .collect();
    let bare_time = begin.elapsed();
    for process in &mut bare {
        process.kill().expect("a living process");
        process.wait().expect("its end");
    }

    let services = (0..50).map(|number| {
        let mut unit = place.service(&format!("service-{number}"), "");
        if let UnitKind::Service { process, .. } = &mut unit.kind {
            process.program = "/bin/sleep".into();
            process.arguments = vec!["1000".into()];
        }
        unit
    });
    let services = services.collect();
    let supervisor = place.client().pid();
    let begin = Instant::now();
    assert!(place.up(services).0);
    let time = begin.elapsed();

    let memory = std::fs::read_to_string(format!("/proc/{supervisor}/status")).expect("a status");
    let memory = memory.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let memory: u64 = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    let switches = || {
        let status = std::fs::read_to_string(format!("/proc/{supervisor}/status")).expect("a status");
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        counts.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
    };
    let before = switches();
    // Nothing is waited for here: the point is that for a while nothing happens.
    std::thread::sleep(Duration::from_millis(300));
    let woken = switches() - before;
    println!("50 services: {time:?}, a bare loop: {bare_time:?}; {memory} kB; woken {woken} times in 300 ms");
    let begin = Instant::now();
    place.down();
    println!("50 services stopped in {:?}", begin.elapsed());
    assert!(time < bare_time * 5 + Duration::from_millis(500), "{time:?} {bare_time:?}");
    assert!(memory < 20_000, "{memory} kB");
    assert!(woken <= 3, "woken {woken} times");
}
