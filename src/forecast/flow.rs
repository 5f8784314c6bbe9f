//! The flow of a window: sessions of all segments through its waiting room and their behaviour graphs, slot by slot.

use super::baskets::Effects;
use super::fluid::Network;
use super::gates::Gates;
use super::room::Passage;
use super::{Limited, Peak, RoomForecast, grid};
use crate::model::expectation::Expectation;
use crate::model::intensity::Cumulative;
use crate::plan::capacity::Capacity;
use crate::plan::switch::SwitchOn;
use crate::plan::{Action, CbmgId, Plan, Presale, Service, ServiceId, WindowId};
use crate::units::{Instant, Nanos};
use std::collections::BTreeMap;

/// Sessions still in flight after a closing are followed for this long, seconds.
const DRAIN: u64 = 6 * 3600;
/// Most rounds in which it is found out what gets through in a slot.
const ROUNDS: u32 = 8;
/// Steps of a slot in which those who come to a waiting room are counted.
const STEPS: u32 = 4;

/// Segments of a window that share a behaviour graph, an arrival pattern and a share of early ones, and so flow as one; or those who
/// come to pay a balance.
struct Stream<'a> {
    network: Network<'a>,
    cbmg: CbmgId,
    crowd: Crowd,
    /// Share of the crowd that has come before the slot at hand.
    came: f64,
    /// Mean lines of their baskets.
    lines: f64,
    is_paying: bool,
}

/// Who comes, and when.
struct Crowd {
    sessions: f64,
    /// Share of them that is there before the opening.
    early: f64,
    arrivals: Cumulative,
    /// How long after the opening arrivals begin, seconds.
    after: f64,
}

/// A window's flow by slots.
pub(super) struct Flow {
    pub(super) window: WindowId,
    /// Opening.
    opens: Instant,
    /// The same, Unix ms.
    pub(super) opens_unix_ms: i64,
    /// Edges of the slots, seconds since the opening.
    edges: Vec<u64>,
    /// Slots before the closing.
    pub(super) open_slots: usize,
    pub(super) sessions: Vec<f64>,
    pub(super) orders: Vec<f64>,
    /// Sessions in flight at the end of each slot.
    pub(super) in_flight: Vec<f64>,
    /// Requests by service and slot.
    pub(super) requests: Vec<Vec<f64>>,
    /// Of those, requests that get through to their service; `None`: all.
    passed: Option<Vec<Vec<f64>>>,
    /// When its limit binds, by service.
    pub(super) limited: Vec<Option<Limited>>,
    pub(super) room: Option<RoomForecast>,
}

/// Those who come to a window, each kind with how many they are.
#[derive(Default)]
struct Group {
    sessions: f64,
    early: f64,
    /// Sessions times the mean lines of their baskets.
    lines: f64,
}

impl<'a> Stream<'a> {
    fn new(plan: &'a Plan, cbmg: CbmgId, group: &Group, arrivals: Cumulative) -> Self {
        let lines = if group.sessions > 0.0 { group.lines / group.sessions } else { 0.0 };
        let crowd = Crowd { sessions: group.sessions, early: group.early, arrivals, after: 0.0 };
        Stream { network: Network::new(plan, cbmg), cbmg, crowd, came: 0.0, lines, is_paying: false }
    }

    /// All streams of a window.
    fn all(plan: &'a Plan, expectation: &Expectation, baskets: &[Effects], window: WindowId) -> Vec<Self> {
        let bounds = &plan.windows[window];
        let length = bounds.closes - bounds.opens;
        let mut groups: BTreeMap<(usize, usize, u64), Group> = BTreeMap::new();
        for (id, segment) in plan.segments.iter().enumerate() {
            for (attendance, intensity, sessions) in expectation.by_pattern(segment, (id, window)) {
                let group = groups.entry((segment.cbmg, intensity, attendance.early.to_bits())).or_default();
                group.early = attendance.early;
                group.sessions += sessions;
                let kept = baskets[id].of(bounds.presale.is_some()).lines;
                group.lines += sessions * segment.lines.mean() * kept;
            }
        }
        let of_group = |((cbmg, intensity, _), group): (&(usize, usize, u64), &Group)| {
            Stream::new(plan, *cbmg, group, Cumulative::new(&plan.intensities[*intensity], length))
        };
        let of_presale = |(presale, group): (&'a Presale, Group)| {
            // Later by as much as balances are; that the grid is laid as for the opening only makes it finer.
            let arrivals = Cumulative::new(&plan.intensities[presale.intensity], bounds.closes - presale.opens);
            let mut stream = Stream::new(plan, presale.cbmg, &group, arrivals);
            stream.crowd.after = (presale.opens - bounds.opens).as_secs_f64();
            Stream { is_paying: true, ..stream }
        };
        groups.iter().map(of_group).chain(paying(plan, expectation, baskets, window).map(of_presale)).collect()
    }

    /// Lets a slot from a time on pass; the visits of each state, whose pages fail with some probabilities.
    fn pass(
        &mut self,
        (from, seconds): (f64, f64),
        room: Option<(&Passage, usize)>,
        fails: Option<&[f64]>,
    ) -> Vec<f64> {
        let Stream { crowd, network, came, .. } = self;
        let before = room.map_or(*came, |(passage, stream)| passage.inside(stream, from));
        let arrived = |share: f64| {
            let at = from + share * seconds;
            match room {
                None => crowd.sessions * (crowd.came(at) - before),
                Some((passage, stream)) => passage.inside(stream, at) - before,
            }
        };
        match fails {
            None => network.pass(seconds, arrived),
            Some(fails) => network.pass_failing(seconds, fails, arrived),
        }
    }
}

impl Crowd {
    /// The share of sessions that has come so many seconds after the opening.
    fn came(&self, t: f64) -> f64 {
        let early = if t > 0.0 { self.early } else { 0.0 };
        early + (1.0 - self.early) * self.arrivals.at(Nanos::from_secs_f64((t - self.after).max(0.0)))
    }
}

/// Those who come to a window to pay a balance.
fn paying<'a>(
    plan: &'a Plan,
    expectation: &Expectation,
    baskets: &[Effects],
    window: WindowId,
) -> impl Iterator<Item = (&'a Presale, Group)> {
    let of_window =
        plan.presales().zip(&expectation.balances).filter(move |((_, presale), _)| presale.window == window);
    of_window.map(move |((of, presale), &(sessions, lines))| {
        let segments = plan.segments.iter().zip(&expectation.sessions).zip(baskets);
        // Of all who may pay a deposit, as if all did alike.
        let (wished, kept) = segments.fold((0.0, 0.0), |sum, ((segment, sessions), baskets)| {
            let wished = sessions[of] * segment.lines.mean();
            (sum.0 + wished, sum.1 + wished * baskets.of(true).lines)
        });
        let share = if wished > 0.0 { kept / wished } else { 1.0 };
        (presale, Group { sessions, lines: lines * share, early: 0.0 })
    })
}

/// Seconds since an opening between which the platform changes, for as long as that is known beforehand.
fn cuts(plan: &Plan, opens: Instant) -> Vec<u64> {
    let of_switch = plan.switches.iter().filter_map(|switch| match switch.on {
        SwitchOn::At { from, until } => Some([from, until]),
        SwitchOn::Load { .. } => None,
    });
    let changes = plan.services.iter().filter_map(Service::capacity).flat_map(Capacity::changes);
    let all = changes.chain(of_switch.flatten()).map(|at| (at - opens).0);
    all.flat_map(|nanos| [nanos / Nanos::PER_SECOND, nanos.div_ceil(Nanos::PER_SECOND)]).collect()
}

impl Flow {
    /// The flow of a window.
    pub(super) fn new(plan: &Plan, expectation: &Expectation, baskets: &[Effects], window: WindowId) -> Self {
        let mut streams = Stream::all(plan, expectation, baskets, window);
        let mut flow = Flow::empty(plan, &streams, window);
        let passage = flow.through_room(plan, &streams);
        let mut gates = Gates::new(plan);
        if gates.is_some() {
            flow.passed = Some(flow.requests.clone());
        }
        let within: Vec<Vec<f64>> = (0..plan.services.len()).map(|service| plan.requests_within(service)).collect();
        for slot in 0..flow.sessions.len() {
            match &mut gates {
                None => flow.pass(plan, &mut streams, passage.as_ref(), slot, &within),
                Some(gates) => flow.pass_gates(plan, &mut streams, passage.as_ref(), slot, gates),
            }
            flow.count_sessions(&mut streams, passage.as_ref(), slot);
        }
        flow.limited = gates.map_or_else(|| plan.services.iter().map(|_| None).collect(), Gates::limited);
        flow.room = passage.map(|passage| passage.forecast);
        flow
    }

    /// The slots of a window, with nothing in them.
    fn empty(plan: &Plan, streams: &[Stream], window: WindowId) -> Self {
        let bounds = &plan.windows[window];
        // A session belongs to the window in which it began, until the next opens or the run ends.
        let end = plan.windows.get(window + 1).map_or(plan.horizon, |next| next.opens);
        let open_seconds = (bounds.closes - bounds.opens).0 / Nanos::PER_SECOND;
        let seconds = ((end - bounds.opens).0 / Nanos::PER_SECOND).clamp(open_seconds, open_seconds + DRAIN);
        let arrivals: Vec<&Cumulative> = streams.iter().map(|stream| &stream.crowd.arrivals).collect();
        let cuts = cuts(plan, bounds.opens);
        let later: Vec<u64> = cuts.iter().filter_map(|cut| cut.checked_sub(open_seconds)).collect();
        let mut edges = grid::edges(open_seconds, &arrivals, &cuts);
        let open_slots = edges.len() - 1;
        edges.extend(grid::edges(seconds - open_seconds, &[], &later).into_iter().skip(1).map(|t| t + open_seconds));
        let slots = edges.len() - 1;
        Flow {
            window,
            opens: bounds.opens,
            opens_unix_ms: plan.unix_ms(bounds.opens),
            edges,
            open_slots,
            sessions: vec![0.0; slots],
            orders: vec![0.0; slots],
            in_flight: vec![0.0; slots],
            requests: vec![vec![0.0; slots]; plan.services.len()],
            passed: None,
            limited: Vec::new(),
            room: None,
        }
    }

    /// How the streams pass through the waiting room, where there is one. Who comes to pay a balance does not.
    fn through_room(&self, plan: &Plan, streams: &[Stream]) -> Option<Passage> {
        let room = plan.windows[self.window].room.as_ref()?;
        let step =
            |slot: usize, step: u32| self.edges[slot] as f64 + self.seconds(slot) * f64::from(step) / f64::from(STEPS);
        let times: Vec<f64> = (0..self.open_slots).flat_map(|slot| (1..=STEPS).map(move |of| step(slot, of))).collect();
        let came =
            |stream: &Stream| times.iter().map(|&time| stream.crowd.sessions * stream.crowd.came(time)).collect();
        let came: Vec<Vec<f64>> = streams.iter().filter(|stream| !stream.is_paying).map(came).collect();
        let closes = self.edges[self.open_slots] as f64;
        Some(Passage::new(room, &times, &came, closes, self.opens_unix_ms))
    }

    /// Lets a slot pass in which everything gets through.
    fn pass(
        &mut self,
        plan: &Plan,
        streams: &mut [Stream],
        passage: Option<&Passage>,
        slot: usize,
        within: &[Vec<f64>],
    ) {
        let time = (self.edges[slot] as f64, self.seconds(slot));
        for (index, stream) in streams.iter_mut().enumerate() {
            let room = passage.filter(|_| !stream.is_paying).map(|passage| (passage, index));
            let visits = stream.pass(time, room, None);
            for (state, visits) in plan.cbmgs[stream.cbmg].states.iter().zip(visits) {
                for &service in &state.calls {
                    for (requests, number) in self.requests.iter_mut().zip(&within[service]) {
                        requests[slot] += visits * number;
                    }
                }
                if state.action.is_some() {
                    self.orders[slot] += self.orders_of(plan, stream, state.action, slot, visits);
                }
            }
        }
    }

    /// The same where something may not get through. How much does depends on what is asked, which depends on what gets through:
    /// rounds, until both agree.
    fn pass_gates(
        &mut self,
        plan: &Plan,
        streams: &mut [Stream],
        passage: Option<&Passage>,
        slot: usize,
        gates: &mut Gates,
    ) {
        let time = (self.edges[slot] as f64, self.seconds(slot));
        gates.begin(self.instant(slot), self.instant(slot + 1));
        let before: Vec<[Vec<f64>; 2]> = streams.iter().map(|stream| stream.network.state()).collect();
        let mut asked = Vec::new();
        for round in 1..=ROUNDS {
            asked = vec![0.0; plan.services.len()];
            let mut orders = 0.0;
            for (index, (stream, before)) in streams.iter_mut().zip(&before).enumerate() {
                stream.network.put_back(before);
                let room = passage.filter(|_| !stream.is_paying).map(|passage| (passage, index));
                let fails = gates.fails(stream.cbmg);
                let visits = stream.pass(time, room, Some(&fails));
                for (state, visits) in visits.into_iter().enumerate() {
                    let asks = gates.asks(stream.cbmg, state);
                    asked.iter_mut().zip(asks).for_each(|(sum, each)| *sum += visits * each);
                    let action = plan.cbmgs[stream.cbmg].states[state].action;
                    orders += self.orders_of(plan, stream, action, slot, visits * (1.0 - fails[state]));
                }
            }
            self.orders[slot] = orders;
            if !gates.adjust(&asked) || round == ROUNDS {
                break;
            }
        }
        let through = gates.end(asked);
        for (service, passed) in self.passed.iter_mut().flatten().enumerate() {
            (self.requests[service][slot], passed[slot]) = (through.asked[service], through.passed[service]);
        }
    }

    /// Orders that so many visits create. After the closing, pages load and orders are refused; what is reserved in a presale is ordered
    /// once its balance is paid.
    fn orders_of(&self, plan: &Plan, stream: &Stream, action: Option<Action>, slot: usize, visits: f64) -> f64 {
        let creates = match action {
            Some(Action::Reserve) => !stream.is_paying && plan.windows[self.window].presale.is_none(),
            Some(Action::Pay { .. }) => stream.is_paying,
            _ => false,
        };
        if creates && slot < self.open_slots { visits * stream.lines } else { 0.0 }
    }

    /// Counts those who come in a slot, and those who are there at its end, in the waiting room too.
    fn count_sessions(&mut self, streams: &mut [Stream], passage: Option<&Passage>, slot: usize) {
        let until = self.edges[slot + 1] as f64;
        for stream in &mut *streams {
            let came = stream.crowd.came(until);
            self.sessions[slot] += stream.crowd.sessions * (came - stream.came);
            stream.came = came;
            self.in_flight[slot] += stream.network.in_flight();
        }
        if let Some(passage) = passage.filter(|_| slot < self.open_slots) {
            let in_room = streams.iter().filter(|stream| !stream.is_paying);
            let came: f64 = in_room.map(|stream| stream.crowd.sessions * stream.came).sum();
            self.in_flight[slot] += (came - passage.out(until)).max(0.0);
        }
    }

    /// Requests that get through to a service, by slot.
    pub(super) fn passed(&self, service: ServiceId) -> &[f64] {
        self.passed.as_ref().map_or(&self.requests[service], |passed| &passed[service])
    }

    pub(super) fn slots(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn peak_rate(&self, counts: &[f64]) -> Peak {
        self.peak(counts.iter().enumerate().map(|(slot, count)| count / self.seconds(slot)))
    }

    /// The largest value, and the first slot that has it.
    pub(super) fn peak(&self, values: impl Iterator<Item = f64>) -> Peak {
        let mut peak = Peak { value: 0.0, at_unix_ms: self.opens_unix_ms };
        for (slot, value) in values.enumerate() {
            if value > peak.value {
                peak = Peak { value, at_unix_ms: self.unix_ms(slot) };
            }
        }
        peak
    }

    pub(super) fn seconds(&self, slot: usize) -> f64 {
        (self.edges[slot + 1] - self.edges[slot]) as f64
    }

    pub(super) fn instant(&self, edge: usize) -> Instant {
        self.opens + Nanos::from_secs(self.edges[edge])
    }

    pub(super) fn unix_ms(&self, edge: usize) -> i64 {
        self.opens_unix_ms + self.edges[edge] as i64 * 1000
    }
}
