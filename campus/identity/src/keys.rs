//! Public keys as they are published: a JSON Web Key Set (RFC 7517) with keys of Ed25519 (RFC 8037).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// The one algorithm, as headers and keys name it.
pub(crate) const ALGORITHM: &str = "EdDSA";
const KEY_TYPE: &str = "OKP";
const CURVE: &str = "Ed25519";
const USE: &str = "sig";
const LENGTH: usize = 32;

/// One published key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The kind of key; only `OKP` is used.
    pub kty: String,
    /// The curve; only `Ed25519` is used.
    #[serde(default)]
    pub crv: String,
    /// The name by which a token's header refers to it.
    #[serde(default)]
    pub kid: String,
    /// `EdDSA`, or not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`, or not said.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The public key: 32 bytes in base64 for URLs.
    #[serde(default)]
    pub x: String,
}

/// The keys of an issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// In no order that matters.
    pub keys: Vec<Key>,
}

impl Key {
    /// Of the 32 bytes of a public key, under the name that RFC 7638 gives it.
    pub(crate) fn of(public: &[u8]) -> Self {
        let x = BASE64_URL_SAFE_NO_PAD.encode(public);
        let canonical = format!(r#"{{"crv":"{CURVE}","kty":"{KEY_TYPE}","x":"{x}"}}"#);
        Self {
            kty: KEY_TYPE.to_owned(),
            crv: CURVE.to_owned(),
            kid: BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())),
            alg: Some(ALGORITHM.to_owned()),
            usage: Some(USE.to_owned()),
            x,
        }
    }

    /// The bytes, if the key is one that tokens are checked with.
    pub(crate) fn bytes(&self) -> Option<[u8; LENGTH]> {
        let fits = self.kty == KEY_TYPE
            && self.crv == CURVE
            && self.alg.as_deref().is_none_or(|alg| alg == ALGORITHM)
            && self.usage.as_deref().is_none_or(|usage| usage == USE);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&self.x).ok().filter(|_| fits)?;
        bytes.try_into().ok()
    }
}

impl KeySet {
    /// The key of that name, if it is one that tokens are checked with. Keys of other kinds may stand beside it.
    pub(crate) fn find(&self, kid: &str) -> Option<[u8; LENGTH]> {
        self.keys.iter().filter(|key| key.kid == kid).find_map(Key::bytes)
    }
}
