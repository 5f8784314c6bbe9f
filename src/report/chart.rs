//! Draws a [`Figure`] as SVG and PNG. With its children the only place that uses plotters.

mod annotate;
mod canvas;
mod layout;
mod lettering;
mod panel;

use super::ReportError;
use super::figure::{Figure, Key, Look, Row};
use canvas::{Canvas, Ink, Words};
use layout::{Frame, Layout};
use plotters::prelude::DrawingBackend;
use std::path::Path;

/// Width of every picture in logical pixels.
const WIDTH: f64 = 1200.0;

/// Space between the edge of the picture and its content.
const EDGE: f64 = 16.0;

/// Sizes of letters.
const TITLE: f64 = 24.0;
const SUBTITLE: f64 = 16.0;
const HEADING: f64 = 16.0;
const SMALL: f64 = 14.5;

/// Names further than this from the ends of their lines are not joined to them.
const FAR: f64 = 60.0;

/// Draws `figure` into `folder` as `name.svg` and `name.png`.
pub(super) fn draw(figure: &Figure, folder: &Path, name: &str) -> Result<(), ReportError> {
    let layout = Layout::of(figure);
    let vector = format!("{name}.svg");
    canvas::vector(&folder.join(&vector), layout.height, |canvas| sheet(canvas, figure, &layout))
        .map_err(|reason| ReportError::drawing(&vector, reason))?;
    let bitmap = format!("{name}.png");
    canvas::bitmap(&folder.join(&bitmap), layout.height, |canvas| sheet(canvas, figure, &layout))
        .map_err(|reason| ReportError::drawing(&bitmap, reason))
}

fn sheet<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, figure: &Figure, layout: &Layout) -> Result<(), String> {
    let room = WIDTH - 2.0 * EDGE;
    canvas.words(
        EDGE,
        34.0,
        &Words::new(&canvas::shorten(&figure.title, TITLE, true, room), TITLE, Ink::TEXT).bold(),
    )?;
    canvas.words(
        EDGE,
        58.0,
        &Words::new(&canvas::shorten(&figure.subtitle, SUBTITLE, false, room), SUBTITLE, Ink::QUIET),
    )?;
    canvas.words(EDGE, layout.height - 12.0, &Words::new(&figure.note, SMALL, Ink::QUIET))?;
    for (index, row) in figure.rows.iter().enumerate() {
        let place = &layout.rows[index];
        let before = index.checked_sub(1).map(|i| &figure.rows[i]);
        heading(canvas, row, before, place.heading)?;
        for (number, (plot, frame)) in row.panels.iter().zip(&place.frames).enumerate() {
            if place.panel_headings {
                let text = canvas::shorten(&plot.heading, SMALL, true, frame.width);
                canvas.words(frame.left, frame.top - 8.0, &Words::new(&text, SMALL, Ink::QUIET).bold())?;
            }
            panel::draw(canvas, plot, &row.y, *frame, panel::Labels { x: place.x_labels, y: number == 0 })?;
        }
        if let Some(frame) = place.frames.last() {
            end_labels(canvas, row, *frame)?;
        }
    }
    Ok(())
}

/// The quantity of a row, and its legend unless the row above has explained the same already.
fn heading<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    row: &Row,
    before: Option<&Row>,
    baseline: f64,
) -> Result<(), String> {
    canvas.words(EDGE, baseline, &Words::new(&row.heading, HEADING, Ink::TEXT).bold())?;
    if before.is_some_and(|before| before.keys == row.keys) {
        return Ok(());
    }
    let mut left = EDGE + canvas::width(&row.heading, HEADING, true) + 28.0;
    for key in &row.keys {
        left = legend_entry(canvas, key, left, baseline)?;
    }
    Ok(())
}

fn legend_entry<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    key: &Key,
    left: f64,
    baseline: f64,
) -> Result<f64, String> {
    let (sample, middle) = (28.0, baseline - 5.0);
    match key.look {
        Look::Line => canvas.line(&[(left, middle), (left + sample, middle)], key.pen)?,
        Look::Area => {
            let frame = Frame { left: left + 14.0, top: baseline - 12.0, width: 14.0, height: 13.0 };
            canvas.rectangle(frame, Ink::of(key.pen))?;
        }
        Look::Dot => canvas.dot((left + 20.0, middle), Ink::of(key.pen))?,
        Look::Diamond => canvas.diamond((left + 20.0, middle), Ink::of(key.pen))?,
    }
    canvas.words(left + sample + 6.0, baseline, &Words::new(&key.text, SMALL, Ink::TEXT))?;
    Ok(left + sample + 6.0 + canvas::width(&key.text, SMALL, false) + 20.0)
}

/// Names right of the last panel, pushed apart where lines end close together.
fn end_labels<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, row: &Row, frame: Frame) -> Result<(), String> {
    let wanted: Vec<f64> = row.labels.iter().map(|label| frame.y(&row.y, label.y)).collect();
    let heights = layout::apart(&wanted, layout::LINE, frame.top, frame.top + frame.height);
    let right = frame.left + frame.width;
    for ((label, from), to) in row.labels.iter().zip(wanted).zip(heights) {
        // Further away the sample of the line tells enough, and many such lines would be a fan.
        if (to - from).abs() <= FAR {
            canvas.rule((right + 3.0, from), (right + 14.0, to), Ink::QUIET)?;
        }
        canvas.line(&[(right + 14.0, to), (right + 36.0, to)], label.pen)?;
        canvas.words(right + 41.0, to + 5.0, &Words::new(&label.text, SMALL, Ink::TEXT))?;
    }
    Ok(())
}
