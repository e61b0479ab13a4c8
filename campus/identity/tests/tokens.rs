//! Every way in which a token can be wrong, and the few in which it is right.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use identity::{Claims, Key, KeySet, KeySource, Refusal, Signer, SignerError, Verifier, token_of};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

const ISSUER: &str = "http://lms.example.com/oauth2";
const AUDIENCE: &str = "campus";
const NOW: u64 = 1_800_000_000;
const SEED: [u8; 32] = [7; 32];

/// A key that tests sign with by hand, as it is published.
fn published() -> KeySet {
    use ring::signature::KeyPair;
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let key = |kid: &str, kty: &str, usage: &str, alg: &str| {
        serde_json::from_value::<Key>(
            json!({ "kty": kty, "crv": "Ed25519", "x": x, "kid": kid, "use": usage, "alg": alg }),
        )
    };
    let keys = [
        key("k", "OKP", "sig", "EdDSA"),
        key("other-kind", "RSA", "sig", "RS512"),
        key("for-encryption", "OKP", "enc", "EdDSA"),
        key("of-another-algorithm", "OKP", "sig", "HS256"),
        key("", "OKP", "sig", "EdDSA"),
    ];
    KeySet { keys: keys.into_iter().map(Result::unwrap).collect() }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(header: &str, payload: &str) -> String {
    let text = format!("{}.{}", encode(header), encode(payload));
    let signature = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap().sign(text.as_bytes());
    format!("{text}.{}", encode(signature))
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "EdDSA", "kid": "k" })
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60, "iat": NOW, "preferred_username": "ada" })
}

/// The object with one member changed, or removed by null.
fn with(mut object: Value, name: &str, value: Value) -> String {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    object.to_string()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn verify(token: &str) -> Result<Claims, Refusal> {
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::Inline(published()));
    run(verifier.verify_at(token, NOW))
}

#[test]
fn a_header_says_how_a_token_is_checked_only_within_what_is_allowed() {
    let algorithm = |name: &str| Err(Refusal::Algorithm(name.to_owned()));
    for (name, value, expected) in [
        ("typ", json!("JWT"), Ok(())),
        ("typ", Value::Null, Ok(())),
        ("alg", json!("none"), algorithm("none")),
        ("alg", json!("None"), algorithm("None")),
        ("alg", json!(""), algorithm("")),
        ("alg", json!("HS256"), algorithm("HS256")),
        ("alg", json!("RS512"), algorithm("RS512")),
        ("alg", json!("ES256"), algorithm("ES256")),
        ("alg", json!("eddsa"), algorithm("eddsa")),
        ("alg", Value::Null, Err(Refusal::Malformed)),
        ("alg", json!(["EdDSA"]), Err(Refusal::Malformed)),
        ("crit", json!(["b64"]), Err(Refusal::Critical)),
        ("kid", Value::Null, Err(Refusal::NoKeyId)),
        ("kid", json!(""), Err(Refusal::NoKeyId)),
        ("kid", json!(7), Err(Refusal::Malformed)),
        ("kid", json!("unknown"), Err(Refusal::UnknownKey)),
        ("kid", json!("other-kind"), Err(Refusal::UnknownKey)),
        ("kid", json!("for-encryption"), Err(Refusal::UnknownKey)),
        ("kid", json!("of-another-algorithm"), Err(Refusal::UnknownKey)),
        // A token cannot bring its own key along.
        ("jwk", json!(published().keys[0]), Ok(())),
    ] {
        let token = signed(&with(header(), name, value.clone()), &claims().to_string());
        assert_eq!(verify(&token).map(drop), expected, "{name} {value}");
    }
}

#[test]
fn claims_have_to_be_there_and_to_hold() {
    let wrong = |reason: &str| Err(Refusal::Claims(reason.to_owned()));
    for (name, value, expected) in [
        ("exp", json!(NOW + 1), Ok(())),
        ("exp", json!(NOW), Ok(())),
        ("exp", json!(NOW - 1), Err(Refusal::Expired)),
        ("exp", json!(0), Err(Refusal::Expired)),
        ("exp", json!(u64::MAX), Ok(())),
        ("exp", Value::Null, wrong("missing field `exp`")),
        ("exp", json!("soon"), wrong("invalid type: string \"soon\", expected u64")),
        ("exp", json!(-1), wrong("invalid value: integer `-1`, expected u64")),
        ("iat", json!(NOW + 1), Ok(())),
        ("iat", json!(NOW + 2), Err(Refusal::NotYetValid)),
        ("iat", Value::Null, wrong("missing field `iat`")),
        ("nbf", json!(NOW + 1), Ok(())),
        ("nbf", json!(NOW + 2), Err(Refusal::NotYetValid)),
        ("iss", json!("http://lms.example.com"), Err(Refusal::Issuer)),
        ("iss", json!(""), Err(Refusal::Issuer)),
        ("iss", Value::Null, wrong("missing field `iss`")),
        ("aud", json!("campus2"), Err(Refusal::Audience)),
        ("aud", json!([]), Err(Refusal::Audience)),
        ("aud", json!(["other", AUDIENCE]), Ok(())),
        ("aud", Value::Null, wrong("missing field `aud`")),
        ("aud", json!(1), wrong("data did not match any variant of untagged enum Audience")),
        ("preferred_username", json!(""), Err(Refusal::NoUsername)),
        ("preferred_username", Value::Null, wrong("missing field `preferred_username`")),
        ("preferred_username", json!(1), wrong("invalid type: integer `1`, expected a string")),
        ("administrator", json!("yes"), wrong("invalid type: string \"yes\", expected a boolean")),
        ("something_else", json!({ "deep": [1] }), Ok(())),
    ] {
        let token = signed(&header().to_string(), &with(claims(), name, value.clone()));
        assert_eq!(verify(&token).map(drop), expected, "{name} {value}");
    }
}

#[test]
fn what_is_no_token_or_was_changed_is_refused() {
    let good = signed(&header().to_string(), &claims().to_string());
    verify(&good).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let admin = encode(with(claims(), "administrator", json!(true)));
    let twice = format!("{{\"exp\":1,{}", &claims().to_string()[1..]);
    for (token, expected) in [
        (String::new(), Refusal::Malformed),
        ("a".to_owned(), Refusal::Malformed),
        (format!("{head}.{body}"), Refusal::Malformed),
        (format!("{head}.{body}.{signature}.{signature}"), Refusal::Malformed),
        (format!("{head}.{body}.{signature}="), Refusal::Malformed),
        (format!("{}.{body}.{signature}", encode("[]")), Refusal::Malformed),
        (format!("{}.{body}.{signature}", encode("{")), Refusal::Malformed),
        (format!("{head}.{body}.{signature}{}", "A".repeat(9000)), Refusal::Malformed),
        (format!("{head}.{body}."), Refusal::Signature),
        (format!("{head}.{body}.{}", encode([0; 64])), Refusal::Signature),
        (format!("{head}.{admin}.{signature}"), Refusal::Signature),
        (format!("{}.{body}.{signature}", encode(with(header(), "typ", json!("at+jwt")))), Refusal::Signature),
        (
            signed(&header().to_string(), "[]"),
            Refusal::Claims("invalid length 0, expected struct Claims with 21 elements".into()),
        ),
        (signed(&header().to_string(), ""), Refusal::Claims("EOF while parsing a value".into())),
        (signed(&header().to_string(), &twice), Refusal::Claims("duplicate field `exp`".into())),
    ] {
        assert_eq!(verify(&token).map(drop), Err(expected), "{token}");
    }
}

#[test]
fn a_signed_token_says_what_it_was_given() {
    let signer = Signer::generate();
    let mut claims = Claims::new(ISSUER, AUDIENCE, "ada", NOW, NOW + 60);
    claims.scopes = vec!["email".to_owned()];
    claims.email = Some("ada@example.com".to_owned());
    claims.administrator = Some(false);
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::Inline(signer.key_set()));
    let read = run(verifier.verify_at(&signer.sign(&claims), NOW)).unwrap();
    assert_eq!(read, claims);
    assert!(read.has_scope("email") && !read.has_scope("profile") && !read.is_administrator());
}

#[test]
fn keys_are_read_from_pem_and_retired_ones_are_still_published() {
    // Made with `openssl genpkey -algorithm ed25519`.
    let first = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDtUcdPgMS0W4pa47CdVtcd3WjGNMfJMBUlIPR4xVtdd\n-----END PRIVATE KEY-----\n";
    let old = Signer::from_pem(first).unwrap();
    let signer = Signer::from_pem(&format!("{}\n{first}", Signer::new_pem())).unwrap();
    let names: Vec<String> = signer.key_set().keys.into_iter().map(|key| key.kid).collect();
    assert_eq!(names, [signer.kid(), old.kid()]);
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::Inline(signer.key_set()));
    for signer in [&old, &signer] {
        run(verifier.verify_at(&signer.sign(&Claims::new(ISSUER, AUDIENCE, "ada", NOW, NOW + 60)), NOW)).unwrap();
    }
    for (text, expected) in [
        ("", SignerError::NoKey),
        ("-----BEGIN PRIVATE KEY-----\nMC4C", SignerError::NotPem(1)),
        ("-----BEGIN PRIVATE KEY-----\n??\n-----END PRIVATE KEY-----", SignerError::NotPem(1)),
        ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----", SignerError::OtherKind(1)),
    ] {
        assert_eq!(Signer::from_pem(text).map(drop), Err(expected), "{text}");
    }
}

#[test]
fn the_token_is_what_stands_behind_jwt_or_bearer() {
    for (value, expected) in [
        ("JWT a.b.c", Some("a.b.c")),
        ("jwt  a.b.c ", Some("a.b.c")),
        ("Bearer a.b.c", Some("a.b.c")),
        ("Basic YTpi", None),
        ("Token abc", None),
        ("JWT", None),
        ("", None),
    ] {
        assert_eq!(token_of(value), expected, "{value}");
    }
}
