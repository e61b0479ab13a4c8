//! The steps that there are, by name. Who needs another one adds it here.

use serde_json::{Map, Value};

/// What a step gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// What is changed or added.
    Merge(Map<String, Value>),
    /// The answer to the request; no further step is asked.
    Stop(Value),
}

/// Why a step gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The step's purpose: what is asked shall not be.
    Refusal {
        /// The field that is to blame.
        field: Option<String>,
        /// For a human.
        reason: String,
    },
    /// It could not do its work.
    Other(String),
}

/// One step of a pipeline.
pub trait Step: Send + Sync {
    /// Looks at the object, and says what becomes of it.
    fn run(&self, data: &Map<String, Value>) -> Result<Outcome, Failure>;
}

/// Makes the step of that name.
pub fn make(name: &str, with: &Map<String, Value>) -> Result<Box<dyn Step>, String> {
    let texts = |field: &str| {
        let list = with.get(field).and_then(Value::as_array).map(|list| list.iter().map(Value::as_str).collect());
        let list: Option<Option<Vec<&str>>> = list;
        let texts = list.flatten().ok_or_else(|| format!("the step '{name}' needs '{field}', a list of texts"))?;
        Ok::<_, String>(texts.into_iter().map(str::to_lowercase).collect::<Vec<_>>())
    };
    match name {
        "change" => Ok(Box::new(Change(with.clone()))),
        "answer" => {
            let answer = with.get("answer").filter(|answer| !answer.is_object());
            let answer = answer.ok_or("the step 'answer' needs 'answer', which is no object")?;
            Ok(Box::new(Answer(answer.clone())))
        }
        "require_email_domain" => Ok(Box::new(RequireEmailDomain(texts("domains")?))),
        "refuse_usernames" => Ok(Box::new(RefuseUsernames(texts("usernames")?))),
        "close_courses" => Ok(Box::new(CloseCourses(texts("course_ids")?))),
        _ => Err(format!(
            "there is no step '{name}'; there are answer, change, close_courses, refuse_usernames, require_email_domain"
        )),
    }
}

fn text<'a>(data: &'a Map<String, Value>, field: &str) -> Result<&'a str, Failure> {
    data.get(field).and_then(Value::as_str).ok_or_else(|| Failure::Other(format!("there is no text '{field}'")))
}

fn refuse_if(is_so: bool, field: &str, reason: impl FnOnce() -> String) -> Result<Outcome, Failure> {
    if is_so {
        return Err(Failure::Refusal { field: Some(field.to_owned()), reason: reason() });
    }
    Ok(Outcome::Merge(Map::new()))
}

/// Puts values in place, such as the mode of enrolments.
struct Change(Map<String, Value>);

impl Step for Change {
    fn run(&self, _: &Map<String, Value>) -> Result<Outcome, Failure> {
        Ok(Outcome::Merge(self.0.clone()))
    }
}

/// Answers in place of the service.
struct Answer(Value);

impl Step for Answer {
    fn run(&self, _: &Map<String, Value>) -> Result<Outcome, Failure> {
        Ok(Outcome::Stop(self.0.clone()))
    }
}

/// Lets addresses of some domains pass alone.
struct RequireEmailDomain(Vec<String>);

impl Step for RequireEmailDomain {
    fn run(&self, data: &Map<String, Value>) -> Result<Outcome, Failure> {
        let domain = text(data, "email")?.rsplit('@').next().unwrap_or_default().to_lowercase();
        refuse_if(!self.0.contains(&domain), "email", || format!("Addresses at '{domain}' are not accepted here."))
    }
}

/// Keeps names such as `admin` from being taken.
struct RefuseUsernames(Vec<String>);

impl Step for RefuseUsernames {
    fn run(&self, data: &Map<String, Value>) -> Result<Outcome, Failure> {
        let name = text(data, "username")?;
        refuse_if(self.0.contains(&name.to_lowercase()), "username", || format!("The name '{name}' is not given."))
    }
}

/// Takes no more learners into some courses.
struct CloseCourses(Vec<String>);

impl Step for CloseCourses {
    fn run(&self, data: &Map<String, Value>) -> Result<Outcome, Failure> {
        let course = text(data, "course_id")?;
        let is_closed = self.0.contains(&course.to_lowercase());
        refuse_if(is_closed, "course_details.course_id", || format!("The course '{course}' takes no more learners."))
    }
}
