//! Arrival patterns.

use super::Check;
use crate::plan::{Intensity, IntensityPart};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::{LONGEST, Nanos};

const HOUR: u64 = 3600 * Nanos::PER_SECOND;

impl Check<'_> {
    /// The patterns as declared, hourly profiles starting at midnight; `None` for one that is wrong in itself.
    pub(super) fn arrivals(&mut self) -> Vec<Option<Intensity>> {
        let intensities = &self.file.intensity;
        intensities.iter().map(|(name, intensity)| self.intensity(name, intensity)).collect()
    }

    fn intensity(&mut self, name: &str, intensity: &file::Intensity) -> Option<Intensity> {
        let before = self.found.errors();
        let at = self.root.key("intensity").key(name).key("parts");
        let parts = intensity.parts.iter().enumerate();
        let parts: Vec<_> = parts.map(|(index, part)| self.part(name, index, part, at.index(index))).collect();
        if parts.iter().all(|part| part.weight() <= 0.0) {
            self.bad(at.key_place(), "no part has a weight above zero", "brings nobody", None);
        }
        // A CSV file that could not be read has been reported before, and leaves no points.
        let unread = |part: &IntensityPart| matches!(part, IntensityPart::Points { points, .. } if points.is_empty());
        let sound = self.found.errors() == before && !parts.iter().any(unread);
        sound.then(|| Intensity { name: name.to_owned(), parts })
    }

    fn part(&mut self, name: &str, index: usize, part: &file::IntensityPart, at: Cursor<'_>) -> IntensityPart {
        match part {
            file::IntensityPart::Burst { weight, rise, decay, after } => {
                if *decay == Nanos(0) {
                    let place = at.key("burst").key("decay").place();
                    self.bad(place, "a burst must decay over some time", "over in an instant", None);
                }
                IntensityPart::Burst { weight: *weight, rise: *rise, decay: *decay, after: *after }
            }
            file::IntensityPart::Hourly { weight, hours } => {
                let at = at.key("hourly").key("hours");
                for (hour, value) in hours.iter().enumerate() {
                    self.weight(*value, at.index(hour).place());
                }
                if hours.iter().all(|value| *value <= 0.0) {
                    self.bad(at.place(), "no hour has an intensity above zero", "brings nobody", None);
                }
                // The structure check has counted them.
                let hours = <[f64; 24]>::try_from(hours.as_slice()).unwrap_or_default();
                IntensityPart::Hourly { weight: *weight, hours, offset: Nanos(0) }
            }
            file::IntensityPart::Constant { weight } => IntensityPart::Constant { weight: *weight },
            // What could be read has become points.
            file::IntensityPart::Events { weight, .. } => IntensityPart::Points { weight: *weight, points: Vec::new() },
            file::IntensityPart::Points { weight, values, .. } => {
                let points = values.clone().unwrap_or_default();
                if values.is_some() {
                    self.points(name, index, &points, at.key("points"));
                }
                IntensityPart::Points { weight: *weight, points }
            }
        }
    }

    fn points(&mut self, name: &str, part: usize, points: &[(f64, f64)], at: Cursor<'_>) {
        if points.len() < 2 || area_before(points, f64::INFINITY) <= 0.0 {
            let message = "points need a stretch with a rate above zero";
            self.bad(
                at.key_place(),
                message,
                "brings nobody",
                Some("give at least two points, one with a positive rate"),
            );
            return;
        }
        let rows = self.rows.get(&(name.to_owned(), part));
        let place = |index: usize| rows.map_or_else(|| at.key("values").index(index).place(), |rows| rows.place(index));
        let mut before = -1.0;
        let mut problems = Vec::new();
        for (index, (seconds, rate)) in points.iter().enumerate() {
            let label = if !(0.0..=LONGEST.as_secs_f64()).contains(seconds) {
                "expected seconds from 0 to 400 days".to_owned()
            } else if *seconds <= before {
                format!("{seconds} does not come after {before}")
            } else if !(0.0..=1e12).contains(rate) {
                "expected a rate from 0 to 1e12".to_owned()
            } else {
                before = *seconds;
                continue;
            };
            before = before.max(*seconds);
            problems.push(
                Diagnostic::new(Code::BadDistribution, "a point of an arrival pattern is out of line")
                    .at(place(index), label)
                    .note("points have increasing seconds since the opening, and rates of zero or more"),
            );
        }
        for problem in problems {
            self.push(problem);
        }
    }
}

/// Whether the pattern has an hourly profile, whose place depends on the time of day.
pub(super) fn is_hourly(intensity: &Intensity) -> bool {
    intensity.parts.iter().any(|part| matches!(part, IntensityPart::Hourly { .. }))
}

/// The pattern in a window that opens at this time of day.
pub(super) fn opening_at(intensity: &Intensity, time_of_day: Nanos) -> Intensity {
    let mut intensity = intensity.clone();
    for part in &mut intensity.parts {
        if let IntensityPart::Hourly { offset, .. } = part {
            *offset = time_of_day;
        }
    }
    intensity
}

/// Whether anybody comes within a window of this length.
pub(super) fn brings_somebody(intensity: &Intensity, length: Nanos) -> bool {
    intensity.parts.iter().filter(|part| part.weight() > 0.0).any(|part| match part {
        IntensityPart::Constant { .. } => true,
        IntensityPart::Burst { after, .. } => *after < length,
        IntensityPart::Points { points, .. } => area_before(points, length.as_secs_f64()) > 0.0,
        IntensityPart::Hourly { hours, offset, .. } => {
            let first = offset.0 / HOUR;
            let last = (offset.0 + length.0.max(1) - 1) / HOUR;
            (first..=last).take(24).any(|hour| hours[(hour % 24) as usize] > 0.0)
        }
    })
}

/// Zero where the lines between the points enclose no area before `end`, else something positive.
fn area_before(points: &[(f64, f64)], end: f64) -> f64 {
    let pairs = points.windows(2).filter(|pair| pair[0].0 < end);
    pairs.map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1)).fold(0.0, f64::max)
}
