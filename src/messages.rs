//! PURE. Every sentence that the desk posts at GitHub, and the words of its pings. What people wrote is neutralised here and
//! nowhere else (`G8`).

use crate::domain::account::Line;
use crate::domain::clock::Gap;
use crate::domain::command::{Command, Verb};
use crate::domain::partner::Partner;
use crate::domain::projection::{Face, Post};
use crate::domain::quota::{Entry, EntryKind, grants_at, left_of, used};
use crate::domain::response::{Begun, Cycle, Outcome, Pause, Refusal, Said, State};
use crate::domain::ticket::{self, Admission, Amends, Choice, Departure, FreezeReason, Role, Standing, Ticket, Told, Waiting};
use crate::domain::window::Window;
use crate::domain::{CommentId, IssueId};
use crate::programme::{Allowance, Policy, Programme, TierId, UnknownAuthor};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// What a comment is written from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The ticket.
    pub ticket: &'a Ticket,
    /// Its partner, if it has one.
    pub partner: Option<&'a Partner>,
    /// The tiers.
    pub programme: &'a Programme,
    /// The operator's choices.
    pub policy: &'a Policy,
    /// The partner's ledger, for a reply about it.
    pub ledger: &'a [Entry],
    /// The ticket's log, for a reply about it: instant, rule, text.
    pub log: &'a [(Timestamp, String, String)],
    /// The present, for a reply.
    pub now: Timestamp,
}

/// The hidden mark by which the desk finds its own comment again (`G4`). It counts only in a comment of the App's own account.
#[must_use]
pub fn marker(issue: IssueId, post: Post) -> String {
    match post {
        Post::Status => format!("<!-- partner-desk:status:{issue} -->"),
        Post::Admitted(charge) => format!("<!-- partner-desk:admitted:{issue}:{charge} -->"),
        Post::Reply(comment) => format!("<!-- partner-desk:reply:{issue}:{comment} -->"),
    }
}

/// The text of one of the desk's comments, marker included.
#[must_use]
pub fn comment(view: &View<'_>, post: Post) -> String {
    let text = match post {
        Post::Status => status(view),
        Post::Admitted(_) => admitted_after_waiting(view),
        Post::Reply(comment) => reply(view, comment),
    };
    format!("{}\n{}", marker(view.ticket.issue, post), text.trim_end())
}

fn status(view: &View<'_>) -> String {
    let mut text = match &view.ticket.standing {
        Standing::Older | Standing::Checking { .. } => String::new(),
        Standing::Nobody => nobody(view),
        Standing::NotIncluded { tier, .. } => not_included(view, tier),
        Standing::NoSubscription { why, .. } => no_subscription(view, *why),
        Standing::Waiting(waiting) => waits(view, waiting),
        Standing::Left { why, .. } => left(view, *why),
        Standing::TurnedAway(waiting) => turned_away(view, waiting),
        Standing::Admitted(admission) => admitted(view, admission),
    };
    let commands = commands(view.ticket);
    if !commands.is_empty() {
        let _ = write!(text, "\n\n<sub>{commands}</sub>");
    }
    text
}

fn admitted(view: &View<'_>, admission: &Admission) -> String {
    let mut text = headline(view, "Accepted", &admission.tier);
    if let Some(charge) = &admission.charge
        && !view.ticket.is_hidden(view.policy)
    {
        match (charge.window, charge.limit) {
            _ if charge.back.as_ref().is_some_and(|back| back.kind == Some(EntryKind::Waiver)) => {
                text.push_str(" Waived: it uses none of the allowance.");
            }
            (Some(_), Some(0)) if charge.grant.is_some() => text.push_str(" An extra ticket that was granted."),
            (Some(window), Some(limit)) if charge.grant.is_some() => {
                let _ = write!(
                    text,
                    " An extra ticket that was granted; the {limit} of the {} until {} are used.",
                    window.kind,
                    resets(view, window)
                );
            }
            (Some(window), Some(limit)) => {
                let _ = write!(text, " Ticket **{} of {limit}**, {} until {}.", charge.used, window.kind, resets(view, window));
            }
            _ => text.push_str(" Unlimited tickets."),
        }
        if let Some(back) = charge.back.as_ref().filter(|back| matches!(back.kind, Some(EntryKind::Refund | EntryKind::Withdrawal))) {
            let _ = write!(text, " Given back: {}.", plain(&back.reason));
        }
        if let (Some(window), Some(_)) = (charge.window, charge.back.as_ref().filter(|back| back.kind.is_none())) {
            let _ = write!(text, " Not given back: only one early close a {} is (`Q6`).", window.kind);
        }
    }
    text.push_str("\n\n");
    text.push_str(&clock(view));
    let why = reasons(view, admission);
    let _ = write!(text, "\n\n<details><summary>Why</summary>\n\n{why}\n</details>");
    text
}

fn clock(view: &View<'_>) -> String {
    let hide = view.ticket.is_hidden(view.policy);
    match view.ticket.face() {
        Face::None => "The allowance is used up, so this ticket carries no promise of a time; it is answered as time allows.".to_owned(),
        Face::Running { cycle, over: false, .. } if cycle.due_known().is_none() => {
            let (since, why) = cycle.paused.unwrap_or((cycle.start, Pause::Waits));
            let why = match why {
                Pause::Waits => "it waits for the partner, and goes on with the partner's next comment",
                Pause::Locked => "the issue is locked",
                Pause::Unmanaged => "the repository is out of the desk's hands",
            };
            let since = if hide { String::new() } else { format!(" since {}", utc(since)) };
            format!("The clock stands still{since}: {why}.")
        }
        Face::Running { cycle, over: false, .. } if hide => format!("An engineer answers within the agreed time.{}", again(&cycle)),
        Face::Running { cycle, over: false, .. } => {
            format!("An engineer answers by **{}**{}.{}{}", utc(cycle.due), local(view, cycle.due), moved(&cycle), again(&cycle))
        }
        Face::Running { over: true, .. } if hide => {
            format!("The agreed time is over and nobody has answered yet.{}", told(view))
        }
        Face::Running { cycle, over: true, .. } => {
            let due = cycle.due;
            format!("The answer was due **{}**{} and is late.{}{}{}", utc(due), local(view, due), told(view), moved(&cycle), again(&cycle))
        }
        Face::Ended(cycle) => ended(&cycle, hide, view.ticket.is_open()),
    }
}

/// What moved a deadline: holidays, an extension, times of standing still (`S6`, `S7`, `C`).
fn moved(cycle: &Cycle) -> String {
    let mut text = String::new();
    if let Some((_, by, reason)) = &cycle.extended {
        let _ = write!(text, " Extended by {}: {}.", length(*by), plain(reason));
    }
    let holidays = cycle.calendar().map(|calendar| calendar.holidays_between(cycle.start, cycle.due)).unwrap_or_default();
    if !holidays.is_empty() {
        let names: Vec<_> = holidays
            .iter()
            .map(|holiday| match &holiday.name {
                Some(name) => format!("{} ({})", plain(name), holiday.date),
                None => holiday.date.to_string(),
            })
            .collect();
        let _ = write!(text, " It would be earlier but for {}.", names.join(", "));
    }
    text
}

/// Only where there is a chat to tell it in.
fn told(view: &View<'_>) -> &'static str {
    if view.policy.channels.is_empty() { "" } else { " The team has been told." }
}

fn again(cycle: &Cycle) -> &'static str {
    match cycle.begun {
        Begun::Admission => "",
        Begun::Reopening => " The issue was reopened, which starts a new clock; it is not charged again.",
        Begun::Comment => " The partner wrote again, which starts a new clock; it is not charged again.",
    }
}

fn ended(cycle: &Cycle, hide: bool, open: bool) -> String {
    let State::Ended { at, by, outcome } = &cycle.state else { return String::new() };
    let who = by.as_ref().map_or_else(|| "somebody".to_owned(), |person| format!("`{}`", code(&person.login)));
    let took = length(cycle.clock.counted(cycle.calendar(), cycle.start, *at));
    let paused = cycle.clock.gaps().iter().any(|gap| gap.from < *at && gap.until.is_none_or(|until| until > cycle.start));
    let paused = if paused { ", pauses not counted" } else { "" };
    let promised = match &cycle.extended {
        Some((_, by, _)) => format!("{} (extended by {})", cycle.named.1, length(*by)),
        None => cycle.named.1.to_string(),
    };
    match outcome {
        Outcome::Met if hide => format!("Answered by {who} within the agreed time."),
        Outcome::Met if *at < cycle.start => format!("Answered by {who} on {}, before the clock began.", utc(*at)),
        Outcome::Met => format!("Answered by {who} on {}, after {took} of the promised {promised}{paused}.", utc(*at)),
        Outcome::Late if hide => format!("Answered by {who}, later than agreed."),
        Outcome::Late => {
            let late = length(at.duration_since(cycle.due_known().unwrap_or(cycle.due)));
            format!("Answered by {who} on {}, {late} later than the promised {promised}.", utc(*at))
        }
        Outcome::ClosedUnanswered => format!("Closed by {who} on {} without an answer; the clock has stopped.", utc(*at)),
        Outcome::Gone | Outcome::LeftCoverage => String::new(),
        Outcome::Settled => format!("Settled by {who} on {}: no answer was needed.", utc(*at)),
        Outcome::Cancelled => format!("Closed by {who} on {}; the clock has stopped.", utc(*at)),
        // Of a comment that needed no answer; nothing else ends a clock late and leaves the issue open (S4).
        Outcome::ClosedLate if open => format!("Settled by {who} on {}, after the promised time had passed without an answer.", utc(*at)),
        Outcome::ClosedLate => format!("Closed by {who} on {}, after the promised time had passed without an answer.", utc(*at)),
    }
}

fn reasons(view: &View<'_>, admission: &Admission) -> String {
    let hide = view.ticket.is_hidden(view.policy);
    let start = match admission.chosen {
        _ if admission.waited => "its admission",
        _ if admission.at == view.ticket.created_at => "its opening",
        Choice::ByAgent => "its assignment to the partner",
        _ => "its reopening",
    };
    let mut lines = Vec::new();
    lines.push(
        match admission.chosen {
            Choice::Only => "`W2` The author was a member of this partner when the issue was opened.",
            Choice::Named => "`W5` The issue names this partner, and its author belongs to it.",
            Choice::Primary => "`W5` The author belongs to several partners; this membership is the primary one.",
            Choice::HighestTier => "`W5` The author belongs to several partners; this one has the highest tier.",
            Choice::ByAgent => "`W7` A support engineer opened or assigned this ticket for the partner.",
        }
        .to_owned(),
    );
    if let Some(charge) = admission.charge.as_ref().filter(|_| !hide) {
        let waived = charge.back.as_ref().is_some_and(|back| back.kind == Some(EntryKind::Waiver));
        lines.push(match (admission.waited, charge.window) {
            (_, None) if waived => "`Q7` It was waived, so it needs no slot.".to_owned(),
            (true, Some(_)) if charge.grant.is_some() => {
                format!("`Q7` It waited for a slot and was admitted {} on an extra ticket that was granted.", utc(admission.at))
            }
            (false, Some(_)) if charge.grant.is_some() => "`Q7` It stands on an extra ticket that was granted.".to_owned(),
            (true, Some(window)) => format!(
                "`Q5` It waited for a slot and was admitted {}; charged to the {} that began {}.",
                utc(admission.at),
                window.kind,
                resets_at(view, window.start)
            ),
            (false, Some(window)) => {
                format!("`Q1` Charged to the {} of {start}, which began {}.", window.kind, resets_at(view, window.start))
            }
            (_, None) => "`Q3` The tier has unlimited tickets.".to_owned(),
        });
    }
    if let Some(promise) = admission.promise.as_ref().filter(|_| !hide) {
        lines.push(format!("`S1` The promise is an answer within {} of {start}, {}.", promise.target, utc(admission.at)));
    }
    lines.extend(since(view).into_iter().chain(interruptions(view)).filter(|_| !hide));
    if admission.promise.is_none() {
        lines.push("`Q5` The allowance of the window was used up; over it, tickets are admitted without a promise.".to_owned());
    }
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "- {line}");
        text
    })
}

fn waits(view: &View<'_>, waiting: &Waiting) -> String {
    let mut text = headline(view, "Waiting for a slot", &waiting.tier);
    if view.ticket.is_hidden(view.policy) {
        text.push_str(
            "\n\nThe allowance is used up for now. This ticket keeps its place and is accepted, in order, when a slot comes free.",
        );
        return text;
    }
    let window = waiting.window;
    let _ = match waiting.limit {
        0 => write!(text, " The tier's allowance is **0 per {}**.", window.kind),
        _ => write!(text, " {}", all_used(view, waiting)),
    };
    let place = match waiting.ahead {
        0 => "It is next in line".to_owned(),
        1 => "One ticket is ahead of it".to_owned(),
        ahead => format!("{ahead} tickets are ahead of it"),
    };
    let _ = match waiting.opens {
        Some(opens) => write!(
            text,
            "\n\n{place}. Its slot opens **{}**{}: it is accepted then, by itself, and the clock starts. The issue stays open meanwhile.",
            resets_at(view, opens),
            local(view, opens)
        ),
        None if waiting.limit == 0 => {
            write!(text, "\n\n{place}. No slot is promised: it is accepted when the tier rises, or when extra tickets are granted.")
        }
        None => write!(text, "\n\n{place}, and keeps its place until a subscription with tickets is in force again (`Q9`)."),
    };
    let _ = write!(
        text,
        "\n\n<details><summary>Why</summary>\n\n- `Q3` The allowance is {} per {}, and {} were used when this was last looked at.\n- `Q5` Over the allowance a ticket waits, in the order in which tickets were opened.\n</details>",
        waiting.limit, window.kind, waiting.used
    );
    text
}

/// `**2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.`
fn all_used(view: &View<'_>, Waiting { window, used, limit, .. }: &Waiting) -> String {
    format!("**{used} of {limit}** tickets of the {} until {} are used.", window.kind, resets(view, *window))
}

fn turned_away(view: &View<'_>, waiting: &Waiting) -> String {
    let mut text = headline(view, "Not accepted", &waiting.tier);
    let hide = view.ticket.is_hidden(view.policy);
    if !hide {
        let _ = write!(text, " {}", all_used(view, waiting));
    }
    text.push_str("\n\nOver the allowance, issues are closed here, and none is kept in line (`Q5`). ");
    let _ = match waiting.opens {
        Some(opens) if !hide => {
            write!(text, "From **{}**{} on, `/reopen` in a comment opens this one again.", resets_at(view, opens), local(view, opens))
        }
        _ => write!(text, "When the allowance has room again, `/reopen` in a comment opens this one again."),
    };
    text
}

fn left(view: &View<'_>, why: Departure) -> String {
    let tier = view.ticket.tier();
    let mut text = tier.map(|tier| headline(view, "Not charged", tier)).unwrap_or_default();
    text.push_str(match why {
        Departure::Answered => "\n\nAn engineer answered while this ticket waited for a slot, so it uses none of the allowance (`Q10`).",
        Departure::Gone => "",
        Departure::Closed => "\n\nIt was closed while it waited for a slot, so it uses none of the allowance (`Q10`).",
    });
    text
}

fn not_included(view: &View<'_>, tier: &TierId) -> String {
    let mut text = headline(view, "Not accepted", tier);
    let others: Vec<_> = view.programme.tiers.iter().filter(|tier| tier.tickets.is_some()).map(|tier| plain(&tier.name)).collect();
    if view.ticket.is_hidden(view.policy) {
        text.push_str("\n\nThe subscription includes no tickets (`Q3`).");
    } else {
        let _ = write!(text, "\n\nThe tier {} includes no tickets (`Q3`). Tiers that do: {}.", tier_name(view, tier), others.join(", "));
    }
    text
}

fn no_subscription(view: &View<'_>, why: ticket::Gap) -> String {
    let name = view.partner.map(|partner| plain(&partner.name)).unwrap_or_default();
    let hide = view.ticket.is_hidden(view.policy);
    let said = match why {
        ticket::Gap::NotBegun(from) if !hide => format!("begins {}{}", resets_at(view, from), local(view, from)),
        ticket::Gap::NotBegun(_) => "has not begun yet".to_owned(),
        ticket::Gap::Ended(until) if !hide => format!("ended {}{}", resets_at(view, until), local(view, until)),
        ticket::Gap::Ended(_) => "has ended".to_owned(),
        ticket::Gap::Never => "is not recorded".to_owned(),
    };
    let todo = match why {
        ticket::Gap::NotBegun(_) => "Please open a new issue then, or ask the programme's team for an earlier start.",
        ticket::Gap::Ended(_) => "Please renew it and open a new issue. Tickets that were accepted before keep their promise.",
        ticket::Gap::Never => "Please ask the programme's team to record it.",
    };
    format!("**Not accepted**: the subscription of **{name}** {said} (`Q9`).\n\n{todo}")
}

fn nobody(view: &View<'_>) -> String {
    let todo = match view.policy.unknown_author {
        UnknownAuthor::Close => "Members: please ask your organisation to have this account added, then open a new issue.",
        _ => "Members: please ask your organisation to have this account added; the issue is then looked at again.",
    };
    format!("The author of this issue is not known as a member of a partner, so it does not count as a support ticket (`W6`).\n\n{todo}")
}

fn admitted_after_waiting(view: &View<'_>) -> String {
    let waived = |admission: &Admission| admission.charge.as_ref().is_some_and(|charge| charge.window.is_none() && charge.back.is_some());
    let why = match &view.ticket.standing {
        Standing::Admitted(admission) if waived(admission) => "this ticket was waived, needs no slot, and is accepted now",
        _ => "a slot came free: this ticket is accepted now",
    };
    let author = view.ticket.author.as_ref().filter(|author| !author.is_forgotten());
    let author = author.map_or_else(String::new, |author| format!("@{}, ", author.login));
    // A ticket that was given back, reopened, and waited has the clock of its former admission, too.
    let due = match view.ticket.cycles().into_iter().rfind(|cycle| cycle.begun == Begun::Admission) {
        Some(cycle) if !view.ticket.is_hidden(view.policy) => {
            format!(" An engineer answers by **{}**{}.", utc(cycle.due), local(view, cycle.due))
        }
        _ => String::new(),
    };
    let text = format!("{author}{why}.{due}");
    if author.is_empty() { text.replacen(char::is_lowercase, &text[..1].to_uppercase(), 1) } else { text }
}

/// `**Accepted** for **Acme** (Gold).`
fn headline(view: &View<'_>, verdict: &str, tier: &TierId) -> String {
    let partner = view.partner.map(|partner| plain(&partner.name)).unwrap_or_default();
    if view.ticket.is_hidden(view.policy) {
        return format!("**{verdict}** for **{partner}**.");
    }
    format!("**{verdict}** for **{partner}** ({}).", tier_name(view, tier))
}

fn tier_name(view: &View<'_>, tier: &TierId) -> String {
    view.programme.tier(tier).map_or_else(|| plain(&tier.0), |tier| plain(&tier.name))
}

/// One line about what can be done in a comment.
fn commands(ticket: &Ticket) -> String {
    if ticket.author_sides.partners.len() > 1 {
        let others = ticket.author_sides.partners.iter().map(|partner| format!("`/for {partner}`")).collect::<Vec<_>>();
        return format!("On a line of its own in a new comment: {} to count it for that partner, `/help` for more.", others.join(" or "));
    }
    if ticket.standing == Standing::Nobody {
        return "Support engineers: `/for PARTNER` in a comment, on a line of its own, makes this a ticket of that partner.".to_owned();
    }
    let members = Verb::ALL.into_iter().filter(|verb| !verb.for_agents() && *verb != Verb::For);
    let members: Vec<_> = members.map(|verb| format!("`{}`", verb.form())).collect();
    format!("In a comment, on a line of its own: {}. Support engineers: `/help` lists more.", members.join(" "))
}

/// What to do about a ticket whose step is due.
#[must_use]
pub fn advice(ticket: &Ticket, over: bool) -> String {
    let unanswered = ticket.facts.iter().filter(|fact| ticket.role(fact) == Role::Partner).count();
    match (over, unanswered) {
        (true, _) => "Answer in a public comment now; every answer after the deadline counts as late.".to_owned(),
        (false, 0) => "Answer in a public comment to stop the clock.".to_owned(),
        (false, _) => "The partner has written again. Answer in a public comment to stop the clock.".to_owned(),
    }
}

/// How a clock ended, for a chat that was told otherwise (`S3`, `R5`).
#[must_use]
pub fn truth(cycle: &Cycle) -> String {
    let State::Ended { at, outcome, .. } = &cycle.state else { return "it runs".to_owned() };
    let at = at.strftime("%Y-%m-%d %H:%M UTC");
    match outcome {
        Outcome::Met => format!("answered {at}, in time"),
        Outcome::Late => format!("answered {at}, late"),
        Outcome::Settled => format!("settled {at}, no answer was needed"),
        Outcome::Cancelled | Outcome::ClosedUnanswered => format!("closed {at}"),
        Outcome::ClosedLate => format!("closed {at}, after the promised time"),
        Outcome::Gone => format!("deleted {at}"),
        Outcome::LeftCoverage => format!("transferred {at} to where the desk does not watch"),
    }
}

/// What started the last clock, if not the admission, and what changed its promise (`S4`, `S5`, `S9`, `S11`).
fn since(view: &View<'_>) -> Vec<String> {
    let Some(cycle) = view.ticket.cycles().pop() else { return Vec::new() };
    let mut lines = Vec::new();
    let (target, start) = (cycle.named.1, utc(cycle.start));
    match cycle.begun {
        Begun::Admission => {}
        Begun::Reopening => lines.push(format!("`S9` It was reopened {start}: an answer within {target} of that.")),
        Begun::Comment => lines.push(format!("`S4` The partner wrote again {start}: an answer within {target} of that.")),
    }
    for change in &cycle.amended {
        let (target, at) = (change.promise.target, utc(change.at));
        lines.push(match change.why {
            Amends::Raised => {
                let tier = tier_name(view, &change.promise.tier);
                format!("`S11` The tier rose to {tier} {at}: an answer within {target} of that, where that is earlier.")
            }
            Amends::Retargeted => format!("`S5` The promise was changed {at} to an answer within {target}."),
        });
    }
    lines
}

/// When the clock stood still, and why (`S7`, `S12`).
fn interruptions(view: &View<'_>) -> Vec<String> {
    let Some(cycle) = view.ticket.cycles().pop() else { return Vec::new() };
    let gaps = cycle.clock.gaps().iter().filter(|gap| gap.until.is_none_or(|until| until > cycle.start));
    let line = |gap: &Gap| {
        let frozen = view.ticket.frozen.iter().find(|freeze| freeze.from == gap.from);
        let (rule, why) = match frozen.map(|freeze| freeze.why) {
            None => ("S7", "the ticket waited for the partner, or was locked"),
            Some(FreezeReason::Archived) => ("S12", "unmanaged: the repository was archived"),
            Some(FreezeReason::Suspended) => ("S12", "unmanaged: the App was suspended"),
            Some(FreezeReason::Uninstalled) => ("S12", "unmanaged: the App was not installed"),
        };
        let until = gap.until.map_or_else(|| "now".to_owned(), utc);
        format!("`{rule}` The clock stood still from {} until {until}: {why}.", utc(gap.from.max(cycle.start)))
    };
    gaps.map(line).collect()
}

/// The one answer to the commands of a comment (`C`).
fn reply(view: &View<'_>, comment: CommentId) -> String {
    let walk = view.ticket.walk();
    let mut parts = Vec::new();
    for verdict in walk.verdicts.iter().filter(|verdict| verdict.comment == comment) {
        let said = view.ticket.facts.iter().find(|fact| matches!(&fact.what, Told::Comment { id, .. } if *id == comment));
        let agent = said.is_some_and(|fact| view.ticket.role(fact) == Role::Agent);
        match verdict.said {
            Said::Asked(Verb::Quota) => parts.push(quota(view)),
            Said::Asked(Verb::Status) => parts.push(state(view)),
            Said::Asked(Verb::Why) => parts.push(why(view)),
            Said::Asked(_) => parts.push(help(agent, said.is_some_and(|fact| fact.sides.partners.len() > 1))),
            Said::Refused(refusal) => parts.push(refused(view, &verdict.command, refusal, agent)),
            Said::Done | Said::Passed => {}
        }
    }
    parts.dedup();
    parts.join("\n\n")
}

/// The commands, from their list: those that this person may use. A choice of partners has who belongs to several (`W5`).
fn help(agent: bool, several: bool) -> String {
    let mut text = "Each on a line of its own in a new comment:\n\n| command | what it does |\n|---|---|\n".to_owned();
    for verb in Verb::ALL.into_iter().filter(|verb| agent || (!verb.for_agents() && (several || *verb != Verb::For))) {
        let _ = writeln!(text, "| `{}` | {} |", verb.form(), verb.does());
    }
    text
}

fn quota(view: &View<'_>) -> String {
    if view.ticket.is_hidden(view.policy) {
        return "Numbers are not shown in a public repository (`G3`).".to_owned();
    }
    let Some(partner) = view.partner else { return String::new() };
    let name = plain(&partner.name);
    let Some(tier) = partner.tier_at(view.now) else { return format!("**{name}** has no subscription at present (`Q9`).") };
    let tickets = view.programme.tier(&tier).and_then(|tier| tier.tickets);
    let mut text = match tickets {
        None => format!("**{name}** ({}) has no tickets (`Q3`).", tier_name(view, &tier)),
        Some(Allowance::Unlimited) => format!("**{name}** ({}) has unlimited tickets (`Q3`).", tier_name(view, &tier)),
        Some(Allowance::PerWindow { limit, window }) => {
            let window = Window::at(&view.policy.time_zone, window, view.now);
            let used = used(view.ledger, window, view.now);
            let left = limit.saturating_sub(used);
            format!(
                "**{name}** ({}): **{used} of {limit}** tickets used, **{left}** left, {} until {}.",
                tier_name(view, &tier),
                window.kind,
                resets(view, window)
            )
        }
    };
    for grant in grants_at(view.ledger, view.now) {
        let left = left_of(view.ledger, grant, view.now);
        let until = grant.until.map(|until| format!(" until {}", resets_at(view, until))).unwrap_or_default();
        let _ = write!(text, " Granted: **{left} of {}** extra tickets left{until}.", grant.units);
    }
    text
}

fn state(view: &View<'_>) -> String {
    match &view.ticket.standing {
        Standing::Admitted(_) => clock(view),
        Standing::Waiting(waiting) => waits(view, waiting).split("\n\n<details>").next().unwrap_or_default().to_owned(),
        _ => status(view).split("\n\n<sub>").next().unwrap_or_default().to_owned(),
    }
}

fn why(view: &View<'_>) -> String {
    if view.ticket.is_hidden(view.policy) {
        return "The account is not shown in a public repository (`G3`).".to_owned();
    }
    let mut text = "| when (UTC) | rule | who | what |\n|---|---|---|---|\n".to_owned();
    for row in account_rows(&view.ticket.account(view.ledger, view.log)) {
        let _ = writeln!(text, "{row}");
    }
    text
}

/// An account as rows of a table in Markdown.
#[must_use]
pub fn account_rows(account: &[Line]) -> Vec<String> {
    let row = |Line { at, rule, who, text }: &Line| {
        format!("| {} | `{rule}` | {} | {} |", at.strftime("%Y-%m-%d %H:%M:%S"), plain(who), plain(text))
    };
    account.iter().map(row).collect()
}

fn refused(view: &View<'_>, command: &Command, refusal: Refusal, agent: bool) -> String {
    let name = match command {
        Command::Unknown(name) => code(name),
        other => other.verb().map_or_else(String::new, |verb| verb.name().to_owned()),
    };
    let why = match refusal {
        Refusal::Unknown => return unknown(&name, agent),
        Refusal::Malformed(verb) => format!("does not read. It is written `{}`", verb.form()),
        Refusal::ForAgents => "is for support engineers".to_owned(),
        Refusal::ForPeople => "is for the partner's people and support engineers".to_owned(),
        Refusal::NoTicket => "does nothing here: this issue counts for no partner. `/for PARTNER` changes that".to_owned(),
        Refusal::NoClock => "does nothing now: no clock runs".to_owned(),
        Refusal::FirstAnswer => "does nothing yet: the first answer is owed, and nothing pauses or settles that".to_owned(),
        Refusal::NotPaused => "does nothing now: the clock is not waiting for the partner".to_owned(),
        Refusal::Paused => "does nothing now: the clock stands still".to_owned(),
        Refusal::ExtendedBefore => "was not carried out: a due time is moved once only".to_owned(),
        Refusal::PastDue => "was not carried out: the due time has passed, and a breach stays a breach".to_owned(),
        Refusal::NoStep => "does nothing now: no step of the ladder is left".to_owned(),
        Refusal::Closed => "does nothing now: the issue is closed".to_owned(),
        Refusal::Open => "does nothing now: the issue is open".to_owned(),
        Refusal::NotCharged => "was not carried out: this ticket uses no unit that could be given back".to_owned(),
        Refusal::NoSlot => match &view.ticket.standing {
            Standing::TurnedAway(Waiting { opens: Some(opens), .. }) if !view.ticket.is_hidden(view.policy) => {
                format!("was not carried out: no ticket is left until {}", resets_at(view, *opens))
            }
            _ => "was not carried out: no ticket is left now".to_owned(),
        },
        Refusal::NotFor => {
            "was not carried out: no partner of that name is yours to choose, or the ticket was answered or closed before".to_owned()
        }
    };
    format!("`/{name}` {why}.")
}

fn unknown(name: &str, agent: bool) -> String {
    let names = Verb::ALL.into_iter().filter(|verb| agent || !verb.for_agents()).map(Verb::name);
    // A word that is far from every name was not meant to be one of them.
    let near = crate::programme::problem::nearest(name, names).filter(|near| strsim::osa_distance(name, near) <= 1 + name.len() / 3);
    match near {
        Some(near) => format!("`/{name}` is no command here; did you mean `/{near}`?"),
        None => format!("`/{name}` is no command here; `/help` lists them."),
    }
}

/// An instant for people: `Monday 2026-11-23 00:00 UTC`, with seconds where there are any.
#[must_use]
pub fn utc(at: Timestamp) -> String {
    format!("{} UTC", civil(at, &TimeZone::UTC))
}

fn civil(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let form = if local.second() == 0 { "%A %Y-%m-%d %H:%M" } else { "%A %Y-%m-%d %H:%M:%S" };
    local.strftime(form).to_string()
}

/// The same instant in the partner's zone, in brackets; nothing where that zone is UTC or not known.
fn local(view: &View<'_>, at: Timestamp) -> String {
    let Some(name) = view.partner.and_then(|partner| partner.time_zone.as_deref()) else { return String::new() };
    let Ok(zone) = TimeZone::get(name) else { return String::new() };
    if zone.to_offset(at).is_zero() && name == "UTC" {
        return String::new();
    }
    format!(" ({} {name})", civil(at, &zone))
}

/// The end of a window, in the programme's zone (`Q2`, `G4`).
fn resets(view: &View<'_>, window: Window) -> String {
    resets_at(view, window.end)
}

fn resets_at(view: &View<'_>, at: Timestamp) -> String {
    if view.policy.time_zone_name == "UTC" {
        return utc(at);
    }
    format!("{} {}", civil(at, &view.policy.time_zone), view.policy.time_zone_name)
}

/// A length of time for people: `1h 12m`, `45s`, `2d 3h`.
#[must_use]
pub fn length(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Text by people as text in Markdown: no mark-up, no mention, no reference, no HTML (`G8`).
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '@' => out.push_str("@\u{200b}"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '#' => out.push_str("#\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text by people on one line of a terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text by people inside a code span.
fn code(text: &str) -> String {
    text.chars().filter(|c| *c != '`' && !c.is_control()).collect()
}
