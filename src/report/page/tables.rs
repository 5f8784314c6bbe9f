//! The tables of the page, as text.

use crate::clock::Clock;
use crate::number::{difference, digits, grouped, money, percent, short};
use crate::report::figure;
use crate::results::{
    Bucket, Cost, DoubleSubmits, HedgeSummary, PublishedFigure, PublishedResult, Residual, Results, ServiceCost,
    Stranded, Substituted, Switched, TargetResult, VoucherSummary,
};
use crate::verdict;
use std::collections::BTreeMap;

/// Brands listed on the page; the rest are in `brands.csv`.
const MOST_BRANDS: usize = 20;

/// Products listed on the page; the rest are in `products.csv`.
const MOST_PRODUCTS: usize = 40;

/// Times at which switches were on that the page lists.
const MOST_SWITCHES: usize = 100;

/// A table as text.
pub(super) struct PageTable {
    pub(super) title: &'static str,
    pub(super) note: String,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    /// Leading columns that hold words and stand to the left.
    pub(super) words: usize,
}

impl PageTable {
    /// Whether a column holds words. So does the last one where it says where a figure is from.
    pub(super) fn is_words(&self, column: usize) -> bool {
        column < self.words || self.head.get(column) == Some(&SOURCE)
    }
}

/// The heading of a column that says where something was published.
const SOURCE: &str = "Source";

/// All tables in the order of the page.
pub(super) fn all(results: &Results) -> Vec<PageTable> {
    let mut tables = vec![
        windows(results),
        saturated(results),
        ledger(results),
        services(results),
        brands(results),
        products(results),
    ];
    if !results.channels.is_empty() {
        tables.push(channels(results));
    }
    if !results.livestreams.is_empty() {
        tables.push(livestreams(results));
    }
    if !results.summary.vouchers.is_empty() {
        tables.push(vouchers(results));
    }
    if let Some(stranded) = &results.summary.stranded {
        tables.push(stranded_units(stranded));
    }
    if let Some(of) = &results.summary.substituted {
        tables.push(substituted(of));
    }
    if !results.summary.residuals.is_empty() {
        tables.push(residuals(results));
    }
    if let Some(double) = &results.summary.double_submits {
        tables.push(double_submits(double));
    }
    if !results.summary.hedges.is_empty() {
        tables.push(hedges(results));
    }
    if !results.summary.switched.is_empty() {
        tables.insert(2, switches(results));
    }
    if results.summary.windows.iter().any(|window| window.room.is_some()) {
        tables.insert(1, rooms(results));
    }
    if !results.summary.presales.is_empty() {
        tables.insert(1, presales(results));
    }
    if let Some(cost) = &results.summary.cost {
        let services = tables.iter().position(|table| table.title == "Services").unwrap_or(0);
        tables.insert(services + 1, costs(cost));
    }
    if !results.summary.published.is_empty() {
        tables.insert(0, published(results));
    }
    if !results.summary.targets.is_empty() {
        tables.insert(0, targets(results));
    }
    tables
}

fn published(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let none = || "–".to_owned();
    let row = |of: &PublishedResult| {
        let value = |value: f64| match of.figure {
            PublishedFigure::GmvPaidFen => money(value),
            PublishedFigure::GmvPaidFenPerSecond => format!("{}/s", money(value)),
            PublishedFigure::PeakOrdersPerSecond | PublishedFigure::OrdersPerSecond => format!("{}/s", short(value)),
            PublishedFigure::BrandsPast100m => short(value),
        };
        let what = match of.figure {
            PublishedFigure::GmvPaidFen => "GMV paid since the start",
            PublishedFigure::PeakOrdersPerSecond => "Peak of orders created",
            PublishedFigure::BrandsPast100m => "Brands past 100 M RMB",
            PublishedFigure::GmvPaidFenPerSecond => "GMV paid",
            PublishedFigure::OrdersPerSecond => "Orders created",
        };
        let at = |at: Option<i64>| at.map_or_else(none, |at| clock.moment(at));
        vec![
            of.name.clone(),
            what.to_owned(),
            at(of.at_unix_ms),
            value(of.published),
            of.simulated.map_or_else(none, value),
            at(of.simulated_at_unix_ms),
            figure::words(of),
            percent(of.within),
            of.source.clone().unwrap_or_default(),
        ]
    };
    let figures = &results.summary.published;
    let off = figures.iter().filter(|figure| !figure.is_close()).count();
    PageTable {
        title: "Published and simulated",
        note: match off {
            0 => "All within what the scenario lets them be off.".to_owned(),
            off => format!(
                "{} of {} within what the scenario lets them be off; the others are marked with !.",
                figures.len() - off,
                figures.len()
            ),
        },
        head: vec!["Figure", "What", "Published for", "Published", "Simulated", "at", "Error", "May be off", SOURCE],
        rows: figures.iter().map(row).collect(),
        words: 2,
    }
}

fn targets(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |target: &TargetResult| {
        vec![target.name.clone(), verdict::word(target.verdict).to_owned(), verdict::sentence_of(target, &clock)]
    };
    PageTable {
        title: "Targets",
        note: format!("The run {}.", verdict::status(results.summary.status)),
        head: vec!["Target", "Verdict", "Measured"],
        rows: results.summary.targets.iter().map(row).collect(),
        words: 3,
    }
}

fn costs(cost: &Cost) -> PageTable {
    let row = |of: &ServiceCost| {
        vec![of.service.clone(), grouped(of.instances), money(of.per_hour_fen as f64), money(of.fen as f64)]
    };
    let hours = digits(cost.seconds as f64 / 3600.0);
    PageTable {
        title: "Cost",
        note: format!("{} in all, for {hours} hours in which a window is open.", money(cost.total_fen as f64)),
        head: vec!["Service", "Instances", "An hour each", "In all"],
        rows: cost.services.iter().map(row).collect(),
        words: 1,
    }
}

fn presales(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |presale: &crate::results::PresaleSummary| {
        vec![
            presale.window.clone(),
            clock.day_minute(presale.balances_from_unix_ms),
            short(presale.deposits as f64),
            money(presale.deposits_fen as f64),
            short(presale.balances as f64),
            money(presale.balances_fen as f64),
            money(presale.gmv_paid_fen as f64),
            short(presale.forfeited as f64),
            money(presale.forfeited_fen as f64),
        ]
    };
    PageTable {
        title: "Presales",
        note:
            "An order with a deposit is GMV, in full, once its balance is paid; a deposit that is forfeited never is."
                .into(),
        head: vec![
            "Window",
            "Balances from",
            "Deposits",
            "Their money",
            "Balances",
            "Their money",
            "GMV paid",
            "Forfeited",
            "Deposits lost",
        ],
        rows: results.summary.presales.iter().map(row).collect(),
        words: 2,
    }
}

fn windows(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |w: &crate::results::WindowSummary| {
        let peak_at = w.peak_orders_unix_ms.map_or_else(|| "–".to_owned(), |t| clock.moment(t));
        vec![
            w.name.clone(),
            clock.day_minute(w.opens_unix_ms),
            clock.day_minute(w.closes_unix_ms),
            short(w.total.sessions as f64),
            short(w.total.orders_created as f64),
            short(w.total.orders_paid as f64),
            money(w.total.gmv_paid_fen as f64),
            money(w.total.lost_fen as f64),
            short(w.peak_orders_per_second),
            peak_at,
            short(w.peak_payments_per_second),
        ]
    };
    PageTable {
        title: "Windows",
        note: String::new(),
        head: vec![
            "Window",
            "Opens",
            "Closes",
            "Sessions",
            "Orders",
            "Paid",
            "GMV paid",
            "Lost",
            "Peak orders/s",
            "at",
            "Peak payments/s",
        ],
        rows: results.summary.windows.iter().map(row).collect(),
        words: 1,
    }
}

fn vouchers(results: &Results) -> PageTable {
    let row = |of: &VoucherSummary| {
        vec![
            of.product.clone(),
            grouped(of.sold),
            money(of.sold_fen as f64),
            grouped(of.redeemed),
            money(of.redeemed_fen as f64),
            grouped(of.redeemed_later),
            money(of.redeemed_later_fen as f64),
            grouped(of.never_redeemed),
            money(of.never_redeemed_fen as f64),
        ]
    };
    PageTable {
        title: "Vouchers",
        note: "Units sold, and when they are redeemed: until the simulation ends, after it, or never. By channel and day in vouchers.csv."
            .to_owned(),
        head: vec!["Product", "Sold", "Money", "Redeemed", "Money", "After the end", "Money", "Never", "Money"],
        rows: results.summary.vouchers.iter().map(row).collect(),
        words: 1,
    }
}

fn stranded_units(stranded: &Stranded) -> PageTable {
    PageTable {
        title: "Stranded stock",
        note: "What shoppers found sold out in their own cell while all simulated cells together still had it."
            .to_owned(),
        head: vec!["Lines", "Units", "Money"],
        rows: vec![vec![grouped(stranded.lines), grouped(stranded.units), money(stranded.fen as f64)]],
        words: 0,
    }
}

fn substituted(of: &Substituted) -> PageTable {
    PageTable {
        title: "Substitution",
        note: "Lines that were sold out when they were to be ordered, and what shoppers took instead.".to_owned(),
        head: vec!["Lines", "Units", "Money", "Taken instead", "Paid of that", "GMV paid"],
        rows: vec![vec![
            grouped(of.lines),
            grouped(of.units),
            money(of.fen as f64),
            money(of.instead_fen as f64),
            grouped(of.paid),
            money(of.gmv_paid_fen as f64),
        ]],
        words: 0,
    }
}

fn double_submits(double: &DoubleSubmits) -> PageTable {
    PageTable {
        title: "Double submits",
        note: "Pages that were sent again as they took long. Duplicate orders hold stock until they expire, payments made once more are \
               given back; neither is in any other number."
            .to_owned(),
        head: vec![
            "Submits",
            "Recognised",
            "Duplicate orders",
            "Units",
            "Money ordered",
            "Orders paid once more",
            "Money to give back",
        ],
        rows: vec![vec![
            grouped(double.submits),
            grouped(double.caught),
            grouped(double.orders),
            grouped(double.units),
            money(double.ordered_fen as f64),
            grouped(double.paid_again),
            money(double.paid_again_fen as f64),
        ]],
        words: 0,
    }
}

fn hedges(results: &Results) -> PageTable {
    let row = |of: &HedgeSummary| {
        let ms = |us: f64| digits(us / 1e3);
        vec![
            of.service.clone(),
            grouped(of.answered),
            grouped(of.sent),
            grouped(of.won),
            ms(of.response_us_mean),
            ms(of.response_us_p50 as f64),
            ms(of.response_us_p90 as f64),
            ms(of.response_us_p99 as f64),
            ms(of.response_us_p999 as f64),
        ]
    };
    PageTable {
        title: "Hedged calls",
        note: "Requests that were sent a second time as no answer came. Response times, in ms, are those of calls, from the first copy \
               to the first answer."
            .to_owned(),
        head: vec!["Service", "Answered", "Sent again", "Answered first", "Mean", "p50", "p90", "p99", "p99.9"],
        rows: results.summary.hedges.iter().map(row).collect(),
        words: 1,
    }
}

fn rooms(results: &Results) -> PageTable {
    let with_rooms = results.summary.windows.iter().filter_map(|window| Some((window, window.room.as_ref()?)));
    let rows = with_rooms.map(|(window, room)| {
        let seconds = |ms: u64| digits(ms as f64 / 1000.0);
        vec![
            window.name.clone(),
            grouped(room.came),
            grouped(room.waited),
            grouped(room.admitted),
            seconds(room.wait_ms_p50),
            seconds(room.wait_ms_p90),
            seconds(room.wait_ms_p99),
            seconds(room.wait_ms_max),
            grouped(room.gave_up),
            grouped(room.sent_away),
            grouped(room.closed),
            grouped(room.waiting),
        ]
    });
    PageTable {
        title: "Waiting rooms",
        note: "Sessions. Waits are those of sessions that went in, in seconds.".to_owned(),
        head: vec![
            "Window",
            "Came",
            "Waited",
            "Went in",
            "Median wait",
            "p90",
            "p99",
            "Longest",
            "Gave up",
            "Sent away",
            "There at the closing",
            "Still there",
        ],
        rows: rows.collect(),
        words: 1,
    }
}

fn switches(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |of: &Switched| {
        vec![
            of.switch.clone(),
            clock.stamp(of.on_unix_ms),
            of.off_unix_ms.map_or_else(|| "the end".to_owned(), |off| clock.stamp(off)),
            of.off_unix_ms.map_or_else(|| "–".to_owned(), |off| digits((off - of.on_unix_ms) as f64 / 1000.0)),
        ]
    };
    let all = &results.summary.switched;
    let left_out = all.len().saturating_sub(MOST_SWITCHES);
    PageTable {
        title: "Degradation switches",
        note: match left_out {
            0 => "When they were on.".to_owned(),
            left_out => format!("When they were on; {left_out} more times are in summary.json."),
        },
        head: vec!["Switch", "On", "Off", "Seconds"],
        rows: all.iter().take(MOST_SWITCHES).map(row).collect(),
        words: 3,
    }
}

fn residuals(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |of: &Residual| {
        vec![
            of.service.clone(),
            grouped(of.stretches),
            grouped(of.beyond),
            clock.stamp(of.from_unix_ms),
            clock.stamp(of.until_unix_ms),
            digits(of.number_mean),
            digits(of.requests_per_second),
            digits(of.stay_us_mean / 1000.0),
            difference(of.residual),
            format!("± {}", percent(of.sampling_error)),
        ]
    };
    PageTable {
        title: "Little’s law",
        note: "The mean number of requests at a service, counted once a row at an instant drawn at random, against their rate times the \
               time that they stay, over stretches in which the rate was steady and the service not saturated. Shown is the worst stretch of \
               each service; by chance, one in twenty is off by more than its sampling error."
            .to_owned(),
        head: vec![
            "Service",
            "Steady stretches",
            "Off by more",
            "Worst from",
            "Until",
            "Mean number",
            "Requests/s",
            "Stay, ms",
            "Residual",
            "Sampling error",
        ],
        rows: results.summary.residuals.iter().map(row).collect(),
        words: 1,
    }
}

fn saturated(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let over = |load: Option<f64>| load.map_or_else(|| "no capacity".to_owned(), digits);
    let row = |s: &crate::results::Saturation| {
        vec![
            s.service.clone(),
            clock.stamp(s.from_unix_ms),
            clock.stamp(s.until_unix_ms),
            grouped((s.until_unix_ms.saturating_sub(s.from_unix_ms) / 1000).max(0) as u64),
            over(s.worst_offered_over_capacity),
            over(s.offered_over_capacity),
            grouped(s.queue_max),
            grouped(s.queue_needed),
            grouped(s.rejected),
            grouped(s.timed_out),
            money(s.lost_fen as f64),
        ]
    };
    PageTable {
        title: "Services that could not keep up",
        note: "It rejected, worked at 95 % or more of its capacity, or let many time out. Queue needed: waiting places with which hardly anything \
               would have been rejected, had the same requests been offered. Lost: what its rejections and time-outs ended, and \
               patience with it."
            .to_owned(),
        head: vec![
            "Service",
            "From",
            "Until",
            "Seconds",
            "Worst load over capacity",
            "In all",
            "Longest queue",
            "Queue needed",
            "Rejected",
            "Timed out",
            "Lost",
        ],
        rows: results.summary.saturated.iter().map(row).collect(),
        words: 1,
    }
}

fn ledger(results: &Results) -> PageTable {
    let mut sums: BTreeMap<(Bucket, &str), [u64; 3]> = BTreeMap::new();
    for row in &results.ledger {
        let sum = sums.entry((row.bucket, &row.service)).or_default();
        *sum = [sum[0] + row.intents, sum[1] + row.units, sum[2] + row.money_fen];
    }
    let demand: u64 = sums.values().map(|sum| sum[2]).sum();
    let row = |((bucket, service), [intents, units, fen]): ((Bucket, &str), [u64; 3])| {
        vec![
            figure::cause(bucket, service),
            if bucket.is_lost() { "lost".to_owned() } else { String::new() },
            grouped(intents),
            grouped(units),
            money(fen as f64),
            percent(fen as f64 / demand.max(1) as f64),
        ]
    };
    PageTable {
        title: "Where every purchase intent ended",
        note: "The rows add up to all demand.".to_owned(),
        head: vec!["Ended as", "", "Intents", "Units", "Money", "of demand"],
        rows: sums.into_iter().filter(|(_, sum)| sum[0] > 0 || sum[2] > 0).map(row).collect(),
        words: 2,
    }
}

fn services(results: &Results) -> PageTable {
    let row = |s: &crate::results::ServiceRow| {
        let millis = |micros: u64| if s.requests == 0 { "–".to_owned() } else { digits(micros as f64 / 1000.0) };
        vec![
            s.service.clone(),
            s.window.clone(),
            grouped(s.workers),
            short(s.requests as f64),
            short(s.peak_requests_per_second),
            percent(s.utilisation_mean),
            percent(s.utilisation_max),
            grouped(s.queue_max),
            millis(s.response_us_p50),
            millis(s.response_us_p99),
            millis(s.response_us_p999),
            short(s.rejected as f64),
            short(s.limited as f64),
            short(s.timed_out as f64),
        ]
    };
    PageTable {
        title: "Services",
        note: "Response times in ms, waiting included, of accepted requests.".to_owned(),
        head: vec![
            "Service",
            "Window",
            "Workers",
            "Requests",
            "Peak/s",
            "Utilisation",
            "Highest",
            "Longest queue",
            "p50",
            "p99",
            "p99.9",
            "Rejected",
            "of it limited",
            "Timed out",
        ],
        rows: results.services.iter().map(row).collect(),
        words: 2,
    }
}

fn brands(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let row = |b: &crate::results::BrandRow| {
        vec![
            b.brand.clone(),
            b.category.clone(),
            grouped(b.skus),
            grouped(b.skus_sold_out),
            short(b.units_paid as f64),
            money(b.gmv_ordered_fen as f64),
            money(b.gmv_paid_fen as f64),
            b.passed_100m_unix_ms.map_or_else(|| "–".to_owned(), |t| clock.stamp(t)),
        ]
    };
    PageTable {
        title: "Brands",
        note: shown(results.brands.len(), MOST_BRANDS, "brands", "brands.csv"),
        head: vec!["Brand", "Category", "SKUs", "Sold out", "Units paid", "GMV ordered", "GMV paid", "Past 100 M RMB"],
        rows: results.brands.iter().take(MOST_BRANDS).map(row).collect(),
        words: 2,
    }
}

fn channels(results: &Results) -> PageTable {
    let row = |c: &crate::results::ChannelRow| {
        vec![
            c.channel.clone(),
            c.window.clone(),
            short(c.sessions as f64),
            short(c.orders_created as f64),
            short(c.orders_paid as f64),
            money(c.gmv_ordered_fen as f64),
            money(c.gmv_paid_fen as f64),
        ]
    };
    PageTable {
        title: "Channels",
        note: "By the window in which the sessions began.".to_owned(),
        head: vec!["Channel", "Window", "Sessions", "Orders", "Paid", "GMV ordered", "GMV paid"],
        rows: results.channels.iter().map(row).collect(),
        words: 2,
    }
}

fn livestreams(results: &Results) -> PageTable {
    let row = |l: &crate::results::LivestreamRow| {
        vec![
            l.livestream.clone(),
            l.window.clone(),
            short(l.viewers as f64),
            short(l.intents as f64),
            short(l.orders_created as f64),
            short(l.orders_paid as f64),
            money(l.gmv_ordered_fen as f64),
            money(l.gmv_paid_fen as f64),
        ]
    };
    PageTable {
        title: "Livestreams",
        note: "Sessions that watched, and what came of the basket lines that were of the products shown.".to_owned(),
        head: vec!["Livestream", "Window", "Viewers", "Intents", "Orders", "Paid", "GMV ordered", "GMV paid"],
        rows: results.livestreams.iter().map(row).collect(),
        words: 2,
    }
}

fn products(results: &Results) -> PageTable {
    let clock = Clock::new(&results.summary.zone);
    let named = |p: &&crate::results::ProductRow| results.summary.products.contains(&p.product);
    let row = |p: &crate::results::ProductRow| {
        vec![
            p.product.clone(),
            p.category.clone(),
            p.brand.clone(),
            money(p.price_fen as f64),
            grouped(p.units_start + p.units_restocked),
            grouped(p.units_paid),
            grouped(p.units_left),
            money(p.gmv_paid_fen as f64),
            p.sold_out_unix_ms.map_or_else(|| "–".to_owned(), |t| clock.stamp(t)),
        ]
    };
    PageTable {
        title: "Named products",
        note: shown(results.summary.products.len(), MOST_PRODUCTS, "named products", "products.csv"),
        head: vec!["Product", "Category", "Brand", "Price", "Units", "Paid", "Left", "GMV paid", "Sold out at"],
        rows: results.products.iter().filter(named).take(MOST_PRODUCTS).map(row).collect(),
        words: 3,
    }
}

fn shown(all: usize, most: usize, what: &str, file: &str) -> String {
    if all > most {
        format!("The {most} with the largest GMV of {} {what}; all are in {file}.", grouped(all as u64))
    } else {
        String::new()
    }
}
