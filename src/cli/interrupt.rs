//! Ctrl-C and SIGTERM: the first asks the run to end, the second ends the process.

use super::{INTERRUPTED, Stop};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether someone has asked for an end.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Stop> {
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        // The handler runs on a thread of its own, not in the signal, so it may print and exit.
        ctrlc::set_handler(move || {
            if heard.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(INTERRUPTED));
            }
            let _ = std::io::stderr().write_all(b"\nending at the next tick; once more to quit without results\n");
        })
        .map_err(|error| Stop::Internal(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(Interrupt(asked))
    }

    /// Whether it is time to end.
    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
