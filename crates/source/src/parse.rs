//! Text to tree: one YAML document, with every way to surprise the reader of it refused.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::scalar::{self, Unclear};
use crate::{Entry, Node, Place, Problem, SourceFile, Tree};

/// How deep maps and lists may be inside each other; also what bounds recursion over trees.
const MAX_DEPTH: usize = 64;
/// How many values all aliases of a file together may stand for.
const MAX_ALIASED: usize = 100_000;

/// Parses a file that holds one YAML document. An empty one is nothing.
pub fn parse(file: &SourceFile) -> Result<Tree, Problem> {
    let documents = build(file, Dialect::Strict)?.documents;
    Ok(documents.into_iter().next().unwrap_or_else(|| nothing(file)))
}

/// Parses a file as most readers of YAML do, for formats that are not ours: merge keys merge, numbers of YAML 1.1 are
/// numbers, there may be several documents, and tags of the format's own are kept beside the trees.
pub fn parse_loosely(file: &SourceFile) -> Result<LooseFile, Problem> {
    let mut loose = build(file, Dialect::Loose)?;
    if loose.documents.is_empty() {
        loose.documents.push(nothing(file));
    }
    Ok(loose)
}

/// A file that was read loosely.
#[derive(Clone, Debug)]
pub struct LooseFile {
    /// Its documents, of which there is at least one.
    pub documents: Vec<Tree>,
    /// The tags that the format gives a meaning to, such as `!reset`: each with the place of its value.
    pub tags: Vec<(String, Place)>,
}

/// How strictly a file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Strict,
    Loose,
}

fn nothing(file: &SourceFile) -> Tree {
    Tree { node: Node::Null, place: Place::start_of(file) }
}

fn build(file: &SourceFile, dialect: Dialect) -> Result<LooseFile, Problem> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        // One more than we allow, so that it is we who say so.
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut builder = Builder {
        file,
        dialect,
        open: Vec::new(),
        documents: Vec::new(),
        begun: 0,
        anchors: HashMap::new(),
        aliased: 0,
        tags: Vec::new(),
    };
    for event in Parser::new_from_str_with_options(file.text(), options) {
        let (event, span) = event.map_err(|error| syntax(file, &error))?;
        builder.take(event, &span)?;
    }
    Ok(LooseFile { documents: builder.documents, tags: builder.tags })
}

/// Turns events into a tree. A stack and no recursion, since the depth is the user's.
struct Builder<'a> {
    file: &'a SourceFile,
    dialect: Dialect,
    open: Vec<Open>,
    documents: Vec<Tree>,
    begun: usize,
    anchors: HashMap<usize, Anchored>,
    aliased: usize,
    tags: Vec<(String, Place)>,
}

/// A map or list whose end has not been seen.
struct Open {
    anchor: usize,
    /// A tag of the format's own.
    tag: Option<String>,
    start: usize,
    /// Where the last value ends: a block collection's own end is at the next token, lines further down.
    end: usize,
    flow: bool,
    kind: OpenKind,
    size: usize,
    height: usize,
}

enum OpenKind {
    List(Vec<Tree>),
    Map { entries: Vec<Entry>, places: HashMap<String, usize>, key: Option<(String, Place)> },
}

/// What an alias stands for; `size` in values, `height` in levels.
struct Anchored {
    tree: Tree,
    size: usize,
    height: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => {
                self.begun += 1;
                if self.begun > 1 && self.dialect == Dialect::Strict {
                    return Err(Problem::error("yaml::several-documents", "a file holds one document")
                        .at(&self.place(span), "a second one begins here")
                        .help("remove the `---`, or make it a file of its own"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let place = self.scalar_place(span, style);
                let own_tag = self.check_tag(tag.as_deref(), span)?;
                let node = if style == ScalarStyle::Plain && (tag.is_none() || own_tag.is_some()) {
                    let plain = if self.dialect == Dialect::Strict { scalar::plain } else { scalar::plain_loosely };
                    plain(&text).map_err(|unclear| unclear_number(&text, &unclear, &place))?
                } else {
                    Node::String(text.into_owned())
                };
                self.tags.extend(own_tag.map(|tag| (tag, place.clone())));
                self.value(Tree { node, place }, anchor, 1, 0, style == ScalarStyle::Plain)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let tag = self.check_tag(tag.as_deref(), span)?;
                let flow = style == granit_parser::StructureStyle::Flow;
                self.open(span, anchor, tag, flow, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag = self.check_tag(tag.as_deref(), span)?;
                let flow = style == granit_parser::StructureStyle::Flow;
                let kind = OpenKind::Map { entries: Vec::new(), places: HashMap::new(), key: None };
                self.open(span, anchor, tag, flow, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => {
                let place = self.place(span);
                let Some(Anchored { tree, size, height }) = self.anchors.get(&id) else {
                    return Err(Problem::error(
                        "yaml::endless-alias",
                        "an alias stands for something that contains it",
                    )
                    .at(&place, "this would never end"));
                };
                let (mut tree, size, height) = (tree.clone(), *size, *height);
                self.aliased += size;
                if self.aliased > MAX_ALIASED {
                    return Err(Problem::error(
                        "yaml::too-many-aliases",
                        format!("aliases stand for more than {MAX_ALIASED} values"),
                    )
                    .at(&place, "up to here"));
                }
                if tree.as_map().is_none() && tree.as_list().is_none() {
                    tree.place = place;
                }
                self.value(tree, 0, size, height, false)
            }
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        span: &Span,
        anchor: usize,
        tag: Option<String>,
        flow: bool,
        kind: OpenKind,
    ) -> Result<(), Problem> {
        let place = self.place(span);
        self.refuse_as_key(&place, if matches!(kind, OpenKind::List(_)) { "a list" } else { "a map" })?;
        self.check_depth(1, &place)?;
        let start = place.range().start;
        self.open.push(Open { anchor, tag, start, end: start, flow, kind, size: 1, height: 0 });
        Ok(())
    }

    fn close(&mut self, span: &Span) -> Result<(), Problem> {
        let open = self.open.pop().expect("the parser closes what it opened");
        let end = if open.flow { self.place(span).range().end } else { open.end };
        let node = match open.kind {
            OpenKind::List(values) => Node::List(values),
            OpenKind::Map { entries, .. } if self.dialect == Dialect::Loose => Node::Map(merged(entries)?),
            OpenKind::Map { entries, .. } => Node::Map(entries),
        };
        let tree = Tree { node, place: Place::new(self.file, open.start..end) };
        self.tags.extend(open.tag.map(|tag| (tag, tree.place.clone())));
        self.value(tree, open.anchor, open.size, open.height + 1, false)
    }

    /// Puts a finished value where it belongs: a key, a value of the innermost collection, or the root.
    fn value(&mut self, tree: Tree, anchor: usize, size: usize, height: usize, plain: bool) -> Result<(), Problem> {
        self.check_depth(height, &tree.place)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { tree: tree.clone(), size, height });
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(tree);
            return Ok(());
        };
        let end = tree.place.range().end;
        // An alias to a collection keeps the collection's place, which is further up.
        open.end = open.end.max(end);
        open.size += size;
        open.height = open.height.max(height);
        match &mut open.kind {
            OpenKind::List(values) => values.push(tree),
            OpenKind::Map { entries, places, key } => match key.take() {
                Some((name, key_place)) => {
                    places.insert(name.clone(), entries.len());
                    entries.push(Entry { key: name, key_place, value: tree });
                }
                None => *key = Some(checked_key(tree, plain && self.dialect == Dialect::Strict, entries, places)?),
            },
        }
        Ok(())
    }

    fn refuse_as_key(&self, place: &Place, what: &str) -> Result<(), Problem> {
        match self.open.last() {
            Some(Open { kind: OpenKind::Map { key: None, .. }, .. }) => {
                Err(Problem::error("yaml::key-not-a-string", format!("a key is a string, found {what}"))
                    .at(place, format!("this is {what}"))
                    .help("a value that begins with `{` or `[` needs quotes"))
            }
            _ => Ok(()),
        }
    }

    fn check_depth(&self, height: usize, place: &Place) -> Result<(), Problem> {
        if self.open.len() + height <= MAX_DEPTH {
            return Ok(());
        }
        Err(Problem::error("yaml::too-deep", format!("values are nested more than {MAX_DEPTH} levels deep"))
            .at(place, "too deep from here on"))
    }

    /// Lets `!!str` through, which only says what quotes would; in a loose file also tags of the format's own, which are
    /// returned.
    fn check_tag(&self, tag: Option<&Tag>, span: &Span) -> Result<Option<String>, Problem> {
        let Some(tag) = tag else { return Ok(None) };
        if tag.handle() == "tag:yaml.org,2002:" && tag.suffix() == "str" {
            return Ok(None);
        }
        if self.dialect == Dialect::Loose && tag.handle() == "!" {
            return Ok(Some(tag.suffix().to_owned()));
        }
        let place = self.place(&span.tag_span().unwrap_or(*span));
        Err(Problem::error("yaml::tag", "tags are not used here")
            .at(&place, "a tag")
            .help("a value that begins with `!` needs quotes"))
    }

    fn place(&self, span: &Span) -> Place {
        place(self.file, span.start.byte_offset(), span.end.byte_offset())
    }

    /// The place of a scalar without what the parser counts to it after its last character.
    fn scalar_place(&self, span: &Span, style: ScalarStyle) -> Place {
        let place = self.place(span);
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => place,
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
                let range = place.range();
                let length = place.text().trim_end().len();
                Place::new(self.file, range.start..range.start + length)
            }
        }
    }
}

/// Makes a key of a value, if it can be one and is new.
fn checked_key(
    tree: Tree,
    plain: bool,
    entries: &[Entry],
    places: &HashMap<String, usize>,
) -> Result<(String, Place), Problem> {
    let kind = tree.kind();
    let Tree { node, place } = tree;
    let Node::String(name) = node else {
        let problem = Problem::error("yaml::key-not-a-string", format!("a key is a string, found {kind}"))
            .at(&place, format!("this is {kind}"));
        let text = place.text();
        return Err(if text.is_empty() { problem } else { problem.help(format!("put it in quotes: `\"{text}\"`")) });
    };
    if plain && name == "<<" {
        return Err(Problem::error("yaml::merge-key", "`<<` does not merge maps here")
            .at(&place, "merge keys are not part of YAML 1.2")
            .help("write the keys out"));
    }
    if let Some(first) = places.get(&name) {
        return Err(Problem::error("yaml::duplicate-key", format!("the key `{name}` is there twice"))
            .at(&place, "again here")
            .at(&entries[*first].key_place, "first here"));
    }
    Ok((name, place))
}

/// Puts what merge keys name into a map: keys of its own come first, then those of the first map that is named.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Problem> {
    if entries.iter().all(|entry| entry.key != "<<") {
        return Ok(entries);
    }
    let (named, mut merged): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    for Entry { key_place, value, .. } in named {
        let maps = match value.node {
            Node::List(values) => values,
            _ => vec![value],
        };
        for map in maps {
            let Node::Map(entries) = map.node else {
                return Err(map.wrong_type("a map, or a list of maps").at(&key_place, "what is merged here"));
            };
            for entry in entries {
                if merged.iter().all(|known| known.key != entry.key) {
                    merged.push(entry);
                }
            }
        }
    }
    Ok(merged)
}

fn unclear_number(text: &str, unclear: &Unclear, place: &Place) -> Problem {
    let (message, label) = match unclear {
        Unclear::LeadingZero => ("a number with a leading zero is unclear", "decimal to some readers, octal to others"),
        Unclear::TooLarge => ("a whole number has at most 64 bits", "too large"),
        Unclear::NotFinite => ("a number is finite", "not a finite number"),
    };
    Problem::error("yaml::unclear-number", message)
        .at(place, label)
        .help(format!("if it is text, put it in quotes: `\"{text}\"`"))
}

fn syntax(file: &SourceFile, error: &ScanError) -> Problem {
    let offset = error.marker().byte_offset().unwrap_or_else(|| file.text().len());
    let text = file.text();
    // At the end of the text there is nothing to point at: the last character that is.
    let offset = if offset >= text.len() { text.trim_end().len().saturating_sub(1) } else { offset };
    let about_tab = matches!(
        error.kind(),
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
    );
    // The parser points behind the tab that it complains about.
    let tab = text.get(..=offset).and_then(|before| before.rfind('\t')).filter(|_| about_tab);
    let offset = tab.unwrap_or(offset);
    let place = place(file, Some(offset), Some(offset + 1));
    let message = error.kind().to_string();
    let help = if about_tab {
        Some("indent with spaces".to_owned())
    } else if place.text() == "{" && text[..place.range().start].ends_with('$') {
        Some("a value with `${…}` needs quotes where it stands between braces or brackets".to_owned())
    } else if place.text().starts_with(['`', '@', '%']) {
        Some("a value that begins with this character needs quotes".to_owned())
    } else {
        None
    };
    Problem::error("yaml::syntax", message).at(&place, "not YAML from here on").maybe_help(help)
}

fn place(file: &SourceFile, start: Option<usize>, end: Option<usize>) -> Place {
    let start = start.expect("a parser over text knows bytes");
    Place::new(file, start..end.expect("a parser over text knows bytes"))
}
