//! The end of a unit's log.

use std::io;
use std::path::Path;

use crate::{LogEntry, LogLine, LogReader};

/// Returns the last `count` lines of a log, oldest first; none if there is no log. Errors name no path.
pub fn tail(log: &Path, count: usize) -> io::Result<Vec<LogLine>> {
    let mut reader = LogReader::from_tail(log, count, &|_| true)?;
    reader.end_at_present_end()?;
    let mut lines = Vec::new();
    while let Some(entry) = reader.next()? {
        if let LogEntry::Line(line) = entry {
            lines.push(line);
        }
    }
    Ok(lines)
}
