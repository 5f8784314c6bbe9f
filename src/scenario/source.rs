//! The texts that a scenario is made of, and places in them.

use super::diagnostic::{Code, Diagnostic};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Largest scenario file, in bytes.
pub const MAX_SCENARIO_BYTES: u64 = 16 << 20;
/// Largest CSV file that a scenario may refer to, in bytes.
pub const MAX_CSV_BYTES: u64 = 64 << 20;

/// A stretch of one of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the text among those of one load; `Diagnostics::locate` names it.
    pub source: usize,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// A text with the name under which people know it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Path as the user wrote it, or the flag that the text came with.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Where the relative paths in it start from.
    pub directory: PathBuf,
}

/// Every text of one load: the file, its bases, overrides and CSV files.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Keeps a text and returns its index.
    pub(super) fn add(&mut self, source: Source) -> usize {
        self.0.push(source);
        self.0.len() - 1
    }

    /// The text at `index`.
    pub(super) fn get(&self, index: usize) -> &Source {
        &self.0[index]
    }
}

impl Source {
    /// A text that was read from `path`, or pretends to have been.
    pub(super) fn from_path(path: &Path, text: String) -> Self {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Source { name: path.display().to_string(), text, directory }
    }
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// A diagnostic without a place: the file is missing, unreadable, too large, or not UTF-8.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, Diagnostic> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| match error.kind() {
        ErrorKind::NotFound => Diagnostic::new(Code::FileNotFound, format!("there is no file `{shown}`")),
        ErrorKind::PermissionDenied => Diagnostic::new(Code::Unreadable, format!("`{shown}` may not be read"))
            .help("give yourself permission to read it"),
        kind => Diagnostic::new(Code::Unreadable, format!("`{shown}` cannot be read: {kind}")),
    };
    let too_large = || {
        Diagnostic::new(Code::TooLarge, format!("`{shown}` is larger than {} MiB", limit >> 20)).note(format!(
            "files of this kind are read up to {} MiB, so that a mistaken path cannot fill memory",
            limit >> 20
        ))
    };
    // Opening a pipe or device can block for ever, so its kind is looked at first.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a directory" } else { "a pipe or device" };
        return Err(
            Diagnostic::new(Code::Unreadable, format!("`{shown}` is {what}, not a file")).help("name a regular file")
        );
    }
    if metadata.len() > limit {
        return Err(too_large());
    }
    // The file may grow while it is read, and some files lie about their length.
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        Diagnostic::new(Code::NotUtf8, format!("`{shown}` is not UTF-8 text"))
            .note(format!("the first bytes that are not UTF-8 are in line {line}"))
            .help("save the file as UTF-8")
    })
}
