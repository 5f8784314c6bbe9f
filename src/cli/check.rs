//! `saleload check`: is the scenario valid, and what would it bring?

use super::arguments::CheckArguments;
use super::terminal::{self, Terminal};
use super::{Stop, caveats, outlook, restraints};
use crate::clock::Clock;
use crate::forecast::Forecast;
use crate::{scenario, verdict};
use serde::Serialize;
use std::path::Path;

/// What `--json` says of a file.
#[derive(Serialize)]
struct Verdict<'a> {
    file: &'a Path,
    valid: bool,
    /// Name of the scenario.
    name: Option<String>,
    forecast: Option<Forecast>,
    /// What a run would have to achieve.
    targets: Vec<String>,
    /// What will not hold.
    warnings: Vec<String>,
}

/// Checks each file in turn; all of them, whatever is wrong with one.
pub(super) fn check(arguments: &CheckArguments, terminal: &Terminal) -> Result<(), Stop> {
    let mut verdicts = Vec::new();
    for (index, file) in arguments.files.iter().enumerate() {
        let verdict = verdict(file, arguments, terminal, index > 0)?;
        verdicts.push(verdict);
    }
    if arguments.json {
        let json = serde_json::to_string_pretty(&verdicts).map_err(|error| Stop::Internal(error.to_string()))?;
        terminal::print(&format!("{json}\n"))?;
    }
    if verdicts.iter().all(|verdict| verdict.valid) { Ok(()) } else { Err(Stop::BadScenario) }
}

fn verdict<'a>(
    file: &'a Path,
    arguments: &CheckArguments,
    terminal: &Terminal,
    follows: bool,
) -> Result<Verdict<'a>, Stop> {
    let loaded = match scenario::load(file, &arguments.set) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            terminal::say(&ended(diagnostics.render(terminal.stderr_colour())));
            return Ok(Verdict {
                file,
                valid: false,
                name: None,
                forecast: None,
                targets: Vec::new(),
                warnings: Vec::new(),
            });
        }
    };
    if !loaded.warnings.is_empty() {
        terminal::say(&ended(loaded.warnings.render(terminal.stderr_colour())));
    }
    let plan = &loaded.plan;
    let forecast = Forecast::new(plan);
    let clock = Clock::new(&plan.zone);
    let mut warnings = restraints::all(&clock, plan, &forecast);
    warnings.extend(outlook::shortages(&forecast.short));
    warnings.extend(outlook::missed(plan, &forecast));
    warnings.extend(caveats::all(&clock, plan, &forecast));
    let targets: Vec<String> = plan.targets.iter().map(|target| verdict::statement(target, plan, &clock)).collect();
    if !arguments.json {
        let mut text = String::from(if follows { "\n" } else { "" });
        text += &terminal.heading(&format!("{}: {}", file.display(), plan.title));
        text += "\n";
        text += &outlook::text(&clock, plan, &forecast);
        if !targets.is_empty() {
            text += &["\n", &terminal.heading("Targets"), "\n"].concat();
            text.extend(targets.iter().map(|target| format!("  {target}\n")));
        }
        if !warnings.is_empty() {
            text += "\n";
            text.extend(warnings.iter().map(|warning| terminal.printed_warning(warning)));
        }
        terminal::print(&text)?;
    }
    Ok(Verdict { file, valid: true, name: Some(plan.name.clone()), forecast: Some(forecast), targets, warnings })
}

/// The text with a line end at its end.
pub(super) fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
