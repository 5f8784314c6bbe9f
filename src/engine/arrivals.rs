//! Arrivals of one cell, in order of time, without a list of who will come.
//!
//! How many of a segment come to a window is one binomial draw. They fall into ticks by binomial splitting (a tick takes a
//! binomial share of those still to come) and uniformly within a tick, which are the order statistics of the intensity with
//! its cumulative values exact at every tick (a burst shorter than a tick is spread over it). The k-th to come is shopper pi(k) of a keyed permutation.

use super::permutation::Permutation;
use super::session::Session;
use crate::model::Model;
use crate::plan;
use crate::rng::{Name, Purpose, Stream};
use crate::units::{Instant, Nanos};
use rand_distr::{Binomial, Distribution};

/// The arrivals of a cell: shoppers invited to the window by their segment's largest participation, whether or not they then
/// come.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    window: Option<usize>,
    segments: Vec<Invited>,
    tick: u64,
}

/// An arrival: sixteen bytes, as many are sorted. In order of time, then shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When.
    pub time: Instant,
    /// Who: number within the cell.
    pub shopper: u32,
    /// Their segment.
    pub segment: u8,
}

impl Arrival {
    /// The session that begins.
    #[must_use]
    pub fn session(&self, window: usize) -> Session {
        Session::new(self.time, self.shopper, self.segment, window as u8)
    }
}

/// What is still to come of a segment.
#[derive(Clone, Debug)]
struct Invited {
    segment: u8,
    first_shopper: u32,
    order: Permutation,
    next: u64,
    left: u64,
    /// Share of the window's arrivals that has come.
    passed: f64,
}

impl Arrivals {
    /// Draws the arrivals of a tick (from, to) into `upcoming`, latest first. Ticks of a window must come in order.
    ///
    /// `history` is what the cell remembers of its shoppers (empty: nothing). More are invited than come wherever a history may
    /// raise the chance; who declines is decided here, on the history as it stands at the start of the tick.
    pub fn draw(
        &mut self,
        model: &Model,
        cell: u32,
        history: &[u8],
        window: usize,
        (start, end): (Instant, Instant),
        upcoming: &mut Vec<Arrival>,
    ) {
        if self.window != Some(window) {
            self.open(model, cell, window);
        }
        self.tick += 1;
        let closes = model.windows[window].closes;
        if start >= closes {
            return;
        }
        debug_assert!(upcoming.is_empty());
        for invited in &mut self.segments {
            let Some(until) = passed(model, usize::from(invited.segment), window, end) else { continue };
            let share = ((until - invited.passed) / (1.0 - invited.passed)).clamp(0.0, 1.0);
            invited.passed = until;
            let subject = u64::from(cell) << 8 | u64::from(invited.segment);
            let tick = self.tick;
            let name = Name {
                subject,
                session: window as u8,
                visit: tick as u16,
                purpose: Purpose::Arrivals,
                item: (tick >> 16) as u16,
            };
            let mut stream = model.draws.stream(name);
            let count = if end >= closes { invited.left } else { binomial(invited.left, share, &mut stream) };
            for _ in 0..count {
                let time = start + Nanos(((end - start).0 as f64 * stream.unit()) as u64);
                let shopper = invited.first_shopper + invited.order.at(invited.next) as u32;
                invited.next += 1;
                upcoming.push(Arrival { time, shopper, segment: invited.segment });
            }
            invited.left -= count;
        }
        if window > 0 && !history.is_empty() {
            let first_shopper = model.first_shopper(cell);
            upcoming.retain(|arrival| {
                let of_shopper = history[arrival.shopper as usize];
                model.accepts(
                    usize::from(arrival.segment),
                    window,
                    first_shopper + u64::from(arrival.shopper),
                    of_shopper,
                )
            });
        }
        upcoming.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// How many of each invited segment have come so far: with the plan, all that there is to know.
    #[must_use]
    pub fn come(&self) -> Vec<u64> {
        self.segments.iter().map(|invited| invited.next).collect()
    }

    /// The arrivals of a cell after `ticks` ticks of a window, the last of which ended at `now`; `None` where so many cannot have
    /// come.
    #[must_use]
    pub fn after(model: &Model, cell: u32, window: usize, (ticks, now): (u64, Instant), come: &[u64]) -> Option<Self> {
        let mut arrivals = Arrivals::default();
        arrivals.open(model, cell, window);
        arrivals.tick = ticks;
        if arrivals.segments.len() != come.len() {
            return None;
        }
        for (invited, &come) in arrivals.segments.iter_mut().zip(come) {
            invited.next = come;
            invited.left = invited.left.checked_sub(come)?;
            invited.passed = passed(model, usize::from(invited.segment), window, now)?;
        }
        Some(arrivals)
    }

    fn open(&mut self, model: &Model, cell: u32, window: usize) {
        self.window = Some(window);
        self.tick = 0;
        self.segments.clear();
        for (id, segment) in model.segments.iter().enumerate() {
            let Some(attendance) = &segment.attendance[window] else { continue };
            let first_shopper = model.first_of_segment(cell, id);
            let shoppers = u64::from(model.first_of_segment(cell, id + 1) - first_shopper);
            let subject = u64::from(cell) << 8 | id as u64;
            let name = |purpose| Name { subject, session: window as u8, visit: 0, purpose, item: 0 };
            let left = binomial(shoppers, attendance.invited, &mut model.draws.stream(name(Purpose::Attendance)));
            let mut key = model.draws.stream(name(Purpose::Permutation));
            let order = Permutation::new(shoppers, [key.bits32(), key.bits32()]);
            self.segments.push(Invited { segment: id as u8, first_shopper, order, next: 0, left, passed: 0.0 });
        }
    }
}

/// Share of a segment's arrivals in a window that come before `end`; `None` where the segment does not attend.
fn passed(model: &Model, segment: usize, window: usize, end: Instant) -> Option<f64> {
    let attendance = model.segments[segment].attendance[window].as_ref()?;
    let plan::Window { opens, closes, .. } = model.windows[window];
    Some(if end >= closes { 1.0 } else { attendance.cumulative.at(end - opens) })
}

fn binomial(n: u64, p: f64, stream: &mut Stream) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    // The share is a probability by construction; if rounding made it anything else, everybody comes.
    Binomial::new(n, p.min(1.0)).map_or(n, |binomial| binomial.sample(stream))
}
