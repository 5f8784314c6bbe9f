//! Time, money and shares as types: integer nanoseconds, integer fen, never bare floats.
//!
//! Each type reads the string form that a scenario uses (`"250ms"`, `"199.00 RMB"`) and prints a form that reads back to the
//! same value.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// A length of time in integer nanoseconds; at most about 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// A point of simulated time: nanoseconds since the scenario's origin (its first opening).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Instant(pub u64);

/// Money in integer fen, 1/100 RMB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(pub u64);

/// Why a quantity could not be read; says what was expected, without the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError(pub String);

/// The longest duration that a scenario may state: 400 days.
pub const LONGEST: Nanos = Nanos(400 * 86_400 * Nanos::PER_SECOND);

/// The largest amount of money that a scenario may state: 10^16 fen, 100,000 bn RMB.
pub const LARGEST: Fen = Fen(10_000_000_000_000_000);

impl Nanos {
    /// Nanoseconds in a second.
    pub const PER_SECOND: u64 = 1_000_000_000;

    /// A duration of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Nanos(seconds * Self::PER_SECOND)
    }

    /// A duration of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Nanos(millis * 1_000_000)
    }

    /// The nearest duration to `seconds`; negative and NaN become zero, overflow saturates.
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> Self {
        // `as` saturates and maps NaN to zero, which is the behaviour promised above.
        Nanos((seconds * 1e9).round() as u64)
    }

    /// The duration in seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Instant {
    /// Seconds since the origin.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add<Nanos> for Instant {
    type Output = Instant;
    fn add(self, span: Nanos) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

impl Sub for Instant {
    type Output = Nanos;
    /// The time from `earlier` to `self`, zero where `earlier` is the later one.
    fn sub(self, earlier: Instant) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Fen {
    type Output = Fen;
    fn add(self, other: Fen) -> Fen {
        Fen(self.0 + other.0)
    }
}

impl AddAssign for Fen {
    fn add_assign(&mut self, other: Fen) {
        self.0 += other.0;
    }
}

impl FromStr for Nanos {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wanted = || {
            UnitError(format!(
                "`{text}` is not a duration: write a number with a unit, such as \"250ms\", \"40s\" or \"1h 30m\""
            ))
        };
        let span: jiff::Span = text.trim().parse().map_err(|_| wanted())?;
        // A day is 24 hours here; a month has no fixed length and is refused.
        let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wanted())?;
        if span.is_negative() {
            return Err(UnitError(format!("`{text}` is negative: a duration is zero or more")));
        }
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        if nanos > LONGEST.0 {
            return Err(UnitError(format!("`{text}` is longer than 400 days, the most a scenario may state")));
        }
        Ok(Nanos(nanos))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 7] = [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut first = true;
        for (unit, size) in UNITS {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                if !first {
                    f.write_str(" ")?;
                }
                write!(f, "{count}{unit}")?;
                first = false;
            }
        }
        Ok(())
    }
}

impl FromStr for Fen {
    type Err = UnitError;

    /// Reads `"199.00 RMB"`, `"5k RMB"`, `"100M RMB"`, `"498.2bn RMB"`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wanted = || {
            UnitError(format!(
                "`{text}` is not an amount of money: write it in RMB, such as \"199.00 RMB\", \"5k RMB\" or \"1.2bn RMB\""
            ))
        };
        let amount = text.trim().strip_suffix("RMB").ok_or_else(wanted)?.trim_end();
        if amount.starts_with('-') {
            return Err(UnitError(format!("`{text}` is negative: an amount of money is zero or more")));
        }
        let (digits, fen_per_unit) = match amount {
            a if a.ends_with("bn") => (&a[..a.len() - 2], 100_000_000_000u128),
            a if a.ends_with('M') => (&a[..a.len() - 1], 100_000_000),
            a if a.ends_with('k') => (&a[..a.len() - 1], 100_000),
            a => (a, 100),
        };
        let (whole, fraction) = digits.trim_end().split_once('.').unwrap_or((digits.trim_end(), ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 15 {
            return Err(wanted());
        }
        let whole: u128 = whole.parse().map_err(|_| too_much(text))?;
        let scale = 10u128.pow(fraction.len() as u32);
        let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| wanted())? };
        if !(fraction * fen_per_unit).is_multiple_of(scale) {
            return Err(UnitError(format!("`{text}` has a part smaller than one fen (0.01 RMB)")));
        }
        let fen = whole.checked_mul(fen_per_unit).ok_or_else(|| too_much(text))? + fraction * fen_per_unit / scale;
        match u64::try_from(fen) {
            Ok(fen) if fen <= LARGEST.0 => Ok(Fen(fen)),
            _ => Err(too_much(text)),
        }
    }
}

fn too_much(text: &str) -> UnitError {
    UnitError(format!("`{text}` is more than 100,000 bn RMB, the most a scenario may state"))
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} RMB", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnitError {}

/// Serde and JSON Schema as the string form, one implementation for every unit.
macro_rules! string_form {
    ($type:ty, $name:literal, $format:literal, $example:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "examples": [$example] })
            }
        }
    };
}

string_form!(Nanos, "Duration", "duration-with-unit", "250ms");
string_form!(Fen, "Money", "money", "199.00 RMB");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_back() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("0s", 0),
            ("3d 4us", 259_200_000_004_000),
        ] {
            let read: Nanos = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(read, Nanos(nanos), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn money_reads_to_the_fen_and_prints_back() {
        for (text, fen) in [
            ("199.00 RMB", 19_900),
            ("1.67 RMB", 167),
            ("5k RMB", 500_000),
            ("498.2bn RMB", 49_820_000_000_000),
            ("0 RMB", 0),
        ] {
            let read: Fen = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(read, Fen(fen), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_sentence() {
        for text in ["", "40", "-3s", "fast", "9999999d", "NaN s"] {
            assert!(text.parse::<Nanos>().is_err(), "{text}");
        }
        for text in ["", "5", "-5 RMB", "1.234 RMB", "1e9 RMB", "9999999999999bn RMB", ". RMB"] {
            assert!(text.parse::<Fen>().is_err(), "{text}");
        }
    }
}
