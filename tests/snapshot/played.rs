//! Runs that are played, broken off with a snapshot, and resumed.

use saleload::engine::snapshot::{Snapshot, SnapshotError, Start};
use saleload::engine::{self, Options, Pause, UnderWay};
use saleload::past;
use saleload::results::Results;
use saleload::scenario::{self, Loaded};
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) fn load(text: &str, overrides: &[&str]) -> Loaded {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    scenario::load_str(text, "drawn.toml", &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// A run of a scenario: how many cells, on how many threads.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) cells: u32,
    pub(crate) threads: usize,
}

impl<'a> Case<'a> {
    pub(crate) fn whole(loaded: &'a Loaded) -> Self {
        Case { loaded, cells: loaded.plan.cells, threads: 1 }
    }

    pub(crate) fn on(self, threads: usize) -> Self {
        Case { threads, ..self }
    }

    fn play(
        self,
        start: Option<Start>,
        watch: &mut (dyn FnMut(&mut Pause<'_>) -> ControlFlow<()> + Send),
    ) -> Result<Results, SnapshotError> {
        let options = Options { simulated_cells: self.cells, threads: self.threads };
        let results = engine::begin(&self.loaded.plan, &options, start)?.play(&self.loaded.plan, watch);
        Ok(results.unwrap_or_else(|breach| panic!("{breach}")))
    }

    /// The results of the unbroken run, and its ticks.
    pub(crate) fn unbroken(self) -> (Results, u64) {
        let mut ticks = 0;
        let results = self.play(None, &mut |_| {
            ticks += 1;
            ControlFlow::Continue(())
        });
        (results.unwrap_or_else(|error| panic!("{error}")), ticks)
    }

    /// Plays so many ticks, from `start` or from the beginning, and writes a snapshot. What is under way in it.
    pub(crate) fn play_ticks(self, start: Option<Start>, ticks: u64, snapshot: &Path) -> UnderWay {
        let (mut left, mut under_way) = (ticks, UnderWay::default());
        let played = self.play(start, &mut |pause| {
            left -= 1;
            if left > 0 {
                return ControlFlow::Continue(());
            }
            under_way = pause.under_way();
            let written = pause.write_snapshot(&self.loaded.resolved, snapshot);
            assert!(written.is_ok_and(|bytes| snapshot.metadata().is_ok_and(|file| file.len() == bytes)));
            ControlFlow::Break(())
        });
        played.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(left, 0, "the run ended before");
        under_way
    }

    /// Plays to the end of the first tick at or after so many seconds, and writes a snapshot. What is under way in it.
    pub(crate) fn play_until(self, seconds: u64, snapshot: &Path) -> UnderWay {
        let mut ticks = 0;
        let played = self.play(None, &mut |pause| {
            ticks += 1;
            if pause.now().as_secs_f64() >= seconds as f64 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        played.unwrap_or_else(|error| panic!("{error}"));
        self.play_ticks(None, ticks, snapshot)
    }

    /// The snapshot as the past of this scenario.
    pub(crate) fn past(self, snapshot: &Path) -> Result<Start, SnapshotError> {
        past::resume(Snapshot::open(snapshot)?, self.loaded, self.cells)
    }

    /// Goes on from a snapshot to the end.
    pub(crate) fn resume(self, snapshot: &Path) -> Result<Results, SnapshotError> {
        self.play(Some(self.past(snapshot)?), &mut |_| ControlFlow::Continue(()))
    }

    /// Goes on from a snapshot of another scenario to the end.
    pub(crate) fn fork(self, snapshot: &Path) -> Result<Results, SnapshotError> {
        let start = past::fork(Snapshot::open(snapshot)?, self.loaded, self.cells)?;
        self.play(Some(start), &mut |_| ControlFlow::Continue(()))
    }
}
