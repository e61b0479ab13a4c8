//! How long questions take on many records: `cargo run --release -p lineage --example questions [RECORDS]`.
//!
//! A pipeline of eight steps that runs every day: each reads what the one before it has made, the third reads the raw data, too, and
//! every hundredth day the raw data are others.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example is a program")]

use std::time::Instant;

use lineage::{Content, Index, Intent, Place, Present, Record, Reference, Source, Staleness, depends, made};

const STEPS: usize = 8;

fn main() {
    let count: usize = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut index = Index::open(&directory.path().join("index.sqlite")).unwrap();
    let digest = |step: usize, day: usize| Content::Digest(format!("{step:032x}{day:032x}"));
    let place =
        |step: usize| if step == 0 { Place::new("raw", "") } else { Place::new("work", &format!("step{step}")) };
    let records: Vec<Record> = (0..count)
        .map(|at| {
            let (day, step) = (at / STEPS, at % STEPS + 1);
            let mut record =
                Record::new(format!("r{at}"), format!("step{step}"), "script", i64::try_from(at).unwrap() * 1000);
            record.duration_ms = 500;
            let input = |step: usize| {
                let version = if step == 0 { day / 100 } else { day };
                let made_by = if step == 0 { vec![] } else { vec![format!("r{}", day * STEPS + step - 1)] };
                Reference { made_by: Some(made_by), ..Reference::of(place(step), digest(step, version)) }
            };
            record.inputs = if step == 3 { vec![input(0), input(2)] } else { vec![input(step - 1)] };
            record.outputs = vec![Reference::of(place(step), digest(step, day))];
            record.code = vec![Reference::of(Place::new("code", &format!("step{step}.py")), digest(99, 0))];
            record
        })
        .collect();
    let started = Instant::now();
    index.add(&Source { name: "all".to_owned(), bytes: 0, mark: String::new() }, &records).unwrap();
    println!("{count} records indexed: {:.1} s", started.elapsed().as_secs_f64());
    let last_day = (count - 1) / STEPS;
    let day_of = |step: usize| if step == 0 { last_day / 100 } else { last_day };
    let now = |asked: &Place| match asked.path.strip_prefix("step") {
        Some(step) if asked.resource == "work" => {
            let step = step.parse().unwrap();
            digest(step, day_of(step))
        }
        _ if asked.resource == "raw" => digest(0, day_of(0)),
        _ => digest(99, 0),
    };
    let timed = |name: &str, ask: &mut dyn FnMut() -> usize| {
        let mut times: Vec<f64> = Vec::new();
        let mut found = 0;
        for _ in 0..5 {
            let started = Instant::now();
            found = ask();
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        println!("{name}: {:.2} ms, first {found} found", times[2]);
    };
    timed("what made the last output", &mut || {
        made(&index, &place(STEPS), &mut Present::new(now)).unwrap().records.len()
    });
    timed("what depends on the raw data", &mut || depends(&index, &place(0)).unwrap().records.len());
    timed("what depends on the raw data of a hundred days", &mut || {
        lineage::depends_on_content(&index, &place(0), &digest(0, 1)).unwrap().records.len()
    });
    timed("what is stale", &mut || Staleness::new(&index, &mut Present::new(now)).all().unwrap().len());
    timed("may a step begin", &mut || {
        let mut present = Present::new(now);
        let inputs = lineage::inputs(&index, &[place(STEPS), place(0)], &mut present).unwrap();
        let intent = Intent { step: "new", inputs: &inputs, outputs: &[Place::new("work", "new")] };
        lineage::check(&index, intent, &mut present).unwrap().len()
    });
}
