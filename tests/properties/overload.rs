//! What random scenarios do under overload: waiting rooms.

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
}
