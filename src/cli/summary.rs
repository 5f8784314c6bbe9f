//! What a run found, on one screen.

use super::terminal::Terminal;
use super::{number, table};
use crate::clock::Clock;
use crate::engine::brands::MARKS;
use crate::number::{difference, digits};
use crate::results::{
    Bucket, Completion, DoubleSubmits, HedgeSummary, PresaleSummary, PublishedFigure, PublishedResult, Residual,
    Results, ServiceRow, Stranded, Substituted, Summary, Switched, Verdict, VoucherSummary,
};
use crate::verdict;
use std::collections::BTreeMap;
use std::path::Path;

/// Most sold-out products that are named.
const PRODUCTS_SHOWN: usize = 12;
/// Brands past a sum that make a headline.
const RACE: usize = 100;

/// Most times at which switches were on that are shown.
const SWITCHES_SHOWN: usize = 20;

/// What the run took on this machine; told, never written.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Wall time of the simulation, seconds.
    pub(super) seconds: f64,
    /// Events that were played in it.
    pub(super) events: u64,
    /// Threads.
    pub(super) threads: usize,
    /// Most memory held up to the end of the simulation, bytes; `None` where the system does not say.
    pub(super) memory: Option<f64>,
}

/// The summary of a run.
pub(super) fn text(results: &Results, effort: Effort, folder: &Path, terminal: &Terminal) -> String {
    let summary = &results.summary;
    let clock = Clock::new(&summary.zone);
    let mut parts = vec![
        format!("{}\n", terminal.heading(&summary.title)),
        span(summary, &clock),
        totals(summary),
        brand_race(results, &clock),
        speed(effort),
        "\n".to_owned(),
        windows(summary, &clock),
    ];
    if summary.windows.iter().any(|window| window.room.is_some()) {
        parts.push(format!("\n{}\n", terminal.heading("Waiting rooms")));
        parts.push(rooms(summary));
    }
    if !summary.presales.is_empty() {
        parts.push(format!("\n{}\n", terminal.heading("Presales")));
        parts.push(presales(summary));
    }
    if !summary.switched.is_empty() {
        parts.push(format!("\n{}\n", terminal.heading("Switches")));
        parts.push(switches(summary, &clock));
    }
    if let Some(double) = &summary.double_submits {
        parts.push(format!("\n{}\n", terminal.heading("Double submits")));
        parts.push(double_submits(double));
    }
    if summary.total.demand_fen > 0 {
        let wanted = number::money(summary.total.demand_fen as f64);
        parts.push(format!("\n{} ({wanted} wanted)\n", terminal.heading("Where demand ended")));
        parts.push(ledger(results));
    }
    if !results.channels.is_empty() {
        parts.push(format!("\n{}\n{}", terminal.heading("Channels"), channels(results)));
    }
    if !results.livestreams.is_empty() {
        parts.push(format!("\n{}\n{}", terminal.heading("Livestreams"), livestreams(results)));
    }
    if !summary.vouchers.is_empty() {
        parts.push(format!("\n{}\n{}", terminal.heading("Vouchers"), vouchers(summary)));
    }
    if !summary.services.is_empty() {
        parts.push(format!("\n{}\n", terminal.heading("Saturated services")));
        parts.push(saturated(summary, &clock));
    }
    if !summary.settlements.is_empty() {
        parts.push(format!("\n{}\n{}", terminal.heading("Accepted, and settled later"), settlements(results, &clock)));
    }
    if !summary.hedges.is_empty() {
        parts.push(format!("\n{}\n{}", terminal.heading("Hedged calls"), hedges(summary)));
    }
    if !summary.residuals.is_empty() {
        parts.push(format!("\n{} (number counted over rate times stay)\n", terminal.heading("Little's law")));
        parts.push(residuals(summary, &clock));
    }
    if summary.skus > 0 {
        parts.push(sold_out(results, &clock, terminal));
    }
    if !summary.published.is_empty() {
        parts.push(format!("\n{}\n", terminal.heading("Published and simulated")));
        parts.push(published(&summary.published, &clock));
    }
    if !summary.targets.is_empty() {
        parts.push(verdicts(summary, &clock, terminal));
    }
    parts.push(format!("\nresults in {}; open {}\n", folder.display(), folder.join("report.html").display()));
    parts.concat()
}

/// Which stretch of the festival was played, how, and whether to its end.
fn span(summary: &Summary, clock: &Clock) -> String {
    let begins = summary.windows.first().map_or(summary.simulated_until_unix_ms, |w| w.opens_unix_ms);
    let seconds = (summary.simulated_until_unix_ms - begins).max(0) as f64 / 1000.0;
    let interrupted = match summary.completion {
        Completion::Complete => "",
        Completion::Interrupted => "  INTERRUPTED: everything below ends there\n",
    };
    let sample = if summary.simulated_cells < summary.cells {
        format!("  sample    {} of {} cells, scaled up to the whole platform\n", summary.simulated_cells, summary.cells)
    } else {
        String::new()
    };
    let forks = summary.forks.iter().map(|fork| clock.stamp(fork.at_unix_ms)).collect::<Vec<_>>().join(" and ");
    let forked = if forks.is_empty() { forks } else { format!("  forked    from another scenario at {forks}\n") };
    format!(
        "  played    {} from {} to {}, {}\n{interrupted}{sample}{forked}",
        number::duration(seconds),
        clock.stamp(begins),
        clock.stamp(summary.simulated_until_unix_ms),
        summary.zone,
    )
}

fn totals(summary: &Summary) -> String {
    let total = &summary.total;
    let turned_away = match total.sessions_turned_away {
        0 => String::new(),
        n => format!(", {} of them turned away by a failure before they had a basket", number::count(n as f64)),
    };
    let share = match total.demand_fen {
        0 => String::new(),
        demand => format!(" ({} of demand)", number::share(total.lost_fen as f64, demand as f64)),
    };
    format!(
        "  sessions  {}{turned_away}\n  orders    {} created, {} paid\n  GMV       {} ordered, {} paid; {} lost{share}\n",
        number::count(total.sessions as f64),
        number::count(total.orders_created as f64),
        number::count(total.orders_paid as f64),
        number::money(total.gmv_ordered_fen as f64),
        number::money(total.gmv_paid_fen as f64),
        number::money(total.lost_fen as f64),
    ) + &cost(summary)
}

/// How many brands passed the largest sum that a hundred of them passed, or at least one.
fn brand_race(results: &Results, clock: &Clock) -> String {
    let past = |mark: usize| results.brands_past(mark);
    // Of equals the last is taken, which is the largest sum.
    let furthest = (0..MARKS.len()).max_by_key(|&mark| past(mark).len().min(RACE));
    let Some(mark) = furthest.filter(|&mark| !past(mark).is_empty()) else { return String::new() };
    let (brands, sum) = (past(mark), number::money(MARKS[mark].0 as f64));
    if let Some((at, _)) = brands.get(RACE - 1) {
        return format!("  brands    {RACE} passed {sum} by {}, {} in the end\n", clock.stamp(*at), brands.len());
    }
    let (at, first) = brands[0];
    format!("  brands    {} passed {sum}, the first of them {first} by {}\n", brands.len(), clock.stamp(at))
}

fn cost(summary: &Summary) -> String {
    let Some(cost) = &summary.cost else { return String::new() };
    let (total, hours) = (number::money(cost.total_fen as f64), number::duration(cost.seconds as f64));
    let stated = cost.services.len();
    let of = if stated == 1 { "1 service".to_owned() } else { format!("{stated} services") };
    format!("  cost      {total} for the instances of {of} over {hours} of windows\n")
}

fn speed(effort: Effort) -> String {
    let events = effort.events as f64;
    let memory = effort.memory.map_or_else(String::new, |bytes| format!(", {} of memory", number::bytes(bytes)));
    let plural = if effort.threads == 1 { "" } else { "s" };
    format!(
        "  speed     {} events in {} on {} thread{plural}, {}{memory}\n",
        number::count(events),
        number::duration(effort.seconds),
        effort.threads,
        number::rate(events / effort.seconds.max(1e-9)),
    )
}

/// Deposits and what became of them.
fn presales(summary: &Summary) -> String {
    let row = |presale: &PresaleSummary| {
        [
            presale.window.clone(),
            presale.balances_in.clone(),
            number::count(presale.deposits as f64),
            number::money(presale.deposits_fen as f64),
            number::count(presale.balances as f64),
            number::money(presale.gmv_paid_fen as f64),
            number::count(presale.forfeited as f64),
            number::money(presale.forfeited_fen as f64),
        ]
    };
    let header = ["window", "balances in", "deposits", "money", "balances", "GMV paid", "forfeited", "money"];
    table::text(header, 2, summary.presales.iter().map(row).collect())
}

fn windows(summary: &Summary, clock: &Clock) -> String {
    let rows = summary
        .windows
        .iter()
        .map(|w| {
            [
                w.name.clone(),
                clock.day_time(w.opens_unix_ms),
                number::count(w.total.sessions as f64),
                number::count(w.total.orders_created as f64),
                number::rate(w.peak_orders_per_second),
                w.peak_orders_unix_ms.map_or_else(|| "–".to_owned(), |at| clock.time(at, w.opens_unix_ms)),
                number::rate(w.peak_payments_per_second),
                number::money(w.total.gmv_paid_fen as f64),
                number::money(w.total.lost_fen as f64),
            ]
        })
        .collect();
    let header = ["window", "opens", "sessions", "orders", "peak", "at", "peak paid", "GMV paid", "lost"];
    table::text(header, 2, rows)
}

/// What came of pages that were submitted again.
fn double_submits(double: &DoubleSubmits) -> String {
    let count = |number: u64| number::count(number as f64);
    let money = |fen: u64| number::money(fen as f64);
    format!(
        "  submits   {}, {} of them recognised\n  orders    {} created once more: {} units, {}, until their holds expired\n  \
         payments  {} made once more, {} to give back\n",
        count(double.submits),
        count(double.caught),
        count(double.orders),
        count(double.units),
        money(double.ordered_fen),
        count(double.paid_again),
        money(double.paid_again_fen),
    )
}

/// What second copies of requests brought.
fn hedges(summary: &Summary) -> String {
    let time = |us: u64| number::duration(us as f64 / 1e6);
    let row = |of: &HedgeSummary| {
        [
            of.service.clone(),
            number::count(of.answered as f64),
            number::count(of.sent as f64),
            number::count(of.won as f64),
            number::duration(of.response_us_mean / 1e6),
            time(of.response_us_p50),
            time(of.response_us_p99),
            time(of.response_us_p999),
        ]
    };
    let rows = summary.hedges.iter().map(row).collect();
    table::text(["service", "answered", "sent again", "answered first", "mean", "p50", "p99", "p99.9"], 1, rows)
}

/// When switches were on: each time of the first few.
fn switches(summary: &Summary, clock: &Clock) -> String {
    let until = |off: Option<i64>| off.map_or_else(|| "the end".to_owned(), |at| clock.day_time(at));
    let row = |of: &Switched| [of.switch.clone(), clock.day_time(of.on_unix_ms), until(of.off_unix_ms)];
    let rows = summary.switched.iter().take(SWITCHES_SHOWN).map(row).collect();
    let more = match summary.switched.len().saturating_sub(SWITCHES_SHOWN) {
        0 => String::new(),
        more => format!("  and {more} more times\n"),
    };
    table::text(["switch", "on", "off"], 2, rows) + &more
}

/// What becomes of vouchers that were sold.
fn vouchers(summary: &Summary) -> String {
    let row = |of: &VoucherSummary| {
        [
            of.product.clone(),
            number::count(of.sold as f64),
            number::money(of.sold_fen as f64),
            number::count(of.redeemed as f64),
            number::count(of.redeemed_later as f64),
            number::count(of.never_redeemed as f64),
            number::money(of.never_redeemed_fen as f64),
        ]
    };
    let header = ["product", "sold", "money", "redeemed", "after the end", "never", "money"];
    table::text(header, 1, summary.vouchers.iter().map(row).collect())
}

/// What was sold out in one cell while others had it, where each has its own part of the stock.
fn stranded(stranded: &Stranded, summary: &Summary) -> String {
    let cells = if summary.simulated_cells < summary.cells { "the simulated cells" } else { "all cells" };
    format!(
        "  stranded: {} lines, {} units, {} sold out in their cell while {cells} together had them\n",
        number::count(stranded.lines as f64),
        number::count(stranded.units as f64),
        number::money(stranded.fen as f64),
    )
}

/// What shoppers took instead of what was sold out.
fn substituted(of: &Substituted) -> String {
    format!(
        "  substituted: {} lines of {}, for {}; {} of those paid, {}\n",
        number::count(of.lines as f64),
        number::money(of.fen as f64),
        number::money(of.instead_fen as f64),
        number::count(of.paid as f64),
        number::money(of.gmv_paid_fen as f64),
    )
}

fn rooms(summary: &Summary) -> String {
    let with_rooms = summary.windows.iter().filter_map(|window| Some((window, window.room.as_ref()?)));
    let rows = with_rooms.map(|(window, room)| {
        let wait = |ms: u64| number::duration(ms as f64 / 1000.0);
        let count = |sessions: u64| number::count(sessions as f64);
        [
            window.name.clone(),
            count(room.came),
            count(room.waited),
            count(room.admitted),
            wait(room.wait_ms_p50),
            wait(room.wait_ms_p99),
            wait(room.wait_ms_max),
            count(room.gave_up),
            count(room.sent_away),
            count(room.closed + room.waiting),
        ]
    });
    let header =
        ["window", "came", "waited", "went in", "median wait", "p99", "longest", "gave up", "sent away", "not let in"];
    table::text(header, 2, rows.collect())
}

/// The worst steady stretch of each service, and how many there were.
fn residuals(summary: &Summary, clock: &Clock) -> String {
    let row = |of: &Residual| {
        [
            of.service.clone(),
            of.stretches.to_string(),
            of.beyond.to_string(),
            clock.day_time(of.from_unix_ms),
            number::duration((of.until_unix_ms - of.from_unix_ms) as f64 / 1000.0),
            digits(of.number_mean),
            difference(of.residual),
            format!("± {}", number::share(of.sampling_error, 1.0)),
        ]
    };
    let header = ["service", "steady", "off by more", "worst from", "for", "mean number", "residual", "by chance"];
    table::text(header, 1, summary.residuals.iter().map(row).collect())
}

/// Every published figure beside what was simulated; an error beyond what the scenario lets be is marked.
pub(super) fn published(figures: &[PublishedResult], clock: &Clock) -> String {
    let none = || "–".to_owned();
    let rows = figures.iter().map(|figure| {
        let value = |value: f64| amount(figure.figure, value);
        let at = |at: Option<i64>| at.map_or_else(none, |at| clock.day_time(at));
        let error = |error: f64| {
            let mark = if error.abs() > figure.within { " !" } else { "" };
            format!("{}{mark}", difference(error))
        };
        let is_peak = figure.figure == PublishedFigure::PeakOrdersPerSecond;
        let is_late = figure.within_time_s.zip(figure.late_s()).is_some_and(|(within, late)| late.abs() > within);
        let mark = if is_late { " !" } else { "" };
        [
            figure.name.clone(),
            at(figure.at_unix_ms),
            value(figure.published),
            figure.simulated.map_or_else(none, value),
            figure.error.map_or_else(none, error),
            if is_peak { at(figure.simulated_at_unix_ms) + mark } else { String::new() },
        ]
    });
    table::text(["published", "at", "value", "simulated", "error", "at"], 2, rows.collect())
}

/// A figure with its unit.
pub(super) fn amount(figure: PublishedFigure, value: f64) -> String {
    match figure {
        PublishedFigure::GmvPaidFen => number::money(value),
        PublishedFigure::GmvPaidFenPerSecond => format!("{}/s", number::money(value)),
        PublishedFigure::PeakOrdersPerSecond | PublishedFigure::OrdersPerSecond => number::rate(value),
        PublishedFigure::BrandsPast100m => format!("{} brands", number::count(value)),
    }
}

/// A sentence for every target.
fn verdicts(summary: &Summary, clock: &Clock, terminal: &Terminal) -> String {
    let targets = &summary.targets;
    let met = targets.iter().filter(|target| target.verdict == Verdict::Pass).count();
    let heading = terminal.heading("Targets");
    let sentences = targets
        .iter()
        .map(|target| format!("  {:<9}  {}\n", verdict::word(target.verdict), verdict::sentence(target, clock)));
    let head = format!("\n{heading}: {met} of {} met, the run {}\n", targets.len(), verdict::status(summary.status));
    head + &sentences.collect::<String>()
}

fn channels(results: &Results) -> String {
    let rows = results.channels.iter().map(|c| {
        [
            c.channel.clone(),
            c.window.clone(),
            number::count(c.sessions as f64),
            number::count(c.orders_created as f64),
            number::count(c.orders_paid as f64),
            number::money(c.gmv_paid_fen as f64),
        ]
    });
    table::text(["channel", "window", "sessions", "orders", "paid", "GMV paid"], 2, rows.collect())
}

fn livestreams(results: &Results) -> String {
    let rows = results.livestreams.iter().map(|l| {
        [
            l.livestream.clone(),
            l.window.clone(),
            number::count(l.viewers as f64),
            number::count(l.orders_created as f64),
            number::count(l.orders_paid as f64),
            number::money(l.gmv_paid_fen as f64),
        ]
    });
    table::text(["livestream", "window", "viewers", "orders", "paid", "GMV paid"], 2, rows.collect())
}

/// Every bucket that holds anything, those of services one by one.
fn ledger(results: &Results) -> String {
    let mut buckets: BTreeMap<(Bucket, &str), (u64, u64)> = BTreeMap::new();
    for row in &results.ledger {
        let (intents, money) = buckets.entry((row.bucket, row.service.as_str())).or_default();
        *intents += row.intents;
        *money += row.money_fen;
    }
    let demand = results.summary.total.demand_fen as f64;
    let rows = buckets
        .into_iter()
        .filter(|(_, (intents, money))| *intents > 0 || *money > 0)
        .map(|((bucket, service), (intents, money))| {
            [
                name(bucket, service),
                number::money(money as f64),
                number::share(money as f64, demand),
                number::count(intents as f64),
            ]
        })
        .collect();
    table::text(["", "money", "share", "intents"], 1, rows)
}

fn name(bucket: Bucket, service: &str) -> String {
    let bucket = bucket.name().replace('_', " ");
    match service {
        "" => bucket,
        _ if bucket == "rejected" => format!("rejected by {service}"),
        _ => format!("{bucket} at {service}"),
    }
}

/// All stretches of a service in a window.
#[derive(Default)]
struct Stretches {
    from_unix_ms: i64,
    opens_unix_ms: i64,
    milliseconds: i64,
    count: u32,
    worst: f64,
    queue_max: u64,
    rejected: u64,
    timed_out: u64,
    queue_needed: u64,
    lost_fen: u64,
}

/// A row per service and window that could not keep up, in order of time.
fn saturated(summary: &Summary, clock: &Clock) -> String {
    let services = saturated_services(summary, clock);
    let Some(rows) = summary.hot_rows.filter(|rows| rows.requests_rejected > 0) else { return services };
    // No service, but part of the platform, and demand was lost there.
    let (requests, skus) = (number::count(rows.requests_rejected as f64), number::count(rows.skus as f64));
    format!("{services}  hot rows rejected {requests} requests for {skus} SKUs, {}\n", number::money(rows.fen as f64))
}

fn saturated_services(summary: &Summary, clock: &Clock) -> String {
    if summary.saturated.is_empty() {
        return "  none: every service kept up\n".to_owned();
    }
    // Windows come in order of time, so a stretch belongs to the last one that had opened.
    let mut rows: BTreeMap<(usize, &str), Stretches> = BTreeMap::new();
    for stretch in &summary.saturated {
        let opened = summary.windows.iter().filter(|w| w.opens_unix_ms <= stretch.from_unix_ms).count();
        let row = rows.entry((opened, stretch.service.as_str())).or_default();
        if row.count == 0 || stretch.from_unix_ms < row.from_unix_ms {
            row.from_unix_ms = stretch.from_unix_ms;
        }
        row.opens_unix_ms = opened.checked_sub(1).map_or(stretch.from_unix_ms, |w| summary.windows[w].opens_unix_ms);
        row.milliseconds += stretch.until_unix_ms - stretch.from_unix_ms;
        row.count += 1;
        row.worst = row.worst.max(stretch.worst_offered_over_capacity.unwrap_or(f64::INFINITY));
        row.queue_max = row.queue_max.max(stretch.queue_max);
        row.rejected += stretch.rejected;
        row.timed_out += stretch.timed_out;
        row.queue_needed = row.queue_needed.max(stretch.queue_needed);
        row.lost_fen += stretch.lost_fen;
    }
    let mut rows: Vec<((usize, &str), Stretches)> = rows.into_iter().collect();
    rows.sort_by_key(|(_, stretches)| stretches.from_unix_ms);
    let rows = rows
        .into_iter()
        .map(|((opened, service), s)| {
            let window = opened.checked_sub(1).map_or("–", |w| summary.windows[w].name.as_str());
            [
                service.to_owned(),
                window.to_owned(),
                clock.time(s.from_unix_ms, s.opens_unix_ms),
                number::duration(s.milliseconds as f64 / 1000.0),
                s.count.to_string(),
                // A delay has no capacity that could be exceeded: it times out, and that is all.
                match s.worst {
                    0.0 => "–".to_owned(),
                    f64::INFINITY => "no capacity".to_owned(),
                    worst => format!("{worst:.2}"),
                },
                number::count(s.queue_max as f64),
                number::count(s.queue_needed as f64),
                number::count(s.rejected as f64),
                number::count(s.timed_out as f64),
                number::money(s.lost_fen as f64),
            ]
        })
        .collect();
    let header = [
        "service",
        "window",
        "from",
        "spans",
        "stretches",
        "worst offered/capacity",
        "queue",
        "needed",
        "rejected",
        "timed out",
        "lost",
    ];
    table::text(header, 2, rows)
}

/// A row per window and service that answers on acceptance.
fn settlements(results: &Results, clock: &Clock) -> String {
    let dash = || "–".to_owned();
    let rows = results.summary.settlements.iter().map(|settlement| {
        let window = results.summary.windows.iter().find(|window| window.name == settlement.window);
        let (opens, closes) = window.map_or((0, i64::MAX), |window| (window.opens_unix_ms, window.closes_unix_ms));
        let of_row = |row: &&ServiceRow| row.service == settlement.service && row.window == settlement.window;
        let times = results.services.iter().find(of_row);
        let times = times.map_or([0, 0], |row| [row.response_us_p50, row.response_us_p99]);
        let [half, most] = times.map(|us| number::duration(us as f64 / 1e6));
        let late = settlement.last_unix_ms.map(|last| last - closes).filter(|&late| late > 0);
        [
            settlement.service.clone(),
            settlement.window.clone(),
            half,
            most,
            number::count(settlement.backlog_max as f64),
            settlement.last_unix_ms.map_or_else(dash, |last| clock.time(last, opens)),
            late.map_or_else(dash, |late| number::duration(late as f64 / 1000.0)),
        ]
    });
    let header = ["service", "window", "delay p50", "delay p99", "backlog", "the last at", "after the closing"];
    table::text(header, 2, rows.collect())
}

/// The named products that sold out, in order of time.
fn sold_out(results: &Results, clock: &Clock, terminal: &Terminal) -> String {
    let summary = &results.summary;
    let head = format!(
        "\n{}: {} of {} SKUs ({})\n",
        terminal.heading("Sold out"),
        number::count(summary.skus_sold_out as f64),
        number::count(summary.skus as f64),
        number::share(summary.skus_sold_out as f64, summary.skus as f64),
    );
    let mut products: Vec<(i64, &str)> = results
        .products
        .iter()
        .filter(|row| summary.products.contains(&row.product))
        .filter_map(|row| Some((row.sold_out_unix_ms?, row.product.as_str())))
        .collect();
    products.sort_unstable();
    let rows: Vec<[String; 2]> =
        products.iter().take(PRODUCTS_SHOWN).map(|(at, name)| [(*name).to_owned(), clock.day_time(*at)]).collect();
    let named = if rows.is_empty() { String::new() } else { table::text(["named product", "at"], 2, rows) };
    let more = match products.len().saturating_sub(PRODUCTS_SHOWN) {
        0 => String::new(),
        more => format!("  and {more} more, see products.csv\n"),
    };
    let stranded = summary.stranded.as_ref().map_or_else(String::new, |of| stranded(of, summary));
    let substituted = summary.substituted.as_ref().map_or_else(String::new, substituted);
    head + &named + &more + &stranded + &substituted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Conservation, HotRows, Saturation, Totals, WindowSummary};

    const OPENS: i64 = 1_604_160_000_000;
    const DAY: i64 = 86_400_000;

    fn window(name: &str, opens_unix_ms: i64) -> WindowSummary {
        WindowSummary {
            name: name.into(),
            opens_unix_ms,
            closes_unix_ms: opens_unix_ms + DAY,
            total: Totals::default(),
            peak_orders_per_second: 0.0,
            peak_orders_unix_ms: None,
            peak_payments_per_second: 0.0,
            room: None,
        }
    }

    fn stretch(service: &str, from: i64, seconds: i64, worst: f64, rejected: u64) -> Saturation {
        Saturation {
            service: service.into(),
            from_unix_ms: from,
            until_unix_ms: from + seconds * 1000,
            worst_offered_over_capacity: Some(worst),
            offered_over_capacity: Some(worst),
            queue_max: 10,
            rejected,
            timed_out: 1,
            queue_needed: 20,
            lost_fen: 12_300,
        }
    }

    fn summary(saturated: Vec<Saturation>) -> Summary {
        Summary {
            saleload: "0.1.0".into(),
            name: "test".into(),
            title: "Test".into(),
            zone: "Asia/Shanghai".into(),
            seed: 1,
            completion: Completion::Interrupted,
            status: crate::results::Status::NoTargets,
            simulated_until_unix_ms: OPENS + 10 * DAY + 90_000,
            cells: 64,
            simulated_cells: 1,
            shoppers: 1,
            skus: 0,
            skus_sold_out: 0,
            categories: vec![],
            services: vec!["order".into(), "web".into()],
            products: vec![],
            total: Totals::default(),
            windows: vec![window("first", OPENS), window("second", OPENS + 10 * DAY)],
            presales: vec![],
            vouchers: vec![],
            settlements: vec![],
            switched: Vec::new(),
            oversold: None,
            hot_rows: None,
            stranded: None,
            substituted: None,
            saturated,
            residuals: Vec::new(),
            double_submits: None,
            hedges: Vec::new(),
            cost: None,
            targets: vec![],
            published: vec![],
            conservation: Conservation::default(),
            events: 0,
            digest: String::new(),
            forks: vec![],
        }
    }

    #[test]
    fn stretches_add_up_by_service_and_window_in_order_of_time() {
        let summary = summary(vec![
            stretch("order", OPENS + 4000, 60, 1.2, 5),
            stretch("order", OPENS + 100_000, 30, 1.5, 7),
            stretch("order", OPENS + 10 * DAY, 1, 1.1, 0),
            stretch("web", OPENS + 2000, 5, 1.0, 0),
        ]);
        let text = saturated(&summary, &Clock::new(&summary.zone));
        let rows: Vec<String> = text.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            rows[1..],
            [
                "web first 00:00:02 5.0 s 1 1.00 10 20 0 1 123 RMB",
                "order first 00:00:04 1 min 30 s 2 1.50 10 20 12 2 246 RMB",
                "order second 00:00:00 1.0 s 1 1.10 10 20 0 1 123 RMB",
            ]
        );
    }

    #[test]
    fn what_is_partial_says_so() {
        let summary = summary(vec![]);
        let clock = Clock::new(&summary.zone);
        let text = span(&summary, &clock);
        assert!(text.contains("played    10 d from 2020-11-01 00:00:00 to 2020-11-11 00:01:30"), "{text}");
        assert!(text.contains("INTERRUPTED") && text.contains("1 of 64 cells"), "{text}");
        assert_eq!(saturated(&summary, &clock), "  none: every service kept up\n");
        let hot = HotRows { skus: 3, requests_rejected: 1200, units: 1300, fen: 4_500_000 };
        let with_hot_rows = saturated(&Summary { hot_rows: Some(hot), ..summary }, &clock);
        assert!(
            with_hot_rows.ends_with("\n  hot rows rejected 1,200 requests for 3 SKUs, 45.00 k RMB\n"),
            "{with_hot_rows}"
        );
    }
}
