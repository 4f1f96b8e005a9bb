//! `partner add`, `partner set-tier` and `partner end`.

use super::days::{self, Edge};
use super::fields::{self, Listed, Place};
use super::rows::Row;
use super::{AddPartner, import, misused, named_partner, note, timeline};
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::IssueId;
use crate::domain::partner::{Partner, Subscription};
use crate::domain::quota::{Entry, EntryKind};
use crate::programme::problem::{Problems, Unfit};
use crate::programme::{Change, Programme, Tier};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::fmt::Write as _;

/// Adds a partner.
pub(super) async fn add(args: &AddPartner, desk: &Desk) -> Result<String, CliError> {
    let place = Place::arguments();
    let mut problems = Vec::new();
    let mut wrong = |field: &str, value: &str, unfit: Unfit| problems.push(place.problem(field, Some(value), unfit));
    let zone = &desk.policy.time_zone;
    let partner = fields::partner(&args.id).map_err(|unfit| wrong("ID", &args.id, unfit)).ok();
    let name = fields::name(&args.name).map_err(|unfit| wrong("--name", &args.name, unfit)).ok();
    let tier = fields::tier(&args.tier, &desk.programme).map_err(|unfit| wrong("--tier", &args.tier, unfit)).ok();
    let time_zone =
        args.time_zone.as_deref().and_then(|text| fields::time_zone(text).map_err(|unfit| wrong("--time-zone", text, unfit)).ok());
    let dates = fields::span(args.from.as_deref(), args.until.as_deref(), zone);
    let (from, until) = dates.map_err(|(edge, value, unfit)| wrong(option(edge), value, unfit)).unwrap_or_default();
    let people = fields::people(&words(&args.logins), &words(&args.ids)).unwrap_or_else(|many| {
        for (list, value, unfit) in many {
            wrong(if list == Listed::Logins { "--login" } else { "--id" }, &value, unfit);
        }
        Vec::new()
    });
    match partner {
        Some(partner) if problems.is_empty() => {
            let row = Row { place, partner, name, tier, people, from, until, time_zone, short: None };
            import::add(row, desk).await
        }
        _ => Err(CliError::Usage(Problems(problems).to_string())),
    }
}

/// What an argument that may be repeated holds, also if it was given as one list.
pub(super) fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().flat_map(|argument| argument.split_whitespace()).collect()
}

/// The option that gives an edge.
pub(super) const fn option(edge: Edge) -> &'static str {
    match edge {
        Edge::From => "--from",
        Edge::Until => "--until",
    }
}

/// An instant that something ends at: of a day, its beginning.
pub(super) fn ending(text: Option<&str>, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, CliError> {
    text.map_or(Ok(now), |text| days::read(text, Edge::From, zone).map_err(|unfit| misused("--at", text, unfit)))
}

/// Puts a partner on another tier (`Q8`).
pub(super) async fn set_tier(id: &str, tier: &str, from: Option<&str>, until: Option<&str>, desk: &Desk) -> Result<String, CliError> {
    let (now, zone, programme) = (desk.clock.now(), &desk.policy.time_zone, &*desk.programme);
    let tier = fields::tier(tier, programme).map_err(|unfit| misused("TIER", tier, unfit))?;
    let dates = fields::span(from, until, zone).map_err(|(edge, value, unfit)| misused(option(edge), value, unfit))?;
    let (from, until) = (dates.0.unwrap_or(now), dates.1);
    if until.is_some_and(|until| until <= from) {
        return Err(misused(
            "--until",
            until.map(|at| days::until(at, zone)).as_deref().unwrap_or_default(),
            Unfit::new("a day that is not over yet"),
        ));
    }
    let mut tx = desk.store.write().await?;
    let before = named_partner(&mut tx, id).await?;
    let mut partner = before.clone();
    timeline::put(&mut partner, &tier, Some(from), until);
    if partner.tiers == before.tiers {
        tx.rollback().await?;
        return Ok(format!("nothing changed: {} has {}\n", partner.id, days::tiers(&partner.tiers, zone)));
    }
    let change = format!("{}; was {}", days::tiers(&partner.tiers, zone), days::tiers(&before.tiers, zone));
    save(tx, "partner set-tier", &partner, &change, now).await?;
    let mut text = format!("{}: {change}\n", partner.id);
    if let Some(to) = programme.tier(&tier) {
        let old = before.tier_at(from).and_then(|tier| programme.tier(&tier));
        differences(&mut text, programme, old, to);
        if let (Some(old), Some(days)) = (old, programme.downgrade_notice_days)
            && to.rank < old.rank
            && let Ok(last) = days::day_of(from, zone).checked_add(i64::from(days).days())
        {
            let _ = writeln!(text, "{} has until {last} to bring its use of the logo in line", partner.name);
        }
    }
    Ok(text)
}

/// Ends a subscription (`Q9`).
pub(super) async fn end(id: &str, at: Option<&str>, desk: &Desk) -> Result<String, CliError> {
    let (now, zone) = (desk.clock.now(), &desk.policy.time_zone);
    let at = ending(at, zone, now)?;
    let mut tx = desk.store.write().await?;
    let before = named_partner(&mut tx, id).await?;
    let mut partner = before.clone();
    partner.end(at);
    if partner.tiers == before.tiers {
        tx.rollback().await?;
        let since = match partner.subscription(now) {
            Subscription::Ended(end) => format!("its subscription ended {}", days::from(end, zone)),
            _ => format!("it has {}", days::tiers(&partner.tiers, zone)),
        };
        return Ok(format!("nothing changed: {}: {since}\n", partner.id));
    }
    let change = format!("ends {}: {}; was {}", days::from(at, zone), days::tiers(&partner.tiers, zone), days::tiers(&before.tiers, zone));
    save(tx, "partner end", &partner, &change, now).await?;
    Ok(format!("{}: {change}\n", partner.id))
}

/// Gives extra tickets (`Q7`).
pub(super) async fn grant(id: &str, tickets: u32, reason: &str, until: Option<&str>, desk: &Desk) -> Result<String, CliError> {
    let (now, zone) = (desk.clock.now(), &desk.policy.time_zone);
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(misused("--reason", reason, Unfit::new("a reason, for the ledger")));
    }
    let given = until.map(|text| days::read(text, Edge::Until, zone).map_err(|unfit| misused("--until", text, unfit))).transpose()?;
    let mut tx = desk.store.write().await?;
    let partner = named_partner(&mut tx, id).await?;
    let until = given.unwrap_or_else(|| desk.rules().grant_ends(&partner, now));
    if until <= now {
        tx.rollback().await?;
        return Err(misused("--until", &days::until(until, zone), Unfit::new("a day that is not over yet")));
    }
    let earlier = tx.ledger(&partner.id).await?.iter().filter(|entry| entry.kind == EntryKind::Grant).count();
    let entry = Entry {
        key: format!("grant:{}:{}", partner.id, earlier + 1),
        partner: partner.id.clone(),
        issue: IssueId(0),
        kind: EntryKind::Grant,
        at: now,
        recorded_at: now,
        units: tickets,
        until: Some(until),
        grant: None,
        actor: "operator".to_owned(),
        reason: reason.to_owned(),
    };
    tx.save_entries(&[entry]).await?;
    let change = format!("{tickets} extra tickets until {}: {reason}", days::until(until, zone));
    note(&mut tx, now, "partner grant", &format!("{}: {change}", partner.id)).await?;
    tx.look_again(now).await?;
    tx.commit().await?;
    Ok(format!("{}: {change}\n", partner.id))
}

async fn save(mut tx: crate::store::Tx, act: &str, partner: &Partner, change: &str, now: Timestamp) -> Result<(), CliError> {
    tx.put_partner(partner).await?;
    note(&mut tx, now, act, &format!("{}: {change}", partner.id)).await?;
    tx.look_again(now).await?;
    Ok(tx.commit().await?)
}

/// What comes, changes and goes on the way to another tier.
fn differences(text: &mut String, programme: &Programme, from: Option<&Tier>, to: &Tier) {
    let mut promises = |what: &str, show: &dyn Fn(&Tier) -> Option<String>| {
        let said = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let (old, new) = (from.map(|tier| said(show(tier))), said(show(to)));
        let _ = match old {
            Some(old) if old == new => Ok(()),
            Some(old) => writeln!(text, "  changes  {what}: {old} → {new}"),
            None => writeln!(text, "  comes    {what}: {new}"),
        };
    };
    promises("Tickets", &|tier| tier.tickets.map(|tickets| tickets.to_string()));
    promises("Response", &|tier| Some(tier.response.to_string()));
    promises("Price a month", &|tier| tier.price(&programme.currency).map(|price| price.to_string()));
    let Some(from) = from else {
        for (benefit, value) in programme.included(to) {
            let _ = writeln!(text, "  comes    {}: {value}", benefit.name);
        }
        return;
    };
    for difference in programme.differences(from, to) {
        let verb = match difference.change() {
            Change::Comes => "comes",
            Change::Goes => "goes",
            Change::Changes => "changes",
        };
        let _ = writeln!(text, "  {verb:<8} {difference}");
    }
}
