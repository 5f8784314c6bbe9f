//! What each figure shows, as plain data: rows of panels with axes, lines and marks. How it is drawn is the business of `chart`.
//!
//! Panels in one row share the vertical axis. A panel is a window of the festival (or a service), so the quiet days between
//! windows take no room; its time axis may be stretched towards the opening, where the minutes matter most.

mod axis;
mod brands;
mod gmv;
mod inventory;
mod lost;
mod orders;
mod presale;
mod published;
mod quantity;
mod services;
mod timeline;

pub use axis::{Axis, Scale, Tick};
pub(super) use lost::{cause, plain};
pub(super) use published::{Standing, words};
pub(super) use timeline::extent;

use crate::results::{Completion, Results, Summary};

/// Names of the figures, which are also the names of their files.
pub const NAMES: [&str; 7] = ["gmv", "brands", "inventory", "orders", PRESALE, "services", "lost"];

/// The figure that is there only where there are presales.
const PRESALE: &str = "presale";

/// The most windows that one figure shows side by side; of more, those with the largest GMV.
pub const MOST_PANELS: usize = 6;

/// Most points per panel across: twice the pixels of a panel that fills the picture.
const BUCKETS: usize = 1000;

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// Whose results, and how far to trust them (sample, interrupted).
    pub subtitle: String,
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// How to read it, below the rows.
    pub note: String,
}

/// Panels side by side that share a vertical axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The quantity and its unit.
    pub heading: String,
    /// Line samples explained beside the heading.
    pub keys: Vec<Key>,
    /// Height relative to the other rows.
    pub weight: f64,
    /// The shared vertical axis.
    pub y: Axis,
    /// Panels from left to right.
    pub panels: Vec<Panel>,
    /// Names written right of the last panel, at the height where their lines end.
    pub labels: Vec<Label>,
}

/// One plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// The window or service, above the plot.
    pub heading: String,
    /// The horizontal axis.
    pub x: Axis,
    /// Stretches of the horizontal axis that are shaded.
    pub shades: Vec<(f64, f64)>,
    /// Areas and lines, drawn in order.
    pub series: Vec<Series>,
    /// Annotated points.
    pub marks: Vec<Mark>,
    /// A sentence in the middle of a plot that has nothing to show; empty otherwise.
    pub vacant: String,
}

/// An area or line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its look.
    pub pen: Pen,
    /// Whether `points` are the corners of a filled area.
    pub filled: bool,
    /// Points in the units of the axes.
    pub points: Vec<(f64, f64)>,
}

/// A point with a few words.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where, in the units of the axes.
    pub at: (f64, f64),
    /// The words; may be empty.
    pub text: String,
    /// Colour of the dot; `None`: words without a dot.
    pub pen: Option<Pen>,
    /// Shape of the dot.
    pub shape: Shape,
    /// Where the words stand.
    pub side: Side,
}

/// What marks a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A dot.
    Dot,
    /// A square on its corner, a little larger.
    Diamond,
    /// A small dot, which leaves one below it visible.
    Speck,
}

/// Where the words of a mark stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To the right, at the same height.
    Right,
    /// To the right and above.
    AboveRight,
    /// To the left and above.
    AboveLeft,
    /// As near as they touch no other words or dots, with a thin line to the dot where that is not beside it.
    Free,
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The look that is explained.
    pub pen: Pen,
    /// What is shown of it.
    pub look: Look,
    /// What it stands for.
    pub text: String,
}

/// What a legend shows of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A piece of a line.
    Line,
    /// A piece of an area.
    Area,
    /// A dot.
    Dot,
    /// A square on its corner.
    Diamond,
}

/// A name right of the last panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Height at which the line ends, in the units of the vertical axis.
    pub y: f64,
    /// The look of the line.
    pub pen: Pen,
    /// The name.
    pub text: String,
}

/// The look of a line: colours that stay apart for the colour-blind and, with dash and luminance, in grey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pen {
    /// Red, green, blue.
    pub colour: (u8, u8, u8),
    /// Whether the line is interrupted, and how.
    pub dash: Dash,
    /// Whether the line is a thin one.
    pub thin: bool,
}

/// How a line is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// In dashes.
    Dashed,
    /// In dots.
    Dotted,
}

/// The colours of Okabe and Ito without yellow, which fades on white; neighbours differ in luminance.
const COLOURS: [(u8, u8, u8); 7] =
    [(0, 114, 178), (230, 159, 0), (0, 0, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0)];

impl Pen {
    /// The pen of the `i`-th of many lines: colour and dash change together, so 21 lines stay apart.
    #[must_use]
    pub fn nth(i: usize) -> Self {
        let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][i % 3];
        Pen { colour: COLOURS[i % COLOURS.len()], dash, thin: false }
    }

    /// The solid pen of the `i`-th colour.
    #[must_use]
    pub fn solid(i: usize) -> Self {
        Pen { colour: COLOURS[i % COLOURS.len()], dash: Dash::Solid, thin: false }
    }

    /// Thin and grey: for what only connects.
    #[must_use]
    pub fn grey() -> Self {
        Pen { colour: (110, 110, 110), dash: Dash::Solid, thin: true }
    }

    /// The same colour, thin and dashed.
    #[must_use]
    pub fn faint(self) -> Self {
        Pen { dash: Dash::Dashed, thin: true, ..self }
    }
}

/// Names of the figures that these results have.
pub fn names(results: &Results) -> impl Iterator<Item = &'static str> {
    let has_presales = !results.summary.presales.is_empty();
    NAMES.into_iter().filter(move |name| has_presales || *name != PRESALE)
}

/// The figure of this name, one of [`NAMES`].
///
/// # Panics
/// Where there is no such figure.
#[must_use]
pub fn figure(results: &Results, name: &str) -> Figure {
    match name {
        "gmv" => gmv::figure(results),
        "brands" => brands::figure(results),
        "inventory" => inventory::figure(results),
        "orders" => orders::figure(results),
        PRESALE => presale::figure(results),
        "services" => services::figure(results),
        "lost" => lost::figure(results),
        _ => panic!("no figure is called {name}"),
    }
}

/// The scenario's title and, where they hold, the warnings that belong on every page.
fn subtitle(summary: &Summary) -> String {
    let mut text = if summary.title.is_empty() { summary.name.clone() } else { summary.title.clone() };
    for warning in warnings(summary) {
        text.push_str(" · ");
        text.push_str(&warning);
    }
    text
}

/// What a reader must know before trusting a number: a sample, an interrupted run.
pub(super) fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    if summary.simulated_cells < summary.cells {
        warnings.push(format!("sample: {} of {} cells, scaled up", summary.simulated_cells, summary.cells));
    }
    if summary.completion == Completion::Interrupted {
        let clock = crate::clock::Clock::new(&summary.zone);
        warnings.push(format!("interrupted: played until {}", clock.stamp(summary.simulated_until_unix_ms)));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_one_pens_are_distinct() {
        for i in 0..21 {
            for j in 0..i {
                assert_ne!(Pen::nth(i), Pen::nth(j), "{i} and {j}");
            }
        }
    }
}
