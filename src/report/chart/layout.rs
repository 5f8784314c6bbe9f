//! Where everything goes, in logical pixels.

use super::canvas;
use super::{EDGE, SMALL, WIDTH};
use crate::report::figure::{Axis, Figure, Row};

/// A rectangle in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    /// Whether two rectangles have a point in common.
    pub(super) fn touches(&self, other: &Frame) -> bool {
        let across = self.left < other.left + other.width && other.left < self.left + self.width;
        across && self.top < other.top + other.height && other.top < self.top + self.height
    }

    /// The square around a point.
    pub(super) fn around((left, top): (f64, f64), half: f64) -> Self {
        Frame { left: left - half, top: top - half, width: 2.0 * half, height: 2.0 * half }
    }

    /// Whether a point lies in it.
    pub(super) fn holds(&self, (left, top): (f64, f64)) -> bool {
        let across = (self.left..=self.left + self.width).contains(&left);
        across && (self.top..=self.top + self.height).contains(&top)
    }

    /// Its point that is nearest to another.
    pub(super) fn nearest(&self, (left, top): (f64, f64)) -> (f64, f64) {
        (left.max(self.left).min(self.left + self.width), top.max(self.top).min(self.top + self.height))
    }

    /// It itself, where it lies wholly in another.
    pub(super) fn within(self, other: Frame) -> Option<Frame> {
        let across = self.left >= other.left && self.left + self.width <= other.left + other.width;
        let down = self.top >= other.top && self.top + self.height <= other.top + other.height;
        (across && down).then_some(self)
    }

    /// The horizontal place of a value.
    pub(super) fn x(&self, axis: &Axis, value: f64) -> f64 {
        self.left + axis.place(value) * self.width
    }

    /// The vertical place of a value.
    pub(super) fn y(&self, axis: &Axis, value: f64) -> f64 {
        self.top + (1.0 - axis.place(value)) * self.height
    }
}

/// Where a figure's parts go.
pub(super) struct Layout {
    pub(super) height: f64,
    pub(super) rows: Vec<RowLayout>,
}

/// Where a row's parts go.
pub(super) struct RowLayout {
    /// Baseline of the heading.
    pub(super) heading: f64,
    pub(super) frames: Vec<Frame>,
    /// Whether the names of the panels are written; the row above may have said them.
    pub(super) panel_headings: bool,
    /// Whether the horizontal axis is labelled; the row below may do it.
    pub(super) x_labels: bool,
}

/// Height of title and subtitle, and of the note.
const HEAD: f64 = 72.0;
const FOOT: f64 = 34.0;

/// Height that all plots of a figure share, and what a row has at least on average.
const PLOTS: f64 = 430.0;
const ROW: f64 = 130.0;

/// Distance between names right of a row.
pub(super) const LINE: f64 = SMALL + 1.5;

/// Space between panels.
const GAP: f64 = 24.0;

impl Layout {
    pub(super) fn of(figure: &Figure) -> Self {
        let weights: f64 = figure.rows.iter().map(|row| row.weight).sum();
        let right = figure.rows.iter().map(label_room).fold(0.0, f64::max);
        let mut top = HEAD;
        let mut rows = Vec::new();
        for (index, row) in figure.rows.iter().enumerate() {
            let before = index.checked_sub(1).map(|i| &figure.rows[i]);
            let panel_headings = before.is_none_or(|before| !same(before, row, |panel| &panel.heading));
            let panel_headings = panel_headings && row.panels.iter().any(|panel| !panel.heading.is_empty());
            let x_labels = figure.rows.get(index + 1).is_none_or(|after| !same(after, row, |panel| &panel.x));
            let heading = top + 18.0;
            let plot_top = heading + if panel_headings { 34.0 } else { 12.0 };
            let plots = PLOTS.max(ROW * figure.rows.len() as f64);
            // All names right of a row have their place.
            let height = (plots * row.weight / weights.max(0.1)).max(LINE * row.labels.len() as f64);
            // Rows with as many panels are aligned on both sides.
            let peers = figure.rows.iter().filter(|peer| peer.panels.len() == row.panels.len());
            let left = EDGE + peers.map(tick_room).fold(0.0, f64::max) + 8.0;
            let frames = split(row.panels.len(), left, WIDTH - EDGE - right - left, plot_top, height);
            rows.push(RowLayout { heading, frames, panel_headings, x_labels });
            top = plot_top
                + height
                + if !x_labels {
                    8.0
                } else if dated(row) {
                    46.0
                } else {
                    32.0
                };
        }
        Layout { height: (top + FOOT).ceil(), rows }
    }
}

fn dated(row: &Row) -> bool {
    row.panels.iter().flat_map(|panel| &panel.x.ticks).any(|tick| !tick.below.is_empty())
}

fn same<T: PartialEq>(one: &Row, other: &Row, what: impl Fn(&crate::report::figure::Panel) -> &T) -> bool {
    one.panels.iter().map(&what).eq(other.panels.iter().map(&what))
}

/// Width of the names right of a row.
fn label_room(row: &Row) -> f64 {
    let widest = row.labels.iter().map(|label| canvas::width(&label.text, SMALL, false)).fold(0.0, f64::max);
    if row.labels.is_empty() { 6.0 } else { (widest + 46.0).min(WIDTH / 3.0) }
}

/// Width of the labels left of a row.
fn tick_room(row: &Row) -> f64 {
    let widths = row.y.ticks.iter().map(|tick| canvas::width(&tick.label, SMALL, false));
    widths.fold(16.0, f64::max).min(WIDTH / 3.0)
}

fn split(panels: usize, left: f64, room: f64, top: f64, height: f64) -> Vec<Frame> {
    let width = (room - GAP * panels.saturating_sub(1) as f64) / panels.max(1) as f64;
    (0..panels).map(|i| Frame { left: left + i as f64 * (width + GAP), top, width, height }).collect()
}

/// Heights as near to `wanted` as they can be at least `distance` apart between `top` and `bottom`; closer only where there is no
/// room for all.
pub(super) fn apart(wanted: &[f64], distance: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let gaps = wanted.len().saturating_sub(1).max(1) as f64;
    let distance = distance.min((bottom - top) / gaps);
    let mut heights = wanted.to_vec();
    let mut least = top;
    for &i in &order {
        heights[i] = heights[i].max(least);
        least = heights[i] + distance;
    }
    let mut most = bottom;
    for &i in order.iter().rev() {
        heights[i] = heights[i].min(most);
        most = heights[i] - distance;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pushed_apart_and_stay_inside() {
        assert_eq!(apart(&[50.0, 50.0, 52.0], 10.0, 0.0, 100.0), [50.0, 60.0, 70.0]);
        assert_eq!(apart(&[100.0, 100.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
        assert_eq!(apart(&[5.0, 5.0, 5.0], 80.0, 0.0, 100.0), [0.0, 50.0, 100.0]);
        assert!(apart(&[], 10.0, 0.0, 100.0).is_empty());
    }
}
