//! Axes: a finite range that is never empty, a scale, and ticks with labels.

use crate::number;

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub from: f64,
    /// Its upper end; greater than `from`.
    pub to: f64,
    /// How values lie along it.
    pub scale: Scale,
    /// Labelled places.
    pub ticks: Vec<Tick>,
}

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By the square root of the distance from the lower end: the first minute of an hour takes an eighth.
    Root,
    /// By the logarithm of ten seconds more than the distance from the lower end: seconds and days in one view.
    Opening,
    /// By the logarithm; both ends are positive.
    Log,
}

/// A labelled place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value.
    pub at: f64,
    /// Its label.
    pub label: String,
    /// A second line below the label, such as the date; empty for none.
    pub below: String,
}

/// The distance at which [`Scale::Opening`] turns from even to logarithmic, s.
const OPENING_UNIT: f64 = 10.0;

impl Default for Axis {
    fn default() -> Self {
        Axis::new(0.0, 1.0, Scale::Linear)
    }
}

impl Axis {
    /// An axis without ticks. Ends that are not finite, or that leave no room, are replaced by ends that do.
    #[must_use]
    pub fn new(from: f64, to: f64, scale: Scale) -> Self {
        let from = if from.is_finite() { from } else { 0.0 };
        let from = if scale == Scale::Log && from <= 0.0 { 1.0 } else { from };
        // A width that drowns in the rounding of `from` is no width.
        let wide_enough = to.is_finite() && to - from > from.abs() * 1e-9 && to - from > 1e-9;
        let to = if wide_enough { to } else { (from + 1.0).max(from + from.abs()) };
        Axis { from, to, scale, ticks: Vec::new() }
    }

    /// From zero to a little above `largest`, so that an annotation of the highest point has a place; labels are divided by
    /// `unit`.
    #[must_use]
    pub fn amount(largest: f64, unit: f64) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 { largest / unit } else { 1.0 };
        let step = round_step(largest / 4.0);
        let top = (largest * 1.12).max(step);
        let mut axis = Axis::new(0.0, top * unit, Scale::Linear);
        axis.ticks = (0..=(top / step) as usize)
            .map(|i| i as f64 * step)
            .map(|value| Tick { at: value * unit, label: number::tick(value, step), below: String::new() })
            .collect();
        axis
    }

    /// Decades up to `largest`, at most `most`, down to `smallest` where that is positive; labels are divided by `unit`.
    #[must_use]
    pub fn decades(smallest: f64, largest: f64, unit: f64, most: u8) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 { largest / unit } else { 1.0 };
        let top = (largest * 1.2).log10().ceil() as i32;
        let bottom =
            if smallest.is_finite() && smallest > 0.0 { (smallest / unit).log10().floor() as i32 } else { i32::MIN };
        let bottom = bottom.clamp(top - i32::from(most.max(1)), top - 1);
        let mut axis = Axis::new(10f64.powi(bottom) * unit, 10f64.powi(top) * unit, Scale::Log);
        axis.ticks = (bottom..=top)
            .map(|power| 10f64.powi(power))
            .map(|value| Tick { at: value * unit, label: number::short(value), below: String::new() })
            .collect();
        axis
    }

    /// From 0 to 100 %, or higher where `largest` (a share) is.
    #[must_use]
    pub fn share(largest: f64) -> Self {
        if largest > 1.001 {
            return Axis::amount(largest, 0.01);
        }
        let mut axis = Axis::new(0.0, 1.0, Scale::Linear);
        axis.ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
            .map(|at| Tick { at, label: number::tick(at * 100.0, 25.0), below: String::new() })
            .to_vec();
        axis
    }

    /// Where a value lies between the ends, 0 to 1; values outside, and NaN, go to the nearer or the lower end.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Root => ((value - self.from).max(0.0) / (self.to - self.from)).sqrt(),
            Scale::Opening => {
                let log = |distance: f64| (distance.max(0.0) / OPENING_UNIT).ln_1p();
                log(value - self.from) / log(self.to - self.from)
            }
            Scale::Log if value <= 0.0 => 0.0,
            Scale::Log => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten at or above `least`.
fn round_step(least: f64) -> f64 {
    let magnitude = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|&step| step >= least * 0.999).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_is_finite_and_has_room() {
        for largest in [0.0, -1.0, 1e-12, 1.0, 583_000.0, 1e18, f64::NAN, f64::INFINITY] {
            for axis in [Axis::amount(largest, 1.0), Axis::decades(largest, largest, 1e9, 4), Axis::share(largest)] {
                assert!(axis.from.is_finite() && axis.to.is_finite() && axis.to > axis.from, "{largest}: {axis:?}");
                assert!((2..=12).contains(&axis.ticks.len()), "{largest}: {axis:?}");
            }
        }
        assert!(Axis::new(f64::NAN, f64::NEG_INFINITY, Scale::Log).place(f64::NAN) == 0.0);
    }

    #[test]
    fn amounts_have_round_ticks() {
        let axis = Axis::amount(372.3e9, 1e9);
        assert!(axis.to > 372.3e9 && axis.to < 420e9);
        assert_eq!(axis.ticks.iter().map(|t| t.label.as_str()).collect::<Vec<_>>(), ["0", "100", "200", "300", "400"]);
    }

    #[test]
    fn the_ends_lie_at_the_ends_on_every_scale() {
        for scale in [Scale::Linear, Scale::Root, Scale::Opening, Scale::Log] {
            let axis = Axis::new(1.0, 3600.0, scale);
            assert_eq!((axis.place(1.0), axis.place(3600.0), axis.place(1e9), axis.place(-5.0)), (0.0, 1.0, 1.0, 0.0));
        }
    }

    #[test]
    fn an_opening_gives_its_first_minute_room() {
        assert!(Axis::new(0.0, 259_200.0, Scale::Opening).place(60.0) > 0.18);
        assert!(Axis::new(0.0, 3600.0, Scale::Root).place(60.0) > 0.12);
    }
}
