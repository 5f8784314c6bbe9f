//! Results as files: tables, pictures and one page to read.
//!
//! Everything here is a pure function of [`Results`] and the resolved scenario, so the same results give the same bytes, and
//! [`redraw`] makes pictures and page again from a folder without a run.
//!
//! ```text
//! Results ─┬─ tables, columnar ──────────────→ summary.json, *.csv, series.parquet
//!          ├─ figure (what to draw) ─ chart ─→ *.svg, *.png
//!          └─ page ──────────────────────────→ report.html
//! ```
//!
//! The data files come first: a picture that fails to draw costs no number.

mod chart;
mod columnar;
pub mod figure;
mod folder;
pub mod manifest;
mod page;
mod tables;
mod thin;

use crate::results::{Results, Summary};
use manifest::Manifest;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the resolved scenario in a result folder.
pub const SCENARIO_FILE: &str = "scenario.resolved.toml";
/// Name of the page in a result folder.
pub const PAGE_FILE: &str = "report.html";

/// Why a result folder could not be written, read or drawn.
#[derive(Debug)]
pub enum ReportError {
    /// The folder exists and `overwrite` was not asked for.
    Exists(PathBuf),
    /// The folder exists and is not a result of saleload, so it is never replaced.
    NotAResult(PathBuf),
    /// A file or folder could not be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file of a result folder does not hold what it should.
    Garbled {
        /// The file.
        path: PathBuf,
        /// One-based line; zero where the whole file is meant.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A picture or the page could not be drawn; all data files are in place.
    Drawing {
        /// Name of the file that is missing.
        file: String,
        /// What went wrong.
        reason: String,
    },
}

impl ReportError {
    fn io(path: &Path, error: std::io::Error) -> Self {
        ReportError::Io { path: path.to_path_buf(), error }
    }

    fn garbled(path: &Path, line: u64, reason: impl fmt::Display) -> Self {
        ReportError::Garbled { path: path.to_path_buf(), line, reason: reason.to_string() }
    }

    fn drawing(file: &str, reason: impl fmt::Display) -> Self {
        ReportError::Drawing { file: file.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportError::Exists(path) => {
                write!(f, "{} exists already: choose another folder or allow overwriting", path.display())
            }
            ReportError::NotAResult(path) => write!(
                f,
                "{} is not a result folder of saleload (no manifest.json of ours), so it is not replaced",
                path.display()
            ),
            ReportError::Io { path, error } => write!(f, "{}: {error}", path.display()),
            ReportError::Garbled { path, line: 0, reason } => write!(f, "{}: {reason}", path.display()),
            ReportError::Garbled { path, line, reason } => write!(f, "{}, line {line}: {reason}", path.display()),
            ReportError::Drawing { file, reason } => {
                write!(f, "{file} could not be drawn: {reason} (the data files are complete)")
            }
        }
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReportError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Writes a result folder: under a temporary name next to `folder`, then renamed.
///
/// # Errors
/// [`ReportError::Exists`] where `folder` exists and `overwrite` is false; [`ReportError::NotAResult`] where it exists and does
/// not look like a result; [`ReportError::Io`] where the disk refuses. [`ReportError::Drawing`] is reported after the folder has
/// been put in place with all data files and every picture that could be drawn.
pub fn write(results: &Results, resolved_scenario: &str, folder: &Path, overwrite: bool) -> Result<(), ReportError> {
    folder::may_take(folder, overwrite)?;
    let staged = folder::Staged::next_to(folder)?;
    let scenario_path = staged.path().join(SCENARIO_FILE);
    fs::write(&scenario_path, resolved_scenario).map_err(|e| ReportError::io(&scenario_path, e))?;
    tables::write(results, staged.path())?;
    columnar::write(&results.series, &staged.path().join(columnar::FILE))?;
    let drawn = draw(results, resolved_scenario, staged.path());
    Manifest::of(results, resolved_scenario, staged.path())?.write(staged.path())?;
    staged.put_in_place(folder)?;
    drawn
}

/// Reads a result folder back: the results and the resolved scenario.
///
/// # Errors
/// [`ReportError::Io`] where a file is missing, [`ReportError::Garbled`] with file and line where one does not hold what it
/// should.
pub fn read(folder: &Path) -> Result<(Results, String), ReportError> {
    Manifest::read(folder)?;
    let scenario_path = folder.join(SCENARIO_FILE);
    let scenario = fs::read_to_string(&scenario_path).map_err(|e| ReportError::io(&scenario_path, e))?;
    Ok((tables::read(folder)?, scenario))
}

/// Draws the pictures and the page of a result folder again from its data files, and renews its manifest.
///
/// # Errors
/// Those of [`read`], and [`ReportError::Drawing`].
pub fn redraw(folder: &Path) -> Result<(), ReportError> {
    let (results, scenario) = read(folder)?;
    let drawn = draw(&results, &scenario, folder);
    Manifest::of(&results, &scenario, folder)?.write(folder)?;
    drawn
}

/// The JSON Schema of `summary.json`.
#[must_use]
pub fn summary_schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<Summary>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

/// Draws every picture and the page; goes on past a failure and reports the first.
fn draw(results: &Results, scenario: &str, folder: &Path) -> Result<(), ReportError> {
    let mut outcome = Ok(());
    for name in figure::names(results) {
        // plotters panics where it meets what it did not foresee; a panic in a picture must not cost the run.
        let drawn = std::panic::catch_unwind(|| chart::draw(&figure::figure(results, name), folder, name))
            .unwrap_or_else(|_| Err(ReportError::drawing(name, "the drawing library panicked")));
        outcome = outcome.and(drawn);
    }
    outcome.and(page::write(results, scenario, &folder.join(PAGE_FILE)))
}
