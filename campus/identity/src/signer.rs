//! Making tokens: a private key, its public half, and signatures.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use crate::claims::Claims;
use crate::keys::{ALGORITHM, Key, KeySet};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Signs tokens with the newest of its keys. What was signed with the others is still checked: they are published too.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: Key,
    retired: Vec<Key>,
}

/// Why a text has no keys to sign with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignerError {
    /// No block of a private key in it.
    #[error("there is no '{BEGIN}' in it")]
    NoKey,
    /// A block does not end, or holds something else than base64.
    #[error("block {0} of it is not PEM")]
    NotPem(usize),
    /// Another kind of key.
    #[error("block {0} of it is no key of Ed25519")]
    OtherKind(usize),
}

impl Signer {
    /// Reads one key or several, newest first, in the form that `openssl genpkey -algorithm ed25519` writes (PKCS#8, PEM).
    pub fn from_pem(text: &str) -> Result<Self, SignerError> {
        let mut pairs = Vec::new();
        for (index, block) in text.split(BEGIN).skip(1).enumerate() {
            let number = index + 1;
            let (body, _) = block.split_once(END).ok_or(SignerError::NotPem(number))?;
            let body: String = body.split_whitespace().collect();
            let der = BASE64_STANDARD.decode(body).map_err(|_| SignerError::NotPem(number))?;
            pairs.push(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| SignerError::OtherKind(number))?);
        }
        let mut pairs = pairs.into_iter();
        let pair = pairs.next().ok_or(SignerError::NoKey)?;
        Ok(Self::with(pair, pairs.map(|pair| Key::of(pair.public_key().as_ref())).collect()))
    }

    /// Makes a key that lives as long as the process.
    pub fn generate() -> Self {
        Self::from_pem(&Self::new_pem()).expect("a key is read as it was written")
    }

    /// Makes a key, as text that [`Signer::from_pem`] reads.
    pub fn new_pem() -> String {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system has random bytes");
        let body = BASE64_STANDARD.encode(der);
        let lines: String = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect();
        format!("{BEGIN}\n{lines}{END}\n")
    }

    fn with(pair: Ed25519KeyPair, retired: Vec<Key>) -> Self {
        let key = Key::of(pair.public_key().as_ref());
        Self { pair, key, retired }
    }

    /// The name of the key that signs.
    pub fn kid(&self) -> &str {
        &self.key.kid
    }

    /// What is published.
    pub fn key_set(&self) -> KeySet {
        KeySet { keys: std::iter::once(&self.key).chain(&self.retired).cloned().collect() }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Claims) -> String {
        let payload = serde_json::to_vec(claims).expect("claims are texts, numbers and booleans");
        let header = json!({ "typ": "JWT", "alg": ALGORITHM, "kid": self.key.kid }).to_string();
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(&payload));
        format!("{signed}.{}", encode(self.pair.sign(signed.as_bytes()).as_ref()))
    }
}
