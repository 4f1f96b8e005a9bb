//! What GitHub should show of a ticket: labels, comments, open or closed (`G1`, `G2`, `G3`). Computed as a whole, every time.

use super::event::CloseReason;
use super::ids::CommentId;
use super::response::{Cycle, Outcome, Pause, Said, State, Verdict};
use super::ticket::{Admission, Standing, Ticket};
use crate::programme::{LabelText, Policy, Programme, TierId, UnknownAuthor, on_call};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A label as GitHub takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// At most 50 characters.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// At most 100 characters.
    pub description: String,
}

/// A comment of the desk's own on an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Post {
    /// The one status comment, edited in place (`G4`).
    Status,
    /// Said once, because edits notify nobody: the ticket waited and is admitted now (`Q5`). Holds the number of the charge.
    Admitted(u32),
    /// The one answer to the commands of this comment (`C`).
    Reply(CommentId),
}

/// That the desk opens or closes the issue, once for its cause: who does otherwise afterwards has the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What it is wished for: a comment with a command, or 0 and less for the decision about the issue itself.
    pub cause: CommentId,
    /// `None`: open; else closed, as this.
    pub close: Option<CloseReason>,
}

/// Closed by the decision about the issue (`Q5`, `W6`).
const CLOSE: Wish = Wish { cause: CommentId(0), close: Some(CloseReason::NotPlanned) };

/// The whole of what GitHub should show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// The desk's labels; those of people are not its business.
    pub labels: Vec<Label>,
    /// The desk's comments, in the order in which they are posted.
    pub posts: Vec<Post>,
    /// The desk closes the issue, or opens it (`Q5`, `W6`, `C`).
    pub wish: Option<Wish>,
    /// Comments whose commands were carried out: each gets a thumbs-up, where the host takes it (`C`).
    pub thanked: Vec<CommentId>,
    /// The label that paused the clock is taken off, once, for this comment that resumed it (`S7`).
    pub resumed_by: Option<CommentId>,
    /// People whom steps of the running clock assign, once each step (`E1`).
    pub assigns: Vec<Assigns>,
}

/// Whom a step assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigns {
    /// The clock's number and the step's place: done once.
    pub key: String,
    /// What pings call the step.
    pub step: String,
    /// Logins.
    pub logins: Vec<String>,
}

/// How a ticket's clock stands, as labels and texts say it.
#[derive(Debug, Clone, PartialEq)]
pub enum Face {
    /// No promise runs or ran.
    None,
    /// Not answered yet.
    Running {
        /// The cycle.
        cycle: Box<Cycle>,
        /// Three quarters of the target are gone.
        soon: bool,
        /// The promise is broken.
        over: bool,
    },
    /// The last cycle has ended.
    Ended(Box<Cycle>),
}

impl Ticket {
    /// How the clock stands, as of the last time the desk looked at it.
    #[must_use]
    pub fn face(&self) -> Face {
        let Some(cycle) = self.cycles().pop() else { return Face::None };
        if !cycle.is_running() {
            return Face::Ended(Box::new(cycle));
        }
        let passed = |at: Option<Timestamp>| at.is_some_and(|at| self.stepped.is_some_and(|stepped| stepped >= at));
        let (soon, over) = (passed(cycle.soon()), passed(cycle.due_known()));
        Face::Running { cycle: Box::new(cycle), soon, over }
    }

    /// What GitHub should show of this ticket.
    #[must_use]
    pub fn projection(&self, programme: &Programme, policy: &Policy) -> Projection {
        let mut projection = Projection::default();
        if self.is_gone() || self.left_coverage.is_some() {
            return projection;
        }
        let walk = self.walk();
        let answers = |verdict: &&Verdict| matches!(verdict.said, Said::Asked(_) | Said::Refused(_));
        let done = |verdict: &&Verdict| verdict.said == Said::Done;
        let unique = |mut ids: Vec<CommentId>| {
            ids.dedup();
            ids
        };
        let replies = unique(walk.verdicts.iter().filter(answers).map(|verdict| verdict.comment).collect());
        projection.posts.extend(replies.into_iter().map(Post::Reply));
        projection.thanked = unique(walk.verdicts.iter().filter(done).map(|verdict| verdict.comment).collect());
        projection.resumed_by = walk.resumed_by;
        projection.wish = walk.wish.map(|(cause, close)| Wish { cause, close });
        match &self.standing {
            Standing::Older | Standing::Checking { .. } => return projection,
            // An agent's own issue: known, if nobody's ticket.
            Standing::Nobody if self.author_sides.agent => return projection,
            Standing::Nobody => match policy.unknown_author {
                UnknownAuthor::Ignore => return projection,
                UnknownAuthor::Label => {
                    projection.labels.push(label(&policy.labels.unknown, "Opened by nobody that the partner desk knows"));
                    return projection;
                }
                UnknownAuthor::Comment => {}
                UnknownAuthor::Close => projection.wish = walk.open.then_some(CLOSE),
            },
            // Once for each time that it is charged anew.
            Standing::TurnedAway(turned) => {
                let cause = CommentId(-i64::try_from(self.past.len()).unwrap_or_default());
                projection.wish = (!self.was_reopened_after(turned.since)).then_some(Wish { cause, ..CLOSE });
            }
            Standing::Admitted(Admission { waited: true, .. }) => projection.posts.insert(0, Post::Admitted(self.charges)),
            _ => {}
        }
        projection.posts.insert(0, Post::Status);
        let hide = self.is_hidden(policy);
        if !hide {
            // The tier that promised the last clock (S5).
            let promises = walk.cycles.last().filter(|_| matches!(self.standing, Standing::Admitted(_))).map(|cycle| &cycle.named.0);
            projection.labels.extend(promises.or(self.tier()).and_then(|tier| tier_label(programme, policy, tier)));
        }
        if matches!(self.standing, Standing::Waiting(_)) && !hide {
            projection.labels.push(label(&policy.labels.waiting, "Over the allowance; admitted in order when a slot comes free"));
        }
        self.clock_labels(policy, hide, &walk.cycles, &mut projection.labels);
        self.steps(policy, hide, &mut projection);
        projection
    }

    /// What the steps that were reached put on the issue while their clock runs (`E1`).
    fn steps(&self, policy: &Policy, hide: bool, projection: &mut Projection) {
        for (cycle, place, at, rung) in self.rungs_reached() {
            let login = |login: &String| match login.as_str() {
                on_call::WORD => policy.on_call.as_ref()?.asked(at).map(str::to_owned),
                _ => Some(login.clone()),
            };
            let mut logins: Vec<_> = rung.assign.iter().filter_map(login).collect();
            logins.dedup();
            if !logins.is_empty() {
                projection.assigns.push(Assigns { key: format!("{cycle}.{place}"), step: rung.name().to_owned(), logins });
            }
            // It may name a tier, and is the operator's own.
            let Some(name) = rung.label.as_ref().filter(|_| !hide) else { continue };
            if projection.labels.iter().any(|label| label.name.to_lowercase() == name.to_lowercase()) {
                continue;
            }
            let late = rung.at.against_due().is_ge();
            let style = if late { &policy.labels.breached } else { &policy.labels.due_soon };
            projection.labels.push(named(
                name.clone(),
                style,
                &format!("The step {} ({}) was reached without an answer", rung.name(), rung.at),
            ));
        }
    }

    /// Whether tier and numbers are kept from the public here (`G3`).
    #[must_use]
    pub const fn is_hidden(&self, policy: &Policy) -> bool {
        policy.privacy && !self.private
    }

    fn was_reopened_after(&self, at: Timestamp) -> bool {
        self.facts.iter().any(|fact| fact.what == super::ticket::Told::Reopened && fact.at > at)
    }

    fn clock_labels(&self, policy: &Policy, hide: bool, cycles: &[Cycle], labels: &mut Vec<Label>) {
        let (Standing::Admitted(Admission { promise: Some(_), .. }), Some(last)) = (&self.standing, cycles.last()) else { return };
        let style = &policy.labels;
        if !hide {
            let target = last.named.1;
            labels.push(named(style.target_name(&target), &style.target, &format!("Answered within {target}")));
        }
        let breached_before = cycles.iter().any(|cycle| matches!(&cycle.state, State::Ended { outcome, .. } if outcome.is_breach()));
        let breached = || label(&style.breached, "Not answered within the promised time");
        match self.face() {
            Face::None => {}
            Face::Running { cycle, soon, over } => {
                let stopped = cycle.due_known().is_none();
                if !hide && !stopped {
                    let name = style.due_name(cycle.due);
                    labels.push(named(name, &style.due, "The answer is due then, rounded down"));
                }
                if over || breached_before {
                    labels.push(breached());
                }
                if soon && !over && !stopped {
                    labels.push(label(&style.due_soon, "Three quarters of the promised time are gone"));
                }
                if cycle.paused.is_some_and(|(_, why)| why != Pause::Unmanaged) {
                    labels.push(label(&style.paused, "The clock stands still"));
                }
            }
            Face::Ended(cycle) => {
                if breached_before {
                    labels.push(breached());
                } else if matches!(cycle.state, State::Ended { outcome: Outcome::Met, .. })
                    || matches!(cycle.state, State::Ended { outcome: Outcome::Settled, .. })
                {
                    labels.push(label(&style.met, "Answered within the promised time"));
                }
            }
        }
    }
}

fn tier_label(programme: &Programme, policy: &Policy, tier: &TierId) -> Option<Label> {
    let tier = programme.tier(tier)?;
    let description = format!("A ticket of a partner of the tier {}", tier.name);
    Some(named(policy.labels.tier_name(tier), &policy.labels.tier, &description))
}

fn label(style: &LabelText, description: &str) -> Label {
    named(style.name.clone(), style, description)
}

fn named(name: String, style: &LabelText, description: &str) -> Label {
    Label { name, color: style.color.clone(), description: description.chars().take(100).collect() }
}
