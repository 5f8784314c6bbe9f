//! Livestreams compiled: who watches which, and what a room shows at a moment.

use super::sampler::Choice;
use crate::model::catalogue::{Catalogue, Sku};
use crate::plan::{self, Plan};
use crate::units::Nanos;

/// The livestreams of a run.
#[derive(Clone, Debug)]
pub struct Livestreams {
    all: Vec<Livestream>,
    /// By segment and window, where anybody watches anything.
    audiences: Vec<Vec<Option<Audience>>>,
}

/// What sessions of a segment watch in a window.
#[derive(Clone, Debug)]
struct Audience {
    /// The last alternative is nothing.
    choice: Choice,
    livestreams: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Livestream {
    /// Sorted by time.
    Slots(Vec<plan::Slot>),
    Rooms(plan::Rooms),
}

/// A livestream, and where in it: who watches has a room of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watching {
    /// Index of the livestream.
    pub livestream: usize,
    /// Decides on the room, uniform on [0, 1).
    pub room: f64,
}

/// What a room shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The product.
    pub sku: Sku,
    /// Probability that a line of a viewer's basket is of it.
    pub conversion: f64,
}

impl Livestreams {
    /// Compiles the livestreams of a plan; `None` where it has none.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Self> {
        if plan.livestreams.is_empty() {
            return None;
        }
        let all = plan.livestreams.iter().map(|livestream| match &livestream.shows {
            plan::Shows::Slots(slots) => Livestream::Slots(slots.clone()),
            plan::Shows::Rooms(rooms) => Livestream::Rooms(rooms.clone()),
        });
        let audience = |segment: usize, window: usize| {
            let watched = plan.livestreams.iter().enumerate();
            let (livestreams, mut shares): (Vec<usize>, Vec<f64>) = watched
                .filter(|(_, of)| of.window == window && of.audience[segment] > 0.0)
                .map(|(id, of)| (id, of.audience[segment]))
                .unzip();
            shares.push((1.0 - shares.iter().sum::<f64>()).max(0.0));
            (!livestreams.is_empty()).then(|| Audience { choice: Choice::new(&shares), livestreams })
        };
        let of_segment = |segment| (0..plan.windows.len()).map(|window| audience(segment, window)).collect();
        Some(Livestreams { all: all.collect(), audiences: (0..plan.segments.len()).map(of_segment).collect() })
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none at all is no `Livestreams`")]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether anybody of a segment watches anything in a window.
    #[must_use]
    #[inline]
    pub fn are_watched(&self, segment: usize, window: usize) -> bool {
        self.audiences[segment][window].is_some()
    }

    /// What a session of a segment watches, by two uniform draws.
    #[must_use]
    pub fn watched(&self, segment: usize, window: usize, u: f64, room: f64) -> Option<Watching> {
        let audience = self.audiences[segment][window].as_ref()?;
        let &livestream = audience.livestreams.get(audience.choice.pick(u))?;
        Some(Watching { livestream, room })
    }

    /// What is shown there so long after the opening of the window.
    #[must_use]
    pub fn shown(&self, watching: Watching, since: Nanos, catalogue: &Catalogue) -> Option<Shown> {
        match &self.all[watching.livestream] {
            Livestream::Slots(slots) => {
                let begun = slots.partition_point(|slot| slot.at <= since);
                let slot = slots[..begun].last().filter(|slot| since.0 < slot.at.0 + slot.lasts.0)?;
                Some(Shown { sku: slot.product as Sku, conversion: slot.conversion })
            }
            Livestream::Rooms(rooms) => {
                let rank = rooms.shown((watching.room * rooms.rooms as f64) as u64, since);
                Some(Shown { sku: catalogue.of_rank(rooms.category, rank), conversion: rooms.conversion })
            }
        }
    }
}
