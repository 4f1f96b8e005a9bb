//! PURE. Every sentence that the desk posts at GitHub, and the words of its pings. What people wrote is neutralised here and
//! nowhere else (`G8`).

use crate::domain::IssueId;
use crate::domain::partner::Partner;
use crate::domain::projection::{Face, Post};
use crate::domain::response::{Cycle, Outcome, State};
use crate::domain::ticket::{Admission, Choice, Departure, Gap, Role, Standing, Ticket, Waiting};
use crate::domain::window::Window;
use crate::programme::{Policy, Programme, TierId, UnknownAuthor};
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
        Post::Reply(_) => String::new(),
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
            (Some(window), Some(limit)) => {
                let _ = write!(text, " Ticket **{} of {limit}**, {} until {}.", charge.used, window.kind, resets(view, window));
            }
            _ => text.push_str(" Unlimited tickets."),
        }
    }
    text.push_str("\n\n");
    text.push_str(&clock(view, admission));
    let why = reasons(view, admission);
    let _ = write!(text, "\n\n<details><summary>Why</summary>\n\n{why}\n</details>");
    text
}

fn clock(view: &View<'_>, admission: &Admission) -> String {
    let hide = view.ticket.is_hidden(view.policy);
    match view.ticket.face() {
        Face::None => "The allowance is used up, so this ticket carries no promise of a time; it is answered as time allows.".to_owned(),
        Face::Running { cycle, over: false, .. } if hide => format!("An engineer answers within the agreed time.{}", again(&cycle)),
        Face::Running { cycle, over: false, .. } => {
            format!("An engineer answers by **{}**{}.{}", utc(cycle.due), local(view, cycle.due), again(&cycle))
        }
        Face::Running { over: true, .. } if hide => {
            format!("The agreed time is over and nobody has answered yet.{}", told(view))
        }
        Face::Running { cycle, over: true, .. } => {
            format!("The answer was due **{}**{} and is late.{}{}", utc(cycle.due), local(view, cycle.due), told(view), again(&cycle))
        }
        Face::Ended(cycle) => ended(&cycle, admission, hide),
    }
}

/// Only where there is a chat to tell it in.
fn told(view: &View<'_>) -> &'static str {
    if view.policy.channels.is_empty() { "" } else { " The team has been told." }
}

fn again(cycle: &Cycle) -> &'static str {
    if cycle.number > 1 { " The issue was reopened, which starts a new clock; it is not charged again." } else { "" }
}

fn ended(cycle: &Cycle, admission: &Admission, hide: bool) -> String {
    let State::Ended { at, by, outcome } = &cycle.state else { return String::new() };
    let who = by.as_ref().map_or_else(|| "somebody".to_owned(), |person| format!("`{}`", code(&person.login)));
    let took = length(at.duration_since(cycle.start));
    let promised = admission.promise.as_ref().map(|promise| promise.target.to_string()).unwrap_or_default();
    match outcome {
        Outcome::Met if hide => format!("Answered by {who} within the agreed time."),
        Outcome::Met if *at < cycle.start => format!("Answered by {who} on {}, before the clock began.", utc(*at)),
        Outcome::Met => format!("Answered by {who} on {}, after {took} of the promised {promised}.", utc(*at)),
        Outcome::Late if hide => format!("Answered by {who}, later than agreed."),
        Outcome::Late => {
            let late = length(at.duration_since(cycle.due));
            format!("Answered by {who} on {}, {late} later than the promised {promised}.", utc(*at))
        }
        Outcome::ClosedUnanswered => format!("Closed by {who} on {} without an answer; the clock has stopped.", utc(*at)),
        Outcome::Gone => String::new(),
        Outcome::Cancelled => format!("Closed by {who} on {}; the clock has stopped.", utc(*at)),
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
        lines.push(match (admission.waited, charge.window) {
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
            write!(text, "\n\n{place}. No slot is promised: it is accepted when the tier rises.")
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
        Some(opens) if !hide => write!(text, "Please open a new issue from **{}**{} on.", resets_at(view, opens), local(view, opens)),
        _ => write!(text, "Please open a new issue when the allowance has room again."),
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

fn no_subscription(view: &View<'_>, why: Gap) -> String {
    let name = view.partner.map(|partner| plain(&partner.name)).unwrap_or_default();
    let hide = view.ticket.is_hidden(view.policy);
    let said = match why {
        Gap::NotBegun(from) if !hide => format!("begins {}{}", resets_at(view, from), local(view, from)),
        Gap::NotBegun(_) => "has not begun yet".to_owned(),
        Gap::Ended(until) if !hide => format!("ended {}{}", resets_at(view, until), local(view, until)),
        Gap::Ended(_) => "has ended".to_owned(),
        Gap::Never => "is not recorded".to_owned(),
    };
    let todo = match why {
        Gap::NotBegun(_) => "Please open a new issue then, or ask the programme's team for an earlier start.",
        Gap::Ended(_) => "Please renew it and open a new issue. Tickets that were accepted before keep their promise.",
        Gap::Never => "Please ask the programme's team to record it.",
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
    let author = view.ticket.author.as_ref().map_or_else(|| "A".to_owned(), |author| format!("@{}, a", author.login));
    let due = match view.ticket.cycles().first() {
        Some(cycle) if !view.ticket.is_hidden(view.policy) => {
            format!(" An engineer answers by **{}**{}.", utc(cycle.due), local(view, cycle.due))
        }
        _ => String::new(),
    };
    format!("{author} slot came free: this ticket is accepted now.{due}")
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

fn commands(ticket: &Ticket) -> String {
    if ticket.author_sides.partners.len() > 1 {
        let others = ticket.author_sides.partners.iter().map(|partner| format!("`/for {partner}`")).collect::<Vec<_>>();
        return format!("On a line of its own in a new comment: {} to count it for that partner.", others.join(" or "));
    }
    match ticket.standing {
        Standing::Nobody => {
            "Support engineers: `/for PARTNER` in a comment, on a line of its own, makes this a ticket of that partner.".to_owned()
        }
        _ => "Support engineers: `/for PARTNER` in a comment, on a line of its own, counts this ticket for that partner.".to_owned(),
    }
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

/// Text by people inside a code span.
fn code(text: &str) -> String {
    text.chars().filter(|c| *c != '`' && !c.is_control()).collect()
}
