//! `saleload fit`: choose free parameters so that runs come close to what was published or observed.

use super::arguments::FitArguments;
use super::check::ended;
use super::interrupt::Interrupt;
use super::memory::Budget;
use super::terminal::{self, Terminal};
use super::{Stop, machine, number, run, summary, table};
use crate::clock::Clock;
use crate::fit::{End, Errors, Fit, Made, Trial, fit};
use crate::forecast::Forecast;
use crate::number::{difference, percent};
use crate::plan::Plan;
use crate::published::{Free, Point, measure_results};
use crate::results::Completion;
use crate::scenario::diagnostic::Diagnostics;
use crate::units::Nanos;
use crate::{engine, scenario};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What is fitted to what.
struct Task<'a> {
    arguments: &'a FitArguments,
    overrides: Vec<String>,
    plan: Plan,
    free: Vec<Free>,
    points: Vec<Point>,
    simulated_cells: u32,
    threads: usize,
}

/// Why runs were not made.
enum Refused {
    Interrupted,
    Because(Stop),
}

/// Fits a scenario.
pub(super) fn fit_scenario(arguments: &FitArguments, terminal: &Terminal) -> Result<(), Stop> {
    let task = Task::new(arguments, terminal)?;
    let out = arguments.out.clone().unwrap_or_else(|| beside(&arguments.file));
    if out.exists() && !arguments.overwrite {
        let shown = out.display();
        return Err(Stop::Usage(format!("`{shown}` exists: choose another file with --out, or add --overwrite")));
    }
    run::take_a_place_for(&out)?;
    let interrupt = Interrupt::listen()?;
    let begun = machine::now();
    let within = task.within();
    let (mut made, mut best) = (0, None::<Errors>);
    let found = fit(&task.free, &within, arguments.evaluations as usize, &mut |many| {
        let runs = task.runs(many, &interrupt, terminal);
        made += runs.errors.len();
        for errors in &runs.errors {
            if best.as_ref().is_none_or(|best| errors.misfit(&within) < best.misfit(&within)) {
                best = Some(errors.clone());
            }
        }
        if let Some(best) = best.as_ref().filter(|_| !arguments.quiet) {
            let (most, error) = (arguments.evaluations, percent(best.mean()));
            terminal::say(&format!("{made} of at most {most} runs, mean error at best {error}\n"));
        }
        runs
    });
    let seconds = begun.elapsed().as_secs_f64();
    let Fit { trials: Some((before, after)), runs, end } = found else {
        return Err(match found.end {
            End::Stopped(Refused::Because(stop)) => stop,
            _ => Stop::Interrupted,
        });
    };
    let patch = task.patch(&out, &before, &after, runs)?;
    std::fs::write(&out, patch).map_err(|error| Stop::Internal(format!("{}: {error}", out.display())))?;
    terminal::print(&task.text(&before, &after, terminal))?;
    let why = match &end {
        End::Settled => "no step leads further",
        End::Spent => "that is as many as may be",
        End::Stopped(Refused::Interrupted) => "INTERRUPTED",
        End::Stopped(Refused::Because(Stop::BadScenario)) => {
            "STOPPED, as the next values make a scenario that is refused (above): narrow the ranges"
        }
        End::Stopped(Refused::Because(_)) => "STOPPED",
    };
    let shown = out.display();
    terminal::print(&format!("\n{runs} runs in {}: {why}\nthe values are in {shown}\n", number::duration(seconds)))?;
    match end {
        End::Stopped(Refused::Because(stop)) => Err(stop),
        End::Stopped(Refused::Interrupted) => Err(Stop::Interrupted),
        End::Settled | End::Spent => Ok(()),
    }
}

/// The file that a fit writes if it is not told which.
fn beside(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{stem}-fitted.toml"))
}

impl<'a> Task<'a> {
    fn new(arguments: &'a FitArguments, terminal: &Terminal) -> Result<Self, Stop> {
        let overrides: Vec<String> = arguments.seed.map(|seed| format!("seed={seed}")).into_iter().collect();
        let plan = known(scenario::load_to_fit(&arguments.file, &overrides, &arguments.free), terminal)?.plan;
        let free = plan.free.clone();
        if free.is_empty() {
            return Err(Stop::Usage(
                "nothing is free: add `[free.NAME]` tables to the scenario, or --free PATH=LOW..HIGH".to_owned(),
            ));
        }
        let mut points = Vec::new();
        for file in &arguments.points {
            let observed = known(scenario::points(file, &plan), terminal)?;
            if observed.zeros > 0 && !arguments.quiet {
                terminal::say(&zeros(file, observed.zeros));
            }
            points.extend(observed.points);
        }
        if arguments.points.is_empty() {
            points.clone_from(&plan.published);
        }
        if points.is_empty() {
            return Err(Stop::Usage(
                "there is nothing to fit to: add `[published.NAME]` tables to the scenario, or --points FILE.csv"
                    .to_owned(),
            ));
        }
        let simulated_cells = match arguments.sample {
            Some(fraction) => fraction.of_plan(&plan).map_err(Stop::Usage)?,
            None => plan.cells,
        };
        let threads = arguments.threads.map_or_else(machine::cores, usize::from);
        let bytes = Forecast::new(&plan).bytes_of_sample(&plan, simulated_cells);
        Budget::new(None).admits(bytes * threads as f64)?;
        Ok(Task { arguments, overrides, plan, free, points, simulated_cells, threads })
    }

    /// How far off runs may be.
    fn within(&self) -> Errors {
        Errors {
            relative: self.points.iter().map(|point| point.within).collect(),
            late: self.points.iter().filter_map(|point| point.within_time).map(Nanos::as_secs_f64).collect(),
        }
    }

    /// Runs with these values, as many runs at once as there are threads, up to one that cannot be made.
    fn runs(&self, many: &[Vec<f64>], interrupt: &Interrupt, terminal: &Terminal) -> Made<Refused> {
        let mut made = Made { errors: Vec::new(), stopped: None };
        let mut plans = Vec::new();
        for values in many {
            match self.plan_with(values, terminal) {
                Ok(plan) => plans.push(plan),
                Err(refused) => {
                    made.stopped = Some(refused);
                    break;
                }
            }
        }
        for plans in plans.chunks(self.threads) {
            let threads = (self.threads / plans.len()).max(1);
            let chunk: Vec<Result<Errors, Refused>> = std::thread::scope(|scope| {
                let runs: Vec<_> =
                    plans.iter().map(|plan| scope.spawn(move || self.run(plan, threads, interrupt))).collect();
                // A panic has told its place; what is left is to end.
                runs.into_iter()
                    .map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            });
            for run in chunk {
                match run {
                    Ok(errors) => made.errors.push(errors),
                    Err(why) => return Made { stopped: Some(why), ..made },
                }
            }
        }
        made
    }

    fn plan_with(&self, values: &[f64], terminal: &Terminal) -> Result<Plan, Refused> {
        let set = self.free.iter().zip(values).map(|(free, &value)| format!("{}={}", free.path, free.text(value)));
        let overrides: Vec<String> = self.overrides.iter().cloned().chain(set).collect();
        let loaded = scenario::load_fitted(&self.arguments.file, &overrides);
        known(loaded, terminal).map(|loaded| loaded.plan).map_err(Refused::Because)
    }

    fn run(&self, plan: &Plan, threads: usize, interrupt: &Interrupt) -> Result<Errors, Refused> {
        let options = engine::Options { simulated_cells: self.simulated_cells, threads };
        let results = engine::run(plan, &options, &mut |_| {
            if interrupt.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let results = results
            .map_err(|breach| Refused::Because(Stop::Internal(format!("this is a bug in saleload: {breach}"))))?;
        if results.summary.completion == Completion::Interrupted {
            return Err(Refused::Interrupted);
        }
        let found = measure_results(&self.points, &results.summary, &results.series, plan.origin_unix_ms);
        // Where nothing was ordered at all, there is no peak, and so it is as late as can be.
        let never = plan.horizon.as_secs_f64();
        let late = found.iter().filter(|found| found.within_time_s.is_some());
        Ok(Errors {
            relative: found.iter().map(|found| found.error.unwrap_or(-1.0)).collect(),
            late: late.map(|found| found.late_s().unwrap_or(never)).collect(),
        })
    }

    /// The scenario file with the values that were found.
    fn patch(&self, out: &Path, before: &Trial, after: &Trial, runs: usize) -> Result<String, Stop> {
        let base = relative(out, &self.arguments.file)
            .map_err(|error| Stop::Internal(format!("{}: {error}", self.arguments.file.display())))?;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let sample = self.arguments.sample.map_or_else(String::new, |sample| format!(", --sample {sample}"));
        let (plan, errors) = (&self.plan, [before, after].map(|trial| percent(trial.errors.mean())));
        let mut text = format!(
            "# Found by `saleload fit` in {runs} runs with seed {}{sample}: mean error {} before, {} after.\n\n",
            plan.seed, errors[0], errors[1]
        );
        let _ = writeln!(text, "extends = {}\nname = {}\n", quoted(&base), quoted(&fitted_name(&plan.name)));
        for (free, &value) in self.free.iter().zip(&after.values) {
            let _ = writeln!(text, "{} = {}", free.path, free.text(value));
        }
        Ok(text)
    }

    /// Points and parameters before and after.
    fn text(&self, before: &Trial, after: &Trial, terminal: &Terminal) -> String {
        let clock = Clock::new(&self.plan.zone);
        let beyond =
            |error: f64, within: f64| format!("{}{}", difference(error), if error.abs() > within { " !" } else { "" });
        let errors = before.errors.relative.iter().zip(&after.errors.relative);
        let mut late = before.errors.late.iter().zip(&after.errors.late);
        let mut rows = Vec::new();
        for (point, (&before, &after)) in self.points.iter().zip(errors) {
            let at = point.at.map_or_else(String::new, |at| clock.day_time(self.plan.unix_ms(at)));
            let (figure, value) = point.figure.published();
            let errors = [before, after].map(|error| beyond(error, point.within));
            let [before, after] = errors;
            rows.push([point.name.clone(), at.clone(), summary::amount(figure, value), before, after]);
            if let Some((within, (&before, &after))) = point.within_time.and_then(|within| Some((within, late.next()?)))
            {
                let [before, after] = [before, after].map(|late| seconds_late(late, within.as_secs_f64()));
                rows.push([String::new(), at, "its time".to_owned(), before, after]);
            }
        }
        let points = table::text(["published", "at", "value", "error before", "after"], 2, rows);
        let rows = self.free.iter().zip(before.values.iter().zip(&after.values)).map(|(free, (&before, &after))| {
            let edge = if after <= free.low || after >= free.high { "  at the end of its range" } else { "" };
            let text = |value: f64| free.text(value).trim_matches('"').to_owned();
            [free.path.clone(), text(free.low), text(free.high), text(before), text(after) + edge]
        });
        let free = table::text(["free", "low", "high", "before", "after"], 1, rows.collect());
        let mean = [before, after].map(|trial| percent(trial.errors.mean()));
        format!(
            "{}\n{points}\n{}\n{free}\nmean error {} before, {} after\n",
            terminal.heading(&self.plan.title),
            terminal.heading("Free parameters"),
            mean[0],
            mean[1]
        )
    }
}

/// By how much a peak is late, marked where that is more than it may be.
fn seconds_late(late: f64, within: f64) -> String {
    format!("{late:+.0} s{}", if late.abs() > within { " !" } else { "" })
}

/// A name that a scenario can have: at most 64 bytes.
fn fitted_name(name: &str) -> String {
    const ENDING: &str = "-fitted";
    if name.len() + ENDING.len() > 64 { name.to_owned() } else { format!("{name}{ENDING}") }
}

/// What was read, or the problems are told.
fn known<T>(read: Result<T, Diagnostics>, terminal: &Terminal) -> Result<T, Stop> {
    read.map_err(|problems| {
        terminal::say(&ended(problems.render(terminal.stderr_colour())));
        Stop::BadScenario
    })
}

/// Which rows of a file do not count.
fn zeros(file: &Path, zeros: usize) -> String {
    let (file, of) = (file.display(), if zeros == 1 { "row of zero is" } else { "rows of zero are" });
    format!("{file}: {zeros} {of} left out, nothing is a relative error away from zero\n")
}

/// The path from the folder of one file to another.
fn relative(from: &Path, to: &Path) -> std::io::Result<String> {
    let folder = |file: &Path| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.canonicalize(),
        _ => Path::new(".").canonicalize(),
    };
    let (from, to_folder) = (folder(from)?, folder(to)?);
    let shared = from.components().zip(to_folder.components()).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.components().count() - shared);
    let down = to_folder.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(up.chain(down).chain([name]).collect::<Vec<_>>().join("/"))
}
