//! Sessions of the pages: what is known of who has signed in, sealed in a cookie, so that the service keeps nothing.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::SessionKey;

const KEY_LENGTH: usize = 32;
/// Of the token against forged requests, in bytes.
const TOKEN_LENGTH: usize = 24;

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The name in the learning management system.
    pub username: String,
    /// The token by which others know who it is.
    pub token: String,
    /// What a form has to send along, to be one of ours.
    pub csrf: String,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

/// Seals sessions, and opens what it has sealed.
pub struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Sealer {
    /// With a key that others like it have, or with one of its own, which ends with it.
    pub fn new(key: Option<&SessionKey>) -> Self {
        let random = SystemRandom::new();
        let bytes: [u8; KEY_LENGTH] = match key {
            Some(SessionKey(text)) => Sha256::digest(text).into(),
            None => filled(&random),
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).expect("the key has the length of the algorithm");
        Self { key: LessSafeKey::new(key), random }
    }

    /// A text that nobody can guess.
    pub fn random_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(filled::<TOKEN_LENGTH>(&self.random))
    }

    /// A text that only this key opens, and that nobody can change.
    pub fn seal(&self, session: &Session) -> String {
        let nonce: [u8; NONCE_LEN] = filled(&self.random);
        let mut text = serde_json::to_vec(session).expect("a session has texts as keys");
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
            .expect("a session is short");
        BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), text.as_slice()].concat())
    }

    /// The session, if it was sealed with this key and has not ended.
    pub fn open(&self, sealed: &str, now: u64) -> Option<Session> {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key.open_in_place(nonce, Aad::empty(), text).ok()?;
        let session: Session = serde_json::from_slice(text).ok()?;
        (now < session.expires).then_some(session)
    }
}

fn filled<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_and_nothing_can_be_changed() {
        let key = SessionKey("a key that is long enough for a session".to_owned());
        let (one, same, other) = (Sealer::new(Some(&key)), Sealer::new(Some(&key)), Sealer::new(None));
        let session =
            Session { username: "ada".to_owned(), token: "t".to_owned(), csrf: one.random_text(), expires: 100 };
        let sealed = one.seal(&session);
        assert_ne!(sealed, one.seal(&session), "the same session looks different each time");
        assert_eq!(same.open(&sealed, 99), Some(session));
        assert_eq!((same.open(&sealed, 100), other.open(&sealed, 1)), (None, None));
        let mut changed = sealed.clone().into_bytes();
        changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
        for text in ["", "AAAA", &sealed[1..], std::str::from_utf8(&changed).unwrap()] {
            assert_eq!(one.open(text, 1), None, "{text}");
        }
    }
}
