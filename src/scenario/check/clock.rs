//! Time zone and sale windows.

use super::Check;
use crate::plan::{MAX_WINDOWS, Room, Window};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::LeftPlaces;
use crate::scenario::schema::closest;
use crate::scenario::source::Place;
use crate::units::{Instant, LONGEST, Nanos};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The windows on the time line of the simulation.
pub(super) struct Clock {
    pub origin_unix_ms: i64,
    pub horizon: Instant,
    pub windows: Vec<Window>,
    /// Local time of day in the festival's zone at each opening.
    pub time_of_day: Vec<Nanos>,
    /// Whether every window has an opening and a later closing.
    pub sound: bool,
}

/// A window as it stands in the file.
struct Span {
    name: String,
    opens: Timestamp,
    closes: Timestamp,
    key: Place,
}

impl Check<'_> {
    pub(super) fn clock(&mut self) -> Clock {
        let zone = self.zone();
        let before = self.found.errors();
        let spans = self.spans();
        let sound = self.found.errors() == before;
        let root = self.root.key("window");
        if self.file.window.is_empty() || self.file.window.len() > MAX_WINDOWS {
            let count = self.file.window.len();
            self.push(
                Diagnostic::new(
                    Code::TooMany,
                    format!("a scenario has 1 to {MAX_WINDOWS} windows, this one has {count}"),
                )
                .at(root.key_place(), format!("{count} windows")),
            );
        }
        for pair in spans.windows(2).filter(|_| sound) {
            if pair[1].opens < pair[0].closes {
                self.push(
                    Diagnostic::new(
                        Code::WindowOrder,
                        format!("window `{}` overlaps window `{}`", pair[1].name, pair[0].name),
                    )
                    .at(pair[1].key.clone(), format!("opens {}", pair[1].opens))
                    .at(pair[0].key.clone(), format!("closes {}", pair[0].closes))
                    .help("let each window close before the next opens"),
                );
            }
        }
        let origin = spans.iter().map(|span| span.opens).min().unwrap_or_default();
        let end = spans.iter().map(|span| span.closes).max().unwrap_or_default();
        let since = |time: Timestamp| {
            let seconds = time.as_second().saturating_sub(origin.as_second()).unsigned_abs();
            Instant(seconds.saturating_mul(Nanos::PER_SECOND))
        };
        if sound && since(end).0 > LONGEST.0 {
            self.push(
                Diagnostic::new(Code::BadTiming, "the windows span more than 400 days")
                    .at(root.key_place(), format!("from {origin} to {end}"))
                    .note("a festival is simulated as one stretch of time"),
            );
        }
        let time_of_day = spans.iter().map(|span| {
            let time = zone.to_datetime(span.opens).time();
            let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
            Nanos::from_secs(seconds.unsigned_abs())
        });
        let rooms: Vec<Option<Room>> = spans.iter().map(|span| self.room(&span.name)).collect();
        let window = |(span, room): (&Span, Option<Room>)| {
            let (name, opens, closes) = (span.name.clone(), since(span.opens), since(span.closes));
            Window { name, opens, closes, presale: None, room }
        };
        Clock {
            origin_unix_ms: origin.as_millisecond(),
            horizon: since(end),
            sound,
            time_of_day: time_of_day.collect(),
            windows: spans.iter().zip(rooms).map(window).collect(),
        }
    }

    /// The zone from the tables that are built in: results do not depend on the machine's.
    fn zone(&mut self) -> TimeZone {
        let (name, zones) = (self.file.zone.as_str(), TimeZoneDatabase::bundled());
        zones.get(name).unwrap_or_else(|_| {
            let known: Vec<String> = zones.available().map(|zone| zone.to_string()).collect();
            let unknown = Diagnostic::new(Code::UnknownZone, format!("there is no time zone `{name}`"))
                .at(self.root.key("zone").place(), "not an IANA time zone")
                .help("write a name such as \"Asia/Shanghai\" or \"UTC\"");
            self.push(unknown.did_you_mean(closest(name, known.iter().map(String::as_str))));
            TimeZone::UTC
        })
    }

    fn room(&mut self, window: &str) -> Option<Room> {
        let room = self.file.window[window].room.as_ref()?;
        let at = self.root.key("window").key(window).key("room");
        let leaves = room.patience.is_some() || room.longest_wait.is_some();
        if room.left_places == LeftPlaces::MoveUp && !leaves {
            self.push(
                Diagnostic::new(Code::Unused, format!("nobody leaves the waiting room of window `{window}`"))
                    .at(at.key("left_places").place(), "no place is ever left")
                    .note("a shopper leaves by `patience` or `longest_wait`, and this room has neither"),
            );
        }
        Some(Room {
            per_second: room.per_second,
            longest_wait: room.longest_wait,
            patience: room.patience.as_ref().map(|patience| self.time_distribution(patience, at.key("patience"))),
            left_places: room.left_places,
        })
    }

    fn spans(&mut self) -> Vec<Span> {
        let mut spans = Vec::new();
        for (name, window) in &self.file.window {
            let at = self.root.key("window").key(name);
            let opens = self.time(&window.opens, at.key("opens").place());
            let closes = self.time(&window.closes, at.key("closes").place());
            if opens.is_some() && closes.is_some() && closes <= opens {
                self.push(
                    Diagnostic::new(Code::WindowOrder, format!("window `{name}` does not close after it opens"))
                        .at(at.key("closes").place(), "not after the opening")
                        .at(at.key("opens").place(), "the opening"),
                );
            }
            // A stand-in keeps the indices of windows in step with the file.
            let (opens, closes) = (opens.unwrap_or_default(), closes.unwrap_or_default());
            spans.push(Span { name: name.clone(), opens, closes, key: at.key_place() });
        }
        spans
    }

    fn time(&mut self, text: &str, place: Place) -> Option<Timestamp> {
        let example = "write RFC 3339 with an offset, such as \"2020-11-11T00:00:00+08:00\"";
        // jiff reads more forms than RFC 3339; a file that another tool cannot read helps nobody.
        let strict = text.len() >= 20 && text.as_bytes()[10] == b'T' && !text.contains('[');
        let time = text.parse::<Timestamp>().ok().filter(|_| strict);
        let problem = match time {
            None => Diagnostic::new(Code::BadTime, format!("`{text}` is not a point of time")).at(place, "not a time"),
            Some(time) if time.subsec_nanosecond() != 0 => {
                Diagnostic::new(Code::BadTime, format!("`{text}` is not on a whole second"))
                    .at(place, "windows open and close on whole seconds")
            }
            Some(time) => return Some(time),
        };
        self.push(problem.help(example));
        None
    }
}
