//! `seedbed base`

use std::fmt::Write;

use environment::PublishOptions;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::BaseCommand;
use crate::duration::size;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, command: &BaseCommand) -> Result<Outcome, Failure> {
    let target = job.target()?;
    match command {
        BaseCommand::Publish(arguments) => {
            let file = arguments.file.as_ref().map(|file| job.arguments.global.directory.join(file));
            let options = PublishOptions {
                name: &arguments.base,
                database: arguments.database.as_deref(),
                file: file.as_deref(),
                to: arguments.to.as_deref(),
                allow_findings: arguments.allow_findings,
            };
            let published = job.tell(environment::publish(job.context, &target, &options))?;
            let mut text =
                format!("published {} as base '{}' ({})\n", published.database, published.name, size(published.bytes));
            if let Some(sent) = &published.sent {
                writeln!(text, "sent to {}: {}", sent.remote, size(sent.bytes)).expect("it is a string");
            }
            let json = json!({
                "base": published.name, "database": published.database, "fingerprint": published.fingerprint,
                "bytes": published.bytes, "remote": published.sent.as_ref().map(|sent| &sent.remote),
            });
            Ok(Outcome::of(text, json))
        }
        BaseCommand::List(arguments) => {
            let bases = job.tell(environment::bases(job.context, &target, arguments.remote.as_deref()))?;
            let rows: Vec<_> = bases
                .iter()
                .map(|(name, base)| {
                    let content = &base.content;
                    [name.clone(), content.name.clone(), content.kind.clone(), base.made.clone(), size(content.bytes)]
                })
                .collect();
            let list: Vec<Value> = bases
                .iter()
                .map(|(name, base)| {
                    json!({
                        "base": name, "database": base.content.name, "engine": base.content.kind, "made": base.made,
                        "bytes": base.content.bytes,
                    })
                })
                .collect();
            let text = if rows.is_empty() {
                "no bases are published; `seedbed base publish NAME` publishes one\n".to_owned()
            } else {
                table(["BASE", "DATABASE", "ENGINE", "MADE", "SIZE"], &rows)
            };
            Ok(Outcome::of(text, json!({ "bases": list })))
        }
    }
}
