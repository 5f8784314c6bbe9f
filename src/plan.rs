//! The plan: a scenario that is valid by construction.
//!
//! Names have become indices, strings have become typed quantities, wall-clock times have become instants since the origin.
//! Nothing after the plan can fail because of what the user wrote. `scenario::check` is the only place that makes one.

pub mod capacity;
pub mod inventory;
pub mod protection;
pub mod switch;

use crate::published::{Free, Point};
use crate::target::Target;
use crate::units::{Fen, Instant, Nanos};
use capacity::{Capacity, Declines};
use inventory::Inventory;
use protection::Protection;
use switch::Switch;

/// Index of a window in [`Plan::windows`].
pub type WindowId = usize;
/// Index of a segment in [`Plan::segments`].
pub type SegmentId = usize;
/// Index of a behaviour graph in [`Plan::cbmgs`].
pub type CbmgId = usize;
/// Index of a service in [`Plan::services`].
pub type ServiceId = usize;
/// Index of a category in [`Catalogue::categories`].
pub type CategoryId = usize;

/// Most windows of a plan; one that has a presale counts twice.
pub const MAX_WINDOWS: usize = 16;
/// Most lines of a basket in a presale: which of them have a deposit is a byte per shopper.
pub const MAX_PRESALE_LINES: u32 = 8;
/// Most segments of a plan.
pub const MAX_SEGMENTS: usize = 255;
/// Most services of a plan: the ways in which each can fail a shopper are numbered in a byte, with all others.
pub const MAX_SERVICES: usize = 80;
/// Most degradation switches.
pub const MAX_SWITCHES: usize = 100;
/// Most states of a behaviour graph, and most calls of a state.
pub const MAX_STATES: usize = 250;
/// Most calls of a page that are made at once.
pub const MAX_AT_ONCE: usize = 8;
/// Most lines of a basket.
pub const MAX_LINES: u32 = 16;
/// Most cells.
pub const MAX_CELLS: u32 = 4096;

/// A valid scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Short name, fit for a folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// IANA name of the festival's time zone; known to be valid.
    pub zone: String,
    /// Seed of every draw.
    pub seed: u64,
    /// Unix time of [`Instant`] zero, in milliseconds: the first opening, rounded down to a second.
    pub origin_unix_ms: i64,
    /// Where the run ends: the last closing.
    pub horizon: Instant,
    /// Shoppers who exist.
    pub shoppers: u64,
    /// Cells of the platform.
    pub cells: u32,
    /// Shortest tick; at least 1 ms.
    pub tick_min: Nanos,
    /// Longest tick; at least `tick_min`, at most 60 s.
    pub tick_max: Nanos,
    /// Length of the per-second recording after each opening.
    pub fine: Nanos,
    /// What carries over between windows.
    pub memory: Memory,
    /// Sale windows in order of time; they do not overlap. At least one.
    pub windows: Vec<Window>,
    /// Arrival patterns that segments come by; one with an hourly profile once per time of day at which its windows open.
    pub intensities: Vec<Intensity>,
    /// Behaviour graphs; every state can reach the exit.
    pub cbmgs: Vec<Cbmg>,
    /// Segments; shares sum to one. At least one.
    pub segments: Vec<Segment>,
    /// Services; may be empty.
    pub services: Vec<Service>,
    /// Degradation switches; at most [`MAX_SWITCHES`].
    pub switches: Vec<Switch>,
    /// How long an unpaid order keeps its stock, unless its category or product says otherwise.
    pub hold: Nanos,
    /// When and how stock is reserved.
    pub inventory: Inventory,
    /// What is on sale; present whenever a behaviour graph has an action.
    pub catalogue: Option<Catalogue>,
    /// The coupon that every shopper has; only with a catalogue.
    pub coupon: Option<Coupon>,
    /// Channels that sessions come by; shares sum to one. Empty: there is no difference.
    pub channels: Vec<Channel>,
    /// Livestreams; only with a catalogue.
    pub livestreams: Vec<Livestream>,
    /// When payments fail.
    pub declines: Vec<Declines>,
    /// What a run has to achieve.
    pub targets: Vec<Target>,
    /// Published figures that a run is held against.
    pub published: Vec<Point>,
    /// What a fit may choose.
    pub free: Vec<Free>,
}

/// Factors on participation by history.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// For shoppers who bought before.
    pub after_bought: f64,
    /// For shoppers who failed to buy before, and never bought.
    pub after_failed: f64,
    /// For shoppers who left by choice before, and never bought or failed.
    pub after_deferred: f64,
}

impl Memory {
    /// The largest factor of any history.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.after_bought.max(self.after_failed).max(self.after_deferred).max(1.0)
    }
}

/// What a shopper has been through in earlier windows. Of several, the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Has bought.
    Bought,
    /// Has tried and failed.
    Failed,
    /// Has left by choice.
    Deferred,
    /// Nothing of it.
    None,
}

/// A number for each [`History`].
pub type ByHistory<T> = [T; 4];

/// A sale window: `opens <= t < closes`, both on whole seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Name in the scenario.
    pub name: String,
    /// Opening.
    pub opens: Instant,
    /// Closing.
    pub closes: Instant,
    /// Orders of this window take deposits; `None`: they are paid at once.
    pub presale: Option<Presale>,
    /// Waiting room in front of the platform.
    pub room: Option<Room>,
}

/// A waiting room, over all cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Shoppers let in a second, 1 to 10^9.
    pub per_second: u64,
    /// When a place expires, since it was taken.
    pub longest_wait: Option<Nanos>,
    /// How long a shopper waits before giving up.
    pub patience: Option<TimeDistribution>,
    /// What becomes of the place of a shopper who has left.
    pub left_places: LeftPlaces,
}

/// Deposits instead of payments, and the balances that follow in a later window.
#[derive(Clone, Debug, PartialEq)]
pub struct Presale {
    /// The window in which balances are paid: a later one without a presale of its own. No presale opens before it closes.
    pub window: WindowId,
    /// From when on balances are paid; before that window closes.
    pub opens: Instant,
    /// The deposit in millionths of the price; at most [`MILLION`].
    pub deposit_ppm: u32,
    /// How long an order keeps its stock without a deposit, at most until `opens`.
    pub hold: Nanos,
    /// Probability that a shopper with a deposit comes to pay the balance.
    pub conversion: f64,
    /// When they come, since balances can be paid: index into [`Plan::intensities`].
    pub intensity: usize,
    /// What they do then: it pays, and neither fills baskets nor reserves.
    pub cbmg: CbmgId,
}

/// Parts of a whole that shares of money are stated in.
pub const MILLION: u32 = 1_000_000;

/// A sum of parts with positive total weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Intensity {
    /// Name in the scenario.
    pub name: String,
    /// The parts; weights are finite and non-negative, at least one is positive.
    pub parts: Vec<IntensityPart>,
}

/// One part of an arrival pattern; times are seconds since the window's opening.
#[derive(Clone, Debug, PartialEq)]
pub enum IntensityPart {
    /// (1 - exp(-t/rise)) exp(-t/decay), with t counted from `after`; decay is positive, rise may be zero (a jump).
    Burst {
        /// Weight of the part.
        weight: f64,
        /// Time constant of the rise.
        rise: Nanos,
        /// Time constant of the decay.
        decay: Nanos,
        /// Start since the opening.
        after: Nanos,
    },
    /// Constant within each hour of the day in the festival's zone. `offset` is the time of day at the opening.
    Hourly {
        /// Weight of the part.
        weight: f64,
        /// Relative intensity of each hour of the day.
        hours: [f64; 24],
        /// Local time of day at the opening.
        offset: Nanos,
    },
    /// The same all through the window.
    Constant {
        /// Weight of the part.
        weight: f64,
    },
    /// Straight lines between (seconds, rate) points of strictly increasing seconds; at least two, with positive area.
    Points {
        /// Weight of the part.
        weight: f64,
        /// Seconds since the opening and rate.
        points: Vec<(f64, f64)>,
    },
}

/// A behaviour graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Cbmg {
    /// Name in the scenario.
    pub name: String,
    /// Index of the entry state.
    pub entry: usize,
    /// The states.
    pub states: Vec<State>,
}

/// One state of a behaviour graph.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Name in the scenario.
    pub name: String,
    /// Services called.
    pub calls: Vec<ServiceId>,
    /// How many of them are called at once, one such step after the other; their sum is the number of calls. At most
    /// [`MAX_AT_ONCE`], at least one.
    pub steps: Vec<usize>,
    /// How long the page may take to load; above zero.
    pub timeout: Option<Nanos>,
    /// What happens once the page has loaded.
    pub action: Option<Action>,
    /// Whether it may be submitted again.
    pub again: Option<Again>,
    /// Think time; `None` is zero.
    pub think: Option<TimeDistribution>,
    /// Where to next, with probabilities that sum to one (normalised by `check`); `None` is the exit.
    pub next: Vec<(Option<usize>, f64)>,
    /// The same after a failure; never empty: `[(None, 1.0)]` where the file says nothing.
    pub on_failure: Vec<(Option<usize>, f64)>,
}

/// How a page is submitted again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Again {
    /// By whom has waited for it so long.
    pub after: Nanos,
    /// Probability that whoever has does so.
    pub probability: f64,
    /// Probability that the platform sees that it has had this request before.
    pub idempotency: f64,
}

/// What a state does with basket, stock and money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Fill a basket.
    AddToBasket,
    /// Create the orders and reserve their stock.
    Reserve,
    /// Pay the orders; the bank declines with this probability.
    Pay {
        /// Probability that the bank declines.
        declined: f64,
    },
}

/// A kind of shoppers.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Name in the scenario.
    pub name: String,
    /// Share of the population.
    pub share: f64,
    /// Its behaviour graph.
    pub cbmg: CbmgId,
    /// How it comes to each window, by [`WindowId`]; `None`: it does not.
    pub attendance: Vec<Option<Attendance>>,
    /// Lines of a basket.
    pub lines: CountDistribution,
    /// Units of a line.
    pub units: CountDistribution,
    /// The most spent on one basket.
    pub spend: Option<MoneyDistribution>,
    /// Longest wait for one page.
    pub patience: Option<TimeDistribution>,
    /// Probability that another product of the category is taken instead of one that is known to be sold out.
    pub substitution: f64,
    /// Factor on the demand of each category, by [`CategoryId`].
    pub interest: Vec<f64>,
}

/// How a segment comes to a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Attendance {
    /// Probability that a shopper without a history comes.
    pub participation: f64,
    /// Share of those who come that is there before the opening.
    pub early: f64,
    /// Indices into [`Plan::intensities`], by history.
    pub intensities: ByHistory<usize>,
}

impl Attendance {
    /// The arrival patterns, the usual one first, each with those who come by it.
    #[must_use]
    pub fn patterns(&self) -> Vec<(usize, ByHistory<bool>)> {
        let mut patterns: Vec<(usize, ByHistory<bool>)> = Vec::new();
        for &intensity in self.intensities.iter().rev() {
            if patterns.iter().all(|(known, _)| *known != intensity) {
                patterns.push((intensity, self.intensities.map(|of| of == intensity)));
            }
        }
        patterns
    }
}

/// A service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Name in the scenario.
    pub name: String,
    /// Its servers; `None`: a delay without queueing.
    pub pool: Option<Pool>,
    /// Time a worker needs for a request.
    pub service_time: TimeDistribution,
    /// Services that it calls once its own work is done, one after the other, while its worker is kept. No service calls itself,
    /// by whatever way.
    pub calls: Vec<ServiceId>,
    /// How long a client waits for one attempt.
    pub timeout: Option<Nanos>,
    /// Attempts and back-off; `attempts: 1` where the file says nothing.
    pub retry: Retry,
    /// When a page sends an attempt a second time that is not answered, since it was made; above zero and shorter than the time-out.
    /// Only with a desk, and where clients are answered when their request is done.
    pub hedge: Option<Nanos>,
    /// What an instance costs for an hour; `None`: not stated, or there are no instances.
    pub cost: Option<Fen>,
    /// What stands between its clients and its queue.
    pub protection: Protection,
    /// What its servers do that takes an event of their own; `None`: first come, first served, and nothing else. Only with a pool.
    pub desk: Option<Desk>,
    /// When its clients are answered; on acceptance only with a pool, and without a time-out.
    pub answers: Answers,
}

/// How the servers of a service choose, drop, forget and slow down. At least one of these differs from a plain queue, or the service
/// calls others.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    /// Who is served next.
    pub discipline: Discipline,
    /// Whoever has waited longer when the turn comes is dropped.
    pub max_wait: Option<Nanos>,
    /// A bound that shortens while the queue does not empty.
    pub controlled_delay: Option<ControlledDelay>,
    /// What becomes of requests whose client is gone.
    pub cancel: Cancel,
    /// Slower service above a rate.
    pub slowdown: Option<Slowdown>,
    /// Where requests wait.
    pub queues: Queues,
    /// What changes in the course of time.
    pub capacity: Capacity,
}

/// Who is served next.
#[derive(Clone, Debug, PartialEq)]
pub enum Discipline {
    /// First come, first served.
    Fifo,
    /// Last come, first served.
    Lifo,
    /// Last come, first served with more waiting requests per instance than this.
    AdaptiveLifo {
        /// Waiting requests per instance.
        above: u64,
    },
    /// By rank, the smallest first; among equals first come, first served. Ranks by [`CbmgId`] and state.
    StatePriority(Vec<Vec<u8>>),
    /// The same with ranks by [`SegmentId`].
    SegmentPriority(Vec<u8>),
}

/// The servers of a service over the whole platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Instances; at least one per cell (`check` refuses fewer).
    pub instances: u64,
    /// Requests one instance serves at once.
    pub workers: u32,
    /// Waiting places per instance; `None`: no bound.
    pub queue: Option<u64>,
}

/// Retries with exponential back-off.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all, 1 to 100.
    pub attempts: u32,
    /// Wait before the second attempt.
    pub backoff: Nanos,
    /// Growth of the wait.
    pub multiplier: f64,
    /// Longest wait.
    pub cap: Nanos,
    /// How the wait is randomised.
    pub jitter: Jitter,
}

pub use crate::scenario::file::{
    Answers, Balancer, Cancel, ControlledDelay, Jitter, LeftPlaces, Queues, Restock, Slowdown,
};

/// A channel that sessions come by.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Name in the scenario.
    pub name: String,
    /// Share of the sessions.
    pub share: f64,
    /// Where its sessions begin, by [`CbmgId`]: index of the state.
    pub entries: Vec<usize>,
}

/// A livestream, or many of a kind, in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Livestream {
    /// Name in the scenario.
    pub name: String,
    /// The window.
    pub window: WindowId,
    /// Probability that a session watches it, by [`SegmentId`]; the sum over the livestreams of a window is at most one.
    pub audience: Vec<f64>,
    /// What is shown.
    pub shows: Shows,
}

/// What livestreams show.
#[derive(Clone, Debug, PartialEq)]
pub enum Shows {
    /// One room with named products one after the other, in order of time.
    Slots(Vec<Slot>),
    /// Many rooms, each with its products.
    Rooms(Rooms),
}

/// A stretch of time in which a livestream shows a named product.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Since the opening of the window.
    pub at: Nanos,
    /// How long.
    pub lasts: Nanos,
    /// Index into [`Catalogue::products`].
    pub product: usize,
    /// Probability that a line of a viewer's basket is of it.
    pub conversion: f64,
}

/// Rooms that show generated products of a category, each its own ones, in turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Rooms {
    /// How many; at least one.
    pub rooms: u64,
    /// Products that they show between them: the most popular of the category. At least one each, at most all that there are.
    pub products: u64,
    /// The category.
    pub category: CategoryId,
    /// How long a product is shown; positive.
    pub turn: Nanos,
    /// Probability that a line of a viewer's basket is of the product that is shown.
    pub conversion: f64,
}

impl Rooms {
    /// Rank of the product that a room shows so long after the opening. Products are dealt out like cards: room r has those of ranks
    /// r, r + rooms, r + 2 rooms, …
    #[must_use]
    pub fn shown(&self, room: u64, since: Nanos) -> u64 {
        let own = (self.products - room).div_ceil(self.rooms);
        room + since.0 / self.turn.0 % own * self.rooms
    }
}

/// A coupon across merchants: so much off every so much of an order, as often as it fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coupon {
    /// What is taken off; positive, and at most `every`.
    pub off: Fen,
    /// Each time that the order reaches this much.
    pub every: Fen,
    /// Probability that a shopper whose basket is short of the next time looks for a product to get there.
    pub fill_up: f64,
}

impl Coupon {
    /// What is taken off an order of so much, fen.
    #[must_use]
    pub fn off(&self, fen: u64) -> u64 {
        fen / self.every.0 * self.off.0
    }

    /// What an order of so much is short of the next time that something is taken off; zero where it has just reached it.
    #[must_use]
    pub fn short_of(&self, fen: u64) -> u64 {
        fen.next_multiple_of(self.every.0) - fen
    }
}

/// What is on sale.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Generated SKUs over all categories; with named products at most 2^32 - 1.
    pub skus: u64,
    /// Generated brands over all categories.
    pub brands: u64,
    /// Exponent of brand sizes.
    pub brand_exponent: f64,
    /// Popularity of a product by rank within its category.
    pub popularity: Popularity,
    /// Categories; SKU shares sum to one. At least one.
    pub categories: Vec<Category>,
    /// Named brands.
    pub named_brands: Vec<Brand>,
    /// Named products.
    pub products: Vec<Product>,
    /// When their stock comes in; `None`: all of it is there from the first window on.
    pub supply: Option<Supply>,
}

/// When stock comes in: what is withheld for later windows, and what is laid in on top.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// Share of a SKU's stock that has come in once a window has opened, by [`WindowId`]: never falls, and ends at one.
    pub on_sale: Vec<f64>,
    /// Share of the generated SKUs that are listed once a window has opened, by [`WindowId`]: positive, never falls, and ends at one.
    /// `None`: all of them from the first window on.
    pub listed: Option<Vec<f64>>,
    /// What is laid in on top when a window opens, by [`CategoryId`] and [`WindowId`]; nothing at the first opening.
    pub of_category: Vec<Vec<Option<Restock>>>,
    /// The same by named product.
    pub of_product: Vec<Vec<Option<Restock>>>,
}

/// Broken power law over ranks.
#[derive(Clone, Debug, PartialEq)]
pub struct Popularity {
    /// Exponent up to the knee.
    pub head: f64,
    /// Exponent beyond the knee.
    pub tail: f64,
    /// Knee as a share of the ranks.
    pub knee: f64,
}

/// A category of goods.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Name in the scenario.
    pub name: String,
    /// Generated SKUs in it (largest-remainder apportionment of the shares).
    pub skus: u64,
    /// Relative demand.
    pub demand: f64,
    /// Price of a unit; never above 4 * 10^9 fen.
    pub price: MoneyDistribution,
    /// Stock of a SKU.
    pub stock: StockDistribution,
    /// How long an unpaid order keeps it.
    pub hold: Option<Nanos>,
}

/// A named brand.
#[derive(Clone, Debug, PartialEq)]
pub struct Brand {
    /// Name in the scenario.
    pub name: String,
    /// Its category.
    pub category: CategoryId,
    /// Share of the category's generated SKUs; the shares of a category sum to at most one.
    pub share: f64,
}

/// A named product.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Name in the scenario.
    pub name: String,
    /// Its category.
    pub category: CategoryId,
    /// Index into [`Catalogue::named_brands`].
    pub brand: Option<usize>,
    /// Price of a unit.
    pub price: Fen,
    /// Units in stock, over all windows; at most 4 * 10^9.
    pub stock: u32,
    /// Share of its category's lines; the shares of a category sum to at most one.
    pub demand: f64,
    /// Units of a line that chooses it.
    pub units: Option<CountDistribution>,
    /// How long an unpaid order keeps it.
    pub hold: Option<Nanos>,
    /// Where it is a voucher: how it is redeemed.
    pub voucher: Option<Voucher>,
}

/// How a voucher is redeemed.
#[derive(Clone, Debug, PartialEq)]
pub struct Voucher {
    /// Probability that it ever is.
    pub redeemed: f64,
    /// How long after the payment.
    pub after: TimeDistribution,
}

/// A distribution of times, parameters as the field writes them.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeDistribution {
    /// Always this long.
    Deterministic(Nanos),
    /// Exponential with a positive mean.
    Exponential(Nanos),
    /// Uniform on [low, high].
    Uniform {
        /// Shortest.
        low: Nanos,
        /// Longest.
        high: Nanos,
    },
    /// exp(mu + sigma Z) seconds.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma, seconds.
    Gamma {
        /// Shape, 1 / cv^2.
        shape: f64,
        /// Scale in seconds.
        scale: f64,
    },
    /// Each equally likely; never empty.
    Empirical(Vec<Nanos>),
}

/// A distribution of money.
#[derive(Clone, Debug, PartialEq)]
pub enum MoneyDistribution {
    /// Always this much.
    Constant(Fen),
    /// Uniform on [low, high].
    Uniform {
        /// Least.
        low: Fen,
        /// Most.
        high: Fen,
    },
    /// exp(mu + sigma Z) fen.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

/// A distribution of counts from one upwards.
#[derive(Clone, Debug, PartialEq)]
pub enum CountDistribution {
    /// Always this many.
    Constant(u32),
    /// P(n) = (1/m) (1 - 1/m)^(n-1), mean m.
    Geometric(f64),
    /// P(n) for n = 1, 2, …; sums to one, never empty.
    Weights(Vec<f64>),
}

/// Stock of a generated SKU.
#[derive(Clone, Debug, PartialEq)]
pub enum StockDistribution {
    /// The same for every SKU.
    Constant(u32),
    /// exp(mu + sigma Z) units, rounded.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// exp(mu + sigma Z) times the expected demand of the SKU, at least `at_least`.
    Cover {
        /// Mean of the logarithm of the multiple.
        mu: f64,
        /// Standard deviation of the logarithm of the multiple.
        sigma: f64,
        /// Fewest units.
        at_least: u32,
    },
}

impl Catalogue {
    /// Whether some SKUs are listed later than in the first window.
    #[must_use]
    pub fn is_listed_late(&self) -> bool {
        self.supply.as_ref().is_some_and(|supply| supply.listed.is_some())
    }

    /// What comes in when a window opens: the shares of all stock and of all SKUs that are on sale from then on, and what is laid in
    /// on top, by category and by named product.
    #[must_use]
    pub fn supply_at(&self, window: WindowId) -> ([f64; 2], [Vec<Option<Restock>>; 2]) {
        match &self.supply {
            Some(supply) => {
                let of = |rules: &[Vec<Option<Restock>>]| rules.iter().map(|of| of[window]).collect();
                let listed = supply.listed.as_ref().map_or(1.0, |listed| listed[window]);
                ([supply.on_sale[window], listed], [of(&supply.of_category), of(&supply.of_product)])
            }
            None => ([1.0; 2], [vec![None; self.categories.len()], vec![None; self.products.len()]]),
        }
    }
}

impl Supply {
    /// How many times its stock a named product has over all windows, at most: what is laid in up to a level may be less.
    #[must_use]
    pub fn times_stock(&self, product: usize) -> f64 {
        let laid_in = self.of_product[product].iter().flatten().map(|restock| match restock {
            Restock::Share(times) | Restock::UpTo(times) => times,
        });
        1.0 + laid_in.sum::<f64>()
    }
}

impl Presale {
    /// The deposit for something of this price, fen.
    #[must_use]
    pub fn deposit(&self, fen: u64) -> u64 {
        (u128::from(fen) * u128::from(self.deposit_ppm) / u128::from(MILLION)) as u64
    }
}

impl Plan {
    /// The longest that an unpaid order is open.
    #[must_use]
    pub fn longest_hold(&self) -> Nanos {
        let goods = self.catalogue.iter();
        let holds = goods.clone().flat_map(|goods| &goods.categories).filter_map(|category| category.hold);
        let of_products = goods.flat_map(|goods| &goods.products).filter_map(|product| product.hold);
        holds.chain(of_products).fold(self.hold, Nanos::max)
    }

    /// How segments come to windows, over all of both.
    pub fn attendances(&self) -> impl Iterator<Item = &Attendance> {
        self.segments.iter().flat_map(|segment| segment.attendance.iter().flatten())
    }

    /// Whether it matters that a shopper has left by choice: to whether they come again, or when. Otherwise nobody remembers it.
    #[must_use]
    pub fn knows_deferral(&self) -> bool {
        let decides_when =
            |of: &Attendance| of.intensities[History::Deferred as usize] != of.intensities[History::None as usize];
        self.memory.after_deferred != 1.0 || self.attendances().any(decides_when)
    }

    /// Windows with a presale, in order of time.
    pub fn presales(&self) -> impl Iterator<Item = (WindowId, &Presale)> {
        self.windows.iter().enumerate().filter_map(|(id, window)| Some((id, window.presale.as_ref()?)))
    }

    /// Whether an incident takes a cell.
    #[must_use]
    pub fn loses_cells(&self) -> bool {
        self.services.iter().filter_map(Service::capacity).any(|capacity| !capacity.cells.is_empty())
    }

    /// Whether any page may be submitted again.
    #[must_use]
    pub fn has_double_submits(&self) -> bool {
        self.cbmgs.iter().flat_map(|cbmg| &cbmg.states).any(|state| state.again.is_some())
    }

    /// Whether any shopper takes another product instead of one that is sold out.
    #[must_use]
    pub fn has_substitution(&self) -> bool {
        self.segments.iter().any(|segment| segment.substitution > 0.0)
    }

    /// Unix time of an instant, in milliseconds.
    #[must_use]
    pub fn unix_ms(&self, at: Instant) -> i64 {
        self.origin_unix_ms + (at.0 / 1_000_000) as i64
    }

    /// The time in which a window is open, over all windows: what instances are paid for.
    #[must_use]
    pub fn open(&self) -> Nanos {
        self.open_until(Instant(u64::MAX))
    }

    /// Time up to an instant in which a window is open.
    #[must_use]
    pub fn open_until(&self, until: Instant) -> Nanos {
        let of_window = |window: &Window| until.min(window.closes).0.saturating_sub(window.opens.0);
        Nanos(self.windows.iter().map(of_window).sum())
    }

    /// Instance-nanoseconds of a service while a window is open: those that are scheduled, lost ones too. With an autoscaler, of
    /// those that there are at first.
    #[must_use]
    pub fn instance_nanos(&self, service: &Service) -> u128 {
        self.instance_nanos_until(service, Instant(u64::MAX))
    }

    /// The same up to an instant.
    #[must_use]
    pub fn instance_nanos_until(&self, service: &Service, until: Instant) -> u128 {
        let Some(pool) = &service.pool else { return 0 };
        let in_window = |window: &Window| match &service.desk {
            Some(desk) if desk.capacity.autoscaler.is_none() => {
                desk.capacity.instance_nanos(window.opens, until.min(window.closes), pool.instances)
            }
            _ => u128::from(pool.instances) * u128::from((until.min(window.closes) - window.opens).0),
        };
        self.windows.iter().filter(|window| window.opens < until).map(in_window).sum()
    }

    /// What a service costs: its instances, all through the windows, rounded to a fen. `None` where its cost is not stated, or an
    /// autoscaler decides about it.
    #[must_use]
    pub fn cost(&self, service: &Service) -> Option<Fen> {
        service.cost_of(self.instance_nanos(service)).filter(|_| service.autoscaler().is_none())
    }

    /// Requests of each service that a request of `service` brings with it, itself among them, if nothing fails.
    #[must_use]
    pub fn requests_within(&self, service: ServiceId) -> Vec<f64> {
        let mut all = vec![0.0; self.services.len()];
        let mut made = all.clone();
        made[service] = 1.0;
        // Services that call each other stand on as many levels as there are services, at most.
        for _ in &self.services {
            let mut next = vec![0.0; self.services.len()];
            for (of, number) in made.iter().enumerate() {
                all[of] += number;
                self.services[of].calls.iter().for_each(|&called| next[called] += number);
            }
            made = next;
        }
        all
    }

    /// Mean time for which a request of `service` keeps its worker if nothing waits or fails, seconds: its own work, and that of all
    /// whose answer it waits for.
    #[must_use]
    pub fn holding_secs(&self, service: ServiceId) -> f64 {
        let own = self.services[service].service_time.mean_secs();
        // No service calls itself, so this comes to an end.
        own + self.services[service].calls.iter().map(|&called| self.answer_secs(called)).sum::<f64>()
    }

    /// Mean time for which a client of `service` waits if nothing queues or fails, seconds.
    #[must_use]
    pub fn answer_secs(&self, service: ServiceId) -> f64 {
        match self.services[service].answers {
            Answers::WhenDone => self.holding_secs(service),
            Answers::OnAcceptance => 0.0,
        }
    }

    /// What all services cost that state it; `None` where none does, or an autoscaler decides about one of them.
    #[must_use]
    pub fn total_cost(&self) -> Option<Fen> {
        let stated = self.services.iter().filter(|service| service.cost.is_some());
        let costs: Option<Vec<Fen>> = stated.map(|service| self.cost(service)).collect();
        costs?.into_iter().reduce(|sum, cost| sum + cost)
    }
}

impl Service {
    /// What so many instance-nanoseconds cost, rounded to a fen; `None` where its cost is not stated.
    #[must_use]
    pub fn cost_of(&self, instance_nanos: u128) -> Option<Fen> {
        let per_hour = self.cost?;
        self.pool.as_ref()?;
        let hour = u128::from(Nanos::from_secs(3600).0);
        Some(Fen(((u128::from(per_hour.0) * instance_nanos + hour / 2) / hour) as u64))
    }

    /// What decides about the number of its instances, if anything does.
    #[must_use]
    pub fn autoscaler(&self) -> Option<&capacity::Autoscaler> {
        self.capacity()?.autoscaler.as_ref()
    }

    /// What changes at its servers in the course of time; `None`: nothing.
    #[must_use]
    pub fn capacity(&self) -> Option<&Capacity> {
        self.desk.as_ref().map(|desk| &desk.capacity).filter(|capacity| !capacity.is_constant())
    }
}

impl Desk {
    /// Rank of a request of a session of this segment, with this behaviour graph, in this state; zero without priorities.
    #[must_use]
    pub fn rank(&self, segment: SegmentId, cbmg: CbmgId, state: usize) -> u8 {
        match &self.discipline {
            Discipline::SegmentPriority(ranks) => ranks[segment],
            Discipline::StatePriority(ranks) => ranks[cbmg][state],
            Discipline::Fifo | Discipline::Lifo | Discipline::AdaptiveLifo { .. } => 0,
        }
    }
}

impl Plan {
    /// States in which the sessions of a behaviour graph begin, with their shares.
    #[must_use]
    pub fn entries(&self, cbmg: CbmgId) -> Vec<(usize, f64)> {
        if self.channels.is_empty() {
            return vec![(self.cbmgs[cbmg].entry, 1.0)];
        }
        self.channels.iter().map(|channel| (channel.entries[cbmg], channel.share)).collect()
    }
}

impl State {
    /// The services of each step: those that are called at once.
    pub fn calls_by_step(&self) -> impl Iterator<Item = &[ServiceId]> {
        self.steps.iter().scan(&self.calls[..], |rest, &step| {
            let (now, later) = rest.split_at(step);
            *rest = later;
            Some(now)
        })
    }
}

impl Segment {
    /// Weight of each category in the segment's baskets.
    #[must_use]
    pub fn demand(&self, catalogue: &Catalogue) -> Vec<f64> {
        catalogue.categories.iter().zip(&self.interest).map(|(category, interest)| category.demand * interest).collect()
    }
}

impl IntensityPart {
    /// Weight of the part.
    #[must_use]
    pub fn weight(&self) -> f64 {
        match self {
            IntensityPart::Burst { weight, .. }
            | IntensityPart::Hourly { weight, .. }
            | IntensityPart::Constant { weight }
            | IntensityPart::Points { weight, .. } => *weight,
        }
    }
}

impl TimeDistribution {
    /// Mean in seconds.
    #[must_use]
    pub fn mean_secs(&self) -> f64 {
        match self {
            TimeDistribution::Deterministic(t) | TimeDistribution::Exponential(t) => t.as_secs_f64(),
            TimeDistribution::Uniform { low, high } => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
            TimeDistribution::Lognormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
            TimeDistribution::Gamma { shape, scale } => shape * scale,
            TimeDistribution::Empirical(values) => {
                values.iter().map(|v| v.as_secs_f64()).sum::<f64>() / values.len() as f64
            }
        }
    }
}

impl MoneyDistribution {
    /// The distribution of so many times the money.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let times = |fen: Fen| Fen((fen.0 as f64 * factor).round() as u64);
        match self {
            MoneyDistribution::Constant(fen) => MoneyDistribution::Constant(times(fen)),
            MoneyDistribution::Uniform { low, high } => {
                MoneyDistribution::Uniform { low: times(low), high: times(high) }
            }
            MoneyDistribution::Lognormal { mu, sigma } => MoneyDistribution::Lognormal { mu: mu + factor.ln(), sigma },
        }
    }

    /// Mean in fen.
    #[must_use]
    pub fn mean_fen(&self) -> f64 {
        match self {
            MoneyDistribution::Constant(fen) => fen.0 as f64,
            MoneyDistribution::Uniform { low, high } => f64::midpoint(low.0 as f64, high.0 as f64),
            MoneyDistribution::Lognormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
        }
    }
}

impl CountDistribution {
    /// Mean count.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            CountDistribution::Constant(n) => f64::from(*n),
            CountDistribution::Geometric(mean) => *mean,
            CountDistribution::Weights(weights) => weights.iter().zip(1..).map(|(w, n)| w * f64::from(n)).sum(),
        }
    }

    /// Probability of more than so many.
    #[must_use]
    pub fn above(&self, most: u32) -> f64 {
        match self {
            CountDistribution::Constant(n) => f64::from(u8::from(*n > most)),
            CountDistribution::Geometric(mean) => (1.0 - 1.0 / mean).powf(f64::from(most)),
            CountDistribution::Weights(weights) => weights.iter().skip(most as usize).sum(),
        }
    }
}
