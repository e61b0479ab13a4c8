//! The files that snapshots are taken of: always the same, and how they change.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// What is snapshotted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// 10,000 files of 4 KiB of text.
    Text,
    /// 10,000 files of 4 KiB that are random.
    Binary,
    /// One file of 1 GiB that is random.
    Large,
}

/// How far the data has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// As it was at first.
    First,
    /// With 100 of the files changed, or the large file.
    Changed,
    /// With all files changed.
    All,
}

const FILES: u64 = 10_000;
const SIZE: usize = 4096;
const LARGE: u64 = 1024 * 1024 * 1024;
const PIECE: usize = 1024 * 1024;

impl Data {
    /// A word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Large => "large",
        }
    }

    /// Writes the files as they are at a stage, below a directory.
    pub fn write(self, directory: &Path, stage: Stage) -> Result<()> {
        fs::create_dir_all(directory)?;
        if self == Self::Large {
            let seed = u64::from(stage != Stage::First) + 1;
            return write_large(&directory.join("data.bin"), seed);
        }
        for number in 0..FILES {
            let is_changed = match stage {
                Stage::First => false,
                Stage::Changed => number % 100 == 0,
                Stage::All => true,
            };
            if stage == Stage::Changed && !is_changed {
                continue;
            }
            let path = directory.join(format!("{:02}", number / 100)).join(format!("{number:05}.dat"));
            fs::create_dir_all(path.parent().context("it is in a directory")?)?;
            fs::write(path, self.content(number, if is_changed { stage as u64 } else { 0 }))?;
        }
        Ok(())
    }

    fn content(self, number: u64, version: u64) -> Vec<u8> {
        let mut random = Random(number * 7 + version * 1_000_003 + 1);
        let mut bytes = Vec::with_capacity(SIZE + 64);
        while bytes.len() < SIZE {
            let word = random.next();
            match self {
                Self::Text => bytes.extend(format!("{:020} {:020}\n", word, word.rotate_left(17)).bytes()),
                _ => bytes.extend(word.to_le_bytes()),
            }
        }
        bytes.truncate(SIZE);
        bytes
    }

    /// Says whether the files are those of a stage, byte for byte.
    pub fn check(self, directory: &Path, stage: Stage) -> Result<()> {
        if self == Self::Large {
            let seed = u64::from(stage != Stage::First) + 1;
            let bytes = fs::read(directory.join("data.bin"))?;
            let mut random = Random(seed);
            let mut piece = vec![0; PIECE];
            ensure!(bytes.len() as u64 == LARGE, "data.bin has {} bytes", bytes.len());
            for read in bytes.chunks(PIECE) {
                random.fill(&mut piece);
                ensure!(read == piece, "data.bin is another one");
            }
            return Ok(());
        }
        for number in 0..FILES {
            let path = directory.join(format!("{:02}", number / 100)).join(format!("{number:05}.dat"));
            let is_changed = stage == Stage::All || stage == Stage::Changed && number % 100 == 0;
            let wanted = self.content(number, if is_changed { stage as u64 } else { 0 });
            ensure!(fs::read(&path)? == wanted, "{} is another one", path.display());
        }
        Ok(())
    }
}

fn write_large(path: &Path, seed: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut random = Random(seed);
    let mut piece = vec![0; PIECE];
    for _ in 0..LARGE / PIECE as u64 {
        random.fill(&mut piece);
        file.write_all(&piece)?;
    }
    Ok(())
}

/// Numbers that no one can compress: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
