//! Times in the festival's zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A clock in a time zone.
pub(super) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The clock of an IANA zone. A result folder may come from a machine that knows more zones: UTC where this one is unknown.
    pub(super) fn new(zone: &str) -> Self {
        Clock { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    /// `2020-11-11 00:00:26`.
    pub(super) fn date_time(&self, unix_ms: i64) -> String {
        self.zoned(unix_ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `11-11 00:00:26`.
    pub(super) fn day_time(&self, unix_ms: i64) -> String {
        self.zoned(unix_ms).strftime("%m-%d %H:%M:%S").to_string()
    }

    /// `00:00:26` on the day of `reference_unix_ms`, with the day on others.
    pub(super) fn time(&self, unix_ms: i64, reference_unix_ms: i64) -> String {
        let at = self.zoned(unix_ms);
        if at.date() == self.zoned(reference_unix_ms).date() {
            at.strftime("%H:%M:%S").to_string()
        } else {
            self.day_time(unix_ms)
        }
    }

    fn zoned(&self, unix_ms: i64) -> Zoned {
        Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_festival() {
        let clock = Clock::new("Asia/Shanghai");
        let opening = 1_605_024_000_000;
        assert_eq!(clock.date_time(opening), "2020-11-11 00:00:00");
        assert_eq!(clock.time(opening + 26_999, opening), "00:00:26");
        assert_eq!(clock.time(opening - 1000, opening), "11-10 23:59:59");
    }
}
