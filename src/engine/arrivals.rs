//! Arrivals of one cell, in order of time, without a list of who will come.
//!
//! How many of a segment come to a window is one binomial draw. They fall into slices of time by binomial splitting (a slice
//! takes a binomial share of those still to come) and within a slice by inversion of the intensity's distribution function,
//! exact at the edges of the slice's ticks and a straight line between them (a burst shorter than a tick is spread over it).
//! These are the order statistics of the intensity. The k-th to come is shopper pi(k) of a keyed permutation. A binomial share that
//! is there before the opening comes first, within the first millisecond after it, each at a time drawn evenly: no tick is shorter.
//! Where a history decides when its shopper comes, all are invited by every pattern of the segment, and come by the one that is
//! meant for the history that they have when their slice is drawn; at most once.

use super::permutation::Permutation;
use super::schedule::Slot;
use super::session::Session;
use crate::model::intensity::Cumulative;
use crate::model::{HAS_COME, Model, Pays, Presale, history_of};
use crate::rng::{Name, Purpose, Stream};
use crate::units::{Instant, Nanos};
use rand_distr::{Binomial, Distribution};
use serde::{Deserialize, Serialize};

/// Within what time after the opening those come who were there before, ns.
const RUSH_IN: u64 = 1_000_000;

/// Where the number of an arrival pattern stands in the names of its draws, beyond the numbers of slices.
const PATTERN_SHIFT: u32 = 12;

/// Arrivals in a part of a slice that are still put in order one by one.
const FULL: u32 = 16;

/// Some ticks whose arrivals are drawn together: what all cells need to know of them, reckoned once.
#[derive(Clone, Debug)]
pub struct Slice {
    window: usize,
    /// Of the window, from one: names its draws.
    number: u64,
    /// Starts of its ticks, and its end.
    edges: Vec<Instant>,
    /// By segment and arrival pattern; none: it does not come.
    segments: Vec<Vec<Inflow>>,
    /// By presale those who come to pay their balance; `None`: nobody.
    balances: Vec<Option<Inflow>>,
}

/// What a slice brings of a segment.
#[derive(Clone, Debug)]
struct Inflow {
    /// Nobody comes before.
    opens: Instant,
    /// Share of those still to come.
    share: f64,
    /// At each edge, which part of this slice's arrivals has come: from zero to one.
    passed: Vec<f64>,
}

impl Slice {
    /// Slice `slice` of a slot, the `number`-th of its window.
    #[must_use]
    pub fn new(model: &Model, slot: &Slot, slice: u32, number: u64) -> Self {
        let (window, ticks) = (&model.windows[slot.window], slot.ticks_of(slice));
        let start = if ticks.start == 0 { slot.start } else { slot.tick_end(ticks.start - 1) };
        let edges: Vec<Instant> = std::iter::once(start).chain(ticks.map(|tick| slot.tick_end(tick))).collect();
        let inflow = |cumulative: &Cumulative, opens: Instant| {
            let at = |&edge: &Instant| match edge {
                edge if edge >= window.closes => 1.0,
                edge if edge <= opens => 0.0,
                edge => cumulative.at(edge - opens),
            };
            let cumulative: Vec<f64> = edges.iter().map(at).collect();
            let (before, after) = (cumulative[0], cumulative[cumulative.len() - 1]);
            let share = if after >= 1.0 { 1.0 } else { ((after - before) / (1.0 - before)).clamp(0.0, 1.0) };
            Inflow { opens, share, passed: cumulative.iter().map(|c| (c - before) / (after - before)).collect() }
        };
        let of_segment = |segment: &crate::model::Segment| {
            let attendance = segment.attendance[slot.window].as_ref().filter(|_| start < window.closes);
            let patterns = attendance.iter().flat_map(|attendance| &attendance.patterns);
            patterns.map(|(cumulative, _)| inflow(cumulative, window.opens)).collect()
        };
        let of_presale = |presale: &Presale| {
            let pays_here = presale.terms.window == slot.window && start < window.closes;
            pays_here.then(|| inflow(&presale.cumulative, presale.terms.opens))
        };
        let (segments, balances) = (model.segments.iter().map(of_segment), model.presales.iter().map(of_presale));
        Slice { window: slot.window, number, segments: segments.collect(), balances: balances.collect(), edges }
    }
}

impl Inflow {
    /// When an arrival comes, given a number uniform on [0, 1).
    #[inline]
    fn time(&self, edges: &[Instant], u: f64) -> Instant {
        let tick = if self.passed.len() == 2 { 0 } else { self.passed[1..].partition_point(|&passed| passed <= u) };
        let tick = tick.min(self.passed.len() - 2);
        let (from, until) = (self.passed[tick], self.passed[tick + 1]);
        let length = (edges[tick + 1] - edges[tick]).0;
        let offset = (length as f64 * ((u - from) / (until - from))) as u64;
        (edges[tick] + Nanos(offset.min(length - 1))).max(self.opens)
    }
}

/// The arrivals of a cell: shoppers invited to the window by their segment's largest participation, whether or not they then
/// come; and shoppers invited to pay a balance, all alike, of whom those come that have a deposit.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    window: Option<usize>,
    segments: Vec<Invited>,
    /// Those drawn and still to come, latest first.
    upcoming: Vec<Arrival>,
    /// Room to sort them in; means nothing between draws.
    room: Room,
}

/// Where the arrivals of a slice are dealt out in order of time.
#[derive(Clone, Debug, Default)]
struct Room {
    arrivals: Vec<Arrival>,
    /// By part of the slice, the last one first: how many it holds, then where it ends among them.
    ends: Vec<u32>,
}

/// An arrival. In order of time, then shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When.
    pub time: Instant,
    /// Who: number within the cell.
    pub shopper: u32,
    /// Their segment.
    pub segment: u8,
    /// Number of the session that begins.
    pub number: u8,
}

impl Arrival {
    /// The arrival as one number, for sorting: its order is that of arrivals.
    fn key(&self) -> u128 {
        u128::from(self.time.0) << 64
            | u128::from(self.shopper) << 16
            | u128::from(self.number) << 8
            | u128::from(self.segment)
    }

    /// The session that begins.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.time, self.shopper, self.segment, self.number)
    }
}

/// What is still to come of a segment.
#[derive(Clone, Debug)]
struct Invited {
    segment: u8,
    /// Number of the sessions that begin.
    number: u8,
    /// Number of the arrival pattern by which they come. Of several, each brings the same shoppers, of whom those come by it who
    /// have a history that it is meant for.
    pattern: u8,
    first_shopper: u32,
    order: Permutation,
    next: u64,
    left: u64,
}

impl Invited {
    /// Those who are there before the opening.
    fn come_early(&mut self, model: &Model, cell: u32, slice: &Slice, upcoming: &mut Vec<Arrival>) {
        let attendance = &model.segments[usize::from(self.segment)].attendance[slice.window];
        let early = attendance.as_ref().map_or(0.0, |attendance| attendance.early);
        if early <= 0.0 {
            return;
        }
        let (subject, session) = (u64::from(cell) << 8 | u64::from(self.segment), slice.window as u8);
        let item = u16::from(self.pattern) << PATTERN_SHIFT;
        let mut stream = model.draws.stream(Name { subject, session, visit: 0, purpose: Purpose::Early, item });
        let count = binomial(self.left, early, &mut stream);
        for _ in 0..count {
            let time = slice.edges[0] + Nanos(stream.below(RUSH_IN));
            let shopper = self.first_shopper + self.order.at(self.next) as u32;
            self.next += 1;
            upcoming.push(Arrival { time, shopper, segment: self.segment, number: self.number });
        }
        self.left -= count;
    }
}

impl Arrivals {
    /// The next arrival, if it comes before `end`.
    #[must_use]
    #[inline]
    pub fn next_before(&self, end: Instant) -> Option<Arrival> {
        self.upcoming.last().copied().filter(|arrival| arrival.time < end)
    }

    /// Takes the next arrival off.
    #[inline]
    pub fn pop(&mut self) {
        self.upcoming.pop();
    }

    /// Draws the arrivals of a slice. Slices of a window must come in order, the ticks of the one before must have been played.
    ///
    /// `history` is what the cell remembers of its shoppers (empty: nothing), `deposits` which of them have one (empty: nobody). More
    /// are invited than come wherever a history may raise the chance; who declines is decided here, on the history as it stands at
    /// the start of the slice.
    pub fn draw(&mut self, model: &Model, cell: u32, history: &mut [u8], deposits: &[u8], slice: &Slice) {
        debug_assert!(self.upcoming.is_empty());
        let window = slice.window;
        if self.window != Some(window) {
            self.open(model, cell, window);
            if model.decides_when {
                for of_shopper in &mut *history {
                    *of_shopper &= !HAS_COME;
                }
            }
        }
        for invited in &mut self.segments {
            let of = match model.rounds[usize::from(invited.number)].pays {
                Pays::Balances(presale) => slice.balances[usize::from(presale)].as_ref(),
                Pays::Orders | Pays::Deposits(_) => {
                    slice.segments[usize::from(invited.segment)].get(usize::from(invited.pattern))
                }
            };
            let first = self.upcoming.len();
            let is_of_window = usize::from(invited.number) == window;
            let Some(inflow) = of else { continue };
            if slice.number == 1 && is_of_window {
                invited.come_early(model, cell, slice, &mut self.upcoming);
            }
            let name = Name {
                subject: u64::from(cell) << 8 | u64::from(invited.segment),
                session: invited.number,
                visit: slice.number as u16,
                purpose: Purpose::Arrivals,
                item: u16::from(invited.pattern) << PATTERN_SHIFT | (slice.number >> 16) as u16,
            };
            let mut stream = model.draws.stream(name);
            let count =
                if inflow.share >= 1.0 { invited.left } else { binomial(invited.left, inflow.share, &mut stream) };
            for _ in 0..count {
                let time = inflow.time(&slice.edges, stream.unit());
                let shopper = invited.first_shopper + invited.order.at(invited.next) as u32;
                invited.next += 1;
                self.upcoming.push(Arrival { time, shopper, segment: invited.segment, number: invited.number });
            }
            invited.left -= count;
            if is_of_window && window > 0 && model.decides_when {
                let attendance = &model.segments[usize::from(invited.segment)].attendance[window];
                let who = attendance.as_ref().map_or([true; 4], |of| of.patterns[usize::from(invited.pattern)].1);
                let comes_otherwise = |arrival: &mut Arrival| {
                    let history = history[arrival.shopper as usize];
                    history & HAS_COME != 0 || !who[history_of(history) as usize]
                };
                self.upcoming.extract_if(first.., comes_otherwise).for_each(drop);
            }
        }
        if window > 0 && !history.is_empty() {
            let first_shopper = model.first_shopper(cell);
            self.upcoming.retain(|arrival| {
                if usize::from(arrival.number) != window {
                    return deposits[arrival.shopper as usize] != 0;
                }
                let of_shopper = history[arrival.shopper as usize];
                let shopper = first_shopper + u64::from(arrival.shopper);
                let comes = model.accepts(usize::from(arrival.segment), window, shopper, of_shopper);
                if comes && model.decides_when {
                    history[arrival.shopper as usize] |= HAS_COME;
                }
                comes
            });
        }
        self.room.sort_latest_first(&mut self.upcoming, slice.edges[0], slice.edges[slice.edges.len() - 1]);
    }

    /// How many of each invited segment have been drawn, and those of them who are still to come: with the plan, all that there is
    /// to know.
    #[must_use]
    pub fn state(&self) -> (Vec<u64>, Vec<Arrival>) {
        (self.segments.iter().map(|invited| invited.next).collect(), self.upcoming.clone())
    }

    /// The arrivals of a cell in a window of which so many have been drawn, `upcoming` among them; `None` where so many cannot have
    /// been.
    #[must_use]
    pub fn restore(model: &Model, cell: u32, window: usize, drawn: &[u64], upcoming: Vec<Arrival>) -> Option<Self> {
        let mut arrivals = Arrivals { upcoming, ..Arrivals::default() };
        arrivals.open(model, cell, window);
        if arrivals.segments.len() != drawn.len() || !arrivals.upcoming.is_sorted_by(|a, b| a.key() >= b.key()) {
            return None;
        }
        for (invited, &drawn) in arrivals.segments.iter_mut().zip(drawn) {
            invited.next = drawn;
            invited.left = invited.left.checked_sub(drawn)?;
        }
        Some(arrivals)
    }

    fn open(&mut self, model: &Model, cell: u32, window: usize) {
        self.window = Some(window);
        self.segments.clear();
        for (id, segment) in model.segments.iter().enumerate() {
            let Some(attendance) = &segment.attendance[window] else { continue };
            for pattern in 0..attendance.patterns.len() {
                self.invite(model, cell, (id, pattern as u8), window as u8, attendance.invited);
            }
        }
        for presale in model.presales.iter().filter(|presale| presale.terms.window == window) {
            for (id, segment) in model.segments.iter().enumerate() {
                if segment.attendance[presale.window].is_some() {
                    self.invite(model, cell, (id, 0), presale.number, presale.terms.conversion);
                }
            }
        }
    }

    /// Invites each shopper of a segment with some probability to a session of this number.
    fn invite(&mut self, model: &Model, cell: u32, (segment, pattern): (usize, u8), number: u8, probability: f64) {
        let first_shopper = model.first_of_segment(cell, segment);
        let shoppers = u64::from(model.first_of_segment(cell, segment + 1) - first_shopper);
        let subject = u64::from(cell) << 8 | segment as u64;
        let name = |purpose| Name { subject, session: number, visit: 0, purpose, item: 0 };
        let left = binomial(shoppers, probability, &mut model.draws.stream(name(Purpose::Attendance)));
        let mut key = model.draws.stream(name(Purpose::Permutation));
        let order = Permutation::new(shoppers, key.bits64());
        self.segments.push(Invited { segment: segment as u8, number, pattern, first_shopper, order, next: 0, left });
    }
}

impl Room {
    /// Sorts arrivals of [start, end), the latest first. They are nearly uniform in time: dealt out to as many parts of the slice as
    /// there are arrivals, hardly any has to be moved after that. A crowd in one part is sorted the general way.
    fn sort_latest_first(&mut self, arrivals: &mut Vec<Arrival>, start: Instant, end: Instant) {
        let count = arrivals.len();
        let parts_per_ns = (u64::MAX / (end - start).0.max(1)).saturating_mul(count as u64);
        let part = |arrival: &Arrival| {
            let earlier = (u128::from((arrival.time - start).0) * u128::from(parts_per_ns)) >> 64;
            count - 1 - (earlier as usize).min(count - 1)
        };
        self.ends.clear();
        self.ends.resize(count, 0);
        for arrival in &*arrivals {
            self.ends[part(arrival)] += 1;
        }
        if self.ends.iter().any(|&len| len > FULL) {
            return arrivals.sort_unstable_by_key(|arrival| std::cmp::Reverse(arrival.key()));
        }
        let mut before = 0;
        for end in &mut self.ends {
            before += std::mem::replace(end, before);
        }
        self.arrivals.clone_from(arrivals);
        for &arrival in &*arrivals {
            let place = &mut self.ends[part(&arrival)];
            self.arrivals[*place as usize] = arrival;
            *place += 1;
        }
        std::mem::swap(arrivals, &mut self.arrivals);
        for unsorted in 1..count {
            let arrival = arrivals[unsorted];
            let mut place = unsorted;
            while place > 0 && arrivals[place - 1].key() < arrival.key() {
                arrivals[place] = arrivals[place - 1];
                place -= 1;
            }
            arrivals[place] = arrival;
        }
    }
}

fn binomial(n: u64, p: f64, stream: &mut Stream) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    // The share is a probability by construction; if rounding made it anything else, everybody comes.
    Binomial::new(n, p.min(1.0)).map_or(n, |binomial| binomial.sample(stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Draws;

    /// However the arrivals of a slice are spread: evenly, in a crowd at its start, all at one instant, one, none.
    #[test]
    fn arrivals_are_sorted_however_they_are_spread() {
        let (start, length) = (Instant(1_000_000_007), 999_999_937u64);
        let name = Name { subject: 1, session: 0, visit: 0, purpose: Purpose::Arrivals, item: 0 };
        let mut stream = Draws::new(1).stream(name);
        let mut room = Room::default();
        for (count, power) in [(5000u32, 1), (5000, 9), (5000, 1000), (300, 2), (1, 1), (0, 1)] {
            let mut arrival = |shopper| {
                let offset = (stream.unit().powi(power) * length as f64) as u64;
                Arrival { time: start + Nanos(offset), shopper: shopper % 77, segment: (shopper % 3) as u8, number: 0 }
            };
            let mut arrivals: Vec<Arrival> = (0..count).map(&mut arrival).collect();
            let mut expected = arrivals.clone();
            expected.sort_by_key(|arrival| std::cmp::Reverse(arrival.key()));
            room.sort_latest_first(&mut arrivals, start, start + Nanos(length));
            assert_eq!(arrivals, expected, "{count} of power {power}");
        }
    }
}
