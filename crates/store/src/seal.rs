//! Sealing of what a store writes: one key for each file, which only the store's secret opens again.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::random::random_bytes;

/// Bytes that a sealed piece is longer than what is in it: nonce and tag.
pub(crate) const OVERHEAD: usize = 24 + 16;

/// Seals and opens the pieces of one file.
#[derive(Clone)]
pub(crate) struct Seal {
    /// The ephemeral public key, which stands in the file.
    pub(crate) ephemeral: [u8; 32],
    cipher: XChaCha20Poly1305,
}

impl Seal {
    /// A new one, for the owner of `recipient`; `identifying` binds it to those who may write.
    pub(crate) fn new(recipient: &[u8; 32], identifying: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(random_bytes());
        let ephemeral = *PublicKey::from(&secret).as_bytes();
        let shared = secret.diffie_hellman(&PublicKey::from(*recipient));
        Self::derive(ephemeral, shared.as_bytes(), recipient, identifying)
    }

    /// The one that a file was sealed with.
    pub(crate) fn of(ephemeral: [u8; 32], secret: &[u8; 32], identifying: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(*secret);
        let recipient = *PublicKey::from(&secret).as_bytes();
        let shared = secret.diffie_hellman(&PublicKey::from(ephemeral));
        Self::derive(ephemeral, shared.as_bytes(), &recipient, identifying)
    }

    fn derive(ephemeral: [u8; 32], shared: &[u8; 32], recipient: &[u8; 32], identifying: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("seedbed store 1 seal");
        hasher.update(shared).update(&ephemeral).update(recipient).update(identifying);
        let cipher = XChaCha20Poly1305::new(hasher.finalize().as_bytes().into());
        Self { ephemeral, cipher }
    }

    /// Nonce, ciphertext and tag of one piece, bound to what it belongs to.
    pub(crate) fn seal(&self, belongs_to: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = &random_bytes()[..24];
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(nonce), Payload { msg: plain, aad: belongs_to })
            .expect("a piece is far shorter than the cipher's limit");
        [nonce, &sealed].concat()
    }

    /// What is in a piece; `None` when it was changed, or sealed by another key or for another place.
    pub(crate) fn open(&self, belongs_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(24)?;
        self.cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: belongs_to }).ok()
    }
}
