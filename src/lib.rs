//! saleload plays a shopping festival before it happens.

pub mod cli;
pub mod engine;
pub mod forecast;
pub mod model;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod results;
pub mod rng;
pub mod scenario;
pub mod units;
