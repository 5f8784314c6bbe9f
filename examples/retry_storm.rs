//! Draws `docs/retry-storm.svg`: which clients and servers get out of a storm of retries, and which do not.
//!
//! ```sh
//! cargo run --release --example retry_storm
//! ```

use saleload::engine::{self, Options};
use saleload::results::series;
use saleload::scenario;
use std::error::Error;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

/// What is played: its name, and what differs from `scenarios/retry-storm.toml`.
const VARIANTS: [(&str, &[&str]); 8] = [
    ("as it is: one retry at once", &[]),
    ("retries spread by full jitter over 10 s", &["retry.backoff='10s'", "retry.jitter='full'"]),
    ("at most 60 at work, last come first served", &["workers=60", "discipline='lifo'"]),
    ("at most 60 at work, and cancellation", &["workers=60", "cancel='all'"]),
    ("retry budget of a tenth", &["retry.budget.share={of_requests=0.1,per_second=1}"]),
    ("retry budget of tokens", &["retry.budget.tokens={max=200}"]),
    ("circuit breaker", &["breaker={trips_on.errors=0.5,open='2s',window='10s'}"]),
    ("limit of 295 a second", &["limit.rate.token_bucket={per_second=5900,burst=300}"]),
];
/// Databases of the scenario, and seconds of it.
const DATABASES: f64 = 20.0;
const SECONDS: usize = 90;
/// The outage, s.
const OUTAGE: [usize; 2] = [20, 30];
/// Most queries a second and database that are drawn.
const MOST: f64 = 700.0;
const COLUMNS: usize = 2;
const PANEL: [f64; 2] = [560.0, 150.0];
const GAP: [f64; 2] = [40.0, 56.0];
const LEFT: f64 = 48.0;
const TOP: f64 = 96.0;

/// Queries, and answers in time, per second and database.
struct Played {
    queries: Vec<f64>,
    in_time: Vec<f64>,
}

fn play(settings: &[&str]) -> Result<Played, Box<dyn Error>> {
    let overrides: Vec<String> = settings.iter().map(|setting| format!("service.database.{setting}")).collect();
    let loaded = scenario::load(Path::new("scenarios/retry-storm.toml"), &overrides);
    let plan = loaded.map_err(|problems| problems.render(false))?.plan;
    let options = Options { simulated_cells: plan.cells, threads: 0 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()))?;
    let column = |name: &str| -> Vec<f64> {
        results.series.integers(&series::service("database", name)).iter().map(|&n| n as f64 / DATABASES).collect()
    };
    let (queries, rejected, late) = (column("requests"), column("rejected"), column("timed_out"));
    // A query that will time out is counted when it does, a second later: close enough for a picture.
    let failed = |second: usize| rejected[second] + late.get(second + 1).copied().unwrap_or(late[second]);
    let in_time = (0..SECONDS).map(|second| (queries[second] - failed(second)).max(0.0)).collect();
    Ok(Played { queries, in_time })
}

/// A panel: queries as a line, answers in time as an area.
fn panel(svg: &mut String, number: usize, name: &str, played: &Played) -> std::fmt::Result {
    let (column, row) = (number % COLUMNS, number / COLUMNS);
    let left = LEFT + column as f64 * (PANEL[0] + GAP[0]);
    let top = TOP + row as f64 * (PANEL[1] + GAP[1]);
    let x = |second: f64| left + PANEL[0] * second / SECONDS as f64;
    let y = |queries: f64| top + PANEL[1] * (1.0 - queries.min(MOST) / MOST);
    let recovers = played.in_time[60..].iter().sum::<f64>() > 0.9 * 280.0 * (SECONDS - 60) as f64;
    let (verdict, colour) = if recovers { ("recovers", "#15803d") } else { ("does not recover", "#b91c1c") };
    writeln!(svg, "<text x='{left}' y='{:.1}' font-weight='bold'>{name}</text>", top - 10.0)?;
    let right = left + PANEL[0];
    writeln!(svg, "<text x='{right}' y='{:.1}' fill='{colour}' text-anchor='end'>{verdict}</text>", top - 10.0)?;
    let [from, until] = OUTAGE.map(|second| x(second as f64));
    let width = until - from;
    writeln!(svg, "<rect x='{from:.1}' y='{top}' width='{width:.1}' height='{}' fill='#e5e7eb'/>", PANEL[1])?;
    let points = |values: &[f64]| {
        let step = |(second, &value): (usize, &f64)| {
            format!("{:.1},{:.1} {:.1},{:.1}", x(second as f64), y(value), x(second as f64 + 1.0), y(value))
        };
        values.iter().take(SECONDS).enumerate().map(step).collect::<Vec<_>>().join(" ")
    };
    let (floor, in_time) = (y(0.0), points(&played.in_time));
    writeln!(svg, "<polygon points='{left},{floor:.1} {in_time} {right},{floor:.1}' fill='#86efac'/>")?;
    let limit = y(300.0);
    writeln!(svg, "<path d='M{left} {limit:.1}H{right}' stroke='#6b7280' stroke-dasharray='4 4'/>")?;
    let queries = points(&played.queries);
    writeln!(svg, "<polyline points='{queries}' fill='none' stroke='#1d4ed8' stroke-width='2'/>")?;
    writeln!(svg, "<path d='M{left} {top}V{floor:.1}H{right}' fill='none' stroke='#374151'/>")?;
    for queries in [0.0, 300.0, 600.0] {
        let at = y(queries) + 5.0;
        writeln!(svg, "<text x='{:.1}' y='{at:.1}' text-anchor='end' fill='#4b5563'>{queries}</text>", left - 6.0)?;
    }
    for second in (0..=SECONDS).step_by(30) {
        let (at, below) = (x(second as f64), floor + 17.0);
        writeln!(svg, "<text x='{at:.1}' y='{below:.1}' text-anchor='middle' fill='#4b5563'>{second} s</text>")?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let rows = VARIANTS.len().div_ceil(COLUMNS) as f64;
    let height = TOP + rows * (PANEL[1] + GAP[1]);
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1232 {height}' font-family='Noto Sans, sans-serif' font-size='14'>"
    )?;
    writeln!(svg, "<rect width='1232' height='{height}' fill='white'/>")?;
    writeln!(
        svg,
        "<text x='{LEFT}' y='32' font-size='22' font-weight='bold'>What gets out of a storm of retries</text>"
    )?;
    writeln!(
        svg,
        "<text x='{LEFT}' y='56' fill='#4b5563'>Per second and database: queries (line), answered in time (area), \
         what a database takes (dashed), an outage of ten seconds (grey). 280 clients a second.</text>"
    )?;
    for (number, (name, settings)) in VARIANTS.into_iter().enumerate() {
        panel(&mut svg, number, name, &play(settings)?)?;
    }
    svg.push_str("</svg>\n");
    std::fs::write("docs/retry-storm.svg", svg)?;
    Ok(())
}
