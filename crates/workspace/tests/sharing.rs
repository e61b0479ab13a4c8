//! Copies of one workspace, with real git and real stores: what one pushes the other has, and two at once lose nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::SystemTime;

use store::{Backend, DirectoryBackend};
use workspace::{
    AddOptions, CloneOptions, Context, Failure, Form, InitOptions, Role, ShareOptions, Shared, SnapshotOptions,
    Workspace, World,
};

struct Quiet;

impl World for Quiet {
    fn note(&self, _: &str) {}
    fn files(&self, _: &str, _: u64, _: u64) {}
    fn is_interrupted(&self) -> bool {
        false
    }
    fn open_remote(&self, url: &str) -> Result<Arc<dyn Backend>, Failure> {
        Ok(Arc::new(DirectoryBackend::new(Path::new(url))))
    }
    fn snapshot_lineage(&self, _: &str, _: Option<&[String]>) -> Result<Vec<(String, String)>, Failure> {
        Ok(Vec::new())
    }
    fn snapshot_taken(&self) -> Result<(), Failure> {
        Ok(())
    }
    fn fetch(&self, url: &str, _: Option<&str>, _: &Path) -> Result<(), Failure> {
        Err(format!("nothing is fetched: {url}").into())
    }
}

fn context(user: &str) -> Context<'static> {
    Context {
        now: SystemTime::now,
        ahead_of_utc: |_| 0,
        user: user.to_owned(),
        host: format!("of-{user}"),
        identities: Vec::new(),
        world: &Quiet,
    }
}

/// A place for repositories, and one for contents.
struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap() };
        git(site.directory.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    /// The first copy, with a resource of each kind that keeps something.
    fn first(&self, form: Form) -> Workspace {
        let root = self.path("ada");
        fs::create_dir_all(root.join("data")).unwrap();
        git(&root, &["init", "-q", "-b", "main"]);
        fs::write(root.join("data/a.bin"), b"\0one").unwrap();
        let context = context("ada");
        let roles = [Role::Code, Role::Results];
        let options = InitOptions { name: Some("shop"), form, host: None, roles: &roles, scratch: None, lfs: &[] };
        let workspace = workspace::init(&context, &root, &options).unwrap().workspace;
        let data = root.join("data");
        let options = AddOptions {
            kind: "local-files",
            role: Role::SourceData,
            name: Some("data"),
            path: Some(&data),
            parameters: serde_json::Map::new(),
        };
        workspace::add(&context, &workspace, &options).unwrap();
        fs::write(root.join("code/x.py"), "1\n").unwrap();
        Self::set(&workspace, "content.remote", "../contents");
        workspace
    }

    /// Sets a parameter as a person may do it: in the file, and with git.
    fn set(workspace: &Workspace, name: &str, value: &str) {
        let top = workspace.root().join(".dataworkspace");
        let path = match workspace.metadata().form() {
            Form::Separate => top.join(format!("config/{name}.json")),
            Form::Classic => top.join("config.json"),
        };
        let text = match workspace.metadata().form() {
            Form::Separate => serde_json::json!({ "value": value, "time": time(), "by": "someone" }).to_string(),
            Form::Classic => {
                let mut all: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                all["global_params"][name] = value.into();
                format!("{all:#}\n")
            }
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        git(workspace.root(), &["add", ".dataworkspace"]);
        git(workspace.root(), &["commit", "-q", "-m", "set"]);
    }

    fn clone(&self, name: &str) -> Workspace {
        let (url, directory) = (self.path("origin.git"), self.path(name));
        let url = url.to_str().unwrap();
        let options = CloneOptions {
            url,
            directory: Some(&directory),
            into: Path::new("/"),
            host: None,
            share: all(),
            begun: None,
            place: None,
        };
        workspace::clone(&context(name), &options).unwrap().workspace
    }

    fn url(&self) -> String {
        self.path("origin.git").to_str().unwrap().to_owned()
    }
}

/// Distinct, and in order.
fn time() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CLOCK: AtomicU32 = AtomicU32::new(0);
    format!("2026-11-28T00:00:00.{:06}Z", CLOCK.fetch_add(1, Ordering::SeqCst))
}

fn all() -> ShareOptions {
    ShareOptions::default()
}

#[track_caller]
fn git(directory: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=T", "-c", "user.email=t@example.com"]).args(words).current_dir(directory);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn snapshot(workspace: &Workspace, user: &str, tag: &str) -> Result<String, workspace::Error> {
    let options = SnapshotOptions { tag: Some(tag), message: tag };
    workspace::snapshot(&context(user), workspace, &options).map(|taken| taken.taking.snapshot)
}

#[test]
fn what_one_publishes_the_other_clones_with_all_that_it_holds() {
    for form in [Form::Separate, Form::Classic] {
        let site = Site::new();
        let ada = site.first(form);
        fs::write(ada.root().join("results/results.json"), r#"{"metrics":{"accuracy":0.5}}"#).unwrap();
        let hash = snapshot(&ada, "ada", "V1").unwrap();
        let pushed = workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
        assert_eq!(pushed.contents.unwrap().contents, 1);
        // A second time is no error, and sends nothing.
        let again = workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
        assert_eq!(again.contents.unwrap().contents, 0);

        let bob = site.clone("bob");
        assert_eq!(bob.metadata().resolve("V1").unwrap(), hash);
        assert_eq!(fs::read(bob.root().join("data/a.bin")).unwrap(), b"\0one");
        assert_eq!(fs::read_to_string(bob.root().join("code/x.py")).unwrap(), "1\n");
        assert_eq!(bob.metadata().takings(None).unwrap()[0].metrics.as_ref().unwrap()["accuracy"], 0.5);
        assert_eq!(git(bob.root(), &["status", "--porcelain"]), "", "a copy begins without changes");
        // The same state there is the same snapshot.
        assert_eq!(snapshot(&bob, "bob", "again").unwrap(), hash);
    }
}

#[test]
fn contents_without_a_place_for_them_are_named() {
    let site = Site::new();
    let ada = site.first(Form::Separate);
    fs::remove_file(ada.root().join(".dataworkspace/config/content.remote.json")).unwrap();
    snapshot(&ada, "ada", "V1").unwrap();
    let pushed = workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
    assert!(pushed.contents.is_none());
    assert!(pushed.resources.contains(&("data".to_owned(), Shared::Unsent)), "{:?}", pushed.resources);
}

#[test]
fn two_who_push_at_the_same_time_both_succeed() {
    let site = Site::new();
    let ada = site.first(Form::Separate);
    snapshot(&ada, "ada", "V0").unwrap();
    workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
    let bob = site.clone("bob");
    let both = Barrier::new(2);
    std::thread::scope(|scope| {
        for (root, user) in [(ada.root(), "ada"), (bob.root(), "bob")] {
            let both = &both;
            scope.spawn(move || {
                let own = Workspace::find(root).unwrap();
                for number in 0..5 {
                    fs::write(own.root().join("data").join(format!("{user}.bin")), number.to_string()).unwrap();
                    snapshot(&own, user, &format!("{user}-{number}")).unwrap();
                    both.wait();
                    workspace::push(&context(user), &own, &all()).unwrap();
                }
            });
        }
    });
    for (own, user) in [(&ada, "ada"), (&bob, "bob")] {
        workspace::pull(&context(user), own, &all()).unwrap();
        let tags = own.metadata().tags().unwrap();
        assert_eq!(tags.len(), 11, "{tags:?}");
    }
    assert_eq!(git(ada.root(), &["rev-parse", "HEAD"]), git(bob.root(), &["rev-parse", "HEAD"]));
}

#[test]
fn a_pull_that_would_lose_something_changes_nothing_and_names_the_files() {
    let site = Site::new();
    let ada = site.first(Form::Separate);
    snapshot(&ada, "ada", "V0").unwrap();
    workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
    let bob = site.clone("bob");
    fs::write(ada.root().join("code/x.py"), "ada\n").unwrap();
    snapshot(&ada, "ada", "A").unwrap();
    workspace::push(&context("ada"), &ada, &all()).unwrap();

    // Not committed here, and changed there.
    fs::write(bob.root().join("code/x.py"), "bob\n").unwrap();
    let error = workspace::pull(&context("bob"), &bob, &all()).unwrap_err();
    assert!(error.to_string().contains("code/x.py"), "{error}");
    assert_eq!(fs::read_to_string(bob.root().join("code/x.py")).unwrap(), "bob\n");
    // The same line in two snapshots.
    snapshot(&bob, "bob", "B").unwrap();
    let before = git(bob.root(), &["rev-parse", "HEAD"]);
    let error = workspace::pull(&context("bob"), &bob, &all()).unwrap_err();
    assert!(error.to_string().contains("code/x.py"), "{error}");
    assert_eq!(git(bob.root(), &["rev-parse", "HEAD"]), before);
    assert_eq!(git(bob.root(), &["status", "--porcelain"]), "");
    assert_eq!(bob.metadata().tags().unwrap().len(), 2);
    // Merged by a person with git, it goes on.
    let merged = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com", "pull", "-q", "--no-rebase"])
        .current_dir(bob.root())
        .output()
        .unwrap();
    assert!(!merged.status.success());
    fs::write(bob.root().join("code/x.py"), "both\n").unwrap();
    git(bob.root(), &["add", "-A"]);
    git(bob.root(), &["commit", "-q", "-m", "both"]);
    workspace::pull(&context("bob"), &bob, &all()).unwrap();
    workspace::push(&context("bob"), &bob, &all()).unwrap();
    assert_eq!(bob.metadata().tags().unwrap().len(), 3);
}

#[test]
fn lines_that_two_change_in_different_places_are_merged() {
    let site = Site::new();
    let ada = site.first(Form::Separate);
    let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "x\n".repeat(10));
    fs::write(ada.root().join("code/x.py"), lines("a", "b")).unwrap();
    snapshot(&ada, "ada", "V0").unwrap();
    workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
    let bob = site.clone("bob");
    fs::write(ada.root().join("code/x.py"), lines("ada", "b")).unwrap();
    snapshot(&ada, "ada", "A").unwrap();
    workspace::push(&context("ada"), &ada, &all()).unwrap();
    fs::write(bob.root().join("code/x.py"), lines("a", "bob")).unwrap();
    snapshot(&bob, "bob", "B").unwrap();
    // Results of one name, from two machines that are called the same.
    workspace::push(&context("bob"), &bob, &all()).unwrap();
    assert_eq!(fs::read_to_string(bob.root().join("code/x.py")).unwrap(), lines("ada", "bob"));
    assert_eq!(git(bob.root(), &["status", "--porcelain"]), "");
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn two_copies_with_200_random_actions_converge_and_nothing_is_lost() {
    for (form, seed, actions) in [(Form::Separate, 1, 200), (Form::Classic, 2, 60)] {
        let site = Site::new();
        let ada = site.first(form);
        snapshot(&ada, "ada", "V0").unwrap();
        workspace::publish(&context("ada"), &ada, &site.url(), &all()).unwrap();
        let bob = site.clone("bob");
        let copies = [(&ada, "ada"), (&bob, "bob")];
        let mut random = Random(seed);
        let mut hashes: BTreeMap<String, String> = BTreeMap::new();
        for number in 0..actions {
            let (copy, user) = copies[usize::try_from(random.below(2)).unwrap()];
            match random.below(10) {
                0..4 => {
                    let file = copy.root().join("data").join(format!("{}.bin", random.below(3)));
                    fs::write(file, random.below(4).to_string()).unwrap();
                    fs::write(copy.root().join("results/results.json"), format!(r#"{{"metrics":{{"n":{number}}}}}"#))
                        .unwrap();
                    // Few tags, so that both choose the same now and then.
                    let tag = format!("t{}", random.below(60));
                    match snapshot(copy, user, &tag) {
                        Ok(hash) => drop(hashes.insert(hash, tag)),
                        Err(workspace::Error::TagTaken { .. }) => {
                            fs::remove_file(copy.root().join("results/results.json")).unwrap();
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                4..6 => Site::set(copy, &format!("p{}", random.below(4)), &number.to_string()),
                6..8 => drop(workspace::push(&context(user), copy, &all()).unwrap()),
                _ => drop(workspace::pull(&context(user), copy, &all()).unwrap()),
            }
        }
        for (copy, user) in [copies[0], copies[1], copies[0]] {
            workspace::push(&context(user), copy, &all()).unwrap();
        }
        for (copy, user) in copies {
            workspace::pull(&context(user), copy, &all()).unwrap();
        }
        assert_eq!(git(ada.root(), &["rev-parse", "HEAD"]), git(bob.root(), &["rev-parse", "HEAD"]));
        for (copy, _) in copies {
            assert_eq!(git(copy.root(), &["status", "--porcelain"]), "");
            let there: BTreeSet<String> = copy.metadata().snapshots().unwrap().into_iter().collect();
            let tags = copy.metadata().tags().unwrap();
            for (hash, tag) in &hashes {
                assert!(there.contains(hash), "{tag} is lost");
                let is_of = |name: &String| name == tag || name.starts_with(&format!("{tag}-"));
                assert!(tags.iter().any(|(name, of)| of == hash && is_of(name)), "the tag {tag} of {hash} is lost");
                copy.metadata().manifest(hash).unwrap();
            }
        }
        assert_eq!(ada.metadata().parameters().unwrap(), bob.metadata().parameters().unwrap());
    }
}
