//! Lost GMV: money that was wanted and stopped by stock, platform, bank or clock.

use super::timeline::{self, View};
use super::{Axis, BUCKETS, Figure, Key, Look, Mark, Panel, Pen, Row, Scale, Series, Shape, Side, Tick, subtitle};
use crate::clock::Clock;
use crate::number::{FEN_PER_RMB as FEN, Prefix, money, percent};
use crate::results::{Bucket, Results, series};
use std::collections::BTreeMap;

/// Most bars; the rest become one.
const MOST_BARS: usize = 8;

/// Money lost to one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cause {
    /// The bucket and, where it has one, the service.
    name: String,
    /// The bucket.
    bucket: Bucket,
    /// Money, fen.
    money_fen: u64,
}

/// What was lost, by bucket and service; largest first.
fn causes(results: &Results) -> Vec<Cause> {
    let mut sums: BTreeMap<(Bucket, &str), u64> = BTreeMap::new();
    for row in results.ledger.iter().filter(|row| row.bucket.is_lost()) {
        *sums.entry((row.bucket, &row.service)).or_default() += row.money_fen;
    }
    let named = |((bucket, service), money_fen): ((Bucket, &str), u64)| Cause {
        name: cause(bucket, service),
        bucket,
        money_fen,
    };
    let mut causes: Vec<Cause> = sums.into_iter().filter(|(_, fen)| *fen > 0).map(named).collect();
    causes.sort_by(|a, b| b.money_fen.cmp(&a.money_fen).then_with(|| a.name.cmp(&b.name)));
    causes
}

/// A bucket in words; a service's name may follow.
fn words(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Bought => "bought",
        Bucket::SoldOut => "sold out",
        Bucket::Substituted => "substituted",
        Bucket::Oversold => "oversold",
        Bucket::Rejected => "rejected by",
        Bucket::TimedOut => "timed out at",
        Bucket::GaveUp => "gave up at",
        Bucket::PaymentFailed => "payment failed",
        Bucket::HoldExpired => "hold expired",
        Bucket::ChangedMind => "changed mind",
        Bucket::Refused => "refused",
        Bucket::WindowClosed => "window closed",
        Bucket::Coupon => "taken off by coupons",
        Bucket::DepositForfeited => "deposit forfeited",
        Bucket::Open => "still open",
    }
}

/// A bucket and, where it has one, its service, in words.
pub(in crate::report) fn cause(bucket: Bucket, service: &str) -> String {
    if service.is_empty() { plain(bucket).to_owned() } else { format!("{} {service}", words(bucket)) }
}

/// A bucket in words that stand alone.
pub(in crate::report) fn plain(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::GaveUp => "gave up waiting",
        _ => words(bucket).trim_end_matches(" by").trim_end_matches(" at"),
    }
}

pub(super) fn figure(results: &Results) -> Figure {
    let causes = causes(results);
    let lost: u64 = causes.iter().map(|cause| cause.money_fen).sum();
    let demand = results.summary.total.demand_fen;
    let title = if lost == 0 {
        "Lost GMV: nothing was lost".to_owned()
    } else {
        let share = percent(lost as f64 / demand.max(1) as f64);
        format!("Lost GMV: {}, {share} of demand", money(lost as f64))
    };
    let rows = if lost == 0 {
        let vacant = "no purchase intent was stopped by stock, platform, bank or clock".to_owned();
        let panels = vec![Panel { vacant, ..Panel::default() }];
        vec![Row {
            heading: String::new(),
            keys: Vec::new(),
            weight: 1.0,
            y: Axis::default(),
            panels,
            labels: Vec::new(),
        }]
    } else {
        vec![stacks(results, &causes), bars(&causes, demand)]
    };
    let note = match lost {
        0 => String::new(),
        _ => format!("Upper row: time since each opening, logarithmic.{}", timeline::left_out(results)),
    };
    Figure { title, subtitle: subtitle(&results.summary), rows, note }
}

/// Buckets with a loss, largest first.
fn buckets(causes: &[Cause]) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for cause in causes {
        if !buckets.contains(&cause.bucket) {
            buckets.push(cause.bucket);
        }
    }
    buckets
}

/// What has been lost since each opening, by bucket, one on top of the other.
fn stacks(results: &Results, causes: &[Cause]) -> Row {
    let clock = Clock::new(&results.summary.zone);
    let buckets = buckets(causes);
    let mut highest: f64 = 0.0;
    let mut panels = Vec::new();
    for view in timeline::views(results) {
        let x = view.opening(&clock);
        let layers = layers(&view, &buckets, &x);
        highest = layers.last().into_iter().flatten().map(|p| p.1).fold(highest, f64::max);
        let area = |(i, pair): (usize, &[Vec<(f64, f64)>])| {
            let points = pair[1].iter().chain(pair[0].iter().rev()).copied().collect();
            Series { pen: Pen::solid(i), filled: true, points }
        };
        panels.push(Panel {
            heading: view.heading.clone(),
            series: layers.windows(2).enumerate().map(area).collect(),
            vacant: view.vacant(),
            x,
            ..Panel::default()
        });
    }
    let prefix = Prefix::of(highest / FEN);
    let key = |(i, bucket): (usize, &Bucket)| {
        let text = plain(*bucket).to_owned();
        Key { pen: Pen::solid(i), look: Look::Area, text }
    };
    Row {
        heading: format!("Lost since the opening, {} RMB", prefix.name),
        keys: buckets.iter().enumerate().map(key).collect(),
        weight: 1.3,
        y: Axis::amount(highest, prefix.size * FEN),
        panels,
        labels: Vec::new(),
    }
}

/// The edges of the stack from the bottom (zero) to the top, all at the same times.
fn layers(view: &View<'_>, buckets: &[Bucket], x: &Axis) -> Vec<Vec<(f64, f64)>> {
    let mut layers: Vec<Vec<(f64, f64)>> = Vec::new();
    let curves: Vec<_> = buckets.iter().map(|&bucket| view.running(&series::bucket(bucket))).collect();
    let Some(times) = curves.first() else { return layers };
    // Sums only rise, so the last row of each bucket of the axis is enough.
    let bucket_of = |row: usize| (x.place(times[row].0) * BUCKETS as f64 / 4.0) as usize;
    let last = times.len() - 1;
    let kept: Vec<usize> = (0..=last).filter(|&row| row == last || bucket_of(row) != bucket_of(row + 1)).collect();
    layers.push(kept.iter().map(|&row| (times[row].0, 0.0)).collect());
    for curve in &curves {
        let below = layers.last().expect("the bottom edge is there");
        let edge =
            kept.iter().zip(below).map(|(&row, low)| (times[row].0, low.1 + curve[row].1 - curve[0].1)).collect();
        layers.push(edge);
    }
    layers
}

/// One bar per cause.
fn bars(causes: &[Cause], demand: u64) -> Row {
    let buckets = buckets(causes);
    let mut bars: Vec<(String, u64, Pen)> = causes
        .iter()
        .map(|cause| {
            let colour = buckets.iter().position(|&b| b == cause.bucket).unwrap_or(0);
            (cause.name.clone(), cause.money_fen, Pen::solid(colour))
        })
        .collect();
    if bars.len() > MOST_BARS {
        let rest = bars.split_off(MOST_BARS - 1);
        let sum = rest.iter().map(|bar| bar.1).sum();
        bars.push((format!("{} other causes", rest.len()), sum, Pen::solid(2)));
    }
    let largest = bars.iter().map(|bar| bar.1).max().unwrap_or(0) as f64;
    let prefix = Prefix::of(largest / FEN);
    // Room on the right for the words beside the longest bar.
    let x = Axis::amount(largest * 1.3, prefix.size * FEN);
    let mut y = Axis::new(0.0, bars.len() as f64, Scale::Linear);
    let mut panel = Panel::default();
    for (i, (name, fen, pen)) in bars.iter().enumerate() {
        let middle = (bars.len() - i) as f64 - 0.5;
        let (low, high, end) = (middle - 0.32, middle + 0.32, *fen as f64);
        let points = vec![(0.0, low), (end, low), (end, high), (0.0, high)];
        panel.series.push(Series { pen: *pen, filled: true, points });
        let text = format!("{} · {} of demand", money(end), percent(end / demand.max(1) as f64));
        panel.marks.push(Mark { at: (end, middle), text, pen: None, shape: Shape::Dot, side: Side::Right });
        y.ticks.push(Tick { at: middle, label: name.clone(), below: String::new() });
    }
    panel.x = x;
    Row {
        heading: format!("Lost by cause, {} RMB", prefix.name),
        keys: Vec::new(),
        weight: 1.0,
        y,
        panels: vec![panel],
        labels: Vec::new(),
    }
}
