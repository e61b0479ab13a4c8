//! What must not leave the machine without being asked for: secrets, and data of real people.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use database::Database;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use plan::DatabaseId;
use regex::bytes::{Regex, RegexSet};
use store::{Content, Store};

use crate::resources::FILES;
use crate::session::Session;
use crate::{Error, states};

/// Something that must not leave the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The database or resource, and the table and column or the file if they are known.
    pub place: String,
    /// What it looks like.
    pub what: &'static str,
    /// How often it was seen, at least.
    pub count: u64,
    /// One of them, with most of it left out.
    pub example: String,
}

/// What secrets look like.
const SECRETS: [(&str, &str); 8] = [
    ("a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:ghp|gho|ghu|ghs|ghr)_[0-9A-Za-z]{36}\b|\bgithub_pat_[0-9A-Za-z_]{60,}"),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}\b"),
    ("a Slack token", r"\bxox[abprs]-[0-9A-Za-z-]{20,}"),
    ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,}"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a SendGrid key", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b"),
];

/// Longer than any secret: so much is read again when a file is read piece by piece.
const OVERLAP: usize = 256;

static SECRET_SET: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(SECRETS.map(|(_, pattern)| pattern)).expect("the patterns are tested"));

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u)[a-z0-9][a-z0-9._%+-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}").expect("the pattern is tested")
});

/// Domains that belong to nobody (RFC 2606, RFC 6761): addresses there are made up.
fn is_made_up(address: &[u8]) -> bool {
    let domain = address.rsplit(|byte| *byte == b'@').next().unwrap_or_default().to_ascii_lowercase();
    let ends = [".example", ".invalid", ".test", ".localhost", ".local", ".internal"];
    let domains = ["example.com", "example.org", "example.net", "example.edu"];
    let domain = String::from_utf8_lossy(&domain).into_owned();
    ends.iter().any(|end| domain.ends_with(end))
        || domains.iter().any(|known| domain == *known || domain.ends_with(&format!(".{known}")))
}

/// Reads what is about to leave, and says what looks like a secret.
pub(crate) fn secrets(store: &Store, contents: &[Content]) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for content in contents {
        if content.kind != FILES {
            let mut scanner = Scanner::default();
            tree::read_file(&content.root, std::path::Path::new(""), store, &mut scanner).map_err(Error::tree)?;
            scanner.end(&content.name, &mut findings);
            continue;
        }
        let mut paths = Vec::new();
        tree::list(&content.root, store, &mut |listed| {
            if matches!(listed.entry.body, tree::Body::File(_)) {
                paths.push(listed.path);
            }
            Ok(())
        })
        .map_err(Error::tree)?;
        for path in paths {
            let mut scanner = Scanner::default();
            tree::read_file(&content.root, &path, store, &mut scanner).map_err(Error::tree)?;
            scanner.end(&format!("{}: {}", content.name, path.display()), &mut findings);
        }
    }
    Ok(findings)
}

/// Looks for secrets in what is written to it.
#[derive(Default)]
struct Scanner {
    rest: Vec<u8>,
    found: BTreeMap<usize, u64>,
}

impl Scanner {
    fn look(&mut self) {
        for index in SECRET_SET.matches(&self.rest) {
            *self.found.entry(index).or_default() += 1;
        }
    }

    fn end(mut self, place: &str, findings: &mut Vec<Finding>) {
        self.look();
        let finding = |(index, count): (usize, u64)| {
            let what = SECRETS[index].0;
            Finding { place: place.to_owned(), what, count, example: String::new() }
        };
        findings.extend(self.found.into_iter().map(finding));
    }
}

impl Write for Scanner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const ENOUGH: usize = 1 << 20;
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= ENOUGH {
            self.look();
            self.rest.drain(..self.rest.len() - OVERLAP);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Looks for addresses of real people in a database, column by column, save in tables that are declared free of them.
pub(crate) fn database(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
) -> Result<Vec<Finding>, Error> {
    let keep = kept_tables(session, id);
    let schema = database.inspect().map_err(Error::database(id))?;
    let mut findings = Vec::new();
    for table in schema.tables.iter().filter(|table| !keep.is_match(&table.name)) {
        let mut seen: BTreeMap<usize, (u64, String)> = BTreeMap::new();
        let read = database.read_rows(&table.name, &mut |row| {
            for (column, value) in row.iter().enumerate() {
                let Some(value) = value else { continue };
                if let Some(example) = real_address(value) {
                    seen.entry(column).or_insert_with(|| (0, example)).0 += 1;
                }
            }
            Ok(())
        });
        read.map_err(Error::database(id))?;
        for (column, (count, example)) in seen {
            let place = format!("{id}: {}.{}", table.name, table.columns[column].name);
            findings.push(Finding { place, what: "addresses of real people", count, example });
        }
    }
    Ok(findings)
}

/// An address in a text that may be of a real person, masked.
pub(crate) fn real_address(text: &str) -> Option<String> {
    let found = ADDRESS.find_iter(text.as_bytes()).find(|found| !is_made_up(found.as_bytes()))?;
    Some(masked(&String::from_utf8_lossy(found.as_bytes())))
}

/// The tables that are declared free of personal data.
pub(crate) fn kept_tables(session: &Session<'_>, id: &DatabaseId) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in session.declaration(id).1.scrub.iter().flat_map(|scrub| &scrub.keep) {
        // The manifest was checked.
        set.add(GlobBuilder::new(&glob.pattern).build().expect("it is a glob, or the manifest has a problem"));
    }
    set.build().expect("each of them is a glob")
}

/// Looks through the databases of contents that are in a store.
pub(crate) fn people(session: &Session<'_>, store: &Store, contents: &[Content]) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let name = database::StateName::new("scanned").expect("it is a plain word");
    for content in contents.iter().filter(|content| content.kind != FILES && content.kind != "redis") {
        let Some(id) = DatabaseId::parse(&content.name).filter(|id| session.model.databases.contains_key(id)) else {
            continue;
        };
        let mut own = session.database(&id)?;
        let result = states::restore_as(session, &id, &mut *own, &name, content, store, false).and_then(|()| {
            let mut kept = own.open_kept(&name).map_err(Error::database(&id))?;
            database(session, &id, &mut *kept)
        });
        own.forget(&name).map_err(Error::database(&id))?;
        findings.extend(result?);
    }
    Ok(findings)
}

/// An address of which nobody can be told.
fn masked(address: &str) -> String {
    let (name, domain) = address.split_once('@').unwrap_or((address, ""));
    format!("{}***@{domain}", name.chars().next().unwrap_or('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8], piece: usize) -> Vec<&'static str> {
        let mut scanner = Scanner::default();
        text.chunks(piece).for_each(|piece| scanner.write_all(piece).expect("it takes everything"));
        let mut findings = Vec::new();
        scanner.end("here", &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn secrets_are_found_wherever_they_begin() {
        let cases = [
            (format!("x -----BEGIN {}PRIVATE KEY-----", "RSA "), vec!["a private key"]),
            (format!("key={}IOSFODNN7EXAMPLE ", "AKIA"), vec!["an AWS access key"]),
            (format!("'{}{}'", "ghp_", "a".repeat(36)), vec!["a GitHub token"]),
            ("nothing of interest".to_owned(), vec![]),
        ];
        for (text, expected) in cases {
            for piece in [7, 4096] {
                assert_eq!(found(text.as_bytes(), piece), expected, "{text}");
            }
        }
        let mut long = vec![b' '; (1 << 20) - 10];
        long.extend_from_slice(format!("{}IOSFODNN7EXAMPLE rest", "AKIA").as_bytes());
        assert_eq!(found(&long, 4096), ["an AWS access key"], "across pieces");
    }

    #[test]
    fn addresses_that_belong_to_nobody_are_no_finding() {
        for made_up in ["a@example.com", "a@mail.example.org", "x@host.invalid", "x@y.test", "USER1@EXAMPLE.COM"] {
            assert!(is_made_up(made_up.as_bytes()), "{made_up}");
        }
        for real in ["a@gmail.com", "a@example.co", "a@notexample.com", "a@test.de"] {
            assert!(!is_made_up(real.as_bytes()), "{real}");
            assert!(ADDRESS.is_match(format!("<{real}>").as_bytes()), "{real}");
        }
        assert_eq!(masked("jane.doe@gmail.com"), "j***@gmail.com");
    }
}
