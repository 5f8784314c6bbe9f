//! What is wrong with a scenario, where, why, and what to do about it.

use super::source::{Source, Sources};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use std::fmt;

pub use super::source::Place;

/// Problems shown in full; beyond them only the number is told.
const SHOWN: usize = 50;
/// Problems kept; a file of a million mistakes must not fill memory.
const KEPT: usize = 1000;
/// Longest message, in characters; a key of a megabyte must not fill the screen.
const LONGEST_MESSAGE: usize = 400;
/// Longest excerpt, in bytes; beyond it only the line and column are told.
const LONGEST_EXCERPT: usize = 8192;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kinds of problems, stable for scripts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of the stages that find it.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The name in messages: lower-case words and hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// A file does not exist.
    FileNotFound = "file-not-found",
    /// A file is not a regular file, or may not be read.
    Unreadable = "unreadable",
    /// A file is above the size limit.
    TooLarge = "too-large",
    /// A file is not UTF-8.
    NotUtf8 = "not-utf8",
    /// Not TOML.
    Syntax = "syntax",
    /// Tables and arrays are nested too deeply.
    TooDeep = "too-deep",
    /// `extends` is not a string, or leads in a circle or too far.
    BadExtends = "bad-extends",
    /// `remove` names something that is not inherited.
    BadRemove = "bad-remove",
    /// A `--set` argument is not PATH=VALUE.
    BadOverride = "bad-override",
    /// A key that the format does not have.
    UnknownKey = "unknown-key",
    /// A key that must be there is not.
    MissingKey = "missing-key",
    /// A value of the wrong type.
    WrongType = "wrong-type",
    /// Not exactly one of the forms that a value can take.
    WrongVariant = "wrong-variant",
    /// A number that is too small, too large or not finite.
    OutOfRange = "out-of-range",
    /// A list that is too short or too long.
    WrongLength = "wrong-length",
    /// A duration or an amount of money that cannot be read.
    BadQuantity = "bad-quantity",
    /// A CSV file that cannot be used.
    BadCsv = "bad-csv",
    /// A name with other characters than lower-case letters, digits and hyphens.
    BadName = "bad-name",
    /// A time zone that does not exist.
    UnknownZone = "unknown-zone",
    /// A time that is not RFC 3339 with an offset, in whole seconds.
    BadTime = "bad-time",
    /// A window that closes before it opens, or overlaps another.
    WindowOrder = "window-order",
    /// More of something than the simulator can hold.
    TooMany = "too-many",
    /// A reference to something that does not exist.
    UnknownName = "unknown-name",
    /// Shares that do not add up.
    ShareSum = "share-sum",
    /// Probabilities that do not sum to one.
    ProbabilitySum = "probability-sum",
    /// A state from which a session could never end.
    NoExit = "no-exit",
    /// Actions in an order that cannot work.
    ActionOrder = "action-order",
    /// Something is bought, but nothing is on sale.
    NothingOnSale = "nothing-on-sale",
    /// A category that is in demand but holds no SKU.
    EmptyCategory = "empty-category",
    /// Services that call each other in a circle.
    CallCycle = "call-cycle",
    /// Fewer shoppers or instances than cells.
    TooFewForCells = "too-few-for-cells",
    /// Parameters that do not make a distribution.
    BadDistribution = "bad-distribution",
    /// Neither or both of `file` and `values`.
    FileOrValues = "file-or-values",
    /// An arrival pattern that brings nobody in a window.
    NoArrivals = "no-arrivals",
    /// Durations that contradict each other.
    BadTiming = "bad-timing",
    /// A product of one category and a brand of another.
    BrandElsewhere = "brand-elsewhere",
    /// A target that cannot be read or measured.
    BadTarget = "bad-target",
    /// A slice of time that lies outside of its window, or not on the edges of recorded rows.
    BadSlice = "bad-slice",
    /// A free parameter that cannot be one.
    BadFree = "bad-free",
    /// A mistake of this program, not of the scenario.
    Internal = "internal",
    /// A state that no session reaches.
    UnreachableState = "unreachable-state",
    /// No segment comes to any window.
    NobodyComes = "nobody-comes",
    /// A participation that history would raise above one.
    MemoryCapped = "memory-capped",
    /// What depends on a history that nobody has yet.
    NoHistory = "no-history",
    /// Something is declared and never used.
    Unused = "unused",
    /// A timeout that even an idle service misses.
    ShortTimeout = "short-timeout",
}

impl Code {
    /// Whether the problem stops a run.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Code::UnreachableState
            | Code::NobodyComes
            | Code::MemoryCapped
            | Code::NoHistory
            | Code::Unused
            | Code::ShortTimeout => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a problem stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan, probably not the one that was meant.
    Warning,
}

/// One problem.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// Whether it stops a run.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where, each with a few words; the first is the place to look at.
    pub places: Vec<(Place, String)>,
    /// Why it is wrong.
    pub reason: Option<String>,
    /// A way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem without a place yet.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.severity(),
            message: message.into(),
            places: Vec::new(),
            reason: None,
            help: None,
        }
    }

    /// Adds a place; `label` may be empty.
    #[must_use]
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.places.push((place, label.into()));
        self
    }

    /// Says why.
    #[must_use]
    pub fn note(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests a name, where there is one close enough.
    #[must_use]
    pub(super) fn did_you_mean(mut self, suggestion: Option<&str>) -> Self {
        if let Some(name) = suggestion {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }
}

/// Problems of one load, with the texts that they are in.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    beyond: usize,
    errors: usize,
    pub(super) sources: Sources,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if !self.is_full() || diagnostic.severity == Severity::Error && self.errors == 1 {
            self.list.push(diagnostic);
        } else {
            self.beyond += 1;
        }
    }

    /// Further problems are only counted: no need to work out what might have been meant.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= KEPT
    }

    /// No problem at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// At least one problem stops a run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of problems, errors and warnings.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.beyond
    }

    /// Number of problems that stop a run.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// The problems, errors first, then by place; at most the first thousand that were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Name of the file (or `--set`), line and column of a place, both counted from one, columns in characters.
    #[must_use]
    pub fn locate(&self, place: &Place) -> (&str, usize, usize) {
        let source = self.sources.get(place.source);
        let before = &source.text[..source.text.floor_char_boundary(place.range.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (&source.name, before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Puts errors first, and each kind in the order of the files.
    pub(super) fn sort(&mut self) {
        self.list.sort_by_key(|d| {
            (d.severity, d.places.first().map(|(place, _)| (place.source, place.range.start, place.range.end)))
        });
    }

    /// The problems as text for people, with excerpts; `colour` adds terminal escapes. Ends with a newline unless empty.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for diagnostic in self.list.iter().take(SHOWN) {
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push_str("\n\n");
        }
        if self.count() > SHOWN {
            use fmt::Write;
            let _ = writeln!(text, "... and {} more", self.count() - SHOWN);
        } else {
            // One blank line between problems, none after the last.
            text.truncate(text.trim_end_matches('\n').len() + usize::from(!text.is_empty()));
        }
        text
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(shorten(&diagnostic.message)).id(diagnostic.code.name());
        let mut group = Group::with_title(title);
        let mut places = diagnostic.places.as_slice();
        let mut kind = AnnotationKind::Primary;
        while let [(first, _), ..] = places {
            let source = self.sources.get(first.source);
            let mut shown = 1;
            let mut excerpt = Excerpt::around(&source.text, std::slice::from_ref(&places[0]));
            // Places in one text share an excerpt while it stays short.
            while let Some((next, _)) = places.get(shown) {
                let wider = Excerpt::around(&source.text, &places[..=shown]);
                if next.source != first.source || wider.text.len() > LONGEST_EXCERPT {
                    break;
                }
                shown += 1;
                excerpt = wider;
            }
            group = excerpt.show(group, source, &places[..shown], kind);
            kind = AnnotationKind::Context;
            places = &places[shown..];
        }
        let trusted = |text: &str| normalize_untrusted_str(&shorten(text));
        if let Some(reason) = &diagnostic.reason {
            group = group.element(Level::NOTE.message(trusted(reason)));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(trusted(help)));
        }
        group
    }
}

/// The lines of a text that hold some places.
struct Excerpt<'a> {
    text: &'a str,
    start: usize,
    first_line: usize,
}

impl<'a> Excerpt<'a> {
    fn around(text: &'a str, places: &[(Place, String)]) -> Self {
        let low = places.iter().map(|(p, _)| p.range.start).min().unwrap_or(0);
        let high = places.iter().map(|(p, _)| p.range.start).max().unwrap_or(0);
        let (low, high) = (text.floor_char_boundary(low), text.floor_char_boundary(high));
        let start = text[..low].rfind('\n').map_or(0, |at| at + 1);
        let end = text[high..].find('\n').map_or(text.len(), |at| high + at);
        let first_line = text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        Excerpt { text: &text[start..end], start, first_line }
    }

    fn show(
        self,
        group: Group<'a>,
        source: &'a Source,
        places: &'a [(Place, String)],
        kind: AnnotationKind,
    ) -> Group<'a> {
        if self.text.len() > LONGEST_EXCERPT {
            let before = self.text.floor_char_boundary(places[0].0.range.start.saturating_sub(self.start));
            let column = self.text[..before].chars().count() + 1;
            return group.element(Origin::path(source.name.as_str()).line(self.first_line).char_column(column));
        }
        let mut snippet = Snippet::source(self.text).path(source.name.as_str()).line_start(self.first_line);
        let mut kind = kind;
        for (place, label) in places {
            let start = self.text.floor_char_boundary(place.range.start.saturating_sub(self.start));
            // A value of many lines is marked on its first.
            let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
            let end = place.range.end.saturating_sub(self.start).clamp(start, line_end);
            let annotation = kind.span(start..self.text.floor_char_boundary(end).max(start));
            let label = (!label.is_empty()).then(|| shorten(label));
            snippet = snippet.annotation(annotation.label(label));
            kind = AnnotationKind::Context;
        }
        group.element(snippet)
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
