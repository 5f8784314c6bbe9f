//! Fixed pieces of work whose machine instructions are counted: `benches/count_instructions.py` runs each under callgrind and
//! compares the counts with those in `instructions.json`. Counts do not depend on what else the machine does, so a change of
//! one part in twenty stands out where a clock would see nothing.
//!
//! Run by itself, it only shows that the work can be done.

#[path = "runs/played.rs"]
mod played;

use saleload::engine::event_list::EventList;
use saleload::engine::session::{Phase, Session};
use saleload::rng::{Draws, Name, Purpose};
use saleload::units::Instant;
use std::hint::black_box;

/// Names of the pieces of work.
const WORK: [(&str, fn()); 4] = [("check", check), ("hold", hold), ("quickstart", quickstart), ("festival", festival)];

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for (name, work) in WORK {
        if named.is_empty() || named.iter().any(|other| other == name) {
            work();
        }
    }
}

/// Reading and checking the largest scenario.
fn check() {
    black_box(played::plan("double11-2020.toml", &[""; 0]));
}

/// The event list alone: a million takes and additions at a hundred thousand pending events.
fn hold() {
    let name = Name { subject: 1, session: 0, visit: 0, purpose: Purpose::Visit, item: 0 };
    let mut stream = Draws::new(1).stream(name);
    let delays: Vec<u64> = (0..1 << 16).map(|_| (-stream.unit().max(1e-12).ln() * 20e9) as u64).collect();
    let mut list = EventList::default();
    let add = |list: &mut EventList, now: u64, shopper: u32| {
        let mut session = Session::new(Instant(now), shopper, 0, 0);
        session.wait_for(Phase::ThinkEnd, Instant(now + delays[(now as usize ^ shopper as usize) % delays.len()]));
        list.push(session);
    };
    (0..100_000).for_each(|shopper| add(&mut list, 0, shopper));
    for _ in 0..1_000_000 {
        let Some(taken) = list.pop_before(u64::MAX) else { return };
        add(&mut list, taken.time.0, taken.shopper);
    }
    black_box(list.len());
}

/// A small scenario in which everything happens.
fn quickstart() {
    black_box(played::play(&played::plan("quickstart.toml", &[""; 0]), 1, 1));
}

/// One cell of the festival, for a fraction of its people and goods.
fn festival() {
    let fewer = [
        "population.shoppers=4_000_000",
        "catalogue.skus=400_000",
        "window.second.new_skus=50_000",
        "livestream.spring-thunder-1.shows.rooms.products=20000",
        "livestream.spring-thunder-2.shows.rooms.products=20000",
        "livestream.spring-thunder-1.shows.rooms.rooms=3000",
        "livestream.spring-thunder-2.shows.rooms.rooms=3000",
        "livestream.merchants-1.shows.rooms.products=40000",
        "livestream.merchants-2.shows.rooms.products=40000",
    ];
    let plan = played::plan("double11-2020.toml", &fewer);
    black_box(played::play(&plan, 64, 1));
}
