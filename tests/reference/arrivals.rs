//! Who comes when: the documented law of arrivals (binomial splitting over slices, inversion of the intensity at the edges of
//! ticks within a slice, shoppers in the order of a keyed permutation; those who are early in the first millisecond), under the
//! documented names of its draws.

use super::draws;
use super::event::Turn;
use super::session::{Key, Session};
use super::simulator::Simulator;
use rand_distr::{Binomial, Distribution};
use saleload::engine::permutation::Permutation;
use saleload::model::intensity::Cumulative;
use saleload::rng::{Purpose, Stream};
use saleload::units::{Instant, Nanos};
use std::collections::BTreeMap;

/// Those who are still to come to the current window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    window: Option<usize>,
    /// Slices of the window so far.
    slices: u64,
    /// By cell, segment, number of the sessions and arrival pattern.
    invited: BTreeMap<(usize, usize, usize, usize), Invited>,
    /// Who comes in the current slice: when, in which cell, who, of which segment, by which pattern.
    coming: Vec<(Instant, usize, Key, usize, usize)>,
}

#[derive(Clone, Debug)]
struct Invited {
    /// First shopper of the segment in the cell, over all cells.
    first: u64,
    order: Permutation,
    /// How many have come, and how many are still to come.
    came: u64,
    left: u64,
}

impl Crowd {
    /// Decides who comes in a slice, given the edges of its ticks.
    pub(crate) fn draw(&mut self, simulator: &Simulator, window: usize, edges: &[Instant]) {
        if self.window != Some(window) {
            let invited = invite(simulator, window);
            *self = Crowd { window: Some(window), slices: 0, invited, coming: Vec::new() };
        }
        self.slices += 1;
        let closes = simulator.plan.windows[window].closes;
        if edges[0] >= closes {
            return;
        }
        if self.slices == 1 {
            self.rush_in(simulator, window);
        }
        for (&(cell, segment, number, pattern), invited) in &mut self.invited {
            let (opens, cumulative) = law(simulator, segment, number, pattern);
            let behind = |edge: Instant| {
                if edge <= opens {
                    0.0
                } else if edge < closes {
                    cumulative.at(edge - opens)
                } else {
                    1.0
                }
            };
            let (first, last) = (behind(edges[0]), behind(edges[edges.len() - 1]));
            let crowd = (cell, segment, number);
            let mut stream = draws::of_crowd(&simulator.model, crowd, pattern, Purpose::Arrivals, self.slices);
            let share = ((last - first) / (1.0 - first)).clamp(0.0, 1.0);
            let count = if last < 1.0 { binomial(invited.left, share, &mut stream) } else { invited.left };
            for _ in 0..count {
                let u = stream.unit();
                // The tick before whose end the share of the slice's arrivals passes u, and a straight line within it.
                let part = |edge: Instant| (behind(edge) - first) / (last - first);
                let ticks = edges.windows(2);
                let tick = ticks.clone().position(|tick| part(tick[1]) > u).unwrap_or(ticks.len() - 1);
                let (from, until) = (edges[tick], edges[tick + 1]);
                let length = (until - from).0;
                let offset = length as f64 * ((u - part(from)) / (part(until) - part(from)));
                let time = (from + Nanos((offset as u64).min(length - 1))).max(opens);
                let key =
                    Key { shopper: invited.first + invited.order.at(invited.came), window: number, again: 0, leg: 0 };
                invited.came += 1;
                if comes(simulator, key, segment, pattern) {
                    self.coming.push((time, cell, key, segment, pattern));
                }
            }
            invited.left -= count;
        }
    }

    /// Who was there before the opening comes in the first millisecond.
    fn rush_in(&mut self, simulator: &Simulator, window: usize) {
        for (&(cell, segment, number, pattern), invited) in &mut self.invited {
            if number != window {
                // Those who pay balances.
                continue;
            }
            let attendance = simulator.model.segments[segment].attendance[window].as_ref().expect("it was invited");
            let mut stream = draws::of_crowd(&simulator.model, (cell, segment, window), pattern, Purpose::Early, 0);
            for _ in 0..binomial(invited.left, attendance.early, &mut stream) {
                let ns = ((u128::from(stream.bits64()) * 1_000_000) >> 64) as u64;
                let key = Key { shopper: invited.first + invited.order.at(invited.came), window, again: 0, leg: 0 };
                invited.came += 1;
                invited.left -= 1;
                if comes(simulator, key, segment, pattern) {
                    self.coming.push((simulator.plan.windows[window].opens + Nanos(ns), cell, key, segment, pattern));
                }
            }
        }
    }

    /// Schedules those who come before the end of a tick.
    pub(crate) fn arrive(&mut self, simulator: &mut Simulator, end: Instant) {
        for (time, cell, key, segment, pattern) in self.coming.extract_if(.., |coming| coming.0 < end) {
            if simulator.balance_of(key).is_none() {
                simulator.history[key.shopper as usize].came_to = Some(key.window);
            }
            let mut session = Session::new(key, cell, segment);
            session.number = simulator.new_number();
            simulator.record.rarities.came_by_history += u64::from(pattern > 0);
            simulator.schedule(time, Turn::Arrival, key, session.number);
            simulator.sessions.insert(key, session);
        }
    }
}

/// How many of each segment are invited to a window: as many as would come if all had the history that draws most.
/// Where histories decide when, they are invited once by each pattern.
fn invite(simulator: &Simulator, window: usize) -> BTreeMap<(usize, usize, usize, usize), Invited> {
    let model = &simulator.model;
    let mut all = BTreeMap::new();
    let presales = simulator.presales();
    let presale = presales.iter().find(|(_, _, presale)| presale.window == window);
    for cell in 0..simulator.cells.len() {
        for segment in 0..model.segments.len() {
            let attendance = &model.segments[segment].attendance;
            let [first, end] = [segment, segment + 1].map(|of| u64::from(model.first_of_segment(cell as u32, of)));
            let comes = attendance[window].iter().flat_map(|attendance| {
                (0..patterns(simulator, segment, window).len()).map(|pattern| (window, pattern, attendance.invited))
            });
            let pays = presale.filter(|(own, _, _)| attendance[*own].is_some());
            let pays = pays.map(|&(_, number, presale)| (number, 0, presale.conversion));
            for (number, pattern, probability) in comes.chain(pays) {
                let stream = |purpose| draws::of_crowd(model, (cell, segment, number), 0, purpose, 0);
                let left = binomial(end - first, probability, &mut stream(Purpose::Attendance));
                let order = Permutation::new(end - first, stream(Purpose::Permutation).bits64());
                let first = simulator.cells[cell].first_shopper + first;
                all.insert((cell, segment, number, pattern), Invited { first, order, came: 0, left });
            }
        }
    }
    all
}

/// The intensities by which a segment comes to a window: the usual one, then those of the deferred, the failed and the buyers where they
/// are others.
fn patterns(simulator: &Simulator, segment: usize, window: usize) -> Vec<usize> {
    let attendance = simulator.plan.segments[segment].attendance[window].as_ref().expect("it was invited");
    let [bought, failed, deferred, usual] = attendance.intensities;
    let mut patterns = vec![usual];
    for intensity in [deferred, failed, bought] {
        if !patterns.contains(&intensity) {
            patterns.push(intensity);
        }
    }
    patterns
}

/// From when on and by which distribution over time sessions of a number come.
fn law(simulator: &Simulator, segment: usize, number: usize, pattern: usize) -> (Instant, Cumulative) {
    let plan = simulator.plan;
    if let Some((_, presale)) = simulator.balance_of(Key { shopper: 0, window: number, again: 0, leg: 0 }) {
        let length = plan.windows[presale.window].closes - presale.opens;
        return (presale.opens, Cumulative::new(&plan.intensities[presale.intensity], length));
    }
    let window = &plan.windows[number];
    let intensity = &plan.intensities[patterns(simulator, segment, number)[pattern]];
    (window.opens, Cumulative::new(intensity, window.closes - window.opens))
}

/// Whether an invited shopper comes, given what they have been through.
fn comes(simulator: &Simulator, key: Key, segment: usize, pattern: usize) -> bool {
    if simulator.balance_of(key).is_some() {
        return simulator.deposits.contains_key(&key.shopper);
    }
    if key.window == 0 {
        return true;
    }
    let attendance = simulator.model.segments[segment].attendance[key.window].as_ref().expect("it was invited");
    let history = simulator.history[key.shopper as usize];
    let (memory, terms) = (&simulator.plan.memory, simulator.plan.segments[segment].attendance[key.window].as_ref());
    let [bought, failed, deferred, usual] = terms.expect("it was invited").intensities;
    let (factor, intensity) = if history.has_bought {
        (memory.after_bought, bought)
    } else if history.has_failed {
        (memory.after_failed, failed)
    } else if history.has_deferred {
        (memory.after_deferred, deferred)
    } else {
        (1.0, usual)
    };
    if intensity != patterns(simulator, segment, key.window)[pattern] || history.came_to == Some(key.window) {
        return false;
    }
    let chance = (attendance.participation * factor).min(1.0);
    draws::participation(&simulator.model, key) * attendance.invited < chance
}

fn binomial(n: u64, probability: f64, stream: &mut Stream) -> u64 {
    if n == 0 || probability <= 0.0 {
        return 0;
    }
    Binomial::new(n, probability.min(1.0)).expect("a probability").sample(stream)
}
