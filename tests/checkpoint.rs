//! Checkpoints and snapshots on the command line: a run that is killed or interrupted comes to the same results.

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Kills before a run is left to come to its end.
const KILLS: u64 = 20;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

/// `saleload run` of a small quickstart with two windows, with its results in `out`.
fn arguments(out: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.toml");
    let mut arguments = vec!["run".to_owned(), file.display().to_string(), "--out".to_owned(), out.to_owned()];
    for assignment in [
        "population.shoppers=20000",
        "record.fine='1m'",
        "window.noon.closes='2020-11-11T12:20:00+08:00'",
        "window.night={opens='2020-11-11T13:00:00+08:00',closes='2020-11-11T13:05:00+08:00'}",
        "segment.regular.window.night={participation=0.4,intensity='rush'}",
        "category.sneakers.stock={constant=9}",
        "category.groceries.stock={constant=20}",
    ] {
        arguments.extend(["--set".to_owned(), assignment.to_owned()]);
    }
    arguments
}

struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs to the end, on one thread.
fn run(dir: &TempDir, out: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    let output = command.current_dir(dir).args(arguments(out)).args(["--threads", "1"]).args(more).output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Starts a run that writes a checkpoint so often.
fn start(dir: &TempDir, out: &str, every: &str, more: &[&str]) -> std::process::Child {
    Process::new(env!("CARGO_BIN_EXE_saleload"))
        .current_dir(dir)
        .args(arguments(out))
        .args(["--checkpoint-every", every])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Names and contents of the files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(), bytes)
    };
    entries.map(read).collect()
}

fn same_results(dir: &TempDir, a: &str, b: &str) {
    let (a, b) = (files(&dir.path().join(a)), files(&dir.path().join(b)));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let differ: Vec<&String> = a.keys().filter(|name| a[*name] != b[*name]).collect();
    assert!(differ.is_empty(), "{differ:?} differ");
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_the_same_results() {
    let dir = folder();
    // Enough shoppers and ticks that twenty sessions do not come to the end.
    let long = ["--set", "population.shoppers=150000", "--set", "platform.tick_max='50ms'"];
    assert_eq!(run(&dir, "whole", &long).code, Some(0));
    let mut resumed = 0;
    for kill in 0..KILLS {
        let digest = blake3::hash(format!("saleload kill 1/{kill}").as_bytes());
        let micros = u64::from(digest.as_bytes()[0]) << 8 | u64::from(digest.as_bytes()[1]);
        let every = ["0s", "0s", "1ms"][kill as usize % 3];
        let threads = ["1", "2", "3"][kill as usize / 3 % 3];
        let mut child = start(&dir, "killed", every, &[&long[..], &["--resume", "--threads", threads]].concat());
        std::thread::sleep(Duration::from_micros(5_000 + micros));
        // On Unix this is SIGKILL.
        child.kill().unwrap_or_else(|error| panic!("{error}"));
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("error"), "kill {kill}: {said}");
        resumed += u64::from(said.contains("going on from"));
    }
    assert!(resumed > KILLS / 4, "only {resumed} of {KILLS} went on from a checkpoint");
    assert!(!dir.path().join("killed").exists(), "it came to its end between two kills");
    let last = run(&dir, "killed", &[&long[..], &["--resume"]].concat());
    assert_eq!(last.code, Some(0), "{}", last.stderr);
    same_results(&dir, "whole", "killed");
    for left in ["killed.checkpoint", "killed.checkpoint.partial"] {
        assert!(!dir.path().join(left).exists(), "{left} is left");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint() {
    let dir = folder();
    assert_eq!(run(&dir, "whole", &[]).code, Some(0));
    let child = start(&dir, "parts", "0s", &[]);
    while !dir.path().join("parts.checkpoint").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Process::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(105), "{said}");
    assert!(said.contains("--resume goes on from 2020-11-11 12:"), "{said}");
    // What was done is not lost to a run that begins anew, but makes way for the rest of the same run.
    assert_eq!(run(&dir, "parts", &[]).code, Some(2));
    let other = run(&dir, "parts", &["--resume", "--seed", "9"]);
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    let rest = run(&dir, "parts", &["--resume"]);
    assert_eq!(rest.code, Some(0), "{}", rest.stderr);
    assert!(rest.stderr.contains("going on from 2020-11-11 12:"), "{}", rest.stderr);
    same_results(&dir, "whole", "parts");
    assert!(!dir.path().join("parts.checkpoint").exists());
}

#[test]
fn a_kept_snapshot_is_the_past_of_other_scenarios() {
    let dir = folder();
    let busier = ["--set", "segment.regular.window.night.participation=0.9"];
    let kept = run(
        &dir,
        "base",
        &["--snapshot-at", "2020-11-11T12:40:00+08:00", "--snapshot-at", "2020-11-11T12:00:30+08:00"],
    );
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
    assert_eq!(run(&dir, "plain", &[]).code, Some(0));
    same_results(&dir, "base", "plain");
    assert_eq!(run(&dir, "whole", &busier).code, Some(0));
    for snapshot in ["base.20201111-124000.snapshot", "base.20201111-120030.snapshot"] {
        let forked = run(&dir, "forked", &[&busier[..], &["--from", snapshot, "--overwrite"]].concat());
        assert_eq!(forked.code, Some(0), "{}", forked.stderr);
        assert!(forked.stdout.contains("forked    from another scenario at 2020-11-11 12:"), "{}", forked.stdout);
        let (forked, whole) = (files(&dir.path().join("forked")), files(&dir.path().join("whole")));
        // These say that it was forked, or hold a hash of one that does.
        let say = ["manifest.json", "summary.json", "report.html"];
        for (name, bytes) in forked.iter().filter(|(name, _)| !say.contains(&name.as_str())) {
            assert!(*bytes == whole[name], "{name} differs");
        }
    }
    let again = run(&dir, "base", &["--overwrite", "--resume", "--snapshot-at", "2020-11-11T12:40:00+08:00"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let refused = run(&dir, "other", &["--from", "base.20201111-124000.snapshot", "--set", "service.order.workers=1"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused
            .stderr
            .contains("`service.order.workers` is 2 there, 1 here, which had its effect before 2020-11-11 12:40:00"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_no_snapshot_is_refused_before_any_work() {
    let dir = folder();
    fs::write(dir.path().join("text.checkpoint"), "not a snapshot").unwrap_or_else(|error| panic!("{error}"));
    fs::write(dir.path().join("taken.20201111-120030.snapshot"), "mine").unwrap_or_else(|error| panic!("{error}"));
    let refused: [(&str, &[&str], &str); 8] = [
        ("text", &["--resume"], "`text.checkpoint` is no snapshot of saleload; without --resume the run starts anew"),
        ("out", &["--from", "text.checkpoint"], "`text.checkpoint` is no snapshot of saleload"),
        ("out", &["--from", "missing.snapshot"], "`missing.snapshot`"),
        ("out", &["--from", "text.checkpoint", "--resume"], "cannot be used with"),
        ("out", &["--checkpoint-every", "often"], "such as 30s or 5m"),
        ("out", &["--snapshot-at", "noon"], "such as 2020-11-05T00:00:00+08:00"),
        (
            "out",
            &["--snapshot-at", "2020-11-11T23:00:00+08:00"],
            "is not between 2020-11-11 12:00:00 and 2020-11-11 13:05:00",
        ),
        ("taken", &["--snapshot-at", "2020-11-11T12:00:30+08:00"], "exists: add --overwrite"),
    ];
    for (out, arguments, expected) in refused {
        let output = run(&dir, out, arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(expected), "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("simulating"), "{arguments:?}: {}", output.stderr);
        assert!(!dir.path().join(out).exists(), "{arguments:?}");
    }
}

/// A checkpoint that cannot be written is a pity, and no reason to lose the run.
#[test]
fn a_disk_that_takes_no_checkpoint_does_not_cost_the_run() {
    let dir = folder();
    fs::create_dir(dir.path().join("out.checkpoint.partial")).unwrap_or_else(|error| panic!("{error}"));
    let output = run(&dir, "out", &["--checkpoint-every", "5ms", "--snapshot-at", "2020-11-11T12:00:30+08:00"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for said in ["there is no new checkpoint: `out.checkpoint`", "snapshot of 2020-11-11 12:00:3"] {
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
}
