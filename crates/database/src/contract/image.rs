//! Images for tests, made of the programs that this machine has: a test pulls nothing.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::{Containers, EngineKind, Image};

/// Makes an image of files and directories.
const MAKE: &str = include_str!("image.sh");

/// Gives an image that has the server of an engine and all its programs, as Debian installs them.
pub fn image_of(engine: EngineKind) -> Option<Image> {
    let postgres = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let major = postgres.map(|entry| entry.file_name().to_string_lossy().into_owned()).max().unwrap_or_default();
    let postgres = ["/usr/lib/postgresql/*/bin", "/usr/lib/postgresql/*/lib", "/usr/share/postgresql/*"];
    let postgres = postgres.map(|path| path.replace('*', &major));
    let (what, files) = match engine {
        EngineKind::Sqlite => panic!("it has no server"),
        EngineKind::Postgres => {
            ("postgres", [&postgres.each_ref().map(String::as_str)[..], &["/usr/share/zoneinfo"]].concat())
        }
        EngineKind::Mysql => {
            let programs = ["mariadb", "mariadb-dump", "mariadb-install-db", "my_print_defaults", "resolveip"];
            let programs = programs.map(|name| format!("/usr/bin/{name}"));
            let parts = ["/usr/sbin/mariadbd", "/usr/share/mysql", "/usr/lib/mysql/plugin"];
            return image_with("mariadb", &[&programs.each_ref().map(String::as_str)[..], &parts].concat());
        }
        EngineKind::Redis => ("redis", vec!["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/redis-check-rdb"]),
    };
    image_with(what, &files)
}

/// Gives an image that has these files and directories of this machine, with what they need to run; the first test that
/// asks makes it, and it stays for the next run.
///
/// `None`, with a line about it, where no engine of containers answers; a run that must be complete (`CI`) fails then.
#[expect(clippy::print_stderr, reason = "a test says what it leaves out")]
pub fn image_with(what: &str, files: &[&str]) -> Option<Image> {
    let containers = match Containers::find() {
        Ok(containers) => containers,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "the tests need docker: {error}");
            eprintln!("not tested in containers: {error}");
            return None;
        }
    };
    let mut digest = blake3::Hasher::new();
    digest.update(MAKE.as_bytes());
    for file in files {
        let changed = std::fs::metadata(file).and_then(|metadata| metadata.modified()).expect("a file of this machine");
        digest.update(format!("{file} {changed:?}").as_bytes());
    }
    let name = format!("seedbed-test-{what}:{}", &digest.finalize().to_hex()[..16]);
    // Tests are processes of their own, and one of them makes it.
    let lock = std::env::temp_dir().join(format!("{}.lock", name.replace(':', "-")));
    let lock = File::create(&lock).expect("a lock");
    lock.lock().expect("the lock");
    if containers.image_id(&name).is_err() {
        let mut make = Command::new("sh");
        make.arg("-c").arg(MAKE).arg("image").arg(&name).args(files).env("IMPORT", containers.program());
        assert!(make.status().expect("a shell").success(), "the image {name} cannot be made");
    }
    let id = containers.image_id(&name).expect("it was made");
    Some(Image { containers, name, id, contents: None, shared: vec![std::env::temp_dir()] })
}

/// Removes an image.
pub fn remove_image(image: &str) {
    let containers = Containers::find().expect("there was one");
    let removed = Command::new(containers.program()).args(["image", "rm", "--force", image]).output().expect("start");
    assert!(removed.status.success(), "{removed:?}");
}

/// Says which containers there are of a server in a directory.
pub fn containers_of(directory: &Path) -> String {
    let containers = Containers::find().expect("there was one");
    let name = format!("name={}", Image::container_name(directory));
    let listed = Command::new(containers.program()).args(["ps", "--all", "--quiet", "--filter", &name]).output();
    String::from_utf8_lossy(&listed.expect("start").stdout).trim().to_owned()
}
