//! The command as a person or a script meets it: exit codes, streams, result folders.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const VERBS: [&str; 6] = ["check", "run", "fit", "report", "schema", "completions"];

/// The command in a folder, without the colours and the terminal of whoever runs the tests.
fn saleload(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("CLICOLOR");
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

fn quickstart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.toml")
}

/// `saleload run` of a quickstart small enough for a debug build.
fn small_run(folder: &Path) -> Command {
    let mut command = saleload(folder);
    command.arg("run").arg(quickstart()).args(["--set", "population.shoppers=20000"]);
    command
}

struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|error| panic!("not UTF-8: {error}"));
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in: {text}"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn help_names_every_verb_and_every_verb_has_help() {
    let dir = folder();
    let help = output(saleload(dir.path()).arg("--help"));
    assert_eq!(help.code, Some(0));
    for verb in VERBS {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb}");
        let own = output(saleload(dir.path()).args([verb, "--help"]));
        assert_eq!((own.code, own.stderr.as_str()), (Some(0), ""), "{verb}");
        assert!(own.stdout.contains(&format!("Usage: saleload {verb}")), "{verb}");
    }
    assert!(help.stdout.contains("Examples:") && help.stdout.contains("104 bad scenario"));
    let version = output(saleload(dir.path()).arg("--version"));
    assert_eq!(version.stdout.trim(), concat!("saleload ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_usage() {
    let dir = folder();
    let wrong: [&[&str]; 12] = [
        &[],
        &["simulate"],
        &["run"],
        &["check"],
        &["run", "a.toml", "b.toml"],
        &["run", "a.toml", "--sample", "2"],
        &["run", "a.toml", "--sample", "3/2"],
        &["run", "a.toml", "--threads", "0"],
        &["run", "a.toml", "--set", "novalue"],
        &["run", "a.toml", "--seed", "-1"],
        &["completions", "dos"],
        &["report", "nowhere"],
    ];
    for arguments in wrong {
        let out = output(saleload(dir.path()).args(arguments));
        assert_eq!(out.code, Some(2), "{arguments:?}: {}", out.stderr);
        assert_eq!(out.stdout, "", "{arguments:?}");
        assert!(!out.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_schema_is_json_and_completions_are_scripts() {
    let dir = folder();
    let schema = output(saleload(dir.path()).arg("schema"));
    assert_eq!(schema.code, Some(0));
    assert!(json(&schema.stdout)["properties"]["population"].is_object());
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = output(saleload(dir.path()).args(["completions", shell]));
        assert_eq!(script.code, Some(0), "{shell}");
        assert!(script.stdout.contains("saleload"), "{shell}");
    }
}

#[test]
fn a_bad_scenario_is_104_and_explained_on_stderr() {
    let dir = folder();
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, "name = 3\n").unwrap_or_else(|error| panic!("{error}"));
    for (verb, file) in [("check", "bad.toml"), ("run", "bad.toml"), ("check", "missing.toml"), ("run", "missing.toml")]
    {
        let out = output(saleload(dir.path()).args([verb, file]));
        assert_eq!(out.code, Some(104), "{verb} {file}: {}", out.stderr);
        assert_eq!(out.stdout, "", "{verb} {file}");
        assert!(out.stderr.contains("error"), "{verb} {file}: {}", out.stderr);
        assert!(!out.stderr.contains('\x1b'), "no colour in a pipe");
    }
    let coloured = output(saleload(dir.path()).args(["check", "bad.toml", "--color", "always"]));
    assert_eq!(coloured.code, Some(104));
    assert!(!dir.path().join("output").exists(), "nothing was begun");
}

#[test]
fn check_goes_on_after_a_bad_file() {
    let dir = folder();
    let mut command = saleload(dir.path());
    let out = output(command.args(["check", "--json", "missing.toml"]).arg(quickstart()));
    assert_eq!(out.code, Some(104), "{}", out.stderr);
    let verdicts = json(&out.stdout);
    assert_eq!(verdicts[0]["valid"], false);
    assert_eq!(verdicts[1]["valid"], true);
    assert_eq!(verdicts[1]["name"], "quickstart");
    assert!(verdicts[1]["forecast"]["sessions"].as_f64().is_some_and(|sessions| sessions > 0.0));
    assert!(verdicts[1]["forecast"]["windows"][0]["services"].is_array());
}

#[test]
fn check_forecasts_without_running() {
    let dir = folder();
    let out = output(saleload(dir.path()).arg("check").arg(quickstart()));
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    for word in ["sessions", "to simulate", "offered/capacity", "window"] {
        assert!(out.stdout.contains(word), "{word} in {}", out.stdout);
    }
    assert!(!dir.path().join("output").exists());
}

#[test]
fn check_says_what_its_money_leaves_out() {
    let dir = folder();
    let check = |overrides: &[&str]| {
        let set = overrides.iter().flat_map(|set| ["--set", set]);
        let out = output(saleload(dir.path()).arg("check").arg(quickstart()).args(set));
        let line = out.stdout.lines().find(|line| line.trim_start().starts_with("GMV"));
        line.unwrap_or_else(|| panic!("{}{}", out.stdout, out.stderr)).to_owned()
    };
    let plain = check(&[]);
    assert!(plain.ends_with(" paid, if nothing fails or sells out"), "{plain}");
    let all = check(&[
        "coupon={off=\"40 RMB\",every=\"300 RMB\"}",
        "livestream.room={window=\"noon\",audience.regular=0.1,shows.rooms={rooms=1,category=\"sneakers\",products=1,turn=\"1m\",conversion=0.1}}",
    ]);
    assert!(all.contains(" of coupons, if nothing fails or sells out and livestreams draw no basket"), "{all}");
}

#[test]
fn a_sample_is_a_whole_part_of_the_cells() {
    let dir = folder();
    for sample in ["1/3", "3/4"] {
        let out = output(small_run(dir.path()).args(["--set", "platform.cells=4", "--sample", sample]));
        assert_eq!(out.code, Some(2), "{}", out.stderr);
        assert!(out.stderr.contains("4 cells") && out.stderr.contains("these work: 1/4, 1/2"), "{}", out.stderr);
    }
    assert!(!dir.path().join("output").exists());
}

/// One test for all of it, because drawing takes most of the time of a small run.
#[test]
fn results_are_written_said_kept_replaced_and_drawn_again() {
    let dir = folder();
    let results = dir.path().join("output/quickstart");
    let first = output(small_run(dir.path()).args(["--seed", "77", "--threads", "1"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for word in ["sessions", "GMV", "speed", "results in output/quickstart"] {
        assert!(first.stdout.contains(word), "{word} in {}", first.stdout);
    }
    assert!(first.stderr.contains("simulating quickstart on 1 thread\n"), "{}", first.stderr);
    for file in ["manifest.json", "scenario.resolved.toml", "summary.json", "report.html"] {
        assert!(results.join(file).is_file(), "{file}");
    }
    assert!(read(&results.join("scenario.resolved.toml")).contains("20000"));
    let summary = json(&read(&results.join("summary.json")));
    assert_eq!(summary["completion"], "complete");
    assert_eq!(summary["seed"], 77);

    // Refused before any work.
    let refused = output(&mut small_run(dir.path()));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(refused.stderr.contains("--overwrite") && !refused.stderr.contains("simulating"), "{}", refused.stderr);
    assert_eq!(json(&read(&results.join("summary.json"))), summary);

    // Replaced on demand; the same from another process on another number of threads.
    let arguments = ["--seed", "77", "--threads", "2", "--overwrite", "--json", "--quiet"];
    let replaced = output(small_run(dir.path()).args(arguments));
    assert_eq!((replaced.code, replaced.stderr.as_str()), (Some(0), ""));
    assert_eq!(json(&replaced.stdout), summary);

    // Drawn again.
    let page = read(&results.join("report.html"));
    std::fs::remove_file(results.join("report.html")).unwrap_or_else(|error| panic!("{error}"));
    let report = output(saleload(dir.path()).args(["report", "output/quickstart"]));
    assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""));
    assert_eq!(report.stdout.trim(), "output/quickstart/report.html");
    assert_eq!(read(&results.join("report.html")), page);
}

#[test]
fn a_folder_with_something_else_is_never_overwritten() {
    let dir = folder();
    let precious = dir.path().join("precious");
    std::fs::create_dir(&precious).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(precious.join("thesis.tex"), "text").unwrap_or_else(|error| panic!("{error}"));
    let out = output(small_run(dir.path()).args(["--out", "precious", "--overwrite"]));
    assert_eq!(out.code, Some(2), "{}", out.stderr);
    assert_eq!(read(&precious.join("thesis.tex")), "text");
    let out = output(saleload(dir.path()).args(["report", "precious"]));
    assert_eq!(out.code, Some(2), "{}", out.stderr);
}

#[cfg(unix)]
mod signals {
    use super::{folder, json, quickstart, read};
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// Starts a run of minutes, waits until it simulates, and sends the signal.
    fn interrupt(signal: &str) {
        let dir = folder();
        let mut child = Command::new(env!("CARGO_BIN_EXE_saleload"))
            .current_dir(dir.path())
            .arg("run")
            .arg(quickstart())
            .args(["--set", "population.shoppers=50000000", "--out", "partial"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}"));
        let mut talk = BufReader::new(child.stderr.take().unwrap_or_else(|| panic!("no stderr")));
        let mut line = String::new();
        while !line.starts_with("simulating") {
            line.clear();
            assert!(talk.read_line(&mut line).is_ok_and(|read| read > 0), "it ended before it began");
        }
        std::thread::sleep(Duration::from_millis(500));
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        let mut rest = String::new();
        let _ = talk.read_to_string(&mut rest);
        let out = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(out.status.code(), Some(105), "{rest}");
        assert!(rest.contains("ending at the next tick"), "{rest}");
        assert!(String::from_utf8_lossy(&out.stdout).contains("INTERRUPTED"));
        assert_eq!(json(&read(&dir.path().join("partial/summary.json")))["completion"], "interrupted");
    }

    #[test]
    fn ctrl_c_keeps_what_was_done() {
        interrupt("-INT");
    }

    #[test]
    fn a_polite_kill_keeps_what_was_done() {
        interrupt("-TERM");
    }

    /// A reader that has had enough is no error, and no panic.
    #[test]
    fn a_closed_pipe_is_quiet() {
        let mut child = Command::new(env!("CARGO_BIN_EXE_saleload"))
            .arg("schema")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}"));
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
    }
}

/// A disk that is full is an error, not a panic.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_internal_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap_or_else(|error| panic!("{error}"));
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_saleload"))
        .arg("schema")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status();
    assert_eq!(status.ok().and_then(|status| status.code()), Some(1));
}

/// Everybody asks at once for something that a single worker does, and nobody ever gives up.
const PILE_UP: &str = r#"
name = "pile-up"
title = "Two million wait for one worker"
zone = "UTC"
seed = 1
population.shoppers = 2_000_000
platform.cells = 1
window.day = { opens = "2020-11-11T00:00:00Z", closes = "2020-11-12T00:00:00Z" }
intensity.even.parts = [{ constant = { weight = 1 } }]
cbmg.ask = { entry = "desk", state.desk = { calls = ["clerk"], next.exit = 1 } }
segment.all = { share = 1, cbmg = "ask", window.day = { participation = 1, intensity = "even" } }
service.clerk = { instances = 1, service_time.deterministic = "10s" }
"#;

#[test]
fn a_run_ends_before_it_takes_more_memory_than_it_may() {
    let dir = folder();
    let refused = output(small_run(dir.path()).args(["--memory", "1MB"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("may take 1.0 MB"), "{}", refused.stderr);
    std::fs::write(dir.path().join("pile-up.toml"), PILE_UP).expect("the folder takes a file");
    let ended = output(saleload(dir.path()).args(["run", "pile-up.toml", "--memory", "40MB"]));
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    assert!(ended.stderr.contains("ended early: the run holds"), "{}", ended.stderr);
    let summary = json(&read(&dir.path().join("output/pile-up/summary.json")));
    assert_eq!(summary["completion"], "interrupted");
}
