//! Where two results differ first, and in which tick the events did.

use super::simulator::{self, Settings};
use super::stock::Settlement;
use saleload::engine::{self, Options, schedule};
use saleload::plan::Plan;
use saleload::results::{Results, Table, Values, series};
use saleload::units::Instant;
use serde_json::Value;
use std::ops::ControlFlow;

/// Ratios are computed from equal integers in another order of operations.
const ROUNDING: f64 = 1e-12;
/// Lines of the event log that are shown.
const LINES: usize = 60;

/// Both implementations must say the same.
pub(crate) type Verdict = Result<(), String>;

/// Plays the engine; it is broken off at the first end of a tick that is not before `stop_at`.
pub(crate) fn engine(plan: &Plan, simulated_cells: u32, stop_at: Instant) -> Result<Results, String> {
    let options = Options { simulated_cells, threads: 1 };
    let mut watch = |pause: &mut engine::Pause<'_>| {
        if pause.now() >= stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine::run(plan, &options, &mut watch).map_err(|breach| breach.to_string())
}

/// Compares everything that results hold, the digest first.
pub(crate) fn same(engine: &Results, reference: &Results) -> Verdict {
    let [mine, theirs] = [reference, engine].map(|results| &results.summary);
    if (&mine.digest, mine.events) != (&theirs.digest, theirs.events) {
        return Err(format!("{} events in the engine, {} in the reference", theirs.events, mine.events));
    }
    table(&engine.series, &reference.series)?;
    let json = |results: &Results| {
        let parts = [
            ("summary", serde_json::to_value(&results.summary)),
            ("ledger", serde_json::to_value(&results.ledger)),
            ("products", serde_json::to_value(&results.products)),
            ("brands", serde_json::to_value(&results.brands)),
            ("channels", serde_json::to_value(&results.channels)),
            ("livestreams", serde_json::to_value(&results.livestreams)),
            ("vouchers", serde_json::to_value(&results.vouchers)),
            ("services", serde_json::to_value(&results.services)),
        ];
        let parts = parts.into_iter().map(|(name, value)| (name.to_string(), value.expect("plain data")));
        Value::Object(parts.collect())
    };
    value("", &json(engine), &json(reference))
}

fn are_equal(a: f64, b: f64) -> bool {
    // Where there is no capacity, both are infinite.
    a.to_bits() == b.to_bits() || (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

fn table(engine: &Table, reference: &Table) -> Verdict {
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    if names(engine) != names(reference) {
        return Err(format!("columns {:?} in the engine, {:?} in the reference", names(engine), names(reference)));
    }
    let times = engine.integers(series::TIME);
    for (theirs, mine) in engine.columns.iter().zip(&reference.columns) {
        let differs = match (&theirs.values, &mine.values) {
            (Values::Integer(a), Values::Integer(b)) if a.len() == b.len() => a.iter().zip(b).position(|(a, b)| a != b),
            (Values::Real(a), Values::Real(b)) if a.len() == b.len() => {
                a.iter().zip(b).position(|(a, b)| !are_equal(*a, *b))
            }
            _ => return Err(format!("{}: other kinds or numbers of values", theirs.name)),
        };
        if let Some(row) = differs {
            let at = |values: &Values| match values {
                Values::Integer(values) => values[row].to_string(),
                Values::Real(values) => values[row].to_string(),
            };
            let (name, seconds) = (&theirs.name, (times[row] - times[0]) as f64 / 1000.0);
            let (theirs, mine) = (at(&theirs.values), at(&mine.values));
            return Err(format!("{name}, row {row} ({seconds} s): {theirs} in the engine, {mine} in the reference"));
        }
    }
    Ok(())
}

fn value(path: &str, engine: &Value, reference: &Value) -> Verdict {
    match (engine, reference) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a.iter().try_for_each(|(name, theirs)| {
            value(&format!("{path}.{name}"), theirs, b.get(name).unwrap_or(&Value::Null))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.try_for_each(|(index, (theirs, mine))| value(&format!("{path}[{index}]"), theirs, mine))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let both = a.as_f64().zip(b.as_f64());
            if both.is_some_and(|(a, b)| are_equal(a, b)) { Ok(()) } else { Err(differ(path, engine, reference)) }
        }
        _ if engine == reference => Ok(()),
        _ => Err(differ(path, engine, reference)),
    }
}

fn differ(path: &str, engine: &Value, reference: &Value) -> String {
    format!("{path}: {engine} in the engine, {reference} in the reference")
}

/// The first tick at whose end the two have other digests, with what the reference plays in it. Both are broken off earlier
/// and earlier, so nothing of the engine needs to be seen but its results.
pub(crate) fn first_tick(plan: &Plan, simulated: u32) -> String {
    let of_slot = |slot: schedule::Slot| (0..slot.ticks).map(move |tick| slot.tick_end(tick));
    let ends: Vec<Instant> = schedule::slots(plan).into_iter().flat_map(of_slot).collect();
    let reference = |stop_at| {
        let settings = Settings { simulated, settlement: Settlement::Ticks, stop_at, keeps_log: true };
        simulator::play(plan, &settings)
    };
    let differs = |stop_at: Instant| match engine(plan, simulated, stop_at) {
        Ok(results) => results.summary.digest != reference(stop_at).results().summary.digest,
        Err(_) => true,
    };
    let (mut same, mut other) = (0, ends.len());
    while same < other {
        let middle = usize::midpoint(same, other);
        if differs(ends[middle]) {
            other = middle;
        } else {
            same = middle + 1;
        }
    }
    let Some(&end) = ends.get(same) else { return "their events are the same".into() };
    let start = if same == 0 { Instant(0) } else { ends[same - 1] };
    let run = reference(end);
    let log = run.record.log.expect("a log was asked for");
    let lines: Vec<String> =
        log.into_iter().filter(|(time, _)| *time >= start).map(|(_, line)| line).take(LINES).collect();
    let theirs = engine(plan, simulated, end).map_or_else(|why| why, |results| results.summary.events.to_string());
    format!(
        "their events differ first between {} and {} ns ({theirs} events in the engine, {} in the reference), where the reference plays\n{}",
        start.0,
        end.0,
        run.record.events,
        lines.join("\n")
    )
}
