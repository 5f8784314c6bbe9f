//! Random scenarios as TOML text: small, valid, and each saying something else. Together they say everything that a scenario
//! can say; `COMMON` of the reference test holds them to that.

#[path = "hedge.rs"]
mod hedge;
#[path = "overload.rs"]
mod overload;
#[path = "protection.rs"]
mod protection;

use std::fmt::Write;

/// `SplitMix64` of Steele, Lea and Flood (OOPSLA 2014): not the generator under test.
struct SplitMix(u64);

impl SplitMix {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform on [0, 1).
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A scenario being drawn.
struct Draw {
    random: SplitMix,
    /// For what came to be drawn later, so that the rest is drawn as without it.
    later: SplitMix,
    cells: u64,
    /// Fewest instances in a cell: two where one is lost and others take over.
    fewest: u64,
    /// Whether there are two presales. Then those of the first segment go straight to the till, so that many pay two deposits.
    has_two_presales: bool,
    /// Whether the windows are long and shoppers come evenly, so that there may be a steady state.
    is_even: bool,
    /// All times in multiples of so many milliseconds, so that events fall on the same instants.
    grain_ms: Option<f64>,
    tension: f64,
    /// For how long after an opening rows are a second long, s.
    fine: u64,
    /// How many times as dear everything is as groceries are.
    dearness: u64,
    /// Calls of states, one after the other; and calls that states make at once.
    called: Vec<(String, String)>,
    sets: Vec<(String, Vec<String>)>,
    text: String,
}

/// The text of the scenario named by this seed.
///
/// `tension` is the chance, each time that something is drawn, that it is drawn to make things tight: little stock, short queues,
/// impatient clients, short holds, events at the same instants.
pub(crate) fn scenario(seed: u64, tension: f64) -> String {
    let mut random = SplitMix(seed);
    let grain_ms = (random.unit() < 0.3).then_some(1000.0);
    let cells = random.bits() % 8 + 1;
    let later = SplitMix(!seed);
    let mut draw = Draw {
        random,
        later,
        cells,
        fewest: cells,
        // In one scenario of eight.
        has_two_presales: (seed >> 44).is_multiple_of(8),
        is_even: (seed >> 48).is_multiple_of(16),
        grain_ms,
        tension,
        fine: 0,
        dearness: 1,
        called: Vec::new(),
        sets: Vec::new(),
        text: String::new(),
    };
    if draw.is_tense() {
        draw.grain_ms = draw.one_of(&[None, Some(10.0), Some(100.0), Some(100.0), Some(1000.0)]);
    }
    // In some scenarios a brand comes to millions.
    draw.dearness = [1, 1, 1, 2000, 50_000][(seed >> 40) as usize % 5];
    let loses_cell = cells > 1 && seed >> 24 & 7 < 2;
    if loses_cell {
        draw.fewest = 2 * cells;
    }
    let windows = draw.between(1, 3);
    let windows = if draw.has_two_presales { 4 } else { windows };
    let categories = draw.between(1, 3);
    let services = draw.between(1, 3);
    draw.head(seed);
    draw.windows(windows, seed);
    draw.intensities();
    (0..2).for_each(|graph| draw.graph(graph, services));
    if draw.has_two_presales {
        draw.straight_graph(services);
    }
    draw.segments(windows, categories);
    let with_instances: Vec<u64> = (0..services).filter(|&service| draw.service(service, services)).collect();
    draw.incidents(windows, &with_instances);
    if loses_cell {
        draw.lost_cell();
    }
    for switch in 0..draw.one_of(&[0, 0, 1, 2]) {
        draw.switch(switch, windows, services, &with_instances);
    }
    draw.goods(categories);
    draw.demand(seed);
    draw.supply(seed, windows, categories);
    // What a run has to achieve changes nothing of what happens: it comes last, so that the rest is drawn as without it.
    (0..draw.between(0, 4)).for_each(|target| draw.target(target, windows, services));
    (0..draw.between(0, 3)).for_each(|point| draw.published(point, windows));
    if draw.has_two_presales {
        draw.presale(0, 1, "due", services);
        draw.presale(2, 3, "due-again", services);
    } else if windows > 1 && draw.chance(0.6) {
        let own = draw.between(0, windows - 2);
        let balances_in = draw.between(own + 1, windows - 1);
        draw.presale(own, balances_in, "due", services);
    }
    draw.inventory(seed, categories);
    draw.hedges(seed, &with_instances);
    draw.substitution(seed);
    draw.text
}

impl Draw {
    /// What shapes demand, drawn by itself, so that the rest is drawn as without it.
    fn demand(&mut self, seed: u64) {
        let before = std::mem::replace(&mut self.random, SplitMix(seed ^ 0x0040_0300));
        if self.chance(0.6) {
            let off = self.one_of(&[1, 13, 100]) * self.dearness;
            let fill_up = self.one_of(&[0.0, 0.5, 1.0]);
            let every = self.one_of(&[100, 300]) * self.dearness;
            self.line(&format!("[coupon]\noff = \"{off} RMB\"\nevery = \"{every} RMB\"\nfill_up = {fill_up:?}"));
        }
        if self.chance(0.4) {
            let entry = self.one_of(&["", "entry = \"cart\"\n", "entry = \"wander\"\n"]);
            self.line(&format!("[channel.app]\nshare = 0.7\n[channel.web]\nshare = 0.3\n{entry}"));
        }
        if self.chance(0.5) {
            self.livestreams();
        }
        self.random = before;
    }

    /// When and how stock is reserved, drawn by itself.
    fn inventory(&mut self, seed: u64, categories: u64) {
        self.random = SplitMix(seed ^ 0x0020_0100);
        let reserve = self.one_of(&["order", "payment", "optimistic", "optimistic"]);
        let mut keys = if reserve == "order" { String::new() } else { format!("inventory.reserve = \"{reserve}\"\n") };
        if self.chance(if reserve == "optimistic" { 0.8 } else { 0.4 }) {
            let delay = self.one_of(&["1ms", "300ms", "1s", "5s"]);
            writeln!(keys, "inventory.flag_delay = \"{delay}\"").expect("a string takes any text");
        } else if reserve != "optimistic" && self.chance(0.5) {
            let split =
                self.one_of(&["{}", "{ rebalance = \"1s\" }", "{ rebalance = \"3500ms\" }", "{ rebalance = \"1m\" }"]);
            writeln!(keys, "inventory.split.by_cell = {split}").expect("a string takes any text");
        }
        self.text = self.text.replacen("inventory.hold", &format!("{keys}inventory.hold"), 1);
        for name in (0..categories).map(|category| format!("[category.c{category}]")).chain(["[product.of-b0]".into()])
        {
            if self.chance(0.3) {
                let hold = self.one_of(&["400ms", "2s", "7s", "1h"]);
                self.text = self.text.replacen(&name, &format!("{name}\nhold = \"{hold}\""), 1);
            }
        }
        if self.chance(if self.text.contains("split.by_cell") { 0.8 } else { 0.4 }) {
            let per_second = self.one_of(&[1, 1, self.cells]);
            let (group_commit, burst) = (self.one_of(&[1, 1, 2]), self.one_of(&["", ", burst = 1", ", burst = 20"]));
            let hot = format!("{{ per_second = {per_second}, group_commit = {group_commit}{burst} }}");
            self.text = self.text.replacen("inventory.hold", &format!("inventory.hot = {hot}\ninventory.hold"), 1);
        }
    }

    /// Who takes what instead of what is sold out, drawn by itself.
    fn substitution(&mut self, seed: u64) {
        self.random = SplitMix(seed ^ 0x0060_0500);
        for segment in 0..3 {
            let rate = self.one_of(&[None, Some(0.3), Some(1.0)]);
            if let Some(rate) = rate {
                let name = format!("[segment.p{segment}]");
                self.text = self.text.replacen(&name, &format!("{name}\nsubstitution = {rate:?}"), 1);
            }
        }
    }

    /// Stock that comes in with later windows, drawn by itself, so that the rest is drawn as without it.
    fn supply(&mut self, seed: u64, windows: u64, categories: u64) {
        let before = std::mem::replace(&mut self.random, SplitMix(seed ^ 0x0050_0700));
        if windows > 1 && self.chance(0.4) {
            let shares = self.one_of(&[
                [0.4, 0.6, 0.0, 0.0],
                [0.7, 0.05, 0.25, 0.0],
                [0.9, 0.0, 0.1, 0.0],
                [0.0, 0.5, 0.5, 0.0],
            ]);
            let rest: f64 = shares[windows as usize..].iter().sum();
            for (window, share) in shares.iter().enumerate().take(windows as usize) {
                let share = if window + 1 == windows as usize { share + rest } else { *share };
                if share > 0.0 {
                    self.line(&format!("[window.w{window}.stock]\nshare = {share:?}"));
                }
            }
        }
        if windows > 1 && self.chance(0.6) {
            let restocks = ["share = 0.3", "share = 2.0", "up_to = 0.5", "up_to = 1.2", "up_to = 0.0"];
            let (window, restock) = (self.between(1, windows - 1), self.one_of(&restocks));
            self.line(&format!("[window.w{window}.restock]\n{restock}"));
            let (category, restock) = (self.between(0, categories - 1), self.one_of(&restocks));
            self.line(&format!("[category.c{category}.restock.w1]\n{restock}"));
            if self.text.contains("[product.without-brand]") {
                let restock = self.one_of(&restocks);
                self.line(&format!("[product.without-brand.restock.w{window}]\n{restock}"));
            }
        }
        self.random = before;
    }

    /// A room that shows a named product now and then, and many that show the products of a category.
    fn livestreams(&mut self) {
        let window = self.between(0, self.text.matches("[window.w").count() as u64 - 1);
        let audience = self.one_of(&["{ p0 = 0.6 }", "{ p0 = 0.25 }"]);
        if self.text.contains("[product.without-brand]") {
            let (conversion, at) = (self.one_of(&[0.3, 1.0]), self.one_of(&["0s", "1s"]));
            self.line(&format!("[livestream.gala]\nwindow = \"w{window}\"\naudience = {audience}\nshows.slots = ["));
            for (at, lasts) in [(at, "1500ms"), ("3s", "1s"), ("4s", "1s")] {
                let slot = format!("at = \"{at}\", lasts = \"{lasts}\", product = \"without-brand\"");
                self.line(&format!("    {{ {slot}, conversion = {conversion:?} }},"));
            }
            self.line("]");
        }
        let rooms = self.between(1, 3);
        let (turn, conversion) = (self.one_of(&["300ms", "2s", "1h"]), self.one_of(&[0.1, 0.8]));
        let window = self.between(0, window);
        self.line(&format!("[livestream.many]\nwindow = \"w{window}\"\naudience = {{ p0 = 0.3 }}"));
        let shows = format!("rooms = {rooms}, products = 3, category = \"c0\", turn = \"{turn}\"");
        self.line(&format!("shows.rooms = {{ {shows}, conversion = {conversion:?} }}"));
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.random.bits() % (most - least + 1)
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.unit() < probability
    }

    /// Whether to make things tight. Without tension nothing is drawn, so that scenarios stay what they are.
    fn is_tense(&mut self) -> bool {
        self.tension > 0.0 && self.chance(self.tension)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, choices.len() as u64 - 1) as usize]
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a string takes any text");
    }

    /// A time: log-uniform between two numbers of milliseconds, or that rounded up to the grain.
    fn time(&mut self, least_ms: f64, most_ms: f64) -> String {
        let ms = (least_ms.ln() + self.random.unit() * (most_ms / least_ms).ln()).exp();
        match self.grain_ms {
            Some(grain) => format!("\"{}ms\"", (ms / grain).ceil() * grain),
            None => format!("\"{}us\"", (ms * 1000.0).ceil()),
        }
    }

    /// A distribution of times; when they are coarse, only of the kinds that stay so.
    fn times(&mut self, least_ms: f64, most_ms: f64) -> String {
        let kinds: &[&str] = if self.grain_ms.is_some() {
            &["deterministic", "empirical"]
        } else {
            &["deterministic", "exponential", "uniform", "lognormal", "gamma", "empirical"]
        };
        match self.one_of(kinds) {
            "uniform" => {
                let (low, high) = (self.time(least_ms, most_ms), self.time(most_ms, 3.0 * most_ms));
                format!("{{ uniform = {{ low = {low}, high = {high} }} }}")
            }
            "lognormal" => {
                let (median, upper) = (self.time(least_ms, most_ms), self.time(1.5 * most_ms, 4.0 * most_ms));
                format!("{{ lognormal = {{ p50 = {median}, {} = {upper} }} }}", self.one_of(&["p90", "p95", "p99"]))
            }
            "gamma" => {
                let (mean, cv) = (self.time(least_ms, most_ms), self.one_of(&[0.1, 0.7, 1.0, 2.5]));
                format!("{{ gamma = {{ mean = {mean}, cv = {cv} }} }}")
            }
            "empirical" => {
                let values: Vec<String> = (0..3).map(|_| self.time(least_ms, most_ms)).collect();
                format!("{{ empirical = {{ values = [\"0s\", {}] }} }}", values.join(", "))
            }
            kind => format!("{{ {kind} = {} }}", self.time(least_ms, most_ms)),
        }
    }

    fn counts(&mut self) -> &'static str {
        self.one_of(&[
            "{ constant = 1 }",
            "{ constant = 3 }",
            "{ geometric = 1.0 }",
            "{ geometric = 2.5 }",
            "{ weights = [5, 3, 0, 2] }",
        ])
    }

    fn money(&mut self, scale: u64) -> String {
        let scale = scale * self.dearness;
        let (fen, high) = (self.between(scale / 4 + 1, scale), self.between(scale + 1, 4 * scale));
        let amount = |fen: u64| format!("\"{}.{:02} RMB\"", fen / 100, fen % 100);
        let (low, high) = (amount(fen), amount(high));
        match self.between(0, 2) {
            0 => format!("{{ constant = {low} }}"),
            1 => format!("{{ uniform = {{ low = {low}, high = {high} }} }}"),
            _ => format!("{{ lognormal = {{ p50 = {low}, {} = {high} }} }}", self.one_of(&["p90", "p95", "p99"])),
        }
    }

    fn head(&mut self, seed: u64) {
        let shoppers = self.one_of(&[self.cells, 40, 300, 500, 700, 900]);
        let shoppers = if self.is_tense() { 500 } else { shoppers };
        let shoppers = if self.is_even { 900 } else { shoppers };
        let zone = self.one_of(&["Asia/Shanghai", "UTC", "America/New_York"]);
        let ticks = if self.grain_ms.is_some() {
            self.one_of(&[("1s", "1s"), ("1s", "5s"), ("500ms", "2s")])
        } else {
            self.one_of(&[("20ms", "1s"), ("10ms", "100ms"), ("1ms", "60s"), ("7ms", "333ms")])
        };
        let (cells, fine) = (self.cells, self.one_of(&[1, 8, 25, 3600]));
        let fine = if self.is_even { 3600 } else { fine };
        self.fine = fine;
        let (bought, failed) = (self.one_of(&[0.0, 0.5, 1.0, 1.4]), self.one_of(&[0.0, 0.7, 1.0, 2.0]));
        self.line(&format!("name = \"drawn\"\ntitle = \"Drawn from {seed:#018x}\"\nzone = \"{zone}\""));
        // TOML's integers have 63 bits.
        self.line(&format!("seed = {}\npopulation.shoppers = {shoppers}", seed >> 1));
        self.line(&format!(
            "platform = {{ cells = {cells}, tick_min = \"{}\", tick_max = \"{}\" }}\nrecord.fine = \"{fine}s\"",
            ticks.0, ticks.1
        ));
        let deferred = [1.0, 1.0, 0.3, 2.5][(seed >> 28) as usize % 4];
        let memory = format!("after_bought = {bought:?}, after_failed = {failed:?}, after_deferred = {deferred:?}");
        self.line(&format!("memory = {{ {memory} }}"));
        let hold = if self.is_tense() { self.time(400.0, 5000.0) } else { self.time(400.0, 60_000.0) };
        self.line(&format!("inventory.hold = {hold}"));
    }

    fn windows(&mut self, windows: u64, seed: u64) {
        // Of a quarter of the scenarios with several windows.
        let new_skus = (seed >> 20).is_multiple_of(4).then_some([1, 2, 5][(seed >> 24) as usize % 3]);
        let mut second = self.between(0, 86_400);
        let clock = |second: u64| {
            let (day, hour) = (11 + second / 86_400, second / 3600 % 24);
            format!("2020-11-{day:02}T{hour:02}:{:02}:{:02}+08:00", second / 60 % 60, second % 60)
        };
        for window in 0..windows {
            let opens = clock(second);
            let lasts = self.one_of(&[5, 17, 40, 70]);
            second += if self.is_even { 70 } else { lasts };
            let closes = clock(second);
            self.line(&format!("[window.w{window}]\nopens = \"{opens}\"\ncloses = \"{closes}\""));
            if let Some(new) = new_skus.filter(|new| window > 0 && window * new < 10) {
                self.line(&format!("new_skus = {new}"));
            }
            self.room();
            second += self.one_of(&[0, 0, 1, 30, 600, 5000]);
        }
    }

    fn intensities(&mut self) {
        for intensity in 0..2 {
            let parts: Vec<String> = (0..self.between(1, 3)).map(|_| self.part()).collect();
            self.line(&format!("[intensity.i{intensity}]\nparts = [{}]", parts.join(", ")));
        }
    }

    fn part(&mut self) -> String {
        let weight = self.one_of(&[0.5, 1.0, 7.0]);
        match self.between(0, 3) {
            _ if self.is_even => format!("{{ constant = {{ weight = {weight} }} }}"),
            0 => {
                let (rise, after) = (self.one_of(&["0s", "300ms", "3s"]), self.one_of(&["0s", "2s", "4s"]));
                let decay = self.time(200.0, 30_000.0);
                format!(
                    "{{ burst = {{ weight = {weight}, rise = \"{rise}\", decay = {decay}, after = \"{after}\" }} }}"
                )
            }
            1 => {
                let hours: Vec<String> = (0..24).map(|_| self.between(1, 9).to_string()).collect();
                format!("{{ hourly = {{ weight = {weight}, hours = [{}] }} }}", hours.join(", "))
            }
            2 => format!("{{ constant = {{ weight = {weight} }} }}"),
            _ => format!(
                "{{ points = {{ weight = {weight}, values = [[0.5, 1.0], [2.0, 4.0], [4.25, 0.0], [900.0, 2.0]] }} }}"
            ),
        }
    }

    /// Transitions in twentieths: at least `forward` to the state that must be reached, at least `exit` to the exit.
    fn transitions(&mut self, from: &str, to: Option<&str>, exit: u64) -> String {
        let states = ["home", "cart", "order", "pay", "wander"];
        let mut twentieths: Vec<(&str, u64)> = vec![("exit", exit)];
        twentieths.extend(to.map(|to| (to, 11)));
        let mut rest = 20 - twentieths.iter().map(|(_, n)| n).sum::<u64>();
        for state in states.into_iter().filter(|state| to != Some(state)) {
            let share = if self.chance(0.4) || state == from { self.between(0, rest / 2) } else { 0 };
            twentieths.push((state, share));
            rest -= share;
        }
        twentieths[0].1 += rest;
        let shares = twentieths.iter().filter(|(_, n)| *n > 0);
        let shares: Vec<String> = shares.map(|(state, n)| format!("{state} = {:?}", *n as f64 / 20.0)).collect();
        format!("{{ {} }}", shares.join(", "))
    }

    fn graph(&mut self, graph: u64, services: u64) {
        self.line(&format!("[cbmg.g{graph}]\nentry = \"home\""));
        let declined = self.one_of(&[0.0, 0.3]);
        let pay = format!("{{ pay = {{ declined = {declined:?} }} }}");
        let states = [
            ("home", None, Some("wander")),
            ("wander", None, Some("cart")),
            ("cart", Some("\"add_to_basket\""), Some("order")),
            ("order", Some("\"reserve\""), Some("pay")),
            ("pay", Some(pay.as_str()), None),
        ];
        for (state, action, to) in states {
            self.line(&format!("[cbmg.g{graph}.state.{state}]"));
            self.calls(state, services);
            if let Some(action) = action {
                self.line(&format!("action = {action}"));
            }
            if matches!(state, "order" | "pay") && self.chance(0.25) {
                self.double_submit();
            }
            if self.chance(0.15) {
                let timeout = self.time(200.0, 6000.0);
                self.line(&format!("timeout = {timeout}"));
            }
            if self.is_tense() {
                let think = self.times(50.0, 1000.0);
                self.line(&format!("think = {think}"));
            } else if self.chance(0.7) {
                let think = self.times(50.0, 8000.0);
                self.line(&format!("think = {think}"));
            }
            let next = self.transitions(state, to, 2);
            self.line(&format!("next = {next}"));
            if self.chance(0.7) {
                let on_failure = self.transitions(state, None, 5);
                self.line(&format!("on_failure = {on_failure}"));
            }
        }
    }

    /// To the till and no way round.
    fn straight_graph(&mut self, services: u64) {
        self.line("[cbmg.straight]\nentry = \"cart\"");
        let states = [
            ("cart", "\"add_to_basket\"", "{ order = 1.0 }"),
            ("order", "\"reserve\"", "{ pay = 0.9, exit = 0.1 }"),
            ("pay", "{ pay = {} }", "{ exit = 0.9, cart = 0.1 }"),
        ];
        for (state, action, next) in states {
            let (service, think) = (self.called(services), self.times(50.0, 2000.0));
            self.line(&format!("[cbmg.straight.state.{state}]\ncalls = [{service}]\naction = {action}\nnext = {next}"));
            self.line(&format!("think = {think}\non_failure = {{ {state} = 0.8, exit = 0.2 }}"));
        }
    }

    /// A page that is submitted again.
    fn double_submit(&mut self) {
        let after = if self.chance(0.5) { self.time(1.0, 50.0) } else { self.time(50.0, 3000.0) };
        let (probability, idempotency) = (self.one_of(&[0.5, 1.0]), self.one_of(&[0.0, 0.5, 1.0]));
        self.line(&format!(
            "double_submit = {{ after = {after}, probability = {probability:?}, idempotency = {idempotency:?} }}"
        ));
    }

    /// Deposits in one window, balances in a later one, for which shoppers come by a pattern and with a graph of this name.
    fn presale(&mut self, own: u64, balances_in: u64, due: &str, services: u64) {
        let (after, deposit) = (self.one_of(&["0s", "1s", "2500ms"]), self.one_of(&[0.0, 0.1, 0.2, 0.123_457]));
        let (hold, conversion) = (self.time(400.0, 20_000.0), self.one_of(&[0.3, 0.8, 1.0]));
        self.line(&format!("[window.w{own}.presale]\nbalances_in = \"w{balances_in}\"\nbalances_after = \"{after}\""));
        self.line(&format!("deposit = {deposit:?}\nhold = {hold}\nconversion = {conversion:?}"));
        self.line(&format!("intensity = \"{due}\"\ncbmg = \"{due}\""));
        let decay = self.time(200.0, 30_000.0);
        let burst = format!("{{ burst = {{ weight = 1, rise = \"300ms\", decay = {decay} }} }}");
        let parts = self.one_of(&[burst.as_str(), "{ constant = { weight = 2 } }"]).to_owned();
        self.line(&format!("[intensity.{due}]\nparts = [{parts}]\n[cbmg.{due}]\nentry = \"look\""));
        let declined = self.one_of(&[0.0, 0.3]);
        let states = [
            ("look", String::new(), "next = { pay = 0.9, exit = 0.1 }"),
            ("pay", format!("action = {{ pay = {{ declined = {declined:?} }} }}"), "next = { exit = 0.9, look = 0.1 }"),
        ];
        for (state, action, next) in states {
            let calls: Vec<String> =
                (0..self.between(0, 2)).map(|_| format!("\"s{}\"", self.between(0, services - 1))).collect();
            self.line(&format!("[cbmg.{due}.state.{state}]\ncalls = [{}]\n{action}\n{next}", calls.join(", ")));
            if state == "pay" && self.chance(0.25) {
                self.double_submit();
            }
            let think = self.times(50.0, 3000.0);
            self.line(&format!("think = {think}"));
            if self.chance(0.7) {
                self.line("on_failure = { look = 0.6, exit = 0.4 }");
            }
        }
        std::mem::swap(&mut self.random, &mut self.later);
        if !self.text.contains("[livestream.") && self.chance(0.7) {
            self.livestreams_of_presale(own);
        }
        std::mem::swap(&mut self.random, &mut self.later);
    }

    /// Rooms that show products on which deposits are paid, and a named one that is dearer than some can spend.
    fn livestreams_of_presale(&mut self, window: u64) {
        let (turn, conversion) = (self.one_of(&["300ms", "2s", "1h"]), self.one_of(&[0.3, 0.8, 1.0]));
        self.line(&format!("[livestream.early]\nwindow = \"w{window}\"\naudience = {{ p0 = 0.6 }}"));
        let shows = format!("rooms = 2, products = 3, category = \"c0\", turn = \"{turn}\"");
        self.line(&format!("shows.rooms = {{ {shows}, conversion = {conversion:?} }}"));
        if self.text.contains("[product.without-brand]") {
            self.line(&format!("[livestream.earliest]\nwindow = \"w{window}\"\naudience = {{ p0 = 0.4 }}"));
            let slot = "at = \"500ms\", lasts = \"4s\", product = \"without-brand\"";
            self.line(&format!("shows.slots = [{{ {slot}, conversion = {conversion:?} }}]"));
        }
    }

    /// What a page calls: one after the other, in one page of twelve partly at once.
    fn calls(&mut self, state: &str, services: u64) {
        let mut calls: Vec<String> = (0..self.between(0, 2)).map(|_| self.called(services)).collect();
        self.called.extend(calls.iter().map(|call| (state.to_owned(), call.clone())));
        std::mem::swap(&mut self.random, &mut self.later);
        if self.chance(0.08) {
            let place = self.between(0, calls.len() as u64) as usize;
            calls.insert(place, "\"both\"".into());
            let at_once: Vec<String> = (0..self.between(2, 3)).map(|_| self.called(services)).collect();
            self.line(&format!("parallel.both = [{}]", at_once.join(", ")));
            self.sets.push((state.to_owned(), at_once));
        }
        std::mem::swap(&mut self.random, &mut self.later);
        self.line(&format!("calls = [{}]", calls.join(", ")));
    }

    fn called(&mut self, services: u64) -> String {
        format!("\"s{}\"", self.between(0, services - 1))
    }

    fn segments(&mut self, windows: u64, categories: u64) {
        let shares = self.one_of(&[&[1.0][..], &[0.35, 0.65], &[0.2, 0.7, 0.1]]);
        for (segment, share) in shares.iter().enumerate() {
            let (graph, lines, units) = (self.between(0, 1), self.counts(), self.counts());
            let graph = if self.has_two_presales && segment == 0 { "straight".into() } else { format!("g{graph}") };
            self.line(&format!("[segment.p{segment}]\nshare = {share:?}\ncbmg = \"{graph}\""));
            self.line(&format!("basket = {{ lines = {lines}, units = {units} }}"));
            if self.chance(0.4) {
                let spend = self.money(20_000);
                self.line(&format!("spend = {spend}"));
            }
            if self.is_tense() || self.chance(0.5) {
                let patience = self.times(300.0, 10_000.0);
                self.line(&format!("patience = {patience}"));
            }
            if self.chance(0.5) {
                let (category, interest) = (self.between(0, categories - 1), self.one_of(&[0.2, 6.0]));
                self.line(&format!("interest = {{ c{category} = {interest:?} }}"));
            }
            let sure = self.between(0, windows - 1);
            for window in 0..windows {
                if segment == 0 || window == sure || self.chance(0.8) {
                    let (participation, intensity) = (self.one_of(&[0.1, 0.5, 0.9, 1.0]), self.between(0, 1));
                    self.line(&format!("[segment.p{segment}.window.w{window}]"));
                    self.line(&format!("participation = {participation:?}\nintensity = \"i{intensity}\""));
                    if self.chance(0.3) {
                        let early = self.one_of(&[0.05, 0.5, 1.0]);
                        self.line(&format!("early = {early:?}"));
                    }
                    if window > 0 && self.chance(0.3) {
                        let after = self.one_of(&["bought", "failed", "deferred"]);
                        let also = if after == "bought" && self.chance(0.5) { ", deferred = \"i0\"" } else { "" };
                        self.line(&format!("intensity_after = {{ {after} = \"i{}\"{also} }}", 1 - intensity));
                    }
                }
            }
        }
    }

    /// Whether it has instances.
    fn service(&mut self, service: u64, services: u64) -> bool {
        self.line(&format!("[service.s{service}]"));
        let has_instances = self.is_tense() || self.chance(0.8);
        let mut instances = 0;
        if has_instances {
            let workers;
            (instances, workers) = (self.fewest + self.between(0, 3), self.between(1, 3));
            self.line(&format!("instances = {instances}\nworkers = {workers}"));
            std::mem::swap(&mut self.random, &mut self.later);
            if self.chance(0.4) {
                let cost = self.one_of(&["0.01 RMB", "7.77 RMB", "123k RMB"]);
                self.line(&format!("cost = \"{cost}\""));
            }
            std::mem::swap(&mut self.random, &mut self.later);
            if self.is_tense() || self.chance(0.7) {
                let queue = self.one_of(&[0, 0, 1, 3, 20]);
                self.line(&format!("queue = {queue}"));
            }
        }
        let service_time = if self.is_tense() { self.times(2.0, 200.0) } else { self.times(2.0, 1000.0) };
        self.line(&format!("service_time = {service_time}"));
        let times_out = self.is_tense() || self.chance(0.6);
        if times_out {
            let timeout = self.time(100.0, 4000.0);
            self.line(&format!("timeout = {timeout}"));
        }
        if self.is_tense() || self.chance(0.6) {
            let (attempts, multiplier) = (self.between(1, 4), self.one_of(&[1.0, 2.0, 3.5]));
            let (backoff, jitter) = (self.time(1.0, 2000.0), self.one_of(&["none", "equal", "full", "decorrelated"]));
            let cap = if self.chance(0.5) { ", cap = \"3s\"" } else { "" };
            let budget = self.budget();
            self.line(&format!(
                "retry = {{ attempts = {attempts}, backoff = {backoff}, multiplier = {multiplier:?}, jitter = \"{jitter}\"{cap}{budget} }}"
            ));
        }
        self.protection(times_out);
        if has_instances {
            self.shed();
            self.desk();
            std::mem::swap(&mut self.random, &mut self.later);
            if self.chance(0.2) {
                self.line("answers = \"on_acceptance\"");
            }
            // Those behind it, so that nobody waits for itself.
            if service + 1 < services && self.chance(0.25) {
                let calls =
                    (0..self.between(1, 2)).map(|_| format!("\"s{}\"", self.between(service + 1, services - 1)));
                let calls: Vec<String> = calls.collect();
                self.line(&format!("calls = [{}]", calls.join(", ")));
            }
            std::mem::swap(&mut self.random, &mut self.later);
            if !self.autoscaler(instances) {
                self.schedule();
            }
        }
        has_instances
    }

    /// A moment in which something changes: in the middle of things, or at an edge.
    fn moment(&mut self) -> u64 {
        self.one_of(&[0, 500, 1000, 2000, 3250, 5000, 11_000, 40_000])
    }

    /// An autoscaler for one service in six. Whether it has one.
    fn autoscaler(&mut self, instances: u64) -> bool {
        if self.chance(0.83) {
            return false;
        }
        let target = self.one_of(&[
            "utilisation = 0.3",
            "utilisation = 0.8",
            "waiting = 0.5",
            "requests_per_second = 2",
            "requests_per_second = 0.2",
        ]);
        let (interval, lag) = (self.one_of(&[1000, 1000, 2000, 3500]), self.one_of(&[0, 1, 500, 1000, 3000, 10_000]));
        let (tolerance, stabilisation) = (self.one_of(&[0.0, 0.1, 0.5]), self.one_of(&["0s", "0s", "3s", "10s"]));
        let (least, most) = (self.fewest, instances + self.one_of(&[1, 4, 30]));
        let bounds = self.one_of(&["", "", ", up = 1", ", down = 1", ", up = 3, down = 2"]);
        self.line(&format!(
            "autoscaler = {{ target = {{ {target} }}, interval = \"{interval}ms\", lag = \"{lag}ms\", tolerance = {tolerance:?}, stabilisation = \"{stabilisation}\", least = {least}, most = {most}{bounds} }}"
        ));
        if self.chance(0.3) {
            let from = self.moment();
            self.line(&format!("schedule = [{{ window = \"w0\", from = \"{from}ms\", instances = {instances} }}]"));
        }
        true
    }

    /// Instances over time, for a quarter of the services.
    fn schedule(&mut self) {
        if self.chance(0.75) {
            return;
        }
        let (mut from, mut steps) = (self.moment(), Vec::new());
        for _ in 0..self.between(1, 4) {
            let instances = self.fewest + self.one_of(&[0, 0, 1, 2, 3, 7, self.cells]);
            steps.push(format!("{{ window = \"w0\", from = \"{from}ms\", instances = {instances} }}"));
            from += self.one_of(&[1, 500, 1000, 2000, 4000, 30_000]);
        }
        self.line(&format!("schedule = [{}]", steps.join(", ")));
    }

    /// What goes wrong, in three of five scenarios.
    fn incidents(&mut self, windows: u64, with_instances: &[u64]) {
        if self.chance(0.4) {
            return;
        }
        for incident in 0..self.between(1, 4) {
            let window = self.between(0, windows - 1);
            let from = self.one_of(&[0, 500, 1000, 2000, 2000, 3250, 5000, 11_000]);
            let until = from + self.one_of(&[1, 500, 1000, 3000, 3000, 10_000, 100_000]);
            let share = self.one_of(&[0.0, 0.3, 0.5, 0.5, 1.0]);
            let service =
                if with_instances.is_empty() || self.chance(0.3) { None } else { Some(self.one_of(with_instances)) };
            let effect = match (service, self.between(0, 5)) {
                (None, 0..=2) => format!("{{ declined = {{ probability = {share:?} }} }}"),
                (None, _) => format!("{{ declined = {{ probability = {share:?}, states = [\"pay\"] }} }}"),
                (_, 0) => format!("{{ slowed = {:?} }}", self.one_of(&[1.0, 1.5, 4.0, 30.0])),
                (_, 1) => "\"stalled\"".into(),
                (_, 2) => format!("{{ lost = {{ instances = {} }} }}", self.between(1, 2 * self.cells)),
                (_, 3) => format!("{{ lost = {{ share = {share:?} }} }}"),
                (_, 4) => "{ unreachable = \"refused\" }".into(),
                _ => "{ unreachable = \"retransmitted\" }".into(),
            };
            self.line(&format!("[incident.i{incident}]\nwindow = \"w{window}\"\neffect = {effect}"));
            self.line(&format!("from = \"{from}ms\"\nuntil = \"{until}ms\""));
            if let Some(service) = service {
                self.line(&format!("service = \"s{service}\""));
            }
        }
    }

    /// A cell that is lost in the first window; others take its shoppers over, or do not.
    fn lost_cell(&mut self) {
        std::mem::swap(&mut self.random, &mut self.later);
        let (from, lasts) = (self.one_of(&[500, 1000, 2000, 3250]), self.one_of(&[1000, 2500, 6000, 40_000]));
        let cell = self.between(0, self.cells - 1);
        let host = (cell + self.between(1, self.cells - 1)) % self.cells;
        let remapped = match self.between(0, 5) {
            0 => String::new(),
            1 => ", remapped_after = \"0s\"".into(),
            2 | 3 => format!(", remapped_after = \"{}ms\", hosts = [{host}]", self.one_of(&[1, 500, 999])),
            _ => format!(", remapped_after = \"{}ms\"", self.one_of(&[1, 500, 999])),
        };
        self.line(&format!("[incident.lost]\nwindow = \"w0\"\neffect.cell_lost = {{ cell = {cell}{remapped} }}"));
        self.line(&format!("from = \"{from}ms\"\nuntil = \"{}ms\"", from + lasts));
        std::mem::swap(&mut self.random, &mut self.later);
    }

    /// What takes an event-driven station, in two of five services.
    fn desk(&mut self) {
        if self.chance(0.6) {
            return;
        }
        let discipline = match self.between(0, 5) {
            0 => "\"fifo\"".into(),
            1 => "\"lifo\"".into(),
            2 => format!("{{ adaptive_lifo = {{ above = {} }} }}", self.between(0, 2)),
            3 => "{ priority = { segments = [\"p0\"] } }".into(),
            _ => "{ priority = { states = [\"pay\", \"order\"] } }".into(),
        };
        self.line(&format!("discipline = {discipline}"));
        if self.chance(0.4) {
            let max_wait = self.time(10.0, 2000.0);
            self.line(&format!("max_wait = {max_wait}"));
        }
        if self.chance(0.3) {
            let (target, interval) = (self.time(5.0, 100.0), self.time(100.0, 1000.0));
            self.line(&format!("controlled_delay = {{ target = {target}, interval = {interval} }}"));
        }
        if self.chance(0.4) {
            let balancer = self.one_of(&["\"random\"", "\"round_robin\"", "{ least_loaded = 2 }"]);
            self.line(&format!("queues = {{ per_instance = {balancer} }}"));
        }
        let cancel = self.one_of(&["none", "waiting", "all", "all"]);
        self.line(&format!("cancel = \"{cancel}\""));
        if self.chance(0.3) {
            let (above, factor) = (self.one_of(&[1, 2, 10]), self.one_of(&[1.5, 3.0, 10.0]));
            self.line(&format!("slowdown = {{ above = {above}, factor = {factor:?} }}"));
        }
    }

    fn goods(&mut self, categories: u64) {
        let (skus, brands) = (self.one_of(&[10, 40, 200]), self.one_of(&[1, 5, 20]));
        let skus = if self.is_tense() { 10 } else { skus };
        let (head, tail, knee) =
            (self.one_of(&[0.0, 0.42, 1.0]), self.one_of(&[0.0, 1.22, 2.0]), self.one_of(&[0.01, 0.3]));
        self.line(&format!("[catalogue]\nskus = {skus}\nbrands = {brands}\nbrand_exponent = 0.9"));
        self.line(&format!("popularity = {{ head = {head:?}, tail = {tail:?}, knee = {knee:?} }}"));
        let shares = [&[1.0][..], &[0.5, 0.5], &[0.3, 0.3, 0.4]][categories as usize - 1];
        for (category, share) in shares.iter().enumerate() {
            let (demand, price, stock) = (self.one_of(&[1.0, 3.0]), self.money(8000), self.stock());
            self.line(&format!("[category.c{category}]\nskus = {share:?}\ndemand = {demand:?}"));
            self.line(&format!("price = {price}\nstock = {stock}"));
            self.discount();
        }
        for brand in 0..self.between(0, 2) {
            self.line(&format!("[brand.b{brand}]\ncategory = \"c0\"\nshare = 0.3"));
            if self.chance(0.5) {
                self.product(&format!("of-b{brand}"), &format!("brand = \"b{brand}\"\n"));
            }
        }
        if self.chance(0.5) {
            self.product("without-brand", "");
        }
    }

    /// What a category is cheaper in the sale, and what that does to demand; drawn by itself, so that the rest is drawn as without it.
    fn discount(&mut self) {
        let before = std::mem::replace(&mut self.random, SplitMix(!(self.text.len() as u64)));
        if self.dearness > 1 || self.chance(0.3) {
            let (discount, elasticity) = (self.one_of(&[0.0, 0.25, 0.4, 0.7]), self.one_of(&[0.0, 0.8, 1.7, 2.6]));
            self.line(&format!("discount = {discount:?}\nelasticity = {elasticity:?}"));
        }
        self.random = before;
    }

    fn target(&mut self, target: u64, windows: u64, services: u64) {
        let is_of_service = self.chance(0.6);
        let metric = if is_of_service {
            let names = [
                "p50",
                "p99.9",
                "p37.5",
                "response_max",
                "rejected",
                "timed_out_share",
                "wait_mean",
                "lost",
                "lost_share",
            ];
            let more = ["requests_per_second_peak", "rejected_share", "p99", "p90", "requests", "timed_out"];
            self.one_of(&[&names[..], &more].concat())
        } else {
            let names = ["sessions", "orders_created", "orders_paid", "gmv_paid", "gmv_ordered", "demand", "lost"];
            let others =
                ["lost_share", "orders_per_second_peak", "turned_away_share", "sessions_turned_away", "intents"];
            let brands = ["brands_past_1m", "brands_past_10m", "brands_past_100m", "brands_past_1bn"];
            self.one_of(&[&names[..], &others, &brands].concat())
        };
        let bound = match metric {
            "gmv_paid" | "gmv_ordered" | "demand" | "lost" => self.one_of(&["0 RMB", "123.45 RMB", "20k RMB"]),
            name if name.ends_with("_share") => self.one_of(&["0%", "12.5%", "50%", "100%"]),
            name if name.ends_with("_peak") => self.one_of(&["0/s", "2/s", "7.5/s"]),
            name if name.starts_with('p') || name.starts_with("response") || name == "wait_mean" => {
                self.one_of(&["0s", "3ms", "100ms", "1s"])
            }
            _ => self.one_of(&["0", "1", "25", "400"]),
        };
        let sign = self.one_of(&["<", "<=", ">", ">=", "="]);
        self.line(&format!("[target.t{target}]\npass = \"{metric} {sign} {bound}\""));
        if is_of_service {
            let service = self.between(0, services - 1);
            self.line(&format!("service = \"s{service}\""));
        } else if metric == "gmv_paid" && self.chance(0.5) {
            self.line("category = \"c0\"");
        }
        let window = self.between(0, windows - 1);
        let fine = self.one_of(&["from = \"2s\"\nuntil = \"5s\"", "from = \"1s\"", "until = \"4s\""]);
        let coarse = self.one_of(&["from = \"0s\"\nuntil = \"1s\"", "from = \"1s\""]);
        match self.between(0, 3) {
            0 => {}
            1 => self.line(&format!("window = \"w{window}\"")),
            _ if self.fine > 5 => self.line(&format!("window = \"w{window}\"\n{fine}")),
            _ => self.line(&format!("window = \"w{window}\"\n{coarse}")),
        }
    }

    fn published(&mut self, point: u64, windows: u64) {
        let value = self.one_of(&[
            "gmv_paid = \"20k RMB\"",
            "gmv_paid = \"12.34 RMB\"",
            "peak_orders_per_second = 2.5",
            "brands_past_100m = 2",
        ]);
        self.line(&format!("[published.p{point}]\nvalue.{value}"));
        let window = self.between(0, windows - 1);
        let at = self.one_of(&["0s", "1s", "1500ms", "2s"]);
        match self.between(0, 2) {
            0 => {}
            1 => self.line(&format!("window = \"w{window}\"")),
            _ => self.line(&format!("window = \"w{window}\"\nat = \"{at}\"")),
        }
    }

    fn stock(&mut self) -> String {
        let around_cells = self.cells + 1 - self.between(0, self.cells.min(2));
        if self.is_tense() {
            return format!("{{ constant = {} }}", self.one_of(&[around_cells, 2 * self.cells, 5 * self.cells]));
        }
        match self.between(0, 3) {
            0 => format!("{{ constant = {} }}", self.one_of(&[0, around_cells, 50])),
            1 => "{ lognormal = { p50 = 3.0, p95 = 20.0 } }".into(),
            2 => "{ cover = { p50 = 0.8, p90 = 0.8 } }".into(),
            _ => format!("{{ cover = {{ p50 = 0.5, p90 = 2.0, at_least = {} }} }}", self.between(0, 3)),
        }
    }

    fn product(&mut self, name: &str, brand: &str) {
        let stock = self.one_of(&[0, 1, self.cells - 1, self.cells, self.cells + 1, 3 * self.cells, 500]);
        let demand = self.one_of(&[0.05, 0.2, 0.33]);
        self.line(&format!("[product.{name}]\ncategory = \"c0\"\n{brand}price = \"12.34 RMB\"\nstock = {stock}"));
        self.line(&format!("demand = {demand:?}"));
        if self.chance(0.5) {
            let units = self.counts();
            self.line(&format!("units = {units}"));
        }
        // Drawn by itself, so that the rest is drawn as without it.
        let before = std::mem::replace(&mut self.random, SplitMix(self.text.len() as u64));
        if self.chance(0.5) {
            let redeemed = self.one_of(&[0.0, 0.7, 0.9, 1.0]);
            let after = self.one_of(&[
                "exponential = \"10s\"",
                "exponential = \"1h\"",
                "uniform = { low = \"0s\", high = \"3d\" }",
            ]);
            self.line(&format!("voucher = {{ redeemed = {redeemed:?}, after.{after} }}"));
        }
        self.random = before;
    }
}
