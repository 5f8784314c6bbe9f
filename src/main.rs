//! The `saleload` command; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    saleload::cli::main()
}
