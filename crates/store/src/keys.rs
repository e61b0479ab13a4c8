//! Who may read and write an encrypted store: its own secrets, and the identities of people and machines.

use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::random::random_bytes;
use crate::seal::Seal;

/// The secret of a person or a machine, which opens what a store keeps for them.
#[derive(Clone)]
pub struct Identity([u8; 32]);

/// The public half of an [`Identity`]: whom a store may be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient([u8; 32]);

/// A text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: 64 lower-case hexadecimal digits are expected")]
pub struct BadKey;

impl Identity {
    /// A new one.
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// The half that may be told to others.
    pub fn recipient(&self) -> Recipient {
        Recipient(*PublicKey::from(&StaticSecret::from(self.0)).as_bytes())
    }

    /// As text; a secret.
    pub fn to_secret_text(&self) -> String {
        hex(&self.0)
    }

    /// From what [`Identity::to_secret_text`] gave.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        unhex(text).map(Self)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Identity of {}", self.recipient())
    }
}

impl Recipient {
    /// From its text.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        unhex(text).map(Self)
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

/// What a recipient may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read and write.
    Reader,
    /// Write, and read nothing.
    Writer,
}

/// The member `encryption` of the document `store`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Encryption {
    public: String,
    recipients: Vec<Wrapped>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wrapped {
    recipient: String,
    access: Access,
    ephemeral: String,
    sealed: String,
}

/// What is known of an encrypted store's keys.
#[derive(Clone)]
pub(crate) struct StoreKeys {
    public: [u8; 32],
    identifying: [u8; 32],
    secret: Option<[u8; 32]>,
}

impl StoreKeys {
    pub(crate) fn generate() -> Self {
        let secret = random_bytes();
        let public = *PublicKey::from(&StaticSecret::from(secret)).as_bytes();
        Self { public, identifying: random_bytes(), secret: Some(secret) }
    }

    /// Whether objects, index and references can be read.
    pub(crate) fn can_read(&self) -> bool {
        self.secret.is_some()
    }

    /// What a new file is sealed with.
    pub(crate) fn seal(&self) -> Seal {
        Seal::new(&self.public, &self.identifying)
    }

    /// What a file with this ephemeral key is opened with; `None` for those who only write.
    pub(crate) fn opener(&self, ephemeral: [u8; 32]) -> Option<Seal> {
        self.secret.map(|secret| Seal::of(ephemeral, &secret, &self.identifying))
    }

    pub(crate) fn wrap(&self, recipients: &[(Recipient, Access)]) -> Encryption {
        let recipients = recipients
            .iter()
            .map(|(recipient, access)| {
                let seal = Seal::new(&recipient.0, &[0; 32]);
                let mut secrets = self.identifying.to_vec();
                if *access == Access::Reader {
                    secrets.extend_from_slice(&self.secret.unwrap_or_default());
                }
                Wrapped {
                    recipient: recipient.to_string(),
                    access: *access,
                    ephemeral: hex(&seal.ephemeral),
                    sealed: hex(&seal.seal(&self.public, &secrets)),
                }
            })
            .collect();
        Encryption { public: hex(&self.public), recipients }
    }
}

impl Encryption {
    /// The keys, if one of these identities is among the recipients; the one that may do most counts.
    pub(crate) fn unwrap(&self, identities: &[Identity]) -> Option<StoreKeys> {
        let public = unhex(&self.public).ok()?;
        let mut best: Option<StoreKeys> = None;
        for identity in identities {
            let name = identity.recipient().to_string();
            for wrapped in self.recipients.iter().filter(|wrapped| wrapped.recipient == name) {
                let Ok(ephemeral) = unhex(&wrapped.ephemeral) else { continue };
                let Some(sealed) = unhex_bytes(&wrapped.sealed) else { continue };
                let Some(plain) = Seal::of(ephemeral, &identity.0, &[0; 32]).open(&public, &sealed) else { continue };
                let (Some(identifying), secret) = (plain.first_chunk(), plain.get(32..64)) else { continue };
                let secret = secret.and_then(|secret| <[u8; 32]>::try_from(secret).ok());
                if best.as_ref().is_none_or(|best| !best.can_read()) {
                    best = Some(StoreKeys { public, identifying: *identifying, secret });
                }
            }
        }
        best
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a half byte is a digit"));
        text.push(char::from_digit(u32::from(byte & 15), 16).expect("a half byte is a digit"));
        text
    })
}

fn unhex_bytes(text: &str) -> Option<Vec<u8>> {
    let fits = text.len().is_multiple_of(2) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !fits {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn unhex(text: &str) -> Result<[u8; 32], BadKey> {
    unhex_bytes(text).and_then(|bytes| bytes.try_into().ok()).ok_or(BadKey)
}
