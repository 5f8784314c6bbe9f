//! saleload plays a shopping festival before it happens: a parallel discrete-event simulator of sale load, stock and capacity.
//!
//! This is the library behind the `saleload` command. `README.md` says how to write a scenario and how to read the results; this
//! page says how the parts fit together and what they promise.
//!
//! # Vocabulary
//!
//! | word | meaning |
//! |---|---|
//! | *shopper* | a person who exists; belongs to one segment and one cell, both by number |
//! | *window* | a stretch of time in which things can be ordered |
//! | *session* | a shopper's stay in a window, from arrival to exit |
//! | *CBMG* | customer behaviour model graph: states (pages), think times, transition probabilities |
//! | *visit* | a session's stay in one state: its calls, its action, its think time |
//! | *request* | one attempt at a call of a service; a retry is another request |
//! | *service, instance, worker* | a service has instances; an instance serves as many requests at once as it has workers |
//! | *offered load* | work brought by all requests per second, in workers; over capacity it cannot be served |
//! | *protection* | what stops a request before it reaches its service, or a client from retrying; the request is *limited* |
//! | *purchase intent* | a line of a basket, from the moment it is put there; becomes at most one order |
//! | *order, hold* | an intent whose stock is reserved; an unpaid order holds its stock until the hold expires |
//! | *GMV* | ordered: money of orders created; paid: money of orders paid, the headline |
//! | *ledger* | where every intent ended, with its money: one [`results::Bucket`] each |
//! | *cell* | a shard of the platform: its shoppers, its share of every service |
//! | *tick* | the interval between two exchanges of the cells |
//! | *slot* | a row of the recorded series: whole ticks |
//! | *target* | what a run has to achieve: a metric of something in some stretch of time, a comparison, a bound |
//! | *snapshot* | the state of a run between two ticks; a *checkpoint* is the last one of a run, a *fork* goes on from one otherwise |
//!
//! Time is in integer nanoseconds, money in integer fen (1/100 RMB): see [`units`].
//!
//! # Data flow
//!
//! ```text
//!  scenario.toml, --set
//!        │  scenario: read, merge, check; everything wrong is reported at once
//!        ▼
//!  plan::Plan ──────────────→ forecast::Forecast    expected load, nothing simulated
//!        │  model: compiled once into dense tables and samplers
//!        ▼
//!  model::Model
//!        │  engine: cells in parallel within a tick, exchange of stock at its end  ←──→  engine::snapshot
//!        │  recorder: bounded summaries, slot by slot                                    past: of which scenario?
//!        ▼
//!  results::Results           plain data
//!        │  report: a pure function of the results
//!        ▼
//!  tables, pictures, report.html, manifest.json
//! ```
//!
//! Each arrow is one conversion in one place. Nothing after [`plan::Plan`] can fail because of what the user wrote, and nothing
//! after [`results::Results`] needs a run.
//!
//! # Guarantees
//!
//! - **Order of events.** Within a cell, events are played in the order of [`engine::session::Session::order`]: time, then the
//!   tie table of [`engine::session::Phase`], then shopper, window and visit. Between cells, nothing is exchanged but at the end
//!   of a tick, in an order that no thread decides: see [`engine::stock`].
//! - **Determinism.** Results are a pure function of plan, simulated cells and build; the number of threads changes no byte.
//!   Every random draw is a pure function of the seed and of what it decides: see [`rng`].
//! - **Resumption.** A run that goes on from a snapshot has the results of the unbroken one, on any number of threads: see
//!   [`engine::snapshot`]. A scenario may go on from another's snapshot if it cannot have had another past: see [`past`].
//! - **Conservation.** [`engine::run`] checks sessions, units of every SKU, money and ledger at its end, in release builds too,
//!   and returns [`engine::Breach`] instead of results where one does not add up: see [`results::Conservation`].
//! - **Never oversold.** The grants of a tick cannot exceed what was left at its start; contested requests are settled at its
//!   end. Against one global queue, an answer is late by one tick at most.
//! - **Memory.** Grows with sessions in flight, SKUs, servers, and a byte per shopper where there are several windows; not with
//!   the length of the festival, but for a recorded row a minute.
//!
//! # Example
//!
//! ```
//! use saleload::engine::{self, Options};
//! use saleload::scenario;
//! use std::ops::ControlFlow;
//!
//! let text = r#"
//!     name = "tiny"
//!     title = "Five minutes, one product"
//!     population.shoppers = 1_000
//!     platform.cells = 4
//!
//!     [window.noon]
//!     opens = "2020-11-11T12:00:00+08:00"
//!     closes = "2020-11-11T12:05:00+08:00"
//!
//!     [intensity.even]
//!     parts = [{ constant = { weight = 1 } }]
//!
//!     [segment.all]
//!     share = 1
//!     cbmg = "buy"
//!     window.noon = { participation = 1, intensity = "even" }
//!
//!     [cbmg.buy]
//!     entry = "cart"
//!     state.cart = { action = "add_to_basket", next = { order = 1 } }
//!     state.order = { action = "reserve", think.deterministic = "5s", next = { pay = 1 } }
//!     state.pay = { action = { pay = {} }, next = { exit = 1 } }
//!
//!     [catalogue]
//!     skus = 1
//!     brands = 1
//!
//!     [category.toys]
//!     skus = 1
//!     demand = 1
//!     price.constant = "20 RMB"
//!     stock.constant = 300
//! "#;
//! let loaded = scenario::load_str(text, "tiny.toml", &[]).map_err(|problems| problems.render(false))?;
//! let options = Options { simulated_cells: loaded.plan.cells, threads: 1 };
//! let results = engine::run(&loaded.plan, &options, &mut |_pause| ControlFlow::Continue(()))?;
//!
//! let total = &results.summary.total;
//! assert_eq!(total.orders_created, 300, "a thousand wanted it, three hundred were there");
//! assert_eq!(total.gmv_ordered_fen, 300 * 2_000);
//! assert_eq!(total.demand_fen, results.ledger.iter().map(|row| row.money_fen).sum::<u64>());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
mod clock;
pub mod engine;
pub mod fit;
pub mod forecast;
pub mod model;
mod number;
pub mod past;
pub mod plan;
pub mod published;
pub mod recorder;
pub mod report;
pub mod results;
pub mod rng;
pub mod scenario;
pub mod target;
pub mod units;
mod verdict;
