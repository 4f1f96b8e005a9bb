//! What people do to the desk's own labels and comments, and how it puts them right without a fight (`G2`, `G5`).

use super::Desk;
use super::gate::plus;
use super::intake::{Incoming, Outcome};
use super::publish::place_name;
use super::sweep::GRACE;
use crate::domain::book::Book;
use crate::domain::event::{Event, LabelEvent, What};
use crate::domain::hands::{Hands, Undone, Verdict, is_own};
use crate::domain::projection::{Post, Projection};
use crate::domain::ticket::Ticket;
use crate::domain::{CommentId, IssueId, RepoId};
use crate::messages;
use crate::store::{Applied, Claim, Holder, RepoLabel, Result, Tx, same_name};
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Tickets dealt with in one step.
const MOST_AT_ONCE: i64 = 500;

impl Desk {
    /// The same events with the labels by the desk's names for them, where people renamed them in a repository.
    pub(super) async fn in_our_words<'b>(&self, tx: &mut Tx, batch: &'b [Incoming]) -> Result<Cow<'b, [Incoming]>> {
        let of_label = |event: &&Event| matches!(event.what, What::Labeled(_) | What::Unlabeled(_));
        let repos: BTreeSet<_> = batch.iter().filter_map(Incoming::event).filter(of_label).map(|event| event.repo.id).collect();
        if repos.is_empty() {
            return Ok(Cow::Borrowed(batch));
        }
        let renamed = tx.renamed_labels(&repos.into_iter().collect::<Vec<_>>()).await?;
        if renamed.is_empty() {
            return Ok(Cow::Borrowed(batch));
        }
        let mut batch = batch.to_vec();
        for event in batch.iter_mut().filter_map(Incoming::event_mut) {
            let here = || renamed.iter().filter(|(repo, _)| *repo == event.repo.id).map(|(_, label)| label);
            if let What::Labeled(name) | What::Unlabeled(name) = &mut event.what {
                match ours(here(), name) {
                    Some(key) if same_name(&key, &self.policy.labels.waiting_partner.name) => {
                        name.clone_from(&self.policy.labels.waiting_partner.name);
                    }
                    Some(key) => *name = key,
                    // One that people made, of the name that the desk's own had.
                    None => event.what = What::Seen,
                }
            }
        }
        Ok(Cow::Owned(batch))
    }

    /// Takes note of what people undid of what the desk shows, and has it put back. What was only found by asking is not looked at: a
    /// list tells what was done some time, not what is undone now. Says whether there is something to put back.
    pub(super) async fn take_hands(
        &self,
        tx: &mut Tx,
        book: &mut Book,
        batch: &[Incoming],
        outcomes: &[Outcome],
        now: Timestamp,
    ) -> Result<bool> {
        let Some(github) = self.github.as_ref().filter(|_| !self.observes()) else { return Ok(false) };
        let own = github.known_bot_login();
        let mut found = false;
        for (one, outcome) in batch.iter().zip(outcomes) {
            let (Some(event), Some(_), Outcome::Ticket(issue)) = (one.event(), &one.delivery, outcome) else { continue };
            let Some(ticket) = book.tickets.get(issue) else { continue };
            let may_undo = matches!(event.what, What::Labeled(_) | What::Unlabeled(_) | What::Uncommented(_) | What::CommentEdited(_));
            if !may_undo || is_own(event.actor.as_ref(), own.as_deref()) {
                continue;
            }
            let projection = ticket.projection(&self.programme, &self.policy);
            let Some((undone, what)) = self.undone(tx, event, (ticket, &projection), now).await? else { continue };
            let mut hands = tx.hands_of(&[*issue]).await?.remove(issue).unwrap_or_default();
            let verdict = hands.undo(undone, &projection, now);
            tx.save_hands(*issue, &hands, hands.again_at(now)).await?;
            let who = event.actor.as_ref().map_or_else(|| "somebody".to_owned(), |person| format!("`{}`", person.login));
            if verdict == Verdict::PutBack {
                tx.show_again(*issue).await?;
                found = true;
            } else if verdict == Verdict::Stop {
                let place = place_name(ticket);
                tracing::warn!(ticket = %place, rule = "G5", "what the desk shows is undone again and again; it stops to put it back");
                let text = format!(
                    "{place}: {who} {what}. That was the third time within ten minutes that something there was undone after the desk had \
                     put it back. It is left as it is until the ticket's own labels change, or nobody has touched it for an hour.",
                );
                let text = text.replace('`', "");
                self.warn(tx, &[(format!("g5:{issue}:{}", now.as_millisecond()), text)], now).await?;
            }
            book.note(*issue, event.at, "G5", format!("{who} {what}{}", outcome_of(verdict)));
        }
        Ok(found)
    }

    /// What an event undid of what this ticket should show, and in words.
    async fn undone(
        &self,
        tx: &mut Tx,
        event: &Event,
        (ticket, projection): (&Ticket, &Projection),
        now: Timestamp,
    ) -> Result<Option<(Undone, String)>> {
        // By the desk's own name, whatever the event calls it.
        let wanted = |name: &str| projection.labels.iter().find(|label| same_name(&label.name, name)).map(|label| &label.name);
        match &event.what {
            What::Unlabeled(name) => {
                let undone = |name: &String| (Undone::Label(name.to_lowercase()), format!("took the label `{name}` off"));
                Ok(wanted(name).map(undone))
            }
            What::Labeled(name) => {
                if let Some(name) = wanted(name)
                    && let Some(mut hands) = tx.hands_of(&[ticket.issue]).await?.remove(&ticket.issue)
                    && hands.redo(&name.to_lowercase())
                {
                    tx.save_hands(ticket.issue, &hands, hands.again_at(now)).await?;
                }
                Ok(None)
            }
            What::Uncommented(id) | What::CommentEdited(id) => {
                let Some(comment) = self.own_comment(tx, ticket.issue, *id).await? else { return Ok(None) };
                let deleted = matches!(event.what, What::Uncommented(_));
                let undone = if deleted { Undone::Deleted(*id) } else { Undone::Edited(*id) };
                let what = if deleted { "deleted the status comment" } else { "edited the status comment" };
                if comment == Own::Unsure {
                    let mut hands = tx.hands_of(&[ticket.issue]).await?.remove(&ticket.issue).unwrap_or_default();
                    hands.note(undone);
                    tx.save_hands(ticket.issue, &hands, hands.again_at(now)).await?;
                    tx.show_again(ticket.issue).await?;
                    return Ok(None);
                }
                Ok(Some((undone, what.to_owned())))
            }
            _ => Ok(None),
        }
    }

    /// Whether a comment is the ticket's status comment. What else the desk said once, people may tidy away.
    async fn own_comment(&self, tx: &mut Tx, issue: IssueId, id: CommentId) -> Result<Option<Own>> {
        let Some(holder) = tx.holder(issue).await? else { return Ok(None) };
        let status = messages::marker(issue, Post::Status);
        Ok(match holder.applied.comments.get(&status) {
            Some(comment) if comment.id == Some(id.0) => Some(Own::Status),
            // It may be on its way at this moment, so that its id is not known yet.
            Some(comment) if comment.id.is_some() => None,
            _ => holder.moving.then_some(Own::Unsure),
        })
    }

    /// Corrects what is known to be applied of claimed tickets by what people undid, so that publishing puts it back.
    pub(super) async fn correct(&self, tx: &mut Tx, claims: &mut [Claim]) -> Result<()> {
        if self.observes() {
            return Ok(());
        }
        let issues: Vec<_> = claims.iter().map(|claim| claim.ticket.issue).collect();
        let all = tx.hands_of(&issues).await?;
        for claim in claims.iter_mut() {
            let issue = claim.ticket.issue;
            let Some(before) = all.get(&issue) else { continue };
            let mut hands = before.clone();
            let undone = hands.take(&claim.ticket.projection(&self.programme, &self.policy));
            if hands != *before {
                tx.save_hands(issue, &hands, hands.again_at(self.clock.now())).await?;
            }
            if !undone.is_empty() {
                let before = claim.applied.clone();
                claim.applied.undo(&undone, &messages::marker(issue, Post::Status));
                self.note_deadlines(tx, &claim.ticket, &before, &claim.applied).await?;
                tx.correct(issue, &claim.applied).await?;
            }
        }
        Ok(())
    }

    /// Tries again what was left for an hour, and forgets what does not matter any more.
    pub(super) async fn end_rests(&self) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let none = tx.hands_due(now, 1).await?.is_empty();
        tx.rollback().await?;
        if none {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        for (issue, mut hands) in tx.hands_due(now, MOST_AT_ONCE).await? {
            if hands.wake() {
                tx.save_hands(issue, &hands, hands.again_at(now)).await?;
                tx.show_again(issue).await?;
            } else {
                tx.forget_hands(issue).await?;
            }
        }
        tx.commit().await
    }

    pub(super) async fn take_label(&self, tx: &mut Tx, event: &LabelEvent, now: Timestamp) -> Result<Outcome> {
        const NOT_OURS: Outcome = Outcome::Ignored("the desk has no use for this label");
        if !self.covers(&event.repo.full_name) {
            return Ok(Outcome::Ignored("the repository is not among `repositories`"));
        }
        let repo = event.repo.id;
        let renamed: Vec<_> = tx.renamed_labels(&[repo]).await?.into_iter().map(|(_, label)| label).collect();
        let name_before = event.renamed_from.as_ref().unwrap_or(&event.name);
        let Some(key) = ours(renamed.iter(), name_before) else { return Ok(NOT_OURS) };
        let known = tx.labels_of(repo, std::slice::from_ref(&key)).await?;
        if known.is_empty() && !self.policy.labels.uses(&self.programme, &key) {
            return Ok(NOT_OURS);
        }
        let place = (repo, event.repo.full_name.as_str());
        if event.renamed_from.is_some() {
            self.follow(tx, place, &renamed, &key, (&event.name, now)).await?;
            return Ok(Outcome::Noted);
        }
        let own = self.github.as_ref().and_then(|github| github.known_bot_login());
        if is_own(event.actor.as_ref(), own.as_deref()) {
            return Ok(Outcome::Ignored("the desk deleted this label itself"));
        }
        tx.label_gone(repo, &key).await?;
        tracing::info!(repository = %event.repo.full_name, label = %key, rule = "G5", "a label was deleted from the repository");
        self.put_back_everywhere(tx, place, &key, now).await?;
        Ok(Outcome::Noted)
    }

    /// A label of the desk's is called otherwise from now on. The issues keep it under the new name, so nothing is to be written.
    async fn follow(
        &self,
        tx: &mut Tx,
        (repo, full_name): (RepoId, &str),
        renamed: &[RepoLabel],
        key: &str,
        (name, now): (&str, Timestamp),
    ) -> Result<()> {
        // No two labels have one name: another that was called so must be gone, though nobody told.
        for stale in renamed.iter().filter(|label| label.key != key && label.is_called(name)) {
            tx.label_gone(repo, &stale.key).await?;
        }
        if same_name(name, key) {
            return tx.label_called(repo, key, None).await;
        }
        if self.policy.labels.uses(&self.programme, name) {
            // Followed, it would stand for two things. So it is given up to its new name, and the old one is made anew.
            tracing::warn!(repository = %full_name, label = %key, %name, rule = "G5", "a label was given the name of another; it is created again");
            tx.label_gone(repo, key).await?;
            return self.put_back_everywhere(tx, (repo, full_name), key, now).await;
        }
        tracing::info!(repository = %full_name, label = %key, called = %name, rule = "G5", "a label was renamed; its new name is used");
        tx.label_called(repo, key, Some(name)).await
    }

    async fn put_back(&self, tx: &mut Tx, key: &str, holding: Vec<Holder>, now: Timestamp) -> Result<PutBack> {
        let issues: Vec<_> = holding.iter().map(|holder| holder.issue).collect();
        let tickets: BTreeMap<_, _> = tx.tickets(&issues).await?.into_iter().map(|ticket| (ticket.issue, ticket)).collect();
        let mut all = tx.hands_of(&issues).await?;
        let mut back = PutBack::default();
        for Holder { issue, mut applied, moving, .. } in holding {
            let Some(ticket) = tickets.get(&issue) else { continue };
            let projection = ticket.projection(&self.programme, &self.policy);
            let wanted = projection.labels.iter().any(|label| same_name(&label.name, key));
            let live = wanted && ticket.is_open() && !ticket.is_gone();
            if !live && !moving {
                if applied.labels.iter().any(|name| same_name(name, key) && self.policy.labels.is_due_name(name)) {
                    back.deadlines.push(issue);
                }
                applied.undo(&[Undone::Label(key.to_owned())], "");
                back.corrected.push((issue, applied));
                continue;
            }
            let mut hands = all.remove(&issue).unwrap_or_default();
            let recorded = applied.has_label(key);
            if !recorded && !wanted {
                continue;
            }
            if !recorded || !live {
                hands.note(Undone::Label(key.to_owned()));
                back.again.push(issue);
            } else {
                let verdict = hands.undo(Undone::Label(key.to_owned()), &projection, now);
                if verdict == Verdict::PutBack {
                    back.again.push(issue);
                }
                back.stopped += usize::from(verdict == Verdict::Stop);
                back.lines.push((issue, format!("the label `{key}` is gone from the repository{}", outcome_of(verdict))));
            }
            let again_at = hands.again_at(now);
            back.hands.push((issue, hands, again_at));
        }
        Ok(back)
    }

    /// A label is on no issue of a repository any more: it is put back on the open ones that should show it. The others get it with
    /// their next change, if they should.
    pub(super) async fn put_back_everywhere(
        &self,
        tx: &mut Tx,
        (repo, full_name): (RepoId, &str),
        key: &str,
        now: Timestamp,
    ) -> Result<()> {
        if self.observes() {
            return Ok(());
        }
        let (mut after, mut stopped) = (i64::MIN, 0);
        loop {
            let page = tx.holders(repo, after, MOST_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            // One that is being published may have it, though that is not recorded yet.
            let holding: Vec<_> = page.into_iter().filter(|holder| holder.moving || holder.applied.has_label(key)).collect();
            let put_back = self.put_back(tx, key, holding, now).await?;
            stopped += put_back.stopped;
            // However many there are: others wait to write meanwhile.
            tx.deadline_left((repo, key), &put_back.deadlines, plus(now, GRACE)).await?;
            tx.correct_many(&put_back.corrected).await?;
            tx.save_many_hands(&put_back.hands).await?;
            tx.show_many_again(&put_back.again).await?;
            tx.note_many_once(&put_back.lines, now, "G5").await?;
        }
        if stopped > 0 {
            tracing::warn!(repository = %full_name, label = %key, tickets = stopped, rule = "G5", "a label is deleted again and again");
            let text = format!(
                "{full_name}: the label {key} was deleted for the third time within ten minutes after the desk had put it back, on {stopped} \
                 open tickets. They are left as they are until their own labels change, or nobody has touched them for an hour.",
            );
            self.warn(tx, &[(format!("g5:{repo}:{key}:{}", now.as_millisecond()), text)], now).await?;
        }
        Ok(())
    }
}

/// What becomes of tickets whose label is gone.
#[derive(Default)]
struct PutBack {
    /// Those that do not get it back before they change, as they are shown now.
    corrected: Vec<(IssueId, Applied)>,
    /// Those of them that showed it as their deadline.
    deadlines: Vec<IssueId>,
    hands: Vec<(IssueId, Hands, Timestamp)>,
    again: Vec<IssueId>,
    lines: Vec<(IssueId, String)>,
    /// How many are left as they are, since it was put back too often.
    stopped: usize,
}

/// What a comment is to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Its status comment.
    Status,
    /// That, maybe: it is being posted.
    Unsure,
}

/// The desk's name, in lower case, of a label that is called so in a repository of which `renamed` are the labels that people renamed.
/// None: the desk's own label of this name is called otherwise.
fn ours<'r>(renamed: impl Iterator<Item = &'r RepoLabel> + Clone, name: &str) -> Option<String> {
    if let Some(label) = renamed.clone().find(|label| label.is_called(name)) {
        return Some(label.key.clone());
    }
    let key = name.to_lowercase();
    let elsewhere = renamed.into_iter().any(|label| label.key == key);
    (!elsewhere).then_some(key)
}

const fn outcome_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::PutBack => "; it is put back",
        Verdict::Stop => "; after three rounds within ten minutes it is left so, and told",
        Verdict::Leave => "; it is left so",
    }
}
