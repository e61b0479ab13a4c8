//! Keys and tokens that are got over HTTP: what is kept, what is asked again, and what happens when nobody answers.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use identity::{Claims, Client, ClientError, KeySource, Refusal, Signer, Verifier};
use serde_json::json;

const ISSUER: &str = "http://lms";
const AUDIENCE: &str = "campus";

/// A server that answers all requests alike, and remembers their bodies.
struct Server {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(status: u16, answer: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (answer, bodies) = (Arc::new(Mutex::new((status, answer))), Arc::new(Mutex::new(Vec::new())));
        let (answers, asked) = (Arc::clone(&answer), Arc::clone(&bodies));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                asked.lock().unwrap().push(String::from_utf8(body).unwrap());
                let (status, text) = answers.lock().unwrap().clone();
                let length = text.len();
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                stream.get_mut().write_all((head + &text).as_bytes()).unwrap();
            }
        });
        Self { url, answer, bodies }
    }

    fn answers(&self, status: u16, text: String) {
        *self.answer.lock().unwrap() = (status, text);
    }

    fn asked(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

fn published(signer: &Signer) -> String {
    serde_json::to_string(&signer.key_set()).unwrap()
}

fn token(signer: &Signer) -> String {
    let now = identity::now();
    signer.sign(&Claims::new(ISSUER, AUDIENCE, "ada", now, now + 3600))
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_and_asked_for_again_when_one_is_unknown_or_they_are_old() {
    let (first, second) = (Signer::generate(), Signer::generate());
    let server = Server::start(200, published(&first));
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::Url(server.url.clone()));

    for _ in 0..3 {
        verifier.verify(&token(&first)).await.unwrap();
    }
    assert_eq!(server.asked(), 1);

    // The issuer changes its key. Whoever shows unknown keys cannot make the source be asked all the time.
    server.answers(200, published(&second));
    assert_eq!(verifier.verify(&token(&second)).await, Err(Refusal::UnknownKey));
    assert_eq!(server.asked(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    verifier.clone().verify(&token(&second)).await.unwrap();
    assert_eq!(server.asked(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(verifier.verify(&token(&first)).await, Err(Refusal::UnknownKey));
    assert_eq!(server.asked(), 3);

    // Old keys are asked for anew, and stay in use while nobody answers.
    server.answers(500, String::new());
    tokio::time::advance(Duration::from_secs(600)).await;
    verifier.verify(&token(&second)).await.unwrap();
    assert_eq!(server.asked(), 4);
    server.answers(200, published(&first));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(verifier.verify(&token(&second)).await, Err(Refusal::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn without_keys_it_is_not_the_callers_fault() {
    let signer = Signer::generate();
    let server = Server::start(200, "no keys".to_owned());
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::Url(server.url.clone()));
    assert_eq!(verifier.verify(&token(&signer)).await, Err(Refusal::KeysUnavailable));
    server.answers(200, published(&signer));
    tokio::time::advance(Duration::from_secs(1)).await;
    verifier.verify(&token(&signer)).await.unwrap();

    let absent = Verifier::new(ISSUER, AUDIENCE, KeySource::File("/no/such/file".into()));
    assert_eq!(absent.verify(&token(&signer)).await, Err(Refusal::KeysUnavailable));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), published(&signer)).unwrap();
    let verifier = Verifier::new(ISSUER, AUDIENCE, KeySource::File(file.path().to_owned()));
    verifier.verify(&token(&signer)).await.unwrap();
}

#[test]
fn a_client_keeps_its_token_while_it_lasts() {
    let granted = |expires_in: u64| json!({ "access_token": "a.b.c", "expires_in": expires_in }).to_string();
    let server = Server::start(200, granted(3600));
    let client = Client::new(&server.url, "shop", "a secret & more");
    for _ in 0..3 {
        assert_eq!(client.authorization().unwrap(), "JWT a.b.c");
    }
    assert_eq!(
        *server.bodies.lock().unwrap(),
        ["grant_type=client_credentials&client_id=shop&client_secret=a+secret+%26+more&token_type=jwt"]
    );
    client.forget();
    server.answers(200, granted(10));
    for asked in 2..4 {
        client.clone().authorization().unwrap();
        assert_eq!(server.asked(), asked, "a token that is about to expire is not kept");
    }
    server.answers(401, json!({ "error": "invalid_client" }).to_string());
    let error = client.authorization().unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 401, .. }), "{error}");
    assert!(error.to_string().ends_with("it answered 401, invalid_client"), "{error}");
}
