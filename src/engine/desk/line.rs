//! The queue of a desk: who is next.

use crate::plan::Discipline;
use std::collections::BTreeMap;

/// Waiting requests by rank and ticket, with their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(BTreeMap<(u8, u64), u32>);

impl Line {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn join(&mut self, rank: u8, ticket: u64, place: u32) {
        self.0.insert((rank, ticket), place);
    }

    /// Takes out a request whose turn has not come.
    pub(super) fn leave(&mut self, rank: u8, ticket: u64) {
        self.0.remove(&(rank, ticket));
    }

    /// Takes out the request that is next.
    pub(super) fn next(&mut self, discipline: &Discipline, instances: u64) -> Option<u32> {
        let last_first = match discipline {
            Discipline::Fifo | Discipline::StatePriority(_) | Discipline::SegmentPriority(_) => false,
            Discipline::Lifo => true,
            Discipline::AdaptiveLifo { above } => self.0.len() as u64 > above.saturating_mul(instances),
        };
        let next = if last_first { self.0.pop_last() } else { self.0.pop_first() };
        next.map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(discipline: &Discipline, ranks: &[u8]) -> Vec<u32> {
        let mut line = Line::default();
        ranks.iter().zip(0..).for_each(|(&rank, ticket)| line.join(rank, u64::from(ticket), ticket));
        std::iter::from_fn(|| line.next(discipline, 2)).collect()
    }

    #[test]
    fn each_discipline_has_its_order() {
        assert_eq!(order(&Discipline::Fifo, &[0; 5]), [0, 1, 2, 3, 4]);
        assert_eq!(order(&Discipline::Lifo, &[0; 5]), [4, 3, 2, 1, 0]);
        // Long with more than one waiting request for each of two instances.
        assert_eq!(order(&Discipline::AdaptiveLifo { above: 1 }, &[0; 5]), [4, 3, 2, 0, 1]);
        let ranked = Discipline::SegmentPriority(Vec::new());
        assert_eq!(order(&ranked, &[1, 2, 0, 1, 0]), [2, 4, 0, 3, 1]);
    }
}
