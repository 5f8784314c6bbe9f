//! Targets in plain sentences, for people: a pure function of the results, or of the plan.

use crate::clock::Clock;
use crate::engine::brands::MARKS;
use crate::number::{FEN_PER_RMB, Prefix, grouped, money, rounded};
use crate::plan::Plan;
use crate::results::{Status, TargetResult, TargetUnit, Verdict};
use crate::target::{Metric, Subject, Target};

/// Digits of a measurement: more than elsewhere, as it stands beside a bound that it may be close to.
const DIGITS: i32 = 5;

/// What became of all targets, as what a run does.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Pass => "passes",
        Status::Fail => "fails",
        Status::Undecided => "is undecided",
        Status::NoTargets => "has no targets",
    }
}

/// What became of a target.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Undecided => "undecided",
    }
}

/// One sentence on a target, its name first.
pub(crate) fn sentence(target: &TargetResult, clock: &Clock) -> String {
    format!("{}: {}", target.name, sentence_of(target, clock))
}

/// One sentence on a target.
pub(crate) fn sentence_of(target: &TargetResult, clock: &Clock) -> String {
    let subject = match (&target.kind, &target.subject) {
        (Some(kind), Some(name)) => format!("{kind} {name}"),
        _ => String::new(),
    };
    let bound = value(target.bound, target.unit);
    let wanted = match target.comparison.as_str() {
        "=" => format!("the target is {bound}"),
        sign => format!("the target is {sign} {bound}"),
    };
    let phrase = Metric::named(&target.metric).map_or_else(|| target.metric.clone(), Metric::phrase);
    let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
    let when = when(target, clock);
    if target.verdict == Verdict::Undecided {
        return format!("{phrase}{of}{when} is undecided: the run was interrupted before; {wanted}");
    }
    let found = match (target.unit, target.measured) {
        (TargetUnit::SecondsAfterOpening, Some(at)) => {
            format!("{subject} {} {} after the opening{when}", came_to_pass(&target.metric, ""), value(at, target.unit))
        }
        (TargetUnit::SecondsAfterOpening, None) => format!("{subject} {}", came_to_pass(&target.metric, "never ")),
        (_, None) if target.metric == Metric::OfferedPeak.name() => {
            format!("there was no capacity to hold the offered load{of}{when} against")
        }
        (_, Some(measured)) => {
            let so_far = if target.is_so_far { ", up to the interruption," } else { "" };
            format!("{phrase}{of}{when}{so_far} was {}", value(measured, target.unit))
        }
        (_, None) => format!("there was nothing to measure {phrase}{of}{when} by"),
    };
    let latest = if target.is_at_latest { " at the latest" } else { "" };
    let first = target.first_failed_unix_ms.map(|at| format!(", first missed at {}{latest}", clock.stamp(at)));
    format!("{found}; {wanted}{}", first.unwrap_or_default())
}

/// What happened to a thing at the moment that a metric measures, or never did.
fn came_to_pass(metric: &str, never: &str) -> String {
    match Metric::named(metric).and_then(Metric::mark) {
        Some(mark) => format!("was {never}paid {}", money(MARKS[usize::from(mark)].0 as f64)),
        None => format!("was {never}sold out"),
    }
}

/// In which stretch of time, if not in all of it.
fn when(target: &TargetResult, clock: &Clock) -> String {
    let Some(window) = &target.window else { return String::new() };
    if target.unit == TargetUnit::SecondsAfterOpening {
        return format!(" of window {window}");
    }
    if !target.is_part {
        return format!(" in window {window}");
    }
    let (from, until) = (clock.stamp(target.from_unix_ms), clock.time(target.until_unix_ms, target.from_unix_ms));
    format!(" in window {window} from {from} to {until}")
}

/// A target before a run: what it asks for.
pub(crate) fn statement(target: &Target, plan: &Plan, clock: &Clock) -> String {
    let subject = match (target.subject, target.subject.name(plan)) {
        (Subject::Platform, _) | (_, None) => String::new(),
        (subject, Some(name)) => format!(" of {} {name}", subject.kind().key()),
    };
    let slice = &target.slice;
    let window = slice.window.map_or_else(String::new, |window| format!(" in window {}", plan.windows[window].name));
    let part = if slice.is_part {
        let (from, until) = (plan.unix_ms(slice.from), plan.unix_ms(slice.until));
        format!(" from {} to {}", clock.stamp(from), clock.time(until, from))
    } else {
        String::new()
    };
    let expression = &target.expression;
    let bound = value(expression.shown(expression.bound), expression.metric.unit().into());
    let (metric, sign) = (expression.metric.name(), expression.comparison.sign());
    format!("{}: {metric}{subject}{window}{part} {sign} {bound}", target.name)
}

/// A measurement or bound with its unit.
fn value(value: f64, unit: TargetUnit) -> String {
    match unit {
        TargetUnit::Count if value < 1e6 && value.fract() == 0.0 => grouped(value as u64),
        TargetUnit::Count => prefixed(value).trim_end().to_owned(),
        TargetUnit::Share => format!("{} %", rounded(value * 100.0, DIGITS)),
        TargetUnit::Fen => format!("{} RMB", prefixed(value / FEN_PER_RMB).trim_end()),
        TargetUnit::PerSecond => format!("{}/s", prefixed(value)),
        TargetUnit::Seconds => duration(value),
        TargetUnit::SecondsAfterOpening => {
            let seconds = value as u64;
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
    }
}

fn prefixed(value: f64) -> String {
    let prefix = Prefix::of(value);
    format!("{} {}", rounded(value / prefix.size, DIGITS), prefix.name)
}

/// A time in one unit up to two minutes, in two beyond.
fn duration(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 1.0 => format!("{} ms", rounded(s * 1000.0, DIGITS)),
        s if s < 120.0 => format!("{} s", rounded(s, DIGITS)),
        s if s < 7200.0 => format!("{} min {} s", (s / 60.0).floor(), rounded(s % 60.0, 3)),
        s => format!("{} h {} min", (s / 3600.0).floor(), rounded(s % 3600.0 / 60.0, 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_the_digits_that_a_verdict_turns_on() {
        for (number, unit, text) in [
            (0.0, TargetUnit::Count, "0"),
            (12_345.0, TargetUnit::Count, "12,345"),
            (0.005_001, TargetUnit::Share, "0.5001 %"),
            (30_012_300_000_000.0, TargetUnit::Fen, "300.12 bn RMB"),
            (499_960.0, TargetUnit::PerSecond, "499.96 k/s"),
            (0.799_99, TargetUnit::Seconds, "799.99 ms"),
            (723.0, TargetUnit::Seconds, "12 min 3 s"),
            (723.9, TargetUnit::SecondsAfterOpening, "00:12:03"),
        ] {
            assert_eq!(value(number, unit), text);
        }
    }

    #[test]
    fn a_sentence_says_what_was_measured_where_and_when() {
        let clock = Clock::new("Asia/Shanghai");
        let opens = 1_605_024_000_000;
        let mut target = TargetResult {
            name: "fast".into(),
            verdict: Verdict::Fail,
            metric: "p99.9".into(),
            kind: Some("service".into()),
            subject: Some("order".into()),
            comparison: "<".into(),
            bound: 0.8,
            measured: Some(1.234),
            unit: TargetUnit::Seconds,
            window: Some("second".into()),
            is_part: true,
            from_unix_ms: opens,
            until_unix_ms: opens + 10_000,
            first_failed_unix_ms: Some(opens + 4000),
            is_at_latest: false,
            is_so_far: false,
        };
        assert_eq!(
            sentence(&target, &clock),
            "fast: the response time p99.9 of service order in window second from 2020-11-11 00:00:00 to 00:00:10 was 1.234 s; \
             the target is < 800 ms, first missed at 2020-11-11 00:00:04"
        );
        target.measured = None;
        target.first_failed_unix_ms = None;
        assert!(sentence(&target, &clock).contains("there was nothing to measure the response time p99.9"));
        target.verdict = Verdict::Undecided;
        assert!(sentence(&target, &clock).contains("is undecided: the run was interrupted before; the target is"));
        let sold_out = TargetResult {
            metric: "sold_out_at".into(),
            kind: Some("product".into()),
            subject: Some("console".into()),
            comparison: ">".into(),
            bound: 1200.0,
            unit: TargetUnit::SecondsAfterOpening,
            verdict: Verdict::Pass,
            window: None,
            ..target
        };
        assert_eq!(sentence_of(&sold_out, &clock), "product console was never sold out; the target is > 00:20:00");
    }
}
