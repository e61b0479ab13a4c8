//! Single files by address: dumps to begin with, archives with servers.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use reqwest::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Response, StatusCode, Url};

use crate::checksum::{Checksum, Hasher};
use crate::error::RemoteError;
use crate::http::{self, Http};
use crate::location::shown;
use crate::settings::Settings;
use crate::website;

/// How often in a row it may fail without a byte more.
const FAILURES: u32 = 6;

/// How an attempt ended.
enum Outcome {
    Whole,
    /// It may be tried again; whether there are more bytes than before.
    Cut {
        advanced: bool,
        cause: RemoteError,
    },
}

/// Brings the file at `url` (`https`, `http`, `file`, or a path) to `to`, which appears whole or not at all.
///
/// What came before an interruption lies in `to` with `.part` at its end, and is gone on with, also by the next process,
/// if the server says that the file is still the same. With a checksum nothing else appears at `to`, and a file that is
/// there and has it is not fetched again. `progress` is told the bytes that are there and, if known, how many there will be.
pub fn fetch(
    url: &str,
    checksum: Option<&Checksum>,
    to: &Path,
    settings: &Settings,
    progress: &dyn Fn(u64, Option<u64>),
) -> Result<(), RemoteError> {
    if is_there(to, checksum)? {
        return Ok(());
    }
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).map_err(file("create", directory))?;
    }
    let part = beside(to, ".part");
    // Two that fetch the same: the second waits, and mostly finds that there is nothing to do.
    let mut target = own(&part)?;
    if is_there(to, checksum)? {
        let _ = fs::remove_file(&part);
        return Ok(());
    }
    match Url::parse(url) {
        Ok(address) if matches!(address.scheme(), "http" | "https") => {
            download(address, &mut target, to, settings, progress)?;
        }
        Ok(address) if address.scheme() == "file" => {
            let path = address.to_file_path().map_err(|()| RemoteError::BadUrl {
                url: url.to_owned(),
                reason: "it names no file of this machine".to_owned(),
            })?;
            copy(&path, &mut target, &part, progress)?;
        }
        Err(_) => copy(Path::new(url), &mut target, &part, progress)?,
        Ok(_) => {
            return Err(RemoteError::BadUrl {
                url: shown(url),
                reason: "files are fetched from https, http and file addresses".to_owned(),
            });
        }
    }
    if let Some(expected) = checksum {
        let found = digest(&part, expected)?;
        if found != *expected {
            // Going on with what is wrong would never come to an end.
            let _ = fs::remove_file(&part);
            let _ = fs::remove_file(beside(to, ".from"));
            return Err(RemoteError::Checksum {
                url: shown(url),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }
    target.sync_all().map_err(file("write", &part))?;
    fs::rename(&part, to).map_err(file("rename", &part))?;
    let _ = fs::remove_file(beside(to, ".from"));
    let directory = to.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(file("write", directory))
}

/// Whether the file that is meant is there already, which only a checksum can tell.
fn is_there(to: &Path, checksum: Option<&Checksum>) -> Result<bool, RemoteError> {
    match checksum {
        Some(expected) if to.is_file() => Ok(digest(to, expected)? == *expected),
        _ => Ok(false),
    }
}

/// Opens the part for this process alone.
fn own(part: &Path) -> Result<File, RemoteError> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let target = options.open(part).map_err(file("open", part))?;
        target.lock().map_err(file("lock", part))?;
        let ours = target.metadata().map_err(file("read", part))?;
        // Whoever had it before us may have finished and given it its name, under which it must not be touched.
        match fs::metadata(part) {
            Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => return Ok(target),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file("read", part)(error)),
            _ => {}
        }
    }
}

fn download(
    mut address: Url,
    target: &mut File,
    to: &Path,
    settings: &Settings,
    progress: &dyn Fn(u64, Option<u64>),
) -> Result<(), RemoteError> {
    let place = shown(address.as_str());
    let login = website::login(&mut address);
    let http = Http::new(settings)?;
    let from = beside(to, ".from");
    let part = beside(to, ".part");
    let mut failures = 0;
    loop {
        let have = target.seek(SeekFrom::End(0)).map_err(file("read", &part))?;
        // Which file the part is of: its address and what the server called its state.
        let state =
            fs::read_to_string(&from).ok().and_then(|text| text.strip_prefix(&format!("{place}\n")).map(str::to_owned));
        let request = website::with_login(http.client().get(address.clone()), login.as_ref());
        let request = match state.filter(|_| have > 0) {
            Some(state) => request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, state),
            None => request,
        };
        let outcome = http.wait(async {
            let cut = |cause, advanced| Ok(Outcome::Cut { advanced, cause });
            let unreachable =
                |source| RemoteError::Unreachable { place: place.clone(), attempts: failures + 1, source };
            let response = match tokio::time::timeout(http.silence(), request.send()).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return cut(unreachable(error.without_url().into()), false),
                Err(silence) => return cut(unreachable(silence.into()), false),
            };
            let status = response.status();
            let answer = || RemoteError::Answer {
                place: place.clone(),
                status: status.as_u16(),
                answer: status.canonical_reason().unwrap_or_default().to_owned(),
            };
            if http::is_transient(status) {
                return cut(answer(), false);
            }
            let begin = match status {
                StatusCode::OK => 0,
                StatusCode::PARTIAL_CONTENT => have,
                StatusCode::RANGE_NOT_SATISFIABLE => {
                    // The part is longer than the file, or as long: begin again.
                    target.set_len(0).map_err(file("write", &part))?;
                    return cut(answer(), false);
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    let credentials = if login.is_some() { "of the address" } else { "none" }.to_owned();
                    return Err(RemoteError::Denied {
                        place: place.clone(),
                        status: status.as_u16(),
                        credentials,
                        answer: String::new(),
                    });
                }
                _ => return Err(answer()),
            };
            if status == StatusCode::PARTIAL_CONTENT && range_begin(&response) != Some(have) {
                return Err(RemoteError::Malformed {
                    place: place.clone(),
                    reason: "it sent another range than was asked for".to_owned(),
                });
            }
            if begin == 0 {
                target.set_len(0).map_err(file("write", &part))?;
                target.seek(SeekFrom::Start(0)).map_err(file("write", &part))?;
                // Without a name for the state, the next attempt begins again.
                let state = validator(&response).map_or_else(String::new, |state| format!("{place}\n{state}"));
                fs::write(&from, state).map_err(file("write", &from))?;
            }
            let total = response.content_length().map(|rest| begin + rest);
            let mut response = response;
            let mut there = begin;
            progress(there, total);
            loop {
                match tokio::time::timeout(http.silence(), response.chunk()).await {
                    Ok(Ok(Some(bytes))) => {
                        target.write_all(&bytes).map_err(file("write", &part))?;
                        there += bytes.len() as u64;
                        progress(there, total);
                    }
                    Ok(Ok(None)) => return Ok(Outcome::Whole),
                    Ok(Err(error)) => return cut(unreachable(error.without_url().into()), there > begin),
                    Err(silence) => return cut(unreachable(silence.into()), there > begin),
                }
            }
        })?;
        match outcome {
            Outcome::Whole => return Ok(()),
            Outcome::Cut { advanced, cause } => {
                failures = if advanced { 1 } else { failures + 1 };
                if failures >= FAILURES {
                    return Err(cause);
                }
                http.wait(async { tokio::time::sleep(http::pause(failures)).await });
            }
        }
    }
}

/// A strong name of the file's state, as `If-Range` wants it.
fn validator(response: &Response) -> Option<String> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    header(ETAG).filter(|etag| !etag.starts_with("W/")).or_else(|| header(LAST_MODIFIED))
}

fn range_begin(response: &Response) -> Option<u64> {
    response.headers().get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn copy(source: &Path, target: &mut File, part: &Path, progress: &dyn Fn(u64, Option<u64>)) -> Result<(), RemoteError> {
    let mut input = File::open(source).map_err(file("read", source))?;
    let total = input.metadata().map_err(file("read", source))?.len();
    target.set_len(0).and_then(|()| target.rewind()).map_err(file("write", part))?;
    let mut there = 0;
    each_chunk(&mut input, |bytes| {
        target.write_all(bytes).map_err(file("write", part))?;
        there += bytes.len() as u64;
        progress(there, Some(total));
        Ok(())
    })
    .map_err(|error| error.unwrap_or_else(|source_error| file("read", source)(source_error)))
}

fn digest(path: &Path, like: &Checksum) -> Result<Checksum, RemoteError> {
    let mut hasher = Hasher::like(like);
    let mut input = File::open(path).map_err(file("read", path))?;
    each_chunk(&mut input, |bytes| {
        hasher.update(bytes);
        Ok(())
    })
    .map_err(|error| error.unwrap_or_else(file("read", path)))?;
    Ok(hasher.finish())
}

/// Hands out a file in pieces. The inner error of the two is of reading.
fn each_chunk(
    input: &mut File,
    mut each: impl FnMut(&[u8]) -> Result<(), RemoteError>,
) -> Result<(), Result<RemoteError, std::io::Error>> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => each(&buffer[..length]).map_err(Ok)?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Err(error)),
        }
    }
}

fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn file<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> RemoteError + 'a {
    move |source| RemoteError::File { action, path: path.to_owned(), source }
}
