//! What the README and the page of scenarios show is true: its scenarios load and run, its commands are accepted, its tables are complete.

use assert_cmd::Command;
use saleload::engine::{self, Options};
use saleload::scenario::{self, Loaded};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

const README: &str = include_str!("../README.md");

const SCENARIOS: &str = include_str!("../docs/scenarios.md");

/// The texts between fences of one language, on both pages.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = README.lines().chain(SCENARIOS.lines());
    while lines.any(|line| line == fence) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

/// Loads a block as if it were a file at the root of the repository.
fn load(block: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("readme.toml");
    let loaded = scenario::load_str(block, &path.to_string_lossy(), &[]);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}\nin\n{block}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}\nin\n{block}", loaded.warnings.render(false));
    loaded
}

/// Arguments of the command lines that call saleload, installed or through cargo.
fn command_lines() -> Vec<Vec<String>> {
    let lines: Vec<String> =
        blocks("sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let arguments = |line: &String| {
        let rest = line.strip_prefix("saleload ").or_else(|| line.strip_prefix("cargo run --release -- "))?;
        Some(rest.split(' ').map(str::to_owned).collect())
    };
    lines.iter().filter_map(arguments).collect()
}

#[test]
fn every_scenario_loads_and_runs() {
    let blocks = blocks("toml");
    assert!(blocks.len() >= 8, "{} scenarios", blocks.len());
    for block in &blocks {
        let plan = load(block).plan;
        let options = Options { simulated_cells: plan.cells, threads: 2 };
        let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
        let total = results.unwrap_or_else(|breach| panic!("{breach}")).summary.total;
        assert!(total.orders_paid > 1000 && total.lost_fen > 0, "{}: {total:?}", plan.name);
    }
}

#[test]
fn every_command_is_accepted() {
    let commands = command_lines();
    assert!(commands.len() >= 3, "{commands:?}");
    for arguments in commands {
        let [verb, file, options @ ..] = arguments.as_slice() else { panic!("{arguments:?}") };
        assert!(verb == "run" || verb == "fit", "{arguments:?}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let overrides: Vec<String> =
            options.windows(2).filter(|pair| pair[0] == "--set").map(|pair| pair[1].clone()).collect();
        let loaded = scenario::load(&path, &overrides);
        assert!(loaded.is_ok(), "{arguments:?}: {}", loaded.err().map(|e| e.render(false)).unwrap_or_default());
    }
}

#[test]
fn every_result_file_is_in_the_table() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.toml");
    command.current_dir(&folder).arg("run").arg(quickstart).args(["--set", "population.shoppers=2000"]);
    command.assert().success();
    let table: BTreeSet<&str> = README.lines().filter(|line| line.starts_with("| `")).collect();
    for entry in folder.path().join("output/quickstart").read_dir().unwrap_or_else(|error| panic!("{error}")) {
        let name = entry.unwrap_or_else(|error| panic!("{error}")).file_name().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".svg").or_else(|| name.strip_suffix(".png")).unwrap_or(&name);
        let named = format!("`{stem}`");
        assert!(table.iter().any(|row| row.contains(&named)), "{name} is not in the table of files");
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_saleload")).arg("--help").output().unwrap_or_else(|error| panic!("{error}"));
    let help = String::from_utf8_lossy(&output.stdout);
    let (_, said) = help.split_once("Exit codes: ").unwrap_or_else(|| panic!("no exit codes in {help}"));
    let said: BTreeSet<&str> = said.split(|c: char| !c.is_ascii_digit()).filter(|code| !code.is_empty()).collect();
    let (_, section) = README.split_once("## Exit codes").unwrap_or_else(|| panic!("no such section"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let table: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .filter(|code| code.chars().all(|c| c.is_ascii_digit()))
        .collect();
    assert_eq!(said, table);
}
