//! The state of a run as sections of a snapshot, and a run from them.

use super::file::{Reader, Writer};
use super::{Header, MOST_ATTEMPTS, Reason, Start, decode, encode};
use crate::engine::admission::Admission;
use crate::engine::again::DoubleSubmits;
use crate::engine::arrivals::{Arrival, Arrivals};
use crate::engine::audience::{ShownAt, shown_to};
use crate::engine::basket::{BasketId, Line};
use crate::engine::brands::Passing;
use crate::engine::cell::{Cell, Digest};
use crate::engine::desk::DesksState;
use crate::engine::event_list::EventList;
use crate::engine::hot::Level;
use crate::engine::portion::Portion;
use crate::engine::presale::balances_due;
use crate::engine::room::Rooms;
use crate::engine::scaler::Scaler;
use crate::engine::schedule::{self, Slot};
use crate::engine::session::{Cause, HAS_TURN, Phase, Session};
use crate::engine::station::Station;
use crate::engine::stock::{PolicyState, SHARDS, SkuHistory, SkuStock, Stock};
use crate::engine::switches::Switches;
use crate::engine::visit::EXIT;
use crate::engine::wish::Wishes;
use crate::engine::{Group, Run};
use crate::model::catalogue::Sku;
use crate::model::{HAS_BOUGHT, HAS_COME, HAS_DEFERRED, HAS_FAILED, Model, Pays, Round};
use crate::plan::{MAX_LINES, Plan};
use crate::recorder::state::RecorderState;
use crate::recorder::{Intents, Recorder};
use crate::units::Instant;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// All that a history can tell, in four bits.
const KNOWN: u8 = HAS_BOUGHT | HAS_FAILED | HAS_DEFERRED | HAS_COME;
const _: () = assert!(KNOWN < 16, "histories are packed into four bits");

/// A cell, but for what its shoppers remember, which has a section of its own.
#[derive(Serialize, Deserialize)]
struct CellState {
    digest: Digest,
    /// Arrivals drawn so far of each invited segment, and those still to come.
    drawn: Vec<u64>,
    upcoming: Vec<Arrival>,
    sessions: Vec<InFlight>,
    /// Lines of all baskets, one after the other: product and units.
    lines: Vec<(Sku, u32)>,
    stations: Vec<Station>,
    admissions: Vec<Option<Box<Admission>>>,
    rooms: Rooms,
    desks: DesksState,
    double_submits: DoubleSubmits,
    /// Sessions that wait at desks; the lines of their baskets come after all others.
    at_desks: Vec<InFlight>,
    portion: Portion,
    /// SKUs of the portion that can be asked for less often than after a quiet time.
    tokens: Vec<(Sku, Level)>,
    /// When baskets of presales were filled to whose shoppers something was shown.
    shown_at: ShownAt,
}

/// A session in flight with its basket.
#[derive(Serialize, Deserialize)]
struct InFlight {
    session: Session,
    /// Lines of its basket; none: it has no basket.
    lines: u8,
    /// Whether it had one before.
    had: bool,
    /// Lines whose stock is held, by bit, and until when.
    granted: u16,
    deadline: Instant,
    /// Lines that a livestream brought, and lines in place of what was sold out, by bit.
    pulled: u16,
    substitutes: u16,
}

/// Where a run stands on the grid of its plan.
struct Position {
    now: Instant,
    /// Closed slots.
    played: Vec<Slot>,
    /// Window of the last tick.
    window: usize,
    /// Up to when arrivals have been drawn.
    drawn: Instant,
}

/// What is wrong with a state.
type Wrong = &'static str;

/// Writes the state of a run that stands between two ticks. A few cells are in memory twice at any time, never all of them.
pub(super) fn write(run: &mut Run, scenario: &str, writer: &mut Writer) -> Result<(), Reason> {
    run.gather();
    let header = Header {
        scenario: scenario.to_owned(),
        simulated_cells: run.model.simulated,
        now: run.now,
        stocked_for: run.model.stocked_for.clone(),
        forks: run.forks.clone(),
    };
    writer.section(&encode(&header)?)?;
    for shard in 0..SHARDS {
        writer.section(&encode(&run.stock.histories(shard))?)?;
    }
    for shard in 0..SHARDS {
        writer.section(&encode(&run.stock.policies(shard, run.now))?)?;
    }
    writer.section(&encode(&run.stock.brands().passings())?)?;
    writer.section(&encode(&run.recorder.state())?)?;
    writer.section(&encode(&run.switches)?)?;
    writer.section(&encode(&run.scalers)?)?;
    let cells: Vec<&Cell> = run.groups.iter().flat_map(|group| &group.cells).collect();
    for some in cells.chunks(rayon::current_num_threads()) {
        let now = run.now;
        let encode_cell =
            |cell: &&Cell| (encode(&CellState::of(cell, now)), packed(&cell.history), cell.deposits.clone());
        let encoded: Vec<_> = some.par_iter().map(encode_cell).collect();
        for (state, history, deposits) in encoded {
            writer.section(&state?)?;
            writer.section(&history)?;
            writer.section(&deposits)?;
        }
    }
    Ok(())
}

/// A run of `plan` from where the snapshot was taken.
pub(super) fn restore(plan: &Plan, start: &mut Start) -> Result<Run, Reason> {
    let Header { simulated_cells, now, stocked_for, .. } = start.snapshot.header.clone();
    let sections = &mut start.snapshot.sections;
    if !stocked_for.can_be_of(plan) {
        return Err(Reason::Impossible("stock was laid in for an impossible demand"));
    }
    let mut run = Run::new(Model::stocked_for(plan, simulated_cells, stocked_for));
    run.now = now;
    run.forks.clone_from(&start.forks);
    let windows = plan.windows.iter().filter(|window| window.opens < now).count();
    let mut laws = Laws {
        held: vec![0; run.stock.skus() as usize],
        in_rooms: vec![0; plan.windows.len()],
        at_services: vec![0; plan.services.len()],
        ..Laws::default()
    };
    for shard in 0..SHARDS {
        let histories: Vec<SkuHistory> = decode(&sections.section()?)?;
        let held = run.stock.replay(shard, &histories, run.model.catalogue.as_ref(), (now, windows));
        for (sku, units) in held.ok_or(Reason::Impossible("the stock of a product does not add up"))? {
            laws.held[sku as usize] = units;
        }
    }
    for shard in 0..SHARDS {
        let policies: PolicyState = decode(&sections.section()?)?;
        let restored = run.stock.restore_policies(shard, &policies, now);
        restored.ok_or(Reason::Impossible("a product was sold by another policy"))?;
    }
    let passings: Vec<Passing> = decode(&sections.section()?)?;
    run.stock.restore_passings(passings, now).ok_or(Reason::Impossible("a brand was not paid what it passed"))?;
    let record: RecorderState = decode(&sections.section()?)?;
    let switches = decode::<Switches>(&sections.section()?)?.of(&run.model);
    if !switches.can_be(&run.model, now) {
        return Err(Reason::Impossible("a switch is where it cannot be"));
    }
    run.effects = switches.effects(&run.model);
    run.switches = switches;
    let position = Position::of(plan, now).ok_or(Reason::Impossible("it was not taken at the end of a tick"))?;
    run.recorder = Recorder::restore(&run.model, record, &position.played, windows).map_err(Reason::Impossible)?;
    let scalers: Vec<Scaler> = decode(&sections.section()?)?;
    let can_go_on = |(read, fresh): (&Scaler, &Scaler)| read.can_replace(fresh, &run.model, now);
    if scalers.len() != run.scalers.len() || !scalers.iter().zip(&run.scalers).all(can_go_on) {
        return Err(Reason::Impossible("an autoscaler has done what it cannot"));
    }
    run.scalers = scalers;
    restore_cells(&mut run, sections, &position, &mut laws)?;
    if !sections.is_at_end() {
        return Err(Reason::Impossible("there is more than a run"));
    }
    laws.hold(&run.recorder, &run.stock).map_err(Reason::Impossible)?;
    vouchers_are_sold(&run).map_err(Reason::Impossible)?;
    rejected_are_entered(&run).map_err(Reason::Impossible)?;
    Ok(run)
}

fn restore_cells(run: &mut Run, sections: &mut Reader, position: &Position, laws: &mut Laws) -> Result<(), Reason> {
    let Run { model, stock, groups, .. } = run;
    let (model, stock) = (&*model, &*stock);
    let mut cells: Vec<&mut Cell> = groups.iter_mut().flat_map(|Group { cells, .. }| cells).collect();
    for some in cells.chunks_mut(rayon::current_num_threads()) {
        let states: Vec<_> = some.iter().map(|_| three(sections)).collect::<Result<_, Reason>>()?;
        let restored: Vec<_> = some
            .par_iter_mut()
            .zip(states)
            .map(|(cell, [state, history, deposits])| {
                let state: CellState = decode(&state)?;
                remember(cell, &history).map_err(Reason::Impossible)?;
                take_deposits(cell, &deposits).map_err(Reason::Impossible)?;
                state.restore(cell, model, stock, position).map_err(Reason::Impossible)
            })
            .collect();
        for (cell, restored) in some.iter().zip(restored) {
            restored?;
            laws.enter(cell, model, stock, position.now).map_err(Reason::Impossible)?;
        }
    }
    Ok(())
}

/// The sections of a cell: its state, what its shoppers remember, their deposits.
fn three(sections: &mut Reader) -> Result<[Vec<u8>; 3], Reason> {
    Ok([sections.section()?, sections.section()?, sections.section()?])
}

/// Gives a cell its shoppers' history, if its plan has a use for it.
fn remember(cell: &mut Cell, packed: &[u8]) -> Result<(), Wrong> {
    if cell.history.is_empty() {
        return Ok(());
    }
    if packed.len() != cell.history.len().div_ceil(2) {
        return Err("its shoppers are others");
    }
    for (two, byte) in cell.history.chunks_mut(2).zip(packed) {
        two.iter_mut().zip([0, 4]).for_each(|(of_shopper, shift)| *of_shopper = byte >> shift & KNOWN);
    }
    Ok(())
}

/// Gives a cell the deposits of its shoppers, if its plan has presales. There are none before the first of them.
fn take_deposits(cell: &mut Cell, deposits: &[u8]) -> Result<(), Wrong> {
    if !cell.deposits.is_empty() && !deposits.is_empty() {
        if deposits.len() != cell.deposits.len() {
            return Err("its shoppers are others");
        }
        cell.deposits.copy_from_slice(deposits);
    }
    Ok(())
}

/// The histories of two shoppers in a byte: that makes a snapshot of many shoppers much smaller.
fn packed(history: &[u8]) -> Vec<u8> {
    let pack = |two: &[u8]| two.iter().zip([0, 4]).map(|(of_shopper, shift)| of_shopper << shift).sum();
    history.chunks(2).map(pack).collect()
}

impl Position {
    /// Where `now` lies on the grid of `plan`; `None` where no tick ends there.
    fn of(plan: &Plan, now: Instant) -> Option<Self> {
        let slots = schedule::slots(plan);
        let closed = slots.partition_point(|slot| slot.end <= now);
        let open = slots.get(closed).filter(|slot| slot.start < now);
        let last = slots[..closed].last();
        let drawn = match open {
            Some(slot) => {
                let tick = (0..slot.ticks).find(|&tick| slot.tick_end(tick) == now)?;
                let slice = (0..slot.slices).map(|slice| slot.ticks_of(slice)).find(|ticks| ticks.contains(&tick))?;
                slot.tick_end(slice.end - 1)
            }
            None if last?.end == now => now,
            None => return None,
        };
        Some(Position { now, window: open.or(last)?.window, played: slots[..closed].to_vec(), drawn })
    }
}

impl CellState {
    fn of(cell: &Cell, now: Instant) -> Self {
        let mut lines = Vec::new();
        let sessions = cell.events.iter().map(|&session| InFlight::of(session, cell, &mut lines)).collect();
        let (desks, clients) = cell.desks.state();
        let at_desks = clients.into_iter().map(|session| InFlight::of(session, cell, &mut lines)).collect();
        let (drawn, upcoming) = cell.arrivals.state();
        let (stations, admissions) = (cell.stations.clone(), cell.admissions.clone());
        let (digest, rooms) = (cell.digest, cell.rooms.clone());
        let (double_submits, portion) = (cell.double_submits.clone(), cell.portion.clone());
        let tokens = cell.tokens.as_ref().map_or(Vec::new(), |tokens| tokens.state(now));
        let shown_at = cell.shown_at.clone();
        CellState {
            digest,
            drawn,
            upcoming,
            sessions,
            lines,
            stations,
            admissions,
            rooms,
            desks,
            double_submits,
            at_desks,
            portion,
            tokens,
            shown_at,
        }
    }

    /// Brings a cell, in which nothing has happened yet, to this state.
    fn restore(self, cell: &mut Cell, model: &Model, stock: &Stock, position: &Position) -> Result<(), Wrong> {
        let Position { now, window, drawn, .. } = *position;
        cell.digest = self.digest;
        let ahead = |arrival: &Arrival| {
            (now..drawn).contains(&arrival.time)
                && is_of_segment(model, cell.id, arrival.segment, arrival.shopper)
                && comes_to(model, arrival.number, window)
                && (usize::from(arrival.number) == window || cell.deposits[arrival.shopper as usize] != 0)
        };
        if !self.upcoming.iter().all(ahead) {
            return Err("somebody comes who cannot");
        }
        let arrivals = Arrivals::restore(model, cell.id, window, &self.drawn, self.upcoming);
        cell.arrivals = arrivals.ok_or("more have come than there are")?;
        let stations = self.stations.len() == cell.stations.len();
        if !stations || !self.stations.iter().zip(&cell.stations).all(|(read, fresh)| read.can_replace(fresh, now.0)) {
            return Err("a service has done what it cannot");
        }
        cell.stations = self.stations;
        let go_on = |(admission, fresh): (&Option<Box<Admission>>, &Option<Box<Admission>>)| match (admission, fresh) {
            (None, None) => true,
            (Some(admission), Some(fresh)) => admission.can_replace(fresh, now.0),
            _ => false,
        };
        if self.admissions.len() != cell.admissions.len() || !self.admissions.iter().zip(&cell.admissions).all(go_on) {
            return Err("what protects a service has done what it cannot");
        }
        cell.admissions = self.admissions;
        let shoppers = model.first_shopper(cell.id + 1) - cell.first_shopper;
        if !self.rooms.can_replace(&cell.rooms, model, shoppers, now) {
            return Err("a waiting room has let in whom it cannot");
        }
        cell.rooms = self.rooms;
        if self.portion.all().count() != cell.portion.all().count() {
            return Err("its stock is split otherwise");
        }
        cell.portion = self.portion;
        let tokens = match &mut cell.tokens {
            Some(tokens) => tokens.restore(&self.tokens, |sku| sku < stock.skus(), now),
            None => self.tokens.is_empty().then_some(()),
        };
        tokens.ok_or("a product was asked for more often than it can be")?;
        cell.double_submits = self.double_submits;
        take_shown(cell, self.shown_at, model, stock)?;
        cell.events = EventList::starting_at(now);
        let mut lines = self.lines.into_iter();
        let mut come_back = |in_flight: &InFlight, cell: &mut Cell| {
            if !in_flight.can_go_on(cell.id, model, window, now) {
                return Err("a session is where it cannot be");
            }
            let mut session = in_flight.session;
            session.basket = match (in_flight.lines, in_flight.had) {
                (0, false) => BasketId::NONE,
                (0, true) => BasketId::GONE,
                _ => in_flight.basket(&mut lines, cell, stock)?,
            };
            if !has_a_possible_order(&session, cell, (model, stock), now) {
                return Err("an order of a presale is not the one that was wished for");
            }
            Ok(session)
        };
        for in_flight in &self.sessions {
            let session = come_back(in_flight, cell)?;
            cell.events.push(session);
        }
        let clients = self.at_desks.iter().map(|client| come_back(client, cell)).collect::<Result<_, Wrong>>()?;
        let desks = std::mem::take(&mut cell.desks).restore(self.desks, clients, (model, cell.id), now.0);
        cell.desks = desks.ok_or("a service has done what it cannot")?;
        lines.next().is_none().then_some(()).ok_or("a line is in nobody's basket")
    }
}

/// Whether sessions of this number begin in a window.
fn comes_to(model: &Model, number: u8, window: usize) -> bool {
    match model.rounds.get(usize::from(number)).map(|round| round.pays) {
        Some(Pays::Balances(presale)) => model.presales[usize::from(presale)].terms.window == window,
        _ => usize::from(number) == window,
    }
}

/// Whether a session of a presale has the one basket that it can have, and only if its shopper has no deposit of that presale yet:
/// what is not kept of deposits is wished for again.
fn has_a_possible_order(session: &Session, cell: &Cell, (model, stock): (&Model, &Stock), now: Instant) -> bool {
    if !is_of_presale(session, model) {
        return true;
    }
    let shown_at = cell.shown_at.get(&shown_to(session)).copied();
    let wishes = Wishes { model, stock, first_shopper: cell.first_shopper };
    let (lines, len, pulled) = wishes.of_presale(session, shown_at);
    let is_under_way = model.presale_at(now).is_some_and(|presale| presale.window == usize::from(session.window()));
    cell.baskets.lines(session.basket) == &lines[..len]
        && cell.baskets.pulled(session.basket) == pulled
        && (!is_under_way || cell.deposits[session.shopper as usize] == 0)
}

/// Whether a session has a basket on which a deposit may be paid.
fn is_of_presale(session: &Session, model: &Model) -> bool {
    let pays = model.rounds[usize::from(session.window())].pays;
    matches!(pays, Pays::Deposits(_)) && session.basket.is_one() && !session.is_again()
}

/// Gives a cell the moments at which its shoppers were shown something.
fn take_shown(cell: &mut Cell, shown_at: ShownAt, model: &Model, stock: &Stock) -> Result<(), Wrong> {
    let wishes = Wishes { model, stock, first_shopper: cell.first_shopper };
    if !shown_at.iter().all(|(&of, &at)| can_be_shown(&wishes, cell.id, of, at)) {
        return Err("a livestream has shown what it does not");
    }
    cell.shown_at = shown_at;
    Ok(())
}

/// Whether a livestream shows a shopper something in a presale at a moment. A basket may be filled in the next ticks: a page that is
/// certain to be there is played ahead.
fn can_be_shown(wishes: &Wishes, cell: u32, (shopper, window): (u32, u8), at: Instant) -> bool {
    let model = wishes.model;
    let is_deposit = |round: &Round| matches!(round.pays, Pays::Deposits(_));
    let segment = (0..model.segments.len()).find(|&segment| is_of_segment(model, cell, segment as u8, shopper));
    let (Some(segment), true) = (segment, model.rounds.get(usize::from(window)).is_some_and(is_deposit)) else {
        return false;
    };
    model.windows[usize::from(window)].opens <= at
        && wishes.shown(&Session::new(at, shopper, segment as u8, window), at).is_some()
}

/// Whether a cell has such a shopper in such a segment.
fn is_of_segment(model: &Model, cell: u32, segment: u8, shopper: u32) -> bool {
    let segment = usize::from(segment);
    let shoppers = || model.first_of_segment(cell, segment)..model.first_of_segment(cell, segment + 1);
    segment < model.segments.len() && shoppers().contains(&shopper)
}

impl InFlight {
    fn of(session: Session, cell: &Cell, lines: &mut Vec<(Sku, u32)>) -> Self {
        let basket = cell.baskets.lines(session.basket);
        let (granted, deadline) = if session.holds() {
            (cell.baskets.granted(session.basket), cell.baskets.deadline(session.basket))
        } else {
            (0, Instant(0))
        };
        lines.extend(basket.iter().map(|line| (line.sku, line.units)));
        let had = session.basket == BasketId::GONE;
        let (pulled, substitutes) = if basket.is_empty() {
            (0, 0)
        } else {
            (cell.baskets.pulled(session.basket), cell.baskets.substitutes(session.basket))
        };
        InFlight { session, lines: basket.len() as u8, had, granted, deadline, pulled, substitutes }
    }

    /// Whether the engine can play this on, which may be anything.
    fn can_go_on(&self, cell: u32, model: &Model, last_window: usize, now: Instant) -> bool {
        let InFlight { session, lines, had, granted, deadline, pulled, substitutes } = self;
        let began = (0..=last_window).any(|window| comes_to(model, session.window(), window));
        if !is_of_segment(model, cell, session.segment, session.shopper) || !began {
            return false;
        }
        if session.is_in_room() {
            return self.can_wait_in_room(model, now);
        }
        let round = model.rounds[usize::from(session.window())];
        let is_due = !matches!(round.pays, Pays::Balances(_)) || *deadline == balances_due(round.closes);
        let states = &model.graphs[model.segments[usize::from(session.segment)].graph(session.window())].states;
        let Some(state) = states.get(usize::from(session.state)) else { return false };
        let (call, calls, holds) = (usize::from(session.call), state.calls.len(), session.holds());
        let waits_for_something = match session.phase() {
            Phase::Arrival => false,
            Phase::HoldExpiry | Phase::HoldExpiryAfterExit => holds && session.time == *deadline,
            Phase::Response => call <= calls,
            Phase::TimedOut | Phase::GaveUp | Phase::Retry => call < calls,
            Phase::ThinkEnd => session.call == EXIT || call < states.len(),
        };
        let settled = session.cause == Cause::SETTLED;
        let has_left = session.phase() == Phase::HoldExpiryAfterExit;
        let is_second = settled && state.again.is_some() && *lines > 0 && holds == has_left;
        waits_for_something
            && session.time >= now
            && (!holds || session.time <= *deadline)
            && holds == (*granted != 0)
            && (!holds || is_due)
            && !(*had && *lines > 0)
            && u32::from(*lines) <= MAX_LINES
            && u32::from(*granted | *pulled | *substitutes) >> *lines == 0
            && (*substitutes == 0 || model.segments[usize::from(session.segment)].substitution > 0.0)
            && pulled & substitutes == 0
            && (*pulled == 0 || model.livestreams.is_some())
            && usize::from(session.cause.0) < Cause::count(model.services.len())
            && (!settled || session.phase() == Phase::HoldExpiryAfterExit || session.is_again())
            && (!session.is_again() || is_second)
            && session.attempt & !HAS_TURN <= MOST_ATTEMPTS
            && (!session.has_turn() || session.phase() == Phase::Retry)
    }

    /// Whether it can be in the waiting room of its window.
    fn can_wait_in_room(&self, model: &Model, now: Instant) -> bool {
        let InFlight { session, lines, had, granted, .. } = self;
        if model.room(session.window()).is_none() {
            return false;
        }
        let window = &model.windows[usize::from(session.window())];
        let mut waiting = Session::new(session.page_start, session.shopper, session.segment, session.window());
        waiting.wait_for(session.phase(), session.time);
        let waits = match session.phase() {
            Phase::Retry => session.time < window.closes,
            Phase::GaveUp => session.time <= window.closes,
            _ => false,
        };
        waits
            && *session == waiting
            && (window.opens..=session.time).contains(&session.page_start)
            && session.page_start <= now
            && session.time >= now
            && (*lines, *had, *granted) == (0, false, 0)
    }

    /// Puts its basket among those of the cell.
    fn basket(
        &self,
        lines: &mut impl Iterator<Item = (Sku, u32)>,
        cell: &mut Cell,
        stock: &Stock,
    ) -> Result<BasketId, Wrong> {
        let mut basket = [Line::default(); MAX_LINES as usize];
        let basket = &mut basket[..usize::from(self.lines)];
        for line in &mut *basket {
            let (sku, units) = lines.next().ok_or("lines of baskets are missing")?;
            if sku >= stock.skus() || units == 0 {
                return Err("a basket holds what is not on sale");
            }
            *line = Line { sku, units, price: stock.price(sku) };
        }
        let id = cell.baskets.insert(basket, self.pulled);
        cell.baskets.note_substitutes(id, self.substitutes);
        if self.granted != 0 {
            cell.baskets.grant(id, self.granted, self.deadline);
        }
        Ok(id)
    }
}

/// Whether as many vouchers are redeemed, later or never, as were paid for.
fn vouchers_are_sold(run: &Run) -> Result<(), Wrong> {
    let (model, record) = (&run.model, &run.recorder);
    let channels = model.channels.as_ref().map_or(1, |channels| channels.entries.len());
    let mut paid = vec![(0u128, 0u128); model.vouchers.len()];
    for (redemption, intents) in record.total.vouchers.iter().chain(&record.slot.vouchers) {
        let is_one = model.voucher(redemption.product).is_some() && usize::from(redemption.channel) < channels;
        if !is_one || redemption.day.is_none() && redemption.is_later {
            return Err("a voucher is none");
        }
        let (units, fen) = &mut paid[redemption.product as usize];
        *units += u128::from(intents.units);
        *fen += u128::from(intents.fen);
    }
    let is_sold = |(sku, &(units, fen)): (Sku, &(u128, u128))| {
        let stock = run.stock.of(sku);
        model.voucher(sku).is_none() || (units, fen) == (u128::from(stock.paid), u128::from(stock.paid_fen))
    };
    (0..).zip(&paid).all(is_sold).then_some(()).ok_or("vouchers do not add up to what was paid for them")
}

/// Whether requests were rejected of what can be asked for, and as many as the ledger has.
fn rejected_are_entered(run: &Run) -> Result<(), Wrong> {
    let (mut rejected, mut entered) = (0u128, 0u128);
    for tally in [&run.recorder.total, &run.recorder.slot] {
        if tally.requests_rejected.keys().any(|&sku| sku >= run.stock.skus()) {
            return Err("requests were rejected of what is not on sale");
        }
        rejected += tally.requests_rejected.values().map(|&requests| u128::from(requests)).sum::<u128>();
        entered += u128::from(tally.entered_as(Cause::HOT).lines);
    }
    (rejected == entered).then_some(()).ok_or("requests that were rejected are not in the ledger")
}

/// What must add up over all cells.
#[derive(Default)]
struct Laws {
    in_flight: u64,
    /// Sessions in waiting rooms, by window.
    in_rooms: Vec<u64>,
    /// Units of each SKU for whose holder we are still looking.
    held: Vec<u32>,
    /// Money of what is still to be decided.
    open_fen: u128,
    /// Units of each SKU in the portions of the cells so far; empty where the stock is not split.
    portions: Vec<u64>,
    /// Requests at the desk of each service or on the way to it.
    at_services: Vec<u64>,
}

impl Laws {
    fn enter(&mut self, cell: &Cell, model: &Model, stock: &Stock, now: Instant) -> Result<(), Wrong> {
        if cell.portion.is_used() {
            self.portions.resize(stock.skus() as usize, 0);
            cell.portion.all().for_each(|(sku, units)| self.portions[sku as usize] += u64::from(units));
        }
        for (service, at_service) in self.at_services.iter_mut().enumerate() {
            *at_service += cell.desks.there(service);
        }
        for session in cell.sessions() {
            self.in_flight += u64::from(session.phase() != Phase::HoldExpiryAfterExit && !session.is_again());
            if session.is_in_room() {
                self.in_rooms[usize::from(session.window())] += 1;
            }
            let reserve = model.rounds[usize::from(session.window())].reserve;
            for line in cell.baskets.held(session.basket).filter(|_| reserve.holds()) {
                let held = &mut self.held[line.sku as usize];
                *held = held.checked_sub(line.units).ok_or("more is held of a product than is missing")?;
            }
            if session.cause != Cause::SETTLED {
                self.open_fen += u128::from(cell.baskets.open(session.basket, model.coupon_in(session.window())).fen);
            }
        }
        let in_flight = cell.sessions().filter(|session| is_of_presale(session, model));
        let mut shown = in_flight.filter(|session| cell.shown_at.contains_key(&shown_to(session))).count();
        let with_deposit = |(shopper, window): &(u32, u8)| {
            let presale = model.presale_at(now).filter(|presale| presale.window == usize::from(*window));
            presale.is_some() && cell.deposits[*shopper as usize] != 0
        };
        shown += cell.shown_at.keys().filter(|of| with_deposit(of)).count();
        if shown != cell.shown_at.len() {
            return Err("something was shown to nobody");
        }
        let Some(presale) = model.presale_at(now) else {
            let none = cell.deposits.iter().all(|&lines| lines == 0);
            return none.then_some(()).ok_or("there are deposits of no presale");
        };
        for deposited in cell.deposited(model, stock, presale) {
            if !deposited.can_be() {
                return Err("a deposit was paid on nothing");
            }
            for line in deposited.lines() {
                let held = &mut self.held[line.sku as usize];
                *held = held.checked_sub(line.units).ok_or("more is set aside of a product than is missing")?;
                self.open_fen += u128::from(line.fen());
            }
        }
        Ok(())
    }

    /// The laws that the end of a run is judged by.
    fn hold(&self, record: &Recorder, stock: &Stock) -> Result<(), Wrong> {
        let sum =
            |of: &dyn Fn(&crate::recorder::Tally) -> u64| u128::from(of(&record.total)) + u128::from(of(&record.slot));
        let money =
            |of: &dyn Fn(SkuStock) -> u64| -> u128 { (0..stock.skus()).map(|sku| u128::from(of(stock.of(sku)))).sum() };
        let taken_off = sum(&|t| t.settled_fen[usize::from(Cause::COUPON.0)]);
        let ledger: u128 =
            record.total.entered().chain(record.slot.entered()).map(|i: Intents| u128::from(i.fen)).sum();
        if sum(&|t| t.begun) != sum(&|t| t.ended) + u128::from(self.in_flight) {
            return Err("sessions are missing");
        }
        if !record.rooms_hold(&self.in_rooms) {
            return Err("who waits in a room has not come to it, or is there no more");
        }
        if !record.requests_hold(&self.at_services) {
            return Err("requests are missing");
        }
        if self.held.iter().any(|&units| units > 0) {
            return Err("stock is held for nobody");
        }
        if (0..).zip(&self.portions).any(|(sku, &units)| units != u64::from(stock.left(sku))) {
            return Err("the cells have more or less than what is left");
        }
        if money(&|sku| sku.paid_fen) != sum(&|t| t.paid.fen) {
            return Err("what was paid does not add up");
        }
        if !record.categories_hold(stock) {
            return Err("what was paid by category does not add up");
        }
        if money(&|sku| u64::from(sku.ordered) * u64::from(sku.price)) > sum(&|t| t.ordered.fen) + taken_off {
            return Err("what was ordered does not add up");
        }
        if ledger + self.open_fen != sum(&|t| t.demand.fen) {
            return Err("the ledger does not add up to the demand");
        }
        Ok(())
    }
}
