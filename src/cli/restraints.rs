//! What cannot keep up, in words: services that are asked for more than they can do, and what the scenario itself holds back, slows down or
//! takes away: waiting rooms, limits, slowdowns, incidents.

use super::number;
use crate::clock::Clock;
use crate::forecast::{
    Disturbed, Forecast, Limited, Overload, RoomForecast, ServiceForecast, TARGET_UTILISATION, WindowForecast,
};
use crate::plan::capacity::{Effect, Unreachable};
use crate::plan::{Plan, Service};

/// Something that binds in a window.
struct Binding {
    /// When it begins to, Unix ms.
    from_unix_ms: i64,
    /// What is asked over what is done, where that is most: of what begin at once, the worst comes first.
    asked_over_done: f64,
    /// Whether more is asked than done.
    is_short: bool,
    sentence: String,
}

/// One sentence on each: by window in order of time, the first of several that cannot keep up named as such.
pub(super) fn all(clock: &Clock, plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let mut sentences = Vec::new();
    for window in &forecast.windows {
        let mut bindings: Vec<Binding> = window.room.iter().filter_map(|room| of_room(clock, window, room)).collect();
        for (service, of_plan) in window.services.iter().zip(&plan.services) {
            bindings.extend(of_service(clock, window, service, of_plan));
        }
        in_order(&mut bindings);
        let short = || bindings.iter().filter(|binding| binding.is_short);
        let first = if short().count() > 1 { bindings.iter().position(|binding| binding.is_short) } else { None };
        sentences.extend(bindings.into_iter().enumerate().map(|(index, binding)| {
            let binds_first = if Some(index) == first { "; the first to bind" } else { "" };
            binding.sentence + binds_first
        }));
    }
    sentences.extend(plan.services.iter().flat_map(|service| out_of_reach(clock, plan, service)));
    sentences.extend(lost_cells(clock, plan));
    sentences
}

/// In order of time; of those at once, the worst first.
fn in_order(bindings: &mut [Binding]) {
    bindings.sort_by(|a, b| a.from_unix_ms.cmp(&b.from_unix_ms).then(b.asked_over_done.total_cmp(&a.asked_over_done)));
}

/// The services that are asked for more than they can do, whatever the scenario holds back, by window in order of time.
pub(super) fn overloads(clock: &Clock, forecast: &Forecast) -> Vec<String> {
    let of_window = |window: &WindowForecast| {
        let overloaded = window.services.iter().filter_map(|service| of_overload(clock, window, service));
        let mut overloaded: Vec<Binding> = overloaded.collect();
        in_order(&mut overloaded);
        overloaded.into_iter().map(|binding| binding.sentence).collect::<Vec<String>>()
    };
    forecast.windows.iter().flat_map(of_window).collect()
}

fn of_service(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, plan: &Service) -> Vec<Binding> {
    let limited = service.limited.iter().map(|limited| of_limit(clock, window, service, limited));
    let incidents = service.incidents.iter().map(|disturbed| of_incident(clock, window, service, disturbed));
    let overload = of_overload(clock, window, service);
    overload.into_iter().chain(limited).chain(of_slowdown(clock, window, service, plan)).chain(incidents).collect()
}

fn of_overload(clock: &Clock, window: &WindowForecast, service: &ServiceForecast) -> Option<Binding> {
    let overload = service.overload?;
    let load = service.peak_offered_over_capacity.unwrap_or(f64::INFINITY);
    let offered = offered_text(service, load);
    Some(Binding {
        from_unix_ms: overload.from_unix_ms,
        asked_over_done: load,
        is_short: true,
        sentence: format!("{}: {offered} {}{}", service.service, span_text(clock, window, overload), way_out(service)),
    })
}

fn offered_text(service: &ServiceForecast, load: f64) -> String {
    format!("offered load {load:.2} × capacity{}", before_retries(service))
}

fn before_retries(service: &ServiceForecast) -> &'static str {
    if service.attempts > 1 { " before retries" } else { "" }
}

/// A time of a window from its first to its last instant, with its length where it is broken.
fn span_text(clock: &Clock, window: &WindowForecast, of: Overload) -> String {
    let span = (of.until_unix_ms - of.from_unix_ms) as f64 / 1000.0;
    let partly = if of.seconds < span { format!(", {} in all,", number::duration(of.seconds)) } else { String::new() };
    format!(
        "from {} to {}{partly} of window {}",
        clock.time(of.from_unix_ms, window.opens_unix_ms),
        clock.time(of.until_unix_ms, window.opens_unix_ms),
        window.window,
    )
}

fn way_out(service: &ServiceForecast) -> String {
    let (Some(wanted), Some(now)) = (service.instances_suggested, service.instances) else { return String::new() };
    if service.slowed.is_some() {
        return format!("; {wanted} instances instead of {now} would not be slowed down");
    }
    format!("; {wanted} instances instead of {now} would be {:.0} % busy at the peak", TARGET_UTILISATION * 100.0)
}

fn of_room(clock: &Clock, window: &WindowForecast, room: &RoomForecast) -> Option<Binding> {
    let RoomForecast { per_second, came, admitted, wait_seconds_max, crowded } = *room;
    let crowded = crowded?;
    let gone = came - admitted;
    let waits = if wait_seconds_max > 0.0 {
        format!("shoppers wait, for up to {}", number::duration(wait_seconds_max))
    } else {
        "more come than go in".to_owned()
    };
    let left = match gone / came {
        share if share > 1e-3 => format!(", and {} leave before their turn", number::share(gone, came)),
        _ => String::new(),
    };
    Some(Binding {
        from_unix_ms: crowded.from_unix_ms,
        asked_over_done: window.peak_sessions.value / per_second,
        is_short: true,
        sentence: format!(
            "window {}: its waiting room lets in {} of the {} that come at the peak; from {} to {} {waits}{left}",
            window.window,
            number::rate(per_second),
            number::rate(window.peak_sessions.value),
            clock.time(crowded.from_unix_ms, window.opens_unix_ms),
            clock.time(crowded.until_unix_ms, window.opens_unix_ms),
        ),
    })
}

fn of_limit(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, limited: &Limited) -> Binding {
    let Limited { per_second, from_unix_ms, until_unix_ms, seconds, rejected_share_peak, .. } = *limited;
    Binding {
        from_unix_ms,
        asked_over_done: 1.0 / (1.0 - rejected_share_peak),
        is_short: true,
        sentence: format!(
            "{}: its limit of {} binds {}; up to {} of what is asked{} is rejected",
            service.service,
            number::rate(per_second),
            span_text(clock, window, Overload { from_unix_ms, until_unix_ms, seconds }),
            number::share(rejected_share_peak, 1.0),
            before_retries(service),
        ),
    }
}

fn of_slowdown(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, plan: &Service) -> Option<Binding> {
    let slowed = service.slowed?;
    let slowdown = plan.desk.as_ref()?.slowdown.as_ref()?;
    // Where there is more than capacity, that is said for itself.
    let load = service.peak_offered_over_capacity.filter(|_| service.overload.is_none());
    Some(Binding {
        from_unix_ms: slowed.from_unix_ms,
        asked_over_done: load.unwrap_or(1.0),
        is_short: false,
        sentence: format!(
            "{}: more than {} per instance make it {} times as slow {}{}",
            service.service,
            number::rate(slowdown.above as f64),
            slowdown.factor,
            span_text(clock, window, slowed),
            load.map_or_else(String::new, |load| format!("; offered load {load:.2} × capacity{}", way_out(service))),
        ),
    })
}

fn of_incident(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, disturbed: &Disturbed) -> Binding {
    let Disturbed { incident, peak_offered_over_capacity, overload, idle_seconds } = disturbed;
    let span = span_text(clock, window, *overload);
    let what = match peak_offered_over_capacity {
        Some(load) if *idle_seconds > 0.0 => {
            let idle = number::duration(*idle_seconds);
            format!("{} {span}, {idle} of it without any work", offered_text(service, *load))
        }
        Some(load) => format!("{} {span}", offered_text(service, *load)),
        None => format!("no work is done {span}"),
    };
    Binding {
        from_unix_ms: overload.from_unix_ms,
        asked_over_done: if *idle_seconds > 0.0 { f64::INFINITY } else { peak_offered_over_capacity.unwrap_or(1.0) },
        is_short: true,
        sentence: format!("{}: {what}, while `{incident}` lasts", service.service),
    }
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
    use crate::forecast::Peak;
    use crate::scenario;

    const OPENS: i64 = 1_605_024_000_000;

    fn service(name: &str, from: i64, until: i64, seconds: f64, attempts: u32) -> ServiceForecast {
        let peak_requests = Peak { value: 583_000.0, at_unix_ms: OPENS + 26_000 };
        let overload = Overload { from_unix_ms: OPENS + from * 1000, until_unix_ms: OPENS + until * 1000, seconds };
        ServiceForecast {
            service: name.into(),
            instances: Some(420),
            attempts,
            workers: Some(6720),
            requests: 1e9,
            peak_requests,
            peak_offered_erlangs: 8803.2,
            peak_offered_over_capacity: Some(1.31),
            utilisation_mean: Some(0.3),
            overload: Some(overload),
            instances_suggested: Some(688),
            limited: None,
            slowed: None,
            incidents: Vec::new(),
        }
    }

    fn forecast(services: Vec<ServiceForecast>) -> Forecast {
        let none = Peak { value: 0.0, at_unix_ms: OPENS };
        let window = WindowForecast {
            window: "second".into(),
            opens_unix_ms: OPENS,
            closes_unix_ms: OPENS + 86_400_000,
            sessions: 0.0,
            orders: 0.0,
            peak_sessions: none,
            peak_in_flight: none,
            peak_orders: none,
            room: None,
            services,
        };
        Forecast {
            sessions: 0.0,
            visits: 0.0,
            requests: 0.0,
            orders: 0.0,
            gmv_ordered_fen: 0.0,
            gmv_paid_fen: 0.0,
            coupon_fen: 0.0,
            events: 0.0,
            memory_bytes: 0.0,
            core_seconds: 0.0,
            windows: vec![window],
            short: Vec::new(),
        }
    }

    #[test]
    fn a_bottleneck_is_named_with_its_time_and_a_way_out() {
        let clock = Clock::new("Asia/Shanghai");
        let services = vec![service("pay", 20, 500, 480.0, 3), service("order", 4, 90_370, 366.0, 1)];
        assert_eq!(
            overloads(&clock, &forecast(services)),
            [
                "order: offered load 1.31 × capacity from 00:00:04 to 11-12 01:06:10, 6 min 6 s in all, of window second; \
                 688 instances instead of 420 would be 80 % busy at the peak",
                "pay: offered load 1.31 × capacity before retries from 00:00:20 to 00:08:20 of window second; \
                 688 instances instead of 420 would be 80 % busy at the peak",
            ]
        );
    }

    fn said(file: &str, overrides: &[&str]) -> Vec<String> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let loaded = scenario::load(std::path::Path::new(file), &overrides);
        let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        all(&Clock::new(&plan.zone), &plan, &Forecast::new(&plan))
    }

    #[test]
    fn of_what_binds_at_once_the_worst_binds_first() {
        let said = said("scenarios/pool-exhaustion.toml", &[]);
        assert!(said[0].starts_with("order: offered load 5.01"), "{said:#?}");
        assert!(said[0].ends_with("; the first to bind"), "{said:#?}");
        assert!(said.iter().skip(1).all(|sentence| !sentence.contains("the first to bind")), "{said:#?}");
    }

    #[test]
    fn a_limit_may_bind_before_a_service_does() {
        let few = "service.payment={instances=4,workers=4,service_time={gamma={mean='800ms',cv=0.6}}}";
        let said = said("scenarios/throttled.toml", &[few]);
        let first = said.iter().position(|sentence| sentence.ends_with("; the first to bind"));
        let [limit, payment] = ["web: its limit of ", "payment: offered load "]
            .map(|begin| said.iter().position(|sentence| sentence.starts_with(begin)));
        assert!(first.is_some() && first == limit && payment > limit, "{said:#?}");
    }

    #[test]
    fn a_stall_within_a_longer_incident_is_told_apart() {
        let slow = "incident.slow={window='noon',from='10m',until='14m',service='order',effect.slowed=40}";
        let stuck = "incident.stuck={window='noon',from='11m',until='670s',service='order',effect='stalled'}";
        let said = said("scenarios/quickstart.toml", &[slow, stuck]);
        let of = |incident: &str| said.iter().find(|sentence| sentence.contains(&format!("while `{incident}` lasts")));
        let slow = of("slow").expect("it binds");
        assert!(slow.contains("offered load") && slow.contains(", 10 s of it without any work, while"), "{slow}");
        assert!(of("stuck").expect("it binds").contains("no work is done from 12:11:00 to 12:11:10"), "{said:#?}");
    }

    /// Everybody whose turn comes after the longest wait leaves, and nobody waits for long.
    #[test]
    fn a_room_without_patience_is_a_room_that_binds() {
        let said = said("scenarios/waiting-room.toml", &["window.noon.room={per_second=45,longest_wait='1s'}"]);
        let room = said.iter().find(|sentence| sentence.starts_with("window noon: its waiting room lets in 45.0 /s"));
        assert!(room.is_some_and(|room| room.contains("leave before their turn")), "{said:#?}");
    }

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
        let sentences = said("scenarios/quickstart.toml", &overrides);
        let begins = [
            "window noon: its waiting room lets in 60.0 /s of the 95.7 /s that come at the peak; from 12:0",
            "web: more than 10.0 /s per instance make it 2 times as slow from 12:00:",
            "payment: its limit of 12.5 /s binds from 12:01:",
            "order: offered load 1.",
            "order: its limit of 15.0 /s binds from 12:02:",
            "order: no work is done from 12:10:00 to 12:11:00 of window noon, while `stuck` lasts",
            "order: all that is asked from 2020-11-11 12:12:00 to 12:13:00 is rejected, while `cut` lasts",
            "cell 1: its shoppers are refused from 2020-11-11 12:14:00 to 12:15:00, while `cell` lasts",
        ];
        assert_eq!(sentences.len(), begins.len(), "{sentences:#?}");
        for (sentence, begin) in sentences.iter().zip(begins) {
            assert!(sentence.starts_with(begin), "{sentence}");
        }
        assert!(said("scenarios/quickstart.toml", &[]).is_empty());
    }
}
