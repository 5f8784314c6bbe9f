//! Targets: what a run has to achieve, as a metric of something, a comparison and a bound.
//!
//! ```text
//! target   = metric comparison quantity              p99.9 < 800ms
//! comparison = "<" | "<=" | ">" | ">=" | "="
//! quantity = decimal [k|M|bn]                        counts, shares
//!          | decimal "%"                             shares
//!          | decimal [k|M|bn] "/s"                   rates
//!          | decimal [k|M|bn] "RMB"                  money
//!          | duration | HH:MM:SS                     times
//! ```
//!
//! Bounds and measurements are ratios of integers and compared as such: no rounding stands between a target and its verdict.

pub mod expression;
mod metric;

pub use expression::{Comparison, Expression};
pub use metric::{Fold, Kept, Kind, METRICS, Metric, Percentile, Unit};

use crate::plan::{CategoryId, Plan, ServiceId, WindowId};
use crate::units::Instant;
use std::cmp::Ordering;

/// Most targets of a plan.
pub const MAX_TARGETS: usize = 100;

/// A target of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Name in the scenario.
    pub name: String,
    /// What passes.
    pub expression: Expression,
    /// What it is measured on.
    pub subject: Subject,
    /// The stretch of time in which it is measured.
    pub slice: Slice,
}

/// What a target is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole platform.
    Platform,
    /// A service.
    Service(ServiceId),
    /// A category of goods.
    Category(CategoryId),
    /// A named brand.
    Brand(usize),
    /// A named product.
    Product(usize),
}

/// A stretch of time, from the start of a recorded slot to the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The window in which it lies; `None`: the whole run.
    pub window: Option<WindowId>,
    /// Start.
    pub from: Instant,
    /// End; at most the next opening, or the horizon.
    pub until: Instant,
    /// Whether it is only a part of the window and the time up to the next.
    pub is_part: bool,
}

/// Response times that are recorded for targets only: those of a service within a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResponseSlice {
    /// The service.
    pub service: ServiceId,
    /// Start of the slice.
    pub from: Instant,
    /// End of the slice.
    pub until: Instant,
}

impl ResponseSlice {
    /// Whether a recorded slot lies in it. Slices have their edges where slots have theirs.
    #[must_use]
    pub fn covers(&self, start: Instant, end: Instant) -> bool {
        self.from <= start && end <= self.until
    }
}

impl Subject {
    /// Its kind.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Subject::Platform => Kind::Platform,
            Subject::Service(_) => Kind::Service,
            Subject::Category(_) => Kind::Category,
            Subject::Brand(_) => Kind::Brand,
            Subject::Product(_) => Kind::Product,
        }
    }

    /// Its name in the scenario; `None`: the platform has none.
    #[must_use]
    pub fn name(self, plan: &Plan) -> Option<String> {
        let goods = plan.catalogue.as_ref();
        match self {
            Subject::Platform => None,
            Subject::Service(id) => plan.services.get(id).map(|of| of.name.clone()),
            Subject::Category(id) => goods.and_then(|goods| goods.categories.get(id)).map(|of| of.name.clone()),
            Subject::Brand(id) => goods.and_then(|goods| goods.named_brands.get(id)).map(|of| of.name.clone()),
            Subject::Product(id) => goods.and_then(|goods| goods.products.get(id)).map(|of| of.name.clone()),
        }
    }
}

impl Target {
    /// Response times that have to be recorded for this target alone; `None` where the record of windows has what is needed.
    #[must_use]
    pub fn response_slice(&self) -> Option<ResponseSlice> {
        match (self.expression.metric, self.subject, self.slice) {
            (Metric::Response(_), Subject::Service(service), Slice { from, until, is_part: true, .. }) => {
                Some(ResponseSlice { service, from, until })
            }
            _ => None,
        }
    }
}

/// What has to be recorded for the targets of a plan, each slice once, in order.
#[must_use]
pub fn response_slices(targets: &[Target]) -> Vec<ResponseSlice> {
    let mut slices: Vec<ResponseSlice> = targets.iter().filter_map(Target::response_slice).collect();
    slices.sort_unstable();
    slices.dedup();
    slices
}

/// Percentiles of response times that are recorded slot by slot for the targets of a plan, by service, each once and in order.
#[must_use]
pub fn response_percentiles(targets: &[Target]) -> Vec<(ServiceId, Percentile)> {
    let asked = |target: &Target| match (target.expression.metric, target.subject) {
        (Metric::Response(percentile), Subject::Service(service)) => Some((service, percentile)),
        _ => None,
    };
    let mut percentiles: Vec<_> = targets.iter().filter_map(asked).collect();
    percentiles.sort_unstable();
    percentiles.dedup();
    percentiles
}

/// A ratio of integers, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u128,
    /// Below the line; positive.
    pub denominator: u128,
}

impl Ratio {
    /// A whole number.
    #[must_use]
    pub fn whole(number: u128) -> Self {
        Ratio { numerator: number, denominator: 1 }
    }

    /// The ratio of two numbers; `None` where there is nothing to divide by.
    #[must_use]
    pub fn of(numerator: u128, denominator: u128) -> Option<Self> {
        (denominator > 0).then_some(Ratio { numerator, denominator })
    }

    /// The nearest floating-point number, to show.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// Which is larger. Exact: whole parts first, then what is left of each, as in the algorithm of Euclid.
    #[must_use]
    pub fn compare(self, other: Ratio) -> Ordering {
        let (mut a, mut b) = (self, other);
        let mut turned = false;
        loop {
            let whole = (a.numerator / a.denominator).cmp(&(b.numerator / b.denominator));
            let (rest_a, rest_b) = (a.numerator % a.denominator, b.numerator % b.denominator);
            let decided = match (whole, rest_a, rest_b) {
                (Ordering::Equal, 0, 0) => Some(Ordering::Equal),
                (Ordering::Equal, 0, _) => Some(Ordering::Less),
                (Ordering::Equal, _, 0) => Some(Ordering::Greater),
                (Ordering::Equal, _, _) => None,
                (unequal, _, _) => Some(unequal),
            };
            if let Some(ordering) = decided {
                return if turned { ordering.reverse() } else { ordering };
            }
            // Of two proper fractions the larger one has the smaller reciprocal.
            a = Ratio { numerator: a.denominator, denominator: rest_a };
            b = Ratio { numerator: b.denominator, denominator: rest_b };
            turned = !turned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ratios_compare_exactly_where_products_overflow() {
        let third = Ratio { numerator: u128::MAX / 3, denominator: u128::MAX };
        let less = Ratio { numerator: u128::MAX / 3 - 1, denominator: u128::MAX };
        assert_eq!(
            third.compare(Ratio { numerator: 1, denominator: 3 }),
            Ordering::Equal,
            "2^128 - 1 is divisible by 3"
        );
        assert_eq!(less.compare(third), Ordering::Less);
        assert_eq!(Ratio::whole(0).compare(Ratio { numerator: 0, denominator: 7 }), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn ratios_compare_as_their_cross_products(a in 0..1u64 << 40, b in 1..1u64 << 40, c in 0..1u64 << 40, d in 1..1u64 << 40) {
            let ratio = |n, d| Ratio { numerator: u128::from(n), denominator: u128::from(d) };
            let products = (u128::from(a) * u128::from(d)).cmp(&(u128::from(c) * u128::from(b)));
            prop_assert_eq!(ratio(a, b).compare(ratio(c, d)), products);
        }
    }
}
