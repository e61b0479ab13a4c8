//! Shows what goes on, on standard error.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use environment::{Monitor, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use source::RenderOptions;

use crate::duration::{duration, size};

/// A line for each step that ended, and, on a terminal, a spinner for each that goes on.
pub struct Display {
    quiet: bool,
    color: bool,
    width: usize,
    bars: Option<MultiProgress>,
    running: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Display {
    /// `terminal` is whether spinners can be shown.
    pub fn new(quiet: bool, terminal: bool, color: bool, width: usize) -> Self {
        Self { quiet, color, width, bars: terminal.then(MultiProgress::new), running: Mutex::default() }
    }

    /// Takes away what shows how far something is: the command is at its end, and may have been interrupted.
    pub fn end(&self) {
        for bar in std::mem::take(&mut *self.running.lock().expect("nothing panics while it holds this")).into_values()
        {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // A terminal that cannot be written to shows nothing; the command goes on.
            Some(bars) => drop(bars.println(text)),
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    /// Shows how far something is that has no step of its own.
    fn tell(&self, running: &mut BTreeMap<String, ProgressBar>, what: &str, text: &str) {
        let Some(bars) = &self.bars else { return };
        let bar = running.entry(format!("progress of {what}")).or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}").expect("it is a valid template");
            bars.add(ProgressBar::new_spinner().with_style(style))
        });
        bar.set_message(text.to_owned());
        bar.tick();
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl Monitor for Display {
    fn on(&self, progress: Progress<'_>) {
        if let Progress::Warnings(problems) = progress {
            self.line(source::render(problems, RenderOptions { color: self.color, width: self.width }).trim_end());
            return;
        }
        if self.quiet {
            return;
        }
        if matches!(progress, Progress::Note(_)) {
            self.running.lock().expect("nothing panics while it holds this").retain(|name, bar| {
                let is_step = !name.starts_with("progress of ");
                if !is_step {
                    bar.finish_and_clear();
                }
                is_step
            });
        }
        let mut running = self.running.lock().expect("nothing panics while it holds this");
        match progress {
            Progress::Began { step, title, reason } => {
                let Some(bars) = &self.bars else { return };
                let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}").expect("it is a valid template");
                let bar = bars.add(ProgressBar::new_spinner().with_style(style));
                bar.set_message(format!("{title} ({reason})"));
                bar.enable_steady_tick(Duration::from_millis(100));
                running.insert(step.to_owned(), bar);
            }
            Progress::Ended { step, title, took_ms, failure } => {
                if let Some(bar) = running.remove(step) {
                    bar.finish_and_clear();
                }
                match failure {
                    None if took_ms == 0 => self.line(&format!("{} {title}", self.paint("32", "✓"))),
                    None => self.line(&format!("{} {title}  {}", self.paint("32", "✓"), duration(took_ms))),
                    Some(failure) => self.line(&format!("{} {title}: {failure}", self.paint("31", "✗"))),
                }
            }
            Progress::Files { resource, entries, bytes } => {
                self.tell(&mut running, resource, &format!("files {resource}: {entries}, {}", size(bytes)));
            }
            Progress::Transferred { bytes, objects } => {
                self.tell(&mut running, "transfer", &format!("objects: {objects}, {}", size(bytes)));
            }
            Progress::Captured { from, rows } => {
                self.tell(&mut running, "capture", &format!("capture from {from}: rows: {rows}"));
            }
            Progress::Downloaded { bytes, of } => {
                let of = of.map_or_else(String::new, |of| format!(" of {}", size(of)));
                self.tell(&mut running, "download", &format!("download: {}{of}", size(bytes)));
            }
            Progress::Fetching { what } => self.tell(&mut running, "repositories", what),
            Progress::Pulled { layers, of } => {
                self.tell(&mut running, "image", &format!("image: {layers} of {of} layers"));
            }
            Progress::Note(text) => self.line(&format!("{} {text}", self.paint("33", "·"))),
            Progress::Planned(_) | Progress::Warnings(_) => {}
        }
    }
}
