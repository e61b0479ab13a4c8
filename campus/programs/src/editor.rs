//! Making and changing programs: what is allowed, what becomes a new version, and what is written down about it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::auth::{Person, Role};
use crate::config::ClosedRuns;
use crate::courses::{self, Difference};
use crate::document;
use crate::error::{Error, Fault};
use crate::program_input::{CourseCodeInput, DELETED, ProgramInput, UNPUBLISHED};
use crate::queries::program::{CourseRow, Program};
use crate::queries::writer::{Content, Note, Writer};
use crate::run_state::Dates;
use crate::slug::{Reference, slug_of};

const NO_MARKETING_SLUG: &str = "Active XSeries Programs must have a valid marketing slug.";
const OTHER_ORGANIZATION: &str = "Course code must be offered by the same organization offering the program.";
const NOT_UNIQUE: &str = "This field must be unique.";

/// Who changes something, when, and by which rules.
pub struct Editor<'a> {
    /// Who.
    pub person: &'a Person,
    /// When.
    pub now: DateTime<Utc>,
    /// Whether runs may be put into programs that nobody can enrol in any more.
    pub closed_runs: ClosedRuns,
}

impl Editor<'_> {
    /// Makes a program; returns its number.
    pub async fn create(&self, writer: &mut impl Writer, input: ProgramInput) -> Result<i64, Error> {
        writer.lock().await?;
        let (content, organization) = self.content(writer, None, &input).await?;
        let codes = input.course_codes.unwrap_or_default();
        self.check_courses(writer, &codes, organization.as_deref(), &[]).await?;

        let uuid = Uuid::new_v4().hyphenated().to_string();
        let id = writer.insert(&uuid, &content, &self.person.username, self.now).await?;
        if let Some(organization_id) = content.organization_id {
            writer.replace_courses(id, organization_id, &codes).await?;
        }
        let made = fields(&content, organization.as_deref());
        let changes = made.into_iter().map(|(field, to)| (field.to_owned(), json!({ "to": to }))).collect();
        self.note(writer, &uuid, "created", changes).await?;
        Ok(id)
    }

    /// Changes a program; returns its number. A change of its courses makes a new version of it.
    pub async fn change(&self, writer: &mut impl Writer, name: &Reference, input: ProgramInput) -> Result<i64, Error> {
        writer.lock().await?;
        let program = self.program(writer, name, false).await?;
        if self.person.role < Role::Administrator {
            if program.status != UNPUBLISHED {
                return Err(Error::forbidden("Only administrators may change a program that was published."));
            }
            if input.status.as_deref().is_some_and(|status| status != UNPUBLISHED) {
                return Err(Error::forbidden("Only administrators may change the status of a program."));
            }
        }
        let rows = writer.courses(program.id).await?;
        let (mut content, organization) = self.content(writer, Some(&program), &input).await?;
        if let Some(codes) = &input.course_codes {
            self.check_courses(writer, codes, organization.as_deref(), &rows).await?;
        } else if !rows.is_empty() && organization != program.organization_key {
            return Err(Error::invalid("organizations", OTHER_ORGANIZATION));
        }

        let before = content_of(&program, None);
        let was = fields(&before, program.organization_key.as_deref());
        let is = fields(&content, organization.as_deref());
        let pairs = was.into_iter().zip(is).filter(|(was, is)| was != is);
        let mut changes: Map<String, Value> =
            pairs.map(|((field, was), (_, is))| (field.to_owned(), json!({ "from": was, "to": is }))).collect();
        let courses = input.course_codes.as_deref().map_or(Difference::None, |codes| courses::difference(&rows, codes));
        if courses == Difference::Courses {
            content.version += 1;
            changes.insert("version".to_owned(), json!({ "from": program.version, "to": content.version }));
            let kept = serde_json::to_string(&document::course_codes(&rows, self.now)).expect("texts and moments");
            writer.keep_version(&program, kept).await?;
        } else if courses == Difference::Particulars {
            let is = input.course_codes.as_deref().map(courses::particulars);
            changes.insert("course_codes".to_owned(), json!({ "to": is }));
        }
        if changes.is_empty() {
            return Ok(program.id);
        }
        let version_author = (courses == Difference::Courses).then_some(self.person.username.as_str());
        writer.update(program.id, &content, version_author, self.now).await?;
        if courses != Difference::None {
            // Checked above: codes are of the program's organisation, so that there is one, or none of them.
            let codes = input.course_codes.as_deref().unwrap_or_default();
            writer.replace_courses(program.id, content.organization_id.unwrap_or_default(), codes).await?;
        }
        let action = if content.status == DELETED { "deleted" } else { "changed" };
        self.note(writer, &program.uuid, action, changes).await?;
        Ok(program.id)
    }

    /// Deletes a program, or brings back one that is deleted, as one that is not published; returns its number.
    pub async fn set_deleted(&self, writer: &mut impl Writer, name: &Reference, deleted: bool) -> Result<i64, Error> {
        writer.lock().await?;
        let program = self.program(writer, name, !deleted).await?;
        let (status, action) = if deleted { (DELETED, "deleted") } else { (UNPUBLISHED, "restored") };
        let organization_id = match &program.organization_key {
            Some(key) => writer.organization(key).await?,
            None => None,
        };
        let content = Content { status: status.to_owned(), ..content_of(&program, organization_id) };
        writer.update(program.id, &content, None, self.now).await?;
        let changes = [("status".to_owned(), json!({ "from": program.status, "to": status }))].into_iter().collect();
        self.note(writer, &program.uuid, action, changes).await?;
        Ok(program.id)
    }

    /// The program of this name, which is there and deleted or not.
    pub async fn program(&self, writer: &mut impl Writer, name: &Reference, deleted: bool) -> Result<Program, Error> {
        let program = writer.program(name).await?;
        program.filter(|program| (program.status == DELETED) == deleted).ok_or_else(Error::not_found)
    }

    /// Writes a line of the history of a program.
    pub async fn note(
        &self,
        writer: &mut impl Writer,
        uuid: &str,
        action: &str,
        changes: Map<String, Value>,
    ) -> Result<(), Error> {
        let changes = Value::Object(changes).to_string();
        let note = Note { subject: "program", key: uuid, action, username: &self.person.username, changes };
        Ok(writer.note(note, self.now).await?)
    }

    /// What the program shall be, beside its courses, and the key of its organisation.
    async fn content(
        &self,
        writer: &mut impl Writer,
        program: Option<&Program>,
        input: &ProgramInput,
    ) -> Result<(Content, Option<String>), Error> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, reason: String| faults.push(Fault { field: field.to_owned(), reason });
        let organization = match &input.organization {
            Some(given) => given.clone(),
            None => program.and_then(|program| program.organization_key.clone()),
        };
        let organization_id = match &organization {
            Some(key) => writer.organization(key).await?,
            None => None,
        };
        if let (Some(key), None) = (&organization, organization_id) {
            fault("organizations", no_organization(key));
        }
        let text = |given: &Option<String>, there: fn(&Program) -> &String| {
            given.clone().or_else(|| program.map(|program| there(program).clone())).unwrap_or_default()
        };
        let name = text(&input.name, |program| &program.name);
        let slug = match (&input.slug, program) {
            (Some(slug), _) => slug.clone(),
            (None, Some(program)) => program.slug.clone(),
            (None, None) => self.free_slug(writer, &name).await?,
        };
        let (name_taken, slug_taken) = writer.taken(&name, &slug, program.map(|program| program.id)).await?;
        if name_taken {
            fault("name", NOT_UNIQUE.to_owned());
        }
        if slug_taken {
            fault("slug", NOT_UNIQUE.to_owned());
        }
        let content = Content {
            slug,
            name,
            subtitle: text(&input.subtitle, |program| &program.subtitle),
            category: text(&input.category, |program| &program.category),
            status: text(&input.status, |program| &program.status),
            marketing_slug: text(&input.marketing_slug, |program| &program.marketing_slug),
            site: text(&input.site, |program| &program.site),
            organization_id,
            version: program.map_or(1, |program| program.version),
        };
        if content.category == "XSeries" && content.status == "active" && content.marketing_slug.is_empty() {
            fault("marketing_slug", NO_MARKETING_SLUG.to_owned());
        }
        if faults.is_empty() { Ok((content, organization)) } else { Err(Error::Invalid(faults)) }
    }

    async fn free_slug(&self, writer: &mut impl Writer, name: &str) -> Result<String, Error> {
        for number in 1..=1000 {
            let slug = slug_of(name, number);
            if !writer.taken("", &slug, None).await?.1 {
                return Ok(slug);
            }
        }
        Err(Error::invalid("slug", "A thousand programs have such a name: say by which slug this one shall be known."))
    }

    async fn check_courses(
        &self,
        writer: &mut impl Writer,
        codes: &[CourseCodeInput],
        organization: Option<&str>,
        rows: &[CourseRow],
    ) -> Result<(), Error> {
        let mut faults = Vec::new();
        for (index, code) in codes.iter().enumerate() {
            if Some(code.organization.as_str()) == organization {
                continue;
            }
            let is_there = writer.organization(&code.organization).await?.is_some();
            let reason = if is_there { OTHER_ORGANIZATION.to_owned() } else { no_organization(&code.organization) };
            faults.push(Fault { field: format!("course_codes[{index}].organization"), reason });
        }
        if self.closed_runs == ClosedRuns::Refuse {
            let keys: BTreeSet<&str> =
                codes.iter().flat_map(|code| &code.run_modes).map(|run| run.course_key.as_str()).collect();
            let keys: Vec<&str> =
                keys.into_iter().filter(|key| !rows.iter().any(|row| row.course_key.as_deref() == Some(key))).collect();
            for run in writer.run_dates(&keys).await? {
                let dates = Dates {
                    start: run.start_date,
                    end: run.end_date,
                    enrollment_start: run.enrollment_start,
                    enrollment_end: run.enrollment_end,
                    withdrawn: run.withdrawn,
                };
                let state = dates.state(self.now);
                if !state.is_over() {
                    continue;
                }
                for (index, code) in codes.iter().enumerate() {
                    for (number, _) in
                        code.run_modes.iter().enumerate().filter(|(_, one)| one.course_key == run.course_key)
                    {
                        let field = format!("course_codes[{index}].run_modes[{number}].course_key");
                        let word = serde_json::to_value(state).expect("a word");
                        let word = word.as_str().unwrap_or_default();
                        faults.push(Fault { field, reason: format!("Run '{}' is {word}.", run.course_key) });
                    }
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
    }
}

fn no_organization(key: &str) -> String {
    format!("Provided Organization with key '{key}' doesn't exist.")
}

/// A program as it is.
fn content_of(program: &Program, organization_id: Option<i64>) -> Content {
    Content {
        slug: program.slug.clone(),
        name: program.name.clone(),
        subtitle: program.subtitle.clone(),
        category: program.category.clone(),
        status: program.status.clone(),
        marketing_slug: program.marketing_slug.clone(),
        site: program.site.clone(),
        organization_id,
        version: program.version,
    }
}

/// What the history tells of, beside the courses.
fn fields<'a>(content: &'a Content, organization: Option<&'a str>) -> [(&'static str, Option<&'a str>); 8] {
    [
        ("name", Some(&content.name)),
        ("subtitle", Some(&content.subtitle)),
        ("category", Some(&content.category)),
        ("status", Some(&content.status)),
        ("marketing_slug", Some(&content.marketing_slug)),
        ("slug", Some(&content.slug)),
        ("site", Some(&content.site)),
        ("organization", organization),
    ]
}
