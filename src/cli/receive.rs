//! `receive`: a saved webhook, judged at its own time against the configured database. It shows the decision and writes
//! nothing, unless told to.

use super::CliError;
use crate::desk::Desk;
use crate::desk::intake::{Outcome, Preview};
use crate::domain::escalation::firings;
use crate::domain::event::{Event, News};
use crate::domain::projection::Face;
use crate::domain::ticket::{Admission, Standing, Ticket};
use crate::github::wire::{self, Read};
use crate::messages::{self, View};
use crate::programme::TierId;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

/// What to replay, and how to show it.
#[derive(Debug, clap::Args)]
pub struct Receive {
    /// The event's name, as X-GitHub-Event has it.
    #[arg(short, long, value_name = "EVENT")]
    event: String,
    /// The file with the payload; `-` reads standard input.
    #[arg(short, long, value_name = "FILE")]
    payload: PathBuf,
    /// Show the decision as JSON.
    #[arg(long)]
    json: bool,
    /// Take it in for real: save the decision, which a running desk then shows at GitHub.
    #[arg(long)]
    apply: bool,
}

/// What the desk decides about an event.
#[derive(Debug, Serialize)]
struct Account {
    decision: &'static str,
    partner: Option<String>,
    tier: Option<String>,
    window: Option<Span>,
    used: Option<u32>,
    limit: Option<u32>,
    due_at: Option<Timestamp>,
    steps: Vec<Step>,
    labels: Vec<String>,
    comment: Option<String>,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Debug, Serialize)]
struct Step {
    name: String,
    #[serde(rename = "step")]
    rung: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "is_first")]
    repeat: u32,
    chat: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_first(repeat: &u32) -> bool {
    *repeat == 0
}

/// Judges the payload and shows what came of it.
///
/// # Errors
/// The file cannot be read or is no payload; the database fails.
pub async fn run(receive: &Receive, desk: &Desk, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let body = read(&receive.payload)?;
    let account = match wire::read(&receive.event, &body, desk.clock.now()) {
        Ok(Read::NotOurs(why)) => Account::ignored(why),
        Ok(Read::News(news)) => match &*news {
            News::Ticket(event) => judge(desk, event, receive.apply).await?,
            _ => Account::ignored(format!("`{}` is about no single ticket", receive.event)),
        },
        Err(error) => return Err(CliError::Failed(format!("{}: {error}", receive.payload.display()))),
    };
    if receive.json {
        let json = serde_json::to_string_pretty(&account).map_err(|error| CliError::Failed(error.to_string()))?;
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{}", account.in_words())?;
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    if path.as_os_str() == "-" {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut body)?;
        return Ok(body);
    }
    std::fs::read(path).map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))
}

async fn judge(desk: &Desk, event: &Event, apply: bool) -> Result<Account, CliError> {
    let Preview { outcome, book } = desk.preview(event).await?;
    let issue = match outcome {
        Outcome::Ticket(issue) => issue,
        Outcome::Ignored(why) => return Ok(Account::ignored(why.to_owned())),
        Outcome::Noted => return Ok(Account::ignored("it is about no single ticket".to_owned())),
        Outcome::Repeated => return Ok(Account::ignored("R1: taken in before".to_owned())),
    };
    if apply {
        let ticket = format!("{}#{}, what happened at {}", event.repo.full_name, event.issue.number, event.at);
        desk.record_act("receive --apply", ticket).await?;
        desk.replay(event).await?;
    }
    let Some(ticket) = book.tickets.get(&issue) else { return Ok(Account::ignored("it made no ticket".to_owned())) };
    let partner = ticket.partner().and_then(|id| book.partners.get(id));
    let ledger = ticket.partner().map_or(&[][..], |partner| book.entries(partner));
    let view = View { ticket, partner, programme: &desk.programme, policy: &desk.policy, ledger, log: &[], now: event.at };
    let projection = ticket.projection(&desk.programme, &desk.policy);
    let log = book.changes.log.iter().filter(|line| line.issue == issue);
    let (window, used, limit) = quota(ticket);
    Ok(Account {
        decision: decision(ticket),
        partner: ticket.partner().map(ToString::to_string),
        tier: ticket.tier().map(|TierId(id)| id.clone()),
        window,
        used,
        limit,
        due_at: match ticket.face() {
            Face::Running { cycle, .. } | Face::Ended(cycle) => Some(cycle.due),
            Face::None => None,
        },
        steps: steps(desk, ticket),
        labels: projection.labels.into_iter().map(|label| label.name).collect(),
        comment: projection.posts.first().map(|post| messages::comment(&view, *post)),
        reasons: log.map(|line| format!("{}: {}", line.rule, line.text)).collect(),
    })
}

const fn decision(ticket: &Ticket) -> &'static str {
    match ticket.standing {
        Standing::Older => "ignored",
        Standing::Checking { .. } => "checking",
        Standing::Nobody => "not_a_partner",
        Standing::NotIncluded { .. } => "not_included",
        Standing::NoSubscription { .. } => "no_subscription",
        // What left the queue is as little charged as what stands in it.
        Standing::Waiting(_) | Standing::Left { .. } => "waiting",
        Standing::TurnedAway(_) => "closed",
        Standing::Admitted(_) => "admitted",
    }
}

fn quota(ticket: &Ticket) -> (Option<Span>, Option<u32>, Option<u32>) {
    match &ticket.standing {
        Standing::Waiting(waiting) | Standing::TurnedAway(waiting) => {
            let window = Span { start: waiting.window.start, end: waiting.window.end };
            (Some(window), Some(waiting.used), Some(waiting.limit))
        }
        Standing::Admitted(Admission { charge: Some(charge), .. }) => {
            (charge.window.map(|window| Span { start: window.start, end: window.end }), Some(charge.used), charge.limit)
        }
        _ => (None, None, None),
    }
}

fn steps(desk: &Desk, ticket: &Ticket) -> Vec<Step> {
    let Face::Running { cycle, .. } = ticket.face() else { return Vec::new() };
    let step = |firing: crate::domain::escalation::Firing| {
        let rung = cycle.promise.ladder.rung(firing.step)?;
        Some(Step {
            name: rung.name().to_owned(),
            rung: rung.at.to_string(),
            at: firing.at,
            repeat: firing.occurrence,
            chat: rung.chat.clone().unwrap_or_else(|| desk.policy.channels.clone()),
        })
    };
    firings(&cycle).into_iter().filter_map(step).collect()
}

impl Account {
    fn ignored(why: String) -> Self {
        Self {
            decision: "ignored",
            partner: None,
            tier: None,
            window: None,
            used: None,
            limit: None,
            due_at: None,
            steps: Vec::new(),
            labels: Vec::new(),
            comment: None,
            reasons: vec![why],
        }
    }

    fn in_words(&self) -> String {
        let mut text = format!("decision  {}\n", self.decision);
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{name:<9} {value}");
            }
        };
        line("partner", self.partner.clone());
        line("tier", self.tier.clone());
        line("window", self.window.as_ref().map(|window| format!("{} to {}", window.start, window.end)));
        line("used", self.used.map(|used| self.limit.map_or_else(|| format!("{used} of unlimited"), |limit| format!("{used} of {limit}"))));
        line("due", self.due_at.map(messages::utc));
        let labels: Vec<_> = self.labels.iter().map(|label| format!("[{label}]")).collect();
        line("labels", (!labels.is_empty()).then(|| labels.join(" ")));
        for step in self.steps.iter().filter(|step| step.repeat == 0) {
            let channels = if step.chat.is_empty() { "nobody: no chat is configured".to_owned() } else { step.chat.join(", ") };
            line("step", Some(format!("{} {} ({}) to {channels}", messages::utc(step.at), step.name, step.rung)));
        }
        for reason in &self.reasons {
            line("because", Some(reason.clone()));
        }
        if let Some(comment) = &self.comment {
            text.push_str("comment\n");
            for said in comment.lines() {
                let _ = writeln!(text, "  | {said}");
            }
        }
        text
    }
}
