//! The data directory of a server: made new, or copied from the one that was made once for all servers of this machine.

use std::fs;
use std::io::ErrorKind;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use database::{
    Account, Binaries, Durability, EngineError, EngineKind, FileError, ServerFound, ServerPlace, Template, Unsettled,
};

use crate::program::program;
use crate::server::{ACCOUNTS, access, configuration, data, failed, write};
use crate::table::literal;

/// The role of Seedbed and of the services, a superuser of its private server.
pub(crate) const ROLE: &str = "seedbed";

/// The locales to try: characters are ordered by their code, the same on every machine, and letters are known if possible.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The first major version whose data directories have checksums unless told otherwise.
const CHECKSUMS_BY_DEFAULT: u32 = 18;

/// What a server does not do before it is settled.
const UNTIL_SETTLED: &str = "fsync = off\n";

/// Names the list of accounts in a container: `initdb` must know who it is.
fn accounts(place: &ServerPlace) -> PathBuf {
    place.directory.join("accounts")
}

/// Builds the data directory beside its place and renames it when it is complete and on the disk; or before that, with a mark
/// that says so.
pub(crate) fn make_data(
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let unfinished = place.directory.join("data.unfinished");
    remove(&unfinished)?;
    write_accounts(found, place, account)?;
    let is_copied = match template(found, place, account) {
        Some(template) => take_copy(&template, &unfinished, found, place, account)?,
        None => false,
    };
    if !is_copied {
        let password = place.directory.join("password.unfinished");
        write(&password, place.password.expose(), account)?;
        let built = build(&unfinished, Some(&password), found, place, account);
        let removed = fs::remove_file(&password);
        built?;
        removed.map_err(FileError::of("remove", &password))?;
    }
    let mark = Unsettled::of(&place.directory);
    let is_durable = match place.durability {
        Durability::Full => true,
        Durability::OnceSettled => !mark.set(UNTIL_SETTLED)?,
        Durability::Relaxed => false,
    };
    if is_durable {
        database::sync_all(&unfinished)?;
    }
    fs::rename(&unfinished, data(place)).map_err(FileError::of("rename", &unfinished))?;
    if is_durable { Ok(database::sync_directory(&place.directory)?) } else { Ok(()) }
}

/// Makes the template.
pub(crate) fn prepare_template(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    let account = Account::for_server(&ACCOUNTS)?;
    let Some(template) = template(found, place, account.as_ref()) else { return Ok(()) };
    template.make(|directory| {
        // Programs in a container reach nothing but the server's directory.
        let unfinished = place.directory.join("template.unfinished");
        remove(&unfinished)?;
        let made = build(&unfinished, None, found, place, account.as_ref())
            .and_then(|()| Ok(database::copy_tree(&unfinished, directory)?));
        remove(&unfinished)?;
        made
    })?;
    template.make_ready(|directory| account.as_ref().map_or(Ok(()), |account| account.give_all(directory)))
}

/// Names the template of a server's data directory, if there are templates.
fn template(found: &ServerFound, place: &ServerPlace, account: Option<&Account>) -> Option<Template> {
    let programs = match &found.binaries {
        Binaries::Directory(directory) => directory.display().to_string(),
        Binaries::Image(image) => image.id.clone(),
    };
    let (user, _) = Account::numbers(account);
    let words = format!("{} {} in {programs} as {user}, {}", found.product, found.version, LOCALES.join(" or "));
    place.templates.as_ref().map(|templates| Template::new(templates, EngineKind::Postgres, &words))
}

/// Copies the template, if there is one; a copy that is of no use goes.
fn take_copy(
    template: &Template,
    unfinished: &Path,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<bool, EngineError> {
    let copied = template.copy_to(unfinished).map_err(EngineError::from).and_then(|is_copied| {
        if is_copied {
            if let Some(account) = account {
                account.give_all(unfinished)?;
            }
            set_password(unfinished, found, place, account)?;
        }
        Ok(is_copied)
    });
    if copied.is_err() {
        remove(unfinished)?;
    }
    // What is wrong with the template is no reason not to do without.
    Ok(copied.unwrap_or(false))
}

/// Lets the server be entered with the password of its place.
pub(crate) fn set_password(
    data: &Path,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    write_accounts(found, place, account)?;
    let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
    let mut program = program(&found.binaries, "postgres");
    program.run_as(account).directory(&place.directory).share(&place.directory).accounts(&accounts(place));
    program.argument("--single").argument("-D").argument(data);
    program.argument("-c").argument(setting("config_file", &configuration(place)));
    program.argument("-c").argument(setting("hba_file", &access(place)));
    // Whoever made the files has them written to the disk. A statement that fails does not end the program, unless it is told to.
    program.argument("-c").argument("fsync=off").argument("-c").argument("exit_on_error=on").argument("postgres");
    let path = program.path().to_owned();
    let sql = format!("ALTER ROLE {ROLE} PASSWORD {}\n", literal(place.password.expose()));
    program.feed(|input| input.write_all(sql.as_bytes())).map_err(|failure| failed(path, failure))
}

fn build(
    unfinished: &Path,
    password: Option<&Path>,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let mut failure = None;
    for locale in LOCALES {
        remove(unfinished)?;
        match initdb(unfinished, password, locale, found, place, account) {
            Ok(()) => return Ok(()),
            // The first failure tells more, unless the second locale helps.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.expect("the list of locales is not empty"))
}
/// Writes the list of accounts for programs in containers that ask who they are.
fn write_accounts(found: &ServerFound, place: &ServerPlace, account: Option<&Account>) -> Result<(), EngineError> {
    if found.binaries.image().is_none() {
        return Ok(());
    }
    let (user, group) = Account::numbers(account);
    write(&accounts(place), &format!("{ROLE}:x:{user}:{group}::/:/bin/sh\n"), account)
}

/// Removes a directory in which the children of a killed program may still be at work for a moment.
fn remove(directory: &Path) -> Result<(), FileError> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir_all(directory) {
            Err(source) if source.kind() == ErrorKind::DirectoryNotEmpty && Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
            }
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(FileError::of("remove", directory)(source));
            }
            _ => return Ok(()),
        }
    }
}

fn initdb(
    unfinished: &Path,
    password: Option<&Path>,
    locale: &str,
    found: &ServerFound,
    place: &ServerPlace,
    account: Option<&Account>,
) -> Result<(), EngineError> {
    let mut program = program(&found.binaries, "initdb");
    program.run_as(account).directory(&place.directory).share(&place.directory).accounts(&accounts(place));
    program.argument("-D").argument(unfinished);
    program.argument("--username").argument(ROLE);
    match password {
        Some(password) => program.argument("--auth=scram-sha-256").argument("--pwfile").argument(password),
        // Nobody enters it before it has one.
        None => program.argument("--auth=reject"),
    };
    program.argument("--encoding=UTF8").argument(format!("--locale={locale}"));
    // Everything is synced once, when it is complete.
    program.argument("--no-sync");
    if found.major().parse::<u32>().is_ok_and(|major| major >= CHECKSUMS_BY_DEFAULT) {
        program.argument("--no-data-checksums");
    }
    let path = program.path().to_owned();
    program.run().map(drop).map_err(|failure| failed(path, failure))
}
