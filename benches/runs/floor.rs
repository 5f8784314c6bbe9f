//! The floor under the engine: every session is walked through from its first page to its last, one after the other, with the
//! draws, the look-ups of products and the requests to services that the engine makes for it. There is no event list, nobody
//! waits for anybody, nothing is recorded, and no page fails: what is left is what no engine with these draws can save.

use saleload::engine::permutation::Permutation;
use saleload::engine::station::Station;
use saleload::model::catalogue::Catalogue;
use saleload::model::{Model, Segment, State};
use saleload::plan::{Action, Plan};
use saleload::rng::{Name, Purpose, Stream};

/// Walks all sessions of a plan; the number of events that the engine would make of them.
pub(crate) fn walk(plan: &Plan) -> u64 {
    let model = Model::new(plan, plan.cells);
    let Some(catalogue) = &model.catalogue else { return 0 };
    let prices: Vec<u32> = (0..catalogue.skus()).map(|sku| catalogue.price(sku)).collect();
    let mut left: Vec<u32> = (0..catalogue.skus()).map(|sku| catalogue.stock(sku)).collect();
    let mut events = 0;
    for window in 0..model.windows.len() {
        for cell in 0..model.cells {
            let stations = model.services.iter().enumerate().map(|(service, settings)| {
                let workers = settings.pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
                Station::new((model.instances(service, cell) * workers) as usize, u64::MAX)
            });
            let basket = Vec::with_capacity(16);
            let (stations, prices, left) = (stations.collect(), &prices[..], &mut left[..]);
            let mut walk = Walk { model: &model, catalogue, prices, left, stations, basket, now: 0, sum: 0, events: 0 };
            walk.cell(window, cell);
            std::hint::black_box(walk.sum);
            events += walk.events;
        }
    }
    events
}

/// Time between two requests in a cell, ns: services are busy with several at once and keep up.
const BETWEEN_REQUESTS: u64 = 1_000_000;

struct Walk<'a> {
    model: &'a Model,
    catalogue: &'a Catalogue,
    prices: &'a [u32],
    left: &'a mut [u32],
    stations: Vec<Station>,
    /// SKU and units.
    basket: Vec<(u32, u32)>,
    now: u64,
    /// Takes up what is drawn, so that it has to be.
    sum: u64,
    events: u64,
}

/// Who is walking, and how far.
struct Visit<'a> {
    segment: &'a Segment,
    subject: u64,
    session: u8,
    number: u16,
}

impl Walk<'_> {
    fn cell(&mut self, window: usize, cell: u32) {
        let model = self.model;
        for (id, segment) in model.segments.iter().enumerate() {
            let Some(attendance) = &segment.attendance[window] else { continue };
            let first = model.first_of_segment(cell, id);
            let shoppers = u64::from(model.first_of_segment(cell, id + 1) - first);
            let order = Permutation::new(shoppers, u64::from(cell));
            for number in 0..(shoppers as f64 * attendance.participation) as u64 {
                let subject = model.first_shopper(cell) + u64::from(first) + order.at(number);
                self.session(Visit { segment, subject, session: window as u8, number: 0 });
            }
        }
    }

    fn session(&mut self, mut visit: Visit) {
        let graph = &self.model.graphs[visit.segment.graph(visit.session)];
        self.basket.clear();
        self.events += 1;
        let mut next = Some(graph.entry);
        while let Some(state) = next {
            visit.number += 1;
            next = self.page(&visit, &graph.states[usize::from(state)]);
        }
    }

    fn stream(&self, visit: &Visit, purpose: Purpose, item: u16) -> Stream {
        let Visit { subject, session, number, .. } = *visit;
        self.model.draws.stream(Name { subject, session, visit: number, purpose, item })
    }

    fn page(&mut self, visit: &Visit, state: &State) -> Option<u8> {
        for (call, at) in state.calls.iter().enumerate() {
            let service = usize::from(at.service);
            let mut stream = self.stream(visit, Purpose::ServiceTime, (call as u16) << 8);
            let work = self.model.services[service].time.draw(&mut stream);
            self.sum += self.stations[service].offer(self.now, work).unwrap_or(0);
            self.now += BETWEEN_REQUESTS;
        }
        // An answer and the thinking after it are one event, unless the answer is one about stock.
        let of_stock = matches!(state.action, Some(Action::Reserve | Action::Pay { .. }));
        self.events += (state.calls.len() + usize::from(of_stock)).max(1) as u64;
        match state.action {
            Some(Action::AddToBasket) if self.basket.is_empty() => self.fill(visit),
            Some(Action::Reserve) => {
                for &(sku, units) in &self.basket {
                    self.left[sku as usize] = self.left[sku as usize].saturating_sub(units);
                }
            }
            Some(Action::Pay { .. }) => {
                self.sum += self.stream(visit, Purpose::Decline, 0).bits64();
                self.basket.clear();
            }
            _ => {}
        }
        let mut stream = self.stream(visit, Purpose::Visit, 0);
        let target = state.next.target(stream.unit());
        self.sum += state.think.as_ref().map_or(0, |think| think.draw(&mut stream));
        target
    }

    fn fill(&mut self, visit: &Visit) {
        let segment = visit.segment;
        let mut stream = self.stream(visit, Purpose::Basket, 0);
        let lines = segment.lines.draw(|| stream.clone()) as u16;
        self.sum += segment.spend.as_ref().map_or(0, |spend| spend.draw(&mut stream));
        for line in 0..lines {
            let mut stream = self.stream(visit, Purpose::Product, line << 8);
            let (u_category, u_named) = stream.two_units();
            let sku = self.catalogue.pick(segment.category.pick(u_category), u_named, stream.unit());
            let units = self.catalogue.units_of(sku).unwrap_or(&segment.units);
            let units = units.draw(|| self.stream(visit, Purpose::Units, line << 8));
            self.sum += u64::from(self.prices[sku as usize]) * u64::from(units);
            self.basket.push((sku, units));
        }
    }
}
