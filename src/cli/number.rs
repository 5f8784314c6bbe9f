//! Numbers as people read them: `583 k/s`, `498.2 bn RMB`, `3 min 20 s`.

use crate::number::{Prefix, grouped};

/// A count: exact with separators up to 9,999, then three digits and a unit.
pub(super) fn count(value: f64) -> String {
    if value < 9999.5 { grouped(value.round() as u64) } else { scaled(value, 3) }
}

/// A rate per second.
pub(super) fn rate(value: f64) -> String {
    match value {
        v if v < 99.95 => format!("{v:.1} /s"),
        v if v < 9999.5 => format!("{} /s", count(v)),
        v => format!("{}/s", scaled(v, 3)),
    }
}

/// An amount of money in fen, as RMB.
pub(super) fn money(fen: f64) -> String {
    let rmb = fen / 100.0;
    match rmb {
        v if v < 100.0 => format!("{v:.2} RMB"),
        v if v < 9999.5 => format!("{} RMB", grouped(v.round() as u64)),
        v => format!("{} RMB", scaled(v, 4)),
    }
}

/// A part of a whole in per cent; a dash where there is no whole.
pub(super) fn share(part: f64, whole: f64) -> String {
    match 100.0 * part / whole {
        p if !p.is_finite() => "–".to_owned(),
        p if p > 0.0 && p < 0.05 => "< 0.1 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

/// A length of time in seconds, in two units at most.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match whole {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => two(s / 60, "min", s % 60, "s"),
        s if s < 86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        s => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// A number of bytes in decimal units.
pub(super) fn bytes(value: f64) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6)] {
        if value >= size {
            return format!("{} {unit}", digits(value / size, 2));
        }
    }
    format!("{:.0} kB", value / 1e3)
}

/// With `significant` digits, in thousands, millions or billions.
fn scaled(value: f64, significant: usize) -> String {
    let prefix = Prefix::of(value);
    let part = value / prefix.size;
    let text = if part < 9999.5 { digits(part, significant) } else { grouped(part.round() as u64) };
    format!("{text} {}", prefix.name)
}

/// A positive number with at least this many significant digits, decimals only where they are needed for that.
fn digits(value: f64, significant: usize) -> String {
    let before_point = if value >= 1.0 { value.log10().floor() as usize + 1 } else { 1 };
    format!("{value:.0$}", significant.saturating_sub(before_point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_carry_their_unit() {
        for (value, text) in [
            (0.0, "0"),
            (9999.0, "9,999"),
            (12_345.0, "12.3 k"),
            (999_999.0, "1.00 M"),
            (8e8, "800 M"),
            (1.2e10, "12.0 bn"),
        ] {
            assert_eq!(count(value), text);
        }
        for (value, text) in [(583_000.4, "583 k/s"), (0.25, "0.2 /s"), (840.0, "840 /s"), (7.04e6, "7.04 M/s")] {
            assert_eq!(rate(value), text);
        }
        for (fen, text) in [
            (167.0, "1.67 RMB"),
            (49_820_000_000_000.0, "498.2 bn RMB"),
            (1_234_500.0, "12.35 k RMB"),
            (0.0, "0.00 RMB"),
        ] {
            assert_eq!(money(fen), text);
        }
        for (seconds, text) in [
            (0.25, "250 ms"),
            (3.21, "3.2 s"),
            (59.0, "59 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 5 min"),
            (950_400.0, "11 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(
            (share(1.0, 3.0), share(0.0, 0.0), share(1.0, 1e6)),
            ("33.3 %".into(), "–".into(), "< 0.1 %".into())
        );
        assert_eq!((bytes(1.31e9), bytes(60e6)), ("1.3 GB".into(), "60 MB".into()));
    }
}
