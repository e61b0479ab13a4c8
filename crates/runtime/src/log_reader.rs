//! A log that is read from a place in it to its end, and then on as it grows, over its rotations.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::LogLine;
use crate::log_line::{PREFIX_LENGTH, part_number};

/// How much is read at once.
const BLOCK: usize = 64 * 1024;

/// How many files of a log are kept beside the one that is written.
pub const OLDER_PARTS: usize = 3;

/// How often the files are looked for again when they are rotated while they are opened.
const ATTEMPTS: usize = 10;

/// What a log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A line.
    Line(LogLine),
    /// So many whole files between the last line and the next were replaced before they could be read.
    Gap(u64),
}

/// A reader of one log. No line is skipped and none comes twice, however often the log is rotated meanwhile.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    /// The files that are still to be read, oldest first. All but the last are complete.
    parts: VecDeque<Part>,
    /// The number of the part that is read.
    number: u64,
    /// A line that has no end yet.
    rest: Vec<u8>,
    /// Where in the last part to stop.
    end: Option<u64>,
}

/// One file of a log.
#[derive(Debug)]
struct Part {
    file: BufReader<File>,
    inode: u64,
    number: u64,
    /// How much of it was read.
    position: u64,
    /// Whether nothing is written to it any more.
    is_complete: bool,
}

impl LogReader {
    /// Begins with the oldest line that is kept. A log that is not there yet is waited for. Errors name no path.
    pub fn from_start(log: &Path) -> io::Result<Self> {
        let parts = open_all(log)?;
        let number = parts.front().map_or(0, |part| part.number);
        Ok(Self { path: log.to_owned(), parts, number, rest: Vec::new(), end: None })
    }

    /// Begins with the last `count` lines that fit; between them there may be some that do not. Errors name no path.
    pub fn from_tail(log: &Path, count: usize, fits: &dyn Fn(&LogLine) -> bool) -> io::Result<Self> {
        let mut reader = Self::from_start(log)?;
        let mut missing = count;
        for index in (0..reader.parts.len()).rev() {
            let part = &mut reader.parts[index];
            let (start, found) = start_of_last(part.file.get_mut(), missing, fits)?;
            part.seek(start)?;
            missing -= found;
            if missing == 0 {
                reader.parts.drain(..index);
                break;
            }
        }
        reader.number = reader.parts.front().map_or(0, |part| part.number);
        Ok(reader)
    }

    /// Ends where the log ends now, though it may grow.
    pub fn end_at_present_end(&mut self) -> io::Result<()> {
        self.end = Some(self.parts.back().map_or(Ok(0), |part| part.file.get_ref().metadata().map(|file| file.len()))?);
        Ok(())
    }

    /// Returns what comes next; `None` when nothing more is there yet. Errors name no path.
    #[expect(clippy::should_implement_trait, reason = "an iterator would not go on after its end")]
    pub fn next(&mut self) -> io::Result<Option<LogEntry>> {
        loop {
            let is_last = self.parts.len() == 1;
            let Some(part) = self.parts.front_mut() else {
                if self.end.is_some() || !self.find_next()? {
                    return Ok(None);
                }
                continue;
            };
            if part.number > self.number + 1 {
                let gap = part.number - self.number - 1;
                self.number = part.number;
                return Ok(Some(LogEntry::Gap(gap)));
            }
            self.number = part.number;
            if is_last && self.end.is_some_and(|end| part.position >= end) {
                return Ok(None);
            }
            let count = part.file.read_until(b'\n', &mut self.rest)?;
            part.position += count as u64;
            if self.rest.ends_with(b"\n") {
                let line = LogLine::parse(&self.rest);
                self.rest.clear();
                if let Some(line) = line {
                    return Ok(Some(LogEntry::Line(line)));
                }
            } else if count == 0 && !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// At the end of a part: goes to the next one. `false` when there is none yet.
    fn go_on(&mut self) -> io::Result<bool> {
        let part = self.parts.front_mut().expect("it has just been read");
        if part.is_complete {
            if self.parts.len() == 1 {
                return self.find_next();
            }
            self.rest.clear();
            self.parts.pop_front();
            return Ok(true);
        }
        if self.end.is_some() {
            return Ok(false);
        }
        // Something may have been written between the end that was seen and the rotation: it is read to the end again.
        part.is_complete = fs::metadata(&self.path).map_or(true, |file| file.ino() != part.inode);
        Ok(part.is_complete)
    }

    /// Looks for the parts after the last one that is known, which is complete.
    fn find_next(&mut self) -> io::Result<bool> {
        let mut found = open_all(&self.path)?;
        if let Some(last) = self.parts.front() {
            // One that is still open keeps its number among the files.
            found.retain(|part| part.inode != last.inode && part.number > last.number);
        }
        if found.is_empty() {
            return Ok(false);
        }
        self.rest.clear();
        if self.parts.is_empty() {
            self.number = found[0].number;
        }
        self.parts = found;
        Ok(true)
    }
}

impl Part {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let inode = file.metadata()?.ino();
        let number = number_of(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let file = BufReader::with_capacity(BLOCK, file);
        Ok(Some(Self { file, inode, number, position: 0, is_complete: false }))
    }

    fn seek(&mut self, position: u64) -> io::Result<()> {
        self.position = self.file.seek(SeekFrom::Start(position))?;
        Ok(())
    }
}

/// Returns where an older part of a log is kept: the younger, the smaller its number, from 1 to [`OLDER_PARTS`].
pub fn rotated(log: &Path, number: usize) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(format!(".{number}"));
    path.into()
}

/// Reads which part of its log a file is: its first line says so, if it is not the first.
pub(crate) fn number_of(file: &mut File) -> io::Result<u64> {
    const LONGEST: usize = PREFIX_LENGTH + 20;
    let mut beginning = Vec::with_capacity(LONGEST);
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST as u64).read_to_end(&mut beginning)?;
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(part_number(line).unwrap_or(0))
}

/// Opens the files of a log, so that one follows on the other.
fn open_all(log: &Path) -> io::Result<VecDeque<Part>> {
    let mut parts = VecDeque::new();
    for _ in 0..ATTEMPTS {
        parts.clear();
        parts.extend(Part::open(log)?);
        for number in 1..=OLDER_PARTS {
            if let Some(part) = Part::open(&rotated(log, number))? {
                parts.push_front(Part { is_complete: true, ..part });
            }
        }
        // One that has just been begun says nothing yet.
        if let [.., before, newest] = parts.make_contiguous()
            && newest.file.get_ref().metadata()?.len() == 0
        {
            newest.number = before.number + 1;
        }
        // A rotation in between has made one that was opened already an older one.
        let is_younger = |(one, next): (&Part, &Part)| one.inode != next.inode && one.number <= next.number;
        if parts.iter().zip(parts.iter().skip(1)).all(is_younger) {
            break;
        }
    }
    Ok(parts)
}

/// Returns where the last `count` lines of a file begin that fit, and how many there are.
fn start_of_last(file: &mut File, count: usize, fits: &dyn Fn(&LogLine) -> bool) -> io::Result<(u64, usize)> {
    let mut position = file.seek(SeekFrom::End(0))?;
    // What stands before the first line end of what was read belongs to a line that begins before it.
    let mut later = Vec::new();
    let (mut found, mut has_end, mut end_of_lines) = (0, false, 0);
    while position > 0 {
        let size = BLOCK.min(usize::try_from(position).unwrap_or(BLOCK));
        position -= size as u64;
        file.seek(SeekFrom::Start(position))?;
        let mut block = vec![0; size];
        file.read_exact(&mut block)?;
        block.append(&mut later);
        if !has_end {
            // What has no end yet is no line yet.
            let Some(end) = block.iter().rposition(|byte| *byte == b'\n') else { continue };
            block.truncate(end + 1);
            (has_end, end_of_lines) = (true, position + block.len() as u64);
        }
        if count == found {
            return Ok((end_of_lines, 0));
        }
        let first = match block.iter().position(|byte| *byte == b'\n') {
            _ if position == 0 => 0,
            Some(end) => end + 1,
            None => block.len(),
        };
        let mut end = block.len();
        while end > first {
            let before = block[first..end - 1].iter().rposition(|byte| *byte == b'\n');
            let start = before.map_or(first, |before| first + before + 1);
            if LogLine::parse(&block[start..end]).is_some_and(|line| fits(&line)) {
                found += 1;
                if found == count {
                    return Ok((position + start as u64, found));
                }
            }
            end = start;
        }
        block.truncate(first);
        later = block;
    }
    Ok((0, found))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use supervisor::Timestamp;

    use super::*;
    use crate::log_file::LogFile;
    use crate::log_line::{Stream, part_line, prefix};

    fn lines(numbers: std::ops::Range<u64>) -> Vec<u8> {
        let line = |number| format!("{}line {number}\n", prefix(Timestamp::from_millis(number), Stream::Output));
        numbers.map(line).collect::<String>().into_bytes()
    }

    fn number(entry: &LogEntry) -> u64 {
        match entry {
            LogEntry::Line(line) => line.text.strip_prefix("line ").unwrap().parse().unwrap(),
            LogEntry::Gap(_) => panic!("no file was replaced"),
        }
    }

    fn all(reader: &mut LogReader) -> Vec<u64> {
        std::iter::from_fn(|| reader.next().unwrap()).map(|entry| number(&entry)).collect()
    }

    #[test]
    fn the_last_lines_are_found_in_all_files_with_and_without_a_filter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = LogFile::open(&path, 130_000).unwrap();
        for start in (0..20_000).step_by(100) {
            log.append(&lines(start..start + 100));
        }
        assert!(rotated(&path, 2).exists());
        let everything = all(&mut LogReader::from_start(&path).unwrap());
        let first = everything[0];
        assert!(first > 0 && everything == (first..20_000).collect::<Vec<_>>(), "from {first}");
        let even = |line: &LogLine| line.time.as_millis().is_multiple_of(2);
        for count in [0, 1, 2, 99, 8_000, 100_000] {
            let tail = all(&mut LogReader::from_tail(&path, count, &|_| true).unwrap());
            let expected = everything[everything.len().saturating_sub(count)..].to_vec();
            assert_eq!(tail, expected, "{count}");
            let tail = all(&mut LogReader::from_tail(&path, count, &even).unwrap());
            let fitting: Vec<u64> = everything.iter().copied().filter(|number| number % 2 == 0).collect();
            let start = fitting.len().checked_sub(count).map_or(first, |left| *fitting.get(left).unwrap_or(&20_000));
            assert_eq!(tail, (start..20_000).collect::<Vec<_>>(), "{count}");
        }
    }

    #[test]
    fn what_is_written_while_it_is_read_comes_once_over_rotations() {
        const LINES: u64 = 30_000;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut reader = LogReader::from_start(&path).unwrap();
        assert_eq!(reader.next().unwrap(), None);
        // So large that the reader has read a file before four more are full: each is about 6,000 lines.
        let mut log = LogFile::open(&path, 250_000).unwrap();
        let (mut written, mut read) = (0, Vec::new());
        let deadline = Instant::now() + Duration::from_secs(30);
        while read.len() < usize::try_from(LINES).unwrap() {
            assert!(Instant::now() < deadline, "{} of {LINES} lines", read.len());
            if written < LINES {
                let count = 1 + written % 700;
                log.append(&lines(written..(written + count).min(LINES)));
                written = (written + count).min(LINES);
            }
            read.extend(std::iter::from_fn(|| reader.next().unwrap()).take(500).map(|entry| number(&entry)));
        }
        assert_eq!(read, (0..LINES).collect::<Vec<_>>());
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn files_that_were_replaced_before_they_were_read_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = LogFile::open(&path, 3_000).unwrap();
        log.append(&lines(0..100));
        let mut reader = LogReader::from_start(&path).unwrap();
        assert_eq!(number(&reader.next().unwrap().unwrap()), 0);
        for start in [100, 200, 300, 400, 500, 600] {
            log.append(&lines(start..start + 100));
        }
        // A supervisor that is started again goes on counting.
        drop(log);
        LogFile::open(&path, 3_000).unwrap().append(&lines(700..800));
        let mut entries = std::iter::from_fn(|| reader.next().unwrap());
        assert_eq!(entries.by_ref().take(99).map(|entry| number(&entry)).last(), Some(99));
        // Of the parts 0 to 7 the last four are there.
        assert_eq!(entries.next(), Some(LogEntry::Gap(3)));
        let rest: Vec<u64> = entries.map(|entry| number(&entry)).collect();
        assert_eq!(rest, (400..800).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_was_just_begun_is_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = LogFile::open(&path, 100).unwrap();
        for start in [0, 100, 200] {
            log.append(&lines(start..start + 100));
        }
        std::fs::rename(rotated(&path, 1), rotated(&path, 2)).unwrap();
        std::fs::rename(&path, rotated(&path, 1)).unwrap();
        std::fs::write(&path, "").unwrap();
        let mut reader = LogReader::from_tail(&path, 1, &|_| true).unwrap();
        assert_eq!(all(&mut reader), [299]);
        // The next two parts of the log come without a gap.
        let text = |number: u64, range| [part_line(&lines(0..1), number), lines(range)].concat();
        std::fs::write(&path, text(3, 300..301)).unwrap();
        std::fs::rename(&path, rotated(&path, 1)).unwrap();
        std::fs::write(&path, text(4, 301..302)).unwrap();
        assert_eq!(all(&mut reader), [300, 301]);
    }

    #[test]
    fn a_reader_that_is_to_end_does_not_wait_for_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = LogFile::open(&path, 100_000).unwrap();
        log.append(&lines(0..10));
        let mut reader = LogReader::from_start(&path).unwrap();
        reader.end_at_present_end().unwrap();
        log.append(&lines(10..20));
        assert_eq!(all(&mut reader), (0..10).collect::<Vec<_>>());
    }
}
