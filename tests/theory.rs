//! The engine against queueing theory: closed forms must lie inside the interval of independent replications, and the
//! interval must be narrow enough to refuse a form that is a little wrong.
//!
//! `cargo test --test theory -- --nocapture` prints theory beside measurement.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "theory/closed_form.rs"]
mod closed_form;
#[path = "theory/replication.rs"]
mod replication;
#[path = "theory/retry_storm.rs"]
mod retry_storm;
#[path = "theory/transient.rs"]
mod transient;

use closed_form::{
    Station, amplification, cobham, erlang_b, erlang_c, first_class_above, impatient_responses, in_turn, lifo_above,
    pollaczek_khinchine,
};
use replication::{Experiment, Measure};

/// Wait, queue and utilisation of a station of the scenario, all against its closed form.
fn agrees(experiment: &Experiment, service: &str, theory: &Station) {
    experiment.agrees(service, Measure::WaitSeconds, theory.wait);
    experiment.agrees(service, Measure::QueueMean, theory.queue);
    experiment.agrees(service, Measure::Utilisation, theory.utilisation);
}

#[test]
fn erlang_c_has_the_values_of_the_textbook() {
    // 14 servers, 10 erlangs, calls of 180 s.
    let waits = erlang_c(14, 10.0);
    assert!((waits - 0.174_131_9).abs() < 5e-8, "{waits}");
    let answered_in_20_s = 1.0 - waits * (-(14.0 - 10.0) * 20.0 / 180.0_f64).exp();
    assert!((answered_in_20_s - 0.88835).abs() < 5e-6, "{answered_in_20_s}");
    let wait = Station::markov(14, 10.0 / 180.0, 180.0).wait;
    assert!((wait - 7.835_937).abs() < 5e-7, "{wait}");
}

#[test]
fn closed_forms_agree_with_each_other() {
    let one = Station::markov(1, 6.0, 0.1);
    assert!((one.wait - pollaczek_khinchine(6.0, 0.1, 1.0).wait).abs() < 1e-12);
    let roomy = Station::finite(4, 2000, 15.0, 0.2);
    let endless = Station::markov(4, 15.0, 0.2);
    assert!((roomy.wait - endless.wait).abs() < 1e-9 && roomy.blocked < 1e-12);
    let patient = Station::impatient(4, 15.0, 0.2, 1e-9, 0.0);
    assert!((patient.wait - endless.wait).abs() < 1e-6);
    // All who have to wait for it above zero, and nobody for ever.
    assert!((lifo_above(6.0, 0.1, 1e-9) - 1.0).abs() < 1e-6 && lifo_above(6.0, 0.1, 30.0).abs() < 1e-3);
    assert!((Station::finite(5, 0, 4.0, 1.0).blocked - erlang_b(5, 4.0)).abs() < 1e-12);
}

#[test]
fn m_m_1() {
    agrees(&Experiment::of("mm1"), "server", &Station::markov(1, 6.0, 0.1));
}

/// The requests there as they are counted, at a random instant of each second: L of Little's law, 1.5 of one queue and 12 of eight.
#[test]
fn number_in_the_system() {
    let theory = |servers: f64| servers * 0.6 / 0.4;
    Experiment::varied("mm1", &["record.fine=\"2h\""]).agrees("server", Measure::Present, theory(1.0));
    Experiment::of("split").agrees("server", Measure::Present, theory(8.0));
}

/// Shoppers who find the server busy, go away, and come back later.
#[test]
fn retrial_queue() {
    let (arrivals, service, comes_back) = (6.0, 0.1, 0.5);
    let rho: f64 = arrivals * service;
    let orbit = rho * rho / (1.0 - rho) + arrivals * rho / (comes_back * (1.0 - rho));
    let experiment = Experiment::of("retrial");
    experiment.agrees("server", Measure::Utilisation, rho);
    experiment.agrees("", Measure::InFlight, orbit + rho);
    let retries = comes_back * orbit;
    experiment.agrees("server", Measure::RejectedShare, retries / (arrivals + retries));
}

#[test]
fn m_m_c() {
    agrees(&Experiment::of("mmc"), "server", &Station::markov(4, 15.0, 0.2));
}

#[test]
fn m_m_c_k() {
    let theory = Station::finite(3, 3, 15.0, 0.2);
    let experiment = Experiment::of("mmck");
    agrees(&experiment, "server", &theory);
    experiment.agrees("server", Measure::RejectedShare, theory.blocked);
}

#[test]
fn m_d_1() {
    agrees(&Experiment::of("md1"), "server", &pollaczek_khinchine(7.5, 0.1, 0.0));
}

#[test]
fn m_g_1_with_lognormal_services() {
    let sigma = (180.0_f64 / 60.0).ln() / 1.281_551_565_544_600_4;
    let mean = 0.060 * (sigma * sigma / 2.0).exp();
    let cv_squared = (sigma * sigma).exp_m1();
    agrees(&Experiment::of("mg1"), "server", &pollaczek_khinchine(6.5, mean, cv_squared));
}

#[test]
fn m_m_1_last_come_first_served() {
    let experiment = Experiment::of("mm1-lifo");
    agrees(&experiment, "server", &Station::markov(1, 6.0, 0.1));
    experiment.agrees("server", Measure::TimedOutShare, lifo_above(6.0, 0.1, 0.5));
}

/// Answered on acceptance, clients are gone at once; what is put off is done as before, and response times tell of that.
#[test]
fn m_m_1_settled_after_acceptance() {
    let accepts = "service.server.answers=\"on_acceptance\"";
    // By a plain station, and event by event.
    for overrides in [&[accepts][..], &[accepts, "service.server.discipline=\"lifo\""]] {
        let experiment = Experiment::varied("mm1", overrides);
        agrees(&experiment, "server", &Station::markov(1, 6.0, 0.1));
        experiment.never("", Measure::InFlight);
    }
}

/// The front of a class keeps one worker for each request of it that waits or is served.
#[test]
fn m_m_1_with_priorities() {
    let (first, all, service, workers) = (2.0, 7.0, 0.1, 100.0);
    let experiment = Experiment::of("priority");
    agrees(&experiment, "server", &Station::markov(1, all, service));
    let waits = cobham(first, all, service);
    for (front, arrivals, wait) in [("first", first, waits[0]), ("second", all - first, waits[1])] {
        experiment.agrees(front, Measure::Utilisation, arrivals * (wait + service) / workers);
    }
    experiment.agrees("first", Measure::TimedOutShare, first_class_above(first, all, service, 0.3));
}

/// The wait is that of all, those who give up included, by Little: no request is told apart by how it ends.
#[test]
fn erlang_a() {
    let theory = Station::impatient(5, 30.0, 0.2, 2.0, 0.0);
    // What is not worked off has been abandoned.
    assert!((theory.blocked - (1.0 - theory.utilisation * 5.0 / 0.2 / 30.0)).abs() < 1e-12);
    let experiment = Experiment::of("erlang-a");
    experiment.agrees("server", Measure::QueueMean, theory.queue);
    experiment.agrees("server", Measure::Utilisation, theory.utilisation);
    experiment.agrees("server", Measure::CancelledShare, theory.blocked);
    let [p50, p90, p99] = impatient_responses(5, 30.0, 0.2, 2.0, [0.5, 0.9, 0.99]);
    experiment.agrees("server", Measure::ResponseP50, p50);
    experiment.agrees("server", Measure::ResponseP90, p90);
    experiment.agrees("server", Measure::ResponseP99, p99);
}

/// Nobody gives up, and nobody waits for one of many servers: then a response is a service.
#[test]
fn responses_of_the_patient_are_exponential() {
    let [p50, p90] = impatient_responses(100, 10.0, 0.2, 1e-9, [0.5, 0.9]);
    assert!((p50 - 0.2 * 2.0_f64.ln()).abs() < 2e-4 && (p90 - 0.2 * 10.0_f64.ln()).abs() < 2e-4, "{p50} {p90}");
}

#[test]
fn erlang_a_that_frees_the_worker() {
    let theory = Station::impatient(5, 30.0, 0.2, 2.0, 2.0);
    let experiment = Experiment::of("erlang-a-cancel");
    experiment.agrees("server", Measure::QueueMean, theory.queue);
    experiment.agrees("server", Measure::Utilisation, theory.utilisation);
    experiment.agrees("server", Measure::TimedOutShare, theory.blocked);
    experiment.agrees("server", Measure::CancelledShare, theory.blocked);
}

/// A balancer that goes round makes the arrivals at each instance more regular than they are.
#[test]
fn round_robin() {
    let theory = in_turn(8, 48.0, 0.1);
    let experiment = Experiment::varied("split", &["service.server.queues={per_instance=\"round_robin\"}"]);
    agrees(&experiment, "server", &theory);
}

/// Retries multiply from layer to layer: three tries in each of five make 243 of one, where nothing answers.
#[test]
fn retries_in_layers() {
    let exactly = amplification(5, 3, 1.0);
    assert_eq!(exactly, 243.0);
    let never =
        ["service.e.service_time={deterministic=\"10s\"}", "service.e.timeout=\"10ms\"", "population.shoppers=72_000"];
    let dead = Experiment::varied("layers", &never);
    dead.agrees("e", Measure::RequestsPerSession, exactly);
    for failing in [0.5_f64, 0.9] {
        // An exponential second is longer than the timeout with just this probability.
        let timeout = format!("service.e.timeout=\"{}us\"", (-failing.ln() * 1e6).round());
        let experiment = Experiment::varied("layers", &[&timeout]);
        for (layers, service) in (1..).zip(["e", "d", "c"]) {
            let (of_all, above) = (amplification(5, 3, failing), amplification(layers - 1, 3, failing));
            experiment.agrees(service, Measure::RequestsPerSession, of_all / above);
        }
    }
}

#[test]
fn split_and_pooled_queues() {
    let split = Station::markov(1, 6.0, 0.1);
    let all = Station { queue: 8.0 * split.queue, ..split };
    agrees(&Experiment::of("split"), "server", &all);
    let pooled = Experiment::varied("split", &["service.server.queues=\"pooled\"", "service.server.cancel=\"all\""]);
    agrees(&pooled, "server", &Station::markov(8, 48.0, 0.1));
}

#[test]
fn power_of_two_choices() {
    let (utilisation, arrivals) = (0.7_f64, 35.0);
    let queue = 500.0 * (2..10).map(|k| utilisation.powi((1 << k) - 1)).sum::<f64>();
    let theory = Station { wait: queue / arrivals, queue, utilisation, blocked: 0.0 };
    agrees(&Experiment::of("two-choices"), "server", &theory);
}

#[test]
fn a_worker_that_waits_for_another() {
    let (own, called): (f64, f64) = (0.06, 0.04);
    let held = own + called;
    let theory = pollaczek_khinchine(6.0, held, (own * own + called * called) / (held * held));
    // Where the other is played event by event, too.
    for overrides in [&[][..], &["service.called.cancel=\"waiting\""]] {
        let experiment = Experiment::varied("held-worker", overrides);
        agrees(&experiment, "server", &theory);
        experiment.agrees("called", Measure::Utilisation, 6.0 * called);
    }
}

#[test]
fn fork_and_join() {
    let (arrivals, services) = (5.0, 10.0);
    let together = (12.0 - arrivals / services) / 8.0 / (services - arrivals);
    let known = Experiment::of("fork-join");
    agrees(&known, "one", &Station::markov(1, arrivals, 1.0 / services));
    known.agrees("", Measure::InFlight, arrivals * together);
    // The same where answers are not known in advance.
    let cancel = ["service.one.cancel=\"waiting\"", "service.other.cancel=\"waiting\""];
    Experiment::varied("fork-join", &cancel).agrees("", Measure::InFlight, arrivals * together);
}

/// From the delay on two copies race. Those that lose are cancelled, and cost nothing as services are memoryless; or are worked off.
#[test]
fn hedged_requests() {
    let (arrivals, rate, after): (f64, f64, f64) = (5.0, 10.0, 0.1);
    let again = (-rate * after).exp();
    let racing = again / (2.0 * rate);
    let experiment = Experiment::of("hedged");
    experiment.agrees("server", Measure::HedgedSeconds, (1.0 - again) / rate + racing);
    experiment.agrees("server", Measure::HedgedP50, 2.0_f64.ln() / rate);
    experiment.agrees("server", Measure::HedgedP99, f64::midpoint(100.0_f64.ln() / rate, after));
    experiment.agrees("server", Measure::SentAgain, again);
    experiment.agrees("server", Measure::SecondFirst, again / 2.0);
    experiment.agrees("server", Measure::Utilisation, arrivals / rate / 100.0);
    let wasteful = Experiment::varied("hedged", &["service.server.cancel=\"none\""]);
    wasteful.agrees("server", Measure::HedgedP99, f64::midpoint(100.0_f64.ln() / rate, after));
    wasteful.agrees("server", Measure::Utilisation, arrivals * (1.0 + again) / rate / 100.0);
}

#[test]
fn jackson_network() {
    let through_a = 8.0 / (1.0 - 0.1 * 0.7);
    let through_b = 0.7 * through_a;
    let a = Station::markov(1, through_a, 0.080);
    let b = Station::markov(1, through_b, 0.100);
    let c = Station::markov(2, through_b, 0.200);
    let experiment = Experiment::of("jackson");
    for (service, theory) in [("a", &a), ("b", &b), ("c", &c)] {
        agrees(&experiment, service, theory);
    }
    let in_network = through_a * (a.wait + 0.080) + through_b * (b.wait + 0.100 + c.wait + 0.200);
    experiment.agrees("", Measure::SessionSeconds, in_network / 8.0);
    experiment.agrees("", Measure::InFlight, in_network);
}
