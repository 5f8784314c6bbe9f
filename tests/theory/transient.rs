//! Systems whose arrivals or servers change in the course of time, against what is known of their means at every moment: a closed
//! form where nobody waits, Kolmogorov's equations where somebody does.

use crate::replication::{Experiment, Measure};
use std::f64::consts::PI;

/// Arrivals or servers repeat themselves after this long, s.
const PERIOD: f64 = 60.0;
const SECONDS: usize = 7200;
/// Steps of integration in a second, and periods until the initial state is forgotten.
const STEPS: usize = 50;
const SETTLED: usize = 20;
/// Requests in the system that are told apart.
const MOST: usize = 250;

fn phase(second: f64) -> f64 {
    2.0 * PI * second / PERIOD
}

/// An arrival pattern that swings by a share of its mean; straight lines from second to second.
fn swing(share: f64) -> String {
    let values: Vec<String> =
        (0..=SECONDS).map(|second| format!("[{second},{:.9}]", 1.0 + share * phase(second as f64).sin())).collect();
    format!("intensity.steady.parts=[{{points={{weight=1,values=[{}]}}}}]", values.join(","))
}

/// The intensity of that pattern: a polygon.
fn intensity(mean: f64, share: f64, time: f64) -> f64 {
    let (second, part) = (time.floor(), time.fract());
    let at = |second: f64| 1.0 + share * phase(second).sin();
    mean * (at(second) * (1.0 - part) + at(second + 1.0) * part)
}

/// M(t)/M/infinity: Eick, Massey and Whitt, "M(t)/G/infinity queues with sinusoidal arrival rates", Management Science 39(2), 1993.
/// With lambda = L (1 + r sin gt) the mean is m(t) = (L/mu) (1 + r (sin gt - x cos gt) / (1 + x^2)), x = g/mu. It swings less than the
/// arrivals, and later.
#[test]
fn m_t_m_infinity() {
    let (arrivals, share, work, workers) = (15.0, 0.8, 5.0, 1000.0);
    let experiment = Experiment::varied(
        "mmc",
        &[
            &swing(share),
            "service.server.workers=500",
            "service.server.service_time={exponential='5s'}",
            "record.fine='2h'",
        ],
    );
    let x = 2.0 * PI / PERIOD * work;
    // The mean over a row of a second, and of a polygon with corners at every second.
    let flattened = |times: i32| ((PI / PERIOD).sin() / (PI / PERIOD)).powi(times);
    let swings = arrivals * work * share / (1.0 + x * x) * flattened(3) / workers;
    experiment.agrees("server", Measure::Utilisation, arrivals * work / workers);
    experiment.agrees("server", Measure::BusySine(PERIOD), swings);
    experiment.agrees("server", Measure::BusyCosine(PERIOD), -x * swings);
}

/// The chance of each number of requests in a system whose servers come and go. Some that are to go may still be at work: they
/// are told apart, because each of them goes when it is done.
struct System {
    /// By servers that are still to go, and requests.
    chances: Vec<[f64; MOST]>,
}

/// What a system does on average within each second of a period.
struct Means {
    queue: [f64; PERIOD as usize],
    /// Requests in the system at the end of each second.
    inside: [f64; PERIOD as usize],
}

impl System {
    fn empty(leaving: usize) -> Self {
        let mut chances = vec![[0.0; MOST]; leaving + 1];
        chances[0][0] = 1.0;
        System { chances }
    }

    /// Kolmogorov's forward equations.
    fn slope(&self, arrivals: f64, servers: usize, rate: f64) -> Vec<[f64; MOST]> {
        let mut slope = vec![[0.0; MOST]; self.chances.len()];
        for (leaving, chances) in self.chances.iter().enumerate() {
            for (requests, &chance) in chances.iter().enumerate() {
                let arrive = if requests + 1 < MOST { arrivals * chance } else { 0.0 };
                slope[leaving][requests] -= arrive;
                if requests + 1 < MOST {
                    slope[leaving][requests + 1] += arrive;
                }
                let done = rate * (servers + leaving).min(requests) as f64 * chance;
                slope[leaving][requests] -= done;
                if requests > 0 {
                    slope[leaving.saturating_sub(1)][requests - 1] += done;
                }
            }
        }
        slope
    }

    fn moved(&self, slope: &[[f64; MOST]], step: f64) -> System {
        let along = |(chances, slope): (&[f64; MOST], &[f64; MOST])| {
            let mut moved = *chances;
            moved.iter_mut().zip(slope).for_each(|(chance, slope)| *chance += step * slope);
            moved
        };
        System { chances: self.chances.iter().zip(slope).map(along).collect() }
    }

    /// A step by the rule of Runge and Kutta.
    fn step(&mut self, arrivals: [f64; 3], servers: usize, rate: f64, step: f64) {
        let first = self.slope(arrivals[0], servers, rate);
        let second = self.moved(&first, step / 2.0).slope(arrivals[1], servers, rate);
        let third = self.moved(&second, step / 2.0).slope(arrivals[1], servers, rate);
        let fourth = self.moved(&third, step).slope(arrivals[2], servers, rate);
        for (slope, weight) in [(first, 1.0), (second, 2.0), (third, 2.0), (fourth, 1.0)] {
            *self = self.moved(&slope, weight * step / 6.0);
        }
    }

    /// Servers go; those that are at work go when they are done.
    fn shrink(&mut self, from: usize, to: usize) {
        let before = std::mem::replace(&mut self.chances[0], [0.0; MOST]);
        for (requests, chance) in before.into_iter().enumerate() {
            self.chances[requests.min(from).saturating_sub(to)][requests] += chance;
        }
    }

    /// Servers come, and those that were to go stay.
    fn grow(&mut self) {
        for leaving in 1..self.chances.len() {
            let before = std::mem::replace(&mut self.chances[leaving], [0.0; MOST]);
            before.into_iter().zip(&mut self.chances[0]).for_each(|(chance, of_all)| *of_all += chance);
        }
    }

    fn queue(&self, servers: usize) -> f64 {
        let of = |(leaving, chances): (usize, &[f64; MOST])| -> f64 {
            chances.iter().zip(0..).map(|(p, n): (&f64, usize)| p * n.saturating_sub(servers + leaving) as f64).sum()
        };
        self.chances.iter().enumerate().map(of).sum()
    }

    fn inside(&self) -> f64 {
        self.chances.iter().map(|chances| chances.iter().zip(0..).map(|(p, n)| p * f64::from(n)).sum::<f64>()).sum()
    }
}

/// The means over a period once the start is forgotten. `servers` are those of the first and of the second half of the period.
fn integrate(arrivals: impl Fn(f64) -> f64, servers: [usize; 2], work: f64) -> Means {
    let mut system = System::empty(servers[0].abs_diff(servers[1]));
    let mut means = Means { queue: [0.0; PERIOD as usize], inside: [0.0; PERIOD as usize] };
    let step = 1.0 / STEPS as f64;
    for _ in 0..SETTLED {
        for second in 0..PERIOD as usize {
            let half = usize::from(second >= PERIOD as usize / 2);
            let now = servers[half];
            if second % (PERIOD as usize / 2) == 0 {
                let before = servers[1 - half];
                if now < before { system.shrink(before, now) } else { system.grow() }
            }
            let mut queue = 0.0;
            for index in 0..STEPS {
                let time = second as f64 + index as f64 * step;
                let before = system.queue(now);
                system.step([0.0, 0.5, 0.999_999].map(|part| arrivals(time + part * step)), now, 1.0 / work, step);
                queue += f64::midpoint(before, system.queue(now)) * step;
            }
            means.queue[second] = queue;
            means.inside[second] = system.inside();
        }
    }
    means
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

/// Twice the mean of values times a wave, as [`Measure`] has it.
fn wave(of: &[f64], wave: fn(f64) -> f64) -> f64 {
    2.0 * mean(
        &of.iter().zip(0..).map(|(value, second)| value * wave(phase(f64::from(second) + 0.5))).collect::<Vec<_>>(),
    )
}

fn agrees(experiment: &Experiment, theory: &Means) {
    experiment.agrees("server", Measure::QueueMean, mean(&theory.queue));
    experiment.agrees("", Measure::InFlight, mean(&theory.inside));
    experiment.agrees("server", Measure::QueueSine(PERIOD), wave(&theory.queue, f64::sin));
}

/// Without a swing and with the same servers all the time the equations have the steady state of Erlang's formula.
#[test]
fn kolmogorov_agrees_with_erlang() {
    let theory = integrate(|_| 15.0, [4, 4], 0.2);
    assert!((mean(&theory.queue) - 1.52830).abs() < 1e-4, "{}", mean(&theory.queue));
}

#[test]
fn m_t_m_c() {
    let share = 0.2;
    let experiment = Experiment::varied("mmc", &[&swing(share), "record.fine='2h'"]);
    agrees(&experiment, &integrate(|time| intensity(15.0, share, time), [4, 4], 0.2));
}

/// Three instances of two workers for half a minute, two for the next.
#[test]
fn m_m_c_with_a_schedule() {
    let step = |index: usize| {
        let instances = if index.is_multiple_of(2) { 3 } else { 2 };
        format!("{{from='{}s',instances={instances}}}", index * 30)
    };
    let steps: Vec<String> = (0..SECONDS / 30).map(step).collect();
    let schedule = format!("service.server.schedule=[{}]", steps.join(","));
    let experiment = Experiment::varied("mmc", &[&schedule, "population.shoppers=12_240_000", "record.fine='2h'"]);
    agrees(&experiment, &integrate(|_| 17.0, [6, 4], 0.2));
}
