//! `seedbed servers`

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::ServersArguments;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &ServersArguments) -> Result<Outcome, Failure> {
    if arguments.prune {
        return prune(job);
    }
    let servers = job.tell(environment::servers(job.context))?;
    let mut rows = Vec::new();
    for server in &servers {
        let state = if server.is_running { "runs" } else { "is stopped" };
        let name = format!("{} ({state}, port {})", server.name, server.port);
        for environment in &server.environments {
            rows.push([name.clone(), environment.directory.display().to_string(), environment.state.to_owned()]);
        }
        if server.environments.is_empty() {
            rows.push([name, "-".to_owned(), "nobody has databases in it".to_owned()]);
        }
    }
    let mut text = if rows.is_empty() {
        "there is no server that environments share\n".to_owned()
    } else {
        table(["SERVER", "ENVIRONMENT", "STATE"], &rows)
    };
    if rows.iter().any(|row| row[2] == "is gone") {
        text.push_str("\n`seedbed servers --prune` removes the databases of environments that are gone\n");
    }
    let json: Vec<Value> = servers
        .iter()
        .map(|server| {
            let environments: Vec<Value> = server
                .environments
                .iter()
                .map(|own| json!({ "directory": own.directory, "role": own.role, "state": own.state }))
                .collect();
            json!({
                "server": server.name, "port": server.port, "running": server.is_running, "environments": environments,
            })
        })
        .collect();
    Ok(Outcome::of(text, json!({ "servers": json })))
}

fn prune(job: &Job<'_>) -> Result<Outcome, Failure> {
    let pruned = job.tell(environment::prune_servers(job.context))?;
    let mut text = String::new();
    writeln!(text, "removed the databases of {}", count(pruned.len(), "environment", "environments"))
        .expect("it is a string");
    Ok(Outcome::of(text, json!({ "pruned": pruned })))
}
