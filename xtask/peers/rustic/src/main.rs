//! `rustic_core` as a program of three commands, for `cargo xtask bench state`: create a repository, back a directory up, restore a snapshot.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use rustic_backend::BackendOptions;
use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, LocalDestination, LsOptions, OpenStatus, PathList,
    Repository, RepositoryOptions, RestoreOptions, SnapshotOptions,
};

const HELP: &str =
    "usage: bench_peer_rustic init REPOSITORY | backup REPOSITORY TAG DIRECTORY | restore REPOSITORY TAG DIRECTORY";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["init", repository] => init(repository),
        ["backup", repository, tag, directory] => backup(repository, tag, directory),
        ["restore", repository, tag, directory] => restore(repository, tag, directory),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// It always encrypts; the password protects nothing here.
fn credentials() -> Credentials {
    Credentials::password("bench")
}

fn closed(repository: &str) -> Result<Repository<()>> {
    let backends = BackendOptions::default().repository(repository).to_backends()?;
    Ok(Repository::new(&RepositoryOptions::default(), &backends)?)
}

fn open(repository: &str) -> Result<Repository<OpenStatus>> {
    Ok(closed(repository)?.open(&credentials())?)
}

fn init(repository: &str) -> Result<()> {
    closed(repository)?.init(&credentials(), &KeyOptions::default(), &ConfigOptions::default())?;
    Ok(())
}

fn backup(repository: &str, tag: &str, directory: &str) -> Result<()> {
    let repository = open(repository)?.to_indexed_ids()?;
    let source = PathList::from_string(directory)?.sanitize()?;
    let snapshot = SnapshotOptions::default().add_tags(tag)?.to_snapshot()?;
    let snapshot = repository.backup(&BackupOptions::default(), &source, snapshot)?;
    ensure!(snapshot.summary.is_some_and(|summary| summary.total_files_processed > 0), "the snapshot has no files");
    Ok(())
}

/// Brings `directory` to what the snapshot has of the same path; files that it does not have are removed.
fn restore(repository: &str, tag: &str, directory: &str) -> Result<()> {
    let repository = open(repository)?.to_indexed()?;
    let node =
        repository.node_from_snapshot_path(&format!("latest:{directory}"), |snapshot| snapshot.tags.contains(tag))?;
    let entries = repository.ls(&node, &LsOptions::default())?;
    let destination = LocalDestination::new(directory, true, !node.is_dir())?;
    let options = RestoreOptions::default().delete(true);
    let plan = repository.prepare_restore(&options, entries.clone(), &destination, false)?;
    repository.restore(plan, &options, entries, &destination)?;
    Ok(())
}
