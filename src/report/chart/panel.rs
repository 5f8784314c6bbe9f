//! One plot: grid, shades, areas, lines, marks, labels of its axes.

use super::SMALL;
use super::canvas::{self, Canvas, Ink, Words};
use super::layout::Frame;
use crate::report::figure::{Axis, Mark, Panel, Series, Side};
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
    annotate(canvas, &panel.marks, &panel.x, y, frame)?;
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

/// Dots, then the words that have a place of their own, then those that take what is left.
fn annotate<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    marks: &[Mark],
    x: &Axis,
    y: &Axis,
    frame: Frame,
) -> Result<(), String> {
    let place = |mark: &Mark| (frame.x(x, mark.at.0), frame.y(y, mark.at.1));
    let mut taken = Vec::new();
    for (mark, pen) in marks.iter().filter_map(|mark| Some((mark, mark.pen?))) {
        let (left, height) = place(mark);
        canvas.dot((left, height), Ink::of(pen))?;
        taken.push(Frame { left: left - DOT, top: height - DOT, width: 2.0 * DOT, height: 2.0 * DOT });
    }
    let with_words = || marks.iter().filter(|mark| !mark.text.is_empty());
    let fixed = with_words().filter(|mark| mark.side != Side::Free);
    for mark in fixed.chain(with_words().filter(|mark| mark.side == Side::Free)) {
        let width = canvas::width(&mark.text, SMALL, true);
        let words = match mark.side {
            Side::Free => {
                let around = AROUND.iter().map(|&corner| words_at(corner, place(mark), width, frame));
                around.into_iter().find(|words| taken.iter().all(|other| !words.touches(other)))
            }
            Side::Right => Some(words_at((9.0, 5.0), place(mark), width, frame)),
            Side::AboveRight => Some(words_at((7.0, -7.0), place(mark), width, frame)),
            Side::AboveLeft => Some(words_at((-4.0, -9.0), place(mark), width, frame)),
        };
        let Some(words) = words else { continue };
        taken.push(words);
        canvas.rectangle(words, Ink::HALO)?;
        canvas.words(words.left + 2.0, words.top + 12.0, &Words::new(&mark.text, SMALL, Ink::TEXT).bold())?;
    }
    Ok(())
}

/// Half the width of a dot.
const DOT: f64 = 4.0;

/// Where words that are free may stand, from the dot: below right, as most curves rise, and then around it.
const AROUND: [(f64, f64); 6] = [(7.0, 17.0), (-5.0, -9.0), (9.0, 5.0), (7.0, -7.0), (-9.0, 5.0), (-5.0, 17.0)];

/// The place of words whose base line begins, or ends where that is to the left, so far from a dot. Words stay inside the plot, whatever
/// the side asked for.
fn words_at(from: (f64, f64), dot: (f64, f64), width: f64, frame: Frame) -> Frame {
    let start = dot.0 + from.0 - if from.0 < 0.0 { width } else { 0.0 };
    let start = start.min(frame.left + frame.width - width).max(frame.left + 4.0);
    let baseline = (dot.1 + from.1).clamp(frame.top + 12.0, frame.top + frame.height - 5.0);
    Frame { left: start - 2.0, top: baseline - 12.0, width: width + 4.0, height: 16.0 }
}
