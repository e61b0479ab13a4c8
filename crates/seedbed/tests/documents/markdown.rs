//! A page as its fenced blocks.

/// A fenced block of a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// A file that the reader writes.
    File {
        /// Relative to the directory that the page begins in.
        path: String,
        text: String,
    },
    /// Commands with what they print.
    Console(Vec<Command>),
}

/// A command of a session.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Without the prompt; may have several lines.
    pub words: String,
    /// What it prints, on standard output and standard error.
    pub output: String,
    /// Where `output` stands in the page: its first line and the one after its last.
    pub lines: std::ops::Range<usize>,
}

/// Reads the blocks of a page that mean something to a test; others are for people only.
pub fn blocks(page: &str) -> Vec<Block> {
    let lines: Vec<&str> = page.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(info) = lines[at].strip_prefix("```").filter(|info| !info.is_empty()) else {
            at += 1;
            continue;
        };
        let begin = at + 1;
        let end = begin + lines[begin..].iter().position(|line| *line == "```").expect("every fence is closed");
        let file = info.split_whitespace().find_map(|word| word.strip_prefix("file="));
        if let Some(path) = file {
            let text = joined(&lines[begin..end]);
            blocks.push(Block::File { path: path.to_owned(), text });
        } else if info == "console" {
            blocks.push(Block::Console(commands(&lines, begin, end)));
        }
        at = end + 1;
    }
    blocks
}

/// The lines as a text, each with its end.
fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

fn commands(lines: &[&str], begin: usize, end: usize) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut at = begin;
    while at < end {
        let Some(first) = lines[at].strip_prefix("$ ") else {
            panic!("line {}: a session begins with a command after `$ `", at + 1);
        };
        let mut words = first.to_owned();
        at += 1;
        while words.ends_with('\\') && at < end {
            words = format!("{words}\n{}", lines[at]);
            at += 1;
        }
        let output = at;
        while at < end && !lines[at].starts_with("$ ") {
            at += 1;
        }
        let text = joined(&lines[output..at]);
        commands.push(Command { words, output: text, lines: output..at });
    }
    commands
}

#[test]
fn a_page_is_its_files_and_sessions() {
    let page = "# Title\n```yaml file=a.yaml\nname: a\n```\n```yaml\nnot: read\n```\n```console\n$ one\n$ two \\\n  more\nout\n```\n";
    let command =
        |words: &str, output: &str, lines| Command { words: words.to_owned(), output: output.to_owned(), lines };
    let expected = [
        Block::File { path: "a.yaml".to_owned(), text: "name: a\n".to_owned() },
        Block::Console(vec![command("one", "", 9..9), command("two \\\n  more", "out\n", 11..12)]),
    ];
    assert_eq!(blocks(page), expected);
}
