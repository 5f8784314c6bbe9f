//! In desque: a type per kind of event, as in its examples, and times in integers. The events are empty, so that boxing them
//! costs nothing.

use crate::station::Station;
use crate::{BROWSE, Browse, Draws, LEAVE, STAY, TANDEM, Tandem, gap};
use desque::serial::{Event, Simulation};
use desque::{Result, SimState};

struct Network {
    draws: Draws,
    stations: [Station; 3],
    to_come: u64,
    left: u64,
}

impl SimState<u64> for Network {}

/// A customer comes to the network.
#[derive(Debug)]
struct Arrival;

/// A service ends at a station.
#[derive(Debug)]
struct Completion<const STATION: usize>;

impl Event<Network, u64> for Arrival {
    fn execute(&mut self, sim: &mut Simulation<Network, u64>) -> Result {
        let now = *sim.current_time();
        let network = sim.state_mut();
        network.to_come -= 1;
        if network.to_come > 0 {
            let next = now + network.draws.exponential(gap(TANDEM));
            sim.schedule(Arrival, next)?;
        }
        arrive::<0>(sim, now)
    }
}

impl Event<Network, u64> for Completion<0> {
    fn execute(&mut self, sim: &mut Simulation<Network, u64>) -> Result {
        let now = *sim.current_time();
        complete::<0>(sim, now)?;
        let network = sim.state_mut();
        if network.draws.happens(LEAVE) {
            network.left += 1;
            return Ok(());
        }
        arrive::<1>(sim, now)
    }
}

impl Event<Network, u64> for Completion<1> {
    fn execute(&mut self, sim: &mut Simulation<Network, u64>) -> Result {
        let now = *sim.current_time();
        complete::<1>(sim, now)?;
        arrive::<2>(sim, now)
    }
}

impl Event<Network, u64> for Completion<2> {
    fn execute(&mut self, sim: &mut Simulation<Network, u64>) -> Result {
        let now = *sim.current_time();
        complete::<2>(sim, now)?;
        sim.state_mut().left += 1;
        Ok(())
    }
}

fn arrive<const STATION: usize>(sim: &mut Simulation<Network, u64>, now: u64) -> Result
where
    Completion<STATION>: Event<Network, u64>,
{
    let network = sim.state_mut();
    match network.stations[STATION].arrive(now, &mut network.draws) {
        Some(work) => sim.schedule(Completion::<STATION>, now + work),
        None => Ok(()),
    }
}

fn complete<const STATION: usize>(sim: &mut Simulation<Network, u64>, now: u64) -> Result
where
    Completion<STATION>: Event<Network, u64>,
{
    let network = sim.state_mut();
    match network.stations[STATION].complete(now, &mut network.draws) {
        Some(work) => sim.schedule(Completion::<STATION>, now + work),
        None => Ok(()),
    }
}

/// Plays the tandem network.
#[must_use]
pub fn tandem() -> Tandem {
    let mut draws = Draws::new(1);
    let first = draws.exponential(gap(TANDEM));
    let network = Network { draws, stations: Station::tandem(), to_come: TANDEM.0, left: 0 };
    let mut sim = Simulation::new(network, 0);
    sim.schedule(Arrival, first).expect("the first arrival lies in the future");
    sim.run().expect("every event lies in the future");
    let network = sim.state();
    Tandem { customers: network.left, stations: network.stations.each_ref().map(Station::served) }
}

struct Place {
    draws: Draws,
    to_come: u64,
    present: u64,
    most_present: u64,
    left: u64,
}

impl SimState<u64> for Place {}

/// A customer comes to stay.
#[derive(Debug)]
struct Entry;

/// A stay ends.
#[derive(Debug)]
struct Exit;

impl Event<Place, u64> for Entry {
    fn execute(&mut self, sim: &mut Simulation<Place, u64>) -> Result {
        let now = *sim.current_time();
        let place = sim.state_mut();
        place.present += 1;
        place.most_present = place.most_present.max(place.present);
        place.to_come -= 1;
        let last = place.to_come == 0;
        let exit = now + place.draws.exponential(STAY);
        sim.schedule(Exit, exit)?;
        if last {
            return Ok(());
        }
        let next = now + sim.state_mut().draws.exponential(gap(BROWSE));
        sim.schedule(Entry, next)
    }
}

impl Event<Place, u64> for Exit {
    fn execute(&mut self, sim: &mut Simulation<Place, u64>) -> Result {
        let place = sim.state_mut();
        place.present -= 1;
        place.left += 1;
        Ok(())
    }
}

/// Plays browsing.
#[must_use]
pub fn browse() -> Browse {
    let mut draws = Draws::new(1);
    let first = draws.exponential(gap(BROWSE));
    let place = Place { draws, to_come: BROWSE.0, present: 0, most_present: 0, left: 0 };
    let mut sim = Simulation::new(place, 0);
    sim.schedule(Entry, first).expect("the first arrival lies in the future");
    sim.run().expect("every event lies in the future");
    let place = sim.state();
    Browse { customers: place.left, most_present: place.most_present }
}
