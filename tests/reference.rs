//! A second implementation: a deliberately naive simulator of the same semantics, written for reading, that must agree with
//! the engine to the last event under random small scenarios.
//!
//! It shares with the engine the plan, the slots and ticks that follow from it, the model's samplers, and the draws; that is, all
//! that says what is simulated. How it is simulated is written a second time, in another way:
//!
//! | | engine | here |
//! |---|---|---|
//! | events | a calendar per cell, packed keys | one binary heap over all cells |
//! | a session | one event that carries it | a struct in a map, with as many timers as it has |
//! | a service | reckons when a request will start | workers, a queue, an event when work is done |
//! | a desk | a heap of turns, an ordered map of those who wait | the same workers and queue, searched each time |
//! | outcome of a request | known when it is made | known when it happens |
//! | stock | shards, moves, sorted settlement | a list of shelves |
//! | results | counters of the current row | a list of facts, added up afterwards |
//!
//! `SALELOAD_SCENARIOS=20000 cargo test --release --test reference` plays another number of scenarios, and
//! `SALELOAD_SCENARIO=0x… cargo test --release --test reference -- --nocapture` one alone, with its text.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "reference/accept.rs"]
mod accept;
#[path = "reference/account.rs"]
mod account;
#[path = "reference/again.rs"]
mod again;
#[path = "reference/arrivals.rs"]
mod arrivals;
#[path = "reference/compare.rs"]
mod compare;
#[path = "reference/cost.rs"]
mod cost;
#[path = "reference/desk.rs"]
mod desk;
#[path = "properties/draw.rs"]
mod draw;
#[path = "reference/draws.rs"]
mod draws;
#[path = "reference/event.rs"]
mod event;
#[path = "reference/fork.rs"]
mod fork;
#[path = "reference/hedge.rs"]
mod hedge;
#[path = "reference/hot.rs"]
mod hot;
#[path = "reference/incident.rs"]
mod incident;
#[path = "reference/inner.rs"]
mod inner;
#[path = "reference/order.rs"]
mod order;
#[path = "reference/page.rs"]
mod page;
#[path = "reference/presale.rs"]
mod presale;
#[path = "reference/protection.rs"]
mod protection;
#[path = "reference/record.rs"]
mod record;
#[path = "reference/room.rs"]
mod room;
#[path = "reference/scaler.rs"]
mod scaler;
#[path = "properties/seeds.rs"]
mod seeds;
#[path = "reference/service.rs"]
mod service;
#[path = "reference/session.rs"]
mod session;
#[path = "reference/simulator.rs"]
mod simulator;
#[path = "reference/stock.rs"]
mod stock;
#[path = "reference/substitution.rs"]
mod substitution;
#[path = "reference/switches.rs"]
mod switches;
#[path = "reference/ticks.rs"]
mod ticks;

use record::{Rarities, What};
use saleload::plan::Plan;
use saleload::results::{Results, Verdict};
use saleload::scenario;
use saleload::units::Instant;
use simulator::{Settings, Simulator};
use std::panic::{AssertUnwindSafe, catch_unwind};
use stock::Settlement;

/// All seeds stem from this name.
const NAME: &str = "saleload reference 1";
/// Scenarios of a run; another number can be given at compile time.
const SCENARIOS: u32 = 600;
const MORE: Option<&str> = option_env!("SALELOAD_SCENARIOS");
/// Failures that are explained.
const SHOWN: usize = 3;
/// A scenario to play alone, given at compile time.
const ONLY: Option<&str> = option_env!("SALELOAD_SCENARIO");
/// How far scenarios are pushed to where it gets tight: some are as they come.
const TENSIONS: [f64; 4] = [0.0, 0.4, 0.8, 1.0];

/// What must be common, and in how many scenarios of a hundred it must happen at least.
const COMMON: &[(&str, u32, Count)] = &[
    ("ties", 42, |seen| seen.ties),
    ("ties of different events", 30, |seen| seen.mixed_ties),
    ("contested requests", 40, |seen| seen.contested),
    ("contested requests granted", 38, |seen| seen.granted),
    ("requests that wait", 45, |seen| seen.waits),
    ("rejections", 45, |seen| seen.rejected),
    ("time-outs", 60, |seen| seen.timed_out),
    ("retries", 35, |seen| seen.retries),
    ("expired holds", 60, |seen| seen.expiries),
    ("targets met", 40, |seen| seen.targets_met),
    ("targets missed", 40, |seen| seen.targets_missed),
    ("retries over budget", 5, |seen| seen.over_budget),
    ("limited requests", 10, |seen| seen.limited),
    ("requests held back", 5, |seen| seen.held_back),
    ("turns at a limiter", 5, |seen| seen.turns),
    ("requests that overtake", 7, |seen| seen.overtakings),
    ("requests dropped", 5, |seen| seen.dropped),
    ("requests cancelled", 10, |seen| seen.cancelled),
    ("requests answered on acceptance", 12, |seen| seen.rarities.put_off),
    ("of those, requests that fail later", 3, |seen| seen.rarities.put_off_failed),
    ("requests refused by a lost cell", 5, |seen| seen.rarities.refused_by_lost_cell),
    ("requests lost with a cell", 4, |seen| seen.rarities.lost_with_cell),
    ("cells remapped", 5, |seen| seen.rarities.remapped),
    ("requests slowed down", 5, |seen| seen.slowed),
    ("requests sent again", 8, |seen| seen.hedges),
    ("of those, requests answered first", 6, |seen| seen.hedges_won),
    ("copies that fail by themselves", 3, |seen| seen.rarities.copies_failed),
    ("second copies over budget", 1, |seen| seen.rarities.hedges_over_budget),
    ("pages submitted again", 5, |seen| seen.submitted_again),
    ("duplicate orders", 1, |seen| seen.duplicates),
    ("steady stretches", 1, |seen| seen.steady),
    ("patience that ends on several calls", 2, |seen| seen.rarities.gave_up_on_several),
    ("waits in a room", 15, |seen| seen.rarities.room_waits),
    ("requests shed", 5, |seen| seen.rarities.shed),
    ("requests shed or not by the instances there", 1, |seen| seen.rarities.shed_otherwise),
    ("loads of other instances than at first", 5, |seen| seen.rarities.loads_of_others),
    ("switches that go on", 15, |seen| seen.rarities.switched),
    ("pages refused", 5, |seen| seen.rarities.pages_closed),
    ("calls left out", 5, |seen| seen.rarities.left_out),
    ("calls left out of those at once", 2, |seen| seen.rarities.left_out_of_set),
    ("leavers of a room", 10, |seen| seen.rarities.room_losses),
    ("more instances", 10, |seen| seen.rarities.more_instances),
    ("fewer instances, in peace", 10, |seen| seen.rarities.fewer_instances),
    ("evaluations that want more", 5, |seen| seen.rarities.wants_more),
    ("evaluations that want fewer", 5, |seen| seen.rarities.wants_fewer),
    ("requests lost with their instance", 5, |seen| seen.rarities.lost_with_instance),
    ("requests refused", 3, |seen| seen.rarities.refused),
    ("requests that get through later", 3, |seen| seen.rarities.got_through),
    ("payments while the bank is down", 3, |seen| seen.rarities.bank_down),
    ("units laid in", 10, |seen| seen.laid_in),
    ("SKUs listed later", 10, |seen| seen.listed_late),
    ("shoppers who put it off", 20, |seen| seen.deferred),
    ("sessions that a history brings at another time", 5, |seen| seen.rarities.came_by_history),
    ("vouchers sold", 3, |seen| seen.vouchers),
    ("deposits", 12, |seen| seen.presales.deposits),
    ("balances", 8, |seen| seen.presales.balances),
    ("deposits forfeited", 10, |seen| seen.presales.forfeited),
    ("deposits of a second presale", 3, |seen| seen.presales.second_deposits),
    ("of those, by who had one in the first", 1, |seen| seen.presales.deposits_again),
    ("balances of a second presale", 3, |seen| seen.presales.second_balances),
    ("pages that fork", 30, |seen| seen.forks),
    ("forks that fail", 20, |seen| seen.forks_failed),
    ("brands past a sum", 8, |seen| seen.brands_past),
    ("coupons", 10, |seen| seen.coupons),
    ("baskets filled up", 8, |seen| seen.fill_ups),
    ("sessions by channel", 20, |seen| seen.by_channel),
    ("lines of livestreams", 3, |seen| seen.shown),
    ("deposits on lines of livestreams", 3, |seen| seen.presales.shown_deposits),
    ("balances on lines of livestreams", 2, |seen| seen.presales.shown_balances),
    ("calls of services", 10, |seen| seen.inner),
    ("calls of services that fail", 8, |seen| seen.inner_failed),
    ("clients that leave during such calls", 5, |seen| seen.rarities.left_inside),
    ("samples of the cells", 15, |seen| seen.samples),
    ("lines oversold", 3, |seen| seen.oversold),
    ("lines exchanged for others", 10, |seen| seen.substituted),
    ("of those, others paid", 5, |seen| seen.substitutes_paid),
    ("requests after the last unit", 3, |seen| seen.late),
    ("ordered, then sold out", 3, |seen| seen.ordered_in_vain),
    ("lines refused by their cell only", 5, |seen| seen.stranded),
    ("lines over the limit of a SKU", 5, |seen| seen.over_limit),
    ("of those, where cells have their own", 1, |seen| seen.over_limit_of_cell),
    ("lines that get a late token", 3, |seen| seen.late_tokens),
    ("deposits where payments take the stock", 5, |seen| seen.presales.deposits_beside_payments),
    ("stock dealt out anew", 5, |seen| seen.rarities.rebalances),
    ("fen that instances cost", 30, |seen| seen.cost),
    ("runs broken off", 15, |seen| seen.broken_off),
];

type Count = fn(&Seen) -> u64;

/// What was seen in a scenario.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    events: u64,
    ties: u64,
    mixed_ties: u64,
    contested: u64,
    granted: u64,
    waits: u64,
    rejected: u64,
    timed_out: u64,
    retries: u64,
    expiries: u64,
    targets_met: u64,
    targets_missed: u64,
    over_budget: u64,
    limited: u64,
    held_back: u64,
    turns: u64,
    overtakings: u64,
    dropped: u64,
    cancelled: u64,
    slowed: u64,
    rarities: Rarities,
    laid_in: u64,
    listed_late: u64,
    deferred: u64,
    vouchers: u64,
    presales: InPresales,
    forks: u64,
    forks_failed: u64,
    inner: u64,
    inner_failed: u64,
    brands_past: u64,
    coupons: u64,
    fill_ups: u64,
    by_channel: u64,
    shown: u64,
    oversold: u64,
    substituted: u64,
    substitutes_paid: u64,
    late: u64,
    ordered_in_vain: u64,
    stranded: u64,
    hedges: u64,
    hedges_won: u64,
    over_limit: u64,
    over_limit_of_cell: u64,
    late_tokens: u64,
    submitted_again: u64,
    duplicates: u64,
    steady: u64,
    cost: u64,
    /// Runs of some of the cells, and runs broken off, which agree too.
    samples: u64,
    broken_off: u64,
}

/// What was seen of presales.
#[derive(Clone, Copy, Debug, Default)]
struct InPresales {
    deposits: u64,
    balances: u64,
    forfeited: u64,
    second_deposits: u64,
    second_balances: u64,
    /// By shoppers who had paid one in the first presale.
    deposits_again: u64,
    /// On lines of livestreams.
    shown_deposits: u64,
    shown_balances: u64,
    /// Where payments take the stock of plain orders.
    deposits_beside_payments: u64,
}

impl InPresales {
    fn new(run: &Simulator, results: &Results) -> Self {
        let all = &results.summary.presales;
        let deposits = all.iter().map(|of| of.deposits).sum();
        InPresales {
            deposits,
            balances: all.iter().map(|of| of.balances).sum(),
            forfeited: all.iter().map(|of| of.forfeited).sum(),
            second_deposits: all.get(1).map_or(0, |of| of.deposits),
            second_balances: all.get(1).map_or(0, |of| of.balances),
            deposits_again: run.deposits_again(),
            shown_deposits: run.shown(What::Deposited),
            shown_balances: run.shown(What::Completed),
            deposits_beside_payments: if run.plan.inventory.holds() { 0 } else { deposits },
        }
    }
}

fn text(seed: u64) -> String {
    draw::scenario(seed, TENSIONS[(seed % TENSIONS.len() as u64) as usize])
}

/// Plays both, and compares; looks for the first event that differs if it is to be explained.
fn agree(plan: &Plan, simulated: u32, stop_at: Instant, explains: bool) -> Result<Seen, String> {
    let settings = Settings { simulated, settlement: Settlement::Ticks, stop_at, keeps_log: false };
    let run = simulator::play(plan, &settings);
    let results = run.results();
    let verdict = compare::engine(plan, simulated, stop_at).and_then(|engine| compare::same(&engine, &results));
    verdict.map_err(|why| {
        let first = if explains { compare::first_tick(plan, simulated) } else { String::new() };
        format!("{simulated} of {} cells until {} ns: {why}\n{first}", plan.cells, stop_at.0)
    })?;
    Ok(Seen::new(&run, &results))
}

impl Seen {
    fn new(run: &Simulator, results: &Results) -> Self {
        let rarities = run.record.rarities;
        let targets = |verdict| results.summary.targets.iter().filter(|of| of.verdict == verdict).count() as u64;
        Seen {
            events: results.summary.events,
            ties: rarities.ties,
            mixed_ties: rarities.mixed_ties,
            contested: run.stock.contests.0,
            granted: run.stock.contests.1,
            waits: rarities.waits,
            rejected: results.services.iter().map(|row| row.rejected).sum(),
            timed_out: results.services.iter().map(|row| row.timed_out).sum(),
            retries: rarities.retries,
            expiries: rarities.expiries,
            targets_met: targets(Verdict::Pass),
            targets_missed: targets(Verdict::Fail),
            over_budget: rarities.over_budget,
            limited: rarities.limited,
            held_back: rarities.held_back,
            turns: rarities.turns,
            overtakings: rarities.overtakings,
            dropped: rarities.dropped,
            cancelled: rarities.cancelled,
            slowed: rarities.slowed,
            rarities,
            laid_in: run.stock.laid_in,
            listed_late: run.stock.listed_late,
            vouchers: results.summary.vouchers.iter().map(|of| of.sold).sum(),
            deferred: if run.plan.knows_deferral() && run.plan.windows.len() > 1 {
                let only = run.history.iter().filter(|of| of.has_deferred && !of.has_bought && !of.has_failed);
                only.count() as u64
            } else {
                0
            },
            presales: InPresales::new(run, results),
            forks: rarities.forks,
            forks_failed: rarities.forks_failed,
            inner: rarities.inner,
            inner_failed: rarities.inner_failed,
            brands_past: (0..4).map(|mark| results.brands_past(mark).len() as u64).sum(),
            coupons: rarities.coupons,
            fill_ups: rarities.fill_ups,
            by_channel: results.channels.iter().map(|row| row.sessions).sum(),
            shown: results.livestreams.iter().map(|row| row.orders_paid).sum(),
            oversold: results.summary.oversold.map_or(0, |of| of.orders),
            substituted: results.summary.substituted.map_or(0, |of| of.lines),
            substitutes_paid: results.summary.substituted.map_or(0, |of| of.paid),
            late: run.stock.late,
            ordered_in_vain: run.record.rarities.ordered_in_vain,
            stranded: results.summary.stranded.map_or(0, |of| of.lines),
            hedges: results.summary.hedges.iter().map(|of| of.sent).sum(),
            hedges_won: results.summary.hedges.iter().map(|of| of.won).sum(),
            over_limit: results.summary.hot_rows.map_or(0, |of| of.requests_rejected),
            over_limit_of_cell: match results.summary.stranded {
                Some(_) => results.summary.hot_rows.map_or(0, |of| of.requests_rejected),
                None => 0,
            },
            late_tokens: run.stock.late_tokens,
            submitted_again: results.summary.double_submits.as_ref().map_or(0, |of| of.submits),
            duplicates: results.summary.double_submits.as_ref().map_or(0, |of| of.orders),
            steady: results.summary.residuals.iter().map(|of| of.stretches).sum(),
            cost: results.summary.cost.as_ref().map_or(0, |of| of.total_fen),
            samples: u64::from(run.model.simulated < run.model.cells),
            broken_off: u64::from(run.interrupted),
        }
    }
}

/// The whole of a scenario; for some also a sample of its cells, or a run that is broken off.
fn play(seed: u64, explains: bool) -> Result<Seen, String> {
    let text = text(seed);
    if ONLY.is_some() {
        println!("{text}");
    }
    let loaded = scenario::load_str(&text, "drawn.toml", &[]).map_err(|problems| problems.render(false))?;
    let (plan, end) = (&loaded.plan, Instant(u64::MAX));
    let mut seen = agree(plan, plan.cells, end, explains)?;
    let sample = (1..plan.cells).rfind(|sample| plan.cells.is_multiple_of(*sample));
    if let Some(sample) = sample.filter(|_| ONLY.is_some() || seed & 0x30 == 0) {
        seen.samples = agree(plan, sample, end, explains)?.samples;
    }
    if ONLY.is_some() || seed & 0x300 == 0 {
        let stop_at = Instant(plan.horizon.0 / 1024 * (seed >> 16 & 0x3FF));
        seen.broken_off = agree(plan, plan.cells, stop_at, explains)?.broken_off;
    }
    Ok(seen)
}

fn play_safely(seed: u64, explains: bool) -> Result<Seen, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, explains)));
    played.unwrap_or_else(|_| Err("panicked, see above".into()))
}

#[test]
fn both_agree_to_the_last_event() {
    let scenarios = MORE.map_or(SCENARIOS, |more| more.parse().expect("SALELOAD_SCENARIOS is a number"));
    let seeds = seeds::of_scenarios(NAME, scenarios, ONLY);
    let played = seeds::on_all_cores(&seeds, |seed| play_safely(seed, false));
    let failures: Vec<u64> = played.iter().filter(|(_, played)| played.is_err()).map(|(seed, _)| *seed).collect();
    let seen: Vec<Seen> = played.into_iter().filter_map(|(_, played)| played.ok()).collect();
    let events: u64 = seen.iter().map(|seen| seen.events).sum();
    println!("{} scenarios agree, with {events} events", seen.len());
    let mut rare = Vec::new();
    for &(what, least, count) in COMMON {
        let (in_all, scenarios) =
            (seen.iter().map(count).sum::<u64>(), seen.iter().filter(|seen| count(seen) > 0).count());
        let share = 100.0 * scenarios as f64 / seen.len().max(1) as f64;
        println!("{what:>28}: {in_all:>10} in {share:.1} % of the scenarios");
        if share < f64::from(least) || in_all == 0 {
            rare.push(what);
        }
    }
    for &seed in failures.iter().take(SHOWN) {
        println!("{seed:#018x}: {}", play_safely(seed, true).err().unwrap_or_default());
    }
    assert!(failures.is_empty(), "{} scenarios differ, the first of them: {:#018x}", failures.len(), failures[0]);
    assert!(ONLY.is_some() || rare.is_empty(), "a scenario in which it never gets tight proves little: {rare:?}");
}
