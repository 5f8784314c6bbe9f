//! Result folders: written, read back, drawn again; and pictures of results that have little to show.

#[path = "report/fixture.rs"]
mod fixture;

use saleload::report;
use std::path::Path;

/// Writes the made-up festival to a folder to look at: `cargo test --test report sample -- --ignored`.
#[test]
#[ignore = "writes into the work tree"]
fn sample_folder_to_look_at() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample");
    report::write(&fixture::festival(), fixture::SCENARIO, &folder, true).expect("the folder is written");
}
