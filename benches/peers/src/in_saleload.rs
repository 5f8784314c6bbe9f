//! In saleload: the scenarios `tandem.toml` and `browse.toml`, on one thread.

use crate::station::Served;
use crate::{Browse, Tandem};
use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::{Results, series};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

/// Reads a scenario that lies beside this crate's `Cargo.toml`.
#[must_use]
pub fn load(file: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    scenario::load(&path, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

/// Plays a plan to its results.
#[must_use]
pub fn play(plan: &Plan) -> Results {
    let options = Options { simulated_cells: plan.cells, threads: 1 };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// The results of the tandem network in the terms of the others.
#[must_use]
pub fn tandem(plan: &Plan, results: &Results) -> Tandem {
    let window = (plan.windows[0].closes - plan.windows[0].opens).0 as f64;
    let stations = std::array::from_fn(|station| {
        let row = &results.services[station];
        Served {
            customers: row.requests,
            waited: (row.wait_us_mean * 1e3 * row.requests as f64) as u64,
            worked: (row.utilisation_mean * row.workers as f64 * window) as u64,
        }
    });
    Tandem { customers: results.summary.conservation.sessions_ended, stations }
}

/// The results of browsing in the terms of the others; presence is that at the ends of seconds.
#[must_use]
pub fn browse(results: &Results) -> Browse {
    let most_present = results.series.integers(series::IN_FLIGHT).iter().copied().max().unwrap_or(0);
    Browse { customers: results.summary.conservation.sessions_ended, most_present: most_present.unsigned_abs() }
}
