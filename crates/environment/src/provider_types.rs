//! What a provider says it can make, as a file of data types.

use std::fmt::Write as _;

use dataset::ProviderName;
use serde_json::Value;

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::provider::ProviderFailure;
use crate::session::Session;

/// A kind of record that a provider can make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvidedType {
    /// Its name.
    pub name: String,
    /// The key under which specs list such records.
    pub list: String,
    /// The fields by which one is found; empty if nothing identifies one.
    pub key: Vec<String>,
    /// Its fields.
    pub fields: Vec<ProvidedField>,
    /// The traits that a record can have.
    pub traits: Vec<String>,
}

/// A field of such a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvidedField {
    /// Its name.
    pub name: String,
    /// The type of the same provider to whose records it refers.
    pub references: Option<String>,
    /// What its value is when none is given, in the provider's words.
    pub source: String,
}

/// Asks a provider which types there are. The environment need not run.
pub fn provided_types(
    context: &Context<'_>,
    target: &Target,
    service: Option<&str>,
    provider: &str,
) -> Result<Vec<ProvidedType>, Error> {
    let session = Session::open(context, target, &Mode::Look(None), "types")?;
    let service = service.unwrap_or(&session.model.root);
    let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
    if !known.iter().any(|name| name == service) {
        return Err(Error::NoWorkspace { wanted: service.to_owned(), known });
    }
    let name = ProviderName { service: service.to_owned(), name: provider.to_owned() };
    let Some(provider) = session.types.providers().find(|known| known.name == name) else {
        let known = session.types.providers().filter(|known| known.name.service == service);
        let known = known.map(|known| known.name.to_string()).collect();
        return Err(Error::NoProvider { wanted: name.to_string(), known });
    };
    let failed = |source| Error::provider(&name, source);
    let mut work = session.start_provider(provider, &context.interrupt)?;
    let described = work.describe().map_err(failed)?;
    let types = read(&described).map_err(|reason| failed(ProviderFailure::new(reason)))?;
    work.end().map_err(failed)?;
    Ok(types)
}

fn read(described: &Value) -> Result<Vec<ProvidedType>, String> {
    let types = described.as_array().ok_or("its types are no list")?;
    types
        .iter()
        .map(|described| read_type(described).ok_or_else(|| format!("it describes a type as {described}")))
        .collect()
}

fn read_type(described: &Value) -> Option<ProvidedType> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts = |name: &str| match described.get(name) {
        None => Some(Vec::new()),
        Some(values) => values.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
    };
    let field = |field: &Value| {
        Some(ProvidedField {
            name: text(field, "name")?,
            references: text(field, "references"),
            source: text(field, "source").unwrap_or_default(),
        })
    };
    let name = text(described, "name")?;
    Some(ProvidedType {
        list: text(described, "list").unwrap_or_else(|| format!("{name}s")),
        name,
        key: texts("key")?,
        fields: described.get("fields")?.as_array()?.iter().map(field).collect::<Option<_>>()?,
        traits: texts("traits")?,
    })
}

/// Writes the types as a file of data types has them. What has no key is a comment.
#[must_use]
pub fn as_types_file(types: &[ProvidedType], provider: &str) -> String {
    let mut text = "types:\n".to_owned();
    for data_type in types {
        let mut lines = Vec::new();
        lines.push(format!("  {}:", data_type.name));
        lines.push(format!("    provider: {provider}"));
        lines.push(format!("    key: [{}]", data_type.key.join(", ")));
        if data_type.list != format!("{}s", data_type.name) {
            lines.push(format!("    list: {}", data_type.list));
        }
        if !data_type.traits.is_empty() {
            lines.push(format!("    traits: [{}]", data_type.traits.join(", ")));
        }
        lines.push("    fields:".to_owned());
        for field in &data_type.fields {
            let value = match &field.references {
                Some(target) => format!("{{ references: {target} }}"),
                None => "{}".to_owned(),
            };
            let source: Vec<&str> = field.source.split_whitespace().collect();
            let comment = if source.is_empty() { String::new() } else { format!("  # {}", source.join(" ")) };
            lines.push(format!("      {}: {value}{comment}", field.name));
        }
        let mark = if data_type.key.is_empty() { "# " } else { "" };
        if data_type.key.is_empty() {
            text.push_str("# Nothing identifies such a record: with a key of its fields it can be declared.\n");
        }
        for line in lines {
            writeln!(text, "{mark}{line}").expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_provider_that_describes_itself_makes_a_file_of_data_types() {
        let described = json!([
            { "name": "customer", "list": "customers", "key": ["username"], "traits": ["staff"], "fields": [
                { "name": "username", "source": "Sequence" },
                { "name": "group", "references": "group", "source": "a record of\n GroupFactory" },
            ] },
            { "name": "page", "list": "pages", "key": [], "fields": [{ "name": "title" }] },
        ]);
        let text = as_types_file(&read(&described).unwrap(), "django");
        assert_eq!(
            text,
            "types:
  customer:
    provider: django
    key: [username]
    traits: [staff]
    fields:
      username: {}  # Sequence
      group: { references: group }  # a record of GroupFactory
# Nothing identifies such a record: with a key of its fields it can be declared.
#   page:
#     provider: django
#     key: []
#     fields:
#       title: {}
"
        );
        // It is read as it is written.
        let text = format!(
            "providers: {{ django: {{ command: [x] }} }}\n{}",
            text.replace("references: group", "references: customer")
        );
        let (mut types, mut problems) = (dataset::Registry::default(), source::Problems::default());
        let tree = source::parse(&source::SourceFile::new("types.yaml", &*text)).unwrap();
        types.add("shop", "shop", &tree, &mut problems);
        types.check(&mut problems);
        assert!(problems.is_empty(), "{}", source::render(&problems, source::RenderOptions::default()));
    }

    #[test]
    fn what_describes_nothing_is_told() {
        for described in
            [json!({}), json!([{ "key": ["a"], "fields": [] }]), json!([{ "name": "x", "key": "a", "fields": [] }])]
        {
            assert!(read(&described).is_err(), "{described}");
        }
    }
}
