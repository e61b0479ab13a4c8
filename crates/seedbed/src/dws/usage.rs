//! A command line that cannot be understood: said as scripts and people know it from dws, with exit code 2.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Reads the command line, or says what is to be printed instead: where, what, and with which exit code.
pub fn parse<A: clap::Parser>(words: &[String]) -> Result<A, Refused> {
    A::try_parse_from(words).map_err(|error| Refused::of(&error, words))
}

/// What is printed in place of doing something.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whether it was asked for: then it goes to standard output.
    pub is_help: bool,
    /// The text.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Refused {
    fn of(error: &clap::Error, words: &[String]) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp => Self { is_help: true, text: error.to_string(), code: 0 },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Self { is_help: false, text: error.to_string(), code: 2 }
            }
            ErrorKind::InvalidValue if text(error, ContextKind::InvalidValue).is_empty() => {
                // An option at the end, under the name by which it was typed.
                let option = words.last().map_or("", String::as_str);
                Self { is_help: false, text: format!("Error: Option '{option}' requires an argument.\n"), code: 2 }
            }
            ErrorKind::UnknownArgument => {
                // Of the command that was there when it came.
                let option = bare(&text(error, ContextKind::InvalidArg));
                let at = words.iter().position(|word| bare(word) == option).unwrap_or(words.len());
                Self::because(&usage_of(&words[..at]), &reason(error))
            }
            _ => Self::because(&usage_of(words), &reason(error)),
        }
    }

    /// What is said of options that do not fit each other.
    pub fn because(usage: &str, reason: &str) -> Self {
        let command: Vec<&str> = usage
            .trim_start_matches("Usage: ")
            .split(' ')
            .take_while(|word| !word.starts_with('[') && word.chars().any(char::is_lowercase))
            .collect();
        let text = format!("{usage}\nTry '{} --help' for help.\n\nError: {reason}\n", command.join(" "));
        Self { is_help: false, text, code: 2 }
    }
}

/// The usage of the command that words begin with, such as `Usage: dws snapshot [OPTIONS] [TAG]`. What clap would say has only what was
/// left open.
pub fn usage_of(words: &[String]) -> String {
    use clap::CommandFactory;
    let mut command = super::arguments::Arguments::command();
    command.build();
    let mut name = "dws".to_owned();
    let mut current = &command;
    for word in words.iter().skip(1) {
        if let Some(next) = current.find_subcommand(word) {
            current = next;
            name = format!("{name} {}", next.get_name());
        }
    }
    let mut text = format!("Usage: {name} [OPTIONS]");
    if current.has_subcommands() {
        text.push_str(" COMMAND [ARGS]...");
    }
    for argument in current.get_positionals() {
        let names = argument.get_value_names().into_iter().flatten().map(ToString::to_string);
        let shown = names.collect::<Vec<_>>().join(" ");
        let (open, close) = if argument.is_required_set() { (" ", "") } else { (" [", "]") };
        text.extend([open, &shown, close]);
    }
    text
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// `--role` of `--role <ROLE>`, and `'PATH'` of `<PATH>`.
fn bare(argument: &str) -> String {
    let first = argument.split([' ', '=']).next().unwrap_or_default();
    first.trim_matches(['<', '>']).to_owned()
}

fn reason(error: &clap::Error) -> String {
    let argument = text(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("Missing argument '{}'.", bare(&argument)),
        ErrorKind::UnknownArgument if argument.starts_with('-') => format!("No such option '{}'.", bare(&argument)),
        ErrorKind::UnknownArgument => format!("Got unexpected extra argument ({argument})"),
        ErrorKind::InvalidSubcommand => {
            format!("No such command '{}'.", text(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue => {
            let value = text(error, ContextKind::InvalidValue);
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) => known.clone(),
                _ => Vec::new(),
            };
            let known: Vec<String> = known.iter().map(|word| format!("'{word}'")).collect();
            format!("Invalid value for '{}': '{value}' is not one of {}.", bare(&argument), known.join(", "))
        }
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
            let named = bare(&argument);
            let named = if argument.starts_with('[') { argument.trim_end_matches("...").to_owned() } else { named };
            format!("Invalid value for '{named}': {why}")
        }
        ErrorKind::ArgumentConflict => format!("Option '{}' does not take a value.", bare(&argument)),
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Arguments;
    use super::*;

    fn said(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse::<Arguments>(&words).expect_err("it cannot be understood").text
    }

    #[test]
    fn what_is_wrong_is_said_as_dws_says_it() {
        for (line, usage, error) in [
            ("dws add local-files", "dws add local-files [OPTIONS] PATH", "Missing argument 'PATH'."),
            ("dws nosuch", "dws [OPTIONS] COMMAND [ARGS]...", "No such command 'nosuch'."),
            ("dws snapshot --nosuch", "dws snapshot [OPTIONS] [TAG]", "No such option '--nosuch'."),
            (
                "dws add local-files --role foo .",
                "dws add local-files [OPTIONS] PATH",
                "Invalid value for '--role': Invalid resource role. Must be one of: source-data, intermediate-data, code, results",
            ),
            (
                "dws snapshot bad_",
                "dws snapshot [OPTIONS] [TAG]",
                "Invalid value for '[TAG]': Must start with a letter or number and only contain letters, numbers, '.', '_', or '-'",
            ),
            (
                "dws report history --limit x",
                "dws report history [OPTIONS]",
                "Invalid value for '--limit': 'x' is not a valid integer.",
            ),
            (
                "dws --workspace-dir x report status",
                "dws [OPTIONS] COMMAND [ARGS]...",
                "No such option '--workspace-dir'.",
            ),
            ("dws restore", "dws restore [OPTIONS] TAG_OR_HASH", "Missing argument 'TAG_OR_HASH'."),
        ] {
            let text = said(line);
            let command =
                usage.split(" [").next().unwrap_or(usage).trim_end_matches(" PATH").trim_end_matches(" OUTPUT_FILE");
            assert_eq!(text, format!("Usage: {usage}\nTry '{command} --help' for help.\n\nError: {error}\n"), "{line}");
        }
    }
}
