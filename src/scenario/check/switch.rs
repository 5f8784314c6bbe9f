//! Degradation switches.

use super::clock::Clock;
use super::protection::thousandths;
use super::{Check, listed};
use crate::plan::switch::{Measure, Switch, SwitchOn};
use crate::plan::{CbmgId, MAX_SWITCHES, ServiceId};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::{Instant, Nanos};

/// Most that a switch may lengthen a service time.
const MOST_FACTOR: f64 = 1e4;

/// Thresholds of a switch, as they are shown, and in the units that are measured.
struct Load<'a> {
    service: &'a str,
    measure: Measure,
    above: (f64, u64),
    below: (f64, u64),
    lasts: Nanos,
}

impl Check<'_> {
    pub(super) fn switches(&mut self, clock: &Clock) -> Vec<Switch> {
        let switches = &self.file.switch;
        self.at_most("switch", switches.len(), MAX_SWITCHES, self.root.key("switch"));
        switches.iter().map(|(name, switch)| self.switch(name, switch, clock)).collect()
    }

    fn switch(&mut self, name: &str, switch: &file::Switch, clock: &Clock) -> Switch {
        let at = self.root.key("switch").key(name);
        if switch.service_time.is_empty() && switch.leave_out.is_empty() && switch.refuse.is_empty() {
            self.push(
                Diagnostic::new(Code::Unused, format!("the switch `{name}` does nothing"))
                    .at(at.key_place(), "neither `service_time` nor `leave_out` nor `refuse`"),
            );
        }
        let mut factors = vec![1.0; self.file.service.len()];
        for (service, &factor) in &switch.service_time {
            let at = at.key("service_time").key(service);
            if !(0.0..=MOST_FACTOR).contains(&factor) {
                self.push(
                    Diagnostic::new(Code::OutOfRange, format!("{factor} is out of range"))
                        .at(at.place(), format!("expected a number from 0 to {MOST_FACTOR}")),
                );
            }
            if let Some(id) = self.resolve("service", service, &self.file.service, at.key_place()) {
                factors[id] = factor;
            }
        }
        let refuse = |(index, state): (usize, &String)| (state.clone(), at.key("refuse").index(index));
        let refused: Vec<(String, Cursor<'_>)> = switch.refuse.iter().enumerate().map(refuse).collect();
        let refused = refused.iter().flat_map(|(state, at)| self.states_called(state, *at, false)).collect();
        let left_out = switch.leave_out.iter().flat_map(|(state, services)| {
            let at = at.key("leave_out").key(state);
            let states = self.states_called(state, at, true);
            let services = services.iter().enumerate();
            let services: Vec<ServiceId> =
                services.filter_map(|(index, service)| self.left_out(state, service, at.index(index))).collect();
            states
                .into_iter()
                .flat_map(|(cbmg, state)| {
                    services.iter().map(move |&service| (cbmg, state, service)).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        });
        let left_out = left_out.collect();
        Switch {
            name: name.to_owned(),
            on: self.switch_on(&switch.on, clock, at.key("on")),
            factors,
            left_out,
            refused,
        }
    }

    /// A service that a state does without: one that it calls.
    fn left_out(&mut self, state: &str, service: &str, at: Cursor<'_>) -> Option<ServiceId> {
        let file = self.file;
        let id = self.resolve("service", service, &file.service, at.place())?;
        let states: Vec<&file::State> = file.cbmg.values().filter_map(|cbmg| cbmg.state.get(state)).collect();
        let called = |state: &file::State| -> Vec<String> {
            let set = |call: &String| state.parallel.get(call).cloned().unwrap_or_else(|| vec![call.clone()]);
            state.calls.iter().flat_map(set).collect()
        };
        let called: Vec<String> = states.into_iter().flat_map(called).collect();
        let is_there = file.cbmg.values().any(|cbmg| cbmg.state.contains_key(state));
        if is_there && !called.iter().any(|call| call == service) {
            let mut names: Vec<&str> = called.iter().map(String::as_str).collect();
            names.sort_unstable();
            names.dedup();
            let way_out = match names.as_slice() {
                [] => "it calls nothing: leave it out here".to_owned(),
                names => format!("it calls {}", listed(names.iter().copied())),
            };
            self.push(
                Diagnostic::new(Code::UnknownName, format!("state `{state}` does not call `{service}`"))
                    .at(at.place(), "never called there, so there is nothing to leave out")
                    .help(way_out),
            );
        }
        Some(id)
    }

    /// The states of this name in all graphs.
    fn states_called(&mut self, name: &str, at: Cursor<'_>, is_key: bool) -> Vec<(CbmgId, usize)> {
        let file = self.file;
        let graphs = || file.cbmg.values().enumerate();
        let found: Vec<(CbmgId, usize)> =
            graphs().filter_map(|(id, cbmg)| Some((id, cbmg.state.get_index_of(name)?))).collect();
        if found.is_empty() {
            let all: Vec<&String> = graphs().flat_map(|(_, cbmg)| cbmg.state.keys()).collect();
            let place = if is_key { at.key_place() } else { at.place() };
            self.unknown("state", name, place, "the scenario declares", all.iter().map(|name| name.as_str()));
        }
        found
    }

    fn switch_on(&mut self, on: &file::SwitchOn, clock: &Clock, at: Cursor<'_>) -> SwitchOn {
        match on {
            file::SwitchOn::At { window, after, lasts } => {
                let at = at.key("at");
                let id = self.resolve("window", window, &self.file.window, at.key("window").place());
                let from = id.map_or(Instant(0), |id| clock.windows[id].opens) + *after;
                self.comes_too_late("this switch", from, at.key("after"), clock);
                SwitchOn::At { from, until: from + *lasts }
            }
            file::SwitchOn::Busy { service, above, lasts, below } => {
                let exact = |share: f64| (share, thousandths(share));
                let (above, below) = (exact(*above), exact(*below));
                self.load(&Load { service, measure: Measure::Busy, above, below, lasts: *lasts }, at.key("busy"))
            }
            file::SwitchOn::Queue { service, above, lasts, below } => {
                let exact = |waiting: u64| (waiting as f64, waiting);
                let (above, below) = (exact(*above), exact(*below));
                self.load(&Load { service, measure: Measure::Queue, above, below, lasts: *lasts }, at.key("queue"))
            }
        }
    }

    fn load(&mut self, load: &Load, at: Cursor<'_>) -> SwitchOn {
        let &Load { service, measure, above, below, lasts } = load;
        let id = self.resolve("service", service, &self.file.service, at.key("service").place());
        if below.1 > above.1 {
            self.push(
                Diagnostic::new(Code::OutOfRange, "the switch would go off as soon as it goes on")
                    .at(at.key("below").place(), format!("off below {}", below.0))
                    .at(at.key("above").place(), format!("on above {}", above.0))
                    .help("set `below` to at most `above`"),
            );
        }
        if self.file.service.get(service).is_some_and(|service| service.instances.is_none()) {
            self.push(
                Diagnostic::new(Code::Unused, format!("service `{service}` is never under load"))
                    .at(at.key("service").place(), "no `instances`")
                    .note("a service without instances is a delay: it has no workers and no queue"),
            );
        }
        SwitchOn::Load { service: id.unwrap_or(0), measure, above: above.1, lasts, below: below.1 }
    }
}
