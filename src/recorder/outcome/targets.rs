//! What was measured of each target, and whether it passes: ratios of integers, compared exactly.

use super::Outcome;
use crate::engine::brands::Passing;
use crate::model::catalogue::Sku;
use crate::plan::ServiceId;
use crate::recorder::Row;
use crate::recorder::response_times::ResponseTimes;
use crate::results::{BrandRow, ProductRow, Status, TargetResult, Verdict};
use crate::target::{Comparison, Expression, Fold, Kind, Metric, Percentile, Ratio, Subject, Target, Unit};
use crate::units::{Instant, Nanos};

/// Numerator and denominator of a metric in one slot, scaled up.
type Part = (u128, u128);

/// What was found of a target.
enum Found {
    /// A value.
    Value(Ratio),
    /// Nothing that could be measured.
    Nothing,
    /// A moment that did not come, or a load on no capacity: more than any bound.
    Boundless,
}

/// Whether the targets of a run were met.
pub(super) fn status(targets: &[TargetResult]) -> Status {
    let any = |verdict: Verdict| targets.iter().any(|target| target.verdict == verdict);
    match () {
        () if any(Verdict::Fail) => Status::Fail,
        () if any(Verdict::Undecided) => Status::Undecided,
        () if targets.is_empty() => Status::NoTargets,
        () => Status::Pass,
    }
}

fn is_response(target: &Target) -> bool {
    matches!(target.expression.metric, Metric::Response(_))
}

/// Whether it is more than any bound.
fn is_boundless((numerator, denominator): Part) -> bool {
    numerator > 0 && denominator == 0
}

/// SKUs with nothing left at the end of a slot, already weighted by those that they stand for.
fn sold_out(subject: Subject, row: &Row) -> u64 {
    match subject {
        Subject::Category(category) => row.categories[category].empty.unsigned_abs(),
        _ => row.categories.iter().map(|category| category.empty.unsigned_abs()).sum(),
    }
}

impl Outcome<'_> {
    /// Every target of the plan, measured.
    pub(super) fn targets(&self, brands: &[BrandRow], products: &[ProductRow]) -> Vec<TargetResult> {
        self.plan.targets.iter().map(|target| self.target(target, brands, products)).collect()
    }

    fn target(&self, target: &Target, brands: &[BrandRow], products: &[ProductRow]) -> TargetResult {
        let Target { expression, subject, slice, .. } = target;
        let rows: Vec<&Row> = self
            .recorder
            .rows
            .iter()
            .filter(|row| slice.from <= row.slot.start && row.slot.end <= slice.until)
            .collect();
        let found = match expression.metric.fold() {
            _ if matches!(subject, Subject::Brand(_) | Subject::Product(_))
                && expression.metric != Metric::UnitsLeft =>
            {
                self.goods(target, brands, products)
            }
            Fold::Whole => self.whole(target),
            fold => self.folded(target, &rows, fold),
        };
        let is_over = slice.until <= self.ending.until || self.is_known_early(target);
        let is_certain = expression.metric == Metric::Cost && Self::is_certain(expression, &found);
        let verdict = match &found {
            _ if !is_over && !is_certain => Verdict::Undecided,
            Found::Value(value) if expression.passes(*value) => Verdict::Pass,
            Found::Boundless if matches!(expression.comparison, Comparison::Above | Comparison::AtLeast) => {
                Verdict::Pass
            }
            _ => Verdict::Fail,
        };
        let (first_failed, is_at_latest) = match (verdict, &found) {
            (Verdict::Fail, Found::Value(_) | Found::Boundless) => self.first_failed(target, &rows),
            (Verdict::Fail, Found::Nothing) => {
                (self.first_failed(target, &rows).0.filter(|_| !is_response(target)), false)
            }
            _ => (None, false),
        };
        TargetResult {
            name: target.name.clone(),
            verdict,
            metric: expression.metric.name(),
            kind: Some(subject.kind().key().to_owned()).filter(|_| subject.kind() != Kind::Platform),
            subject: subject.name(self.plan),
            comparison: expression.comparison.sign().to_owned(),
            bound: expression.shown(expression.bound),
            measured: if let Found::Value(value) = found { Some(expression.shown(value)) } else { None },
            unit: expression.metric.unit().into(),
            window: slice.window.map(|window| self.plan.windows[window].name.clone()),
            is_part: slice.is_part,
            from_unix_ms: self.unix_ms(slice.from),
            until_unix_ms: self.unix_ms(slice.until),
            first_failed_unix_ms: first_failed.map(|at| self.unix_ms(at)),
            is_at_latest,
            is_so_far: !is_over && is_certain,
        }
    }

    /// Whether a target is decided before the run is over: what a plan costs is known before it is run, but where an autoscaler decides.
    fn is_known_early(&self, target: &Target) -> bool {
        let knows = |service: ServiceId| self.is_cost_known(service);
        target.expression.metric == Metric::Cost
            && match target.subject {
                Subject::Service(service) => knows(service),
                _ => self.cost_known_until() == Instant(u64::MAX),
            }
    }

    /// Whether nothing can change the verdict on a number that only grows.
    fn is_certain(expression: &Expression, found: &Found) -> bool {
        let Found::Value(value) = found else { return false };
        match expression.comparison {
            Comparison::Above | Comparison::AtLeast => expression.passes(*value),
            Comparison::Below | Comparison::AtMost => !expression.passes(*value),
            Comparison::Equal => value.compare(expression.bound).is_gt(),
        }
    }

    fn folded(&self, target: &Target, rows: &[&Row], fold: Fold) -> Found {
        let mut parts = rows.iter().map(|row| self.part(target, row));
        let ratio = |(numerator, denominator): Part| Ratio::of(numerator, denominator);
        if fold == Fold::Peak && parts.clone().any(is_boundless) {
            return Found::Boundless;
        }
        let value = match fold {
            Fold::Sum => Some(Ratio::whole(parts.map(|part| part.0).sum())),
            Fold::Mean => {
                ratio(Self::bounded(target, parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))))
            }
            Fold::Peak => parts.filter_map(ratio).max_by(|a, b| a.compare(*b)),
            Fold::Last | Fold::Whole => parts.next_back().and_then(ratio),
        };
        value.map_or(Found::Nothing, Found::Value)
    }

    /// A share of what began in a time: what ended in it may have begun before, and is no more than all of it.
    fn bounded(target: &Target, (numerator, denominator): Part) -> Part {
        let is_share = target.expression.metric.unit() == Unit::Share && target.expression.metric.fold() == Fold::Mean;
        (numerator, if is_share { denominator.max(numerator) } else { denominator })
    }

    /// A metric in one slot.
    fn part(&self, target: &Target, row: &Row) -> Part {
        let scale = u128::from(self.scale);
        let count = |n: u64| (u128::from(n) * scale, 1);
        let share = |n: u64, of: u64| (u128::from(n), u128::from(of));
        let nanos = u128::from((row.slot.end - row.slot.start).0);
        let rate = |n: u64| (u128::from(n) * scale * u128::from(Nanos::PER_SECOND), nanos);
        if let Subject::Service(service) = target.subject {
            return self.part_of_service(target.expression.metric, service, row);
        }
        match target.expression.metric {
            Metric::Sessions => count(row.begun),
            Metric::TurnedAway => count(row.turned_away),
            Metric::TurnedAwayShare => share(row.turned_away, row.begun),
            Metric::InFlightPeak => count(row.in_flight),
            Metric::Intents => count(row.demand.lines),
            Metric::OrdersCreated => count(row.ordered.lines),
            Metric::OrdersPaid => count(row.paid.lines),
            Metric::OrdersPeak => rate(row.ordered.lines),
            Metric::PaymentsPeak => rate(row.paid.lines),
            Metric::Demand => count(row.demand.fen),
            Metric::GmvOrdered => count(row.ordered.fen),
            Metric::GmvPaid => match target.subject {
                Subject::Category(category) => count(row.categories[category].paid_fen),
                _ => count(row.paid.fen),
            },
            Metric::Lost => count(self.lost_fen(row)),
            Metric::LostShare => share(self.lost_fen(row), row.demand.fen),
            Metric::BrandsPast1M | Metric::BrandsPast10M | Metric::BrandsPast100M | Metric::BrandsPast1Bn => {
                let mark = target.expression.metric.mark().expect("it is about one");
                (u128::from(self.brands_past(mark, row.slot.end)), 1)
            }
            Metric::SkusSoldOut => (u128::from(sold_out(target.subject, row)), 1),
            Metric::SoldOutShare => share(sold_out(target.subject, row), self.skus(target.subject)),
            Metric::UnitsLeft => match target.subject {
                Subject::Category(category) => count(row.categories[category].left.unsigned_abs()),
                Subject::Product(product) => count(u64::from(row.products_left[product])),
                _ => (0, 0),
            },
            _ => (0, 0),
        }
    }

    fn part_of_service(&self, metric: Metric, service: ServiceId, row: &Row) -> Part {
        let (of, scale) = (&row.services[service], u128::from(self.scale));
        let count = |n: u64| (u128::from(n) * scale, 1);
        let share = |n: u64, of: u64| (u128::from(n), u128::from(of));
        let nanos = u128::from((row.slot.end - row.slot.start).0);
        let capacity = self.capacity_ns(service, row);
        let closes = self.plan.windows[row.slot.window].closes;
        match metric {
            Metric::Lost => (u128::from(self.lost_at(service, row)), 1),
            Metric::LostShare => (u128::from(self.lost_at(service, row)), u128::from(row.demand.fen) * scale),
            Metric::WaitMean => (of.waited_ns, u128::from(of.answered)),
            // Idle hours between windows would make any plan look good.
            Metric::Utilisation if row.slot.start >= closes => (0, 0),
            Metric::Utilisation | Metric::UtilisationPeak => (of.reading.busy, capacity),
            Metric::OfferedPeak => self.offered(service, row),
            Metric::Requests => count(of.requests),
            Metric::RequestsPeak => (u128::from(of.requests) * scale * u128::from(Nanos::PER_SECOND), nanos),
            Metric::Rejected => count(of.rejected),
            Metric::RejectedShare => share(of.rejected, of.requests),
            Metric::TimedOut => count(of.timed_out),
            Metric::TimedOutShare => share(of.timed_out, of.requests),
            Metric::QueuePeak => count(of.reading.longest_queue),
            Metric::Saturated => (if self.is_saturated(service, row) { nanos } else { 0 }, 1),
            Metric::Response(_) if of.answered == 0 => (0, 0),
            Metric::Response(percentile) => match self.percentile_of(percentile, service, row) {
                Some(us) => (u128::from(us) * 1000, 1),
                // In the past of a scenario with other targets only two percentiles are kept.
                None if percentile.0 >= 99_000 => (u128::from(of.response_us_p99) * 1000, 1),
                None if percentile.0 >= 50_000 => (u128::from(of.response_us_p50) * 1000, 1),
                None => (0, 0),
            },
            _ => (0, 0),
        }
    }

    /// A percentile of the response times of a slot, µs, where it was recorded.
    fn percentile_of(&self, percentile: Percentile, service: ServiceId, row: &Row) -> Option<u64> {
        let place = self.model.percentiles.iter().position(|&of| of == (service, percentile))?;
        row.percentiles_us[place]
    }

    fn skus(&self, subject: Subject) -> u64 {
        let Some(goods) = &self.plan.catalogue else { return 0 };
        match subject {
            Subject::Category(category) => {
                let named = goods.products.iter().filter(|product| product.category == category).count();
                goods.categories[category].skus + named as u64
            }
            _ => goods.skus + goods.products.len() as u64,
        }
    }

    /// What is not put together from slots.
    fn whole(&self, target: &Target) -> Found {
        let value = match (target.expression.metric, target.subject) {
            (Metric::Response(percentile), Subject::Service(service)) => {
                self.responses(target, service).percentile(percentile).map(|us| Ratio::whole(u128::from(us) * 1000))
            }
            (Metric::Cost, Subject::Service(service)) => {
                self.cost_of(service).map(|cost| Ratio::whole(u128::from(cost.0)))
            }
            (Metric::Cost, _) => self.total_cost().map(|cost| Ratio::whole(u128::from(cost.0))),
            (Metric::Oversold, _) => {
                Some(Ratio::whole((0..self.stock.skus()).map(|sku| self.units_oversold(sku)).sum()))
            }
            _ => None,
        };
        value.map_or(Found::Nothing, Found::Value)
    }

    /// Response times of a service in the slice of a target.
    fn responses(&self, target: &Target, service: ServiceId) -> ResponseTimes {
        let mut all = ResponseTimes::default();
        if let Some(wanted) = target.response_slice() {
            let slices = self.recorder.slices.iter().filter(|(slice, _)| *slice == wanted);
            slices.for_each(|(_, times)| times.add_to(&mut all));
            return all;
        }
        for (window, services) in self.recorder.responses_us.iter().enumerate() {
            if target.slice.window.is_none_or(|only| only == window) {
                services[service].add_to(&mut all);
            }
        }
        all
    }

    /// Units of a SKU that were paid for when nothing was left, and any that are paid or held beyond those that were in stock.
    fn units_oversold(&self, sku: Sku) -> u128 {
        let start = self.model.catalogue.as_ref().map_or(0, |catalogue| u64::from(catalogue.stock_at_start(sku)));
        let held = &self.ending.held[self.ending.held.partition_point(|&(of, _)| of < sku)..];
        let held: u64 = held.iter().take_while(|&&(of, _)| of == sku).map(|&(_, units)| u64::from(units)).sum();
        let stock = self.stock.of(sku);
        let came_in = start + u64::from(stock.restocked);
        let beyond = (u64::from(stock.paid) + held).saturating_sub(came_in);
        u128::from(beyond + u64::from(self.stock.oversold(sku))) * u128::from(self.scale)
    }

    /// What is known of brands and products at the end of the run.
    fn goods(&self, target: &Target, brands: &[BrandRow], products: &[ProductRow]) -> Found {
        let count = |n: u64| Found::Value(Ratio::whole(u128::from(n)));
        let metric = target.expression.metric;
        if let Subject::Product(product) = target.subject {
            let row = &products[product];
            return match metric {
                Metric::GmvPaid => count(row.gmv_paid_fen),
                Metric::UnitsOrdered => count(row.units_ordered),
                Metric::UnitsPaid => count(row.units_paid),
                Metric::Oversold => Found::Value(Ratio::whole(self.units_oversold(product as Sku))),
                Metric::SoldOutAt => self.sold_out_at(product as Sku, target.slice.from),
                _ => Found::Nothing,
            };
        }
        let name = target.subject.name(self.plan);
        let Some(row) = brands.iter().find(|row| Some(&row.brand) == name.as_ref()) else { return Found::Nothing };
        match metric {
            Metric::GmvOrdered => count(row.gmv_ordered_fen),
            Metric::GmvPaid => count(row.gmv_paid_fen),
            Metric::UnitsOrdered => count(row.units_ordered),
            Metric::UnitsPaid => count(row.units_paid),
            Metric::SkusSoldOut => count(row.skus_sold_out),
            Metric::SoldOutShare => {
                let share = Ratio::of(u128::from(row.skus_sold_out), u128::from(row.skus));
                share.map_or(Found::Nothing, Found::Value)
            }
            _ => self.passed_at(target),
        }
    }

    /// Brands that had passed a mark by the end of a tick. They are never scaled up: a sample has the brands of its own products.
    pub(super) fn brands_past(&self, mark: u8, end: Instant) -> u64 {
        self.passed_at[usize::from(mark)].partition_point(|&at| at <= end) as u64
    }

    /// The time from an opening until a brand had passed a mark; zero where that was before it.
    fn passed_at(&self, target: &Target) -> Found {
        let Some(mark) = target.expression.metric.mark() else { return Found::Nothing };
        let Subject::Brand(brand) = target.subject else { return Found::Nothing };
        let of_brand = |passing: &&Passing| passing.brand as usize == brand && passing.mark == mark;
        let passing = self.stock.brands().passings().iter().find(of_brand);
        let since = |passing: &Passing| Found::Value(Ratio::whole(u128::from((passing.at - target.slice.from).0)));
        passing.map_or(Found::Boundless, since)
    }

    /// The time from an opening until nothing was left; zero where that was before it.
    fn sold_out_at(&self, sku: Sku, opens: Instant) -> Found {
        self.stock
            .sold_out_at(sku)
            .map_or(Found::Boundless, |at| Found::Value(Ratio::whole(u128::from((at - opens).0))))
    }

    /// The first slot that shows why a target was missed, as [`TargetResult::first_failed_unix_ms`] says; and whether an earlier one may
    /// have.
    fn first_failed(&self, target: &Target, rows: &[&Row]) -> (Option<Instant>, bool) {
        let first = self.first_row_to_fail(target, rows);
        let (Metric::Response(percentile), Subject::Service(service)) = (target.expression.metric, target.subject)
        else {
            return (first, false);
        };
        // The median and the p99 are known of every row.
        let is_kept = matches!(percentile, Percentile(50_000 | 99_000));
        let is_recorded = |row: &&Row| {
            is_kept || row.services[service].answered == 0 || self.percentile_of(percentile, service, row).is_some()
        };
        if !target.expression.comparison.bounds_above() || rows.iter().all(is_recorded) {
            return (first, false);
        }
        (first.or(rows.last().map(|row| row.slot.start)), true)
    }

    fn first_row_to_fail(&self, target: &Target, rows: &[&Row]) -> Option<Instant> {
        let Expression { metric, comparison, bound } = target.expression;
        let too_much = |value: Ratio| match comparison {
            Comparison::Below => value.compare(bound).is_ge(),
            _ => value.compare(bound).is_gt(),
        };
        let can_be_too_much = comparison.bounds_above() || comparison == Comparison::Equal;
        let ratio = |row: &Row| {
            let (numerator, denominator) = Self::bounded(target, self.part(target, row));
            Ratio::of(numerator, denominator)
        };
        let of_goods = matches!(target.subject, Subject::Brand(_) | Subject::Product(_));
        let first = match metric.fold() {
            Fold::Last if !of_goods || metric == Metric::UnitsLeft => {
                rows.iter().find(|row| ratio(row).is_some_and(|value| !target.expression.passes(value)))
            }
            _ if of_goods || !can_be_too_much => None,
            Fold::Sum => {
                let mut sum = 0;
                rows.iter().find(|row| {
                    sum += self.part(target, row).0;
                    too_much(Ratio::whole(sum))
                })
            }
            Fold::Whole if !matches!(metric, Metric::Response(_)) => None,
            _ => rows.iter().find(|row| {
                is_boundless(Self::bounded(target, self.part(target, row))) || ratio(row).is_some_and(too_much)
            }),
        };
        first.map(|row| row.slot.start)
    }
}
