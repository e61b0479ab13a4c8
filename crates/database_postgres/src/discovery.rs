//! The search for a PostgreSQL on this machine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use database::{
    Account, Binaries, ContainerError, EngineError, Image, ProgramFailure, Question, ServerFound, ServerRequest,
};

use crate::program::program;
use crate::server::ACCOUNTS;

/// Directories whose every entry may be a version, and where its programs are below it.
const INSTALLATIONS: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The programs that a usable installation has.
const PROGRAMS: [&str; 4] = ["postgres", "initdb", "pg_dump", "pg_restore"];

/// Programs that are not missed before they are used.
const MORE_PROGRAMS: [&str; 2] = ["psql", "pg_controldata"];

/// Where images have the programs, beside `PATH`, in which those of Debian have wrappers.
const PLACES_IN_IMAGES: &str = "/usr/lib/postgresql/*/bin:/usr/pgsql-*/bin:/opt/bitnami/postgresql/bin";

/// The versions that are known to work.
const MAJORS: std::ops::RangeInclusive<u32> = 13..=18;

/// Finds the wanted version, or the newest: at the given place, or else wherever it is usually installed.
pub(crate) fn find(request: &ServerRequest) -> Result<ServerFound, EngineError> {
    if let Some(Binaries::Image(image)) = &request.binaries {
        return find_in_image(image, request);
    }
    let mut looked = Vec::new();
    let mut best: Option<(Vec<u32>, ServerFound)> = None;
    for binaries in candidates(request) {
        let binaries = Binaries::Directory(binaries);
        let found = match examine(&binaries) {
            Ok(found) => found,
            Err(problem) => {
                looked.push(format!("{binaries} ({problem})"));
                continue;
            }
        };
        looked.push(format!("{binaries} (version {})", found.version));
        let numbers: Vec<u32> = found.version.split('.').filter_map(|part| part.parse().ok()).collect();
        let fits = fits(&found, request);
        // Of equals the first: candidates come in the order of preference.
        if fits && best.as_ref().is_none_or(|(best, _)| numbers > *best) {
            best = Some((numbers, found));
        }
    }
    best.map(|(_, found)| found).ok_or_else(|| not_found(request, looked))
}

/// Says whether a server is the wanted one.
fn fits(found: &ServerFound, request: &ServerRequest) -> bool {
    match &request.version {
        Some(version) => found.major() == version,
        None => found.major().parse().is_ok_and(|major| MAJORS.contains(&major)),
    }
}

/// Takes the server of an image, which is asked what is in it if that is not known.
fn find_in_image(image: &Image, request: &ServerRequest) -> Result<ServerFound, EngineError> {
    let unusable = |reason| ContainerError::Image { image: image.name.clone(), reason };
    let mut image = image.clone();
    let programs: Vec<&str> = PROGRAMS.iter().skip(1).chain(&MORE_PROGRAMS).copied().collect();
    let user = Account::numbers(Account::for_server(&ACCOUNTS)?.as_ref());
    let question = Question { servers: &PROGRAMS[..1], programs: &programs, places: PLACES_IN_IMAGES, user };
    image.learn(&question)?;
    let found = examine(&Binaries::Image(image.clone())).map_err(unusable)?;
    if fits(&found, request) {
        return Ok(found);
    }
    let wanted = request.version.as_deref().map_or_else(
        || format!("versions {} to {} are known to work", MAJORS.start(), MAJORS.end()),
        |version| format!("the wanted version is {version}"),
    );
    Err(unusable(format!("it has PostgreSQL {}, and {wanted}", found.version)).into())
}

fn not_found(request: &ServerRequest, mut looked: Vec<String>) -> EngineError {
    if request.binaries.is_none() {
        looked.push("PATH".to_owned());
        looked.extend(INSTALLATIONS.iter().map(|(place, prefix, below)| format!("{place}/{prefix}*/{below}")));
    }
    let version = request.version.as_deref();
    let package = version.map_or_else(|| "postgresql".to_owned(), |version| format!("postgresql-{version}"));
    EngineError::NotFound {
        wanted: version.map_or_else(|| "PostgreSQL".to_owned(), |version| format!("PostgreSQL {version}")),
        looked,
        install: format!(
            "Install PostgreSQL (Debian and Ubuntu: the package {package}; Homebrew: postgresql@{}), server and client \
             programs, or give the directory of its programs",
            version.unwrap_or("18")
        ),
    }
}

/// Lists the directories that may hold the programs.
fn candidates(request: &ServerRequest) -> Vec<PathBuf> {
    if let Some(binaries) = request.binaries.as_ref().and_then(Binaries::directory) {
        return vec![binaries.to_owned()];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories = Vec::new();
    // Where `/bin` is `/usr/bin`, its programs are asked once: the wrappers of Debian take their time.
    let mut seen = HashSet::new();
    let mut is_new = |directory: &Path| seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.to_owned()));
    for directory in std::env::split_paths(&path).filter(|directory| directory.is_absolute() && is_new(directory)) {
        // Debian puts only the client programs, as wrappers, and pg_config into PATH.
        if directory.join("pg_config").is_file()
            && let Ok(answer) = program(&directory.clone().into(), "pg_config").argument("--bindir").run()
        {
            directories.push(PathBuf::from(answer.trim()));
        }
        if directory.join("postgres").is_file() {
            directories.push(directory);
        }
    }
    for (place, prefix, below) in INSTALLATIONS {
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join(below))
            .filter(|directory| directory.join("postgres").is_file())
            .collect();
        versions.sort();
        directories.append(&mut versions);
    }
    let mut seen = HashSet::new();
    directories.retain(|directory| seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.clone())));
    directories
}

/// Checks that the programs are there, and asks for the version.
fn examine(binaries: &Binaries) -> Result<ServerFound, String> {
    for program in PROGRAMS {
        if !binaries.has(&[program]) {
            return Err(format!("no {program}"));
        }
    }
    let answer = match binaries.image().and_then(|image| image.contents.as_ref()) {
        Some(contents) => contents.version.clone(),
        None => program(binaries, "postgres").argument("--version").run().map_err(|failure| match failure {
            ProgramFailure::Start(source) => format!("postgres does not start: {source}"),
            ProgramFailure::Status { status, .. } => format!("postgres --version: {status}"),
        })?,
    };
    version(&answer)
        .map(|version| ServerFound { version, binaries: binaries.clone(), product: "PostgreSQL".to_owned() })
        .ok_or_else(|| format!("no version in {:?}", answer.trim()))
}

/// Reads `15.14` in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn version(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("(PostgreSQL) ")?;
    let word = rest.split_whitespace().next()?;
    let end = word.find(|character: char| !(character.is_ascii_digit() || character == '.')).unwrap_or(word.len());
    (end > 0).then(|| word[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_says() {
        let cases = [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some("15.14")),
            ("postgres (PostgreSQL) 18beta1", Some("18")),
            ("postgres (PostgreSQL) devel", None),
            ("postgres 15", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(version(answer).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn what_is_not_found_is_reported_with_the_places() {
        let place = tempfile::tempdir().unwrap();
        let request = ServerRequest { version: Some("15".into()), binaries: Some(place.path().to_owned().into()) };
        let error = find(&request).unwrap_err().to_string();
        assert!(
            error.contains("PostgreSQL 15") && error.contains("no postgres") && error.contains("postgresql-15"),
            "{error}"
        );
    }
}
