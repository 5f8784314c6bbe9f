//! Free parameters as the command line has them, `PATH=LOW..HIGH`, and whether a scenario can be run at the ends of their ranges.

use super::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use super::source::{Place, Source};
use super::tree::{Node, Value};
use super::{Loaded, load_freed};
use indexmap::IndexMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A free parameter of the form `PATH=LOW..HIGH`; what path and ends mean is for the check to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeRange {
    text: String,
    path: Range<usize>,
    low: Range<usize>,
    high: Range<usize>,
}

impl FreeRange {
    /// Reads `PATH=LOW..HIGH`; `None` where it has another form.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        // A quoted key may hold an equals sign, an end of the range never does.
        let equals = text.rfind('=')?;
        let dots = equals + text[equals..].find("..")?;
        let [path, low, high] = [0..equals, equals + 1..dots, dots + 2..text.len()].map(|range| trimmed(text, range));
        let all = [&path, &low, &high].iter().all(|range| !range.is_empty());
        all.then(|| FreeRange { text: text.to_owned(), path, low, high })
    }

    /// The table that a scenario file would have for it. From a factor of ten on, the search steps by ratios.
    fn node(&self, source: usize) -> Node {
        let node = |range: &Range<usize>, value| {
            let place = Place { source, range: range.clone() };
            Node { key: place.clone(), place, value }
        };
        let text = |range: &Range<usize>| self.text[range.clone()].to_owned();
        let number = |range: &Range<usize>| self.text[range.clone()].parse::<f64>().ok().filter(|end| end.is_finite());
        let end = |range: &Range<usize>| node(range, number(range).map_or(Value::String(text(range)), Value::Float));
        let by_ratios = matches!((number(&self.low), number(&self.high)),
            (Some(low), Some(high)) if low > 0.0 && high >= 10.0 * low);
        let range = self.low.start..self.high.end;
        let scale = Value::String(if by_ratios { "log" } else { "linear" }.to_owned());
        let entries = [
            ("path", node(&self.path, Value::String(text(&self.path)))),
            ("low", end(&self.low)),
            ("high", end(&self.high)),
            ("scale", node(&range, scale)),
        ];
        let entries = entries.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
        node(&(0..self.text.len()), Value::Table(entries))
    }
}

/// A stretch of a text without the blanks at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// Puts ranges in the place of the free parameters of a scenario.
pub(super) fn replace(tree: &mut Node, ranges: &[FreeRange], found: &mut Diagnostics) {
    let Value::Table(entries) = &mut tree.value else { return };
    entries.shift_remove("free");
    if ranges.is_empty() {
        return;
    }
    let mut tables = IndexMap::new();
    for (index, range) in ranges.iter().enumerate() {
        let source = Source { name: "--free".into(), text: range.text.clone(), directory: PathBuf::new() };
        tables.insert(format!("argument-{}", index + 1), range.node(found.sources.add(source)));
    }
    let place = tables[0].place.clone();
    entries.insert("free".to_owned(), Node { key: place.clone(), place, value: Value::Table(tables) });
}

/// What is wrong with the ends of the ranges of a scenario: each is tried, with all else as it is.
pub(super) fn refused_ends(path: &Path, overrides: &[String], loaded: &Loaded) -> Vec<Diagnostic> {
    let mut refused = Vec::new();
    for (free, places) in loaded.plan.free.iter().zip(&loaded.free_places) {
        for (end, place) in [free.low, free.high].into_iter().zip(places) {
            let set = format!("{}={}", free.path, free.text(end));
            let tried: Vec<String> = overrides.iter().cloned().chain([set]).collect();
            let Err(problems) = load_freed(path, &tried, Some(&[])) else { continue };
            let Some(problem) = problems.iter().find(|problem| problem.severity == Severity::Error) else { continue };
            let label = problem.places.first().map_or("", |(_, label)| label.as_str());
            let refusal = Diagnostic::new(Code::BadFree, "the scenario cannot have this end of the range")
                .at(place.clone(), label)
                .note(format!("with `{}` at {}: {}", free.path, free.text(end), problem.message));
            refused.push(refusal.help("narrow the range"));
        }
    }
    refused
}
