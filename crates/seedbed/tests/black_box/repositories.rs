//! Dependencies by git: fetched, locked, linked, and refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::program::Ran;
use crate::workspace::Workspace;

/// A service that answers, and tells in its log which version of it runs.
const SERVICE: &str = "services:\n  web: { run: \"sh -c 'echo version VERSION; exec trivial_service $PORT'\", env: { PORT: \"${port}\" }, \
                       port: auto, ready: { http: / } }\nexports: { url: \"${services.web.url}\" }\n";

/// Repositories to be fetched from, and workspaces beside them.
struct Site {
    workspace: Workspace,
}

impl Site {
    fn new() -> Self {
        Self { workspace: Workspace::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workspace.root().join(name)
    }

    fn git(&self, directory: &str, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.path("nobody")).args(words);
        let output = command.current_dir(self.path(directory)).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a repository, or commits to it; gives the commit.
    fn commit(&self, name: &str, files: &[(&str, &str)]) -> String {
        if !self.path(name).join(".git").exists() {
            fs::create_dir_all(self.path(name)).unwrap();
            self.git(name, &["init", "--quiet", "--initial-branch=main"]);
            self.git(name, &["config", "uploadpack.allowFilter", "true"]);
        }
        for (path, text) in files {
            self.workspace.write(&format!("{name}/{path}"), text);
        }
        self.git(name, &["add", "--all"]);
        self.git(name, &["commit", "--quiet", "--allow-empty", "--message", &format!("change of {name}")]);
        self.git(name, &["rev-parse", "HEAD"])
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// Runs the program in a workspace of the site.
    fn seedbed(&self, directory: &str, arguments: &[&str]) -> Ran {
        self.workspace.seedbed(&[&["-C", directory], arguments].concat())
    }

    /// Writes a workspace that depends on these repositories: name, and the rest of what is said of each.
    fn top(&self, dependencies: &[(&str, &str)]) {
        self.dependent("top", dependencies);
    }

    fn dependent(&self, name: &str, dependencies: &[(&str, &str)]) {
        self.workspace.write(&format!("{name}/seedbed.yaml"), &self.manifest(name, dependencies));
    }

    fn manifest(&self, name: &str, dependencies: &[(&str, &str)]) -> String {
        let lines = dependencies.iter().map(|(name, rest)| {
            let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
            format!("  {name}: {{ git: \"{}\"{rest} }}\n", self.url(name))
        });
        format!("name: {name}\ndependencies:\n{}", lines.collect::<String>())
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("top/seedbed.lock")).unwrap_or_default()
    }

    fn vanish(&self, name: &str) {
        fs::rename(self.path(name), self.path(&format!("gone-{name}"))).unwrap();
    }

    /// Which version of a service runs.
    fn log(&self, service: &str) -> String {
        self.seedbed("top", &["logs", service]).ends_with(0).stdout
    }
}

fn service(name: &str, version: &str) -> String {
    format!("name: {name}\n{}", SERVICE.replace("VERSION", version))
}

#[test]
fn what_is_locked_comes_up_without_a_network_and_without_git() {
    let site = Site::new();
    let commit = site.commit("lms", &[("seedbed.yaml", &service("lms", "one"))]);
    site.top(&[("lms", "")]);
    let refused = site.seedbed("top", &["up", "--locked"]).ends_with(6);
    refused.says(&["seedbed.lock does not pin", "without --locked"]);
    assert_eq!(site.lock(), "");
    site.seedbed("top", &["up"]).ends_with(0);
    assert!(site.lock().contains(&format!("commit: \"{commit}\"")) && site.lock().contains("\".\": \"blake3:"));
    let status = site.seedbed("top", &["status"]).ends_with(0).stdout;
    assert!(status.contains(&format!("lms         locked at {}", &commit[..10])), "{status}");
    site.seedbed("top", &["destroy", "--yes"]).ends_with(0);

    // The repository moves on, and then it is away; the lock and the cache are all that is needed.
    site.commit("lms", &[("seedbed.yaml", &service("lms", "two"))]);
    site.vanish("lms");
    let programs = site.path("../bin");
    symlink("/bin/sh", programs.join("sh")).unwrap();
    let mut up = site.workspace.command(&["-C", "top", "up", "--locked"]);
    crate::program::run(up.env("PATH", programs), Duration::from_secs(60)).ends_with(0);
    assert!(site.log("lms/web").contains("version one"));
    let moved = site.seedbed("top", &["update"]).ends_with(4);
    moved.says(&["cannot be reached", "wanted at seedbed.yaml:3", "git ls-remote"]);
}

#[test]
fn update_moves_pins_and_shows_what_changes() {
    let site = Site::new();
    let first = site.commit("lms", &[("seedbed.yaml", &service("lms", "one"))]);
    site.commit("other", &[("seedbed.yaml", "name: other\n")]);
    site.top(&[("lms", "ref: main"), ("other", "")]);
    site.seedbed("top", &["up"]).ends_with(0);
    let before = site.lock();
    let nothing = site.seedbed("top", &["update"]).ends_with(0).stdout;
    assert_eq!(nothing, "2 repositories are as locked; nothing has moved\n");

    let text = format!("{}tasks: {{ build: {{ run: make }} }}\n", service("lms", "two"));
    site.commit("lms", &[("seedbed.yaml", &text)]);
    let second = site.commit("lms", &[("README.md", "more\n")]);
    site.commit("other", &[("README.md", "more\n")]);
    for (arguments, is_written) in [(vec!["update", "lms", "--dry-run"], false), (vec!["update", "lms"], true)] {
        let told = site.seedbed("top", &arguments).ends_with(0).stdout;
        let expected = format!(
            "/lms main: {} → {}, 2 new commits\n  {} change of lms\n",
            &first[..10],
            &second[..10],
            &second[..10]
        );
        assert!(told.contains(&expected) && told.contains("\n  ~ services.web\n  + tasks.build\n"), "{told}");
        assert!(!told.contains("/other"), "{told}");
        assert_eq!(site.lock() != before, is_written, "{told}");
    }
    let steps = site.seedbed("top", &["up", "--json"]).ends_with(0).json();
    assert!(steps["steps"].as_array().unwrap().iter().any(|step| step["step"] == "lms/web"), "{steps}");
    assert!(site.log("lms/web").contains("version two"));
    site.seedbed("top", &["update", "lsm"]).ends_with(5).says(&["there is no dependency 'lsm'", "did you mean 'lms'?"]);
}

#[test]
fn a_link_replaces_a_dependency_until_it_is_taken_back() {
    let site = Site::new();
    let commit = site.commit("lms", &[("seedbed.yaml", &service("lms", "one"))]);
    site.commit("shop", &[("seedbed.yaml", &site.manifest("shop", &[("lms", "")]))]);
    site.top(&[("shop", ""), ("lms", "")]);
    site.commit("top", &[]);
    site.seedbed("top", &["up"]).ends_with(0);
    let lock = site.lock();
    site.git(".", &["clone", "--quiet", &site.url("lms"), "mine"]);
    site.commit("mine", &[("seedbed.yaml", &service("lms", "mine"))]);
    site.workspace.write("mine/README.md", "changed\n");

    site.seedbed("top", &["link", "lsm", "../mine"]).ends_with(5).says(&["did you mean 'lms'?"]);
    site.seedbed("top", &["link", "lms", ".."]).ends_with(3).says(&["linked to a directory without a `seedbed.yaml`"]);
    assert!(!site.path("top/seedbed.local.yaml").exists(), "a link that does not work is not kept");
    let linked = site.seedbed("top", &["link", "lms", "../mine"]).ends_with(0);
    linked.says(&["git would commit seedbed.local.yaml"]);
    assert_eq!(site.workspace.read("top/seedbed.local.yaml"), "link:\n  lms: ../mine\n");
    let expected = format!("lms         linked, at main, 1 ahead of {}, 1 changed file", &commit[..10]);
    assert!(linked.stdout.contains(&expected), "{}", linked.stdout);
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    assert!(site.log("lms/web").contains("version mine"));
    let status = site.seedbed("top", &["status"]).ends_with(0).stdout;
    assert!(status.contains(&expected) && status.contains("shop        locked at"), "{status}");
    assert_eq!(site.lock(), lock, "a link changes nothing for others");

    site.seedbed("top", &["unlink", "lms"]).ends_with(0);
    assert!(!site.path("top/seedbed.local.yaml").exists());
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    let last = site.log("lms/web");
    assert!(last.trim_end().rfind("version one") > last.rfind("version mine"), "{last}");
    site.seedbed("top", &["unlink", "lms"]).ends_with(5);
}

#[test]
fn services_run_in_the_files_that_are_in_use_also_where_the_manifest_has_not_changed() {
    let site = Site::new();
    let manifest = service("lms", "VERSION").replace("echo version VERSION", "cat version.txt");
    site.commit("lms", &[("seedbed.yaml", &manifest), ("version.txt", "version one\n")]);
    site.top(&[("lms", "ref: main")]);
    site.commit("top", &[]);
    let comes_up_with = |version: &str| {
        let up = site.seedbed("top", &["up", "--json"]).ends_with(0).json();
        assert!(up["steps"].as_array().unwrap().iter().any(|step| step["step"] == "lms/web"), "{up}");
        let log = site.log("lms/web");
        let last = log.lines().rfind(|line| line.contains("version")).unwrap_or_default();
        assert!(last.ends_with(version), "{log}");
        let again = site.seedbed("top", &["up", "--json"]).ends_with(0).json();
        assert_eq!(again["steps"].as_array().map(Vec::len), Some(0), "{again}");
    };
    comes_up_with("one");
    site.git(".", &["clone", "--quiet", &site.url("lms"), "mine"]);
    site.commit("mine", &[("version.txt", "version mine\n")]);
    site.commit("lms", &[("version.txt", "version two\n")]);
    site.seedbed("top", &["update", "lms"]).ends_with(0);
    comes_up_with("two");
    site.seedbed("top", &["link", "lms", "../mine"]).ends_with(0);
    comes_up_with("mine");
    site.seedbed("top", &["unlink", "lms"]).ends_with(0);
    comes_up_with("two");
}

#[test]
fn a_repository_is_there_once_and_two_revisions_need_a_word_of_the_root() {
    let site = Site::new();
    let first = site.commit("base", &[("seedbed.yaml", &service("base", "one"))]);
    site.git("base", &["tag", "v1"]);
    let second = site.commit("base", &[("seedbed.yaml", &service("base", "two"))]);
    site.git("base", &["tag", "v2"]);
    let dependent = |name: &str, reference: &str| {
        site.commit(name, &[("seedbed.yaml", &site.manifest(name, &[("base", reference)]))]);
    };
    let run = |dependencies: &[(&str, &str)], code: i32| {
        site.top(dependencies);
        fs::remove_file(site.path("top/seedbed.lock")).ok();
        site.seedbed("top", &["up", "--json"]).ends_with(code)
    };
    let used =
        |commit: &str| assert_eq!(site.lock().matches(&format!("commit: \"{commit}\"")).count(), 1, "{}", site.lock());

    dependent("left", "");
    dependent("right", "ref: v1");
    run(&[("left", ""), ("right", "")], 0);
    used(&first);
    // The same by another name.
    dependent("left", &format!("ref: {first}"));
    run(&[("right", ""), ("left", "")], 0);
    used(&first);
    dependent("left", "ref: v2");
    let conflict = run(&[("left", ""), ("right", "")], 3);
    conflict.says(&["is wanted at two revisions", "top → right → base", "top → left → base", "ref: v1"]);
    for order in
        [[("base", "ref: v2"), ("left", ""), ("right", "")], [("left", ""), ("right", ""), ("base", "ref: v2")]]
    {
        let up = run(&order, 0).json();
        used(&second);
        assert_eq!(up["services"].as_array().unwrap().len(), 1, "{up}");
    }
}

#[test]
fn two_revisions_run_beside_each_other_where_one_has_a_name_of_its_own() {
    let site = Site::new();
    let first = site.commit("base", &[("seedbed.yaml", &service("base", "one"))]);
    site.git("base", &["tag", "v1"]);
    let second = site.commit("base", &[("seedbed.yaml", &service("base", "two"))]);
    site.git("base", &["tag", "v2"]);
    let dependent = |name: &str, reference: &str| {
        let manifest = site.manifest(name, &[("base", reference)]);
        let reader = "services:\n  web: { run: \"sh -c 'echo asks $BASE; exec trivial_service $PORT'\", port: auto, env: { PORT: '${port}', BASE: '${dependencies.base.url}' } }\n";
        site.commit(name, &[("seedbed.yaml", &format!("{manifest}{reader}"))]);
    };
    dependent("left", "ref: v2");
    dependent("right", "ref: v1, as: base-old");
    site.top(&[("left", ""), ("right", "")]);
    let up = site.seedbed("top", &["up", "--json"]).ends_with(0).json();
    let address = |service: &str| {
        let found = up["services"].as_array().unwrap().iter().find(|one| one["service"] == service);
        found.unwrap_or_else(|| panic!("{up}"))["address"].as_str().unwrap().to_owned()
    };
    for (service, version, reader) in [("base/web", "two", "left/web"), ("base-old/web", "one", "right/web")] {
        assert!(site.log(service).contains(&format!("version {version}")), "{service}");
        assert!(site.log(reader).contains(&format!("asks {}", address(service))), "{reader}: {}", site.log(reader));
    }
    let lock = site.lock();
    assert!(lock.contains("/base\":") && lock.contains("/base as base-old\":"), "{lock}");
    assert!(lock.contains(&first) && lock.contains(&second), "{lock}");
    // Offline, and as it is locked.
    fs::rename(site.path("base"), site.path("moved")).unwrap();
    site.seedbed("top", &["down"]).ends_with(0);
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    assert_eq!(site.lock(), lock);
    fs::rename(site.path("moved"), site.path("base")).unwrap();

    // One commit is there once.
    site.top(&[("base", "ref: v1"), ("right", "")]);
    let same = site.seedbed("top", &["up"]).ends_with(3);
    same.says(&["wanted under two names at the same revision", "top → right → base", "leave `as` out"]);
    // The name is one of the environment's.
    site.top(&[("base", "ref: v2, as: right"), ("right", "")]);
    site.seedbed("top", &["up"]).ends_with(3).says(&["two workspaces have the name `right`"]);
}

#[test]
fn what_was_fetched_is_listed_and_goes_when_nobody_works_in_it() {
    let site = Site::new();
    for (name, version) in [("one", "first"), ("two", "second")] {
        site.commit(name, &[("seedbed.yaml", &service(name, version))]);
    }
    site.top(&[("one", ""), ("two", "")]);
    site.seedbed("top", &["repositories"]).ends_with(0).says(&[]);
    site.seedbed("top", &["up"]).ends_with(0);
    let cached = || {
        let listed = site.seedbed("top", &["repositories", "--json"]).ends_with(0).json();
        listed["repositories"].as_array().unwrap().clone()
    };
    let names = |cached: &[serde_json::Value]| {
        let mut names: Vec<String> = cached
            .iter()
            .map(|one| one["repository"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let found = cached();
    assert_eq!(names(&found), ["one", "two"]);
    assert!(found.iter().all(|one| one["in_use"] == true && one["bytes"].as_u64().unwrap() > 0), "{found:?}");
    // Services run from there.
    let prune = |words: &[&str]| site.seedbed("top", &[&["repositories", "--prune"], words].concat()).ends_with(0);
    prune(&["--keep", "1kB"]);
    assert_eq!(names(&cached()), ["one", "two"]);
    site.seedbed("top", &["down"]).ends_with(0);
    prune(&[]);
    assert_eq!(names(&cached()), ["one", "two"], "both were used a moment ago");
    // The one that was used last fits.
    let fits = found.iter().map(|one| one["bytes"].as_u64().unwrap()).max().unwrap();
    assert!(fits < 900_000, "{found:?}");
    prune(&["--keep", &format!("{}kB", fits / 1_000 + 1)]);
    assert_eq!(cached().len(), 1);
    prune(&["--keep", "1kB"]);
    assert_eq!(cached(), Vec::<serde_json::Value>::new());
    // It is fetched again.
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    assert_eq!(names(&cached()), ["one", "two"]);
}

#[test]
fn a_circle_of_repositories_ends_at_the_root_itself() {
    let site = Site::new();
    let shop = format!("{}{SERVICE}", site.manifest("shop", &[("lms", "")]));
    site.commit("lms", &[("seedbed.yaml", &format!("{}{SERVICE}", site.manifest("lms", &[("shop", "")])))]);
    site.commit("shop", &[("seedbed.yaml", &shop)]);
    site.git(".", &["clone", "--quiet", &site.url("shop"), "top"]);
    // What is not committed counts: it is the user's own.
    site.workspace.write("top/seedbed.yaml", &shop.replace("VERSION", "mine"));
    let up = site.seedbed("top", &["up", "--json"]).ends_with(0).json();
    assert_eq!(up["services"].as_array().unwrap().len(), 2, "{up}");
    assert!(site.log("shop/web").contains("version mine"));
    assert!(!site.lock().contains("/shop\""), "{}", site.lock());
    let before = site.lock();
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    assert_eq!(site.lock(), before);
}

#[test]
fn workspaces_of_one_repository_find_what_lies_beside_them() {
    let site = Site::new();
    let lms = "name: lms\ndependencies: { mail: ../mail }\ntasks:\n  build: { run: cp ../shared/text out, inputs: [../shared/**, ../none/*], outputs: [out] }\n\
               services: { web: { run: \"sh -c 'cat out; exec trivial_service ${port}'\", port: auto, after: [build] } }\n";
    site.commit(
        "platform",
        &[
            ("services/lms/seedbed.yaml", lms),
            ("services/mail/seedbed.yaml", &service("mail", "m")),
            ("services/shared/text", "from beside\n"),
            ("services/unwanted/file", "unwanted\n"),
        ],
    );
    site.top(&[("platform", "path: services/lms")]);
    site.seedbed("top", &["up"]).ends_with(0);
    assert!(site.log("lms/web").contains("from beside"));
    for (path, is_there) in [("lms", true), ("mail", true), ("shared", true), ("unwanted", false)] {
        assert_eq!(
            site.lock().contains(&format!("\"services/{path}\": \"blake3:")),
            is_there,
            "{path}: {}",
            site.lock()
        );
    }
    site.commit("platform", &[("services/lms/seedbed.yaml", &lms.replace("../mail", "../../../mail"))]);
    site.seedbed("top", &["update"]).ends_with(3).says(&["leads out of its repository"]);
}

#[test]
fn hostile_and_broken_repositories_are_refused_with_a_reason() {
    let site = Site::new();
    let lms = service("lms", "one");
    let commit = site.commit("lms", &[("seedbed.yaml", &lms), ("inner/README.md", "")]);
    site.git("lms", &["tag", "v1"]);
    let refused = |dependencies: &[(&str, &str)], said: &[&str]| {
        site.top(dependencies);
        site.seedbed("top", &["up"]).ends_with(3).says(said);
    };
    refused(&[("lms", "path: ../../etc")], &["leads out of the repository", "seedbed.yaml:3"]);
    refused(&[("lms", "path: inner")], &["has no `seedbed.yaml`", "`path` says where"]);
    refused(&[("lms", "path: iner")], &["there is no `iner` in file://"]);
    refused(&[("lms", "ref: v2")], &["has no branch and no tag `v2`", "did you mean `v1`?"]);
    refused(&[("lms", "ref: \"--upload-pack=touch x\"")], &["looks like an option of git"]);
    refused(&[("lms", &format!("ref: {}", "dead".repeat(10)))], &["has no commit deaddead"]);
    site.workspace.write("top/seedbed.yaml", "name: top\ndependencies:\n  lms: { git: \"ext::sh -c touch% x\" }\n");
    site.seedbed("top", &["up"]).ends_with(3).says(&["is not the address of a repository"]);
    site.workspace.write("top/seedbed.yaml", "name: top\ndependencies:\n  lms: https://me:secret@example.com/lms\n");
    site.seedbed("top", &["up"]).ends_with(3).says(&["has a password in it"]);

    symlink("../../../../../../etc/passwd", site.path("lms/secret")).unwrap();
    site.commit("lms", &[]);
    refused(&[("lms", "")], &["has the link `secret` to", "leads out of it"]);

    // A tag that somebody moves is not taken without a word.
    site.top(&[("lms", "ref: v1")]);
    site.seedbed("top", &["up"]).ends_with(0);
    let lock = site.lock();
    fs::remove_file(site.path("lms/secret")).unwrap();
    let moved = site.commit("lms", &[("seedbed.yaml", &service("lms", "evil"))]);
    site.git("lms", &["tag", "--force", "v1"]);
    site.seedbed("top", &["up", "--locked"]).ends_with(0);
    let told = site.seedbed("top", &["update"]).ends_with(3);
    told.says(&["the tag `v1`", "was moved", &commit[..10], &moved[..10], "--moved-tags"]);
    assert_eq!(site.lock(), lock);
    site.seedbed("top", &["update", "--moved-tags"]).ends_with(0);

    // A lock that was changed by hand.
    let digest = "blake3:";
    site.workspace.write("top/seedbed.lock", &lock.replace(digest, &format!("{digest}0000")).replace("0000", "0"));
    site.seedbed("top", &["up"]).ends_with(3).says(&["seedbed.lock:", "not a digest"]);
    let at = lock.find(digest).unwrap() + digest.len();
    let other = format!("{}{}{}", &lock[..at], "0".repeat(64), &lock[at + 64..]);
    site.workspace.write("top/seedbed.lock", &other);
    site.seedbed("top", &["up"]).ends_with(3).says(&["is not what the lock says", "nothing of it was used"]);
}

#[test]
fn a_file_of_a_gigabyte_that_is_not_needed_is_not_fetched() {
    let site = Site::new();
    site.commit("lms", &[("stock/seedbed.yaml", &service("lms", "one")), ("films/about.md", "")]);
    fs::File::create(site.path("lms/films/one")).unwrap().set_len(1 << 30).unwrap();
    // How well its content is compressed is no matter here.
    site.git("lms", &["config", "core.compression", "1"]);
    site.commit("lms", &[]);
    site.top(&[("lms", "path: stock")]);
    site.seedbed("top", &["up"]).ends_with(0);
    assert!(site.log("lms/web").contains("version one"));
    // Compressed, its zeros are more than four million bytes.
    let cache = site.workspace.root().with_file_name("home").join(".cache/seedbed");
    let fetched = size(&cache);
    assert!(fetched > 0 && fetched < 1_000_000, "{fetched} bytes are in {}", cache.display());
}

/// How many bytes the files of a directory have.
fn size(path: &Path) -> u64 {
    let metadata = fs::symlink_metadata(path).unwrap();
    let entries = if metadata.is_dir() { Some(fs::read_dir(path).unwrap()) } else { None };
    let below: u64 = entries.into_iter().flatten().map(|entry| size(&entry.unwrap().path())).sum();
    if metadata.is_file() { metadata.len() } else { below }
}

#[test]
fn a_second_worktree_has_its_own_environment_beside_the_first() {
    let site = Site::new();
    site.commit("lms", &[("seedbed.yaml", &service("lms", "one"))]);
    let top = format!(
        "{}{SERVICE}databases: {{ main: {{ engine: sqlite, schema: {{ sql: [schema.sql] }} }} }}\n",
        site.manifest("top", &[("lms", "")])
    );
    site.commit(
        "top",
        &[("seedbed.yaml", &top), ("schema.sql", "CREATE TABLE a (b TEXT); INSERT INTO a VALUES ('seeded');")],
    );
    site.git("top", &["worktree", "add", "--quiet", "../second"]);
    let addresses = |directory: &str| {
        let up = site.seedbed(directory, &["up", "--json"]).ends_with(0).json();
        let of = |one: &serde_json::Value| one["address"].as_str().unwrap().to_owned();
        up["services"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let (first, second) = (addresses("top"), addresses("second"));
    assert_eq!((first.len(), second.len()), (2, 2));
    assert!(first.iter().all(|address| !second.contains(address)), "{first:?} {second:?}");
    for directory in ["top", "second"] {
        assert_eq!(site.workspace.sql(&format!("top/main@{directory}"), "SELECT b FROM a"), "seeded\n");
        let status = site.seedbed(directory, &["status", "--json"]).ends_with(0).json();
        assert!(status["services"].as_array().unwrap().iter().all(|one| one["ready"] == true), "{status}");
    }
}

#[test]
fn many_repositories_in_a_deep_graph_are_resolved_and_need_no_git_afterwards() {
    const COUNT: usize = 40;
    let site = Site::new();
    // Each depends on the next and on the one after it: many ways to each.
    for number in (0..COUNT).rev() {
        let next = [number + 1, number + 2].into_iter().filter(|next| *next < COUNT).map(|next| format!("r{next}"));
        let next: Vec<String> = next.collect();
        let dependencies: Vec<(&str, &str)> = next.iter().map(|name| (name.as_str(), "")).collect();
        let name = format!("r{number}");
        let manifest = if next.is_empty() { format!("name: {name}\n") } else { site.manifest(&name, &dependencies) };
        site.commit(&name, &[("seedbed.yaml", &manifest)]);
    }
    site.top(&[("r0", "")]);
    let began = std::time::Instant::now();
    let mut up = site.workspace.command(&["-C", "top", "up"]);
    crate::program::run(&mut up, Duration::from_secs(600)).ends_with(0);
    let cold = began.elapsed();
    assert_eq!(site.lock().matches("commit: ").count(), COUNT);
    let began = std::time::Instant::now();
    let mut again = site.workspace.command(&["-C", "top", "up", "--locked"]);
    crate::program::run(again.env("PATH", site.path("nothing")), Duration::from_secs(60)).ends_with(0);
    eprintln!("{COUNT} repositories: {cold:?} from nothing, {:?} from the cache", began.elapsed());
}

/// Makes a repository of a service of the campus, whose programs are built here and not once for each test.
fn commit_of_campus(site: &Site, name: &str, programs: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../campus").join(name);
    let manifest = fs::read_to_string(source.join("seedbed.yaml")).unwrap();
    let (before, rest) = manifest.split_once("  build:\n").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let program = programs.join(name).display().to_string();
    let build = format!("  build: {{ run: cp {program} program, inputs: [migrations/**], outputs: [program] }}\n\n");
    let mut manifest = format!("{before}{build}{after}").replace(&format!("../target/debug/{name}"), "./program");
    for other in ["lms", "commerce", "programs"] {
        manifest =
            manifest.replace(&format!("{other}: ../{other}"), &format!("{other}: {{ git: \"{}\" }}", site.url(other)));
    }
    let mut files = vec![("seedbed.yaml".to_owned(), manifest)];
    for directory in ["data", "migrations"] {
        for below in ["", "/postgres", "/sqlite"] {
            let entries = fs::read_dir(source.join(format!("{directory}{below}"))).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.path().is_file()) {
                let path = format!("{directory}{below}/{}", entry.file_name().to_string_lossy());
                files.push((path, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    site.commit(name, &files);
}

#[test]
fn the_campus_as_four_repositories_comes_up_from_one_clone_and_then_offline() {
    let campus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../campus").canonicalize().unwrap();
    let mut build = Command::new(env!("CARGO"));
    // As its own tasks build it; variables of the build of this test are not for it.
    build.current_dir(&campus).env_remove("CARGO_TARGET_DIR").args([
        "build",
        "--locked",
        "--quiet",
        "--target-dir",
        "target",
    ]);
    for name in ["lms", "commerce", "programs"] {
        build.args(["--package", name]);
    }
    crate::program::run(&mut build, Duration::from_secs(600)).ends_with(0);

    let site = Site::new();
    for name in ["lms", "commerce", "programs"] {
        commit_of_campus(&site, name, &campus.join("target/debug"));
    }
    let manifest = site.manifest("campus", &[("programs", "")]);
    site.commit("campus", &[("seedbed.yaml", &manifest)]);
    site.git(".", &["clone", "--quiet", &site.url("campus"), "top"]);
    let run = |arguments: &[&str]| {
        let mut command = site.workspace.command(&[&["-C", "top"], arguments].concat());
        crate::program::run(&mut command, Duration::from_secs(300)).ends_with(0)
    };
    let has_the_demonstration = || {
        let status = run(&["status", "--json"]).json();
        let services = status["services"].as_array().unwrap();
        assert_eq!(services.iter().filter(|one| one["ready"] == true).count(), 3, "{status}");
        let address = |service: &str| {
            let found = services.iter().find(|one| one["service"] == service).unwrap();
            found["address"].as_str().unwrap().to_owned()
        };
        let token = crate::campus::service_token(&address("lms/web"));
        let answer = crate::http::get(&address("programs/web"), "/api/v1/programs/?status=active", Some(&token));
        assert!(answer.body.contains("Demonstration Series"), "{answer:?}");
    };
    run(&["up"]);
    has_the_demonstration();
    assert_eq!(site.lock().matches("commit: ").count(), 3, "{}", site.lock());
    run(&["destroy", "--yes"]);
    for name in ["lms", "commerce", "programs", "campus"] {
        site.vanish(name);
    }
    run(&["up", "--locked"]);
    has_the_demonstration();
}
