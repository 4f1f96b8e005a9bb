//! `explain`: the account of one ticket, each charge, start, pause and stop with the rule, who, and why.

use super::CliError;
use crate::desk::Desk;
use crate::domain::account::Line;
use crate::domain::ticket::Ticket;
use crate::messages;
use std::io::Write;

/// What to explain.
#[derive(Debug, Clone, clap::Args)]
pub struct Explain {
    /// The issue, as `OWNER/REPO#N`.
    #[arg(value_name = "OWNER/REPO#N")]
    issue: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the account.
///
/// # Errors
/// No such ticket is known; the database fails.
pub async fn run(explain: &Explain, desk: &Desk, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let ticket = named(desk, &explain.issue).await?;
    let lines = account(desk, &explain.issue).await?;
    if explain.json {
        let json = serde_json::to_string_pretty(&lines).map_err(|error| CliError::Failed(error.to_string()))?;
        writeln!(out, "{json}")?;
        return Ok(());
    }
    writeln!(out, "{}#{}: {}", ticket.repo_name, ticket.number, messages::one_line(&ticket.title))?;
    for Line { at, rule, who, text } in lines {
        let who = if who.is_empty() { String::new() } else { format!("{}: ", messages::one_line(&who)) };
        writeln!(out, "{}  {rule:<4} {who}{}", at.strftime("%Y-%m-%d %H:%M:%S UTC"), messages::one_line(&text))?;
    }
    Ok(())
}

/// The account of the ticket that `OWNER/REPO#N` names.
///
/// # Errors
/// No such ticket is known; the database fails.
pub async fn account(desk: &Desk, issue: &str) -> Result<Vec<Line>, CliError> {
    let ticket = named(desk, issue).await?;
    let mut tx = desk.store.read().await?;
    let ledger = tx.ledger_about(ticket.issue, None, desk.clock.now()).await?;
    let log = tx.log_of(ticket.issue).await?;
    tx.rollback().await?;
    Ok(ticket.account(&ledger, &log))
}

/// The ticket that `OWNER/REPO#N` names.
///
/// # Errors
/// It is not written so, or no such ticket is known.
pub(super) async fn named(desk: &Desk, text: &str) -> Result<Ticket, CliError> {
    let parts = text.trim().rsplit_once('#').and_then(|(repo, number)| Some((repo, number.parse::<i64>().ok()?)));
    let Some((repo, number)) = parts.filter(|(repo, _)| repo.split('/').count() == 2) else {
        return Err(CliError::Usage(format!("`{text}` names no issue; expected OWNER/REPO#N, for example `acme/support#12`")));
    };
    let mut tx = desk.store.read().await?;
    let found = tx.ticket_at(repo, number).await?;
    let repos = tx.all_repos().await?;
    tx.rollback().await?;
    found.ok_or_else(|| {
        let known = repos.iter().any(|known| known.place.full_name.eq_ignore_ascii_case(repo));
        let why = if known { "the desk knows the repository, but not this issue" } else { "the desk has not seen this repository" };
        CliError::Failed(format!("{repo}#{number}: {why}"))
    })
}
