//! Random names and keys.

/// 32 random bytes.
pub(crate) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// 32 random hexadecimal digits.
pub(crate) fn random_name() -> String {
    blake3::Hash::from_bytes(random_bytes()).to_hex()[..32].to_owned()
}
