//! STAND-IN, to be dropped at the merge: writes only the summary.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::results::Results;
use std::path::Path;
pub type ReportError = std::io::Error;
pub fn write(results: &Results, resolved: &str, folder: &Path, overwrite: bool) -> Result<(), ReportError> {
    if folder.exists() && overwrite {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for (name, text) in [
        ("summary.json", serde_json::to_string_pretty(&results.summary).unwrap_or_default()),
        ("manifest.json", "{}".to_owned()),
        ("scenario.resolved.toml", resolved.to_owned()),
        ("report.html", "<html>".to_owned()),
    ] {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
pub fn redraw(folder: &Path) -> Result<(), ReportError> {
    std::fs::write(folder.join("report.html"), "<html>")
}
