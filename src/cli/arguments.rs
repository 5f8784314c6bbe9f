//! The arguments, one to one with what a person types.

use super::memory;
use super::sample::Fraction;
use super::terminal::Colour;
use crate::clock;
use crate::scenario::FreeRange;
use crate::units::Nanos;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Play a shopping festival before it happens: sale load, stock and capacity.
#[derive(Parser)]
#[command(
    name = "saleload",
    version,
    after_help = "\
Examples:
  saleload check scenarios/quickstart.toml      what it would bring, and what would break
  saleload run scenarios/quickstart.toml        simulate; results in output/quickstart
  saleload run FILE --set service.order.instances=420 --out output/more-orders
  saleload fit FILE --sample 1/64               choose its free parameters to meet what was published

Exit codes: 0 done, 1 internal error, 2 usage, 99 a target was missed, 104 bad scenario, 105 interrupted."
)]
pub(super) struct Arguments {
    /// When to use colour; auto: on a terminal, and as the environment says
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: Colour,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Validate scenarios and forecast their load; nothing is simulated
    Check(CheckArguments),
    /// Simulate a scenario and write a result folder
    Run(RunArguments),
    /// Choose free parameters of a scenario so that runs come close to published figures
    Fit(FitArguments),
    /// Draw the report of a result folder again
    Report {
        /// A result folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the JSON Schema of scenario files
    #[command(after_help = "Example:\n  saleload schema > saleload.schema.json")]
    Schema,
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  saleload completions bash > ~/.local/share/bash-completion/completions/saleload"
    )]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
#[command(after_help = "\
Prints the offered load of every service against its capacity, and expected sessions, orders, GMV, events, time and memory, \
as if nothing failed, queued or sold out.

Examples:
  saleload check scenarios/*.toml
  saleload check FILE --set service.order.instances=420 --json")]
pub(super) struct CheckArguments {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Override a value of the scenario; may be given again
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub(super) set: Vec<String>,
    /// Print the forecast as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Ctrl-C ends the run at the next tick and keeps what was done, marked as interrupted; a second one quits at once. With \
--checkpoint-every it can be resumed from there, and after a crash from the last checkpoint. A checkpoint or snapshot that is \
damaged, of another version or of another scenario is refused (exit code 2).

Where a target of the scenario was missed, the results are written and the exit code is 99; an interrupted run ends with 105 \
whatever became of its targets. Under GITHUB_ACTIONS=true, missed targets are printed as annotations of their lines too.

Examples:
  saleload run scenarios/quickstart.toml
  saleload run FILE --set service.order.instances=420 --seed 7 --out output/more-orders
  saleload run FILE --sample 1/64 --json | jq .total.gmv_paid_fen
  saleload run FILE --checkpoint-every 5m --resume      begin, or go on after whatever happened
  saleload run FILE --snapshot-at 2020-11-05T00:00:00+08:00
  saleload run FILE --set segment.planner.window.second.participation=0.8 --out output/more-planners \\
                    --from output/double11-2020.20201105-000000.snapshot")]
pub(super) struct RunArguments {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Override a value of the scenario; may be given again
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub(super) set: Vec<String>,
    /// Seed of all random draws, instead of the scenario's
    // TOML, through which it goes, ends at 2^63 - 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(super) seed: Option<u64>,
    /// Simulate only this share of the cells, such as 1/64, and scale up
    #[arg(long, value_name = "K/N")]
    pub(super) sample: Option<Fraction>,
    /// Threads; the results do not depend on them [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Memory that the run may take, such as 8GB; it ends early before it takes more [default: what is free]
    #[arg(long, value_name = "AMOUNT", value_parser = memory::amount)]
    pub(super) memory: Option<f64>,
    /// Result folder [default: output/<name of the scenario>]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Replace the result folder if it exists
    #[arg(long)]
    pub(super) overwrite: bool,
    #[command(flatten)]
    pub(super) snapshots: SnapshotArguments,
    /// Write what became of each target as a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// No progress and no warnings
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Args)]
#[command(after_help = "\
Makes runs, all with the same seed, and moves the free parameters so that the squared errors against the published figures become \
small, each divided by what the scenario lets it be off. What comes out is a patch: a scenario file that extends FILE.

Observed points come as CSV with the columns `seconds` (since the first opening) or `time` (RFC 3339), and one of `gmv_paid_rmb` \
(since the first opening), `gmv_paid_rmb_per_second` or `orders_per_second` (from this row to the next), or \
`peak_orders_per_second`: the most orders of a second in a window, at the time when that was; the time counts too, and may be off by \
10 s or what a column `within_seconds` says. --points may be given again, for a curve and a peak. Rows of zero are left out, as \
nothing is a relative error away from them.

The scenario has to be valid at both ends of each range. Ctrl-C ends it and keeps the best values so far.

Examples:
  saleload fit scenarios/double11-2016.toml --sample 1/64 --out output/again.toml
  saleload fit FILE --free segment.regular.window.noon.participation=0.2..0.9 --points observed.csv")]
pub(super) struct FitArguments {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Let this value be chosen, instead of the scenario's [free.NAME]; by ratios from a factor of ten on; may be given again
    #[arg(long, value_name = "PATH=LOW..HIGH", value_parser = range)]
    pub(super) free: Vec<FreeRange>,
    /// Points to come close to, instead of the scenario's [published.NAME]; may be given again
    #[arg(long, value_name = "FILE.csv")]
    pub(super) points: Vec<PathBuf>,
    /// Simulate only this share of the cells, such as 1/64, and scale up
    #[arg(long, value_name = "K/N")]
    pub(super) sample: Option<Fraction>,
    /// Most runs
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) evaluations: u32,
    /// Seed of all runs, instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(super) seed: Option<u64>,
    /// Threads; what is found does not depend on them [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// File to write the values to [default: FILE-fitted.toml beside FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Replace that file if it exists
    #[arg(long)]
    pub(super) overwrite: bool,
    /// No progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// What a run leaves to go on from, and what it goes on from.
#[derive(Args)]
pub(super) struct SnapshotArguments {
    /// Keep a checkpoint beside the result folder, renewed whenever this much real time has passed, such as 5m
    #[arg(long, value_name = "TIME", value_parser = real_time)]
    pub(super) checkpoint_every: Option<Duration>,
    /// Go on from the checkpoint of this very scenario, if there is one
    #[arg(long)]
    pub(super) resume: bool,
    /// Keep a snapshot of this instant beside the result folder, for --from; may be given again
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) snapshot_at: Vec<i64>,
    /// Begin with a snapshot of a scenario that differs only in what had not begun to matter
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "resume")]
    pub(super) from: Option<PathBuf>,
}

/// An override of the form PATH=VALUE; what path and value mean is for `scenario` to judge.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((path, _)) if !path.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write PATH=VALUE, such as service.order.instances=420".to_owned()),
    }
}

/// A range of the form PATH=LOW..HIGH.
fn range(text: &str) -> Result<FreeRange, String> {
    FreeRange::read(text)
        .ok_or_else(|| "write PATH=LOW..HIGH, such as segment.regular.window.noon.participation=0.2..0.9".to_owned())
}

/// A length of time on the wall.
fn real_time(text: &str) -> Result<Duration, String> {
    text.parse::<Nanos>()
        .map(|time| Duration::from_nanos(time.0))
        .map_err(|_| "write a time with a unit, such as 30s or 5m".to_owned())
}

/// A point of simulated time, as Unix milliseconds.
fn instant(text: &str) -> Result<i64, String> {
    clock::unix_ms(text)
        .ok_or_else(|| "write a whole second with an offset, such as 2020-11-05T00:00:00+08:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
