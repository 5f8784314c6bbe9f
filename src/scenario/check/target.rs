//! Targets: their text, what they are measured on, and when.

use super::Check;
use super::clock::Clock;
use crate::engine::schedule;
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::schema::closest;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;
use crate::target::expression::Wrong;
use crate::target::{Expression, Kept, Kind, MAX_TARGETS, METRICS, Metric, Slice, Subject, Target, Unit};
use crate::units::{Instant, Nanos};

impl Check<'_> {
    pub(super) fn targets(&mut self, clock: &Clock) -> Vec<Target> {
        let targets = &self.file.target;
        self.at_most("target", targets.len(), MAX_TARGETS, self.root.key("target"));
        targets.iter().filter_map(|(name, target)| self.target(name, target, clock)).collect()
    }

    fn target(&mut self, name: &str, target: &file::Target, clock: &Clock) -> Option<Target> {
        let at = self.root.key("target").key(name);
        // Everything that is wrong is told before the first of it makes a target impossible.
        let expression = self.expression(&target.pass, at.key("pass").place());
        let subject = self.subject(target, at);
        let slice = self.slice(target, at, clock);
        let (expression, subject) = (expression?, subject?);
        let (metric, kind) = (expression.metric, subject.kind());
        if !metric.kinds().contains(&kind) {
            self.not_of(metric, kind, at);
        } else if metric.kept(kind) == Kept::Run {
            self.whole_run(metric, kind, target, at);
        }
        if let Subject::Service(service) = subject
            && metric.needs_servers()
        {
            self.has_servers(metric, service, at);
        }
        Some(Target { name: name.to_owned(), expression, subject, slice: slice? })
    }

    fn expression(&mut self, pass: &str, place: Place) -> Option<Expression> {
        let wrong = match Expression::parse(pass) {
            Ok(expression) => return Some(expression),
            Err(wrong) => wrong,
        };
        let Wrong { range, message, label, help, unknown_metric } = wrong;
        let code = if unknown_metric.is_some() { Code::UnknownName } else { Code::BadTarget };
        let mut diagnostic = Diagnostic::new(code, message).at(self.within(place, pass, &range), label);
        diagnostic.help = help;
        if let Some(unknown) = unknown_metric.filter(|_| !self.found.is_full()) {
            let names: Vec<String> = METRICS.iter().map(|metric| metric.name()).collect();
            diagnostic = diagnostic.did_you_mean(closest(&unknown, names.iter().map(String::as_str)));
        }
        self.push(diagnostic);
        None
    }

    /// The place of a part of a string, where the file spells the string as it is, without escapes.
    fn within(&self, place: Place, text: &str, part: &std::ops::Range<usize>) -> Place {
        let source = &self.found.sources.get(place.source).text;
        match source.get(place.range.clone()).and_then(|raw| raw.find(text)) {
            Some(_) if part.is_empty() => place,
            Some(offset) => {
                let start = place.range.start + offset;
                Place { source: place.source, range: start + part.start..start + part.end }
            }
            None => place,
        }
    }

    /// What a target is measured on; `None` where it names too much or what does not exist.
    fn subject(&mut self, target: &file::Target, at: Cursor<'_>) -> Option<Subject> {
        let file = self.file;
        let named = [
            (Kind::Service, &target.service),
            (Kind::Category, &target.category),
            (Kind::Brand, &target.brand),
            (Kind::Product, &target.product),
        ];
        let named: Vec<(Kind, &String)> =
            named.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?))).collect();
        let (kind, name) = match named.as_slice() {
            [] => return Some(Subject::Platform),
            [one] => *one,
            several => {
                let mut wrong = Diagnostic::new(Code::BadTarget, "a target is measured on one thing")
                    .help("keep one of them, and write a target for each of the others");
                for (kind, name) in several {
                    wrong = wrong.at(at.key(kind.key()).key_place(), format!("`{name}`"));
                }
                self.push(wrong);
                return None;
            }
        };
        let place = at.key(kind.key()).place();
        match kind {
            Kind::Service => self.resolve("service", name, &file.service, place).map(Subject::Service),
            Kind::Category => self.resolve("category", name, &file.category, place).map(Subject::Category),
            Kind::Brand => self.resolve("brand", name, &file.brand, place).map(Subject::Brand),
            Kind::Product => self.resolve("product", name, &file.product, place).map(Subject::Product),
            Kind::Platform => Some(Subject::Platform),
        }
    }

    fn not_of(&mut self, metric: Metric, kind: Kind, at: Cursor<'_>) {
        let name = metric.name();
        let of = |kind: &Kind| match kind {
            Kind::Platform => "the whole platform".to_owned(),
            named => format!("a {}", named.key()),
        };
        let kinds: Vec<String> = metric.kinds().iter().map(of).collect();
        let place = if kind == Kind::Platform { at.key_place() } else { at.key(kind.key()).key_place() };
        let label = if kind == Kind::Platform { "names none".to_owned() } else { format!("names a {}", kind.key()) };
        let way_out = match metric.kinds() {
            [Kind::Platform] => format!("delete `{}`", kind.key()),
            [Kind::Platform, ..] if kind != Kind::Platform => format!("delete `{}`, or name another thing", kind.key()),
            kinds => {
                let keys: Vec<String> =
                    kinds.iter().filter(|k| **k != Kind::Platform).map(|k| format!("`{} = \"…\"`", k.key())).collect();
                format!("add {}", keys.join(" or "))
            }
        };
        self.push(
            Diagnostic::new(Code::BadTarget, format!("`{name}` is measured on {}", kinds.join(" or ")))
                .at(place, label)
                .at(at.key("pass").place(), "")
                .help(way_out),
        );
    }

    /// What is kept for the whole run only has no slices.
    fn whole_run(&mut self, metric: Metric, kind: Kind, target: &file::Target, at: Cursor<'_>) {
        let keys = [
            // A moment counts from an opening.
            ("window", target.window.is_some() && metric.unit() != Unit::Moment),
            ("from", target.from.is_some()),
            ("until", target.until.is_some()),
        ];
        let given: Vec<&str> = keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
        let Some(first) = given.first() else { return };
        let of = if kind == Kind::Platform { String::new() } else { format!(" of a {}", kind.key()) };
        let what = format!("`{}`{of} is known for the whole run only", metric.name());
        let mut wrong = Diagnostic::new(Code::BadSlice, what).at(at.key(first).key_place(), "asks for a part of it");
        for key in &given[1..] {
            wrong = wrong.at(at.key(key).key_place(), "");
        }
        let keys: Vec<String> = given.iter().map(|key| format!("`{key}`")).collect();
        self.push(wrong.help(format!("delete {}", keys.join(" and "))));
    }

    fn has_servers(&mut self, metric: Metric, service: usize, at: Cursor<'_>) {
        let Some((name, of)) = self.file.service.get_index(service) else { return };
        if of.instances.is_some() {
            return;
        }
        self.push(
            Diagnostic::new(Code::BadTarget, format!("service `{name}` has no `{}`", metric.name()))
                .at(at.key("service").place(), "a delay without servers")
                .note("a service without instances is a delay: it serves any number of requests at once")
                .help("measure its response times, or say how many instances there are"),
        );
    }

    /// The stretch of time in which a target is measured; `None` where there is no such stretch.
    fn slice(&mut self, target: &file::Target, at: Cursor<'_>, clock: &Clock) -> Option<Slice> {
        let file = self.file;
        let is_part = target.from.is_some() || target.until.is_some();
        let window = match &target.window {
            Some(name) => Some(self.resolve("window", name, &file.window, at.key("window").place())?),
            None if is_part && file.window.len() == 1 => Some(0),
            None if is_part => {
                let key = if target.from.is_some() { "from" } else { "until" };
                self.push(
                    Diagnostic::new(Code::BadSlice, "this slice of time does not say of which window")
                        .at(at.key(key).key_place(), "since which opening?")
                        .help("add `window = \"…\"`"),
                );
                return None;
            }
            None => None,
        };
        if !clock.sound {
            return None;
        }
        let Some(window) = window else {
            return Some(Slice { window, from: Instant(0), until: clock.horizon, is_part: false });
        };
        let opens = clock.windows.get(window)?.opens;
        let end = clock.windows.get(window + 1).map_or(clock.horizon, |next| next.opens);
        let grid =
            Grid { opens, stretches: schedule::stretches(&clock.windows, clock.horizon, file.record.fine, window) };
        let from = target.from.map_or(Some(opens), |from| self.edge(from, &grid, at.key("from")));
        let until = target.until.map_or(Some(end), |until| self.edge(until, &grid, at.key("until")));
        let (from, until) = (from?, until?);
        if from >= until {
            let key = if target.until.is_some() { "until" } else { "from" };
            self.push(
                Diagnostic::new(Code::BadSlice, "this slice of time is empty")
                    .at(at.key(key).place(), format!("from {} to {} after the opening", from - opens, until - opens))
                    .help("let it begin before it ends"),
            );
            return None;
        }
        Some(Slice { window: Some(window), from, until, is_part: (from, until) != (opens, end) })
    }

    /// The instant of an edge of a slice. What is recorded is recorded by rows, so nothing is known of a part of one.
    fn edge(&mut self, since: Nanos, grid: &Grid, at: Cursor<'_>) -> Option<Instant> {
        let end = grid.stretches[3].0;
        let wanted = grid.opens + since;
        if wanted > end {
            self.push(
                Diagnostic::new(Code::BadSlice, format!("nothing is recorded {since} after this opening"))
                    .at(at.place(), format!("expected at most {}", end - grid.opens))
                    .note("a window is recorded up to the next opening, the last one up to its closing"),
            );
            return None;
        }
        let (before, after) = grid.around(wanted);
        if before == wanted {
            return Some(wanted);
        }
        let (before, after) = (before - grid.opens, after - grid.opens);
        let row = Nanos(after.0 - before.0);
        let finer = if row > Nanos::from_secs(1) { ", or lengthen record.fine" } else { "" };
        self.push(
            Diagnostic::new(Code::BadSlice, format!("no recorded row begins {since} after this opening"))
                .at(at.place(), format!("within a row of {row}"))
                .note("rows are a second long after an opening for as long as `record.fine` says, then a minute, and between windows an hour")
                .help(format!("write \"{before}\" or \"{after}\"{finer}")),
        );
        None
    }
}

/// The rows of a window and the time up to the next.
struct Grid {
    opens: Instant,
    stretches: [(Instant, Nanos); 4],
}

impl Grid {
    /// The last edge at or before an instant, and the next one after that.
    fn around(&self, wanted: Instant) -> (Instant, Instant) {
        let mut start = self.opens;
        for (end, step) in self.stretches {
            if wanted < end {
                let before = start + Nanos((wanted - start).0 / step.0 * step.0);
                return (before, (before + step).min(end));
            }
            start = start.max(end);
        }
        (start, start)
    }
}
