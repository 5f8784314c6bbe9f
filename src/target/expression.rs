//! The text of a target, such as `p99.9 < 800ms`: read, with the place of whatever is wrong.

use super::Ratio;
use super::metric::{METRICS, Metric, Unit};
use crate::units::{Fen, Nanos};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

/// What passes: a metric, a comparison, a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expression {
    /// What is measured.
    pub metric: Metric,
    /// How it has to compare with the bound.
    pub comparison: Comparison,
    /// The bound, in the metric's unit.
    pub bound: Ratio,
}

/// How a measurement has to compare with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Below it.
    Below,
    /// Not above it.
    AtMost,
    /// Above it.
    Above,
    /// Not below it.
    AtLeast,
    /// Equal to it.
    Equal,
}

impl Comparison {
    /// All comparisons; none comes after one that begins with it.
    pub const ALL: [Comparison; 5] =
        [Comparison::AtMost, Comparison::Below, Comparison::AtLeast, Comparison::Above, Comparison::Equal];

    /// The sign in a scenario.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Equal => "=",
        }
    }

    /// Whether a measurement that compares so with the bound passes.
    #[must_use]
    pub fn holds(self, measured: Ordering) -> bool {
        match self {
            Comparison::Below => measured.is_lt(),
            Comparison::AtMost => measured.is_le(),
            Comparison::Above => measured.is_gt(),
            Comparison::AtLeast => measured.is_ge(),
            Comparison::Equal => measured.is_eq(),
        }
    }

    /// Whether a measurement can only fail by being too large; one that has to be equal can fail both ways.
    #[must_use]
    pub fn bounds_above(self) -> bool {
        matches!(self, Comparison::Below | Comparison::AtMost)
    }
}

/// What is wrong with the text of a target, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// A few words for the place.
    pub label: String,
    /// A way out.
    pub help: Option<String>,
    /// A name that no metric has.
    pub unknown_metric: Option<String>,
}

impl Wrong {
    fn at(range: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (help, unknown_metric) = (None, None);
        Wrong { range, message: message.into(), label: label.into(), help, unknown_metric }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Wrong { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Expression {
    /// A form that reads back to the same expression, with the bound in the plainest unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.metric.name(), self.comparison.sign())?;
        let Ratio { numerator, denominator } = self.bound;
        match self.metric.unit() {
            Unit::Money => write!(f, "{}", Fen(numerator as u64)),
            Unit::Duration | Unit::Moment => write!(f, "{}", Nanos(numerator as u64)),
            unit => {
                let end = if unit == Unit::Rate { "/s" } else { "" };
                let decimals = denominator.ilog10() as usize;
                match numerator % denominator {
                    0 => write!(f, "{}{end}", numerator / denominator),
                    part => write!(f, "{}.{part:0decimals$}{end}", numerator / denominator),
                }
            }
        }
    }
}

const FORM: &str = "write a metric, a comparison and a bound, such as \"p99.9 < 800ms\" or \"lost_share < 0.5%\"";

impl Expression {
    /// Reads a target.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let start = text.len() - text.trim_start().len();
        let end = text.trim_end().len().max(start);
        let word = text[start..end].find(|c: char| !is_of_name(c)).map_or(end, |length| start + length);
        if start == end {
            return Err(Wrong::at(0..text.len(), "this target says nothing", "nothing to measure").help(FORM));
        }
        if word == start {
            let wrong =
                Wrong::at(start..next(text, start), "a target begins with a metric", "expected the name of a metric");
            return Err(wrong.help(FORM));
        }
        let metric = metric(text, start..word)?;
        let (comparison, after) = comparison(text, word, end)?;
        let from = after + (text[after..end].len() - text[after..end].trim_start().len());
        if from == end {
            let wrong = Wrong::at(
                after - comparison.sign().len()..after,
                "there is no bound to compare with",
                "expected a bound after it",
            );
            return Err(wrong.help(write_a(metric.unit())));
        }
        let bound = bound(text, from..end, metric)?;
        Ok(Expression { metric, comparison, bound })
    }

    /// A measurement or bound in the unit in which people are told of it: times in seconds.
    #[must_use]
    pub fn shown(&self, value: Ratio) -> f64 {
        match self.metric.unit() {
            Unit::Duration | Unit::Moment => value.as_f64() / Nanos::PER_SECOND as f64,
            _ => value.as_f64(),
        }
    }

    /// Whether a measurement passes.
    #[must_use]
    pub fn passes(&self, measured: Ratio) -> bool {
        self.comparison.holds(measured.compare(self.bound))
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.' || c == '-'
}

/// End of the character that begins at `at`.
fn next(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(at, |c| at + c.len_utf8())
}

fn metric(text: &str, range: Range<usize>) -> Result<Metric, Wrong> {
    let name = &text[range.clone()];
    if let Some(metric) = Metric::named(name) {
        return Ok(metric);
    }
    if name.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        let wrong = Wrong::at(range, format!("`{name}` is not a percentile"), "not a percentile");
        return Err(wrong.help(
            "write p and a percentage above 0 and below 100, such as p50, p99 or p99.9; the longest is `response_max`",
        ));
    }
    let mut wrong = Wrong::at(range, format!("there is no metric `{name}`"), "no such metric");
    wrong.unknown_metric = Some(name.to_owned());
    let all: Vec<String> = METRICS.iter().map(|metric| metric.name()).collect();
    Err(wrong.help(format!("the metrics are p50 to p99.999, response_max, {}", all.join(", "))))
}

fn comparison(text: &str, word: usize, end: usize) -> Result<(Comparison, usize), Wrong> {
    let rest = &text[word..end];
    let at = word + (rest.len() - rest.trim_start().len());
    let signs = "compare with <, <=, >, >= or =";
    if at == end {
        let wrong =
            Wrong::at(0..end, "there is nothing that this metric is compared with", "expected a comparison after it");
        return Err(wrong.help(FORM));
    }
    let sign: usize = text[at..end].bytes().take_while(|byte| b"<>=!~".contains(byte)).count();
    let Some(found) = Comparison::ALL.into_iter().find(|comparison| comparison.sign() == &text[at..at + sign]) else {
        if sign == 0 {
            let until = text[at..end].find(char::is_whitespace).map_or(end, |length| at + length);
            return Err(Wrong::at(at..until, "a comparison is wanted after the metric", "not a comparison").help(signs));
        }
        let wrong =
            Wrong::at(at..at + sign, format!("`{}` is not a comparison", &text[at..at + sign]), "not a comparison");
        return Err(wrong.help(match &text[at..at + sign] {
            "==" => "write a single =",
            "=<" => "write <=",
            "=>" => "write >=",
            _ => signs,
        }));
    };
    Ok((found, at + sign))
}

/// What kind of quantity a text looks like, whatever its metric wants.
fn looks_like(text: &str) -> Option<&'static str> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text[number.len()..].trim_start();
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match unit {
        _ if unit.ends_with("RMB") => Some("an amount of money"),
        "%" => Some("a share"),
        _ if unit.ends_with("/s") => Some("a rate"),
        _ if is_clock(text) => Some("a time since the opening"),
        "" | "k" | "M" | "bn" => decimal(text).map(|_| "a number"),
        _ if text.parse::<Nanos>().is_ok() => Some("a time"),
        _ => None,
    }
}

fn write_a(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "write a number, such as 0, 500k or 1.5M",
        Unit::Share => "write a share, such as 0.5% or 0.005",
        Unit::Money => "write an amount of money, such as \"300bn RMB\"",
        Unit::Rate => "write a rate, such as 500k/s",
        Unit::Duration => "write a time with its unit, such as 800ms or 1m 30s",
        Unit::Moment => "write a time since the opening, such as 00:20:00 or 20m",
    }
}

fn wants(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "a number",
        Unit::Share => "a share",
        Unit::Money => "an amount of money",
        Unit::Rate => "a rate",
        Unit::Duration => "a time",
        Unit::Moment => "a time since the opening",
    }
}

fn bound(text: &str, range: Range<usize>, metric: Metric) -> Result<Ratio, Wrong> {
    let (quantity, unit) = (unquoted(&text[range.clone()]), metric.unit());
    let read = match unit {
        Unit::Count => decimal(quantity),
        Unit::Share => match quantity.strip_suffix('%') {
            Some(percent) => decimal(percent.trim_end())
                .map(|Ratio { numerator, denominator }| Ratio { numerator, denominator: denominator * 100 }),
            None => decimal(quantity),
        },
        Unit::Rate => quantity.strip_suffix("/s").and_then(|number| decimal(number.trim_end())),
        Unit::Money => quantity.parse::<Fen>().ok().map(|fen| Ratio::whole(u128::from(fen.0))),
        Unit::Duration => duration(quantity),
        Unit::Moment => clock(quantity).or_else(|| duration(quantity)),
    };
    read.ok_or_else(|| {
        let named = metric.name();
        let wanted = wants(unit);
        match looks_like(quantity).filter(|&like| like != wanted) {
            Some(like) => Wrong::at(
                range,
                format!("`{named}` is {wanted}, and `{quantity}` is {like}"),
                format!("expected {wanted}"),
            )
            .help(write_a(unit)),
            None => Wrong::at(range, format!("`{quantity}` is not {wanted}"), format!("expected {wanted}"))
                .help(write_a(unit)),
        }
    })
}

/// A bound without the quotes that it may stand in, `"00:20:00"`.
fn unquoted(text: &str) -> &str {
    let of = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    of('"').or_else(|| of('\'')).map_or(text, str::trim)
}

fn duration(text: &str) -> Option<Ratio> {
    text.parse::<Nanos>().ok().map(|time| Ratio::whole(u128::from(time.0)))
}

fn is_clock(text: &str) -> bool {
    clock(text).is_some()
}

/// `HH:MM:SS`, with as many hours as it takes up to a thousand.
fn clock(text: &str) -> Option<Ratio> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let read = |part: &str, longest: usize, most: u64| -> Option<u64> {
        let is_plain = (2..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|&number| is_plain && number <= most)
    };
    let seconds = read(hours, 3, 999)? * 3600 + read(minutes, 2, 59)? * 60 + read(seconds, 2, 59)?;
    Some(Ratio::whole(u128::from(Nanos::from_secs(seconds).0)))
}

/// A decimal number of at most fifteen digits, with `k`, `M` or `bn` after it or nothing.
fn decimal(text: &str) -> Option<Ratio> {
    let (digits, size) = match text {
        t if t.ends_with("bn") => (&t[..t.len() - 2], 1_000_000_000),
        t if t.ends_with('M') => (&t[..t.len() - 1], 1_000_000),
        t if t.ends_with('k') => (&t[..t.len() - 1], 1000),
        t => (t, 1),
    };
    let number = digits.trim_end();
    let (whole, part) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let all_digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || whole.len() + part.len() > 15 {
        return None;
    }
    let numerator: u128 = format!("{whole}{part}").parse().ok()?;
    Some(Ratio { numerator: numerator * size, denominator: 10u128.pow(part.len() as u32) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound_of(text: &str) -> (u128, u128) {
        let read = Expression::parse(text).unwrap_or_else(|wrong| panic!("{text}: {}", wrong.message));
        (read.bound.numerator, read.bound.denominator)
    }

    #[test]
    fn targets_are_read_as_people_write_them() {
        assert_eq!(bound_of("p99.9 < 800ms"), (800_000_000, 1));
        assert_eq!(bound_of("  lost_share<0.5%  "), (5, 1000));
        assert_eq!(bound_of("lost_share < 0.5 %"), (5, 1000));
        assert_eq!(bound_of("oversold = 0"), (0, 1));
        assert_eq!(bound_of("sold_out_at > 00:20:00"), (1_200_000_000_000, 1));
        assert_eq!(bound_of("sold_out_at>=20m"), (1_200_000_000_000, 1));
        assert_eq!(bound_of("sold_out_at > \"00:20:00\""), (1_200_000_000_000, 1));
        assert_eq!(bound_of("gmv_paid > '300bn RMB'"), (30_000_000_000_000, 1));
        assert_eq!(bound_of("gmv_paid > 300bn RMB"), (30_000_000_000_000, 1));
        assert_eq!(bound_of("orders_per_second_peak > 500k/s"), (500_000, 1));
        assert_eq!(bound_of("orders_per_second_peak <= 1.25 M/s"), (125_000_000, 100));
        assert_eq!(bound_of("wait_mean <= 1m 30s"), (90_000_000_000, 1));
    }

    #[test]
    fn what_is_wrong_is_marked() {
        for (text, marked, says) in [
            ("", "", "says nothing"),
            ("   ", "   ", "says nothing"),
            ("< 3", "<", "begins with a metric"),
            ("lost_shar < 1%", "lost_shar", "no metric `lost_shar`"),
            ("p100 < 1s", "p100", "not a percentile"),
            ("p99", "p99", "nothing that this metric is compared with"),
            ("p99 under 1s", "under", "comparison is wanted"),
            ("oversold == 0", "==", "not a comparison"),
            ("p99 =< 1s", "=<", "not a comparison"),
            ("p99 <", "<", "no bound"),
            ("p99 < 5 RMB", "5 RMB", "`p99` is a time, and `5 RMB` is an amount of money"),
            ("lost_share < 5ms", "5ms", "`lost_share` is a share, and `5ms` is a time"),
            ("gmv_paid > 300bn", "300bn", "is an amount of money, and `300bn` is a number"),
            ("requests < 5 %", "5 %", "is a number, and `5 %` is a share"),
            ("p99 < 800", "800", "is a time, and `800` is a number"),
            ("sold_out_at > 20:00", "20:00", "is not a time since the opening"),
            ("p99 < fast", "fast", "is not a time"),
            ("p99 < \"1s", "\"1s", "is not a time"),
            ("p99 < \"\"", "\"\"", "is not a time"),
            ("p99 < 1s p", "1s p", "is not a time"),
            ("双十一 < 1s", "双十一", "no metric"),
            ("p99 < 一秒", "一秒", "is not a time"),
        ] {
            let wrong = Expression::parse(text).expect_err(text);
            assert_eq!(&text[wrong.range.clone()], marked, "{text}");
            assert!(wrong.message.contains(says), "{text}: {}", wrong.message);
            assert!(wrong.help.is_some(), "{text}");
        }
    }

    fn metrics() -> impl Strategy<Value = Metric> {
        let percentile = (1..=100_000u32).prop_map(|p| Metric::Response(super::super::Percentile(p)));
        prop_oneof![prop::sample::select(METRICS.to_vec()), percentile]
    }

    proptest! {
        #[test]
        fn expressions_print_and_read_back(metric in metrics(), sign in 0..5usize, number in 0..1_000_000_000_000u64, decimals in 0..6u32) {
            let bound = match metric.unit() {
                Unit::Money | Unit::Duration | Unit::Moment => Ratio::whole(u128::from(number)),
                _ => Ratio { numerator: u128::from(number), denominator: 10u128.pow(decimals) },
            };
            let written = Expression { metric, comparison: Comparison::ALL[sign], bound };
            let read = Expression::parse(&written.to_string()).expect("it was written so");
            prop_assert_eq!((read.metric, read.comparison), (written.metric, written.comparison));
            prop_assert!(read.bound.compare(written.bound).is_eq(), "{}", written);
        }

        #[test]
        fn any_text_is_read_or_marked_within_itself(text in "\\PC{0,60}") {
            if let Err(wrong) = Expression::parse(&text) {
                prop_assert!(text.get(wrong.range.clone()).is_some(), "{:?}", wrong);
            }
        }

        #[test]
        fn nearly_right_texts_are_read_or_marked(text in "(p99|lost_share|gmv_paid|oversold|sold_out_at) ?[<>=]{0,2} ?[0-9.:]{0,8} ?(ms|%|RMB|/s|bn|k)?") {
            if let Err(wrong) = Expression::parse(&text) {
                prop_assert!(text.get(wrong.range.clone()).is_some(), "{:?}", wrong);
                prop_assert!(wrong.help.is_some());
            }
        }
    }
}
