//! Closed forms of queueing theory. Rates per second, times in seconds.

/// Erlang B: the share of calls that find all of `servers` busy when `erlangs` are offered and nobody waits.
pub(crate) fn erlang_b(servers: u32, erlangs: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, k| erlangs * blocked / (f64::from(k) + erlangs * blocked))
}

/// Erlang C: the share of requests that wait when `erlangs` are offered to `servers` behind one queue.
pub(crate) fn erlang_c(servers: u32, erlangs: f64) -> f64 {
    let blocked = erlang_b(servers, erlangs);
    let utilisation = erlangs / f64::from(servers);
    blocked / (1.0 - utilisation * (1.0 - blocked))
}

/// A station in its steady state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    /// Mean wait of an accepted request.
    pub(crate) wait: f64,
    /// Mean number of waiting requests.
    pub(crate) queue: f64,
    /// Mean share of busy servers.
    pub(crate) utilisation: f64,
    /// Share of requests that are rejected.
    pub(crate) blocked: f64,
}

impl Station {
    /// M/M/c without a bound on the queue.
    pub(crate) fn markov(servers: u32, arrivals: f64, service: f64) -> Self {
        let erlangs = arrivals * service;
        let wait = erlang_c(servers, erlangs) * service / (f64::from(servers) - erlangs);
        Station { wait, queue: arrivals * wait, utilisation: erlangs / f64::from(servers), blocked: 0.0 }
    }

    /// M/M/c/K with `places` waiting places, K = servers + places: the sums over its birth-death chain.
    pub(crate) fn finite(servers: u32, places: u32, arrivals: f64, service: f64) -> Self {
        let erlangs = arrivals * service;
        let mut weights = vec![1.0];
        for n in 1..=servers + places {
            weights.push(weights[n as usize - 1] * erlangs / f64::from(n.min(servers)));
        }
        let total: f64 = weights.iter().sum();
        let blocked = weights[weights.len() - 1] / total;
        let waiting = (0..=places).zip(&weights[servers as usize..]);
        let queue = waiting.map(|(n, weight)| f64::from(n) * weight).sum::<f64>() / total;
        let accepted = arrivals * (1.0 - blocked);
        let utilisation = accepted * service / f64::from(servers);
        Station { wait: queue / accepted, queue, utilisation, blocked }
    }
}

/// `E_n/M/1`: what each of `servers` sees of Poisson arrivals that are sent to them in turn is every n-th. A request waits with the
/// probability sigma, the root below one of sigma = (arrivals / (arrivals + mu (1 - sigma)))^n, and then for a time of rate
/// mu (1 - sigma). Kleinrock, "Queueing Systems", volume 1, section 6.4.
pub(crate) fn in_turn(servers: u32, arrivals: f64, service: f64) -> Station {
    let rate = 1.0 / service;
    let next = |sigma: f64| (arrivals / (arrivals + rate * (1.0 - sigma))).powf(f64::from(servers));
    let sigma = (0..1000).fold(0.0, |sigma, _| next(sigma));
    let wait = sigma / (rate * (1.0 - sigma));
    Station { wait, queue: arrivals * wait, utilisation: arrivals * service / f64::from(servers), blocked: 0.0 }
}

/// Cobham: the mean waits of both classes of M/M/1 with non-preemptive priorities, `first` and `all` arrivals.
pub(crate) fn cobham(first: f64, all: f64, service: f64) -> [f64; 2] {
    let residual = all * service * service;
    let wait = residual / (1.0 - first * service);
    [wait, wait / (1.0 - all * service)]
}

/// Requests that reach the last of so many layers, for each that reaches the first, where every layer tries `attempts` times and the last
/// one fails with the probability `failing`: (1 - p^k) / (1 - p) attempts at a layer, which fails for good with p^k.
pub(crate) fn amplification(layers: u32, attempts: i32, failing: f64) -> f64 {
    let (mut factor, mut p) = (1.0, failing);
    for _ in 0..layers {
        factor *= (0..attempts).map(|tried| p.powi(tried)).sum::<f64>();
        p = p.powi(attempts);
    }
    factor
}

/// M/G/1 by Pollaczek and Khinchine; `cv_squared` is the squared coefficient of variation of the service times.
pub(crate) fn pollaczek_khinchine(arrivals: f64, service: f64, cv_squared: f64) -> Station {
    let utilisation = arrivals * service;
    let wait = utilisation * (1.0 + cv_squared) / (2.0 * (1.0 - utilisation)) * service;
    Station { wait, queue: arrivals * wait, utilisation, blocked: 0.0 }
}

impl Station {
    /// Erlang A, M/M/n+M: each of those who wait leaves at a rate of `impatience`, and each of those who are served at a rate of
    /// `in_service`; `blocked` is the share that leaves in either way. Sums over the birth-death chain.
    pub(crate) fn impatient(servers: u32, arrivals: f64, service: f64, impatience: f64, in_service: f64) -> Self {
        let mut weights = vec![1.0];
        for n in 1..=1000 {
            let (busy, waiting) = (f64::from(n.min(servers)), f64::from(n.saturating_sub(servers)));
            let deaths = busy * (1.0 / service + in_service) + waiting * impatience;
            weights.push(weights[n as usize - 1] * arrivals / deaths);
        }
        let total: f64 = weights.iter().sum();
        let mean = |of: &dyn Fn(u32) -> u32| {
            weights.iter().zip(0..).map(|(weight, n)| f64::from(of(n)) * weight).sum::<f64>() / total
        };
        let (queue, busy) = (mean(&|n| n.saturating_sub(servers)), mean(&|n| n.min(servers)));
        let blocked = (impatience * queue + in_service * busy) / arrivals;
        Station { wait: queue / arrivals, queue, utilisation: busy / f64::from(servers), blocked }
    }
}

/// The times within which these shares, in order, of the requests that are answered are answered, by Erlang A without abandonment in
/// service. A request finds what the birth-death chain has on average; from then on those before it leave the queue by a server or
/// give up, and it gives up itself, or is served: a chain that only goes forward, followed by small steps of the midpoint rule.
pub(crate) fn impatient_responses<const N: usize>(
    servers: u32,
    arrivals: f64,
    service: f64,
    impatience: f64,
    shares: [f64; N],
) -> [f64; N] {
    const STEP: f64 = 1e-4;
    let mut found = vec![1.0];
    for n in 1..300u32 {
        let deaths = f64::from(n.min(servers)) / service + f64::from(n.saturating_sub(servers)) * impatience;
        found.push(found[n as usize - 1] * arrivals / deaths);
    }
    let total: f64 = found.iter().sum();
    // First those who are served, then those who wait behind nobody, behind one, and so on.
    let mut chances = vec![found[..servers as usize].iter().sum::<f64>() / total];
    chances.extend(found[servers as usize..].iter().map(|weight| weight / total));
    let slope = |chances: &[f64]| -> Vec<f64> {
        let forward = |place: usize| f64::from(servers) / service + (place - 1) as f64 * impatience;
        let into = |place: usize| chances.get(place + 1).map_or(0.0, |chance| chance * forward(place + 1));
        let out = |place: usize| if place == 0 { 1.0 / service } else { forward(place) + impatience };
        (0..chances.len()).map(|place| into(place) - chances[place] * out(place)).collect()
    };
    let moved = |chances: &[f64], slope: &[f64], step: f64| -> Vec<f64> {
        chances.iter().zip(slope).map(|(chance, slope)| chance + step * slope).collect()
    };
    let answered = 1.0 - Station::impatient(servers, arrivals, service, impatience, 0.0).blocked;
    let (mut time, mut done) = (0.0, 0.0);
    shares.map(|share| {
        while done < share * answered {
            let middle = moved(&chances, &slope(&chances), STEP / 2.0);
            done += STEP / service * middle[0];
            chances = moved(&chances, &slope(&middle), STEP);
            time += STEP;
        }
        time
    })
}

/// The share of responses above `time` in M/M/1, last come first served without interruption. Who has to wait waits for a busy period
/// of density exp(-(l + m) t) I1(2 t sqrt(l m)) / (t sqrt(l / m)).
pub(crate) fn lifo_above(arrivals: f64, service: f64, time: f64) -> f64 {
    const STEPS: u32 = 20_000;
    let rate = 1.0 / service;
    let utilisation = arrivals * service;
    let step = time / f64::from(STEPS);
    // The middle of each step; the density is smooth down to time zero.
    let answered = (0..STEPS).map(|n| {
        let t = (f64::from(n) + 0.5) * step;
        let bessel = bessel_i1(2.0 * t * (arrivals * rate).sqrt());
        let density = (-(arrivals + rate) * t).exp() * bessel / (t * utilisation.sqrt());
        density * (1.0 - (-(time - t) * rate).exp()) * step
    });
    1.0 - (1.0 - utilisation) * (1.0 - (-rate * time).exp()) - utilisation * answered.sum::<f64>()
}

/// The modified Bessel function of the first kind and order one, by its power series.
fn bessel_i1(x: f64) -> f64 {
    let mut term = x / 2.0;
    let mut sum = term;
    for k in 1..200 {
        term *= x * x / 4.0 / (f64::from(k) * f64::from(k + 1));
        sum += term;
    }
    sum
}

/// The share of responses of the first class above `time` in M/M/1 with non-preemptive priorities, `first` and `all` arrivals.
pub(crate) fn first_class_above(first: f64, all: f64, service: f64, time: f64) -> f64 {
    let (rate, utilisation) = (1.0 / service, all * service);
    let wait = rate - first;
    let served_late = (-rate * time).exp();
    let both = (rate * (-wait * time).exp() - wait * served_late) / (rate - wait);
    (1.0 - utilisation) * served_late + utilisation * both
}
