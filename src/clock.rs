//! Clock time in the festival's zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Clock time in one zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The clock of an IANA zone; UTC where the system does not know it.
    pub(crate) fn new(zone: &str) -> Self {
        Clock { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    fn print(&self, unix_ms: i64, format: &str) -> String {
        // Out of jiff's range (before -9999 or after 9999) nothing sensible can be printed.
        let Ok(moment) = Timestamp::from_millisecond(unix_ms) else { return "–".to_owned() };
        moment.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// `00:30`
    pub(crate) fn minute(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%H:%M")
    }

    /// `00:30:05`
    pub(crate) fn second(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%H:%M:%S")
    }

    /// `1 Nov`
    pub(crate) fn day(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%-d %b")
    }

    /// `1 Nov 00:30`
    pub(crate) fn day_minute(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%-d %b %H:%M")
    }

    /// `1 Nov 00:30:05`
    pub(crate) fn moment(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%-d %b %H:%M:%S")
    }

    /// `Sun 1 Nov 2020`
    pub(crate) fn date(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%a %-d %b %Y")
    }

    /// `2020-11-01 00:30:05`
    pub(crate) fn stamp(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%Y-%m-%d %H:%M:%S")
    }

    /// `20201101-003005`, fit for a file's name.
    pub(crate) fn file_stamp(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%Y%m%d-%H%M%S")
    }

    /// `11-11 00:00:26`
    pub(crate) fn day_time(&self, unix_ms: i64) -> String {
        self.print(unix_ms, "%m-%d %H:%M:%S")
    }

    /// `00:00:26` on the day of `reference_unix_ms`, with the day on others.
    pub(crate) fn time(&self, unix_ms: i64, reference_unix_ms: i64) -> String {
        let day = |at| self.print(at, "%Y-%m-%d");
        if day(unix_ms) == day(reference_unix_ms) { self.second(unix_ms) } else { self.day_time(unix_ms) }
    }

    /// Seconds by which local time is ahead of UTC at this moment.
    pub(crate) fn offset_seconds(&self, unix_ms: i64) -> i64 {
        Timestamp::from_millisecond(unix_ms).map_or(0, |moment| i64::from(self.zone.to_offset(moment).seconds()))
    }
}

/// The Unix time in milliseconds of a point of time in RFC 3339; `None` where it is none, or not a whole second.
pub(crate) fn unix_ms(text: &str) -> Option<i64> {
    // jiff reads more forms than RFC 3339; what a scenario does not take is not taken here.
    let strict = text.len() >= 20 && text.as_bytes()[10] == b'T' && !text.contains('[');
    let time: Timestamp = text.parse().ok().filter(|_| strict)?;
    (time.subsec_nanosecond() == 0).then(|| time.as_millisecond())
}

/// A length of time in seconds as one number and unit: `10 s`, `5 min`, `6 h`, `3 d`.
pub(crate) fn span(seconds: f64) -> String {
    let (size, unit) = match seconds {
        s if s < 60.0 => (1.0, "s"),
        s if s < 3600.0 => (60.0, "min"),
        s if s < 86_400.0 => (3600.0, "h"),
        _ => (86_400.0, "d"),
    };
    format!("{} {unit}", crate::number::digits(seconds / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_names_its_day_where_it_is_another() {
        let clock = Clock::new("Asia/Shanghai");
        let opening = 1_605_024_000_000;
        assert_eq!(clock.time(opening + 26_999, opening), "00:00:26");
        assert_eq!(clock.time(opening - 1000, opening), "11-10 23:59:59");
    }

    #[test]
    fn clock_time_is_that_of_the_zone() {
        let clock = Clock::new("Asia/Shanghai");
        let opening = 1_604_160_000_000;
        assert_eq!(clock.stamp(opening), "2020-11-01 00:00:00");
        assert_eq!(clock.date(opening), "Sun 1 Nov 2020");
        assert_eq!(clock.minute(opening + 1_830_000), "00:30");
        assert_eq!(clock.offset_seconds(opening), 28_800);
    }

    #[test]
    fn unknown_zones_and_wild_times_do_not_panic() {
        assert_eq!(Clock::new("Moon/Tranquility").minute(0), "00:00");
        assert_eq!(Clock::new("UTC").minute(i64::MAX), "–");
    }

    #[test]
    fn spans_have_one_unit() {
        assert_eq!([10.0, 300.0, 21_600.0, 259_200.0].map(span), ["10 s", "5 min", "6 h", "3 d"]);
    }
}
