//! When and how stock is reserved.

use crate::units::Nanos;

pub use crate::scenario::file::Reserve;

/// What holds for the stock of all products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Which action takes the stock; at the order wherever there are presales.
    pub reserve: Reserve,
    /// How late it is known everywhere that nothing is left of a product; zero where every cell has its own part of the stock.
    pub flag_delay: Nanos,
    /// Each cell has a part of the stock for itself; `None`: all of it is there for everybody, as it is where nobody asks for stock.
    pub split: Option<Split>,
    /// How often one SKU may be asked for; `None`: as often as anybody likes.
    pub hot: Option<Hot>,
}

/// A limit on the requests to reserve one and the same SKU: over all cells, or in each where stock is split. The rows of a stock store
/// with their group commit, or a limiter on hot parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    /// Requests a second, 1 to 10^13.
    pub per_second: u64,
    /// Requests at once after a quiet time, 1 to 10^13.
    pub burst: u64,
}

/// Stock that is dealt out to the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// After how long each time what is left is dealt out anew; `None`: never. Not zero.
    pub rebalance: Option<Nanos>,
}

impl Inventory {
    /// Whether an unpaid order holds stock.
    #[must_use]
    #[inline]
    pub fn holds(&self) -> bool {
        self.reserve == Reserve::Order
    }

    /// Whether more can be sold than there is.
    #[must_use]
    pub fn oversells(&self) -> bool {
        self.reserve == Reserve::Optimistic
    }
}
