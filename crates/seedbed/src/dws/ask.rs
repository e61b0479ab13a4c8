//! Questions, as dws puts them: on standard output, with the answer on standard input.

use std::io::{BufRead, Write};

use super::failure::Stop;
use super::{say, show};

/// Asks, if it may.
pub struct Ask {
    /// Whether nobody is there who could answer.
    pub is_batch: bool,
}

impl Ask {
    /// A text; an empty answer is the default. `option` is what would have said it, for those who may not be asked.
    pub fn text(&self, option: &str, question: &str, default: Option<&str>) -> Result<String, Stop> {
        self.parsed(option, question, default, &|text: &str| Ok::<_, String>(text.to_owned()))
    }

    /// A value of some kind; asks again as long as the answer is none.
    pub fn parsed<T>(
        &self,
        option: &str,
        question: &str,
        default: Option<&str>,
        parse: &dyn Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        if self.is_batch {
            return Err(Stop::Batch(option.to_owned()));
        }
        loop {
            let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
            show(&format!("{question}{shown}: "));
            let answer = line()?;
            let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
            if answer.is_empty() {
                continue;
            }
            match parse(answer) {
                Ok(value) => return Ok(value),
                Err(problem) => say(format!("Error: {problem}")),
            }
        }
    }
}

/// Whether something is to be done; no answer means no. Must not be asked of those who may not be asked.
pub fn confirm(question: &str) -> Result<bool, Stop> {
    loop {
        show(&format!("{question} [y/N]: "));
        match line()?.to_lowercase().as_str() {
            "y" | "yes" | "true" | "t" | "1" | "on" => return Ok(true),
            "" | "n" | "no" | "false" | "f" | "0" | "off" => return Ok(false),
            _ => say("Error: invalid input"),
        }
    }
}

/// The same, where no answer means yes.
pub fn proceed(question: &str) -> Result<bool, Stop> {
    show(&format!("{question} [Y/n]"));
    let answer = line()?.to_lowercase();
    Ok(answer.is_empty() || answer == "y")
}

/// A line of standard input; who ends it wants no more of this.
fn line() -> Result<String, Stop> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if matches!(read, Ok(0) | Err(_)) {
        let _ = std::io::stdout().lock().flush();
        return Err(Stop::Aborted);
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
