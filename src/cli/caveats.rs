//! What the forecast of `check` leaves out, by name, where it could change which service binds, and when.

use super::number;
use crate::clock::Clock;
use crate::forecast::{Forecast, ServiceForecast};
use crate::plan::capacity::{Effect, Incident, Unreachable};
use crate::plan::protection::RateLimit;
use crate::plan::switch::SwitchOn;
use crate::plan::{MAX_PRESALE_LINES, Plan, Segment, Service};

/// Share of baskets that may be cut without a word.
const CUT_OFTEN: f64 = 0.05;

/// One sentence on everything that is not reckoned with.
pub(super) fn all(clock: &Clock, plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let mut caveats = Vec::new();
    for window in &plan.windows {
        let patience = window.room.as_ref().and_then(|room| room.patience.as_ref());
        if patience.is_some_and(|patience| patience.longer_than(0.0).is_none()) {
            let name = &window.name;
            caveats.push(format!("window {name}: the patience of those in its waiting room is not reckoned"));
        }
    }
    caveats.extend(of_presales(plan));
    for (id, service) in plan.services.iter().enumerate() {
        let windows: Vec<&ServiceForecast> = forecast.windows.iter().map(|window| &window.services[id]).collect();
        caveats.extend(of_protection(service, &windows).map(|caveat| format!("{}: {caveat}", service.name)));
        caveats.extend(of_slowdown(service, &windows).map(|caveat| format!("{}: {caveat}", service.name)));
        if let Some(after) = service.hedge {
            let name = &service.name;
            caveats.push(format!(
                "{name}: what is sent again after {after} is not reckoned: it depends on how slow the service is"
            ));
        }
        caveats.extend(of_incidents(clock, plan, service));
    }
    caveats.extend(plan.declines.iter().map(|declines| {
        let (from, until) = (plan.unix_ms(declines.from), plan.unix_ms(declines.until));
        let (from, until) = (clock.stamp(from), clock.time(until, from));
        let share = number::share(declines.probability, 1.0);
        format!("payments: {share} are declined from {from} to {until} by an incident, which is not reckoned")
    }));
    let at_pages = plan.cbmgs.iter().flat_map(|cbmg| &cbmg.states).filter(|state| state.again.is_some()).count();
    if at_pages > 0 {
        caveats.push("double submits are not reckoned: they depend on how slow the platform is".to_owned());
    }
    if let Some(hot) = plan.inventory.hot {
        caveats.push(format!(
            "requests for one product are reckoned as if all passed, and not {} at most",
            number::rate(hot.per_second as f64)
        ));
    }
    let by_load = plan.switches.iter().filter(|switch| matches!(switch.on, SwitchOn::Load { .. }));
    let names: Vec<&str> = by_load.map(|switch| switch.name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        caveats.push(format!("switches that load turns on are reckoned as if they were off all the time: {names}"));
    }
    caveats
}

/// Segments that pay deposits and would often have more lines in their baskets than those of a presale can have.
fn of_presales(plan: &Plan) -> Option<String> {
    let comes = |segment: &&Segment| plan.presales().any(|(window, _)| segment.attendance[window].is_some());
    let cut = plan.segments.iter().filter(comes).filter_map(|segment| {
        let share = segment.lines.above(MAX_PRESALE_LINES);
        (share > CUT_OFTEN).then(|| format!("{} of those of {}", number::share(share, 1.0), segment.name))
    });
    let cut: Vec<String> = cut.collect();
    let most = format!("presales: a basket has {MAX_PRESALE_LINES} lines at most; more would be in");
    (!cut.is_empty()).then(|| format!("{most} {}", cut.join(", ")))
}

/// What is turned away on top where a service has trouble already.
fn of_protection(service: &Service, windows: &[&ServiceForecast]) -> Option<String> {
    let (protection, trouble) = (&service.protection, |of: &&ServiceForecast| {
        of.limited.is_some() || of.overload.is_some() || !of.incidents.is_empty()
    });
    let cold = match protection.rate {
        Some(RateLimit::WarmUp { cold_factor, .. }) => {
            let lets_through = windows.iter().map(|of| of.peak_requests.value).fold(0.0, f64::max);
            let rate = protection.rate.as_ref().map_or(0.0, |rate| rate.per_second() as f64);
            (lets_through * cold_factor as f64 > rate).then_some("its limit while it is cold")
        }
        _ => None,
    };
    let has_trouble = windows.iter().any(trouble);
    let others = [
        (protection.breaker.is_some(), "its breaker"),
        (protection.throttle.is_some(), "its throttle"),
        (protection.shed.is_some(), "its shedding of low priorities"),
    ];
    let others = others.into_iter().filter(|(is_there, _)| *is_there && has_trouble).map(|(_, name)| name);
    let named: Vec<&str> = cold.into_iter().chain(others).collect();
    (!named.is_empty()).then(|| format!("what {} would turn away is not reckoned", named.join(" and ")))
}

/// A slowdown that the forecast does not reach; chance and retries may.
fn of_slowdown(service: &Service, windows: &[&ServiceForecast]) -> Option<String> {
    let slowdown = service.desk.as_ref()?.slowdown.as_ref()?;
    if windows.iter().any(|of| of.slowed.is_some()) {
        return None;
    }
    let (factor, above) = (slowdown.factor, number::rate(slowdown.above as f64));
    Some(format!("takes {factor} times as long above {above} per instance, which is not reached if nothing is retried"))
}

/// Incidents of which nobody knows what they bring about, or that means do not show.
fn of_incidents(clock: &Clock, plan: &Plan, service: &Service) -> Vec<String> {
    let (Some(pool), Some(capacity)) = (&service.pool, service.capacity()) else { return Vec::new() };
    let fewest = capacity.fewest(pool.instances);
    let sentence = |incident: &Incident| {
        let what = match &incident.effect {
            Effect::Unreachable(Unreachable::Retransmitted) => "unreachable",
            // Without any at all it does nothing, which is reckoned.
            Effect::Lost(_)
                if (fewest - u64::from(plan.cells) + 1..fewest).contains(&capacity.lost(incident.from, fewest)) =>
            {
                "without an instance in some cells"
            }
            _ => return None,
        };
        let (from, until) = (plan.unix_ms(incident.from), plan.unix_ms(incident.until));
        let (from, until) = (clock.stamp(from), clock.time(until, from));
        Some(format!("{}: {what} from {from} to {until} by an incident, which is not reckoned", service.name))
    };
    capacity.incidents.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn baskets_that_a_presale_cuts_are_named() {
        let presale =
            "window.first.presale={balances_in='second',deposit=0.1,conversion=0.5,intensity='rush',cbmg='due'}";
        let due = "cbmg.due={entry='pay',state={pay={action={pay={}},next={exit=1}}}}";
        let of = |lines: &str| {
            let overrides = [presale.to_owned(), due.to_owned(), format!("segment.regular.basket.lines={lines}")];
            let path = std::path::Path::new("tests/wrong/base.toml");
            let loaded =
                scenario::load(path, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
            of_presales(&loaded.plan)
        };
        let cut = "presales: a basket has 8 lines at most; more would be in 16.8 % of those of regular";
        assert_eq!(of("{geometric=5}").as_deref(), Some(cut));
        assert_eq!((of("{geometric=3}"), of("{constant=8}")), (None, None));
        assert!(of("{constant=9}").is_some());
    }

    #[test]
    fn what_is_left_out_is_named() {
        let overrides = [
            "service.payment.limit.rate.warm_up={per_second=30,within='30s',cold_factor=3}",
            "service.payment.breaker={trips_on.errors=0.5,window='10s',at_least=20,open='2s',probes=5}",
            "service.web.slowdown={above=300,factor=10}",
            "service.web.hedge={after='50ms'}",
            "window.noon.room={per_second=90,patience.gamma={mean='1m',cv=0.5}}",
            "incident.gone={window='noon',from='10m',until='20m',service='order',effect.unreachable='retransmitted'}",
            "incident.rack={window='noon',from='30m',until='40m',service='order',effect={lost={instances=1}}}",
            "incident.bank={window='noon',from='10m',until='20m',effect.declined.probability=0.5}",
            "switch.lean={on.busy={service='order',above=0.9,lasts='10s',below=0.5},service_time={web=0.6}}",
            "cbmg.browse.state.order.double_submit={after='3s',probability=0.3}",
            "inventory.hot={per_second=500,group_commit=10}",
        ];
        let overrides = overrides.map(str::to_owned);
        let loaded = scenario::load(std::path::Path::new("scenarios/quickstart.toml"), &overrides);
        let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        let forecast = Forecast::new(&plan);
        let caveats = all(&Clock::new(&plan.zone), &plan, &forecast);
        let begins = [
            "window noon: the patience of those in its waiting room is not reckoned",
            "web: takes 10 times as long above 300 /s per instance, which is not reached",
            "web: what is sent again after 50ms is not reckoned",
            "order: unreachable from 2020-11-11 12:10:00 to 12:20:00 by an incident, which is not reckoned",
            "order: without an instance in some cells from 2020-11-11 12:30:00 to 12:40:00 by an incident",
            "payment: what its limit while it is cold would turn away is not reckoned",
            "payments: 50.0 % are declined from 2020-11-11 12:10:00 to 12:20:00 by an incident, which is not reckoned",
            "double submits are not reckoned",
            "requests for one product are reckoned as if all passed, and not ",
            "switches that load turns on are reckoned as if they were off all the time: lean",
        ];
        assert_eq!(caveats.len(), begins.len(), "{caveats:#?}");
        for (caveat, begin) in caveats.iter().zip(begins) {
            assert!(caveat.starts_with(begin), "{caveat}");
        }
        let plain = scenario::load(std::path::Path::new("scenarios/quickstart.toml"), &[]);
        let plain = plain.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        assert!(all(&Clock::new(&plain.zone), &plain, &Forecast::new(&plain)).is_empty());
    }
}
