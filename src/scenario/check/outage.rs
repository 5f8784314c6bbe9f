//! Cells that are lost, and cells that serve their shoppers.

use super::Check;
use super::clock::Clock;
use crate::plan::capacity::{Capacity, CellLoss};
use crate::plan::{Pool, Queues};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use std::collections::BTreeSet;

impl Check<'_> {
    /// The cells that incidents take, in order of time.
    pub(super) fn cells_lost(&mut self, clock: &Clock) -> Vec<CellLoss> {
        let file = self.file;
        let mut losses: Vec<(CellLoss, &String)> = Vec::new();
        for (name, incident) in &file.incident {
            let file::Effect::CellLost(lost) = &incident.effect else { continue };
            let at = self.root.key("incident").key(name);
            if incident.service.is_some() {
                self.push(
                    Diagnostic::new(Code::Unused, "a cell is lost with all its services, not with one")
                        .at(at.key("service").key_place(), "not used")
                        .help("delete `service`, or let some of its instances be `lost`"),
                );
            }
            if let Some(loss) = self.cell_lost((name, incident), lost, at, clock) {
                losses.push((loss, name));
            }
        }
        losses.sort_by_key(|(loss, _)| loss.from);
        for pair in losses.windows(2).filter(|pair| pair[0].0.until > pair[1].0.from) {
            let [first, second] = [0, 1].map(|index| self.root.key("incident").key(pair[index].1));
            self.push(
                Diagnostic::new(Code::BadTiming, "two cells cannot be lost at once")
                    .at(second.key("from").place(), "begins before the other is over")
                    .at(first.key("until").place(), "over then")
                    .help("let one begin when the other is over, or lose instances of services"),
            );
        }
        losses.into_iter().map(|(loss, _)| loss).collect()
    }

    fn cell_lost(
        &mut self,
        (name, incident): (&str, &file::Incident),
        lost: &file::CellLost,
        at: Cursor<'_>,
        clock: &Clock,
    ) -> Option<CellLoss> {
        let of = at.key("effect").key("cell_lost");
        let (from, until) = self.span(incident, at, clock)?;
        let remapped = lost.remapped_after.map(|after| from + after);
        if remapped.is_some_and(|remapped| remapped >= until) {
            self.push(
                Diagnostic::new(Code::BadTiming, "the cell is back before its shoppers are remapped")
                    .at(of.key("remapped_after").place(), "not before the end of the incident")
                    .at(at.key("until").place(), "the end")
                    .help("remap them earlier, or delete `remapped_after`"),
            );
            return None;
        }
        if remapped.is_none() && lost.hosts.is_some() {
            self.push(
                Diagnostic::new(Code::Unused, "these cells never serve the shoppers of the lost one")
                    .at(of.key("hosts").key_place(), "not used")
                    .help("say when they begin to, such as `remapped_after = \"10s\"`"),
            );
        }
        let (hosts, cells) = (self.hosts(lost, of), self.file.platform.cells);
        if lost.cell >= cells {
            self.push(self.no_such_cell(lost.cell, of.key("cell")));
            return None;
        }
        if hosts.is_empty() {
            self.push(
                Diagnostic::new(
                    Code::TooFewForCells,
                    "there is no other cell that could serve the shoppers of this one",
                )
                .at(of.key("cell").place(), "the only cell")
                .at(self.root.key("platform").key("cells").place(), format!("{cells} cells")),
            );
            return None;
        }
        Some(CellLoss { name: name.to_owned(), from, until, cell: lost.cell, remapped, hosts })
    }

    fn no_such_cell(&self, cell: u32, at: Cursor<'_>) -> Diagnostic {
        let cells = self.file.platform.cells;
        Diagnostic::new(Code::OutOfRange, format!("there is no cell {cell}"))
            .at(at.place(), "no such cell")
            .at(self.root.key("platform").key("cells").place(), format!("{cells} cells"))
            .note("cells are numbered from 0")
    }

    /// The cells that serve the shoppers of a lost one, in order.
    fn hosts(&mut self, lost: &file::CellLost, of: Cursor<'_>) -> Vec<u32> {
        let Some(named) = &lost.hosts else {
            return (0..self.file.platform.cells).filter(|&cell| cell != lost.cell).collect();
        };
        let mut hosts = BTreeSet::new();
        for (index, &host) in named.iter().enumerate() {
            let at = of.key("hosts").index(index);
            if host >= self.file.platform.cells {
                self.push(self.no_such_cell(host, at));
            } else if host == lost.cell || !hosts.insert(host) {
                let why = if host == lost.cell { "is lost itself" } else { "is named twice" };
                self.push(
                    Diagnostic::new(Code::OutOfRange, format!("cell {host} {why}"))
                        .at(at.place(), "cannot be a host")
                        .help("name other cells, each of them once"),
                );
            }
        }
        // What is wrong with them has been said: nothing more is to be said of there being none.
        if hosts.is_empty() { vec![lost.cell] } else { hosts.into_iter().collect() }
    }

    /// Every host has to share what it has, and keep something.
    pub(super) fn can_be_shared(
        &mut self,
        name: &str,
        (pool, capacity): (&Pool, &Capacity),
        queues: Queues,
        at: Cursor<'_>,
    ) {
        if capacity.cells.iter().all(|loss| loss.remapped.is_none()) {
            return;
        }
        let cells = u64::from(self.file.platform.cells);
        let (units, what) = match queues {
            Queues::Pooled => (u64::from(pool.workers), "worker"),
            Queues::PerInstance(_) => (1, "instance"),
        };
        let fewest = capacity.fewest(pool.instances) / cells * units;
        if fewest == 1 {
            self.push(
                Diagnostic::new(Code::TooFewForCells, format!("a cell has one {what} of service `{name}` to share"))
                    .at(at.key("instances").key_place(), format!("fewer than two {what}s for each of {cells} cells"))
                    .note("cells that serve the shoppers of a lost one share what they have with their own")
                    .help(format!("let every cell have two {what}s at all times, or delete `remapped_after`")),
            );
        }
    }
}
