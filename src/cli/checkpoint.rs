//! Snapshots of a run: when they are written, where they lie, and from which one a run goes on.

use super::arguments::RunArguments;
use super::terminal::{self, Terminal};
use super::{Stop, machine};
use crate::clock::Clock;
use crate::engine::Pause;
use crate::engine::snapshot::{self, Snapshot, Start};
use crate::past;
use crate::plan::Plan;
use crate::scenario::Loaded;
use crate::units::Instant;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The snapshots of one run.
pub(super) struct Checkpoints<'a> {
    loaded: &'a Loaded,
    terminal: &'a Terminal,
    quiet: bool,
    clock: Clock,
    /// Where the checkpoint lies: the last snapshot, which the next one replaces and the end of the run removes.
    file: PathBuf,
    /// Whether the run keeps a checkpoint.
    kept: bool,
    /// Time on the wall between two checkpoints.
    every: Option<Duration>,
    /// When the last one was written, or the run began.
    last: std::time::Instant,
    /// What `--snapshot-at` asks for and has not come yet.
    wanted: Vec<(Instant, PathBuf)>,
}

impl<'a> Checkpoints<'a> {
    /// The snapshots of a run whose results go to `folder`.
    pub(super) fn new(
        arguments: &RunArguments,
        loaded: &'a Loaded,
        folder: &Path,
        terminal: &'a Terminal,
    ) -> Result<Self, Stop> {
        let clock = Clock::new(&loaded.plan.zone);
        let wanted = arguments.snapshots.snapshot_at.iter().map(|&unix_ms| {
            let stamp = clock.file_stamp(unix_ms);
            Ok((within(&loaded.plan, unix_ms, &clock)?, beside(folder, &format!("{stamp}.snapshot"))))
        });
        Ok(Checkpoints {
            wanted: wanted.collect::<Result<_, Stop>>()?,
            loaded,
            terminal,
            quiet: arguments.quiet,
            clock,
            file: beside(folder, "checkpoint"),
            kept: arguments.snapshots.resume || arguments.snapshots.checkpoint_every.is_some(),
            every: arguments.snapshots.checkpoint_every,
            last: machine::now(),
        })
    }

    /// The snapshot that the run goes on from; `None`: it begins at the first opening.
    pub(super) fn start(&mut self, arguments: &RunArguments, simulated_cells: u32) -> Result<Option<Start>, Stop> {
        let there = self.file.symlink_metadata().is_ok();
        let start = match &arguments.snapshots.from {
            Some(file) => Some(self.fork(file, simulated_cells)?),
            None if arguments.snapshots.resume && there => Some(self.resume(simulated_cells)?),
            None => None,
        };
        match &start {
            Some(start) => self.say(&format!("going on from {}\n", self.moment(start.now()))),
            None if arguments.snapshots.resume => {
                self.say(&format!("there is no `{}` to resume: starting anew\n", self.file.display()));
            }
            None => {}
        }
        if there && !arguments.snapshots.resume && self.kept {
            self.warn(&format!(
                "`{}` of an earlier run will be replaced; --resume goes on from it",
                self.file.display()
            ));
        }
        self.settle_wanted(start.as_ref().map_or(Instant(0), Start::now), arguments.overwrite)?;
        Ok(start)
    }

    fn resume(&self, simulated_cells: u32) -> Result<Start, Stop> {
        let start = Snapshot::open(&self.file).and_then(|file| past::resume(file, self.loaded, simulated_cells));
        start.map_err(|error| Stop::Usage(format!("{error}; without --resume the run starts anew")))
    }

    fn fork(&self, file: &Path, simulated_cells: u32) -> Result<Start, Stop> {
        let start = Snapshot::open(file).and_then(|file| past::fork(file, self.loaded, simulated_cells));
        let start = start.map_err(|error| Stop::Usage(error.to_string()))?;
        if start.is_stocked_otherwise(&self.loaded.plan) {
            self.warn(
                "stock stays as it was laid in before: for the demand that was expected by the snapshot's scenario",
            );
        }
        Ok(start)
    }

    /// Drops the wanted snapshots that the start has passed; makes sure that no file is lost by one that is still to come.
    fn settle_wanted(&mut self, now: Instant, overwrite: bool) -> Result<(), Stop> {
        for (at, _) in self.wanted.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.warn(&format!("--snapshot-at: {} has passed already", self.moment(at)));
        }
        match self.wanted.iter().find(|(_, file)| !overwrite && file.symlink_metadata().is_ok()) {
            Some((_, file)) => Err(Stop::Usage(format!("`{}` exists: add --overwrite to replace it", file.display()))),
            None => Ok(()),
        }
    }

    /// The end of a tick: writes what is due. Whether a checkpoint was written. A disk that does not take it must not cost the run.
    pub(super) fn tick(&mut self, pause: &mut Pause<'_>, ends: bool) -> bool {
        let now = pause.now();
        for (_, file) in self.wanted.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            match pause.write_snapshot(&self.loaded.resolved, &file) {
                Ok(_) => self.say(&format!("snapshot of {} in `{}`\n", self.moment(now), file.display())),
                Err(error) => self.warn(&error.to_string()),
            }
        }
        let due = self.every.is_some_and(|every| machine::now() - self.last >= every);
        if !(due || ends && self.kept) {
            return false;
        }
        let written = pause.write_snapshot(&self.loaded.resolved, &self.file);
        self.last = machine::now();
        if let Err(error) = &written {
            self.warn(&format!("there is no new checkpoint: {error}"));
        } else if ends {
            self.say(&format!("--resume goes on from {}, see `{}`\n", self.moment(now), self.file.display()));
        }
        written.is_ok()
    }

    /// The results have been written: nothing needs to be resumed any more.
    pub(super) fn finish(&self) {
        if self.kept {
            snapshot::remove(&self.file);
        }
    }

    fn moment(&self, now: Instant) -> String {
        self.clock.stamp(self.loaded.plan.unix_ms(now))
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            terminal::say(text);
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            self.terminal.warning(text);
        }
    }
}

/// A file next to a result folder, called after it.
fn beside(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy());
    folder.with_file_name(format!("{name}.{what}"))
}

/// A point of time as an instant of the plan's run.
fn within(plan: &Plan, unix_ms: i64, clock: &Clock) -> Result<Instant, Stop> {
    let since = u64::try_from(unix_ms - plan.origin_unix_ms).unwrap_or(0).saturating_mul(1_000_000);
    if since == 0 || since >= plan.horizon.0 {
        return Err(Stop::Usage(format!(
            "--snapshot-at: {} is not between {} and {}, the first opening and the last closing",
            clock.stamp(unix_ms),
            clock.stamp(plan.origin_unix_ms),
            clock.stamp(plan.unix_ms(plan.horizon)),
        )));
    }
    Ok(Instant(since))
}
