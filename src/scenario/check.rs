//! The semantic check: what no single key can say. Everything wrong is reported at its place; what comes out is a plan.
//!
//! Conversions go on after a problem with a stand-in value, so that the rest is checked too. The stand-in never leaves this
//! module: a scenario with an error has no plan.

mod arrival;
mod behaviour;
mod capacity;
mod clock;
mod crowd;
mod desk;
mod distribution;
mod goods;
mod inventory;
mod outage;
mod people;
mod platform;
mod presale;
mod protection;
mod published;
mod supply;
mod switch;
mod target;

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::file::{Named, ScenarioFile, Window};
use super::observed::RowPlaces;
use super::schema::{closest, listed};
use super::source::Place;
use super::tree::Cursor;
use crate::model::expectation::Expectation;
use crate::plan::capacity::CellLoss;
use crate::plan::{CountDistribution, MAX_LINES, Memory, Plan, Service};
use std::collections::BTreeSet;

/// Most pages that a session may visit on average.
const MOST_PAGES: f64 = 10_000.0;
/// Most requests that one request may bring with it.
const MOST_REQUESTS: f64 = 10_000.0;
/// Most money that a scenario may be about, fen: a ninth of what 64 bits count, so that chance does not carry a sum past them.
const MOST_FEN: f64 = 1e18;
/// How far a sum of shares or probabilities may be from one.
const SUM_TOLERANCE: f64 = 1e-6;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// What every check needs.
struct Check<'a> {
    file: &'a ScenarioFile,
    root: Cursor<'a>,
    rows: &'a RowPlaces,
    /// Cells that incidents take, once that is known.
    cells_lost: Vec<CellLoss>,
    found: &'a mut Diagnostics,
}

/// Converts a scenario whose structure is sound; `None` where `found` has got an error.
pub(super) fn plan(file: &ScenarioFile, root: Cursor<'_>, rows: &RowPlaces, found: &mut Diagnostics) -> Option<Plan> {
    let mut check = Check { file, root, rows, cells_lost: Vec::new(), found };
    check.names();
    let mut clock = check.clock();
    let (cells, tick_min, tick_max) = check.platform();
    check.cells_lost = check.cells_lost(&clock);
    let services = check.services(&clock);
    let cbmgs = check.behaviour();
    let catalogue = check.goods();
    let inventory = check.inventory();
    let coupon = check.coupon();
    let channels = check.channels(&cbmgs);
    let livestreams = check.livestreams(&clock, catalogue.as_ref());
    let templates = check.arrivals();
    let (segments, intensities) = check.segments(&templates, &mut clock, catalogue.as_ref());
    let declines = check.incidents(&clock);
    let switches = check.switches(&clock);
    check.unused();
    let targets = check.targets(&clock);
    let published = check.published(&clock);
    let free = check.free();
    if check.found.has_errors() {
        return None;
    }
    let plan = Plan {
        name: file.name.clone(),
        title: file.title.clone(),
        zone: file.zone.clone(),
        seed: file.seed,
        origin_unix_ms: clock.origin_unix_ms,
        horizon: clock.horizon,
        shoppers: file.population.shoppers,
        cells,
        tick_min,
        tick_max,
        fine: file.record.fine,
        memory: Memory {
            after_bought: file.memory.after_bought,
            after_failed: file.memory.after_failed,
            after_deferred: file.memory.after_deferred,
        },
        windows: clock.windows,
        intensities,
        cbmgs,
        segments,
        services,
        switches,
        hold: file.inventory.hold,
        inventory,
        catalogue,
        coupon,
        channels,
        livestreams,
        declines,
        targets,
        published,
        free,
    };
    check.magnitudes(&plan);
    (!check.found.has_errors()).then_some(plan)
}

impl Check<'_> {
    /// What is sound line by line and too much as a whole.
    fn magnitudes(&mut self, plan: &Plan) {
        for (service, settings) in plan.services.iter().enumerate().filter(|(_, of)| !of.calls.is_empty()) {
            let requests: f64 = plan.requests_within(service).iter().sum();
            if requests > MOST_REQUESTS {
                let message = format!("a request of service `{}` brings {requests} requests", settings.name);
                self.push(
                    Diagnostic::new(Code::TooMany, message)
                        .at(self.root.key("service").key(&settings.name).key("calls").key_place(), "calls too many")
                        .note(format!("at most {MOST_REQUESTS} are possible")),
                );
            }
        }
        let expected = Expectation::new(plan);
        for (cbmg, visits) in plan.cbmgs.iter().zip(&expected.visits) {
            let pages: f64 = visits.iter().sum();
            if !pages.is_finite() || pages > MOST_PAGES {
                self.push(
                    Diagnostic::new(Code::NoExit, format!("a session of `{}` hardly ever ends", cbmg.name))
                        .at(self.root.key("cbmg").key(&cbmg.name).key_place(), "visits too many pages")
                        .note(format!("at most {MOST_PAGES} pages are possible on average"))
                        .help("give `exit` a larger probability"),
                );
            }
        }
        self.cost(plan);
        let Some(catalogue) = &plan.catalogue else { return };
        let dearest = catalogue.categories.iter().map(|c| c.price.mean_fen());
        let dearest = dearest.chain(catalogue.products.iter().map(|p| p.price.0 as f64)).fold(0.0, f64::max);
        let own = catalogue.products.iter().filter_map(|p| p.units.as_ref()).map(CountDistribution::mean);
        let units = plan.segments.iter().map(|s| s.units.mean()).chain(own).fold(1.0, f64::max);
        let lines = f64::from(MAX_LINES) * plan.shoppers as f64 * plan.windows.len() as f64;
        let most = lines * units * dearest;
        if !most.is_finite() || most > MOST_FEN {
            self.push(
                Diagnostic::new(Code::TooMany, "this is more money than can be counted")
                    .at(self.root.key("population").key("shoppers").place(), "so many shoppers, baskets and prices")
                    .note("shoppers × windows × 16 lines × mean units × the dearest mean price come to more than 10^18 fen")
                    .help("take fewer shoppers, fewer units in a line, or lower prices"),
            );
        }
    }

    /// The cost of the platform has to be counted too.
    fn cost(&mut self, plan: &Plan) {
        let fen = |service: &Service| {
            let instance_hours = plan.instance_nanos(service) as f64 / 3.6e12;
            service.cost.map_or(0.0, |cost| cost.0 as f64) * instance_hours
        };
        let dearest = plan.services.iter().max_by(|a, b| fen(a).total_cmp(&fen(b)));
        let total: f64 = plan.services.iter().map(fen).sum();
        if let Some(dearest) = dearest.filter(|_| total > MOST_FEN) {
            let at = self.root.key("service").key(&dearest.name).key("cost");
            self.push(
                Diagnostic::new(Code::TooMany, "the platform costs more money than can be counted")
                    .at(at.place(), "the dearest service")
                    .note("instances × cost × hours of windows come to more than 10^18 fen")
                    .help("take fewer instances, or a lower cost"),
            );
        }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Names become columns, file names and arguments, so they are kept simple.
    fn names(&mut self) {
        let file = self.file;
        self.name(&file.name, self.root.key("name").place());
        self.named("window", &file.window);
        self.named("intensity", &file.intensity);
        self.named("cbmg", &file.cbmg);
        self.named("segment", &file.segment);
        self.named("service", &file.service);
        self.named("switch", &file.switch);
        self.named("category", &file.category);
        self.named("incident", &file.incident);
        self.named("target", &file.target);
        self.named("channel", &file.channel);
        self.named("livestream", &file.livestream);
        self.named("published", &file.published);
        self.named("free", &file.free);
        self.titled("brand", &file.brand);
        self.titled("product", &file.product);
        for (name, cbmg) in &file.cbmg {
            let states = self.root.key("cbmg").key(name).key("state");
            for state in cbmg.state.keys() {
                self.name(state, states.key(state).key_place());
            }
        }
    }

    fn named<T>(&mut self, table: &str, entries: &Named<T>) {
        let at = self.root.key(table);
        for name in entries.keys() {
            self.name(name, at.key(name).key_place());
        }
    }

    /// Brands and products carry the names that people know them by.
    fn titled<T>(&mut self, table: &str, entries: &Named<T>) {
        let at = self.root.key(table);
        for name in entries.keys() {
            let printable = !name.chars().any(char::is_control) && name.trim() == name;
            if name.is_empty() || name.chars().count() > LONGEST_NAME || !printable {
                let refused = Diagnostic::new(
                    Code::BadName,
                    format!("`{}` cannot be the name of a {table}", name.escape_debug()),
                )
                .at(at.key(name).key_place(), "not a name")
                .note(format!("it has 1 to {LONGEST_NAME} printable characters, and no blank at either end"));
                self.push(refused);
            }
        }
    }

    fn name(&mut self, name: &str, place: Place) {
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(simple) {
            return;
        }
        let candidate: String = name.to_lowercase().replace([' ', '.'], "-");
        let mut diagnostic = Diagnostic::new(Code::BadName, format!("`{name}` cannot be a name"))
            .at(place, "not a name")
            .note(format!("a name has 1 to {LONGEST_NAME} lower-case letters, digits, hyphens and underscores"));
        if !candidate.is_empty() && candidate.len() <= LONGEST_NAME && candidate.chars().all(simple) {
            diagnostic = diagnostic.help(format!("write `{candidate}`"));
        }
        self.push(diagnostic);
    }

    /// Index of `name` in a table, or a diagnostic that suggests the one that was meant.
    fn resolve<T>(&mut self, what: &str, name: &str, table: &Named<T>, place: Place) -> Option<usize> {
        let index = table.get_index_of(name);
        if index.is_none() {
            self.unknown(what, name, place, "the scenario declares", table.keys().map(String::as_str));
        }
        index
    }

    /// Reports a name that does not exist, and suggests the closest of those that do.
    fn unknown<'n>(
        &mut self,
        what: &str,
        name: &str,
        place: Place,
        declared: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) {
        let unknown = Diagnostic::new(Code::UnknownName, format!("there is no {what} `{name}`"))
            .at(place, format!("no such {what}"));
        self.push(if self.found.is_full() {
            unknown
        } else {
            unknown.help(format!("{declared} {}", listed(names.clone()))).did_you_mean(closest(name, names))
        });
    }

    /// A number that has to be finite, within a range that the schema cannot state.
    fn weight(&mut self, weight: f64, place: Place) {
        if !(0.0..=1e12).contains(&weight) {
            self.push(
                Diagnostic::new(Code::OutOfRange, format!("{weight} is out of range"))
                    .at(place, "expected a number from 0 to 1e12"),
            );
        }
    }

    /// What is declared and never referred to.
    fn unused(&mut self) {
        let file = self.file;
        let attended = || file.segment.values().flat_map(|segment| &segment.window);
        let windows = attended().map(|(window, _)| window);
        self.unused_in("window", &file.window, windows, "no segment comes to it");
        let presales = || file.window.values().filter_map(|window| window.presale.as_ref());
        let intensities = attended().map(|(_, attendance)| &attendance.intensity);
        let after = attended().flat_map(|(_, attendance)| attendance.intensity_after.named().map(|(_, name)| name));
        let intensities = intensities.chain(after).chain(presales().map(|presale| &presale.intensity));
        self.unused_in("intensity", &file.intensity, intensities, "no segment comes by it");
        let cbmgs = file.segment.values().map(|segment| &segment.cbmg);
        let cbmgs = cbmgs.chain(presales().map(|presale| &presale.cbmg));
        self.unused_in("cbmg", &file.cbmg, cbmgs, "no segment behaves so");
        let states = file.cbmg.values().flat_map(|cbmg| cbmg.state.values());
        let of_pages = states.flat_map(|state| state.calls.iter().chain(state.parallel.values().flatten()));
        let of_services = file.service.values().flat_map(|service| &service.calls);
        self.unused_in("service", &file.service, of_pages.chain(of_services), "no state calls it");
        if file.catalogue.is_none() {
            let (nothing, why) = (std::iter::empty, "there is no `catalogue`");
            self.unused_in("category", &file.category, nothing(), why);
            self.unused_in("brand", &file.brand, nothing(), why);
            self.unused_in("product", &file.product, nothing(), why);
            let supplied =
                |window: &Window| window.stock.is_some() || window.restock.is_some() || window.new_skus.is_some();
            if let Some((name, _)) = file.window.iter().find(|(_, window)| supplied(window)) {
                let place = self.root.key("window").key(name).key_place();
                self.push(Diagnostic::new(Code::Unused, format!("window `{name}` has no stock")).at(place, why));
            }
            if file.inventory.hot.is_some() {
                let place = self.root.key("inventory").key("hot").key_place();
                self.push(Diagnostic::new(Code::Unused, "no product is ever asked for").at(place, why));
            }
            if file.coupon.is_some() {
                let place = self.root.key("coupon").key_place();
                self.push(Diagnostic::new(Code::Unused, "the coupon is never used").at(place, why));
            }
        }
    }

    fn unused_in<'b, T>(&mut self, table: &str, entries: &Named<T>, used: impl Iterator<Item = &'b String>, why: &str) {
        let used: BTreeSet<&String> = used.collect();
        for name in entries.keys().filter(|name| !used.contains(name)) {
            let place = self.root.key(table).key(name).key_place();
            self.push(Diagnostic::new(Code::Unused, format!("the {table} `{name}` is never used")).at(place, why));
        }
    }
}
