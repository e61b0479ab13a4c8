//! Conditions as engines write them, read as far as they are understood.

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Column(String),
    Text(String),
    /// The digits as they stand.
    Number(String),
    Boolean(bool),
    Null,
    /// The present moment.
    Now,
    /// A duration, in microseconds.
    Interval(i64),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    IsNull(Box<Expression>),
    /// A pattern; `true`: letters of both cases are the same.
    Like(Box<Expression>, String, bool),
    /// A regular expression.
    Matches(Box<Expression>, String),
    Call(String, Vec<Expression>),
    /// `+` or `-`.
    Sum(Box<Expression>, bool, Box<Expression>),
    List(Vec<Expression>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    /// The comparison that is true when this one is false.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::Unequal,
            Self::Unequal => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }

    /// How it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// The same comparison with its sides changed.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }
}

/// Reads a condition; `None` when something in it is not understood.
pub(crate) fn parse(text: &str) -> Option<Expression> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, position: 0, depth: 0 };
    let expression = parser.or()?;
    (parser.position == parser.tokens.len()).then_some(expression)
}

impl Expression {
    /// Adds the columns in it.
    pub(crate) fn columns(&self, into: &mut Vec<String>) {
        match self {
            Self::Column(name) if into.contains(name) => {}
            Self::Column(name) => into.push(name.clone()),
            Self::And(parts) | Self::Or(parts) | Self::Call(_, parts) | Self::List(parts) => {
                for part in parts {
                    part.columns(into);
                }
            }
            Self::Not(part) | Self::IsNull(part) | Self::Like(part, ..) | Self::Matches(part, _) => part.columns(into),
            Self::Compare(_, left, right) | Self::Sum(left, _, right) => {
                left.columns(into);
                right.columns(into);
            }
            Self::In(part, parts) => {
                for part in parts.iter().chain([&**part]) {
                    part.columns(into);
                }
            }
            _ => {}
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name or keyword that is not quoted.
    Word(String),
    /// A quoted name.
    Name(String),
    Text(String),
    Number(String),
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 27] = [
    "!~~*", "!~~", "~~*", "!~*", "::", "<>", "!=", "<=", ">=", "~~", "!~", "~*", "||", "==", "(", ")", "[", "]", ",",
    ".", "<", ">", "=", "+", "-", "~", "*",
];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' || first == '`' {
            let (content, length) = quoted(rest, first)?;
            tokens.push(if first == '\'' { Token::Text(content) } else { Token::Name(content) });
            length
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()) {
            let length = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..length].to_owned()));
            length
        } else if first.is_alphabetic() || first == '_' {
            let is_inside = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
            let length = rest.find(|letter| !is_inside(letter)).unwrap_or(rest.len());
            // What an engine puts before a text to name its character set.
            if matches!(&rest[..length], "_utf8mb4" | "_latin1" | "_utf8" | "N") && rest[length..].starts_with('\'') {
            } else {
                tokens.push(Token::Word(rest[..length].to_owned()));
            }
            length
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Reads up to the closing quote, which stands for itself when it is doubled.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((position, letter)) = letters.next() {
        if letter != quote {
            content.push(letter);
        } else if letters.peek().is_some_and(|(_, next)| *next == quote) {
            content.push(quote);
            letters.next();
        } else {
            return Some((content, position + 1));
        }
    }
    None
}

/// How deep a condition may be nested: more is no condition that a person wrote.
const MAX_DEPTH: usize = 200;

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.position += usize::from(is_there);
        is_there
    }

    fn word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.position += usize::from(is_there);
        is_there
    }

    fn or(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut parts = vec![self.and()?];
        while self.word("OR") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self) -> Option<Expression> {
        let mut parts = vec![self.not()?];
        while self.word("AND") {
            parts.push(self.not()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn not(&mut self) -> Option<Expression> {
        if self.word("NOT") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let negated = Expression::Not(Box::new(self.not()?));
            self.depth -= 1;
            return Some(negated);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Option<Expression> {
        let left = self.sum()?;
        if self.word("IS") {
            let negated = self.word("NOT");
            let found = if self.word("NULL") {
                Expression::IsNull(Box::new(left))
            } else if self.word("TRUE") {
                left
            } else if self.word("FALSE") {
                Expression::Not(Box::new(left))
            } else {
                return None;
            };
            return Some(if negated { Expression::Not(Box::new(found)) } else { found });
        }
        let negated = self.word("NOT");
        let negate = |found| if negated { Expression::Not(Box::new(found)) } else { found };
        if self.word("BETWEEN") {
            let least = self.sum()?;
            if !self.word("AND") {
                return None;
            }
            let greatest = self.sum()?;
            return Some(negate(Expression::And(vec![
                Expression::Compare(Comparison::GreaterEqual, Box::new(left.clone()), Box::new(least)),
                Expression::Compare(Comparison::LessEqual, Box::new(left), Box::new(greatest)),
            ])));
        }
        if self.word("IN") {
            let Expression::List(values) = self.list("(", ")")? else { return None };
            return Some(negate(Expression::In(Box::new(left), values)));
        }
        for (word, any_case) in [("LIKE", false), ("ILIKE", true)] {
            if self.word(word) {
                let Expression::Text(pattern) = self.sum()? else { return None };
                return Some(negate(Expression::Like(Box::new(left), pattern, any_case)));
            }
        }
        if self.word("REGEXP") || self.word("RLIKE") {
            let Expression::Text(pattern) = self.sum()? else { return None };
            return Some(negate(Expression::Matches(Box::new(left), pattern)));
        }
        if negated {
            return None;
        }
        let Some(Token::Sign(sign)) = self.peek() else { return Some(left) };
        let sign = *sign;
        let comparison = match sign {
            "=" | "==" => Comparison::Equal,
            "<>" | "!=" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterEqual,
            "~~" | "~~*" | "!~~" | "!~~*" | "~" | "!~" => {
                self.position += 1;
                let Expression::Text(pattern) = self.sum()? else { return None };
                let found = match sign.trim_start_matches('!') {
                    "~" => Expression::Matches(Box::new(left), pattern),
                    like => Expression::Like(Box::new(left), pattern, like == "~~*"),
                };
                return Some(if sign.starts_with('!') { Expression::Not(Box::new(found)) } else { found });
            }
            _ => return Some(left),
        };
        self.position += 1;
        let quantifier = if self.word("ANY") { Some(Comparison::Equal) } else { None };
        let quantifier = if self.word("ALL") { Some(Comparison::Unequal) } else { quantifier };
        if let Some(wanted) = quantifier {
            if wanted != comparison || !self.sign("(") {
                return None;
            }
            let Expression::List(values) = self.sum()? else { return None };
            if !self.sign(")") {
                return None;
            }
            let found = Expression::In(Box::new(left), values);
            return Some(if wanted == Comparison::Equal { found } else { Expression::Not(Box::new(found)) });
        }
        Some(Expression::Compare(comparison, Box::new(left), Box::new(self.sum()?)))
    }

    fn sum(&mut self) -> Option<Expression> {
        let mut left = self.cast()?;
        loop {
            let plus = if self.sign("+") {
                true
            } else if self.sign("-") {
                false
            } else {
                return Some(left);
            };
            left = Expression::Sum(Box::new(left), plus, Box::new(self.cast()?));
        }
    }

    /// A value, with the types that it is cast to, which do not matter save for durations.
    fn cast(&mut self) -> Option<Expression> {
        let mut value = self.value()?;
        loop {
            if self.sign("::") {
                let name = self.type_name()?;
                if name == "interval"
                    && let Expression::Text(text) = &value
                {
                    value = Expression::Interval(interval(text)?);
                } else if let Expression::Text(text) = &value
                    && name.ends_with("[]")
                {
                    value = Expression::List(array(text)?);
                }
            } else if self.word("COLLATE") {
                self.position += 1;
                if self.sign(".") {
                    self.position += 1;
                }
            } else {
                return Some(value);
            }
        }
    }

    /// The name of a type, without its length: `character varying(20)[]` is `character varying[]`.
    fn type_name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.peek()? {
                Token::Word(word) => name.push_str(&word.to_ascii_lowercase()),
                Token::Name(word) => name.push_str(word),
                _ => return None,
            }
            self.position += 1;
            if self.sign(".") {
                name.clear();
                continue;
            }
            let goes_on = matches!(self.peek(), Some(Token::Word(word))
                if matches!(word.as_str(), "varying" | "precision" | "with" | "without" | "time" | "zone"));
            if !goes_on {
                break;
            }
            name.push(' ');
        }
        if self.sign("(") {
            while !self.sign(")") {
                self.peek()?;
                self.position += 1;
            }
        }
        // What stands after the length: `timestamp(3) without time zone`.
        while matches!(self.peek(), Some(Token::Word(word)) if matches!(word.as_str(), "with" | "without" | "time" | "zone"))
        {
            self.position += 1;
        }
        if self.sign("[") {
            self.sign("]").then_some(())?;
            name.push_str("[]");
        }
        Some(name)
    }

    fn list(&mut self, open: &str, close: &str) -> Option<Expression> {
        self.sign(open).then_some(())?;
        let mut values = Vec::new();
        if self.sign(close) {
            return Some(Expression::List(values));
        }
        loop {
            values.push(self.or()?);
            if self.sign(close) {
                return Some(Expression::List(values));
            }
            self.sign(",").then_some(())?;
        }
    }

    fn value(&mut self) -> Option<Expression> {
        if self.sign("(") {
            let inner = self.or()?;
            return self.sign(")").then_some(inner);
        }
        if self.sign("-") {
            let Expression::Number(digits) = self.value()? else { return None };
            return Some(Expression::Number(format!("-{digits}")));
        }
        let token = self.peek()?.clone();
        self.position += 1;
        match token {
            Token::Text(text) => Some(Expression::Text(text)),
            Token::Number(digits) => Some(Expression::Number(digits)),
            Token::Name(name) => Some(self.column(name)),
            Token::Word(word) => self.named(&word),
            Token::Sign(_) => None,
        }
    }

    /// A column, of which only the last part of its name counts.
    fn column(&mut self, mut name: String) -> Expression {
        while self.sign(".") {
            if let Some(Token::Name(part) | Token::Word(part)) = self.peek() {
                name.clone_from(part);
            }
            self.position += 1;
        }
        Expression::Column(name)
    }

    fn named(&mut self, word: &str) -> Option<Expression> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "true" => return Some(Expression::Boolean(true)),
            "false" => return Some(Expression::Boolean(false)),
            "null" => return Some(Expression::Null),
            "current_timestamp" | "current_date" | "localtimestamp" => {
                if self.sign("(") {
                    self.sign(")").then_some(())?;
                }
                return Some(Expression::Now);
            }
            "array" if matches!(self.peek(), Some(Token::Sign("["))) => return self.list("[", "]"),
            "interval" => {
                if let Some(Token::Text(text)) = self.peek().cloned() {
                    self.position += 1;
                    return Some(Expression::Interval(interval(&text)?));
                }
            }
            "case" | "cast" | "extract" | "exists" | "select" => return None,
            _ => {}
        }
        if matches!(self.peek(), Some(Token::Sign("("))) {
            let Expression::List(arguments) = self.list("(", ")")? else { return None };
            let is_now = matches!(lower.as_str(), "now" | "curdate" | "sysdate");
            return Some(if is_now { Expression::Now } else { Expression::Call(lower, arguments) });
        }
        Some(self.column(word.to_owned()))
    }
}

/// Reads `18 years` or `1 day 02:00:00`, in microseconds; months and years as long as they are on average.
fn interval(text: &str) -> Option<i64> {
    let mut micros = 0_i64;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            let mut parts = word.split(':').map(|part| part.parse::<i64>().ok());
            let seconds = parts.next()?? * 3600 + parts.next()?? * 60 + parts.next().unwrap_or(Some(0))?;
            micros += seconds * 1_000_000;
            continue;
        }
        let number: i64 = word.parse().ok()?;
        let unit = match words.next()?.trim_end_matches('s') {
            "second" | "sec" => 1,
            "minute" | "min" | "mins" => 60,
            "hour" => 3600,
            "day" => 86_400,
            "week" => 7 * 86_400,
            "month" | "mon" => 30 * 86_400 + 43_200,
            "year" => 365 * 86_400 + 21_600,
            _ => return None,
        };
        micros = micros.checked_add(number.checked_mul(unit)?.checked_mul(1_000_000)?)?;
    }
    Some(micros)
}

/// Reads `{a,b}`, the form in which PostgreSQL writes a list as a text.
fn array(text: &str) -> Option<Vec<Expression>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    if inner.contains(['"', '{', '\\']) {
        return None;
    }
    Some(inner.split(',').map(|part| Expression::Text(part.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        parse(text).map_or_else(|| "not understood".to_owned(), |found| format!("{found:?}"))
    }

    #[test]
    fn the_same_condition_is_the_same_in_every_engines_words() {
        let plain = parse("price >= 0 AND price <= 10").unwrap();
        for other in [
            "((price >= (0)::numeric) AND (price <= (10)::numeric))",
            "`price` between 0 and 10",
            "\"price\" BETWEEN 0 AND 10",
        ] {
            assert_eq!(parse(other), Some(plain.clone()), "{other}");
        }
        let list = parse("state IN ('a', 'b')").unwrap();
        for other in [
            "((state)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "(state = ANY (ARRAY['a'::text, 'b'::text]))",
            "`state` in (_utf8mb4'a','b')",
            "state = ANY ('{a,b}'::text[])",
        ] {
            assert_eq!(parse(other), Some(list.clone()), "{other}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for text in ["a = ", "(a > 1", "CASE WHEN a THEN 1 END > 0", "a < ANY (ARRAY[1])", "a @> b", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(shown("birthdate <= (now() - '18 years'::interval)").contains("Now, false, Interval(568"));
    }
}
