//! The search for a MariaDB or a MySQL on this machine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use database::{
    Account, Binaries, ContainerError, EngineError, Image, ProgramFailure, Question, ServerFound, ServerRequest,
};

use crate::program::{CLIENT, DUMP, INSTALL, SERVER, locate, program};
use crate::server::ACCOUNTS;

/// Where servers usually are; a `*` stands for the rest of a name.
const INSTALLATIONS: [&str; 9] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/opt/homebrew/opt/m*/bin",
    "/usr/local/opt/m*/bin",
    "/home/linuxbrew/.linuxbrew/opt/m*/bin",
];

/// Where images have the programs, beside `PATH`.
const PLACES_IN_IMAGES: &str = "/usr/sbin:/usr/bin:/usr/libexec:/opt/bitnami/mariadb/*bin:/opt/bitnami/mysql/*bin";

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
        looked.push(format!("{binaries} ({} {})", found.product, found.version));
        let numbers = numbers(&found.version);
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
    let numbers = numbers(&found.version);
    match &request.version {
        Some(version) => numbers.starts_with(&self::numbers(version)),
        None => works(&found.product, &numbers),
    }
}

/// Takes the server of an image, which is asked what is in it if that is not known.
fn find_in_image(image: &Image, request: &ServerRequest) -> Result<ServerFound, EngineError> {
    let unusable = |reason| ContainerError::Image { image: image.name.clone(), reason };
    let mut image = image.clone();
    let programs = [CLIENT, DUMP, INSTALL].concat();
    let user = Account::numbers(Account::for_server(&ACCOUNTS)?.as_ref());
    let question = Question { servers: &SERVER, programs: &programs, places: PLACES_IN_IMAGES, user };
    image.learn(&question)?;
    let found = examine(&Binaries::Image(image.clone())).map_err(unusable)?;
    if fits(&found, request) {
        return Ok(found);
    }
    let wanted = request.version.as_deref().map_or_else(
        || "MariaDB 10.5, MySQL 8.0 or newer is needed".to_owned(),
        |version| format!("the wanted version is {version}"),
    );
    Err(unusable(format!("it has {} {}, and {wanted}", found.product, found.version)).into())
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Says whether a version has what the driver needs.
fn works(product: &str, numbers: &[u32]) -> bool {
    let oldest: &[u32] = if product == "MariaDB" { &[10, 5] } else { &[8, 0] };
    numbers >= oldest
}

fn not_found(request: &ServerRequest, mut looked: Vec<String>) -> EngineError {
    if request.binaries.is_none() {
        looked.push("PATH".to_owned());
        looked.extend(INSTALLATIONS.iter().map(ToString::to_string));
    }
    let version = request.version.as_deref();
    // MySQL counts to 9, and MariaDB from 10.
    let (product, package, formula) = match version.map(|version| numbers(version).first().copied().unwrap_or(0)) {
        Some(major) if major < 10 => ("MySQL", "mysql-server", "mysql"),
        Some(_) => ("MariaDB", "mariadb-server", "mariadb"),
        None => ("MariaDB or MySQL", "mariadb-server", "mariadb"),
    };
    EngineError::NotFound {
        wanted: version.map_or_else(|| product.to_owned(), |version| format!("{product} {version}")),
        looked,
        install: format!(
            "Install {product} (Debian and Ubuntu: the package {package}; Homebrew: {formula}{}), server and client \
             programs, or give the directory of the server's program",
            version.map(|version| format!("@{version}")).unwrap_or_default()
        ),
    }
}

/// Lists the directories that may hold the server.
fn candidates(request: &ServerRequest) -> Vec<PathBuf> {
    if let Some(binaries) = request.binaries.as_ref().and_then(Binaries::directory) {
        return vec![binaries.to_owned()];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).filter(|path| path.is_absolute()).collect();
    for place in INSTALLATIONS {
        match place.split_once('*') {
            None => directories.push(PathBuf::from(place)),
            Some((start, rest)) => directories.extend(expand(Path::new(start), rest.trim_start_matches('/'))),
        }
    }
    let mut seen = HashSet::new();
    directories.retain(|directory| {
        SERVER.iter().any(|server| directory.join(server).is_file())
            && seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.clone()))
    });
    directories
}

/// Lists the directories whose path begins in one way, each with something below it.
fn expand(start: &Path, below: &str) -> Vec<PathBuf> {
    let (Some(parent), Some(prefix)) = (start.parent(), start.file_name()) else { return Vec::new() };
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&*prefix.to_string_lossy()))
        .map(|entry| entry.path().join(below))
        .collect();
    found.sort();
    found
}

/// Asks for the version, and checks that the other programs are there.
fn examine(binaries: &Binaries) -> Result<ServerFound, String> {
    if !has(binaries, &SERVER) {
        return Err(format!("no {}", SERVER.join(" or ")));
    }
    let answer = match binaries.image().and_then(|image| image.contents.as_ref()) {
        Some(contents) => contents.version.clone(),
        None => program(binaries, &SERVER).argument("--version").run().map_err(|failure| match failure {
            ProgramFailure::Start(source) => format!("the server does not start: {source}"),
            ProgramFailure::Status { status, .. } => format!("--version: {status}"),
        })?,
    };
    let Some((product, version)) = identity(&answer) else { return Err(format!("no version in {:?}", answer.trim())) };
    let mut programs = vec![CLIENT, DUMP];
    if product == "MariaDB" {
        programs.push(INSTALL);
    }
    for names in programs {
        if !has(binaries, &names) {
            return Err(format!("{product} {version} without the program {}", names.join(" or ")));
        }
    }
    Ok(ServerFound { version, binaries: binaries.clone(), product: product.to_owned() })
}

/// Says whether a program is there, by one of its names.
fn has(binaries: &Binaries, names: &[&str]) -> bool {
    match binaries {
        Binaries::Directory(_) => locate(binaries, names).is_file(),
        Binaries::Image(_) => binaries.has(names),
    }
}

/// Reads `10.11.19` in `mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`.
fn identity(answer: &str) -> Option<(&'static str, String)> {
    let (_, rest) = answer.split_once("Ver ")?;
    let word = rest.split_whitespace().next()?;
    let end = word.find(|character: char| !(character.is_ascii_digit() || character == '.')).unwrap_or(word.len());
    let product = if word.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    (end > 0).then(|| (product, word[..end].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_and_version_are_read_from_what_the_server_says() {
        let cases = [
            (
                "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n",
                Some(("MariaDB", "10.11.19")),
            ),
            (
                "/usr/sbin/mysqld  Ver 8.0.39 for Linux on x86_64 (MySQL Community Server - GPL)",
                Some(("MySQL", "8.0.39")),
            ),
            ("mysqld  Ver 8.4.2-0ubuntu1 for Linux", Some(("MySQL", "8.4.2"))),
            ("mysqld  Ver x", None),
            ("mysqld 8", None),
        ];
        for (answer, expected) in cases {
            let expected = expected.map(|(product, version)| (product, version.to_owned()));
            assert_eq!(identity(answer), expected, "{answer}");
        }
    }

    #[test]
    fn what_is_not_found_is_reported_with_the_places() {
        let place = tempfile::tempdir().unwrap();
        let request = ServerRequest { version: Some("11.4".into()), binaries: Some(place.path().to_owned().into()) };
        let error = find(&request).unwrap_err().to_string();
        assert!(
            error.contains("MariaDB 11.4") && error.contains("no mariadbd") && error.contains("mariadb-server"),
            "{error}"
        );
        let request = ServerRequest { version: Some("8".into()), ..request };
        let error = find(&request).unwrap_err().to_string();
        assert!(error.contains("MySQL 8") && error.contains("mysql-server"), "{error}");
    }
}
