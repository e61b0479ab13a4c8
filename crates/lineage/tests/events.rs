//! Events of `OpenLineage`: what is written obeys the schema, and comes back as it was; what others write is read.

use lineage::{Content, Place, Record, Reference, Status, Subject, openlineage};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("openlineage-2-0-2.json");
const PRODUCER: &str = "https://example.org/seedbed/0.1.0";

fn record(status: Status) -> Record {
    let mut record = Record::new("20261128T001011123-5f0c9a3e7b21", "train", "script", 1_795_824_611_123);
    record.duration_ms = 1250;
    record.status = status;
    record.reason = (status != Status::Complete).then(|| "it ended with code 3".to_owned());
    record.inputs = vec![
        Reference::of(Place::new("data", "räw\tday.csv"), Content::Digest("9f86".to_owned())),
        Reference {
            subject: Subject::External("https://example.com/a/b.csv".to_owned()),
            content: Content::Unknown,
            made_by: None,
        },
    ];
    record.outputs = vec![Reference::of(Place::new("models", ""), Content::Digest("2c26".to_owned()))];
    record.code = vec![Reference::of(Place::new(".", "train.py"), Content::Unknown)];
    record.parameters.insert("depth".to_owned(), json!(3));
    record
}

#[test]
fn events_obey_the_schema_and_come_back_as_they_were() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    for status in [Status::Complete, Status::Failed, Status::Aborted] {
        let record = record(status);
        let events = openlineage::export(&record, "campus", PRODUCER);
        for event in &events {
            let errors: Vec<String> = validator.iter_errors(event).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{event:#}");
        }
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let text = lines.join("\n");
        assert_eq!(openlineage::import(&text), Ok(vec![record]));
    }
    // The schema can be broken.
    let mut event = openlineage::export(&record(Status::Complete), "campus", PRODUCER).remove(0);
    event["run"]["runId"] = json!("no uuid");
    assert!(!validator.is_valid(&event));
}

#[test]
fn events_of_others_become_records() {
    let event = |kind: &str, time: &str, outputs: Value| {
        json!({
            "eventType": kind, "eventTime": time, "producer": "https://example.org", "schemaURL": "https://example.org",
            "run": { "runId": "0176a8c2-fe01-7439-87e6-56a1a1b4029f" },
            "job": { "namespace": "airflow", "name": "daily.sum" },
            "inputs": [{ "namespace": "postgres://db:5432", "name": "shop.public.orders" }],
            "outputs": outputs,
        })
    };
    let written = json!([{ "namespace": "s3://lake", "name": "sums/2026",
        "facets": { "version": { "_producer": "https://example.org", "_schemaURL": "https://example.org", "datasetVersion": "7" } } }]);
    let events = json!([
        event("START", "2026-11-28T02:00:00+02:00", json!([])),
        event("COMPLETE", "2026-11-28T00:00:02.5Z", written),
    ]);
    let records = openlineage::import(&events.to_string()).unwrap();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.step.as_str(), record.kind.as_str(), record.duration_ms), ("daily.sum", "import", 2500));
    assert_eq!(record.inputs[0].place().unwrap().to_string(), "postgres://db:5432:shop.public.orders");
    assert_eq!(record.outputs[0].content, Content::Digest("7".to_owned()));
    assert_eq!(openlineage::import(&events.to_string()).unwrap()[0].id, record.id);
}

#[test]
fn what_is_no_event_is_said_with_its_number() {
    let whole = r#"{"eventTime":"2026-11-28T00:00:00Z","run":{"runId":"x"},"job":{"namespace":"n","name":"j"}}"#;
    for (line, message) in [
        ("{\"run\":{}}", "run.runId is missing"),
        (&whole.replace("2026", "soon"), "eventTime is no time: soon-11-28T00:00:00Z"),
        (&whole.replace("{\"eventTime", "{\"eventType\":\"DONE\",\"eventTime"), "the eventType 'DONE' is unknown"),
    ] {
        assert_eq!(openlineage::import(&format!("{whole}\n{line}\n")), Err((2, message.to_owned())));
    }
}
