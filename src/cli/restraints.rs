//! What the scenario itself holds back, slows down or takes away, in words: waiting rooms, limits, slowdowns, incidents.

use super::number;
use super::outlook::{span_text, way_out};
use crate::clock::Clock;
use crate::forecast::{Disturbed, Forecast, Limited, RoomForecast, ServiceForecast, WindowForecast};
use crate::plan::capacity::{Effect, Unreachable};
use crate::plan::{Plan, Service};

/// One sentence on each, by window in order of time.
pub(super) fn all(clock: &Clock, plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let mut sentences = Vec::new();
    for window in &forecast.windows {
        sentences.extend(window.room.as_ref().and_then(|room| of_room(clock, window, room)));
        for (service, of_plan) in window.services.iter().zip(&plan.services) {
            let name = &service.service;
            let mut say = |sentence: String| sentences.push(format!("{name}: {sentence}"));
            service.limited.iter().for_each(|limited| say(of_limit(clock, window, service, limited)));
            of_slowdown(clock, window, service, of_plan).map(&mut say);
            service.incidents.iter().for_each(|disturbed| say(of_incident(clock, window, service, disturbed)));
        }
    }
    sentences.extend(plan.services.iter().flat_map(|service| out_of_reach(clock, plan, service)));
    sentences.extend(lost_cells(clock, plan));
    sentences
}

fn of_room(clock: &Clock, window: &WindowForecast, room: &RoomForecast) -> Option<String> {
    let RoomForecast { per_second, came, admitted, wait_seconds_max, from_unix_ms, until_unix_ms } = *room;
    let gone = came - admitted;
    let left = match gone / came {
        share if share > 1e-3 => format!(", and {} leave before their turn", number::share(gone, came)),
        _ => String::new(),
    };
    (wait_seconds_max > 0.0).then(|| {
        format!(
            "window {}: its waiting room lets in {} of the {} that come at the peak; from {} to {} shoppers wait, for up to {}{left}",
            window.window,
            number::rate(per_second),
            number::rate(window.peak_sessions.value),
            clock.time(from_unix_ms, window.opens_unix_ms),
            clock.time(until_unix_ms, window.opens_unix_ms),
            number::duration(wait_seconds_max),
        )
    })
}

fn of_limit(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, limited: &Limited) -> String {
    let span = span_text(clock, window, (limited.from_unix_ms, limited.until_unix_ms, limited.seconds));
    let retries = if service.attempts > 1 { " before retries" } else { "" };
    format!(
        "its limit of {} binds {span}; up to {} of what is asked{retries} is rejected",
        number::rate(limited.per_second),
        number::share(limited.rejected_share_peak, 1.0),
    )
}

fn of_slowdown(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, plan: &Service) -> Option<String> {
    let slowed = service.slowed?;
    let slowdown = plan.desk.as_ref()?.slowdown.as_ref()?;
    let span = span_text(clock, window, (slowed.from_unix_ms, slowed.until_unix_ms, slowed.seconds));
    // Where there is more than capacity, that is said for itself.
    let load = service.peak_offered_over_capacity.filter(|_| service.overload.is_none());
    Some(format!(
        "more than {} per instance make it {} times as slow {span}{}",
        number::rate(slowdown.above as f64),
        slowdown.factor,
        load.map_or_else(String::new, |load| format!("; offered load {load:.2} × capacity{}", way_out(service))),
    ))
}

fn of_incident(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, disturbed: &Disturbed) -> String {
    let overload = disturbed.overload;
    let span = span_text(clock, window, (overload.from_unix_ms, overload.until_unix_ms, overload.seconds));
    let retries = if service.attempts > 1 { " before retries" } else { "" };
    let what = match disturbed.peak_offered_over_capacity {
        Some(load) => format!("offered load {load:.2} × capacity{retries} {span}"),
        None => format!("no work is done {span}"),
    };
    format!("{what}, while `{}` lasts", disturbed.incident)
}

/// When a service refuses everything.
fn out_of_reach(clock: &Clock, plan: &Plan, service: &Service) -> Vec<String> {
    let incidents = service.capacity().map_or(&[][..], |capacity| &capacity.incidents);
    let refusing = incidents.iter().filter(|of| matches!(of.effect, Effect::Unreachable(Unreachable::Refused)));
    let sentence = |incident: &crate::plan::capacity::Incident| {
        let (from, until) = (plan.unix_ms(incident.from), plan.unix_ms(incident.until));
        let (from, until) = (clock.stamp(from), clock.time(until, from));
        let name = &service.name;
        format!("{name}: all that is asked from {from} to {until} is rejected, while `{}` lasts", incident.name)
    };
    refusing.map(sentence).collect()
}

/// When the shoppers of lost cells are served by nobody.
fn lost_cells(clock: &Clock, plan: &Plan) -> Vec<String> {
    let cells = plan.services.iter().filter_map(Service::capacity).map(|capacity| &capacity.cells);
    let Some(losses) = cells.into_iter().find(|losses| !losses.is_empty()) else { return Vec::new() };
    let sentence = |loss: &crate::plan::capacity::CellLoss| {
        let (from, until) = (plan.unix_ms(loss.from), plan.unix_ms(loss.remapped.unwrap_or(loss.until)));
        let (from, until) = (clock.stamp(from), clock.time(until, from));
        format!("cell {}: its shoppers are refused from {from} to {until}, while `{}` lasts", loss.cell, loss.name)
    };
    losses.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn what_binds_is_named_with_its_time() {
        let overrides = [
            "service.order.limit.rate.token_bucket={per_second=15,burst=50}",
            "service.web.slowdown={above=10,factor=2}",
            "service.payment.limit.in_flight=10",
            "window.noon.room={per_second=60}",
            "incident.rack={window='noon',from='2m',until='5m',service='order',effect={lost={instances=3}}}",
            "incident.stuck={window='noon',from='10m',until='11m',service='order',effect='stalled'}",
            "incident.cut={window='noon',from='12m',until='13m',service='order',effect.unreachable='refused'}",
            "incident.cell={window='noon',from='14m',until='20m',effect.cell_lost={cell=1,remapped_after='1m'}}",
        ];
        let overrides = overrides.map(str::to_owned);
        let loaded = scenario::load(std::path::Path::new("scenarios/quickstart.toml"), &overrides);
        let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        let sentences = all(&Clock::new(&plan.zone), &plan, &Forecast::new(&plan));
        let begins = [
            "window noon: its waiting room lets in 60.0 /s of the 95.7 /s that come at the peak; from 12:0",
            "web: more than 10.0 /s per instance make it 2 times as slow from 12:00:",
            "order: its limit of 15.0 /s binds from 12:0",
            "order: offered load 1.",
            "order: no work is done from 12:10:00 to 12:11:00 of window noon, while `stuck` lasts",
            "payment: its limit of ",
            "order: all that is asked from 2020-11-11 12:12:00 to 12:13:00 is rejected, while `cut` lasts",
            "cell 1: its shoppers are refused from 2020-11-11 12:14:00 to 12:15:00, while `cell` lasts",
        ];
        assert_eq!(sentences.len(), begins.len(), "{sentences:#?}");
        for (sentence, begin) in sentences.iter().zip(begins) {
            assert!(sentence.starts_with(begin), "{sentence}");
        }
        let plain = scenario::load(std::path::Path::new("scenarios/quickstart.toml"), &[]);
        let plain = plain.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        assert!(all(&Clock::new(&plain.zone), &plain, &Forecast::new(&plain)).is_empty());
    }
}
