//! A sheet in logical pixels, on plotters' SVG or bitmap back end.
//!
//! plotters counts whole units, so everything is drawn four times as large: an SVG is then scaled by its view box, a bitmap is
//! averaged down to twice its logical size, which smooths edges that plotters leaves jagged.

use super::layout::Frame;
use super::{WIDTH, lettering};
use crate::report::figure::{Dash, Pen};
use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, DrawingArea, DrawingBackend, IntoDrawingArea, PathElement, Polygon, RGBColor, Rectangle,
    SVGBackend, ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, RGBAColor, TextStyle};
use std::path::Path;

/// Units drawn per logical pixel.
const FINE: u32 = 4;

/// Units averaged into one pixel of a bitmap.
const SMOOTH: u32 = 2;

/// The fonts that an SVG names; a bitmap always has the bundled one.
const FAMILY: &str = "Noto Sans, DejaVu Sans, Helvetica, Arial, sans-serif";
/// What plotters divides a font size by before it writes it into an SVG.
const VECTOR_SIZE: f64 = 1.24;

/// A colour with transparency.
#[derive(Clone, Copy)]
pub(super) struct Ink(RGBColor, f64);

impl Ink {
    pub(super) const TEXT: Ink = Ink(RGBColor(26, 26, 26), 1.0);
    pub(super) const QUIET: Ink = Ink(RGBColor(85, 85, 85), 1.0);
    pub(super) const GRID: Ink = Ink(RGBColor(228, 228, 228), 1.0);
    pub(super) const SHADE: Ink = Ink(RGBColor(213, 94, 0), 0.18);
    pub(super) const ALARM: Ink = Ink(RGBColor(179, 74, 0), 1.0);
    pub(super) const HALO: Ink = Ink(RGBColor(255, 255, 255), 0.8);

    /// The colour of a pen.
    pub(super) fn of(pen: Pen) -> Self {
        Ink(RGBColor(pen.colour.0, pen.colour.1, pen.colour.2), 1.0)
    }

    fn mix(self) -> RGBAColor {
        self.0.mix(self.1)
    }
}

/// A line of text and its look.
pub(super) struct Words<'t> {
    text: &'t str,
    size: f64,
    bold: bool,
    ink: Ink,
    anchor: HPos,
}

impl<'t> Words<'t> {
    pub(super) fn new(text: &'t str, size: f64, ink: Ink) -> Self {
        Words { text, size, bold: false, ink, anchor: HPos::Left }
    }

    pub(super) fn bold(self) -> Self {
        Words { bold: true, ..self }
    }

    pub(super) fn centred(self) -> Self {
        Words { anchor: HPos::Center, ..self }
    }

    pub(super) fn right(self) -> Self {
        Words { anchor: HPos::Right, ..self }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vector,
    Bitmap,
}

/// A white sheet to draw on.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    kind: Kind,
}

/// Draws an SVG file.
pub(super) fn vector(
    path: &Path,
    height: f64,
    draw: impl FnOnce(&mut Canvas<'_, SVGBackend<'_>>) -> Result<(), String>,
) -> Result<(), String> {
    let (wide, high) = units(height);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (wide, high)).into_drawing_area();
        paint(&area, Kind::Vector, draw)?;
    }
    let plain = format!("<svg width=\"{wide}\" height=\"{high}\"");
    let scaled = format!("<svg width=\"{WIDTH}\" height=\"{height}\" stroke-linejoin=\"round\"");
    std::fs::write(path, text.replacen(&plain, &scaled, 1)).map_err(|e| e.to_string())
}

/// Draws a PNG file, twice its logical size.
pub(super) fn bitmap(
    path: &Path,
    height: f64,
    draw: impl FnOnce(&mut Canvas<'_, BitMapBackend<'_>>) -> Result<(), String>,
) -> Result<(), String> {
    let (wide, high) = units(height);
    let mut fine = vec![255u8; (wide * high * 3) as usize];
    paint(&BitMapBackend::with_buffer(&mut fine, (wide, high)).into_drawing_area(), Kind::Bitmap, draw)?;
    let (size, pixels) = averaged(&fine, wide, high);
    let mut file = BitMapBackend::new(path, size);
    file.blit_bitmap((0, 0), size, &pixels).map_err(|e| e.to_string())?;
    file.present().map_err(|e| e.to_string())
}

fn paint<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    kind: Kind,
    draw: impl FnOnce(&mut Canvas<'_, B>) -> Result<(), String>,
) -> Result<(), String> {
    if kind == Kind::Vector {
        area.fill(&RGBColor(255, 255, 255)).map_err(|e| e.to_string())?;
    }
    draw(&mut Canvas { area, kind })?;
    area.present().map_err(|e| e.to_string())
}

fn units(height: f64) -> (u32, u32) {
    (WIDTH as u32 * FINE, height as u32 * FINE)
}

/// Each pixel is the mean of a square of units.
fn averaged(fine: &[u8], wide: u32, high: u32) -> ((u32, u32), Vec<u8>) {
    let (columns, rows) = (wide / SMOOTH, high / SMOOTH);
    let stride = (wide * 3) as usize;
    let mut pixels = vec![0; (columns * rows * 3) as usize];
    let pairs = fine.chunks_exact(stride * SMOOTH as usize);
    for (row, pair) in pixels.chunks_exact_mut((columns * 3) as usize).zip(pairs) {
        let (upper, lower) = pair.split_at(stride);
        let of_pair = upper.chunks_exact(6).zip(lower.chunks_exact(6));
        for (pixel, (u, l)) in row.chunks_exact_mut(3).zip(of_pair) {
            for c in 0..3 {
                let sum = u16::from(u[c]) + u16::from(u[c + 3]) + u16::from(l[c]) + u16::from(l[c + 3]);
                pixel[c] = (sum / 4) as u8;
            }
        }
    }
    ((columns, rows), pixels)
}

/// Width of a line of text in logical pixels.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    lettering::width(text, size, bold)
}

/// A text cut to `room` logical pixels, with an ellipsis where it was cut; control characters are dropped.
pub(super) fn shorten(text: &str, size: f64, bold: bool, room: f64) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if width(&clean, size, bold) <= room {
        return clean;
    }
    let mut kept = clean;
    while kept.pop().is_some() && width(&format!("{kept}…"), size, bold) > room {}
    format!("{}…", kept.trim_end())
}

impl<B: DrawingBackend> Canvas<'_, B> {
    /// Writes a line of text; `left` is the place of its anchor.
    pub(super) fn words(&mut self, left: f64, baseline: f64, words: &Words<'_>) -> Result<(), String> {
        let text: String = words.text.chars().filter(|c| !c.is_control()).collect();
        if text.is_empty() {
            return Ok(());
        }
        match self.kind {
            Kind::Bitmap => self.letters(&text, unit((left, baseline)), words),
            Kind::Vector => self.text(text, (left, baseline), words),
        }
    }

    fn text(&mut self, text: String, (left, baseline): (f64, f64), words: &Words<'_>) -> Result<(), String> {
        let weight = if words.bold { FontStyle::Bold } else { FontStyle::Normal };
        let colour = words.ink.mix();
        let style = TextStyle::from((FAMILY, words.size * VECTOR_SIZE * f64::from(FINE), weight))
            .color(&colour)
            .pos(Pos::new(words.anchor, VPos::Top));
        // plotters hangs text 0.76 em below its place.
        self.put(&Text::new(text, unit((left, baseline - 0.76 * words.size)), style))
    }

    fn letters(&mut self, text: &str, (left, baseline): (i32, i32), words: &Words<'_>) -> Result<(), String> {
        let size = words.size * f64::from(FINE);
        let wide = lettering::width(text, size, words.bold);
        let start = left
            - match words.anchor {
                HPos::Left => 0,
                HPos::Center => (wide / 2.0) as i32,
                HPos::Right => wide as i32,
            };
        let (right, bottom) = self.area.dim_in_pixel();
        let mut outcome = Ok(());
        lettering::pixels(text, size, words.bold, |(x, y), coverage| {
            let place = (start + x, baseline + y);
            let inside = (0..right as i32).contains(&place.0) && (0..bottom as i32).contains(&place.1);
            if inside && outcome.is_ok() {
                let colour = words.ink.0.mix(words.ink.1 * f64::from(coverage));
                outcome = self.area.draw_pixel(place, &colour).map_err(|e| e.to_string());
            }
        });
        outcome
    }

    /// Draws a line with the width and dashes of a pen.
    pub(super) fn line(&mut self, points: &[(f64, f64)], pen: Pen) -> Result<(), String> {
        let broad = if pen.thin { 1.5 } else { 2.25 };
        let style =
            ShapeStyle { color: Ink::of(pen).mix(), filled: true, stroke_width: (broad * f64::from(FINE)) as u32 };
        for stretch in dashes(points, pen.dash) {
            self.stroke(&stretch, style)?;
        }
        Ok(())
    }

    /// Draws a thin straight line.
    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) -> Result<(), String> {
        let style = ShapeStyle { color: ink.mix(), filled: true, stroke_width: FINE };
        self.put(&PathElement::new([unit(from), unit(to)], style))
    }

    /// Fills a rectangle.
    pub(super) fn rectangle(&mut self, frame: Frame, ink: Ink) -> Result<(), String> {
        let corners = [unit((frame.left, frame.top)), unit((frame.left + frame.width, frame.top + frame.height))];
        self.put(&Rectangle::new(corners, ink.mix().filled()))
    }

    /// Fills an area.
    pub(super) fn area(&mut self, corners: &[(f64, f64)], ink: Ink) -> Result<(), String> {
        if corners.len() < 3 {
            return Ok(());
        }
        self.put(&Polygon::new(corners.iter().map(|&p| unit(p)).collect::<Vec<_>>(), ink.mix()))
    }

    /// Draws a dot with a white rim.
    pub(super) fn dot(&mut self, at: (f64, f64), ink: Ink) -> Result<(), String> {
        self.put(&Circle::new(unit(at), 6 * FINE as i32, Ink::HALO.mix().filled()))?;
        self.put(&Circle::new(unit(at), (9 * FINE / 2) as i32, ink.mix().filled()))
    }

    /// Draws a square on its corner with a white rim.
    pub(super) fn diamond(&mut self, (left, top): (f64, f64), ink: Ink) -> Result<(), String> {
        let corners = |half: f64| [(left - half, top), (left, top - half), (left + half, top), (left, top + half)];
        self.area(&corners(8.0), Ink::HALO)?;
        self.area(&corners(6.5), ink)
    }

    /// Draws a small dot.
    pub(super) fn speck(&mut self, at: (f64, f64), ink: Ink) -> Result<(), String> {
        self.put(&Circle::new(unit(at), 3 * FINE as i32, Ink::HALO.mix().filled()))?;
        self.put(&Circle::new(unit(at), 2 * FINE as i32, ink.mix().filled()))
    }

    fn stroke(&mut self, points: &[(f64, f64)], style: ShapeStyle) -> Result<(), String> {
        let units = without_crumbs(points.iter().map(|&p| unit(p)));
        if units.len() < 2 {
            return Ok(());
        }
        if self.kind == Kind::Vector {
            return self.put(&PathElement::new(units, style));
        }
        // The bitmap back end fills the outline of a whole path, which a zigzag turns inside out; segments with round joints
        // have no such outline.
        for pair in units.windows(2) {
            self.put(&PathElement::new([pair[0], pair[1]], style))?;
        }
        for corner in units.windows(3).filter(|corner| turns(corner)) {
            self.put(&Circle::new(corner[1], (style.stroke_width / 2) as i32, style))?;
        }
        Ok(())
    }

    fn put<'e, E>(&mut self, element: &'e E) -> Result<(), String>
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        E: plotters::element::Drawable<B>,
    {
        self.area.draw(element).map_err(|e| e.to_string())
    }
}

fn unit(point: (f64, f64)) -> (i32, i32) {
    let fine = f64::from(FINE);
    ((point.0 * fine).round() as i32, (point.1 * fine).round() as i32)
}

/// A path without the points that lie within half a logical pixel of the one before; the last is kept.
fn without_crumbs(points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let near = |a: (i32, i32), b: (i32, i32)| (a.0 - b.0).abs().max((a.1 - b.1).abs()) < (FINE / 2) as i32;
    let mut kept: Vec<(i32, i32)> = Vec::new();
    let mut last = None;
    for point in points {
        if kept.last().is_none_or(|&before| !near(before, point)) {
            kept.push(point);
        }
        last = Some(point);
    }
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    kept
}

/// Whether three points make a corner sharp enough to show a gap between two thick segments.
fn turns(corner: &[(i32, i32)]) -> bool {
    let (a, b) = (
        (corner[1].0 - corner[0].0, corner[1].1 - corner[0].1),
        (corner[2].0 - corner[1].0, corner[2].1 - corner[1].1),
    );
    let dot = f64::from(a.0) * f64::from(b.0) + f64::from(a.1) * f64::from(b.1);
    dot < 0.95 * f64::from(a.0).hypot(f64::from(a.1)) * f64::from(b.0).hypot(f64::from(b.1))
}

/// Cuts a line into its dashes.
fn dashes(points: &[(f64, f64)], dash: Dash) -> Vec<Vec<(f64, f64)>> {
    let pattern = match dash {
        Dash::Solid => return vec![points.to_vec()],
        Dash::Dashed => [8.0, 4.0],
        Dash::Dotted => [2.5, 3.0],
    };
    let mut stretches = Vec::new();
    let mut current: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut phase, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > left {
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            length -= left;
            if phase == 0 {
                current.push(from);
                stretches.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            phase = 1 - phase;
            left = pattern[phase];
        }
        left -= length;
        if phase == 0 {
            current.push(to);
        }
    }
    stretches.push(current);
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let stretches = dashes(&[(0.0, 0.0), (60.0, 0.0), (120.0, 0.0)], Dash::Dashed);
        let drawn: f64 = stretches.iter().filter(|s| s.len() > 1).map(|s| s[s.len() - 1].0 - s[0].0).sum();
        assert!((drawn - 80.0).abs() < 1.0, "{drawn}");
        assert_eq!(dashes(&[], Dash::Dotted), [Vec::new()]);
    }

    #[test]
    fn long_titles_are_cut_and_control_characters_dropped() {
        assert_eq!(shorten("short", 14.0, false, 500.0), "short");
        assert!(shorten(&"long ".repeat(100), 14.0, false, 200.0).ends_with('…'));
        assert_eq!(shorten("a\u{0}b", 14.0, false, 500.0), "ab");
    }
}
