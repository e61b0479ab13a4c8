//! The command line: `programs serve`, `programs migrate`, `programs sync`, configured by environment variables.

use std::process::ExitCode;

use programs::{App, Config, SyncConfig};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: programs serve | programs migrate | programs sync [--commit]";
/// The exit code for a wrong call or a wrong setting.
const WRONG_USE: u8 = 2;

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => Config::from_environment().map_or_else(|error| wrong(&error), |config| run(serve(config))),
        ["migrate"] => {
            programs::database_url_from_environment().map_or_else(|error| wrong(&error), |url| run(migrate(url)))
        }
        ["sync"] => sync_from_environment(false),
        ["sync", "--commit"] => sync_from_environment(true),
        _ => wrong(&USAGE),
    }
}

/// One thread is enough for a development service, and starts at once.
fn run(command: impl Future<Output = Outcome>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(command)).unwrap_or_else(|error| {
        eprintln!("programs: {}", with_sources(error.as_ref()));
        ExitCode::FAILURE
    })
}

fn wrong(reason: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("programs: {reason}");
    ExitCode::from(WRONG_USE)
}

fn with_sources(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

async fn serve(config: Config) -> Outcome {
    let app = App::build(&config).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!("listening on http://{}", app.address());
    app.run(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

async fn migrate(database_url: String) -> Outcome {
    let applied = programs::migrate(&database_url).await?;
    for migration in &applied {
        println!("applied {:04} {}", migration.version, migration.name);
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    Ok(ExitCode::SUCCESS)
}

fn sync_from_environment(commit: bool) -> ExitCode {
    SyncConfig::from_environment().map_or_else(|error| wrong(&error), |config| run(sync(config, commit)))
}

async fn sync(config: SyncConfig, commit: bool) -> Outcome {
    let changes = programs::synchronize(&config, commit).await?;
    for organization in &changes.new_organizations {
        println!("create organization {} ({})", organization.key, organization.display_name);
    }
    for organization in &changes.renamed_organizations {
        println!("rename organization {} ({})", organization.key, organization.display_name);
    }
    for code in &changes.new_course_codes {
        println!("create course code {} of {} ({})", code.key, code.organization, code.display_name);
    }
    for run in &changes.new_runs {
        println!("create course run {} ({})", run.course_key, run.name);
    }
    for run in &changes.changed_runs {
        println!("update course run {} ({})", run.course_key, run.name);
    }
    for key in &changes.withdrawn_runs {
        println!("withdraw course run {key}");
    }
    println!(
        "{} to create, {} to update, {} to withdraw, {} unchanged: {}",
        changes.new_organizations.len() + changes.new_course_codes.len() + changes.new_runs.len(),
        changes.renamed_organizations.len() + changes.changed_runs.len(),
        changes.withdrawn_runs.len(),
        changes.unchanged,
        match (changes.is_empty(), commit) {
            (true, _) => "nothing to write",
            (false, true) => "written",
            (false, false) => "nothing is written without --commit",
        }
    );
    Ok(ExitCode::SUCCESS)
}
