//! What services that answer on acceptance had before them.

use super::Outcome;
use crate::plan::{Answers, ServiceId};
use crate::recorder::ServiceRow as Recorded;
use crate::results::Settlement;
use crate::units::Instant;

impl Outcome<'_> {
    pub(super) fn settlements(&self) -> Vec<Settlement> {
        let services = &self.plan.services;
        let accepting = (0..services.len()).filter(|&service| services[service].answers == Answers::OnAcceptance);
        let windows = 0..self.plan.windows.len();
        accepting.flat_map(|service| windows.clone().map(move |window| self.settlement(service, window))).collect()
    }

    fn settlement(&self, service: ServiceId, window: usize) -> Settlement {
        let slots = self.recorder.rows.iter().filter(|row| row.slot.window == window);
        let slots: Vec<&Recorded> = slots.map(|row| &row.services[service]).collect();
        let last = slots.iter().map(|slot| slot.settled).max().filter(|&last| last > Instant(0));
        Settlement {
            service: self.plan.services[service].name.clone(),
            window: self.plan.windows[window].name.clone(),
            backlog_max: slots.iter().map(|slot| slot.reading.longest_queue).max().unwrap_or(0) * self.scale,
            last_unix_ms: last.map(|last| self.unix_ms(last)),
        }
    }
}
