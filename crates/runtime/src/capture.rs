//! The output of one process, on its way from two pipes to one log.

use std::cell::RefCell;
use std::io::{self, PipeReader};
use std::mem;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use regex::bytes::Regex;
use tokio::net::unix::pipe::Receiver;

use crate::Clock;
use crate::log_file::LogFile;
use crate::log_line::{LETTER, Stream, prefix};
use crate::terminal::Terminal;

/// The longest line; a longer one is cut into pieces of this size.
pub(crate) const LINE_LIMIT: usize = 64 * 1024;

/// How much is read at once, and so about how much is written at once.
const BLOCK: usize = 128 * 1024;

/// A process that writes line by line would wake the supervisor for each: after little was read shortly after the last
/// time, it waits this long for more.
const COALESCE: Duration = Duration::from_millis(2);
/// What "little" is.
const LITTLE: usize = 16 * 1024;
/// What "shortly" is.
const SHORTLY: Duration = Duration::from_millis(5);
/// The pipe of a process that writes much: it must hold what comes in the meantime.
#[cfg(target_os = "linux")]
const LARGE_PIPE: usize = 256 * 1024;

/// After the end of a process so much of what is in its pipes is taken; more comes only from one that it left behind.
const DRAIN_LIMIT: usize = 4 << 20;

/// Memory that all captures use in turn: they run on one thread and keep nothing in it.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Where the lines of one process go.
pub(crate) struct Capture {
    file: LogFile,
    clock: Clock,
    scratch: Rc<RefCell<Scratch>>,
    output_rest: Vec<u8>,
    errors_rest: Vec<u8>,
    watch: Option<(Regex, Box<dyn FnOnce()>)>,
}

impl Capture {
    /// Makes a capture that tells `watch` of the first line that matches.
    pub(crate) fn new(
        file: LogFile,
        clock: Clock,
        scratch: Rc<RefCell<Scratch>>,
        watch: Option<(Regex, Box<dyn FnOnce()>)>,
    ) -> Self {
        Self { file, clock, scratch, output_rest: Vec::new(), errors_rest: Vec::new(), watch }
    }

    /// Writes a line of the supervisor's own.
    pub(crate) fn remark(&mut self, text: &str) {
        let now = self.clock.now();
        let lines: Vec<String> = text.lines().map(|line| format!("{}{line}\n", prefix(now, Stream::Remark))).collect();
        self.file.append(lines.concat().as_bytes());
    }

    /// Writes what a stream has brought; a line without end waits for the rest of it.
    fn feed(&mut self, stream: Stream, bytes: &[u8], output: &mut Vec<u8>) {
        let now = self.clock.now();
        let mut start = prefix(now, stream).into_bytes();
        let rest = if stream == Stream::Errors { &mut self.errors_rest } else { &mut self.output_rest };
        output.clear();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut piece = piece;
            while rest.len() + piece.len() > LINE_LIMIT {
                // The end of the line is not counted: a line that just fits is whole.
                if rest.len() + piece.len() == LINE_LIMIT + 1 && piece.ends_with(b"\n") {
                    break;
                }
                let (now, later) = piece.split_at(LINE_LIMIT - rest.len());
                start[LETTER] = start[LETTER].to_ascii_uppercase();
                output.extend_from_slice(&start);
                start[LETTER] = start[LETTER].to_ascii_lowercase();
                output.append(rest);
                output.extend_from_slice(now);
                output.push(b'\n');
                piece = later;
            }
            if piece.ends_with(b"\n") {
                output.extend_from_slice(&start);
                let text = output.len();
                output.append(rest);
                output.extend_from_slice(piece);
                if output.ends_with(b"\r\n") {
                    // So lines end in terminals.
                    output.truncate(output.len() - 2);
                    output.push(b'\n');
                }
                if let Some((pattern, _)) = &self.watch
                    && pattern.is_match(&output[text..output.len() - 1])
                    && let Some((_, tell)) = self.watch.take()
                {
                    tell();
                }
            } else {
                rest.extend_from_slice(piece);
            }
        }
        if rest.is_empty() && rest.capacity() > 1024 {
            *rest = Vec::new();
        }
        if !output.is_empty() {
            self.file.append(output);
        }
        let lost = self.file.take_lost();
        if lost > 0 {
            self.remark(&format!("{lost} bytes of output could not be written"));
        }
    }

    /// Writes what a stream has brought by another way than a pipe.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let scratch = Rc::clone(&self.scratch);
        self.feed(stream, bytes, &mut scratch.borrow_mut().output);
    }

    /// Writes the line that has no end, since none will come.
    pub(crate) fn finish(&mut self, stream: Stream) {
        let rest = if stream == Stream::Errors { &mut self.errors_rest } else { &mut self.output_rest };
        if !rest.is_empty() {
            let scratch = Rc::clone(&self.scratch);
            self.feed(stream, b"\n", &mut scratch.borrow_mut().output);
        }
    }
}

/// One of the two pipes of a process.
pub(crate) struct Source {
    pipe: Receiver,
    stream: Stream,
    /// The terminal that this is the output of.
    terminal: Option<Rc<Terminal>>,
}

impl Source {
    pub(crate) fn new(pipe: PipeReader, stream: Stream) -> io::Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(OwnedFd::from(pipe))?, stream, terminal: None })
    }

    /// The output of a terminal, which its users see, too.
    pub(crate) fn of_terminal(terminal: Rc<Terminal>, output: OwnedFd) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd_unchecked(output)?;
        Ok(Self { pipe, stream: Stream::Output, terminal: Some(terminal) })
    }

    /// Moves one block, which `read` gets from the pipe; 0 at the end of the stream.
    fn move_block(
        &self,
        capture: &RefCell<Capture>,
        read: impl FnOnce(&Receiver, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut capture = capture.borrow_mut();
        let scratch = Rc::clone(&capture.scratch);
        let mut scratch = scratch.borrow_mut();
        let Scratch { input, output } = &mut *scratch;
        input.resize(BLOCK, 0);
        let count = read(&self.pipe, input)?;
        if count > 0 {
            if let Some(terminal) = &self.terminal {
                terminal.show(&input[..count]);
            }
            capture.feed(self.stream, &input[..count], output);
        }
        Ok(count)
    }

    /// Moves everything until the stream ends, or is found broken.
    pub(crate) async fn pump(self: Rc<Self>, capture: Rc<RefCell<Capture>>) {
        let mut last = Instant::now();
        let mut is_large = false;
        let mut moved = 0;
        while self.pipe.readable().await.is_ok() {
            match self.move_block(&capture, Receiver::try_read) {
                Ok(0) => break,
                Ok(count) => moved += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let now = Instant::now();
                    if mem::take(&mut moved) < LITTLE && now - mem::replace(&mut last, now) < SHORTLY {
                        if !mem::replace(&mut is_large, true) {
                            self.enlarge();
                        }
                        tokio::time::sleep(COALESCE).await;
                    }
                }
                Err(_) => break,
            }
        }
        capture.borrow_mut().finish(self.stream);
    }

    /// Moves what is there now; called when the process has ended, whoever else still holds the pipe.
    pub(crate) fn drain(&self, capture: &RefCell<Capture>) {
        let mut left = DRAIN_LIMIT;
        // The pipe itself is asked: the event loop may not have heard of the last bytes yet.
        let ask =
            |pipe: &Receiver, block: &mut [u8]| Ok(rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *block))?);
        while left > 0 {
            match self.move_block(capture, ask) {
                Ok(count) if count > 0 => left = left.saturating_sub(count),
                _ => break,
            }
        }
        capture.borrow_mut().finish(self.stream);
    }

    fn enlarge(&self) {
        // Refused to users who have many pipes already; it works with small ones too.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&self.pipe, LARGE_PIPE);
    }
}
