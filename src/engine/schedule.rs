//! Slots and ticks: the two grids of time, both pure functions of the plan.
//!
//! A *slot* is a row of the recorded series: a second near openings, a minute elsewhere in a window, an hour in the days
//! between windows. A *tick* is the interval between two exchanges of the cells; every slot is cut into whole ticks, more of
//! them the more arrivals the slot expects. So a tick never crosses a slot, and the plan's bounds on its length hold within
//! windows; after a closing, when nothing can be ordered, a slot is one tick (unless payments ask for stock, while any can
//! come). Where ticks bring few arrivals, those of several are drawn together: ticks are gathered in *slices*.

use crate::model::expectation::Expectation;
use crate::model::intensity::Cumulative;
use crate::plan::{Plan, Window};
use crate::rng::{Draws, Name, Purpose};
use crate::units::{Instant, Nanos};

/// Arrivals that a tick, or else a slice, should bring to each cell: enough to make the exchange a small share of the work.
const ARRIVALS_PER_TICK_AND_CELL: f64 = 250.0;
/// Rows are a minute long for this long after a closing, while late payments and holds run out.
const AFTERMATH: Nanos = Nanos::from_secs(3600);

/// A row of the recorded series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Start.
    pub start: Instant,
    /// End; at most the horizon.
    pub end: Instant,
    /// The window that is open, or was open last.
    pub window: usize,
    /// Ticks in the slot, at least one.
    pub ticks: u32,
    /// Slices that its ticks are gathered in, at least one and at most as many as ticks.
    pub slices: u32,
}

impl Slot {
    /// End of a tick of the slot; the last one ends with it.
    #[must_use]
    pub fn tick_end(&self, tick: u32) -> Instant {
        let length = u128::from((self.end - self.start).0);
        self.start + Nanos((length * u128::from(tick + 1) / u128::from(self.ticks)) as u64)
    }

    /// The ticks of a slice.
    #[must_use]
    pub fn ticks_of(&self, slice: u32) -> std::ops::Range<u32> {
        let first = |slice: u32| (u64::from(slice) * u64::from(self.ticks)).div_ceil(u64::from(self.slices)) as u32;
        first(slice)..first(slice + 1)
    }

    /// The instant of the slot at which the requests at each service are counted, just before what happens then. It is uniform over
    /// the slot: ends of ticks are no fair sample, as contested orders are answered there. `row`: the number of the slot.
    #[must_use]
    pub fn glimpse(&self, row: usize, draws: &Draws) -> Instant {
        let name = Name { subject: row as u64, session: 0, visit: 0, purpose: Purpose::Glimpse, item: 0 };
        self.start + Nanos(1 + draws.stream(name).below((self.end - self.start).0))
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.end - self.start).as_secs_f64()
    }
}

/// How the time from a window's opening to the next opening or the horizon is cut into slots: the ends of its stretches, and the
/// length of the slots in each; the last one of a stretch may be shorter.
#[must_use]
pub fn stretches(windows: &[Window], horizon: Instant, fine: Nanos, window: usize) -> [(Instant, Nanos); 4] {
    let this = &windows[window];
    let until = windows.get(window + 1).map_or(horizon, |next| next.opens);
    let fine_end = (this.opens + fine).min(this.closes);
    let aftermath_end = (this.closes + AFTERMATH).min(until);
    [
        (fine_end, Nanos::from_secs(1)),
        (this.closes, Nanos::from_secs(60)),
        (aftermath_end, Nanos::from_secs(60)),
        (until, Nanos::from_secs(3600)),
    ]
}

/// All slots of a plan, in order of time, without gaps from the first opening to the horizon.
#[must_use]
pub fn slots(plan: &Plan) -> Vec<Slot> {
    let arrivals = ExpectedArrivals::new(plan);
    let mut slots = Vec::new();
    for (window, this) in plan.windows.iter().enumerate() {
        let mut start = this.opens;
        for (stretch_end, step) in stretches(&plan.windows, plan.horizon, plan.fine, window) {
            while start < stretch_end {
                let end = (start + step).min(stretch_end);
                let arrivals = if start < this.closes { arrivals.within(window, start, end) } else { 0.0 };
                let is_asked =
                    start < this.closes || !plan.inventory.holds() && start < this.closes + plan.longest_hold();
                let (ticks, slices) = if is_asked { ticks(plan, end - start, arrivals) } else { (1, 1) };
                slots.push(Slot { start, end, window, ticks, slices });
                start = end;
            }
        }
    }
    slots
}

/// Ticks and slices of a slot: by its arrivals, ticks within the plan's bounds on their length.
fn ticks(plan: &Plan, length: Nanos, arrivals: f64) -> (u32, u32) {
    let fewest = length.0.div_ceil(plan.tick_max.0).max(1);
    let most = (length.0 / plan.tick_min.0).max(1);
    let wanted = (arrivals / (ARRIVALS_PER_TICK_AND_CELL * f64::from(plan.cells))).ceil() as u64;
    let ticks = wanted.max(fewest).min(most.max(fewest));
    (ticks as u32, wanted.clamp(1, ticks) as u32)
}

/// Arrivals that the plan expects within an interval, over all segments.
#[derive(Clone, Debug)]
pub struct ExpectedArrivals {
    /// By window: what each segment brings, and those who pay a balance in it.
    windows: Vec<Vec<Attending>>,
    opens: Vec<Instant>,
}

/// Expected sessions of a segment in a window, or of those who pay a balance in it.
#[derive(Clone, Debug)]
struct Attending {
    sessions: f64,
    /// The share that is there before the opening.
    early: f64,
    /// The instant from which the distribution of the others over time counts, and that distribution.
    opens: Instant,
    cumulative: Cumulative,
}

impl ExpectedArrivals {
    /// The expected arrivals of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let expected = Expectation::new(plan);
        let windows = plan.windows.iter().enumerate().map(|(id, window)| {
            let attending = plan.segments.iter().enumerate().flat_map(|(segment, of)| {
                let attending = expected.by_pattern(of, (segment, id)).map(move |(attendance, intensity, sessions)| {
                    let cumulative = Cumulative::new(&plan.intensities[intensity], window.closes - window.opens);
                    Attending { sessions, early: attendance.early, opens: window.opens, cumulative }
                });
                attending.collect::<Vec<_>>()
            });
            let paying = plan.presales().zip(&expected.balances).filter(|((_, presale), _)| presale.window == id);
            let paying = paying.map(|((_, presale), &(sessions, _))| {
                let intensity = &plan.intensities[presale.intensity];
                let cumulative = Cumulative::new(intensity, window.closes - presale.opens);
                Attending { sessions, early: 0.0, opens: presale.opens, cumulative }
            });
            attending.chain(paying).collect()
        });
        let windows = windows.collect();
        ExpectedArrivals { windows, opens: plan.windows.iter().map(|window| window.opens).collect() }
    }

    /// Arrivals of a window between two instants.
    #[must_use]
    pub fn within(&self, window: usize, from: Instant, until: Instant) -> f64 {
        let since = |at: Instant, opens: Instant| if at > opens { at - opens } else { Nanos(0) };
        let within = |of: &Attending| {
            let at_opening = if from <= of.opens && of.opens < until { 1.0 } else { 0.0 };
            let later = of.cumulative.at(since(until, of.opens)) - of.cumulative.at(since(from, of.opens));
            // As it stands where nobody is early.
            if of.early > 0.0 {
                of.sessions * (of.early * at_opening + (1.0 - of.early) * later)
            } else {
                of.sessions * later
            }
        };
        self.windows[window].iter().map(within).sum()
    }

    /// Share of all arrivals that come before an instant.
    #[must_use]
    pub fn share_until(&self, now: Instant) -> f64 {
        let opened = self.opens.iter().enumerate().filter(|(_, opens)| **opens < now);
        let arrived: f64 = opened.map(|(window, opens)| self.within(window, *opens, now)).sum();
        arrived / self.total().max(1.0)
    }

    /// Arrivals of all windows.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.windows.iter().flatten().map(|of| of.sessions).sum()
    }
}
