//! The address of a repository: what git is given, and what two addresses of the same repository have in common.

use std::fmt;

/// The schemes that an address may have. Others run programs (`ext::`), or send everything unprotected (`git:`).
const SCHEMES: [&str; 4] = ["https", "ssh", "file", "http"];
const LONGEST: usize = 2000;

/// The address of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    identity: String,
}

/// Why a text is no address of a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

fn refused<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, AddressError> {
    Err(AddressError { message: message.into(), help: help.into() })
}

const FORMS: &str = "write `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH` or `file:///PATH`";

impl Address {
    /// Reads an address. None is taken that git could mistake for an option or that would make it run a program.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > LONGEST || text.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return refused("the address has blanks or control characters, or is too long", FORMS);
        }
        if text.starts_with('-') {
            return refused("the address looks like an option of git", FORMS);
        }
        match text.split_once("://") {
            Some((scheme, rest)) => Self::with_scheme(text, scheme, rest),
            None => Self::scp_like(text),
        }
    }

    fn with_scheme(text: &str, scheme: &str, rest: &str) -> Result<Self, AddressError> {
        if !SCHEMES.contains(&scheme) {
            return refused(format!("an address with `{scheme}:` is not fetched"), FORMS);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let trimmed = trimmed(path);
        if trimmed.is_empty() {
            return refused("the address names no repository", FORMS);
        }
        if scheme == "file" {
            if !authority.is_empty() {
                return refused(
                    "an address with `file:` has three slashes",
                    "write `file:///PATH`, with the whole path",
                );
            }
            return Ok(Self { text: text.to_owned(), identity: format!("/{trimmed}") });
        }
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if user.contains(':') {
            return refused(
                "the address has a password in it, which all who read the manifest would see",
                "leave it out: git's credential helpers keep passwords and tokens",
            );
        }
        check_user(user)?;
        check_host(host)?;
        let host = host.to_ascii_lowercase();
        let usual = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => ":22",
        };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        Ok(Self { text: text.to_owned(), identity: format!("{host}/{trimmed}") })
    }

    fn scp_like(text: &str) -> Result<Self, AddressError> {
        let parts = text.split_once('@').and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
        let Some((user, (host, path))) = parts.filter(|_| !text.contains("::")) else {
            return refused("this is no address of a repository", FORMS);
        };
        check_user(user)?;
        check_host(host)?;
        if trimmed(path).is_empty() || path.starts_with('-') {
            return refused("the address names no repository", FORMS);
        }
        let identity = format!("{}/{}", host.to_ascii_lowercase(), trimmed(path));
        Ok(Self { text: text.to_owned(), identity })
    }

    /// The address as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host and path: the same for all addresses of one repository, whichever way leads to it.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn trimmed(path: &str) -> &str {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

fn check_user(user: &str) -> Result<(), AddressError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-%~".contains(&byte);
    if user.starts_with('-') || !user.bytes().all(fits) {
        return refused(format!("`{user}` cannot be the name of a user"), FORMS);
    }
    Ok(())
}

fn check_host(host: &str) -> Result<(), AddressError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || host.starts_with(['-', ':']) || !host.bytes().all(fits) {
        return refused(format!("`{host}` is no name of a host"), FORMS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_of_one_repository_have_one_identity() {
        for (one, other) in [
            ("https://github.com/openedx/lms", "git@github.com:openedx/lms.git"),
            ("https://GitHub.com/openedx/lms.git", "ssh://git@github.com:22/openedx/lms/"),
            ("http://host:80/a", "https://user@host:443/a.git"),
            ("file:///srv/git/lms.git", "file:///srv/git/lms/"),
        ] {
            let identity = |text| Address::parse(text).unwrap().identity().to_owned();
            assert_eq!(identity(one), identity(other), "{one} {other}");
        }
        let other = |text| Address::parse(text).unwrap().identity().to_owned();
        assert_ne!(other("https://host:8443/a"), other("https://host/a"));
        assert_ne!(other("https://host/a"), other("https://host/A"));
    }

    #[test]
    fn what_git_could_misunderstand_is_refused() {
        for text in [
            "",
            "-u/usr/bin/touch",
            "--upload-pack=touch x",
            "ext::sh -c touch",
            "ext::sh",
            "fd::17",
            "git://host/a",
            "ssh://-oProxyCommand=touch/a",
            "ssh://-oProxyCommand=x@host/a",
            "git@-oProxyCommand=x:a",
            "git@host:-a",
            "https://host",
            "https://host/",
            "https://host/.git",
            "file://host/a",
            "file://",
            "https://user:secret@host/a",
            "HTTPS://host/a",
            "../lms",
            "/srv/git/lms",
            "host:path",
            "https://ho st/a",
            "https://host/a\nb",
            "https://ho%0ast/a",
            "git@ext::sh",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }
}
