//! Retry budgets, limiters, breakers and throttles of random scenarios: tight enough to do something among few requests.

use super::Draw;

impl Draw {
    /// A key of a retry policy, or nothing.
    pub(super) fn budget(&mut self) -> String {
        if !self.chance(0.4) {
            return String::new();
        }
        if self.chance(0.5) {
            let (max, ratio) = (self.cells * self.one_of(&[1, 2, 4, 10]), self.one_of(&[0.02, 0.1, 0.5, 1.0]));
            return format!(", budget.tokens = {{ max = {max}, ratio = {ratio:?} }}");
        }
        let (share, floor) = (self.one_of(&[0.0, 0.1, 0.2, 1.0]), self.one_of(&[0, 1, self.cells, 10]));
        let window = self.one_of(&["1s", "10s", "3300ms", "60s"]);
        format!(", budget.share = {{ of_requests = {share:?}, per_second = {floor}, window = \"{window}\" }}")
    }

    /// What protects a service, or nothing.
    pub(super) fn protection(&mut self, times_out: bool) {
        if !self.chance(0.4) {
            return;
        }
        if self.chance(0.7) {
            let rate = self.rate(times_out);
            self.line(&format!("limit.rate.{rate}"));
        }
        if self.chance(0.3) {
            let in_flight = self.cells * self.one_of(&[1, 1, 2, 5]);
            self.line(&format!("limit.in_flight = {in_flight}"));
        }
        if self.chance(0.35) {
            let (share, slow) = (self.one_of(&[0.3, 0.5, 0.8, 1.0]), self.time(10.0, 1000.0));
            let trips_on = if self.chance(0.5) {
                format!("errors = {share:?}")
            } else {
                format!("slow = {{ over = {slow}, share = {share:?} }}")
            };
            let (window, at_least) = (self.one_of(&["1s", "2s", "10s", "60s"]), self.one_of(&[1, 2, 5]));
            let (open, probes) = (self.time(50.0, 2000.0), self.one_of(&[1, 1, 2, 3]));
            self.line(&format!(
                "breaker = {{ trips_on.{trips_on}, window = \"{window}\", at_least = {at_least}, open = {open}, probes = {probes} }}"
            ));
        }
        if self.chance(0.25) {
            let (k, window) = (self.one_of(&[1.1, 1.5, 2.0, 3.0]), self.one_of(&["1s", "5s", "2m"]));
            self.line(&format!("throttle = {{ k = {k:?}, window = \"{window}\" }}"));
        }
    }

    fn rate(&mut self, times_out: bool) -> String {
        let per_second = self.one_of(&[7, self.cells, 3 * self.cells, 10 * self.cells, 50 * self.cells, 1000]);
        match self.between(0, 2) {
            0 => {
                let burst = self.cells * self.one_of(&[1, 2, 5]);
                format!("token_bucket = {{ per_second = {per_second}, burst = {burst} }}")
            }
            1 => {
                let (within, cold) = (self.one_of(&["1s", "7300ms", "20s"]), self.one_of(&[2, 3, 10]));
                format!("warm_up = {{ per_second = {per_second}, within = \"{within}\", cold_factor = {cold} }}")
            }
            // Shorter than any time-out that is drawn, and sometimes with ends that fall together.
            _ => {
                let wait = self.one_of(if times_out { &["0s", "10ms", "99ms"] } else { &["99ms", "2s", "20s"] });
                format!("uniform = {{ per_second = {per_second}, longest_wait = \"{wait}\" }}")
            }
        }
    }
}
