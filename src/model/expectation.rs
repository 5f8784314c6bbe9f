//! What a plan is expected to bring when nothing fails: sessions, page visits, checkouts. Means only, in closed form.

use crate::plan::{Action, Attendance, ByHistory, Catalogue, Cbmg, Plan, Segment};
use serde::{Deserialize, Serialize};

/// Expected numbers of a plan, before any event is simulated and as if no page ever failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Expected visits of each state in a session, by behaviour graph and state.
    pub visits: Vec<Vec<f64>>,
    /// Expected sessions, by segment and window.
    pub sessions: Vec<Vec<f64>>,
    /// The share of each history in them. Nobody is expected to fail.
    pub histories: Vec<Vec<ByHistory<f64>>>,
    /// Expected sessions in which a balance is paid, and lines of their orders, by presale in order of time.
    pub balances: Vec<(f64, f64)>,
    /// Expected checkouts in a session, by behaviour graph.
    pub checkouts: Vec<f64>,
}

/// Units that merchants expect to be asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectedUnits {
    /// Units by category, over all windows.
    pub of_category: Vec<f64>,
    /// The share of each window in them, by category and window; empty where it does not matter as all SKUs are listed in every window.
    pub by_window: Vec<Vec<f64>>,
}

impl ExpectedUnits {
    /// Whether they can be what somebody expected of `plan`.
    #[must_use]
    pub fn can_be_of(&self, plan: &Plan) -> bool {
        let categories = plan.catalogue.as_ref().map_or(0, |catalogue| catalogue.categories.len());
        let is_listed_late = plan.catalogue.as_ref().is_some_and(Catalogue::is_listed_late);
        let windows = |shares: &Vec<f64>| {
            shares.len() == plan.windows.len() && shares.iter().all(|share| (0.0..=1.0).contains(share))
        };
        self.of_category.len() == categories
            && self.of_category.iter().all(|units| (0.0..1e18).contains(units))
            && self.by_window.len() == if is_listed_late { categories } else { 0 }
            && self.by_window.iter().all(windows)
    }
}

impl Expectation {
    /// The expectation of `plan`.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let visits: Vec<Vec<f64>> =
            plan.cbmgs.iter().enumerate().map(|(id, cbmg)| expected_visits(cbmg, &plan.entries(id))).collect();
        let checkouts: Vec<f64> = plan
            .cbmgs
            .iter()
            .zip(&visits)
            .map(|(cbmg, v)| visits_of(cbmg, v, |a| matches!(a, Action::Reserve)))
            .collect();
        let (sessions, histories): (Vec<Vec<f64>>, Vec<_>) =
            (0..plan.segments.len()).map(|segment| expected_sessions(plan, segment, &visits)).unzip();
        let balances = plan.presales().map(|(window, presale)| {
            let deposits = plan.segments.iter().zip(&sessions).map(|(segment, sessions)| {
                let come = payments(&plan.cbmgs[segment.cbmg], &visits[segment.cbmg]).min(1.0) * presale.conversion;
                (sessions[window] * come, sessions[window] * come * segment.lines.mean())
            });
            deposits.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
        });
        Expectation { balances: balances.collect(), visits, sessions, histories, checkouts }
    }

    /// How a segment comes to a window, given the numbers of both: each of its arrival patterns with the sessions expected by it.
    pub fn by_pattern<'a>(
        &self,
        of: &'a Segment,
        (segment, window): (usize, usize),
    ) -> impl Iterator<Item = (&'a Attendance, usize, f64)> + use<'a> {
        let (sessions, histories) = (self.sessions[segment][window], self.histories[segment][window]);
        of.attendance[window].iter().flat_map(move |attendance| {
            let patterns = attendance.patterns();
            // With one pattern it is all of them, to the last bit.
            let is_only_one = patterns.len() == 1;
            patterns.into_iter().map(move |(intensity, who)| {
                let share: f64 = who.iter().zip(histories).filter(|(comes, _)| **comes).map(|(_, share)| share).sum();
                (attendance, intensity, if is_only_one { sessions } else { sessions * share })
            })
        })
    }

    /// Expected units that reach a checkout, by category and over segments and windows.
    #[must_use]
    pub fn units(&self, plan: &Plan) -> ExpectedUnits {
        let of_category = self.units_by_category(plan);
        let is_listed_late = plan.catalogue.as_ref().is_some_and(Catalogue::is_listed_late);
        if !is_listed_late {
            return ExpectedUnits { of_category, by_window: Vec::new() };
        }
        let by_window: Vec<Vec<f64>> = (0..plan.windows.len())
            .map(|window| {
                let sessions = self.sessions.iter().map(|of_segment| vec![of_segment[window]]).collect();
                Expectation { sessions, ..self.clone() }.units_by_category(plan)
            })
            .collect();
        let shares = |category: usize| {
            let units: Vec<f64> = by_window.iter().map(|of_window| of_window[category]).collect();
            let sum: f64 = units.iter().sum();
            units.into_iter().map(|units| if sum > 0.0 { units / sum } else { 0.0 }).collect()
        };
        ExpectedUnits { by_window: (0..of_category.len()).map(shares).collect(), of_category }
    }

    /// Expected units that reach a checkout, by category and summed over segments and windows.
    #[must_use]
    pub fn units_by_category(&self, plan: &Plan) -> Vec<f64> {
        let Some(catalogue) = &plan.catalogue else { return Vec::new() };
        let mut totals = vec![0.0; catalogue.categories.len()];
        for (segment, sessions) in plan.segments.iter().zip(&self.sessions) {
            let total = sessions.iter().sum::<f64>()
                * self.checkouts[segment.cbmg]
                * segment.lines.mean()
                * segment.units.mean();
            let weights = segment.demand(catalogue);
            let sum: f64 = weights.iter().sum();
            if sum > 0.0 {
                totals.iter_mut().zip(weights).for_each(|(t, weight)| *t += total * weight / sum);
            }
        }
        totals
    }
}

fn visits_of(cbmg: &Cbmg, visits: &[f64], wanted: impl Fn(Action) -> bool) -> f64 {
    cbmg.states.iter().zip(visits).filter(|(state, _)| state.action.is_some_and(&wanted)).map(|(_, v)| v).sum()
}

/// Expected visits of the page where orders are paid.
fn payments(cbmg: &Cbmg, visits: &[f64]) -> f64 {
    visits_of(cbmg, visits, |action| matches!(action, Action::Pay { .. }))
}

/// Sessions of a segment in each window, and the share of each history in them. A shopper's history enters by its mean: the chance to have
/// come and paid before.
fn expected_sessions(plan: &Plan, segment: usize, visits: &[Vec<f64>]) -> (Vec<f64>, Vec<ByHistory<f64>>) {
    let segment = &plan.segments[segment];
    let cbmg = &plan.cbmgs[segment.cbmg];
    let pays = payments(cbmg, &visits[segment.cbmg]).min(1.0);
    let shoppers = plan.shoppers as f64 * segment.share;
    let (mut bought, mut deferred) = (0.0, 0.0);
    let (mut sessions, mut histories) = (Vec::new(), Vec::new());
    for (attendance, window) in segment.attendance.iter().zip(&plan.windows) {
        let base = attendance.as_ref().map_or(0.0, |a| a.participation);
        let returning = (base * plan.memory.after_bought).min(1.0);
        // A deposit is no purchase, and when its balance is paid hardly matters here: as if in the presale.
        let conversion = window.presale.as_ref().map_or(1.0, |presale| presale.conversion);
        // Of those who have not bought, the ones who come: some have put it off before, and nobody has failed.
        let (again, others) = if plan.knows_deferral() {
            let (again, new) =
                (deferred * (base * plan.memory.after_deferred).min(1.0), (1.0 - bought - deferred) * base);
            deferred += new * (1.0 - pays) - again * pays * conversion;
            (again, again + new)
        } else {
            (0.0, (1.0 - bought) * base)
        };
        let came = bought * returning + others;
        let share = |part: f64| if came > 0.0 { part / came } else { 0.0 };
        histories.push([share(bought * returning), 0.0, share(again), share(others - again)]);
        bought += others * pays * conversion;
        sessions.push(shoppers * came);
    }
    (sessions, histories)
}

/// Solves v = e + P' v, the expected visits of an absorbing chain from its entries, by elimination with partial pivoting.
fn expected_visits(cbmg: &Cbmg, entries: &[(usize, f64)]) -> Vec<f64> {
    let n = cbmg.states.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row = vec![0.0; n + 1];
            row[i] = 1.0;
            row[n] = entries.iter().filter(|(entry, _)| *entry == i).map(|(_, share)| share).sum();
            row
        })
        .collect();
    for (from, state) in cbmg.states.iter().enumerate() {
        for &(to, probability) in &state.next {
            if let Some(to) = to {
                rows[to][from] -= probability;
            }
        }
    }
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        let lead = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column] / lead[column];
            if index != column && factor != 0.0 {
                row.iter_mut().zip(&lead).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    (0..n).map(|i| (rows[i][n] / rows[i][i]).max(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::State;

    fn state(next: Vec<(Option<usize>, f64)>) -> State {
        State {
            name: String::new(),
            calls: vec![],
            steps: vec![],
            timeout: None,
            action: None,
            again: None,
            think: None,
            next,
            on_failure: vec![(None, 1.0)],
        }
    }

    /// A loop with return probability q is visited 1/(1-q) times: the mean of a geometric distribution.
    #[test]
    fn visits_of_a_loop_are_geometric() {
        let states = vec![state(vec![(Some(1), 1.0)]), state(vec![(Some(0), 0.75), (None, 0.25)])];
        let visits = expected_visits(&Cbmg { name: String::new(), entry: 0, states }, &[(0, 1.0)]);
        assert!((visits[0] - 4.0).abs() < 1e-12 && (visits[1] - 4.0).abs() < 1e-12, "{visits:?}");
    }
}
