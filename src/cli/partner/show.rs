//! `partner show`.

use super::status::{self, Status, plain, pretty, table};
use super::{days, named_partner};
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::IssueId;
use crate::domain::partner::{Membership, Partner};
use crate::domain::quota::{Entry, EntryKind};
use crate::domain::ticket::{Standing, Ticket};
use crate::programme::{Benefit, BenefitValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// So many lines of the ledger are shown.
const LATEST: usize = 20;

/// What is shown of one partner.
struct Sheet<'a> {
    desk: &'a Desk,
    now: Timestamp,
    partner: Partner,
    status: Status<'a>,
    members: Vec<Membership>,
    /// The latest, newest first.
    ledger: Vec<Entry>,
    /// How many lines there are in all.
    entries: usize,
    /// Those in the queue and in the ledger.
    tickets: BTreeMap<IssueId, Ticket>,
}

/// Everything about one partner.
pub(super) async fn show(id: &str, as_json: bool, desk: &Desk) -> Result<String, CliError> {
    let now = desk.clock.now();
    let mut tx = desk.store.read().await?;
    let partner = named_partner(&mut tx, id).await?;
    let members = tx.all_members(Some(&partner.id)).await?.into_iter().map(|row| row.member).collect();
    let loaded = status::load(&mut tx, [partner.id.clone()].into(), desk, now).await?;
    let status = Status::of(&partner, &loaded.book, desk, now);
    let mut ledger = tx.ledger(&partner.id).await?;
    let entries = ledger.len();
    ledger.reverse();
    ledger.truncate(LATEST);
    let issues: Vec<_> = status.waiting.iter().copied().chain(ledger.iter().map(|entry| entry.issue)).collect();
    let tickets = tx.tickets(&issues).await?.into_iter().map(|ticket| (ticket.issue, ticket)).collect();
    tx.rollback().await?;
    let sheet = Sheet { desk, now, partner, status, members, ledger, entries, tickets };
    Ok(if as_json { pretty(&sheet.json()) } else { sheet.text() })
}

impl Sheet<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}  {}\n", self.partner.id, plain(&self.partner.name));
        if let Some(zone) = &self.partner.time_zone {
            let _ = writeln!(text, "time zone: {zone}");
        }
        let _ = writeln!(text, "tier: {}", self.tier());
        let _ = writeln!(text, "used: {}", self.used());
        section(&mut text, "subscription", self.periods());
        let benefits = |owed: bool| {
            let some = self.included().filter(move |(benefit, _)| benefit.obligation == owed);
            some.map(|(benefit, value)| vec![benefit.name.clone(), value.to_string()])
        };
        section(&mut text, "includes", benefits(false));
        section(&mut text, "owes", benefits(true));
        section(&mut text, "notes", self.desk.programme.notes.iter().map(|note| vec![note.clone()]));
        section(&mut text, "members", self.members.iter().map(|member| self.member(member)));
        section(&mut text, "waiting", self.status.waiting.iter().map(|issue| self.waiting(*issue)));
        let title = format!("ledger, latest {} of {}", self.ledger.len(), self.entries);
        section(&mut text, &title, self.ledger.iter().map(|entry| self.entry(entry)));
        text
    }

    fn tier(&self) -> String {
        let Some(tier) = self.status.tier else { return self.status.tier_text(self.desk) };
        let tickets = tier.tickets.map_or_else(|| "no tickets".to_owned(), |tickets| format!("tickets {tickets}"));
        let price = tier.price(&self.desk.programme.currency).map_or_else(String::new, |price| format!(", {price} a month"));
        format!("{}: {tickets}, response within {}{price}", tier.name, tier.response)
    }

    fn used(&self) -> String {
        let Some(balance) = self.status.balance else { return self.status.used_text() };
        let end = balance.window.end.to_zoned(self.desk.policy.time_zone.clone());
        let end = end.strftime("%A %Y-%m-%d %H:%M");
        let zone = &self.desk.policy.time_zone_name;
        format!("{} of {}, {} left, {} until {end} {zone}", balance.used, balance.limit, balance.left(), balance.window.kind)
    }

    fn periods(&self) -> Vec<Vec<String>> {
        let zone = &self.desk.policy.time_zone;
        let periods = self.partner.tiers.iter().map(|period| {
            let in_force = period.from.is_none_or(|from| from <= self.now) && period.until.is_none_or(|until| self.now < until);
            let mark = if in_force { "in force" } else { "" };
            vec![period.tier.to_string(), days::span(period.from, period.until, zone), mark.to_owned()]
        });
        periods.collect()
    }

    fn included(&self) -> impl Iterator<Item = (&Benefit, &BenefitValue)> {
        self.status.tier.into_iter().flat_map(|tier| self.desk.programme.included(tier))
    }

    fn member(&self, member: &Membership) -> Vec<String> {
        let login = if member.login.is_empty() { "(login not seen yet)" } else { &member.login };
        let id = match member.user {
            Some(id) if id.is_stand_in() => String::new(),
            Some(id) => id.to_string(),
            None if member.lookup_failed => "(id is being asked)".to_owned(),
            None => "(id at first sight)".to_owned(),
        };
        let left = member.until.is_some_and(|until| until <= self.now);
        let marks = [(member.primary, "primary"), (left, "left")];
        let marks: Vec<_> = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark).collect();
        vec![plain(login), id, days::span(member.from, member.until, &self.desk.policy.time_zone), marks.join(", ")]
    }

    /// An issue as people know it, or its id where the ticket is gone.
    fn issue(&self, issue: IssueId) -> String {
        self.tickets
            .get(&issue)
            .map_or_else(|| format!("issue {issue}"), |ticket| format!("{}#{}", plain(&ticket.repo_name), ticket.number))
    }

    fn since(&self, issue: IssueId) -> Option<Timestamp> {
        match &self.tickets.get(&issue)?.standing {
            Standing::Waiting(waiting) => Some(waiting.since),
            _ => None,
        }
    }

    fn waiting(&self, issue: IssueId) -> Vec<String> {
        let since = self.since(issue).map_or_else(String::new, |at| format!("since {at}"));
        let title = self.tickets.get(&issue).map(|ticket| plain(&ticket.title)).unwrap_or_default();
        vec![self.issue(issue), since, title]
    }

    fn entry(&self, entry: &Entry) -> Vec<String> {
        let amount = match entry.kind {
            EntryKind::Grant => format!("grant of {}", entry.units),
            kind => kind.as_str().to_owned(),
        };
        let why = format!("{} ({})", plain(&entry.reason), plain(&entry.actor));
        vec![entry.at.to_string(), amount, self.issue(entry.issue), why]
    }

    fn json(&self) -> Value {
        let members = self.members.iter().map(|member| {
            json!({
                "login": Some(&member.login).filter(|login| !login.is_empty()),
                "id": member.user.filter(|id| !id.is_stand_in()),
                "from": member.from,
                "until": member.until,
                "primary": member.primary,
                "lookup_failed": member.lookup_failed,
            })
        });
        let includes = self.included().map(|(benefit, value)| {
            json!({ "id": benefit.id, "name": benefit.name, "obligation": benefit.obligation, "value": value, "text": value.to_string() })
        });
        let waiting = self.status.waiting.iter().map(|issue| {
            let ticket = self.tickets.get(issue);
            json!({
                "issue": issue,
                "repository": ticket.map(|ticket| &ticket.repo_name),
                "number": ticket.map(|ticket| ticket.number),
                "title": ticket.map(|ticket| &ticket.title),
                "since": self.since(*issue),
            })
        });
        let tier = self.status.tier.map(|tier| {
            json!({
                "id": tier.id,
                "name": tier.name,
                "tickets": tier.tickets,
                "response": tier.response,
                "price": tier.price(&self.desk.programme.currency),
                "includes": includes.collect::<Vec<_>>(),
            })
        });
        json!({
            "id": self.partner.id,
            "name": self.partner.name,
            "time_zone": self.partner.time_zone,
            "subscription": self.status.subscription_json(),
            "tiers": self.partner.tiers,
            "tier": tier,
            "balance": self.status.balance.map(status::Balance::json),
            "notes": self.desk.programme.notes,
            "members": members.collect::<Vec<_>>(),
            "waiting": waiting.collect::<Vec<_>>(),
            "ledger": self.ledger,
            "ledger_entries": self.entries,
        })
    }
}

/// A titled table; nothing for an empty one.
fn section(text: &mut String, title: &str, rows: impl IntoIterator<Item = Vec<String>>) {
    let rows: Vec<_> = rows.into_iter().collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in table(&rows).lines() {
        let _ = writeln!(text, "  {line}");
    }
}
