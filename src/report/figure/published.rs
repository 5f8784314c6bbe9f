//! What was published, beside what was simulated: two dots, the way from one to the other, and the error in words.

use super::timeline::View;
use super::{Key, Look, Mark, Panel, Pen, Row, Series, Shape, Side};
use crate::number::{difference, digits};
use crate::results::{PublishedFigure, PublishedResult};

/// Most errors that are written side by side in the panels of a row; more could not be read.
const MOST_WORDS: usize = 36;

/// A published figure that lies in a panel.
pub(super) struct Known {
    /// When, in seconds since the opening, and how much. A peak whose time was not published stands at that of the run.
    pub(super) published: (f64, f64),
    /// The same of the run; `None` where it did not come so far.
    pub(super) simulated: Option<(f64, f64)>,
    /// How large the error is, relative to the published value.
    size: f64,
    /// The error in words; empty where there are too many to be read.
    text: String,
    standing: Standing,
}

/// How a run stands to a published figure. In this order they claim a place for their words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Standing {
    /// Off by more than the scenario allows.
    Off,
    /// Off by no more than that.
    Close,
    /// There is nothing to compare.
    Unknown,
}

impl Standing {
    pub(in crate::report) fn of(figure: &PublishedResult) -> Self {
        match figure.error {
            None => Standing::Unknown,
            Some(_) if figure.is_close() => Standing::Close,
            Some(_) => Standing::Off,
        }
    }

    /// The look of its dot.
    pub(in crate::report) fn pen(self) -> Pen {
        match self {
            Standing::Off => Pen::solid(6),
            Standing::Close => Pen::solid(4),
            Standing::Unknown => Pen::grey(),
        }
    }
}

/// The error in words, after a sign where the scenario allows less: `+2.5 %, 2 s late`, `! +6.7 %`.
pub(in crate::report) fn words(of: &PublishedResult) -> String {
    let Some(error) = of.error else { return "not played".to_owned() };
    let sign = if of.is_close() { "" } else { "! " };
    let late = match of.late_s().filter(|_| of.figure == PublishedFigure::PeakOrdersPerSecond) {
        Some(late) if late > 0.0 => format!(", {} s late", digits(late)),
        Some(late) if late < 0.0 => format!(", {} s early", digits(-late)),
        _ => String::new(),
    };
    format!("{sign}{}{late}", difference(error))
}

/// Published figures of some kinds that lie in a stretch of a window, in seconds since its opening.
pub(super) fn inside(
    view: &View<'_>,
    published: &[PublishedResult],
    kinds: &[PublishedFigure],
    from: f64,
    until: f64,
) -> Vec<Known> {
    let known = published.iter().filter(|figure| kinds.contains(&figure.figure)).filter_map(|figure| {
        let when = figure.at_unix_ms.or(figure.simulated_at_unix_ms)?;
        let simulated = figure.simulated.map(|value| {
            let at = figure.simulated_at_unix_ms.unwrap_or(when);
            (view.since_opening(at).clamp(from, until), value)
        });
        Some(Known {
            published: (view.since_opening(when), figure.published),
            simulated,
            size: figure.error.unwrap_or_default().abs(),
            text: words(figure),
            standing: Standing::of(figure),
        })
    });
    let mut known: Vec<Known> = known.filter(|known| (from..=until).contains(&known.published.0)).collect();
    known.sort_by(|a, b| a.standing.cmp(&b.standing).then(b.size.total_cmp(&a.size)));
    for known in known.iter_mut().skip(MOST_WORDS / view.panels()) {
        known.text.clear();
    }
    known.sort_by(|a, b| a.standing.cmp(&b.standing).then(a.published.0.total_cmp(&b.published.0)));
    known
}

/// The highest of published and simulated values.
pub(super) fn highest(known: &[Vec<Known>]) -> f64 {
    let values = known.iter().flatten().flat_map(|known| [known.published.1, known.simulated.map_or(0.0, |at| at.1)]);
    values.fold(0.0, f64::max)
}

/// Adds published figures to a panel: a dot each with the error of the run, and a line to the simulated point, which is a speck in the
/// colour of its curve.
pub(super) fn show(known: &[Known], simulated: Pen, panel: &mut Panel) {
    for known in known {
        let dot = |at, pen, shape| Mark { at, text: String::new(), pen: Some(pen), shape, side: Side::Free };
        let shape = if known.standing == Standing::Off { Shape::Diamond } else { Shape::Dot };
        let published = dot(known.published, known.standing.pen(), shape);
        panel.marks.push(Mark { text: known.text.clone(), ..published });
        if let Some(at) = known.simulated {
            // Below the curves.
            panel.series.insert(0, Series { pen: Pen::grey(), filled: false, points: vec![known.published, at] });
            panel.marks.push(dot(at, simulated, Shape::Speck));
        }
    }
}

/// What stands beside the lines of a row that shows published figures.
pub(super) fn keys(known: &[Vec<Known>]) -> Vec<Key> {
    let looks = [
        (Standing::Close, Look::Dot, "published, with the error of the run"),
        (Standing::Off, Look::Diamond, "! published, the run is off by more than it may"),
        (Standing::Unknown, Look::Dot, "published, not played"),
    ];
    let there = |standing| known.iter().flatten().any(|known| known.standing == standing);
    let shown = looks.into_iter().filter(|&(standing, _, _)| there(standing));
    shown.map(|(standing, look, text)| Key { pen: standing.pen(), look, text: text.to_owned() }).collect()
}

/// A sentence about errors that are not written; empty where all are.
pub(super) fn unwritten(rows: &[Row]) -> String {
    let marks = || {
        rows.iter()
            .flat_map(|row| &row.panels)
            .flat_map(|panel| &panel.marks)
            .filter(|mark| mark.side == Side::Free && mark.shape != Shape::Speck)
    };
    match marks().filter(|mark| mark.text.is_empty()).count() {
        0 => String::new(),
        unwritten => format!(
            " Written are the largest {} of {} errors; report.html has all.",
            marks().count() - unwritten,
            marks().count()
        ),
    }
}
