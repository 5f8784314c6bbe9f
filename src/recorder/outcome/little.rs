//! Little's law over steady stretches: the number of requests at a service as it was counted, against their rate and stay.

use super::Outcome;
use crate::plan::ServiceId;
use crate::recorder::Row;
use crate::results::Residual;
use std::ops::Range;

/// Fewest slots of a stretch that says something.
const FEWEST: usize = 30;
/// A stretch is so many times as long as a request stays, so that those who are there at its ends do not matter.
const STAYS: f64 = 100.0;
/// How far the requests of a slot may be off the mean of the stretch so far: a share of it, and standard deviations of a Poisson
/// number.
const TOLERANCE: f64 = 0.1;
const DEVIATIONS: f64 = 4.0;
/// Parts of a stretch whose spread is its sampling error, and the 97.5th percentile of Student's t with one less degrees of freedom.
const PARTS: usize = 15;
const T_PARTS: f64 = 2.145;
/// The same of the normal distribution: requests that are hardly ever there are counted like rare events, and their spread over the
/// parts says nothing where none was counted.
const NORMAL: f64 = 1.96;

impl Outcome<'_> {
    /// How Little's law held at a service; `None` where it had no steady stretch, or is a delay, at which nobody can be counted.
    pub(super) fn residual(&self, service: ServiceId) -> Option<Residual> {
        self.plan.services[service].pool.as_ref()?;
        let rows = &self.recorder.rows;
        let of_stretch = |stretch: Range<usize>| self.residual_of(service, &rows[stretch]);
        let residuals: Vec<Residual> = self.steady(service).into_iter().filter_map(of_stretch).collect();
        let badness = |of: &Residual| of.residual.abs() / of.sampling_error.max(f64::MIN_POSITIVE);
        let beyond = residuals.iter().filter(|of| badness(of) > 1.0).count() as u64;
        let stretches = residuals.len() as u64;
        // The first of equals.
        let worst =
            residuals.into_iter().reduce(|worst, of| if badness(&of) > badness(&worst) { of } else { worst })?;
        Some(Residual { stretches, beyond, ..worst })
    }

    /// Stretches of slots of one length in one open window in which a service was not saturated and its rate steady.
    fn steady(&self, service: ServiceId) -> Vec<Range<usize>> {
        let rows = &self.recorder.rows;
        let requests = |row: &Row| row.services[service].requests as f64;
        // The last slot of a run that was broken off may have been cut short.
        let whole = rows.len() - usize::from(self.ending.interrupted);
        let is_open = |row: &Row| row.slot.end <= self.plan.windows[row.slot.window].closes;
        let mut stretches: Vec<Range<usize>> = Vec::new();
        let (mut first, mut sum) = (0, 0.0);
        for (index, row) in rows[..whole].iter().enumerate() {
            let mean = sum / (index - first).max(1) as f64;
            let is_usable = is_open(row) && requests(row) > 0.0 && !self.is_saturated(service, row);
            let kind = |row: &Row| (row.slot.window, row.slot.end - row.slot.start);
            let is_near = (requests(row) - mean).abs() <= TOLERANCE * mean + DEVIATIONS * mean.sqrt();
            let goes_on = index > first && kind(row) == kind(&rows[first]) && is_near;
            if !is_usable || !goes_on {
                stretches.push(first..index);
                (first, sum) = (if is_usable { index } else { index + 1 }, 0.0);
            }
            if is_usable {
                sum += requests(row);
            }
        }
        stretches.push(first..whole);
        stretches.retain(|stretch| stretch.len() >= FEWEST);
        stretches
    }

    fn residual_of(&self, service: ServiceId, rows: &[Row]) -> Option<Residual> {
        let (first, last) = (rows.first()?, rows.last()?);
        let of = |row: &Row| row.services[service];
        let nanos = |row: &Row| (row.slot.end - row.slot.start).0 as f64;
        let number = |rows: &[Row]| rows.iter().map(|row| of(row).present).sum::<u64>() as f64 / rows.len() as f64;
        let expected = |rows: &[Row]| {
            rows.iter().map(|row| of(row).reading.stayed).sum::<u128>() as f64 / rows.iter().map(nanos).sum::<f64>()
        };
        let requests: u64 = rows.iter().map(|row| of(row).requests).sum();
        let stay_us = rows.iter().map(|row| of(row).reading.stayed).sum::<u128>() as f64 / requests as f64 / 1e3;
        let seconds = rows.iter().map(nanos).sum::<f64>() / 1e9;
        if stay_us == 0.0 || stay_us * 1e-6 * STAYS > seconds {
            return None;
        }
        let bound = |part: usize| part * rows.len() / PARTS;
        let parts = (0..PARTS).map(|part| &rows[bound(part)..bound(part + 1)]);
        let gaps: Vec<f64> = parts.map(|part| number(part) - expected(part)).collect();
        let mean = gaps.iter().sum::<f64>() / PARTS as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (PARTS - 1) as f64;
        let of_parts = T_PARTS * (variance / PARTS as f64).sqrt() / expected(rows);
        let of_count = NORMAL / (expected(rows) * rows.len() as f64).sqrt();
        let scale = self.scale as f64;
        Some(Residual {
            service: self.plan.services[service].name.clone(),
            stretches: 1,
            beyond: 0,
            from_unix_ms: self.unix_ms(first.slot.start),
            until_unix_ms: self.unix_ms(last.slot.end),
            slots: rows.len() as u64,
            number_mean: number(rows) * scale,
            requests_per_second: requests as f64 * scale / seconds,
            stay_us_mean: stay_us,
            residual: number(rows) / expected(rows) - 1.0,
            sampling_error: of_parts.max(of_count),
        })
    }
}
