//! What is drawn for a session, each draw under its name. The names and the samplers are shared with the engine; they are the
//! scenario's randomness, not its simulation.

use super::session::{Copy, Key, Session};
use saleload::model::catalogue::Catalogue;
use saleload::model::{Model, Segment, Voucher};
use saleload::plan::Plan;
use saleload::rng::{Name, Purpose, Stream};
use saleload::units::Nanos;

fn stream(model: &Model, key: Key, visit: u16, purpose: Purpose, item: u16) -> Stream {
    model.draws.stream(Name { subject: key.shopper, session: key.window as u8, visit, purpose, item })
}

fn of_visit(model: &Model, session: &Session, purpose: Purpose, item: u16) -> Stream {
    stream(model, session.key, session.visit, purpose, item)
}

/// What concerns a call: of a page, or of a service for a request.
fn of_call(model: &Model, session: &Session, purpose: Purpose, item: u16) -> Stream {
    match session.within {
        Some((_, lineage)) => model.draws.stream(Name::within(lineage, purpose, item)),
        None => of_visit(model, session, purpose, item),
    }
}

/// What names the draws of the calls that a service makes for the attempt.
pub(crate) fn lineage(model: &Model, session: &Session) -> u64 {
    of_call(model, session, Purpose::Lineage, attempt(session)).bits64()
}

/// Numbers an attempt at a call within a visit.
fn attempt(session: &Session) -> u16 {
    let second = u16::from(session.copy == Some(Copy::Second));
    (session.call as u16) << 8 | second << 7 | session.attempt as u16
}

/// How long a worker needs for the attempt.
pub(crate) fn service_time(model: &Model, session: &Session, service: usize) -> Nanos {
    Nanos(model.services[service].time.draw(&mut of_call(model, session, Purpose::ServiceTime, attempt(session))))
}

/// The instances that the balancer looks at for the attempt, one after the other.
pub(crate) fn instances(model: &Model, session: &Session, below: u64) -> impl Iterator<Item = usize> + use<> {
    let mut stream = of_call(model, session, Purpose::Balancer, attempt(session));
    // The high half of the product of a random word and the bound.
    std::iter::repeat_with(move || ((u128::from(stream.bits64()) * u128::from(below)) >> 64) as usize)
}

/// How long the client waits after the failed attempt.
pub(crate) fn backoff(model: &Model, session: &Session, service: usize) -> Nanos {
    let jitter = |attempt: u8| {
        let item = (session.call as u16) << 8 | u16::from(attempt);
        of_call(model, session, Purpose::Backoff, item).unit()
    };
    model.services[service].backoff(session.attempt as u8, jitter)
}

/// What decides whether a client holds a request back.
pub(crate) fn throttle(model: &Model, session: &Session) -> f64 {
    of_call(model, session, Purpose::Throttle, attempt(session)).unit()
}

/// How long the shopper waits for the page, or the page itself.
pub(crate) fn patience(model: &Model, session: &Session) -> Option<Nanos> {
    let segment = &model.segments[session.segment];
    let state = &model.graphs[segment.graph(session.key.window as u8)].states[session.state];
    let patience = segment.patience.as_ref();
    let patience = patience.map(|(times, _)| Nanos(times.draw(&mut of_visit(model, session, Purpose::Patience, 0))));
    patience.into_iter().chain(state.timeout).min()
}

/// Whether the shopper submits the page again, having waited long enough.
pub(crate) fn submits_again(model: &Model, session: &Session, probability: f64) -> bool {
    of_visit(model, session, Purpose::SecondSubmit, 0).unit() < probability
}

/// Whether the platform sees that a second submit is one.
pub(crate) fn is_caught(model: &Model, session: &Session, idempotency: f64) -> bool {
    of_visit(model, session, Purpose::Idempotency, 0).unit() < idempotency
}

/// How long the shopper waits to be let in.
pub(crate) fn patience_in_room(model: &Model, session: &Session) -> Option<Nanos> {
    let patience = model.rooms[session.key.window].as_ref()?.patience.as_ref()?;
    Some(Nanos(patience.draw(&mut of_visit(model, session, Purpose::RoomPatience, 0))))
}

/// Where the shopper goes after the page, and how long they look at it before.
pub(crate) fn next(model: &Model, session: &Session, page_failed: bool) -> (Option<usize>, Nanos) {
    let state = &model.graphs[model.segments[session.segment].graph(session.key.window as u8)].states[session.state];
    let (purpose, transition) =
        if page_failed { (Purpose::FailedVisit, &state.on_failure) } else { (Purpose::Visit, &state.next) };
    let mut stream = of_visit(model, session, purpose, 0);
    let target = transition.target(stream.unit());
    let think = state.think.as_ref().map_or(0, |think| think.draw(&mut stream));
    (target.map(usize::from), Nanos(think))
}

/// Whether the bank declines.
pub(crate) fn is_declined(model: &Model, session: &Session, probability: f64) -> bool {
    probability > 0.0 && of_visit(model, session, Purpose::Decline, 0).unit() < probability
}

/// How many lines a basket is to have, and what it may cost at most.
pub(crate) fn wishes(model: &Model, session: &Session) -> (usize, u64) {
    let segment = &model.segments[session.segment];
    let stream = of_visit(model, session, Purpose::Basket, 0);
    let lines = segment.lines.draw(|| stream.clone()) as usize;
    // The first 64 bits are the number of lines, whether or not it took them.
    let mut after = stream;
    after.bits64();
    (lines, segment.spend.as_ref().map_or(u64::MAX, |spend| spend.draw(&mut after)))
}

/// The product that a shopper looks at for a line, and how many units of it.
pub(crate) fn candidate(
    model: &Model,
    catalogue: &Catalogue,
    session: &Session,
    (line, candidate): (usize, usize),
    shown: Option<u32>,
) -> (u32, u32) {
    let item = (line as u16) << 8 | candidate as u16;
    let segment: &Segment = &model.segments[session.segment];
    let mut stream = of_visit(model, session, Purpose::Product, item);
    let bits = stream.bits64();
    let half = |bits: u32| f64::from(bits) / 2.0_f64.powi(32);
    // The low half chooses the category, the high half whether it is a named product.
    let category = segment.category.pick(half(bits as u32));
    let sku = shown.unwrap_or_else(|| catalogue.pick(category, half((bits >> 32) as u32), stream.unit()));
    let sku = looked_at(catalogue, sku, session.key.window);
    let units = catalogue.units_of(sku).unwrap_or(&segment.units);
    (sku, units.draw(|| of_visit(model, session, Purpose::Units, item)))
}

/// Whether the shopper would take another product than that of a line.
pub(crate) fn would_substitute(model: &Model, session: &Session, line: usize) -> bool {
    let probability = model.segments[session.segment].substitution;
    of_visit(model, session, Purpose::Substitution, line as u16).unit() < probability
}

/// The product of a category that a shopper looks at in place of that of a line.
pub(crate) fn other_product(
    model: &Model,
    catalogue: &Catalogue,
    session: &Session,
    (line, candidate): (usize, usize),
    category: usize,
) -> u32 {
    let mut stream = of_visit(model, session, Purpose::Substitute, (line * 256 + candidate) as u16);
    let whether_named = stream.unit();
    let sku = catalogue.pick(category, whether_named, stream.unit());
    looked_at(catalogue, sku, session.key.window)
}

/// What is looked at in place of a SKU that is not listed yet: SKUs of a category stand in order of popularity.
fn looked_at(catalogue: &Catalogue, sku: u32, window: usize) -> u32 {
    let mut instead = sku;
    while !catalogue.is_listed(instead, window) {
        instead -= 1;
    }
    assert_eq!(catalogue.category_of(instead), catalogue.category_of(sku), "the first of each category is listed");
    instead
}

/// After how long the voucher of a paid line is redeemed, if it ever is.
pub(crate) fn redemption(model: &Model, session: &Session, number: usize, voucher: &Voucher) -> Option<Nanos> {
    let mut stream = of_visit(model, session, Purpose::Voucher, number as u16);
    (stream.unit() < voucher.redeemed).then(|| Nanos(voucher.after.draw(&mut stream)))
}

/// Whether a line is of what a livestream shows.
pub(crate) fn is_pulled(model: &Model, session: &Session, line: usize, conversion: f64) -> bool {
    of_visit(model, session, Purpose::Pull, line as u16).unit() < conversion
}

/// The channel that a session comes by.
pub(crate) fn channel(plan: &Plan, model: &Model, key: Key) -> Option<usize> {
    let u = stream(model, key, 0, Purpose::Channel, 0).unit();
    among(plan.channels.iter().map(|channel| channel.share), u)
}

/// The livestream that a session watches, and a number that says which room of it.
pub(crate) fn watched(plan: &Plan, model: &Model, key: Key, segment: usize) -> Option<(usize, f64)> {
    let mut stream = stream(model, key, 0, Purpose::Livestream, 0);
    let (u, room) = (stream.unit(), stream.unit());
    let of_window = |of: &saleload::plan::Livestream| if of.window == key.window { of.audience[segment] } else { 0.0 };
    Some((among(plan.livestreams.iter().map(of_window), u)?, room))
}

/// The first alternative whose probability, with those before it, is above `u`.
fn among(probabilities: impl Iterator<Item = f64>, u: f64) -> Option<usize> {
    let mut sum = 0.0;
    probabilities.into_iter().position(|probability| {
        sum += probability;
        u < sum && probability > 0.0
    })
}

/// Whether the shopper fills the basket up for a coupon.
pub(crate) fn fills_up(model: &Model, session: &Session, probability: f64) -> bool {
    of_visit(model, session, Purpose::FillUp, 0).unit() < probability
}

/// A number on [0, 1) by which an invited shopper decides whether to come.
pub(crate) fn participation(model: &Model, key: Key) -> f64 {
    stream(model, key, 0, Purpose::Participation, 0).unit()
}

/// The stream of a cell and segment in a window: how many come and in which order (`slice` zero), or when they come in a slice.
pub(crate) fn of_crowd(
    model: &Model,
    (cell, segment, window): (usize, usize, usize),
    purpose: Purpose,
    slice: u64,
) -> Stream {
    let subject = (cell as u64) << 8 | segment as u64;
    let (visit, item) = (slice as u16, (slice >> 16) as u16);
    model.draws.stream(Name { subject, session: window as u8, visit, purpose, item })
}
