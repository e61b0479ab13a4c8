//! The command line: `lms serve` and `lms migrate`, configured by environment variables.

use std::process::ExitCode;

use lms::{App, Config};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: lms serve | lms migrate";
/// The exit code for a wrong call or a wrong setting.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => Config::from_environment().map_or_else(|error| wrong(&error), |config| run(serve(config))),
        ["migrate"] => {
            lms::Config::database_url_from_environment().map_or_else(|error| wrong(&error), |url| run(migrate(url)))
        }
        _ => wrong(&USAGE),
    }
}

/// One thread is enough for a development service, and starts at once.
fn run(command: impl Future<Output = Result<(), Box<dyn std::error::Error>>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lms: {}", with_sources(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn wrong(reason: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("lms: {reason}");
    ExitCode::from(WRONG_USE)
}

fn with_sources(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

async fn serve(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let app = App::build(&config).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!("listening on http://{}", app.address());
    app.run(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    })
    .await?;
    Ok(())
}

async fn migrate(database_url: String) -> Result<(), Box<dyn std::error::Error>> {
    let applied = lms::migrate(&database_url).await?;
    for migration in &applied {
        println!("applied {:04} {}", migration.version, migration.name);
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    Ok(())
}
