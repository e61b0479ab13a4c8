//! Checking one token against keys and a moment. No clock, no network.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

use crate::claims::Claims;
use crate::keys::{ALGORITHM, KeySet};

/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY: u64 = 1;
/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8 << 10;

/// Why a token is not accepted. The text is for whoever showed it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// Not three parts in base64, of which the first two are JSON; or too long.
    #[error("The token is no signed JSON Web Token.")]
    Malformed,
    /// Signed with something else than the one algorithm, or not at all.
    #[error("The token is signed with '{0}', not with EdDSA.")]
    Algorithm(String),
    /// Its header asks for something that has to be understood and is not.
    #[error("The token has critical extensions, which are not known.")]
    Critical,
    /// Its header does not say which key it was signed with.
    #[error("The token does not name its key.")]
    NoKeyId,
    /// The issuer does not publish that key.
    #[error("The key of the token is not known.")]
    UnknownKey,
    /// Not signed with that key, or changed since.
    #[error("The signature of the token is wrong.")]
    Signature,
    /// A claim is missing or has the wrong type.
    #[error("The claims of the token are wrong: {0}.")]
    Claims(String),
    /// Its time is over.
    #[error("The token has expired.")]
    Expired,
    /// Its time has not begun, or it was made in the future.
    #[error("The token is not valid yet.")]
    NotYetValid,
    /// Somebody else made it.
    #[error("The token is of another issuer.")]
    Issuer,
    /// It is for somebody else.
    #[error("The token is for another audience.")]
    Audience,
    /// It names nobody.
    #[error("The token names no user.")]
    NoUsername,
    /// The keys of the issuer cannot be had now. Not the caller's doing.
    #[error("The keys of the issuer cannot be had now.")]
    KeysUnavailable,
}

/// What is expected of every token.
#[derive(Debug)]
pub(crate) struct Expected {
    pub issuer: String,
    pub audience: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// The token in the value of an `Authorization` header: `JWT …` or `Bearer …`; `None` for other schemes.
pub fn token_of(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("JWT") || scheme.eq_ignore_ascii_case("Bearer")).then(|| token.trim())
}

/// A token that was taken apart, and not believed yet.
pub(crate) struct Parts<'a> {
    kid: String,
    signed: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Takes a token apart whose header says that it can be checked.
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::Malformed);
        }
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed);
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Malformed)?;
        if header.alg != ALGORITHM {
            return Err(Refusal::Algorithm(header.alg.chars().filter(char::is_ascii_graphic).take(16).collect()));
        }
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(Refusal::NoKeyId)?;
        Ok(Self { kid, signed: signed.as_bytes(), payload: decode(payload)?, signature: decode(signature)? })
    }

    /// Whether the key is among these.
    pub fn key_is_in(&self, keys: &KeySet) -> bool {
        keys.find(&self.kid).is_some()
    }

    /// Checks the signature, and then what it vouches for.
    pub fn check(&self, keys: &KeySet, expected: &Expected, now: u64) -> Result<Claims, Refusal> {
        let key = keys.find(&self.kid).ok_or(Refusal::UnknownKey)?;
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(self.signed, &self.signature).map_err(|_| Refusal::Signature)?;

        let claims: Claims =
            serde_json::from_slice(&self.payload).map_err(|error| Refusal::Claims(without_place(&error)))?;
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(Refusal::Expired);
        }
        let latest = now + LEEWAY;
        if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Refusal::NotYetValid);
        }
        if claims.iss != expected.issuer {
            return Err(Refusal::Issuer);
        }
        if !claims.aud.has(&expected.audience) {
            return Err(Refusal::Audience);
        }
        if claims.preferred_username.is_empty() {
            return Err(Refusal::NoUsername);
        }
        Ok(claims)
    }
}

/// What serde says, without line and column of a text that the reader has never seen.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
