//! `audit`: the record of operators' acts.

use super::CliError;
use super::partner::{days, misused};
use crate::desk::Desk;
use crate::messages::one_line;
use crate::store::AuditLine;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// What to do with the record of operators' acts.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Audit {
    /// Each command that changed partners, members, promises or deliveries, or copied the database, each set-up, each change of the mode,
    /// and each acknowledgement by a link: when, what, and about whom, the oldest first.
    List {
        /// First day, of the programme's time zone, or instant.
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Prints the record.
///
/// # Errors
/// A day that is none; the database fails.
pub async fn run(command: &Audit, desk: &Desk, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let Audit::List { since, json } = command;
    let first = |text: &String| days::read(text, days::Edge::From, &desk.policy.time_zone).map_err(|unfit| misused("--since", text, unfit));
    let since = since.as_ref().map(first).transpose()?;
    let mut tx = desk.store.read().await?;
    let lines = tx.audit_since(since.unwrap_or(Timestamp::MIN)).await?;
    tx.rollback().await?;
    if *json {
        let rows: Value = lines.iter().map(|AuditLine { at, act, detail }| json!({ "at": at, "act": act, "detail": detail })).collect();
        let text = serde_json::to_string_pretty(&rows).map_err(|error| CliError::Failed(error.to_string()))?;
        return Ok(writeln!(out, "{text}")?);
    }
    if lines.is_empty() {
        return Ok(writeln!(out, "no act is on record")?);
    }
    for AuditLine { at, act, detail } in &lines {
        writeln!(out, "{}  {:<22}  {}", at.strftime("%Y-%m-%d %H:%M:%S UTC"), one_line(act), one_line(detail))?;
    }
    Ok(())
}
