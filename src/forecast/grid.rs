//! The slots of time over which a window's flow is averaged: seconds near the opening, minutes far from it, seconds again
//! wherever arrivals change quickly.

use crate::model::intensity::Cumulative;
use crate::units::Nanos;

/// One-second slots for this long after the opening, seconds.
const FINE_UNTIL: u64 = 3600;
/// Ten-second slots up to here, seconds.
const MIDDLE_UNTIL: u64 = 6 * 3600;
/// Longest slot, seconds.
const COARSE: u64 = 60;
/// A slot is halved while the arrivals of its halves differ by more than this share of their sum.
const STEEP: f64 = 0.05;
/// And only where it holds more than this share of the window's arrivals: a steep trickle needs no detail.
const TRICKLE: f64 = 1e-6;

/// The edges of the slots in whole seconds since the opening, from 0 to `length`. `arrivals` are those of the window's segments; `cuts`
/// are seconds at which the platform changes.
///
/// A spike narrower than a slot is found as long as it is not exactly in the middle of the slot.
pub(super) fn edges(length: u64, arrivals: &[&Cumulative], cuts: &[u64]) -> Vec<u64> {
    let mut edges = vec![0];
    let mut now = 0;
    while now < length {
        let step = match now {
            t if t < FINE_UNTIL => 1,
            t if t < MIDDLE_UNTIL => 10,
            _ => COARSE,
        };
        let next = (now + step).min(length);
        refine(now, next, arrivals, &mut edges);
        now = next;
    }
    edges.extend(cuts.iter().filter(|&&cut| cut < length));
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Pushes the edges in (from, until].
fn refine(from: u64, until: u64, arrivals: &[&Cumulative], edges: &mut Vec<u64>) {
    let middle = u64::midpoint(from, until);
    let steep = arrivals.iter().any(|cumulative| {
        let at = |t: u64| cumulative.at(Nanos::from_secs(t));
        let (left, right) = (at(middle) - at(from), at(until) - at(middle));
        // Halves of an odd number of seconds differ in length; compare rates.
        let (left_rate, right_rate) = (left / (middle - from).max(1) as f64, right / (until - middle).max(1) as f64);
        left + right > TRICKLE && (left_rate - right_rate).abs() > STEEP * (left_rate + right_rate)
    });
    if until - from > 1 && steep {
        refine(from, middle, arrivals, edges);
        refine(middle, until, arrivals, edges);
    } else {
        edges.push(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Intensity, IntensityPart};

    #[test]
    fn slots_are_fine_where_arrivals_jump() {
        let burst = IntensityPart::Burst {
            weight: 1.0,
            rise: Nanos(0),
            decay: Nanos::from_secs(30),
            after: Nanos::from_secs(8 * 3600 + 7),
        };
        let day = Nanos::from_secs(86_400);
        let cumulative = Cumulative::new(&Intensity { name: String::new(), parts: vec![burst] }, day);
        let edges = edges(86_400, &[&cumulative], &[50_001]);
        assert!(edges.is_sorted_by(|a, b| a < b));
        assert_eq!((edges[0], edges[edges.len() - 1]), (0, 86_400));
        let jump = edges.iter().position(|&t| t == 8 * 3600 + 7);
        assert!(jump.is_some(), "the jump is an edge");
        assert!(edges.contains(&50_001), "and so is what was asked for");
        assert!(edges.len() < 3600 + 1800 + 18 * 60 + 200, "{} edges", edges.len());
    }
}
