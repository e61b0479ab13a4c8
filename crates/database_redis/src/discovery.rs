//! The search for a Redis on this machine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use database::{Binaries, ContainerError, EngineError, Image, ProgramFailure, Question, ServerFound, ServerRequest};

use crate::program::of_maker;

/// Directories that have programs, or whose entries with a prefix have, and where the programs are below those.
const INSTALLATIONS: [(&str, &str, &str); 9] = [
    ("/usr", "bin", ""),
    ("/usr/local", "bin", ""),
    ("/opt/homebrew/opt", "redis", "bin"),
    ("/opt/homebrew/opt", "valkey", "bin"),
    ("/usr/local/opt", "redis", "bin"),
    ("/usr/local/opt", "valkey", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "redis", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "valkey", "bin"),
    ("/opt", "redis", "bin"),
];

/// The programs that a usable installation has, without the maker's prefix.
const PROGRAMS: [&str; 3] = ["server", "cli", "check-rdb"];

/// What makers call their programs and their server, the preferred first, and the versions that are known to work.
///
/// `COPY`, logs in several files and `PEXPIRETIME` are from 7.0 on.
const MAKERS: [(&str, &str, std::ops::RangeInclusive<u32>); 2] =
    [("redis", "Redis", 7..=8), ("valkey", "Valkey", 7..=9)];

/// Where images have the programs, beside `PATH`.
const PLACES_IN_IMAGES: &str = "/usr/local/bin:/usr/bin:/opt/bitnami/redis/bin:/opt/bitnami/valkey/bin";

/// Finds the wanted version, or the newest: at the given place, or else wherever it is usually installed. A Valkey is taken
/// where no Redis fits.
pub(crate) fn find(request: &ServerRequest) -> Result<ServerFound, EngineError> {
    if let Some(Binaries::Image(image)) = &request.binaries {
        let mut looked = Vec::new();
        let asked = Binaries::Image(ask(image)?);
        return choose(&[asked], request, &mut looked).ok_or_else(|| {
            let wanted = request.version.as_deref().map_or("one of version 7.0 or newer", |version| version);
            let reason = format!("wanted is a Redis or Valkey, {wanted}; it has {}", looked.join(", "));
            ContainerError::Image { image: image.name.clone(), reason }.into()
        });
    }
    let directories: Vec<Binaries> = candidates(request).into_iter().map(Binaries::Directory).collect();
    let mut looked = Vec::new();
    choose(&directories, request, &mut looked).ok_or_else(|| not_found(request, looked))
}

/// Asks an image what is in it, if that is not known.
fn ask(image: &Image) -> Result<Image, EngineError> {
    let mut image = image.clone();
    let servers = MAKERS.map(|(prefix, ..)| format!("{prefix}-server"));
    let others = MAKERS.map(|(prefix, ..)| PROGRAMS[1..].iter().map(move |role| format!("{prefix}-{role}")));
    let others: Vec<String> = others.into_iter().flatten().collect();
    let user = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (servers, programs) = (servers.each_ref().map(String::as_str), others.iter().map(String::as_str));
    let programs: Vec<&str> = programs.collect();
    let question = Question { servers: &servers, programs: &programs, places: PLACES_IN_IMAGES, user };
    image.learn(&question)?;
    Ok(image)
}

/// Chooses the best server of the first maker that has one that fits.
fn choose(places: &[Binaries], request: &ServerRequest, looked: &mut Vec<String>) -> Option<ServerFound> {
    for (prefix, product, majors) in MAKERS {
        let mut best: Option<(Vec<u32>, ServerFound)> = None;
        for binaries in places {
            let found = match examine(binaries, prefix, product) {
                Ok(found) => found,
                Err(problem) => {
                    looked.push(format!("{binaries} ({problem})"));
                    continue;
                }
            };
            looked.push(format!("{binaries} ({product} {})", found.version));
            let numbers: Vec<u32> = found.version.split('.').filter_map(|part| part.parse().ok()).collect();
            let known = numbers.first().is_some_and(|major| majors.contains(major));
            let wanted = request.version.as_deref().is_none_or(|version| found.major() == version);
            // Of equals the first: candidates come in the order of preference.
            if known && wanted && best.as_ref().is_none_or(|(best, _)| numbers > *best) {
                best = Some((numbers, found));
            }
        }
        if let Some((_, found)) = best {
            return Some(found);
        }
    }
    None
}

fn not_found(request: &ServerRequest, mut looked: Vec<String>) -> EngineError {
    if request.binaries.is_none() {
        looked.push("PATH".to_owned());
        looked.extend(INSTALLATIONS.iter().map(|(place, prefix, below)| match *below {
            "" => format!("{place}/{prefix}"),
            below => format!("{place}/{prefix}*/{below}"),
        }));
    }
    let version = request.version.as_deref();
    EngineError::NotFound {
        wanted: version.map_or_else(|| "Redis 7 or 8".to_owned(), |version| format!("Redis {version}")),
        looked,
        install: "Install Redis (Debian and Ubuntu: the package redis-server; Homebrew: redis) or Valkey, version 7.0 or newer, \
                  or give the directory of its programs"
            .to_owned(),
    }
}

/// Lists the directories that may hold the programs.
fn candidates(request: &ServerRequest) -> Vec<PathBuf> {
    if let Some(binaries) = request.binaries.as_ref().and_then(Binaries::directory) {
        return vec![binaries.to_owned()];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|directory| directory.is_absolute()).collect();
    for (place, prefix, below) in INSTALLATIONS {
        if below.is_empty() {
            directories.push(Path::new(place).join(prefix));
            continue;
        }
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join(below))
            .collect();
        versions.sort();
        directories.append(&mut versions);
    }
    let has_server =
        |directory: &Path| MAKERS.iter().any(|(prefix, ..)| directory.join(format!("{prefix}-server")).is_file());
    let mut seen = HashSet::new();
    directories.retain(|directory| {
        has_server(directory) && seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.clone()))
    });
    directories
}

/// Checks that the programs of one maker are there, and asks for the version.
fn examine(binaries: &Binaries, prefix: &str, product: &str) -> Result<ServerFound, String> {
    for role in PROGRAMS {
        if !binaries.has(&[&format!("{prefix}-{role}")]) {
            return Err(format!("no {prefix}-{role}"));
        }
    }
    let mut program = of_maker(binaries, prefix, "server");
    let answer = match binaries.image().and_then(|image| image.contents.as_ref()) {
        Some(contents) => contents.version.clone(),
        None => program.argument("--version").run().map_err(|failure| match failure {
            ProgramFailure::Start(source) => format!("{prefix}-server does not start: {source}"),
            ProgramFailure::Status { status, .. } => format!("{prefix}-server --version: {status}"),
        })?,
    };
    let (said, version) = version(&answer).ok_or_else(|| format!("no version in {:?}", answer.trim()))?;
    // Some packages of Valkey have links with the names of Redis.
    if said != product {
        return Err(format!("{prefix}-server is {said} {version}"));
    }
    Ok(ServerFound { version, binaries: binaries.clone(), product: product.to_owned() })
}

/// Reads `Redis` and `7.0.15` in `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=…`.
fn version(answer: &str) -> Option<(String, String)> {
    let (product, rest) = answer.trim().split_once(" server v=")?;
    let end = rest.find(|character: char| !(character.is_ascii_digit() || character == '.')).unwrap_or(rest.len());
    (end > 0).then(|| (product.to_owned(), rest[..end].to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_says() {
        let cases = [
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=x\n", Some(("Redis", "7.0.15"))),
            ("Valkey server v=8.1.0-rc1 sha=0:0", Some(("Valkey", "8.1.0"))),
            ("KeyDB server v=6.3.4 sha=0:0", Some(("KeyDB", "6.3.4"))),
            ("Redis server v=unstable", None),
            ("redis 7", None),
        ];
        for (answer, expected) in cases {
            let found = version(answer);
            assert_eq!(found.as_ref().map(|(name, number)| (name.as_str(), number.as_str())), expected, "{answer}");
        }
    }

    /// The makers' programs with what they say, the version wanted, and what is found.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);

    /// Makes programs that say a version.
    fn installation(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (prefix, answer) in programs {
            for role in PROGRAMS {
                let path = directory.path().join(format!("{prefix}-{role}"));
                fs::write(&path, format!("#!/bin/sh\necho '{answer} sha=0'\n")).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        directory
    }

    #[test]
    fn a_valkey_is_found_where_no_redis_fits() {
        let (redis, valkey) = (("redis", "Redis server v=7.2.4"), ("valkey", "Valkey server v=8.0.1"));
        let alias = ("redis", "Valkey server v=8.0.1");
        let old = ("redis", "Redis server v=6.0.16");
        let cases: [Case; 7] = [
            (&[redis, valkey], None, Some("Redis 7.2.4")),
            (&[redis, valkey], Some("8"), Some("Valkey 8.0.1")),
            (&[redis, valkey], Some("9"), None),
            (&[alias, valkey], None, Some("Valkey 8.0.1")),
            (&[old, valkey], None, Some("Valkey 8.0.1")),
            (&[old], None, None),
            (&[old], Some("6"), None),
        ];
        for (programs, version, expected) in cases {
            let place = installation(programs);
            let request =
                ServerRequest { version: version.map(str::to_owned), binaries: Some(place.path().to_owned().into()) };
            match (find(&request), expected) {
                (Ok(found), Some(expected)) => assert_eq!(format!("{} {}", found.product, found.version), expected),
                (Err(error), None) => {
                    let said = programs[0].1.rsplit('=').next().unwrap();
                    assert!(error.to_string().contains(said), "it says what it found: {error}");
                }
                (found, _) => panic!("{programs:?}, {version:?}: {found:?}"),
            }
        }
    }
}
