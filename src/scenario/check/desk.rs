//! What a service's servers do beyond first come, first served.

use super::Check;
use crate::plan::capacity::Capacity;
use crate::plan::protection::Ranks;
use crate::plan::{Desk, Discipline};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::{self, Cancel, Priority, Queues};
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

impl Check<'_> {
    /// The settings of an event-driven service; `None` for one that needs no more than a plain queue.
    pub(super) fn desk(
        &mut self,
        name: &str,
        service: &file::Service,
        at: Cursor<'_>,
        capacity: Capacity,
    ) -> Option<Desk> {
        let file::Service { discipline, max_wait, controlled_delay, cancel, slowdown, queues, .. } = service;
        let is_plain = (discipline, cancel, queues) == (&file::Discipline::Fifo, &Cancel::None, &Queues::Pooled)
            && (max_wait, controlled_delay, slowdown) == (&None, &None, &None)
            && service.hedge.is_none()
            && service.schedule.is_empty()
            && service.autoscaler.is_none();
        if service.instances.is_none() && !service.calls.is_empty() {
            self.push(
                Diagnostic::new(Code::MissingKey, format!("service `{name}` calls others, but has no `instances`"))
                    .at(at.key("calls").key_place(), "made by a worker, and there is none")
                    .note("a service without instances is a delay: it has no queue and no workers")
                    .help(format!("say how many `instances` and `workers` there are, or move these calls to the states that call `{name}`")),
            );
        }
        if is_plain && service.calls.is_empty() && capacity.is_constant() {
            return None;
        }
        if service.instances.is_none() && is_plain {
            // The incident is told of that there is nothing that it could happen to.
            return None;
        }
        if service.instances.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, format!("nobody waits at service `{name}`"))
                    .at(at.key_place(), "no `instances`")
                    .note("a service without instances is a delay: it has no queue and no workers")
                    .help("say how many instances there are, or delete `hedge`, `discipline`, `max_wait`, `controlled_delay`, `cancel`, `slowdown`, `queues`, `schedule` and `autoscaler`"),
            );
            return None;
        }
        if let Some(delay) = controlled_delay
            && (delay.target > delay.interval || delay.interval == Nanos(0))
        {
            let at = at.key("controlled_delay");
            self.push(
                Diagnostic::new(Code::BadTiming, "the wait that is aimed at is longer than the longest")
                    .at(at.key("target").place(), format!("{}", delay.target))
                    .at(at.key("interval").place(), format!("{}", delay.interval))
                    .help("raise `interval` above `target`, such as \"100ms\" and \"5ms\""),
            );
        }
        Some(Desk {
            discipline: self.discipline(discipline, at.key("discipline")),
            max_wait: *max_wait,
            controlled_delay: controlled_delay.clone(),
            cancel: *cancel,
            slowdown: slowdown.clone(),
            queues: *queues,
            capacity,
        })
    }

    fn discipline(&mut self, discipline: &file::Discipline, at: Cursor<'_>) -> Discipline {
        match discipline {
            file::Discipline::Fifo => Discipline::Fifo,
            file::Discipline::Lifo => Discipline::Lifo,
            file::Discipline::AdaptiveLifo { above } => Discipline::AdaptiveLifo { above: *above },
            file::Discipline::Priority(priority) => match self.ranks(priority, at.key("priority")).0 {
                Ranks::States(ranks) => Discipline::StatePriority(ranks),
                Ranks::Segments(ranks) => Discipline::SegmentPriority(ranks),
            },
        }
    }

    /// The ranks of all segments or states, and the lowest that there can be.
    pub(super) fn ranks(&mut self, priority: &Priority, at: Cursor<'_>) -> (Ranks, u8) {
        match priority {
            Priority::Segments(first) => {
                let all: Vec<&String> = self.file.segment.keys().collect();
                self.ranked("segment", first, &all, at.key("segments"));
                (Ranks::Segments(all.into_iter().map(|name| rank(first, name)).collect()), first.len() as u8)
            }
            Priority::States(first) => {
                let cbmgs = &self.file.cbmg;
                let all: Vec<&String> = cbmgs.values().flat_map(|cbmg| cbmg.state.keys()).collect();
                self.ranked("state", first, &all, at.key("states"));
                let ranks = cbmgs.values().map(|cbmg| cbmg.state.keys().map(|name| rank(first, name)).collect());
                (Ranks::States(ranks.collect()), first.len() as u8)
            }
        }
    }

    /// Reports names of a ranking that do not exist.
    fn ranked(&mut self, what: &str, first: &[String], all: &[&String], at: Cursor<'_>) {
        for (index, name) in first.iter().enumerate().filter(|(_, name)| !all.contains(name)) {
            self.unknown(
                what,
                name,
                at.index(index).place(),
                "the scenario declares",
                all.iter().map(|name| name.as_str()),
            );
        }
    }
}

/// The rank of a name: its place among those that come first, or the one behind them all.
fn rank(first: &[String], name: &String) -> u8 {
    first.iter().position(|named| named == name).unwrap_or(first.len()).min(usize::from(u8::MAX)) as u8
}
