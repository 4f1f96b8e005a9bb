//! `retarget`: gives running clocks the promise of the programme as it is now (`S5`).

use super::CliError;
use crate::desk::Desk;
use std::io::Write;

/// Which clocks.
#[derive(Debug, Clone, clap::Args)]
pub struct Retarget {
    /// Issues, as `OWNER/REPO#N`.
    #[arg(value_name = "OWNER/REPO#N", required_unless_present = "all", conflicts_with = "all")]
    issues: Vec<String>,
    /// Every running clock.
    #[arg(long)]
    all: bool,
}

/// Retargets, and says what changed.
///
/// # Errors
/// No such ticket is known; the database fails.
pub async fn run(retarget: &Retarget, desk: &Desk, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let mut issues = Vec::new();
    for issue in &retarget.issues {
        issues.push(super::explain::named(desk, issue).await?.issue);
    }
    let only = (!retarget.all).then_some(issues.as_slice());
    let changed = desk.retarget(only).await?;
    for (place, before, after) in &changed {
        writeln!(out, "{place}: due {before}, now {after}")?;
    }
    if changed.is_empty() {
        writeln!(out, "no running clock has another promise in the programme now")?;
    }
    Ok(())
}
