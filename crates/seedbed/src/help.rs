//! The first help: the commands by what they are for.

use std::fmt::Write;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;

/// The commands by what they are for, in the order in which people meet them.
const GROUPS: [(&str, &[&str]); 9] = [
    ("The environment", &["init", "up", "down", "status", "check", "doctor", "destroy"]),
    (
        "Services and tasks",
        &[
            "start",
            "stop",
            "restart",
            "kill",
            "wait",
            "logs",
            "exec",
            "attach",
            "shell",
            "run",
            "ports",
            "stats",
            "critical-path",
            "times",
        ],
    ),
    (
        "Databases and their data",
        &["load", "unload", "loads", "types", "describe", "capture", "reset", "db", "why", "verify", "base", "servers"],
    ),
    ("Snapshots", &["snapshot", "restore", "undo", "snapshots", "show", "diff", "tag", "delete", "export", "import"]),
    ("Data workspaces", &["add", "clone", "publish", "remove", "rename", "branch", "use", "report", "workspace"]),
    ("Steps and lineage", &["lineage", "replay"]),
    ("Sharing and keeping", &["push", "pull", "fetch", "store", "tend"]),
    ("Other repositories, and settings", &["update", "link", "unlink", "repositories", "config"]),
    ("For editors, shells and make", &["schema", "completions", "make"]),
];

/// Reads the command line, or ends the program with what is wrong with it.
pub fn parse() -> Arguments {
    let mut command = command();
    let matches = command.get_matches_mut();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// What can be typed, with a help that shows the commands in groups.
fn command() -> clap::Command {
    let command = Arguments::command();
    let template = template(&command.clone().help_template("{subcommands}").render_help().to_string());
    command.help_template(template)
}

/// The template of the help, from the list of all commands as clap shows it.
fn template(list: &str) -> String {
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in GROUPS {
        write!(text, "\n\u{1b}[1;4m{title}:\u{1b}[0m\n").expect("writing to a string cannot fail");
        for name in names {
            for (number, line) in entry(list, name).enumerate() {
                let line = if number == 0 {
                    line.replacen(name, &format!("\u{1b}[1m{name}\u{1b}[0m"), 1)
                } else {
                    line.to_owned()
                };
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    text + "\n\u{1b}[1;4mOptions:\u{1b}[0m\n{options}{after-help}"
}

/// The lines of one command in the list.
fn entry<'a>(list: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let is_first = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
    let mut lines =
        list.lines().skip_while(move |line| line.split_whitespace().next() != Some(name) || !is_first(line));
    let first = lines.next();
    first.into_iter().chain(lines.take_while(move |line| !is_first(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Arguments::command();
        let mut shown: Vec<&str> =
            command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, shown);
    }

    #[test]
    fn an_entry_has_all_of_its_lines() {
        let list = "  up    Bring up\n          and so on\n  down  Stop, up to the end\n";
        assert_eq!(entry(list, "up").collect::<Vec<_>>(), ["  up    Bring up", "          and so on"]);
        assert_eq!(entry(list, "down").collect::<Vec<_>>(), ["  down  Stop, up to the end"]);
    }

    /// An option of all commands is known to each of them by its name: one of another kind by the same name would be a panic.
    #[test]
    fn no_argument_is_called_like_another_one_of_all_commands() {
        fn look(command: &clap::Command, global: &[&clap::Arg]) {
            for argument in command.get_arguments() {
                let Some(same) = global.iter().find(|global| global.get_id() == argument.get_id()) else { continue };
                let kinds = [same, argument].map(|argument| argument.get_value_parser().type_id());
                assert_eq!(kinds[0], kinds[1], "`{}` of `{}`", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(|command| look(command, global));
        }
        let command = Arguments::command();
        let global: Vec<_> = command.get_arguments().filter(|argument| argument.is_global_set()).collect();
        assert!(global.len() > 4);
        command.get_subcommands().for_each(|command| look(command, &global));
    }
}
