//! `cargo xtask limits`: limits of processes, on a kernel that gives cgroups of version 2, in an emulated machine.
//!
//! Machines of tests are often containers, where no cgroup may be made. The emulated one has nothing but a kernel, busybox and
//! the program; its first process is `limits.sh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::run::{cargo, has, output, root, run};

const EMULATOR: &str = "qemu-system-x86_64";

/// The words of busybox that the script and the services call.
const WORDS: [&str; 15] = [
    "sh", "mount", "ip", "mkfifo", "sed", "sleep", "grep", "ls", "wc", "tail", "cat", "poweroff", "echo", "true", "env",
];

/// How long the machine may take, in seconds.
const PATIENCE: &str = "300";

#[derive(Debug, Parser)]
#[command(name = "cargo xtask limits", about = "Tries limits of processes in an emulated machine")]
struct Options {
    /// The kernel to boot, such as the vmlinuz of the package linux-image-cloud-amd64; default: the newest in /boot
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The program to try; default: it is built
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Boots the machine, and compares what it tells.
pub fn limits(words: &[&str]) -> Result<()> {
    let options = match Options::try_parse_from(std::iter::once("limits").chain(words.iter().copied())) {
        Ok(options) => options,
        Err(error) => {
            error.print()?;
            ensure!(!error.use_stderr(), "see cargo xtask limits --help");
            return Ok(());
        }
    };
    ensure!(has(EMULATOR, "--version"), "{EMULATOR} is not installed (Debian: qemu-system-x86)");
    let kernel = options.kernel.or_else(newest_kernel);
    let kernel =
        kernel.context("there is no kernel in /boot; say which with --kernel (Debian: linux-image-cloud-amd64)")?;
    let program = if let Some(program) = options.program {
        program
    } else {
        run(&mut cargo("", &["build", "--locked", "--quiet", "--package", "seedbed"]))?;
        root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("debug/seedbed")
    };
    let directory = tempfile::Builder::new().prefix("seedbed-limits").tempdir()?;
    let files = directory.path().join("files");
    furnish(&files, &program)?;
    let archive = directory.path().join("initrd");
    let packed = format!("cd '{}' && find . | busybox cpio -o -H newc > '{}'", files.display(), archive.display());
    output(Command::new("sh").arg("-c").arg(packed))?;

    let mut machine = Command::new("timeout");
    machine.args([PATIENCE, EMULATOR, "-accel", "tcg", "-m", "1024", "-nographic", "-no-reboot", "-kernel"]);
    machine.arg(kernel).arg("-initrd").arg(archive).args(["-append", "console=ttyS0 quiet panic=-1"]);
    let said = output(machine.stdin(Stdio::null()))?.stdout;
    judge(&String::from_utf8_lossy(&said))
}

/// Compares what the machine has told with what must be so.
fn judge(said: &str) -> Result<()> {
    let told = |name: &str| said.lines().rev().find_map(|line| line.trim_end().strip_prefix(name)).map(str::trim);
    let missing = |name: &str| format!("the machine says nothing of `{name}`:\n{said}");
    let cpus = told("cpus ").with_context(|| missing("cpus"))?;
    let share: u32 = cpus.trim_end_matches(" of 100").parse().with_context(|| missing("cpus"))?;
    let eater = told("eater ").with_context(|| missing("eater"))?;
    let forker = told("forker ").with_context(|| missing("forker"))?;
    let left = told("left ").with_context(|| missing("left"))?;
    println!("cpus: 0.25    of a processor it was given {share} %");
    println!("memory: 24MB  {eater}");
    println!("pids: 5       {forker}");
    println!("groups left   {left}");
    ensure!((15..=28).contains(&share), "the processor time is not what the limit says");
    ensure!(
        eater == "failed: was killed: it needed more memory than its limit",
        "the memory is not what the limit says"
    );
    ensure!(forker.starts_with("failed: exited"), "there were more processes than the limit says");
    ensure!(left == "0", "groups of the kernel are left");
    Ok(())
}

/// The newest kernel of this machine.
fn newest_kernel() -> Option<PathBuf> {
    let all = fs::read_dir("/boot").ok()?.flatten().map(|entry| entry.path());
    let is_kernel = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    all.filter(is_kernel).max()
}

/// Puts together the files of the machine.
fn furnish(files: &Path, program: &Path) -> Result<()> {
    for directory in ["bin", "proc", "sys", "dev", "tmp", "work", "etc"] {
        fs::create_dir_all(files.join(directory))?;
    }
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().context("it is in a directory")?)?;
        fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(Path::new("/bin/busybox"), &files.join("bin/busybox"))?;
    for word in WORDS {
        std::os::unix::fs::symlink("busybox", files.join("bin").join(word))?;
    }
    // Without what debuggers need it is a third.
    output(Command::new("strip").arg("-o").arg(files.join("bin/seedbed")).arg(program))?;
    let needed = output(Command::new("ldd").arg(program))?.stdout;
    let needed = String::from_utf8_lossy(&needed).into_owned();
    for library in needed.split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(library), &files.join(library.trim_start_matches('/')))?;
    }
    fs::write(files.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    fs::write(files.join("work/seedbed.yaml"), include_str!("limits.yaml"))?;
    let script = files.join("init");
    fs::write(&script, include_str!("limits.sh"))?;
    output(Command::new("chmod").arg("755").arg(script))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_must_hold() {
        let good = "SeaBIOS\r\ncpus 24 of 100\r\neater failed: was killed: it needed more memory than its limit\r\n\
                    forker failed: exited with code 2\r\nleft 0\r\n";
        judge(good).unwrap();
        let cases = [
            ("cpus 24", "cpus 97"),
            ("it needed more memory than its limit", "signal 9"),
            ("forker failed: exited with code 2", "forker ready"),
            ("left 0", "left 1"),
            ("cpus 24 of 100\r\n", ""),
        ];
        for (what, instead) in cases {
            assert!(judge(&good.replace(what, instead)).is_err(), "{instead}");
        }
    }
}
