//! The terminal of a unit, and who is attached to it.
//!
//! Each has a socket. What comes from it is the output of the terminal, after the last of what was written before. What is
//! sent to it are messages: a byte, a length of two bytes (the high one first), and as many bytes. A message `0` is input,
//! `1` the size of the window: rows and columns, of two bytes each. The first message is a size.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::Mode;
use rustix::process::umask;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, pipe};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

/// So much of the last output is shown to who attaches.
const REPLAY: usize = 64 * 1024;

/// So many blocks wait for who is attached and does not read; then it is detached, for the process shall not wait.
const QUEUE: usize = 64;

/// The size before anybody has attached: what programs expect of an old terminal.
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// The message that is input.
const INPUT: u8 = 0;

/// So many messages to a terminal that others have wait for it; then who types waits.
const WAITING: usize = 16;

/// The terminal of one run of a unit; its socket goes with it.
pub(crate) struct Terminal {
    end: End,
    path: PathBuf,
    replay: RefCell<VecDeque<u8>>,
    attached: RefCell<Vec<Sender<Vec<u8>>>>,
    listening: Cell<Option<AbortHandle>>,
}

/// The end of a terminal at which people are.
enum End {
    /// Of a terminal of this machine.
    Here {
        master: OwnedFd,
        /// The same, to write to.
        keys: pipe::Sender,
    },
    /// Of one that others have.
    Elsewhere(Sender<Message>),
}

/// What whoever is attached says.
pub(crate) enum Message {
    /// Something is typed.
    Input(Vec<u8>),
    /// The window has so many rows and columns.
    Size(u16, u16),
}

impl Terminal {
    /// Makes a terminal with its socket `name` in a directory of sockets; returns also from where its output is read, and the
    /// end of the process.
    pub(crate) fn open(directory: &Path, name: &str) -> io::Result<(Rc<Self>, OwnedFd, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        tcsetwinsize(&master, SIZE)?;
        let slave = rustix::fs::open(
            ptsname(&master, Vec::new())?,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::ioctl_fionbio(&master, true)?;
        // It is no pipe, but is written to in the same way.
        let keys = pipe::Sender::from_owned_fd_unchecked(master.try_clone()?)?;
        let output = master.try_clone()?;
        Ok((Self::at(directory, name, End::Here { master, keys })?, output, slave))
    }

    /// Leads to a terminal that others have, through a socket like that of [`Terminal::open`]; what is said to it is returned.
    pub(crate) fn elsewhere(directory: &Path, name: &str) -> io::Result<(Rc<Self>, Receiver<Message>)> {
        let (sender, receiver) = channel(WAITING);
        Ok((Self::at(directory, name, End::Elsewhere(sender))?, receiver))
    }

    fn at(directory: &Path, name: &str, end: End) -> io::Result<Rc<Self>> {
        fs::create_dir_all(directory)?;
        let path = directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Who can write there is who can type.
        let before = umask(Mode::RWXG | Mode::RWXO);
        let listener = UnixListener::bind(&path);
        umask(before);
        let (replay, attached, listening) = (RefCell::default(), RefCell::default(), Cell::default());
        let terminal = Rc::new(Self { end, path, replay, attached, listening });
        let task = tokio::task::spawn_local(listen(Rc::clone(&terminal), listener?));
        terminal.listening.set(Some(task.abort_handle()));
        Ok(terminal)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Shows output to who is attached.
    pub(crate) fn show(&self, output: &[u8]) {
        let mut replay = self.replay.borrow_mut();
        replay.extend(&output[output.len().saturating_sub(REPLAY)..]);
        let surplus = replay.len().saturating_sub(REPLAY);
        replay.drain(..surplus);
        let mut attached = self.attached.borrow_mut();
        if !attached.is_empty() {
            attached.retain(|sender| sender.try_send(output.to_vec()).is_ok());
        }
    }

    /// Detaches all, when there is no more to come.
    pub(crate) fn close(&self) {
        self.attached.borrow_mut().clear();
        if let Some(task) = self.listening.take() {
            task.abort();
        }
        // What stays is removed by the next supervisor.
        let _ = fs::remove_file(&self.path);
    }

    async fn attend(self: Rc<Self>, stream: UnixStream) -> io::Result<()> {
        let (mut reader, mut writer) = stream.into_split();
        self.obey(&mut reader).await?;
        let (sender, mut queue) = channel(QUEUE);
        let before: Vec<u8> = self.replay.borrow().iter().copied().collect();
        self.attached.borrow_mut().push(sender);
        let mut obey = std::pin::pin!(async { while self.obey(&mut reader).await.is_ok() {} });
        let show = async {
            writer.write_all(&before).await?;
            while let Some(output) = queue.recv().await {
                writer.write_all(&output).await?;
            }
            writer.shutdown().await
        };
        let shown = tokio::select! {
            () = &mut obey => return Ok(()),
            shown = show => shown,
        };
        if shown.is_err() {
            // Who has gone may have typed before.
            obey.await;
        }
        shown
    }

    /// Does what one message says.
    async fn obey(&self, reader: &mut OwnedReadHalf) -> io::Result<()> {
        let kind = reader.read_u8().await?;
        let mut message = vec![0; reader.read_u16().await?.into()];
        reader.read_exact(&mut message).await?;
        if kind == INPUT {
            return self.write(message).await;
        }
        if let [row, row_low, column, column_low] = message[..] {
            let (ws_row, ws_col) = (u16::from_be_bytes([row, row_low]), u16::from_be_bytes([column, column_low]));
            match &self.end {
                End::Here { master, .. } => tcsetwinsize(master, Winsize { ws_row, ws_col, ..SIZE })?,
                End::Elsewhere(sender) => say(sender, Message::Size(ws_row, ws_col)).await?,
            }
        }
        Ok(())
    }

    /// Types; waits while the process does not read.
    async fn write(&self, input: Vec<u8>) -> io::Result<()> {
        let keys = match &self.end {
            End::Here { keys, .. } => keys,
            End::Elsewhere(sender) => return say(sender, Message::Input(input)).await,
        };
        let mut input = input.as_slice();
        while !input.is_empty() {
            keys.writable().await?;
            match keys.try_write(input) {
                Ok(written) => input = &input[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn say(sender: &Sender<Message>, message: Message) -> io::Result<()> {
    sender.send(message).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

async fn listen(terminal: Rc<Terminal>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            // Who goes away need not be told of.
            Ok((stream, _)) => drop(tokio::task::spawn_local(Rc::clone(&terminal).attend(stream))),
            // There are too many open files; not as fast as possible then.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}
