//! The forecast against closed forms.

use saleload::forecast::{
    BASE_BYTES, BYTES_PER_ROW_AND_SERVICE, BYTES_PER_SKU, Forecast, ServiceForecast, WindowForecast, events_of_state,
};
use saleload::plan::protection::Protection;
use saleload::plan::{
    Action, Attendance, Catalogue, Category, Cbmg, CountDistribution, Intensity, IntensityPart, Memory,
    MoneyDistribution, Plan, Pool, Popularity, Product, Retry, Segment, Service, State, StockDistribution,
    TimeDistribution, Window,
};
use saleload::scenario::file::Jitter;
use saleload::units::{Fen, Instant, Nanos};

const OPENS_UNIX_MS: i64 = 1_604_160_000_000;

fn state(name: &str, calls: &[usize], think: Option<u64>, next: &[(Option<usize>, f64)]) -> State {
    State {
        name: name.into(),
        calls: calls.to_vec(),
        steps: vec![1; calls.len()],
        timeout: None,
        action: None,
        again: None,
        think: think.map(|seconds| TimeDistribution::Exponential(Nanos::from_secs(seconds))),
        next: next.to_vec(),
        on_failure: vec![(None, 1.0)],
    }
}

fn service(name: &str, instances: Option<u64>, service_time: TimeDistribution) -> Service {
    Service {
        name: name.into(),
        pool: instances.map(|instances| Pool { instances, workers: 4, queue: None }),
        service_time,
        timeout: None,
        retry: Retry {
            attempts: 1,
            backoff: Nanos(0),
            multiplier: 2.0,
            cap: Nanos::from_secs(60),
            jitter: Jitter::Full,
        },
        hedge: None,
        cost: None,
        protection: Protection::default(),
        desk: None,
        answers: saleload::plan::Answers::WhenDone,
        calls: Vec::new(),
    }
}

/// One window, one segment in which everyone comes once.
fn plan(seconds: u64, shoppers: u64, part: IntensityPart, states: Vec<State>, services: Vec<Service>) -> Plan {
    Plan {
        name: "test".into(),
        title: "Test".into(),
        zone: "Asia/Shanghai".into(),
        seed: 0,
        origin_unix_ms: OPENS_UNIX_MS,
        horizon: Instant(seconds * Nanos::PER_SECOND),
        shoppers,
        cells: 4,
        tick_min: Nanos::from_millis(20),
        tick_max: Nanos::from_secs(1),
        fine: Nanos::from_secs(3600),
        memory: Memory { after_bought: 1.0, after_failed: 1.0, after_deferred: 1.0 },
        windows: vec![Window {
            name: "first".into(),
            opens: Instant(0),
            closes: Instant(seconds * Nanos::PER_SECOND),
            presale: None,
            room: None,
        }],
        intensities: vec![Intensity { name: "arrivals".into(), parts: vec![part] }],
        cbmgs: vec![Cbmg { name: "browse".into(), entry: 0, states }],
        segments: vec![Segment {
            name: "everyone".into(),
            share: 1.0,
            cbmg: 0,
            attendance: vec![Some(Attendance { participation: 1.0, early: 0.0, intensities: [0; 4] })],
            lines: CountDistribution::Geometric(2.0),
            units: CountDistribution::Constant(1),
            spend: None,
            patience: None,
            substitution: 0.0,
            interest: vec![1.0],
        }],
        services,
        switches: Vec::new(),
        hold: Nanos::from_secs(1800),
        inventory: saleload::plan::inventory::Inventory::default(),
        catalogue: None,
        coupon: None,
        channels: Vec::new(),
        livestreams: Vec::new(),
        declines: Vec::new(),
        published: Vec::new(),
        free: Vec::new(),
        targets: Vec::new(),
    }
}

fn constant() -> IntensityPart {
    IntensityPart::Constant { weight: 1.0 }
}

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value / expected - 1.0).abs() < tolerance, "{value} is not within {tolerance} of {expected}");
}

fn only_window(forecast: &Forecast) -> (&WindowForecast, &ServiceForecast) {
    (&forecast.windows[0], &forecast.windows[0].services[0])
}

/// M/G/∞ in steady state: rate times mean stay in flight, rate times mean service time of work offered.
#[test]
fn steady_state_is_littles_law() {
    let gamma = TimeDistribution::Gamma { shape: 4.0, scale: 0.05 };
    let states = vec![state("page", &[0], Some(40), &[(None, 1.0)])];
    let plan = plan(7200, 720_000, constant(), states, vec![service("web", Some(10), gamma)]);
    let forecast = Forecast::new(&plan);
    let (window, web) = only_window(&forecast);
    close(window.peak_in_flight.value, 100.0 * 40.2, 1e-6);
    close(web.peak_requests.value, 100.0, 1e-9);
    close(web.peak_offered_erlangs, 20.0, 1e-9);
    close(web.peak_offered_over_capacity.unwrap_or(0.0), 0.5, 1e-9);
    close(web.utilisation_mean.unwrap_or(0.0), 0.5, 1e-9);
    assert_eq!(web.overload, None);
    // 20 erlangs at 80 % are 25 workers, at 4 a piece 7 instances.
    assert_eq!(web.instances_suggested, Some(7));
    assert_eq!(window.opens_unix_ms, OPENS_UNIX_MS);
}

/// Arrivals a e^(-t/d) into one exponential stay m: x(t) = a d m / (d - m) (e^(-t/d) - e^(-t/m)), largest at ln(d/m) d m / (d - m).
#[test]
fn a_burst_peaks_where_the_closed_form_does() {
    let (d, m) = (200.0_f64, 40.0_f64);
    let burst =
        IntensityPart::Burst { weight: 1.0, rise: Nanos(0), decay: Nanos::from_secs(200), after: Nanos::from_secs(0) };
    let states = vec![state("page", &[], Some(40), &[(None, 1.0)])];
    let forecast = Forecast::new(&plan(7200, 1_000_000, burst, states, vec![]));
    let peak = forecast.windows[0].peak_in_flight;
    let at = (d / m).ln() * d * m / (d - m);
    let a = 1e6 / d;
    close(peak.value, a * d * m / (d - m) * ((-at / d).exp() - (-at / m).exp()), 0.003);
    let seconds = (peak.at_unix_ms - OPENS_UNIX_MS) as f64 / 1000.0;
    assert!((seconds - at).abs() <= 1.5, "{seconds} s, {at} s");
}

/// What flows through every state, integrated over time, is sessions times expected visits: nothing is lost between the slots.
#[test]
fn visits_are_conserved() {
    // Everyone comes within ten minutes, so that everyone has left at the end. Stays from nothing to minutes.
    let arrivals = IntensityPart::Points { weight: 1.0, points: vec![(0.0, 0.0), (20.0, 5.0), (600.0, 0.0)] };
    let millis = TimeDistribution::Deterministic(Nanos::from_millis(3));
    let states = vec![
        state("home", &[0], None, &[(Some(1), 1.0)]),
        state("gate", &[], None, &[(Some(2), 1.0)]),
        state("page", &[1, 1], Some(60), &[(Some(2), 0.6), (Some(0), 0.2), (None, 0.2)]),
    ];
    let services =
        vec![service("home", None, millis), service("page", Some(9), TimeDistribution::Exponential(Nanos(20)))];
    let plan = plan(86_400, 50_000, arrivals, states, services);
    let forecast = Forecast::new(&plan);
    // page = 1 / (1 - 0.6 - 0.2) = 5, home = 1 + 0.2 * 5 = 2.
    let (window, home) = only_window(&forecast);
    close(window.sessions, 50_000.0, 1e-9);
    close(home.requests, 2.0 * 50_000.0, 1e-6);
    close(window.services[1].requests, 10.0 * 50_000.0, 1e-6);
    close(forecast.requests, 12.0 * 50_000.0, 1e-9);
    close(forecast.visits, 9.0 * 50_000.0, 1e-9);
    assert_eq!(home.workers, None);
    assert_eq!(home.instances_suggested, None);
    // Arrivals, one event for each call, one for each visit of the gate.
    close(forecast.events, (1.0 + 2.0 + 2.0 + 10.0) * 50_000.0, 1e-9);
}

/// Work from the second hour on is four times the capacity, and a quarter of it before.
#[test]
fn overload_has_a_beginning_and_an_end() {
    let points = vec![(0.0, 1.0), (3600.0, 1.0), (3601.0, 16.0), (7200.0, 16.0), (7201.0, 1.0), (10_800.0, 1.0)];
    let arrivals = IntensityPart::Points { weight: 1.0, points };
    let states = vec![state("page", &[0], None, &[(None, 1.0)])];
    let second = TimeDistribution::Exponential(Nanos::from_secs(1));
    // 18 hours of the quiet rate: 10 a second, then 160.
    let plan = plan(10_800, 648_000, arrivals, states, vec![service("order", Some(10), second)]);
    let forecast = Forecast::new(&plan);
    let (_, order) = only_window(&forecast);
    close(order.peak_offered_over_capacity.unwrap_or(0.0), 4.0, 0.01);
    let Some(overload) = order.overload else { panic!("no overload in {order:?}") };
    let seconds = |unix_ms: i64| (unix_ms - OPENS_UNIX_MS) as f64 / 1000.0;
    assert!((seconds(overload.from_unix_ms) - 3600.0).abs() <= 2.0, "{overload:?}");
    assert!((seconds(overload.until_unix_ms) - 7201.0).abs() <= 12.0, "{overload:?}");
    assert!((overload.seconds - 3601.0).abs() <= 12.0, "{overload:?}");
    close(order.utilisation_mean.unwrap_or(0.0), (0.25 + 1.0 + 0.25) / 3.0, 0.01);
    assert_eq!(order.instances_suggested, Some(50));
}

fn category(name: &str, demand: f64, price: MoneyDistribution) -> Category {
    Category { name: name.into(), skus: 500, demand, price, stock: StockDistribution::Constant(10), hold: None }
}

/// Orders, money and short products by hand.
#[test]
fn money_is_lines_times_price_times_units() {
    let mut checkout = state("checkout", &[], None, &[(Some(1), 0.5), (None, 0.5)]);
    checkout.action = Some(Action::Reserve);
    let mut pay = state("pay", &[], None, &[(None, 1.0)]);
    pay.action = Some(Action::Pay { declined: 0.1 });
    let mut plan = plan(3600, 1000, constant(), vec![checkout, pay], vec![]);
    assert_eq!(events_of_state(&plan, &plan.cbmgs[0].states[1]), 2.0);
    plan.segments[0].interest = vec![1.0, 2.0];
    plan.catalogue = Some(Catalogue {
        skus: 1000,
        brands: 10,
        brand_exponent: 0.8,
        popularity: Popularity { head: 0.4, tail: 1.2, knee: 0.01 },
        categories: vec![
            category("food", 2.0, MoneyDistribution::Uniform { low: Fen(1000), high: Fen(3000) }),
            category("phones", 1.0, MoneyDistribution::Constant(Fen(100_000))),
        ],
        named_brands: vec![],
        products: vec![Product {
            name: "apple".into(),
            category: 0,
            brand: None,
            price: Fen(200),
            stock: 999,
            demand: 0.1,
            units: Some(CountDistribution::Constant(10)),
            voucher: None,
            hold: None,
        }],
        supply: None,
    });
    let forecast = Forecast::new(&plan);
    // 1000 checkouts of two lines, half food, half phones; a tenth of the food lines are ten apples.
    close(forecast.orders, 2000.0, 1e-9);
    let ordered = 1000.0 * (0.1 * 2000.0 + 0.9 * 2000.0) + 1000.0 * 100_000.0;
    close(forecast.gmv_ordered_fen, ordered, 1e-9);
    close(forecast.gmv_paid_fen, ordered * 0.5 * 0.9, 1e-9);
    assert_eq!(forecast.short.len(), 1);
    close(forecast.short[0].units_wanted, 1000.0, 1e-9);
    // Memory: the base, rows (without a service, so two parts each), 1001 SKUs; one window remembers nobody; nobody stays.
    let rows = saleload::engine::schedule::slots(&plan).len() as f64;
    let expected = BASE_BYTES + rows * 2.0 * BYTES_PER_ROW_AND_SERVICE + 1001.0 * BYTES_PER_SKU;
    close(forecast.memory_bytes, expected, 1e-6);
    close(forecast.windows[0].peak_orders.value, 2000.0 / 3600.0, 1e-3);
}

/// Steps shorter and longer than every stay, and zero stays, give finite numbers.
#[test]
fn nothing_blows_up() {
    let states =
        vec![state("a", &[], None, &[(Some(1), 0.999), (None, 0.001)]), state("b", &[], None, &[(Some(0), 1.0)])];
    let forecast = Forecast::new(&plan(100_000, 1000, constant(), states, vec![]));
    close(forecast.visits, 2_000.0 * 1000.0 - 1000.0, 1e-6);
    assert_eq!(forecast.windows[0].peak_in_flight.value, 0.0);
    assert!(forecast.windows.iter().all(|w| w.sessions.is_finite()));
}

/// The engine, where nothing queues and nothing fails, brings what the forecast says: totals to within sampling error, events to
/// within a few per cent.
#[test]
fn the_engine_agrees() {
    let millis = |ms| TimeDistribution::Exponential(Nanos::from_millis(ms));
    let burst =
        IntensityPart::Burst { weight: 1.0, rise: Nanos::from_secs(5), decay: Nanos::from_secs(200), after: Nanos(0) };
    let states = vec![
        state("home", &[0], Some(10), &[(Some(1), 1.0)]),
        state("page", &[0, 1], Some(20), &[(Some(1), 0.5), (Some(2), 0.2), (None, 0.3)]),
        state("think", &[], Some(5), &[(None, 1.0)]),
    ];
    let services = vec![service("web", Some(1000), millis(30)), service("search", Some(1000), millis(50))];
    let plan = plan(3600, 30_000, burst, states, services);
    let forecast = Forecast::new(&plan);
    let options = saleload::engine::Options { simulated_cells: 4, threads: 1 };
    let results = saleload::engine::run(&plan, &options, &mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap_or_else(|breach| panic!("{breach}"));
    close(results.summary.total.sessions as f64, forecast.sessions, 1e-9);
    for (simulated, expected) in results.services.iter().zip(&forecast.windows[0].services) {
        close(simulated.requests as f64, expected.requests, 0.03);
        close(simulated.utilisation_mean, expected.utilisation_mean.unwrap_or(0.0), 0.05);
        // The busiest of many seconds lies above the mean of any.
        let peak = expected.peak_requests.value;
        let highest = peak + 5.0 * peak.sqrt();
        assert!((0.95 * peak..highest).contains(&simulated.peak_requests_per_second), "{simulated:?} {expected:?}");
    }
    close(results.summary.events as f64, forecast.events, 0.05);
}
