//! The form of a program: its fields, and its course codes with their run modes in order.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::draft::{CodeDraft, Draft, RunDraft, field_id};
use super::guard::Administrator;
use super::layout;
use super::list::{badge, items, text};
use crate::queries::seat::Suggestion;

/// The kinds of programs.
pub const CATEGORIES: [&str; 2] = ["XSeries", "MicroMasters"];

/// A part of a form that was refused.
pub struct Fault {
    pub field: String,
    pub reason: String,
}

/// The form, with what was refused of it and where to look.
pub struct Shown<'a> {
    pub draft: &'a Draft,
    /// The program as it is; nothing for a new one.
    pub program: Option<&'a Value>,
    pub faults: &'a [Fault],
    /// The id of the field to go to.
    pub focus: Option<String>,
    pub notice: Option<&'a str>,
    pub organizations: &'a Value,
    pub suggestions: &'a [Suggestion],
}

/// The page with the form.
pub fn render(administrator: &Administrator, shown: &Shown<'_>) -> Response {
    let session = &administrator.session;
    let title = shown.program.map_or_else(|| "New program".to_owned(), |program| text(program, "name"));
    let draft = shown.draft;
    let action = shown
        .program
        .map_or_else(|| "/programs/new".to_owned(), |program| format!("/programs/{}/", text(program, "uuid")));
    let content = html! {
        (problems(shown.faults))
        @if let Some(program) = shown.program { (state(administrator, program)) }
        // With its address: after a refused change of the status, the page is at another one.
        form.program method="post" action=(action) data-focus=[shown.focus.as_deref()] {
            (layout::csrf(session))
            // The first button is the one that the Enter key presses.
            button.hidden name="action" value="save" tabindex="-1" aria-hidden="true" { "Save" }
            fieldset {
                legend { "About the program" }
                (input(shown, "name", "Name", &draft.name, "name", &html! {}))
                (input(shown, "subtitle", "Subtitle", &draft.subtitle, "subtitle", &html! {}))
                div.field {
                    label for="category" { "Category" }
                    select id="category" name="category" {
                        @for category in CATEGORIES {
                            option value=(category) selected[category == draft.category] { (category) }
                        }
                    }
                    (reason(shown, "category"))
                }
                div.field {
                    label for="organizations" { "Organisation" }
                    select id="organizations" name="organization" aria-describedby="organizations-hint" {
                        option value="" { "Choose one" }
                        @for organization in items(shown.organizations) {
                            @let key = text(organization, "key");
                            option value=(key) selected[key == draft.organization] { (text(organization, "display_name")) }
                        }
                    }
                    p.hint id="organizations-hint" { "All courses of the program are offered by it." }
                    (reason(shown, "organizations"))
                }
                (input(shown, "marketing_slug", "Marketing slug", &draft.marketing_slug, "marketing_slug",
                    &html! { "An XSeries needs one to be active." }))
                (input(shown, "slug", "Slug", &draft.slug, "slug", &html! { "Its name in addresses; made of the name if it is empty." }))
                (input(shown, "site", "Site", &draft.site, "site", &html! { "The domain on which it is shown; all, if it is empty." }))
            }
            fieldset id="courses" tabindex="-1" {
                legend { "Course codes" }
                p.hint { "In the order in which they are taken. Drag them, or use the buttons." }
                (reason(shown, "course_codes"))
                ol.codes {
                    @for (index, code) in draft.codes.iter().enumerate() { (code_item(shown, index, code)) }
                }
                button name="action" value="add-code" { "Add a course code" }
            }
            (lists(shown.suggestions))
            div.buttons {
                button.primary name="action" value="save" { @if shown.program.is_some() { "Save" } @else { "Create" } }
                a.button href="/programs/" { "Back to the list" }
            }
        }
    };
    layout::page(Some(session), &title, shown.notice, &content)
}

/// All that was refused, each with a link to its place.
fn problems(faults: &[Fault]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div.problem role="alert" tabindex="-1" {
                h2 { "This has to be put right" }
                ul {
                    @for fault in faults {
                        li {
                            @if fault.field.is_empty() { (fault.reason) }
                            @else { a href={ "#" (field_id(&fault.field)) } { (fault.field) ": " (fault.reason) } }
                        }
                    }
                }
            }
        }
    }
}

/// What state a program is in, and how to bring it into another one.
fn state(administrator: &Administrator, program: &Value) -> Markup {
    let (status, id) = (text(program, "status"), text(program, "uuid"));
    let session = &administrator.session;
    html! {
        section.state aria-label="State" {
            p { (badge(&status)) }
            @for (to, button, from) in [("active", "Activate", "unpublished retired"), ("retired", "Retire", "active")] {
                @if from.split(' ').any(|from| from == status) {
                    form.inline method="post" action={ "/programs/" (id) "/status" } {
                        (layout::csrf(session))
                        button name="status" value=(to) { (button) }
                    }
                }
            }
            details {
                summary { "Delete" }
                form.inline method="post" action={ "/programs/" (id) "/delete" } {
                    (layout::csrf(session))
                    p { "Nobody sees it then. It can be restored." }
                    button.danger { "Delete this program" }
                }
            }
        }
    }
}

fn code_item(shown: &Shown<'_>, index: usize, code: &CodeDraft) -> Markup {
    let path = format!("course_codes[{index}]");
    let number = index + 1;
    let last = index + 1 == shown.draft.codes.len();
    html! {
        li.code {
            fieldset {
                legend { "Course code " span.place { (number) } }
                div.row {
                    span.handle aria-hidden="true" title="Drag" { "⠿" }
                    (input(shown, &format!("{path}.key"), "Key", &code.key, "code_key", &html! {}))
                    (input(shown, &format!("{path}.display_name"), "Name", &code.name, "code_name", &html! {}))
                    div.moves {
                        button name="action" value={ "move-up:" (index) } disabled[index == 0] aria-label={ "Move course code " (number) " up" } { "↑" }
                        button name="action" value={ "move-down:" (index) } disabled[last] aria-label={ "Move course code " (number) " down" } { "↓" }
                        button.danger name="action" value={ "remove-code:" (index) } aria-label={ "Remove course code " (number) } { "Remove" }
                    }
                }
                (reason(shown, &path))
                (reason(shown, &format!("{path}.organization")))
                @for (place, run) in code.runs.iter().enumerate() { (run_item(shown, index, place, run)) }
                button name="action" value={ "add-run:" (index) } { "Add a run mode" }
            }
        }
    }
}

fn run_item(shown: &Shown<'_>, code: usize, index: usize, run: &RunDraft) -> Markup {
    let path = format!("course_codes[{code}].run_modes[{index}]");
    let label = format!("Remove run mode {} of course code {}", index + 1, code + 1);
    html! {
        div.row.run role="group" aria-label={ "Run mode " (index + 1) } {
            (listed(shown, &format!("{path}.course_key"), "Course run", &run.course_key, "run_course_key", "known-runs"))
            (listed(shown, &format!("{path}.mode_slug"), "Mode", &run.mode, "run_mode", "known-modes"))
            (listed(shown, &format!("{path}.sku"), "SKU", &run.sku, "run_sku", "known-skus"))
            div.field.start {
                @let id = field_id(&format!("{path}.start_date"));
                label for=(id) { "Start (UTC)" }
                input id=(id) name="run_start" type="datetime-local" value=(run.start) aria-invalid=[invalid(shown, &format!("{path}.start_date"))];
                (reason(shown, &format!("{path}.start_date")))
            }
            input type="hidden" name="run_lms_url" value=(run.lms_url);
            div.moves {
                button.danger name="action" value={ "remove-run:" (code) ":" (index) } aria-label=(label) { "Remove" }
            }
            (reason(shown, &path))
        }
    }
}

fn input(shown: &Shown<'_>, path: &str, label: &str, value: &str, name: &str, hint: &Markup) -> Markup {
    let id = field_id(path);
    let described = format!("{id}-hint {id}-reason");
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name=(name) value=(value) maxlength="255" aria-describedby=(described) aria-invalid=[invalid(shown, path)];
            @if !hint.0.is_empty() { p.hint id={ (id) "-hint" } { (hint) } }
            (reason(shown, path))
        }
    }
}

/// A field with suggestions.
fn listed(shown: &Shown<'_>, path: &str, label: &str, value: &str, name: &str, list: &str) -> Markup {
    let id = field_id(path);
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name=(name) value=(value) list=(list) maxlength="255" aria-describedby={ (id) "-reason" } aria-invalid=[invalid(shown, path)];
            (reason(shown, path))
        }
    }
}

fn invalid(shown: &Shown<'_>, path: &str) -> Option<&'static str> {
    shown.faults.iter().any(|fault| fault.field == path).then_some("true")
}

/// Why a field was refused, beside it.
fn reason(shown: &Shown<'_>, path: &str) -> Markup {
    html! {
        @for fault in shown.faults.iter().filter(|fault| fault.field == path) {
            p.reason id={ (field_id(path)) "-reason" } { (fault.reason) }
        }
    }
}

/// What is sold here, as suggestions.
fn lists(suggestions: &[Suggestion]) -> Markup {
    let mut runs: Vec<&str> = suggestions.iter().map(|one| one.course_key.as_str()).collect();
    runs.dedup();
    let mut modes: Vec<&str> = suggestions.iter().map(|one| one.seat_type.as_str()).collect();
    modes.sort_unstable();
    modes.dedup();
    html! {
        datalist id="known-runs" { @for run in runs { option value=(run) {} } }
        datalist id="known-modes" { @for mode in modes { option value=(mode) {} } }
        datalist id="known-skus" {
            @for one in suggestions { option value=(one.sku) { (one.course_key) ", " (one.seat_type) } }
        }
    }
}
