//! `partner member add` and `partner member remove` (`W1`, `W2`, `W5`).

use super::change::{ending, option, words};
use super::fields::{self, Listed, Named, Place, Span};
use super::import::{people_line, prefixed};
use super::people::{self, Members, Outcome, Wanted, called, is_called};
use super::{AddMembers, days, misused, named_partner, note, save_members};
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::PartnerId;
use crate::programme::problem::{Problem, Problems, Unfit, nearest};
use jiff::tz::TimeZone;

/// Adds members.
pub(super) async fn add(args: &AddMembers, desk: &Desk) -> Result<String, CliError> {
    let (now, zone) = (desk.clock.now(), &desk.policy.time_zone);
    let named =
        fields::people(&words(&args.logins), &words(&args.ids)).map_err(|many| CliError::Usage(Problems(refused(many)).to_string()))?;
    let dates = fields::span(args.from.as_deref(), args.until.as_deref(), zone);
    let dates = dates.map_err(|(edge, value, unfit)| misused(option(edge), value, unfit))?;

    let mut tx = desk.store.read().await?;
    let partner = named_partner(&mut tx, &args.partner).await?;
    let stored = Members::new(tx.all_members(None).await?, now);
    tx.rollback().await?;
    let wanted: Vec<_> = named.iter().map(|named| wanted(&partner.id, named)).collect();
    let answers = people::ask(desk, &stored.strangers(&wanted)).await;
    let unknown = stored.unknown(&wanted, &answers);
    if !unknown.is_empty() {
        return Err(Problems(unknown).into());
    }

    let mut tx = desk.store.write().await?;
    named_partner(&mut tx, &args.partner).await?;
    let mut members = Members::new(tx.all_members(None).await?, now);
    let mut lines = Vec::new();
    for named in &named {
        let (place, outcome) = members.admit(&partner.id, named, &answers);
        lines.extend(date(&mut members, place, &outcome, dates, zone)?);
        if args.primary {
            lines.extend(mark(&mut members, place));
        }
    }
    if lines.is_empty() {
        tx.rollback().await?;
        let who: Vec<_> = named.iter().map(said).collect();
        return Ok(format!("nothing changed: {}: members already: {}\n", partner.id, who.join(", ")));
    }
    note(&mut tx, now, "partner member add", &format!("{}: {}", partner.id, lines.join("; "))).await?;
    save_members(tx, &members, true, now).await?;
    Ok(prefixed(&partner.id, &lines))
}

fn wanted(partner: &PartnerId, named: &Named) -> Wanted {
    Wanted { partner: partner.clone(), named: named.clone(), place: Place::arguments(), field: "LOGIN".to_owned() }
}

fn refused(many: Vec<(Listed, String, Unfit)>) -> Vec<Problem> {
    let field = |list| if list == Listed::Logins { "LOGIN" } else { "--id" };
    many.into_iter().map(|(list, value, unfit)| Place::arguments().problem(field(list), Some(&value), unfit)).collect()
}

fn said(named: &Named) -> String {
    named.login.clone().unwrap_or_else(|| named.id.map_or_else(String::new, |id| format!("id {id}")))
}

/// Dates a membership as asked, and says what became of the person.
fn date(members: &mut Members, place: usize, outcome: &Outcome, (from, until): Span, zone: &TimeZone) -> Result<Option<String>, CliError> {
    let changed = members.change(place, |member| {
        member.from = from.or(member.from);
        member.until = until.or(member.until);
    });
    let Some(member) = members.at(place) else { return Ok(None) };
    let span = days::span(member.from, member.until, zone);
    if let (Some(begins), Some(ends)) = (member.from, member.until)
        && ends <= begins
    {
        let unfit = Unfit::because(
            "a time that ends after it begins",
            format!("with what is known of {}, the membership would be {span}", called(member)),
        );
        let (field, at) = if until.is_some() { ("--until", days::until(ends, zone)) } else { ("--from", days::from(begins, zone)) };
        return Err(misused(field, &at, unfit));
    }
    Ok(match people_line(outcome, &called(member), member.user.is_some()) {
        Some(line) if changed => Some(format!("{line}, {span}")),
        None if changed => Some(format!("{} is a member {span}", called(member))),
        line => line,
    })
}

/// Marks a membership primary, and no other of the same person (`W5`).
fn mark(members: &mut Members, place: usize) -> Vec<String> {
    let Some(member) = members.at(place).cloned() else { return Vec::new() };
    let mut lines = Vec::new();
    if members.change(place, |member| member.primary = true) {
        lines.push(format!("{} is primarily a member here", called(&member)));
    }
    let login = Some(member.login.as_str()).filter(|login| !login.is_empty());
    for other in members.places(|other| other.primary && is_called(other, login, member.user)) {
        if other != place && members.change(other, |other| other.primary = false) {
            let partner = members.at(other).map(|other| other.partner.to_string()).unwrap_or_default();
            lines.push(format!("{} is no longer primarily a member of {partner}", called(&member)));
        }
    }
    lines
}

/// Ends a membership; what was opened before stays the partner's (`W2`).
pub(super) async fn remove(
    partner: &str,
    login: Option<&str>,
    id: Option<&str>,
    at: Option<&str>,
    desk: &Desk,
) -> Result<String, CliError> {
    let (now, zone) = (desk.clock.now(), &desk.policy.time_zone);
    let at = ending(at, zone, now)?;
    let login = login.map(|text| fields::login(text).map_err(|unfit| misused("LOGIN", text, unfit))).transpose()?;
    let user = id.map(|text| fields::user_id(text).map_err(|unfit| misused("--id", text, unfit))).transpose()?;
    let mut tx = desk.store.write().await?;
    let partner = named_partner(&mut tx, partner).await?.id;
    let mut members = Members::new(tx.all_members(Some(&partner)).await?, now);
    let found = members.places(|member| is_called(member, login.as_deref(), user));
    let accounts: std::collections::BTreeSet<_> = found.iter().filter_map(|place| members.at(*place)?.user).collect();
    if accounts.len() > 1 {
        let ids: Vec<_> = accounts.iter().map(ToString::to_string).collect();
        let hint = format!("name one by `--id`: {}", ids.join(" or "));
        return Err(misused("LOGIN", login.as_deref().unwrap_or_default(), Unfit::because("the login of one member", hint)));
    }
    let mut lines = Vec::new();
    for place in &found {
        let ended = members.change(*place, |member| {
            // Ended before it begins, it never is in force.
            let end = member.from.map_or(at, |from| from.max(at));
            if member.until.is_none_or(|until| until > end) {
                member.until = Some(end);
            }
        });
        if let Some(member) = members.at(*place).filter(|_| ended) {
            let end = member.until.map_or_else(String::new, |until| days::from(until, zone));
            let verb = if member.until.is_some_and(|until| until > now) { "leaves" } else { "left" };
            lines.push(format!("{} {verb} {end}", called(member)));
        }
    }
    let (Some(first), true) = (found.first().and_then(|place| members.at(*place)), lines.is_empty()) else {
        if found.is_empty() {
            return Err(nobody(&members, login.as_deref(), id));
        }
        note(&mut tx, now, "partner member remove", &format!("{partner}: {}", lines.join("; "))).await?;
        save_members(tx, &members, true, now).await?;
        return Ok(prefixed(&partner, &lines));
    };
    let end = first.until.map(|until| days::from(until, zone)).unwrap_or_default();
    Ok(format!("nothing changed: {partner}: the membership of {} ended {end}\n", called(first)))
}

fn nobody(members: &Members, login: Option<&str>, id: Option<&str>) -> CliError {
    let Some(login) = login else {
        return misused("--id", id.unwrap_or_default(), Unfit::new("the id of a member"));
    };
    let all: Vec<_> = members.places(|_| true).into_iter().filter_map(|place| members.at(place)).collect();
    let near = nearest(login, all.iter().map(|member| member.login.as_str()).filter(|login| !login.is_empty()));
    let hint = near.map(|near| format!("the nearest is \"{near}\""));
    misused("LOGIN", login, Unfit { expected: "the login of a member".to_owned(), hint })
}
