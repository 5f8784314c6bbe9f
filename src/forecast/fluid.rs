//! The flow of sessions through a behaviour graph: a network of infinite-server stations, integrated over time.

use crate::plan::{Cbmg, Plan, TimeDistribution};
use std::collections::BTreeMap;

/// Steps of integration in a slot.
const SUBSTEPS: u32 = 4;

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
        }
    }

    /// Lets a slot of `seconds` pass; `arrived(x)` are the sessions that arrive within the first share x of it. Returns the visits
    /// of each state in the slot.
    pub(super) fn pass(&mut self, seconds: f64, arrived: impl Fn(f64) -> f64) -> Vec<f64> {
        let step = seconds / f64::from(SUBSTEPS);
        let inverse =
            self.inverses.entry(step.to_bits()).or_insert_with(|| inverse(self.cbmg, &self.stays, step)).clone();
        let states = self.inside.len();
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
}

/// The inverse of diag(m + h) - h P' by Gauss-Jordan. Columns are diagonally dominant (an M-matrix), so no pivoting is needed:
/// every column's sum is m plus h times the probability to leave, and every state can reach the exit.
fn inverse(cbmg: &Cbmg, stays: &[f64], step: f64) -> Vec<f64> {
    let n = stays.len();
    let mut left = vec![0.0; n * n];
    let mut right = vec![0.0; n * n];
    for (from, state) in cbmg.states.iter().enumerate() {
        left[from * n + from] += stays[from] + step;
        right[from * n + from] = 1.0;
        for &(to, probability) in &state.next {
            if let Some(to) = to {
                left[to * n + from] -= step * probability;
            }
        }
    }
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
