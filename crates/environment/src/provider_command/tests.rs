//! Providers that are programs: real processes which answer as they should, and as they should not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dataset::{CommandProvider, MadeBy, Provider, ProviderKind, ProviderName};

use super::*;

/// A provider that greets, and then does what is left of the script.
fn start(script: &str) -> Result<CommandWork, ProviderFailure> {
    let greeting = r#"read hello; echo '{"id":1,"seedbed":1}'; "#;
    start_plain(&format!("{greeting}{script}"), Duration::from_secs(20))
}

fn start_plain(script: &str, timeout: Duration) -> Result<CommandWork, ProviderFailure> {
    let variables = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let process = ProcessSpec {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        env: variables.into(),
        directory: PathBuf::from("/"),
        user: None,
        log: PathBuf::new(),
        container: None,
    };
    CommandWork::start(&process, Path::new("/nowhere"), timeout, Interrupt::default())
}

fn made_by() -> MadeBy {
    let file = source::SourceFile::new("types.yaml", "x");
    let place = source::parse(&file).unwrap().place;
    let command =
        CommandProvider { command: vec!["sh".to_owned()], env: indexmap::IndexMap::default(), inputs: Vec::new() };
    let provider = Provider {
        name: ProviderName { service: "shop".to_owned(), name: "code".to_owned() },
        database: "shop".to_owned(),
        service: None,
        kind: ProviderKind::Command(command),
        timeout: Duration::from_secs(20),
        place,
    };
    MadeBy { provider: Arc::new(provider), requests: None }
}

fn asked(names: &[&str]) -> Vec<Asked> {
    let asked =
        |name: &&str| Asked { key: [("name".to_owned(), json!(name))].into_iter().collect(), ..Asked::default() };
    names.iter().map(asked).collect()
}

fn find(work: &mut CommandWork, names: &[&str]) -> Result<Vec<Option<Had>>, ProviderFailure> {
    let made_by = made_by();
    let of = AskedType { name: "user", made_by: &made_by, fields: &["email".to_owned()] };
    work.find(&of, &asked(names))
}

#[test]
fn a_request_has_all_that_is_asked_and_the_answer_is_understood() {
    let mut work = start(
        r#"read line; echo "$line" >&2
           echo '{"id":2,"records":[null,{"primary_key":7,"values":{"email":"b@x"},"made":[1]}]}'; cat >/dev/null"#,
    )
    .unwrap();
    let found = find(&mut work, &["ada", "bob"]).unwrap();
    let values = [("email".to_owned(), json!("b@x"))].into_iter().collect();
    assert_eq!(found, [None, Some(Had { primary_key: json!(7), values, made: Some(json!([1])) })]);
    let printed = Arc::clone(&work.printed);
    Box::new(work).end().unwrap();
    let printed = printed.lock().unwrap();
    assert_eq!(
        printed[0],
        r#"{"type":"user","fields":["email"],"records":[{"key":{"name":"ada"}},{"key":{"name":"bob"}}],"id":2,"verb":"find"}"#
    );
}

#[test]
fn whatever_goes_wrong_is_told_with_what_it_printed_last() {
    let cases = [
        ("read l; echo Traceback >&2; exit 3", "it exited with code 3 without answering `find`"),
        ("read l; echo Traceback >&2; kill -9 $$", "it ended by signal 9 without answering `find`"),
        (
            "read l; echo Traceback >&2; echo 'Loading the shop ...'; cat",
            "it printed a line that is no answer, and standard output is for answers alone: Loading the shop ...",
        ),
        (
            r#"read l; echo Traceback >&2; echo '{"id":9,"records":[]}'; cat"#,
            r#"it answered request 9, and was asked request 2: {"id":9,"records":[]}"#,
        ),
        (r#"read l; echo Traceback >&2; echo '{"id":2}'; cat"#, "its answer to `find` has no list of records"),
        (
            r#"read l; echo Traceback >&2; echo '{"id":2,"records":[null,null]}'; cat"#,
            "it answered `find` of 1 records with 2 of them",
        ),
        (
            r#"read l; echo Traceback >&2; echo '{"id":2,"error":{"message":"no shelf","field":"shelf","record":0}}'; cat"#,
            "`shelf`: no shelf",
        ),
    ];
    for (script, message) in cases {
        let mut work = start(script).unwrap();
        let failure = find(&mut work, &["ada"]).unwrap_err();
        assert_eq!(failure.to_string(), message, "{script}");
        if !script.ends_with("cat") {
            assert_eq!(failure.last_lines, ["Traceback"], "{script}");
        }
    }
}

#[test]
fn a_record_that_is_concerned_is_known_by_its_number() {
    let mut work = start(r#"read l; echo '{"id":2,"error":{"message":"no","record":1}}'; cat"#).unwrap();
    assert_eq!(find(&mut work, &["ada", "bob"]).unwrap_err().record, Some(1));
}

#[test]
fn silence_is_cut_short() {
    let failure = start_plain("echo waiting >&2; sleep 1000", Duration::from_millis(100)).err().unwrap();
    assert_eq!(failure.message, "it did not answer `hello` within 100ms");
}

#[test]
fn another_protocol_is_refused_and_what_is_no_program_is_told() {
    let other = r#"read l; echo '{"id":1,"seedbed":2}'; cat"#;
    let failure = start_plain(other, Duration::from_secs(20)).err().unwrap();
    assert_eq!(failure.message, "it speaks version 2 of the protocol, and this is version 1");
    let failure = start_plain("no-such-thing", Duration::from_secs(20)).err().unwrap();
    assert_eq!(failure.message, "it exited with code 127 without answering `hello`");
    assert!(failure.last_lines[0].contains("no-such-thing"), "{failure:?}");
}

#[test]
fn an_end_that_is_no_success_is_an_error() {
    let work = start("cat >/dev/null; echo half done >&2; exit 1").unwrap();
    let failure = Box::new(work).end().unwrap_err();
    assert_eq!((failure.message.as_str(), failure.last_lines.len()), ("it exited with code 1 when all was done", 1));
}

#[test]
fn a_wish_to_end_is_heard_while_it_thinks() {
    let mut work = start("sleep 1000").unwrap();
    work.interrupt.raise();
    let failure = find(&mut work, &["ada"]).unwrap_err();
    assert!(failure.is_interrupted);
    assert_eq!(work.companion.exit(), Some(Exit::Signal(9)));
}

#[test]
fn many_records_pass_in_both_directions() {
    let names: Vec<String> = (0..20_000).map(|number| format!("learner-{number:06}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Longer than any pipe holds: it reads all of it before it answers.
    let script = r#"read -r l; printf '{"id":2,"records":['; i=1; while [ $i -lt 20000 ]; do printf 'null,'; i=$((i+1)); done; echo 'null]}'; cat"#;
    let mut work = start(script).unwrap();
    assert_eq!(find(&mut work, &names).unwrap().len(), 20_000);
}
