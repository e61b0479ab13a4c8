//! Digests by which a download is known to be what was meant.

use std::fmt::Write;
use std::str::FromStr;

use ring::digest::{Context, SHA256};

/// The digest that a file shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the bytes.
    Sha256([u8; 32]),
    /// BLAKE3 of the bytes.
    Blake3([u8; 32]),
}

/// A text that is no checksum: `sha256:` or `blake3:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no checksum; one is 'sha256:' or 'blake3:' and 64 hexadecimal digits")]
pub struct BadChecksum(pub String);

impl FromStr for Checksum {
    type Err = BadChecksum;

    fn from_str(text: &str) -> Result<Self, BadChecksum> {
        let bad = || BadChecksum(text.to_owned());
        let (algorithm, digits) = text.split_once(':').unwrap_or(("sha256", text));
        let bytes = blake3::Hash::from_hex(digits.to_ascii_lowercase()).map_err(|_| bad())?.into();
        match algorithm {
            "sha256" => Ok(Self::Sha256(bytes)),
            "blake3" => Ok(Self::Blake3(bytes)),
            _ => Err(bad()),
        }
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sha256(bytes) => write!(f, "sha256:{}", hex(bytes)),
            Self::Blake3(bytes) => write!(f, "blake3:{}", hex(bytes)),
        }
    }
}

/// Makes a [`Checksum`] of bytes as they come.
pub(crate) enum Hasher {
    Sha256(Box<Context>),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Of the same algorithm as the checksum that is expected.
    pub(crate) fn like(expected: &Checksum) -> Self {
        match expected {
            Checksum::Sha256(_) => Self::Sha256(Box::new(Context::new(&SHA256))),
            Checksum::Blake3(_) => Self::Blake3(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(context) => context.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        match self {
            Self::Sha256(context) => {
                let mut bytes = [0; 32];
                bytes.copy_from_slice(context.finish().as_ref());
                Checksum::Sha256(bytes)
            }
            Self::Blake3(hasher) => Checksum::Blake3(hasher.finalize().into()),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
