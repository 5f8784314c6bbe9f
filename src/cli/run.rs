//! `saleload run`: simulate, write, say what came out.

use super::arguments::RunArguments;
use super::check::ended;
use super::checkpoint::Checkpoints;
use super::interrupt::Interrupt;
use super::memory::Budget;
use super::progress::Progress;
use super::summary::{self, Effort};
use super::terminal::{self, Terminal};
use super::{Stop, annotation, junit, machine, number, restraints};
use crate::clock::Clock;
use crate::forecast::Forecast;
use crate::plan::Plan;
use crate::report::manifest::Manifest;
use crate::results::{Completion, Results, Status};
use crate::{engine, report, scenario};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Sessions below which a sample says little.
const SMALL_SAMPLE: f64 = 100_000.0;

/// Memory from which a run is faster in huge pages, bytes.
const LARGE: f64 = 50e6;

/// Runs a scenario.
pub(super) fn run(arguments: &RunArguments, terminal: &Terminal) -> Result<(), Stop> {
    let loaded = load(arguments, terminal)?;
    let plan = &loaded.plan;
    let simulated_cells = match arguments.sample {
        Some(fraction) => fraction.of_plan(plan).map_err(Stop::Usage)?,
        None => plan.cells,
    };
    let folder = arguments.out.clone().unwrap_or_else(|| Path::new("output").join(&plan.name));
    let overwrite = arguments.overwrite || arguments.snapshots.resume && holds_part_of(&folder, &loaded);
    // Hours of work must not end at a folder that cannot be written.
    make_way(&folder, overwrite)?;
    if let Some(file) = &arguments.junit {
        take_a_place_for(file)?;
    }
    let forecast = Forecast::new(plan);
    let memory = forecast.bytes_of_sample(plan, simulated_cells);
    let mut budget = Budget::new(arguments.memory);
    budget.admits(memory)?;
    if memory > LARGE {
        machine::use_huge_pages();
    }
    if !arguments.quiet {
        if !loaded.warnings.is_empty() {
            terminal::say(&ended(loaded.warnings.render(terminal.stderr_colour())));
        }
        for warning in restraints::overloads(&Clock::new(&plan.zone), &forecast) {
            terminal.warning(&warning);
        }
        let sessions = forecast.sessions * f64::from(simulated_cells) / f64::from(plan.cells);
        if simulated_cells < plan.cells && sessions < SMALL_SAMPLE {
            terminal.warning(&format!(
                "a sample of about {} sessions is small: its numbers scatter, and stock is too thin to sell out as it would",
                number::count(sessions)
            ));
        }
    }
    let mut checkpoints = Checkpoints::new(arguments, &loaded, &folder, terminal)?;
    let start = checkpoints.start(arguments, simulated_cells)?;
    let threads = arguments.threads.map_or_else(machine::cores, usize::from);
    let options = engine::Options { simulated_cells, threads };
    let ready = engine::begin(plan, &options, start).map_err(|error| Stop::Usage(error.to_string()))?;
    let (results, effort) = simulate(ready, plan, threads, &mut checkpoints, &mut budget, arguments.quiet, terminal)?;
    if !arguments.quiet {
        terminal::say(&format!("writing {}\n", folder.display()));
    }
    report::write(&results, &loaded.resolved, &folder, overwrite).map_err(|error| Stop::Internal(error.to_string()))?;
    if results.summary.completion == Completion::Complete {
        checkpoints.finish();
    }
    if let Some(file) = &arguments.junit {
        junit::write(&results.summary, file)?;
    }
    print(&results, effort, &folder, arguments, terminal)?;
    if annotation::wanted() {
        terminal::say(&annotation::text(&results.summary, &loaded));
    }
    match (results.summary.completion, results.summary.status) {
        // What was asked for did not come about, whatever became of the targets by then.
        (Completion::Interrupted, _) => Err(Stop::Interrupted),
        (Completion::Complete, Status::Fail) => Err(Stop::TargetMissed),
        (Completion::Complete, _) => Ok(()),
    }
}

fn load(arguments: &RunArguments, terminal: &Terminal) -> Result<scenario::Loaded, Stop> {
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let loaded = scenario::load(&arguments.file, &overrides).map_err(|diagnostics| {
        terminal::say(&ended(diagnostics.render(terminal.stderr_colour())));
        Stop::BadScenario
    })?;
    Ok(loaded)
}

/// Makes sure that the results can be written to `folder`, and that nothing else is lost by it.
fn make_way(folder: &Path, overwrite: bool) -> Result<(), Stop> {
    let shown = folder.display();
    if folder.symlink_metadata().is_ok() {
        if !overwrite {
            return Err(Stop::Usage(format!("`{shown}` exists: choose another folder with --out, or add --overwrite")));
        }
        if !holds_results(folder) && !is_empty_folder(folder) {
            return Err(Stop::Usage(format!("`{shown}` is no result folder of saleload: it will not be overwritten")));
        }
    }
    take_a_place_for(folder)
}

/// Makes sure that there can be something at `path`.
pub(super) fn take_a_place_for(path: &Path) -> Result<(), Stop> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    take_a_place(&parent).map_err(|error| Stop::Usage(format!("cannot write to `{}`: {error}", parent.display())))
}

/// Makes a folder and tries to write in it; only a try tells, as permissions, quotas and read-only disks all differ.
fn take_a_place(parent: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(parent)?;
    let trial = parent.join(format!(".saleload-trial-{}", std::process::id()));
    std::fs::create_dir(&trial)?;
    std::fs::remove_dir(&trial)
}

/// Whether a folder holds the results of a run.
pub(super) fn holds_results(folder: &Path) -> bool {
    folder.join("manifest.json").is_file() && folder.join("summary.json").is_file()
}

/// Whether a folder holds what an interrupted run of this scenario had come to: to resume it is to replace that.
fn holds_part_of(folder: &Path, scenario: &scenario::Loaded) -> bool {
    let hash = scenario.blake3();
    Manifest::read(folder).is_ok_and(|of| of.completion == Completion::Interrupted && of.scenario_blake3 == hash)
}

fn is_empty_folder(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

fn simulate(
    ready: engine::Ready,
    plan: &Plan,
    threads: usize,
    checkpoints: &mut Checkpoints<'_>,
    budget: &mut Budget,
    quiet: bool,
    terminal: &Terminal,
) -> Result<(Results, Effort), Stop> {
    let interrupt = Interrupt::listen()?;
    let before = ready.progress(plan);
    let mut progress = Progress::new(plan, threads, quiet, terminal, &before);
    let begun = machine::now();
    let mut too_much = None;
    let results = ready.play(plan, &mut |pause| {
        progress.tick(|| pause.progress());
        too_much = budget.exceeded();
        let ends = interrupt.asked() || too_much.is_some();
        if checkpoints.tick(pause, ends) {
            progress.kept();
        }
        if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.finish();
    if let Some(why) = too_much {
        terminal.error(&why);
    }
    let results = results.map_err(|breach| Stop::Internal(format!("this is a bug in saleload: {breach}")))?;
    let effort = Effort {
        seconds: begun.elapsed().as_secs_f64(),
        events: results.summary.events - before.events,
        threads,
        memory: machine::peak_memory(),
    };
    Ok((results, effort))
}

fn print(
    results: &Results,
    effort: Effort,
    folder: &Path,
    arguments: &RunArguments,
    terminal: &Terminal,
) -> Result<(), Stop> {
    if arguments.json {
        let json = serde_json::to_string_pretty(&results.summary).map_err(|error| Stop::Internal(error.to_string()))?;
        return Ok(terminal::print(&format!("{json}\n"))?);
    }
    Ok(terminal::print(&summary::text(results, effort, folder, terminal))?)
}
