//! The model: a plan compiled once into tables and samplers for the engine.

pub mod expectation;
pub mod intensity;
