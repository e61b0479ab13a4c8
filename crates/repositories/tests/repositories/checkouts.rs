//! What is fetched, what it becomes on the disk, and what needs no network.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use repositories::{RepositoryError, ResolvedKind};

use crate::remote::{Remote, files, size};

#[test]
fn a_commit_is_fetched_once_and_had_without_a_network_from_then_on() {
    let remote = Remote::new();
    remote.write("seedbed.yaml", "name: lms\n");
    remote.write("bin/run", "#!/bin/sh\n");
    fs::set_permissions(remote.root().join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    remote.link("deep/link", "../bin/run");
    let first = remote.commit("first");
    let (directory, digest) = remote.checkout(&first, ".").unwrap();
    let run = "#!/bin/sh\n".to_owned();
    assert_eq!(
        files(&directory),
        [
            ("bin/run".to_owned(), run.clone()),
            ("deep/link".to_owned(), run),
            ("seedbed.yaml".to_owned(), "name: lms\n".to_owned())
        ]
    );
    assert_eq!(fs::metadata(directory.join("bin/run")).unwrap().permissions().mode() & 0o111, 0o111);

    remote.write("seedbed.yaml", "name: other\n");
    let second = remote.commit("second");
    remote.vanish();
    assert_eq!(remote.checkout(&first, ".").unwrap(), (directory, digest.clone()));
    let error = remote.checkout(&second, ".").unwrap_err();
    assert!(matches!(&error, RepositoryError::Unreachable { .. }), "{error}");
    assert!(error.help().unwrap().contains("git ls-remote"), "{error}");
    remote.appear();
    let (other, other_digest) = remote.checkout(&second, ".").unwrap();
    assert_eq!(fs::read_to_string(other.join("seedbed.yaml")).unwrap(), "name: other\n");
    assert_ne!(digest, other_digest);
}

#[test]
fn only_the_path_that_is_wanted_is_fetched() {
    let remote = Remote::new();
    remote.write("lms/seedbed.yaml", "name: lms\n");
    remote.write("shared/lib.rs", "lib\n");
    // Nothing that compresses.
    let noise: String =
        (0..2_000_000_u32).map(|n| char::from(b'!' + ((n.wrapping_mul(2_654_435_761) >> 13) % 90) as u8)).collect();
    for copy in 0..4 {
        remote.write(&format!("big/{copy}"), &format!("{copy}{noise}"));
    }
    let commit = remote.commit("all");
    let (directory, digest) = remote.checkout(&commit, "lms").unwrap();
    assert_eq!(files(&directory), [("seedbed.yaml".to_owned(), "name: lms\n".to_owned())]);
    assert!(!directory.join("../shared").exists() && !directory.join("../big").exists());
    let small = size(&remote.cache_directory());
    assert!(small < 200_000, "{small} bytes are here");

    // What is asked for later lies beside it, where the repository has it.
    remote.checkout(&commit, "shared").unwrap();
    assert!(directory.join("../shared/lib.rs").is_file());
    let (whole, _) = remote.checkout(&commit, ".").unwrap();
    assert!(whole.join("big/3").is_file() && size(&remote.cache_directory()) > 8_000_000);
    assert_eq!(remote.checkout(&commit, "lms").unwrap(), (directory, digest));
}

#[test]
fn the_digest_is_of_the_content_wherever_it_lies() {
    let (one, other) = (Remote::new(), Remote::new());
    one.write("a/seedbed.yaml", "name: a\n");
    other.write("deep/er/seedbed.yaml", "name: a\n");
    let digest = |remote: &Remote, path| remote.checkout(&remote.commit("all"), path).unwrap().1;
    let same = digest(&one, "a");
    assert_eq!(same, digest(&other, "deep/er"));
    other.write("deep/er/more", "");
    assert_ne!(same, digest(&other, "deep/er"));
}

#[test]
fn what_the_user_has_set_for_line_ends_and_filters_changes_no_content() {
    let remote = Remote::new();
    remote.write(".gitattributes", "* text=auto eol=crlf filter=shout ident export-subst\nhidden export-ignore\n");
    remote.write("a.txt", "one\ntwo $Id$ $Format:%H$\n");
    remote.write("hidden", "there\n");
    let commit = remote.commit("all");
    let home = remote.cache_directory().with_file_name(".gitconfig");
    fs::write(home, "[core]\n\tautocrlf = true\n[filter \"shout\"]\n\tsmudge = tr a-z A-Z\n\trequired = true\n")
        .unwrap();
    let (directory, _) = remote.checkout(&commit, ".").unwrap();
    assert_eq!(fs::read_to_string(directory.join("a.txt")).unwrap(), "one\ntwo $Id$ $Format:%H$\n");
    assert!(directory.join("hidden").is_file());
}

#[test]
fn branches_tags_and_commits_are_resolved() {
    let remote = Remote::new();
    let first = remote.commit("first");
    remote.git(&["tag", "--annotate", "--message", "one", "v1"]);
    remote.git(&["branch", "release/1"]);
    let second = remote.commit("second");
    remote.with_cache(|cache| {
        let repository = cache.repository(&remote.address());
        for (reference, commit, kind) in [
            (None, &second, ResolvedKind::Default),
            (Some("main"), &second, ResolvedKind::Branch),
            (Some("release/1"), &first, ResolvedKind::Branch),
            (Some("v1"), &first, ResolvedKind::Tag),
            (Some(first.as_str()), &first, ResolvedKind::Commit),
        ] {
            let resolved = repository.resolve(reference).unwrap();
            assert_eq!((&resolved.commit, resolved.kind), (commit, kind), "{reference:?}");
        }
        let error = repository.resolve(Some("realese/1")).unwrap_err();
        assert!(error.help().unwrap().contains("`release/1`"), "{error}");
    });
}

#[test]
fn a_history_is_told_without_its_files() {
    let remote = Remote::new();
    remote.write("seedbed.yaml", "name: lms\n");
    let first = remote.commit("first");
    remote.checkout(&first, ".").unwrap();
    for number in 0..3 {
        remote.commit(&format!("change {number}"));
    }
    let last = remote.head();
    let history = |from, to| remote.with_cache(|cache| cache.repository(&remote.address()).history(from, to).unwrap());
    let there = history(&first, &last);
    assert_eq!((there.ahead, there.behind, there.is_cut), (3, 0, false));
    assert_eq!(
        there.newest.iter().map(|commit| commit.subject.as_str()).collect::<Vec<_>>(),
        ["change 2", "change 1", "change 0"]
    );
    let back = history(&last, &first);
    assert_eq!((back.ahead, back.behind), (0, 3));
    // Who had more of the history can still have files of it.
    remote.checkout(&last, ".").unwrap();
}

#[test]
fn many_at_once_fetch_it_once() {
    let remote = Remote::new();
    for number in 0..50 {
        remote.write(&format!("files/{number}"), &number.to_string());
    }
    let commit = remote.commit("all");
    let digests: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|_| scope.spawn(|| remote.checkout(&commit, "files").unwrap().1)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
    let told = remote.told.lock().unwrap();
    assert_eq!(told.iter().filter(|text| text.starts_with("fetching files")).count(), 1, "{told:?}");
}

#[test]
fn what_a_killed_command_has_left_is_written_again() {
    let remote = Remote::new();
    remote.write("one", "1\n");
    remote.write("two", "2\n");
    let commit = remote.commit("all");
    let (directory, digest) = remote.checkout(&commit, ".").unwrap();
    // As after a kill at each point: half written, with git's own locks, without the note that all of it is there.
    let place = directory.parent().unwrap();
    let bare = place.join("../../git");
    for (left, text) in
        [(directory.join("one"), "half"), (bare.join("shallow.lock"), ""), (bare.join("config.lock"), "")]
    {
        fs::remove_file(place.join("made.json")).ok();
        fs::write(left, text).unwrap();
        assert_eq!(remote.checkout(&commit, ".").unwrap(), (directory.clone(), digest.clone()));
        assert_eq!(fs::read_to_string(directory.join("one")).unwrap(), "1\n");
    }
    fs::remove_file(bare.join("made")).unwrap();
    fs::remove_dir_all(place).unwrap();
    assert_eq!(remote.checkout(&commit, ".").unwrap().1, digest, "a bare repository that was being made");
    fs::write(place.join("made.json"), "{").unwrap();
    assert_eq!(remote.checkout(&commit, ".").unwrap().1, digest, "a note that was cut");
}

#[test]
fn a_working_copy_says_how_far_it_is() {
    let remote = Remote::new();
    remote.write("seedbed.yaml", "name: lms\n");
    let first = remote.commit("first");
    remote.git(&["checkout", "--quiet", "-b", "work"]);
    remote.commit("mine");
    remote.write("seedbed.yaml", "name: changed\n");
    let variables = std::iter::once(("PATH".to_owned(), "/usr/bin:/bin".to_owned())).collect();
    let settings =
        repositories::Settings { variables: &variables, may_ask: false, is_interrupted: &|| false, progress: &|_| {} };
    let copy = |directory: &std::path::Path| {
        repositories::WorkingCopy::new(&settings, directory).distance(Some(&first)).unwrap()
    };
    let distance = copy(&remote.root()).unwrap();
    assert_eq!(distance.branch.as_deref(), Some("work"));
    assert_eq!((distance.counts, distance.changed), (Some((1, 0)), 1));
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(copy(elsewhere.path()), None);
    assert!(Command::new("git").arg("--version").output().is_ok());
}
