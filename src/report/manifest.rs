//! `manifest.json`: which run a folder holds, and the hash of each of its files.

use super::ReportError;
use crate::results::{Completion, Results};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Name of the manifest in a result folder.
pub const FILE: &str = "manifest.json";

/// Which run a result folder holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of saleload that made the results; also the mark by which a result folder is known.
    pub saleload: String,
    /// Scenario name.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// Whether the run reached its horizon.
    pub completion: Completion,
    /// Cells of the platform.
    pub cells: u32,
    /// Cells that were simulated; fewer than `cells` means a sample, scaled up.
    pub simulated_cells: u32,
    /// BLAKE3 of the resolved scenario, hexadecimal.
    pub scenario_blake3: String,
    /// Digest of the event stream, hexadecimal.
    pub digest: String,
    /// BLAKE3 of every file in the folder but this one, hexadecimal, by name.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of `results` in `folder`, whose other files are complete.
    pub(super) fn of(results: &Results, scenario: &str, folder: &Path) -> Result<Self, ReportError> {
        let summary = &results.summary;
        Ok(Manifest {
            saleload: summary.saleload.clone(),
            scenario: summary.name.clone(),
            seed: summary.seed,
            completion: summary.completion,
            cells: summary.cells,
            simulated_cells: summary.simulated_cells,
            scenario_blake3: hash(scenario.as_bytes()),
            digest: summary.digest.clone(),
            files: hashes(folder)?,
        })
    }

    /// Writes the manifest into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ReportError> {
        let path = folder.join(FILE);
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain JSON");
        text.push('\n');
        fs::write(&path, text).map_err(|e| ReportError::io(&path, e))
    }

    /// Reads the manifest of a result folder.
    ///
    /// # Errors
    /// [`ReportError::Io`] where there is none, [`ReportError::Garbled`] where it is not one of ours.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|e| ReportError::io(&path, e))?;
        serde_json::from_str(&text).map_err(|e| ReportError::garbled(&path, e.line() as u64, e))
    }
}

/// BLAKE3 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn hashes(folder: &Path) -> Result<BTreeMap<String, String>, ReportError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|e| ReportError::io(folder, e))? {
        let path = entry.map_err(|e| ReportError::io(folder, e))?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if name != FILE && path.is_file() {
            let bytes = fs::read(&path).map_err(|e| ReportError::io(&path, e))?;
            files.insert(name, hash(&bytes));
        }
    }
    Ok(files)
}
