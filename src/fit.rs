//! Choosing free parameters so that runs come close to published figures.
//!
//! Weighted least squares by the method of Levenberg and Marquardt (D. W. Marquardt, "An algorithm for least-squares estimation of
//! nonlinear parameters", 1963) within bounds. Slopes are differences of runs, renewed by the rule of Broyden (1965) after a step
//! and measured anew where that leads nowhere. Every run has the same seed, so the same shoppers make the same choices, and what
//! changes between two runs is little more than what their parameters change: the errors are smooth enough for slopes over less than
//! a tenth of a range. Which runs are made never depends on threads.

mod linear;

use crate::published::Free;
use linear::{Bounds, Matrix};

/// Difference in a parameter over which slopes are measured, as a part of its range.
const DIFFERENCE: f64 = 0.08;
/// Longest change of a parameter in one step, as a part of its range.
const LONGEST_STEP: f64 = 0.3;
/// A step in which no parameter changes by this part of its range is none.
const SHORTEST_STEP: f64 = 5e-4;
/// An improvement by less than this part of the misfit is none.
const LEAST_IMPROVEMENT: f64 = 2e-3;
/// Damping at the start, and beyond which there is no way down.
const DAMPING: f64 = 0.01;
const MOST_DAMPING: f64 = 1.0;

/// How far a run is off at each point; and, of the same form, how far it may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// Relative error of each point.
    pub relative: Vec<f64>,
    /// By how many seconds each peak whose time counts is late.
    pub late: Vec<f64>,
}

impl Errors {
    /// Each error divided by what it may be.
    fn residuals<'e>(&'e self, within: &'e Errors) -> impl Iterator<Item = f64> + 'e {
        let errors = self.relative.iter().chain(&self.late);
        errors.zip(within.relative.iter().chain(&within.late)).map(|(error, within)| error / within)
    }

    /// What a search makes small: the sum of the squared errors, each divided by what it may be.
    #[must_use]
    pub fn misfit(&self, within: &Errors) -> f64 {
        self.residuals(within).map(|residual| residual * residual).sum()
    }

    /// Root of the mean square of the relative errors.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let squares: f64 = self.relative.iter().map(|error| error * error).sum();
        (squares / self.relative.len().max(1) as f64).sqrt()
    }
}

/// Parameters that were tried, and how far the run was off.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Values of the free parameters, in their units, as a scenario would write them.
    pub values: Vec<f64>,
    /// How far off.
    pub errors: Errors,
}

/// Why a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<E> {
    /// No step leads further down.
    Settled,
    /// As many runs were made as may be.
    Spent,
    /// The runs were broken off.
    Stopped(E),
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<E> {
    /// The parameters as they were, and the best of all that were tried, also of those that only measured slopes, or were made
    /// before a stop; `None` where not even the first run was made.
    pub trials: Option<(Trial, Trial)>,
    /// Runs that were made.
    pub runs: usize,
    /// Why it ended.
    pub end: End<E>,
}

/// What came of runs that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Made<E> {
    /// The errors of the runs that were made: all of them, or the first of them.
    pub errors: Vec<Errors>,
    /// Why the rest was not made; `None` where nothing is left.
    pub stopped: Option<E>,
}

/// Makes runs with these values of the parameters, in their order.
pub type Runs<'r, E> = dyn FnMut(&[Vec<f64>]) -> Made<E> + 'r;

/// Searches for the parameters with the smallest sum of squared errors, each divided by what it may be, in at most
/// `most` runs.
pub fn fit<E>(free: &[Free], within: &Errors, most: usize, runs: &mut Runs<'_, E>) -> Fit<E> {
    let mut search = Search { free, within, most, made: 0, kept: None, runs };
    let end = match search.descend() {
        Ok(()) => End::Settled,
        Err(end) => end,
    };
    Fit { trials: search.kept.map(|(first, best)| (first, best.trial)), runs: search.made, end }
}

/// Where a parameter lies in its range, 0 to 1.
fn place(free: &Free, value: f64) -> f64 {
    if free.by_ratios {
        (value / free.low).ln() / (free.high / free.low).ln()
    } else {
        (value - free.low) / (free.high - free.low)
    }
}

/// The value at a place, as a scenario would write it.
fn value(free: &Free, place: f64) -> f64 {
    let value = if free.by_ratios {
        free.low * (free.high / free.low).powf(place)
    } else {
        free.low + (free.high - free.low) * place
    };
    free.unit.rounded(value).clamp(free.low, free.high)
}

/// A trial with the numbers that the search goes by.
#[derive(Clone)]
struct Known {
    trial: Trial,
    places: Vec<f64>,
    residuals: Vec<f64>,
}

impl Known {
    fn misfit(&self) -> f64 {
        self.residuals.iter().map(|residual| residual * residual).sum()
    }
}

struct Search<'s, 'r, E> {
    free: &'s [Free],
    within: &'s Errors,
    most: usize,
    made: usize,
    /// The first trial, and the best one.
    kept: Option<(Trial, Known)>,
    runs: &'s mut Runs<'r, E>,
}

impl<E> Search<'_, '_, E> {
    fn descend(&mut self) -> Result<(), End<E>> {
        let start: Vec<f64> = self.free.iter().map(|free| place(free, free.value)).collect();
        let mut best = self.run(&[start])?.remove(0);
        let mut slopes = self.slopes(&best)?;
        let (mut fresh, mut damping) = (true, DAMPING);
        loop {
            let steps = [damping, damping * 10.0].map(|damping| Self::next(&best, &slopes, damping));
            let longest = best.places.iter().zip(&steps[0]).map(|(from, to)| (to - from).abs()).fold(0.0, f64::max);
            let tried = if longest < SHORTEST_STEP { Vec::new() } else { self.run(&steps)? };
            for known in &tried {
                slopes.renew(&difference(&known.places, &best.places), &difference(&known.residuals, &best.residuals));
            }
            let lowest = tried.into_iter().enumerate().min_by(|a, b| a.1.misfit().total_cmp(&b.1.misfit()));
            let before = best.misfit();
            let mut improvement = 0.0;
            if let Some((which, lower)) = lowest.filter(|(_, lower)| lower.misfit() < before) {
                best = lower;
                damping = (if which == 0 { damping / 10.0 } else { damping * 3.0 }).max(1e-6);
                improvement = 1.0 - best.misfit() / before;
            }
            if best.misfit() == 0.0 {
                return Ok(());
            }
            if improvement >= LEAST_IMPROVEMENT {
                fresh = false;
            } else if !fresh {
                slopes = self.slopes(&best)?;
                (fresh, damping) = (true, DAMPING);
            } else if improvement > 0.0 || longest < SHORTEST_STEP || damping > MOST_DAMPING {
                return Ok(());
            } else {
                // What the failed steps have shown is in the slopes by now.
                damping *= 30.0;
            }
        }
    }

    fn next(best: &Known, slopes: &Matrix, damping: f64) -> Vec<f64> {
        let bounds: Vec<Bounds> = best
            .places
            .iter()
            .map(|&at| Bounds { low: (at - LONGEST_STEP).max(0.0) - at, high: (at + LONGEST_STEP).min(1.0) - at })
            .collect();
        let step = linear::damped_step(slopes, &best.residuals, damping, &bounds);
        best.places.iter().zip(step).map(|(at, by)| at + by).collect()
    }

    /// Slopes of the residuals, each by a run with one parameter moved towards the farther end of its range.
    fn slopes(&mut self, at: &Known) -> Result<Matrix, End<E>> {
        let moved = (0..at.places.len()).map(|index| {
            let mut places = at.places.clone();
            places[index] += if places[index] > 0.5 { -DIFFERENCE } else { DIFFERENCE };
            places
        });
        let moved: Vec<Vec<f64>> = moved.collect();
        let moved = self.run(&moved)?;
        let columns: Vec<Vec<f64>> = moved
            .iter()
            .enumerate()
            .map(|(index, known)| {
                let by = known.places[index] - at.places[index];
                let slope = |(now, then): (&f64, &f64)| if by == 0.0 { 0.0 } else { (now - then) / by };
                known.residuals.iter().zip(&at.residuals).map(slope).collect()
            })
            .collect();
        Ok(Matrix::of_columns(&columns, at.residuals.len()))
    }

    fn run(&mut self, places: &[Vec<f64>]) -> Result<Vec<Known>, End<E>> {
        if self.made + places.len() > self.most {
            return Err(End::Spent);
        }
        let values: Vec<Vec<f64>> = places
            .iter()
            .map(|places| self.free.iter().zip(places).map(|(free, &at)| value(free, at)).collect())
            .collect();
        let Made { errors, stopped } = (self.runs)(&values);
        self.made += errors.len();
        let known = values.into_iter().zip(errors).map(|(values, errors)| Known {
            places: self.free.iter().zip(&values).map(|(free, &value)| place(free, value)).collect(),
            residuals: errors.residuals(self.within).collect(),
            trial: Trial { values, errors },
        });
        let known: Vec<Known> = known.collect();
        for known in &known {
            self.keep(known);
        }
        stopped.map_or(Ok(known), |why| Err(End::Stopped(why)))
    }

    /// Whatever a run was made for, no other may have come closer.
    fn keep(&mut self, known: &Known) {
        match &mut self.kept {
            None => self.kept = Some((known.trial.clone(), known.clone())),
            Some((_, best)) if known.misfit() < best.misfit() => *best = known.clone(),
            Some(_) => {}
        }
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::FreeUnit;

    fn free(value: f64, low: f64, high: f64, by_ratios: bool) -> Free {
        Free { name: "x".into(), path: "x".into(), unit: FreeUnit::Number, value, low, high, by_ratios }
    }

    /// A sum of two exponential approaches, read off at eight times.
    fn curve(values: &[f64]) -> Vec<f64> {
        let at = |t: f64| values[0] * (1.0 - (-t / values[1]).exp()) + values[2] * (1.0 - (-t / 50.0).exp());
        (1..=8).map(|i| at(f64::from(i * i) * 2.0)).collect()
    }

    fn errors(values: &[f64], wanted: &[f64]) -> Errors {
        let relative = curve(values).iter().zip(wanted).map(|(found, wanted)| found / wanted - 1.0).collect();
        Errors { relative, late: Vec::new() }
    }

    fn within() -> Errors {
        Errors { relative: vec![0.05; 8], late: Vec::new() }
    }

    fn all(errors: Vec<Errors>) -> Made<()> {
        Made { errors, stopped: None }
    }

    #[test]
    fn the_parameters_behind_a_curve_are_found() {
        let free = [free(1.0, 0.1, 20.0, true), free(2.0, 1.0, 100.0, true), free(1.0, 0.0, 10.0, false)];
        let wanted = curve(&[5.0, 9.0, 3.0]);
        let mut runs = |many: &[Vec<f64>]| all(many.iter().map(|values| errors(values, &wanted)).collect());
        let fit = fit(&free, &within(), 100, &mut runs);
        let (first, best) = fit.trials.expect("runs were made");
        assert!(first.errors.mean() > 0.3 && best.errors.mean() < 0.002, "{first:?} {best:?} after {}", fit.runs);
        assert!((best.values[1] / 9.0 - 1.0).abs() < 0.1, "{best:?}");
        assert!(fit.runs <= 100);
    }

    #[test]
    fn a_parameter_stays_in_its_range() {
        let free = [free(1.0, 0.5, 3.0, false), free(20.0, 15.0, 30.0, true), free(1.0, 0.0, 10.0, false)];
        let wanted = curve(&[5.0, 9.0, 3.0]);
        let mut runs = |many: &[Vec<f64>]| {
            for values in many {
                assert!(values.iter().zip(&free).all(|(value, free)| (free.low..=free.high).contains(value)));
            }
            all(many.iter().map(|values| errors(values, &wanted)).collect())
        };
        let fit = fit(&free, &within(), 60, &mut runs);
        let (first, best) = fit.trials.expect("runs were made");
        assert!(best.errors.mean() < first.errors.mean());
        assert_eq!(best.values[1], 15.0, "the end of the range that is nearest");
    }

    /// Seconds weigh as much as they may be off, beside the errors of values.
    #[test]
    fn a_time_counts_beside_values() {
        let free = [free(1.0, 0.1, 20.0, true), free(20.0, 1.0, 100.0, true)];
        let mut runs = |many: &[Vec<f64>]| {
            let of = |v: &Vec<f64>| Errors { relative: vec![v[0] / 5.0 - 1.0], late: vec![v[1] - 9.0] };
            all(many.iter().map(of).collect())
        };
        let fit = fit(&free, &Errors { relative: vec![0.05], late: vec![2.0] }, 60, &mut runs);
        let (first, best) = fit.trials.expect("runs were made");
        assert!((best.values[0] - 5.0).abs() < 0.02 && (best.values[1] - 9.0).abs() < 0.1, "{first:?} {best:?}");
    }

    /// The best of all runs, whether it was a step, measured a slope, or was made before a stop in the midst of others.
    #[test]
    fn what_was_found_until_an_interruption_is_kept() {
        let free = [free(1.0, 0.1, 20.0, true), free(2.0, 1.0, 100.0, true), free(1.0, 0.0, 10.0, false)];
        let wanted = curve(&[5.0, 9.0, 3.0]);
        for until in 1..40 {
            let mut tried: Vec<Trial> = Vec::new();
            let mut runs = |many: &[Vec<f64>]| {
                let made = many.len().min(until - tried.len());
                let trials = many[..made].iter().map(|v| Trial { values: v.clone(), errors: errors(v, &wanted) });
                let trials: Vec<Trial> = trials.collect();
                tried.extend(trials.iter().cloned());
                let errors = trials.into_iter().map(|trial| trial.errors).collect();
                Made { errors, stopped: (made < many.len()).then_some("enough") }
            };
            let fit = fit(&free, &within(), 60, &mut runs);
            let misfit = |trial: &&Trial| trial.errors.misfit(&within());
            let best = tried.iter().min_by(|a, b| misfit(a).total_cmp(&misfit(b)));
            assert_eq!(fit.trials, tried.first().cloned().zip(best.cloned()), "{until}");
            assert_eq!(fit.runs, tried.len());
            assert!(
                fit.runs < until || matches!(fit.end, End::Stopped("enough")) || fit.end == End::Settled,
                "{until}"
            );
        }
    }

    /// A run that measured a slope may be the best of those that may be made.
    #[test]
    fn the_runs_of_slopes_count_too() {
        let free = [free(1.0, 0.1, 20.0, true)];
        let mut runs = |many: &[Vec<f64>]| {
            all(many.iter().map(|v| Errors { relative: vec![v[0] / 5.0 - 1.0], late: Vec::new() }).collect())
        };
        let fit = fit(&free, &Errors { relative: vec![0.05], late: Vec::new() }, 2, &mut runs);
        let (first, best) = fit.trials.expect("runs were made");
        assert!(best.errors.mean() < first.errors.mean(), "{first:?} {best:?}");
        assert_eq!((fit.end, fit.runs), (End::Spent, 2));
    }
}
