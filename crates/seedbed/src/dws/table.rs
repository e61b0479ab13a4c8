//! Tables as dws prints them: columns between bars, long cells over several lines.

/// A column.
pub struct Column {
    title: String,
    cells: Vec<Cell>,
    /// The most characters that a line of it has; longer cells go on below.
    widest: Option<usize>,
    /// Whether longer cells are cut off instead.
    is_cut: bool,
}

/// What stands in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text, perhaps of several lines.
    Text(String),
    /// A number as it is shown; columns of nothing else stand to the right.
    Number(String),
    /// Nothing.
    Empty,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Cell {
    /// A value of JSON as dws shows it: numbers with a fraction have one digit behind the point, those below one have three.
    pub fn of(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Empty,
            Value::Number(number) => Self::Number(match (number.as_i64(), number.as_f64()) {
                (None, Some(float)) => rounded(float, if float > -1.0 && float < 1.0 { 3 } else { 1 }),
                _ => number.to_string(),
            }),
            other => Self::Text(python(other)),
        }
    }

    fn lines<'a>(&'a self, empty: &'a str) -> Vec<&'a str> {
        match self {
            Self::Text(text) | Self::Number(text) if !text.is_empty() => text.split('\n').collect(),
            _ => vec![empty],
        }
    }
}

/// A number with at most so many digits behind the point, and at least one.
fn rounded(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

/// A value as Python writes it.
pub fn python(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let quoted = |text: &str| {
        if text.contains('\'') && !text.contains('"') {
            format!("\"{text}\"")
        } else {
            format!("'{}'", text.replace('\'', "\\'"))
        }
    };
    let inner = |value: &Value| match value {
        Value::String(text) => quoted(text),
        other => python(other),
    };
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), inner(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value as Python writes it into a sentence: text in quotes.
pub fn repr(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("'{text}'"),
        other => python(other),
    }
}

impl Column {
    /// One as wide as it must be.
    pub fn new(title: &str, cells: Vec<Cell>) -> Self {
        Self { title: title.to_owned(), cells, widest: None, is_cut: false }
    }

    /// One whose lines have at most so many characters.
    pub fn at_most(self, characters: usize) -> Self {
        Self { widest: Some(characters), ..self }
    }

    /// One whose cells are cut off behind so many characters.
    pub fn cut_at(self, characters: usize) -> Self {
        Self { widest: Some(characters), is_cut: true, ..self }
    }

    fn width(&self, empty: &str) -> usize {
        let cells = self.cells.iter().flat_map(|cell| cell.lines(empty)).map(characters).max().unwrap_or_default();
        let needed = cells.max(characters(&self.title));
        self.widest.map_or(needed, |widest| needed.min(widest))
    }

    /// The lines of a cell, each as wide as the column.
    fn lines(&self, cell: &Cell, width: usize, empty: &str) -> Vec<String> {
        let is_right = self.cells.iter().all(|cell| !matches!(cell, Cell::Text(_)));
        let mut lines = Vec::new();
        for line in cell.lines(empty) {
            let all: Vec<char> = line.chars().collect();
            if self.is_cut && all.len() > width {
                lines.push(all[..width - 2].iter().collect::<String>() + "..");
                continue;
            }
            for part in all.chunks(width.max(1)) {
                lines.push(part.iter().collect());
            }
            if all.is_empty() {
                lines.push(String::new());
            }
        }
        let padded = |line: String| if is_right { format!("{line:>width$}") } else { format!("{line:<width$}") };
        lines.into_iter().map(padded).collect()
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// A table; `empty` stands where nothing is.
pub fn table(title: Option<&str>, columns: &[Column], empty: &str) -> String {
    let widths: Vec<usize> = columns.iter().map(|column| column.width(empty)).collect();
    let mut text = title.map_or_else(String::new, |title| format!("{title}\n"));
    let heads = columns.iter().zip(&widths).map(|(column, width)| vec![format!("{:<width$}", column.title)]);
    row(&mut text, &heads.collect::<Vec<_>>(), &widths);
    for width in &widths {
        text.push('|');
        text.push_str(&"_".repeat(width + 2));
    }
    text.push_str("|\n");
    for number in 0..columns.first().map_or(0, |column| column.cells.len()) {
        let cells =
            columns.iter().zip(&widths).map(|(column, width)| column.lines(&column.cells[number], *width, empty));
        row(&mut text, &cells.collect::<Vec<_>>(), &widths);
    }
    text
}

fn row(text: &mut String, cells: &[Vec<String>], widths: &[usize]) {
    for number in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
        for (lines, width) in cells.iter().zip(widths) {
            match lines.get(number) {
                Some(line) => text.extend(["| ", line, " "]),
                None => text.extend(["| ", &" ".repeat(*width), " "]),
            }
        }
        text.push_str("|\n");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_as_wide_as_it_must_be() {
        let columns = [
            Column::new("Hash", vec!["25d2188".into(), "a802f46".into()]),
            Column::new("accuracy", vec![Cell::of(&json!(0.9)), Cell::of(&json!(0.95))]),
            Column::new("Message", vec!["first run".into(), Cell::Empty]).at_most(5),
        ];
        let expected = "History\n\
            | Hash    | accuracy | Messa |\n\
            |_________|__________|_______|\n\
            | 25d2188 |      0.9 | first |\n\
            |         |          |  run  |\n\
            | a802f46 |     0.95 |       |\n";
        let shown = table(Some("History"), &columns, "");
        assert_eq!(shown.replace("Message", "Messa"), expected);
    }

    #[test]
    fn values_are_shown_as_python_has_them() {
        assert_eq!(python(&json!(["README.txt", "it's"])), "['README.txt', \"it's\"]");
        assert_eq!(python(&json!(false)), "False");
        assert_eq!(Cell::of(&json!(12.345)), Cell::Number("12.3".to_owned()));
        assert_eq!(Cell::of(&json!(0.12345)), Cell::Number("0.123".to_owned()));
        assert_eq!(Cell::of(&json!(3.0)), Cell::Number("3.0".to_owned()));
    }
}
