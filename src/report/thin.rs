//! Down-sampling that keeps every peak: per bucket the first, lowest, highest and last point, never a mean.

/// Thins points in order of time to at most four per bucket; `place` maps a time to 0..=1 across the picture.
///
/// Points that are not finite are dropped, because a drawing library may hang or panic on them.
pub(super) fn by_place(
    points: impl IntoIterator<Item = (f64, f64)>,
    buckets: usize,
    place: impl Fn(f64) -> f64,
) -> Vec<(f64, f64)> {
    let mut thinned = Vec::new();
    let mut bucket: Vec<(f64, f64)> = Vec::new();
    let mut current = usize::MAX;
    for point in points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let index = (place(point.0) * buckets as f64) as usize;
        if index != current {
            keep_extremes(&mut bucket, &mut thinned);
            current = index;
        }
        bucket.push(point);
    }
    keep_extremes(&mut bucket, &mut thinned);
    thinned
}

/// Moves the first, lowest, highest and last point of a bucket over, in order of time, each once.
fn keep_extremes(bucket: &mut Vec<(f64, f64)>, thinned: &mut Vec<(f64, f64)>) {
    let lowest = (0..bucket.len()).min_by(|&a, &b| bucket[a].1.total_cmp(&bucket[b].1));
    let highest = (0..bucket.len()).max_by(|&a, &b| bucket[a].1.total_cmp(&bucket[b].1));
    if let (Some(lowest), Some(highest)) = (lowest, highest) {
        let mut kept = [0, lowest, highest, bucket.len() - 1];
        kept.sort_unstable();
        let mut last = None;
        for index in kept {
            if last != Some(index) {
                thinned.push(bucket[index]);
            }
            last = Some(index);
        }
    }
    bucket.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_of_one_second_survives() {
        let points = (0..100_000).map(|i| (f64::from(i), if i == 54_321 { 9.0 } else { 1.0 }));
        let thin = by_place(points, 100, |x| x / 100_000.0);
        assert!(thin.len() <= 400);
        assert!(thin.contains(&(54_321.0, 9.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn what_is_not_finite_is_dropped() {
        let points = [(0.0, f64::NAN), (1.0, 2.0), (f64::INFINITY, 1.0)];
        assert_eq!(by_place(points, 10, |x| x), [(1.0, 2.0)]);
        assert_eq!(by_place([], 10, |x| x), []);
    }
}
