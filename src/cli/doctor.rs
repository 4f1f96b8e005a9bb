//! `doctor`: what is wrong around the desk, and what to do about it.

use super::CliError;
use crate::clock::Clock;
use crate::doctor::{Findings, Mark, examine, of_problems};
use crate::programme::problem::Problems;
use crate::settings::Settings;
use clap::Args;
use serde_json::json;
use std::io::Write;

/// Which question, and in which form.
#[derive(Debug, Args)]
#[command(
    after_help = "Each line says ok, warn or fail, what was looked at, what was seen, and what is to be done. Nothing is written, to GitHub \
or to the database; a `serve` that runs does not notice. Exit code 0: nothing fails; 1: something does; 2: asked wrongly."
)]
pub struct Doctor {
    /// Send a test message to every chat channel; a bot is asked whether it may post, and posts nothing.
    #[arg(long)]
    ping: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Looks at everything, and prints what it saw.
///
/// # Errors
/// Something fails.
pub async fn run(doctor: &Doctor, settings: Result<Settings, Problems>, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let findings = match settings {
        Ok(settings) => examine(&settings, &Clock::system(), doctor.ping).await,
        Err(problems) => of_problems(&problems),
    };
    let (fails, warns) = (findings.count(Mark::Fail), findings.count(Mark::Warn));
    if doctor.json {
        let Findings(list) = &findings;
        writeln!(out, "{}", json!({ "ok": fails == 0, "fails": fails, "warns": warns, "findings": list }))?;
    } else {
        write!(out, "{findings}\n{} ok, {warns} to mind, {fails} wrong\n", findings.count(Mark::Ok))?;
    }
    if fails > 0 {
        return Err(CliError::Failed(format!(
            "{fails} of what was looked at does not work; the lines that begin with `fail` say what to do"
        )));
    }
    Ok(())
}
