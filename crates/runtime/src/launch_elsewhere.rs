//! The launch on systems without lifelines and death signals.
#![expect(unsafe_code, reason = "what a child does between fork and exec cannot be checked by the compiler")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::{Image, LaunchError};
use crate::file_limit;
use crate::spawn::MARK;
use supervisor::UserId;

/// Starts a child and returns its id once its program is executed.
pub(crate) fn launch(image: &Image<'_>) -> Result<u32, LaunchError> {
    let process = image.process;
    let (user, has_terminal) = (process.user, image.has_terminal);
    let [input, output, errors] = image.stdio.map(|fd| fd.try_clone_to_owned());
    let _ = (image.lifelines, image.limits);
    let mut command = Command::new(image.path);
    command
        .arg0(&process.program)
        .args(&process.arguments)
        .env_clear()
        .envs(process.env.iter())
        .env(MARK, image.mark)
        .current_dir(&process.directory)
        .stdin(Stdio::from(input.map_err(LaunchError::Prepare)?))
        .stdout(Stdio::from(output.map_err(LaunchError::Prepare)?))
        .stderr(Stdio::from(errors.map_err(LaunchError::Prepare)?));
    if !has_terminal {
        command.process_group(0);
    }
    // SAFETY: only async-signal-safe system calls are made, and nothing is allocated.
    unsafe {
        let files = file_limit::of_programs();
        command.pre_exec(move || {
            if let Some(files) = &files
                && libc::setrlimit(libc::RLIMIT_NOFILE, files) < 0
            {
                return Err(io::Error::last_os_error());
            }
            if has_terminal && (libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY.into(), 0) < 0) {
                return Err(io::Error::last_os_error());
            }
            let Some(UserId { uid, gid }) = user else { return Ok(()) };
            if libc::setgroups(0, std::ptr::null()) < 0 || libc::setgid(gid) < 0 || libc::setuid(uid) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    command.spawn().map(|child| child.id()).map_err(LaunchError::Execute)
}
