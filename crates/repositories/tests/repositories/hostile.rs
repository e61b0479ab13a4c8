//! Repositories that are broken, or made to do harm.

use std::fs;

use repositories::{Address, CommitId, RepositoryError};

use crate::remote::{Remote, files};

fn blob(remote: &Remote, text: &str) -> String {
    remote.git_with(&["hash-object", "-w", "--stdin"], text).trim().to_owned()
}

#[test]
fn links_that_lead_out_are_refused_and_nothing_is_left() {
    for (link, target) in
        [("a", "/etc/passwd"), ("a", "../outside"), ("sub/a", "../../outside"), ("a", "sub/../../outside")]
    {
        let remote = Remote::new();
        remote.write("sub/keep", "");
        remote.link(link, target);
        let commit = remote.commit("all");
        let error = remote.checkout(&commit, ".").unwrap_err();
        assert!(matches!(&error, RepositoryError::LinkOut { path, .. } if path == link), "{error}");
        assert!(error.to_string().contains(target), "{error}");
        let trees = files(&remote.cache_directory()).into_iter().filter(|(name, _)| name.contains("/trees/"));
        assert_eq!(trees.count(), 0, "{link}");
    }
}

#[test]
fn names_that_would_be_written_elsewhere_are_refused() {
    let remote = Remote::new();
    let (text, link) = (blob(&remote, "hook\n"), blob(&remote, "/tmp"));
    let hooks = remote.git_with(&["mktree"], &format!("100755 blob {text}\tpost-checkout\n"));
    let below = format!("120000 blob {link}\td\n040000 tree {}\te\n", hooks.trim());
    for (entries, name) in [
        (format!("040000 tree {}\t.GIT\n", hooks.trim()), ".GIT/post-checkout"),
        (format!("040000 tree {}\t..\n", hooks.trim()), "../post-checkout"),
        (format!("100644 blob {text}\ta\\b\n"), "a\\b"),
        (below, "d"),
    ] {
        let commit = remote.commit_of_tree(&entries);
        let error = remote.checkout(&commit, ".").unwrap_err();
        let named = match &error {
            RepositoryError::BadName { path, .. } | RepositoryError::LinkOut { path, .. } => path.as_str(),
            other => panic!("{other}"),
        };
        assert_eq!(named, name.escape_debug().to_string(), "{error}");
    }
}

#[test]
fn a_commit_that_is_not_there_is_named() {
    let remote = Remote::new();
    remote.commit("first");
    let missing = CommitId::parse(&"dead".repeat(10)).unwrap();
    let error = remote.checkout(&missing, ".").unwrap_err();
    assert!(matches!(&error, RepositoryError::NoCommit { commit, .. } if *commit == missing), "{error}");
    // A commit that no branch has any more is still had from a host that gives it.
    remote.write("a", "1");
    let lost = remote.commit("lost");
    remote.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    remote.checkout(&lost, ".").unwrap();
}

#[test]
fn other_content_than_is_pinned_is_not_used() {
    let remote = Remote::new();
    remote.write("a", "1");
    let commit = remote.commit("all");
    let wanted = format!("blake3:{}", "0".repeat(64));
    let ask = || {
        remote
            .with_cache(|cache| cache.repository(&remote.address()).checkout(&commit, ".", Some(&wanted)).unwrap_err())
    };
    for _ in ["fetched now", "once more"] {
        let error = ask();
        assert!(matches!(&error, RepositoryError::OtherContent { .. }), "{error}");
    }
    remote.checkout(&commit, ".").unwrap();
    assert!(matches!(ask(), RepositoryError::OtherContent { .. }), "from the cache");
}

#[test]
fn an_address_that_runs_something_is_never_given_to_git() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    for text in [format!("ext::touch {}", mark.display()), format!("--upload-pack=touch {}", mark.display())] {
        assert!(Address::parse(&text).is_err());
    }
    // Nor by a setting of the user that makes such an address of a good one.
    let remote = Remote::new();
    let commit = remote.commit("first");
    let home = remote.cache_directory().with_file_name(".gitconfig");
    let setting = format!("[url \"ext::touch {} \"]\n\tinsteadOf = file://\n", mark.display());
    fs::write(home, setting).unwrap();
    let error = remote.checkout(&commit, ".").unwrap_err();
    assert!(matches!(&error, RepositoryError::Unreachable { .. }), "{error}");
    assert!(!mark.exists());
}

#[test]
fn submodules_are_named_and_not_fetched() {
    let remote = Remote::new();
    let text = blob(&remote, "name: lms\n");
    let entries = format!("100644 blob {text}\tseedbed.yaml\n160000 commit {}\tvendor\n", "1".repeat(40));
    let commit = remote.commit_of_tree(&entries);
    let checkout = remote.with_cache(|cache| cache.repository(&remote.address()).checkout(&commit, ".", None).unwrap());
    assert_eq!(checkout.submodules, ["vendor"]);
    assert!(checkout.directory.join("seedbed.yaml").is_file() && !checkout.directory.join("vendor").exists());
}

#[test]
fn a_large_file_beside_the_path_is_not_fetched_and_one_in_it_is_survived() {
    const LARGE: usize = 64 * 1024 * 1024;
    let remote = Remote::new();
    remote.write("lms/seedbed.yaml", "name: lms\n");
    remote.write("media/film", &"\0".repeat(LARGE));
    let commit = remote.commit("all");
    let (directory, _) = remote.checkout(&commit, "lms").unwrap();
    assert!(!directory.join("../media").exists());
    let (whole, _) = remote.checkout(&commit, "media").unwrap();
    assert_eq!(fs::metadata(whole.join("film")).unwrap().len(), LARGE as u64);
}

#[test]
fn of_a_huge_history_only_the_last_commit_is_fetched() {
    const COMMITS: usize = 3_000;
    let remote = Remote::new();
    let commit = |number: usize| {
        let from = if number == 0 { String::new() } else { format!("from :{number}\n") };
        let (mark, time) = (number + 1, 1_700_000_000 + number);
        format!(
            "commit refs/heads/main\nmark :{mark}\ncommitter A <a@example.com> {time} +0000\ndata 1\nx\n{from}\
             M 100644 inline file\ndata <<E\n{number}\nE\n\n"
        )
    };
    let stream: String = (0..COMMITS).map(commit).collect();
    remote.git_with(&["fast-import", "--quiet"], &stream);
    let last = CommitId::parse(remote.git(&["rev-parse", "main"]).trim()).unwrap();
    let (directory, _) = remote.checkout(&last, ".").unwrap();
    assert_eq!(fs::read_to_string(directory.join("file")).unwrap(), format!("{}\n", COMMITS - 1));
    let bare = directory.join("../../../git");
    let mut command = std::process::Command::new("git");
    command.arg("-C").arg(bare).args(["rev-list", "--count", last.as_str()]);
    let mut counted = command.env("GIT_NO_LAZY_FETCH", "1").output().map(|output| output.stdout).unwrap();
    counted.retain(u8::is_ascii_digit);
    assert_eq!(counted, b"1");
    let first = CommitId::parse(remote.git(&["rev-list", "--max-parents=0", "main"]).trim()).unwrap();
    let history = remote.with_cache(|cache| cache.repository(&remote.address()).history(&first, &last).unwrap());
    assert!(history.is_cut && history.newest.len() <= 10, "{history:?}");
}

#[test]
fn a_path_that_is_not_there_or_leads_out_is_named() {
    let remote = Remote::new();
    remote.write("lms/seedbed.yaml", "name: lms\n");
    let commit = remote.commit("all");
    for path in ["lsm", "../lms", "lms/../../x", "/etc"] {
        let error = remote.checkout(&commit, path).unwrap_err();
        assert!(matches!(&error, RepositoryError::NoPath { path: named, .. } if named == path), "{error}");
    }
}

#[test]
fn a_repository_that_is_no_repository_is_named() {
    let remote = Remote::new();
    remote.with_cache(|cache| {
        let address = Address::parse("file:///nowhere/at/all").unwrap();
        let error = cache.repository(&address).resolve(None).unwrap_err();
        assert!(error.to_string().contains("file:///nowhere/at/all"), "{error}");
        let error = cache.repository(&remote.address()).resolve(None).unwrap_err();
        assert!(matches!(error, RepositoryError::NoHead { .. }), "an empty one: {error}");
    });
}
