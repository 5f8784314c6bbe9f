//! Bundled scenarios and whole runs of them.

use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::Results;
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

/// The plan of a bundled scenario with some values overridden.
pub(crate) fn plan(file: &str, overrides: &[impl ToString]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(file);
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    scenario::load(&path, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

/// Plays one cell in `part`, to the end.
pub(crate) fn play(plan: &Plan, part: u32, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells / part, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}
