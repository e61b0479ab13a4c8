//! A workspace of many years: how long it takes to ask it something.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::bench::{Figure, measured};
use crate::run::output;
use crate::state::files::remove;

/// What may be asked, and may take this long.
const BAR: f64 = 0.2;

/// Takes so many snapshots, and measures what is asked of them. The workspace is kept for the next run.
pub fn measure(work: &Path, program: &Path, snapshots: usize, runs: u16) -> Result<Vec<String>> {
    let site = work.join(format!("history-{snapshots}"));
    let directory = site.join("work");
    let seedbed = |words: &[&str]| {
        let mut command = measured(program);
        command.args(words).current_dir(&directory).env("HOME", site.join("home"));
        command
    };
    if !site.join("made").exists() {
        remove(&site)?;
        fs::create_dir_all(&directory)?;
        fs::create_dir_all(site.join("home"))?;
        for (key, value) in [("user.name", "A"), ("user.email", "a@example.com"), ("init.defaultBranch", "main")] {
            output(Command::new("git").args(["config", "--global", key, value]).env("HOME", site.join("home")))?;
        }
        output(&mut seedbed(&["--quiet", "init", "--data", "--create-resources", "results"]))?;
        fs::create_dir_all(directory.join("data"))?;
        fs::write(directory.join("data/rows"), "0")?;
        output(&mut seedbed(&["--quiet", "add", "local-files", "--role", "source-data", "--name", "data", "data"]))?;
        let began = Instant::now();
        for number in 1..=snapshots {
            fs::write(directory.join("data/rows"), number.to_string())?;
            output(&mut seedbed(&[
                "--quiet", "run", "--step", "count", "--in", "data", "--out", "results", "--", "sh", "-c", RESULTS,
            ]))?;
            output(&mut seedbed(&["--quiet", "snapshot", "-m", "measured", &format!("t{number}")]))?;
            if number % 500 == 0 {
                eprintln!("{number} snapshots after {:.0} s", began.elapsed().as_secs_f64());
            }
        }
        fs::write(site.join("made"), "")?;
    }
    let (first, last) = (format!("t{}", snapshots / 2), format!("t{snapshots}"));
    let questions: [(&str, Vec<&str>); 5] = [
        ("status", vec!["status"]),
        ("snapshots, the newest 20", vec!["snapshots", "--limit", "20"]),
        ("all snapshots as JSON", vec!["snapshots", "--json"]),
        ("diff of two snapshots", vec!["diff", &first, &last]),
        ("lineage: what made the results", vec!["lineage", "made", "results"]),
    ];
    let mut lines = Vec::new();
    for (what, words) in questions {
        let mut values = Vec::new();
        for _ in 0..=runs {
            let began = Instant::now();
            output(&mut seedbed(&words))?;
            values.push(began.elapsed().as_secs_f64());
        }
        // The first one warms caches.
        values.remove(0);
        lines.push(Figure::new(format!("{snapshots} snapshots: {what}"), values, "s", BAR).line());
    }
    Ok(lines)
}

/// A step that counts.
const RESULTS: &str = r#"printf '{"step":"count","metrics":{"rows":%s}}' "$(cat data/rows)" > results/results.json"#;
