//! The standard targets of `make`: the same words in every repository, each of them one command of this program.

use std::fmt::Write;

/// The first line of a file that is made here, by which it is known.
pub const MARK: &str = "# Made by `seedbed make`: the targets are the same in every repository.";

/// A target, and the command that it is.
pub struct Target {
    /// What is typed after `make`.
    pub name: &'static str,
    /// What it does, for `make dev.help`.
    pub about: &'static str,
    /// The words of the command, with variables of make.
    pub words: &'static str,
    /// What the form `NAME.…` is about, and its words, in which `$*` is that.
    pub each: Option<(&'static str, &'static str)>,
    /// The variable that must be set.
    pub needs: Option<&'static str>,
}

const fn target(name: &'static str, about: &'static str, words: &'static str) -> Target {
    Target { name, about, words, each: None, needs: None }
}

/// All of them, in the order of a day's work.
pub const TARGETS: [Target; 24] = [
    Target {
        each: Some(("SERVICE", "up $(if $(PROFILE),--profile $(PROFILE)) $*")),
        ..target(
            "dev.up",
            "Bring everything up: build, create, migrate, load, start what is missing",
            "up $(if $(PROFILE),--profile $(PROFILE))",
        )
    },
    Target {
        each: Some(("SERVICE", "up $(if $(PROFILE),--profile $(PROFILE)) $*")),
        ..target(
            "dev.provision",
            "The same, under the name of the first time",
            "up $(if $(PROFILE),--profile $(PROFILE))",
        )
    },
    target("dev.status", "Show what runs, and what `dev.up` would do", "status"),
    Target {
        each: Some(("SERVICE", "logs --follow $*")),
        ..target("dev.logs", "Show and follow what all services print", "logs --follow")
    },
    Target {
        each: Some(("SERVICE", "shell $*")),
        ..target("dev.shell", "Open a shell where the service runs", "shell")
    },
    Target {
        each: Some(("TASK", "run $*")),
        needs: Some("TASK"),
        ..target("dev.run", "Run TASK=NAME, after what it needs", "run $(TASK)")
    },
    Target {
        each: Some(("SERVICE", "restart $*")),
        needs: Some("SERVICE"),
        ..target("dev.restart", "Start SERVICE=NAME anew, as it is declared now", "restart $(SERVICE)")
    },
    target("dev.config", "Show the settings that services are given", "config show"),
    target("dev.ports", "Show who has which port", "ports"),
    target("dev.stats", "Show what each service takes of memory and processors", "stats"),
    Target {
        each: Some(("DATABASE", "db shell $*")),
        ..target("dev.dbshell", "Open the engine's own client on the database", "db shell")
    },
    Target {
        each: Some(("SERVICE", "up $*")),
        ..target("dev.migrate", "Run what is new of the schemas, and what `dev.up` does besides", "up")
    },
    Target {
        each: Some(("WORKSPACE", "load --service $* $(SPEC)")),
        ..target("dev.load_dev_data", "Load the declared records, or those of SPEC=FILE", "load $(SPEC)")
    },
    Target {
        each: Some(("WORKSPACE", "describe $*")),
        ..target("dev.describe", "Show what the tables hold", "describe")
    },
    Target {
        each: Some(("DATABASE", "reset $*")),
        ..target("dev.reset", "Bring all databases back to their declared state", "reset")
    },
    target("dev.undo", "Take back what the last command did to databases and files", "undo"),
    Target {
        needs: Some("TAG"),
        ..target("dev.snapshot", "Save all databases and files under TAG=NAME", "snapshot $(TAG)")
    },
    Target {
        each: Some(("DATABASE", "restore $(TAG) --only $*")),
        needs: Some("TAG"),
        ..target("dev.restore", "Bring databases and files to what TAG=NAME holds", "restore $(TAG)")
    },
    target("dev.snapshots", "List the snapshots", "snapshots"),
    target(
        "dev.doctor",
        "Look for what could keep the environment from coming up",
        "doctor $(if $(PROFILE),--profile $(PROFILE))",
    ),
    target(
        "dev.check",
        "Check that the repository is done: from nothing, twice, in time, and nothing left",
        "check $(if $(PROFILE),--profile $(PROFILE))",
    ),
    target("dev.verify", "Build all states twice from nothing and compare them", "verify"),
    Target {
        each: Some(("SERVICE", "stop $*")),
        ..target("dev.down", "Stop everything; what is stored stays", "down")
    },
    target("dev.destroy", "Remove the environment with its databases; snapshots stay", "destroy $(if $(YES),--yes)"),
];

/// The file, to be included or to be the whole Makefile.
pub fn makefile() -> String {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let mut text = format!(
        "{MARK}\n\
         #\n\
         # ENV=NAME chooses the environment. A target is extended by a rule without a recipe: `dev.up: my-keys`.\n\
         \n\
         SEEDBED ?= seedbed\n\
         SEEDBED_ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))\n\
         SEEDBED_HERE = $(SEEDBED) -C '$(SEEDBED_ROOT)' $(if $(ENV),--name $(ENV))\n\
         \n\
         .PHONY: dev.help {}\n",
        names.join(" ")
    );
    let widest = TARGETS.iter().flat_map(forms).map(|(name, _)| name.len()).max().unwrap_or_default();
    text.push_str("\ndev.help:\n");
    for (name, about) in TARGETS.iter().flat_map(forms) {
        writeln!(text, "\t@echo '{name:widest$}  {about}'").expect("writing to a string cannot fail");
    }
    for Target { name, words, each, needs, .. } in &TARGETS {
        write!(text, "\n{name}:\n").expect("writing to a string cannot fail");
        if let Some(needed) = needs {
            writeln!(text, "\t$(if $({needed}),,$(error say which: make {name} {needed}=NAME))")
                .expect("writing to a string cannot fail");
        }
        writeln!(text, "\t$(SEEDBED_HERE) {words}").expect("writing to a string cannot fail");
        if let Some((_, words)) = each {
            write!(text, "\n{name}.%:\n").expect("writing to a string cannot fail");
            if let Some(needed) = needs.filter(|needed| words.contains(&format!("$({needed})"))) {
                writeln!(text, "\t$(if $({needed}),,$(error say which: make $@ {needed}=NAME))")
                    .expect("writing to a string cannot fail");
            }
            writeln!(text, "\t$(SEEDBED_HERE) {words}").expect("writing to a string cannot fail");
        }
    }
    text
}

/// How a target can be typed, and what it does then.
fn forms(target: &Target) -> impl Iterator<Item = (String, String)> {
    let plain = (target.name.to_owned(), target.about.replace('\'', "’"));
    let each = target
        .each
        .map(|(what, _)| (format!("{}.{what}", target.name), format!("The same of one {}", what.to_lowercase())));
    std::iter::once(plain).chain(each)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    /// The words as the program gets them when all variables are set.
    fn typed(words: &str) -> Vec<String> {
        let words = words.replace("$(if $(PROFILE),--profile $(PROFILE))", "--profile qa");
        let words = words.replace("$(if $(YES),--yes)", "--yes").replace("$(TAG)", "first").replace("$(TASK)", "build");
        let words = words.replace("$(SERVICE)", "web").replace("$(SPEC)", "spec.yaml").replace("$*", "web");
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_target_is_a_command_that_can_be_typed() {
        for target in &TARGETS {
            for words in [Some(target.words), target.each.map(|(_, words)| words)].into_iter().flatten() {
                let typed = typed(words);
                assert!(!typed.iter().any(|word| word.contains('$')), "{words}: a variable is not known to the test");
                let parsed = Arguments::try_parse_from(std::iter::once("seedbed".to_owned()).chain(typed));
                assert!(parsed.is_ok(), "{words}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            }
        }
    }

    #[test]
    fn names_differ_and_begin_alike() {
        let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        assert!(names.iter().all(|name| name.starts_with("dev.")));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TARGETS.len());
    }
}
