//! `seedbed db`

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::DbCommand;
use crate::duration::size;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, command: &DbCommand) -> Result<Outcome, Failure> {
    let target = job.target()?;
    match command {
        DbCommand::List => {
            let infos = job.tell(environment::list_databases(job.context, &target))?;
            let rows: Vec<_> = infos
                .iter()
                .map(|info| {
                    let bytes = info.bytes.map(size).unwrap_or_default();
                    let made = if info.is_made { bytes } else { "not made".to_owned() };
                    let kept = info.kept.as_ref().map_or_else(String::new, |kept| {
                        let spare = kept.iter().any(|kept| kept.has_spare);
                        format!("{}{}", kept.len(), if spare { ", spare ready" } else { "" })
                    });
                    [info.id.clone(), info.engine.clone(), made, kept]
                })
                .collect();
            let list: Vec<Value> = infos
                .iter()
                .map(|info| {
                    let kept = info.kept.iter().flatten().map(|kept| {
                        json!({ "name": kept.name, "step": kept.step, "bytes": kept.bytes, "spare": kept.has_spare })
                    });
                    json!({
                        "database": info.id, "engine": info.engine, "url": info.url, "made": info.is_made,
                        "bytes": info.bytes, "kept": kept.collect::<Vec<Value>>(),
                    })
                })
                .collect();
            let text = table(["DATABASE", "ENGINE", "SIZE", "KEPT"], &rows);
            Ok(Outcome::of(text, json!({ "databases": list })))
        }
        DbCommand::Url(which) => {
            let url = job.tell(environment::database_url(job.context, &target, which.database.as_deref()))?;
            Ok(Outcome::of(format!("{url}\n"), json!({ "url": url })))
        }
        DbCommand::Stats(which) => {
            let stats = job.tell(environment::database_stats(job.context, &target, which.database.as_deref()))?;
            let mut text = String::new();
            for database in &stats {
                writeln!(text, "{}: {}", database.id, size(database.bytes)).expect("it is a string");
                for (name, rows) in &database.tables {
                    writeln!(text, "  {rows:>10}  {name}").expect("it is a string");
                }
            }
            let list: Vec<Value> = stats
                .iter()
                .map(|stats| json!({ "database": stats.id, "bytes": stats.bytes, "tables": stats.tables }))
                .collect();
            Ok(Outcome::of(text, json!({ "databases": list })))
        }
        DbCommand::Shell(which) => {
            let shell = job.tell(environment::database_shell(job.context, &target, which.database.as_deref()))?;
            // This process becomes the client: the terminal is its own then.
            let error = Command::new(&shell.program).args(&shell.arguments).envs(&shell.env).exec();
            let message = format!("error: cannot run {}: {error}\n", shell.program.display());
            Err(Failure { code: 4, kind: "program", message })
        }
    }
}
