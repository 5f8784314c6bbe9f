//! The `saleload` command.

fn main() {}
