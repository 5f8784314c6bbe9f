//! What random scenarios do under overload: waiting rooms, shedding, switches.

use super::Draw;

impl Draw {
    /// The waiting room of a window, or nothing.
    pub(super) fn room(&mut self) {
        if !self.chance(0.35) {
            return;
        }
        let per_second = self.one_of(&[3, self.cells, 7 * self.cells, 20, 100, 1000]);
        let longest =
            if self.chance(0.3) { format!(", longest_wait = {}", self.time(300.0, 10_000.0)) } else { String::new() };
        let patience =
            if self.chance(0.5) { format!(", patience = {}", self.times(200.0, 10_000.0)) } else { String::new() };
        let can_leave = !longest.is_empty() || !patience.is_empty();
        let left_places = if can_leave && self.chance(0.5) { ", left_places = \"move_up\"" } else { "" };
        self.line(&format!("room = {{ per_second = {per_second}{longest}{patience}{left_places} }}"));
    }

    /// Who is turned away while many wait, or nobody.
    pub(super) fn shed(&mut self) {
        if !self.chance(0.3) {
            return;
        }
        let (above, step) = (self.one_of(&[0, 0, 1, 3]), self.one_of(&[0, 1, 2]));
        let priority = self.one_of(&[
            "{ segments = [\"p0\"] }",
            "{ states = [\"pay\", \"order\"] }",
            "{ states = [\"order\", \"pay\", \"home\"] }",
        ]);
        self.line(&format!("limit.shed = {{ above = {above}, step = {step}, priority = {priority} }}"));
    }

    /// A state and what it calls: this one, if it makes this call; before all others one that makes calls at once, of which all are left
    /// out, or the first.
    fn left_out(&self, state: &str, service: u64) -> (String, Vec<String>) {
        if let Some((state, set)) = self.sets.iter().find(|(state, _)| state != "cart") {
            return (state.clone(), set[..if service.is_multiple_of(2) { 1 } else { set.len() }].to_vec());
        }
        let wanted = format!("\"s{service}\"");
        let is_called = |of: &&(String, String)| of.0 == state && of.1 == wanted;
        let called = self.called.iter().find(is_called).or_else(|| self.called.iter().find(|of| of.0 == state));
        (state.to_owned(), called.map(|of| of.1.clone()).into_iter().collect())
    }

    /// What the platform does otherwise for a time. `with_workers`: services that have instances.
    pub(super) fn switch(&mut self, switch: u64, windows: u64, services: u64, with_workers: &[u64]) {
        let lasts = self.time(100.0, 3000.0);
        let on = match (self.between(0, 2), with_workers) {
            (0, _) | (_, []) => {
                let (window, after) = (self.between(0, windows - 1), self.one_of(&["0s", "1s", "2500ms"]));
                format!("on.at = {{ window = \"w{window}\", after = \"{after}\", lasts = {lasts} }}")
            }
            (kind, with_workers) => {
                let service = self.one_of(with_workers);
                let lasts = if self.chance(0.5) { format!(", lasts = {lasts}") } else { String::new() };
                let load = if kind == 1 {
                    let (above, below) = self.one_of(&[(0.0, 0.0), (0.5, 0.2), (0.9, 0.9), (0.3, 0.1)]);
                    format!("busy = {{ service = \"s{service}\", above = {above:?}, below = {below:?}{lasts} }}")
                } else {
                    let (above, below) = self.one_of(&[(0, 0), (1, 1), (2, 1)]);
                    format!("queue = {{ service = \"s{service}\", above = {above}, below = {below}{lasts} }}")
                };
                format!("on.{load}")
            }
        };
        self.line(&format!("[switch.d{switch}]\n{on}"));
        let does = self.between(1, 7);
        if does & 1 > 0 {
            let (service, factor) = (self.between(0, services - 1), self.one_of(&[0.0, 0.3, 0.5, 2.5]));
            self.line(&format!("service_time.s{service} = {factor:?}"));
        }
        if does & 2 > 0 {
            let (state, service) = (self.one_of(&["home", "wander", "order", "pay"]), self.between(0, services - 1));
            let (state, services) = self.left_out(state, service);
            if !services.is_empty() {
                self.line(&format!("leave_out.{state} = [{}]", services.join(", ")));
            }
        }
        if does & 4 > 0 || self.chance(0.4) {
            let state = self.one_of(&["\"wander\", \"order\"", "\"pay\"", "\"cart\", \"order\""]);
            self.line(&format!("refuse = [{state}]"));
        }
    }
}
