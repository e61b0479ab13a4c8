//! Captured output: complete, whole lines, and never in the way.

use std::time::{Duration, Instant};

use supervisor::{UnitKind, UnitSpec};

use crate::place::{FIXTURE, Place, escaping};

fn lines(place: &Place, count: u32, length: usize) -> UnitSpec {
    let mut unit = place.task("lines", "");
    if let UnitKind::Task { process, .. } = &mut unit.kind {
        FIXTURE.clone_into(&mut process.program);
        process.arguments = vec!["lines".into(), count.to_string(), length.to_string()];
    }
    unit
}

#[test]
fn no_line_is_lost() {
    let place = Place::new();
    let begin = Instant::now();
    assert!(place.up(vec![lines(&place, 300_000, 20)]).0);
    println!("300,000 lines in {:?}", begin.elapsed());
    let texts = place.log_texts("lines");
    assert!(texts[0].starts_with("started pid "));
    assert_eq!(texts.last().map(String::as_str), Some("exited with code 0"));
    assert_eq!(texts.len(), 300_002);
    for (number, text) in texts[1..300_001].iter().enumerate() {
        assert_eq!(*text, format!("{number:020}"));
    }
}

#[test]
fn a_log_that_grows_keeps_its_end() {
    const PART: u64 = 16 << 20;
    let place = Place::new();
    assert!(place.up(vec![lines(&place, 700_000, 100)]).0);
    for number in 1..=runtime::OLDER_PARTS {
        let older = std::fs::metadata(runtime::rotated(&place.log("lines"), number)).expect("an older part").len();
        assert!((PART..PART + (1 << 20)).contains(&older), "{older}");
    }
    let mut reader = runtime::LogReader::from_start(&place.log("lines")).expect("a log");
    let mut last = None;
    while let Some(runtime::LogEntry::Line(line)) = reader.next().expect("a log that can be read") {
        let Ok(number) = line.text.parse::<u32>() else { continue };
        assert!(last.is_none_or(|last| last + 1 == number), "{number} after {last:?}");
        last = Some(number);
    }
    assert_eq!(last, Some(699_999));
}

#[test]
fn a_long_line_is_cut_and_an_unfinished_one_is_kept() {
    let place = Place::new();
    let script = "head -c 150000 /dev/zero | tr '\\0' x; echo; printf unfinished";
    assert!(place.up(vec![place.task("long", script)]).0);
    let lines = runtime::tail(&place.log("long"), 100).expect("a log");
    let shape: Vec<(bool, usize)> = lines.iter().map(|line| (line.is_cut, line.text.len())).collect();
    assert_eq!(shape[1..5], [(true, 65536), (true, 65536), (false, 18928), (false, 10)]);
}

#[test]
fn the_last_lines_reach_back_into_older_parts() {
    let place = Place::new();
    let line = |number: u32| format!("2026-11-21T09:11:20.123Z o {number}\n");
    let text = |range: std::ops::Range<u32>| range.map(line).collect::<String>();
    std::fs::create_dir(place.path("logs")).expect("a directory");
    std::fs::write(runtime::rotated(&place.log("old"), 1), text(0..50_000)).expect("a file");
    std::fs::write(place.log("old"), text(50_000..50_010)).expect("a file");
    for count in [0, 1, 10, 11, 5000, 50_010, 60_000] {
        let lines = runtime::tail(&place.log("old"), count).expect("a log");
        let numbers: Vec<String> = lines.into_iter().map(|line| line.text).collect();
        let wanted: Vec<String> = (0..50_010_u32).map(|number| number.to_string()).collect();
        assert_eq!(numbers, wanted[wanted.len().saturating_sub(count)..]);
    }
}

#[test]
fn a_stranger_that_holds_the_pipe_delays_nothing() {
    let place = Place::new();
    let begin = Instant::now();
    assert!(place.up(vec![place.task("leak", &escaping("1000"))]).0);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(place.log_texts("leak").contains(&"escaped".to_owned()));
}
