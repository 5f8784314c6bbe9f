//! The scenario file, one to one: what a person writes, before anything is checked across keys.
//!
//! Enums are externally tagged (`think.exponential = "40s"`): the internally tagged and untagged forms of serde lose the place
//! of an error. Every table refuses unknown keys. The doc comments here become the descriptions of the JSON Schema.

mod capacity;
mod protection;
mod published;
mod switch;

use crate::units::{Fen, Nanos};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use capacity::{Autoscaler, CellLost, Effect, Incident, Lost, ScalingTarget, Step, Unreachable};
pub use protection::{Breaker, Limit, RateLimit, RetryBudget, Shed, Throttle, Trip};
pub use published::{Amount, Free, FreeScale, Published, PublishedValue};
pub use switch::{Switch, SwitchOn};

/// A table of named things, in the order in which the file declares them.
pub type Named<T> = IndexMap<String, T>;

/// A sale-load scenario: who comes and when, what they want, what is in stock, what the platform can carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Short name: lower-case letters, digits and hyphens. Names the result folder.
    pub name: String,
    /// One line for people; stands above every picture.
    pub title: String,
    /// IANA time zone of the festival, such as "Asia/Shanghai": clock times and hourly profiles are in it.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// Seed of every random draw.
    #[serde(default)]
    pub seed: u64,
    /// Who could come.
    pub population: Population,
    /// How the platform is sharded and how finely simulated cells exchange.
    #[serde(default)]
    pub platform: Platform,
    /// How finely the run is recorded.
    #[serde(default)]
    pub record: Record,
    /// What a shopper did in one window changes whether they come to the next.
    #[serde(default)]
    pub memory: Memory,
    /// Sale windows by name; whatever the order of the file, they are played, numbered and written in order of time.
    pub window: Named<Window>,
    /// Arrival patterns by name.
    pub intensity: Named<Intensity>,
    /// Behaviour graphs (customer behaviour model graphs) by name.
    pub cbmg: Named<Cbmg>,
    /// Kinds of shoppers by name; their shares sum to one.
    pub segment: Named<Segment>,
    /// Services of the platform by name.
    #[serde(default)]
    pub service: Named<Service>,
    /// Degradation switches by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub switch: Named<Switch>,
    /// How holds on stock work.
    #[serde(default)]
    pub inventory: Inventory,
    /// What is on sale. Needed once a behaviour graph adds to a basket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Catalogue>,
    /// A coupon that every shopper has. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Coupon>,
    /// Channels that sessions come by, such as several apps, by name; their shares sum to one. Absent: there is no difference.
    #[serde(default)]
    pub channel: Named<Channel>,
    /// Livestreams by name. What they show draws those who watch.
    #[serde(default)]
    pub livestream: Named<Livestream>,
    /// Categories of goods by name; their SKU shares sum to one.
    #[serde(default)]
    pub category: Named<Category>,
    /// Named brands, on top of the generated ones.
    #[serde(default)]
    pub brand: Named<Brand>,
    /// Named products, on top of the generated ones.
    #[serde(default)]
    pub product: Named<Product>,
    /// What goes wrong, by name, at a time and for a while.
    #[serde(default)]
    pub incident: Named<Incident>,
    /// What a run has to achieve, by name: a patch or an override changes or removes one by it, and reports tell of it.
    #[serde(default)]
    pub target: Named<Target>,
    /// Published figures that a run is held against, by name.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub published: Named<Published>,
    /// Values that nobody published and that `saleload fit` may choose, by name.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub free: Named<Free>,
}

fn default_zone() -> String {
    "Asia/Shanghai".into()
}

/// Who could come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Shoppers who exist, whether or not they come.
    #[schemars(range(min = 1, max = 100_000_000_000u64))]
    pub shoppers: u64,
}

/// How the platform is sharded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Platform {
    /// Cells: shards of shoppers and service instances. A choice of the platform's architecture, never a thread count.
    #[schemars(range(min = 1, max = 4096))]
    pub cells: u32,
    /// Shortest tick, used where demand is steep. Cells exchange stock at ticks.
    pub tick_min: Nanos,
    /// Longest tick, used where demand is flat.
    pub tick_max: Nanos,
}

impl Default for Platform {
    fn default() -> Self {
        Platform { cells: 64, tick_min: Nanos::from_millis(20), tick_max: Nanos::from_secs(1) }
    }
}

/// How finely the run is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Record {
    /// One row a second for this long after each opening; one row a minute elsewhere in a window.
    pub fine: Nanos,
}

impl Default for Record {
    fn default() -> Self {
        Record { fine: Nanos::from_secs(3600) }
    }
}

/// What a shopper did in one window changes whether they come to the next. Factors on participation; the product is capped at one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Factor for a shopper who has bought in an earlier window.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub after_bought: f64,
    /// Factor for a shopper who tried to buy in an earlier window, failed, and never bought.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub after_failed: f64,
    /// Factor for a shopper who came to an earlier window, left by choice, and never bought or failed: one who looked and put it off.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub after_deferred: f64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { after_bought: 1.0, after_failed: 1.0, after_deferred: 1.0 }
    }
}

/// A sale window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Opening: RFC 3339 with an offset, "2020-11-11T00:00:00+08:00".
    pub opens: String,
    /// Closing, same form: the first instant at which nothing more can be ordered.
    pub closes: String,
    /// Orders of this window take deposits, and their balances are paid in a later one. Absent: they are paid at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presale: Option<Presale>,
    /// Waiting room in front of the whole platform. Absent: whoever comes goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// The part of all stock that is on sale from this window on. Absent in every window: all of it from the first on. Absent in
    /// some: nothing comes in with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<WindowStock>,
    /// Generated SKUs that are listed only from this window on, later than the first: so many of `catalogue.skus`, of every category
    /// and at every popularity alike (to within a few). Before that they have no stock, and whoever would have looked at one looks at
    /// the next more popular SKU of its category that is listed; the most popular one always is. Merchants who stock for the demand
    /// that they expect (`cover`) reckon with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000u64))]
    pub new_skus: Option<u64>,
    /// Units that are laid in on top when it opens, of every SKU; a category or a named product may say otherwise. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restock: Option<Restock>,
}

/// The part of all stock that comes on sale with a window. Units are dealt out whole, SKU by SKU, and add up exactly; which window gets
/// what does not come out even is drawn, so that a single unit is in each window with the probability of its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowStock {
    /// Share of the stock of each SKU; over the windows they sum to one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
}

/// Units of a SKU that are laid in on top when a window opens, later than the first. What is no whole unit is rounded at random,
/// without bias. No SKU ever has more than 4,000,000,000 units in all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Restock {
    /// So many times its stock, which is that of all windows together.
    Share(#[schemars(range(min = 0.0, max = 100.0))] f64),
    /// As many as are missing to so many times its stock: what nobody holds, and what comes on sale with the window, counts.
    UpTo(#[schemars(range(min = 0.0, max = 100.0))] f64),
}

/// A presale: `reserve` sets stock aside, `pay` pays a deposit, and some of those who did come back in a later window to pay the
/// balance. A deposit whose balance is not paid before that window closes is forfeited, and the stock comes back. A shopper orders
/// once in a presale, at most eight lines. What is ordered counts as ordered and as paid, in full, once the balance is paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Presale {
    /// The window in which balances are paid: a later one, which closes before another presale opens.
    pub balances_in: String,
    /// Balances can be paid from so long after its opening until it closes.
    #[serde(default)]
    pub balances_after: Nanos,
    /// The deposit as a share of the price.
    #[schemars(range(min = 0.0, max = 0.2))]
    pub deposit: f64,
    /// How long an order keeps its stock without a deposit; at most until balances can be paid.
    #[serde(default = "half_an_hour")]
    pub hold: Nanos,
    /// Probability that a shopper with a deposit comes to pay the balance.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub conversion: f64,
    /// Name of the pattern by which they come, from when balances can be paid.
    pub intensity: String,
    /// Name of the behaviour graph of those who come to pay: it has a state with the action `pay`, and none with another.
    pub cbmg: String,
}

fn half_an_hour() -> Nanos {
    Nanos::from_secs(30 * 60)
}

/// A waiting room: shoppers go in one after the other at even distances, in the order in which they came; each has a place, and waits
/// for its turn. The cells take turns, and each lets its share of the rate in. At the closing everybody who still waits is sent away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Shoppers let in a second, over the whole platform.
    #[schemars(range(min = 1, max = 1_000_000_000u64))]
    pub per_second: u64,
    /// A place expires after this long; its shopper is sent away. Absent: never before the closing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_wait: Option<Nanos>,
    /// How long a shopper waits in the room before giving up. Absent: as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<TimeDistribution>,
    /// What becomes of the place of a shopper who has left.
    #[serde(default)]
    pub left_places: LeftPlaces,
}

/// What becomes of the place of a shopper who has left a waiting room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftPlaces {
    /// It stays in the line, and its turn passes unused: the room learns only then that nobody is there.
    #[default]
    Expire,
    /// Those behind it move up at once.
    MoveUp,
}

/// An arrival pattern: a sum of parts, each with a weight. Only proportions matter, how many come is the segment's participation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intensity {
    /// The parts; the share of arrivals that a part brings is its weight over the sum of weights.
    #[schemars(length(min = 1))]
    pub parts: Vec<IntensityPart>,
}

/// One part of an arrival pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum IntensityPart {
    /// Rises as 1 - exp(-t/rise) and dies as exp(-t/decay) after the opening (plus `after`).
    Burst {
        /// Weight of the part.
        #[schemars(range(min = 0.0, max = 1e12))]
        weight: f64,
        /// Time constant of the rise; "0s" jumps at once.
        #[serde(default)]
        rise: Nanos,
        /// Time constant of the decay.
        decay: Nanos,
        /// Starts this long after the opening.
        #[serde(default)]
        after: Nanos,
    },
    /// Follows the hours of the day in the festival's zone.
    Hourly {
        /// Weight of the part.
        #[schemars(range(min = 0.0, max = 1e12))]
        weight: f64,
        /// Relative intensity of hours 0 to 23.
        #[schemars(length(min = 24, max = 24))]
        hours: Vec<f64>,
    },
    /// The same all through the window.
    Constant {
        /// Weight of the part.
        #[schemars(range(min = 0.0, max = 1e12))]
        weight: f64,
    },
    /// Straight lines between points; nothing before the first and after the last.
    Points {
        /// Weight of the part.
        #[schemars(range(min = 0.0, max = 1e12))]
        weight: f64,
        /// A CSV file beside the scenario with the columns `seconds` (since the opening) or `time` (RFC 3339), and `rate` (relative).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf>,
        /// The opening of the sale that was observed, RFC 3339: a column `time` is counted from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        /// The points themselves, as [seconds, rate] pairs, instead of a file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Vec<(f64, f64)>>,
    },
    /// Follows the times of observed events, such as the lines of an access log: as many come in each bin as were counted in it,
    /// with straight lines from middle to middle; nothing after the last event.
    Events {
        /// Weight of the part.
        #[schemars(range(min = 0.0, max = 1e12))]
        weight: f64,
        /// A file beside the scenario: CSV with a column `time` (RFC 3339), or lines of a log, each with its time in brackets
        /// (`[11/Nov/2019:00:00:01 +0800]`) or in front (RFC 3339).
        file: PathBuf,
        /// The opening of the sale that was observed, RFC 3339; events before it are left out.
        since: String,
        /// Length of a bin.
        #[serde(default = "default_bin")]
        bin: Nanos,
    },
}

fn default_bin() -> Nanos {
    Nanos::from_secs(60)
}

/// A behaviour graph: states, what they call, how long a shopper thinks, where they go next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cbmg {
    /// The state in which a session begins.
    pub entry: String,
    /// States by name. `exit` is not a state: it is the way out.
    pub state: Named<State>,
}

/// One state (page) of a behaviour graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What the page calls, one after the other: services, and sets of services from `parallel` that are called at once.
    #[serde(default)]
    pub calls: Vec<String>,
    /// Sets of services that are called at once, by a name that stands in `calls`: 2 to 8 each, the same one more than once if
    /// wanted. The page goes on when all of them have answered, each with the timeout, the attempts and the back-off of its
    /// service. When one fails for good the page fails, and so does nobody wait for the others any more.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub parallel: Named<Vec<String>>,
    /// How long the page may take to load, retries and all; then it fails, as when the shopper's patience ends. Absent: as long as
    /// calls and patience last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Nanos>,
    /// What happens once the page has loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// That shoppers who wait for the page submit it again: of a state whose action is `reserve` or `pay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub double_submit: Option<DoubleSubmit>,
    /// How long the shopper looks at the loaded page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<TimeDistribution>,
    /// Probabilities of what comes next: state names and `exit`; they sum to one.
    pub next: Named<f64>,
    /// The same after the page failed (rejected, timed out, sold out, declined). Absent: the shopper leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Named<f64>>,
}

/// A page that is submitted again as it takes long. Its calls are made a second time, beside the first, with draws, timeouts, retries
/// and patience of their own; a session has one such second at a time. What it orders or pays is in no other number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoubleSubmit {
    /// How long a shopper has waited who does so.
    pub after: Nanos,
    /// Probability that one who has waited so long does so.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Probability that the platform sees, once the calls are answered, that it has had this request before. Otherwise the page acts
    /// again: it reserves the basket once more, within the cell's share of the stock and without anybody to pay for it before the
    /// hold expires; or it pays once more, and the money is given back.
    #[serde(default = "certain")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub idempotency: f64,
}

/// What a state does with basket, stock and money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Action {
    /// The shopper fills a basket: a purchase intent per line begins.
    AddToBasket,
    /// Creates the orders, one per line of the basket, and reserves their stock.
    Reserve,
    /// Pays the reserved orders.
    Pay {
        /// Probability that the bank declines.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        declined: f64,
    },
}

/// A kind of shoppers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Share of the population.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// Name of its behaviour graph.
    pub cbmg: String,
    /// Which windows it comes to.
    pub window: Named<Attendance>,
    /// What a basket holds.
    #[serde(default)]
    pub basket: Basket,
    /// The most that a shopper spends on one basket; a line that does not fit is left out. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<MoneyDistribution>,
    /// How long a shopper waits for one page, retries and all, before giving up. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<TimeDistribution>,
    /// Probability that a shopper who orders and sees that a product is sold out takes another one of its category instead, if one of
    /// three looked at is in stock and at most half as dear again. Not in presales.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub substitution: f64,
    /// Factors on the demand of categories, by name; one where a category is not named.
    #[serde(default)]
    pub interest: Named<f64>,
}

/// How a segment comes to a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendance {
    /// Probability that a shopper without a history comes.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub participation: f64,
    /// Share of those who come that is there before the opening: they come within its first millisecond, in random order. The others
    /// come by the pattern.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub early: f64,
    /// Name of the arrival pattern.
    pub intensity: String,
    /// Arrival patterns of those with a history, where it decides when they come.
    #[serde(default, skip_serializing_if = "IntensityAfter::is_empty")]
    pub intensity_after: IntensityAfter,
}

/// Names of arrival patterns by what shoppers did in earlier windows, as `memory` tells it. Absent: `intensity`. Whoever comes to a window
/// comes once, by the pattern that fits what they have been through when their time by it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntensityAfter {
    /// Of those who have bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bought: Option<String>,
    /// Of those who tried to buy, failed, and never bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Of those who left by choice, and never bought or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred: Option<String>,
}

impl IntensityAfter {
    /// The patterns that are named, with their keys.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [("bought", &self.bought), ("failed", &self.failed), ("deferred", &self.deferred)];
        all.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)))
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named().next().is_none()
    }
}

/// What a basket holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Basket {
    /// Lines: distinct choices of a product; each becomes one order, as a checkout over several merchants does. At most 16.
    pub lines: CountDistribution,
    /// Units of the product in a line.
    pub units: CountDistribution,
}

impl Default for Basket {
    fn default() -> Self {
        Basket { lines: CountDistribution::Constant(1), units: CountDistribution::Constant(1) }
    }
}

/// A service: instances with workers behind one bounded queue per cell, and how its clients behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Instances over the whole platform, spread evenly over the cells. Absent: a delay without queueing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub instances: Option<u64>,
    /// Instances from certain times on, in order of time. Those that go finish what they serve and take nothing new; those that
    /// come serve at once. Absent: there are always as many. With an `autoscaler`: the fewest that it may want, in place of `least`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Step>,
    /// More or fewer instances by what there is to do. Absent: none but by the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// Requests that one instance serves at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub workers: u32,
    /// Waiting places per instance; a request that finds them full is rejected. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000u64))]
    pub queue: Option<u64>,
    /// Time a worker needs for a request.
    pub service_time: TimeDistribution,
    /// Services that it calls to serve a request, one after the other, once its own work is done. Its worker is kept until they have
    /// answered or timed out, with the timeout and the retries that they give their clients. When one fails for good, the request
    /// fails as if it had been rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
    /// How long a client waits for one attempt. The server works on all the same. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Nanos>,
    /// What a client does after a rejection or a time-out. Absent: one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// A page that waits long for an answer sends the same request once more. Absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// What one instance costs for an hour; paid while a window is open. Absent: not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Fen>,
    /// Limiters in front of the service. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Circuit breaker of its clients. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Adaptive throttling by its clients. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Who is served next when a worker becomes free.
    #[serde(default)]
    pub discipline: Discipline,
    /// A request that has waited longer than this when its turn comes is dropped instead of served; its client, if it is still
    /// there, is rejected. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Nanos>,
    /// A bound on the wait that shortens while the queue does not empty. With `max_wait` too, the shorter of the two holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controlled_delay: Option<ControlledDelay>,
    /// What becomes of a request whose client is gone: timed out, out of patience, or its session ended with the hold on its order.
    #[serde(default)]
    pub cancel: Cancel,
    /// The servers become slower while many requests come. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowdown: Option<Slowdown>,
    /// Where requests wait.
    #[serde(default)]
    pub queues: Queues,
    /// When clients are answered.
    #[serde(default)]
    pub answers: Answers,
}

/// When the clients of a service are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// When their request is done.
    #[default]
    WhenDone,
    /// As soon as their request has found a worker or a place in the queue. The work is done later, by the workers of the service in
    /// the order of its discipline, and nobody waits for it: what has been accepted is settled, unless it is dropped or lost on the
    /// way. Response times are then those of the settlement, from the request on.
    OnAcceptance,
}

/// Where requests wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Queues {
    /// In one queue for all instances of a cell, with the places of all: whichever worker is free first takes the next.
    #[default]
    Pooled,
    /// In a queue of the instance that a balancer sends them to, and they stay there.
    PerInstance(Balancer),
}

/// Which instance of the cell a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Balancer {
    /// Any, whatever its load.
    Random,
    /// One after the other.
    RoundRobin,
    /// Of so many drawn at random (the same may be drawn twice), the one with the fewest requests that wait or are served; the first
    /// drawn of several.
    LeastLoaded(#[schemars(range(min = 1, max = 100))] u32),
}

/// Who is served next when a worker becomes free.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Discipline {
    /// Who has waited longest.
    #[default]
    Fifo,
    /// Who came last.
    Lifo,
    /// Who has waited longest while the queue is short, who came last while it is long.
    AdaptiveLifo {
        /// The queue is long with more waiting requests than this, per instance.
        #[schemars(range(min = 0, max = 1_000_000_000u64))]
        above: u64,
    },
    /// Who is named first; among equals, who has waited longest. Requests in service are not interrupted.
    Priority(Priority),
}

/// Whose requests are served before those of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Priority {
    /// Segments, the first of them first; those that are not named come last.
    Segments(#[schemars(length(min = 1, max = 200))] Vec<String>),
    /// States of behaviour graphs, the first of them first, in every graph that has them; those that are not named come last.
    States(#[schemars(length(min = 1, max = 200))] Vec<String>),
}

/// What becomes of a request whose client is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cancel {
    /// It keeps its place in the queue and is worked on to the end: wasted work.
    #[default]
    None,
    /// It is taken out of the queue; once a worker has begun, it is worked on to the end.
    Waiting,
    /// It is taken out of the queue, and its worker is free at once.
    All,
}

/// Controlled delay: a request that comes while the queue has not been empty for `interval` may wait for `target` only, any other
/// for `interval`. Source: Maurer, "Fail at Scale", ACM Queue 13(8), 2015.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlledDelay {
    /// Longest wait while the queue stands.
    pub target: Nanos,
    /// The queue stands when it has not been empty for this long; the longest wait while it does not.
    pub interval: Nanos,
}

/// A service that becomes slower above a rate. A request that a worker takes up takes `factor` times its service time if more than
/// `above` requests per instance were accepted in the second up to then, and its own service time otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slowdown {
    /// Requests per second and instance up to which the service keeps its speed.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub above: u64,
    /// How many times as long a request takes beyond.
    #[schemars(range(min = 1.0, max = 10_000.0))]
    pub factor: f64,
}

fn certain() -> f64 {
    1.0
}

fn one() -> u32 {
    1
}

/// Retries with exponential back-off: the wait before attempt n+1 is backoff * multiplier^(n-1), at most `cap`, jittered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first one counted.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// Wait before the second attempt.
    pub backoff: Nanos,
    /// Growth of the wait from attempt to attempt.
    #[serde(default = "two")]
    #[schemars(range(min = 1.0, max = 100.0))]
    pub multiplier: f64,
    /// Longest wait. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Nanos>,
    /// How the wait is randomised.
    #[serde(default)]
    pub jitter: Jitter,
    /// What bounds the retries of all clients together. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<RetryBudget>,
}

fn two() -> f64 {
    2.0
}

/// Hedged requests: a page that has no answer to an attempt after a while sends it a second time, and takes the answer that comes
/// first. The other copy is given up, as `cancel` says. There is one hedge of an attempt at most. It counts as a retry against the
/// budget of `retry`, if there is one, and is not sent where that is used up; the attempt fails when both copies have failed, and times
/// out when the first does. Only calls that a page makes one after the other are hedged. Sources: Dean and Barroso, "The Tail at
/// Scale", Communications of the ACM 56(2), 2013; gRPC's request hedging (proposal A6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// How long the page waits before it does so, since it made the request; shorter than `timeout`.
    pub after: Nanos,
}

/// How a back-off is randomised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Half of the wait, and a uniform draw of the other half.
    Equal,
    /// A uniform draw between zero and the wait.
    #[default]
    Full,
    /// A uniform draw between `backoff` and three times the wait before (at first: three times `backoff`), at most `cap`;
    /// without `multiplier`.
    Decorrelated,
}

/// When and how stock is reserved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inventory {
    /// How long an unpaid order is open and keeps its stock, unless its categories or products say otherwise.
    pub hold: Nanos,
    /// Which action takes the stock. The order of a presale always does, as its deposit is there to set that aside.
    #[serde(skip_serializing_if = "is_default")]
    pub reserve: Reserve,
    /// How late it is known everywhere that nothing is left of a product. Until then requests for it still go to the store: they wait for
    /// the end of the tick to learn that it is sold out, and optimistic orders are taken. When units come back, that is known at once.
    #[serde(skip_serializing_if = "is_default")]
    pub flag_delay: Nanos,
    /// Where the stock lies.
    #[serde(skip_serializing_if = "is_default")]
    pub split: Split,
    /// Most requests to reserve one and the same SKU in a time. Absent: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot: Option<Hot>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Inventory {
    fn default() -> Self {
        Inventory {
            hold: half_an_hour(),
            reserve: Reserve::Order,
            flag_delay: Nanos(0),
            split: Split::Pooled,
            hot: None,
        }
    }
}

/// Which action takes the stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reserve {
    /// `reserve`: an order holds its stock until it is paid, or the hold ends.
    #[default]
    Order,
    /// `pay`: an order holds nothing. Once the bank agrees, the stock is asked for, and only what is there is paid; the other lines are
    /// sold out, although they were ordered.
    Payment,
    /// Nobody asks: every payment is taken. Units beyond what is left are oversold; their money is refunded and never GMV paid.
    Optimistic,
}

/// Where the stock lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Split {
    /// In one place for all cells, which grant shares of it and settle the rest at the end of a tick.
    #[default]
    Pooled,
    /// In the cells: each has its own part of every product, grants from it at once, and is sold out when that is gone. What comes back
    /// returns to the cell that gave it out.
    ByCell(ByCell),
}

/// Stock that lies in the cells: dealt out evenly at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ByCell {
    /// What is left is dealt out anew at the end of the tick in which so much time has passed since the opening, and again each time.
    /// Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebalance: Option<Nanos>,
}

/// How many requests to reserve one and the same SKU the platform takes: what the row of a SKU in a stock store can do, or what a limiter
/// on hot parameters lets through. A request beyond that is rejected, and its basket line ends.
///
/// Requests are made where stock is reserved: at the order, at the payment, at the order of a presale. Each takes a token, of which every
/// SKU has its own; one for what is known to be sold out takes none, nor does stock that comes back or comes in. Cells share the
/// tokens of a tick as they share the stock. With `split.by_cell`, the part of each cell is a row of its own, and so is the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hot {
    /// Updates of a row a second.
    #[schemars(range(min = 1, max = 1_000_000_000u64))]
    pub per_second: u64,
    /// Requests that one update takes, committed together.
    #[serde(default = "one_request")]
    #[schemars(range(min = 1, max = 10_000))]
    pub group_commit: u64,
    /// Requests that may come at once after a quiet time. Absent: those of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000_000_000u64))]
    pub burst: Option<u64>,
}

fn one_request() -> u64 {
    1
}

/// What is on sale: generated SKUs and brands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// SKUs to generate; named products come on top.
    #[schemars(range(min = 1, max = 1_000_000_000u64))]
    pub skus: u64,
    /// Brands to generate; named brands come on top.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub brands: u64,
    /// How popular a product is by its rank within its category.
    #[serde(default)]
    pub popularity: Popularity,
    /// Brands own SKUs in proportion to (rank of the brand)^-exponent.
    #[serde(default = "default_brand_exponent")]
    #[schemars(range(min = 0.0, max = 5.0))]
    pub brand_exponent: f64,
}

fn default_brand_exponent() -> f64 {
    0.8
}

/// A channel that sessions come by. Each session draws its own; `channels.csv` tells what each channel brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Share of all sessions.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// The state in which its sessions begin, in every behaviour graph that has it; the others keep their entry. With its calls, it
    /// is the channel's own way in. Absent: the entry of each graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

/// A livestream, or many of a kind. The sessions that watch stay what they are, but the lines of the baskets that they fill are, with
/// a probability, of the product that is shown at that moment; `livestreams.csv` tells what came of it. In the window of a
/// presale they pay a deposit on such lines, which count as ordered and paid once the balance is. Those who pay balances watch nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Livestream {
    /// The window in which it runs.
    pub window: String,
    /// Probability that a session watches it, by segment. A session watches one livestream at most: over all livestreams of a window,
    /// the probabilities of a segment sum to at most one.
    pub audience: Named<f64>,
    /// What is shown.
    pub shows: Shows,
}

/// What livestreams show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Shows {
    /// One room: named products one after the other. Their stock is the product's.
    Slots(#[schemars(length(min = 1, max = 10_000))] Vec<ShowSlot>),
    /// Many rooms, each with generated products of its own, which it shows in turns.
    Rooms(ShowRooms),
}

/// A stretch of time in which a livestream shows a named product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowSlot {
    /// Start, since the opening of the window. Slots come in order of time and do not overlap.
    pub at: Nanos,
    /// How long.
    pub lasts: Nanos,
    /// The named product.
    pub product: String,
    /// Probability that a line of a viewer's basket is of it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub conversion: f64,
}

/// Rooms that show generated products in turns: the products of a category are dealt out to them like cards, the most popular first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowRooms {
    /// How many rooms; viewers are spread over them evenly.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub rooms: u64,
    /// Products that they show between them: the most popular ones of the category; at least one a room.
    #[schemars(range(min = 1, max = 1_000_000_000u64))]
    pub products: u64,
    /// The category.
    pub category: String,
    /// How long a product is shown before the room goes on to its next one, and after the last to the first again.
    pub turn: Nanos,
    /// Probability that a line of a viewer's basket is of the product that is shown.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub conversion: f64,
}

/// A coupon across merchants: `off` is taken off the money of a checkout as often as `every` fits into it. It counts when the orders
/// are created, for those of them that got their stock, and is spread over them by their money, to the fen. GMV, ordered and paid,
/// is what is left to pay; the ledger keeps what was taken off in a bucket of its own. It does not count in presales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// What is taken off each time.
    pub off: Fen,
    /// The money that it is taken off of.
    pub every: Fen,
    /// Probability that a shopper whose basket is short of the next time looks for one more line that gets it there: of the three
    /// products that a shopper looks at for a line, the first that is dear enough and not too dear.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fill_up: f64,
}

/// A broken power law: weight of rank r is r^-head up to the knee, and falls as r^-tail beyond, without a jump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Popularity {
    /// Exponent from rank 1 to the knee.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub head: f64,
    /// Exponent beyond the knee.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub tail: f64,
    /// Where the knee lies, as a share of the ranks.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub knee: f64,
}

impl Default for Popularity {
    /// The fit to Taobao's `UserBehavior` data: 0.42 up to the top 1 %, 1.22 below.
    fn default() -> Self {
        Popularity { head: 0.42, tail: 1.22, knee: 0.01 }
    }
}

/// A category of goods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Share of the generated SKUs (and of the generated brands).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub skus: f64,
    /// Relative demand: the weight with which a basket line falls into this category.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub demand: f64,
    /// Price of one unit.
    pub price: MoneyDistribution,
    /// Units of each SKU in stock, over all windows.
    pub stock: StockDistribution,
    /// How long an unpaid order of such goods is open, and keeps its stock. An order of several kinds closes as a whole when the shortest
    /// hold ends. Absent: `inventory.hold`. An order of a presale waits for its deposit as long as the presale says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Nanos>,
    /// Units that are laid in on top when windows open, by window. Absent: as the window says.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub restock: Named<Restock>,
    /// Share that the sale takes off the price of generated SKUs. Named products cost what they say.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.95))]
    pub discount: f64,
    /// Price elasticity: the weight of the category in baskets is demand × (1 - discount)^-elasticity, the iso-elastic law of demand.
    /// It moves demand between categories; how many lines a basket has stays. Bijmolt, van Heerde and Pieters (Journal of Marketing
    /// Research 42, 2005) found 2.62 on average over 1,851 published elasticities of single brands. Absent: demand does not respond.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub elasticity: f64,
}

/// A named brand: owns this share of its category's demand for generated SKUs, on average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// Its category.
    pub category: String,
    /// Share of the category's generated SKUs, at all ranks alike, so on average of its demand too.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
}

/// A named product: one SKU with numbers of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its category.
    pub category: String,
    /// Its brand: a named one. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Price of one unit.
    pub price: Fen,
    /// Units in stock, over all windows.
    #[schemars(range(min = 0, max = 4_000_000_000u64))]
    pub stock: u64,
    /// Units that are laid in on top when windows open, by window. Absent: as its category says.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub restock: Named<Restock>,
    /// Share of its category's basket lines that choose it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub demand: f64,
    /// Units in a line that chooses it. Absent: as the segment's basket says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<CountDistribution>,
    /// How long an unpaid order of it is open, and keeps its stock. Absent: as its category says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Nanos>,
    /// What is sold is a voucher, to be redeemed later. Absent: goods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<Voucher>,
}

/// A voucher. Whether and when it is redeemed is drawn for each order when it is paid, all of its units at once; `vouchers.csv` tells it
/// by channel and by day after the sale, also of what is redeemed after the end of the simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// Probability that it is ever redeemed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub redeemed: f64,
    /// How long after the payment.
    pub after: TimeDistribution,
}

/// A target: what has to hold for a run to pass. At most one of `service`, `category`, `brand` and `product`; none of them: the
/// whole platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What passes: a metric, a comparison (<, <=, >, >=, =) and a bound with its unit, such as `p99.9 < 800ms`,
    /// `lost_share < 0.5%`, `sold_out_at > 00:20:00`, `gmv_paid > 300bn RMB` or `orders_per_second_peak > 500k/s`.
    pub pass: String,
    /// The service that it is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The category of goods that it is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The named brand that it is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The named product that it is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The window in which it is measured: from its opening to the next opening or the end. Absent: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Start of the slice in which it is measured, since the opening of the window; on the edge of a recorded row. Absent: the
    /// opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Nanos>,
    /// End of the slice, since the opening of the window; on the edge of a recorded row. Absent: the next opening or the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Nanos>,
}

/// A distribution of times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum TimeDistribution {
    /// Always this long.
    Deterministic(Nanos),
    /// Exponential with this mean.
    Exponential(Nanos),
    /// Uniform between two times.
    Uniform {
        /// Shortest.
        low: Nanos,
        /// Longest.
        high: Nanos,
    },
    /// Log-normal through two quantiles: the median and exactly one of the others.
    Lognormal {
        /// Median.
        p50: Nanos,
        /// 90 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p90: Option<Nanos>,
        /// 95 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p95: Option<Nanos>,
        /// 99 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p99: Option<Nanos>,
    },
    /// Gamma with this mean and coefficient of variation (standard deviation over mean).
    Gamma {
        /// Mean.
        mean: Nanos,
        /// Coefficient of variation.
        #[schemars(range(min = 0.001, max = 100.0))]
        cv: f64,
    },
    /// One of the observed times, each equally likely.
    Empirical {
        /// A CSV file beside the scenario with one column `seconds`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf>,
        /// The times themselves, instead of a file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Vec<Nanos>>,
    },
}

/// A distribution of amounts of money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum MoneyDistribution {
    /// Always this much.
    Constant(Fen),
    /// Uniform between two amounts.
    Uniform {
        /// Least.
        low: Fen,
        /// Most.
        high: Fen,
    },
    /// Log-normal through two quantiles: the median and exactly one of the others.
    Lognormal {
        /// Median.
        p50: Fen,
        /// 90 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p90: Option<Fen>,
        /// 95 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p95: Option<Fen>,
        /// 99 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p99: Option<Fen>,
    },
}

/// A distribution of small counts, one or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum CountDistribution {
    /// Always this many.
    Constant(#[schemars(range(min = 1, max = 100_000_000u64))] u32),
    /// Geometric from one upwards with this mean.
    Geometric(#[schemars(range(min = 1.0, max = 1e6))] f64),
    /// Relative weights of 1, 2, 3, …
    Weights(#[schemars(length(min = 1, max = 1000))] Vec<f64>),
}

/// How deep the stock of a generated SKU is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum StockDistribution {
    /// The same for every SKU.
    Constant(#[schemars(range(min = 0, max = 4_000_000_000u64))] u64),
    /// Log-normal through two quantiles, in units, whatever the SKU's popularity: the median and exactly one of the others.
    Lognormal {
        /// Median.
        #[schemars(range(min = 0.0, max = 4e9))]
        p50: f64,
        /// 90 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p90: Option<f64>,
        /// 95 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p95: Option<f64>,
        /// 99 % quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p99: Option<f64>,
    },
    /// Merchants stock for the demand that they expect: a log-normal multiple of the SKU's expected demand.
    Cover {
        /// Median of the multiple.
        #[schemars(range(min = 0.0, max = 1e6))]
        p50: f64,
        /// 90 % quantile of the multiple; equal to the median for no spread.
        #[schemars(range(min = 0.0, max = 1e6))]
        p90: f64,
        /// Fewest units of any SKU.
        #[serde(default)]
        #[schemars(range(min = 0, max = 4_000_000_000u64))]
        at_least: u32,
    },
}
