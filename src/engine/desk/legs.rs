//! Legs: the calls that a page makes at once, the sessions that wait for all of them, and the calls that a service makes.
//!
//! A session has one event at a time and 32 bytes; where its page forks, it is parked here, and a leg goes on for it at each of the
//! calls. A leg also goes on for a request that keeps a worker while its service calls others, one after the other. To services a leg is a client like any other: a copy of the session, with the number of the leg in the place of the basket.
//! It waits on the heap of turns or at a desk, never in the event list. A leg whose answer is known in advance has no event.

use super::{Turn, What};
use crate::engine::basket::BasketId;
use crate::engine::free_places::FreePlaces;
use crate::engine::session::{Phase, Session};
use crate::plan::MAX_AT_ONCE;
use crate::units::Instant;
use serde::{Deserialize, Serialize};

/// Places that are used again, by number.
#[derive(Clone, Debug)]
pub(super) struct Pool<T> {
    places: Vec<Option<T>>,
    free: FreePlaces,
    len: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool { places: Vec::new(), free: FreePlaces::default(), len: 0 }
    }
}

impl<T> Pool<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, item: T) -> u32 {
        self.len += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.places[place as usize] = Some(item);
        place
    }

    pub(super) fn remove(&mut self, place: u32) -> T {
        self.len -= 1;
        self.free.insert(place);
        self.places[place as usize].take().expect("who names a place has seen it taken")
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.places[place as usize].as_ref()
    }

    pub(super) fn at(&mut self, place: u32) -> &mut T {
        self.places[place as usize].as_mut().expect("who names a place has seen it taken")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.places).filter_map(|(place, item)| Some((place, item.as_ref()?)))
    }
}

/// For whom a leg goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A session whose page forks.
    Fork(u32),
    /// A session whose call may be sent a second time: which of its copies it is.
    Hedged(u32, Which),
    /// A request, by its place, and what the draws of its calls are named by.
    Request { place: u32, lineage: u64 },
}

/// A copy of a call that may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Which {
    /// The one that is sent at once.
    First,
    /// The second, which waits for its time.
    Unsent,
    /// The second, once it is sent.
    Second,
}

/// A call that is made beside others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    /// The client that the service sees, as it waits.
    pub(super) session: Session,
    pub(super) owner: Owner,
    /// Names it: the cell's legs are numbered in the order in which they begin.
    pub(super) ticket: u64,
    pub(super) service: u8,
    pub(super) status: Status,
    /// Where it goes for a request and a station answers: its place among the cell's requests.
    pub(super) order: u64,
}

/// What a leg is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is being played at the moment, or has yet to begin.
    AtPlay,
    /// It waits for what its session says; there is a turn for it.
    Waits,
    /// It waits for the answer to the request in this place.
    AtDesk(u32),
    /// It is or will be answered at `done`, ns; it asked at `made`. There is a turn for it where it goes for a request.
    Answered { made: u64, done: u64 },
}

/// A session whose page makes several calls at once, or whose call may be sent a second time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork {
    pub(super) session: Session,
    legs: [u32; MAX_AT_ONCE],
    len: u8,
    /// Legs without an answer, and the time of the latest answer, ns.
    pub(super) unanswered: u8,
    pub(super) latest: u64,
}

impl Fork {
    /// A session that is about to fork.
    pub(super) fn new(session: Session) -> Self {
        Fork { session, legs: [0; MAX_AT_ONCE], len: 0, unanswered: 0, latest: 0 }
    }

    pub(super) fn legs(&self) -> &[u32] {
        &self.legs[..usize::from(self.len)]
    }
}

/// The legs of a cell and the sessions that wait for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Legs {
    pub(super) all: Pool<Leg>,
    pub(super) forks: Pool<Fork>,
    tickets: u64,
}

impl Legs {
    /// Adds a leg to a fork, for the call that `session` is at.
    pub(super) fn add(&mut self, fork: u32, session: Session, service: u8) -> u32 {
        self.join(fork, Owner::Fork(fork), session, service)
    }

    /// Adds a copy of a call to a fork.
    pub(super) fn add_copy(&mut self, fork: u32, which: Which, session: Session, service: u8) -> u32 {
        self.join(fork, Owner::Hedged(fork, which), session, service)
    }

    fn join(&mut self, fork: u32, owner: Owner, session: Session, service: u8) -> u32 {
        let place = self.begin(owner, session, service);
        let fork = self.forks.at(fork);
        fork.legs[usize::from(fork.len)] = place;
        fork.len += 1;
        fork.unanswered += 1;
        place
    }

    /// A leg sets out.
    pub(super) fn begin(&mut self, owner: Owner, session: Session, service: u8) -> u32 {
        let ticket = self.tickets;
        self.tickets += 1;
        let place = self.all.insert(Leg { session, owner, ticket, service, status: Status::AtPlay, order: 0 });
        self.all.at(place).session.basket = BasketId::of_leg(place);
        place
    }

    /// The leg that a client is.
    pub(super) fn of(&self, client: &Session) -> Option<&Leg> {
        self.all.get(client.basket.leg()?)
    }

    /// The call of which a client is a copy, and which it is.
    pub(super) fn copy(&self, client: &Session) -> Option<(u32, Which)> {
        match self.of(client)?.owner {
            Owner::Hedged(fork, which) => Some((fork, which)),
            Owner::Fork(_) | Owner::Request { .. } => None,
        }
    }

    /// The second copy of a call is sent.
    pub(super) fn is_sent(&mut self, copy: &Session) {
        if let Some(place) = copy.basket.leg()
            && let Owner::Hedged(_, which) = &mut self.all.at(place).owner
        {
            *which = Which::Second;
        }
    }

    /// Whether another copy of a call was sent, and is still awaited.
    pub(super) fn is_other_sent(&self, fork: u32, copy: &Session) -> bool {
        let others =
            self.forks.get(fork).map_or(&[][..], Fork::legs).iter().filter(|&&leg| Some(leg) != copy.basket.leg());
        let is_sent = |leg: &Leg| leg.owner != Owner::Hedged(fork, Which::Unsent);
        others.filter_map(|&leg| self.all.get(leg)).any(is_sent)
    }

    /// Whether the legs of a fork are copies of a call, as far as they are awaited: the first, or the second, or both.
    pub(super) fn are_copies(&self, fork: &Fork) -> bool {
        let mut which = fork.legs().iter().map(|&leg| match self.all.get(leg)?.owner {
            Owner::Hedged(_, which) => Some(which),
            Owner::Fork(_) | Owner::Request { .. } => None,
        });
        match (which.next().flatten(), which.next()) {
            (Some(Which::First), second) => matches!(second, None | Some(Some(Which::Unsent | Which::Second))),
            (Some(Which::Second), None) => true,
            _ => false,
        }
    }

    /// A copy of a call is awaited no more, but another is.
    pub(super) fn give_up(&mut self, fork: u32, copy: &Session) {
        let place = copy.basket.leg().expect("a copy is a leg");
        self.all.remove(place);
        let fork = self.forks.at(fork);
        if fork.legs[0] == place {
            fork.legs.swap(0, 1);
        }
        fork.len -= 1;
        fork.unanswered -= 1;
    }

    /// What the client of a request or turn is doing, where it is a leg.
    pub(super) fn set(&mut self, client: &Session, status: Status) {
        if let Some(place) = client.basket.leg() {
            self.all.at(place).status = status;
        }
    }

    /// The client of a request at a desk begins to wait, where it is a leg.
    pub(super) fn queue_up(&mut self, client: &Session, request: u32) {
        if let Some(place) = client.basket.leg() {
            let leg = self.all.at(place);
            (leg.session, leg.status) = (*client, Status::AtDesk(request));
        }
    }

    /// Ticket of a client among the legs, from one; zero for a session itself, which comes before its legs.
    pub(super) fn caller(&self, client: &Session) -> u64 {
        self.of(client).map_or(0, |leg| leg.ticket + 1)
    }

    /// The session that a leg goes for; `None` where it goes for a request.
    pub(super) fn parent(&self, leg: u32) -> Option<&Session> {
        match self.all.get(leg)?.owner {
            Owner::Fork(fork) | Owner::Hedged(fork, _) => self.forks.get(fork).map(|fork| &fork.session),
            Owner::Request { .. } => None,
        }
    }

    /// A leg waits for something; its turn.
    pub(super) fn wait(&mut self, session: Session) -> Turn {
        let place = session.basket.leg().expect("only legs come here");
        let leg = self.all.at(place);
        (leg.session, leg.status) = (session, Status::Waits);
        Turn::of_client(&session, What::LegWaits, leg.ticket + 1, leg.ticket, place)
    }

    /// Whether a leg waits for a turn.
    pub(super) fn is_due(&self, turn: &Turn) -> bool {
        self.all.get(turn.place).filter(|leg| leg.ticket == turn.ticket).is_some_and(|leg| match leg.status {
            Status::Waits => turn.what == What::LegWaits,
            Status::Answered { done, .. } => turn.what == What::LegAnswered && turn.time == done,
            Status::AtPlay | Status::AtDesk(_) => false,
        })
    }

    /// Forgets a fork and its legs; what they were.
    pub(super) fn end(&mut self, fork: u32) -> (Session, impl Iterator<Item = Leg> + use<>) {
        let fork = self.forks.remove(fork);
        let mut legs = [None; MAX_AT_ONCE];
        for (leg, &place) in legs.iter_mut().zip(fork.legs()) {
            *leg = Some(self.all.remove(place));
        }
        (fork.session, legs.into_iter().flatten())
    }
}

/// A session that waits for its legs, until its hold expires at the latest.
pub(super) fn parked(mut session: Session, hold_ends: Instant) -> Session {
    session.wait_for(Phase::Response, hold_ends);
    session
}
