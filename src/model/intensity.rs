//! Cumulative arrival intensity: which share of a window's arrivals has come by a given time.

use crate::plan::{Intensity, IntensityPart};
use crate::units::Nanos;

/// The distribution function of arrival times within one window.
///
/// Each part is integrated in closed form, so the value at any time is exact; a part that has no mass within the window brings
/// nothing, and its weight goes to the others in proportion.
#[derive(Clone, Debug, PartialEq)]
pub struct Cumulative {
    parts: Vec<(f64, Part)>,
    length: Nanos,
}

/// A part, with the areas under its points added up beforehand.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    shape: IntensityPart,
    /// Area from the first point to each; empty where there are no points.
    areas: Vec<f64>,
}

impl Cumulative {
    /// The distribution of arrivals by `intensity` over a window of this length.
    #[must_use]
    pub fn new(intensity: &Intensity, length: Nanos) -> Self {
        let mut parts: Vec<(f64, Part)> = Vec::new();
        let mut total = 0.0;
        for shape in &intensity.parts {
            let part = Part::new(shape.clone());
            let mass = part.integral(length.as_secs_f64());
            if mass > 0.0 && shape.weight() > 0.0 {
                total += shape.weight();
                parts.push((shape.weight() / mass, part));
            }
        }
        for (factor, _) in &mut parts {
            *factor /= total;
        }
        if parts.is_empty() {
            parts.push((1.0 / length.as_secs_f64(), Part::new(IntensityPart::Constant { weight: 1.0 })));
        }
        Cumulative { parts, length }
    }

    /// Share of the window's arrivals within the first `since_opening`; from 0 at the opening to 1 at the closing.
    #[must_use]
    pub fn at(&self, since_opening: Nanos) -> f64 {
        if since_opening >= self.length {
            return 1.0;
        }
        let t = since_opening.as_secs_f64();
        let sum: f64 = self.parts.iter().map(|(factor, part)| factor * part.integral(t)).sum();
        sum.clamp(0.0, 1.0)
    }
}

impl Part {
    fn new(shape: IntensityPart) -> Self {
        let mut areas = Vec::new();
        if let IntensityPart::Points { points, .. } = &shape {
            let mut area = 0.0;
            areas.push(area);
            for pair in points.windows(2) {
                area += (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1);
                areas.push(area);
            }
        }
        Part { shape, areas }
    }

    /// Integral of the (unscaled) intensity from the opening to `t` seconds after it.
    fn integral(&self, t: f64) -> f64 {
        match &self.shape {
            IntensityPart::Burst { rise, decay, after, .. } => {
                let x = (t - after.as_secs_f64()).max(0.0);
                burst_integral(rise.as_secs_f64(), decay.as_secs_f64(), x)
            }
            IntensityPart::Hourly { hours, offset, .. } => {
                let from = offset.as_secs_f64();
                day_integral(hours, from + t) - day_integral(hours, from)
            }
            IntensityPart::Constant { .. } => t,
            IntensityPart::Points { points, .. } => self.points_integral(points, t),
        }
    }

    /// Integral of the line through `points` up to `t`; nothing outside of them.
    fn points_integral(&self, points: &[(f64, f64)], t: f64) -> f64 {
        let next = points.partition_point(|&(x, _)| x < t);
        let (Some(&(x0, y0)), Some(&(x1, y1))) = (points[..next].last(), points.get(next)) else {
            return if next == 0 { 0.0 } else { self.areas[next - 1] };
        };
        let y = y0 + (y1 - y0) * (t - x0) / (x1 - x0);
        self.areas[next - 1] + (t - x0) * f64::midpoint(y0, y)
    }
}

/// Integral over [0, x] of (1 - exp(-t/rise)) exp(-t/decay): decay (1 - e^(-x/decay)) - k (1 - e^(-x/k)), k = rise decay / (rise + decay).
fn burst_integral(rise: f64, decay: f64, x: f64) -> f64 {
    let k = rise * decay / (rise + decay);
    let lost = if k > 0.0 { -k * (-x / k).exp_m1() } else { 0.0 };
    -decay * (-x / decay).exp_m1() - lost
}

/// Integral of the daily profile from a midnight to `t` seconds later, over any number of days.
fn day_integral(hours: &[f64; 24], t: f64) -> f64 {
    const DAY: f64 = 86_400.0;
    let days = (t / DAY).floor();
    let within = t - days * DAY;
    let hour = ((within / 3600.0) as usize).min(23);
    let full: f64 = hours[..hour].iter().sum::<f64>() * 3600.0;
    days * hours.iter().sum::<f64>() * 3600.0 + full + (within - hour as f64 * 3600.0) * hours[hour]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(parts: Vec<IntensityPart>) -> Intensity {
        Intensity { name: "test".into(), parts }
    }

    /// The closed forms against a trapezoid sum of the intensity itself.
    #[test]
    fn integrals_agree_with_quadrature() {
        let (rise, decay) = (5.0, 200.0);
        let step = 0.01;
        let intensity = |t: f64| (1.0 - (-t / rise).exp()) * (-t / decay).exp();
        let mut sum = 0.0;
        for i in 0..100_000 {
            let t = f64::from(i) * step;
            sum += step * f64::midpoint(intensity(t), intensity(t + step));
        }
        assert!((burst_integral(rise, decay, 1000.0) / sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn weights_are_shares_of_arrivals() {
        let intensity = pattern(vec![
            IntensityPart::Burst {
                weight: 3.0,
                rise: Nanos(0),
                decay: Nanos::from_secs(10),
                after: Nanos::from_secs(5),
            },
            IntensityPart::Constant { weight: 1.0 },
        ]);
        let cumulative = Cumulative::new(&intensity, Nanos::from_secs(4000));
        assert_eq!(cumulative.at(Nanos(0)), 0.0);
        assert_eq!(cumulative.at(Nanos::from_secs(4000)), 1.0);
        // At half time the burst is over: all its 3/4, and half of the constant's 1/4.
        assert!((cumulative.at(Nanos::from_secs(2000)) - 0.875).abs() < 1e-9);
    }

    #[test]
    fn hours_follow_the_clock_of_the_opening() {
        let mut hours = [0.0; 24];
        hours[23] = 1.0;
        hours[1] = 3.0;
        let offset = Nanos::from_secs(23 * 3600);
        let intensity = pattern(vec![IntensityPart::Hourly { weight: 1.0, hours, offset }]);
        let cumulative = Cumulative::new(&intensity, Nanos::from_secs(4 * 3600));
        assert!((cumulative.at(Nanos::from_secs(3600)) - 0.25).abs() < 1e-12);
        assert!((cumulative.at(Nanos::from_secs(2 * 3600)) - 0.25).abs() < 1e-12);
        assert!((cumulative.at(Nanos::from_secs(3 * 3600)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn points_are_joined_by_lines() {
        let points = vec![(10.0, 0.0), (20.0, 2.0), (40.0, 0.0)];
        let cumulative =
            Cumulative::new(&pattern(vec![IntensityPart::Points { weight: 1.0, points }]), Nanos::from_secs(100));
        assert_eq!(cumulative.at(Nanos::from_secs(10)), 0.0);
        assert!((cumulative.at(Nanos::from_secs(20)) - 10.0 / 30.0).abs() < 1e-12);
        assert!((cumulative.at(Nanos::from_secs(30)) - 25.0 / 30.0).abs() < 1e-12);
    }
}
