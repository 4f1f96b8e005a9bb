//! `partner list`.

use super::status::{self, Status, plain, pretty, table};
use crate::cli::CliError;
use crate::desk::Desk;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every partner in a line.
pub(super) async fn list(as_json: bool, desk: &Desk) -> Result<String, CliError> {
    let now = desk.clock.now();
    let mut tx = desk.store.read().await?;
    let partners = tx.all_partners().await?;
    let members = tx.all_members(None).await?;
    let loaded = status::load(&mut tx, partners.iter().map(|partner| partner.id.clone()).collect(), desk, now).await?;
    tx.rollback().await?;
    let mut counts = BTreeMap::<_, usize>::new();
    for row in members.iter().filter(|row| row.member.covers(now)) {
        *counts.entry(&row.member.partner).or_default() += 1;
    }
    let statuses = partners.iter().map(|partner| {
        let count = counts.get(&partner.id).copied().unwrap_or_default();
        (partner, Status::of(partner, &loaded.book, desk, now), count)
    });
    if as_json {
        let all = statuses.map(|(partner, status, members)| {
            json!({
                "id": partner.id,
                "name": partner.name,
                "subscription": status.subscription_json(),
                "members": members,
                "allowance": status.tier.and_then(|tier| tier.tickets),
                "balance": status.balance.map(status::Balance::json),
                "waiting": status.waiting.len(),
            })
        });
        return Ok(pretty(&Value::Array(all.collect())));
    }
    if partners.is_empty() {
        return Ok("no partners yet; `partner add` adds one, `partner import` a list\n".to_owned());
    }
    let mut rows = vec![["ID", "NAME", "TIER", "MEMBERS", "USED", "WAITING"].map(str::to_owned).to_vec()];
    for (partner, status, members) in statuses {
        rows.push(vec![
            partner.id.to_string(),
            plain(&partner.name),
            status.tier_text(desk),
            members.to_string(),
            status.used_text(),
            status.waiting.len().to_string(),
        ]);
    }
    Ok(table(&rows))
}
