//! The model: a plan compiled once into dense tables and samplers for the engine.

pub mod catalogue;
pub mod expectation;
pub mod intensity;
pub mod livestream;
pub mod popularity;
pub mod remapping;
pub mod sampler;

use crate::plan::inventory::{Inventory, Reserve};
use crate::plan::{self, Action, ByHistory, History, MAX_WINDOWS, Plan, ServiceId};
use crate::rng::{Draws, Name, Purpose};
use crate::target::{Percentile, ResponseSlice, response_percentiles, response_slices};
use crate::units::{Instant, Nanos};
use catalogue::{Catalogue, Sampling, Sku};
use expectation::{Expectation, ExpectedUnits};
use intensity::Cumulative;
use livestream::Livestreams;
use sampler::{Choice, CountSampler, MoneySampler, TimeSampler};

/// A shopper has bought in an earlier window.
pub const HAS_BOUGHT: u8 = 1;
/// A shopper has failed to buy in an earlier window.
pub const HAS_FAILED: u8 = 2;
/// A shopper has left an earlier window by choice; counts for those of whom neither of the others is true.
pub const HAS_DEFERRED: u8 = 4;
/// A shopper has come to the current window, or the last one; kept only where a history decides when its shopper comes.
pub const HAS_COME: u8 = 8;

/// Names the rounding of what the first incident of a service takes.
const FIRST_LOSS: u16 = 0x100;

/// A plan compiled for a run that simulates the first `simulated` of its cells.
#[derive(Clone, Debug)]
pub struct Model {
    /// All random draws.
    pub draws: Draws,
    /// Cells of the platform.
    pub cells: u32,
    /// Cells that are simulated.
    pub simulated: u32,
    /// Shoppers who exist, over all cells of the platform.
    pub shoppers: u64,
    /// Sale windows.
    pub windows: Vec<plan::Window>,
    /// Their waiting rooms.
    pub rooms: Vec<Option<Room>>,
    /// Presales, in order of time.
    pub presales: Vec<Presale>,
    /// What a session is about, by the number that it carries: windows from the first number up, balances of presales from the
    /// last one down.
    pub rounds: [Round; MAX_WINDOWS],
    /// What a shopper's history does to participation.
    pub memory: plan::Memory,
    /// Whether it decides when somebody comes, too.
    pub decides_when: bool,
    /// Whether it matters that a shopper has left by choice.
    pub knows_deferral: bool,
    /// Segments.
    pub segments: Vec<Segment>,
    /// Behaviour graphs.
    pub graphs: Vec<Graph>,
    /// Services.
    pub services: Vec<Service>,
    /// Degradation switches.
    pub switches: Vec<plan::switch::Switch>,
    /// What is on sale.
    pub catalogue: Option<Catalogue>,
    /// When and how stock is reserved.
    pub inventory: Inventory,
    /// How long orders keep their stock by what is in them, where that matters.
    pub holds: Option<Holds>,
    /// How vouchers are redeemed, by named product; empty where none is a voucher.
    pub vouchers: Vec<Option<Voucher>>,
    /// The coupon that every shopper has.
    pub coupon: Option<plan::Coupon>,
    /// Channels that sessions come by.
    pub channels: Option<Channels>,
    /// Livestreams.
    pub livestreams: Option<Livestreams>,
    /// Units of each category that merchants laid in stock for.
    pub stocked_for: ExpectedUnits,
    /// When payments fail.
    pub declines: Vec<plan::capacity::Declines>,
    /// Response times to record for targets, on top of those of windows.
    pub slices: Vec<ResponseSlice>,
    /// Percentiles of response times to record slot by slot.
    pub percentiles: Vec<(ServiceId, Percentile)>,
}

/// Channels that sessions come by.
#[derive(Clone, Debug)]
pub struct Channels {
    /// Which one.
    pub choice: Choice,
    /// Where their sessions begin, by channel and behaviour graph.
    pub entries: Vec<Vec<u8>>,
}

impl Channels {
    fn new(plan: &Plan) -> Option<Self> {
        let shares: Vec<f64> = plan.channels.iter().map(|channel| channel.share).collect();
        let entries = |channel: &plan::Channel| channel.entries.iter().map(|&state| state as u8).collect();
        let all = || Channels { choice: Choice::new(&shares), entries: plan.channels.iter().map(entries).collect() };
        (!shares.is_empty()).then(all)
    }
}

/// How long an unpaid order keeps its stock, by what is in it.
#[derive(Clone, Debug)]
pub struct Holds {
    /// Of named products.
    products: Vec<Nanos>,
    /// Of all others, by category.
    categories: Vec<Nanos>,
}

impl Holds {
    /// `None` where no category and no product says anything.
    fn new(plan: &Plan) -> Option<Self> {
        let goods = plan.catalogue.as_ref()?;
        let categories = goods.categories.iter().map(|category| category.hold);
        if categories.clone().chain(goods.products.iter().map(|product| product.hold)).all(|hold| hold.is_none()) {
            return None;
        }
        let categories: Vec<Nanos> = categories.map(|hold| hold.unwrap_or(plan.hold)).collect();
        let of = |product: &plan::Product| product.hold.unwrap_or(categories[product.category]);
        Some(Holds { products: goods.products.iter().map(of).collect(), categories })
    }

    /// That of a SKU.
    #[must_use]
    pub fn of(&self, catalogue: &Catalogue, sku: Sku) -> Nanos {
        let named = self.products.get(sku as usize).copied();
        named.unwrap_or_else(|| self.categories[catalogue.category_of(sku)])
    }
}

/// How a voucher is redeemed.
#[derive(Clone, Debug)]
pub struct Voucher {
    /// Probability that it ever is.
    pub redeemed: f64,
    /// How long after the payment.
    pub after: TimeSampler,
}

/// What a session is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The first instant at which nothing more can be ordered.
    pub closes: Instant,
    /// How long an unpaid order keeps its stock.
    pub hold: Nanos,
    /// When it has lost its stock at the latest: deposits are paid before balances can be.
    pub hold_ends: Instant,
    /// The window in which its intents are entered in the ledger: the one in which they began.
    pub window: u8,
    /// The window in which such sessions take place: where balances are paid, another than that of their ledger.
    pub held_in: u8,
    /// What is paid.
    pub pays: Pays,
    /// Which action takes the stock. A deposit is there to set it aside, so orders of a presale hold theirs whatever others do.
    pub reserve: Reserve,
}

/// What a session pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pays {
    /// Orders, at once.
    Orders,
    /// Deposits on orders of this presale.
    Deposits(u8),
    /// Balances of orders of this presale, which were made before.
    Balances(u8),
}

/// A window that takes deposits.
#[derive(Clone, Debug)]
pub struct Presale {
    /// The window.
    pub window: usize,
    /// Number of the sessions in which its balances are paid.
    pub number: u8,
    /// When those sessions come, since balances can be paid.
    pub cumulative: Cumulative,
    /// What the scenario says.
    pub terms: plan::Presale,
}

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Behaviour graph by the number of the session.
    graphs: [u16; MAX_WINDOWS],
    /// Share of the population up to and with this segment.
    pub share_until: f64,
    /// How it comes to each window.
    pub attendance: Vec<Option<Attendance>>,
    /// Lines of a basket.
    pub lines: CountSampler,
    /// Units of a line.
    pub units: CountSampler,
    /// The most spent on a basket.
    pub spend: Option<MoneySampler>,
    /// Longest wait for a page, and a bound that it never goes below.
    pub patience: Option<(TimeSampler, Nanos)>,
    /// Probability that another product is taken instead of one that is known to be sold out.
    pub substitution: f64,
    /// Category of a line.
    pub category: Choice,
}

/// How a segment comes to a window.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// Probability that a shopper without a history comes.
    pub participation: f64,
    /// The largest probability that any history gives: so many are invited, and each accepts by their own.
    pub invited: f64,
    /// Share of the invited that is there before the opening.
    pub early: f64,
    /// When the others come: the arrival patterns, the usual one first, each with the histories of those who come by it.
    pub patterns: Vec<(Cumulative, ByHistory<bool>)>,
}

/// A waiting room, over all cells.
#[derive(Clone, Debug)]
pub struct Room {
    /// Shoppers let in a second.
    pub per_second: u64,
    /// When a place expires, since it was taken.
    pub longest_wait: Option<Nanos>,
    /// How long a shopper waits before giving up.
    pub patience: Option<TimeSampler>,
    /// What becomes of the place of a shopper who has left.
    pub left_places: plan::LeftPlaces,
}

/// A behaviour graph.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Entry state.
    pub entry: u8,
    /// States.
    pub states: Vec<State>,
}

/// A call of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: u8,
    /// Calls that are made at once, from this one on: more than one where a page forks.
    pub at_once: u8,
    /// Whether it is sent a second time where it is not answered for long.
    pub is_hedged: bool,
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// Calls, in the order in which they are made.
    pub calls: Vec<Call>,
    /// How long the page may take to load.
    pub timeout: Option<Nanos>,
    /// What happens once the page has loaded.
    pub action: Option<Action>,
    /// Whether it may be submitted again.
    pub again: Option<plan::Again>,
    /// Think time.
    pub think: Option<TimeSampler>,
    /// Where to next.
    pub next: Transition,
    /// Where to after a failure.
    pub on_failure: Transition,
}

/// Where a shopper goes.
#[derive(Clone, Debug)]
pub struct Transition {
    choice: Choice,
    targets: Vec<Option<u8>>,
}

/// A service as its clients see it, and its workers.
#[derive(Clone, Debug)]
pub struct Service {
    /// Service time.
    pub time: TimeSampler,
    /// Services that it calls, while its worker is kept.
    pub calls: Vec<u8>,
    /// How long a client waits for an attempt.
    pub timeout: Option<Nanos>,
    /// Attempts and back-off.
    pub retry: plan::Retry,
    /// When a page sends an attempt a second time, since it was made.
    pub hedge: Option<Nanos>,
    /// The servers, over all cells.
    pub pool: Option<plan::Pool>,
    /// What stands between its clients and its queue, over all cells, and whether there is anything.
    pub protection: plan::protection::Protection,
    /// Whether there is any protection.
    pub is_protected: bool,
    /// What they do beyond first come, first served.
    pub desk: Option<plan::Desk>,
    /// Whether its clients are answered as soon as their requests have found a place.
    pub answers_on_acceptance: bool,
}

impl Model {
    /// Compiles a plan; `simulated` is at least one and at most the plan's cells.
    #[must_use]
    pub fn new(plan: &Plan, simulated: u32) -> Self {
        let expected = Expectation::new(plan).units(plan);
        Model::stocked_for(plan, simulated, expected)
    }

    /// Compiles a plan whose stock was laid in for another demand than its own.
    #[must_use]
    pub fn stocked_for(plan: &Plan, simulated: u32, units: ExpectedUnits) -> Self {
        let fraction = f64::from(simulated) / f64::from(plan.cells);
        let sampling = Sampling { fraction, keeps_all: plan.inventory.split.is_some() };
        let mut share_until = 0.0;
        let segments = plan
            .segments
            .iter()
            .map(|segment| {
                share_until += segment.share;
                Segment::new(plan, segment, share_until)
            })
            .collect();
        Model {
            draws: Draws::new(plan.seed),
            cells: plan.cells,
            simulated,
            shoppers: plan.shoppers,
            windows: plan.windows.clone(),
            rooms: plan.windows.iter().map(|window| window.room.as_ref().map(Room::new)).collect(),
            presales: presales(plan),
            rounds: rounds(plan),
            memory: plan.memory.clone(),
            knows_deferral: plan.knows_deferral(),
            decides_when: plan.attendances().any(|attendance| attendance.patterns().len() > 1),
            segments,
            graphs: plan.cbmgs.iter().map(|cbmg| Graph::new(plan, cbmg)).collect(),
            services: plan.services.iter().map(Service::new).collect(),
            switches: plan.switches.clone(),
            catalogue: plan.catalogue.as_ref().map(|goods| Catalogue::new(plan.seed, goods, sampling, &units)),
            inventory: plan.inventory,
            holds: Holds::new(plan),
            vouchers: vouchers(plan),
            coupon: plan.coupon,
            channels: Channels::new(plan),
            livestreams: Livestreams::new(plan),
            stocked_for: units,
            declines: plan.declines.clone(),
            slices: response_slices(&plan.targets),
            percentiles: response_percentiles(&plan.targets),
        }
    }

    /// The coupon that counts for sessions of a number: none in a presale.
    #[must_use]
    #[inline]
    pub fn coupon_in(&self, number: u8) -> Option<&plan::Coupon> {
        self.coupon.as_ref().filter(|_| self.rounds[usize::from(number)].pays == Pays::Orders)
    }

    /// Factor from what is simulated to the platform.
    #[must_use]
    pub fn scale(&self) -> u64 {
        u64::from(self.cells / self.simulated)
    }

    /// The waiting room that sessions of this number come to: none for those who pay a balance.
    #[must_use]
    #[inline]
    pub fn room(&self, session: u8) -> Option<&Room> {
        self.rooms.get(usize::from(session))?.as_ref()
    }

    /// How a SKU is redeemed, where it is a voucher.
    #[must_use]
    #[inline]
    pub fn voucher(&self, sku: Sku) -> Option<&Voucher> {
        self.vouchers.get(sku as usize)?.as_ref()
    }

    /// Whether any service is hedged.
    #[must_use]
    pub fn has_hedges(&self) -> bool {
        self.services.iter().any(|service| service.hedge.is_some())
    }

    /// Whether any window has a waiting room.
    #[must_use]
    pub fn has_rooms(&self) -> bool {
        self.rooms.iter().any(Option::is_some)
    }

    /// First shopper of a cell; shoppers are dealt out as evenly as whole numbers allow.
    #[must_use]
    pub fn first_shopper(&self, cell: u32) -> u64 {
        split(self.shoppers, cell, self.cells)
    }

    /// First shopper (within the cell) of a segment; with one past the last segment, the cell's shoppers.
    #[must_use]
    pub fn first_of_segment(&self, cell: u32, segment: usize) -> u32 {
        let shoppers = self.first_shopper(cell + 1) - self.first_shopper(cell);
        match segment.checked_sub(1) {
            None => 0,
            Some(before) if segment < self.segments.len() => {
                (shoppers as f64 * self.segments[before].share_until).round().min(shoppers as f64) as u32
            }
            Some(_) => shoppers as u32,
        }
    }

    /// The presale that has opened and whose balances are not due yet.
    #[must_use]
    pub fn presale_at(&self, now: Instant) -> Option<&Presale> {
        let ends = |presale: &Presale| self.windows[presale.terms.window].closes;
        self.presales.iter().find(|presale| self.windows[presale.window].opens < now && now < ends(presale))
    }

    /// The presale whose balances fall due at this instant: nothing of it is paid any more.
    #[must_use]
    pub fn presale_due(&self, at: Instant) -> Option<&Presale> {
        self.presales.iter().find(|presale| self.windows[presale.terms.window].closes == at)
    }

    /// Whether a shopper who was invited to a window comes, given their history ([`HAS_BOUGHT`], [`HAS_FAILED`],
    /// [`HAS_DEFERRED`]).
    #[must_use]
    pub fn accepts(&self, segment: usize, window: usize, shopper: u64, history: u8) -> bool {
        let Some(attendance) = &self.segments[segment].attendance[window] else { return false };
        let factor = match history_of(history) {
            History::Bought => self.memory.after_bought,
            History::Failed => self.memory.after_failed,
            History::Deferred => self.memory.after_deferred,
            History::None => 1.0,
        };
        let chance = (attendance.participation * factor).min(1.0);
        let name = Name { subject: shopper, session: window as u8, visit: 0, purpose: Purpose::Participation, item: 0 };
        chance >= attendance.invited || self.draws.stream(name).unit() * attendance.invited < chance
    }

    /// Instances of a service in a cell, before anything changes. A sampled run rounds its share at random, so that it is right on
    /// average whatever cell is drawn; the full run deals out whole instances.
    #[must_use]
    pub fn instances(&self, service: usize, cell: u32) -> u64 {
        self.services[service].pool.as_ref().map_or(0, |pool| self.instances_of(pool.instances, service, cell))
    }

    /// Instances of a service in a cell if there are so many over all cells: dealt out anew whenever their number changes.
    #[must_use]
    pub fn instances_of(&self, total: u64, service: usize, cell: u32) -> u64 {
        self.whole_share(total, service, cell, 1)
    }

    /// How many of a service's instances in a cell are lost to incidents from an instant on, if there are so many over all cells.
    #[must_use]
    pub fn lost_instances(&self, service: usize, cell: u32, at: Instant, total: u64) -> u64 {
        let Some(desk) = &self.services[service].desk else { return 0 };
        let lost = desk.capacity.losses(at, total);
        let lost: u64 = lost.map(|(number, lost)| self.part(lost, service, cell, FIRST_LOSS + number as u16)).sum();
        let all = self.instances_of(total, service, cell);
        let is_gone = desk.capacity.lost_cell(at).is_some_and(|loss| loss.cell == cell);
        if is_gone { all } else { lost.min(all) }
    }

    /// A cell's part of something in such small pieces that rounding does not matter.
    #[must_use]
    pub fn share(&self, total: u64, cell: u32) -> u64 {
        split(total, cell + 1, self.cells) - split(total, cell, self.cells)
    }

    /// A cell's part of what a service has of something that comes in whole pieces, one at least; `item` names the rounding.
    #[must_use]
    pub fn whole_share(&self, total: u64, service: usize, cell: u32, item: u16) -> u64 {
        let part = self.part(total, service, cell, item);
        if self.simulated == self.cells { part } else { part.max(1) }
    }

    /// The same where it may be none.
    fn part(&self, total: u64, service: usize, cell: u32, item: u16) -> u64 {
        if self.simulated == self.cells {
            return self.share(total, cell);
        }
        let name =
            Name { subject: u64::from(cell), session: 0, visit: service as u16, purpose: Purpose::Rounding, item };
        let share = total as f64 / f64::from(self.cells);
        share as u64 + u64::from(self.draws.stream(name).unit() < share.fract())
    }
}

/// Where part `index` of `parts` begins when `total` is dealt out as evenly as whole numbers allow.
/// What counts of a history ([`HAS_BOUGHT`], [`HAS_FAILED`], [`HAS_DEFERRED`]).
#[must_use]
pub fn history_of(history: u8) -> History {
    match history {
        h if h & HAS_BOUGHT != 0 => History::Bought,
        h if h & HAS_FAILED != 0 => History::Failed,
        h if h & HAS_DEFERRED != 0 => History::Deferred,
        _ => History::None,
    }
}

fn split(total: u64, index: u32, parts: u32) -> u64 {
    (u128::from(total) * u128::from(index) / u128::from(parts)) as u64
}

impl Segment {
    fn new(plan: &Plan, segment: &plan::Segment, share_until: f64) -> Self {
        let weights = plan.catalogue.as_ref().map_or(vec![1.0], |catalogue| segment.demand(catalogue));
        let attendance = |(window, attendance): (usize, &Option<plan::Attendance>)| {
            let attendance = attendance.as_ref()?;
            let length = plan.windows[window].closes - plan.windows[window].opens;
            let pattern = |(intensity, who): (usize, _)| (Cumulative::new(&plan.intensities[intensity], length), who);
            let factor = if window == 0 { 1.0 } else { plan.memory.most() };
            Some(Attendance {
                participation: attendance.participation,
                invited: (attendance.participation * factor).min(1.0),
                early: attendance.early,
                patterns: attendance.patterns().into_iter().map(pattern).collect(),
            })
        };
        let mut graphs = [segment.cbmg as u16; MAX_WINDOWS];
        for (number, (_, presale)) in balances().zip(plan.presales()) {
            graphs[usize::from(number)] = presale.cbmg as u16;
        }
        Segment {
            graphs,
            share_until,
            attendance: segment.attendance.iter().enumerate().map(attendance).collect(),
            lines: CountSampler::cut_off(&segment.lines, plan::MAX_LINES),
            units: CountSampler::new(&segment.units),
            spend: segment.spend.as_ref().map(MoneySampler::new),
            patience: segment.patience.as_ref().map(|patience| {
                let sampler = TimeSampler::new(patience);
                let least = Nanos(sampler.least());
                (sampler, least)
            }),
            substitution: segment.substitution,
            category: Choice::new(&weights),
        }
    }
}

impl Room {
    fn new(room: &plan::Room) -> Self {
        Room {
            per_second: room.per_second,
            longest_wait: room.longest_wait,
            patience: room.patience.as_ref().map(TimeSampler::new),
            left_places: room.left_places,
        }
    }
}

/// The numbers of sessions in which balances are paid, of the first presale and on.
fn balances() -> impl Iterator<Item = u8> {
    (0..MAX_WINDOWS as u8).rev()
}

fn presales(plan: &Plan) -> Vec<Presale> {
    let presale = |(number, (window, terms)): (u8, (usize, &plan::Presale))| Presale {
        window,
        number,
        cumulative: Cumulative::new(
            &plan.intensities[terms.intensity],
            plan.windows[terms.window].closes - terms.opens,
        ),
        terms: terms.clone(),
    };
    balances().zip(plan.presales()).map(presale).collect()
}

fn vouchers(plan: &Plan) -> Vec<Option<Voucher>> {
    let products = plan.catalogue.as_ref().map_or(&[][..], |catalogue| &catalogue.products);
    let compile = |of: &plan::Voucher| Voucher { redeemed: of.redeemed, after: TimeSampler::new(&of.after) };
    let all: Vec<Option<Voucher>> = products.iter().map(|product| product.voucher.as_ref().map(compile)).collect();
    if all.iter().any(Option::is_some) { all } else { Vec::new() }
}

fn rounds(plan: &Plan) -> [Round; MAX_WINDOWS] {
    let hold_ends = Instant(u64::MAX);
    let (closes, reserve) = (Instant(0), plan.inventory.reserve);
    let unused = Round { closes, hold: plan.hold, hold_ends, window: 0, held_in: 0, pays: Pays::Orders, reserve };
    let mut rounds = [unused; MAX_WINDOWS];
    for (id, window) in plan.windows.iter().enumerate() {
        rounds[id] = Round { closes: window.closes, window: id as u8, held_in: id as u8, ..unused };
    }
    for (id, (number, (window, presale))) in (0..).zip(balances().zip(plan.presales())) {
        rounds[window].hold = presale.hold;
        rounds[window].hold_ends = presale.opens;
        rounds[window].pays = Pays::Deposits(id);
        rounds[window].reserve = Reserve::Order;
        let (closes, held_in) = (plan.windows[presale.window].closes, presale.window as u8);
        let (window, pays, reserve) = (window as u8, Pays::Balances(id), Reserve::Order);
        rounds[usize::from(number)] = Round { closes, window, held_in, pays, reserve, ..unused };
    }
    rounds
}

impl Segment {
    /// The behaviour graph of a session of this number.
    #[must_use]
    #[inline]
    pub fn graph(&self, session: u8) -> usize {
        usize::from(self.graphs[usize::from(session % MAX_WINDOWS as u8)])
    }
}

impl Graph {
    fn new(plan: &Plan, cbmg: &plan::Cbmg) -> Self {
        let state = |state: &plan::State| State {
            calls: state
                .calls_by_step()
                .flat_map(|services| {
                    services.iter().enumerate().map(move |(position, &service)| Call {
                        service: service as u8,
                        at_once: if position == 0 { services.len() as u8 } else { 1 },
                        is_hedged: services.len() == 1 && plan.services[service].hedge.is_some(),
                    })
                })
                .collect(),
            timeout: state.timeout,
            action: state.action,
            again: state.again,
            think: state.think.as_ref().map(TimeSampler::new),
            next: Transition::new(&state.next),
            on_failure: Transition::new(&state.on_failure),
        };
        Graph { entry: cbmg.entry as u8, states: cbmg.states.iter().map(state).collect() }
    }
}

impl Transition {
    fn new(targets: &[(Option<usize>, f64)]) -> Self {
        let weights: Vec<f64> = targets.iter().map(|&(_, probability)| probability).collect();
        Transition {
            choice: Choice::new(&weights),
            targets: targets.iter().map(|&(target, _)| target.map(|state| state as u8)).collect(),
        }
    }

    /// The only target, if there is just one: then nothing need be drawn.
    #[must_use]
    #[inline]
    pub fn certain(&self) -> Option<Option<u8>> {
        if let [only] = self.targets[..] { Some(only) } else { None }
    }

    /// The target at `u`, uniform on [0, 1); `None` is the exit.
    #[must_use]
    #[inline]
    pub fn target(&self, u: f64) -> Option<u8> {
        self.targets[self.choice.pick(u)]
    }
}

impl Service {
    fn new(service: &plan::Service) -> Self {
        Service {
            time: TimeSampler::new(&service.service_time),
            calls: service.calls.iter().map(|&called| called as u8).collect(),
            timeout: service.timeout,
            retry: service.retry.clone(),
            hedge: service.hedge,
            pool: service.pool.clone(),
            protection: service.protection.clone(),
            is_protected: service.protection.is_some(),
            desk: service.desk.clone(),
            answers_on_acceptance: service.answers == plan::Answers::OnAcceptance,
        }
    }

    /// What decides about the number of its instances, if anything does.
    #[must_use]
    pub fn autoscaler(&self) -> Option<&plan::capacity::Autoscaler> {
        self.desk.as_ref()?.capacity.autoscaler.as_ref()
    }

    /// Most instances over all cells that there can be at any time.
    #[must_use]
    pub fn most_instances(&self) -> u64 {
        let (Some(pool), Some(desk)) = (&self.pool, &self.desk) else { return 0 };
        desk.capacity.most(pool.instances)
    }

    /// The wait before attempt `attempt + 2`, jittered by `u` of the attempts so far, each uniform on [0, 1).
    #[must_use]
    pub fn backoff(&self, attempt: u8, u: impl Fn(u8) -> f64) -> Nanos {
        let (base, cap) = (self.retry.backoff.0 as f64, self.retry.cap.0 as f64);
        let wait = (base * self.retry.multiplier.powi(i32::from(attempt))).min(cap);
        Nanos(match self.retry.jitter {
            plan::Jitter::None => wait,
            plan::Jitter::Equal => wait / 2.0 * (1.0 + u(attempt)),
            plan::Jitter::Full => wait * u(attempt),
            // Each wait stems from the one before, so all of them are drawn again: nobody has to keep the last.
            plan::Jitter::Decorrelated => {
                (0..=attempt).fold(base, |wait, attempt| (base + (3.0 * wait - base) * u(attempt)).min(cap))
            }
        } as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Jitter, Retry, TimeDistribution};

    /// The recurrence of "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): sleep = min(cap, uniform(base, 3 sleep)),
    /// where the first sleep before is the base.
    #[test]
    fn decorrelated_waits_stem_from_the_wait_before() {
        let (backoff, cap) = (Nanos(100), Nanos(1000));
        let service = Service::new(&plan::Service {
            name: "order".into(),
            pool: None,
            service_time: TimeDistribution::Deterministic(Nanos(1)),
            calls: Vec::new(),
            timeout: None,
            retry: Retry { attempts: 5, backoff, multiplier: 2.0, cap, jitter: Jitter::Decorrelated },
            hedge: None,
            cost: None,
            protection: plan::protection::Protection::default(),
            desk: None,
            answers: plan::Answers::WhenDone,
        });
        let waits = |u: f64| [0, 1, 2, 3].map(|attempt| service.backoff(attempt, |_| u).0);
        assert_eq!(waits(0.0), [100; 4]);
        assert_eq!(waits(0.5), [200, 350, 575, 912]);
        assert_eq!(
            waits(1.0 - 1e-12).map(|wait| wait + 1),
            [300, 900, 1001, 1001],
            "all but three times, up to the cap"
        );
        // Each attempt has a draw of its own.
        assert_eq!(service.backoff(1, |attempt| f64::from(attempt) / 2.0).0, 200);
    }
}
