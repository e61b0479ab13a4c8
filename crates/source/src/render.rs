//! Problems as text for a terminal.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::{Problem, Problems, Severity, SourceFile};

/// How problems are shown.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// Whether with colour.
    pub color: bool,
    /// How wide the terminal is, in columns.
    pub width: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { color: false, width: 120 }
    }
}

/// Renders all problems as one report, by file and place, each once. Empty when there are none.
pub fn render(problems: &Problems, options: RenderOptions) -> String {
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(options.width);
    let mut report = String::new();
    for problem in problems.sorted() {
        if !report.is_empty() {
            report.push('\n');
        }
        report.push_str(&render_one(problem, &renderer));
        report.push('\n');
    }
    report
}

fn render_one(problem: &Problem, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level.primary_title(&problem.message).id(problem.code).elements(snippets(problem));
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// One snippet for each file, in the order in which the labels name them.
fn snippets(problem: &Problem) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
    let mut files: Vec<&SourceFile> = Vec::new();
    for label in &problem.labels {
        if !files.contains(&label.place.file()) {
            files.push(label.place.file());
        }
    }
    let snippet = |file: &'_ SourceFile| {
        let labels = problem.labels.iter().enumerate().filter(|(_, label)| label.place.file() == file);
        labels
            .map(|(index, label)| {
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                // A map of many lines would be drawn along its whole height.
                kind.span(label.place.first_line().range())
                    .label((!label.text.is_empty()).then_some(label.text.as_str()))
            })
            .collect::<Vec<_>>()
    };
    files.into_iter().map(|file| Snippet::source(file.text()).path(file.name()).annotations(snippet(file))).collect()
}
