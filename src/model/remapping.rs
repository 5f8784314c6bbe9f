//! What becomes of a service while a cell is lost and others serve its shoppers.
//!
//! The shoppers of a cell stay in their event loop wherever they are served: the loop of the lost cell gets a part of what its hosts
//! have, and the loops of the hosts keep the rest. Cells have as many shoppers as each other, but for one; so with n hosts that part is
//! one in n + 1, and everybody has the same share of a server as behind the common queues that the hosts have in truth. Behind parts, one
//! may be idle while others have a queue: waits are longer than they would be in truth, by no more than those of n + 1 separate
//! queues are longer than those of n.

use super::Model;
use crate::plan::Queues;
use crate::units::Instant;

/// How the servers of a service stand in the event loop of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Instances that the cell should have, and those of them that are lost.
    pub instances: u64,
    /// Instances that are lost.
    pub lost: u64,
    /// What is here of other cells, or less than zero where others have it: workers behind a common queue, else instances.
    pub moved: i64,
    /// What has become of the cell.
    pub cell: CellState,
}

/// What has become of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CellState {
    /// It serves its own shoppers.
    #[default]
    Stands,
    /// It is lost, and nobody serves them.
    Down,
    /// It is lost, and others serve them.
    Remapped,
}

impl Model {
    /// How a service stands in a cell at an instant, if there are so many instances over all cells.
    #[must_use]
    pub fn standing(&self, total: u64, service: usize, cell: u32, at: Instant) -> Standing {
        let instances = self.instances_of(total, service, cell);
        let lost = self.lost_instances(service, cell, at, total);
        let loss = self.services[service].desk.as_ref().and_then(|desk| desk.capacity.lost_cell(at));
        let is_remapped = loss.is_some_and(|loss| loss.is_remapped(at));
        let state = match loss.filter(|loss| loss.cell == cell) {
            None => CellState::Stands,
            Some(_) if is_remapped => CellState::Remapped,
            Some(_) => CellState::Down,
        };
        Standing {
            instances,
            lost,
            moved: if is_remapped { self.moved(total, service, cell, at) } else { 0 },
            cell: state,
        }
    }

    /// What moves to the loop of a cell while a cell is remapped.
    fn moved(&self, total: u64, service: usize, cell: u32, at: Instant) -> i64 {
        let Some(desk) = &self.services[service].desk else { return 0 };
        let Some(loss) = desk.capacity.lost_cell(at) else { return 0 };
        if cell != loss.cell && loss.hosts.binary_search(&cell).is_err() {
            return 0;
        }
        let pooled = self.services[service].pool.as_ref().filter(|_| desk.queues == Queues::Pooled);
        let each = pooled.map_or(1, |pool| u64::from(pool.workers));
        let units = |&host: &u32| {
            let lost = self.lost_instances(service, host, at, total);
            (self.instances_of(total, service, host) - lost) * each
        };
        let parts = parts(&loss.hosts.iter().map(units).collect::<Vec<_>>());
        match loss.hosts.binary_search(&cell) {
            Ok(host) => -(parts[host] as i64),
            Err(_) => parts.iter().sum::<u64>() as i64,
        }
    }
}

/// Of what each host has, what it gives to the shoppers of a lost cell: one in n + 1 of all together, rounded; of each host as much in
/// proportion as whole numbers allow, but never the last one.
fn parts(hosts: &[u64]) -> Vec<u64> {
    let all: u128 = hosts.iter().map(|&units| u128::from(units)).sum();
    let parts = hosts.len() as u128 + 1;
    let given = (2 * all + parts) / (2 * parts);
    let mut before = 0u128;
    let part = |&units: &u64| {
        let [from, until] = [before, before + u128::from(units)].map(|sum| given * sum / all.max(1));
        before += u128::from(units);
        ((until - from) as u64).min(units.saturating_sub(1))
    };
    hosts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_share_what_they_have_with_those_whom_they_take_over() {
        assert_eq!(parts(&[8]), [4], "one host serves twice as many");
        assert_eq!(parts(&[3]), [2], "half of three, rounded");
        assert_eq!(parts(&[2]), [1]);
        assert_eq!(parts(&[1]), [0], "the last one stays");
        assert_eq!(parts(&[4, 4, 4]), [1, 1, 1]);
        assert_eq!(parts(&[24; 63]).iter().sum::<u64>(), 24, "sixty-three give a sixty-fourth each");
        assert!(parts(&[24; 63]).iter().all(|&part| part <= 1));
        assert_eq!(parts(&[]), Vec::<u64>::new());
        assert_eq!(parts(&[0, 6]), [0, 2]);
    }

    /// With two at each host, every loop has one at least.
    #[test]
    fn nobody_is_left_with_nothing() {
        for hosts in 1..40 {
            for units in 2..20 {
                let all: Vec<u64> = (0..hosts).map(|host| units + host % 2).collect();
                let parts = parts(&all);
                assert!(parts.iter().zip(&all).all(|(part, units)| part < units), "{all:?}: {parts:?}");
                assert!(parts.iter().sum::<u64>() >= 1, "{all:?}: {parts:?}");
            }
        }
    }
}
