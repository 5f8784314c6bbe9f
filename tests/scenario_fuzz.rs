//! Whatever a file says, reading it ends in a plan or in diagnostics, never in a panic, and soon.
//!
//! Cases are the bundled scenarios with a few things done to them that editors, merges and people do to files. A failure
//! prints the smallest such file that proptest finds.

use proptest::prelude::*;
use proptest::test_runner::Config;
use saleload::forecast::Forecast;
use saleload::scenario;

const SEEDS: [&str; 3] = [
    include_str!("../scenarios/quickstart.toml"),
    include_str!("../scenarios/double11-2020.toml"),
    include_str!("../scenarios/theory/jackson.toml"),
];

/// What may stand where something else stood.
const PIECES: [&str; 36] = [
    "",
    "0",
    "-1",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "9223372036854775807",
    "18446744073709551616",
    "0.0000001",
    "\"\"",
    "\"0s\"",
    "\"1ns\"",
    "\"400d\"",
    "\"1e99s\"",
    "\"-5m\"",
    "\"99999999999 RMB\"",
    "\"0 RMB\"",
    "\"583k/s\"",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[[1, 2]]",
    "{ a = 1 }",
    "[x]",
    "[segment.x]",
    "[[window]]",
    "\u{0}",
    "\u{feff}",
    "\"全球\"",
    "exit",
    "\"\"\"",
    "=",
    "#",
    "\n",
];

#[derive(Clone, Debug)]
enum Change {
    /// A stretch of bytes goes.
    Cut(usize, usize),
    /// A line goes, or comes twice.
    DropLine(usize),
    DoubleLine(usize),
    /// Two lines change places.
    SwapLines(usize, usize),
    /// A value, from the equals sign to the end of the line, is another.
    Value(usize, usize),
    /// Something stands in between.
    Insert(usize, usize),
    /// A number has other digits.
    Digits(usize, u64),
    /// The file ends here.
    Truncate(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0usize..100_000;
    prop_oneof![
        (at.clone(), 1usize..80).prop_map(|(at, len)| Change::Cut(at, len)),
        at.clone().prop_map(Change::DropLine),
        at.clone().prop_map(Change::DoubleLine),
        (at.clone(), at.clone()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        (at.clone(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Value(at, piece)),
        (at.clone(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Value(at, piece)),
        (at.clone(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (at.clone(), any::<u64>()).prop_map(|(at, number)| Change::Digits(at, number)),
        at.prop_map(Change::Truncate),
    ]
}

/// The nearest place to `at` where a character begins.
fn place(text: &str, at: usize) -> usize {
    let mut at = at % (text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn by_lines(text: &str, act: impl FnOnce(&mut Vec<&str>)) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if !lines.is_empty() {
        act(&mut lines);
    }
    lines.join("\n")
}

impl Change {
    fn apply(&self, text: &str) -> String {
        match *self {
            Change::Cut(at, len) => {
                let from = place(text, at);
                let until = place(text, (from + len).min(text.len()));
                format!("{}{}", &text[..from], &text[until.max(from)..])
            }
            Change::DropLine(at) => by_lines(text, |lines| {
                lines.remove(at % lines.len());
            }),
            Change::DoubleLine(at) => by_lines(text, |lines| lines.insert(at % lines.len(), lines[at % lines.len()])),
            Change::SwapLines(a, b) => by_lines(text, |lines| {
                let len = lines.len();
                lines.swap(a % len, b % len);
            }),
            Change::Value(at, piece) => {
                let mut equals: Vec<usize> = text.match_indices('=').map(|(at, _)| at + 1).collect();
                equals.push(text.len());
                let from = equals[at % equals.len()];
                let until = text[from..].find('\n').map_or(text.len(), |end| from + end);
                format!("{} {}{}", &text[..from], PIECES[piece], &text[until..])
            }
            Change::Insert(at, piece) => {
                let at = place(text, at);
                format!("{}{}{}", &text[..at], PIECES[piece], &text[at..])
            }
            Change::Digits(at, number) => {
                let from = place(text, at);
                let Some(found) = text[from..].find(|c: char| c.is_ascii_digit()) else { return text.to_owned() };
                let from = from + found;
                let until = text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| from + end);
                // Numbers of all magnitudes.
                format!("{}{}{}", &text[..from], number >> (number % 64), &text[until..])
            }
            Change::Truncate(at) => text[..place(text, at)].to_owned(),
        }
    }
}

/// Reads a file, whatever it says; a plan can be forecast too.
fn read(text: &str) {
    match scenario::load_str(text, "changed.toml", &[]) {
        Ok(loaded) => {
            let forecast = Forecast::new(&loaded.plan);
            assert!(forecast.memory_bytes.is_finite() && forecast.events >= 0.0, "{forecast:?}");
        }
        Err(problems) => assert!(!problems.render(false).trim().is_empty(), "refused without a word"),
    }
}

proptest! {
    #![proptest_config(Config { cases: 3000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn changed_files_are_read_or_refused(seed in 0..SEEDS.len(), changes in prop::collection::vec(change(), 1..6)) {
        let text = changes.iter().fold(SEEDS[seed].to_owned(), |text, change| change.apply(&text));
        read(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
        read(&text);
    }

    #[test]
    fn any_override_is_taken_or_refused(path in "[a-z.\"\\[\\]0-9 -]{0,30}", piece in 0..PIECES.len()) {
        let overrides = [format!("{path}={}", PIECES[piece])];
        if let Err(problems) = scenario::load_str(SEEDS[0], "quickstart.toml", &overrides) {
            prop_assert!(!problems.render(false).trim().is_empty());
        }
    }
}
