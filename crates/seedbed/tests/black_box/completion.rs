//! Completion in a real bash.

use crate::program;
use crate::workspace::Workspace;

const MANIFEST: &str = "\
name: shop
tasks:
  build: { run: \"true\" }
services:
  web: { run: sleep 1000 }
  worker: { run: sleep 1000 }
databases:
  orders: { engine: sqlite, schema: { sql: [schema.sql] } }
dependencies:
  stock: stock
profiles:
  plain: { services: { worker: { run: sleep 2000 } } }
";

/// What bash offers at the end of a line, as it asks for it when the tabulator is pressed.
fn offers(workspace: &Workspace, line: &str) -> Vec<String> {
    let seedbed = env!("CARGO_BIN_EXE_seedbed");
    let script = format!(
        "PATH=\"$(dirname '{seedbed}'):$PATH\"
        eval \"$(seedbed completions bash)\"
        words=$(complete -p seedbed); set -- $words
        while [ $# -gt 0 ] && [ \"$1\" != -F ]; do shift; done
        COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_KEY=9
        COMP_WORDS=($COMP_LINE); case \"$COMP_LINE\" in *' ') COMP_WORDS+=('');; esac
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        \"$2\" seedbed \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"
        printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "--noprofile", "-c", &script]).current_dir(workspace.root());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", workspace.root());
    let ran = program::run(&mut command, std::time::Duration::from_secs(60)).ends_with(0);
    let mut offers: Vec<String> = ran.stdout.split_whitespace().map(str::to_owned).collect();
    offers.sort();
    offers
}

#[test]
fn bash_completes_the_names_of_what_there_is() {
    let workspace = Workspace::of(&[
        ("seedbed.yaml", MANIFEST),
        ("schema.sql", "CREATE TABLE orders (id INTEGER);\n"),
        ("stock/seedbed.yaml", "name: stock\nservices:\n  web: { run: sleep 1000 }\n"),
        ("other/seedbed.yaml", "name: other\nservices:\n  elsewhere: { run: sleep 1000 }\n"),
    ]);
    workspace.seedbed(&["--name", "second", "up"]).ends_with(0);
    workspace.seedbed(&["--name", "second", "snapshot", "first-day"]).ends_with(0);
    let cases: [(&str, &[&str]); 14] = [
        ("seedbed logs w", &["web", "worker"]),
        ("seedbed logs stock", &["stock/web"]),
        ("seedbed exec wo", &["worker"]),
        ("seedbed restart wo", &["worker"]),
        ("seedbed up stock/", &["stock/web"]),
        ("seedbed run ", &["build"]),
        ("seedbed db url ", &["orders"]),
        ("seedbed restore f", &["first-day"]),
        ("seedbed up --profile p", &["plain"]),
        ("seedbed --name s", &["second"]),
        ("seedbed -C other exec e", &["elsewhere"]),
        ("seedbed critical", &["critical-path"]),
        ("seedbed logs --si", &["--since"]),
        ("seedbed -C nowhere exec w", &[]),
    ];
    for (line, expected) in cases {
        let offered = offers(&workspace, line);
        let names: Vec<&str> =
            offered.iter().map(String::as_str).filter(|word| !word.starts_with('-') || line.contains("--si")).collect();
        assert_eq!(names, expected, "{line}");
    }
}

#[test]
fn bash_completes_what_specs_are_chosen_and_written_by() {
    let types = "types: { customer: { table: customers, key: [login], fields: { login: {} } } }\n";
    let workspace = Workspace::of(&[
        (
            "seedbed.yaml",
            "name: shop\ndependencies: { stock: stock }\nscenarios: { demo: data/demo.yaml, dense: data/demo.yaml }
databases: { shop: { engine: sqlite, schema: { sql: [schema.sql] }, types: types.yaml } }\n",
        ),
        ("schema.sql", "CREATE TABLE customers (login TEXT PRIMARY KEY);\n"),
        ("types.yaml", types),
        ("data/demo.yaml", "seedbed: 1\nscenarios: { busy: { fill: 3 }, black-friday: { extends: busy } }\n"),
        ("stock/seedbed.yaml", "name: stock\n"),
    ]);
    let cases: [(&str, &[&str]); 7] = [
        ("seedbed load de", &["demo", "dense"]),
        ("seedbed load dat", &["data/"]),
        ("seedbed load demo --scenario b", &["black-friday", "busy"]),
        ("seedbed load data/demo.yaml --scenario bu", &["busy"]),
        ("seedbed unload den", &["dense"]),
        ("seedbed types sto", &["stock"]),
        ("seedbed capture cu", &["customer"]),
    ];
    for (line, expected) in cases {
        assert_eq!(offers(&workspace, line), expected, "{line}");
    }
}

#[test]
fn every_shell_gets_a_script_that_asks() {
    let workspace = Workspace::of(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = workspace.seedbed(&["completions", shell]).ends_with(0).stdout;
        assert!(script.contains("SEEDBED_COMPLETE"), "{shell}: {script}");
    }
}
