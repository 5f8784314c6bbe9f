//! One plot: grid, shades, areas, lines, marks, labels of its axes.

use super::SMALL;
use super::annotate;
use super::canvas::{self, Canvas, Ink, Words};
use super::layout::Frame;
use crate::report::figure::{Axis, Panel, Series};
use plotters::prelude::DrawingBackend;

/// Which axes of a panel are labelled.
#[derive(Clone, Copy)]
pub(super) struct Labels {
    pub(super) x: bool,
    pub(super) y: bool,
}

pub(super) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    y: &Axis,
    frame: Frame,
    labels: Labels,
) -> Result<(), String> {
    for &(from, to) in &panel.shades {
        let left = frame.x(&panel.x, from);
        // A short stretch stays visible.
        let width = (frame.x(&panel.x, to) - left).max(2.0);
        canvas.rectangle(Frame { left, width, ..frame }, Ink::SHADE)?;
    }
    if panel.vacant.is_empty() {
        grid(canvas, panel, y, frame)?;
    }
    for series in &panel.series {
        line_or_area(canvas, series, &panel.x, y, frame)?;
    }
    outline(canvas, frame)?;
    if labels.x {
        x_labels(canvas, &panel.x, frame)?;
    }
    if labels.y {
        for tick in &y.ticks {
            let text = canvas::shorten(&tick.label, SMALL, false, super::WIDTH / 3.0);
            canvas.words(frame.left - 8.0, frame.y(y, tick.at) + 5.0, &Words::new(&text, SMALL, Ink::QUIET).right())?;
        }
    }
    annotate::marks(canvas, panel, y, frame)?;
    if panel.vacant.is_empty() {
        return Ok(());
    }
    let (middle, height) = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0 + 5.0);
    canvas.words(middle, height, &Words::new(&panel.vacant, SMALL, Ink::QUIET).centred())
}

fn grid<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, panel: &Panel, y: &Axis, frame: Frame) -> Result<(), String> {
    for tick in &y.ticks {
        let height = frame.y(y, tick.at);
        canvas.rule((frame.left, height), (frame.left + frame.width, height), Ink::GRID)?;
    }
    for tick in &panel.x.ticks {
        let left = frame.x(&panel.x, tick.at);
        canvas.rule((left, frame.top), (left, frame.top + frame.height), Ink::GRID)?;
    }
    Ok(())
}

/// The opening at the left and the base line; the other two sides stay open.
fn outline<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, frame: Frame) -> Result<(), String> {
    let bottom = frame.top + frame.height;
    canvas.rule((frame.left, frame.top), (frame.left, bottom), Ink::QUIET)?;
    canvas.rule((frame.left, bottom), (frame.left + frame.width, bottom), Ink::QUIET)
}

fn line_or_area<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    series: &Series,
    x: &Axis,
    y: &Axis,
    frame: Frame,
) -> Result<(), String> {
    let points: Vec<(f64, f64)> = series.points.iter().map(|p| (frame.x(x, p.0), frame.y(y, p.1))).collect();
    if series.filled { canvas.area(&points, Ink::of(series.pen)) } else { canvas.line(&points, series.pen) }
}

/// Labels below the axis, left to right; one that would touch its neighbour is left out.
fn x_labels<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, x: &Axis, frame: Frame) -> Result<(), String> {
    let mut taken = [f64::NEG_INFINITY; 2];
    for tick in &x.ticks {
        let centre = frame.x(x, tick.at);
        for (line, text) in [&tick.label, &tick.below].into_iter().enumerate() {
            let half = canvas::width(text, SMALL, false) / 2.0;
            // Labels may stick out a little, but not as far as the next panel's.
            let middle = centre.min(frame.left + frame.width + 8.0 - half).max(frame.left - 8.0 + half);
            if text.is_empty() || middle - half < taken[line] + 7.0 {
                continue;
            }
            taken[line] = middle + half;
            let baseline = frame.top + frame.height + 18.0 + 16.0 * line as f64;
            canvas.words(middle, baseline, &Words::new(text, SMALL, Ink::QUIET).centred())?;
        }
    }
    Ok(())
}
