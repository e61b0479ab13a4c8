//! The command line: what the service does, and what is done by hand; configured by environment variables.

use std::process::ExitCode;

use lms::{App, Config, ConfigError};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: lms serve | lms migrate | lms add-user [--staff] USERNAME EMAIL (the password on standard \
                     input) | lms add-client CLIENT_ID USERNAME | lms dev-passwords";
/// The exit code for a wrong call or a wrong setting.
const WRONG_USE: u8 = 2;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let url = Config::database_url_from_environment;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => with(Config::from_environment(), |config| run(serve(config))),
        ["migrate"] => with(url(), |url| run(migrate(url))),
        ["add-user", username, email] => with(url(), |url| run(add_user(url, username, email, false))),
        ["add-user", "--staff", username, email] => with(url(), |url| run(add_user(url, username, email, true))),
        ["add-client", client_id, username] => with(url(), |url| run(add_client(url, client_id, username))),
        ["dev-passwords"] => with(url(), |url| run(dev_passwords(url))),
        _ => wrong(&USAGE),
    }
}

fn with<T>(setting: Result<T, ConfigError>, command: impl FnOnce(T) -> ExitCode) -> ExitCode {
    setting.map_or_else(|error| wrong(&error), command)
}

/// One thread is enough for a development service, and starts at once.
fn run(command: impl Future<Output = Done>) -> ExitCode {
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

async fn serve(config: Config) -> Done {
    let app = App::build(&config).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!("listening on http://{}", app.address());
    app.run(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    })
    .await?;
    Ok(())
}

async fn migrate(database_url: String) -> Done {
    let applied = lms::migrate(&database_url).await?;
    for migration in &applied {
        println!("applied {:04} {}", migration.version, migration.name);
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    Ok(())
}

async fn add_user(database_url: String, username: &str, email: &str, is_staff: bool) -> Done {
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    lms::add_user(&database_url, username, email, password.trim_end_matches(['\r', '\n']), is_staff).await?;
    println!("made the user {username}");
    Ok(())
}

async fn add_client(database_url: String, client_id: &str, username: &str) -> Done {
    println!("{}", lms::add_client(&database_url, client_id, username).await?);
    Ok(())
}

async fn dev_passwords(database_url: String) -> Done {
    let key_file = Config::dev_passwords_key_file_from_environment()?;
    let passwords = lms::dev_passwords(&database_url, &key_file).await?;
    let longest = passwords.iter().map(|one| one.username.len()).max().unwrap_or_default();
    for one in &passwords {
        println!("{:longest$}  {}{}", one.username, one.password, if one.is_staff { "  staff" } else { "" });
    }
    if passwords.is_empty() {
        println!("all users have passwords of their own");
    }
    Ok(())
}
