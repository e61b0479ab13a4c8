//! Who asks: signed tokens of one issuer, how they are made, checked and got.
//!
//! One service signs ([`Signer`]), and publishes its public keys as a [`KeySet`]. The others check ([`Verifier`]) what
//! callers show them, and get tokens of their own for their credentials ([`Client`]). There is one algorithm, EdDSA with
//! Ed25519: a token cannot choose how it is checked.
//!
//! ```
//! use identity::{Claims, KeySource, Signer, Verifier};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! let signer = Signer::generate();
//! let now = identity::now();
//! let token = signer.sign(&Claims::new("http://lms", "campus", "ada", now, now + 60));
//!
//! let verifier = Verifier::new("http://lms", "campus", KeySource::Inline(signer.key_set()));
//! let header = format!("JWT {token}");
//! let claims = verifier.verify(identity::token_of(&header).unwrap()).await.unwrap();
//! assert_eq!(claims.preferred_username, "ada");
//! # });
//! ```

mod claims;
mod client;
mod keys;
mod signer;
mod source;
mod token;
mod verifier;

pub use claims::{Audience, Claims};
pub use client::{Client, ClientError};
pub use keys::{Key, KeySet};
pub use signer::{Signer, SignerError};
pub use source::{KeySource, SourceError};
pub use token::{Refusal, token_of};
pub use verifier::Verifier;

/// Now, in seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
