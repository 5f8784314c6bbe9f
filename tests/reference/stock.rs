//! What is on the shelves, and who gets it.

use super::hot::Tokens;
use super::session::{Key, Line};
use saleload::model::Model;
use saleload::model::catalogue::Catalogue;
use saleload::plan::inventory::{Inventory, Reserve};
use saleload::plan::{Plan, Restock, Supply};
use saleload::units::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// When requests for stock are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// As in the engine: at once within the cell's share of what was left at the start of the tick, at its end otherwise.
    Ticks,
    /// At once against what is really left, over all cells: how an ideal platform would do it.
    AtOnce,
}

/// The stock of a SKU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf {
    pub(crate) price: u32,
    pub(crate) start: u32,
    pub(crate) restocked: u32,
    /// Whether it is on sale yet, with or without a unit.
    pub(crate) is_listed: bool,
    pub(crate) left: u32,
    pub(crate) ordered: u32,
    pub(crate) paid: u32,
    pub(crate) paid_fen: u64,
    /// When nothing was left for the first time.
    pub(crate) sold_out_at: Option<Instant>,
    /// When it ran out last; `None` where there never was any.
    ran_out: Option<Instant>,
    /// Units that were paid for and not there.
    pub(crate) oversold: u32,
}

impl Shelf {
    /// Something was taken: perhaps it was the last.
    fn note_empty(&mut self, now: Instant) {
        if self.left == 0 {
            self.sold_out_at = self.sold_out_at.or(Some(now));
            self.ran_out = Some(now);
        }
    }
}

/// A request that waits for the end of the tick. In the order in which they are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Contested {
    time: Instant,
    key: Key,
    /// Place of the line in the basket.
    position: usize,
    line: Line,
    /// Whether it still wants a token of its SKU.
    lacks_token: bool,
}

/// Lines of baskets.
pub(crate) type Lines = BTreeSet<(Key, usize)>;

/// The answer to a request for stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    SoldOut,
    /// The SKU is asked for too often.
    Rejected,
    Contested,
}

/// All shelves, with what the current tick does to them.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    pub(crate) shelves: Vec<Shelf>,
    settlement: Settlement,
    cells: u32,
    /// Units that each cell has granted in this tick.
    granted: BTreeMap<(usize, u32), u32>,
    /// Units that have come back in this tick.
    released: BTreeMap<u32, u32>,
    contested: Vec<Contested>,
    /// Contested requests in all, and of those granted.
    pub(crate) contests: (u64, u64),
    /// Units laid in since the start.
    pub(crate) laid_in: u64,
    /// SKUs listed since the start.
    pub(crate) listed_late: u64,
    policy: Inventory,
    tokens: Option<Tokens>,
    /// Lines that got a token at the end of a tick.
    pub(crate) late_tokens: u64,
    /// By cell and SKU the cell's own units, where stock is split.
    own: BTreeMap<(usize, u32), u32>,
    /// Requests that came after the last unit, while that was not known everywhere.
    pub(crate) late: u64,
    /// Units of lines that a cell refused while at the start of the tick there had been enough of them everywhere.
    pub(crate) stranded: Vec<Line>,
}

/// What comes in when.
struct Incoming<'a>(&'a Supply);

impl Incoming<'_> {
    /// Units of a SKU's stock that have come on sale by the opening of a window: of a number line cut at the shares, each unit is where
    /// its mark falls, one unit apart from the next, all moved by one draw.
    fn on_sale_by(&self, catalogue: &Catalogue, sku: u32, window: usize) -> u32 {
        let (whole, share) = (catalogue.stock(sku), self.0.on_sale[window]);
        if !catalogue.is_listed(sku, window) {
            return 0;
        }
        if share == 1.0 {
            return whole;
        }
        let marks = (f64::from(whole) * share + catalogue.supply_draw(sku, 0)).floor();
        marks.min(f64::from(whole)) as u32
    }
}

impl Stock {
    pub(crate) fn new(plan: &Plan, model: &Model, settlement: Settlement) -> Self {
        let supply = plan.catalogue.as_ref().and_then(|catalogue| catalogue.supply.as_ref()).map(Incoming);
        let shelves = model.catalogue.as_ref().map_or(Vec::new(), |catalogue| {
            let shelf = |sku| {
                let (price, whole) = (catalogue.price(sku), catalogue.stock(sku));
                let start = supply.as_ref().map_or(whole, |supply| supply.on_sale_by(catalogue, sku, 0));
                let is_listed = catalogue.is_listed(sku, 0);
                Shelf {
                    price,
                    start,
                    restocked: 0,
                    is_listed,
                    left: start,
                    ordered: 0,
                    paid: 0,
                    paid_fen: 0,
                    // What is withheld is not sold out.
                    sold_out_at: (whole == 0 && is_listed).then_some(Instant(0)),
                    ran_out: None,
                    oversold: 0,
                }
            };
            (0..catalogue.skus()).map(shelf).collect()
        });
        let mut stock = Stock {
            shelves,
            settlement,
            cells: model.simulated,
            granted: BTreeMap::new(),
            released: BTreeMap::new(),
            contested: Vec::new(),
            contests: (0, 0),
            laid_in: 0,
            listed_late: 0,
            policy: model.inventory,
            tokens: Tokens::new(&model.inventory, model),
            late_tokens: 0,
            own: BTreeMap::new(),
            late: 0,
            stranded: Vec::new(),
        };
        stock.deal();
        stock
    }

    /// Deals what is left out to the cells, unit by unit: of each SKU the first goes to the cell after that where the first of the SKU
    /// before went.
    pub(crate) fn deal(&mut self) {
        if self.policy.split.is_none() {
            return;
        }
        let cells = self.cells as usize;
        self.own.clear();
        for (sku, shelf) in (0..).zip(&self.shelves) {
            for cell in (0..cells).cycle().skip(sku as usize % cells).take(shelf.left as usize) {
                *self.own.entry((cell, sku)).or_default() += 1;
            }
        }
    }

    /// A window opens that is not the first: what it brings is put on the shelves.
    pub(crate) fn lay_in(&mut self, plan: &Plan, model: &Model, window: usize, now: Instant) {
        let Some(supply) = plan.catalogue.as_ref().and_then(|catalogue| catalogue.supply.as_ref()) else { return };
        let catalogue = model.catalogue.as_ref().expect("the plan has one");
        for (sku, shelf) in (0..).zip(&mut self.shelves) {
            let [before, by_now] =
                [window - 1, window].map(|window| Incoming(supply).on_sale_by(catalogue, sku, window));
            let withheld = by_now - before;
            let rules = match supply.of_product.get(sku as usize) {
                Some(own) => own,
                None => &supply.of_category[catalogue.category_of(sku)],
            };
            let times = |times: f64| {
                let exactly = f64::from(catalogue.stock(sku)) * times;
                (exactly + catalogue.supply_draw(sku, window as u16)).floor().min(4e9) as u32
            };
            let is_new = catalogue.is_listed(sku, window) && !shelf.is_listed;
            shelf.is_listed |= is_new;
            if is_new && catalogue.stock(sku) == 0 {
                shelf.sold_out_at = Some(now);
            }
            self.listed_late += u64::from(is_new);
            let on_top = match rules[window] {
                _ if is_new || !shelf.is_listed => 0,
                None => 0,
                Some(Restock::Share(share)) => times(share),
                Some(Restock::UpTo(level)) => times(level).saturating_sub(shelf.left).saturating_sub(withheld),
            };
            let room = 4_000_000_000 - shelf.start - shelf.restocked;
            let units = (u64::from(withheld) + u64::from(on_top)).min(u64::from(room)) as u32;
            shelf.left += units;
            shelf.restocked += units;
            self.laid_in += u64::from(units);
        }
        self.deal();
    }

    /// Whether it is known that nothing is left for a cell.
    pub(crate) fn is_known_to_be_sold_out(&self, now: Instant, cell: usize, sku: u32) -> bool {
        let shelf = &self.shelves[sku as usize];
        match shelf.ran_out {
            _ if self.policy.split.is_some() => self.own.get(&(cell, sku)).is_none_or(|&units| units == 0),
            _ if shelf.left > 0 => false,
            Some(ran_out) => now >= ran_out + self.policy.flag_delay,
            None => true,
        }
    }

    /// A cell refuses a line.
    pub(crate) fn refuse(&mut self, line: Line) {
        if self.policy.split.is_some() && self.shelves[line.sku as usize].left >= line.units {
            self.stranded.push(line);
        }
    }

    /// Whether a request may go on to the stock, as far as the cell can tell.
    fn takes_token(&mut self, now: Instant, cell: usize, line: Line) -> bool {
        self.tokens.as_mut().is_none_or(|tokens| tokens.take(cell, line.sku, now))
    }

    /// A line is paid, whatever is left: it learns at the end of the tick whether it was there.
    pub(crate) fn take_payment(&mut self, now: Instant, key: Key, cell: usize, position: usize, line: Line) {
        let lacks_token = !self.takes_token(now, cell, line);
        self.contested.push(Contested { time: now, key, position, line, lacks_token });
        self.contests.0 += 1;
    }

    /// A session wants a line.
    pub(crate) fn request(&mut self, now: Instant, key: Key, cell: usize, position: usize, line: Line) -> Answer {
        // Within a tick, what is left does not move: moves are applied at its end.
        let left = self.shelves[line.sku as usize].left;
        if self.settlement == Settlement::AtOnce {
            return if self.take(line, now) { Answer::Granted } else { Answer::SoldOut };
        }
        if self.policy.split.is_some() {
            let is_asked_for = !self.is_known_to_be_sold_out(now, cell, line.sku);
            if is_asked_for && !self.takes_token(now, cell, line) {
                return Answer::Rejected;
            }
            let own = self.own.entry((cell, line.sku)).or_default();
            if *own < line.units {
                self.refuse(line);
                return Answer::SoldOut;
            }
            *own -= line.units;
            *self.granted.entry((cell, line.sku)).or_default() += line.units;
            return Answer::Granted;
        }
        if self.is_known_to_be_sold_out(now, cell, line.sku) {
            return Answer::SoldOut;
        }
        self.late += u64::from(left == 0);
        let lacks_token = !self.takes_token(now, cell, line);
        let granted = self.granted.entry((cell, line.sku)).or_default();
        if !lacks_token && u64::from(*granted) + u64::from(line.units) <= u64::from(left / self.cells) {
            *granted += line.units;
            return Answer::Granted;
        }
        self.contested.push(Contested { time: now, key, position, line, lacks_token });
        self.contests.0 += 1;
        Answer::Contested
    }

    /// A line is wanted that was asked for before: granted within the share of the cell, or not at all.
    pub(crate) fn request_again(&mut self, now: Instant, cell: usize, line: Line) -> bool {
        if self.settlement == Settlement::AtOnce {
            return self.take(line, now);
        }
        if self.policy.reserve != Reserve::Order {
            return !self.is_known_to_be_sold_out(now, cell, line.sku);
        }
        if self.is_known_to_be_sold_out(now, cell, line.sku) || !self.takes_token(now, cell, line) {
            return false;
        }
        if self.policy.split.is_some() {
            let own = self.own.entry((cell, line.sku)).or_default();
            let has_enough = *own >= line.units;
            if has_enough {
                *own -= line.units;
                *self.granted.entry((cell, line.sku)).or_default() += line.units;
            }
            return has_enough;
        }
        let share = self.shelves[line.sku as usize].left / self.cells;
        let granted = self.granted.entry((cell, line.sku)).or_default();
        let has_enough = u64::from(*granted) + u64::from(line.units) <= u64::from(share);
        *granted += if has_enough { line.units } else { 0 };
        has_enough
    }

    /// Takes all units of a line off the shelf, or none.
    fn take(&mut self, line: Line, now: Instant) -> bool {
        let shelf = &mut self.shelves[line.sku as usize];
        if shelf.left < line.units {
            return false;
        }
        shelf.left -= line.units;
        shelf.note_empty(now);
        true
    }

    /// A line is ordered.
    pub(crate) fn order(&mut self, line: Line) {
        self.shelves[line.sku as usize].ordered += line.units;
    }

    /// A line is paid.
    pub(crate) fn pay(&mut self, line: Line) {
        let shelf = &mut self.shelves[line.sku as usize];
        shelf.paid += line.units;
        shelf.paid_fen += line.fen();
    }

    /// The hold on a line has run out.
    pub(crate) fn release(&mut self, cell: usize, line: Line) {
        if self.policy.split.is_some() {
            *self.own.entry((cell, line.sku)).or_default() += line.units;
        }
        match self.settlement {
            Settlement::AtOnce => self.shelves[line.sku as usize].left += line.units,
            Settlement::Ticks => *self.released.entry(line.sku).or_default() += line.units,
        }
    }

    fn take_back(&mut self) {
        for (sku, units) in std::mem::take(&mut self.released) {
            self.shelves[sku as usize].left += units;
        }
    }

    pub(crate) fn begin_tick(&mut self, start: Instant, end: Instant) {
        if let Some(tokens) = &mut self.tokens {
            tokens.begin_tick(start, end);
        }
    }

    /// Those who lack a token get what is left, or are struck off. The lines that are.
    fn hand_out_tokens(&mut self, contested: &mut Vec<Contested>) -> Lines {
        let Some(tokens) = &mut self.tokens else { return Lines::new() };
        let lacking = || contested.iter().filter(|request| request.lacks_token);
        let got = tokens.hand_out(&lacking().map(|request| request.line.sku).collect::<Vec<_>>());
        let of_line = |request: &Contested| (request.key, request.position);
        let rejected: Lines =
            lacking().zip(&got).filter(|(_, got)| !**got).map(|(request, _)| of_line(request)).collect();
        self.late_tokens += (got.len() - rejected.len()) as u64;
        contested.retain(|request| !rejected.contains(&of_line(request)));
        rejected
    }

    /// The end of a tick: what was granted leaves the shelf, what was released returns to it, then the contested requests are
    /// settled in order of time and shopper. The contested lines that are granted, and those that are rejected.
    pub(crate) fn end_tick(&mut self, now: Instant) -> (Lines, Lines) {
        if self.policy.split.is_some() {
            // What came back to a cell may have gone out again.
            self.take_back();
        }
        let mut taken: BTreeMap<u32, u32> = BTreeMap::new();
        let granted = std::mem::take(&mut self.granted);
        for ((_, sku), units) in granted.into_iter().filter(|(_, units)| *units > 0) {
            *taken.entry(sku).or_default() += units;
        }
        for (&sku, &units) in &taken {
            let shelf = &mut self.shelves[sku as usize];
            assert!(shelf.left >= units, "SKU {sku} is oversold");
            shelf.left -= units;
        }
        self.take_back();
        for sku in taken.into_keys() {
            self.shelves[sku as usize].note_empty(now);
        }
        let mut contested = std::mem::take(&mut self.contested);
        contested.sort_unstable();
        let rejected = self.hand_out_tokens(&mut contested);
        let mut granted = Lines::new();
        for Contested { key, position, line, .. } in contested {
            if self.take(line, now) {
                granted.insert((key, position));
            } else if self.policy.reserve == Reserve::Optimistic {
                self.shelves[line.sku as usize].oversold += line.units;
            }
        }
        self.contests.1 += granted.len() as u64;
        (granted, rejected)
    }
}
