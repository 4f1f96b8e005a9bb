//! `completions`: what a shell needs to complete the command line.

use super::{Cli, CliError};
use clap::CommandFactory as _;
use std::io::Write;

/// For which shell.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that reads the script.
    shell: clap_complete::Shell,
}

/// Prints the script.
///
/// # Errors
/// The output cannot be written.
pub fn run(completions: &Completions, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "partner-desk", &mut script);
    Ok(out.write_all(&script)?)
}
