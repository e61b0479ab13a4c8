//! A command line split into words as a shell would, without a shell.

use source::{Place, Problem};

use crate::template::{Dollar, Template, TemplateBuilder, dollar};

/// Splits into words; what only a shell could carry out is a problem. A reference stays in its word, whatever it holds.
pub(crate) fn split(text: &str, place: &Place) -> Result<Vec<Template>, Problem> {
    let mut splitter = Splitter { text, place, words: Vec::new(), word: None };
    splitter.run()?;
    Ok(splitter.words)
}

struct Splitter<'a> {
    text: &'a str,
    place: &'a Place,
    words: Vec<Template>,
    /// The word that is being read, and where it begins.
    word: Option<(TemplateBuilder, usize)>,
}

impl Splitter<'_> {
    fn run(&mut self) -> Result<(), Problem> {
        let mut quote: Option<(char, usize)> = None;
        let mut index = 0;
        while let Some(character) = self.text[index..].chars().next() {
            let length = character.len_utf8();
            let next = self.text[index + length..].chars().next();
            match (quote.map(|(mark, _)| mark), character) {
                (None, '\n') if !self.words_are_over(index) => {
                    self.end_word(index);
                    if !self.words.is_empty() {
                        return Err(self.needs_shell(index..index, "a second line is a second command to a shell"));
                    }
                }
                (None, blank) if blank.is_whitespace() => self.end_word(index),
                (None, '\'' | '"') => {
                    self.word(index);
                    quote = Some((character, index));
                }
                (Some(mark), end) if mark == end => quote = None,
                // A line that goes on.
                (None | Some('"'), '\\') if next == Some('\n') => index += 1,
                (None | Some('"'), '\\') => {
                    let escaped = next.filter(|next| quote.is_none() || "$`\"\\".contains(*next));
                    self.word(index).push(escaped.unwrap_or('\\'));
                    index += escaped.map_or(0, char::len_utf8);
                }
                (in_quotes, '$') => {
                    let found = dollar(self.text, index, self.place)?;
                    let word = self.word(index);
                    index += match found {
                        Dollar::Reference(reference, length) => {
                            word.push_reference(reference);
                            length
                        }
                        Dollar::Sign(1) if in_quotes.is_none() => {
                            let name =
                                self.text[index + 1..].find(|part: char| !part.is_ascii_alphanumeric() && part != '_');
                            let end = name.map_or(self.text.len(), |length| index + 1 + length);
                            return Err(self.needs_shell(index..end, "only a shell knows variables"));
                        }
                        Dollar::Sign(length) => {
                            word.push('$');
                            length
                        }
                    } - length;
                }
                (None, '|' | '&' | ';' | '<' | '>' | '*' | '`') => {
                    return Err(self.needs_shell(index..index + length, "this means something only to a shell"));
                }
                _ => self.word(index).push(character),
            }
            index += length;
        }
        if let Some((mark, start)) = quote {
            return Err(Problem::error("manifest::command", format!("the quote {mark} is not closed"))
                .at(&self.place.within(self.text, start..start + 1), "begins here and never ends"));
        }
        self.end_word(self.text.len());
        self.check_program()
    }

    /// The word that is being read; begins one if there is none.
    fn word(&mut self, index: usize) -> &mut TemplateBuilder {
        &mut self.word.get_or_insert_with(|| (TemplateBuilder::default(), index)).0
    }

    fn end_word(&mut self, index: usize) {
        if let Some((builder, start)) = self.word.take() {
            self.words.push(builder.build(self.place.within(self.text, start..index)));
        }
    }

    fn words_are_over(&self, index: usize) -> bool {
        self.text[index..].trim().is_empty()
    }

    fn check_program(&self) -> Result<(), Problem> {
        if self.words.is_empty() {
            return Err(
                Problem::error("manifest::command", "a command needs a program").at(self.place, "there is none here")
            );
        }
        let first = self.text.split_whitespace().next().unwrap_or_default();
        let assignment = first.split_once('=').map(|(name, _)| name);
        match assignment.filter(|name| crate::format::VARIABLE.matches(name)) {
            Some(name) => Err(Problem::error("manifest::command", "an assignment before a command needs a shell")
                .at(self.words[0].place(), "this would be taken for the program")
                .help(format!("put `{name}` under `env:`"))),
            None => Ok(()),
        }
    }

    fn needs_shell(&self, range: std::ops::Range<usize>, label: &str) -> Problem {
        let what = match &self.text[range.clone()] {
            "" => "several lines need a shell".to_owned(),
            "`" => "a backtick needs a shell, and `run` starts the program without one".to_owned(),
            text => format!("`{text}` needs a shell, and `run` starts the program without one"),
        };
        Problem::error("manifest::needs-shell", what)
            .at(&self.place.within(self.text, range), label)
            .help("write `run: { shell: \"…\" }`, or put quotes around what is meant as it stands")
    }
}
