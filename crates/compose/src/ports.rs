//! Ports of a service, which are written `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`; one may stand for several.

use source::{Node, Tree};

use crate::normal::{Normalising, string};
use crate::short::at_length;

const RULE: &str = "a port is `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, such as `8080:80` or `127.0.0.1:5353:53/udp`";

/// Writes ports at length.
pub(crate) fn ports(tree: &Tree, normalising: &mut Normalising<'_>) -> Vec<Tree> {
    let text = match &tree.node {
        Node::Map(_) => return vec![completed(tree)],
        Node::String(text) => text.clone(),
        Node::Integer(number) => number.to_string(),
        _ => {
            normalising.wrong::<()>(tree, "a port, or a map with `target` and `published`");
            return Vec::new();
        }
    };
    match Ports::parse(&text) {
        Ok(ports) => ports.at_length(tree),
        Err(reason) => {
            normalising.malformed::<()>(tree, &format!("a port: {reason}"), RULE);
            Vec::new()
        }
    }
}

/// A port that is written at length says its protocol and mode.
fn completed(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let defaults = at_length(&tree, [("mode", string("ingress")), ("protocol", string("tcp"))]);
    if let (Node::Map(entries), Node::Map(defaults)) = (&mut tree.node, defaults.node) {
        for default in defaults {
            if entries.iter().all(|entry| entry.key != default.key) {
                entries.push(default);
            }
        }
        // A number outside is a text, since it may be a range.
        for entry in entries.iter_mut().filter(|entry| entry.key == "published") {
            if let Node::Integer(number) = entry.value.node {
                entry.value.node = string(number.to_string());
            }
        }
    }
    tree
}

/// What a text says of ports.
struct Ports<'t> {
    address: &'t str,
    published: Option<(u16, u16)>,
    target: (u16, u16),
    protocol: String,
}

impl<'t> Ports<'t> {
    fn parse(text: &'t str) -> Result<Self, &'static str> {
        let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = protocol.to_lowercase();
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return Err("the protocol is `tcp`, `udp` or `sctp`");
        }
        let (outside, target) = numbers.rsplit_once(':').map_or((None, numbers), |(out, inner)| (Some(out), inner));
        let (address, published) = match outside {
            None => ("", ""),
            Some(outside) => outside.rsplit_once(':').unwrap_or(("", outside)),
        };
        let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
            return Err("the address is a number, such as `127.0.0.1` or `[::1]`");
        }
        let target = range(target).ok_or("the port inside is a number from 1 to 65535, or a range")?;
        let published = match published {
            "" => None,
            published => Some(range(published).ok_or("the port outside is a number up to 65535, or a range")?),
        };
        let length = |(first, last): (u16, u16)| last - first;
        if published.is_some_and(|published| length(published) != length(target) && length(target) != 0) {
            return Err("both ranges are equally long, or there is one port inside");
        }
        Ok(Self { address, published, target, protocol })
    }

    fn at_length(&self, tree: &Tree) -> Vec<Tree> {
        let several = self.target.0 != self.target.1;
        let mut ports: Vec<_> = (self.target.0..=self.target.1).collect();
        // As Compose has them.
        ports.sort_by_cached_key(ToString::to_string);
        let port = |target: u16| {
            let published = self.published.map(|(first, last)| match several {
                true => (first + (target - self.target.0)).to_string(),
                false if first == last => first.to_string(),
                false => format!("{first}-{last}"),
            });
            let mut entries = vec![("mode", string("ingress"))];
            if !self.address.is_empty() {
                entries.push(("host_ip", string(self.address)));
            }
            entries.push(("target", Node::Integer(target.into())));
            entries.extend(published.map(|published| ("published", string(published))));
            entries.push(("protocol", string(self.protocol.as_str())));
            at_length(tree, entries)
        };
        ports.into_iter().map(port).collect()
    }
}

/// Reads a port or a range of ports.
pub fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}
