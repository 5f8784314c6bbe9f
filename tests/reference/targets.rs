//! Targets from the lists of facts and requests: every number of a row is looked up for itself, percentiles are places in a sorted
//! list of response times.

use super::{Simulator, load::Load};
use crate::record::{Request, What};
use crate::session::Fate;
use saleload::results::{Status, TargetResult, TargetUnit, Verdict};
use saleload::target::{Metric, Subject, Target};

/// A fraction of integers; over zero: there is none.
type Fraction = (u128, u128);

/// The numbers of a target in its rows, and how they make one.
struct Rows {
    numbers: Vec<Fraction>,
    start_ms: Vec<i64>,
}

/// By its name: what is in the end, a peak, a mean or share, or else a sum.
enum Way {
    Last,
    Highest,
    Mean,
    Sum,
}

fn way(name: &str) -> Way {
    match name {
        name if name.starts_with("brands_past") => Way::Last,
        name if name.ends_with("_peak") => Way::Highest,
        name if name.ends_with("_share") || name.ends_with("_mean") => Way::Mean,
        _ => Way::Sum,
    }
}

fn is_below((a, b): Fraction, (c, d): Fraction) -> bool {
    a * d < c * b
}

fn holds(sign: &str, value: Fraction, bound: Fraction) -> bool {
    match sign {
        "<" => is_below(value, bound),
        "<=" => !is_below(bound, value),
        ">" => is_below(bound, value),
        ">=" => !is_below(value, bound),
        _ => !is_below(value, bound) && !is_below(bound, value),
    }
}

fn service_of(target: &Target) -> Option<usize> {
    match target.subject {
        Subject::Service(service) => Some(service),
        _ => None,
    }
}

impl Simulator<'_> {
    pub(super) fn status(&self) -> Status {
        let verdicts: Vec<Verdict> = self.targets().iter().map(|target| target.verdict).collect();
        if verdicts.contains(&Verdict::Fail) {
            Status::Fail
        } else if verdicts.contains(&Verdict::Undecided) {
            Status::Undecided
        } else if verdicts.is_empty() {
            Status::NoTargets
        } else {
            Status::Pass
        }
    }

    pub(super) fn targets(&self) -> Vec<TargetResult> {
        self.plan.targets.iter().map(|target| self.target(target)).collect()
    }

    fn target(&self, target: &Target) -> TargetResult {
        let (name, sign) = (target.expression.metric.name(), target.expression.comparison.sign());
        let bound = (target.expression.bound.numerator, target.expression.bound.denominator);
        let (value, first) = if let Metric::Response(percentile) = target.expression.metric {
            (self.percentile(target, percentile.0), self.first_slow_row(target, percentile.0))
        } else {
            let rows = self.rows_of(target, &name);
            (rows.value(&name), rows.first_to_fail(&name, sign, bound))
        };
        let verdict = if target.slice.until > self.now {
            Verdict::Undecided
        } else if value.is_some_and(|value| holds(sign, value, bound)) {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let (unit, size) = match name.as_str() {
            "gmv_paid" | "gmv_ordered" | "demand" | "lost" => (TargetUnit::Fen, 1.0),
            "wait_mean" => (TargetUnit::Seconds, 1e9),
            name if name.ends_with("_share") => (TargetUnit::Share, 1.0),
            name if name.ends_with("_peak") => (TargetUnit::PerSecond, 1.0),
            name if name.starts_with("response") || name.starts_with('p') => (TargetUnit::Seconds, 1e9),
            _ => (TargetUnit::Count, 1.0),
        };
        let shown = |(a, b): Fraction| a as f64 / b as f64 / size;
        let categories = || &self.plan.catalogue.as_ref().expect("a target of a category has one").categories;
        let (kind, subject) = match target.subject {
            Subject::Service(service) => (Some("service"), Some(self.plan.services[service].name.clone())),
            Subject::Category(category) => (Some("category"), Some(categories()[category].name.clone())),
            _ => (None, None),
        };
        TargetResult {
            name: target.name.clone(),
            verdict,
            metric: name,
            kind: kind.map(str::to_owned),
            subject,
            comparison: sign.to_owned(),
            bound: shown(bound),
            measured: value.map(shown),
            unit,
            window: target.slice.window.map(|window| self.plan.windows[window].name.clone()),
            is_part: target.slice.is_part,
            from_unix_ms: self.unix_ms(target.slice.from),
            until_unix_ms: self.unix_ms(target.slice.until),
            first_failed_unix_ms: first.filter(|_| verdict == Verdict::Fail && value.is_some()),
            is_at_latest: false,
            is_so_far: false,
        }
    }

    /// Rows of the series in which a target is measured.
    fn places(&self, target: &Target) -> Vec<usize> {
        let slice = &target.slice;
        let lies_in = |row: &usize| {
            let slot = self.rows()[*row].slot;
            slot.start >= slice.from && slot.end <= slice.until
        };
        (0..self.rows().len()).filter(lies_in).collect()
    }

    fn rows_of(&self, target: &Target, name: &str) -> Rows {
        let places = self.places(target);
        let all: Vec<Fraction> = match target.subject {
            Subject::Service(service) => self.of_service(service, name),
            Subject::Category(category) => self.whole(self.paid_by_row(category)),
            _ => self.of_platform(name),
        };
        Rows {
            numbers: places.iter().map(|&row| all[row]).collect(),
            start_ms: places.iter().map(|&row| self.unix_ms(self.rows()[row].slot.start)).collect(),
        }
    }

    fn per_second(&self, counts: Vec<u64>) -> Vec<Fraction> {
        let nanos = self.rows().iter().map(|row| u128::from((row.slot.end - row.slot.start).0));
        counts.into_iter().zip(nanos).map(|(n, nanos)| (u128::from(n * self.scale()) * 1_000_000_000, nanos)).collect()
    }

    fn whole(&self, numbers: Vec<u64>) -> Vec<Fraction> {
        numbers.into_iter().map(|n| (u128::from(n * self.scale()), 1)).collect()
    }

    fn of_platform(&self, name: &str) -> Vec<Fraction> {
        let paid = What::Ended(Fate::Bought);
        let lost = |what: What| matches!(what, What::Ended(fate) if fate.bucket().is_lost());
        let share = |parts: Vec<u64>, wholes: Vec<u64>| -> Vec<Fraction> {
            parts.into_iter().zip(wholes).map(|(a, b)| (u128::from(a), u128::from(b))).collect()
        };
        let begun = || self.rows().iter().map(|row| row.begun).collect::<Vec<_>>();
        let turned_away = || self.rows().iter().map(|row| row.turned_away).collect::<Vec<_>>();
        match name {
            "sessions" => self.whole(begun()),
            "sessions_turned_away" => self.whole(turned_away()),
            "turned_away_share" => share(turned_away(), begun()),
            "intents" => self.whole(self.lines_by_row(What::Wanted)),
            "orders_created" => self.whole(self.lines_by_row(What::Ordered)),
            "orders_paid" => self.whole(self.lines_by_row(paid)),
            "orders_per_second_peak" => self.per_second(self.lines_by_row(What::Ordered)),
            "demand" => self.whole(self.fen_by_row(|what| what == What::Wanted)),
            "gmv_ordered" => self.whole(self.fen_by_row(|what| what == What::Ordered)),
            "gmv_paid" => self.whole(self.fen_by_row(|what| what == paid)),
            "brands_past_1m" => self.brands_past(0).into_iter().map(|brands| (u128::from(brands), 1)).collect(),
            "brands_past_10m" => self.brands_past(1).into_iter().map(|brands| (u128::from(brands), 1)).collect(),
            "brands_past_1bn" => self.brands_past(3).into_iter().map(|brands| (u128::from(brands), 1)).collect(),
            "brands_past_100m" => self.brands_past(2).into_iter().map(|brands| (u128::from(brands), 1)).collect(),
            "lost" => self.whole(self.fen_by_row(lost)),
            "lost_share" => share(self.fen_by_row(lost), self.fen_by_row(|what| what == What::Wanted)),
            other => panic!("no scenario is drawn with {other}"),
        }
    }

    fn of_service(&self, service: usize, name: &str) -> Vec<Fraction> {
        let loads = self.loads(service);
        let lost = || self.fen_by_row(|what| matches!(what, What::Ended(fate) if fate.service() == Some(service)));
        let share =
            |of: fn(&Load) -> u64| loads.iter().map(|load| (u128::from(of(load)), u128::from(load.requests))).collect();
        match name {
            "rejected" => self.whole(loads.iter().map(|load| load.rejected).collect()),
            "requests" => self.whole(loads.iter().map(|load| load.requests).collect()),
            "timed_out" => self.whole(loads.iter().map(|load| load.timed_out).collect()),
            "rejected_share" => share(|load| load.rejected),
            "timed_out_share" => share(|load| load.timed_out),
            "wait_mean" => loads.iter().map(|load| (load.waited_ns, u128::from(load.answered))).collect(),
            "requests_per_second_peak" => self.per_second(loads.iter().map(|load| load.requests).collect()),
            "lost" => self.whole(lost()),
            "lost_share" => {
                let wanted = self.fen_by_row(|what| what == What::Wanted);
                lost().into_iter().zip(wanted).map(|(a, b)| (u128::from(a), u128::from(b))).collect()
            }
            other => panic!("no scenario is drawn with {other}"),
        }
    }

    /// The response time at a place of the sorted list, as the longest of those that are not told apart from it, ns.
    fn percentile(&self, target: &Target, thousandths: u32) -> Option<Fraction> {
        let (service, places) = (service_of(target)?, self.places(target));
        // Requests at a desk are told of where they are answered.
        let row = |of: &Request| if self.desk(service).is_some() { of.answered } else { Some(of.row) };
        let is_there = |of: &&Request| of.service == service && row(of).is_some_and(|row| places.contains(&row));
        let requests = self.record.requests.iter().filter(is_there);
        let mut times: Vec<u64> =
            requests.filter_map(|request| Some((request.done()? - request.made).0.div_ceil(1000).max(1))).collect();
        times.sort_unstable();
        // The first place that has this share of all times at or before it.
        let place = (1..=times.len()).find(|place| place * 100_000 >= times.len() * thousandths as usize)?;
        let buckets = &self.loads(service)[0].responses_us;
        Some((u128::from(buckets.highest_equivalent(times[place - 1].min(3_600_000_000))) * 1000, 1))
    }

    fn first_slow_row(&self, target: &Target, thousandths: u32) -> Option<i64> {
        let service = service_of(target)?;
        let loads = self.loads(service);
        // The first bucket up to which this share of the row's answers came.
        let of_row = |row: usize| {
            let (times, mut seen) = (&loads[row].responses_us, 0);
            let mut buckets = times.iter_recorded();
            let bucket = buckets.find(|bucket| {
                seen += bucket.count_since_last_iteration();
                u128::from(seen) * 100_000 >= u128::from(times.len()) * u128::from(thousandths)
            });
            let us = bucket.map_or(0, |bucket| times.highest_equivalent(bucket.value_iterated_to()));
            (u128::from(us) * 1000, 1)
        };
        let bound = (target.expression.bound.numerator, target.expression.bound.denominator);
        let breaks = |row: &usize| match target.expression.comparison.sign() {
            "<" => loads[*row].answered > 0 && !is_below(of_row(*row), bound),
            "<=" | "=" => is_below(bound, of_row(*row)),
            _ => false,
        };
        self.places(target).into_iter().find(breaks).map(|row| self.unix_ms(self.rows()[row].slot.start))
    }
}

/// What a number is set against: a share cannot be of more than all, even where some of it began before.
fn of_all(name: &str, (part, all): Fraction) -> u128 {
    if name.ends_with("_share") { all.max(part) } else { all }
}

impl Rows {
    fn value(&self, name: &str) -> Option<Fraction> {
        let there = || self.numbers.iter().copied().filter(|number| number.1 > 0);
        match way(name) {
            Way::Highest => there().reduce(|most, next| if is_below(most, next) { next } else { most }),
            Way::Mean => {
                let sums = self.numbers.iter().fold((0, 0), |sum, number| (sum.0 + number.0, sum.1 + number.1));
                Some((sums.0, of_all(name, sums))).filter(|sums| sums.1 > 0)
            }
            Way::Sum => Some((self.numbers.iter().map(|number| number.0).sum(), 1)),
            Way::Last => there().next_back(),
        }
    }

    /// Start of the first row that breaks an upper bound, or any bound where only the last row counts.
    fn first_to_fail(&self, name: &str, sign: &str, bound: Fraction) -> Option<i64> {
        let breaks = |value: Fraction| match sign {
            sign if matches!(way(name), Way::Last) => !holds(sign, value, bound),
            "<" => !is_below(value, bound),
            "<=" | "=" => is_below(bound, value),
            _ => false,
        };
        let of_row = |row: usize| match way(name) {
            Way::Sum => (self.numbers[..=row].iter().map(|number| number.0).sum(), 1),
            _ => (self.numbers[row].0, of_all(name, self.numbers[row])),
        };
        let failed = |row: &usize| of_row(*row).1 > 0 && breaks(of_row(*row));
        (0..self.numbers.len()).find(failed).map(|row| self.start_ms[row])
    }
}
