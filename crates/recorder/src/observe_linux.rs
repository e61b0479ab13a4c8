//! Observing what a program reads and writes, on Linux: a filter of system calls stops it in those that name files and in no
//! others, and its tracer reads the names.
//!
//! `unsafe` is needed for `ptrace`, `waitpid` of any signal number, and installing the filter: no safe interface passes on
//! signals of real time, which the threads of every C library send each other.

#![expect(
    unsafe_code,
    reason = "the calls named above; each passes numbers, or a pointer to something that lives longer"
)]

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use libc::{c_int, c_long, pid_t};
use nix::unistd::Pid;

use crate::RecorderError;
use crate::catalogue::resolve;
use crate::observe::Accesses;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: u32 = 0;

/// What a system call does with its path, and which arguments say it.
#[derive(Clone, Copy)]
enum Call {
    /// The directory's descriptor (none: where it works), the path, the flags.
    Open(Option<usize>, usize, usize),
    /// `openat2`: the flags are in a structure.
    OpenHow(usize, usize, usize),
    /// The file is written, made or removed.
    Write(Option<usize>, usize),
    /// From one place to another.
    Move(Option<usize>, usize, Option<usize>, usize),
    /// The file is executed.
    Execute(Option<usize>, usize),
}

/// The calls that name files. What is opened is all that is read; `io_uring` is not seen.
fn calls() -> Vec<(c_long, Call)> {
    #[allow(unused_mut, reason = "newer machines have only the calls with a directory")]
    let mut calls = vec![
        (libc::SYS_openat, Call::Open(Some(0), 1, 2)),
        (libc::SYS_openat2, Call::OpenHow(0, 1, 2)),
        (libc::SYS_truncate, Call::Write(None, 0)),
        (libc::SYS_unlinkat, Call::Write(Some(0), 1)),
        (libc::SYS_mkdirat, Call::Write(Some(0), 1)),
        (libc::SYS_symlinkat, Call::Write(Some(1), 2)),
        (libc::SYS_linkat, Call::Write(Some(2), 3)),
        (libc::SYS_renameat, Call::Move(Some(0), 1, Some(2), 3)),
        (libc::SYS_renameat2, Call::Move(Some(0), 1, Some(2), 3)),
        (libc::SYS_execve, Call::Execute(None, 0)),
        (libc::SYS_execveat, Call::Execute(Some(0), 1)),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        (libc::SYS_open, Call::Open(None, 0, 1)),
        (libc::SYS_creat, Call::Write(None, 0)),
        (libc::SYS_unlink, Call::Write(None, 0)),
        (libc::SYS_rmdir, Call::Write(None, 0)),
        (libc::SYS_mkdir, Call::Write(None, 0)),
        (libc::SYS_symlink, Call::Write(None, 1)),
        (libc::SYS_link, Call::Write(None, 1)),
        (libc::SYS_rename, Call::Move(None, 0, None, 1)),
    ]);
    calls
}

/// This process becomes the program, and is observed from its first instruction on. It waits, stopped, until its parent
/// observes it. Returns only what went wrong, as a number of the system.
pub fn become_observed(words: &[String]) -> i32 {
    let Some((program, arguments)) = words.split_first() else { return libc::EINVAL };
    // SAFETY: a number is passed.
    unsafe { libc::raise(libc::SIGSTOP) };
    let error = match install_filter() {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error,
    };
    error.raw_os_error().unwrap_or(libc::EINVAL)
}

/// From now on the calls that name files stop for the tracer, in this process and all that come from it.
fn install_filter() -> io::Result<()> {
    let statement = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).expect("codes have 16 bits"),
        jt,
        jf,
        k,
    };
    let (load, equal, end) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    let calls = calls();
    let count = u8::try_from(calls.len()).expect("they are few");
    // The number of the call is at 0, the architecture at 4.
    let mut filter =
        vec![statement(load, 4, 0, 0), statement(equal, ARCHITECTURE, 0, count + 1), statement(load, 0, 0, 0)];
    for (at, (number, _)) in (0..count).zip(&calls) {
        let number = u32::try_from(*number).expect("numbers of calls are small");
        filter.push(statement(equal, number, count - at, 0));
    }
    filter.push(statement(end, libc::SECCOMP_RET_ALLOW, 0, 0));
    filter.push(statement(end, libc::SECCOMP_RET_TRACE, 0, 0));
    // Who may not do everything gives up that programs get rights of their files' owners.
    if !rustix::process::geteuid().is_root() {
        rustix::thread::set_no_new_privs(true)?;
    }
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).expect("it is short"), filter: filter.as_mut_ptr() };
    // SAFETY: the filter lives until the call returns, which copies it.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs a command that calls [`become_observed`], to the end of all that it starts. Returns its exit code and what was read and
/// written.
pub fn observe(command: &mut Command) -> Result<(i32, Accesses), RecorderError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let fail = |source: io::Error| RecorderError::Start { program: name.clone(), source };
    let child = command.spawn().map_err(fail)?;
    let root = pid_t::try_from(child.id()).expect("ids of processes are small");
    let (_, status) = wait(root, libc::WUNTRACED).map_err(fail)?;
    if !libc::WIFSTOPPED(status) {
        return Err(fail(io::Error::other("it ended before it was observed")));
    }
    let options = libc::PTRACE_O_TRACESECCOMP
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    let seized = trace(libc::PTRACE_SEIZE, root, c_long::from(options));
    // SAFETY: numbers are passed, of a child that was not waited for to its end.
    unsafe { libc::kill(root, if seized.is_ok() { libc::SIGCONT } else { libc::SIGKILL }) };
    seized.map_err(fail)?;
    let mut observer = Observer { calls: calls(), accesses: Accesses::default() };
    let (mut code, mut is_executed) = (0, false);
    loop {
        // Only those of this thread: other children of the process are others' business.
        let (process, status) = match wait(-1, libc::__WALL | libc::__WNOTHREAD) {
            Ok(found) => found,
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => break,
            Err(error) => return Err(fail(error)),
        };
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if process == root {
                code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
            }
            continue;
        }
        let event = status >> 16;
        let mut signal = 0;
        match event {
            libc::PTRACE_EVENT_SECCOMP => observer.see(process),
            libc::PTRACE_EVENT_EXEC => is_executed = true,
            // A signal on its way.
            0 => signal = libc::WSTOPSIG(status),
            _ => {}
        }
        // One that was killed meanwhile cannot go on; its end is told next.
        let _ = trace(libc::PTRACE_CONT, process, c_long::from(signal));
    }
    if !is_executed {
        return Err(fail(io::Error::from_raw_os_error(code)));
    }
    Ok((code, observer.accesses))
}

fn trace(request: libc::c_uint, process: pid_t, data: c_long) -> io::Result<()> {
    // SAFETY: these requests take numbers.
    let result = unsafe { libc::ptrace(request, process, 0 as c_long, data) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wait(process: pid_t, options: c_int) -> io::Result<(pid_t, c_int)> {
    loop {
        let mut status = 0;
        // SAFETY: the status lives until the call returns.
        let found = unsafe { libc::waitpid(process, &raw mut status, options) };
        if found != -1 {
            return Ok((found, status));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

struct Observer {
    calls: Vec<(c_long, Call)>,
    accesses: Accesses,
}

impl Observer {
    /// Looks at the call in which a process has stopped. What cannot be read is passed over: the call will fail, too.
    fn see(&mut self, process: pid_t) {
        let Ok(info) = nix::sys::ptrace::syscall_info(Pid::from_raw(process)) else { return };
        // SAFETY: a process that stopped because of the filter is in a call, which this part is about.
        let call = unsafe { info.u.seccomp };
        let number = c_long::try_from(call.nr).unwrap_or(-1);
        let Some((_, kind)) = self.calls.iter().find(|(known, _)| *known == number) else { return };
        let looked = Looked { process, arguments: call.args };
        match *kind {
            Call::Open(directory, path, flags) => self.open(&looked, directory, path, looked.arguments[flags]),
            Call::OpenHow(directory, path, how) => {
                let flags = looked.number(looked.arguments[how]).unwrap_or(0);
                self.open(&looked, Some(directory), path, flags);
            }
            Call::Write(directory, path) => self.write(looked.path(directory, path)),
            Call::Move(from_directory, from, to_directory, to) => {
                self.write(looked.path(from_directory, from));
                self.write(looked.path(to_directory, to));
            }
            Call::Execute(directory, path) => self.read(looked.path(directory, path)),
        }
    }

    fn open(&mut self, looked: &Looked, directory: Option<usize>, path: usize, flags: u64) {
        let flags = c_int::try_from(flags & 0x7fff_ffff).unwrap_or(0);
        if flags & libc::O_PATH != 0 {
            return;
        }
        let path = looked.path(directory, path);
        let is_written = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & (libc::O_TRUNC | libc::O_CREAT) != 0;
        if flags & libc::O_ACCMODE != libc::O_WRONLY {
            self.read(path.clone());
        }
        if is_written {
            self.write(path);
        }
    }

    fn read(&mut self, path: Option<PathBuf>) {
        let Some(path) = path.filter(|path| path.is_file()) else { return };
        // Its own output is no input.
        let is_own = self.accesses.writes.get(&path).is_some_and(|was_there| !was_there);
        if !is_own {
            self.accesses.reads.insert(path);
        }
    }

    fn write(&mut self, path: Option<PathBuf>) {
        // A device is not written to in the sense that is meant here.
        let Some(path) = path.filter(|path| !path.starts_with("/dev")) else { return };
        self.accesses.writes.entry(path).or_insert_with_key(|path| fs::symlink_metadata(path).is_ok());
    }
}

/// A process in a call.
struct Looked {
    process: pid_t,
    arguments: [u64; 6],
}

impl Looked {
    fn memory(&self) -> Option<File> {
        File::open(format!("/proc/{}/mem", self.process)).ok()
    }

    fn number(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.memory()?.read_exact_at(&mut bytes, address).ok()?;
        Some(u64::from_ne_bytes(bytes))
    }

    /// The path in an argument, resolved as far as it is there.
    fn path(&self, directory: Option<usize>, path: usize) -> Option<PathBuf> {
        const PAGE: u64 = 4096;
        let memory = self.memory()?;
        let mut text = Vec::new();
        let mut address = self.arguments[path];
        // Up to the end of a page at a time: what follows need not be there.
        while text.len() < libc::PATH_MAX as usize {
            let mut bytes = vec![0; usize::try_from(PAGE - address % PAGE).expect("a page is small")];
            let length = memory.read_at(&mut bytes, address).ok().filter(|length| *length > 0)?;
            if let Some(end) = bytes[..length].iter().position(|byte| *byte == 0) {
                text.extend_from_slice(&bytes[..end]);
                break;
            }
            text.extend_from_slice(&bytes[..length]);
            address += length as u64;
        }
        let path = PathBuf::from(std::ffi::OsString::from_vec(text));
        if path.as_os_str().is_empty() {
            return None;
        }
        if path.is_absolute() {
            return Some(resolve(&path));
        }
        // The lower half of the register is the argument.
        let descriptor = directory.map_or(libc::AT_FDCWD, |at| {
            u32::try_from(self.arguments[at] & 0xffff_ffff).expect("it has 32 bits").cast_signed()
        });
        let from = if descriptor == libc::AT_FDCWD {
            format!("/proc/{}/cwd", self.process)
        } else {
            format!("/proc/{}/fd/{descriptor}", self.process)
        };
        Some(resolve(&fs::read_link(from).ok()?.join(path)))
    }
}
