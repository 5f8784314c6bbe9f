//! What instances cost: from when on how many were ordered, while windows are open.

use super::desk::NEVER;
use super::scaler::Scaler;
use super::simulator::Simulator;
use saleload::results::{Cost, ServiceCost};
use saleload::units::Instant;

const HOUR_NS: u128 = 3_600_000_000_000;

impl Simulator<'_> {
    /// From when on how many instances there are by plan or by order of an autoscaler, and up to when that is known.
    fn ordered_instances(&self, service: usize) -> (Vec<(Instant, u64)>, Instant) {
        if let Some(scaler) = self.scalers.iter().find(|scaler| scaler.service == service) {
            return (scaler.ordered.clone(), self.now);
        }
        let of = &self.plan.services[service];
        let mut all = vec![(Instant(0), of.pool.as_ref().map_or(0, |pool| pool.instances))];
        all.extend(of.capacity().iter().flat_map(|of| &of.steps).map(|step| (step.at, step.instances)));
        (all, self.cost_end())
    }

    /// Up to when costs are added up: to an interruption only where nobody can know what an autoscaler would have ordered.
    fn cost_end(&self) -> Instant {
        let is_paid = |scaler: &Scaler| self.plan.services[scaler.service].cost.is_some();
        if self.interrupted && self.scalers.iter().any(is_paid) { self.now } else { NEVER }
    }

    /// Nanoseconds between two instants in which a window is open.
    fn open_between(&self, from: Instant, until: Instant) -> u64 {
        let of_window = |window: &saleload::plan::Window| {
            let (from, until) = (from.max(window.opens), until.min(window.closes));
            if from < until { until.0 - from.0 } else { 0 }
        };
        self.plan.windows.iter().map(of_window).sum()
    }

    fn cost_of(&self, service: usize) -> Option<ServiceCost> {
        let of = &self.plan.services[service];
        let (per_hour, pool) = (of.cost?, of.pool.as_ref()?);
        let (ordered, end) = self.ordered_instances(service);
        let ends = ordered.iter().skip(1).map(|of| of.0).chain([end]);
        let paid = ordered.iter().zip(ends).map(|(&(from, instances), until)| {
            u128::from(instances) * u128::from(self.open_between(from, until.min(end)))
        });
        let paid: u128 = paid.sum();
        let by_plan = ordered.iter().map(|of| of.1).max().unwrap_or(pool.instances);
        Some(ServiceCost {
            service: of.name.clone(),
            instances: of.autoscaler().map_or(by_plan, |autoscaler| autoscaler.most),
            instance_seconds: (paid / 1_000_000_000) as u64,
            per_hour_fen: per_hour.0,
            // To the nearest fen, half a fen upwards.
            fen: ((2 * u128::from(per_hour.0) * paid + HOUR_NS) / (2 * HOUR_NS)) as u64,
        })
    }

    pub(crate) fn cost(&self) -> Option<Cost> {
        let services: Vec<ServiceCost> =
            (0..self.plan.services.len()).filter_map(|service| self.cost_of(service)).collect();
        let seconds = self.open_between(Instant(0), self.cost_end()) / 1_000_000_000;
        let total_fen = services.iter().map(|of| of.fen).sum();
        (!services.is_empty()).then_some(Cost { seconds, total_fen, services })
    }
}
