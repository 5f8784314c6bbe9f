//! How much memory a run may take: beyond it, the run ends with a clear word before the machine swaps or the system ends it.

use super::{Stop, machine, number};
use std::time::{Duration, Instant};

/// How often a run looks at what it holds.
const EVERY: Duration = Duration::from_millis(200);
/// Of what is free at the start, this share may be taken: the rest is for whatever else grows meanwhile.
const OF_FREE: f64 = 0.95;
/// A forecast may be this much too high; what is larger still is refused.
const FORECAST_ERROR: f64 = 1.25;

/// The memory that a run may take.
pub(super) struct Budget {
    /// Bytes; `None` where the system does not say what is free.
    limit: Option<f64>,
    looked: Instant,
}

impl Budget {
    /// What was asked for, or what is free.
    pub(super) fn new(asked: Option<f64>) -> Self {
        let free = || Some(machine::available_memory()? * OF_FREE + machine::memory()?);
        Budget { limit: asked.or_else(free), looked: machine::now() }
    }

    /// Refuses what will certainly not fit.
    pub(super) fn admits(&self, forecast: f64) -> Result<(), Stop> {
        match self.limit {
            Some(limit) if forecast > FORECAST_ERROR * limit => Err(Stop::Usage(format!(
                "this needs about {} of memory and may take {}; a sample (--sample 1/N) needs less",
                number::bytes(forecast),
                number::bytes(limit)
            ))),
            _ => Ok(()),
        }
    }

    /// What to say where the run has taken more than it may; looks only now and then.
    pub(super) fn exceeded(&mut self) -> Option<String> {
        let limit = self.limit?;
        if self.looked.elapsed() < EVERY {
            return None;
        }
        self.looked = machine::now();
        let held = machine::memory().filter(|&held| held > limit)?;
        Some(format!(
            "ended early: the run holds {} of memory and may take {}; what was done is kept. A sample (--sample 1/N) needs less",
            number::bytes(held),
            number::bytes(limit)
        ))
    }
}

/// An amount of memory such as `8GB` or `512 MiB`, in bytes.
pub(super) fn amount(text: &str) -> Result<f64, String> {
    const UNITS: [(&str, f64); 8] = [
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("tib", 1_099_511_627_776.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("tb", 1e12),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let parsed = UNITS.iter().find_map(|(unit, factor)| {
        let number: f64 = lower.strip_suffix(unit)?.trim_end().parse().ok()?;
        (number.is_finite() && number > 0.0).then_some(number * factor)
    });
    parsed.ok_or_else(|| "write an amount with a unit, such as 8GB or 512MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        assert_eq!(amount("8GB"), Ok(8e9));
        assert_eq!(amount("1.5 GiB"), Ok(1.5 * 1_073_741_824.0));
        for wrong in ["8", "GB", "-1MB", "infMB", "nanMB", "0kB", ""] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }
}
