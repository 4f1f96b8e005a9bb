//! `partner export`: the list that an import of it changes nothing by.

use super::cells::guard;
use super::days;
use super::fields::{UNKNOWN, is_login};
use super::rows::COLUMNS;
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::UserId;
use crate::domain::partner::{Membership, Partner};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// The list as text, and how many rows and partners it has.
pub(super) async fn export(desk: &Desk) -> Result<(String, usize, usize), CliError> {
    let now = desk.clock.now();
    let mut tx = desk.store.read().await?;
    let partners = tx.all_partners().await?;
    let members = tx.all_members(None).await?;
    tx.rollback().await?;
    let present = members.into_iter().map(|row| row.member).filter(|member| member.until.is_none_or(|until| until > now));
    let present: Vec<_> = present.collect();
    let doubtful = Doubtful::among(&present);
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for partner in &partners {
        let people: Vec<_> = present.iter().filter(|member| member.partner == partner.id).collect();
        rows.extend(partner_rows(partner, &people, &doubtful, &desk.policy.time_zone));
    }
    let mut text = csv::WriterBuilder::new().from_writer(Vec::new());
    for row in &rows {
        text.write_record(row.iter().map(|cell| guard(cell))).map_err(unwritable)?;
    }
    let bytes = text.into_inner().map_err(unwritable)?;
    let text = String::from_utf8(bytes).map_err(unwritable)?;
    Ok((text, rows.len() - 1, partners.len()))
}

/// Writes the list to a file.
pub(super) fn write(file: &str, text: &str) -> Result<(), CliError> {
    std::fs::write(file, text).map_err(|error| CliError::Failed(format!("{file}: expected a file that can be written; {error}")))
}

fn unwritable(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("the list cannot be written: {error}"))
}

/// One row a period; the members stand in the first.
fn partner_rows(partner: &Partner, people: &[&Membership], doubtful: &Doubtful, zone: &TimeZone) -> Vec<[String; 8]> {
    let (mut logins, mut ids) = lists(people, doubtful);
    let row = |tier: &str, from: Option<Timestamp>, until: Option<Timestamp>, logins, ids| {
        [
            partner.id.to_string(),
            partner.name.clone(),
            tier.to_owned(),
            logins,
            ids,
            from.map(|at| days::from(at, zone)).unwrap_or_default(),
            until.map(|at| days::until(at, zone)).unwrap_or_default(),
            partner.time_zone.clone().unwrap_or_default(),
        ]
    };
    if partner.tiers.is_empty() {
        return vec![row("", None, None, logins, ids)];
    }
    let periods = partner.tiers.iter();
    periods.map(|period| row(&period.tier.0, period.from, period.until, std::mem::take(&mut logins), std::mem::take(&mut ids))).collect()
}

/// The two lists, paired; one that would hold nothing but unknowns is left empty.
fn lists(people: &[&Membership], doubtful: &Doubtful) -> (String, String) {
    let logins: Vec<_> = people.iter().map(|member| doubtful.login(member).map(str::to_owned)).collect();
    let ids: Vec<_> = people.iter().map(|member| member.user.map(|id| id.to_string())).collect();
    let list = |cells: Vec<Option<String>>| {
        if cells.iter().all(Option::is_none) {
            return String::new();
        }
        cells.into_iter().map(|cell| cell.unwrap_or_else(|| UNKNOWN.to_owned())).collect::<Vec<_>>().join(" ")
    };
    (list(logins), list(ids))
}

/// Logins that are not written next to an id, because others of the list contradict them: a rename that was seen for one
/// membership only. The id says who it is.
struct Doubtful {
    logins: BTreeSet<String>,
    ids: BTreeSet<UserId>,
}

impl Doubtful {
    fn among(members: &[Membership]) -> Self {
        let mut by_login: BTreeMap<String, BTreeSet<UserId>> = BTreeMap::new();
        let mut by_id: BTreeMap<UserId, BTreeSet<String>> = BTreeMap::new();
        for member in members {
            let Some(id) = member.user else { continue };
            let login = member.login.to_ascii_lowercase();
            by_login.entry(login.clone()).or_default().insert(id);
            by_id.entry(id).or_default().insert(login);
        }
        Self {
            logins: by_login.into_iter().filter(|(_, ids)| ids.len() > 1).map(|(login, _)| login).collect(),
            ids: by_id.into_iter().filter(|(_, logins)| logins.len() > 1).map(|(id, _)| id).collect(),
        }
    }

    fn login<'m>(&self, member: &'m Membership) -> Option<&'m str> {
        let Some(id) = member.user else { return Some(member.login.as_str()).filter(|login| !login.is_empty()) };
        let doubtful = self.ids.contains(&id) || self.logins.contains(&member.login.to_ascii_lowercase());
        (is_login(&member.login) && !doubtful).then_some(member.login.as_str())
    }
}
