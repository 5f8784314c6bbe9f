//! The command line: arguments in, text out, an exit code.
//!
//! Results go to stdout, talk to stderr. This is the only place that prints, reads the environment, or looks at a clock on the wall,
//! and nothing that it learns from them enters a result folder.

mod annotation;
mod arguments;
mod caveats;
mod check;
mod checkpoint;
mod fit;
mod interrupt;
mod junit;
mod machine;
mod memory;
mod number;
mod outlook;
mod progress;
mod restraints;
mod run;
mod sample;
mod summary;
mod table;
mod terminal;

use crate::{report, scenario};
use arguments::{Arguments, Verb};
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use terminal::Terminal;

/// Exit code of an internal error: a bug, or a disk that does not take the results.
const INTERNAL: u8 = 1;
/// Exit code of a command line that cannot be followed.
const USAGE: u8 = 2;
/// Exit code of a run that missed a target; its results are written.
const TARGET_MISSED: u8 = 99;
/// Exit code of a scenario that is not valid.
const BAD_SCENARIO: u8 = 104;
/// Exit code of a run that was interrupted; what was done is kept.
const INTERRUPTED: u8 = 105;

/// Why a verb ended without having done all that it was asked for.
enum Stop {
    /// A bug, or an input or output error.
    Internal(String),
    /// The command line cannot be followed.
    Usage(String),
    /// A target was missed; that has been said.
    TargetMissed,
    /// Scenarios are wrong; the diagnostics have been printed.
    BadScenario,
    /// The run was interrupted.
    Interrupted,
    /// Whoever read stdout has had enough.
    NobodyReads,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::NobodyReads,
            _ => Stop::Internal(error.to_string()),
        }
    }
}

/// Runs the command of this process's arguments, and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let colour = terminal::choice(&arguments);
    let command = Arguments::command().color(colour.into());
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Arguments::from_arg_matches(&matches));
    let terminal = Terminal::new(colour);
    let stop = match parsed {
        // A panic has told its place on stderr; what is left is to end with the code of a bug.
        Ok(arguments) => catch_unwind(AssertUnwindSafe(|| follow(&arguments.verb, &terminal)))
            .unwrap_or_else(|_| Err(Stop::Internal("this is a bug in saleload, please report it".to_owned())))
            .err(),
        Err(message) => {
            // Help and version come this way too; a closed pipe is nobody's fault.
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(USAGE));
        }
    };
    match stop {
        None | Some(Stop::NobodyReads) => ExitCode::SUCCESS,
        Some(Stop::Internal(message)) => {
            terminal.error(&message);
            ExitCode::from(INTERNAL)
        }
        Some(Stop::Usage(message)) => {
            terminal.error(&message);
            ExitCode::from(USAGE)
        }
        Some(Stop::TargetMissed) => ExitCode::from(TARGET_MISSED),
        Some(Stop::BadScenario) => ExitCode::from(BAD_SCENARIO),
        Some(Stop::Interrupted) => ExitCode::from(INTERRUPTED),
    }
}

fn follow(verb: &Verb, terminal: &Terminal) -> Result<(), Stop> {
    match verb {
        Verb::Check(arguments) => check::check(arguments, terminal),
        Verb::Run(arguments) => run::run(arguments, terminal),
        Verb::Fit(arguments) => fit::fit_scenario(arguments, terminal),
        Verb::Report { folder } => redraw(folder),
        Verb::Schema => Ok(terminal::print(&format!("{}\n", scenario::schema().trim_end()))?),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "saleload", &mut script);
            Ok(terminal::print(&String::from_utf8_lossy(&script))?)
        }
    }
}

/// `saleload report`.
fn redraw(folder: &Path) -> Result<(), Stop> {
    if !run::holds_results(folder) {
        let why = if folder.is_dir() { "holds no results of a run" } else { "is not a folder" };
        return Err(Stop::Usage(format!("`{}` {why}; `saleload run` writes one", folder.display())));
    }
    report::redraw(folder).map_err(|error| Stop::Internal(error.to_string()))?;
    Ok(terminal::print(&format!("{}\n", folder.join("report.html").display()))?)
}
