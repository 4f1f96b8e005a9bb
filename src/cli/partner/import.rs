//! `partner import` and `partner add`: rows against what is stored, as a whole or not at all.

use super::days;
use super::fields::Place;
use super::people::{self, Answers, Members, Outcome, Wanted, called};
use super::rows::{self, Row};
use super::timeline::{self, EndsTooEarly};
use super::{note, save_members};
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::PartnerId;
use crate::domain::partner::{Partner, TierPeriod};
use crate::programme::Programme;
use crate::programme::problem::{Problem, Problems, Unfit, one_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

/// What rows come to.
struct Plan {
    /// Partners to save.
    partners: Vec<Partner>,
    members: Members,
    /// One line a change, by partner.
    changes: Vec<(PartnerId, Vec<String>)>,
    /// What the rows say nothing about and so stays.
    stays: Vec<String>,
    /// Partners that were not there before, are different, and are the same.
    added: usize,
    changed: usize,
    unchanged: usize,
    members_added: usize,
}

/// Imports a file, or what comes on standard input for `-`. Says what it did.
pub(super) async fn import(file: &str, desk: &Desk) -> Result<String, CliError> {
    let (name, bytes) = contents(file)?;
    let (rows, problems) = rows::read(&name, &bytes, &desk.programme, &desk.policy.time_zone);
    let plan = carry_out("partner import", rows, problems, None, desk).await?;
    Ok(summary(&plan))
}

/// Adds one partner that must not be there yet.
pub(super) async fn add(row: Row, desk: &Desk) -> Result<String, CliError> {
    let id = row.partner.clone();
    let plan = carry_out("partner add", vec![row], Vec::new(), Some(&id), desk).await?;
    Ok(lines(&plan))
}

fn contents(file: &str) -> Result<(String, Vec<u8>), CliError> {
    let mut bytes = Vec::new();
    let (name, read) = if file == "-" {
        ("standard input", std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file, std::fs::read(file))
    };
    match read {
        Ok(bytes) => Ok((name.to_owned(), bytes)),
        Err(error) => {
            let place = Place { file: name.to_owned(), line: None };
            let problem = place.problem("the file", None, Unfit::because("a file that can be read", error.to_string()));
            Err(Problems(vec![problem]).into())
        }
    }
}

/// Asks GitHub what has to be asked, then judges the rows and saves what they change, in one transaction.
async fn carry_out(act: &str, rows: Vec<Row>, mut problems: Vec<Problem>, new: Option<&PartnerId>, desk: &Desk) -> Result<Plan, CliError> {
    let now = desk.clock.now();
    let wanted: Vec<_> = rows.iter().flat_map(wanted).collect();
    let mut tx = desk.store.read().await?;
    let stored = Members::new(tx.all_members(None).await?, now);
    let taken = match new {
        Some(id) => tx.partner(id).await?,
        None => None,
    };
    tx.rollback().await?;
    refuse_taken(taken)?;
    let answers = people::ask(desk, &stored.strangers(&wanted)).await;
    problems.extend(stored.unknown(&wanted, &answers));

    let mut tx = desk.store.write().await?;
    let partners: BTreeMap<_, _> = tx.all_partners().await?.into_iter().map(|partner| (partner.id.clone(), partner)).collect();
    // Again, now that nobody else can write.
    refuse_taken(new.and_then(|id| partners.get(id).cloned()))?;
    let members = Members::new(tx.all_members(None).await?, now);
    let judge = Judge { programme: &desk.programme, zone: &desk.policy.time_zone, answers: &answers, now };
    let plan = judge.plan(rows, partners, members, &mut problems);
    if !problems.is_empty() {
        tx.rollback().await?;
        problems.sort_by_key(|problem| problem.line);
        return Err(Problems(problems).into());
    }
    for partner in &plan.partners {
        tx.put_partner(partner).await?;
    }
    for (partner, lines) in &plan.changes {
        note(&mut tx, now, act, &format!("{partner}: {}", lines.join("; "))).await?;
    }
    save_members(tx, &plan.members, !plan.changes.is_empty(), now).await?;
    Ok(plan)
}

fn refuse_taken(taken: Option<Partner>) -> Result<(), CliError> {
    let Some(partner) = taken else { return Ok(()) };
    let hint = format!("\"{}\" has it; change that one with `partner set-tier` or `partner member add`", partner.name);
    let problem = Place::arguments().problem("ID", Some(partner.id.as_str()), Unfit::because("an id that no partner has yet", hint));
    Err(CliError::Failed(problem.to_string()))
}

fn wanted(row: &Row) -> impl Iterator<Item = Wanted> {
    row.people.iter().map(|named| Wanted {
        partner: row.partner.clone(),
        named: named.clone(),
        place: row.place.clone(),
        field: if row.place.line.is_some() { row.field("logins") } else { "--login".to_owned() },
    })
}

struct Judge<'a> {
    programme: &'a Programme,
    zone: &'a TimeZone,
    answers: &'a Answers,
    now: Timestamp,
}

impl Judge<'_> {
    fn plan(&self, rows: Vec<Row>, mut known: BTreeMap<PartnerId, Partner>, members: Members, problems: &mut Vec<Problem>) -> Plan {
        let (changes, stays) = (Vec::new(), Vec::new());
        let mut plan = Plan { partners: Vec::new(), members, changes, stays, added: 0, changed: 0, unchanged: 0, members_added: 0 };
        let mut by_partner: BTreeMap<PartnerId, Vec<Row>> = BTreeMap::new();
        for row in rows {
            by_partner.entry(row.partner.clone()).or_default().push(row);
        }
        for (id, rows) in by_partner {
            let before = known.remove(&id);
            let mut lines = Vec::new();
            if let Some(partner) = self.partner(&id, before.as_ref(), &rows, &mut lines, problems) {
                plan.partners.push(partner);
            }
            self.people(&mut plan, &id, &rows, &mut lines);
            match (before.is_some(), lines.is_empty()) {
                (false, _) => plan.added += 1,
                (true, false) => plan.changed += 1,
                (true, true) => plan.unchanged += 1,
            }
            if !lines.is_empty() {
                plan.changes.push((id, lines));
            }
        }
        plan
    }

    /// The partner as its rows make it, if that is another one than before.
    fn partner(
        &self,
        id: &PartnerId,
        before: Option<&Partner>,
        rows: &[Row],
        lines: &mut Vec<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<Partner> {
        let name = rows.iter().find_map(|row| row.name.clone());
        let time_zone = rows.iter().find_map(|row| row.time_zone.clone());
        let periods: Vec<_> = rows.iter().filter_map(period).collect();
        let first = rows.first()?;
        let mut partner = match before {
            Some(before) => before.clone(),
            None => Partner { id: id.clone(), name: String::new(), time_zone: None, tiers: Vec::new() },
        };
        if before.is_none() {
            let missing = "no partner of this id is there yet";
            let missing = first.short.map_or_else(|| missing.to_owned(), |short| format!("{missing}; {short}"));
            if name.is_none() {
                let unfit = Unfit::because("a name", missing.clone());
                problems.push(first.place.problem(first.field("name"), Some(""), unfit));
            }
            if periods.is_empty() {
                let tiers = one_of(self.programme.tiers.iter().map(|tier| tier.id.0.as_str()));
                problems.push(first.place.problem(first.field("tier"), Some(""), Unfit::because(tiers, missing)));
            }
        }
        partner.name = name.unwrap_or(partner.name);
        partner.time_zone = time_zone.or(partner.time_zone);
        let list = timeline::listed(&partner, periods);
        if let Err(EndsTooEarly { tier, began }) = timeline::overlay(&mut partner, list, self.now) {
            // Only the row without a beginning can end too early.
            let row = rows.iter().find(|row| row.tier.is_some() && row.from.is_none()).unwrap_or(first);
            let written = row.until.map(|until| days::until(until, self.zone));
            let expected = format!("a day after {tier} began, {}", days::from(began, self.zone));
            let hint = "or give the row a `from`";
            problems.push(row.place.problem(row.field("until"), written.as_deref(), Unfit::because(expected, hint)));
        }
        let Some(before) = before else {
            lines.push(format!("added as \"{}\": {}", partner.name, days::tiers(&partner.tiers, self.zone)));
            return Some(partner);
        };
        if partner.name != before.name {
            lines.push(format!("now called \"{}\", was \"{}\"", partner.name, before.name));
        }
        if partner.time_zone != before.time_zone {
            let zone = |partner: &Partner| partner.time_zone.clone().unwrap_or_else(|| "none".to_owned());
            lines.push(format!("time zone {}, was {}", zone(&partner), zone(before)));
        }
        if partner.tiers != before.tiers {
            lines.push(format!("{}; was {}", days::tiers(&partner.tiers, self.zone), days::tiers(&before.tiers, self.zone)));
        }
        (partner != *before).then_some(partner)
    }

    fn people(&self, plan: &mut Plan, id: &PartnerId, rows: &[Row], lines: &mut Vec<String>) {
        // Those with ids first: a row that knows only the login then finds the account that another row gave.
        let named = rows.iter().flat_map(|row| &row.people);
        let (with_id, without): (Vec<_>, Vec<_>) = named.partition(|named| named.id.is_some());
        for named in with_id.into_iter().chain(without) {
            let (place, outcome) = plan.members.admit(id, named, self.answers);
            plan.members_added += usize::from(matches!(outcome, Outcome::Added { .. }));
            lines.extend(plan.members.at(place).and_then(|member| people_line(&outcome, &called(member), member.user.is_some())));
        }
        plan.stays.extend(plan.members.others(id).map(|member| format!("{id}: {} stays, though no row has them", called(member))));
    }
}

/// What became of a person, unless that is nothing.
pub(super) fn people_line(outcome: &Outcome, who: &str, bound: bool) -> Option<String> {
    let later = if bound { "" } else { ", whose id is bound at first sight" };
    match outcome {
        Outcome::Same => None,
        Outcome::Corrected(how) => Some(how.clone()),
        Outcome::Added { again: false } => Some(format!("new member {who}{later}")),
        Outcome::Added { again: true } => Some(format!("{who} is a member again from now on{later}")),
    }
}

fn period(row: &Row) -> Option<TierPeriod> {
    Some(TierPeriod { tier: row.tier.clone()?, from: row.from, until: row.until })
}

/// Lines about a partner, each with its id in front.
pub(super) fn prefixed(partner: &PartnerId, lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{partner}: {line}");
    }
    text
}

fn lines(plan: &Plan) -> String {
    plan.changes.iter().map(|(partner, lines)| prefixed(partner, lines)).collect()
}

fn summary(plan: &Plan) -> String {
    let mut text = lines(plan);
    for line in &plan.stays {
        let _ = writeln!(text, "{line}");
    }
    if plan.changes.is_empty() {
        let _ = writeln!(text, "nothing changed: {}", count(plan.unchanged, "partner"));
    } else {
        let Plan { changed, unchanged, .. } = plan;
        let (added, members) = (count(plan.added, "partner"), count(plan.members_added, "member"));
        let _ = writeln!(text, "{added} added, {changed} changed, {unchanged} unchanged; {members} added");
    }
    text
}

/// `1 partner`, `2 partners`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
