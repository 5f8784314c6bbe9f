//! A result folder appears all at once: it is made under a temporary name and renamed.

use super::ReportError;
use super::manifest::Manifest;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Whether `folder` is free, or may be replaced.
pub(super) fn may_take(folder: &Path, overwrite: bool) -> Result<(), ReportError> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ReportError::io(folder, error)),
        Ok(_) if !overwrite => Err(ReportError::Exists(folder.to_path_buf())),
        Ok(_) if is_empty_folder(folder) || Manifest::read(folder).is_ok() => Ok(()),
        Ok(_) => Err(ReportError::NotAResult(folder.to_path_buf())),
    }
}

fn is_empty_folder(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// A folder under a temporary name; removed again unless it is put in place.
pub(super) struct Staged {
    path: PathBuf,
}

impl Staged {
    /// A new, empty folder next to `folder`, whose parents are made as needed.
    pub(super) fn next_to(folder: &Path) -> Result<Self, ReportError> {
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(|e| ReportError::io(parent, e))?;
        }
        let path = free_sibling(folder, "partial")?;
        fs::create_dir(&path).map_err(|e| ReportError::io(&path, e))?;
        Ok(Staged { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the finished folder to `folder`. What was there is moved aside first and removed last, so that a failure at any
    /// point leaves either the old or the new results whole.
    pub(super) fn put_in_place(self, folder: &Path) -> Result<(), ReportError> {
        if fs::symlink_metadata(folder).is_err() {
            return fs::rename(&self.path, folder).map_err(|e| ReportError::io(folder, e));
        }
        // Checked again: the run may have taken hours since the first look.
        may_take(folder, true)?;
        let aside = free_sibling(folder, "replaced")?;
        fs::rename(folder, &aside).map_err(|e| ReportError::io(folder, e))?;
        if let Err(error) = fs::rename(&self.path, folder) {
            // Best effort: the first error is the one to report.
            let _ = fs::rename(&aside, folder);
            return Err(ReportError::io(folder, error));
        }
        fs::remove_dir_all(&aside).map_err(|e| ReportError::io(&aside, e))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename nothing is left under this name, and that is fine.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A name next to `folder` that nothing has.
fn free_sibling(folder: &Path, purpose: &str) -> Result<PathBuf, ReportError> {
    let Some(name) = folder.file_name() else {
        return Err(ReportError::io(
            folder,
            std::io::Error::new(ErrorKind::InvalidInput, "a result folder needs a name"),
        ));
    };
    let process = std::process::id();
    (0..1000)
        .map(|attempt| folder.with_file_name(format!(".{}.{purpose}-{process}-{attempt}", name.to_string_lossy())))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| ReportError::io(folder, std::io::Error::new(ErrorKind::AlreadyExists, "no free temporary name")))
}
