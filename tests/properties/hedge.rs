//! Hedged services of random scenarios.

use super::{Draw, SplitMix};

impl Draw {
    /// Some of the services with instances are hedged, drawn by themselves, so that the rest is drawn as without it.
    pub(super) fn hedges(&mut self, seed: u64, with_instances: &[u64]) {
        self.random = SplitMix(seed ^ 0x0060_0500);
        for &service in with_instances {
            let section = format!("[service.s{service}]\n");
            let is_hedged = self.chance(0.3);
            let after = self.hedged_after(self.time_out_ms(&section));
            if is_hedged {
                self.text = self.text.replacen(&section, &format!("{section}hedge.after = {after}\n"), 1);
            }
        }
    }

    /// Shorter than the time-out, and as coarse as all other times where that can be.
    fn hedged_after(&mut self, time_out_ms: Option<f64>) -> String {
        let after = if self.chance(0.5) { self.time(1.0, 30.0) } else { self.time(10.0, 90.0) };
        let is_too_late = |time_out: f64| milliseconds(after.trim_matches('"')) >= time_out;
        if time_out_ms.is_some_and(is_too_late) { "\"50ms\"".into() } else { after }
    }

    /// The time-out of a service whose section begins like this.
    fn time_out_ms(&self, section: &str) -> Option<f64> {
        let (_, keys) = self.text.split_once(section)?;
        let mut keys = keys.lines().take_while(|line| !line.starts_with('['));
        keys.find_map(|line| line.strip_prefix("timeout = ")).map(|time| milliseconds(time.trim_matches('"')))
    }
}

/// A time as they are drawn.
fn milliseconds(text: &str) -> f64 {
    let number = |text: &str| text.parse::<f64>().expect("a number and a unit");
    match text.strip_suffix("us") {
        Some(us) => number(us) / 1000.0,
        None => number(text.trim_end_matches("ms")),
    }
}
