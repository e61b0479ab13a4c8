//! Providers that are services: what is asked of one, and what is made of its answers, by a service that answers as it is told.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use database::ServerPackage;
use dataset::{Batch, LoadPlan, Options, Registry, SpecSet};
use serde_json::json;
use source::{Problems, SourceFile};
use store::Backend;

use super::*;
use crate::{Monitor, RemoteFailure};

/// A status and a body, or no answer.
type Reply = Result<(u16, &'static str), &'static str>;

/// A service that answers one question after the other, and keeps what it was asked.
#[derive(Default)]
struct Service {
    answers: Mutex<Vec<Reply>>,
    asked: Mutex<Vec<Question>>,
}

impl Remotes for Service {
    fn open(&self, _: &str) -> Result<Arc<dyn Backend>, RemoteFailure> {
        unreachable!("no store is opened")
    }

    fn finish(&self, _: &dyn Backend) -> Result<(), RemoteFailure> {
        unreachable!("nothing is written")
    }

    fn fetch_package(&self, _: &ServerPackage, _: &Path, _: &dyn Monitor) -> Result<(), RemoteFailure> {
        unreachable!("nothing is fetched")
    }

    fn fetch(&self, _: &str, _: Option<&manifest::Digest>, _: &Path, _: &dyn Monitor) -> Result<(), RemoteFailure> {
        unreachable!("nothing is fetched")
    }

    fn registries(&self) -> Result<BTreeSet<String>, RemoteFailure> {
        unreachable!("no image comes")
    }

    fn login(&self, _: &str) -> Result<Option<containers::Login>, RemoteFailure> {
        unreachable!("no image comes")
    }

    fn ask(&self, question: &Question) -> Result<Answered, RemoteFailure> {
        self.asked.lock().unwrap().push(question.clone());
        let mut answers = self.answers.lock().unwrap();
        assert!(!answers.is_empty(), "it is not asked more than expected: {question:?}");
        match answers.remove(0) {
            Ok((status, body)) => Ok(Answered { status, body: body.as_bytes().to_vec() }),
            Err(reason) => Err(reason.into()),
        }
    }
}

impl Service {
    fn new(answers: &[Reply]) -> Self {
        Self { answers: Mutex::new(answers.to_vec()), asked: Mutex::default() }
    }

    /// What it was asked: method, path, body.
    fn questions(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let text = |question: &Question| {
            let body = question.body.as_ref().map(|body| format!(" {}", String::from_utf8_lossy(body)));
            let path = question.url.strip_prefix("http://lms").unwrap_or(&question.url);
            format!("{} {path}{}", question.method, body.unwrap_or_default())
        };
        asked.iter().map(text).collect()
    }

    fn header(&self, question: usize, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        asked[question].headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

const TYPES: &str = r#"
providers:
  api: { http: { url: "http://lms", headers: { X-Who: seedbed }, auth: AUTH, retries: 1 } }
types:
  enrollment:
    provider: api
    key: [user, course]
    fields: { user: {}, course: {}, mode: audit }
    http:
      primary_key: /id
      find: { path: "/enrollments?user={{ user }}", result: /results, matches: { course/id: "{{ course }}" } }
      create:
        path: /enrollments
        body: { user: "{{ user }}", course_details: { course_id: "{{ course }}" }, mode: "{{ mode }}" }
        status: [200, 201]
      remove: { path: "/enrollments/{{ user }}/{{ course }}" }
"#;

fn plan(auth: &str) -> LoadPlan {
    let mut problems = Problems::default();
    let parse = |name: &str, text: &str| source::parse(&SourceFile::new(name, text)).unwrap();
    let mut types = Registry::default();
    types.add("lms", "lms", &parse("types.yaml", &TYPES.replace("AUTH", auth)), &mut problems);
    types.check(&mut problems);
    let mut specs = SpecSet::new();
    let spec = parse("spec.yaml", "enrollments: [{ user: \"ada l\", course: a/b }]");
    specs.add(&types, "lms", None, &spec, &mut problems);
    assert!(problems.is_empty(), "{}", source::render(&problems, source::RenderOptions::default()));
    dataset::order(&types, specs, &Options::default()).unwrap()
}

fn record() -> Vec<Asked> {
    let map =
        |entries: &[(&str, Value)]| entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (key, fields) = (map(&[("user", json!("ada l")), ("course", json!("a/b"))]), map(&[("mode", json!("audit"))]));
    vec![Asked { key, fields, ..Asked::default() }]
}

/// Does something with a service that answers so.
fn with<T>(
    service: &Service,
    auth: &str,
    act: impl FnOnce(&mut HttpWork<'_>, &AskedType<'_>, &[Asked]) -> Result<T, ProviderFailure>,
) -> Result<T, ProviderFailure> {
    let plan = plan(auth);
    let batch: &Batch = &plan.batches[0];
    let made_by = batch.made_by.as_ref().unwrap();
    let dataset::ProviderKind::Http(http) = &made_by.provider.kind else { panic!("it is one") };
    let base = http.url.clone().unwrap();
    let mut work = HttpWork::new(service, base, http.clone(), Duration::from_secs(1), Interrupt::default());
    let fields = ["mode".to_owned()];
    act(&mut work, &AskedType { name: &batch.data_type, made_by, fields: &fields }, &record())
}

const BEARER: &str = "{ bearer: secret }";
const FOUND: Reply =
    Ok((200, r#"{"results":[{"id":4,"course":{"id":"x"}},{"id":5,"course":{"id":"a/b"},"mode":"honor"}]}"#));

#[test]
fn a_record_is_the_one_of_the_answer_that_matches() {
    let service = Service::new(&[FOUND]);
    let found = with(&service, BEARER, |work, of, asked| work.find(of, asked)).unwrap();
    let values = [("mode".to_owned(), json!("honor"))].into_iter().collect();
    assert_eq!(found, [Some(Had { primary_key: json!(5), values, made: None })]);
    assert_eq!(service.questions(), ["GET /enrollments?user=ada%20l"]);
    assert_eq!(service.header(0, "Authorization").as_deref(), Some("Bearer secret"));
    assert_eq!(service.header(0, "X-Who").as_deref(), Some("seedbed"));
}

#[test]
fn a_record_that_is_not_there_is_none() {
    for answer in [Ok((404, "")), Ok((200, r#"{"results":[]}"#)), Ok((200, "null"))] {
        let service = Service::new(&[answer]);
        assert_eq!(with(&service, BEARER, |work, of, asked| work.find(of, asked)).unwrap(), [None]);
    }
}

#[test]
fn a_record_is_made_and_then_asked_for() {
    let service = Service::new(&[Ok((201, "{}")), FOUND]);
    let made = with(&service, BEARER, |work, of, asked| work.create(of, asked)).unwrap();
    assert_eq!(made[0].primary_key, json!(5));
    assert_eq!(
        service.questions(),
        [
            r#"POST /enrollments {"user":"ada l","course_details":{"course_id":"a/b"},"mode":"audit"}"#,
            "GET /enrollments?user=ada%20l"
        ]
    );
}

#[test]
fn what_a_service_could_not_do_is_tried_again_but_not_done_twice() {
    // It failed after it had done it: the second question finds the record.
    let service = Service::new(&[Ok((502, "bad gateway")), FOUND, FOUND]);
    with(&service, BEARER, |work, of, asked| work.create(of, asked)).unwrap();
    assert_eq!(service.questions().iter().filter(|question| question.starts_with("POST")).count(), 1);
    // It failed before: it is asked once more.
    let service = Service::new(&[Err("connection reset"), Ok((404, "")), Ok((200, "")), FOUND]);
    with(&service, BEARER, |work, of, asked| work.create(of, asked)).unwrap();
    assert_eq!(service.questions().iter().filter(|question| question.starts_with("POST")).count(), 2);
}

#[test]
fn what_a_service_refuses_is_told_with_its_words() {
    let cases: [(&[Reply], &str); 4] = [
        (
            &[Ok((400, r#"{"field":"mode","reason":"no such mode"}"#))],
            r#"POST http://lms/enrollments was answered with status 400: {"field":"mode","reason":"no such mode"}"#,
        ),
        (
            &[Ok((500, "")), Ok((404, "")), Ok((500, "boom"))],
            "POST http://lms/enrollments was answered with status 500: boom (tried 2 times)",
        ),
        (
            &[Err("Connection refused"), Ok((404, "")), Err("Connection refused")],
            "POST http://lms/enrollments was not answered: Connection refused (tried 2 times)",
        ),
        (&[Ok((200, "")), Ok((404, ""))], "the service took it, and does not find it when it is asked for it"),
    ];
    for (answers, message) in cases {
        let service = Service::new(answers);
        let failure = with(&service, BEARER, |work, of, asked| work.create(of, asked)).unwrap_err();
        assert_eq!((failure.message.as_str(), failure.record), (message, Some(0)));
    }
}

#[test]
fn a_client_gets_a_token_and_another_one_when_that_is_old() {
    let auth = "{ oauth2: { token: /oauth2/token, client_id: seed, client_secret: \"a&b\" } }";
    let token = Ok((200, r#"{"access_token":"one","token_type":"JWT"}"#));
    let service = Service::new(&[token, Ok((401, "")), Ok((200, r#"{"access_token":"two"}"#)), FOUND]);
    with(&service, auth, |work, of, asked| work.find(of, asked)).unwrap();
    assert_eq!(
        service.questions()[0],
        "POST /oauth2/token grant_type=client_credentials&client_id=seed&client_secret=a%26b"
    );
    assert_eq!(service.header(1, "Authorization").as_deref(), Some("JWT one"));
    assert_eq!(service.header(3, "Authorization").as_deref(), Some("Bearer two"));
}

#[test]
fn what_is_removed_is_there_before() {
    let service = Service::new(&[FOUND, Ok((204, ""))]);
    assert_eq!(with(&service, BEARER, |work, of, asked| work.remove(of, asked)).unwrap(), [true]);
    assert_eq!(service.questions()[1], "DELETE /enrollments/ada%20l/a%2Fb");
    let service = Service::new(&[Ok((404, ""))]);
    assert_eq!(with(&service, BEARER, |work, of, asked| work.remove(of, asked)).unwrap(), [false]);
}
