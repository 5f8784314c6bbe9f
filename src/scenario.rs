//! From a scenario file to a [`Plan`]: reading, patching, checking, and saying what is wrong.
//!
//! ```text
//! file, bases, --set --parse--> trees --merge--> tree --shape--> ScenarioFile --check--> Plan
//! ```
//!
//! Each step reports everything that is wrong before the next begins: names are not looked up in a file whose structure is
//! broken. Whatever the bytes, there is a plan or at least one error, and never a panic.

pub mod diagnostic;
pub mod difference;
pub mod file;

mod check;
mod free;
mod merge;
mod observed;
mod points;
mod schema;
mod shape;
mod source;
mod tree;

pub use free::FreeRange;
pub use points::{Observed, points};
pub use schema::schema;
pub use source::{MAX_CSV_BYTES, MAX_SCENARIO_BYTES};

use crate::clock;
use crate::plan::Plan;
use diagnostic::{Code, Diagnostic, Diagnostics, Place};
use file::ScenarioFile;
use source::{Source, read_text};
use std::path::Path;
use tree::{Cursor, Node};

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario after merging, with CSV files inlined.
    pub file: ScenarioFile,
    /// The valid plan.
    pub plan: Plan,
    /// `file` as TOML: self-contained, every default explicit, the same text for the same scenario. Loading it gives the same plan.
    pub resolved: String,
    /// What is probably not meant. Knows the texts that places are in, whether or not there are warnings.
    pub warnings: Diagnostics,
    /// Where each target says what passes, in the order of the plan.
    pub target_places: Vec<Place>,
    /// Where the ends of the range of each free parameter stand, the lower one first, in the order of the plan.
    pub free_places: Vec<[Place; 2]>,
}

impl Loaded {
    /// BLAKE3 of the resolved scenario, in hexadecimal: what manifests and forks name it by.
    #[must_use]
    pub fn blake3(&self) -> String {
        blake3::hash(self.resolved.as_bytes()).to_hex().to_string()
    }
}

/// Loads the scenario at `path`; `overrides` are `PATH=VALUE` texts that are applied last.
///
/// Relative paths in a file start from its folder, relative paths in an override from the current one.
///
/// # Errors
/// Everything that is wrong with it; warnings come along.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    load_freed(path, overrides, None)
}

/// Loads a scenario for a fit: `ranges`, if there are any, stand in the place of its free parameters, and the scenario has to be a
/// valid one at either end of each range, with all else as it is.
///
/// # Errors
/// As [`load`]; and ends of ranges that it cannot have.
pub fn load_to_fit(path: &Path, overrides: &[String], ranges: &[FreeRange]) -> Result<Loaded, Diagnostics> {
    let loaded = load_freed(path, overrides, (!ranges.is_empty()).then_some(ranges))?;
    let refused = free::refused_ends(path, overrides, &loaded);
    if refused.is_empty() {
        return Ok(loaded);
    }
    let mut found = loaded.warnings;
    for problem in refused {
        found.push(problem);
    }
    found.sort();
    Err(found)
}

/// Loads a scenario without its free parameters: one with values that a fit has chosen, and that need no range any more.
///
/// # Errors
/// As [`load`].
pub fn load_fitted(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    load_freed(path, overrides, Some(&[]))
}

/// With `ranges`, they stand in the place of the free parameters of the file.
fn load_freed(path: &Path, overrides: &[String], ranges: Option<&[FreeRange]>) -> Result<Loaded, Diagnostics> {
    match read_text(path, MAX_SCENARIO_BYTES) {
        Ok(text) => load_source(text, path, overrides, ranges),
        Err(problem) => {
            let mut found = Diagnostics::default();
            found.push(problem);
            Err(found)
        }
    }
}

/// Loads a scenario from `text`, as if it had been read from a file called `name`.
///
/// # Errors
/// As [`load`].
pub fn load_str(text: &str, name: &str, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    let path = Path::new(name);
    if text.len() as u64 > MAX_SCENARIO_BYTES {
        let mut found = Diagnostics::default();
        found
            .push(Diagnostic::new(Code::TooLarge, format!("`{name}` is larger than {} MiB", MAX_SCENARIO_BYTES >> 20)));
        return Err(found);
    }
    load_source(text.to_owned(), path, overrides, None)
}

fn load_source(
    text: String,
    path: &Path,
    overrides: &[String],
    ranges: Option<&[FreeRange]>,
) -> Result<Loaded, Diagnostics> {
    let mut found = Diagnostics::default();
    let source = found.sources.add(Source::from_path(path, text));
    let rules = schema::rules();
    let rule = schema::Rule::new(&rules);
    let tree = merge::assemble(source, path, overrides, rule, &mut found);
    let loaded = tree.and_then(|mut tree| {
        if let Some(ranges) = ranges {
            free::replace(&mut tree, ranges, &mut found);
        }
        convert(tree, rule, &mut found)
    });
    found.sort();
    match loaded {
        Some(Converted { file, plan, resolved, target_places, free_places }) if !found.has_errors() => {
            Ok(Loaded { file, plan, resolved, warnings: found, target_places, free_places })
        }
        _ => {
            if !found.has_errors() {
                found.push(internal("a scenario without a plan and without an error"));
            }
            Err(found)
        }
    }
}

/// A scenario that has passed all checks.
struct Converted {
    file: ScenarioFile,
    plan: Plan,
    resolved: String,
    target_places: Vec<Place>,
    free_places: Vec<[Place; 2]>,
}

fn convert(mut tree: Node, rule: schema::Rule<'_>, found: &mut Diagnostics) -> Option<Converted> {
    shape::check(&tree, rule, found);
    if found.has_errors() {
        // What can be read all the same is checked all the same, so that one round of corrections is enough. A list of the wrong
        // length can be read too, but means something else.
        shape::prune(&mut tree, rule);
        if !found.iter().any(|problem| problem.code == Code::WrongLength)
            && let Ok(mut file) = serde_json::from_value(tree.to_json())
        {
            sort_windows(&mut file);
            let rows = observed::inline(&mut file, Cursor::new(&tree), found);
            check::plan(&file, Cursor::new(&tree), &rows, found);
        }
        return None;
    }
    let mut file = deserialize(&tree, found)?;
    sort_windows(&mut file);
    let rows = observed::inline(&mut file, Cursor::new(&tree), found);
    let plan = check::plan(&file, Cursor::new(&tree), &rows, found)?;
    match toml::to_string(&file) {
        Ok(resolved) if resolved.len() as u64 <= MAX_SCENARIO_BYTES => {
            let targets = Cursor::new(&tree).key("target");
            let target_places =
                plan.targets.iter().map(|target| targets.key(&target.name).key("pass").place()).collect();
            let ends = |name| ["low", "high"].map(|end| Cursor::new(&tree).key("free").key(name).key(end).place());
            let free_places = plan.free.iter().map(|free| ends(&free.name)).collect();
            Some(Converted { file, plan, resolved, target_places, free_places })
        }
        Ok(_) => {
            let size = MAX_SCENARIO_BYTES >> 20;
            let large =
                Diagnostic::new(Code::TooLarge, format!("with its CSV files the scenario is larger than {size} MiB"));
            found.push(large.help("thin the CSV files out: take every tenth row, or averages"));
            None
        }
        Err(error) => {
            found.push(internal(&format!("the scenario cannot be written as TOML: {error}")));
            None
        }
    }
}

/// Windows stand in the order of time, wherever a patch has added one. If an opening cannot be read, that is told, and nothing else.
fn sort_windows(file: &mut ScenarioFile) {
    let opens = |window: &file::Window| clock::unix_ms(&window.opens);
    if file.window.values().all(|window| opens(window).is_some()) {
        file.window.sort_by(|_, a, _, b| opens(a).cmp(&opens(b)));
    }
}

/// The structure check has passed, so serde agrees, or the two contradict each other.
fn deserialize(tree: &Node, found: &mut Diagnostics) -> Option<ScenarioFile> {
    match serde_json::from_value(tree.to_json()) {
        Ok(file) => Some(file),
        Err(error) => {
            found.push(internal(&error.to_string()));
            None
        }
    }
}

fn internal(why: &str) -> Diagnostic {
    Diagnostic::new(Code::Internal, "this is a mistake of saleload, not of the scenario")
        .note(why)
        .help("please report it, with the scenario")
}
