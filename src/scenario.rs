//! From a scenario file to a [`Plan`](crate::plan::Plan): reading, patching, checking, and saying what is wrong.

pub mod file;
