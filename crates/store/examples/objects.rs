//! Measures what writing to a store and reading from it cost: `objects DIRECTORY [MIB]`; files of DIRECTORY/data or
//! random bytes in objects of 16 KiB.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use store::{
    Backend, BackendError, CreateOptions, DirectoryBackend, Entry, Expect, ObjectId, ObjectKind, ObjectReader,
    ObjectWriter, Store, StoreError, Version,
};

const ANSWER: Duration = Duration::from_millis(20);

/// CPU seconds of this process.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

fn measured<T>(what: &str, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let (wall, before) = (Instant::now(), cpu());
    let result = work()?;
    println!("{what:<32} {:6.2} CPU s {:6.2} s", cpu() - before, wall.elapsed().as_secs_f64());
    Ok(result)
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

fn random(mebibytes: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"random bytes of the measurement");
    let mut bytes = vec![0; mebibytes << 20];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// A place that takes 20 ms to answer.
struct Far(DirectoryBackend);

impl Backend for Far {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        sleep(ANSWER);
        self.0.read(name)
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        sleep(ANSWER);
        self.0.read_range(name, offset, length)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        sleep(ANSWER);
        self.0.write(name, bytes)
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        sleep(ANSWER);
        self.0.read_versioned(name)
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        sleep(ANSWER);
        self.0.write_if(name, bytes, expect)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        sleep(ANSWER);
        self.0.delete(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        sleep(ANSWER);
        self.0.list(prefix, each)
    }
}

fn main() -> Result<(), StoreError> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "measure".to_owned()));
    let mebibytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1024);
    let mut found = Vec::new();
    files(&directory.join("data"), &mut found);
    let contents: Vec<Vec<u8>> = if found.is_empty() {
        vec![random(mebibytes)]
    } else {
        found.iter().filter_map(|path| std::fs::read(path).ok()).collect()
    };
    println!("{} MB", contents.iter().map(Vec::len).sum::<usize>() / 1_000_000);
    let place = directory.join("store");
    let _ = std::fs::remove_dir_all(&place);
    let backend = Arc::new(DirectoryBackend::new(&place));
    let store = Store::create(backend.clone(), &directory.join("cache"), &CreateOptions::default())?;
    let put = |store: &Store| -> Result<Vec<ObjectId>, StoreError> {
        let writer = store.writer()?;
        let mut ids = Vec::new();
        for chunk in contents.iter().flat_map(|content| content.chunks(16 * 1024)) {
            let id = writer.id(ObjectKind::Data, chunk);
            writer.put(ObjectKind::Data, id, chunk)?;
            ids.push(id);
        }
        let written = writer.finish()?;
        println!("{} objects, {} MB stored, {} packs", written.objects, written.new_bytes / 1_000_000, written.packs);
        Ok(ids)
    };
    let ids = measured("put", || put(&store))?;
    measured("put again", || put(&store))?;
    let store = measured("open", || Store::open(backend, &directory.join("cache"), &[]))?;
    let mut bytes = 0;
    measured("get_many", || {
        store.get_many(&ids, &mut |_, object| {
            bytes += object.len();
            Ok(())
        })
    })?;
    println!("{} MB read", bytes / 1_000_000);
    let far = Arc::new(Far(DirectoryBackend::new(&place)));
    let remote = Store::open(far, &directory.join("cache"), &[])?;
    measured("get_many, 20 ms for each call", || remote.get_many(&ids, &mut |_, _| Ok(())))
}
