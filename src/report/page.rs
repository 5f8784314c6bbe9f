//! `report.html`: one file that opens from disk, with charts to zoom in and the tables that a planner reads first.

mod data;
mod tables;

use super::ReportError;
use super::figure;
use super::manifest;
use crate::clock::Clock;
use crate::number::{grouped, money, percent, short};
use crate::results::{Results, Status, Verdict};
use crate::verdict;
use askama::Template;
use std::path::Path;
use tables::PageTable;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    version: &'a str,
    title: &'a str,
    when: String,
    warnings: Vec<String>,
    tiles: Vec<Tile>,
    tables: Vec<PageTable>,
    facts: Vec<(&'static str, String)>,
    data: String,
    css: &'static str,
    js: &'static str,
    uplot_css: &'static str,
    uplot_js: &'static str,
}

/// A headline number.
struct Tile {
    name: &'static str,
    value: String,
    detail: String,
    alarming: bool,
}

/// Writes the page.
pub(super) fn write(results: &Results, scenario: &str, path: &Path) -> Result<(), ReportError> {
    let summary = &results.summary;
    let page = Page {
        version: &summary.saleload,
        title: if summary.title.is_empty() { &summary.name } else { &summary.title },
        when: when(results),
        warnings: figure::warnings(summary).into_iter().map(|warning| capitalised(&warning)).collect(),
        tiles: tiles(results),
        tables: tables::all(results),
        facts: facts(results, scenario),
        data: data::json(results),
        css: include_str!("assets/report.css"),
        js: include_str!("assets/report.js"),
        uplot_css: include_str!("assets/uplot.min.css"),
        uplot_js: include_str!("assets/uplot.min.js"),
    };
    let text = page.render().map_err(|e| ReportError::drawing(super::PAGE_FILE, e))?;
    std::fs::write(path, text).map_err(|e| ReportError::io(path, e))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn when(results: &Results) -> String {
    let summary = &results.summary;
    let clock = Clock::new(&summary.zone);
    match (summary.windows.first(), summary.windows.last()) {
        (Some(first), Some(last)) => format!(
            "{} to {} · {} · {} shoppers",
            clock.stamp(first.opens_unix_ms),
            clock.stamp(last.closes_unix_ms),
            summary.zone,
            grouped(summary.shoppers)
        ),
        _ => format!("{} shoppers", grouped(summary.shoppers)),
    }
}

fn tiles(results: &Results) -> Vec<Tile> {
    let summary = &results.summary;
    let total = &summary.total;
    let clock = Clock::new(&summary.zone);
    let share = |part: u64, whole: u64| percent(part as f64 / whole.max(1) as f64);
    let peak = summary.windows.iter().max_by(|a, b| a.peak_orders_per_second.total_cmp(&b.peak_orders_per_second));
    let peak_at = peak.and_then(|w| w.peak_orders_unix_ms).map_or_else(|| "no orders".to_owned(), |t| clock.stamp(t));
    let mut saturated: Vec<&str> = summary.saturated.iter().map(|s| s.service.as_str()).collect();
    saturated.dedup();
    let tile = |name, value, detail| Tile { name, value, detail, alarming: false };
    let mut tiles = vec![
        tile(
            "GMV paid",
            money(total.gmv_paid_fen as f64),
            format!("{} of demand", share(total.gmv_paid_fen, total.demand_fen)),
        ),
        tile("GMV ordered", money(total.gmv_ordered_fen as f64), format!("demand {}", money(total.demand_fen as f64))),
        tile(
            "Orders paid",
            short(total.orders_paid as f64),
            format!("of {} created", short(total.orders_created as f64)),
        ),
        tile("Peak orders", format!("{}/s", short(peak.map_or(0.0, |w| w.peak_orders_per_second))), peak_at),
        Tile {
            name: "Lost",
            value: money(total.lost_fen as f64),
            detail: format!("{} of demand", share(total.lost_fen, total.demand_fen)),
            alarming: total.lost_fen > 0,
        },
        Tile {
            name: "Could not keep up",
            value: if saturated.is_empty() { "none".to_owned() } else { saturated.join(", ") },
            detail: format!("of {} services", summary.services.len()),
            alarming: !saturated.is_empty(),
        },
    ];
    let past = results.brands_past(2);
    if let Some((first, _)) = past.first() {
        let detail = past.get(99).map_or_else(
            || format!("the first by {}", clock.moment(*first)),
            |(at, _)| format!("100 of them by {}", clock.moment(*at)),
        );
        tiles.push(tile("Brands past 100 M RMB", grouped(past.len() as u64), detail));
    }
    if !summary.targets.is_empty() {
        let met = summary.targets.iter().filter(|target| target.verdict == Verdict::Pass).count();
        tiles.push(Tile {
            name: "Targets",
            value: format!("{met} of {} met", summary.targets.len()),
            detail: format!("the run {}", verdict::status(summary.status)),
            alarming: summary.status == Status::Fail,
        });
    }
    tiles
}

fn facts(results: &Results, scenario: &str) -> Vec<(&'static str, String)> {
    let summary = &results.summary;
    let conservation = &summary.conservation;
    let breaches =
        [conservation.skus_in_breach as i64, conservation.ledger_difference_fen, conservation.paid_difference_fen];
    vec![
        ("Scenario", summary.name.clone()),
        ("Resolved scenario, BLAKE3", manifest::hash(scenario.as_bytes())),
        ("Seed", summary.seed.to_string()),
        ("Digest of the event stream", summary.digest.clone()),
        ("saleload", summary.saleload.clone()),
        ("Cells simulated", format!("{} of {}", summary.simulated_cells, summary.cells)),
        ("Events simulated", grouped(summary.events)),
        (
            "Conservation of sessions, stock, money and requests",
            if breaches == [0; 3] && conservation.requests_add_up { "holds".to_owned() } else { "BROKEN".to_owned() },
        ),
        ("Charts", "uPlot 1.6, MIT licence, © Leon Sorokin".to_owned()),
    ]
}
