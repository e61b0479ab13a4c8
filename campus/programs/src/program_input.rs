//! What somebody sent to make or change a program, read and checked as far as that needs no database.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::course_key;
use crate::error::Error;
use crate::fields::{self, Fields, NAME, OPTIONAL, Text};
use crate::slug::is_slug;

/// The values of `category`.
pub const CATEGORIES: [&str; 2] = ["XSeries", "MicroMasters"];
/// The values of `status`.
pub const STATUSES: [&str; 4] = ["unpublished", "active", "retired", "deleted"];
/// The status of a new program.
pub const UNPUBLISHED: &str = "unpublished";
/// The status of a program that nobody sees.
pub const DELETED: &str = "deleted";

const ONE_ORGANIZATION: &str = "Provide exactly one valid/existing Organization while creating a Program.";
const SEVERAL_ORGANIZATIONS: &str = "Cannot associate multiple organizations with a program.";
const DUPLICATE_RUN_MODES: &str = "Duplicate course run modes are not allowed for course codes in a program.";
/// At most so many course codes of a program, and run modes of a course code.
const LONGEST_LIST: usize = 200;
/// Keys of organisations and courses.
const KEY: Text = Text { longest: 64, blank: false };
const DISPLAY_NAME: Text = Text { longest: 128, blank: false };

/// What is done with the fields that are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A new program: they have their defaults.
    Create,
    /// PUT: the same; those without a default have to be there.
    Replace,
    /// PATCH: they stay as they are (RFC 7396).
    Merge,
}

/// The fields that were given, or that have a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramInput {
    pub name: Option<String>,
    pub subtitle: Option<String>,
    pub category: Option<String>,
    pub status: Option<String>,
    pub marketing_slug: Option<String>,
    pub slug: Option<String>,
    pub site: Option<String>,
    /// The key of the organisation; `Some(None)` for a program that shall have none.
    pub organization: Option<Option<String>>,
    pub course_codes: Option<Vec<CourseCodeInput>>,
}

/// A course code of a program. It is known by its organisation and key, and made if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourseCodeInput {
    pub organization: String,
    pub key: String,
    pub display_name: Option<String>,
    pub run_modes: Vec<RunModeInput>,
}

/// A run mode of a course code, known by all of it but the start date and the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunModeInput {
    pub course_key: String,
    pub mode_slug: String,
    pub sku: String,
    pub start_date: DateTime<Utc>,
    pub lms_url: String,
}

impl ProgramInput {
    /// Reads a body.
    pub fn read(body: &Value, form: Form) -> Result<Self, Error> {
        fields::read(body, |fields| Self::of(fields, form))
    }

    fn of(fields: &mut Fields<'_>, form: Form) -> Self {
        let required: &[&str] = match form {
            Form::Create => &["name", "category"],
            Form::Replace => &["name", "category", "status", "organizations", "course_codes"],
            Form::Merge => &[],
        };
        for field in required {
            fields.require(field);
        }
        let or_empty = |text: Option<String>| if form == Form::Merge { text } else { Some(text.unwrap_or_default()) };
        Self {
            name: fields.text("name", NAME),
            subtitle: or_empty(fields.text("subtitle", OPTIONAL)),
            category: choice(fields, "category", &CATEGORIES),
            status: status(fields, form),
            marketing_slug: or_empty(fields.text("marketing_slug", OPTIONAL)),
            slug: slug(fields),
            site: or_empty(fields.text("site", OPTIONAL)),
            organization: organization(fields, form),
            course_codes: course_codes(fields),
        }
    }
}

fn choice(fields: &mut Fields<'_>, field: &str, choices: &[&str]) -> Option<String> {
    let given = fields.text(field, Text { blank: true, ..NAME })?;
    if choices.contains(&given.as_str()) {
        return Some(given);
    }
    fields.fault(field, format!("\"{given}\" is not a valid choice."));
    None
}

fn status(fields: &mut Fields<'_>, form: Form) -> Option<String> {
    if form != Form::Create {
        return choice(fields, "status", &STATUSES);
    }
    let given = match fields.value("status") {
        None => return Some(UNPUBLISHED.to_owned()),
        Some(Value::String(given)) => given.clone(),
        Some(other) => other.to_string(),
    };
    if given != UNPUBLISHED {
        fields.fault("status", format!("When creating a Program, '{given}' is not a valid choice."));
    }
    Some(given)
}

fn slug(fields: &mut Fields<'_>) -> Option<String> {
    let given = fields.text("slug", NAME)?;
    if is_slug(&given) {
        return Some(given);
    }
    let reason =
        "Small letters, digits and hyphens are needed, and neither a number nor a UUID nor a word of this interface.";
    fields.fault("slug", reason);
    None
}

fn organization(fields: &mut Fields<'_>, form: Form) -> Option<Option<String>> {
    let is_given = fields.value("organizations").is_some();
    let keys = fields.list("organizations", LONGEST_LIST, |fields| {
        fields.require("key");
        fields.text("key", KEY)
    });
    match (keys.as_deref(), form) {
        (Some([key]), _) => key.clone().map(Some),
        (Some([]), Form::Replace | Form::Merge) => Some(None),
        (Some(_), Form::Replace | Form::Merge) => {
            fields.fault("organizations", SEVERAL_ORGANIZATIONS);
            None
        }
        (Some(_), Form::Create) => {
            fields.fault("organizations", ONE_ORGANIZATION);
            None
        }
        (None, Form::Create) if !is_given => {
            fields.fault("organizations", ONE_ORGANIZATION);
            None
        }
        (None, _) => None,
    }
}

fn course_codes(fields: &mut Fields<'_>) -> Option<Vec<CourseCodeInput>> {
    let codes: Vec<CourseCodeInput> =
        fields.list("course_codes", LONGEST_LIST, course_code)?.into_iter().collect::<Option<_>>()?;
    for (index, code) in codes.iter().enumerate() {
        let same = |other: &&CourseCodeInput| (&other.organization, &other.key) == (&code.organization, &code.key);
        if codes[..index].iter().any(|other| same(&other)) {
            fields.fault(&format!("course_codes[{index}].key"), "A course code can be in a program only once.");
        }
    }
    Some(codes)
}

fn course_code(fields: &mut Fields<'_>) -> Option<CourseCodeInput> {
    for field in ["key", "organization", "run_modes"] {
        fields.require(field);
    }
    let organization = fields.object("organization", |fields| {
        fields.require("key");
        fields.text("key", KEY)
    });
    let key = fields.text("key", KEY);
    let display_name = fields.text("display_name", DISPLAY_NAME);
    let run_modes: Option<Vec<RunModeInput>> =
        fields.list("run_modes", LONGEST_LIST, run_mode).and_then(|runs| runs.into_iter().collect());
    if let Some(runs) = &run_modes {
        let identity = |run: &RunModeInput| (run.course_key.clone(), run.mode_slug.clone(), run.sku.clone());
        let mut seen = std::collections::HashSet::new();
        if !runs.iter().all(|run| seen.insert(identity(run))) {
            fields.fault("run_modes", DUPLICATE_RUN_MODES);
        }
    }
    Some(CourseCodeInput { organization: organization??, key: key?, display_name, run_modes: run_modes? })
}

fn run_mode(fields: &mut Fields<'_>) -> Option<RunModeInput> {
    for field in ["course_key", "mode_slug", "start_date"] {
        fields.require(field);
    }
    let course_key = fields.text("course_key", NAME).and_then(|key| {
        if !course_key::is_valid(&key) {
            fields.fault("course_key", "Invalid course key.");
            return None;
        }
        Some(key)
    });
    let mode_slug = fields.text("mode_slug", KEY);
    let start_date = fields.moment("start_date");
    let sku = fields.text("sku", OPTIONAL).unwrap_or_default();
    let lms_url = fields.text("lms_url", OPTIONAL).unwrap_or_default();
    Some(RunModeInput { course_key: course_key?, mode_slug: mode_slug?, sku, start_date: start_date?, lms_url })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads `name: Seeds` and more.
    fn read(form: Form, more: Value) -> Result<ProgramInput, Vec<String>> {
        let mut body = json!({ "name": "Seeds", "category": "XSeries", "status": "unpublished",
            "organizations": [{ "key": "edX" }], "course_codes": [] });
        let Value::Object(more) = more else { panic!("an object") };
        for (key, value) in more {
            if value == "absent" {
                body.as_object_mut().unwrap().remove(&key);
            } else {
                body[key] = value;
            }
        }
        ProgramInput::read(&body, form).map_err(|error| match error {
            Error::Invalid(faults) => {
                faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.reason)).collect()
            }
            other => vec![format!("{other:?}")],
        })
    }

    fn run(change: &Value) -> Value {
        let mut run =
            json!({ "course_key": "edX/DemoX/2012", "mode_slug": "honor", "start_date": "2012-01-01T00:00:00Z" });
        for (key, value) in change.as_object().unwrap() {
            run[key] = value.clone();
        }
        run
    }

    fn code(key: &str, runs: &[Value]) -> Value {
        json!({ "key": key, "organization": { "key": "edX" }, "run_modes": runs })
    }

    #[test]
    fn what_is_wrong_is_said_in_the_documented_words() {
        let twice = vec![run(&json!({})), run(&json!({ "sku": null, "lms_url": "http://lms" }))];
        for (form, more, fault) in [
            (Form::Create, json!({ "name": "absent" }), "name: This field is required."),
            (Form::Create, json!({ "category": "Odd" }), "category: \"Odd\" is not a valid choice."),
            (
                Form::Create,
                json!({ "status": "active" }),
                "status: When creating a Program, 'active' is not a valid choice.",
            ),
            (Form::Create, json!({ "status": "" }), "status: When creating a Program, '' is not a valid choice."),
            (Form::Replace, json!({ "status": "" }), "status: \"\" is not a valid choice."),
            (Form::Replace, json!({ "status": "absent" }), "status: This field is required."),
            (Form::Merge, json!({ "name": null }), "name: This field may not be null."),
            (Form::Create, json!({ "organizations": "absent" }), &format!("organizations: {ONE_ORGANIZATION}")),
            (Form::Create, json!({ "organizations": [] }), &format!("organizations: {ONE_ORGANIZATION}")),
            (
                Form::Create,
                json!({ "organizations": [{ "key": "a" }, { "key": "b" }] }),
                &format!("organizations: {ONE_ORGANIZATION}"),
            ),
            (
                Form::Merge,
                json!({ "organizations": [{ "key": "a" }, { "key": "b" }] }),
                &format!("organizations: {SEVERAL_ORGANIZATIONS}"),
            ),
            (Form::Merge, json!({ "course_codes": null }), "course_codes: This field may not be null."),
            (
                Form::Merge,
                json!({ "course_codes": [code("DemoX", &twice)] }),
                &format!("course_codes[0].run_modes: {DUPLICATE_RUN_MODES}"),
            ),
            (
                Form::Merge,
                json!({ "course_codes": [code("DemoX", &[run(&json!({ "course_key": "edX" }))])] }),
                "course_codes[0].run_modes[0].course_key: Invalid course key.",
            ),
            (
                Form::Merge,
                json!({ "course_codes": [code("DemoX", &[run(&json!({ "start_date": null }))])] }),
                "course_codes[0].run_modes[0].start_date: This field may not be null.",
            ),
            (
                Form::Merge,
                json!({ "course_codes": [code("X", &[]), code("X", &[])] }),
                "course_codes[1].key: A course code can be in a program only once.",
            ),
            (
                Form::Merge,
                json!({ "slug": "7" }),
                "slug: Small letters, digits and hyphens are needed, and neither a number nor a UUID nor a word of this interface.",
            ),
        ] {
            assert_eq!(read(form, more.clone()), Err(vec![fault.to_owned()]), "{form:?} {more}");
        }
    }

    #[test]
    fn what_is_not_given_has_its_default_or_stays() {
        let absent = json!({ "subtitle": "absent", "status": "absent", "organizations": [{ "key": "a" }] });
        let created = read(Form::Create, absent.clone()).unwrap();
        assert_eq!((created.subtitle.as_deref(), created.status.as_deref()), (Some(""), Some("unpublished")));
        let merged = read(Form::Merge, absent).unwrap();
        assert_eq!((merged.subtitle, merged.status), (None, None));
        assert_eq!(merged.organization, Some(Some("a".to_owned())));
        assert_eq!(read(Form::Merge, json!({ "organizations": [] })).unwrap().organization, Some(None));
        // `null` takes away what a program can be without.
        assert_eq!(read(Form::Merge, json!({ "subtitle": null })).unwrap().subtitle.as_deref(), Some(""));
    }
}
