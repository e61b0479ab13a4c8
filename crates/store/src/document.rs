//! Small files of a store: a line that proves the rest, and a payload.

use crate::keys::StoreKeys;

const MAGIC: &str = "seedbed-store 1 ";
/// The first line with its line feed.
const LINE: usize = MAGIC.len() + 64 + 1;

/// The bytes of a document under this name.
pub(crate) fn encode(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{MAGIC}{}\n", digest(name, payload)).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload, or what is wrong with the bytes.
pub(crate) fn decode<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (line, payload) = bytes.split_at_checked(LINE).ok_or("is cut")?;
    if line != format!("{MAGIC}{}\n", digest(name, payload)).as_bytes() {
        return Err("does not have the bytes that were written");
    }
    Ok(payload)
}

fn digest(name: &str, payload: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&[0]).update(payload);
    hasher.finalize().to_hex().to_string()
}

/// As [`encode`], sealed when the store has keys.
pub(crate) fn encode_sealed(name: &str, payload: &[u8], keys: Option<&StoreKeys>) -> Vec<u8> {
    let Some(keys) = keys else { return encode(name, payload) };
    let seal = keys.seal();
    let mut sealed = seal.ephemeral.to_vec();
    sealed.extend_from_slice(&seal.seal(name.as_bytes(), payload));
    encode(name, &sealed)
}

/// As [`decode`], opened when the store has keys.
pub(crate) fn decode_sealed(name: &str, bytes: &[u8], keys: Option<&StoreKeys>) -> Result<Vec<u8>, &'static str> {
    let payload = decode(name, bytes)?;
    let Some(keys) = keys else { return Ok(payload.to_vec()) };
    let (ephemeral, sealed) = payload.split_first_chunk().ok_or("is cut")?;
    let opener = keys.opener(*ephemeral).ok_or("is sealed, and this key may only write")?;
    opener.open(name.as_bytes(), sealed).ok_or("cannot be opened with the key of this store")
}
