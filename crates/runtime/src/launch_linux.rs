//! The launch on Linux: a child that shares the supervisor's memory until it executes its program.
//!
//! This is how the C library's `posix_spawn` works, which cannot be asked for lifelines and death signals. Copying the
//! memory map, as `fork` does, would take longer than everything else.
#![expect(unsafe_code, reason = "what a child does before it executes its program cannot be checked by the compiler")]

use std::ffi::{CString, NulError, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use rustix::process::{Pid, WaitOptions, waitpid};
use supervisor::UserId;

use super::{Image, LaunchError};
use crate::file_limit;
use crate::spawn::MARK;

/// Enough for a few system calls, in units of 16 bytes, to which a stack must be aligned.
const STACK: usize = 2048;

/// What the child reads, and the little that it writes, made ready before: it must not allocate.
struct Child {
    path: CString,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    directory: CString,
    stdio: [RawFd; 3],
    has_terminal: bool,
    lifelines: [RawFd; 2],
    limits: Option<RawFd>,
    user: Option<UserId>,
    files: Option<libc::rlimit>,
    parent: libc::pid_t,
    /// What went wrong.
    error: c_int,
    /// Whether it did so by executing the program.
    in_execution: bool,
}

/// Starts a child and returns its id once its program is executed.
pub(crate) fn launch(image: &Image<'_>) -> Result<u32, LaunchError> {
    let invalid =
        |_: NulError| LaunchError::Prepare(io::Error::new(io::ErrorKind::InvalidInput, "there is a NUL in it"));
    let process = image.process;
    let path = CString::new(image.path.as_os_str().as_bytes()).map_err(invalid)?;
    let directory = CString::new(process.directory.as_os_str().as_bytes()).map_err(invalid)?;
    let words = [&process.program].into_iter().chain(&process.arguments);
    let words: Vec<CString> =
        words.map(|word| CString::new(word.as_bytes())).collect::<Result<_, _>>().map_err(invalid)?;
    let variables = process.env.iter().filter(|(name, _)| *name != MARK);
    let variables = variables.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let mark = [MARK.as_bytes(), b"=", image.mark.as_os_str().as_bytes()].concat();
    let variables: Vec<CString> =
        variables.chain([mark]).map(CString::new).collect::<Result<_, _>>().map_err(invalid)?;
    let pointers = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
    let mut child = Child {
        path,
        arguments: pointers(&words),
        environment: pointers(&variables),
        directory,
        stdio: image.stdio.map(|fd| fd.as_raw_fd()),
        has_terminal: image.has_terminal,
        lifelines: image.lifelines.map(|fd| fd.as_raw_fd()),
        limits: image.limits.map(|fd| fd.as_raw_fd()),
        user: process.user,
        files: file_limit::of_programs(),
        parent: rustix::process::getpid().as_raw_nonzero().get(),
        error: 0,
        in_execution: false,
    };
    let mut stack = vec![0_u128; STACK];

    // SAFETY: the child runs `begin` on a stack of its own while this thread is held (CLONE_VFORK), so nothing that it
    // reads goes away and nothing that it writes is read meanwhile. Its signal handlers are its own (no CLONE_SIGHAND),
    // and no handler runs in it on the shared memory: all signals are blocked until it has none. Other threads may
    // run; the child takes no lock that they could hold, since it makes system calls only.
    let pid = unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let pid = libc::clone(
            begin,
            stack.as_mut_ptr_range().end.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            ptr::from_mut(&mut child).cast(),
        );
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        if pid < 0 {
            return Err(LaunchError::Prepare(error));
        }
        pid
    };
    if child.error == 0 {
        return Ok(pid.unsigned_abs());
    }
    // It has ended, and nobody else shall hear of it.
    let _ = waitpid(Pid::from_raw(pid), WaitOptions::empty());
    let error = io::Error::from_raw_os_error(child.error);
    Err(if child.in_execution { LaunchError::Execute(error) } else { LaunchError::Prepare(error) })
}

/// The whole life of the child until it executes its program.
extern "C" fn begin(child: *mut c_void) -> c_int {
    // SAFETY: the parent passes a `Child` and is held while this runs.
    unsafe {
        let child = &mut *child.cast::<Child>();
        if prepare(child).is_some() {
            child.in_execution = true;
            libc::execve(child.path.as_ptr(), child.arguments.as_ptr(), child.environment.as_ptr());
        }
        child.error = *libc::__errno_location();
        libc::_exit(127)
    }
}

/// Makes the child what it is to be; `None` with `errno` set if that fails.
///
/// # Safety
///
/// To be called in the child only.
unsafe fn prepare(child: &Child) -> Option<()> {
    // Not in the crate `libc` for all targets: include/uapi/asm-generic/fcntl.h.
    const F_SETSIG: c_int = 10;
    let done = |result: c_int| (result >= 0).then_some(());
    let done_size = |result: libc::ssize_t| (result >= 0).then_some(());
    let done_long = |result: libc::c_long| (result >= 0).then_some(());
    // SAFETY: these are system calls with numbers, and with pointers to what the parent holds.
    unsafe {
        // The dispositions of the supervisor, such as to ignore SIGPIPE, are not for its children.
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=64 {
            // Those that cannot be set have no handler.
            libc::sigaction(signal, &raw const default, ptr::null_mut());
        }
        if child.has_terminal {
            done(libc::setsid())?;
        } else {
            done(libc::setpgid(0, 0))?;
        }
        for (target, fd) in (0..).zip(child.stdio) {
            done(libc::dup2(fd, target))?;
        }
        if child.has_terminal {
            done(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
        }
        for lifeline in child.lifelines {
            done(libc::fcntl(lifeline, libc::F_SETFD, 0))?;
            done(libc::fcntl(lifeline, libc::F_SETOWN, -libc::getpid()))?;
            done(libc::fcntl(lifeline, F_SETSIG, libc::SIGKILL))?;
            done(libc::fcntl(lifeline, libc::F_SETFL, libc::O_ASYNC))?;
        }
        done(libc::chdir(child.directory.as_ptr()))?;
        if let Some(limits) = child.limits {
            done_size(libc::write(limits, c"0".as_ptr().cast(), 1))?;
        }
        if let Some(files) = &child.files {
            done(libc::setrlimit(libc::RLIMIT_NOFILE, files))?;
        }
        if let Some(UserId { uid, gid }) = child.user {
            // The library's functions would make all threads of the supervisor do the same.
            done_long(libc::syscall(libc::SYS_setgroups, 0, ptr::null::<libc::gid_t>()))?;
            done_long(libc::syscall(libc::SYS_setgid, gid))?;
            done_long(libc::syscall(libc::SYS_setuid, uid))?;
        }
        done(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        if libc::getppid() != child.parent {
            libc::_exit(127);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        done(libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut()))
    }
}
