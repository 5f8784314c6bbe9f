//! Independent replications of a scenario, and the interval that they give for a mean.

use saleload::engine::{self, Options};
use saleload::results::{HedgeSummary, Results, ServiceRow, Table, series};
use saleload::scenario;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Independent runs of each scenario.
const REPLICATIONS: u32 = 64;
/// Rows that begin earlier than this are left out: the systems start empty.
const WARM_UP_MS: i64 = 600_000;
/// Coverage of the interval.
const CONFIDENCE: f64 = 0.999;
/// A closed form that is off by this much must lie outside of the interval.
const DETECTED: f64 = 0.05;

/// What is measured in one replication, after the warm-up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    /// Mean wait of accepted requests.
    WaitSeconds,
    /// Mean number of waiting requests.
    QueueMean,
    /// Mean share of busy workers.
    Utilisation,
    /// Rejected requests over all requests.
    RejectedShare,
    /// Timed out requests over all requests.
    TimedOutShare,
    /// Requests that were taken out unserved, or from their worker, over all requests.
    CancelledShare,
    /// Requests per session.
    RequestsPerSession,
    /// Percentiles of the response times of those answered, of the whole run. A response is counted in a bucket and told as its end,
    /// so one may come out up to 1/128 longer than it is.
    ResponseP50,
    ResponseP90,
    ResponseP99,
    /// Of hedged calls over the whole run: mean response time, percentiles of it, second copies sent and second copies answered first per
    /// call.
    HedgedSeconds,
    HedgedP50,
    HedgedP99,
    SentAgain,
    SecondFirst,
    /// Mean length of a session, over all services: waits and services of all its requests.
    SessionSeconds,
    /// Mean number of sessions in flight, seen at the ends of rows.
    InFlight,
    /// Mean number of requests at the service, counted at an instant of each row.
    Present,
    /// Twice the mean of the share of busy workers times the sine, or cosine, of the time since the opening, with this period in
    /// seconds: how far it swings with that wave.
    BusySine(f64),
    BusyCosine(f64),
    /// The first of them of the number of waiting requests.
    QueueSine(f64),
}

impl Measure {
    /// The interval widened by half a bucket to either side of the buckets' middles, where buckets are what was seen.
    fn of_bucket(self, mean: f64, half_width: f64) -> (f64, f64) {
        match self {
            Measure::ResponseP50
            | Measure::ResponseP90
            | Measure::ResponseP99
            | Measure::HedgedP50
            | Measure::HedgedP99 => (mean * (1.0 - 1.0 / 256.0), half_width + mean / 256.0),
            _ => (mean, half_width),
        }
    }
}

/// The replications of one scenario.
pub(crate) struct Experiment {
    name: String,
    runs: Vec<Results>,
    workers: Vec<(String, f64)>,
}

/// The seed of a replication: a hash of its coordinates, so that no two experiments share replications as `seed + i` would.
fn seed(scenario: &str, replication: u32) -> u64 {
    let digest = blake3::hash(format!("theory/{scenario}/{replication}").as_bytes());
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}

impl Experiment {
    /// Runs all replications of `scenarios/theory/{name}.toml`.
    pub(crate) fn of(name: &str) -> Self {
        Self::varied(name, &[])
    }

    /// The same with some values replaced.
    pub(crate) fn varied(name: &str, overrides: &[&str]) -> Self {
        let path = PathBuf::from(format!("scenarios/theory/{name}.toml"));
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let mut plan =
            scenario::load(&path, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        let workers = plan.services.iter().map(|service| {
            let pool = service.pool.as_ref().expect("a station with workers");
            (service.name.clone(), (pool.instances * u64::from(pool.workers)) as f64)
        });
        let workers = workers.collect();
        let options = Options { simulated_cells: plan.cells, threads: 1 };
        let runs = (0..REPLICATIONS).map(|replication| {
            plan.seed = seed(name, replication);
            engine::run(&plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
        });
        Experiment { name: name.into(), runs: runs.collect(), workers }
    }

    /// Checks that the theory lies inside the interval, and that a theory a little off would not.
    pub(crate) fn agrees(&self, service: &str, what: Measure, theory: f64) {
        let samples: Vec<f64> = self.runs.iter().map(|run| self.measure(run, service, what)).collect();
        let (mean, half_width) = interval(&samples);
        let (mean, half_width) = what.of_bucket(mean, half_width);
        let about = format!("{} {service} {what:?}", self.name);
        println!("{about:<32} theory {theory:.6}  measured {mean:.6} +- {half_width:.6}  ({:+.2} %)", {
            100.0 * (mean / theory - 1.0)
        });
        assert!((mean - theory).abs() <= half_width, "{about}: {theory} is not within {mean} +- {half_width}");
        for wrong in [theory * (1.0 - DETECTED), theory * (1.0 + DETECTED)] {
            assert!((mean - wrong).abs() > half_width, "{about}: {mean} +- {half_width} would accept {wrong}");
        }
    }

    /// Checks that something is zero in every replication.
    pub(crate) fn never(&self, service: &str, what: Measure) {
        let samples = self.runs.iter().map(|run| self.measure(run, service, what));
        let most = samples.fold(0.0, f64::max);
        assert!(most == 0.0, "{} {service} {what:?}: {most}", self.name);
    }

    fn measure(&self, run: &Results, service: &str, what: Measure) -> f64 {
        let table = &run.series;
        let rows = steady_rows(table);
        let seconds = table.integers(series::SECONDS);
        let total_seconds: f64 = rows.iter().map(|&row| seconds[row] as f64).sum();
        let over_time = |name: &str| {
            let values = table.reals(&series::service(service, name));
            rows.iter().map(|&row| values[row] * seconds[row] as f64).sum::<f64>() / total_seconds
        };
        let count = |name: &str| -> f64 {
            let values = table.integers(&series::service(service, name));
            rows.iter().map(|&row| values[row] as f64).sum()
        };
        let wave = |name: &str, period: f64, wave: fn(f64) -> f64| {
            let values = table.reals(&series::service(service, name));
            let time = table.integers(series::TIME);
            let middle = |row: usize| (time[row] - time[0]) as f64 / 1e3 + seconds[row] as f64 / 2.0;
            let of_row = |&row: &usize| values[row] * wave(2.0 * std::f64::consts::PI * middle(row) / period);
            2.0 * rows.iter().map(of_row).sum::<f64>() / rows.len() as f64
        };
        match what {
            Measure::BusySine(period) => wave("utilisation", period, f64::sin),
            Measure::BusyCosine(period) => wave("utilisation", period, f64::cos),
            Measure::QueueSine(period) => wave("queue_mean", period, f64::sin),
            Measure::WaitSeconds => waited_seconds(table, service, &rows) / (count("requests") - count("rejected")),
            Measure::QueueMean => over_time("queue_mean"),
            Measure::Present => count("present") / rows.len() as f64,
            Measure::Utilisation => over_time("utilisation"),
            Measure::RejectedShare => count("rejected") / count("requests"),
            Measure::TimedOutShare => count("timed_out") / count("requests"),
            Measure::CancelledShare => count("cancelled") / count("requests"),
            Measure::RequestsPerSession => count("requests") / sessions(table, &rows),
            Measure::SessionSeconds => {
                let spent = self.workers.iter().map(|(service, workers)| {
                    let busy = self.measure(run, service, Measure::Utilisation) * workers * total_seconds;
                    busy + waited_seconds(table, service, &rows)
                });
                spent.sum::<f64>() / sessions(table, &rows)
            }
            Measure::ResponseP50 => of_run(run, service).response_us_p50 as f64 / 1e6,
            Measure::ResponseP90 => of_run(run, service).response_us_p90 as f64 / 1e6,
            Measure::ResponseP99 => of_run(run, service).response_us_p99 as f64 / 1e6,
            Measure::HedgedSeconds => hedged(run, service).response_us_mean / 1e6,
            Measure::HedgedP50 => hedged(run, service).response_us_p50 as f64 / 1e6,
            Measure::HedgedP99 => hedged(run, service).response_us_p99 as f64 / 1e6,
            Measure::SentAgain => hedged(run, service).sent as f64 / hedged(run, service).answered as f64,
            Measure::SecondFirst => hedged(run, service).won as f64 / hedged(run, service).answered as f64,
            Measure::InFlight => {
                let in_flight = table.integers(series::IN_FLIGHT);
                rows.iter().map(|&row| in_flight[row] as f64).sum::<f64>() / rows.len() as f64
            }
        }
    }
}

/// A service over the only window of a run.
fn of_run<'a>(run: &'a Results, service: &str) -> &'a ServiceRow {
    run.services.iter().find(|row| row.service == service).expect("a service of the scenario")
}

/// The hedged calls of a service.
fn hedged<'a>(run: &'a Results, service: &str) -> &'a HedgeSummary {
    run.summary.hedges.iter().find(|of| of.service == service).expect("a hedged service")
}

fn steady_rows(table: &Table) -> Vec<usize> {
    let time = table.integers(series::TIME);
    (0..table.rows()).filter(|&row| time[row] - time[0] >= WARM_UP_MS).collect()
}

/// Sessions that began in the rows.
fn sessions(table: &Table, rows: &[usize]) -> f64 {
    rows.iter().map(|&row| table.integers(series::SESSIONS)[row] as f64).sum()
}

/// Time waited by all accepted requests of the rows.
fn waited_seconds(table: &Table, service: &str, rows: &[usize]) -> f64 {
    let requests = table.integers(&series::service(service, "requests"));
    let rejected = table.integers(&series::service(service, "rejected"));
    let mean_us = table.reals(&series::service(service, "wait_us_mean"));
    rows.iter().map(|&row| mean_us[row] * (requests[row] - rejected[row]) as f64 / 1e6).sum()
}

/// Mean and half-width of Student's interval.
fn interval(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("more than one replication");
    (mean, student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * (variance / n).sqrt())
}
