//! Whether somebody works in a directory: a process whose working directory or whose program lies there.

use std::path::Path;

/// Says whether a living process of anybody has its working directory or its program below a directory.
#[cfg(target_os = "linux")]
pub fn works_in(directory: &Path) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut processes = entries.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes.any(|process| {
        ["cwd", "exe"]
            .iter()
            .any(|link| std::fs::read_link(process.path().join(link)).is_ok_and(|path| path.starts_with(directory)))
    })
}

/// Says whether a living process of this user has a file or its working directory below a directory; also if that cannot be told.
#[cfg(not(target_os = "linux"))]
pub fn works_in(directory: &Path) -> bool {
    let listed = std::process::Command::new("lsof").args(["-w", "-Fp", "+D"]).arg(directory).output();
    listed.is_ok_and(|listed| listed.stdout.is_empty()) == false
}
