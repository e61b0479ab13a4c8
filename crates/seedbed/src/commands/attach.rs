//! `seedbed attach`

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr};

use super::{Job, Outcome};
use crate::arguments::AttachArguments;
use crate::failure::Failure;

/// How often it is looked whether the window has another size, or this is to end.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A message of a terminal's socket: what is typed, and the size of the window.
const INPUT: u8 = 0;
const SIZE: u8 = 1;

/// Why a person is attached no longer.
enum End {
    Detached,
    /// The service has.
    Ended,
}

pub fn run(job: &Job<'_>, arguments: &AttachArguments) -> Result<Outcome, Failure> {
    let (service, socket) = job.tell(environment::terminal(job.context, &job.target()?, &arguments.service))?;
    let failed = |error: io::Error| {
        let message = format!("error: cannot attach to {service}: {error}\n");
        Failure { code: 4, kind: "attach", message }
    };
    let stream = UnixStream::connect(&socket).map_err(failed)?;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        say(&format!("attached to {service}; {} detaches", arguments.detach_key.told()));
    }
    let end = {
        // Put back as it was, however this ends.
        let _raw = if stdin.is_terminal() { Some(Raw::enter().map_err(failed)?) } else { None };
        converse(&stream, arguments.detach_key.byte(), &|| job.context.interrupt.is_raised()).map_err(failed)?
    };
    if stdin.is_terminal() {
        say(&match end {
            End::Detached => format!("detached from {service}, which goes on"),
            End::Ended => format!("{service} has ended"),
        });
    }
    Ok(Outcome::silent())
}

/// Says something at the terminal itself: a display of progress would be in the way of what the service draws.
fn say(text: &str) {
    // Who is gone needs no words.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Leads what is typed to the service, and what it writes to the terminal.
fn converse(mut stream: &UnixStream, detach: u8, is_over: &dyn Fn() -> bool) -> io::Result<End> {
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = vec![0; 8192];
    let mut size = None;
    loop {
        let now = tcgetwinsize(&stdout).ok();
        let is_new = now.map(|now| (now.ws_row, now.ws_col)) != size;
        if is_new || size.is_none() {
            let Winsize { ws_row, ws_col, .. } =
                now.unwrap_or(Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 });
            send(stream, SIZE, &[ws_row.to_be_bytes(), ws_col.to_be_bytes()].concat())?;
            size = Some((ws_row, ws_col));
        }
        let (typed, written) = {
            let own = stdin.as_fd();
            let mut fds = [PollFd::new(&own, PollFlags::IN), PollFd::new(stream, PollFlags::IN)];
            match poll(&mut fds, Some(&PAUSE)) {
                Ok(_) => (!fds[0].revents().is_empty(), !fds[1].revents().is_empty()),
                Err(rustix::io::Errno::INTR) => (false, false),
                Err(error) => return Err(error.into()),
            }
        };
        if is_over() {
            return Ok(End::Detached);
        }
        if written {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Ok(End::Ended);
            }
            stdout.write_all(&buffer[..count])?;
            stdout.flush()?;
        }
        if typed {
            let count = stdin.read(&mut buffer)?;
            let input = &buffer[..count];
            let until = input.iter().position(|byte| *byte == detach);
            send(stream, INPUT, &input[..until.unwrap_or(count)])?;
            if count == 0 || until.is_some() {
                return Ok(End::Detached);
            }
        }
    }
}

fn send(mut stream: &UnixStream, kind: u8, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).expect("a buffer is smaller");
    stream.write_all(&[&[kind][..], &length.to_be_bytes(), message].concat())
}

/// The terminal while every key goes to the service.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
