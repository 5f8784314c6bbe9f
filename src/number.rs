//! Numbers as a person reads them: k, M, bn; percentages; RMB.

/// Fen in one RMB.
pub(crate) const FEN_PER_RMB: f64 = 100.0;

/// A prefix that suits a range of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prefix {
    /// What a value is divided by.
    pub(crate) size: f64,
    /// `""`, `"k"`, `"M"` or `"bn"`.
    pub(crate) name: &'static str,
}

impl Prefix {
    /// The prefix under which `largest` has one to three digits before the point.
    pub(crate) fn of(largest: f64) -> Self {
        const PREFIXES: [Prefix; 3] =
            [Prefix { size: 1e9, name: "bn" }, Prefix { size: 1e6, name: "M" }, Prefix { size: 1e3, name: "k" }];
        // A little less than the prefix itself already rounds up to it: 999,600 reads "1 M", not "1000 k".
        PREFIXES.into_iter().find(|p| largest.abs() >= 0.9995 * p.size).unwrap_or(Prefix { size: 1.0, name: "" })
    }
}

/// Three significant digits and a prefix: `583 k`, `1.25 M`, `0.42`; larger numbers keep their whole digits.
pub(crate) fn short(value: f64) -> String {
    let prefix = Prefix::of(value);
    let scaled = digits(value / prefix.size);
    if prefix.name.is_empty() { scaled } else { format!("{scaled} {}", prefix.name) }
}

/// Money: `498 bn RMB`.
pub(crate) fn money(fen: f64) -> String {
    format!("{} RMB", short(fen / FEN_PER_RMB))
}

/// A share as a percentage, to a tenth or, where it is small, two digits: `12.5 %`, `0.065 %`; below a thousandth `< 0.001 %`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value > 0.0 && value < 0.001 { "< 0.001 %".to_owned() } else { hundredths(value) }
}

fn hundredths(value: f64) -> String {
    if value.abs() < 1.0 { format!("{} %", rounded(value, 2)) } else { format!("{} %", trim(&format!("{value:.1}"))) }
}

/// A relative difference with its sign, to a tenth of a per cent or, where it is small, to two digits: `+3 %`, `-0.42 %`.
pub(crate) fn difference(share: f64) -> String {
    let sign = if share < 0.0 { "-" } else { "+" };
    format!("{sign}{}", hundredths(share.abs() * 100.0))
}

/// Three significant digits, without an exponent, without trailing zeros after the point.
pub(crate) fn digits(value: f64) -> String {
    rounded(value, 3)
}

/// So many significant digits, without an exponent, without trailing zeros after the point.
pub(crate) fn rounded(value: f64, significant: i32) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    if magnitude < 1e-9 {
        return "0".to_owned();
    }
    let whole = magnitude.log10().floor() as i32 + 1;
    let decimals = (significant - whole).clamp(0, 9) as usize;
    trim(&format!("{value:.decimals$}"))
}

/// The label of a tick on an axis with this step.
pub(crate) fn tick(value: f64, step: f64) -> String {
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
    // Steps such as 2.5 need one digit more than their magnitude says.
    trim(&format!("{value:.0$}", decimals + 1))
}

fn trim(text: &str) -> String {
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A whole number with thousands apart: `14,000,000`.
pub(crate) fn grouped(value: u64) -> String {
    let plain = value.to_string();
    let mut text = String::with_capacity(plain.len() + plain.len() / 3);
    for (i, digit) in plain.chars().enumerate() {
        if i > 0 && (plain.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_says_them() {
        assert_eq!(short(583_000.0), "583 k");
        assert_eq!(short(999_600.0), "1 M");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(0.424_2), "0.424");
        assert_eq!(short(1234.0), "1.23 k");
        assert_eq!(short(5e12), "5000 bn");
        assert_eq!(short(f64::NAN), "–");
        assert_eq!(money(49_820_000_000_000.0), "498 bn RMB");
        assert_eq!(
            [0.125, 0.000_653, 0.0, 0.994_99, 1e-9].map(percent),
            ["12.5 %", "0.065 %", "0 %", "99.5 %", "< 0.001 %"]
        );
        assert_eq!([0.0301, -0.004_2, 0.0].map(difference), ["+3 %", "-0.42 %", "+0 %"]);
        assert_eq!(grouped(14_000_000), "14,000,000");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn ticks_carry_the_digits_of_their_step() {
        assert_eq!(tick(2.5, 2.5), "2.5");
        assert_eq!(tick(0.25, 0.25), "0.25");
        assert_eq!(tick(100.0, 50.0), "100");
        assert_eq!(tick(0.3, 0.1), "0.3");
    }
}
