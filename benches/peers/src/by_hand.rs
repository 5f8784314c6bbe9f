//! By hand: a loop around the standard library's binary heap, as one would write it for just this network. An event is a time
//! and a number, sixteen bytes, and nothing is allocated per event.

use crate::station::Station;
use crate::{BROWSE, Browse, Draws, LEAVE, STAY, TANDEM, Tandem, gap};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An arrival; smaller numbers are stations, at which a service ends.
const ARRIVAL: u8 = 3;

/// Plays the tandem network.
#[must_use]
pub fn tandem() -> Tandem {
    let mut draws = Draws::new(1);
    let mut stations = Station::tandem();
    let mut pending = BinaryHeap::with_capacity(128);
    let (mut to_come, gap) = (TANDEM.0, gap(TANDEM));
    let mut left = 0;
    pending.push(Reverse((draws.exponential(gap), ARRIVAL)));
    while let Some(Reverse((now, what))) = pending.pop() {
        let to = if what == ARRIVAL {
            to_come -= 1;
            if to_come > 0 {
                pending.push(Reverse((now + draws.exponential(gap), ARRIVAL)));
            }
            0
        } else {
            if let Some(work) = stations[usize::from(what)].complete(now, &mut draws) {
                pending.push(Reverse((now + work, what)));
            }
            if what == 2 || what == 0 && draws.happens(LEAVE) {
                left += 1;
                continue;
            }
            what + 1
        };
        if let Some(work) = stations[usize::from(to)].arrive(now, &mut draws) {
            pending.push(Reverse((now + work, to)));
        }
    }
    Tandem { customers: left, stations: stations.map(|station| station.served()) }
}

/// Plays browsing.
#[must_use]
pub fn browse() -> Browse {
    let mut draws = Draws::new(1);
    let mut pending = BinaryHeap::new();
    let (mut to_come, gap) = (BROWSE.0, gap(BROWSE));
    let (mut left, mut present, mut most_present) = (0, 0, 0);
    pending.push(Reverse((draws.exponential(gap), true)));
    while let Some(Reverse((now, arrives))) = pending.pop() {
        if !arrives {
            present -= 1;
            left += 1;
            continue;
        }
        present += 1;
        most_present = present.max(most_present);
        pending.push(Reverse((now + draws.exponential(STAY), false)));
        to_come -= 1;
        if to_come > 0 {
            pending.push(Reverse((now + draws.exponential(gap), true)));
        }
    }
    Browse { customers: left, most_present }
}

/// Plays browsing with the next arrival beside the heap, as nobody has to look for it.
#[must_use]
pub fn browse_arrivals_apart() -> Browse {
    let mut draws = Draws::new(1);
    let mut leaving: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    let gap = gap(BROWSE);
    let (mut left, mut most_present) = (0, 0);
    let mut now = 0;
    for _ in 0..BROWSE.0 {
        now += draws.exponential(gap);
        while leaving.peek().is_some_and(|first| first.0 <= now) {
            leaving.pop();
            left += 1;
        }
        leaving.push(Reverse(now + draws.exponential(STAY)));
        most_present = most_present.max(leaving.len() as u64);
    }
    while leaving.pop().is_some() {
        left += 1;
    }
    Browse { customers: left, most_present }
}
