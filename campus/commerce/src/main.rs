//! The command line: `commerce serve`, `commerce migrate`, `commerce publish`, configured by environment variables.

use std::process::ExitCode;

use commerce::{App, Config, PublishConfig};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: commerce serve | commerce migrate | commerce publish [COURSE_KEY]";
/// The exit code for a wrong call or a wrong setting.
const WRONG_USE: u8 = 2;

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => Config::from_environment().map_or_else(|error| wrong(&error), |config| run(serve(config))),
        ["migrate"] => {
            commerce::database_url_from_environment().map_or_else(|error| wrong(&error), |url| run(migrate(url)))
        }
        ["publish"] => publish_from_environment(None),
        ["publish", key] => publish_from_environment(Some(key)),
        _ => wrong(&USAGE),
    }
}

/// One thread is enough for a development service, and starts at once.
fn run(command: impl Future<Output = Outcome>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(command)).unwrap_or_else(|error| {
        eprintln!("commerce: {}", with_sources(error.as_ref()));
        ExitCode::FAILURE
    })
}

fn wrong(reason: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("commerce: {reason}");
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
    let applied = commerce::migrate(&database_url).await?;
    for migration in &applied {
        println!("applied {:04} {}", migration.version, migration.name);
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    Ok(ExitCode::SUCCESS)
}

fn publish_from_environment(key: Option<&str>) -> ExitCode {
    PublishConfig::from_environment().map_or_else(|error| wrong(&error), |config| run(publish(config, key)))
}

/// Says for each course what became of it; one failure does not keep the others from being published.
async fn publish(config: PublishConfig, key: Option<&str>) -> Outcome {
    let mut outcome = ExitCode::SUCCESS;
    for report in commerce::publish(&config, key).await? {
        match report.result {
            Ok(modes) => println!("published {} with {modes} modes", report.course_key),
            Err(error) => {
                eprintln!("commerce: {} is not published: {}", report.course_key, with_sources(&error));
                outcome = ExitCode::FAILURE;
            }
        }
    }
    Ok(outcome)
}
