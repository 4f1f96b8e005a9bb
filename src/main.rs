//! The command `partner-desk`: all of it is in the library.

use std::process::ExitCode;

/// Half of what a delivery needs is short-lived and freed by another thread than the one that asked for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    partner_desk::cli::main()
}
