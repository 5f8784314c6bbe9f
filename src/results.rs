//! What a run found, as plain data. Every table, picture and page is a pure function of it.
//!
//! Money is in integer fen, times in integer milliseconds or microseconds as the names say. Under `--sample` all counts and
//! amounts are already scaled up to the whole platform.

use crate::target::Unit;
use serde::{Deserialize, Serialize};

/// What stands in the ledger in place of a service where a SKU was asked for too often. No service has such a name.
pub const HOT: &str = "inventory.hot";

/// Everything that a result folder holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The headline numbers (`summary.json`).
    pub summary: Summary,
    /// One row per recorded slot (`series.csv`, `series.parquet`).
    pub series: Table,
    /// One row per service and window (`services.csv`).
    pub services: Vec<ServiceRow>,
    /// One row per brand that took an order, and every named brand; largest paid GMV first (`brands.csv`).
    pub brands: Vec<BrandRow>,
    /// Every named product, then the thousand generated SKUs with the largest paid GMV (`products.csv`).
    pub products: Vec<ProductRow>,
    /// Where every purchase intent ended (`ledger.csv`).
    pub ledger: Vec<LedgerRow>,
    /// One row per channel and window (`channels.csv`).
    pub channels: Vec<ChannelRow>,
    /// One row per livestream (`livestreams.csv`).
    pub livestreams: Vec<LivestreamRow>,
    /// When vouchers are redeemed: one row per product, channel and day (`vouchers.csv`).
    pub vouchers: Vec<VoucherRow>,
}

/// Vouchers that were sold by a channel and are redeemed so many days after the sale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherRow {
    /// The named product.
    pub product: String,
    /// The channel; empty where there are none.
    pub channel: String,
    /// Whole days after the sale; empty: they are never redeemed.
    pub day: Option<u64>,
    /// Orders paid.
    pub orders: u64,
    /// Their units.
    pub units: u64,
    /// What was paid for them, fen.
    pub money_fen: u64,
    /// Of those units, the ones redeemed after the end of the simulation.
    pub later_units: u64,
    /// What was paid for those, fen.
    pub later_money_fen: u64,
}

/// What becomes of the vouchers of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoucherSummary {
    /// The named product.
    pub product: String,
    /// Units paid.
    pub sold: u64,
    /// Of those, units redeemed until the end of the simulation.
    pub redeemed: u64,
    /// Units redeemed after it.
    pub redeemed_later: u64,
    /// Units never redeemed.
    pub never_redeemed: u64,
    /// What was paid for them, fen.
    pub sold_fen: u64,
    /// For those redeemed until the end of the simulation, fen.
    pub redeemed_fen: u64,
    /// For those redeemed after it, fen.
    pub redeemed_later_fen: u64,
    /// For those never redeemed, fen.
    pub never_redeemed_fen: u64,
}

/// Whether a run reached its horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// The run reached its horizon.
    Complete,
    /// The run was interrupted; results cover the time before `simulated_until_unix_ms`.
    Interrupted,
}

/// The headline numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Version of saleload that made the results.
    pub saleload: String,
    /// Scenario name.
    pub name: String,
    /// Scenario title.
    pub title: String,
    /// IANA time zone of the festival.
    pub zone: String,
    /// Seed of the run.
    pub seed: u64,
    /// Whether the run reached its horizon.
    pub completion: Completion,
    /// Whether its targets were met.
    pub status: Status,
    /// Unix time up to which the festival was played, ms.
    pub simulated_until_unix_ms: i64,
    /// Cells of the platform.
    pub cells: u32,
    /// Cells that were simulated; fewer than `cells` means a sample, scaled up.
    pub simulated_cells: u32,
    /// Shoppers who exist.
    pub shoppers: u64,
    /// SKUs on sale, and how many were sold out (nothing left) at the end.
    pub skus: u64,
    /// SKUs with nothing left at the end.
    pub skus_sold_out: u64,
    /// Names of categories, in order.
    pub categories: Vec<String>,
    /// Names of services, in order.
    pub services: Vec<String>,
    /// Names of named products, in order.
    pub products: Vec<String>,
    /// Totals over the run.
    pub total: Totals,
    /// Totals of each window, in order of time.
    pub windows: Vec<WindowSummary>,
    /// What became of deposits, by presale in order of time; absent without presales.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presales: Vec<PresaleSummary>,
    /// What came of pages that were submitted again; absent where no page can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub double_submits: Option<DoubleSubmits>,
    /// What becomes of vouchers, by product in order of the scenario; absent where none is a voucher.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouchers: Vec<VoucherSummary>,
    /// Stretches in which a service could not keep up, in order of service and time.
    pub saturated: Vec<Saturation>,
    /// Services that answer on acceptance, in order of service and window: how far their work lay behind; absent without such services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settlements: Vec<Settlement>,
    /// How Little's law held at each service that had steady stretches, in order of the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residuals: Vec<Residual>,
    /// What sending requests a second time brought, by service in order of the scenario; absent where none is hedged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hedges: Vec<HedgeSummary>,
    /// When degradation switches were on, in order of time; the first ten thousand times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switched: Vec<Switched>,
    /// What was sold that was not there; absent unless payments are taken without asking for stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oversold: Option<Oversold>,
    /// What was sold out in one cell while others still had it; absent unless each cell has its own part of the stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stranded: Option<Stranded>,
    /// What was sold out and exchanged for other products; absent where nobody does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substituted: Option<Substituted>,
    /// What was rejected as one and the same SKU was asked for too often; absent unless that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_rows: Option<HotRows>,
    /// What the instances of services cost while windows are open, whatever was sampled; where the run was interrupted and an autoscaler
    /// decides about some of them, up to then. Absent where no service states its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The targets with what was measured, in order of the scenario.
    pub targets: Vec<TargetResult>,
    /// Published figures beside what was simulated, in order of the scenario; absent where the scenario has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<PublishedResult>,
    /// The conservation checks.
    pub conservation: Conservation,
    /// Events simulated (not scaled up).
    pub events: u64,
    /// Digest of the event stream, hexadecimal.
    pub digest: String,
    /// Where the past was played as another scenario, in order of time; absent where it was this one all along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forks: Vec<Fork>,
}

/// What a service that answers on acceptance had before it in a window. How long a request took from when it was made until it was
/// done is its response time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Service name.
    pub service: String,
    /// Window name.
    pub window: String,
    /// Most requests that were accepted and waited (sum over cells of maxima within a slot).
    pub backlog_max: u64,
    /// When the last request was done, which may be long after the closing; absent where none was. A plain queue tells it of all that
    /// it had accepted until the next opening or the end; with any key that takes events of its own (a `discipline`, a `schedule`, …),
    /// of those that were done by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_unix_ms: Option<i64>,
}

/// Whether the targets of a run were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every target was met.
    Pass,
    /// A target was missed.
    Fail,
    /// The run was interrupted before the slice of some target had ended; no other was missed.
    Undecided,
    /// The scenario has no targets.
    NoTargets,
}

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was met.
    Pass,
    /// It was missed; one for which there was nothing to measure is missed too.
    Fail,
    /// The run was interrupted before its slice of time had ended.
    Undecided,
}

/// What bound and measurement of a target are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetUnit {
    /// A number of things.
    Count,
    /// A part of a whole, 0 to 1.
    Share,
    /// Money, fen.
    Fen,
    /// Things per second.
    PerSecond,
    /// A length of time, s.
    Seconds,
    /// A moment, s since the opening of the window; without a measurement: it never came.
    SecondsAfterOpening,
}

impl From<Unit> for TargetUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Count => TargetUnit::Count,
            Unit::Share => TargetUnit::Share,
            Unit::Money => TargetUnit::Fen,
            Unit::Rate => TargetUnit::PerSecond,
            Unit::Duration => TargetUnit::Seconds,
            Unit::Moment => TargetUnit::SecondsAfterOpening,
        }
    }
}

/// A target with what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetResult {
    /// Name in the scenario.
    pub name: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What was measured, as the scenario names it: `p99.9`, `lost_share`.
    pub metric: String,
    /// The kind of thing that it was measured on: `service`, `category`, `brand`, `product`; absent: the whole platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its name; absent: the whole platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `<`, `<=`, `>`, `>=` or `=`.
    pub comparison: String,
    /// The bound.
    pub bound: f64,
    /// The measurement; absent: there was nothing to measure, or the moment never came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// What both are in.
    pub unit: TargetUnit,
    /// The window in which it was measured; absent: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Whether it was measured in a part of that window only.
    pub is_part: bool,
    /// Start of the stretch of time, Unix ms.
    pub from_unix_ms: i64,
    /// End of the stretch of time, Unix ms.
    pub until_unix_ms: i64,
    /// Start of the first recorded slot that broke the target: in which a sum passed its bound, or, for shares, means, peaks and
    /// levels, the value of the slot alone did. Absent where it was met, and where no single slot can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed_unix_ms: Option<i64>,
    /// Whether an earlier slot may have broken it: of slots that were played as another scenario only the median and the p99 are known,
    /// of which the next below counts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_at_latest: bool,
    /// Whether the run was interrupted before the number was complete; what it was by then decides.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_so_far: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What kind of figure was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishedFigure {
    /// GMV paid since the start of the run, fen.
    GmvPaidFen,
    /// Most orders created in one recorded slot, per second.
    PeakOrdersPerSecond,
    /// Brands that have been paid 100 million RMB since the start of the run.
    #[serde(rename = "brands_past_100m")]
    BrandsPast100m,
    /// Mean of the GMV paid in a stretch of time, fen per second.
    GmvPaidFenPerSecond,
    /// Mean of the orders created in a stretch of time, per second.
    OrdersPerSecond,
}

/// A published figure beside what was simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedResult {
    /// Name in the scenario.
    pub name: String,
    /// What it is.
    pub figure: PublishedFigure,
    /// The window that it is about; absent: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Up to when it is summed, or when the peak was published to have been, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_unix_ms: Option<i64>,
    /// The published value.
    pub published: f64,
    /// The simulated one; absent where the run did not come so far. A sum goes by evenly within a recorded slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<f64>,
    /// When that was, Unix ms: the start of the slot with the peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated_at_unix_ms: Option<i64>,
    /// By how much the simulated value is above the published one, relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// How far off the scenario lets it be.
    pub within: f64,
    /// By how many seconds the scenario lets a peak be early or late; absent where its time does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_time_s: Option<f64>,
    /// Where it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl PublishedResult {
    /// By how many seconds the simulated peak is later than the published one, where that is known of both.
    #[must_use]
    pub fn late_s(&self) -> Option<f64> {
        Some((self.simulated_at_unix_ms? - self.at_unix_ms?) as f64 / 1000.0)
    }

    /// Whether value and time are off by no more than they may.
    #[must_use]
    pub fn is_close(&self) -> bool {
        let in_time = self.within_time_s.is_none_or(|within| self.late_s().is_some_and(|late| late.abs() <= within));
        in_time && self.error.is_some_and(|error| error.abs() <= self.within)
    }
}

/// A time in which a degradation switch was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switched {
    /// The switch.
    pub switch: String,
    /// When it went on, Unix ms.
    pub on_unix_ms: i64,
    /// When it went off, Unix ms; absent: it was on at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_unix_ms: Option<i64>,
}

/// What a platform costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Hours in which a window is open, in seconds: what instances are paid for. Up to an interruption, if the costs are.
    pub seconds: u64,
    /// Of all services, fen.
    pub total_fen: u64,
    /// Of each service that states it, in order of the scenario.
    pub services: Vec<ServiceCost>,
}

/// What a service costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceCost {
    /// The service.
    pub service: String,
    /// Its instances over all cells; where they change, the most that there can be.
    pub instances: u64,
    /// How long instances were scheduled, or ordered by an autoscaler, while a window was open, added up, in seconds: what is paid for.
    pub instance_seconds: u64,
    /// What an instance costs for an hour, fen.
    pub per_hour_fen: u64,
    /// What all of them cost, fen.
    pub fen: u64,
}

/// An instant up to which a run was played as another scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// BLAKE3 of the resolved scenario that was played until then, hexadecimal, as in the manifest of its own run.
    pub scenario_blake3: String,
    /// The instant, Unix ms.
    pub at_unix_ms: i64,
}

/// Totals over a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Sessions begun.
    pub sessions: u64,
    /// Of those, sessions that a service's failure or the shopper's patience ended before they had a basket: what they would have
    /// wanted is in no other number.
    pub sessions_turned_away: u64,
    /// Purchase intents: basket lines put into baskets.
    pub intents: u64,
    /// Orders created (one per basket line whose stock was reserved).
    pub orders_created: u64,
    /// Orders paid.
    pub orders_paid: u64,
    /// Demand: money of all purchase intents, fen.
    pub demand_fen: u64,
    /// GMV ordered, fen: what is to pay for orders created, after coupons.
    pub gmv_ordered_fen: u64,
    /// GMV paid, fen: the headline.
    pub gmv_paid_fen: u64,
    /// Money of intents that ended in a failure of stock or platform (not: changed mind, still open), fen.
    pub lost_fen: u64,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSummary {
    /// Name in the scenario.
    pub name: String,
    /// Opening, Unix ms.
    pub opens_unix_ms: i64,
    /// Closing, Unix ms.
    pub closes_unix_ms: i64,
    /// Totals from its opening to the next opening or the end.
    pub total: Totals,
    /// Most orders created in one recorded slot, per second.
    pub peak_orders_per_second: f64,
    /// Start of that slot, Unix ms; `None` where nothing was ordered.
    pub peak_orders_unix_ms: Option<i64>,
    /// Most orders paid in one recorded slot, per second.
    pub peak_payments_per_second: f64,
    /// What became of those who came to its waiting room; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomSummary>,
}

/// A waiting room: sessions that came to it, and how long those waited who went in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomSummary {
    /// Sessions that came.
    pub came: u64,
    /// Of those, sessions that did not go in at once.
    pub waited: u64,
    /// Sessions that went in.
    pub admitted: u64,
    /// Sessions that ran out of patience.
    pub gave_up: u64,
    /// Sessions whose place expired.
    pub sent_away: u64,
    /// Sessions that were still there when the window closed.
    pub closed: u64,
    /// Sessions that were still there when the simulation ended.
    pub waiting: u64,
    /// Median wait of those who went in, ms; percentiles are those of a bucket less than 1 % wide.
    pub wait_ms_p50: u64,
    /// 90 %.
    pub wait_ms_p90: u64,
    /// 99 %.
    pub wait_ms_p99: u64,
    /// Longest.
    pub wait_ms_max: u64,
}

/// What an optimistic platform sold beyond its stock. The money is refunded and no part of GMV paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oversold {
    /// SKUs that were oversold; of a sample, those that were simulated.
    pub skus: u64,
    /// Orders (basket lines).
    pub orders: u64,
    /// Their units.
    pub units: u64,
    /// Their money, fen.
    pub fen: u64,
}

/// Basket lines that their cell refused as sold out, while at the start of the tick all simulated cells together had had their units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stranded {
    /// Lines.
    pub lines: u64,
    /// Their units.
    pub units: u64,
    /// Their money, without what a coupon takes off, fen.
    pub fen: u64,
}

/// Basket lines that were seen to be sold out, and what shoppers took instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Substituted {
    /// Lines exchanged.
    pub lines: u64,
    /// Their units, and those of what was taken instead.
    pub units: u64,
    /// Money of what was sold out, fen.
    pub fen: u64,
    /// Money of what was taken instead, fen; demand too.
    pub instead_fen: u64,
    /// Lines of what was taken instead that were paid.
    pub paid: u64,
    /// What was paid for them, fen; part of GMV paid.
    pub gmv_paid_fen: u64,
}

/// Requests to reserve a SKU beyond how often it can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HotRows {
    /// SKUs of which requests were rejected; of a sample, those that were simulated.
    pub skus: u64,
    /// Requests rejected (basket lines).
    pub requests_rejected: u64,
    /// Their units.
    pub units: u64,
    /// Their money, fen.
    pub fen: u64,
}

/// What became of the orders of a presale. Their money is GMV once the balance is paid, then all of it; a deposit alone never is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresaleSummary {
    /// The window in which deposits are paid.
    pub window: String,
    /// The window in which balances are paid.
    pub balances_in: String,
    /// From when on, Unix ms.
    pub balances_from_unix_ms: i64,
    /// Orders (basket lines) with a deposit.
    pub deposits: u64,
    /// Money of those deposits, fen.
    pub deposits_fen: u64,
    /// Of those orders, the ones whose balance was paid.
    pub balances: u64,
    /// Money of those balances, without the deposits, fen.
    pub balances_fen: u64,
    /// GMV of those orders, deposits and balances, fen.
    pub gmv_paid_fen: u64,
    /// Orders whose balance was not paid in time.
    pub forfeited: u64,
    /// Money of their deposits, fen.
    pub forfeited_fen: u64,
}

/// A stretch of time in which a service could not keep up: it rejected, worked at 95 % or more of its capacity, or let more than one
/// request in a thousand time out behind a queue, more than one in twenty without one. Gaps of up to a minute are bridged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saturation {
    /// The service.
    pub service: String,
    /// Start of the first such slot, Unix ms.
    pub from_unix_ms: i64,
    /// End of the last such slot, Unix ms.
    pub until_unix_ms: i64,
    /// Offered load over capacity in the worst slot: work brought by all requests, rejected ones included, per second and worker.
    /// While incidents slow work down, capacity is less; a service that slows down above so many requests a second has none for
    /// more. Null where there was no capacity at all; zero for a delay, which is here as its protection turned requests away.
    pub worst_offered_over_capacity: Option<f64>,
    /// The same over the whole stretch.
    pub offered_over_capacity: Option<f64>,
    /// Most requests waiting at once over all cells (sum of the cells' maxima within a slot).
    pub queue_max: u64,
    /// Requests rejected by the service itself, not because another failed that it called.
    pub rejected: u64,
    /// Requests whose client timed out while it waited for the service itself.
    pub timed_out: u64,
    /// Waiting places over all cells with which hardly any request would have been rejected, were the same requests offered: the
    /// longest queue together with the requests that had been rejected and could not have been served by then in idle time, slot
    /// by slot, in requests of mean work; nobody tries again who is accepted. An estimate for the platform as a whole: chance makes some cells need more than others.
    pub queue_needed: u64,
    /// Money of intents that rejections and time-outs of this service ended, or patience with it, from the start of this stretch to the start of its
    /// next one, fen: a shopper gives up some time after the failure.
    pub lost_fen: u64,
}

/// The conservation checks of a run; all differences are zero or the run has failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conservation {
    /// Sessions begun.
    pub sessions_begun: u64,
    /// Sessions ended.
    pub sessions_ended: u64,
    /// Sessions in flight at the end.
    pub sessions_in_flight: u64,
    /// Units in stock at the start.
    pub units_start: u64,
    /// Units that came in when later windows opened; absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_restocked: u64,
    /// Units paid for.
    pub units_sold: u64,
    /// Units held by unpaid orders at the end.
    pub units_held: u64,
    /// Units set aside for orders with a deposit at the end; absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_set_aside: u64,
    /// Units left.
    pub units_left: u64,
    /// SKUs for which start + restocked = sold + held + set aside + left does not hold; always zero in a valid result.
    pub skus_in_breach: u64,
    /// Whether, at every service, requests = answered + rejected + cancelled + still there; always so in a valid result.
    pub requests_add_up: bool,
    /// Money of all buckets of the ledger less the demand; always zero in a valid result.
    pub ledger_difference_fen: i64,
    /// GMV paid summed over SKUs less GMV paid summed over orders; always zero in a valid result.
    pub paid_difference_fen: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(units: &u64) -> bool {
    *units == 0
}

/// A table by columns; all columns have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name; units last (`gmv_paid_fen`); dotted for families (`service.order.queue_max`).
    pub name: String,
    /// The values.
    pub values: Values,
}

/// Values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Counts, money, times.
    Integer(Vec<i64>),
    /// Ratios.
    Real(Vec<f64>),
}

impl Table {
    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|c| c.name == name).map(|c| &c.values)
    }

    /// The integer column of this name; empty where there is none.
    #[must_use]
    pub fn integers(&self, name: &str) -> &[i64] {
        match self.column(name) {
            Some(Values::Integer(values)) => values,
            _ => &[],
        }
    }

    /// The real column of this name; empty where there is none.
    #[must_use]
    pub fn reals(&self, name: &str) -> &[f64] {
        match self.column(name) {
            Some(Values::Real(values)) => values,
            _ => &[],
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self.columns.first().map(|c| &c.values) {
            Some(Values::Integer(values)) => values.len(),
            Some(Values::Real(values)) => values.len(),
            None => 0,
        }
    }
}

/// What came of pages that shoppers submitted again as they took long. None of it is in any other number, but for the stock that
/// duplicate orders held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoubleSubmits {
    /// Pages submitted again.
    pub submits: u64,
    /// Of those, recognised by the platform once their calls had been answered. What is neither caught nor below failed.
    pub caught: u64,
    /// Duplicate orders (basket lines): their stock was held, and nobody paid.
    pub orders: u64,
    /// Their units.
    pub units: u64,
    /// Their money at the prices of their products, before coupons, fen.
    pub ordered_fen: u64,
    /// Orders (basket lines) paid once more.
    pub paid_again: u64,
    /// What was paid for them once more and has to be given back, fen.
    pub paid_again_fen: u64,
}

/// Calls of a hedged service: those that pages made one after the other, over the whole run. Their response times count from the
/// first copy to the first answer, as the page waits for it; those of the service are of each request, whoever waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HedgeSummary {
    /// The service.
    pub service: String,
    /// Calls that were answered.
    pub answered: u64,
    /// Second copies that were sent, of calls that failed too.
    pub sent: u64,
    /// Second copies that were answered first.
    pub won: u64,
    /// Mean response time of the calls, µs.
    pub response_us_mean: f64,
    /// Median response time, µs.
    pub response_us_p50: u64,
    /// 90th percentile, µs.
    pub response_us_p90: u64,
    /// 99th percentile, µs.
    pub response_us_p99: u64,
    /// 99.9th percentile, µs.
    pub response_us_p999: u64,
}

/// Little's law at a service (Little, "A proof for the queuing formula: L = λW", 1961): the mean number of requests there is their rate
/// times the mean time that they stay. The number is counted, in each recorded slot at one instant drawn at random; rate and time are
/// those of the requests. Stretches of at least thirty slots are looked at in which the service was not saturated and its rate
/// steady: every slot within a tenth, and what chance does, of the mean before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// The service.
    pub service: String,
    /// Steady stretches.
    pub stretches: u64,
    /// Of those, stretches whose residual is beyond its sampling error: one in twenty by chance.
    pub beyond: u64,
    /// Start of the worst of them by residual over sampling error, Unix ms. All that follows is of this one.
    pub from_unix_ms: i64,
    /// Its end, Unix ms.
    pub until_unix_ms: i64,
    /// Its slots.
    pub slots: u64,
    /// Mean of the numbers counted.
    pub number_mean: f64,
    /// Requests per second.
    pub requests_per_second: f64,
    /// Mean time that a request stayed, microseconds.
    pub stay_us_mean: f64,
    /// The mean number over rate times time, less one.
    pub residual: f64,
    /// How far off it may be in 95 of 100 runs, by the spread over fifteen parts of the stretch.
    pub sampling_error: f64,
}

/// A service in a window (from the window's opening to the next opening or the end).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRow {
    /// Service name.
    pub service: String,
    /// Window name.
    pub window: String,
    /// Workers over all cells, before anything changes; zero: a delay without queueing.
    pub workers: u64,
    /// Instances over all cells that stood while the window was open, on average.
    pub instances_mean: f64,
    /// Requests offered, retries included.
    pub requests: u64,
    /// Rejected: the queue was full, or they were turned away before it.
    pub rejected: u64,
    /// Of those, turned away by a limiter, or held back by their client's circuit breaker or throttle.
    pub limited: u64,
    /// The client gave up before the answer; the server worked on.
    pub timed_out: u64,
    /// Ended without an answer when nobody waited for it any more: taken back as the service says, dropped, or lost with an instance.
    pub cancelled: u64,
    /// Most requests per second in one slot.
    pub peak_requests_per_second: f64,
    /// Mean utilisation of workers while the window was open, 0 to 1.
    pub utilisation_mean: f64,
    /// Utilisation of the busiest slot, 0 to 1.
    pub utilisation_max: f64,
    /// Most requests waiting at once (sum over cells of maxima within a slot).
    pub queue_max: u64,
    /// Mean wait of accepted requests, microseconds.
    pub wait_us_mean: f64,
    /// Response-time percentiles (wait + service) of accepted requests, microseconds.
    pub response_us_p50: u64,
    /// 90 %.
    pub response_us_p90: u64,
    /// 99 %.
    pub response_us_p99: u64,
    /// 99.9 %.
    pub response_us_p999: u64,
    /// Longest.
    pub response_us_max: u64,
}

/// A brand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrandRow {
    /// Name; generated ones are called `brand-000123`.
    pub brand: String,
    /// Its category.
    pub category: String,
    /// Its SKUs.
    pub skus: u64,
    /// Its SKUs with nothing left at the end.
    pub skus_sold_out: u64,
    /// Units ordered.
    pub units_ordered: u64,
    /// Units paid.
    pub units_paid: u64,
    /// GMV ordered at the prices of its products, before coupons, fen.
    pub gmv_ordered_fen: u64,
    /// GMV paid, after coupons, fen.
    pub gmv_paid_fen: u64,
    /// When it had been paid a million RMB since the start of the run, Unix ms, to within a tick; empty: never.
    pub passed_1m_unix_ms: Option<i64>,
    /// The same in seconds since the opening of the window that was open or was open last.
    pub passed_1m_seconds: Option<f64>,
    /// When it had been paid 10 million RMB, Unix ms.
    pub passed_10m_unix_ms: Option<i64>,
    /// The same in seconds since the opening.
    pub passed_10m_seconds: Option<f64>,
    /// When it had been paid 100 million RMB, Unix ms.
    pub passed_100m_unix_ms: Option<i64>,
    /// The same in seconds since the opening.
    pub passed_100m_seconds: Option<f64>,
    /// When it had been paid a billion RMB, Unix ms.
    pub passed_1bn_unix_ms: Option<i64>,
    /// The same in seconds since the opening.
    pub passed_1bn_seconds: Option<f64>,
}

impl BrandRow {
    /// When it passed each of the [marks](crate::engine::brands::MARKS), Unix ms.
    #[must_use]
    pub fn passed_unix_ms(&self) -> [Option<i64>; 4] {
        [self.passed_1m_unix_ms, self.passed_10m_unix_ms, self.passed_100m_unix_ms, self.passed_1bn_unix_ms]
    }
}

impl Results {
    /// The brands that passed a mark (an index of the [marks](crate::engine::brands::MARKS)), first come first, with when, Unix ms.
    #[must_use]
    pub fn brands_past(&self, mark: usize) -> Vec<(i64, &str)> {
        let passed = |row: &'_ BrandRow| row.passed_unix_ms()[mark];
        let mut brands: Vec<(i64, &str)> =
            self.brands.iter().filter_map(|row| Some((passed(row)?, row.brand.as_str()))).collect();
        // Brands that passed in the same tick stay in the order of their GMV.
        brands.sort_by_key(|brand| brand.0);
        brands
    }
}

/// A product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductRow {
    /// Name; generated ones are called `sku-00001234`.
    pub product: String,
    /// Its category.
    pub category: String,
    /// Its brand; empty where it has none.
    pub brand: String,
    /// Price of a unit, fen.
    pub price_fen: u64,
    /// Units at the start.
    pub units_start: u64,
    /// Units that came in when later windows opened.
    pub units_restocked: u64,
    /// Units ordered.
    pub units_ordered: u64,
    /// Units paid.
    pub units_paid: u64,
    /// Units left.
    pub units_left: u64,
    /// GMV paid, fen.
    pub gmv_paid_fen: u64,
    /// When nothing was left for the first time, Unix ms, to within a tick; empty: never.
    pub sold_out_unix_ms: Option<i64>,
    /// Requests to reserve it that were rejected, as there were too many at a time (`inventory.hot`).
    pub requests_rejected: u64,
}

/// A channel in a window: what came of the sessions that took place there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRow {
    /// Channel.
    pub channel: String,
    /// Window in which the sessions took place; those that pay balances come to the one where that is done.
    pub window: String,
    /// Sessions begun.
    pub sessions: u64,
    /// Purchase intents.
    pub intents: u64,
    /// Orders created.
    pub orders_created: u64,
    /// Orders paid.
    pub orders_paid: u64,
    /// Money of all purchase intents, fen.
    pub demand_fen: u64,
    /// GMV ordered, fen.
    pub gmv_ordered_fen: u64,
    /// GMV paid, fen.
    pub gmv_paid_fen: u64,
}

/// A livestream: who watched, and what came of the basket lines that were of the products shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivestreamRow {
    /// Livestream.
    pub livestream: String,
    /// Its window. What was shown in a presale counts here, whenever its balance is paid.
    pub window: String,
    /// Sessions that watched.
    pub viewers: u64,
    /// Purchase intents that it brought.
    pub intents: u64,
    /// Of those, orders created.
    pub orders_created: u64,
    /// Of those, orders paid.
    pub orders_paid: u64,
    /// Money of those intents, fen.
    pub demand_fen: u64,
    /// GMV ordered, fen.
    pub gmv_ordered_fen: u64,
    /// GMV paid, fen.
    pub gmv_paid_fen: u64,
}

/// One bucket of the ledger, per window, segment and (where it has one) service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRow {
    /// Window in which the intents began: those of a presale stay in the presale's, though their balances are paid in a later one.
    pub window: String,
    /// Segment.
    pub segment: String,
    /// Where the intents ended.
    pub bucket: Bucket,
    /// The service that rejected, timed out, or was awaited when patience ran out: the first call of several without an answer. Empty
    /// for other buckets, and for patience that ended in a waiting room.
    pub service: String,
    /// Purchase intents (basket lines).
    pub intents: u64,
    /// Their units.
    pub units: u64,
    /// Their money, fen.
    pub money_fen: u64,
}

/// Where a purchase intent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Paid.
    Bought,
    /// Nothing was left of the product.
    SoldOut,
    /// The same, and the shopper took another product instead, which is an intent of its own.
    Substituted,
    /// Paid for when nothing was left any more, by an optimistic platform, which refunded it.
    Oversold,
    /// A service had no place in its queue, or its protection turned the request away; or the SKU was asked for too often.
    Rejected,
    /// A service did not answer in time.
    TimedOut,
    /// The shopper's patience ran out, or the time of the page.
    GaveUp,
    /// The platform refused: a degradation switch had closed the page.
    Refused,
    /// The bank declined.
    PaymentFailed,
    /// Ordered, never paid, hold expired.
    HoldExpired,
    /// Left with a basket, nothing had failed.
    ChangedMind,
    /// The window closed first.
    WindowClosed,
    /// No intent, only money: what coupons took off when orders were created.
    Coupon,
    /// The deposit was paid, the balance was not: nobody came, or left without paying, and nothing had failed.
    DepositForfeited,
    /// Not decided at the horizon.
    Open,
}

impl Bucket {
    /// All buckets, in the order of the tables.
    pub const ALL: [Bucket; 15] = [
        Bucket::Bought,
        Bucket::SoldOut,
        Bucket::Substituted,
        Bucket::Oversold,
        Bucket::Rejected,
        Bucket::TimedOut,
        Bucket::GaveUp,
        Bucket::Refused,
        Bucket::PaymentFailed,
        Bucket::HoldExpired,
        Bucket::ChangedMind,
        Bucket::WindowClosed,
        Bucket::Coupon,
        Bucket::DepositForfeited,
        Bucket::Open,
    ];

    /// Whether money in this bucket counts as lost: wanted, and stopped by stock, platform, bank or clock. What was substituted is not:
    /// the shopper went on with another intent, which is lost where that one is.
    #[must_use]
    pub fn is_lost(self) -> bool {
        !matches!(
            self,
            Bucket::Bought
                | Bucket::Substituted
                | Bucket::ChangedMind
                | Bucket::Coupon
                | Bucket::DepositForfeited
                | Bucket::Open
        )
    }

    /// Whether a scenario can fill this bucket: without a presale no deposit is forfeited, only an optimistic platform oversells, and
    /// substitutes are taken only with a substitution rate.
    #[must_use]
    pub fn exists(self, has_presales: bool, oversells: bool, substitutes: bool) -> bool {
        match self {
            Bucket::Substituted => substitutes,
            Bucket::DepositForfeited => has_presales,
            Bucket::Oversold => oversells,
            _ => true,
        }
    }

    /// The name used in files, `sold_out`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Bucket::Bought => "bought",
            Bucket::SoldOut => "sold_out",
            Bucket::Substituted => "substituted",
            Bucket::Oversold => "oversold",
            Bucket::Rejected => "rejected",
            Bucket::TimedOut => "timed_out",
            Bucket::GaveUp => "gave_up",
            Bucket::Refused => "refused",
            Bucket::PaymentFailed => "payment_failed",
            Bucket::HoldExpired => "hold_expired",
            Bucket::ChangedMind => "changed_mind",
            Bucket::WindowClosed => "window_closed",
            Bucket::Coupon => "coupon",
            Bucket::DepositForfeited => "deposit_forfeited",
            Bucket::Open => "open",
        }
    }
}

/// The columns of [`Results::series`], in one place for those who write them and those who read them.
pub mod series {
    /// Start of the slot, Unix ms.
    pub const TIME: &str = "time_unix_ms";
    /// Length of the slot, s.
    pub const SECONDS: &str = "seconds";
    /// One-based number of the window that is open or was open last.
    pub const WINDOW: &str = "window";
    /// Sessions begun.
    pub const SESSIONS: &str = "sessions_begun";
    /// Sessions in flight at the end of the slot.
    pub const IN_FLIGHT: &str = "sessions_in_flight";
    /// Orders created.
    pub const ORDERS: &str = "orders_created";
    /// Orders paid.
    pub const PAYMENTS: &str = "orders_paid";
    /// GMV ordered, fen.
    pub const GMV_ORDERED: &str = "gmv_ordered_fen";
    /// GMV paid, fen.
    pub const GMV_PAID: &str = "gmv_paid_fen";

    /// Orders (basket lines) with a deposit; this and the columns of presales below are there where a window has a presale.
    pub const DEPOSITS: &str = "presale.deposits";
    /// Money of deposits, fen.
    pub const DEPOSITS_FEN: &str = "presale.deposits_fen";
    /// Orders whose balance was paid.
    pub const BALANCES: &str = "presale.balances";
    /// Money of balances, without the deposits, fen.
    pub const BALANCES_FEN: &str = "presale.balances_fen";
    /// Money of deposits whose balance was not paid in time, fen.
    pub const FORFEITED_FEN: &str = "presale.forfeited_fen";

    /// A column of the waiting rooms, where there are any: sessions that `came`, were `admitted`, and `left` before their turn, and that
    /// were `waiting` at the end of the slot.
    #[must_use]
    pub fn room(what: &str) -> String {
        format!("room.{what}")
    }

    /// Money that ended in a bucket, fen.
    #[must_use]
    pub fn bucket(bucket: super::Bucket) -> String {
        format!("ledger.{}_fen", bucket.name())
    }

    /// A column of a service: `requests`, `rejected`, `limited`, `timed_out`, `cancelled`, `queue_max`, `queue_mean`, `utilisation`,
    /// `wait_us_mean`, `response_us_p50`, `response_us_p99`, `offered_over_capacity` (infinite where there was no capacity); where they change, `instances` that stood, on
    /// average. For Little's law: `present`, the requests there at one instant of the slot, drawn at random, and `stayed`, the mean number
    /// that their rate times their mean stay makes; both zero at a delay without servers.
    #[must_use]
    pub fn service(service: &str, what: &str) -> String {
        format!("service.{service}.{what}")
    }

    /// Brands that had been paid so much by the end of the slot, since the start of the run: 1, 10, 100 million, 1 billion RMB.
    pub const BRANDS_PAST: [&str; 4] = ["brands_past_1m", "brands_past_10m", "brands_past_100m", "brands_past_1bn"];

    /// A column of a category: `gmv_paid_fen`, paid in the slot; `units_left`, `skus_sold_out`, both at its end.
    #[must_use]
    pub fn category(category: &str, what: &str) -> String {
        format!("category.{category}.{what}")
    }

    /// A column of a channel, of what was begun, ordered and paid in the slot: `sessions_begun`, `orders_created`, `orders_paid`, `gmv_paid_fen`.
    #[must_use]
    pub fn channel(channel: &str, what: &str) -> String {
        format!("channel.{channel}.{what}")
    }

    /// Likewise of a livestream: the sessions of those who watch, the lines that it brought.
    #[must_use]
    pub fn livestream(livestream: &str, what: &str) -> String {
        format!("livestream.{livestream}.{what}")
    }

    /// Units left of a named product at the end of the slot.
    #[must_use]
    pub fn product_left(product: &str) -> String {
        format!("product.{product}.units_left")
    }
}
