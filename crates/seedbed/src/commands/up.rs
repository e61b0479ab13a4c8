//! `seedbed up`

use std::fmt::Write;

use environment::{
    FieldDifference as Difference, LoadReport, ServiceReport, StepReport, UpOptions, UpReport, WatchReport,
};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::UpArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &UpArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let options = UpOptions {
        profile: arguments.profile.clone(),
        memory: arguments.memory.choice(),
        services: arguments.services.clone(),
    };
    if arguments.dry_run {
        let plan = job.tell(environment::plan_up(job.context, &target, &options))?;
        let steps: Vec<Value> = plan
            .steps
            .iter()
            .map(|step| {
                let after: Vec<String> = step.after.iter().map(|condition| condition.unit.to_string()).collect();
                json!({ "step": step.id.to_string(), "title": step.title(), "reason": step.reason, "after": after })
            })
            .collect();
        let text = if plan.is_empty() { "nothing to do\n".to_owned() } else { plan.to_string() };
        return Ok(Outcome::of(text, json!({ "steps": steps })));
    }
    let report = job.tell(environment::up(job.context, &target, &options))?;
    Ok(Outcome::of(text(&report, &arguments.services), json(&report)))
}

/// Tables of what was started and done.
pub fn tables(report: &UpReport) -> String {
    let steps = if report.steps.is_empty() { String::new() } else { steps(&report.steps) };
    let mut text = String::new();
    for table in [services(&report.services), watched(&report.watched), steps].iter().filter(|table| !table.is_empty())
    {
        writeln!(text, "{table}").expect("writing to a string cannot fail");
    }
    if let Some(load) = &report.load {
        text.push_str(&loaded(load));
    }
    text
}

fn text(report: &UpReport, chosen: &[String]) -> String {
    let mut text = tables(report);
    if !report.undeclared.is_empty() {
        writeln!(text, "stopped, since no longer declared: {}", report.undeclared.join(", "))
            .expect("writing to a string cannot fail");
    }
    let name = if report.environment == "default" { String::new() } else { format!(" ({})", report.environment) };
    let profile = report.profile.as_ref().map_or_else(String::new, |profile| format!(" with profile {profile}"));
    let (who, is) = match chosen {
        [] => (report.workspace.clone(), "is"),
        [one] => (one.clone(), "is"),
        all => (all.join(", "), "are"),
    };
    let what = format!("{who}{name} {is} up{profile}");
    let verdict = if report.steps.is_empty() && report.undeclared.is_empty() { "; all of it ran already" } else { "" };
    writeln!(text, "{what}{verdict}: {}", duration(report.total_ms)).expect("writing to a string cannot fail");
    text
}

/// The table of services; nothing where there are none.
pub fn services(services: &[ServiceReport]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = services
        .iter()
        .map(|service| {
            let ready = service.ready_ms.map(duration).unwrap_or_default();
            [service.id.clone(), service.state.clone(), service.address.clone().unwrap_or_default(), ready]
        })
        .collect();
    table(["SERVICE", "STATE", "ADDRESS", "READY IN"], &rows)
}

/// What happens when files change, a line each.
pub fn watched(watched: &[WatchReport]) -> String {
    let mut text = String::new();
    for WatchReport { id, is_task, patterns } in watched {
        let what = if *is_task { "runs again" } else { "is restarted" };
        writeln!(text, "{id} {what} when files of {} change", patterns.join(", "))
            .expect("writing to a string cannot fail");
    }
    text
}

pub fn watched_json(watched: &[WatchReport]) -> Value {
    let watch = |watch: &WatchReport| {
        let kind = if watch.is_task { "task" } else { "service" };
        json!({ "unit": watch.id, "kind": kind, "files": watch.patterns })
    };
    watched.iter().map(watch).collect()
}

/// The table of steps that were done.
pub fn steps(steps: &[StepReport]) -> String {
    let mut sorted: Vec<&StepReport> = steps.iter().collect();
    sorted.sort_by_key(|step| step.waited_ms);
    let rows: Vec<_> =
        sorted.iter().map(|step| [step.title.clone(), duration(step.waited_ms), duration(step.took_ms)]).collect();
    table(["STEP", "BEGAN AFTER", "TOOK"], &rows)
}

/// What a load did, in a line or two.
pub fn loaded(load: &LoadReport) -> String {
    let (created, found) = (load.created(), load.found());
    let (changed, removed) = (load.changed(), load.removed());
    let were = |one: &'static str, more: &'static str| {
        if load.is_dry {
            (one.replace("was", "would be"), more.replace("were", "would be"))
        } else {
            (one.to_owned(), more.to_owned())
        }
    };
    let counted = |rows: usize, (one, more): (String, String)| count(rows, &one, &more);
    let mut parts = Vec::new();
    if created > 0 {
        parts.push(counted(created, were("record was created", "records were created")));
    }
    if changed > 0 {
        parts.push(counted(changed, were("was changed", "were changed")));
    }
    if removed > 0 {
        parts.push(counted(removed, were("was removed", "were removed")));
    }
    let mut text = match (parts.is_empty(), found) {
        (true, 0) => "no records are declared\n".to_owned(),
        (true, 1) => "the record was there already; nothing was changed\n".to_owned(),
        (true, found) => format!("all {found} records were there already; nothing was changed\n"),
        (false, 0) => format!("{}\n", parts.join(", ")),
        (false, found) => format!("{}, {} there already\n", parts.join(", "), count(found, "was", "were")),
    };
    if !load.implied.is_empty() {
        writeln!(text, "implied, though no spec names them: {}", load.implied.join(", "))
            .expect("writing to a string cannot fail");
    }
    for difference in &load.differences {
        let Difference { record, field, is, declared } = difference;
        writeln!(text, "differs: {record}.{field} is {is}, the spec says {declared}")
            .expect("writing to a string cannot fail");
    }
    if load.differing > load.differences.len() {
        writeln!(text, "… and {} more", load.differing - load.differences.len())
            .expect("writing to a string cannot fail");
    }
    if load.differing > 0 {
        text.push_str("what differs was left as it is; `seedbed load SPEC --mode update` changes it\n");
    }
    for note in &load.notes {
        writeln!(text, "{note}").expect("writing to a string cannot fail");
    }
    text
}

pub fn services_json(services: &[ServiceReport]) -> Value {
    let service = |service: &ServiceReport| {
        json!({
            "service": service.id, "state": service.state, "ready": service.is_ready, "address": service.address,
            "pid": service.pid, "ready_ms": service.ready_ms, "started_now": service.started_now,
            "restarts": service.restarts, "last_end": service.last_end, "detail": service.detail,
            "last_lines": service.last_lines,
        })
    };
    services.iter().map(service).collect()
}

pub fn steps_json(steps: &[StepReport]) -> Value {
    let step = |step: &StepReport| json!({ "step": step.step, "title": step.title, "waited_ms": step.waited_ms, "took_ms": step.took_ms });
    steps.iter().map(step).collect()
}

pub fn load_json(load: &LoadReport) -> Value {
    let types: Vec<Value> = load
        .types
        .iter()
        .map(|report| {
            json!({
                "type": report.data_type, "created": report.created, "found": report.found, "changed": report.changed,
                "removed": report.removed,
            })
        })
        .collect();
    let differences = load.differences.iter().map(|difference| {
        json!({
            "record": difference.record, "field": difference.field, "is": difference.is,
            "declared": difference.declared,
        })
    });
    json!({
        "created": load.created(), "found": load.found(), "changed": load.changed(), "removed": load.removed(),
        "differing": load.differing, "differences": differences.collect::<Vec<_>>(), "implied": load.implied,
        "types": types, "notes": load.notes, "dry_run": load.is_dry,
    })
}

pub fn json(report: &UpReport) -> Value {
    json!({
        "workspace": report.workspace,
        "environment": report.environment,
        "profile": report.profile,
        "services": services_json(&report.services),
        "watched": watched_json(&report.watched),
        "steps": steps_json(&report.steps),
        "undeclared": report.undeclared,
        "load": report.load.as_ref().map(load_json),
        "total_ms": report.total_ms,
    })
}
