//! Published figures, and the values that a fit may choose.

use super::Check;
use super::clock::Clock;
use crate::plan::WindowId;
use crate::published::{Figure, Free, FreeUnit, MAX_FREE, MAX_POINTS, Point};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::{self, Amount, FreeScale, PublishedValue};
use crate::scenario::schema::{closest, listed};
use crate::scenario::tree::Cursor;
use crate::units::{Instant, Nanos};
use serde_json::Value;

impl Check<'_> {
    pub(super) fn published(&mut self, clock: &Clock) -> Vec<Point> {
        let published = &self.file.published;
        self.at_most("published figure", published.len(), MAX_POINTS, self.root.key("published"));
        published.iter().filter_map(|(name, point)| self.point(name, point, clock)).collect()
    }

    fn point(&mut self, name: &str, point: &file::Published, clock: &Clock) -> Option<Point> {
        let at = self.root.key("published").key(name);
        let window = match &point.window {
            Some(window) => Some(self.resolve("window", window, &self.file.window, at.key("window").place())?),
            None => None,
        };
        let figure = match point.value {
            PublishedValue::GmvPaid(fen) if fen.0 == 0 => {
                self.push(
                    Diagnostic::new(Code::OutOfRange, "nothing is a relative error away from zero")
                        .at(at.key("value").key("gmv_paid").place(), "expected more than zero"),
                );
                return None;
            }
            PublishedValue::GmvPaid(fen) => Figure::GmvPaid(fen),
            PublishedValue::PeakOrdersPerSecond(rate) => Figure::PeakOrders(rate),
            PublishedValue::BrandsPast100m(brands) => Figure::Brands(brands),
        };
        let within_time = self.within_time(point, at);
        let moment = self.moment(point, window, at, clock)?;
        let (within, source) = (point.within, point.source.clone());
        // The end of a sum is known; when a peak was may not have been published.
        let is_sum = !matches!(figure, Figure::PeakOrders(_));
        let instant = if is_sum || point.at.is_some() { Some(moment) } else { None };
        Some(Point { name: name.to_owned(), figure, window, at: instant, within, within_time, source })
    }

    /// By how much the time of a peak may be off.
    fn within_time(&mut self, point: &file::Published, at: Cursor<'_>) -> Option<Nanos> {
        let within = point.within_time?;
        let has_time = matches!(point.value, PublishedValue::PeakOrdersPerSecond(_)) && point.at.is_some();
        if has_time && within.0 > 0 {
            return Some(within);
        }
        let place = at.key("within_time");
        self.push(if has_time {
            Diagnostic::new(Code::OutOfRange, "no run meets a time to the nanosecond")
                .at(place.place(), "expected more than zero")
                .help("a peak is known by the recorded second that it lies in: \"1s\" at least makes sense")
        } else {
            Diagnostic::new(Code::OutOfRange, "there is no time that could be off")
                .at(place.key_place(), "only for a peak of which `at` says when it was")
                .help("add `at`, or leave `within_time` out: sums and counts are of one point of time")
        });
        None
    }

    /// The instant that a point is about; the end of the window or run where it names none.
    fn moment(
        &mut self,
        point: &file::Published,
        window: Option<WindowId>,
        at: Cursor<'_>,
        clock: &Clock,
    ) -> Option<Instant> {
        let only = (self.file.window.len() == 1).then_some(0);
        let Some(since) = point.at else {
            if !clock.sound {
                return None;
            }
            let next = window.and_then(|window| clock.windows.get(window + 1));
            return Some(next.map_or(clock.horizon, |next| next.opens));
        };
        let Some(window) = window.or(only) else {
            self.push(
                Diagnostic::new(Code::BadSlice, "this point of time does not say of which window")
                    .at(at.key("at").key_place(), "since which opening?")
                    .help("add `window = \"…\"`"),
            );
            return None;
        };
        if !clock.sound {
            return None;
        }
        let opens = clock.windows.get(window)?.opens;
        let end = clock.windows.get(window + 1).map_or(clock.horizon, |next| next.opens);
        if opens + since > end {
            self.push(
                Diagnostic::new(Code::BadSlice, format!("nothing is recorded {since} after this opening"))
                    .at(at.key("at").place(), format!("expected at most {}", end - opens))
                    .note("a window is recorded up to the next opening, the last one up to its closing"),
            );
            return None;
        }
        Some(opens + since)
    }

    pub(super) fn free(&mut self) -> Vec<Free> {
        let free = &self.file.free;
        self.at_most("free parameter", free.len(), MAX_FREE, self.root.key("free"));
        if free.is_empty() {
            return Vec::new();
        }
        // With every default written out, so that a default can be free too.
        let Ok(values) = serde_json::to_value(self.file) else { return Vec::new() };
        let mut taken: Vec<(Vec<String>, &str)> = Vec::new();
        let mut parameters = Vec::new();
        for (name, free) in free {
            let Some((parameter, keys)) = self.free_parameter(name, free, &values) else { continue };
            if let Some((_, other)) = taken.iter().find(|(of, _)| *of == keys) {
                let place = |name| self.root.key("free").key(name).key("path").place();
                let twice = Diagnostic::new(Code::BadFree, format!("`{}` is free twice", free.path))
                    .at(place(name), "again")
                    .at(place(other), "here already");
                self.push(twice.help("keep one of the two ranges"));
                continue;
            }
            taken.push((keys, name));
            parameters.push(parameter);
        }
        parameters
    }

    /// A free parameter, with the keys that lead to it.
    fn free_parameter(&mut self, name: &str, free: &file::Free, values: &Value) -> Option<(Free, Vec<String>)> {
        let at = self.root.key("free").key(name);
        let (value, keys) = self.value_at(&free.path, values, at)?;
        let Some((unit, value)) = FreeUnit::read(value) else {
            self.push(
                Diagnostic::new(Code::BadFree, format!("`{}` is no quantity", free.path))
                    .at(at.key("path").place(), "nothing to choose between low and high")
                    .help("name a number, a duration or an amount of money"),
            );
            return None;
        };
        let low = self.bound(&free.low, unit, at.key("low"));
        let high = self.bound(&free.high, unit, at.key("high"));
        let (low, high) = (low?, high?);
        let by_ratios = free.scale == FreeScale::Log;
        let wrong = |message: &str| Diagnostic::new(Code::BadFree, message.to_owned());
        if low >= high {
            let empty = wrong("this range is empty").at(at.key("low").place(), "not below");
            self.push(empty.at(at.key("high").place(), "the other end").help("let `low` be below `high`"));
            return None;
        }
        if by_ratios && low <= 0.0 {
            let zero = wrong("a range that begins at zero has no ratios").at(at.key("low").place(), "not above zero");
            self.push(zero.at(at.key("scale").place(), "").help("begin above zero, or leave `scale` out"));
            return None;
        }
        if !(low..=high).contains(&value) {
            let (value, low, high) = (unit.text(value), unit.text(low), unit.text(high));
            self.push(
                wrong("the value that is there lies outside of the range")
                    .at(at.key("path").place(), format!("it is {value}"))
                    .note(format!("a fit begins with the value of the scenario, and may go from {low} to {high}"))
                    .help("widen the range, or change the value"),
            );
            return None;
        }
        Some((Free { name: name.to_owned(), path: free.path.clone(), unit, value, low, high, by_ratios }, keys))
    }

    /// The value at a dotted path of the scenario, and its keys: of several ways to write a path they are the same.
    fn value_at<'v>(&mut self, path: &str, values: &'v Value, at: Cursor<'_>) -> Option<(&'v Value, Vec<String>)> {
        let place = at.key("path").place();
        let Ok(keys) = toml_edit::Key::parse(path) else {
            self.push(
                Diagnostic::new(Code::BadFree, format!("`{path}` is not a path"))
                    .at(place, "expected keys with dots between them")
                    .help("write a path as for --set, such as \"intensity.day.parts.0.burst.weight\""),
            );
            return None;
        };
        let (mut here, mut passed) = (values, Vec::new());
        for key in keys.iter().map(toml_edit::Key::get) {
            let next = match here {
                Value::Object(table) => table.get(key),
                Value::Array(list) => key.parse().ok().and_then(|index: usize| list.get(index)),
                _ => None,
            };
            let Some(next) = next else {
                let names: Vec<String> = match here {
                    Value::Object(table) => table.keys().cloned().collect(),
                    Value::Array(list) => (0..list.len()).map(|index| index.to_string()).collect(),
                    _ => Vec::new(),
                };
                let names = || names.iter().map(String::as_str);
                let unknown = Diagnostic::new(Code::UnknownName, format!("there is no `{key}` in `{path}`"))
                    .at(place, "leads nowhere")
                    .help(format!("what is there: {}", listed(names())));
                self.push(unknown.did_you_mean(closest(key, names())));
                return None;
            };
            // An index may be written as 0 and as 00.
            passed.push(match here {
                Value::Array(_) => key.trim_start_matches(['+', '0']).to_owned(),
                _ => key.to_owned(),
            });
            here = next;
        }
        Some((here, passed))
    }

    /// An end of a range, in the unit of the value.
    fn bound(&mut self, amount: &Amount, unit: FreeUnit, at: Cursor<'_>) -> Option<f64> {
        let is_number = matches!(unit, FreeUnit::Number | FreeUnit::Integer);
        let read = match amount {
            Amount::Number(number) if unit == FreeUnit::Integer && number.fract() != 0.0 => None,
            Amount::Number(number) => (is_number && number.is_finite()).then_some(*number),
            Amount::Text(text) => {
                FreeUnit::read(&Value::from(text.as_str())).filter(|(kind, _)| *kind == unit).map(|of| of.1)
            }
        };
        if read.is_none() {
            let wanted = match unit {
                FreeUnit::Number => "a number",
                FreeUnit::Integer => "a whole number",
                FreeUnit::Time => "a duration",
                FreeUnit::Money => "an amount of money",
            };
            self.push(
                Diagnostic::new(Code::BadFree, "this end of the range is of another kind than the value")
                    .at(at.place(), format!("expected {wanted}")),
            );
        }
        read
    }
}
