//! What does not get through: limits of rate and of requests in flight, services that cannot be reached, states that are refused, calls that
//! are left out.
//!
//! Of what is asked of a service in a slot, its limit lets through what it can, and the rest fails at once. Further attempts do not change
//! that where they follow soon: with attempts n and a share r of all attempts rejected, a call fails with probability r^n, and is asked for
//! (1 - r^n) / (1 - r) times; as (1 - r) of those are what the limit lets through, the share of calls that get through is limit / calls,
//! whatever n is. A page gets through where all of its calls do, one step after the other.

use super::Limited;
use crate::plan::protection::RateLimit;
use crate::plan::switch::{Switch, SwitchOn};
use crate::plan::{Answers, CbmgId, Plan, Service, ServiceId};
use crate::units::{Instant, Nanos};

/// A share may be off by this much; what is let through depends on what fails elsewhere, and the other way round.
const CLOSE: f64 = 1e-3;
/// A page that always fails is taken to load once in a while: on its way back to itself it must lead out.
const ALWAYS: f64 = 0.999;

/// All gates of a plan.
pub(super) struct Gates<'a> {
    plan: &'a Plan,
    /// By service.
    limits: Vec<Option<Limit>>,
    /// The slot that passes, and its seconds.
    slot: (Instant, Instant),
    seconds: f64,
    /// Share of requests that find the service within reach, by service.
    reach: Vec<f64>,
    /// Share of requests that get through limit and reach, by service.
    pass: Vec<f64>,
    pages: Vec<Vec<Page>>,
}

/// What a visit of a state asks of each service, and how likely it fails.
#[derive(Clone)]
struct Page {
    asks: Vec<f64>,
    fails: f64,
}

/// A limit as a fluid: a level that fills at a rate.
struct Limit {
    /// Requests a second that pass; `None`: only those in flight are limited.
    per_second: Option<f64>,
    /// Most that are saved up, and what there is.
    most: f64,
    level: f64,
    /// What has been let in but waits for its turn; `None`: nobody waits.
    waiting: Option<f64>,
    /// Most in flight, and how long each is, seconds.
    in_flight: Option<(f64, f64)>,
    limited: Option<Limited>,
}

/// What a slot brings a service: what it is asked, and what of it gets through to its workers.
pub(super) struct Through {
    pub(super) asked: Vec<f64>,
    pub(super) passed: Vec<f64>,
}

impl<'a> Gates<'a> {
    /// The gates of a plan; `None` where everything always gets through.
    pub(super) fn new(plan: &'a Plan) -> Option<Self> {
        let limits: Vec<Option<Limit>> = (0..plan.services.len()).map(|service| Limit::new(plan, service)).collect();
        let is_cut = |service: &Service| {
            let capacity = service.capacity();
            capacity.is_some_and(|of| of.has_refusals() || !of.cells.is_empty())
        };
        let turns = plan.switches.iter().any(|switch| {
            matches!(switch.on, SwitchOn::At { .. }) && !(switch.left_out.is_empty() && switch.refused.is_empty())
        });
        let any = turns || limits.iter().any(Option::is_some) || plan.services.iter().any(is_cut);
        any.then(|| Gates {
            plan,
            limits,
            slot: (Instant(0), Instant(0)),
            seconds: 0.0,
            reach: vec![1.0; plan.services.len()],
            pass: vec![1.0; plan.services.len()],
            pages: Vec::new(),
        })
    }

    /// A slot begins.
    pub(super) fn begin(&mut self, from: Instant, until: Instant) {
        (self.slot, self.seconds) = ((from, until), (until - from).as_secs_f64());
        for (reach, service) in self.reach.iter_mut().zip(&self.plan.services) {
            let gone = service.capacity().map_or(0.0, |of| {
                1.0 - (1.0 - of.refused(from, until)) * (1.0 - of.deserted(from, until) / f64::from(self.plan.cells))
            });
            *reach = 1.0 - gone;
        }
        self.turn();
    }

    /// Reckons what pages ask of services, with the shares that get through now.
    fn turn(&mut self) {
        let services = self.within();
        let page = |cbmg: CbmgId, state: usize| self.page(&services, cbmg, state);
        let pages = self.plan.cbmgs.iter().enumerate();
        self.pages = pages.map(|(cbmg, of)| (0..of.states.len()).map(|state| page(cbmg, state)).collect()).collect();
    }

    /// Requests of all services that one request of each brings, and the share that is answered.
    fn within(&self) -> Vec<(Vec<f64>, f64)> {
        let services = self.plan.services.len();
        let mut known: Vec<Option<(Vec<f64>, f64)>> = vec![None; services];
        // No service calls itself: each round knows those one level up, at least one.
        while let Some(next) = (0..services).find(|&service| {
            known[service].is_none() && self.plan.services[service].calls.iter().all(|&called| known[called].is_some())
        }) {
            let mut asked = vec![0.0; services];
            asked[next] = 1.0;
            let mut answered = self.pass[next];
            for called in self.plan.services[next].calls.iter().filter_map(|&called| known[called].as_ref()) {
                asked.iter_mut().zip(&called.0).for_each(|(sum, more)| *sum += answered * more);
                answered *= called.1;
            }
            let is_accepted = self.plan.services[next].answers == Answers::OnAcceptance;
            known[next] = Some((asked, if is_accepted { self.pass[next] } else { answered }));
        }
        known.into_iter().flatten().collect()
    }

    fn page(&self, services: &[(Vec<f64>, f64)], cbmg: CbmgId, state: usize) -> Page {
        let mut asks = vec![0.0; services.len()];
        let is_refused = self.on(|switch| switch.refused.contains(&(cbmg, state)));
        let mut gets_so_far = 1.0 - is_refused;
        for at_once in self.plan.cbmgs[cbmg].states[state].calls_by_step() {
            let mut gets_on = 1.0;
            for &service in at_once {
                let left_out = self.on(|switch| switch.left_out.contains(&(cbmg, state, service)));
                let (within, answered) = &services[service];
                let asked = gets_so_far * (1.0 - left_out);
                asks.iter_mut().zip(within).for_each(|(sum, more)| *sum += asked * more);
                gets_on *= left_out + (1.0 - left_out) * answered;
            }
            gets_so_far *= gets_on;
        }
        Page { asks, fails: (1.0 - gets_so_far).clamp(0.0, ALWAYS) }
    }

    /// Share of the slot in which a switch of some kind is on by the clock.
    fn on(&self, which: impl Fn(&Switch) -> bool) -> f64 {
        let shares = self.plan.switches.iter().filter(|switch| which(switch)).map(|switch| switch.share_on(self.slot));
        shares.fold(0.0, f64::max)
    }

    /// Probability that the page of each state fails.
    pub(super) fn fails(&self, cbmg: CbmgId) -> Vec<f64> {
        self.pages[cbmg].iter().map(|page| page.fails).collect()
    }

    /// What so many visits of a state ask of each service.
    pub(super) fn asks(&self, cbmg: CbmgId, state: usize) -> &[f64] {
        &self.pages[cbmg][state].asks
    }

    /// Takes in how much is asked of each service in the slot; whether that changes what gets through.
    pub(super) fn adjust(&mut self, asked: &[f64]) -> bool {
        let mut changed = false;
        for (service, &asked) in asked.iter().enumerate() {
            let pass = self.let_through(service, asked) * self.reach[service];
            changed |= (pass - self.pass[service]).abs() > CLOSE;
            self.pass[service] = pass;
        }
        if changed {
            self.turn();
        }
        changed
    }

    fn let_through(&self, service: ServiceId, asked: f64) -> f64 {
        self.limits[service].as_ref().map_or(1.0, |limit| limit.share(asked, self.seconds))
    }

    /// The slot is over: so much was asked in it.
    pub(super) fn end(&mut self, asked: Vec<f64>) -> Through {
        let mut passed = asked.clone();
        for (service, passed) in passed.iter_mut().enumerate() {
            let share = self.let_through(service, *passed);
            if let Some(limit) = &mut self.limits[service] {
                limit.note(1.0 - share, *passed, self.plan.unix_ms(self.slot.0), self.plan.unix_ms(self.slot.1));
                *passed = limit.take(*passed * share, self.seconds);
            }
            *passed *= self.reach[service];
        }
        Through { asked, passed }
    }

    /// When each limit has bound.
    pub(super) fn limited(self) -> Vec<Option<Limited>> {
        self.limits.into_iter().map(|limit| limit.and_then(|limit| limit.limited)).collect()
    }
}

impl Limit {
    fn new(plan: &Plan, id: ServiceId) -> Option<Self> {
        let service = &plan.services[id];
        let workers = service.pool.as_ref().map_or(u64::MAX, |pool| pool.instances * u64::from(pool.workers));
        // With as many places as workers, it is those who are short first.
        let in_flight = service.protection.in_flight.filter(|&most| most < workers);
        let in_flight = in_flight.map(|most| (most as f64, plan.holding_secs(id)));
        let (per_second, most, waiting) = match service.protection.rate {
            None => (None, 0.0, None),
            Some(RateLimit::TokenBucket { per_second, burst }) => (Some(per_second as f64), burst as f64, None),
            Some(RateLimit::WarmUp { per_second, .. }) => (Some(per_second as f64), 0.0, None),
            Some(RateLimit::Uniform { per_second, longest_wait: Nanos(wait) }) => {
                (Some(per_second as f64), per_second as f64 * wait as f64 / 1e9, Some(0.0))
            }
        };
        let any = per_second.is_some() || in_flight.is_some();
        any.then_some(Limit { per_second, most, level: most, waiting, in_flight, limited: None })
    }

    /// The share of what is asked that is let through.
    fn share(&self, asked: f64, seconds: f64) -> f64 {
        let of_rate = self.per_second.map_or(f64::INFINITY, |rate| self.level + rate * seconds);
        let of_places = self.in_flight.map_or(f64::INFINITY, |(most, each)| most / each * seconds);
        if asked > 0.0 { (of_rate.min(of_places) / asked).min(1.0) } else { 1.0 }
    }

    /// So many were let in: those of them, and of the others who wait, whose turn it was.
    fn take(&mut self, let_in: f64, seconds: f64) -> f64 {
        let Some(rate) = self.per_second else { return let_in };
        self.level = (self.level + rate * seconds - let_in).clamp(0.0, self.most);
        let Some(waiting) = &mut self.waiting else { return let_in };
        let turns = (*waiting + let_in).min(rate * seconds);
        *waiting += let_in - turns;
        turns
    }

    /// Keeps what was rejected of so many requests in a slot.
    fn note(&mut self, rejected: f64, asked: f64, from_unix_ms: i64, until_unix_ms: i64) {
        if rejected <= CLOSE {
            return;
        }
        let most = self.in_flight.map_or(f64::INFINITY, |(most, each)| most / each);
        let limited = self.limited.get_or_insert(Limited {
            per_second: self.per_second.unwrap_or(f64::INFINITY).min(most),
            from_unix_ms,
            until_unix_ms,
            seconds: 0.0,
            rejected_share_peak: 0.0,
            rejected: 0.0,
        });
        limited.until_unix_ms = until_unix_ms;
        limited.seconds += (until_unix_ms - from_unix_ms) as f64 / 1000.0;
        limited.rejected_share_peak = limited.rejected_share_peak.max(rejected);
        limited.rejected += rejected * asked;
    }
}
