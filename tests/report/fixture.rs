//! Made-up results of a festival with two windows, realistic enough to judge pictures by. No draw is random.

use saleload::results::{
    BrandRow, Bucket, ChannelRow, Column, Completion, Conservation, Cost, LedgerRow, LivestreamRow, ProductRow,
    PublishedFigure, PublishedResult, Residual, Results, Saturation, ServiceCost, ServiceRow, Status, Summary,
    Switched, Table, TargetResult, TargetUnit, Totals, Values, Verdict, WindowSummary, series,
};

/// Nov 1 2020 00:00 in Shanghai.
pub(crate) const FIRST: i64 = 1_604_160_000_000;
/// Nov 11 2020 00:00 in Shanghai.
pub(crate) const SECOND: i64 = FIRST + 10 * DAY;
const DAY: i64 = 86_400_000;

pub(crate) const CATEGORIES: [&str; 10] = [
    "apparel",
    "beauty",
    "electronics",
    "home appliances",
    "mother & baby",
    "food",
    "sports",
    "furniture",
    "health",
    "imports",
];
pub(crate) const SERVICES: [&str; 7] = ["gateway", "search", "cart", "inventory", "order", "payment", "coupon"];
const PRODUCTS: [(&str, u64, i64); 5] = [
    ("Phone 12 Pro", 300_000, 41),
    ("Face serum, 50 ml", 800_000, 372),
    ("Game console", 60_000, 9),
    ("Liangshan apples", 60_000_000, i64::MAX),
    ("Robot vacuum", 500_000, 40_000),
];

/// One slot of the made-up festival.
struct Slot {
    time: i64,
    seconds: i64,
    window: usize,
    /// Seconds since the opening.
    age: f64,
}

fn slots() -> Vec<Slot> {
    let mut slots = Vec::new();
    for (window, opens, length) in [(0, FIRST, 3 * 86_400), (1, SECOND, 86_400)] {
        let mut age = 0;
        let until = if window == 0 { 10 * 86_400 } else { length };
        while age < until {
            let seconds = match age {
                a if a < 3600 => 1,
                a if a < length => 60,
                _ => 3600,
            };
            slots.push(Slot { time: opens + age * 1000, seconds, window, age: age as f64 });
            age += seconds;
        }
    }
    slots
}

/// Orders per second at an age; the second window peaks 26 s after its opening.
fn demand(slot: &Slot) -> f64 {
    if slot.window == 0 && slot.age > 3.0 * 86_400.0 {
        return 0.0;
    }
    let (peak, rise) = [(260_000.0, 20.0), (583_000.0, 26.0)][slot.window];
    let burst = slot.age / rise * (1.0 - slot.age / rise).exp();
    let balance = 60_000.0 * (-((slot.age - 1900.0) / 260.0).powi(2)).exp();
    let tail = 25_000.0 / (1.0 + slot.age / 900.0) + 9000.0;
    let hour = (slot.age / 3600.0) % 24.0;
    let day = 1.0 - 0.75 * (-((hour - 4.5) / 2.6_f64).powi(2)).exp();
    let noise = 1.0 + 0.03 * (slot.age * 12.9898).sin() * (slot.age * 0.37).cos();
    ((peak * burst + balance + tail * day) * noise).max(0.0)
}

/// What the order service lets through.
const ORDER_CAPACITY: f64 = 420_000.0;

struct Builder {
    columns: Vec<Column>,
}

impl Builder {
    fn integer(&mut self, name: impl Into<String>, values: Vec<i64>) {
        self.columns.push(Column { name: name.into(), values: Values::Integer(values) });
    }

    fn real(&mut self, name: impl Into<String>, values: Vec<f64>) {
        self.columns.push(Column { name: name.into(), values: Values::Real(values) });
    }
}

fn sum(values: &[i64]) -> u64 {
    values.iter().sum::<i64>() as u64
}

fn base(builder: &mut Builder, slots: &[Slot]) -> (Vec<i64>, Vec<i64>) {
    let each = |f: &dyn Fn(&Slot) -> f64| slots.iter().map(|s| (f(s) * s.seconds as f64) as i64).collect::<Vec<i64>>();
    let orders = each(&|s| demand(s).min(ORDER_CAPACITY));
    let paid = each(&|s| {
        let earlier = Slot { time: s.time, seconds: s.seconds, window: s.window, age: (s.age - 45.0).max(0.0) };
        0.86 * demand(&earlier).min(310_000.0)
    });
    builder.integer(series::TIME, slots.iter().map(|s| s.time).collect());
    builder.integer(series::SECONDS, slots.iter().map(|s| s.seconds).collect());
    builder.integer(series::WINDOW, slots.iter().map(|s| s.window as i64 + 1).collect());
    builder.integer(series::SESSIONS, each(&|s| demand(s) * 2.2));
    builder.integer(series::IN_FLIGHT, slots.iter().map(|s| (demand(s) * 300.0) as i64).collect());
    builder.integer(series::ORDERS, orders.clone());
    builder.integer(series::PAYMENTS, paid.clone());
    builder.integer(series::GMV_ORDERED, orders.iter().map(|o| o * 19_800).collect());
    builder.integer(series::GMV_PAID, paid.iter().map(|o| o * 19_700).collect());
    (orders, paid)
}

fn buckets(builder: &mut Builder, slots: &[Slot]) {
    for bucket in Bucket::ALL {
        let share = |s: &Slot| {
            let over = (demand(s) - ORDER_CAPACITY).max(0.0);
            match bucket {
                Bucket::Bought => 0.8 * demand(s),
                Bucket::SoldOut => 0.03 * demand(s) * (s.age / 3600.0).min(1.0),
                Bucket::Rejected => 0.7 * over,
                Bucket::TimedOut => 0.3 * over,
                Bucket::GaveUp => 0.2 * over,
                Bucket::PaymentFailed => 0.004 * demand(s),
                Bucket::HoldExpired => {
                    if s.age > 1800.0 {
                        0.02 * demand(s)
                    } else {
                        0.0
                    }
                }
                Bucket::ChangedMind => 0.1 * demand(s),
                Bucket::Substituted
                | Bucket::Oversold
                | Bucket::Refused
                | Bucket::WindowClosed
                | Bucket::Coupon
                | Bucket::DepositForfeited
                | Bucket::Open => 0.0,
            }
        };
        let values = slots.iter().map(|s| (share(s) * 19_800.0 * s.seconds as f64) as i64).collect();
        builder.integer(series::bucket(bucket), values);
    }
}

fn services(builder: &mut Builder, slots: &[Slot]) {
    for (i, name) in SERVICES.iter().enumerate() {
        let capacity = [900e3, 800e3, 700e3, 640e3, ORDER_CAPACITY, 610e3, 2e6][i];
        let load = |s: &Slot| demand(s) / capacity;
        let queue = |s: &Slot| {
            if load(s) > 0.6 { (load(s) - 0.6) * 900_000.0 * if *name == "order" { 3.0 } else { 0.02 } } else { 0.0 }
        };
        let base_us = [900.0, 6000.0, 2500.0, 3000.0, 12_000.0, 45_000.0, 700.0][i];
        let count = |f: &dyn Fn(&Slot) -> f64| slots.iter().map(|s| f(s) as i64).collect::<Vec<_>>();
        let column = |what: &str| series::service(name, what);
        builder.integer(column("requests"), count(&|s| demand(s) * s.seconds as f64));
        builder.integer(column("rejected"), count(&|s| (demand(s) - capacity).max(0.0) * s.seconds as f64));
        builder.integer(column("timed_out"), count(&|s| (demand(s) - capacity).max(0.0) * 0.3 * s.seconds as f64));
        builder.integer(column("queue_max"), count(&queue));
        builder.real(column("queue_mean"), slots.iter().map(|s| queue(s) * 0.4).collect());
        builder.real(column("utilisation"), slots.iter().map(|s| load(s).min(1.0)).collect());
        builder.real(column("wait_us_mean"), slots.iter().map(|s| queue(s) * 0.3).collect());
        builder.integer(column("response_us_p50"), count(&|s| base_us * (1.0 + load(s).min(1.0))));
        builder.integer(column("response_us_p99"), count(&|s| base_us * 4.0 * (1.0 + load(s)) + queue(s)));
        builder.real(column("offered_over_capacity"), slots.iter().map(load).collect());
    }
}

fn stock(builder: &mut Builder, slots: &[Slot], orders: &[i64]) {
    let total = sum(orders) as f64;
    let mut sold = 0i64;
    let progress: Vec<f64> = orders
        .iter()
        .map(|o| {
            sold += o;
            sold as f64 / total
        })
        .collect();
    for (i, name) in CATEGORIES.iter().enumerate() {
        let share = 0.15 + 0.085 * i as f64;
        let left = progress.iter().map(|p| (1e8 * (1.0 - share * p.powf(0.6 + 0.1 * i as f64))) as i64).collect();
        builder.integer(series::category(name, "units_left"), left);
        builder
            .integer(series::category(name, "skus_sold_out"), progress.iter().map(|p| (p * 1000.0) as i64).collect());
    }
    for (name, units, out) in PRODUCTS {
        let left = |s: &Slot| {
            let elapsed = (s.time - FIRST) as f64 / 1000.0;
            let share = if out == i64::MAX {
                0.4 * (elapsed / 950_400.0).sqrt()
            } else {
                (elapsed / out as f64).sqrt().min(1.0)
            };
            (units as f64 * (1.0 - share)) as i64
        };
        builder.integer(series::product_left(name), slots.iter().map(left).collect());
    }
}

fn totals(table: &Table, window: Option<i64>) -> Totals {
    let windows = table.integers(series::WINDOW);
    let pick = |column: &str| {
        let values = table.integers(column).iter().zip(windows);
        values.filter(|(_, w)| window.is_none_or(|wanted| wanted == **w)).map(|(v, _)| *v as u64).sum::<u64>()
    };
    let lost = Bucket::ALL.into_iter().filter(|b| b.is_lost()).map(|b| pick(&series::bucket(b))).sum();
    Totals {
        sessions: pick(series::SESSIONS),
        sessions_turned_away: 0,
        intents: pick(series::ORDERS) * 13 / 10,
        orders_created: pick(series::ORDERS),
        orders_paid: pick(series::PAYMENTS),
        demand_fen: Bucket::ALL.into_iter().map(|b| pick(&series::bucket(b))).sum(),
        gmv_ordered_fen: pick(series::GMV_ORDERED),
        gmv_paid_fen: pick(series::GMV_PAID),
        lost_fen: lost,
    }
}

fn window(table: &Table, name: &str, number: i64, opens: i64, closes: i64) -> WindowSummary {
    let rates = |column: &str| -> Vec<(i64, f64)> {
        let rows = table.integers(column).iter().zip(table.integers(series::SECONDS)).enumerate();
        rows.filter(|(row, _)| table.integers(series::WINDOW)[*row] == number)
            .map(|(row, (v, s))| (table.integers(series::TIME)[row], *v as f64 / *s as f64))
            .collect()
    };
    let peak =
        rates(series::ORDERS).into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).unwrap_or((0, 0.0));
    WindowSummary {
        name: name.to_owned(),
        opens_unix_ms: opens,
        closes_unix_ms: closes,
        total: totals(table, Some(number)),
        peak_orders_per_second: peak.1,
        peak_orders_unix_ms: Some(peak.0),
        peak_payments_per_second: rates(series::PAYMENTS).into_iter().map(|r| r.1).fold(0.0, f64::max),
        room: None,
    }
}

/// The resolved scenario that goes with the results.
pub(crate) const SCENARIO: &str = "name = \"double-eleven\"\n";

/// A festival with two windows, a service that cannot keep up, and four products that sell out.
pub(crate) fn festival() -> Results {
    let slots = slots();
    let mut builder = Builder { columns: Vec::new() };
    let (orders, _) = base(&mut builder, &slots);
    buckets(&mut builder, &slots);
    services(&mut builder, &slots);
    stock(&mut builder, &slots, &orders);
    let series = Table { columns: builder.columns };
    let summary = summary(&series);
    Results {
        services: service_rows(&summary),
        brands: brand_rows(),
        products: product_rows(),
        ledger: ledger_rows(&series),
        channels: channel_rows(),
        livestreams: livestream_rows(),
        vouchers: Vec::new(),
        summary,
        series,
    }
}

fn targets() -> Vec<TargetResult> {
    let missed = TargetResult {
        name: "orders-not-rejected".to_owned(),
        verdict: Verdict::Fail,
        metric: "rejected_share".to_owned(),
        kind: Some("service".to_owned()),
        subject: Some("order".to_owned()),
        comparison: "<".to_owned(),
        bound: 0.001,
        measured: Some(0.004_578),
        unit: TargetUnit::Share,
        window: Some("second window".to_owned()),
        is_part: true,
        from_unix_ms: SECOND,
        until_unix_ms: SECOND + 60_000,
        first_failed_unix_ms: Some(SECOND + 9000),
        is_at_latest: false,
        is_so_far: false,
    };
    let met = TargetResult {
        name: "apples-last".to_owned(),
        verdict: Verdict::Pass,
        metric: "sold_out_at".to_owned(),
        kind: Some("product".to_owned()),
        subject: Some("Liangshan apples".to_owned()),
        comparison: ">".to_owned(),
        bound: 1200.0,
        measured: None,
        unit: TargetUnit::SecondsAfterOpening,
        window: None,
        is_part: false,
        from_unix_ms: FIRST,
        until_unix_ms: SECOND + DAY,
        first_failed_unix_ms: None,
        is_at_latest: false,
        is_so_far: false,
    };
    vec![missed, met]
}

fn published() -> Vec<PublishedResult> {
    let half_past = PublishedResult {
        name: "half-past".to_owned(),
        figure: PublishedFigure::GmvPaidFen,
        window: Some("second window".to_owned()),
        at_unix_ms: Some(SECOND + 1_800_000),
        published: 3.723e13,
        simulated: Some(3.82e13),
        simulated_at_unix_ms: Some(SECOND + 1_800_000),
        error: Some(3.82 / 3.723 - 1.0),
        within: 0.01,
        within_time_s: None,
        source: Some("The <organiser>, 11 Nov".to_owned()),
    };
    let peak = PublishedResult {
        name: "peak".to_owned(),
        figure: PublishedFigure::PeakOrdersPerSecond,
        at_unix_ms: None,
        published: 583_000.0,
        simulated: None,
        simulated_at_unix_ms: None,
        error: None,
        source: None,
        ..half_past.clone()
    };
    vec![half_past, peak]
}

fn summary(table: &Table) -> Summary {
    let words = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    Summary {
        saleload: "0.1.0".to_owned(),
        name: "double-eleven".to_owned(),
        title: "Double 11, 2020".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        seed: 20_201_111,
        completion: Completion::Complete,
        status: Status::Fail,
        simulated_until_unix_ms: SECOND + DAY,
        cells: 64,
        simulated_cells: 64,
        shoppers: 800_000_000,
        skus: 14_000_000,
        skus_sold_out: 213_456,
        categories: words(&CATEGORIES),
        services: words(&SERVICES),
        products: PRODUCTS.iter().map(|p| p.0.to_owned()).collect(),
        total: totals(table, None),
        windows: vec![
            window(table, "first window", 1, FIRST, FIRST + 3 * DAY),
            window(table, "second window", 2, SECOND, SECOND + DAY),
        ],
        presales: Vec::new(),
        vouchers: Vec::new(),
        settlements: Vec::new(),
        double_submits: None,
        hedges: Vec::new(),
        switched: switched(),
        residuals: residuals(),
        oversold: None,
        hot_rows: None,
        stranded: None,
        substituted: None,
        saturated: vec![Saturation {
            service: "order".to_owned(),
            from_unix_ms: SECOND + 9000,
            until_unix_ms: SECOND + 58_000,
            worst_offered_over_capacity: Some(1.39),
            offered_over_capacity: Some(1.17),
            queue_max: 2_120_000,
            rejected: 4_120_000,
            timed_out: 1_230_000,
            queue_needed: 5_340_000,
            lost_fen: 312_000_000_000,
        }],
        cost: Some(Cost {
            seconds: 4 * 86_400,
            total_fen: 480_000_000,
            services: vec![ServiceCost {
                service: "order".to_owned(),
                instances: 40_000,
                instance_seconds: 40_000 * 3600,
                per_hour_fen: 125,
                fen: 480_000_000,
            }],
        }),
        targets: targets(),
        published: published(),
        conservation: Conservation { requests_add_up: true, ..Conservation::default() },
        events: 10_234_567_890,
        digest: "6d1f8ac0ffee".to_owned(),
        forks: vec![],
    }
}

fn switched() -> Vec<Switched> {
    vec![Switched { switch: "small-images".to_owned(), on_unix_ms: SECOND - 5000, off_unix_ms: Some(SECOND + 600_000) }]
}

fn residuals() -> Vec<Residual> {
    vec![Residual {
        service: "web".to_owned(),
        stretches: 12,
        beyond: 1,
        from_unix_ms: FIRST + 7_200_000,
        until_unix_ms: FIRST + 10_800_000,
        slots: 60,
        number_mean: 4711.5,
        requests_per_second: 52_350.0,
        stay_us_mean: 90_000.0,
        residual: 0.0021,
        sampling_error: 0.0017,
    }]
}

fn service_rows(summary: &Summary) -> Vec<ServiceRow> {
    let pairs = SERVICES.iter().enumerate().flat_map(|(i, s)| summary.windows.iter().map(move |w| (i, s, w)));
    pairs
        .map(|(i, service, window)| ServiceRow {
            service: (*service).to_owned(),
            window: window.name.clone(),
            workers: 40_000 + 1000 * i as u64,
            instances_mean: 10_000.0 + 250.0 * i as f64,
            requests: 900_000_000,
            rejected: if *service == "order" { 4_120_000 } else { 0 },
            limited: if *service == "order" { 20_000 } else { 0 },
            timed_out: if *service == "order" { 1_230_000 } else { 0 },
            cancelled: 0,
            peak_requests_per_second: window.peak_orders_per_second * 1.25,
            utilisation_mean: 0.1 + 0.01 * i as f64,
            utilisation_max: if *service == "order" { 1.0 } else { 0.5 + 0.07 * i as f64 },
            queue_max: 2_120_000 / (1 + (i as u64).abs_diff(4) * 40),
            wait_us_mean: 120.5 * i as f64,
            response_us_p50: 1000 * i as u64 + 300,
            response_us_p90: 2000 * i as u64 + 500,
            response_us_p99: 8000 * i as u64 + 900,
            response_us_p999: 20_000 * i as u64 + 1900,
            response_us_max: 90_000 * i as u64 + 5000,
        })
        .collect()
}

/// When the `i`-th brand passes a mark: the larger ones first, and each mark ten times as late.
fn passed(i: u64, mark: u32) -> Option<i64> {
    let seconds = (1.5 * ((i + 1) as f64).powf(1.3) * 8_f64.powi(mark as i32)) as i64;
    let at = if seconds < 3 * 86_400 { FIRST + seconds * 1000 } else { SECOND + (seconds - 3 * 86_400) * 10 };
    (seconds < 60 * 86_400).then_some(at)
}

fn brand_rows() -> Vec<BrandRow> {
    let since = |at: Option<i64>| at.map(|at| (at - if at < SECOND { FIRST } else { SECOND }) as f64 / 1000.0);
    (0..400)
        .map(|i| BrandRow {
            brand: if i == 0 { "Adidas, \"three stripes\"".to_owned() } else { format!("brand-{i:06}") },
            category: CATEGORIES[i as usize % CATEGORIES.len()].to_owned(),
            skus: 40 + i,
            skus_sold_out: i % 7,
            units_ordered: 9_000_000 / (i + 1),
            units_paid: 8_000_000 / (i + 1),
            gmv_ordered_fen: 410_000_000_000 / (i + 1),
            gmv_paid_fen: 390_000_000_000 / (i + 1),
            passed_1m_unix_ms: passed(i, 0),
            passed_1m_seconds: since(passed(i, 0)),
            passed_10m_unix_ms: passed(i, 1),
            passed_10m_seconds: since(passed(i, 1)),
            passed_100m_unix_ms: passed(i, 2),
            passed_100m_seconds: since(passed(i, 2)),
            passed_1bn_unix_ms: passed(i, 3),
            passed_1bn_seconds: since(passed(i, 3)),
        })
        .collect()
}

fn channel_rows() -> Vec<ChannelRow> {
    let row = |(channel, share): (&str, u64)| ChannelRow {
        channel: channel.to_owned(),
        window: "first".to_owned(),
        sessions: 9_000_000 * share,
        intents: 7_000_000 * share,
        orders_created: 6_000_000 * share,
        orders_paid: 5_000_000 * share,
        demand_fen: 140_000_000_000 * share,
        gmv_ordered_fen: 120_000_000_000 * share,
        gmv_paid_fen: 100_000_000_000 * share,
    };
    [("taobao", 50), ("tmall", 30), ("alipay", 20)].into_iter().map(row).collect()
}

fn livestream_rows() -> Vec<LivestreamRow> {
    let row = |livestream: &str| LivestreamRow {
        livestream: livestream.to_owned(),
        window: "first".to_owned(),
        viewers: 160_000_000,
        intents: 30_000_000,
        orders_created: 28_000_000,
        orders_paid: 27_000_000,
        demand_fen: 600_000_000_000,
        gmv_ordered_fen: 560_000_000_000,
        gmv_paid_fen: 540_000_000_000,
    };
    ["gala", "spring-thunder"].into_iter().map(row).collect()
}

fn product_rows() -> Vec<ProductRow> {
    let named = PRODUCTS.iter().map(|&(name, units, out)| ProductRow {
        product: name.to_owned(),
        category: "electronics".to_owned(),
        brand: String::new(),
        price_fen: 799_900,
        units_start: units,
        units_restocked: 0,
        units_ordered: units,
        units_paid: units,
        units_left: if out == i64::MAX { units * 6 / 10 } else { 0 },
        gmv_paid_fen: units * 799_900,
        sold_out_unix_ms: (out != i64::MAX).then(|| FIRST + out * 1000),
        requests_rejected: 0,
    });
    named.collect()
}

fn ledger_rows(table: &Table) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for (number, name) in [(1, "first window"), (2, "second window")] {
        for bucket in Bucket::ALL {
            let values = table.integers(&series::bucket(bucket)).iter().zip(table.integers(series::WINDOW));
            let money_fen: i64 = values.filter(|(_, w)| **w == number).map(|(v, _)| *v).sum();
            let service = if matches!(bucket, Bucket::Rejected | Bucket::TimedOut) { "order" } else { "" };
            rows.push(LedgerRow {
                window: name.to_owned(),
                segment: "bargain hunters".to_owned(),
                bucket,
                service: service.to_owned(),
                intents: money_fen as u64 / 19_800,
                units: money_fen as u64 / 9_900,
                money_fen: money_fen as u64,
            });
        }
    }
    rows
}
