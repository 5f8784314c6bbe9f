//! The file that a snapshot lies in.
//!
//! ```text
//! magic 16 | form u32 | length of the file u64 | version of saleload u8 + text      the head
//! length u64, bytes | length u64, bytes | …                                         sections
//! BLAKE3 of the sections and then the head, 32 bytes                                the seal
//! ```
//!
//! Numbers are little-endian. The head is written last, so a file that was never finished has no magic; the length in it tells
//! a file that was cut off from one that was altered.

use super::Reason;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The first bytes of every snapshot. Programs that take it for text would spoil the line ending, and so be found out.
const MAGIC: &[u8; 16] = b"saleload state\r\n";
/// The form of what follows the magic; a change of anything that is written makes another.
const FORM: u32 = 22;
/// The version that writes, and the only one that is read.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Length of the head.
const HEAD: usize = MAGIC.len() + 4 + 8 + 1 + VERSION.len();
const SEAL: u64 = blake3::OUT_LEN as u64;
/// Bytes that are read or written at once.
const BLOCK: usize = 1 << 20;

/// A snapshot that is being written.
pub(super) struct Writer {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    length: u64,
    temporary: PathBuf,
    path: PathBuf,
}

impl Writer {
    /// Begins a snapshot that will be at `path` once it is finished. Until then it lies beside it, and what is at `path` stays.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let temporary = temporary(path);
        let mut file = BufWriter::with_capacity(BLOCK, File::create(&temporary)?);
        file.write_all(&[0; HEAD])?;
        Ok(Writer { file, hasher: blake3::Hasher::new(), length: HEAD as u64, temporary, path: path.to_owned() })
    }

    pub(super) fn section(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        for bytes in [&length, bytes] {
            self.hasher.update(bytes);
            self.file.write_all(bytes)?;
            self.length += bytes.len() as u64;
        }
        Ok(())
    }

    /// Seals the snapshot and puts it in place, once it has reached the disk. Its length.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let length = self.length + SEAL;
        let head = head(length);
        self.hasher.update(&head);
        self.file.write_all(self.hasher.finalize().as_bytes())?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, &self.path)?;
        // That the name lasts too is up to the folder; not every system lets a folder be opened for that.
        if let Some(folder) = self.path.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(length)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After a rename nothing is left under this name, and that is fine.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// Where a snapshot lies until it is finished. Always the same name, so that those who are killed over it leave one file behind.
fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    PathBuf::from(temporary)
}

/// Removes a snapshot, and what was left of one that was never finished.
pub(super) fn remove(path: &Path) {
    for file in [path, &temporary(path)] {
        // It may not be there; and if it stays, nothing is lost.
        let _ = std::fs::remove_file(file);
    }
}

fn head(length: u64) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(FORM.to_le_bytes());
    head.extend(length.to_le_bytes());
    head.push(VERSION.len() as u8);
    head.extend(VERSION.as_bytes());
    head
}

/// A snapshot that is whole and was written by this version of saleload.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    /// Bytes of sections that have not been read yet.
    left: u64,
}

impl Reader {
    /// Opens a snapshot after having read all of it once, to see that it is whole.
    pub(super) fn open(path: &Path) -> Result<Self, Reason> {
        let mut file = File::open(path)?;
        let there = file.metadata()?.len();
        let head = read_head(&mut file, there)?;
        let whole = there - head.len() as u64 - SEAL;
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        let mut left = whole;
        while left > 0 {
            let some = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            file.read_exact(&mut block[..some])?;
            hasher.update(&block[..some]);
            left -= some as u64;
        }
        let mut seal = [0; SEAL as usize];
        file.read_exact(&mut seal)?;
        if hasher.update(&head).finalize() != seal {
            return Err(Reason::Altered);
        }
        file.seek(SeekFrom::Start(head.len() as u64))?;
        Ok(Reader { file, left: whole })
    }

    /// The next section. No length that a file may claim takes more memory than the file takes of the disk.
    pub(super) fn section(&mut self) -> Result<Vec<u8>, Reason> {
        let mut length = [0; 8];
        self.take(length.len() as u64)?;
        self.file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        self.take(length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Reason::Impossible("it is too large"))?];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn take(&mut self, bytes: u64) -> Result<(), Reason> {
        self.left = self.left.checked_sub(bytes).ok_or(Reason::Impossible("a section is missing"))?;
        Ok(())
    }

    /// Whether all sections have been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.left == 0
    }
}

/// Reads the head and judges it; what comes back is as long as it is in the file.
fn read_head(file: &mut File, there: u64) -> Result<Vec<u8>, Reason> {
    let mut found = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut found)?;
    let magic = found.len().min(MAGIC.len());
    if magic == 0 || found[..magic] != MAGIC[..magic] {
        return Err(Reason::NotASnapshot);
    }
    if found.len() < HEAD {
        return Err(Reason::CutOff { there, whole: None });
    }
    let (form, rest) = found[MAGIC.len()..].split_at(4);
    let (length, version) = rest.split_at(8);
    if version[0] as usize != VERSION.len() || version[1..] != *VERSION.as_bytes() {
        return Err(Reason::OtherVersion(written_by(version)));
    }
    if form != FORM.to_le_bytes() {
        return Err(Reason::OtherVersion(format!("another build of saleload {VERSION}")));
    }
    let mut whole = [0; 8];
    whole.copy_from_slice(length);
    let whole = u64::from_le_bytes(whole);
    match there.cmp(&whole) {
        std::cmp::Ordering::Less => Err(Reason::CutOff { there, whole: Some(whole) }),
        std::cmp::Ordering::Equal if whole >= HEAD as u64 + SEAL => Ok(found),
        _ => Err(Reason::Altered),
    }
}

/// Who wrote a snapshot: as much of the name of a version as has been read, if it looks like one.
fn written_by(version: &[u8]) -> String {
    let text = &version[1..=(version[0] as usize).min(version.len() - 1)];
    match std::str::from_utf8(text) {
        Ok(text) if text.bytes().all(|b| b.is_ascii_graphic()) && !text.is_empty() => format!("saleload {text}"),
        _ => "another saleload".to_owned(),
    }
}
