//! A program as it stands in the form: read from the service of programs or from what was sent, changed by buttons, written back.

use serde_json::{Value, json};

use super::list::text;

/// A program in the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub subtitle: String,
    pub category: String,
    pub marketing_slug: String,
    pub slug: String,
    pub site: String,
    pub organization: String,
    pub codes: Vec<CodeDraft>,
}

/// A course code of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeDraft {
    pub key: String,
    pub name: String,
    pub runs: Vec<RunDraft>,
}

/// A run mode of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunDraft {
    pub course_key: String,
    pub mode: String,
    pub sku: String,
    /// As a field for dates and times has it: `2026-11-28T09:00`, in UTC.
    pub start: String,
    /// Kept as it is.
    pub lms_url: String,
}

/// What a button of the form does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Save,
    AddCode,
    RemoveCode(usize),
    MoveCodeUp(usize),
    MoveCodeDown(usize),
    AddRun(usize),
    RemoveRun(usize, usize),
}

impl Action {
    /// The value of the button: `move-up:1`. What is not known saves.
    pub fn parse(value: &str) -> Self {
        let mut words = value.split(':');
        let action = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
        match action {
            "add-code" => Self::AddCode,
            "remove-code" => Self::RemoveCode(number()),
            "move-up" => Self::MoveCodeUp(number()),
            "move-down" => Self::MoveCodeDown(number()),
            "add-run" => Self::AddRun(number()),
            "remove-run" => Self::RemoveRun(number(), number()),
            _ => Self::Save,
        }
    }
}

impl Draft {
    /// What was sent: the fields in the order in which they stand in the page, so that what was dragged stands where it is.
    pub fn of_form(form: &[(String, String)]) -> (Self, Action) {
        let (mut draft, mut action) = (Self::default(), Action::Save);
        for (name, value) in form {
            let value = value.trim().to_owned();
            match name.as_str() {
                "action" => action = Action::parse(&value),
                "name" => draft.name = value,
                "subtitle" => draft.subtitle = value,
                "category" => draft.category = value,
                "marketing_slug" => draft.marketing_slug = value,
                "slug" => draft.slug = value,
                "site" => draft.site = value,
                "organization" => draft.organization = value,
                "code_key" => draft.codes.push(CodeDraft { key: value, ..CodeDraft::default() }),
                _ => {
                    let Some(code) = draft.codes.last_mut() else { continue };
                    if name == "run_course_key" {
                        code.runs.push(RunDraft { course_key: value, ..RunDraft::default() });
                    } else if name == "code_name" {
                        code.name = value;
                    } else if let Some(run) = code.runs.last_mut() {
                        match name.as_str() {
                            "run_mode" => run.mode = value,
                            "run_sku" => run.sku = value,
                            "run_start" => run.start = value,
                            "run_lms_url" => run.lms_url = value,
                            _ => (),
                        }
                    }
                }
            }
        }
        (draft, action)
    }

    /// A program as the service of programs shows it.
    pub fn of_program(program: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let run = |run: &Value| RunDraft {
            course_key: text(run, "course_key"),
            mode: text(run, "mode_slug"),
            sku: text(run, "sku"),
            // Without seconds and zone: the service gives UTC.
            start: text(run, "start_date").chars().take("2026-11-28T09:00".len()).collect(),
            lms_url: text(run, "lms_url"),
        };
        let code = |code: &Value| CodeDraft {
            key: text(code, "key"),
            name: text(code, "display_name"),
            runs: list(&code["run_modes"]).iter().map(run).collect(),
        };
        Self {
            name: text(program, "name"),
            subtitle: text(program, "subtitle"),
            category: text(program, "category"),
            marketing_slug: text(program, "marketing_slug"),
            slug: text(program, "slug"),
            site: text(program, "site"),
            organization: text(&program["organizations"][0], "key"),
            codes: list(&program["course_codes"]).iter().map(code).collect(),
        }
    }

    /// Does what a button says, and gives the id of what is looked at next.
    pub fn apply(&mut self, action: Action) -> Option<String> {
        let count = self.codes.len();
        match action {
            Action::Save => return None,
            Action::AddCode => {
                self.codes.push(CodeDraft { runs: vec![RunDraft::default()], ..CodeDraft::default() });
                return Some(field_id(&format!("course_codes[{count}].key")));
            }
            Action::RemoveCode(index) if index < count => drop(self.codes.remove(index)),
            Action::MoveCodeUp(index) if (1..count).contains(&index) => {
                self.codes.swap(index, index - 1);
                return Some(field_id(&format!("course_codes[{}].key", index - 1)));
            }
            Action::MoveCodeDown(index) if index + 1 < count => {
                self.codes.swap(index, index + 1);
                return Some(field_id(&format!("course_codes[{}].key", index + 1)));
            }
            Action::AddRun(index) if index < count => {
                let runs = &mut self.codes[index].runs;
                runs.push(RunDraft::default());
                return Some(field_id(&format!("course_codes[{index}].run_modes[{}].course_key", runs.len() - 1)));
            }
            Action::RemoveRun(code, run) if code < count && run < self.codes[code].runs.len() => {
                self.codes[code].runs.remove(run);
            }
            _ => (),
        }
        Some("courses".to_owned())
    }

    /// What the service of programs is sent. A new program has no status to send.
    pub fn body(&self) -> Value {
        let run = |run: &RunDraft| {
            let mut body = json!({
                "course_key": run.course_key,
                "mode_slug": run.mode,
                "sku": run.sku,
                "start_date": if run.start.is_empty() { Value::Null } else { format!("{}:00Z", run.start).into() },
            });
            if !run.lms_url.is_empty() {
                body["lms_url"] = run.lms_url.as_str().into();
            }
            body
        };
        let code = |code: &CodeDraft| {
            json!({
                "key": code.key,
                "display_name": code.name,
                "organization": { "key": self.organization },
                "run_modes": code.runs.iter().map(run).collect::<Vec<_>>(),
            })
        };
        let mut body = json!({
            "name": self.name,
            "subtitle": self.subtitle,
            "category": self.category,
            "marketing_slug": self.marketing_slug,
            "site": self.site,
            "organizations": [{ "key": self.organization }],
            "course_codes": self.codes.iter().map(code).collect::<Vec<_>>(),
        });
        // Without one, the service makes it of the name.
        if !self.slug.is_empty() {
            body["slug"] = self.slug.as_str().into();
        }
        body
    }
}

/// The id of a field by the path that the service of programs calls it by: `course_codes[1].key` is `course_codes-1-key`.
pub fn field_id(path: &str) -> String {
    path.replace("].", "-").replace(['[', '.'], "-").replace(']', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_order_of_the_fields_is_that_of_the_courses() {
        let form = pairs(&[
            ("name", " Series "),
            ("organization", "edX"),
            ("run_mode", "belongs to nothing"),
            ("code_key", "B"),
            ("code_name", "Second"),
            ("run_course_key", "course-v1:edX+B+1"),
            ("run_mode", "verified"),
            ("run_start", "2026-11-28T09:00"),
            ("code_key", "A"),
            ("action", "move-up:1"),
        ]);
        let (mut draft, action) = Draft::of_form(&form);
        assert_eq!((draft.name.as_str(), action), ("Series", Action::MoveCodeUp(1)));
        let keys = |draft: &Draft| draft.codes.iter().map(|code| code.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&draft), ["B", "A"]);
        assert_eq!(draft.apply(action).as_deref(), Some("course_codes-0-key"));
        assert_eq!(keys(&draft), ["A", "B"]);
        let body = draft.body();
        assert_eq!(body["course_codes"][1]["run_modes"][0]["start_date"], "2026-11-28T09:00:00Z");
        assert_eq!(body["course_codes"][1]["organization"]["key"], "edX");
        assert_eq!(Draft::of_program(&body).codes, draft.codes, "what is written is read again");
    }

    #[test]
    fn buttons_beyond_the_end_do_nothing() {
        let (one, _) = Draft::of_form(&pairs(&[("code_key", "A")]));
        for value in
            ["remove-code:1", "move-up:0", "move-down:0", "move-up:x", "add-run:9", "remove-run:0:0", "remove-run"]
        {
            let mut draft = one.clone();
            draft.apply(Action::parse(value));
            assert_eq!(draft, one, "{value}");
        }
        let mut draft = one;
        assert_eq!(draft.apply(Action::AddRun(0)).as_deref(), Some("course_codes-0-run_modes-0-course_key"));
        draft.apply(Action::AddCode);
        draft.apply(Action::RemoveRun(1, 0));
        draft.apply(Action::RemoveCode(0));
        assert_eq!(draft.codes, [CodeDraft::default()]);
    }
}
