//! The terminal of the user in the hands of a program that runs elsewhere, or the pipes that stand in its place.

use std::io::{self, IsTerminal, Read, Write as _};

use environment::{Console, OutputKind};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Standard input and both outputs. If they are a terminal, its keys mean nothing to this side as long as this lives.
pub struct Terminal {
    /// How the terminal was; `None`: input or output is none.
    before: Option<Termios>,
}

impl Terminal {
    /// Takes the terminal, if there is one.
    pub fn open() -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let before = is_terminal.then(|| tcgetattr(io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            // A terminal that cannot be taken only shows each key twice.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &raw);
        }
        Self { before }
    }

    /// Whether it is one.
    pub const fn is_real(&self) -> bool {
        self.before.is_some()
    }
}

impl Console for Terminal {
    fn input(&self) -> Box<dyn Read + Send> {
        Box::new(io::stdin())
    }

    fn write(&self, kind: OutputKind, bytes: &[u8]) -> io::Result<()> {
        match kind {
            OutputKind::Output => {
                let mut output = io::stdout().lock();
                output.write_all(bytes).and_then(|()| output.flush())
            }
            OutputKind::Errors => io::stderr().write_all(bytes),
        }
    }

    fn size(&self) -> Option<(u16, u16)> {
        self.before.as_ref()?;
        tcgetwinsize(io::stdout()).ok().map(|size| (size.ws_col, size.ws_row))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
