//! Parses the command line, runs it, and turns what came of it into an exit code.

use clap::Parser as _;
use partner_desk::cli::{self, Cli};
use std::io::Write as _;
use std::process::ExitCode;

/// Half of what a delivery needs is short-lived and freed by another thread than the one that asked for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse();
    match cli::run(command, &mut std::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
