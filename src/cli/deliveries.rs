//! `deliveries`: what could not be taken in and is kept (`R4`).

use super::CliError;
use crate::desk::Desk;
use crate::desk::keep::Retried;
use crate::domain::DeliveryId;
use crate::messages::one_line;
use crate::store::KeptDelivery;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// What to do with kept deliveries.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Deliveries {
    /// All that are kept, the oldest first, and why.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One of them, with its headers and its payload.
    Show {
        /// Its id, as `list` names it.
        #[arg(value_name = "ID")]
        id: String,
        /// The payload alone, byte for byte, for example for `receive`.
        #[arg(long)]
        raw: bool,
    },
    /// Try again now, whenever its turn would be.
    Retry {
        /// Its id, as `list` names it.
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
    /// Let it go for good: it is not taken in, also if GitHub sends it again.
    Drop {
        /// Its id, as `list` names it.
        #[arg(value_name = "ID")]
        id: String,
        /// Why, for the record of operators' acts.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// Lists, shows, retries or drops.
///
/// # Errors
/// No such delivery is kept; one that was tried again still cannot be taken in; the database fails.
pub async fn run(command: &Deliveries, desk: &Desk, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    match command {
        Deliveries::List { json } => list(&all(desk).await?, *json, out),
        Deliveries::Show { id, raw } => show(&kept(desk, id).await?, *raw, out),
        Deliveries::Retry { id: Some(id), .. } => {
            let id = kept(desk, id).await?.id;
            retry(desk, &[id], out).await
        }
        Deliveries::Retry { id: None, .. } => {
            let ids: Vec<_> = all(desk).await?.into_iter().map(|kept| kept.id).collect();
            retry(desk, &ids, out).await
        }
        Deliveries::Drop { id, reason } => {
            let id = kept(desk, id).await?.id;
            if !desk.drop_kept(&id, reason.trim()).await? {
                return Err(unknown(&id.0));
            }
            Ok(writeln!(out, "{id}: dropped")?)
        }
    }
}

async fn all(desk: &Desk) -> Result<Vec<KeptDelivery>, CliError> {
    let mut tx = desk.store.read().await?;
    let all = tx.kept_deliveries().await?;
    tx.rollback().await?;
    Ok(all)
}

async fn kept(desk: &Desk, id: &str) -> Result<KeptDelivery, CliError> {
    let mut tx = desk.store.read().await?;
    let kept = tx.kept_delivery(&DeliveryId(id.to_owned())).await?;
    tx.rollback().await?;
    kept.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> CliError {
    CliError::Failed(format!("no delivery `{}` is kept; `partner-desk deliveries list` names those that are", one_line(id)))
}

fn list(all: &[KeptDelivery], json: bool, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    if json {
        let rows: Value = all.iter().map(summary).collect();
        return pretty(&rows, out);
    }
    if all.is_empty() {
        return Ok(writeln!(out, "no deliveries are kept: all that came were taken in")?);
    }
    for kept in all {
        let about = if kept.place.is_empty() { String::new() } else { format!(" about {}", one_line(&kept.place)) };
        let tries = if kept.attempts == 1 { "once".to_owned() } else { format!("{} times", kept.attempts) };
        writeln!(out, "{}  `{}`{about}", one_line(&kept.id.0), one_line(&kept.event))?;
        writeln!(out, "    received {}, tried {tries}, {}", shown(kept.received), turn(kept))?;
        writeln!(out, "    {}", one_line(&kept.why))?;
    }
    Ok(())
}

fn show(kept: &KeptDelivery, raw: bool, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    if raw {
        return Ok(out.write_all(kept.body.as_bytes())?);
    }
    let mut whole = summary(kept);
    if let Value::Object(fields) = &mut whole {
        fields.insert("headers".to_owned(), json!(kept.headers));
        // What is kept is JSON; if it were not, it is shown as it is.
        let payload = serde_json::from_str(&kept.body).unwrap_or_else(|_| Value::String(kept.body.clone()));
        fields.insert("payload".to_owned(), if kept.body.is_empty() { Value::Null } else { payload });
    }
    pretty(&whole, out)
}

async fn retry(desk: &Desk, ids: &[DeliveryId], out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    // The agents are those of this configuration, as `serve` would make them.
    if !desk.agents.is_empty() {
        desk.settle_agents().await?;
    }
    let mut stay = 0;
    for id in ids {
        desk.record_act("deliveries retry", one_line(&id.0)).await?;
        let became = match desk.retry(id).await? {
            Retried::TakenIn => "taken in".to_owned(),
            Retried::NotOurs(why) => format!("passed over: {why}"),
            Retried::StillKept(why, next) => {
                stay += 1;
                format!("still kept, next try {}: {}", shown(next), one_line(&why))
            }
            Retried::Emptied => {
                stay += 1;
                "still kept: its payload was taken out when somebody was forgotten, so there is nothing to try; drop it".to_owned()
            }
            Retried::Unknown => "no longer kept".to_owned(),
        };
        writeln!(out, "{}: {became}", one_line(&id.0))?;
    }
    match stay {
        0 if ids.is_empty() => Ok(writeln!(out, "no deliveries are kept")?),
        0 => Ok(()),
        _ => Err(CliError::Failed(format!("{stay} of {} could not be taken in", ids.len()))),
    }
}

fn summary(kept: &KeptDelivery) -> Value {
    json!({
        "id": kept.id, "event": kept.event, "about": kept.place, "received": kept.received, "attempts": kept.attempts,
        "next_try": (!kept.body.is_empty()).then_some(kept.next), "why": kept.why,
    })
}

fn turn(kept: &KeptDelivery) -> String {
    if kept.body.is_empty() { "its payload was taken out".to_owned() } else { format!("next try {}", shown(kept.next)) }
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn pretty(value: &Value, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(writeln!(out, "{text}")?)
}
