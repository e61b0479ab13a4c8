//! The end of a unit's log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::LogLine;

const BLOCK: u64 = 64 * 1024;

/// Returns the last `count` lines of a log, oldest first; none if there is no log. Errors name no path.
pub fn tail(log: &Path, count: usize) -> io::Result<Vec<LogLine>> {
    let mut lines = tail_of_file(log, count)?;
    if lines.len() < count {
        let mut older = tail_of_file(&rotated(log), count - lines.len())?;
        older.append(&mut lines);
        lines = older;
    }
    Ok(lines)
}

/// Returns where the older half of a log is kept.
pub fn rotated(log: &Path) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(".1");
    path.into()
}

fn tail_of_file(path: &Path, count: usize) -> io::Result<Vec<LogLine>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut text = Vec::new();
    // One line end more than lines: what stands before the first of them may be cut off.
    while start > 0 && text.split(|byte| *byte == b'\n').count() - 1 <= count {
        // Blocks that double, so that reading much does not copy it again and again.
        let size = BLOCK.max(text.len() as u64).min(start);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let mut block = vec![0; usize::try_from(size).expect("a block fits into memory")];
        file.read_exact(&mut block)?;
        block.append(&mut text);
        text = block;
    }
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().filter_map(|line| LogLine::parse(line)).collect())
}
