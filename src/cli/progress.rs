//! How far a run is: a bar on a terminal, a line every ten seconds elsewhere.

use super::terminal::{self, Terminal};
use super::{machine, number};
use crate::clock::Clock;
use crate::engine;
use crate::plan::Plan;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Steps of the bar.
const STEPS: u64 = 1000;
/// Least time between two drawings of the bar.
const BAR_EVERY: Duration = Duration::from_millis(125);
/// Time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Least time over which speed is measured.
const SPEED_OVER: Duration = Duration::from_secs(2);

/// How progress is shown.
enum Shown {
    Not,
    Line,
    Bar(ProgressBar),
}

/// The progress of a run.
pub(super) struct Progress {
    shown: Shown,
    clock: Clock,
    origin_unix_ms: i64,
    every: Duration,
    begun: Instant,
    /// Share of the run that had been played before.
    before: f64,
    /// When it was last shown.
    last: Instant,
    /// When the last checkpoint was written.
    kept: Option<Instant>,
    /// Where the measurement of speed began: when, and after how many events.
    mark: (Instant, u64),
    /// Events per second of the measurement before.
    speed: Option<f64>,
}

impl Progress {
    /// Begins now, with a run that has come so far.
    pub(super) fn new(
        plan: &Plan,
        threads: usize,
        quiet: bool,
        terminal: &Terminal,
        before: &engine::Progress,
    ) -> Self {
        let now = machine::now();
        let (shown, every) = if quiet {
            (Shown::Not, LINE_EVERY)
        } else if terminal.shows_bar() {
            (Shown::Bar(bar()), BAR_EVERY)
        } else {
            let plural = if threads == 1 { "" } else { "s" };
            terminal::say(&format!("simulating {} on {threads} thread{plural}\n", plan.name));
            (Shown::Line, LINE_EVERY)
        };
        Progress {
            shown,
            clock: Clock::new(&plan.zone),
            origin_unix_ms: plan.origin_unix_ms,
            every,
            begun: now,
            before: before.done,
            last: now,
            kept: None,
            mark: (now, before.events),
            speed: None,
        }
    }

    /// Shows the state of the run, if it is time to. Called thousands of times a second: usually one look at the clock.
    pub(super) fn tick(&mut self, state: impl FnOnce() -> engine::Progress) {
        if matches!(self.shown, Shown::Not) {
            return;
        }
        let now = machine::now();
        if now - self.last < self.every {
            return;
        }
        self.last = now;
        let state = state();
        self.measure(now, state.events);
        let line = self.line(now, &state);
        match &self.shown {
            Shown::Not => {}
            Shown::Line => terminal::say(&format!("{:3.0} %  {line}\n", state.done * 100.0)),
            Shown::Bar(bar) => {
                bar.set_position((state.done * STEPS as f64) as u64);
                bar.set_message(line);
            }
        }
    }

    /// A checkpoint has been written.
    pub(super) fn kept(&mut self) {
        self.kept = Some(machine::now());
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn measure(&mut self, now: Instant, events: u64) {
        let (since, events_then) = self.mark;
        let elapsed = now - since;
        if elapsed >= SPEED_OVER || self.speed.is_none() {
            self.speed = Some(events.saturating_sub(events_then) as f64 / elapsed.as_secs_f64());
            if elapsed >= SPEED_OVER {
                self.mark = (now, events);
            }
        }
    }

    fn line(&self, now: Instant, state: &engine::Progress) -> String {
        let at = self.origin_unix_ms + (state.now.0 / 1_000_000) as i64;
        // What people look for stands first: a narrow terminal cuts off the rest. Too early, the estimate would only be noise.
        let done = state.done - self.before;
        let left = if done > 0.001 {
            let left = (now - self.begun).as_secs_f64() * (1.0 - state.done).max(0.0) / done;
            format!("{} left, ", number::duration(left))
        } else {
            String::new()
        };
        let kept = self.kept.map_or_else(String::new, |kept| {
            format!(", checkpoint {} ago", number::duration((now - kept).as_secs_f64()))
        });
        format!(
            "{}, {left}{} events/s, GMV {}, {} in flight{kept}",
            self.clock.day_time(at),
            number::count(self.speed.unwrap_or(0.0)),
            number::money(state.gmv_paid.0 as f64),
            number::count(state.in_flight as f64),
        )
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
    // The template is a constant: were it wrong, the default would do.
    if let Ok(style) = ProgressStyle::with_template("{bar:16} {percent:>3} %  {wide_msg}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}
