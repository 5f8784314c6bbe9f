//! Little's law over steady stretches, row by row from the loads of a service.

use super::load::Load;
use super::{Residual, Simulator};

fn of<T>(loads: &[Load], what: impl Fn(&Load) -> T) -> T
where
    T: std::iter::Sum,
{
    loads.iter().map(what).sum()
}

/// Mean number counted, and mean number that rate times stay makes.
fn numbers(loads: &[Load]) -> (f64, f64) {
    let counted = of(loads, |load| load.present) as f64 / loads.len() as f64;
    (counted, of(loads, |load| load.stayed_ns) as f64 / of(loads, Load::nanos) as f64)
}

impl Simulator<'_> {
    pub(super) fn residual(&self, service: usize) -> Option<Residual> {
        self.plan.services[service].pool.as_ref()?;
        let loads = self.loads(service);
        let mut found: Vec<Residual> = Vec::new();
        let mut stretch: Vec<Load> = Vec::new();
        let rows = loads.len() - usize::from(self.interrupted);
        for load in &loads[..rows] {
            let is_open = load.slot.end <= self.plan.windows[load.slot.window].closes;
            let is_usable = is_open && load.requests > 0 && !self.is_saturated(service, load);
            let mean = of(&stretch, |load| load.requests) as f64 / stretch.len().max(1) as f64;
            let is_alike = stretch.last().is_none_or(|last| {
                let off = (load.requests as f64 - mean).abs();
                last.slot.window == load.slot.window
                    && last.nanos() == load.nanos()
                    && off <= 0.1 * mean + 4.0 * mean.sqrt()
            });
            if !is_usable || !is_alike {
                found.extend(self.residual_of(service, &stretch));
                stretch.clear();
            }
            if is_usable {
                stretch.push(load.clone());
            }
        }
        found.extend(self.residual_of(service, &stretch));
        let times = |of: &Residual| of.residual.abs() / of.sampling_error.max(f64::MIN_POSITIVE);
        let (stretches, beyond) = (found.len() as u64, found.iter().filter(|of| times(of) > 1.0).count() as u64);
        let most = found.iter().map(times).fold(0.0, f64::max);
        let worst = found.iter().find(|of| times(of) >= most)?.clone();
        Some(Residual { stretches, beyond, ..worst })
    }

    /// Of one stretch, if it is long enough.
    fn residual_of(&self, service: usize, loads: &[Load]) -> Option<Residual> {
        let requests = of(loads, |load| load.requests);
        let stayed = of(loads, |load| load.stayed_ns);
        let seconds = of(loads, Load::nanos) as f64 / 1e9;
        let stay_us_mean = stayed as f64 / requests as f64 / 1e3;
        if loads.len() < 30 || stayed == 0 || stay_us_mean * 1e-4 > seconds {
            return None;
        }
        let (counted, reckoned) = numbers(loads);
        let gaps = (0..15).map(|part| {
            let (counted, reckoned) = numbers(&loads[part * loads.len() / 15..(part + 1) * loads.len() / 15]);
            counted - reckoned
        });
        let gaps: Vec<f64> = gaps.collect();
        let mean = gaps.iter().sum::<f64>() / 15.0;
        let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>() / 14.0;
        Some(Residual {
            service: self.plan.services[service].name.clone(),
            stretches: 1,
            beyond: 0,
            from_unix_ms: self.unix_ms(loads[0].slot.start),
            until_unix_ms: self.unix_ms(loads[loads.len() - 1].slot.end),
            slots: loads.len() as u64,
            number_mean: counted * self.scale() as f64,
            requests_per_second: requests as f64 * self.scale() as f64 / seconds,
            stay_us_mean,
            residual: counted / reckoned - 1.0,
            sampling_error: (2.145 * (variance / 15.0).sqrt() / reckoned)
                .max(1.96 / (reckoned * loads.len() as f64).sqrt()),
        })
    }
}
