//! Whether a snapshot is the past of a scenario: of the same one, to go on with it, or of another that differs only in what
//! could not have mattered yet, to fork it.

mod ahead;

use crate::clock::Clock;
use crate::engine::schedule;
use crate::engine::snapshot::{Reason, Snapshot, SnapshotError, Start};
use crate::plan::{Plan, Presale};
use crate::results::Fork;
use crate::scenario::difference::{Difference, differences};
use crate::scenario::{self, Loaded};
use crate::target::{ResponseSlice, response_slices};
use crate::units::Instant;

/// Differences that are named in an error; past them it says how many more there are.
const NAMED: usize = 3;

/// Takes a snapshot as the past of the very same scenario, seed and sample.
///
/// # Errors
/// [`Reason::OtherScenario`] or [`Reason::OtherSample`].
pub fn resume(snapshot: Snapshot, here: &Loaded, simulated_cells: u32) -> Result<Start, SnapshotError> {
    if snapshot.header.scenario != here.resolved {
        let there = embedded(&snapshot)?;
        let differ: Vec<String> = differences(&there.file, &here.file).iter().map(Difference::to_string).collect();
        return Err(snapshot.refused(Reason::OtherScenario(first(&differ))));
    }
    of_sample(&snapshot, simulated_cells)?;
    Ok(Start { forks: snapshot.header.forks.clone(), snapshot })
}

/// Takes a snapshot as the past of a scenario that may have another future: whatever differs must not have mattered before the
/// snapshot was taken.
///
/// # Errors
/// [`Reason::OtherScenario`] or [`Reason::OtherSample`].
pub fn fork(snapshot: Snapshot, here: &Loaded, simulated_cells: u32) -> Result<Start, SnapshotError> {
    let there = embedded(&snapshot)?;
    let now = snapshot.header.now;
    let differ = differences(&there.file, &here.file);
    let past = Past { there: &there.plan, here: &here.plan, loaded: [&there, here], now };
    let mattered: Vec<String> = differ
        .iter()
        .filter_map(|difference| past.why_not(&difference.path).map(|why| format!("{difference}, {why}")))
        .collect();
    if !mattered.is_empty() {
        return Err(snapshot.refused(Reason::OtherScenario(first(&mattered))));
    }
    if !past.has_one_grid() {
        let why =
            format!("its grid cuts the time before {} into other rows; an earlier snapshot may do", past.moment());
        return Err(snapshot.refused(Reason::OtherScenario(why)));
    }
    if !past.has_one_supply() {
        let why = format!("other stock had come in by then than before {}", past.moment());
        return Err(snapshot.refused(Reason::OtherScenario(why)));
    }
    // However the patterns came to be named: with a key, a table, a window or a segment that is only here.
    if here.plan.knows_deferral() && !there.plan.knows_deferral() {
        let why = "who left by choice comes at another time here, and that somebody left by choice was not kept".into();
        return Err(snapshot.refused(Reason::OtherScenario(why)));
    }
    if !past.has_one_course() {
        let why = format!(
            "what had changed, gone wrong or been switched before {} is other or has another place among its like",
            past.moment()
        );
        return Err(snapshot.refused(Reason::OtherScenario(why)));
    }
    if let Some(target) = past.target_of_other_slice() {
        let why = format!(
            "`target.{target}` is about a slice of time that had begun before {} and was not recorded, or ended elsewhere",
            past.moment()
        );
        return Err(snapshot.refused(Reason::OtherScenario(why)));
    }
    of_sample(&snapshot, simulated_cells)?;
    let mut forks = snapshot.header.forks.clone();
    if !differ.is_empty() {
        forks.push(Fork { scenario_blake3: there.blake3(), at_unix_ms: past.unix_ms() });
    }
    Ok(Start { snapshot, forks })
}

/// The scenario of a snapshot. Only one that was made up holds a text that is none.
fn embedded(snapshot: &Snapshot) -> Result<Loaded, SnapshotError> {
    scenario::load_str(&snapshot.header.scenario, "the scenario of the snapshot", &[])
        .map_err(|_| snapshot.refused(Reason::Impossible("its scenario is not valid")))
}

fn of_sample(snapshot: &Snapshot, here: u32) -> Result<(), SnapshotError> {
    let there = snapshot.header.simulated_cells;
    if there == here { Ok(()) } else { Err(snapshot.refused(Reason::OtherSample { there, here })) }
}

/// The first few of several differences.
fn first(differ: &[String]) -> String {
    let named = differ[..differ.len().min(NAMED)].join("; ");
    match differ.len().saturating_sub(NAMED) {
        // The same settings, in a text that saleload would not have written.
        0 if named.is_empty() => "its text was written otherwise".into(),
        0 => named,
        1 => named + "; and 1 more difference",
        more => format!("{named}; and {more} more differences"),
    }
}

/// Two plans and an instant up to which they should have gone the same way.
struct Past<'a> {
    there: &'a Plan,
    here: &'a Plan,
    loaded: [&'a Loaded; 2],
    now: Instant,
}

impl Past<'_> {
    fn plans(&self) -> [&Plan; 2] {
        [self.there, self.here]
    }

    /// Why a setting that differs cannot differ; `None` if it may. What is not known to be without effect is refused.
    fn why_not(&self, path: &[String]) -> Option<String> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let path = path.as_slice();
        let ahead = match path {
            ["incident"] => Some(self.why_not_incident(None)),
            ["incident", name, ..] => Some(self.why_not_incident(Some(name))),
            ["service", service, "schedule", ..] => Some(self.why_not_schedule(service)),
            ["switch"] => Some(self.why_not_switch(None)),
            ["switch", name, ..] => Some(self.why_not_switch(Some(name))),
            ["livestream", name, ..] => Some(self.why_not_livestream(name)),
            _ => None,
        };
        if let Some(why) = ahead {
            return why;
        }
        let free = match path {
            // Whether the slices of targets were recorded as they would have been is asked of all together; and so is whether what
            // came in so far is the same.
            ["name" | "title"]
            | ["record", "fine"]
            | ["service", _, "cost"]
            | ["target" | "published" | "free", ..]
            | ["window", _, "stock" | "restock" | "new_skus", ..]
            | ["category" | "product", _, "restock", ..] => true,
            ["window", window, "presale", "conversion" | "intensity" | "cbmg" | "balances_after"]
                if !self.balances_opened(window) =>
            {
                true
            }
            ["window", window, ..] => !self.opened(window) && self.keeps_history(),
            ["segment", _, "window", window, ..] => !self.opened(window),
            ["segment", segment, key, ..] => {
                *key != "share" && !self.has_come(|plan, id| plan.segments[id].name == *segment)
            }
            ["cbmg", cbmg, ..] => {
                !self.has_come(|plan, id| plan.cbmgs[plan.segments[id].cbmg].name == *cbmg)
                    && !self.has_paid_balances(|plan, presale| plan.cbmgs[presale.cbmg].name == *cbmg)
            }
            ["intensity", intensity, ..] => {
                !self.has_come_by(intensity)
                    && !self.has_paid_balances(|plan, of| plan.intensities[of.intensity].name == *intensity)
            }
            ["memory", "after_deferred"] if !self.there.knows_deferral() => false,
            ["memory", ..] => self.plans().iter().all(|plan| self.windows(plan) <= 1),
            _ => false,
        };
        if free {
            None
        } else if matches!(path, ["window", window, ..] if !self.opened(window)) {
            Some("and with one window only nobody's history was kept".into())
        } else if matches!(path, ["memory", "after_deferred"]) && !self.there.knows_deferral() {
            Some("and that somebody left by choice was not kept".into())
        } else {
            Some(self.had_its_effect())
        }
    }

    fn had_its_effect(&self) -> String {
        format!("which had its effect before {}, when the snapshot was taken", self.moment())
    }

    /// Windows that have opened.
    fn windows(&self, plan: &Plan) -> usize {
        plan.windows.iter().filter(|window| window.opens < self.now).count()
    }

    fn opened(&self, name: &str) -> bool {
        self.plans().iter().any(|plan| plan.windows[..self.windows(plan)].iter().any(|window| window.name == name))
    }

    /// Whether the window has opened in which the balances of a presale are paid.
    fn balances_opened(&self, window: &str) -> bool {
        self.has_paid_balances(|plan, presale| {
            plan.presales().any(|(id, of)| of == presale && plan.windows[id].name == window)
        })
    }

    /// Whether the balances of such a presale are paid in a window that has opened.
    fn has_paid_balances(&self, which: impl Fn(&Plan, &Presale) -> bool) -> bool {
        self.plans().iter().any(|plan| {
            let opened = self.windows(plan);
            plan.presales().any(|(_, presale)| presale.window < opened && which(plan, presale))
        })
    }

    /// Whether a history was kept if one is needed.
    fn keeps_history(&self) -> bool {
        self.there.windows.len() > 1 || self.here.windows.len() == 1
    }

    /// Whether the same came in with all windows that have opened, of the same SKUs.
    fn has_one_supply(&self) -> bool {
        let [there, here] = self.plans().map(|plan| {
            let catalogue = plan.catalogue.as_ref()?;
            let of = |window| catalogue.supply_at(window);
            Some((0..self.windows(plan)).map(of).collect::<Vec<_>>())
        });
        there == here
    }

    /// A target whose slice of response times should have been recorded before, and was not.
    fn target_of_other_slice(&self) -> Option<&str> {
        let there = response_slices(&self.there.targets);
        let was_not = |slice: &ResponseSlice| slice.from < self.now && !there.contains(slice);
        let target = self.here.targets.iter().find(|target| target.response_slice().as_ref().is_some_and(was_not));
        target.map(|target| target.name.as_str())
    }

    /// Whether such a segment attends a window that has opened.
    fn has_come(&self, which: impl Fn(&Plan, usize) -> bool) -> bool {
        self.plans().iter().any(|plan| {
            let attends = |id: &usize| plan.segments[*id].attendance[..self.windows(plan)].iter().any(Option::is_some);
            (0..plan.segments.len()).filter(attends).any(|id| which(plan, id))
        })
    }

    /// Whether anyone has come to a window by this pattern.
    fn has_come_by(&self, intensity: &str) -> bool {
        self.plans().iter().any(|plan| {
            let mut come = plan.segments.iter().flat_map(|s| s.attendance[..self.windows(plan)].iter().flatten());
            come.any(|attendance| attendance.intensities.iter().any(|&id| plan.intensities[id].name == intensity))
        })
    }

    /// Whether both plans cut the past into the same slots and ticks.
    fn has_one_grid(&self) -> bool {
        let [there, here] = self.plans().map(|plan| {
            let mut slots = schedule::slots(plan);
            slots.retain(|slot| slot.start < self.now);
            slots
        });
        there == here
    }

    fn unix_ms(&self) -> i64 {
        self.there.unix_ms(self.now)
    }

    fn moment(&self) -> String {
        Clock::new(&self.there.zone).stamp(self.unix_ms())
    }
}
