//! Reads the providers of a file of data types, and how types use them.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree};

use crate::provider::{
    Auth, CommandProvider, HttpProvider, Provider, ProviderKind, ProviderName, ProviderUse, Request, Requests,
};

/// How long an answer may take when nothing is said.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How often a request is repeated when nothing is said.
const RETRIES: u32 = 3;

/// Reads one entry under `providers`.
pub(crate) fn provider(service: &str, database: &str, entry: &Entry, problems: &mut Problems) -> Option<Provider> {
    let mut reader = MapReader::new(&entry.value, problems, "a provider")?.heading(&entry.key_place);
    let command = reader.entry("command");
    let http = reader.entry("http");
    let runs_as = reader.optional("service");
    let env = reader.optional("env");
    let inputs = reader.optional("inputs");
    let timeout = reader.optional("timeout");
    let given_url = http.is_some_and(|http| http.value.get("url").is_some());
    reader.finish();

    let runs_as = runs_as.and_then(|tree| Some((text(tree, "the name of a service", problems)?, tree.place.clone())));
    let timeout = timeout.map_or(Some(TIMEOUT), |tree| duration(tree, problems));
    let kind = match (command, http) {
        (Some(command), None) => ProviderKind::Command(CommandProvider {
            command: texts(&command.value, "a program and its arguments, which is a list", problems)
                .filter(|words| !words.is_empty() || empty(&command.value, problems))?,
            env: env.map_or_else(|| Some(IndexMap::new()), |tree| named_texts(tree, "variables", problems))?,
            inputs: inputs.map_or_else(|| Some(Vec::new()), |tree| texts(tree, "globs, which is a list", problems))?,
        }),
        (None, Some(http)) => {
            for (extra, tree) in [("env", env), ("inputs", inputs)] {
                if let Some(tree) = tree {
                    let message = format!("`{extra}` has no meaning for a provider that is asked over HTTP");
                    problems.push(Problem::error("dataset::lonely-key", message).at(&tree.place, "leave this out"));
                }
            }
            if runs_as.is_none() && !given_url {
                problems.push(
                    Problem::error("dataset::provider", "it is not said where the provider is")
                        .at(&http.key_place, "neither `service` beside it nor `url` in it")
                        .help("`service` names a service of this workspace; `url` is the address of another one"),
                );
            }
            ProviderKind::Http(http_provider(http, problems)?)
        }
        (command, http) => {
            let problem = Problem::error("dataset::provider", "a provider has either `command` or `http`");
            problems.push(match (command, http) {
                (Some(command), Some(http)) => {
                    problem.at(&http.key_place, "asked over HTTP").at(&command.key_place, "a program")
                }
                _ => problem.at(&entry.key_place, "has neither"),
            });
            return None;
        }
    };
    Some(Provider {
        name: ProviderName { service: service.to_owned(), name: entry.key.clone() },
        database: database.to_owned(),
        service: runs_as,
        kind,
        timeout: timeout?,
        place: entry.key_place.clone(),
    })
}

fn http_provider(entry: &Entry, problems: &mut Problems) -> Option<HttpProvider> {
    let mut reader = MapReader::new(&entry.value, problems, "a provider's `http`")?.heading(&entry.key_place);
    let url = reader.optional_str("url").map(|url| url.trim_end_matches('/').to_owned());
    let headers = reader.optional("headers");
    let auth = reader.entry("auth");
    let retries = reader.optional("retries");
    reader.finish();
    let retries = match retries.map(|tree| (tree, tree.as_integer().and_then(|count| u32::try_from(count).ok()))) {
        None => RETRIES,
        Some((_, Some(count))) => count,
        Some((tree, None)) => {
            problems.push(tree.wrong_type("how often a request is repeated, which is a number"));
            RETRIES
        }
    };
    Some(HttpProvider {
        url,
        headers: headers.map_or_else(|| Some(IndexMap::new()), |tree| named_texts(tree, "headers", problems))?,
        auth: match auth {
            Some(auth) => Some(authentication(auth, problems)?),
            None => None,
        },
        retries,
    })
}

fn authentication(entry: &Entry, problems: &mut Problems) -> Option<Auth> {
    let mut reader = MapReader::new(&entry.value, problems, "`auth`")?.heading(&entry.key_place);
    let bearer = reader.optional("bearer");
    let basic = reader.entry("basic");
    let oauth2 = reader.entry("oauth2");
    reader.finish();
    match (bearer, basic, oauth2) {
        (Some(bearer), None, None) => Some(Auth::Bearer(text(bearer, "a token", problems)?)),
        (None, Some(basic), None) => {
            let mut reader = MapReader::new(&basic.value, problems, "`basic`")?.heading(&basic.key_place);
            let (user, password) = (reader.required_str("user"), reader.required_str("password"));
            reader.finish();
            Some(Auth::Basic { user: user?.to_owned(), password: password?.to_owned() })
        }
        (None, None, Some(oauth2)) => {
            let mut reader = MapReader::new(&oauth2.value, problems, "`oauth2`")?.heading(&oauth2.key_place);
            let token = reader.required_str("token");
            let client_id = reader.required_str("client_id");
            let client_secret = reader.required_str("client_secret");
            let scope = reader.optional_str("scope").map(str::to_owned);
            reader.finish();
            Some(Auth::ClientCredentials {
                token: token?.to_owned(),
                client_id: client_id?.to_owned(),
                client_secret: client_secret?.to_owned(),
                scope,
            })
        }
        _ => {
            problems.push(
                Problem::error("dataset::provider", "`auth` has one of `bearer`, `basic` and `oauth2`")
                    .at(&entry.key_place, "how does the service know who asks?"),
            );
            None
        }
    }
}

/// Reads what a data type says of its provider.
pub(crate) fn provider_use(
    provider: &Entry,
    traits: Option<&Tree>,
    requests: Option<&Entry>,
    problems: &mut Problems,
) -> Option<ProviderUse> {
    let name = text(&provider.value, "the name of a provider", problems)?;
    let traits = traits.map_or_else(|| Some(Vec::new()), |tree| texts(tree, "names of traits", problems))?;
    let requests = match requests {
        Some(entry) => Some(read_requests(entry, problems)?),
        None => None,
    };
    Some(ProviderUse { provider: name, place: provider.value.place.clone(), traits, requests })
}

fn read_requests(entry: &Entry, problems: &mut Problems) -> Option<Requests> {
    let mut reader = MapReader::new(&entry.value, problems, "a data type's `http`")?.heading(&entry.key_place);
    let primary_key = reader.optional("primary_key");
    let find = reader.entry("find");
    let create = reader.entry("create");
    let update = reader.entry("update");
    let remove = reader.entry("remove");
    for (name, there) in [("find", find), ("create", create)] {
        if there.is_none() {
            let message = format!("a data type's `http` needs the key `{name}`");
            let place = &entry.key_place;
            reader
                .problems()
                .push(Problem::error("yaml::missing-key", message).at(place, format!("there is no `{name}` here")));
        }
    }
    reader.finish();
    let mut optional = |entry: Option<&Entry>, method: &str| match entry {
        Some(entry) => request(entry, method, problems).map(Some),
        None => Some(None),
    };
    let (find, create) = (optional(find, "GET"), optional(create, "POST"));
    let (update, remove) = (optional(update, "PUT"), optional(remove, "DELETE"));
    let primary_key = primary_key.map_or(Some(None), |tree| pointer(tree, problems).map(Some));
    Some(Requests { primary_key: primary_key?, find: find??, create: create??, update: update?, remove: remove? })
}

fn request(entry: &Entry, method: &str, problems: &mut Problems) -> Option<Request> {
    let mut reader = MapReader::new(&entry.value, problems, "a request")?.heading(&entry.key_place);
    let method = reader.optional_str("method").unwrap_or(method).to_owned();
    let path = reader.required("path");
    let body = reader.optional("body").cloned();
    let status = reader.optional("status");
    let result = reader.optional("result");
    let matches = reader.optional_map("matches").unwrap_or_default();
    reader.finish();
    let path = path?;
    if !path.as_str().is_some_and(|path| path.starts_with('/')) {
        problems.push(path.wrong_type("the path of a request, which begins with `/`"));
        return None;
    }
    let status = match status.map(|tree| (tree, &tree.node)) {
        None => Vec::new(),
        Some((tree, Node::List(statuses))) => statuses
            .iter()
            .map(|status| status_of(status).or_else(|| wrong(tree, "statuses such as 200", problems)))
            .collect::<Option<_>>()?,
        Some((tree, _)) => vec![status_of(tree).or_else(|| wrong(tree, "a status such as 200", problems))?],
    };
    let result = result.map_or(Some(String::new()), |tree| pointer(tree, problems))?;
    let matches = matches.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
    Some(Request { method, path: path.clone(), body, status, result, matches })
}

fn status_of(tree: &Tree) -> Option<u16> {
    tree.as_integer().and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status))
}

fn pointer(tree: &Tree, problems: &mut Problems) -> Option<String> {
    match tree.as_str() {
        Some(text) if text.is_empty() || text.starts_with('/') => Some(text.to_owned()),
        _ => wrong(tree, "a JSON pointer such as `/results/0`", problems),
    }
}

fn empty(tree: &Tree, problems: &mut Problems) -> bool {
    problems.push(Problem::error("dataset::provider", "a command needs a program").at(&tree.place, "nothing is here"));
    false
}

fn duration(tree: &Tree, problems: &mut Problems) -> Option<Duration> {
    let read = |text: &str| {
        let unit = text.find(|character: char| !character.is_ascii_digit())?;
        let count: u64 = text[..unit].parse().ok()?;
        match &text[unit..] {
            "ms" => Some(Duration::from_millis(count)),
            "s" => Some(Duration::from_secs(count)),
            "m" => Some(Duration::from_secs(count.checked_mul(60)?)),
            _ => None,
        }
    };
    tree.as_str().and_then(read).or_else(|| wrong(tree, "a duration such as `30s` or `2m`", problems))
}

fn text(tree: &Tree, what: &str, problems: &mut Problems) -> Option<String> {
    tree.as_str().map(str::to_owned).or_else(|| wrong(tree, what, problems))
}

fn texts(tree: &Tree, what: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let Some(entries) = tree.as_list() else { return wrong(tree, what, problems) };
    entries.iter().map(|entry| scalar(entry).or_else(|| wrong(entry, "a string", problems))).collect()
}

fn named_texts(tree: &Tree, what: &str, problems: &mut Problems) -> Option<IndexMap<String, String>> {
    let Some(entries) = tree.as_map() else { return wrong(tree, &format!("{what}, which is a map"), problems) };
    let mut read = |entry: &Entry| {
        Some((entry.key.clone(), scalar(&entry.value).or_else(|| wrong(&entry.value, "a string", problems))?))
    };
    entries.iter().map(&mut read).collect()
}

/// Arguments and variables are text, also where they look like numbers.
fn scalar(tree: &Tree) -> Option<String> {
    match &tree.node {
        Node::String(text) => Some(text.clone()),
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) => Some(tree.to_json().to_string()),
        _ => None,
    }
}

fn wrong<T>(tree: &Tree, what: &str, problems: &mut Problems) -> Option<T> {
    problems.push(tree.wrong_type(what));
    None
}

/// Says that a type names a provider that is not there.
pub(crate) fn unknown(name: &ProviderName, place: &Place, help: String) -> Problem {
    Problem::error("dataset::unknown-provider", format!("`{}` has no provider `{}`", name.service, name.name))
        .at(place, "not under `providers` of a file of data types of this service")
        .help(help)
}
