//! Takes out of an output what differs from run to run.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// What is put in the place of what; the first that fits a text wins.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b\d{8}T\d{9}-[0-9a-f]{12}\b", "[record]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "[moment]"),
        (r"\d\d:\d\d:\d\d\.\d{3}", "[clock]"),
        (r"\b(\d+ min \d\d s|\d+\.\d\d s|\d+ ms)\b", "[time]"),
        (r#""(\w+_ms|pid|port|bytes|\w+_bytes|cpu_percent)": [\d.]+"#, r#""$1": [number]"#),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"\b(port|listening on|moves to) \d{4,5}\b", "$1 [port]"),
        (r"\b\d{4,5}( +)(chosen|declared)\b", "[port]$1$2"),
        (r"\b(process|pid) \d+", "$1 [pid]"),
        (r"(\d+\.\d GB|\d+ MB) free", "[size] free"),
        (r"\b(\d+\.\d [kMG]B|\d+ B)\b", "[size]"),
        (r"\b(packs|trash)/[0-9a-f]{2}/", "$1/"),
        (r"\b[0-9a-f]{12}\b|\b[0-9a-f]{32,64}\b", "[id]"),
    ]
    .into_iter()
    .map(|(pattern, replacement)| (Regex::new(pattern).unwrap(), replacement))
    .collect()
});

static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[[a-z]+\]").unwrap());

static GAP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\S) {2,}").unwrap());

/// The output with names for what differs, and in an order for what happens at the same time.
pub fn redact(output: &str, root: &Path) -> String {
    let programs = root.with_file_name("bin").display().to_string();
    let mut text = output.replace(&root.display().to_string(), "[ROOT]").replace(&programs, "[PROGRAMS]");
    for (pattern, replacement) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *replacement).into_owned();
    }
    let mut lines: Vec<String> = text.lines().map(line).collect();
    sort_runs(&mut lines, |line| line.starts_with("! ✓ "));
    let mut in_steps = false;
    sort_runs(&mut lines, |line| {
        let heading = line.starts_with("STEP ");
        let row = in_steps && !line.is_empty();
        in_steps = heading || row;
        row
    });
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn line(line: &str) -> String {
    let mut line = line.to_owned();
    if line.starts_with("! ✓ ") {
        line.truncate(line.trim_end_matches("[time]").trim_end().len());
    }
    // Columns are as wide as what was taken out of them.
    let is_heading = line.contains("  ") && line.chars().all(|character| character.is_uppercase() || character == ' ');
    if is_heading || (MARK.is_match(&line) && !line.starts_with('!')) {
        GAP.replace_all(&line, "$1  ").into_owned()
    } else {
        line
    }
}

fn sort_runs(lines: &mut [String], mut belongs: impl FnMut(&str) -> bool) {
    let marks: Vec<bool> = lines.iter().map(|line| belongs(line)).collect();
    let mut start = 0;
    while start < lines.len() {
        let length = marks[start..].iter().take_while(|mark| **mark).count();
        lines[start..start + length].sort();
        start += length.max(1);
    }
}

#[test]
fn what_differs_from_run_to_run_is_named() {
    let cases = [
        ("shop/web  ready  http://127.0.0.1:20001  31 ms", "shop/web  ready  http://127.0.0.1:[port]  [time]"),
        ("! ✓ load data  1.23 s", "! ✓ load data"),
        ("TAG    ID    SIZE", "TAG  ID  SIZE"),
        ("first  0123456789ab  4.2 kB", "first  [id]  [size]"),
        (
            "port 20000 of shop/web is in use by nc (process 12)",
            "port [port] of shop/web is in use by nc (process [pid])",
        ),
        ("    \"took_ms\": 12,", "    \"took_ms\": [number],"),
        ("at /tmp/a/work/seedbed.yaml", "at [ROOT]/seedbed.yaml"),
        ("!    = help:  none", "!    = help:  none"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text, Path::new("/tmp/a/work")), format!("{expected}\n"));
    }
    let steps = "STEP  TOOK\nb  2 ms\na  1 ms\n\nb\na\n";
    assert_eq!(redact(steps, Path::new("/tmp/a")), "STEP  TOOK\na  [time]\nb  [time]\n\nb\na\n");
}
