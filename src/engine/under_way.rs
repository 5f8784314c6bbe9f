//! How much a run has under way between two ticks that only its state can tell. Tests of snapshots see by it what a split fell among.

use super::Run;
use super::stock::SHARDS;
use crate::model::Service;

/// What is under way in a run, by kind; nothing is scaled up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Shoppers with a deposit whose balance is still to come.
    pub deposits: u64,
    /// Baskets of presales to whose shoppers a livestream showed something.
    pub shown: u64,
    /// Sessions in waiting rooms.
    pub in_rooms: u64,
    /// Autoscalers whose instances are starting.
    pub scaling: u64,
    /// Services of which a cell is lost.
    pub lost_cells: u64,
    /// Switches that are on.
    pub switched: u64,
    /// Copies of calls that are, or may yet be, sent a second time.
    pub copies: u64,
    /// SKUs that can be asked for less often than after a quiet time.
    pub tokens: u64,
    /// SKUs with nothing left, of which that is not known everywhere.
    pub flags: u64,
}

impl Run {
    /// What is under way.
    pub(super) fn under_way(&self) -> UnderWay {
        let has_lost_cell = |service: &&Service| {
            let desk = service.desk.as_ref();
            desk.is_some_and(|desk| desk.capacity.lost_cell(self.now).is_some())
        };
        let mut sum = UnderWay {
            scaling: self.scalers.iter().filter(|scaler| scaler.is_starting()).count() as u64,
            lost_cells: self.model.services.iter().filter(has_lost_cell).count() as u64,
            switched: self.switches.told.iter().filter(|turned| turned.off.is_none()).count() as u64,
            ..UnderWay::default()
        };
        for cell in self.groups.iter().flat_map(|group| &group.cells) {
            sum.deposits += cell.deposits.iter().filter(|&&lines| lines != 0).count() as u64;
            sum.shown += cell.shown_at.len() as u64;
            sum.in_rooms += cell.sessions().filter(|session| session.is_in_room()).count() as u64;
            sum.copies += cell.desks.copies();
            sum.tokens += cell.tokens.as_ref().map_or(0, |tokens| tokens.state(self.now).len() as u64);
        }
        for shard in 0..SHARDS {
            let (flags, tokens) = self.stock.policies(shard, self.now).under_way();
            sum.flags += flags;
            sum.tokens += tokens;
        }
        sum
    }
}
