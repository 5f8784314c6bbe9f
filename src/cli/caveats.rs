//! What the forecast of `check` leaves out, by name, where it could change which service binds, and when.

use super::number;
use crate::clock::Clock;
use crate::forecast::{Forecast, ServiceForecast, WindowForecast};
use crate::plan::capacity::{Effect, Incident};
use crate::plan::protection::RateLimit;
use crate::plan::{Plan, Service};

/// One sentence on everything that is not reckoned with.
pub(super) fn all(clock: &Clock, plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let mut caveats = Vec::new();
    for (window, of_plan) in forecast.windows.iter().zip(&plan.windows) {
        let peak = window.peak_sessions.value;
        if let Some(room) = of_plan.room.as_ref().filter(|room| (room.per_second as f64) < peak) {
            caveats.push(format!(
                "window {}: its waiting room lets in {} of the {} that come at the peak; all loads are reckoned as if it let in everybody at once",
                window.window,
                number::rate(room.per_second as f64),
                number::rate(peak),
            ));
        }
    }
    for (id, service) in plan.services.iter().enumerate() {
        let worst = forecast.windows.iter().map(|window| (window, &window.services[id]));
        let worst = worst.max_by(|a, b| a.1.peak_requests.value.total_cmp(&b.1.peak_requests.value));
        caveats.extend(worst.and_then(|(window, worst)| limit(clock, service, window, worst)));
        caveats.extend(of_service(clock, plan, service));
    }
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
    if !plan.switches.is_empty() {
        let names: Vec<&str> = plan.switches.iter().map(|switch| switch.name.as_str()).collect();
        caveats.push(format!("switches are reckoned as if they were off all the time: {}", names.join(", ")));
    }
    caveats
}

/// A limiter that does not let everything through that comes at the peak.
fn limit(clock: &Clock, service: &Service, window: &WindowForecast, worst: &ServiceForecast) -> Option<String> {
    let passes = match service.protection.rate.as_ref()? {
        RateLimit::TokenBucket { per_second, .. }
        | RateLimit::WarmUp { per_second, .. }
        | RateLimit::Uniform { per_second, .. } => *per_second as f64,
    };
    (passes < worst.peak_requests.value).then(|| {
        format!(
            "{}: its limit lets {} of the {} pass that are asked at {} of window {}; its load is reckoned as if all passed",
            service.name,
            number::rate(passes),
            number::rate(worst.peak_requests.value),
            clock.time(worst.peak_requests.at_unix_ms, window.opens_unix_ms),
            window.window,
        )
    })
}

/// What slows a service down or takes its instances away.
fn of_service(clock: &Clock, plan: &Plan, service: &Service) -> Vec<String> {
    let name = &service.name;
    let mut caveats = Vec::new();
    if let Some(slowdown) = service.desk.as_ref().and_then(|desk| desk.slowdown.as_ref()) {
        caveats.push(format!(
            "{name}: takes {} times as long above {} per instance, which is not reckoned",
            slowdown.factor,
            number::rate(slowdown.above as f64),
        ));
    }
    if let Some(after) = service.hedge {
        caveats.push(format!(
            "{name}: what is sent again after {after} is not reckoned: it depends on how slow the service is"
        ));
    }
    let incidents = service.capacity().map_or(&[][..], |capacity| &capacity.incidents);
    let sentence = |incident: &Incident| {
        let what = match &incident.effect {
            Effect::Slowed(factor) => format!("{factor} times as slow"),
            Effect::Stalled => "stalled".to_owned(),
            Effect::Lost(_) => "without some of its instances".to_owned(),
            Effect::Unreachable(_) => "unreachable".to_owned(),
        };
        let (from, until) = (plan.unix_ms(incident.from), plan.unix_ms(incident.until));
        let (from, until) = (clock.stamp(from), clock.time(until, from));
        format!("{name}: {what} from {from} to {until} by an incident, which is not reckoned")
    };
    caveats.extend(incidents.iter().map(sentence));
    caveats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn what_is_left_out_is_named() {
        let overrides = [
            "service.order.limit.rate.token_bucket={per_second=20,burst=50}",
            "service.web.slowdown={above=300,factor=10}",
            "service.web.hedge={after='50ms'}",
            "window.noon.room={per_second=30}",
            "incident.gone={window='noon',from='10m',until='20m',service='order',effect={lost={instances=1}}}",
            "switch.lean={on={at={window='noon',after='0s',lasts='10m'}},service_time={web=0.6}}",
            "cbmg.browse.state.order.double_submit={after='3s',probability=0.3}",
            "inventory.hot={per_second=500,group_commit=10}",
        ];
        let overrides = overrides.map(str::to_owned);
        let loaded = scenario::load(std::path::Path::new("scenarios/quickstart.toml"), &overrides);
        let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        let forecast = Forecast::new(&plan);
        let caveats = all(&Clock::new(&plan.zone), &plan, &forecast);
        let begins = [
            "window noon: its waiting room lets in 30.0 /s of the ",
            "web: takes 10 times as long above 300 /s per instance",
            "web: what is sent again after 50ms is not reckoned",
            "order: its limit lets 20.0 /s of the ",
            "order: without some of its instances from 2020-11-11 12:10:00 to 12:20:00 by an incident",
            "double submits are not reckoned",
            "requests for one product are reckoned as if all passed, and not ",
            "switches are reckoned as if they were off all the time: lean",
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
