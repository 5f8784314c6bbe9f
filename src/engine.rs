//! The engine: plays a plan, cell by cell and tick by tick, on any number of threads with the same outcome.

pub mod admission;
pub mod again;
pub mod arrivals;
mod audience;
pub mod basket;
pub mod brands;
pub mod cell;
pub mod desk;
pub mod event_list;
mod free_places;
pub mod hot;
mod order;
pub mod permutation;
pub mod portion;
mod presale;
pub mod room;
pub mod scaler;
pub mod schedule;
pub mod session;
pub mod snapshot;
pub mod station;
pub mod stock;
mod substitution;
pub mod switches;
mod visit;
mod voucher;
mod wish;

use crate::model::catalogue::Sku;
use crate::model::{Model, Pays};
use crate::plan::Plan;
use crate::recorder::outcome::{self, Ending};
use crate::recorder::{Recorder, Tally};
use crate::results::{Conservation, Fork, Results};
use crate::units::{Fen, Instant};
use arrivals::Slice;
use basket::sum;
use cell::{Cell, Player, Waiting, Workspace};
use portion::Portion;
use rayon::prelude::*;
use scaler::{Scaler, Seen};
use schedule::{ExpectedArrivals, Slot};
use session::{Cause, Phase};
use snapshot::{SnapshotError, Start};
use std::ops::ControlFlow;
use std::path::Path;
use stock::{Grant, Outbox, Stock};
use switches::{Effects, Switches};

/// Events below which a tick is played on one thread: waking the others would cost more than the work.
const EVENTS_TO_SHARE: u64 = 1000;
/// Groups of cells per thread: enough to even out uneven cells, few enough that summing their tallies costs little.
const GROUPS_PER_THREAD: usize = 2;

/// How to run a plan. Neither number changes what a cell does, and `threads` changes no result at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Cells to simulate: a divisor of the plan's cells. Fewer than all make a sample, scaled up in the results.
    pub simulated_cells: u32,
    /// Threads to use; zero: as many as there are cores.
    pub threads: usize,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Simulated time.
    pub now: Instant,
    /// Share of the expected arrivals that have been played, 0 to 1.
    pub done: f64,
    /// Events played.
    pub events: u64,
    /// Sessions in flight (not scaled up).
    pub in_flight: u64,
    /// GMV paid, scaled up.
    pub gmv_paid: Fen,
}

/// A conservation law was broken: a bug of the engine. No results are given out.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach(pub Conservation);

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a conservation law was broken, which is a bug of saleload, not of the scenario: {:?}", self.0)
    }
}

impl std::error::Error for Breach {}

/// Some cells that one thread plays after the other, with what they have to tell.
struct Group {
    cells: Vec<Cell>,
    tally: Tally,
    outbox: Outbox,
    space: Workspace,
}

/// A run in progress, between two ticks. It owns everything that it changes.
struct Run {
    model: Model,
    stock: Stock,
    groups: Vec<Group>,
    recorder: Recorder,
    scalers: Vec<Scaler>,
    switches: Switches,
    /// What those switches do that are on.
    effects: Option<Effects>,
    /// Events of the tick before.
    last_events: u64,
    /// Up to when it was played.
    now: Instant,
    /// Where its past was played as other scenarios.
    forks: Vec<Fork>,
}

/// The end of a tick, at which a run can be looked at, kept, and broken off.
pub struct Pause<'a> {
    run: &'a mut Run,
    expected: &'a ExpectedArrivals,
}

impl Pause<'_> {
    /// How far the run has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.run.progress(self.expected.share_until(self.run.now))
    }

    /// Up to when it has been played.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.run.now
    }

    /// Writes a snapshot of the run to `path`; `scenario` is what it plays, resolved. The length of the file.
    ///
    /// # Errors
    /// Where the disk does not take it. What was at `path` before stays.
    pub fn write_snapshot(&mut self, scenario: &str, path: &Path) -> Result<u64, SnapshotError> {
        snapshot::write(self.run, scenario, path)
    }
}

/// Plays a plan to its horizon, or until `watch` breaks off. `watch` is called at the end of every tick.
///
/// # Errors
/// [`Breach`] if a conservation law does not hold at the end.
///
/// # Panics
/// If `simulated_cells` does not divide the plan's cells, or the thread pool cannot be started.
pub fn run(
    plan: &Plan,
    options: &Options,
    watch: &mut (dyn FnMut(&mut Pause<'_>) -> ControlFlow<()> + Send),
) -> Result<Results, Breach> {
    let ready = begin(plan, options, None).expect("a run from the start needs no snapshot");
    ready.play(plan, watch)
}

/// A run that is ready to be played.
pub struct Ready {
    run: Run,
    pool: rayon::ThreadPool,
}

/// Prepares a run from the start of a plan or from a snapshot that was found to be its past.
///
/// # Errors
/// Where the snapshot holds what cannot have come about.
///
/// # Panics
/// If `simulated_cells` does not divide the plan's cells or is not that of the snapshot, or the thread pool cannot be started.
pub fn begin(plan: &Plan, options: &Options, start: Option<Start>) -> Result<Ready, SnapshotError> {
    let simulated = options.simulated_cells;
    assert!(simulated >= 1 && plan.cells.is_multiple_of(simulated), "{simulated} does not divide {} cells", plan.cells);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.expect("the operating system starts threads");
    let run = pool.install(|| match start {
        None => Ok(Run::new(Model::new(plan, simulated))),
        Some(start) => {
            assert_eq!(simulated, start.snapshot.header.simulated_cells, "the snapshot is of another sample");
            start.restore(plan)
        }
    })?;
    Ok(Ready { run, pool })
}

impl Ready {
    /// How far the run has come before it is played.
    #[must_use]
    pub fn progress(&self, plan: &Plan) -> Progress {
        self.run.progress(ExpectedArrivals::new(plan).share_until(self.run.now))
    }

    /// Plays the plan that it was prepared for to its horizon, or until `watch` breaks off. `watch` is called at the end of every
    /// tick.
    ///
    /// # Errors
    /// [`Breach`] if a conservation law does not hold at the end.
    pub fn play(
        self,
        plan: &Plan,
        watch: &mut (dyn FnMut(&mut Pause<'_>) -> ControlFlow<()> + Send),
    ) -> Result<Results, Breach> {
        self.pool.install(|| play(plan, self.run, watch))
    }
}

fn play(
    plan: &Plan,
    mut run: Run,
    watch: &mut (dyn FnMut(&mut Pause<'_>) -> ControlFlow<()> + Send),
) -> Result<Results, Breach> {
    let expected = ExpectedArrivals::new(plan);
    let mut interrupted = false;
    let (mut window, mut slices) = (0, 0);
    'slots: for slot in schedule::slots(plan) {
        if slot.window != window {
            (window, slices) = (slot.window, 0);
        }
        for slice in 0..slot.slices {
            slices += 1;
            let ticks = slot.ticks_of(slice);
            // What ends by now was played before the snapshot that the run goes on from.
            if slot.tick_end(ticks.start) > run.now {
                run.invite(&Slice::new(&run.model, &slot, slice, slices));
            }
            for tick in ticks {
                let end = slot.tick_end(tick);
                if end <= run.now {
                    continue;
                }
                let last = tick + 1 == slot.ticks;
                run.tick(&slot, end, last);
                if last {
                    run.close(slot);
                }
                let mut pause = Pause { run: &mut run, expected: &expected };
                interrupted = watch(&mut pause).is_break() && end < plan.horizon;
                if interrupted && !last {
                    run.groups.iter_mut().for_each(|group| group.read_stations(end));
                    run.close(Slot { end, ..slot });
                }
                if interrupted {
                    break 'slots;
                }
            }
        }
    }
    run.finish(plan, interrupted)
}

impl Run {
    /// The run of a model before its first opening.
    fn new(model: Model) -> Self {
        let simulated = model.simulated;
        let stock = Stock::new(&model);
        let groups = (rayon::current_num_threads() * GROUPS_PER_THREAD).min(simulated as usize);
        let bounds: Vec<u32> = (0..=groups).map(|i| (i * simulated as usize / groups) as u32).collect();
        let groups = bounds
            .par_windows(2)
            .map(|bound| Group {
                cells: (bound[0]..bound[1])
                    .map(|id| Cell { portion: Portion::of(&model, &stock, id), ..Cell::new(&model, id) })
                    .collect(),
                tally: Tally::new(&model),
                outbox: Outbox::default(),
                space: Workspace::default(),
            })
            .collect();
        let (now, forks, scalers) = (Instant(0), Vec::new(), Scaler::all(&model));
        let (switches, effects) = (Switches::new(&model), None);
        Run {
            recorder: Recorder::new(&model),
            switches,
            effects,
            groups,
            stock,
            model,
            scalers,
            last_events: 0,
            now,
            forks,
        }
    }

    /// Draws the arrivals of a slice in all cells.
    fn invite(&mut self, slice: &Slice) {
        self.on_groups(self.last_events >= EVENTS_TO_SHARE, |group, model, _| {
            for cell in &mut group.cells {
                cell.arrivals.draw(model, cell.id, &cell.history, &cell.deposits, slice);
            }
        });
    }

    /// Plays one tick: all cells in parallel, the exchange of stock, the answers to contested orders.
    fn tick(&mut self, slot: &Slot, end: Instant, closes_slot: bool) {
        self.lay_in(slot.window);
        self.turn_switches();
        self.stock.begin_tick(self.now, end);
        let start = self.now;
        let glimpse = slot.glimpse(self.recorder.rows.len(), &self.model.draws);
        let glimpse = (self.now < glimpse && glimpse <= end).then_some(glimpse);
        self.now = end;
        let before = self.events();
        // As many as in the tick before, most likely.
        let share = self.last_events >= EVENTS_TO_SHARE;
        let effects = self.effects.take();
        self.on_groups(share, |group, model, stock| {
            group.play((model, stock), effects.as_ref(), end, glimpse);
            if closes_slot {
                group.read_stations(end);
            }
        });
        let mut outboxes: Vec<&mut Outbox> = self.groups.iter_mut().map(|group| &mut group.outbox).collect();
        let grant = match self.model.rounds[slot.window].pays {
            // Nothing is ordered after a closing, so sessions of an earlier window ask for nothing here; or for what they pay, and that
            // was ordered before.
            Pays::Deposits(_) => Grant::SetAside,
            Pays::Orders | Pays::Balances(_) if !self.model.inventory.holds() => Grant::Payment,
            Pays::Orders | Pays::Balances(_) => Grant::Order,
        };
        self.stock.exchange(&mut outboxes, self.model.catalogue.as_ref(), grant, end);
        if self.groups.iter().flat_map(|group| &group.cells).any(|cell| !cell.waiting.is_empty()) {
            self.on_groups(share, |group, model, stock| group.answer(model, stock, effects.as_ref(), end));
            if !self.model.inventory.holds() {
                // What was asked for was paid on the spot.
                let mut outboxes: Vec<&mut Outbox> = self.groups.iter_mut().map(|group| &mut group.outbox).collect();
                self.stock.exchange(&mut outboxes, self.model.catalogue.as_ref(), grant, end);
            }
        }
        self.effects = effects;
        if portion::is_due(&self.model, slot.window, start, end) {
            self.deal();
        }
        self.last_events = self.events() - before;
        self.scale(end);
    }

    /// Lays in stock, if the tick that begins is the first of a window that is not the first.
    fn lay_in(&mut self, window: usize) {
        let Some(catalogue) = self.model.catalogue.as_ref().filter(|catalogue| catalogue.is_supplied()) else { return };
        if window > 0 && self.model.windows[window].opens == self.now {
            self.stock.lay_in(catalogue, window, self.now);
            if self.model.inventory.split.is_some() {
                self.deal();
            }
        }
    }

    /// Deals what is left out to the cells, each of which has its own part of the stock.
    fn deal(&mut self) {
        self.on_groups(true, |group, model, stock| portion::deal(model, stock, &mut group.cells));
    }

    /// Lets the autoscalers look at what services had to do, over all cells, where it is time for that.
    fn scale(&mut self, now: Instant) {
        let Run { model, groups, scalers, .. } = self;
        for scaler in scalers.iter_mut().filter(|scaler| scaler.is_due(now)) {
            let mut seen = Seen::default();
            for cell in groups.iter_mut().flat_map(|group| &mut group.cells) {
                seen.add(cell.desks.unseen(scaler.service, now.0));
            }
            let Some(later) = scaler.evaluate(model, seen, now) else { continue };
            for cell in groups.iter_mut().flat_map(|group| &mut group.cells) {
                cell.desks.scale(scaler.service, &later);
            }
        }
    }

    /// Turns the switches whose time or load has come.
    fn turn_switches(&mut self) {
        if self.model.switches.is_empty() {
            return;
        }
        let cells: Vec<&Cell> = self.groups.iter().flat_map(|group| &group.cells).collect();
        if self.switches.turn(&self.model, &cells, self.now) {
            self.effects = self.switches.effects(&self.model);
        }
    }

    /// Does something with every group, on all threads or on this one.
    fn on_groups(&mut self, share: bool, act: impl Fn(&mut Group, &Model, &Stock) + Sync) {
        let (model, stock) = (&self.model, &self.stock);
        if share {
            self.groups.par_iter_mut().for_each(|group| act(group, model, stock));
        } else {
            self.groups.iter_mut().for_each(|group| act(group, model, stock));
        }
    }

    /// Events played so far in the open slot, and before.
    fn events(&self) -> u64 {
        let of_record = self.recorder.total.events + self.recorder.slot.events;
        self.groups.iter().map(|group| group.tally.events).sum::<u64>() + of_record
    }

    /// Moves what the cells have tallied into the record, so that it does not matter which cells were tallied together.
    fn gather(&mut self) {
        self.recorder.gather(self.groups.iter_mut().map(|group| &mut group.tally));
    }

    fn close(&mut self, slot: Slot) {
        self.gather();
        self.recorder.close(slot, &self.stock, &self.model);
    }

    fn progress(&self, done: f64) -> Progress {
        let of_record = [&self.recorder.total, &self.recorder.slot];
        let tallies = || self.groups.iter().map(|group| &group.tally).chain(of_record);
        let begun: u64 = tallies().map(|tally| tally.begun).sum();
        let ended: u64 = tallies().map(|tally| tally.ended).sum();
        let paid: u64 = tallies().map(|tally| tally.paid.fen).sum();
        Progress {
            now: self.now,
            done: done.clamp(0.0, 1.0),
            events: self.events(),
            in_flight: begun - ended,
            gmv_paid: Fen(paid * self.model.scale()),
        }
    }

    /// Enters what is still open in the ledger, checks the conservation laws, and hands out the results.
    fn finish(mut self, plan: &Plan, interrupted: bool) -> Result<Results, Breach> {
        let mut held = Vec::new();
        let mut in_flight = 0;
        let mut at_services = vec![0; plan.services.len()];
        for cell in self.groups.iter().flat_map(|group| &group.cells) {
            at_services.iter_mut().enumerate().for_each(|(service, at)| *at += cell.desks.there(service));
            for session in cell.sessions() {
                in_flight += u64::from(session.phase() != Phase::HoldExpiryAfterExit && !session.is_again());
                if self.model.rounds[usize::from(session.window())].reserve.holds() {
                    held.extend(cell.baskets.held(session.basket).map(|line| (line.sku, line.units)));
                }
                if session.cause != Cause::SETTLED {
                    let open = cell.baskets.open(session.basket, self.model.coupon_in(session.window()));
                    let window = self.model.rounds[usize::from(session.window())].window;
                    self.recorder.total.settle(window, session.segment, Cause::OPEN, open);
                }
            }
        }
        let set_aside = self.settle_deposits();
        let digests: Vec<u64> = self.groups.iter().flat_map(|group| &group.cells).map(|cell| cell.digest.0).collect();
        held.sort_unstable();
        self.scalers.iter_mut().for_each(|scaler| scaler.pay(&self.model, self.now));
        let paid = self.scalers.iter().map(|scaler| (scaler.service, scaler.paid())).collect();
        let ending = Ending {
            until: self.now,
            interrupted,
            in_flight,
            at_services,
            held,
            set_aside,
            digests,
            forks: self.forks,
            paid,
            switched: self.switches.told,
        };
        outcome::results(plan, &self.model, &self.stock, &self.recorder, &ending)
    }
}

impl Run {
    /// Enters what has a deposit and no balance yet in the ledger as open; the units set aside for it, sorted by SKU.
    fn settle_deposits(&mut self) -> Vec<(Sku, u32)> {
        let mut set_aside = Vec::new();
        let Run { model, stock, groups, recorder, now, .. } = self;
        let Some(presale) = model.presale_at(*now) else { return set_aside };
        for cell in groups.iter().flat_map(|group| &group.cells) {
            for deposited in cell.deposited(model, stock, presale) {
                set_aside.extend(deposited.lines().map(|line| (line.sku, line.units)));
                recorder.total.settle(presale.window as u8, deposited.segment, Cause::OPEN, sum(deposited.lines()));
            }
        }
        set_aside.sort_unstable();
        set_aside
    }
}

impl Group {
    fn player<'a>(
        &'a mut self,
        index: usize,
        model: &'a Model,
        stock: &'a Stock,
        effects: Option<&'a Effects>,
    ) -> Player<'a> {
        let Group { cells, tally, outbox, space } = self;
        Player { cell: &mut cells[index], model, stock, effects, tally, outbox, space }
    }

    fn play(
        &mut self,
        (model, stock): (&Model, &Stock),
        effects: Option<&Effects>,
        end: Instant,
        glimpse: Option<Instant>,
    ) {
        for index in 0..self.cells.len() {
            self.player(index, model, stock, effects).play_tick(end, glimpse);
        }
    }

    fn read_stations(&mut self, now: Instant) {
        for cell in &mut self.cells {
            let stations = cell.stations.iter_mut().zip(&mut self.tally.services);
            for (service, (station, tally)) in stations.enumerate() {
                tally.read(cell.desks.read(service, now.0).unwrap_or_else(|| station.read(now.0)));
            }
        }
    }

    /// Answers the waiting orders of all cells.
    fn answer(&mut self, model: &Model, stock: &Stock, effects: Option<&Effects>, now: Instant) {
        let first = self.cells[0].id;
        for request in self.outbox.answers() {
            let cell = &mut self.cells[(u32::from(request.cell) - first) as usize];
            cell.waiting[request.order as usize].answers.note(request.line, request.answer);
        }
        for index in 0..self.cells.len() {
            let mut waiting: Vec<Waiting> = std::mem::take(&mut self.cells[index].waiting);
            let mut player = self.player(index, model, stock, effects);
            for order in waiting.drain(..) {
                player.answer(order, now);
            }
            player.write_history();
            self.cells[index].waiting = waiting;
        }
    }
}
