//! The flow of sessions through a behaviour graph: a network of infinite-server stations, integrated over time.

use crate::plan::{Cbmg, Plan, TimeDistribution};
use std::collections::BTreeMap;

/// Steps of integration in a slot.
const SUBSTEPS: u32 = 4;

/// Fewer sessions than this are nobody.
const NOBODY: f64 = 1e-9;

/// A behaviour graph as a network of stations, and the sessions in each.
///
/// With x the sessions in each state, m the mean stays, P the transition probabilities and a the arrivals per second, the flow is
/// x' = lambda - x/m with lambda = a + P'(x/m), the visits per second. Each step is an implicit one (backward Euler): stable for stays
/// far shorter than a step, exact for stays of zero, and to the last shopper conserving. Its error is a delay of half a step.
pub(super) struct Network<'a> {
    cbmg: &'a Cbmg,
    /// Mean stay in each state, seconds.
    stays: Vec<f64>,
    /// Sessions in each state.
    pub(super) inside: Vec<f64>,
    /// Where sessions begin, with their shares.
    entries: Vec<(usize, f64)>,
    /// For each length of step (its bits), the inverse of diag(m + h) - h P', by rows.
    inverses: BTreeMap<u64, Vec<f64>>,
    /// What is needed where pages fail; empty as long as none has.
    failing: Failing,
}

/// Pages that fail. Who goes on after that thinks before, like anybody else, and who does not is gone at once.
#[derive(Default)]
struct Failing {
    /// Mean think time in each state, seconds.
    thinks: Vec<f64>,
    /// Sessions in each state whose page has failed.
    inside: Vec<f64>,
    /// Length of the step (its bits), probability that each page fails, and the inverse that belongs to them.
    last: (u64, Vec<f64>, Vec<f64>),
}

impl<'a> Network<'a> {
    /// The network of a behaviour graph, empty.
    pub(super) fn new(plan: &'a Plan, id: crate::plan::CbmgId) -> Self {
        let cbmg = &plan.cbmgs[id];
        let stays = cbmg
            .states
            .iter()
            .map(|state| {
                let think = state.think.as_ref().map_or(0.0, TimeDistribution::mean_secs);
                let mean = |service: &usize| plan.answer_secs(*service);
                // Of calls that are made at once, the longest: those of the same length take longer together than on average alone.
                think + state.calls_by_step().map(|at_once| at_once.iter().map(mean).fold(0.0, f64::max)).sum::<f64>()
            })
            .collect();
        Network {
            cbmg,
            entries: plan.entries(id),
            stays,
            inside: vec![0.0; cbmg.states.len()],
            inverses: BTreeMap::new(),
            failing: Failing::default(),
        }
    }

    /// Sessions in flight.
    pub(super) fn in_flight(&self) -> f64 {
        self.inside.iter().sum::<f64>() + self.failing.inside.iter().sum::<f64>()
    }

    /// Sessions in each state, to be put back.
    pub(super) fn state(&self) -> [Vec<f64>; 2] {
        [self.inside.clone(), self.failing.inside.clone()]
    }

    /// Puts the sessions back.
    pub(super) fn put_back(&mut self, [inside, failed]: &[Vec<f64>; 2]) {
        self.inside.clone_from(inside);
        self.failing.inside.clone_from(failed);
    }

    /// Lets a slot of `seconds` pass; `arrived(x)` are the sessions that arrive within the first share x of it. Returns the visits
    /// of each state in the slot.
    pub(super) fn pass(&mut self, seconds: f64, arrived: impl Fn(f64) -> f64) -> Vec<f64> {
        let step = seconds / f64::from(SUBSTEPS);
        let states = self.inside.len();
        let inverse = self
            .inverses
            .entry(step.to_bits())
            .or_insert_with(|| inverse(matrix(self.cbmg, &self.stays, step), states))
            .clone();
        let mut visits = vec![0.0; states];
        let mut before = 0.0;
        for substep in 1..=SUBSTEPS {
            let now = arrived(f64::from(substep) / f64::from(SUBSTEPS));
            let mut brought = self.inside.clone();
            for (entry, share) in &self.entries {
                brought[*entry] += (now - before) * share;
            }
            before = now;
            for (state, row) in inverse.chunks_exact(states).enumerate() {
                // Departures per second, from x/m at the end of the step.
                let departing: f64 = row.iter().zip(&brought).map(|(a, b)| a * b).sum();
                let inside = departing * self.stays[state];
                // What came in is what stayed and what left, less what was there.
                visits[state] += (inside - self.inside[state] + departing * step).max(0.0);
                self.inside[state] = inside;
            }
        }
        visits
    }

    /// The same where the page of each state fails with a probability.
    ///
    /// With f those probabilities, V the visits in a step, x and y the sessions whose page has loaded or failed, m and n their mean stays,
    /// a = h / (m + h) and b = h / (n + h): of x + (1 - f) V the share a departs by P, of y + f Q V the share b by the conditional Q, where Q
    /// are the probabilities after a failure. That makes V - P' a (1 - f) V - Q' b f V = arrivals + P' a x + Q' b y / |Q|.
    pub(super) fn pass_failing(&mut self, seconds: f64, fails: &[f64], arrived: impl Fn(f64) -> f64) -> Vec<f64> {
        if fails.iter().all(|&fails| fails <= 0.0) && self.failing.inside.iter().all(|&inside| inside < NOBODY) {
            return self.pass(seconds, arrived);
        }
        let states = self.inside.len();
        if self.failing.inside.is_empty() {
            let think = |state: &crate::plan::State| state.think.as_ref().map_or(0.0, TimeDistribution::mean_secs);
            self.failing.thinks = self.cbmg.states.iter().map(think).collect();
            self.failing.inside = vec![0.0; states];
        }
        let step = seconds / f64::from(SUBSTEPS);
        self.prepare(step, fails);
        let departs = |stay: f64| step / (stay + step);
        let mut visits = vec![0.0; states];
        let mut before = 0.0;
        for substep in 1..=SUBSTEPS {
            let now = arrived(f64::from(substep) / f64::from(SUBSTEPS));
            let mut brought = vec![0.0; states];
            for (entry, share) in &self.entries {
                brought[*entry] += (now - before) * share;
            }
            before = now;
            for (from, state) in self.cbmg.states.iter().enumerate() {
                let loaded = departs(self.stays[from]) * self.inside[from];
                let failed = departs(self.failing.thinks[from]) * self.failing.inside[from] / goes_on(state).max(1e-12);
                add_to(&mut brought, &state.next, loaded);
                add_to(&mut brought, &state.on_failure, failed);
            }
            for (from, row) in self.failing.last.2.chunks_exact(states).enumerate() {
                let visited: f64 = row.iter().zip(&brought).map(|(a, b)| a * b).sum();
                visits[from] += visited;
                let stays = |stay: f64, inside: f64| stay / (stay + step) * inside;
                let failed = fails[from] * goes_on(&self.cbmg.states[from]) * visited;
                self.inside[from] = stays(self.stays[from], self.inside[from] + (1.0 - fails[from]) * visited);
                self.failing.inside[from] = stays(self.failing.thinks[from], self.failing.inside[from] + failed);
            }
        }
        visits
    }

    /// Finds the inverse for a length of step and probabilities of failing, unless it is the last one.
    fn prepare(&mut self, step: f64, fails: &[f64]) {
        if self.failing.last.0 == step.to_bits() && self.failing.last.1 == fails {
            return;
        }
        let n = fails.len();
        let mut left = vec![0.0; n * n];
        for (from, state) in self.cbmg.states.iter().enumerate() {
            let mut column = vec![0.0; n];
            add_to(&mut column, &state.next, (1.0 - fails[from]) * step / (self.stays[from] + step));
            add_to(&mut column, &state.on_failure, fails[from] * step / (self.failing.thinks[from] + step));
            for (to, share) in column.into_iter().enumerate() {
                left[to * n + from] = f64::from(u8::from(to == from)) - share;
            }
        }
        self.failing.last = (step.to_bits(), fails.to_vec(), inverse(left, n));
    }
}

/// Probability that a session goes on after this page has failed.
fn goes_on(state: &crate::plan::State) -> f64 {
    state.on_failure.iter().filter(|(to, _)| to.is_some()).map(|(_, probability)| probability).sum()
}

/// Adds so many sessions to the states to which they go.
fn add_to(sums: &mut [f64], targets: &[(Option<usize>, f64)], sessions: f64) {
    for &(to, probability) in targets {
        if let Some(to) = to {
            sums[to] += sessions * probability;
        }
    }
}

/// diag(m + h) - h P', by rows.
fn matrix(cbmg: &Cbmg, stays: &[f64], step: f64) -> Vec<f64> {
    let n = stays.len();
    let mut left = vec![0.0; n * n];
    for (from, state) in cbmg.states.iter().enumerate() {
        left[from * n + from] += stays[from] + step;
        for &(to, probability) in &state.next {
            if let Some(to) = to {
                left[to * n + from] -= step * probability;
            }
        }
    }
    left
}

/// The inverse of an n by n matrix by Gauss-Jordan. Columns are diagonally dominant (an M-matrix), so no pivoting is needed: the sum of a
/// column is what leaves the graph, m plus h times the probability in [`matrix`], and every state can reach the exit.
fn inverse(mut left: Vec<f64>, n: usize) -> Vec<f64> {
    let mut right = vec![0.0; n * n];
    (0..n).for_each(|at| right[at * n + at] = 1.0);
    for column in 0..n {
        let pivot = left[column * n + column];
        for k in 0..n {
            left[column * n + k] /= pivot;
            right[column * n + k] /= pivot;
        }
        let (lead_left, lead_right) =
            (left[column * n..(column + 1) * n].to_vec(), right[column * n..(column + 1) * n].to_vec());
        for row in (0..n).filter(|&row| row != column) {
            let factor = left[row * n + column];
            if factor != 0.0 {
                for k in 0..n {
                    left[row * n + k] -= factor * lead_left[k];
                    right[row * n + k] -= factor * lead_right[k];
                }
            }
        }
    }
    right
}
