//! Secrets: how they are kept so that nobody can read them, how they are compared, and how new ones are made.

use std::num::NonZeroU32;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// How often a password is hashed; as many rounds as the Open Web Application Security Project asks for.
const ROUNDS: u32 = 600_000;
const SLOW: &str = "pbkdf2_sha256";
const FAST: &str = "hmac_sha256";
const HASH_LENGTH: usize = 32;
/// Letters and digits that nobody takes for one another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Hashes what people think of: slowly, since they do not think of much.
pub fn hash_password(password: &str) -> String {
    let salt = random_text();
    let mut hash = [0; HASH_LENGTH];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds(ROUNDS), salt.as_bytes(), password.as_bytes(), &mut hash);
    format!("{SLOW}${ROUNDS}${salt}${}", BASE64_STANDARD.encode(hash))
}

/// Hashes what [`random_text`] made: nobody can try all of those, so that once is enough.
pub fn hash_random(secret: &str) -> String {
    let salt = random_text();
    let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), secret.as_bytes());
    format!("{FAST}${salt}${}", BASE64_STANDARD.encode(hash))
}

/// Whether a secret is the one that was hashed. Takes as long whichever digit differs.
pub fn fits(hashed: &str, secret: &str) -> bool {
    let parts: Vec<&str> = hashed.split('$').collect();
    match parts[..] {
        [SLOW, rounds_text, salt, hash] => {
            let (Ok(number), Ok(hash)) = (rounds_text.parse(), BASE64_STANDARD.decode(hash)) else { return false };
            pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds(number), salt.as_bytes(), secret.as_bytes(), &hash)
                .is_ok()
        }
        [FAST, salt, hash] => {
            let Ok(hash) = BASE64_STANDARD.decode(hash) else { return false };
            hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), secret.as_bytes(), &hash).is_ok()
        }
        _ => false,
    }
}

/// A hash that nothing fits, for names that nobody has: to say so takes as long as with a wrong password.
pub fn unfitting() -> String {
    format!("{SLOW}${ROUNDS}$none${}", BASE64_STANDARD.encode([0; HASH_LENGTH]))
}

/// 32 random bytes as text.
pub fn random_text() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes())
}

/// 32 random bytes.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("the system has random bytes");
    bytes
}

/// By which a random secret is found again, without being kept.
pub fn digest_of(secret: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}

/// The password that a user without one has in development: worked out of a key and the name, and kept nowhere.
pub fn derived_password(key: &[u8], username: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), username.as_bytes());
    let letters: Vec<char> =
        tag.as_ref()[..12].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// Whether two texts are the same, in a time that does not say where they differ.
pub fn same(one: &str, other: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &random_bytes());
    hmac::verify(&key, one.as_bytes(), hmac::sign(&key, other.as_bytes()).as_ref()).is_ok()
}

fn rounds(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_fits_its_own_hash_and_no_other() {
        for hash in [hash_password("open sesame"), hash_random("open sesame")] {
            assert!(fits(&hash, "open sesame") && !fits(&hash, "open sesame "), "{hash}");
            assert!(!hash.contains("sesame"));
        }
        assert_ne!(hash_random("a"), hash_random("a"), "each has a salt of its own");
        for nothing in ["", "a", "md5$a$b", "hmac_sha256$a$?", "pbkdf2_sha256$many$a$AA==", &unfitting()] {
            assert!(!fits(nothing, ""), "{nothing}");
        }
    }

    #[test]
    fn a_derived_password_depends_on_key_and_name() {
        let password = derived_password(b"key", "honor");
        assert_eq!(password.len(), 14, "{password}");
        assert_eq!(password, derived_password(b"key", "honor"));
        assert_ne!(password, derived_password(b"key", "audit"));
        assert_ne!(password, derived_password(b"other", "honor"));
        assert!(same(&password, &derived_password(b"key", "honor")) && !same(&password, "x"));
    }
}
