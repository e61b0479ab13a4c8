//! `seedbed api`: another program begins and completes steps, asks about lineage, and goes away in the middle.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Api {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    number: u64,
}

impl Api {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seedbed"))
            .args(["api", "-C"])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut api = Self { output: BufReader::new(child.stdout.take().unwrap()), child, input, number: 0 };
        assert_eq!(api.line()["seedbed_api"], 1);
        api
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, call: &str, arguments: &Value) -> Value {
        self.number += 1;
        writeln!(self.input, "{}", json!({ "id": self.number, "call": call, "arguments": arguments })).unwrap();
        let answer = self.line();
        assert_eq!(answer["id"], self.number);
        answer
    }

    fn call(&mut self, call: &str, arguments: &Value) -> Value {
        let answer = self.ask(call, arguments);
        assert_eq!(answer["error"], Value::Null, "{call}");
        answer["result"].clone()
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn another_program_records_steps() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::write(root.join("seedbed.yaml"), "name: fruit\n").unwrap();
    fs::write(root.join("raw.csv"), "1\n").unwrap();
    let mut api = Api::start(root);
    assert_eq!(api.call("workspace", &json!({}))["form"], Value::Null);
    let begun = api.call(
        "step.begin",
        &json!({ "step": "train", "inputs": [{ "path": "raw.csv" }], "parameters": { "depth": 3 }, "results_dir": "results",
                 "command": ["python3", "train.py"] }),
    );
    let id = begun["step_id"].clone();
    api.call("step.parameter", &json!({ "step_id": id, "name": "seed", "value": 7 }));
    fs::write(root.join("model"), "m").unwrap();
    api.call("step.output", &json!({ "step_id": id, "path": "model" }));
    api.call("step.results", &json!({ "step_id": id, "metrics": { "accuracy": 0.5 } }));
    let completed = api.call("step.complete", &json!({ "step_id": id }));
    assert_eq!(completed["outputs"].as_array().unwrap().len(), 2);
    let results: Value = serde_json::from_slice(&fs::read(root.join("results/results.json")).unwrap()).unwrap();
    assert_eq!(results["parameters"], json!({ "depth": 3, "seed": 7 }));

    for (call, arguments, kind) in [
        ("step.complete", json!({ "step_id": id }), "no-step"),
        ("step.begin", json!({ "step": "other", "outputs": [{ "path": "model" }] }), "lineage"),
        ("step.begin", json!({ "step": "other", "inputs": [{ "path": "none" }] }), "missing"),
        ("step.begin", json!({ "step": 1 }), "arguments"),
        ("lineage.ask", json!({ "question": "why" }), "arguments"),
        ("resource.path", json!({ "name": "none" }), "no-resource"),
        ("nonsense", json!({}), "no-call"),
    ] {
        assert_eq!(api.ask(call, &arguments)["error"]["kind"], kind, "{call} {arguments}");
    }
    writeln!(api.input, "no request").unwrap();
    assert_eq!(api.line()["error"]["kind"], "malformed");

    let made = api.call("lineage.ask", &json!({ "question": "made", "path": "model" }));
    assert_eq!(made["records"][0]["id"], completed["id"]);
    assert_eq!(api.call("lineage.ask", &json!({ "question": "stale" })), json!([]));
    fs::write(root.join("raw.csv"), "1\n2\n").unwrap();
    assert_eq!(api.call("lineage.ask", &json!({ "question": "stale" }))[0]["step"], "train");
    assert_eq!(api.call("lineage.table", &json!({}))["rows"].as_array().unwrap().len(), 3);

    // One step is left open by a program that ends, another by one that is killed.
    api.call("step.begin", &json!({ "step": "left" }));
    api.end();
    let mut killed = Api::start(root);
    killed.call("step.begin", &json!({ "step": "killed" }));
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    let mut api = Api::start(root);
    let stale = api.call("lineage.ask", &json!({ "question": "stale" }));
    let aborted: Vec<(&str, &str)> = stale
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|one| (one["step"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    let why = "it never completed: its latest execution was aborted";
    assert_eq!(aborted, [("left", why), ("killed", why)]);
    api.end();
}
