//! What is done with a program: made, changed, activated, retired, deleted, restored.

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use super::draft::Draft;
use super::form::{CATEGORIES, Fault, Shown, render};
use super::guard::Administrator;
use super::layout;
use super::list::{encoded, text};
use crate::programs::ProgramsError;
use crate::queries::seat;

/// What has just been done.
#[derive(Deserialize)]
pub struct Parameters {
    notice: Option<String>,
}

/// What is sent by a form.
type Sent = Form<Vec<(String, String)>>;

/// The form of a new program.
pub async fn show_new(administrator: Administrator, State(database): State<Database>) -> Response {
    let draft = Draft { category: CATEGORIES[0].to_owned(), ..Draft::default() };
    form(&administrator, &database, None, &draft, &[], None, None).await
}

/// Makes a program, or changes the form of one.
pub async fn save_new(
    administrator: Administrator,
    State(database): State<Database>,
    headers: HeaderMap,
    Form(sent): Sent,
) -> Response {
    if let Err(refusal) = administrator.check(&headers, &sent) {
        return *refusal;
    }
    let (mut draft, action) = Draft::of_form(&sent);
    if let Some(focus) = draft.apply(action) {
        return form(&administrator, &database, None, &draft, &[], Some(focus), None).await;
    }
    let token = &administrator.session.token;
    match administrator.programs.call("POST", token, "/api/v1/programs/", Some(draft.body())).await {
        Ok(program) => Redirect::to(&format!("/programs/{}/?notice=created", text(&program, "uuid"))).into_response(),
        Err(error) => match faults(&error) {
            Some(faults) => form(&administrator, &database, None, &draft, &faults, None, None).await,
            None => administrator.failed(&error),
        },
    }
}

/// The form of a program.
pub async fn show(
    administrator: Administrator,
    State(database): State<Database>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let program = match administrator.programs.get(&administrator.session.token, &path(&name)).await {
        Ok(program) => program,
        Err(error) => return administrator.failed(&error),
    };
    let notice = layout::notice(parameters.notice.as_deref());
    form(&administrator, &database, Some(&program), &Draft::of_program(&program), &[], None, notice).await
}

/// Saves a program, or changes its form.
pub async fn save(
    administrator: Administrator,
    State(database): State<Database>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(sent): Sent,
) -> Response {
    if let Err(refusal) = administrator.check(&headers, &sent) {
        return *refusal;
    }
    let token = &administrator.session.token;
    let program = match administrator.programs.get(token, &path(&name)).await {
        Ok(program) => program,
        Err(error) => return administrator.failed(&error),
    };
    let (mut draft, action) = Draft::of_form(&sent);
    if let Some(focus) = draft.apply(action) {
        return form(&administrator, &database, Some(&program), &draft, &[], Some(focus), None).await;
    }
    match administrator.programs.call("PATCH", token, &path(&name), Some(draft.body())).await {
        Ok(_) => Redirect::to(&format!("/programs/{}/?notice=saved", encoded(&name))).into_response(),
        Err(error) => match faults(&error) {
            Some(faults) => form(&administrator, &database, Some(&program), &draft, &faults, None, None).await,
            None => administrator.failed(&error),
        },
    }
}

/// Activates or retires a program.
pub async fn change_status(
    administrator: Administrator,
    State(database): State<Database>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(sent): Sent,
) -> Response {
    if let Err(refusal) = administrator.check(&headers, &sent) {
        return *refusal;
    }
    let wanted = sent.iter().find(|(name, _)| name == "status").map_or("", |(_, value)| value);
    let (token, path) = (&administrator.session.token, path(&name));
    match administrator.programs.call("PATCH", token, &path, Some(json!({ "status": wanted }))).await {
        Ok(_) => Redirect::to(&format!("/programs/{}/?notice={}", encoded(&name), encoded(wanted))).into_response(),
        Err(error) => match (faults(&error), administrator.programs.get(token, &path).await) {
            (Some(faults), Ok(program)) => {
                let draft = Draft::of_program(&program);
                form(&administrator, &database, Some(&program), &draft, &faults, None, None).await
            }
            _ => administrator.failed(&error),
        },
    }
}

/// Deletes a program; it can be restored.
pub async fn delete(
    administrator: Administrator,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(sent): Sent,
) -> Response {
    act(&administrator, "DELETE", &path(&name), &headers, &sent, "/programs/?notice=deleted").await
}

/// Brings a deleted program back.
pub async fn restore(
    administrator: Administrator,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(sent): Sent,
) -> Response {
    let after = format!("/programs/{}/?notice=restored", encoded(&name));
    act(&administrator, "POST", &format!("{}restore/", path(&name)), &headers, &sent, &after).await
}

async fn act(
    administrator: &Administrator,
    method: &'static str,
    path: &str,
    headers: &HeaderMap,
    sent: &[(String, String)],
    after: &str,
) -> Response {
    if let Err(refusal) = administrator.check(headers, sent) {
        return *refusal;
    }
    match administrator.programs.call(method, &administrator.session.token, path, None).await {
        Ok(_) => Redirect::to(after).into_response(),
        Err(error) => administrator.failed(&error),
    }
}

fn path(name: &str) -> String {
    format!("/api/v1/programs/{}/", encoded(name))
}

/// What was refused of a form; nothing if the error is of another kind.
fn faults(error: &ProgramsError) -> Option<Vec<Fault>> {
    let ProgramsError::Refused { status: 400 | 409, body } = error else { return None };
    let fault = |fault: &Value| Fault { field: text(fault, "field"), reason: text(fault, "reason") };
    match body["errors"].as_array().filter(|list| !list.is_empty()) {
        Some(list) => Some(list.iter().map(fault).collect()),
        None => Some(vec![fault(body)]),
    }
}

async fn form(
    administrator: &Administrator,
    database: &Database,
    program: Option<&Value>,
    draft: &Draft,
    faults: &[Fault],
    focus: Option<String>,
    notice: Option<&str>,
) -> Response {
    let path = "/api/v1/organizations/?page_size=100";
    let organizations = match administrator.programs.get(&administrator.session.token, path).await {
        Ok(organizations) => organizations,
        Err(error) => return administrator.failed(&error),
    };
    let suggestions = match seat::suggestions(database).await {
        Ok(suggestions) => suggestions,
        Err(error) => return crate::error::Error::from(error).into_response(),
    };
    let (organizations, suggestions) = (&organizations, suggestions.as_slice());
    let shown = Shown { draft, program, faults, focus, notice, organizations, suggestions };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    (status, render(administrator, &shown)).into_response()
}

#[cfg(test)]
mod tests {
    use super::super::draft::{Action, field_id};
    use super::*;

    #[test]
    fn a_refusal_of_fields_is_shown_beside_them_and_any_other_is_an_error() {
        let refused = |status, body| ProgramsError::Refused { status, body };
        let two = json!({ "reason": "a", "errors": [
            { "field": "name", "reason": "a" }, { "field": "course_codes[0].run_modes[1].sku", "reason": "b" },
        ] });
        let found = faults(&refused(400, two)).unwrap();
        assert_eq!((found.len(), field_id(&found[1].field).as_str()), (2, "course_codes-0-run_modes-1-sku"));
        let one = faults(&refused(409, json!({ "field": null, "reason": "Again." }))).unwrap();
        assert_eq!((one[0].field.as_str(), one[0].reason.as_str()), ("", "Again."));
        assert!(faults(&refused(500, json!({}))).is_none());
    }

    #[test]
    fn actions_are_words_of_the_buttons() {
        assert_eq!(Action::parse("remove-run:2:1"), Action::RemoveRun(2, 1));
        assert_eq!(Action::parse("save"), Action::Save);
    }
}
