//! Stock: frozen during a tick, moved at its end. Never oversold, without a lock.
//!
//! During a tick all cells read the same frozen numbers. A cell grants a reservation at once while its own grants of the SKU
//! in this tick stay within `floor(left / cells)`: the sum over cells cannot exceed what is left. A request past that share is
//! *contested*; it waits for the end of the tick (however impatient the shopper: a tick is shorter than patience), when the contested requests of all cells are settled in order of time and
//! shopper against what really remains. A SKU at zero answers "sold out" at once, or once the flag that says so is up.
//!
//! # The error of ticks
//!
//! Measured in `tests/reference/ticks.rs` against an ideal platform that settles every request at once, in order of time and shopper
//! over all cells: the same arrivals and draws, 16 cells, 1600 units of one product and 30 of another, ticks of 2 s to 5 ms.
//!
//! - A product is sold out never earlier than on the ideal platform, and less than one tick later; less than two where losers
//!   try again and unpaid units come back.
//! - In a sale in which nothing that stock decides comes back to it, each unit is ordered less than one tick late. Some shoppers
//!   change places within a tick: the share of intents that end elsewhere is 0.6 % under a tick of 2 s, 0.2 % under 500 ms,
//!   0.02 % under 100 ms, none under 20 ms; at most 0.5 % per second of the tick. Money ordered and paid is within 0.1 %.
//! - In a sale in which losers try something else and unpaid units are sold again, those changes go on to others: 13 % of the
//!   intents end elsewhere under 2 s, 9 % under 100 ms, 4 % under 5 ms. Totals hardly notice, under any tick: money ordered and
//!   paid is within 1.2 % in every run, and within 0.4 % on average over six.
//!
//! # Rows that are asked for often
//!
//! Where a scenario limits the requests for a SKU, a request needs a token first: see [`hot`](super::hot).
//!
//! # Stock that comes in later
//!
//! What is withheld for a window, and what is laid in on top, comes in between two ticks, when the window opens: its first order
//! finds it. A SKU that had been sold out is on sale again; when it was sold out for the first time stays as it was.
//!
//! SKUs are dealt over shards by their number. Nothing that happens to one SKU depends on another, so shards are moved and
//! settled in parallel with the same outcome on any number of threads.

use super::brands::{Brands, NO_BRAND, Passed, Passing};
use super::hot::{Level, Tokens};
use crate::model::Model;
use crate::model::catalogue::{Catalogue, Sku};
use crate::plan::inventory::Inventory;
use crate::units::{Instant, Nanos};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Shards of the stock; a power of two.
pub const SHARDS: usize = 16;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();
/// How finely the moment of a sell-out is kept, ns.
const SOLD_OUT_RESOLUTION: u64 = 10_000_000;

/// The stock of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkuStock {
    /// Units that nobody holds.
    pub left: u32,
    /// Units ordered so far; those whose hold expired are not taken off again.
    pub ordered: u32,
    /// Units paid so far.
    pub paid: u32,
    /// Price of a unit, fen.
    pub price: u32,
    /// What was paid for them so far, fen.
    pub paid_fen: u64,
    /// Units that came in since the start.
    pub restocked: u32,
}

/// What became of all units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Units at the start.
    pub start: u64,
    /// Units that came in when later windows opened.
    pub restocked: u64,
    /// Units paid.
    pub sold: u64,
    /// Units held by unpaid orders.
    pub held: u64,
    /// Units set aside for orders with a deposit whose balance is still to come.
    pub set_aside: u64,
    /// Units that nobody holds.
    pub left: u64,
    /// Money paid, fen.
    pub paid_fen: u64,
    /// SKUs of which sold, held, set aside and left do not add up to what was there at the start and what came in since.
    pub skus_in_breach: u64,
}

impl Account {
    fn add(self, other: Account) -> Account {
        Account {
            start: self.start + other.start,
            restocked: self.restocked + other.restocked,
            sold: self.sold + other.sold,
            held: self.held + other.held,
            set_aside: self.set_aside + other.set_aside,
            left: self.left + other.left,
            paid_fen: self.paid_fen + other.paid_fen,
            skus_in_breach: self.skus_in_breach + other.skus_in_breach,
        }
    }
}

/// What a cell did to a SKU in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Units reserved, within the cell's share.
    Grant,
    /// Units reserved once more for an order that is there already, within the cell's share: they do not count as ordered.
    Again,
    /// Units of an expired hold come back.
    Release,
    /// Units that were set aside are ordered; they are sold with it.
    Order,
}

/// What the grants of a tick are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Orders.
    Order,
    /// Units set aside for orders of a presale, which count as ordered once their balance is paid.
    SetAside,
    /// Units of orders that counted when they were created, and are paid now.
    Payment,
}

/// Units that have been paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub units: u32,
    /// What was paid for them, fen.
    pub fen: u64,
}

/// The answer to a request for stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The units are there, all of them.
    Granted,
    /// They are not.
    SoldOut,
    /// Nobody looked: the SKU was asked for too often.
    Rejected,
    /// It comes at the end of the tick.
    Contested,
}

/// A request past its cell's share: waits for the end of the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contested {
    /// When it was made.
    pub time: Instant,
    /// The shopper, within the cell.
    pub shopper: u32,
    /// The SKU.
    pub sku: Sku,
    /// Units wanted, all or none.
    pub units: u32,
    /// The cell's waiting order that asks.
    pub order: u32,
    /// The cell that asks.
    pub cell: u16,
    /// Line of the basket.
    pub line: u8,
    /// Whether it still needs a token of its SKU, of which there are only so many.
    pub needs_token: bool,
    /// Whether its units are paid for, there or not.
    pub is_paid: bool,
    /// The answer; until then, contested.
    pub answer: Answer,
}

impl Contested {
    /// The order in which requests for one SKU are settled: time, shopper (cells hold shoppers in order), line.
    pub(super) fn order(&self) -> (Instant, u16, u32, u8) {
        (self.time, self.cell, self.shopper, self.line)
    }
}

/// What the cells of one group want from the exchange, by shard.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// Moves: what, SKU, units.
    pub moves: [Vec<(Move, Sku, u32)>; SHARDS],
    /// Sales.
    pub sales: [Vec<Sale>; SHARDS],
    /// SKUs whose tokens were taken at once, a token each time.
    pub asked: [Vec<Sku>; SHARDS],
    /// Contested requests; after the exchange, with their answers.
    pub contested: [Vec<Contested>; SHARDS],
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox {
            moves: std::array::from_fn(|_| Vec::new()),
            sales: std::array::from_fn(|_| Vec::new()),
            asked: std::array::from_fn(|_| Vec::new()),
            contested: std::array::from_fn(|_| Vec::new()),
        }
    }
}

impl Outbox {
    /// Notes a move.
    #[inline]
    pub fn note(&mut self, what: Move, sku: Sku, units: u32) {
        self.moves[shard_of(sku)].push((what, sku, units));
    }

    /// Notes a sale.
    #[inline]
    pub fn sell(&mut self, sale: Sale) {
        self.sales[shard_of(sale.sku)].push(sale);
    }

    /// Notes that a token of a SKU was taken.
    pub fn ask(&mut self, sku: Sku) {
        self.asked[shard_of(sku)].push(sku);
    }

    /// Notes a contested request.
    pub fn contest(&mut self, request: Contested) {
        self.contested[shard_of(request.sku)].push(request);
    }

    /// Hands out the answers to the contested requests, and forgets them.
    pub fn answers(&mut self) -> impl Iterator<Item = Contested> + '_ {
        self.contested.iter_mut().flat_map(|requests| requests.drain(..))
    }

    fn len(&self) -> usize {
        self.moves.iter().map(Vec::len).sum::<usize>()
            + self.sales.iter().map(Vec::len).sum::<usize>()
            + self.asked.iter().map(Vec::len).sum::<usize>()
            + self.contested.iter().map(Vec::len).sum::<usize>()
    }
}

/// The stock of one shard. What requests read while they are played, the units left, lies by itself: sixteen SKUs of like
/// popularity share a cache line.
#[derive(Clone, Debug, Default)]
struct Shard {
    left: Vec<u32>,
    moved: Vec<Moved>,
    /// What was paid, fen, where that is not always the price of the units; empty otherwise.
    paid_fen: Vec<u64>,
    /// Units that came in since the start; empty where none do.
    restocked: Vec<u32>,
    /// When nothing was left for the first time, in hundredths of a second since the origin: 400 days fit, and a tick is
    /// seldom shorter. `u32::MAX`: never. A SKU whose units are all withheld at first is not sold out by that.
    sold_out_at: Vec<u32>,
    categories: Vec<OfCategory>,
    /// Brands that passed a mark in this tick.
    passed: Vec<Passed>,
    /// From when on everybody knows that nothing is left, where nothing is; empty where that is known at once.
    flag_up: Vec<Instant>,
    /// Units that were paid for and not there, where they can be; empty otherwise.
    oversold: Vec<u32>,
    /// How often SKUs may be asked for, where that is limited and stock is there for all cells.
    tokens: Option<Tokens>,
}

/// What stands of the goods of a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfCategory {
    /// Units left.
    pub left: i64,
    /// SKUs with nothing left, each weighted by those that it stands for.
    pub empty: i64,
    /// What has been paid since the start of the run, fen.
    pub paid_fen: u64,
}

/// What the policies of a scenario, beyond the plainest, have done to the SKUs of a shard: those of which there is anything to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// SKUs with nothing left of which that is not known everywhere, and when it will be.
    flags: Vec<(Sku, Instant)>,
    /// Units oversold.
    oversold: Vec<(Sku, u32)>,
    /// SKUs that can be asked for less often than after a quiet time.
    tokens: Vec<(Sku, Level)>,
}

impl PolicyState {
    /// SKUs whose sell-out is not known everywhere, and SKUs that have less than all their tokens.
    pub(super) fn under_way(&self) -> (u64, u64) {
        (self.flags.len() as u64, self.tokens.len() as u64)
    }
}

/// What has been done to a SKU, and whose it is.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// Units ordered.
    ordered: u32,
    /// Units paid.
    paid: u32,
    /// Its brand.
    brand: u32,
}

/// What holds for all shards in an exchange.
#[derive(Clone, Copy)]
struct Terms<'a> {
    catalogue: &'a Catalogue,
    brands: &'a Brands,
    grant: Grant,
    /// Start of the tick.
    from: Instant,
    /// Its end.
    now: Instant,
    /// How late it is known that nothing is left.
    flag_delay: Nanos,
}

/// What the exchange takes from one outbox for one shard.
struct Wishes<'a> {
    moves: &'a mut Vec<(Move, Sku, u32)>,
    sales: &'a mut Vec<Sale>,
    asked: &'a mut Vec<Sku>,
    contested: &'a mut Vec<Contested>,
}

/// The stock of the platform.
#[derive(Debug)]
pub struct Stock {
    shards: Vec<Shard>,
    brands: Brands,
    /// Price of each SKU, fen.
    prices: Vec<u32>,
    cells: u32,
    flag_delay: Nanos,
    /// Whether a SKU may be asked for only so often by all cells together.
    has_tokens: bool,
    /// The tick that is being played.
    tick: (Instant, Instant),
}

/// What a run has done to a SKU: all that a snapshot has to hold of its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuHistory {
    left: u32,
    ordered: u32,
    paid: u32,
    sold_out_at: Option<u32>,
    /// Where a coupon makes it another than the price of the units.
    paid_fen: Option<u64>,
    /// Where stock comes in later than at the start.
    restocked: Option<u32>,
}

#[inline]
fn shard_of(sku: Sku) -> usize {
    sku as usize % SHARDS
}

/// Where a SKU stands within its shard.
#[inline]
fn place_of(sku: Sku) -> usize {
    (sku >> SHARD_BITS) as usize
}

impl Stock {
    /// The stock that a run starts with.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let (catalogue, cells, scale) = (model.catalogue.as_ref(), model.simulated, model.scale());
        let skus = catalogue.map_or(0, Catalogue::skus);
        let inventory = &model.inventory;
        let shard = |id| Shard {
            tokens: Tokens::of_platform(model),
            ..Shard::new(catalogue, id, skus, model.coupon.is_some()).with_policies(inventory)
        };
        let shards = (0..SHARDS as u32).into_par_iter().map(shard).collect();
        let prices =
            (0..skus).into_par_iter().map(|sku| catalogue.map_or(0, |catalogue| catalogue.price(sku))).collect();
        let brands = Brands::new(catalogue.map_or(0, Catalogue::brands), scale);
        let (flag_delay, has_tokens) = (inventory.flag_delay, Tokens::of_platform(model).is_some());
        Stock { shards, brands, prices, cells, flag_delay, has_tokens, tick: (Instant(0), Instant(0)) }
    }

    /// A tick begins.
    pub fn begin_tick(&mut self, from: Instant, until: Instant) {
        self.tick = (from, until);
    }

    /// Requests for a SKU that one cell may let through at once within this tick; `None`: any number.
    #[must_use]
    #[inline]
    pub fn tokens_for(&self, sku: Sku) -> Option<u32> {
        if !self.has_tokens {
            return None;
        }
        let tokens = self.shards[shard_of(sku)].tokens.as_ref()?;
        Some(tokens.share_of(sku, self.tick, self.cells))
    }

    /// What the run has done to the SKUs of a shard, in order.
    #[must_use]
    pub fn histories(&self, shard: usize) -> Vec<SkuHistory> {
        let Shard { left, moved, sold_out_at, paid_fen, restocked, .. } = &self.shards[shard];
        let of = |place: usize| {
            let (Moved { ordered, paid, .. }, at) = (moved[place], sold_out_at[place]);
            let sold_out_at = (at != u32::MAX).then_some(at);
            let (paid_fen, restocked) = (paid_fen.get(place).copied(), restocked.get(place).copied());
            SkuHistory { left: left[place], ordered, paid, sold_out_at, paid_fen, restocked }
        };
        (0..left.len()).map(of).collect()
    }

    /// Brings the SKUs of a shard, which nothing has happened to yet, to what a run did to them up to `now`, when so many windows had
    /// opened. What comes back is how much of each must be held by unpaid orders; `None` where that cannot have happened.
    pub fn replay(
        &mut self,
        shard: usize,
        histories: &[SkuHistory],
        catalogue: Option<&Catalogue>,
        (now, opened): (Instant, usize),
    ) -> Option<Vec<(Sku, u32)>> {
        let skus = (shard as Sku..).step_by(SHARDS);
        let Stock { shards, brands, prices, .. } = self;
        let shard = &mut shards[shard];
        if shard.left.len() != histories.len() {
            return None;
        }
        let mut held = Vec::new();
        for (sku, history) in skus.zip(histories) {
            let catalogue = catalogue?;
            let units = shard.replay(sku, history, catalogue, (now, opened))?;
            let worth = u64::from(history.paid) * u64::from(prices[sku as usize]);
            let paid = shard.paid_fen.get(place_of(sku)).copied().unwrap_or(worth);
            if paid > worth {
                return None;
            }
            brands.pay(shard.moved[place_of(sku)].brand, paid, &mut Vec::new());
            shard.categories[catalogue.category_of(sku)].paid_fen += paid;
            if units > 0 {
                held.push((sku, units));
            }
        }
        Some(held)
    }

    /// What policies have done to the SKUs of a shard up to `now`.
    #[must_use]
    pub fn policies(&self, shard: usize, now: Instant) -> PolicyState {
        let sku = |place: usize| (place * SHARDS + shard) as Sku;
        let Shard { left, flag_up, oversold, tokens, .. } = &self.shards[shard];
        let tokens = tokens.as_ref().map_or(Vec::new(), |tokens| tokens.state(now));
        let flags = flag_up.iter().enumerate().filter(|&(place, &up)| left[place] == 0 && up > now);
        let flags = flags.map(|(place, &up)| (sku(place), up)).collect();
        let oversold = oversold.iter().enumerate().filter(|&(_, &units)| units > 0);
        PolicyState { flags, oversold: oversold.map(|(place, &units)| (sku(place), units)).collect(), tokens }
    }

    /// Takes over what policies have done to a shard that has been replayed; `None` where they cannot have.
    #[must_use]
    pub fn restore_policies(&mut self, shard: usize, state: &PolicyState, now: Instant) -> Option<()> {
        let (skus, latest) = (self.skus(), now + self.flag_delay);
        let is_of_shard = |sku: Sku| sku < skus && shard_of(sku) == shard;
        let Shard { left, flag_up, oversold, tokens, .. } = &mut self.shards[shard];
        match tokens {
            Some(tokens) => tokens.restore(&state.tokens, is_of_shard, now)?,
            None if state.tokens.is_empty() => {}
            None => return None,
        }
        for &(sku, up) in state.flags.iter().filter(|(sku, _)| is_of_shard(*sku)) {
            if left[place_of(sku)] > 0 || up <= now || up > latest {
                return None;
            }
            *flag_up.get_mut(place_of(sku))? = up;
        }
        for &(sku, units) in state.oversold.iter().filter(|(sku, _)| is_of_shard(*sku)) {
            *oversold.get_mut(place_of(sku))? = units;
        }
        let mut all = state.flags.iter().map(|flag| flag.0).chain(state.oversold.iter().map(|units| units.0));
        all.all(is_of_shard).then_some(())
    }

    /// Units of a SKU that were paid for and not there.
    #[must_use]
    pub fn oversold(&self, sku: Sku) -> u32 {
        self.shards[shard_of(sku)].oversold.get(place_of(sku)).copied().unwrap_or(0)
    }

    /// Whether everybody knows at an instant of the tick that nothing is left of a SKU of which nothing is.
    #[must_use]
    #[inline]
    pub fn is_flagged(&self, sku: Sku, at: Instant) -> bool {
        self.flag_delay == Nanos(0) || self.shards[shard_of(sku)].flag_up[place_of(sku)] <= at
    }

    /// The brands.
    #[must_use]
    pub fn brands(&self) -> &Brands {
        &self.brands
    }

    /// Takes over who passed which mark up to `now`, once all shards have been replayed; `None` where that cannot be.
    #[must_use]
    pub fn restore_passings(&mut self, passings: Vec<Passing>, now: Instant) -> Option<()> {
        self.brands.restore(passings, now)
    }

    /// The brand of a SKU; `None` for a named product without one.
    #[must_use]
    pub fn brand_of(&self, sku: Sku) -> Option<usize> {
        let brand = self.shards[shard_of(sku)].moved[place_of(sku)].brand;
        (brand != NO_BRAND).then_some(brand as usize)
    }

    /// Number of SKUs.
    #[must_use]
    pub fn skus(&self) -> Sku {
        self.prices.len() as Sku
    }

    /// The stock of a SKU, as frozen at the start of the tick.
    #[must_use]
    pub fn of(&self, sku: Sku) -> SkuStock {
        let shard = &self.shards[shard_of(sku)];
        let (Moved { ordered, paid, .. }, price) = (shard.moved[place_of(sku)], self.price(sku));
        let worth = u64::from(paid) * u64::from(price);
        let paid_fen = shard.paid_fen.get(place_of(sku)).copied().unwrap_or(worth);
        let restocked = shard.restocked.get(place_of(sku)).copied().unwrap_or(0);
        SkuStock { left: self.left(sku), ordered, paid, price, paid_fen, restocked }
    }

    /// Units left of a SKU, as frozen at the start of the tick.
    #[must_use]
    #[inline]
    pub fn left(&self, sku: Sku) -> u32 {
        self.shards[shard_of(sku)].left[place_of(sku)]
    }

    /// Price of a unit of a SKU, fen.
    #[must_use]
    #[inline]
    pub fn price(&self, sku: Sku) -> u32 {
        self.prices[sku as usize]
    }

    /// Units of a SKU that one cell may grant at once within this tick.
    #[must_use]
    #[inline]
    pub fn share_of(&self, left: u32) -> u32 {
        left / self.cells
    }

    /// When a SKU had nothing left for the first time, to within a tick.
    #[must_use]
    pub fn sold_out_at(&self, sku: Sku) -> Option<Instant> {
        let at = self.shards[shard_of(sku)].sold_out_at[place_of(sku)];
        (at != u32::MAX).then_some(Instant(u64::from(at) * SOLD_OUT_RESOLUTION))
    }

    /// Accounts for every unit, given those held and those set aside, both sorted by SKU.
    #[must_use]
    pub fn account(&self, catalogue: Option<&Catalogue>, held: &[(Sku, u32)], set_aside: &[(Sku, u32)]) -> Account {
        let of_sku = |sku: Sku| {
            let stock = self.of(sku);
            let sum = |units: &[(Sku, u32)]| -> u64 {
                let of_sku =
                    units[units.partition_point(|&(of, _)| of < sku)..].iter().take_while(|&&(of, _)| of == sku);
                of_sku.map(|&(_, units)| u64::from(units)).sum()
            };
            let (held, set_aside) = (sum(held), sum(set_aside));
            let start = u64::from(catalogue.map_or(0, |catalogue| catalogue.stock_at_start(sku)));
            let (left, sold, restocked) = (u64::from(stock.left), u64::from(stock.paid), u64::from(stock.restocked));
            let skus_in_breach = u64::from(start + restocked != sold + held + set_aside + left);
            Account { start, restocked, sold, held, set_aside, left, paid_fen: stock.paid_fen, skus_in_breach }
        };
        (0..self.skus()).into_par_iter().map(of_sku).reduce(Account::default, Account::add)
    }

    /// What stands of a category.
    #[must_use]
    pub fn of_category(&self, category: usize) -> OfCategory {
        let of_shards = self.shards.iter().map(|shard| shard.categories[category]);
        of_shards.fold(OfCategory::default(), |sum, of| OfCategory {
            left: sum.left + of.left,
            empty: sum.empty + of.empty,
            paid_fen: sum.paid_fen + of.paid_fen,
        })
    }

    /// A window opens, which is not the first: what comes on sale with it comes in.
    pub fn lay_in(&mut self, catalogue: &Catalogue, window: usize, now: Instant) {
        self.shards.par_iter_mut().enumerate().for_each(|(id, shard)| shard.lay_in(catalogue, id as Sku, window, now));
    }

    /// The end of a tick: applies all moves, then settles the contested requests in order of time and shopper. Their answers
    /// stand in the outboxes afterwards.
    pub fn exchange(
        &mut self,
        outboxes: &mut [&mut Outbox],
        catalogue: Option<&Catalogue>,
        grant: Grant,
        now: Instant,
    ) {
        let Some(catalogue) = catalogue else { return };
        let size: usize = outboxes.iter().map(|outbox| outbox.len()).sum();
        if size == 0 {
            return;
        }
        let mut wishes: [Vec<Wishes>; SHARDS] = std::array::from_fn(|_| Vec::new());
        for outbox in outboxes {
            let Outbox { moves, sales, asked, contested } = &mut **outbox;
            let of_shards = wishes.iter_mut().zip(moves).zip(sales).zip(asked).zip(contested);
            for ((((wishes, moves), sales), asked), contested) in of_shards {
                if !(moves.is_empty() && sales.is_empty() && asked.is_empty() && contested.is_empty()) {
                    wishes.push(Wishes { moves, sales, asked, contested });
                }
            }
        }
        let (from, flag_delay) = (self.tick.0, self.flag_delay);
        let terms = Terms { catalogue, brands: &self.brands, grant, from, now, flag_delay };
        let shards = self.shards.iter_mut().zip(wishes);
        if size < 2000 {
            // Waking the other threads would cost more than the work.
            shards.for_each(|(shard, mut wishes)| shard.exchange(&mut wishes, terms));
        } else {
            let shards: Vec<_> = shards.collect();
            shards.into_par_iter().for_each(|(shard, mut wishes)| shard.exchange(&mut wishes, terms));
        }
        self.brands.note(self.shards.iter_mut().flat_map(|shard| shard.passed.drain(..)), now);
    }
}

impl Shard {
    fn new(catalogue: Option<&Catalogue>, id: u32, skus: Sku, keeps_money: bool) -> Self {
        let Some(catalogue) = catalogue else { return Shard::default() };
        let mut shard = Shard {
            left: Vec::with_capacity((skus as usize).div_ceil(SHARDS)),
            moved: Vec::with_capacity((skus as usize).div_ceil(SHARDS)),
            categories: vec![OfCategory::default(); catalogue.categories()],
            ..Shard::default()
        };
        for sku in (id..skus).step_by(SHARDS) {
            let units = catalogue.stock_at_start(sku);
            let category = catalogue.category_of(sku);
            let brand = catalogue.brand_of(sku).map_or(NO_BRAND, |brand| brand as u32);
            shard.left.push(units);
            shard.moved.push(Moved { brand, ..Moved::default() });
            shard.categories[category].left += i64::from(units);
            if units == 0 && catalogue.is_listed(sku, 0) {
                shard.categories[category].empty += catalogue.weight(sku) as i64;
            }
        }
        shard.paid_fen = vec![0; if keeps_money { shard.left.len() } else { 0 }];
        let skus = (id..skus).step_by(SHARDS);
        let is_sold_out = |(sku, left): (Sku, &u32)| {
            *left == 0 && (!catalogue.is_supplied() || catalogue.is_listed(sku, 0) && catalogue.stock(sku) == 0)
        };
        shard.sold_out_at = skus.zip(&shard.left).map(|sku| if is_sold_out(sku) { 0 } else { u32::MAX }).collect();
        shard.restocked = vec![0; if catalogue.is_supplied() { shard.left.len() } else { 0 }];
        shard
    }

    fn with_policies(self, inventory: &Inventory) -> Self {
        let skus = self.left.len();
        let flagged = if inventory.flag_delay > Nanos(0) { skus } else { 0 };
        let oversold = if inventory.oversells() { skus } else { 0 };
        Shard { flag_up: vec![Instant(0); flagged], oversold: vec![0; oversold], ..self }
    }

    fn lay_in(&mut self, catalogue: &Catalogue, id: Sku, window: usize, now: Instant) {
        for sku in (id..).step_by(SHARDS).take(self.restocked.len()) {
            let place = place_of(sku);
            if !catalogue.is_listed(sku, window - 1) && catalogue.is_listed(sku, window) {
                self.categories[catalogue.category_of(sku)].empty += catalogue.weight(sku) as i64;
                if catalogue.stock(sku) == 0 {
                    self.note_first_sold_out(place, now);
                }
            }
            let so_far = catalogue.stock_at_start(sku) + self.restocked[place];
            let units = catalogue.laid_in(sku, window, self.left[place], so_far);
            self.restocked[place] += units;
            self.release(sku, units, catalogue);
        }
    }

    fn exchange(&mut self, wishes: &mut [Wishes], terms: Terms) {
        for Wishes { moves, .. } in wishes.iter() {
            self.touch(moves.iter().map(|&(_, sku, _)| sku));
            for &(what, sku, units) in moves.iter() {
                match what {
                    Move::Grant => self.reserve(sku, units, terms),
                    Move::Again => self.reserve(sku, units, Terms { grant: Grant::SetAside, ..terms }),
                    Move::Release => self.release(sku, units, terms.catalogue),
                    Move::Order => self.order(sku, units),
                }
            }
        }
        for Wishes { sales, .. } in wishes.iter_mut() {
            self.sell(sales, terms);
        }
        // Grants may pass through zero before a release of the same tick is applied: whether a SKU is sold out is decided
        // only when all moves are in.
        for Wishes { moves, .. } in wishes.iter_mut() {
            for (what, sku, _) in moves.drain(..) {
                if matches!(what, Move::Grant | Move::Again) {
                    self.note_sold_out(sku, terms);
                }
            }
        }
        self.hand_out_tokens(wishes, terms);
        self.settle(wishes, terms);
    }

    /// Who still needs a token gets one or is rejected, where there are only so many.
    fn hand_out_tokens(&mut self, wishes: &mut [Wishes], Terms { from, now, .. }: Terms) {
        let Some(tokens) = &mut self.tokens else { return };
        let (mut asked, mut contested) = (Vec::new(), Vec::new());
        for wishes in wishes {
            asked.push(wishes.asked.drain(..));
            contested.push(wishes.contested.iter_mut());
        }
        tokens.settle((from, now), asked.into_iter().flatten(), contested.into_iter().flatten());
    }

    fn sell(&mut self, sales: &mut Vec<Sale>, Terms { brands, catalogue, .. }: Terms) {
        self.touch(sales.iter().map(|sale| sale.sku));
        // Brands are paid under a lock each time, which waits for all reads before it: so these are to be in the cache by then.
        let seen = sales.iter().filter_map(|sale| self.paid_fen.get(place_of(sale.sku)));
        std::hint::black_box(seen.fold(0u64, |sum, paid| sum.wrapping_add(*paid)));
        for Sale { sku, units, fen } in sales.drain(..) {
            let moved = &mut self.moved[place_of(sku)];
            moved.paid += units;
            if let Some(paid) = self.paid_fen.get_mut(place_of(sku)) {
                *paid += fen;
            }
            brands.pay(moved.brand, fen, &mut self.passed);
            self.categories[catalogue.category_of(sku)].paid_fen += fen;
        }
    }

    /// Settles the contested requests. Their order matters only where there is not enough for all: so everybody is served as
    /// they come, and only the SKUs of which that was too much are put back and dealt out again in order.
    fn settle(&mut self, wishes: &mut [Wishes], terms: Terms) {
        let mut scarce: Vec<Sku> = Vec::new();
        for Wishes { contested, .. } in wishes.iter_mut() {
            self.touch(contested.iter().map(|request| request.sku));
            for request in contested.iter_mut().filter(|request| request.answer != Answer::Rejected) {
                self.answer(request, terms);
                if request.answer == Answer::SoldOut {
                    scarce.push(request.sku);
                }
            }
        }
        if !scarce.is_empty() {
            scarce.sort_unstable();
            scarce.dedup();
            self.settle_in_order(wishes, &scarce, terms);
        }
        for request in wishes.iter().flat_map(|wishes| wishes.contested.iter()) {
            match request.answer {
                Answer::Granted => self.note_sold_out(request.sku, terms),
                Answer::SoldOut if !request.is_paid => {}
                Answer::SoldOut => {
                    if let Some(oversold) = self.oversold.get_mut(place_of(request.sku)) {
                        *oversold = oversold.saturating_add(request.units);
                    }
                }
                Answer::Rejected | Answer::Contested => {}
            }
        }
    }

    /// Grants a contested request, if its units are there.
    #[inline]
    fn answer(&mut self, request: &mut Contested, terms: Terms) {
        request.answer = Answer::SoldOut;
        if self.left[place_of(request.sku)] >= request.units {
            request.answer = Answer::Granted;
            self.reserve(request.sku, request.units, terms);
        }
    }

    fn settle_in_order(&mut self, wishes: &mut [Wishes], scarce: &[Sku], terms: Terms) {
        let contested = wishes.iter_mut().flat_map(|wishes| wishes.contested.iter_mut());
        let contested = contested.filter(|request| request.answer != Answer::Rejected);
        let mut again: Vec<&mut Contested> =
            contested.filter(|request| scarce.binary_search(&request.sku).is_ok()).collect();
        for request in again.iter().filter(|request| request.answer == Answer::Granted) {
            self.release(request.sku, request.units, terms.catalogue);
            if terms.grant == Grant::Order {
                let ordered = &mut self.moved[place_of(request.sku)].ordered;
                *ordered = ordered.saturating_sub(request.units);
            }
        }
        again.sort_unstable_by_key(|request| request.order());
        for request in again {
            self.answer(request, terms);
        }
    }

    /// Reads SKUs that are about to be changed. Reads that do not wait for one another reach memory side by side; the changes
    /// then find their lines in the cache.
    fn touch(&self, skus: impl Iterator<Item = Sku>) {
        let sum = skus.fold(0u32, |sum, sku| {
            let place = place_of(sku);
            sum.wrapping_add(self.left[place]).wrapping_add(self.moved[place].ordered)
        });
        std::hint::black_box(sum);
    }

    #[inline]
    fn reserve(&mut self, sku: Sku, units: u32, Terms { catalogue, grant, .. }: Terms) {
        let (place, category) = (place_of(sku), catalogue.category_of(sku));
        let left = &mut self.left[place];
        // The shares of all cells sum to at most what is left; a breach would oversell, so it ends the run.
        assert!(*left >= units, "SKU {sku} oversold: {units} units granted of {left}");
        *left -= units;
        if *left == 0 {
            self.categories[category].empty += catalogue.weight(sku) as i64;
        }
        self.categories[category].left -= i64::from(units);
        if grant == Grant::Order {
            self.order(sku, units);
        }
    }

    #[inline]
    fn order(&mut self, sku: Sku, units: u32) {
        let ordered = &mut self.moved[place_of(sku)].ordered;
        // Units can be ordered again after their hold has expired, so this may pass what fits; it is shown, never reckoned with.
        *ordered = ordered.saturating_add(units);
    }

    #[inline]
    fn release(&mut self, sku: Sku, units: u32, catalogue: &Catalogue) {
        let (place, category) = (place_of(sku), catalogue.category_of(sku));
        if self.left[place] == 0 && units > 0 {
            self.categories[category].empty -= catalogue.weight(sku) as i64;
        }
        self.left[place] += units;
        self.categories[category].left += i64::from(units);
    }

    fn replay(
        &mut self,
        sku: Sku,
        history: &SkuHistory,
        catalogue: &Catalogue,
        (now, opened): (Instant, usize),
    ) -> Option<u32> {
        let (place, category) = (place_of(sku), catalogue.category_of(sku));
        let SkuHistory { left, ordered, paid, sold_out_at, paid_fen, restocked } = *history;
        // Of a past in which nothing came in later, nothing is told.
        let restocked = restocked.unwrap_or(0);
        if !catalogue.can_have_come_in(sku, opened, restocked) {
            return None;
        }
        let start = std::mem::replace(&mut self.left[place], left);
        let gone = start.checked_add(restocked)?.checked_sub(left)?;
        let held = gone.checked_sub(paid)?;
        if ordered < paid || sold_out_at.is_some_and(|at| u64::from(at) > now.0 / SOLD_OUT_RESOLUTION) {
            return None;
        }
        let (weight, last) = (catalogue.weight(sku) as i64, opened.saturating_sub(1));
        let is_empty = |units: u32, window: usize| i64::from(units == 0 && catalogue.is_listed(sku, window));
        self.categories[category].empty += weight * (is_empty(left, last) - is_empty(start, 0));
        self.categories[category].left += i64::from(left) - i64::from(start);
        if let Some(of) = self.restocked.get_mut(place) {
            *of = restocked;
        }
        self.moved[place] = Moved { ordered, paid, ..self.moved[place] };
        if let Some(fen) = self.paid_fen.get_mut(place) {
            *fen = paid_fen?;
        }
        self.sold_out_at[place] = sold_out_at.unwrap_or(u32::MAX);
        Some(held)
    }

    /// Something of a SKU was granted: where nothing is left of it now, it has just run out.
    fn note_sold_out(&mut self, sku: Sku, Terms { now, flag_delay, .. }: Terms) {
        let place = place_of(sku);
        if self.left[place] > 0 {
            return;
        }
        self.note_first_sold_out(place, now);
        if let Some(up) = self.flag_up.get_mut(place) {
            *up = now + flag_delay;
        }
    }

    fn note_first_sold_out(&mut self, place: usize, now: Instant) {
        if self.sold_out_at[place] == u32::MAX {
            self.sold_out_at[place] = (now.0 / SOLD_OUT_RESOLUTION) as u32;
        }
    }
}
