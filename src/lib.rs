//! saleload plays a shopping festival before it happens.

pub mod cli;
pub mod forecast;
pub mod model;
pub mod plan;
pub mod results;
pub mod scenario;
pub mod units;
