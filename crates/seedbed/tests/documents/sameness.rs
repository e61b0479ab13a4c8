//! When what a command prints is what the page shows.
//!
//! Figures that differ each time (durations, sizes, rates, shares, chosen ports, process ids, moments, ids of snapshots) and the
//! width of columns do not count; of a step the duration may be missing, as one below a millisecond has none. Steps run
//! side by side, so the order of lines within a paragraph does not count either. `[..]` stands for any text within a line, a line `...` for any lines of its paragraph.

/// Says whether a page's output fits what was printed.
pub fn fits(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (paragraphs(shown), paragraphs(printed));
    shown.len() == printed.len() && shown.iter().zip(&printed).all(|(shown, printed)| paragraph_fits(shown, printed))
}

/// Says whether a page's output does not show all that is printed.
pub fn leaves_out(shown: &str) -> bool {
    shown.contains("[..]") || shown.lines().any(|line| line == "...")
}

fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let mut paragraphs: Vec<Vec<String>> = vec![Vec::new()];
    for line in text.trim().lines() {
        if line.trim().is_empty() {
            paragraphs.push(Vec::new());
        } else if let Some(last) = paragraphs.last_mut() {
            last.push(lasting(line));
        }
    }
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs
}

fn paragraph_fits(shown: &[String], printed: &[String]) -> bool {
    let mut left: Vec<&String> = printed.iter().collect();
    let all_found = shown.iter().filter(|line| *line != "...").all(|line| {
        let found = left.iter().position(|printed| line_fits(line, printed));
        found.map(|index| left.remove(index)).is_some()
    });
    all_found && (left.is_empty() || shown.iter().any(|line| line == "..."))
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.split("[..]");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The line with one space between words, and `#` for each figure that differs from time to time.
fn lasting(line: &str) -> String {
    const UNITS: [&str; 8] = ["ms", "s", "%", "B", "kB", "MB", "GB", "TB"];
    let words: Vec<&str> = line.split_whitespace().collect();
    let core = |word: &str| word.trim_matches(['(', ')', '[', ']', ',', ';', ':', '\'']).to_owned();
    let is_unit = |word: &str| UNITS.contains(&word.strip_suffix("/s").unwrap_or(word));
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let mut lasting: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let inner = core(word);
        let next = words.get(index + 1).map(|next| core(next)).unwrap_or_default();
        let before = index.checked_sub(1).map(|index| core(words[index])).unwrap_or_default();
        let is_figure = is_number(&inner) && (is_unit(&next) || ["process", "pid", "port"].contains(&before.as_str()))
            || is_unit(&inner) && is_number(&before)
            || inner.len() == 12 && inner.bytes().all(|byte| byte.is_ascii_hexdigit())
            || is_moment(&inner);
        lasting.push(if is_figure { word.replace(&inner, "#") } else { without_port(word) });
    }
    let is_step = words.first().is_some_and(|word| ["✓", "✗"].contains(word));
    if is_step && lasting.len() > 2 && lasting.ends_with(&["#".to_owned(), "#".to_owned()]) {
        lasting.truncate(lasting.len() - 2);
    }
    lasting.join(" ")
}

/// `2026-11-21T10:38:24Z`, `10:38:24.530`, or `21/Nov/2026` beside `10:38:24`, as servers write it.
fn is_moment(word: &str) -> bool {
    let is_time = word.matches(':').count() == 2 && word.bytes().all(|byte| b"0123456789-:.TZ".contains(&byte));
    let is_day =
        word.matches('/').count() == 2 && word.bytes().all(|byte| byte == b'/' || byte.is_ascii_alphanumeric());
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    is_time && digits >= 6 || is_day && digits == 6
}

fn without_port(word: &str) -> String {
    let host = ["127.0.0.1:", "0.0.0.0:"].into_iter().find(|host| word.contains(host));
    match host.and_then(|host| word.split_once(host).map(|parts| (host, parts))) {
        Some((host, (before, after))) => {
            format!("{before}{host}#{}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        None => word.to_owned(),
    }
}

#[test]
fn figures_and_order_do_not_count() {
    assert!(fits("✓ a  1 ms\n✓ b  2 ms\n", "✓ b  1.20 s\n✓ a    15 ms\n"));
    assert!(fits("✓ a  1 ms\n✓ b\n", "✓ a\n✓ b  1 ms\n"));
    assert!(fits("saved (592a5cfd51f2, 1.0 kB): 3 ms", "saved (b50f890b4fc3, 278.5 kB): 94 ms"));
    assert!(fits("web  160.7 kB  0.0 %  0 ms  1", "web  8.2 MB  1.9 %  10 ms  1"));
    assert!(fits("3 things, 42.0 kB in 80 ms (525.0 kB/s)", "3 things, 42.1 kB in 1.12 s (37.6 kB/s)"));
    assert!(fits(
        "at http://127.0.0.1:1/x since 2026-11-21T10:38:24Z",
        "at http://127.0.0.1:25586/x since 2027-01-01T00:00:00Z"
    ));
    assert!(fits("10:38:24.530 # started pid 1", "00:00:00.001 # started pid 44"));
    assert!(fits(
        "port 26186 (http://0.0.0.0:26186/), [27/Nov/2026 17:32:37]",
        "port 2 (http://0.0.0.0:2/), [01/Dec/2026 00:00:07]"
    ));
}

#[test]
fn words_do_count() {
    assert!(!fits("2 records were created", "3 records were created"));
    assert!(!fits("a\n", "a\nb\n"));
    assert!(!fits("a\n\nb", "a\nb"));
    assert!(!fits("a\na\n", "a\nb\n"));
}

#[test]
fn what_is_left_out_is_marked() {
    assert!(fits("first\n...\n\nlast", "b\nfirst\nc\n\nlast"));
    assert!(fits("help: [..] or [..]!", "help: this or that!"));
    assert!(!fits("help: [..] or [..]!", "help: this!"));
}
