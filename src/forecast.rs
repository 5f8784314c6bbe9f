//! What a plan is expected to ask of the platform, computed in moments and without a single random draw, but for the baskets that
//! spending limits and a coupon are tried on: the same ones whatever the seed.
//!
//! A *fluid approximation*: shoppers are a liquid that flows through the states of their behaviour graph, each state an
//! infinite-server station with exponential stays of the right mean (think time and the service times of its calls). Arrivals
//! are the scenario's own intensities, numbers of sessions those of [`Expectation`]. Nothing queues, fails, retries or sells out,
//! so what comes out is the load that the platform would have to carry to serve everyone: where it exceeds the capacity, the
//! service cannot keep up, and retries only make it worse. Of services one behind the other, each is judged as if those before it
//! could keep up. Capacity is that of all workers, whatever the discipline and wherever requests wait; what is dropped or cancelled is
//! counted as if it were served. A service that calls others keeps its workers for as long as those work, but not for as long as they let
//! it wait. It follows a schedule of instances, and the rule of an autoscaler.
//!
//! What the scenario itself holds back, it holds back here: a waiting room lets shoppers in at its rate, a limit rejects what it does
//! not let through, and their pages fail. What is known beforehand is reckoned at its time: incidents, and switches that the clock turns.
//! Above the rate that slows it down, a service takes as much longer as it says.
//!
//! For Poisson arrivals and stays that are indeed exponential, the flow is the exact mean of the M/M/∞ network (Massey and Whitt,
//! "Networks of infinite-server queues with nonstationary Poisson input", 1993); for other stays the totals are exact and only the
//! times of peaks move a little.

mod baskets;
mod demand;
mod flow;
mod fluid;
mod gates;
mod grid;
mod load;
mod room;
mod scaling;

use crate::model::expectation::Expectation;
use crate::plan::{Action, Plan, State};
use crate::units::Nanos;
use flow::Flow;
use serde::Serialize;

/// Memory of a run without shoppers or goods: the program and its tables; bytes.
pub const BASE_BYTES: f64 = 10e6;
/// Memory per recorded row and service, in the record and again in the table that is made of it; bytes.
pub const BYTES_PER_ROW_AND_SERVICE: f64 = 350.0;
/// Memory per SKU: stock, price, counts of sales, time of the sell-out; bytes.
pub const BYTES_PER_SKU: f64 = 20.0;
/// Memory per SKU and cell where each cell has its own part of the stock; bytes.
pub const BYTES_PER_SKU_AND_CELL: f64 = 4.0;
/// Memory per SKU where it is known late that it is sold out; bytes.
pub const BYTES_PER_SKU_OF_FLAG: f64 = 8.0;
/// Memory per SKU where it can be oversold; bytes.
pub const BYTES_PER_SKU_OVERSOLD: f64 = 4.0;
/// More of them where stock comes in later than at the start.
const BYTES_PER_SUPPLIED_SKU: f64 = 4.0;
/// Memory per shopper where history carries over from window to window, and again where there are presales; bytes.
pub const BYTES_PER_SHOPPER: f64 = 1.0;
/// Memory per session in flight: its state in the event list, whose chunks are part empty, and its basket; bytes.
pub const BYTES_PER_SESSION: f64 = 75.0;
/// Memory per request at a service that is played event by event, on top of that of its session: the request, and the turns that it
/// waits for; bytes.
pub const BYTES_PER_REQUEST_AT_DESK: f64 = 200.0;
/// Memory per cell: chunks of the event list that are part empty; bytes.
pub const BYTES_PER_CELL: f64 = 180_000.0;
/// Most of that per session in flight: where there are so few in a cell, each has a chunk for itself; bytes.
pub const BYTES_PER_LONELY_SESSION: f64 = 1100.0;
/// Work per event on one core, nanoseconds: the 535 s that the flagship took for its first 1.38 bn events, half of it waiting for
/// memory.
pub const NANOS_PER_EVENT: f64 = 390.0;
/// The utilisation at the peak for which [`ServiceForecast::instances_suggested`] is computed: a fifth is left for what a mean
/// does not show.
pub const TARGET_UTILISATION: f64 = 0.8;

/// What a plan is expected to bring, if nothing fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Sessions.
    pub sessions: f64,
    /// Pages visited.
    pub visits: f64,
    /// Requests of all services.
    pub requests: f64,
    /// Orders created: basket lines that reach a checkout.
    pub orders: f64,
    /// GMV ordered, fen: mean price times mean units of the lines, as spending limits and a coupon leave them. Stock and what
    /// livestreams show are not considered.
    pub gmv_ordered_fen: f64,
    /// GMV paid, fen: the same, less what visits no payment page or is declined there.
    pub gmv_paid_fen: f64,
    /// What a coupon takes off orders, fen.
    pub coupon_fen: f64,
    /// Events to simulate; see [`events_of_state`].
    pub events: f64,
    /// Memory to simulate the whole platform, bytes.
    pub memory_bytes: f64,
    /// Time to simulate the whole platform on one core, seconds.
    pub core_seconds: f64,
    /// Each window, in order of time.
    pub windows: Vec<WindowForecast>,
    /// Named products whose expected demand exceeds their stock, in order of the scenario.
    pub short: Vec<ShortProduct>,
}

/// What a window is expected to bring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowForecast {
    /// Name in the scenario.
    pub window: String,
    /// Opening, Unix ms.
    pub opens_unix_ms: i64,
    /// Closing, Unix ms.
    pub closes_unix_ms: i64,
    /// Sessions that begin.
    pub sessions: f64,
    /// Orders created before the closing.
    pub orders: f64,
    /// Most sessions beginning per second.
    pub peak_sessions: Peak,
    /// Most sessions in flight.
    pub peak_in_flight: Peak,
    /// Most orders created per second.
    pub peak_orders: Peak,
    /// How the crowd passes through the waiting room; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomForecast>,
    /// Each service, in order of the scenario.
    pub services: Vec<ServiceForecast>,
}

/// The largest value over a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// The value.
    pub value: f64,
    /// Start of the slot that has it, Unix ms.
    pub at_unix_ms: i64,
}

/// What a window asks of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceForecast {
    /// Name in the scenario.
    pub service: String,
    /// Instances over all cells; where a schedule or an autoscaler changes them, those of the time at which they have most to do each. `None`: a delay
    /// without queueing, which cannot be overloaded.
    pub instances: Option<u64>,
    /// Attempts that a client makes; all but the first come on top of what is forecast here.
    pub attempts: u32,
    /// Workers over all cells.
    pub workers: Option<u64>,
    /// Requests over the window, one attempt each, those included that do not get through to it.
    pub requests: f64,
    /// Most requests per second.
    pub peak_requests: Peak,
    /// Most offered load, erlangs: requests that get through per second times mean service time (with that of the services which it
    /// calls), the workers that would be busy.
    pub peak_offered_erlangs: f64,
    /// Offered load over the workers there are, where that is most.
    pub peak_offered_over_capacity: Option<f64>,
    /// Mean share of workers busy while the window is open, 0 to 1.
    pub utilisation_mean: Option<f64>,
    /// When more is offered than the workers can do; `None`: never.
    pub overload: Option<Overload>,
    /// Instances at which the peak is [`TARGET_UTILISATION`] of the capacity.
    pub instances_suggested: Option<u64>,
    /// When its limits let less through than is asked; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<Limited>,
    /// When so much is asked that it is slower for it; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowed: Option<Overload>,
    /// Incidents while which more is offered than can be done; all that stands above is as if there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Disturbed>,
}

/// A limit that binds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limited {
    /// Requests that it lets through a second, in the long run.
    pub per_second: f64,
    /// Start of the first slot in which it rejects, Unix ms.
    pub from_unix_ms: i64,
    /// End of the last, Unix ms.
    pub until_unix_ms: i64,
    /// Length of all such slots, seconds.
    pub seconds: f64,
    /// Share of the requests that is rejected in the worst of them.
    pub rejected_share_peak: f64,
    /// Requests rejected, one attempt each.
    pub rejected: f64,
}

/// What an incident does to a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disturbed {
    /// Name in the scenario.
    pub incident: String,
    /// Offered load over the workers that are left, at their speed then, where that is most of what they do any work in; `None`: they do
    /// nothing at all.
    pub peak_offered_over_capacity: Option<f64>,
    /// When more is offered than they can do.
    pub overload: Overload,
    /// For how long of that they do nothing at all, seconds.
    pub idle_seconds: f64,
}

/// How a crowd passes through a waiting room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RoomForecast {
    /// Sessions let in a second.
    pub per_second: f64,
    /// Sessions that come.
    pub came: f64,
    /// Of those, sessions that go in.
    pub admitted: f64,
    /// Longest wait of those who go in, seconds.
    pub wait_seconds_max: f64,
    /// From when those come who are the first to wait for more than a second, or to leave, until the last of those go in.
    pub crowded: Option<Overload>,
}

/// A time of more offered load than capacity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overload {
    /// Start of the first such slot, Unix ms: when the service begins to bind.
    pub from_unix_ms: i64,
    /// End of the last such slot, Unix ms.
    pub until_unix_ms: i64,
    /// Length of all such slots, seconds; less than from `from` to `until` where the load fell in between.
    pub seconds: f64,
}

/// A named product that is expected to sell out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShortProduct {
    /// Name in the scenario.
    pub product: String,
    /// Units that reach a checkout.
    pub units_wanted: f64,
    /// Units in stock at the start.
    pub units_start: u64,
}

impl Forecast {
    /// Memory to simulate so many cells of the plan, bytes. Of goods that lie in the cells a sample knows every SKU.
    #[must_use]
    pub fn bytes_of_sample(&self, plan: &Plan, simulated_cells: u32) -> f64 {
        let share = f64::from(simulated_cells) / f64::from(plan.cells);
        let others = plan.inventory.split.map_or(0.0, |_| skus(plan) * bytes_per_sku(plan) * (1.0 - share));
        self.memory_bytes * share + others
    }

    /// The forecast of `plan`: a pure function, milliseconds to seconds of work.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let expectation = Expectation::new(plan);
        let baskets = baskets::effects(plan);
        let flow = |window| Flow::new(plan, &expectation, &baskets, window);
        let flows: Vec<Flow> = (0..plan.windows.len()).map(flow).collect();
        let scaled = scaling::all(plan, &flows);
        let windows: Vec<WindowForecast> = flows.iter().map(|flow| load::of_window(plan, flow, &scaled)).collect();
        let demand = demand::Demand::new(plan, &expectation, &baskets);
        let per_session = |weight: &dyn Fn(&State) -> f64| -> f64 {
            plan.segments
                .iter()
                .zip(&expectation.sessions)
                .map(|(segment, sessions)| {
                    let states = plan.cbmgs[segment.cbmg].states.iter().zip(&expectation.visits[segment.cbmg]);
                    sessions.iter().sum::<f64>() * states.map(|(state, v)| v * weight(state)).sum::<f64>()
                })
                .sum()
        };
        // Those who come to pay a balance behave as their presale says.
        let per_session = |weight: &dyn Fn(&State) -> f64| -> f64 {
            let paying = plan.presales().zip(&expectation.balances).map(|((_, presale), (sessions, _))| {
                let states = plan.cbmgs[presale.cbmg].states.iter().zip(&expectation.visits[presale.cbmg]);
                sessions * states.map(|(state, v)| v * weight(state)).sum::<f64>()
            });
            per_session(weight) + paying.sum::<f64>()
        };
        let paying: f64 = expectation.balances.iter().map(|(sessions, _)| sessions).sum();
        let sessions = expectation.sessions.iter().flatten().sum::<f64>() + paying;
        let events = sessions + per_session(&|state| events_of_state(plan, state));
        Forecast {
            sessions,
            visits: per_session(&|_| 1.0),
            requests: per_session(&|state| {
                state.calls.iter().map(|&service| plan.requests_within(service).iter().sum::<f64>()).sum()
            }),
            orders: demand.orders,
            gmv_ordered_fen: demand.gmv_ordered_fen,
            gmv_paid_fen: demand.gmv_paid_fen,
            coupon_fen: demand.coupon_fen,
            events,
            memory_bytes: memory(plan, &windows),
            core_seconds: events * NANOS_PER_EVENT / 1e9,
            short: demand.short,
            windows,
        }
    }
}

/// Events that a visit of `state` makes in the engine: one per call (its completion) or set of calls that are made at once, one where
/// there is no call (the end of the think time), and one more where orders are reserved or paid, which wait for the end of a tick, or
/// where the last call is answered at a desk or among others, so that its answer and the end of the think time are two events. Where
/// payments ask for no stock, they add one more: all of them wait for the end of the tick. A session adds one, its arrival.
#[must_use]
pub fn events_of_state(plan: &Plan, state: &State) -> f64 {
    let settles = matches!(state.action, Some(Action::Reserve | Action::Pay { .. }));
    let waits_for_exchange = plan.inventory.oversells() && matches!(state.action, Some(Action::Pay { .. }));
    let is_at_desk = |&service: &usize| plan.services[service].desk.is_some();
    let answers = state.calls_by_step().last().is_some_and(|last| last.len() > 1 || last.iter().any(is_at_desk));
    let more = u8::from(settles || answers) + u8::from(waits_for_exchange);
    state.steps.len().max(1) as f64 + f64::from(more)
}

fn skus(plan: &Plan) -> f64 {
    plan.catalogue.as_ref().map_or(0.0, |c| c.skus as f64 + c.products.len() as f64)
}

/// What a run knows of each SKU, but for what lies in its cells.
fn bytes_per_sku(plan: &Plan) -> f64 {
    let of = |is: bool, bytes: f64| if is { bytes } else { 0.0 };
    BYTES_PER_SKU
        + of(plan.inventory.flag_delay > Nanos(0), BYTES_PER_SKU_OF_FLAG)
        + of(plan.inventory.oversells(), BYTES_PER_SKU_OVERSOLD)
        + of(plan.catalogue.as_ref().is_some_and(|catalogue| catalogue.supply.is_some()), BYTES_PER_SUPPLIED_SKU)
}

/// Memory of a run, bytes.
fn memory(plan: &Plan, windows: &[WindowForecast]) -> f64 {
    let skus = skus(plan);
    let remembered = u8::from(plan.windows.len() > 1) + u8::from(plan.presales().next().is_some());
    let in_flight = windows.iter().map(|w| w.peak_in_flight.value).fold(0.0, f64::max);
    let rows = crate::engine::schedule::slots(plan).len() as f64;
    let columns = plan.services.len() as f64 + 2.0;
    let of_cells = plan.inventory.split.map_or(0.0, |_| BYTES_PER_SKU_AND_CELL * f64::from(plan.cells));
    let at_desks = |window: &WindowForecast| -> f64 {
        let services = window.services.iter().zip(&plan.services).filter(|(_, service)| service.desk.is_some());
        services.map(|(forecast, _)| forecast.peak_offered_erlangs).sum()
    };
    let at_desks = windows.iter().map(at_desks).fold(0.0, f64::max);
    BASE_BYTES
        + rows * columns * BYTES_PER_ROW_AND_SERVICE
        + skus * (bytes_per_sku(plan) + of_cells)
        + f64::from(remembered) * plan.shoppers as f64 * BYTES_PER_SHOPPER
        + in_flight * BYTES_PER_SESSION
        + (f64::from(plan.cells) * BYTES_PER_CELL).min(in_flight * BYTES_PER_LONELY_SESSION)
        + at_desks.min(in_flight) * BYTES_PER_REQUEST_AT_DESK
}
