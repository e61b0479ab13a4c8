//! `seedbed make`

use std::fs;
use std::io;

use serde_json::json;

use super::{Job, Outcome};
use crate::arguments::MakeArguments;
use crate::failure::Failure;
use crate::makefile::{MARK, makefile};

pub fn run(job: &Job<'_>, arguments: &MakeArguments) -> Result<Outcome, Failure> {
    let text = makefile();
    let Some(file) = &arguments.write else {
        let json = json!({ "makefile": text });
        return Ok(Outcome::of(text, json));
    };
    let root = job.target()?.root;
    let path = root.join(file);
    let failed = |operation: &str, error: &io::Error| Failure {
        code: 4,
        kind: "world",
        message: format!("error: cannot {operation} {}: {error}\n", path.display()),
    };
    match fs::read_to_string(&path) {
        Ok(there) if there.starts_with(MARK) => {}
        Ok(_) => {
            let message = format!(
                "error: {} was not made by `seedbed make`, and is left as it is\nhelp: `seedbed make --write seedbed.mk`, and \
                 `include seedbed.mk` in that file\n",
                path.display()
            );
            return Err(Failure { code: 2, kind: "command-line", message });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read", &error)),
    }
    fs::write(&path, &text).map_err(|error| failed("write", &error))?;
    let shown = file.display();
    let own = fs::read_to_string(root.join("Makefile")).unwrap_or_default();
    let is_included =
        path == root.join("Makefile") || own.lines().any(|line| line.trim() == format!("include {shown}"));
    let said = if is_included { "" } else { ", to be used by a line in the Makefile: " };
    let line = if is_included { String::new() } else { format!("include {shown}") };
    let json = json!({ "file": path, "included": is_included });
    Ok(Outcome::of(format!("wrote {shown}{said}{line}\n"), json))
}
