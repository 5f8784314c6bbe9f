//! Snapshots: the state of a run between two ticks, in a file, to go on from.
//!
//! A snapshot holds what a run has done that its plan does not say: pending events with their baskets, what stations are busy
//! with, what shoppers remember, stock, and the record so far. It holds nothing of threads, so a run may go on with another
//! number of them. What follows from the plan (prices, orders of arrival, the grid of time) is made anew from it.
//!
//! A snapshot is believed only as far as it can be checked: it is whole, it is of this version, and what it holds could have
//! come about. [`crate::past`] decides for which scenarios it is a past.

mod file;
mod state;

use super::Run;
use crate::model::expectation::{Expectation, ExpectedUnits};
use crate::number::grouped;
use crate::plan::{self, Plan};
use crate::results::Fork;
use crate::units::Instant;
use file::{Reader, Writer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Most attempts of a session at a call, as the plan bounds them.
pub(super) const MOST_ATTEMPTS: u8 = 100;

/// Why a snapshot was not written or not taken.
#[derive(Debug)]
pub struct SnapshotError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a snapshot.
#[derive(Debug)]
pub enum Reason {
    /// The file could not be read or written.
    Io(std::io::Error),
    /// It is something else.
    NotASnapshot,
    /// It was written by something else than this version of saleload: by what.
    OtherVersion(String),
    /// Its end is missing.
    CutOff {
        /// Bytes that are there.
        there: u64,
        /// Bytes that were written, if it still says so.
        whole: Option<u64>,
    },
    /// Its checksum does not match.
    Altered,
    /// It is whole, and holds what no run can have led to.
    Impossible(&'static str),
    /// It is of another scenario: how that differs.
    OtherScenario(String),
    /// It was taken of another number of cells.
    OtherSample {
        /// Cells that were simulated there.
        there: u32,
        /// Cells that are to be simulated here.
        here: u32,
    },
}

impl From<std::io::Error> for Reason {
    fn from(error: std::io::Error) -> Self {
        Reason::Io(error)
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            Reason::Io(error) => write!(f, "`{path}`: {error}"),
            Reason::NotASnapshot => write!(f, "`{path}` is no snapshot of saleload"),
            Reason::OtherVersion(writer) => {
                let this = env!("CARGO_PKG_VERSION");
                write!(f, "`{path}` was written by {writer}, and this is saleload {this}, which reads its own only")
            }
            Reason::CutOff { there, whole: Some(whole) } => {
                write!(f, "`{path}` is cut off: {} of {} bytes", grouped(*there), grouped(*whole))
            }
            Reason::CutOff { there, whole: None } => write!(f, "`{path}` is cut off after {} bytes", grouped(*there)),
            Reason::Altered => write!(f, "`{path}` was altered: its checksum does not match"),
            Reason::Impossible(why) => write!(f, "`{path}` holds what no run can have led to: {why}"),
            Reason::OtherScenario(how) => write!(f, "`{path}` belongs to another scenario: {how}"),
            Reason::OtherSample { there, here } => {
                write!(f, "`{path}` belongs to another sample: {there} cells were simulated there, {here} are here")
            }
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// What a snapshot is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The scenario that was run, resolved, as TOML.
    pub scenario: String,
    /// Cells that were simulated.
    pub simulated_cells: u32,
    /// The instant up to which it was played.
    pub now: Instant,
    /// Units of each category that merchants laid in stock for.
    pub stocked_for: ExpectedUnits,
    /// Where its past was played as other scenarios.
    pub forks: Vec<Fork>,
}

/// A snapshot that is whole and of this version; nothing is known yet of whether it fits a scenario.
#[derive(Debug)]
pub struct Snapshot {
    /// What it is of.
    pub header: Header,
    path: PathBuf,
    sections: Reader,
}

/// A snapshot that is the past of the plan that it was checked against.
#[derive(Debug)]
pub struct Start {
    pub(crate) snapshot: Snapshot,
    /// Where the past was played as other scenarios.
    pub(crate) forks: Vec<Fork>,
}

impl Snapshot {
    /// Opens a snapshot and checks that it is whole.
    ///
    /// # Errors
    /// Where the file cannot be read, is no snapshot, is of another version, cut off or altered.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let open = || {
            let mut sections = Reader::open(path)?;
            let header: Header = decode(&sections.section()?)?;
            Ok((header, sections))
        };
        let (header, sections) = open().map_err(|reason| SnapshotError { path: path.to_owned(), reason })?;
        Ok(Snapshot { header, path: path.to_owned(), sections })
    }

    /// The error that this snapshot is not taken for a reason.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> SnapshotError {
        SnapshotError { path: self.path.clone(), reason }
    }
}

impl Start {
    /// The instant up to which it was played.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.snapshot.header.now
    }

    /// Whether its stock is not what merchants would lay in for the demand that `plan` expects.
    #[must_use]
    pub fn is_stocked_otherwise(&self, plan: &Plan) -> bool {
        let covers = |category: &plan::Category| matches!(category.stock, plan::StockDistribution::Cover { .. });
        plan.catalogue.as_ref().is_some_and(|goods| goods.categories.iter().any(covers))
            && self.snapshot.header.stocked_for != Expectation::new(plan).units(plan)
    }

    /// Brings back the run of `plan`, which this must have been checked against.
    pub(super) fn restore(mut self, plan: &Plan) -> Result<Run, SnapshotError> {
        state::restore(plan, &mut self).map_err(|reason| self.snapshot.refused(reason))
    }
}

/// Writes a run that stands between two ticks to `path`; `scenario` is what it plays, resolved. The length of the file.
///
/// # Errors
/// Where the disk does not take it. What was at `path` before stays.
pub(super) fn write(run: &mut Run, scenario: &str, path: &Path) -> Result<u64, SnapshotError> {
    let mut write = || {
        let mut writer = Writer::create(path)?;
        state::write(run, scenario, &mut writer)?;
        Ok(writer.finish()?)
    };
    write().map_err(|reason| SnapshotError { path: path.to_owned(), reason })
}

/// Removes a snapshot that nobody needs any more, if there is one.
pub fn remove(path: &Path) {
    file::remove(path);
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Reason> {
    // Writing to memory fails only where a list does not know its length, and all of ours do.
    postcard::to_stdvec(value).map_err(|error| Reason::Io(std::io::Error::other(error)))
}

/// Reads a section that must hold `T` and nothing else. Lists grow as their items come, so a false length costs no memory.
fn decode<T: for<'a> Deserialize<'a>>(section: &[u8]) -> Result<T, Reason> {
    match postcard::take_from_bytes(section) {
        Ok((value, [])) => Ok(value),
        _ => Err(Reason::Impossible("a section cannot be read")),
    }
}
