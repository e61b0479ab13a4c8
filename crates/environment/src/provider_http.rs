//! A provider that is the service's own interface: records are looked for and made by asking it over HTTP.
//!
//! Described in `docs/formats/providers.md`.

use std::time::{Duration, Instant};

use dataset::{Auth, HttpProvider, Request, Requests};
use serde_json::{Map, Value};

use crate::Interrupt;
use crate::context::{Answered, Question, Remotes};
use crate::error::with_causes;
use crate::provider::{Asked, AskedType, Had, ProviderFailure, Work};
use crate::provider_command::shortened;

/// The pause before a request is repeated for the first time; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How often it is looked whether the user wishes to end.
const LOOK: Duration = Duration::from_millis(50);

/// A service that answers.
pub(crate) struct HttpWork<'a> {
    remotes: &'a dyn Remotes,
    base: String,
    http: HttpProvider,
    timeout: Duration,
    interrupt: Interrupt,
    /// The token that was got for the credentials of the client, as it stands in the header.
    token: Option<String>,
}

/// What came of a request.
enum Outcome {
    /// The record or the records of its answer.
    Answer(Value),
    /// There is nothing of that name.
    Absent,
    /// It is not known whether it was done: the service failed, or did not answer.
    Unsure(ProviderFailure),
}

impl<'a> HttpWork<'a> {
    pub(crate) fn new(
        remotes: &'a dyn Remotes,
        base: String,
        http: HttpProvider,
        timeout: Duration,
        interrupt: Interrupt,
    ) -> Self {
        Self { remotes, base, http, timeout, interrupt, token: None }
    }

    /// Sends a request about a record once.
    fn once(&mut self, request: &Request, fields: &Map<String, Value>) -> Result<Outcome, ProviderFailure> {
        let (path, body) = filled(request, fields)?;
        let url = format!("{}{path}", self.base);
        let answered = match self.send(&request.method, &url, body.as_ref())? {
            Ok(answered) => answered,
            Err(unsure) => return Ok(Outcome::Unsure(unsure)),
        };
        let status = answered.status;
        let is_expected = match request.status.as_slice() {
            [] => (200..300).contains(&status),
            statuses => statuses.contains(&status),
        };
        if is_expected {
            let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
            return Ok(Outcome::Answer(answer.pointer(&request.result).cloned().unwrap_or_default()));
        }
        let said = shortened(&String::from_utf8_lossy(&answered.body));
        let said = if said.is_empty() { "nothing more".to_owned() } else { said };
        let failure =
            ProviderFailure::new(format!("{} {url} was answered with status {status}: {said}", request.method));
        match status {
            404 | 410 => Ok(Outcome::Absent),
            429 | 500.. => Ok(Outcome::Unsure(failure)),
            _ => Err(failure),
        }
    }

    /// Sends a request; the inner error is that it is not known what became of it.
    fn send(
        &mut self,
        method: &str,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Result<Answered, ProviderFailure>, ProviderFailure> {
        let mut is_renewed = false;
        loop {
            let mut headers: Vec<(String, String)> =
                self.http.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            headers.push(("Accept".to_owned(), "application/json".to_owned()));
            if body.is_some() {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            }
            let mut login = None;
            match self.http.auth.clone() {
                None => {}
                Some(Auth::Bearer(token)) => headers.push(("Authorization".to_owned(), format!("Bearer {token}"))),
                Some(Auth::Basic { user, password }) => login = Some((user, password)),
                Some(Auth::ClientCredentials { .. }) => {
                    headers.push(("Authorization".to_owned(), self.client_token()?));
                }
            }
            let question = Question {
                method: method.to_owned(),
                url: url.to_owned(),
                headers,
                login,
                body: body.map(|body| body.to_string().into_bytes()),
                timeout: self.timeout,
            };
            match self.remotes.ask(&question) {
                // The token is good no longer: another one may be.
                Ok(answered) if answered.status == 401 && self.token.is_some() && !is_renewed => {
                    self.token = None;
                    is_renewed = true;
                }
                Ok(answered) => return Ok(Ok(answered)),
                Err(error) => {
                    let said = with_causes(&*error);
                    return Ok(Err(ProviderFailure::new(format!("{method} {url} was not answered: {said}"))));
                }
            }
        }
    }

    /// The token of a client, which is asked for once.
    fn client_token(&mut self) -> Result<String, ProviderFailure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let Some(Auth::ClientCredentials { token, client_id, client_secret, scope }) = &self.http.auth else {
            unreachable!("it is asked for where there are credentials of a client")
        };
        let url = if token.starts_with('/') { format!("{}{token}", self.base) } else { token.clone() };
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", client_secret)];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let question = Question {
            method: "POST".to_owned(),
            url: url.clone(),
            headers: vec![
                ("Accept".to_owned(), "application/json".to_owned()),
                ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ],
            login: None,
            body: Some(form.join("&").into_bytes()),
            timeout: self.timeout,
        };
        let failed =
            |said: String| ProviderFailure::new(format!("no token for the client {client_id} from {url}: {said}"));
        let answered = self.remotes.ask(&question).map_err(|error| failed(with_causes(&*error)))?;
        let said = String::from_utf8_lossy(&answered.body);
        if !(200..300).contains(&answered.status) {
            return Err(failed(format!("status {}: {}", answered.status, shortened(&said))));
        }
        let answer: Value = serde_json::from_str(&said).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let Some(token) = text("access_token") else {
            return Err(failed("its answer has no `access_token`".to_owned()));
        };
        let kind = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")).unwrap_or("Bearer");
        let token = format!("{kind} {token}");
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Sends a request until it is known what became of it. `is_done` says whether it was done after all, before it is
    /// sent again.
    fn insist(
        &mut self,
        request: &Request,
        fields: &Map<String, Value>,
        is_done: &mut dyn FnMut(&mut Self) -> Result<Option<Value>, ProviderFailure>,
    ) -> Result<Outcome, ProviderFailure> {
        let mut pause = FIRST_PAUSE;
        let mut retries = self.http.retries;
        loop {
            self.heed()?;
            let unsure = match self.once(request, fields)? {
                Outcome::Unsure(failure) => failure,
                outcome => return Ok(outcome),
            };
            if retries == 0 {
                let attempts = self.http.retries + 1;
                let times = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
                return Err(ProviderFailure { message: format!("{} (tried {times})", unsure.message), ..unsure });
            }
            retries -= 1;
            self.pause(pause)?;
            pause *= 2;
            if let Some(done) = is_done(self)? {
                return Ok(Outcome::Answer(done));
            }
        }
    }

    fn heed(&self) -> Result<(), ProviderFailure> {
        if self.interrupt.is_raised() {
            return Err(ProviderFailure { is_interrupted: true, ..ProviderFailure::new("interrupted") });
        }
        Ok(())
    }

    fn pause(&self, pause: Duration) -> Result<(), ProviderFailure> {
        let deadline = Instant::now() + pause;
        loop {
            self.heed()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Looks for one record.
    fn look(&mut self, requests: &Requests, fields: &Map<String, Value>) -> Result<Option<Value>, ProviderFailure> {
        match self.insist(&requests.find, fields, &mut |_| Ok(None))? {
            Outcome::Answer(answer) => chosen(&requests.find, fields, answer),
            Outcome::Absent | Outcome::Unsure(_) => Ok(None),
        }
    }

    fn made(&mut self, of: &AskedType<'_>, asked: &Asked) -> Result<Had, ProviderFailure> {
        let requests = requests(of);
        let fields = fields(asked);
        let mut look = |work: &mut Self| work.look(requests, &fields);
        match self.insist(&requests.create, &fields, &mut look)? {
            Outcome::Answer(_) => {}
            Outcome::Absent | Outcome::Unsure(_) => {
                return Err(ProviderFailure::new("the service does not know the address at which records are made"));
            }
        }
        // What others may store of it is what the service says when it is asked for it.
        match self.look(requests, &fields)? {
            Some(record) => had(of, requests, &record),
            None => Err(ProviderFailure::new("the service took it, and does not find it when it is asked for it")),
        }
    }

    fn changed(&mut self, of: &AskedType<'_>, asked: &Asked) -> Result<Had, ProviderFailure> {
        let requests = requests(of);
        let Some(update) = &requests.update else {
            return Err(ProviderFailure::new("its data type does not say by which request a record is changed"));
        };
        let fields = fields(asked);
        if let Outcome::Absent = self.insist(update, &fields, &mut |_| Ok(None))? {
            return Err(ProviderFailure::new("it is not there"));
        }
        match self.look(requests, &fields)? {
            Some(record) => had(of, requests, &record),
            None => Err(ProviderFailure::new("the service does not find it any more")),
        }
    }

    fn removed(&mut self, of: &AskedType<'_>, asked: &Asked) -> Result<bool, ProviderFailure> {
        let requests = requests(of);
        let fields = fields(asked);
        if self.look(requests, &fields)?.is_none() {
            return Ok(false);
        }
        let Some(remove) = &requests.remove else {
            return Err(ProviderFailure::new("its data type does not say by which request a record is removed"));
        };
        self.insist(remove, &fields, &mut |_| Ok(None))?;
        Ok(true)
    }
}

impl Work for HttpWork<'_> {
    fn find(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Option<Had>>, ProviderFailure> {
        let requests = requests(of);
        let mut find = |asked: &Asked| match self.look(requests, &fields(asked))? {
            Some(record) => had(of, requests, &record).map(Some),
            None => Ok(None),
        };
        each(asked, &mut find)
    }

    fn create(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure> {
        each(asked, &mut |asked| self.made(of, asked))
    }

    fn update(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure> {
        each(asked, &mut |asked| self.changed(of, asked))
    }

    fn remove(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<bool>, ProviderFailure> {
        each(asked, &mut |asked| self.removed(of, asked))
    }

    fn describe(&mut self) -> Result<Value, ProviderFailure> {
        Err(ProviderFailure::new("a service that is asked over HTTP does not say which types it has"))
    }

    fn end(self: Box<Self>) -> Result<(), ProviderFailure> {
        Ok(())
    }
}

fn each<T>(
    asked: &[Asked],
    act: &mut dyn FnMut(&Asked) -> Result<T, ProviderFailure>,
) -> Result<Vec<T>, ProviderFailure> {
    asked.iter().enumerate().map(|(index, asked)| act(asked).map_err(|failure| failure.of(index))).collect()
}

fn requests<'t>(of: &AskedType<'t>) -> &'t Requests {
    of.made_by.requests.as_deref().expect("a type of such a provider says how it is asked, or has a problem")
}

fn fields(asked: &Asked) -> Map<String, Value> {
    asked.key.iter().chain(&asked.fields).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The path and the body of a request, filled with the fields of a record.
fn filled(request: &Request, fields: &Map<String, Value>) -> Result<(String, Option<Value>), ProviderFailure> {
    let failed =
        |what: &str, said: String| ProviderFailure::new(format!("the {what} of a request cannot be made: {said}"));
    let in_path = |value: &Value| Value::String(escaped(&plain(value)));
    let path = dataset::filled(&request.path, fields, &in_path).map_err(|said| failed("path", said))?;
    let body = match &request.body {
        Some(body) => Some(dataset::filled(body, fields, &Value::clone).map_err(|said| failed("body", said))?),
        None => ["POST", "PUT", "PATCH"].contains(&&*request.method).then(|| Value::Object(fields.clone())),
    };
    Ok((plain(&path), body))
}

/// The record that is meant among those of an answer.
fn chosen(request: &Request, fields: &Map<String, Value>, answer: Value) -> Result<Option<Value>, ProviderFailure> {
    let mut wanted = Vec::new();
    for (pointer, tree) in &request.matches {
        let value = dataset::filled(tree, fields, &Value::clone);
        let value = value.map_err(|said| ProviderFailure::new(format!("`{pointer}` cannot be compared: {said}")))?;
        let pointer = if pointer.starts_with('/') { pointer.clone() } else { format!("/{pointer}") };
        wanted.push((pointer, plain(&value)));
    }
    let is_meant = |record: &Value| {
        wanted.iter().all(|(pointer, value)| record.pointer(pointer).is_some_and(|found| plain(found) == *value))
    };
    let mut records = match answer {
        Value::Null => Vec::new(),
        Value::Array(records) => records,
        record => vec![record],
    };
    records.retain(is_meant);
    match records.len() {
        0 | 1 => Ok(records.pop()),
        several => Err(ProviderFailure::new(format!(
            "{several} records of the answer could be meant; `matches` says which it is"
        ))),
    }
}

fn had(of: &AskedType<'_>, requests: &Requests, record: &Value) -> Result<Had, ProviderFailure> {
    let primary_key = match &requests.primary_key {
        None => Value::Null,
        Some(pointer) => record.pointer(pointer).cloned().ok_or_else(|| {
            ProviderFailure::new(format!(
                "there is no primary key at `{pointer}` of {}",
                shortened(&record.to_string())
            ))
        })?,
    };
    let value = |name: &String| Some((name.clone(), record.get(name)?.clone()));
    Ok(Had { primary_key, values: of.fields.iter().filter_map(value).collect(), made: None })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Escapes what has a meaning in an address.
fn escaped(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let escape = |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests;
