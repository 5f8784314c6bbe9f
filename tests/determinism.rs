//! Same scenario, seed and build: the same results on any number of threads, and in any process.

use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::Results;
use saleload::scenario;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;

fn plan(path: &str) -> Plan {
    scenario::load(Path::new(path), &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

/// Every cell fights over few products, so that most orders wait for the end of their tick.
fn contested() -> Plan {
    let mut plan = plan("scenarios/quickstart.toml");
    plan.cells = 32;
    plan.shoppers = 30_000;
    plan.services.iter_mut().filter_map(|service| service.pool.as_mut()).for_each(|pool| pool.instances = 32);
    let catalogue = plan.catalogue.as_mut().expect("the quickstart sells something");
    catalogue.products[0].demand = 0.8;
    catalogue.products[0].stock = 300;
    plan
}

fn run(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// One test body for any number of threads: the reference is a run on one thread, made once.
fn threads_change_nothing(plan: &Plan, reference: &'static OnceLock<Results>, threads: usize) {
    let reference = reference.get_or_init(|| run(plan, 1));
    assert!(reference.summary.total.orders_paid > 0, "a scenario in which nothing happens proves nothing");
    let results = run(plan, threads);
    assert_eq!(results.summary, reference.summary);
    assert!(results == *reference, "the summaries agree, the tables do not");
}

static QUICKSTART: OnceLock<Results> = OnceLock::new();
static CONTESTED: OnceLock<Results> = OnceLock::new();

#[test]
fn quickstart_1_thread() {
    threads_change_nothing(&plan("scenarios/quickstart.toml"), &QUICKSTART, 1);
}

#[test]
fn quickstart_2_threads() {
    threads_change_nothing(&plan("scenarios/quickstart.toml"), &QUICKSTART, 2);
}

#[test]
fn quickstart_16_threads() {
    threads_change_nothing(&plan("scenarios/quickstart.toml"), &QUICKSTART, 16);
}

#[test]
fn contested_1_thread() {
    threads_change_nothing(&contested(), &CONTESTED, 1);
}

#[test]
fn contested_2_threads() {
    threads_change_nothing(&contested(), &CONTESTED, 2);
}

#[test]
fn contested_16_threads() {
    threads_change_nothing(&contested(), &CONTESTED, 16);
}

/// All files of a folder and its folders, by relative path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("the folder was just written") {
            let path = entry.expect("the folder was just written").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below the folder").display().to_string();
                found.insert(name, fs::read(&path).expect("the file was just written"));
            }
        }
    }
    found
}

#[test]
fn processes_write_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let written = |threads: &str| {
        let out = scratch.path().join(threads);
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("saleload"));
        command.args(["run", "scenarios/quickstart.toml", "--set", "population.shoppers=20000"]);
        command.args(["--threads", threads, "--quiet", "--out"]).arg(&out);
        command.assert().success();
        files(&out)
    };
    let one = written("1");
    assert!(!one.is_empty(), "a run writes files");
    for threads in ["2", "16"] {
        let other = written(threads);
        assert_eq!(other.keys().collect::<Vec<_>>(), one.keys().collect::<Vec<_>>(), "{threads} threads");
        for (name, bytes) in &one {
            assert!(other[name] == *bytes, "{name} differs between 1 and {threads} threads");
        }
    }
}
