//! `saleload run`: simulate, write, say what came out.

use super::arguments::RunArguments;
use super::check::ended;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::summary::{self, Effort};
use super::terminal::{self, Terminal};
use super::{Stop, machine, number, outlook};
use crate::clock::Clock;
use crate::forecast::Forecast;
use crate::plan::Plan;
use crate::results::{Completion, Results};
use crate::{engine, report, scenario};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Sessions below which a sample says little.
const SMALL_SAMPLE: f64 = 100_000.0;

/// Runs a scenario.
pub(super) fn run(arguments: &RunArguments, terminal: &Terminal) -> Result<(), Stop> {
    let loaded = load(arguments, terminal)?;
    let plan = &loaded.plan;
    let simulated_cells = match arguments.sample {
        Some(fraction) => fraction.of(plan.cells).map_err(Stop::Usage)?,
        None => plan.cells,
    };
    let folder = arguments.out.clone().unwrap_or_else(|| Path::new("output").join(&plan.name));
    // Hours of work must not end at a folder that cannot be written.
    make_way(&folder, arguments.overwrite)?;
    let forecast = Forecast::new(plan);
    has_room(&forecast, f64::from(simulated_cells) / f64::from(plan.cells))?;
    if !arguments.quiet {
        for warning in outlook::overloads(&Clock::new(&plan.zone), &forecast) {
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
    let threads = arguments.threads.map_or_else(machine::cores, usize::from);
    let (results, effort) = simulate(plan, &engine::Options { simulated_cells, threads }, arguments.quiet, terminal)?;
    if !arguments.quiet {
        terminal::say(&format!("writing {}\n", folder.display()));
    }
    report::write(&results, &loaded.resolved, &folder, arguments.overwrite)
        .map_err(|error| Stop::Internal(error.to_string()))?;
    print(&results, effort, &folder, arguments, terminal)?;
    match results.summary.completion {
        Completion::Complete => Ok(()),
        Completion::Interrupted => Err(Stop::Interrupted),
    }
}

/// Refuses what this machine cannot hold, before it begins to swap or the system ends it. The forecast may be off, so only what
/// is far too large is refused.
fn has_room(forecast: &Forecast, fraction: f64) -> Result<(), Stop> {
    let needed = forecast.memory_bytes * fraction;
    match machine::available_memory() {
        Some(available) if needed > 1.5 * available => Err(Stop::Usage(format!(
            "this needs about {} of memory and {} are free; a sample (--sample 1/N) needs less",
            number::bytes(needed),
            number::bytes(available)
        ))),
        _ => Ok(()),
    }
}

fn load(arguments: &RunArguments, terminal: &Terminal) -> Result<scenario::Loaded, Stop> {
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let loaded = scenario::load(&arguments.file, &overrides).map_err(|diagnostics| {
        terminal::say(&ended(diagnostics.render(terminal.stderr_colour())));
        Stop::BadScenario
    })?;
    if !arguments.quiet && !loaded.warnings.is_empty() {
        terminal::say(&ended(loaded.warnings.render(terminal.stderr_colour())));
    }
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
    let parent = match folder.parent() {
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

fn is_empty_folder(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

fn simulate(
    plan: &Plan,
    options: &engine::Options,
    quiet: bool,
    terminal: &Terminal,
) -> Result<(Results, Effort), Stop> {
    let interrupt = Interrupt::listen()?;
    let mut progress = Progress::new(plan, options.threads, quiet, terminal);
    let begun = machine::now();
    let results = engine::run(plan, options, &mut |state| {
        progress.tick(state);
        if interrupt.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.finish();
    let results = results.map_err(|breach| Stop::Internal(format!("this is a bug in saleload: {breach}")))?;
    Ok((
        results,
        Effort { seconds: begun.elapsed().as_secs_f64(), threads: options.threads, memory: machine::peak_memory() },
    ))
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
