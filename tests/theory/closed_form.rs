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

/// M/G/1 by Pollaczek and Khinchine; `cv_squared` is the squared coefficient of variation of the service times.
pub(crate) fn pollaczek_khinchine(arrivals: f64, service: f64, cv_squared: f64) -> Station {
    let utilisation = arrivals * service;
    let wait = utilisation * (1.0 + cv_squared) / (2.0 * (1.0 - utilisation)) * service;
    Station { wait, queue: arrivals * wait, utilisation, blocked: 0.0 }
}
