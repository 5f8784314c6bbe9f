//! What a target can measure: names, units, what each metric is of, and how it is put together from recorded slots.

use std::fmt;

/// A share of response times, in thousandths of a per cent, above zero and at most 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(pub u32);

impl Percentile {
    /// All response times: the percentile is the longest of them.
    pub const ALL: Percentile = Percentile(100_000);
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        let part = format!("{part:03}");
        match part.trim_end_matches('0') {
            "" => write!(f, "p{whole}"),
            part => write!(f, "p{whole}.{part}"),
        }
    }
}

/// What bounds and measurements of a metric are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A part of a whole; one is all of it.
    Share,
    /// Money, fen.
    Money,
    /// Things per second.
    Rate,
    /// A length of time, ns.
    Duration,
    /// A moment as the time since the opening of the window, ns; may never come.
    Moment,
}

/// The kinds of things that a metric can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The whole platform: a target that names no subject.
    Platform,
    /// A service.
    Service,
    /// A category of goods.
    Category,
    /// A named brand.
    Brand,
    /// A named product.
    Product,
}

impl Kind {
    /// The key of the target that names it; empty for the platform.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Kind::Platform => "",
            Kind::Service => "service",
            Kind::Category => "category",
            Kind::Brand => "brand",
            Kind::Product => "product",
        }
    }
}

/// How a metric comes about from what is recorded of each slot: a numerator and a denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The sum of the numerators.
    Sum,
    /// The sum of the numerators over the sum of the denominators.
    Mean,
    /// The largest ratio of a slot.
    Peak,
    /// The ratio of the last slot.
    Last,
    /// Not from slots.
    Whole,
}

/// For which stretches of time a metric is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// For any slot.
    Slots,
    /// For the whole run only.
    Run,
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $unit:ident, $fold:ident, $kinds:tt, $phrase:literal;)+) => {
        /// What is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $doc])+ $name,)+
            /// The response time within which a share of the answers of a service came, waiting included: the longest time of its
            /// bucket, so that it is too long by less than a hundredth and never too short; an hour at most. A request that was
            /// rejected, dropped or cancelled has no answer: a target on `rejected_share` or `timed_out_share` sees it.
            Response(Percentile),
        }

        /// All metrics but percentiles, in the order in which they are told.
        pub const METRICS: &[Metric] = &[$(Metric::$name,)+];

        impl Metric {
            /// The name in a scenario; percentiles have one each.
            #[must_use]
            pub fn name(self) -> String {
                match self {
                    $(Metric::$name => $text.to_owned(),)+
                    Metric::Response(Percentile::ALL) => "response_max".to_owned(),
                    Metric::Response(percentile) => percentile.to_string(),
                }
            }

            /// The metric of this name, percentiles excepted.
            #[must_use]
            pub(super) fn of_word(name: &str) -> Option<Metric> {
                match name {
                    $($text => Some(Metric::$name),)+
                    "response_max" => Some(Metric::Response(Percentile::ALL)),
                    _ => None,
                }
            }

            /// What bounds and measurements are in.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self {
                    $(Metric::$name => Unit::$unit,)+
                    Metric::Response(_) => Unit::Duration,
                }
            }

            /// How it is put together from slots.
            #[must_use]
            pub fn fold(self) -> Fold {
                match self {
                    $(Metric::$name => Fold::$fold,)+
                    Metric::Response(_) => Fold::Whole,
                }
            }

            /// What it can be of.
            #[must_use]
            pub fn kinds(self) -> &'static [Kind] {
                use Kind::{Brand, Category, Platform, Product, Service};
                match self {
                    $(Metric::$name => &$kinds,)+
                    Metric::Response(_) => &[Service],
                }
            }

            /// What it is, in words that "was" can follow.
            #[must_use]
            pub fn phrase(self) -> String {
                match self {
                    $(Metric::$name => $phrase.to_owned(),)+
                    Metric::Response(Percentile::ALL) => "the longest response time".to_owned(),
                    Metric::Response(percentile) => format!("the response time {percentile}"),
                }
            }
        }
    };
}

metrics! {
    /// Sessions begun.
    Sessions = "sessions", Count, Sum, [Platform], "the number of sessions";
    /// Sessions that a failure ended before they had a basket.
    TurnedAway = "sessions_turned_away", Count, Sum, [Platform], "the number of sessions turned away";
    /// The same as a share of all sessions begun.
    TurnedAwayShare = "turned_away_share", Share, Mean, [Platform], "the share of sessions turned away";
    /// Most sessions in flight at the end of a slot.
    InFlightPeak = "sessions_in_flight_peak", Count, Peak, [Platform], "the most sessions in flight";
    /// Purchase intents.
    Intents = "intents", Count, Sum, [Platform], "the number of purchase intents";
    /// Orders created.
    OrdersCreated = "orders_created", Count, Sum, [Platform], "the number of orders created";
    /// Orders paid.
    OrdersPaid = "orders_paid", Count, Sum, [Platform], "the number of orders paid";
    /// Most orders created in a slot, per second.
    OrdersPeak = "orders_per_second_peak", Rate, Peak, [Platform], "the peak of orders";
    /// Most orders paid in a slot, per second.
    PaymentsPeak = "payments_per_second_peak", Rate, Peak, [Platform], "the peak of payments";
    /// Money of all purchase intents.
    Demand = "demand", Money, Sum, [Platform], "demand";
    /// Money of orders created.
    GmvOrdered = "gmv_ordered", Money, Sum, [Platform, Brand], "GMV ordered";
    /// Money of orders paid.
    GmvPaid = "gmv_paid", Money, Sum, [Platform, Category, Brand, Product], "GMV paid";
    /// Money that stock, platform, bank or clock stopped; of a service: what its rejections and time-outs stopped.
    Lost = "lost", Money, Sum, [Platform, Service], "the money lost";
    /// The same as a share of demand.
    LostShare = "lost_share", Share, Mean, [Platform, Service], "the share of demand lost";
    /// Units paid for beyond those that were in stock: zero by construction, and measured all the same, unless payments are taken
    /// without asking for stock.
    Oversold = "oversold", Count, Whole, [Platform, Product], "the number of units oversold";
    /// SKUs with nothing left at the end of the slice.
    SkusSoldOut = "skus_sold_out", Count, Last, [Platform, Category, Brand], "the number of SKUs sold out";
    /// The same as a share of all SKUs.
    SoldOutShare = "sold_out_share", Share, Last, [Platform, Category, Brand], "the share of SKUs sold out";
    /// Units left at the end of the slice.
    UnitsLeft = "units_left", Count, Last, [Category, Product], "the number of units left";
    /// Units ordered.
    UnitsOrdered = "units_ordered", Count, Whole, [Brand, Product], "the number of units ordered";
    /// Units paid.
    UnitsPaid = "units_paid", Count, Whole, [Brand, Product], "the number of units paid";
    /// When nothing was left for the first time, to within a tick, since the opening of the window (or the first one).
    SoldOutAt = "sold_out_at", Moment, Whole, [Product], "the time until it was sold out";
    /// Brands that have been paid a million RMB or more by the end of the slice, since the start of the run.
    BrandsPast1M = "brands_past_1m", Count, Last, [Platform], "the number of brands past 1 M RMB";
    /// The same of 10 million RMB.
    BrandsPast10M = "brands_past_10m", Count, Last, [Platform], "the number of brands past 10 M RMB";
    /// The same of 100 million RMB.
    BrandsPast100M = "brands_past_100m", Count, Last, [Platform], "the number of brands past 100 M RMB";
    /// The same of a billion RMB.
    BrandsPast1Bn = "brands_past_1bn", Count, Last, [Platform], "the number of brands past 1 bn RMB";
    /// When it had been paid a million RMB, to within a tick, since the opening of the window (or the first one).
    Passed1MAt = "passed_1m_at", Moment, Whole, [Brand], "the time until it had been paid 1 M RMB";
    /// The same of 10 million RMB.
    Passed10MAt = "passed_10m_at", Moment, Whole, [Brand], "the time until it had been paid 10 M RMB";
    /// The same of 100 million RMB.
    Passed100MAt = "passed_100m_at", Moment, Whole, [Brand], "the time until it had been paid 100 M RMB";
    /// The same of a billion RMB.
    Passed1BnAt = "passed_1bn_at", Moment, Whole, [Brand], "the time until it had been paid 1 bn RMB";
    /// Mean wait of accepted requests.
    WaitMean = "wait_mean", Duration, Mean, [Service], "the mean wait";
    /// Share of worker time that is spent serving while a window is open.
    Utilisation = "utilisation", Share, Mean, [Service], "the utilisation";
    /// The same of the busiest slot.
    UtilisationPeak = "utilisation_peak", Share, Peak, [Service], "the highest utilisation";
    /// Work brought by all requests over what workers can do, in the worst slot.
    OfferedPeak = "offered_over_capacity_peak", Share, Peak, [Service], "the highest offered load over capacity";
    /// Requests offered, retries included.
    Requests = "requests", Count, Sum, [Service], "the number of requests";
    /// Most requests in a slot, per second.
    RequestsPeak = "requests_per_second_peak", Rate, Peak, [Service], "the peak of requests";
    /// Requests rejected.
    Rejected = "rejected", Count, Sum, [Service], "the number of requests rejected";
    /// The same as a share of all requests.
    RejectedShare = "rejected_share", Share, Mean, [Service], "the share of requests rejected";
    /// Requests whose client did not wait for the answer.
    TimedOut = "timed_out", Count, Sum, [Service], "the number of requests timed out";
    /// The same as a share of all requests.
    TimedOutShare = "timed_out_share", Share, Mean, [Service], "the share of requests timed out";
    /// Most requests waiting at once, over all cells.
    QueuePeak = "queue_peak", Count, Peak, [Service], "the longest queue";
    /// How long the service could not keep up.
    Saturated = "saturated", Duration, Sum, [Service], "the time in saturation";
    /// Cost of the instances while windows are open.
    Cost = "cost", Money, Whole, [Platform, Service], "the cost";
}

impl Metric {
    /// The metric of this name: a word, or `p` and a percentage above zero and below 100 with at most three decimals.
    #[must_use]
    pub fn named(name: &str) -> Option<Metric> {
        Metric::of_word(name).or_else(|| {
            let (whole, part) = name.strip_prefix('p').map(|number| number.split_once('.').unwrap_or((number, "")))?;
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(whole) || !digits(part) || !(1..=2).contains(&whole.len()) || part.len() > 3 {
                return None;
            }
            let thousandths: u32 = format!("{whole}{part:0<3}").parse().ok()?;
            (thousandths > 0 && !name.ends_with('.')).then_some(Metric::Response(Percentile(thousandths)))
        })
    }

    /// The mark that brands have to pass for it, as an index of the [marks](crate::engine::brands::MARKS).
    #[must_use]
    pub fn mark(self) -> Option<u8> {
        match self {
            Metric::BrandsPast1M | Metric::Passed1MAt => Some(0),
            Metric::BrandsPast10M | Metric::Passed10MAt => Some(1),
            Metric::BrandsPast100M | Metric::Passed100MAt => Some(2),
            Metric::BrandsPast1Bn | Metric::Passed1BnAt => Some(3),
            _ => None,
        }
    }

    /// Whether a service without servers has none of it.
    #[must_use]
    pub fn needs_servers(self) -> bool {
        matches!(
            self,
            Metric::Utilisation
                | Metric::UtilisationPeak
                | Metric::OfferedPeak
                | Metric::QueuePeak
                | Metric::Saturated
                | Metric::Cost
        )
    }

    /// For which stretches of time it is kept of such a thing.
    #[must_use]
    pub fn kept(self, kind: Kind) -> Kept {
        match (self, kind) {
            (Metric::UnitsLeft, _) => Kept::Slots,
            (Metric::Oversold | Metric::Cost, _) | (_, Kind::Brand | Kind::Product) => Kept::Run,
            _ => Kept::Slots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_metrics() {
        for &metric in METRICS {
            assert_eq!(Metric::named(&metric.name()), Some(metric));
            assert!(!metric.kinds().is_empty());
        }
        for name in ["p50", "p99.9", "p0.001", "p99.999", "p5", "response_max"] {
            assert_eq!(Metric::named(name).map(Metric::name).as_deref(), Some(name));
        }
        assert_eq!(Metric::named("p99.90"), Metric::named("p99.9"));
        for name in ["p", "p0", "p100", "p99.", "p.5", "p99.9999", "p-1", "p9x", "", "p0.000"] {
            assert_eq!(Metric::named(name), None, "{name}");
        }
    }
}
