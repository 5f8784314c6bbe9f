//! Every wrong scenario says what is wrong, where, why, and what to do about it.
//!
//! `tests/wrong/<code>[-variant].toml` has its golden text beside it. To renew them all:
//! `SALELOAD_RENEW=1 cargo test --test scenario_wrong`, then read the difference.

use saleload::scenario::diagnostic::{Code, Diagnostics};
use saleload::scenario::{MAX_CSV_BYTES, MAX_SCENARIO_BYTES, load, load_str};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Codes that no file in the folder can show; each has a test below that makes its own.
const WITHOUT_A_FILE: [Code; 3] = [Code::TooLarge, Code::NotUtf8, Code::BadOverride];
/// Codes that no input should be able to show.
const NEVER_SHOWN: [Code; 1] = [Code::Internal];

const BASE: &str = "tests/wrong/base.toml";

fn wrong_files() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/wrong").expect("the folder of wrong scenarios");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "toml") && path != Path::new(BASE));
    files.sort();
    files
}

/// What the scenario gets told: the errors, or the warnings of a valid one.
fn problems(path: &Path, overrides: &[&str]) -> Diagnostics {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    match load(path, &overrides) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    }
}

/// The code that a file is named after: the longest that its name begins with.
fn code_of(path: &Path) -> Code {
    let stem = path.file_stem().expect("a file name").to_string_lossy().into_owned();
    let named = |code: &&Code| stem == code.name() || stem.starts_with(&format!("{}-", code.name()));
    *Code::ALL
        .iter()
        .filter(named)
        .max_by_key(|code| code.name().len())
        .unwrap_or_else(|| panic!("{stem}: no such code"))
}

#[test]
fn every_wrong_scenario_is_explained() {
    #[expect(clippy::disallowed_methods, reason = "how goldens are renewed is no result of a run")]
    let renew = std::env::var("SALELOAD_RENEW").is_ok();
    let mut failed = Vec::new();
    for path in wrong_files() {
        let problems = problems(&path, &[]);
        let text = problems.render(false);
        let code = code_of(&path);
        assert!(
            problems.iter().any(|problem| problem.code == code),
            "{} does not show {code}:\n{text}",
            path.display()
        );
        assert!(problems.render(true).contains('\u{1b}'), "{}: no colour", path.display());
        let golden = path.with_extension("txt");
        if renew {
            fs::write(&golden, &text).expect("a golden text is written");
        } else if fs::read_to_string(&golden).unwrap_or_default() != text {
            failed.push(format!("{}:\n{text}", golden.display()));
        }
    }
    assert!(
        failed.is_empty(),
        "these differ from their goldens; if they are better, renew with SALELOAD_RENEW=1:\n\n{}",
        failed.join("\n")
    );
}

#[test]
fn every_code_is_shown() {
    let shown: BTreeSet<Code> = wrong_files().iter().map(|path| code_of(path)).collect();
    for code in Code::ALL {
        let elsewhere = WITHOUT_A_FILE.contains(code) || NEVER_SHOWN.contains(code);
        assert!(shown.contains(code) != elsewhere, "{code} needs a file tests/wrong/{code}.toml");
    }
}

#[test]
fn the_base_is_valid_without_a_warning() {
    let loaded = load(Path::new(BASE), &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
}

fn expect_text(problems: &Diagnostics, code: Code, text: &str) {
    assert!(problems.iter().any(|problem| problem.code == code), "{}", problems.render(false));
    assert_eq!(problems.render(false), text);
}

#[test]
fn a_missing_file_is_named() {
    let text = "error[file-not-found]: there is no file `nowhere/sale.toml`\n";
    expect_text(&problems(Path::new("nowhere/sale.toml"), &[]), Code::FileNotFound, text);
}

#[test]
fn a_directory_is_not_a_scenario() {
    let text = "error[unreadable]: `tests/wrong` is a directory, not a file\n |\n = help: name a regular file\n";
    expect_text(&problems(Path::new("tests/wrong"), &[]), Code::Unreadable, text);
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("huge.toml");
    fs::File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    let found = problems(&path, &[]);
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::TooLarge]);
    let large = load_str(&"#".repeat(MAX_SCENARIO_BYTES as usize + 1), "huge.toml", &[]).expect_err("too large");
    assert!(large.render(false).starts_with("error[too-large]: `huge.toml` is larger than 16 MiB"));
}

#[test]
fn a_huge_csv_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = fs::File::create(folder.path().join("huge.csv")).expect("a file");
    file.set_len(MAX_CSV_BYTES + 1).expect("a sparse file");
    let base = fs::canonicalize(BASE).expect("the base");
    let text = format!("extends = '{}'\nservice.gateway.service_time.empirical.file = 'huge.csv'", base.display());
    let name = folder.path().join("sale.toml");
    let found = load_str(&text, &name.to_string_lossy(), &[]).expect_err("too large");
    assert!(found.iter().any(|problem| problem.code == Code::TooLarge), "{}", found.render(false));
}

#[test]
fn a_file_in_another_encoding_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("gbk.toml");
    fs::write(&path, b"name = \"a\"\ntitle = \"\xb4\xf3\xb4\xd9\"\n").expect("a file");
    let found = problems(&path, &[]);
    let problem = found.iter().next().expect("a problem");
    assert_eq!(problem.code, Code::NotUtf8);
    assert_eq!(problem.reason.as_deref(), Some("the first bytes that are not UTF-8 are in line 2"));
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let keys = format!("x = {}1{}", format!("{{ {} = ", ["k"; 79].join(".")).repeat(79), "}".repeat(79));
    let header = format!("[{}]\n{keys}", ["h"; 79].join("."));
    for text in
        ["[".repeat(1 << 18), format!("x = {}", "[".repeat(1 << 18)), "x.".repeat(1 << 16) + "x = 1", keys, header]
    {
        let found = load_str(&text, "deep.toml", &[]).expect_err("too deep");
        assert!(found.iter().any(|p| [Code::TooDeep, Code::Syntax].contains(&p.code)), "{}", found.render(false));
    }
}

#[test]
fn a_wrong_override_is_shown_in_its_own_text() {
    let found = problems(
        Path::new(BASE),
        &["service.stok.instances=420", "service.stock.instance=420", "no path", "=3", "seed=x", "a=1\nb=2"],
    );
    insta::assert_snapshot!(found.render(false), @r#"
error[unknown-name]: there is no `stok` to set a value in
 --> --set:1:9
  |
1 | service.stok.instances=420
  |         ^^^^ not in the scenario
  |
  = help: did you mean `stock`?

error[unknown-key]: unknown key `instance`
 --> --set:1:15
  |
1 | service.stock.instance=420
  |               ^^^^^^^^ not a key of this table
  |
  = help: did you mean `instances`?

error[bad-override]: an override has the form PATH=VALUE
 --> --set:1:1
  |
1 | no path
  | ^^^^^^^ not of this form
  |
  = help: write a dotted path and a value, such as --set service.order.instances=420

error[bad-override]: an override has the form PATH=VALUE
 --> --set:1:1
  |
1 | =3
  | ^^ not of this form
  |
  = help: write a dotted path and a value, such as --set service.order.instances=420

error[wrong-type]: an integer is wanted here, this is a string
 --> --set:1:6
  |
1 | seed=x
  |      ^ expected an integer

error[bad-override]: an override has the form PATH=VALUE
 --> --set:1:1
  |
1 | a=1
  | ^^^ not of this form
  |
  = help: write a dotted path and a value, such as --set service.order.instances=420
"#);
}

#[test]
fn a_flood_of_mistakes_is_cut() {
    use std::fmt::Write;
    let mut text = String::new();
    for index in 0..100_000 {
        let _ = writeln!(text, "wrong-{index} = 1");
    }
    let found = load_str(&text, "flood.toml", &[]).expect_err("unknown keys");
    assert!(found.count() > 100_000);
    let shown = found.render(false);
    assert!(shown.ends_with(&format!("... and {} more\n", found.count() - 50)), "{shown}");
}
