//! The format read by two programs: this code reads the store that is committed in `docs/formats/vectors/`, and
//! `python/salvage/seedbed_salvage.py`, written from the documents alone, reads what this code writes.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

#[path = "common/walk.rs"]
mod walk;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use store::{
    CheckOptions, Content, CreateOptions, DirectoryBackend, ObjectId, ObjectKind, ObjectReader as _, RecordDetails,
    State, Store, check, decode_node,
};
use tree::{Body, Class, PageRule, Rules, list, save, save_file, summary};
use walk::walk;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A directory with one of everything that the format can express in little space.
fn make_files(root: &Path) {
    for directory in ["", "empty", "names", "inside", "inside/deeper"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    let rows = |from: u32, to: u32| (from..to).flat_map(|row| format!("row {row}; ").into_bytes()).collect::<Vec<u8>>();
    fs::write(root.join("nothing"), "").unwrap();
    fs::write(root.join("inside/small"), "a small file\n").unwrap();
    fs::write(root.join(OsStr::from_bytes(b"inside/no text: \xff\n")), "its name is bytes").unwrap();
    fs::write(root.join("inside/deeper/script"), "#!/bin/sh\n").unwrap();
    // FastCDC, with a run of zeros inside.
    let mut content = rows(0, 30_000);
    content[100_000..250_000].fill(0);
    fs::write(root.join("rows"), content).unwrap();
    // Pages, by a rule and by what the file is. Some are zeros.
    let mut content = rows(30_000, 42_000);
    content[20_000..70_000].fill(0);
    fs::write(root.join("table.pages"), content).unwrap();
    let mut content = b"SQLite format 3\0\x10\0".to_vec();
    content.extend(rows(0, 10_000));
    fs::write(root.join("recognised"), content).unwrap();
    // Several segments, so a list; only the ends of one are not zeros.
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(70 << 20).unwrap();
    sparse.write_all_at(b"at the end", (70 << 20) - 10).unwrap();
    File::create(root.join("zeros")).unwrap().set_len(1 << 20).unwrap();
    // More names than fit into a leaf.
    for name in 0..400 {
        fs::write(root.join(format!("names/{name}")), "").unwrap();
    }
    symlink("inside/small", root.join("link")).unwrap();
    fs::hard_link(root.join("inside/small"), root.join("the same")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    // Times and modes last: what is made in a directory changes its time.
    let modes = [("inside/deeper/script", 0o755), ("rows", 0o400), ("table.pages", 0o600), ("nothing", 0o664)];
    for (path, mode) in modes.into_iter().chain([("names", 0o750), ("inside/deeper", 0o555)]) {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).unwrap();
    }
    for (number, path) in (1..).zip(walk(root).into_keys().collect::<Vec<_>>().iter().rev()) {
        let file = root.join(path);
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + number, 123_456_789);
        if fs::symlink_metadata(&file).is_ok_and(|data| data.is_file() || data.is_dir()) {
            File::open(&file).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
        }
    }
}

fn open(place: &Path, cache: &Path) -> Store {
    Store::open(Arc::new(DirectoryBackend::new(place)), cache, &[]).unwrap()
}

/// A store with a snapshot `first` of those files and of a dump, a state and a base.
fn make_store(place: &Path, scratch: &Path) -> PathBuf {
    let files = scratch.join("files");
    make_files(&files);
    let dump = scratch.join("dump.sql");
    let mut out = File::create(&dump).unwrap();
    for row in 0..5_000 {
        writeln!(out, "INSERT INTO courses VALUES ({row}, 'Course {}');", row * 7919 % 5_000).unwrap();
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    out.set_times(FileTimes::new().set_modified(time)).unwrap();
    drop(out);

    let backend = Arc::new(DirectoryBackend::new(place));
    let store = Store::create(backend, &scratch.join("cache"), &CreateOptions::default()).unwrap();
    let writer = store.writer().unwrap();
    let pages = vec![PageRule { glob: "*.pages".to_owned(), bytes: 16 << 10 }];
    let rules = Rules { pages, ..Rules::default() };
    let saved = save(&files, &rules, &scratch.join("stats"), &writer, &tree::unwatched).unwrap();
    let dumped = save_file(&dump, &writer, &tree::unwatched).unwrap();
    let content = |name: &str, kind: &str, form: &str, saved: tree::Saved| Content {
        name: name.to_owned(),
        kind: kind.to_owned(),
        form: form.to_owned(),
        fingerprint: saved.content,
        root: saved.root,
        bytes: saved.bytes,
        notes: BTreeMap::new(),
    };
    let courses = content("lms/courses", "sqlite", "logical", dumped);
    let details = RecordDetails {
        tag: "First.1".to_owned(),
        message: "The first of all".to_owned(),
        created: "2026-11-01T10:00:00Z".to_owned(),
        author: "somebody".to_owned(),
        environment: "default".to_owned(),
        ..RecordDetails::default()
    };
    store.commit(writer, vec![content("lms/uploads", "files", "files", saved), courses.clone()], details).unwrap();
    let made = "2026-11-01T10:00:00Z".to_owned();
    let state = State { key: "5eed".repeat(16), step: "data".to_owned(), content: courses, made };
    store.put_state(store.writer().unwrap(), &state).unwrap();
    store.put_base("big", store.writer().unwrap(), &State { step: "base".to_owned(), ..state }).unwrap();
    files
}

/// All that this code finds in a store: snapshots with their trees, and every object below.
fn describe(store: &Store) -> Value {
    let mut objects = BTreeMap::new();
    let mut snapshots = Vec::new();
    for record in store.records(|_| true).unwrap() {
        visit(store, record.object, ObjectKind::Node, &mut objects);
        let contents = store.snapshot(&record).unwrap().contents.into_iter().map(|content| {
            let root = summary(&content.root, store).unwrap();
            let mut tree = Vec::new();
            list(&content.root, store, &mut |listed| {
                let entry = listed.entry;
                let what = match &entry.body {
                    Body::Directory { .. } => "directory".to_owned(),
                    Body::File(file) => format!("file of {} bytes, {}", file.size, class(file.class)),
                    Body::Symlink(target) => format!("link to {}", String::from_utf8_lossy(target)),
                    Body::Fifo => "pipe".to_owned(),
                    Body::Hole(_) => "hole".to_owned(),
                };
                let path = listed.path.to_string_lossy().escape_debug().to_string();
                let (seconds, nanoseconds) = (entry.mtime.seconds, entry.mtime.nanoseconds);
                let digest = ObjectId(entry.digest()).to_string();
                tree.push(format!("{path}: {:04o} {seconds}.{nanoseconds:09} {what} {digest}", entry.mode));
                Ok(())
            })
            .unwrap();
            json!({"name": content.name, "root": content.root.to_string(), "fingerprint": content.fingerprint,
                "entries": root.entries, "bytes": root.bytes, "tree": tree})
        });
        let contents: Vec<Value> = contents.collect();
        let details = &record.details;
        snapshots.push(json!({"tag": details.tag, "message": details.message, "created": details.created,
            "snapshot": record.snapshot.as_str(), "object": record.object.to_string(), "contents": contents}));
    }
    let states: Vec<_> =
        store.states().unwrap().iter().map(|state| json!(format!("{}: {}", state.key, state.content.name))).collect();
    json!({"snapshots": snapshots, "states": states, "bases": store.bases().unwrap(), "objects": objects})
}

fn class(class: Class) -> String {
    format!("{class:?}").to_lowercase()
}

fn visit(store: &Store, id: ObjectId, kind: ObjectKind, objects: &mut BTreeMap<String, Value>) {
    let bytes = store.get(&id).unwrap();
    assert_eq!(store.object_id(kind, &bytes), id);
    let known = objects.insert(id.to_string(), json!(format!("{kind:?} of {} bytes", bytes.len()).to_lowercase()));
    if kind == ObjectKind::Data || known.is_some() {
        return;
    }
    for child in decode_node(&bytes).unwrap().0 {
        let bytes = store.get(&child).unwrap();
        let is_node = store.object_id(ObjectKind::Node, &bytes) == child;
        visit(store, child, if is_node { ObjectKind::Node } else { ObjectKind::Data }, objects);
    }
}

/// Runs the second reader: with the packages that make it fast, if they are installed below `target/python`.
fn salvage(store: &Path, arguments: &[&OsStr]) -> Output {
    let project = project();
    let installed = project.join("target/python/bin/python3");
    let python = if installed.exists() { installed } else { PathBuf::from("python3") };
    let mut command = Command::new(python);
    command.arg("-B").arg(project.join("python/salvage/seedbed_salvage.py")).arg(store).args(arguments);
    command.output().unwrap()
}

/// What the second reader says, on both streams, when it ends with this code.
fn salvaged(code: i32, store: &Path, arguments: &[&OsStr]) -> String {
    let output = salvage(store, arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?} said:\n{said}");
    said
}

fn extract(code: i32, store: &Path, tag: &str, to: &Path, more: &[&str]) -> String {
    let mut arguments: Vec<&OsStr> = vec!["extract".as_ref(), tag.as_ref(), "--to".as_ref(), to.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    salvaged(code, store, &arguments)
}

/// The packs of a store, the largest first.
fn packs(store: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(store.join("packs"))
        .unwrap()
        .flat_map(|below| fs::read_dir(below.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    found.sort_by_key(|file| std::cmp::Reverse(fs::metadata(file).unwrap().len()));
    found
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    File::options().write(true).open(file).unwrap().write_all_at(bytes, at).unwrap();
}

/// Compares with what was saved, as it was described before.
fn assert_same(saved: &Path, extracted: &Path) {
    let (saved, extracted) = (walk(saved), walk(extracted));
    assert_eq!(saved.keys().collect::<Vec<_>>(), extracted.keys().collect::<Vec<_>>());
    for (path, entry) in saved {
        assert!(entry == extracted[&path], "{} differs", path.display());
    }
}

#[test]
fn the_committed_store_still_reads_the_same() {
    let vectors = project().join("docs/formats/vectors");
    let (place, expected) = (vectors.join("store-1"), vectors.join("store-1.json"));
    let scratch = tempfile::tempdir().unwrap();
    // Made once and never again: what was written by an old version is to be read by all later ones.
    if std::env::var_os("SEEDBED_BLESS").is_some() && !place.exists() {
        make_store(&place, scratch.path());
        let description = describe(&open(&place, &scratch.path().join("cache")));
        fs::write(&expected, serde_json::to_string_pretty(&description).unwrap() + "\n").unwrap();
    }
    let store = open(&place, &scratch.path().join("other cache"));
    let expected: Value = serde_json::from_slice(&fs::read(expected).unwrap()).unwrap();
    assert_eq!(describe(&store), expected);
    assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap().len(), 0);
    salvaged(0, &place, &["check".as_ref()]);
}

#[test]
fn the_second_reader_extracts_what_was_saved() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("store");
    let files = make_store(&place, scratch.path());

    let said = salvaged(0, &place, &["list".as_ref()]);
    for word in ["record First.1", "lms/courses lms/uploads", "The first of all", "base big", &"5eed".repeat(16)] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    let said = salvaged(0, &place, &["check".as_ref()]);
    assert!(said.contains(" 0 damages"), "{said}");

    let to = scratch.path().join("extracted");
    extract(0, &place, "First.1", &to, &[]);
    assert_same(&files, &to.join("lms/uploads"));
    let dump = fs::read(scratch.path().join("dump.sql")).unwrap();
    assert!(fs::read(to.join("lms/courses")).unwrap() == dump);
    let blocks = |file: &Path| std::os::unix::fs::MetadataExt::blocks(&fs::metadata(file).unwrap());
    assert!(blocks(&to.join("lms/uploads/sparse")) < 2048, "zeros are written as holes");

    // Without index and references, by the id that a scan tells.
    for directory in ["index", "references"] {
        fs::remove_dir_all(place.join(directory)).unwrap();
    }
    let said = salvaged(0, &place, &["scan".as_ref()]);
    let id = said.split("snapshot ").nth(1).unwrap().split(' ').next().unwrap();
    let to = scratch.path().join("without index");
    extract(0, &place, id, &to, &["--only", "lms/courses", "--from-packs"]);
    assert!(fs::read(to.join("lms/courses")).unwrap() == dump && !to.join("lms/uploads").exists());
}

#[test]
fn the_second_reader_brings_out_all_but_the_damaged_block() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("store");
    let files = make_store(&place, scratch.path());
    // The second block of the largest pack loses its beginning.
    let pack = packs(&place).remove(0);
    let bytes = fs::read(&pack).unwrap();
    let starts: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, word)| word == b"BLK1").map(|(at, _)| at).collect();
    assert!(starts.len() > 2, "a store of several blocks");
    let length = (starts[2] - starts[1]).min(3000);
    overwrite(&pack, starts[1] as u64, &vec![0x5a; length]);

    for (name, index) in [("index", &[][..]), ("packs", &["--from-packs"][..])] {
        let to = scratch.path().join(name);
        let said = extract(1, &place, "First.1", &to, index);
        let (saved, extracted) = (walk(&files), walk(&to.join("lms/uploads")));
        let (mut damaged, mut lost) = (Vec::new(), 0);
        for (path, entry) in &saved {
            let out = &extracted[path];
            assert_eq!((out.kind, out.mode, out.content.len()), (entry.kind, entry.mode, entry.content.len()));
            if out.content != entry.content {
                damaged.push(path);
                lost += out.content.iter().zip(&entry.content).filter(|(out, saved)| out != saved).count();
                // What is not right is zeros.
                assert!(out.content.iter().zip(&entry.content).all(|(out, saved)| out == saved || *out == 0));
                // Of files that are one, the first is named.
                let is_link = path.as_os_str() == "the same";
                let path = if is_link { Path::new("inside/small") } else { path.as_path() };
                let path = path.to_string_lossy().replace('\n', "\\n").replace('\u{fffd}', "\\xff");
                let path = format!("lms/uploads/{path}: bytes ");
                assert!(said.contains(&path), "{path:?} is not named in {said}");
            }
        }
        let dump = fs::read(scratch.path().join("dump.sql")).unwrap();
        let same = fs::read(to.join("lms/courses")).unwrap() == dump;
        assert!(same || said.contains("lms/courses: bytes "), "{said}");
        assert!(!(same && damaged.is_empty()), "something was damaged");
        // A block has 256 KiB at most, of however many files; what is in it may be under two names.
        assert!(lost <= 2 * (256 << 10), "damage stays where it is: {lost} bytes of {damaged:?}");
    }
    for command in ["check", "scan"] {
        let said = salvaged(1, &place, &[command.as_ref()]);
        let name = pack.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(&format!("{name}: bytes {} to {}", starts[1], starts[2])), "{said}");
    }
}

#[test]
fn an_encrypted_store_is_refused_in_words() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("store");
    let recipient = store::Identity::generate().recipient();
    let options = CreateOptions { recipients: vec![(recipient, store::Access::Reader)] };
    let store =
        Store::create(Arc::new(DirectoryBackend::new(&place)), &scratch.path().join("cache"), &options).unwrap();
    let writer = store.writer().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "secret").unwrap();
    save_file(&file, &writer, &tree::unwatched).unwrap();
    drop(writer.finish().unwrap());
    let said = salvaged(2, &place, &["list".as_ref()]);
    assert!(said.contains("the store is encrypted"), "{said}");
}
