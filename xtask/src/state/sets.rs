//! The data that is measured with: three sets, each in two states.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::files;
use super::server::Server;

/// Number and size of the files of set (a).
const FILES: usize = 10_000;
const FILE_BYTES: usize = 4096;
/// Size of the file of set (b).
const BIG_BYTES: u64 = 1 << 30;
/// Scale of set (c), and what happens between its two states.
const SCALE: &str = "60";
const TRANSACTIONS: &str = "1000";

/// A set of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Set {
    /// 10,000 files of 4 KiB
    A,
    /// One random file of 1 GiB
    B,
    /// A PostgreSQL data directory
    C,
}

impl Set {
    /// One letter.
    pub fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
            Self::C => 'c',
        }
    }

    /// What it is, for the head of a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "10,000 files of 4 KiB of text; then 10 modified, 5 added, 5 deleted",
            Self::B => "one random file of 1 GiB; then 10 times 4 KiB overwritten",
            Self::C => "PostgreSQL data directory, `pgbench -i -s 60`; then 1,000 transactions",
        }
    }
}

/// A set in its two states.
pub struct States {
    pub first: PathBuf,
    pub second: PathBuf,
}

/// Makes a set, unless it is there from an earlier run.
pub fn make(set: Set, work: &Path) -> Result<States> {
    let directory = work.join("sets").join(set.letter().to_string());
    let states = States { first: directory.join("1"), second: directory.join("2") };
    let done = directory.join("made");
    if done.exists() {
        return Ok(states);
    }
    eprintln!("making set ({})", set.letter());
    files::remove(&directory)?;
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    // The server of (c) runs as somebody else where this is root.
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o711))?;
    match set {
        Set::A => many_files(&states)?,
        Set::B => big_file(&states)?,
        Set::C => database(&states)?,
    }
    fs::write(done, "")?;
    Ok(states)
}

fn many_files(states: &States) -> Result<()> {
    let mut random = Random(1);
    let path = |root: &Path, index: usize| root.join(format!("d{:02}/f{index:05}.txt", index / 100));
    let write = |path: &Path, random: &mut Random| -> Result<()> {
        fs::create_dir_all(path.parent().expect("each file is in a directory"))?;
        fs::write(path, text(random)).with_context(|| format!("cannot write {}", path.display()))
    };
    for index in 0..FILES {
        write(&path(&states.first, index), &mut random)?;
    }
    files::copy(&states.first, &states.second)?;
    for number in 0..10 {
        write(&path(&states.second, number * 997), &mut random)?;
    }
    for number in 0..5 {
        write(&path(&states.second, FILES + number), &mut random)?;
        fs::remove_file(path(&states.second, number * 1201 + 50))?;
    }
    Ok(())
}

/// Words of random letters, which compress as text does.
fn text(random: &mut Random) -> String {
    let mut text = String::with_capacity(FILE_BYTES);
    while text.len() < FILE_BYTES {
        let bits = random.next();
        let length = 3 + bits % 7;
        text.extend(
            (0..length).map(|place| char::from(b'a' + u8::try_from((bits >> (8 + place * 6)) % 26).unwrap_or(0))),
        );
        text.push(if bits >> 60 == 0 { '\n' } else { ' ' });
    }
    text.truncate(FILE_BYTES);
    text
}

fn big_file(states: &States) -> Result<()> {
    fs::create_dir_all(&states.first)?;
    let mut random = Random(2);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(states.first.join("random"))?);
    for _ in 0..BIG_BYTES / 8 {
        file.write_all(&random.next().to_le_bytes())?;
    }
    file.into_inner()?.sync_all()?;
    files::copy(&states.first, &states.second)?;
    let file = OpenOptions::new().write(true).open(states.second.join("random"))?;
    for number in 0..10 {
        let bytes: Vec<u8> = (0..512).flat_map(|_| random.next().to_le_bytes()).collect();
        file.write_all_at(&bytes, number * (BIG_BYTES / 10) + 12_345)?;
    }
    Ok(())
}

fn database(states: &States) -> Result<()> {
    Server::create(&states.first)?.with(|server| server.pgbench(&["-i", "-s", SCALE, "-q"]))?;
    files::copy(&states.first, &states.second)?;
    Server::of(&states.second)?.with(|server| server.pgbench(&["-t", TRANSACTIONS]))
}

/// Pseudo-random numbers (`SplitMix64`): the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
