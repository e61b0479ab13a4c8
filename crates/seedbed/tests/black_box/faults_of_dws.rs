//! What goes wrong with dws 1.6 goes right here: a test for each of its faults that is known.

use std::fs;
use std::os::unix::fs::symlink;

use crate::dws::{Site, theirs};

/// A workspace with a resource in git and one of local files.
fn workspace() -> Site {
    let site = Site::new(None);
    site.run("mkdir w; cd w; dws --batch init --hostname test --create-resources code,results");
    site.run("mkdir data; echo 1 > data/a; dws --batch add local-files --role source-data data");
    site
}

impl Site {
    /// Runs a command that succeeds.
    #[track_caller]
    fn run(&self, command: &str) -> String {
        let ran = self.shell(command, "").ends_with(0);
        ran.stdout
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.work().join("w").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.work().join("w").join(path)).unwrap()
    }

    /// The hash of the snapshot with this tag.
    fn hash(&self, tag: &str) -> String {
        let all: serde_json::Value = serde_json::from_str(&self.run("seedbed snapshots --json")).unwrap();
        let has = |one: &&serde_json::Value| one["tags"].as_array().unwrap().contains(&tag.into());
        let found = all["snapshots"].as_array().unwrap().iter().find(has);
        found.unwrap_or_else(|| panic!("no {tag} in {all}"))["hash"].as_str().unwrap().to_owned()
    }
}

#[test]
fn lineage_is_right_from_the_second_snapshot_on() {
    let site = workspace();
    site.run("mkdir clean; echo > clean/x; dws --batch add local-files --role intermediate-data clean");
    let step = "seedbed run --step clean --in data --out clean -- sh -c 'tr 0-9 a-j < data/a > clean/x'";
    let lineage = |tag: &str| site.run(&format!("seedbed lineage table --snapshot {tag} --json"));
    site.write("data/a", b"123");
    site.run(&format!("{step} && dws --batch snapshot V1"));
    let first = lineage("V1");
    site.write("data/a", b"456");
    site.run(&format!("{step} && dws --batch snapshot V2"));
    assert_eq!(site.read("clean/x"), b"efg");
    assert_eq!(lineage("V1"), first, "what was is not changed by what comes later");
    let digests = |text: &str| -> Vec<String> {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["rows"].as_array().unwrap().iter().map(|row| row["digest"].to_string()).collect()
    };
    let (before, after) = (digests(&first), digests(&lineage("V2")));
    assert_eq!(before.len(), 2, "{first}");
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
    let table = site.run("dws report lineage --snapshot V2");
    assert!(table.contains("| Step "), "{table}");
    site.run("dws lineage graph --resource clean --snapshot V1 graph.html");
}

#[test]
fn binary_files_in_git_are_restored() {
    let site = workspace();
    let first: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let second: Vec<u8> = first.iter().rev().copied().collect();
    site.write("code/model.bin", &first);
    site.run("dws --batch snapshot V1");
    site.write("code/model.bin", &second);
    site.write("code/new.bin", &[0, 255, 0]);
    site.run("dws --batch snapshot V2");
    site.run("dws --batch restore V1");
    assert_eq!(site.read("code/model.bin"), first);
    assert!(!site.work().join("w/code/new.bin").exists());
    site.run("dws --batch restore V2");
    assert_eq!((site.read("code/model.bin"), site.read("code/new.bin")), (second, vec![0, 255, 0]));
}

#[test]
fn a_restore_that_cannot_be_whole_changes_nothing() {
    let site = workspace();
    site.write("code/x.py", b"1");
    site.write("data/a", &[7; 5000]);
    site.run("dws --batch snapshot V1");
    site.write("code/x.py", b"2");
    site.write("data/a", &[8; 5000]);
    site.run("dws --batch snapshot V2");
    let before = site.run("git log --format=%H%s");
    // What the first snapshot has of the files is lost, and the code would come first.
    site.run("for pack in .seedbed/store/packs/*; do :; done; find .seedbed/store -type f -path '*pack*' -exec truncate -s 0 {} +");
    let ran = site.shell("dws --batch restore V1", "");
    assert_ne!(ran.code, Some(0));
    assert_eq!((site.read("code/x.py"), site.read("data/a")), (b"2".to_vec(), vec![8; 5000]));
    assert_eq!(site.run("git log --format=%H%s"), before);
}

#[test]
fn local_files_come_back_also_after_an_edit_of_the_same_size() {
    let site = workspace();
    site.write("data/a", b"one");
    site.run("dws --batch snapshot V1");
    site.write("data/a", b"two");
    site.run("dws --batch snapshot V2");
    assert_ne!(site.hash("V1"), site.hash("V2"));
    site.run("dws --batch restore V1");
    assert_eq!(site.read("data/a"), b"one");
}

#[test]
fn renames_are_captured_staged_or_not() {
    let site = workspace();
    site.write("code/old.py", b"1");
    site.run("dws --batch snapshot V1");
    site.run("git mv code/old.py code/new.py");
    site.run("dws --batch snapshot V2");
    assert_eq!(site.run("git status --porcelain"), "");
    site.run("mv code/new.py code/third.py; dws --batch snapshot V3; dws --batch restore V2");
    assert!(site.work().join("w/code/new.py").exists() && !site.work().join("w/code/third.py").exists());
    site.run("dws --batch restore V1");
    assert!(site.work().join("w/code/old.py").exists() && !site.work().join("w/code/new.py").exists());
}

#[test]
fn a_failed_snapshot_leaves_results_where_they_are_and_the_next_has_their_metrics() {
    let site = workspace();
    site.write("results/results.json", br#"{"metrics":{"accuracy":0.5}}"#);
    site.run("mv data away");
    let ran = site.shell("dws --batch snapshot V1", "");
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(site.work().join("w/results/results.json").exists());
    site.run("mv away data; dws --batch snapshot V1");
    assert!(site.run("dws report history").contains("0.5"));
}

#[test]
fn another_template_leaves_the_results_of_earlier_snapshots_where_they_are() {
    let site = workspace();
    site.write("results/r.csv", b"1");
    site.run("dws --batch snapshot V1");
    site.run("dws config results.dir_template 'snapshots/new/{TAG}'");
    site.write("results/r.csv", b"2");
    site.run("dws --batch snapshot V2");
    assert_eq!(site.read("results/snapshots/test-V1/r.csv"), b"1");
    assert_eq!(site.read("results/snapshots/new/V2/r.csv"), b"2");
    assert!(!site.work().join("w/results/snapshots/new/V2/snapshots").exists());
}

#[test]
fn a_tag_that_moves_takes_no_other_tag_with_it() {
    let site = workspace();
    site.run("dws --batch snapshot -m first A; dws --batch snapshot -m first B");
    site.write("code/x", b"1");
    site.shell("dws snapshot A", "y\n").ends_with(0);
    let (a, b) = (site.hash("A"), site.hash("B"));
    assert_ne!(a, b);
}

#[test]
fn names_of_files_can_be_any() {
    let site = workspace();
    let names = ["größe.txt", "a\tb", "line\nend", "\"quoted\"", "日本", "-x", " leading"];
    for name in names {
        site.write(&format!("code/{name}"), name.as_bytes());
        site.write(&format!("data/{name}"), name.as_bytes());
    }
    site.run("dws --batch snapshot V1");
    for name in names {
        site.write(&format!("code/{name}"), b"changed");
        fs::remove_file(site.work().join("w/data").join(name)).unwrap();
    }
    site.run("dws --batch snapshot V2; dws --batch restore V1");
    for name in names {
        assert_eq!(site.read(&format!("code/{name}")), name.as_bytes());
        assert_eq!(site.read(&format!("data/{name}")), name.as_bytes());
    }
}

#[test]
fn links_are_kept_as_links() {
    let site = workspace();
    let data = site.work().join("w/data");
    fs::create_dir(data.join("real")).unwrap();
    fs::write(data.join("real/x"), "x").unwrap();
    for (link, target) in [("to-directory", "real"), ("broken", "nowhere"), ("to-file", "real/x"), ("round", "round")] {
        symlink(target, data.join(link)).unwrap();
    }
    site.run(
        "dws --batch snapshot V1; rm data/to-directory data/broken data/to-file data/round; dws --batch snapshot V2",
    );
    site.run("dws --batch restore V1");
    for (link, target) in [("to-directory", "real"), ("broken", "nowhere"), ("to-file", "real/x"), ("round", "round")] {
        assert_eq!(fs::read_link(data.join(link)).unwrap().to_str(), Some(target));
    }
}

#[test]
fn publishing_again_is_no_error() {
    let site = workspace();
    site.run("dws --batch snapshot V1; git init -q --bare ../o.git; git init -q --bare ../p.git");
    site.run("dws --batch publish ../o.git; dws --batch publish ../o.git; dws --batch publish ../p.git");
    assert_eq!(site.run("git -C ../o.git rev-parse main"), site.run("git -C ../p.git rev-parse main"));
}

#[test]
fn two_snapshots_at_once_are_both_taken() {
    let site = workspace();
    site.write("code/x", b"1");
    site.run(
        "for n in 1 2 3 4; do dws --batch snapshot -m $n T$n > out$n 2>&1 & pids=\"$pids $!\"; done; \
         for pid in $pids; do wait $pid || { cat out*; exit 1; }; done",
    );
    for tag in ["T1", "T2", "T3", "T4"] {
        site.hash(tag);
    }
}

#[test]
fn histories_that_have_diverged_are_pulled() {
    let site = workspace();
    site.run("dws config content.remote ../contents; dws --batch snapshot V1; git init -q --bare ../o.git; dws --batch publish ../o.git");
    site.run("cd ..; dws --batch clone o.git copy; cd copy; echo c > code/copy; dws --batch snapshot C; dws --batch push; cd ../w");
    site.write("code/own", b"w");
    site.run("dws --batch snapshot W; dws --batch pull; dws --batch push");
    for tag in ["V1", "C", "W"] {
        site.hash(tag);
    }
    assert_eq!((site.read("code/copy"), site.read("code/own")), (b"c\n".to_vec(), b"w".to_vec()));
}

#[test]
fn the_same_state_has_the_same_hash_in_another_place() {
    let (one, other) = (workspace(), workspace());
    other.run("cd ..; mv w elsewhere; ln -s elsewhere w; cd elsewhere");
    for site in [&one, &other] {
        site.write("code/x", b"1");
        site.run("dws --batch snapshot V1");
    }
    assert_eq!(one.hash("V1"), other.hash("V1"));
}

#[test]
fn a_workspace_of_dws_opens_and_dws_still_reads_it_afterwards() {
    let Some(program) = theirs() else {
        eprintln!("dws 1.6 is not installed: workspaces that it makes are not tried; .ci/run installs it");
        return;
    };
    let site = Site::new(Some(&program));
    let ours = |words: &str| site.run(&format!("{}/ours/dws {words}", site.root().display()));
    site.run("mkdir w; cd w; dws --batch init --hostname test --create-resources code,results");
    site.run("mkdir data; echo one > data/a; dws --batch add local-files --role source-data --compute-hash data");
    site.run("git clone -q ../sklearn-digits-dataset.git digits 2>&1; dws --batch add git --role source-data --read-only digits");
    let states = ["print(1)\n", "print(22)\n", "print(333)\n"];
    for (number, text) in states.iter().enumerate() {
        site.write("code/x.py", text.as_bytes());
        site.write("results/results.json", format!(r#"{{"metrics":{{"n":{number}}}}}"#).as_bytes());
        site.run(&format!("dws --batch snapshot -m 'number {number}' T{number}"));
    }
    let history = site.run("dws report history");
    assert_eq!(ours("report history"), history);
    // Each is restored, and a new one is taken.
    for (number, text) in states.iter().enumerate() {
        ours(&format!("--batch restore T{number}"));
        assert_eq!(site.read("code/x.py"), text.as_bytes());
    }
    site.write("code/x.py", b"print(4)\n");
    site.write("data/a", b"two\n");
    ours("--batch snapshot -m ours T4");
    site.write("data/a", b"six\n");
    ours("--batch snapshot -m again T5");
    ours("--batch restore T4");
    assert_eq!(site.read("data/a"), b"two\n", "what ours has taken it brings back");
    // dws reads all of it, restores, and goes on.
    let history = site.run("dws report history");
    for tag in ["T0", "T1", "T2", "T4", "T5"] {
        assert!(history.contains(tag), "{history}");
    }
    assert_eq!(ours("report history"), history);
    site.run("dws report status; dws diff T2 T4; dws --batch restore --only code T1");
    assert_eq!(site.read("code/x.py"), states[1].as_bytes());
    site.run("dws --batch restore --only code T4");
    assert_eq!(site.read("code/x.py"), b"print(4)\n");
    site.write("code/x.py", b"print(5)\n");
    site.run("dws --batch snapshot -m theirs T6");
    ours("--batch restore T0");
    ours("--batch restore T6");
    assert_eq!(site.read("code/x.py"), b"print(5)\n");
    site.run("git init -q --bare ../o.git; dws --batch publish ../o.git; cd ..; dws --batch clone o.git copy; cd copy; dws report history");
    assert_eq!(ours("report history").lines().count(), site.run("dws report history").lines().count());
}
