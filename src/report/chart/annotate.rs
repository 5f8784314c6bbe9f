//! Marks of a plot: dots, and words that keep out of each other's way.

use super::SMALL;
use super::canvas::{self, Canvas, Ink, Words};
use super::layout::Frame;
use crate::report::figure::{Axis, Mark, Panel, Shape, Side};
use plotters::prelude::DrawingBackend;

/// Half the width of a dot, and of a small one.
const DOT: f64 = 5.0;
const SPECK: f64 = 2.5;

/// How far words are moved from their dot at most, in steps.
const STEPS: u32 = 14;
/// Length of such a step.
const STEP: f64 = 13.0;
/// Directions in which they are moved.
const DIRECTIONS: u32 = 16;

/// Words further from their dot than this are joined to it by a line.
const BESIDE: f64 = 9.0;

/// What it costs to touch other words or dots: more than any distance.
const TOUCHING: f64 = 10_000.0;
/// What it costs to lie on the line between other words and their dot, or to be joined across other words.
const CROSSING: f64 = 300.0;
/// What it costs to stand nearer to another dot than to the own one.
const ASTRAY: f64 = 25.0;
/// What it costs to hide a piece of a curve.
const HIDING: f64 = 45.0;

/// How often words that stand badly are given another place, now that the others have theirs.
const ROUNDS: u32 = 3;

/// What is on the sheet already, in logical pixels.
#[derive(Default)]
struct Taken {
    /// Words that have a place of their own.
    words: Vec<Frame>,
    /// Dots.
    dots: Vec<Frame>,
    /// Small dots.
    specks: Vec<Frame>,
    /// Points along the curves.
    curves: Vec<(f64, f64)>,
}

/// Words that may stand where there is room.
#[derive(Clone, Copy)]
struct Loose {
    /// The dot that they belong to.
    dot: (f64, f64),
    width: f64,
    /// Where they stand so far.
    place: Option<Frame>,
}

/// Dots, then the words that have a place of their own, then those that take what is left, in the order of the panel.
pub(super) fn marks<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    y: &Axis,
    frame: Frame,
) -> Result<(), String> {
    let place = |at: (f64, f64)| (frame.x(&panel.x, at.0), frame.y(y, at.1));
    let mut taken = Taken::default();
    for (mark, pen) in panel.marks.iter().filter_map(|mark| Some((mark, mark.pen?))) {
        let at = place(mark.at);
        match mark.shape {
            Shape::Dot => canvas.dot(at, Ink::of(pen))?,
            Shape::Diamond => canvas.diamond(at, Ink::of(pen))?,
            Shape::Speck => canvas.speck(at, Ink::of(pen))?,
        }
        match mark.shape {
            Shape::Speck => taken.specks.push(Frame::around(at, SPECK)),
            Shape::Dot | Shape::Diamond => taken.dots.push(Frame::around(at, DOT)),
        }
    }
    let with_words = || panel.marks.iter().filter(|mark| !mark.text.is_empty());
    for mark in with_words().filter(|mark| mark.side != Side::Free) {
        let start = match mark.side {
            Side::Right => (9.0, 5.0),
            Side::AboveRight => (7.0, -7.0),
            Side::AboveLeft | Side::Free => (-4.0, -9.0),
        };
        let words = words_at(start, place(mark.at), canvas::width(&mark.text, SMALL, true), frame);
        taken.words.push(words);
        write(canvas, mark, words)?;
    }
    for series in panel.series.iter().filter(|series| !series.filled) {
        let points: Vec<(f64, f64)> = series.points.iter().map(|&at| place(at)).collect();
        taken.curves.extend(points.windows(2).flat_map(|pair| along(pair[0], pair[1])));
    }
    let free = || with_words().filter(|mark| mark.side == Side::Free);
    let loose = |mark: &Mark| Loose { dot: place(mark.at), width: canvas::width(&mark.text, SMALL, true), place: None };
    for (mark, words) in free().zip(taken.arrange(free().map(loose).collect(), frame)) {
        write(canvas, mark, words)?;
        let (from, to) = (place(mark.at), words.nearest(place(mark.at)));
        if distance(from, to) > BESIDE {
            // From the edge of the dot.
            let share = (DOT / distance(from, to)).min(1.0);
            let edge = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            canvas.rule(edge, to, Ink::QUIET)?;
        }
    }
    Ok(())
}

fn write<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, mark: &Mark, words: Frame) -> Result<(), String> {
    let ink = if mark.shape == Shape::Diamond { Ink::ALARM } else { Ink::TEXT };
    canvas.rectangle(words, Ink::HALO)?;
    canvas.words(words.left + 2.0, words.top + 12.0, &Words::new(&mark.text, SMALL, ink).bold())
}

/// The place of words whose base line begins, or ends where that is to the left, so far from a dot. Words stay inside the plot, whatever
/// the side asked for.
fn words_at(from: (f64, f64), dot: (f64, f64), width: f64, frame: Frame) -> Frame {
    let start = dot.0 + from.0 - if from.0 < 0.0 { width } else { 0.0 };
    let start = start.min(frame.left + frame.width - width).max(frame.left + 4.0);
    // A plot too low for words has them at its top.
    let baseline = (dot.1 + from.1).min(frame.top + frame.height - 5.0).max(frame.top + 12.0);
    Frame { left: start - 2.0, top: baseline - 12.0, width: width + 4.0, height: 16.0 }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Points along a line, so close that it touches hardly anything between two of them.
fn along(from: (f64, f64), to: (f64, f64)) -> impl Iterator<Item = (f64, f64)> {
    let pieces = (distance(from, to) / 2.0).ceil().clamp(1.0, 1000.0);
    (0..=pieces as u32).map(move |i| {
        let share = f64::from(i) / pieces;
        (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
    })
}

impl Taken {
    /// Places for words: near their dots, on nothing else. Words are never left out: where nothing is free, they take the place that
    /// hides least.
    fn arrange(&self, mut loose: Vec<Loose>, frame: Frame) -> Vec<Frame> {
        for _ in 0..ROUNDS {
            for i in 0..loose.len() {
                loose[i].place = Some(self.best_place(i, &loose, frame));
            }
        }
        loose.into_iter().filter_map(|words| words.place).collect()
    }

    fn best_place(&self, which: usize, loose: &[Loose], frame: Frame) -> Frame {
        let Loose { dot, width, place } = loose[which];
        let others: Vec<Loose> =
            loose.iter().enumerate().filter(|(i, _)| *i != which).map(|(_, other)| *other).collect();
        let mut best = (f64::INFINITY, place.unwrap_or_else(|| words_at((7.0, 17.0), dot, width, frame)));
        for words in candidates(dot, width, frame) {
            let cost = self.cost(dot, words, &others);
            // Where words stand is looked at last, so that points are counted for few.
            if cost < best.0 {
                let cost = cost + HIDING * self.curves.iter().filter(|&&at| words.holds(at)).take(2).count() as f64;
                if cost < best.0 {
                    best = (cost, words);
                }
            }
        }
        best.1
    }

    /// What a place costs, but for the curves that it hides.
    fn cost(&self, dot: (f64, f64), words: Frame, others: &[Loose]) -> f64 {
        let to = words.nearest(dot);
        let away = distance(dot, to);
        let placed = || others.iter().filter_map(|other| other.place);
        let there = || self.words.iter().chain(&self.dots).copied().chain(placed());
        let touched = there().chain(self.specks.iter().copied()).filter(|other| other.touches(&words)).count();
        // Dots that lie on this one are no obstacle to a line that begins there.
        let joined = |from: (f64, f64), to: (f64, f64), obstacle: &dyn Fn((f64, f64)) -> bool| {
            distance(from, to) > BESIDE && along(from, to).any(obstacle)
        };
        let under = |point| there().any(|other| other.holds(point) && !other.holds(dot));
        let over = |other: &Loose| {
            let Some(place) = other.place else { return false };
            joined(other.dot, place.nearest(other.dot), &|point| {
                words.holds(point) || (away > BESIDE && along(dot, to).any(|at| distance(at, point) < 4.0))
            })
        };
        let crossings = usize::from(joined(dot, to, &under)) + others.iter().filter(|other| over(other)).count();
        let nearer = |other: &Frame| {
            let middle = (other.left + DOT, other.top + DOT);
            middle != dot && distance(middle, words.nearest(middle)) < away + DOT
        };
        let astray = self.dots.iter().any(nearer);
        away + touched as f64 * TOUCHING + crossings as f64 * CROSSING + if astray { ASTRAY } else { 0.0 }
    }
}

/// Places around a dot, nearer ones first: below right, as most curves rise, then clockwise.
fn candidates(dot: (f64, f64), width: f64, frame: Frame) -> impl Iterator<Item = Frame> {
    let (wide, high) = (width + 4.0, 16.0);
    let places = (0..STEPS).flat_map(|step| (0..DIRECTIONS).map(move |direction| (step, direction)));
    places.filter_map(move |(step, direction)| {
        let angle = (f64::from(direction) + 2.0) * std::f64::consts::TAU / f64::from(DIRECTIONS);
        let room = DOT + 2.0 + STEP * f64::from(step);
        let middle = (dot.0 + angle.cos() * (room + wide / 2.0), dot.1 + angle.sin() * (room + high / 2.0));
        let words = Frame { left: middle.0 - wide / 2.0, top: middle.1 - high / 2.0, width: wide, height: high };
        words.within(frame)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(dots: impl IntoIterator<Item = (f64, f64)>, width: f64) -> Vec<Loose> {
        dots.into_iter().map(|dot| Loose { dot, width, place: None }).collect()
    }

    #[test]
    fn words_of_dots_in_a_heap_touch_neither_each_other_nor_a_dot() {
        let frame = Frame { left: 0.0, top: 0.0, width: 500.0, height: 170.0 };
        let dots = (0..10).map(|i| (20.0 + 4.0 * f64::from(i), 160.0 - 12.0 * f64::from(i)));
        let mut taken = Taken::default();
        taken.dots.extend(dots.clone().map(|dot| Frame::around(dot, DOT)));
        let places = taken.arrange(loose(dots, 48.0), frame);
        assert_eq!(places.len(), 10);
        for (i, words) in places.iter().enumerate() {
            assert!(!taken.dots.iter().chain(&places[..i]).any(|other| other.touches(words)), "{i}: {words:?}");
            assert!(words.within(frame).is_some(), "{i}: {words:?}");
        }
    }

    #[test]
    fn words_without_room_are_written_all_the_same() {
        let frame = Frame { left: 0.0, top: 0.0, width: 40.0, height: 10.0 };
        assert_eq!(Taken::default().arrange(loose([(20.0, 5.0), (21.0, 5.0)], 400.0), frame).len(), 2);
    }
}
