//! Instances over time, and incidents.

use super::Check;
use super::clock::Clock;
use crate::plan::capacity::{Autoscaler, Capacity, Declines, Effect, Incident, Step};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::{Instant, Nanos};

/// Most incidents and most steps of a schedule: each event of a slow service looks at all of them.
const MOST_INCIDENTS: usize = 100;
const MOST_STEPS: usize = 10_000;
/// Shortest interval between two evaluations of an autoscaler.
const SHORTEST_INTERVAL: Nanos = Nanos::from_secs(1);

impl Check<'_> {
    /// What changes at the servers of a service in the course of time.
    pub(super) fn capacity(&mut self, name: &str, service: &file::Service, at: Cursor<'_>, clock: &Clock) -> Capacity {
        Capacity {
            steps: self.schedule(service, at.key("schedule"), clock),
            autoscaler: service.autoscaler.as_ref().map(|of| self.autoscaler(service, of, at.key("autoscaler"))),
            incidents: self.incidents_of(name, clock),
            // What is told of them is told once, in `cells_lost`.
            cells: if service.instances.is_some() { self.cells_lost.clone() } else { Vec::new() },
        }
    }

    fn autoscaler(&mut self, service: &file::Service, of: &file::Autoscaler, at: Cursor<'_>) -> Autoscaler {
        self.one_per_cell("instances", of.least, at.key("least"));
        let first = service.instances.unwrap_or(of.least);
        let steps = service.schedule.iter().map(|step| step.instances);
        let too_many = steps.chain([first, of.least]).max().filter(|&instances| instances > of.most);
        if let Some(instances) = too_many.or(Some(first).filter(|&first| first < of.least)) {
            self.push(
                Diagnostic::new(Code::OutOfRange, format!("the autoscaler cannot have {instances} instances"))
                    .at(at.key("least").place(), format!("at least {}", of.least))
                    .at(at.key("most").place(), format!("at most {}", of.most))
                    .note("`instances` is how many there are at first, `schedule` the fewest at a time")
                    .help("let `least` and `most` enclose them"),
            );
        }
        if of.interval < SHORTEST_INTERVAL {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("an interval of {} is out of range", of.interval))
                    .at(at.key("interval").place(), format!("expected at least {SHORTEST_INTERVAL}"))
                    .note("cells exchange what they measure at ticks"),
            );
        }
        Autoscaler {
            target: of.target,
            interval: of.interval,
            lag: of.lag,
            tolerance: of.tolerance,
            least: of.least,
            most: of.most,
            up: of.up,
            down: of.down,
            stabilisation: of.stabilisation,
        }
    }

    fn schedule(&mut self, service: &file::Service, at: Cursor<'_>, clock: &Clock) -> Vec<Step> {
        self.at_most("step", service.schedule.len(), MOST_STEPS, at);
        let mut steps: Vec<Step> = Vec::new();
        for (index, step) in service.schedule.iter().enumerate() {
            let at = at.index(index);
            self.one_per_cell("instances", step.instances, at.key("instances"));
            let Some(opening) = self.opening(step.window.as_deref(), at, clock) else { continue };
            let time = opening + step.from;
            self.comes_too_late("this step", time, at.key("from"), clock);
            if steps.last().is_some_and(|last| last.at >= time) {
                self.push(
                    Diagnostic::new(Code::BadTiming, "this step does not come after the one before it")
                        .at(at.key("from").place(), format!("{} after the opening", step.from))
                        .help("write the steps of a schedule in the order of time"),
                );
            }
            steps.push(Step { at: time, instances: step.instances });
        }
        steps
    }

    /// The opening that a time counts from; `None` where the file does not say which.
    fn opening(&mut self, window: Option<&str>, at: Cursor<'_>, clock: &Clock) -> Option<Instant> {
        let file = self.file;
        let window = match window {
            Some(name) => self.resolve("window", name, &file.window, at.key("window").place())?,
            None if file.window.len() == 1 => 0,
            None => {
                self.push(
                    Diagnostic::new(Code::BadSlice, "this time does not say of which window")
                        .at(at.key("from").key_place(), "since which opening?")
                        .help("add `window = \"…\"`"),
                );
                return None;
            }
        };
        clock.windows.get(window).filter(|_| clock.sound).map(|window| window.opens)
    }

    fn incidents_of(&mut self, service: &str, clock: &Clock) -> Vec<Incident> {
        let file = self.file;
        let mut incidents = Vec::new();
        for (name, incident) in file.incident.iter().filter(|(_, of)| of.service.as_deref() == Some(service)) {
            let effect = match &incident.effect {
                file::Effect::Slowed(factor) => Effect::Slowed(*factor),
                file::Effect::Stalled => Effect::Stalled,
                file::Effect::Lost(lost) => Effect::Lost(*lost),
                file::Effect::Unreachable(how) => Effect::Unreachable(*how),
                file::Effect::Declined { .. } | file::Effect::CellLost(_) => continue,
            };
            let at = self.root.key("incident").key(name);
            if let Some((from, until)) = self.span(incident, at, clock) {
                incidents.push(Incident { name: name.clone(), from, until, effect });
            }
        }
        incidents
    }

    /// When an incident begins and ends. What is wrong is reported once for each.
    pub(super) fn span(
        &mut self,
        incident: &file::Incident,
        at: Cursor<'_>,
        clock: &Clock,
    ) -> Option<(Instant, Instant)> {
        let opening = self.opening(incident.window.as_deref(), at, clock)?;
        if incident.from >= incident.until {
            self.push(
                Diagnostic::new(Code::BadTiming, "this incident is over before it begins")
                    .at(at.key("until").place(), format!("ends {} after the opening", incident.until))
                    .at(at.key("from").place(), format!("begins {} after the opening", incident.from))
                    .help("let it begin before it ends"),
            );
            return None;
        }
        self.comes_too_late("this incident", opening + incident.from, at.key("from"), clock);
        Some((opening + incident.from, opening + incident.until))
    }

    /// Warns of what would happen after the end of the simulation.
    pub(super) fn comes_too_late(&mut self, what: &str, time: Instant, at: Cursor<'_>, clock: &Clock) {
        if clock.sound && time >= clock.horizon {
            self.push(
                Diagnostic::new(Code::Unused, format!("{what} comes when all is over"))
                    .at(at.place(), "never happens")
                    .note("the simulation ends as the last window closes"),
            );
        }
    }

    /// Incidents of the whole platform, and what is wrong with the names of the others.
    pub(super) fn incidents(&mut self, clock: &Clock) -> Vec<Declines> {
        let file = self.file;
        self.at_most("incident", file.incident.len(), MOST_INCIDENTS, self.root.key("incident"));
        let mut declines = Vec::new();
        for (name, incident) in &file.incident {
            let at = self.root.key("incident").key(name);
            let (probability, states) = match &incident.effect {
                file::Effect::Declined { probability, states } => (*probability, states),
                file::Effect::CellLost(_) => continue,
                _ => {
                    self.happens_to(name, incident, at);
                    continue;
                }
            };
            if incident.service.is_some() {
                self.push(
                    Diagnostic::new(Code::Unused, "payments are declined by the bank, not by a service")
                        .at(at.key("service").key_place(), "not used")
                        .help("delete `service`, or name `states`"),
                );
            }
            let states = self.paying(states.as_deref(), at.key("effect").key("declined").key("states"));
            if let Some((from, until)) = self.span(incident, at, clock) {
                declines.push(Declines { from, until, probability, states });
            }
        }
        declines
    }

    /// An incident of a service has to have one, with servers.
    fn happens_to(&mut self, name: &str, incident: &file::Incident, at: Cursor<'_>) {
        let Some(service) = &incident.service else {
            self.push(
                Diagnostic::new(Code::MissingKey, format!("incident `{name}` does not say what it happens to"))
                    .at(at.key_place(), "no `service`")
                    .help("add `service = \"…\"`"),
            );
            return;
        };
        let services = &self.file.service;
        let Some(index) = self.resolve("service", service, services, at.key("service").place()) else { return };
        if services[index].instances.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, format!("nothing can happen to service `{service}`"))
                    .at(at.key("service").place(), "a delay without servers")
                    .note("a service without instances is a delay: it has no queue and no workers")
                    .help("say how many instances there are"),
            );
        }
    }

    /// The states in which payments are declined, by behaviour graph and state.
    fn paying(&mut self, names: Option<&[String]>, at: Cursor<'_>) -> Vec<Vec<bool>> {
        let pays = |state: &file::State| matches!(state.action, Some(file::Action::Pay { .. }));
        let cbmgs = &self.file.cbmg;
        let paying = || cbmgs.values().flat_map(|cbmg| &cbmg.state).filter(|(_, state)| pays(state));
        for (index, name) in names.into_iter().flatten().enumerate() {
            if !paying().any(|(state, _)| state == name) {
                let names: Vec<&str> = paying().map(|(state, _)| state.as_str()).collect();
                self.unknown(
                    "state that pays",
                    name,
                    at.index(index).place(),
                    "payments are made in",
                    names.into_iter(),
                );
            }
        }
        let concerns =
            |(name, state): (&String, &file::State)| pays(state) && names.is_none_or(|names| names.contains(name));
        cbmgs.values().map(|cbmg| cbmg.state.iter().map(concerns).collect()).collect()
    }
}

/// Whether a service fails requests only because of what goes wrong; `hears`: whether its clients wait until they are done.
pub(super) fn fails(file: &file::ScenarioFile, service: &str, hears: bool) -> bool {
    let is_of = |incident: &&file::Incident| incident.service.as_deref() == Some(service);
    let fails = |incident: &file::Incident| match incident.effect {
        file::Effect::Lost(_) => hears,
        file::Effect::Unreachable(_) => true,
        _ => false,
    };
    if file.incident.values().any(|incident| matches!(incident.effect, file::Effect::CellLost(_))) {
        return file.service[service].instances.is_some();
    }
    file.incident.values().filter(is_of).any(fails)
}
