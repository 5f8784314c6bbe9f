//! All four simulate the same thing: what they find agrees with theory.

use saleload_peers::{BROWSE, Browse, LEAVE, STATIONS, TANDEM, Tandem, by_hand, in_desque, in_nexosim, in_saleload};

/// Erlang's C formula: the probability that all of `servers` are busy at an offered load of `load`.
fn erlang_c(servers: u32, load: f64) -> f64 {
    let blocking = (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
    let idle = 1.0 - load / f64::from(servers);
    blocking / (idle + blocking * (1.0 - idle))
}

/// The network is a series of M/M/c queues (Burke).
fn agrees(found: &Tandem) {
    let (customers, seconds) = TANDEM;
    assert_eq!(found.customers, customers);
    let flows = [1.0, 1.0 - LEAVE, 1.0 - LEAVE].map(|share| share * customers as f64);
    for ((served, (servers, mean)), flow) in found.stations.iter().zip(STATIONS).zip(flows) {
        let close = |what: &str, is: f64, expected: f64, tolerance: f64| {
            assert!((is / expected - 1.0).abs() < tolerance, "{what} at {servers} servers: {is} for {expected}");
        };
        let busy = f64::from(servers) * seconds * 1e9;
        let load = flow * mean / (seconds * 1e9);
        assert!((load / f64::from(servers) - 0.8).abs() < 1e-9);
        close("customers", served.customers as f64, flow, 0.002);
        close("utilisation", served.worked as f64 / busy, 0.8, 0.005);
        let wait = erlang_c(servers, load) * mean / (f64::from(servers) - load);
        close("mean wait", served.waited as f64 / served.customers as f64, wait, 0.1);
    }
}

/// The number present of M/M/inf, t after it was empty, is Poisson with mean rate * stay * (1 - exp(-t / stay)): 950,213 here.
fn is_full(found: Browse) {
    assert_eq!(found.customers, BROWSE.0);
    let expected = 1e6 * (1.0 - (-3.0f64).exp());
    assert!((found.most_present as f64 / expected - 1.0).abs() < 0.01, "{} for {expected}", found.most_present);
}

#[test]
fn erlang_c_of_one_server_is_its_load() {
    assert!((erlang_c(1, 0.8) - 0.8).abs() < 1e-12);
    assert!((erlang_c(4, 3.0) - 0.50943).abs() < 1e-5);
}

#[test]
fn saleload_agrees_with_theory() {
    let plan = in_saleload::load("tandem.toml");
    agrees(&in_saleload::tandem(&plan, &in_saleload::play(&plan)));
    is_full(in_saleload::browse(&in_saleload::play(&in_saleload::load("browse.toml"))));
}

#[test]
fn the_loop_by_hand_agrees_with_theory() {
    agrees(&by_hand::tandem());
    is_full(by_hand::browse());
    is_full(by_hand::browse_arrivals_apart());
}

#[test]
fn desque_agrees_with_theory() {
    agrees(&in_desque::tandem());
    is_full(in_desque::browse());
}

#[test]
fn nexosim_agrees_with_theory() {
    agrees(&in_nexosim::tandem());
    is_full(in_nexosim::browse());
}
