//! The JSON schema of `seedbed.lock`.

use serde_json::{Value, json};

use crate::lock_file::FORMAT;

/// Returns the JSON schema of the lock.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seedbed.lock",
        "description": "What the dependencies of a workspace are pinned to. Written by `seedbed`; to be committed.",
        "type": "object",
        "properties": {
            "seedbed_lock": { "const": FORMAT, "description": "The version of this format." },
            "repositories": {
                "type": "object",
                "description": "By host and path, whichever address leads there; ` as NAME` behind it for a revision that is there under a name of its own.",
                "additionalProperties": { "$ref": "#/$defs/pinned" },
            },
        },
        "required": ["seedbed_lock", "repositories"],
        "additionalProperties": false,
        "$defs": {
            "pinned": {
                "type": "object",
                "properties": {
                    "url": { "type": "string", "description": "The address that it is fetched from." },
                    "ref": {
                        "type": "string",
                        "description": "The branch, tag or commit that was asked for. Default: the default branch.",
                    },
                    "commit": {
                        "type": "string",
                        "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$",
                        "description": "The commit that it is pinned to.",
                    },
                    "digests": {
                        "type": "object",
                        "description": "The digest of what is below each path that is used; `.` is all of it.",
                        "additionalProperties": { "type": "string", "pattern": "^blake3:[0-9a-f]{64}$" },
                    },
                },
                "required": ["url", "commit", "digests"],
                "additionalProperties": false,
            },
        },
    })
}
