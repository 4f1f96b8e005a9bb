//! Showing tickets at GitHub: the whole projection is computed, compared with what was last applied, and only the difference
//! is sent (`G1`, `G6`), one installation's tickets one after the other, through its gate (`G7`). Whatever goes wrong, the ticket stays
//! to be published and this runs again.

use super::escalate::ASIDE;
use super::gate::{Gate, Room, Stop, plus};
use super::limits::cut;
use super::refusal::{ENOUGH, Refusal, said};
use super::{Desk, next_look};
use crate::domain::event::CloseReason;
use crate::domain::partner::Partner;
use crate::domain::projection::{Assigns, Post, Projection, Wish};
use crate::domain::quota::Entry;
use crate::domain::ticket::Ticket;
use crate::domain::{CommentId, InstallationId, IssueId, RepoId};
use crate::github::client::{ApiError, GitHub, Standing};
use crate::messages::{self, View};
use crate::programme::TierId;
use crate::store::{Applied, AppliedComment, Claim, GateRow, Result, Tx};
use futures_util::future::Either;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::Instrument as _;

/// A ticket that is opened costs so many writes (`G6`).
const OPENING: i64 = 2;
/// So many tickets that do not read back are found in one transaction.
const MOST_UNREAD: usize = 50;
/// A comment whose sending was cut off is looked for at once, for so long (`G7`).
const LOOK_WITHIN: Duration = Duration::from_secs(4);

/// What a reply about a ticket looks at: the ledger, and the ticket's log.
type Account = (Vec<Entry>, Vec<(Timestamp, String, String)>);

/// A ticket that is to be shown, with what its comments speak of.
struct Claimed {
    claim: Claim,
    partner: Option<Partner>,
    account: Account,
}

/// What came of it.
struct Shown {
    claim: Claim,
    /// What was applied before.
    before: Applied,
    outcome: std::result::Result<(), Stop>,
    /// What GitHub refuses.
    refusal: Option<Refusal>,
}

/// Which of an installation's tickets is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// One of which an earlier try may have had effect, else another.
    TriedFirst,
    /// One that was not tried yet, else another.
    UntriedFirst,
    /// Nothing new is written now.
    OnlyTried,
}

/// What came while publishing.
enum Came {
    /// The installations with tickets to show.
    Ready(Result<Vec<InstallationId>>),
    /// An installation is through, with so many tickets.
    Through(InstallationId, Result<usize>),
}

impl Desk {
    /// Publishes every ticket that differs from what GitHub was last told and whose installation's gate is open. Installations do not
    /// wait for each other. Says how many tickets there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish(&self) -> Result<usize> {
        self.tell_who_can_read().await?;
        self.end_rests().await?;
        let mut done = 0;
        let (mut busy, mut idle) = (BTreeSet::new(), BTreeSet::new());
        let (mut wanted, mut looking) = (true, false);
        let mut failed = None;
        // Looks run beside what they found, so that all of it goes on at every await: whoever stands still while it holds the writer,
        // or is the next to get it, would never let a look have it.
        let mut runs = FuturesUnordered::new();
        loop {
            if wanted && !looking && failed.is_none() {
                (wanted, looking) = (false, true);
                runs.push(Either::Left(async { Came::Ready(self.ready().await) }));
            }
            tokio::select! {
                Some(came) = runs.next(), if !runs.is_empty() => match came {
                    Came::Ready(ready) => {
                        looking = false;
                        match ready {
                            Ok(_) if failed.is_some() => {}
                            Ok(ready) => {
                                for installation in ready.into_iter().filter(|one| !idle.contains(one)) {
                                    if busy.insert(installation) {
                                        let through = self.publish_through(installation);
                                        runs.push(Either::Right(async move { Came::Through(installation, through.await) }));
                                    }
                                }
                            }
                            Err(error) => failed = Some(error),
                        }
                    }
                    Came::Through(installation, result) => {
                        busy.remove(&installation);
                        wanted = true;
                        match result {
                            Ok(0) => drop(idle.insert(installation)),
                            Ok(tickets) => done += tickets,
                            Err(error) => failed = Some(error),
                        }
                    }
                },
                // Somebody else's ticket need not wait until this one's installation is through.
                () = next_look(&self.wakes.publish), if !runs.is_empty() => wanted = true,
                else => break,
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // Only when every ticket is shown, and in the same run, so that no ticket wants a label while it is deleted.
        self.sweep().await?;
        Ok(done)
    }

    async fn ready(&self) -> Result<Vec<InstallationId>> {
        self.share_quiet().await?;
        let mut tx = self.store.read().await?;
        let ready = tx.ready_to_publish(self.clock.now()).await?;
        tx.rollback().await?;
        Ok(ready)
    }

    /// Publishes an installation's tickets one after the other, until none is left or its gate closes. Recording what came of one and
    /// claiming the next is one transaction.
    async fn publish_through(&self, installation: InstallationId) -> Result<usize> {
        let Some(gate) = self.gate(installation).await? else { return Ok(0) };
        let tiers: Vec<_> = self.programme.tiers.iter().rev().map(|tier| tier.id.clone()).collect();
        let mut done = 0;
        let mut last: Option<Shown> = None;
        loop {
            // What may have had effect is looked up soon; but however much of it fails again and again, the others come every second time.
            let turn = if last.as_ref().is_some_and(|shown| shown.claim.attempts > 1) { Turn::UntriedFirst } else { Turn::TriedFirst };
            let mut tx = self.store.write().await?;
            let Some(mut row) = gate.hold(&mut tx).await? else {
                tracing::warn!(%installation, rule = "G7", "another instance publishes this installation by now: it goes on from here");
                tx.rollback().await?;
                return Ok(done);
            };
            if let Some(shown) = last.take() {
                self.record(&mut tx, &gate, &mut row, shown).await?;
            }
            let stopping = self.wakes.stopping.load(Ordering::Relaxed);
            let claimed = if stopping { None } else { self.claim(&mut tx, &gate, &row, (&tiers, turn)).await? };
            let Some(claimed) = claimed else {
                gate.leave(&mut tx).await?;
                tx.commit().await?;
                return Ok(done);
            };
            tx.commit().await?;
            done += 1;
            let span = tracing::info_span!(target: "otel", "publish", ticket = %place_name(&claimed.claim.ticket));
            let shown = self.show_claimed(&gate, claimed).instrument(span).await;
            if let Err(Stop::Store(error)) = shown.outcome {
                return Err(error);
            }
            last = Some(shown);
        }
    }

    async fn claim(&self, tx: &mut Tx, gate: &Gate<'_>, row: &GateRow, (tiers, turn): (&[TierId], Turn)) -> Result<Option<Claimed>> {
        let now = self.clock.now();
        let (room, free) = if self.observes() { (Room::Open, 0) } else { gate.room(tx, row).await? };
        let turn = match room {
            Room::Open => turn,
            Room::Paused(_) => Turn::OnlyTried,
            Room::Quiet(_) => return Ok(None),
        };
        for _ in 0..MOST_UNREAD {
            let Some(issue) = self.next(tx, gate.installation, (tiers, turn), now).await? else { return Ok(None) };
            match self.claimed(tx, issue, now).await {
                // What does not read back keeps nothing from being published; nor from being recorded, in the same transaction.
                Err(error) if error.is_of_one_record() => {
                    tx.unclaim(issue, plus(now, ASIDE)).await?;
                    self.tell_of_unread(tx, issue, &error, now).await?;
                }
                claimed => {
                    gate.count(tx, free.min(OPENING)).await?;
                    return claimed.map(Some);
                }
            }
        }
        Ok(None)
    }

    async fn next(&self, tx: &mut Tx, at: InstallationId, (tiers, turn): (&[TierId], Turn), now: Timestamp) -> Result<Option<IssueId>> {
        if turn == Turn::UntriedFirst
            && let Some(issue) = tx.next_untried(at, tiers, now).await?
        {
            return Ok(Some(issue));
        }
        match tx.next_tried(at, now).await? {
            None if turn == Turn::TriedFirst => tx.next_untried(at, tiers, now).await,
            tried => Ok(tried),
        }
    }

    async fn claimed(&self, tx: &mut Tx, issue: IssueId, now: Timestamp) -> Result<Claimed> {
        let mut claims = [tx.claim(issue).await?];
        self.correct(tx, &mut claims).await?;
        let [claim] = claims;
        let ticket = &claim.ticket;
        // Only a reply that is not given yet looks at the ledger and the log.
        let account = if self.owes_a_reply(&claim) {
            let ledger = tx.ledger_about(ticket.issue, ticket.partner(), self.ledger_since(now)).await?;
            (ledger, tx.log_of(ticket.issue).await?)
        } else {
            Account::default()
        };
        let partner = match ticket.partner() {
            Some(id) => tx.partner(id).await?,
            None => None,
        };
        Ok(Claimed { claim, partner, account })
    }

    fn owes_a_reply(&self, claim: &Claim) -> bool {
        let posts = claim.ticket.projection(&self.programme, &self.policy).posts.into_iter();
        let mut replies = posts.filter(|post| matches!(post, Post::Reply(_))).map(|post| messages::marker(claim.ticket.issue, post));
        replies.any(|marker| claim.applied.comments.get(&marker).is_none_or(|comment| comment.id.is_none() || comment.digest.is_empty()))
    }

    async fn show_claimed(&self, gate: &Gate<'_>, claimed: Claimed) -> Shown {
        let Claimed { mut claim, partner, account: (ledger, log) } = claimed;
        let now = self.clock.now();
        let partner = partner.as_ref();
        let before = claim.applied.clone();
        let ticket = &claim.ticket;
        if claim.attempts > 1 {
            // That an earlier try may have had effect is known of each comment, whatever this one ends at (G7).
            for post in ticket.projection(&self.programme, &self.policy).posts {
                let unsure = || AppliedComment { id: None, digest: String::new() };
                claim.applied.comments.entry(messages::marker(ticket.issue, post)).or_insert_with(unsure);
            }
        }
        let view = View { ticket, partner, programme: &self.programme, policy: &self.policy, ledger: &ledger, log: &log, now };
        let wanted = ticket.projection(&self.programme, &self.policy);
        let tried_before = claim.attempts > 1;
        let outcome = match &self.github {
            _ if self.observes() => {
                show_only(&view, wanted);
                Ok(())
            }
            None => Err(ApiError::Credentials("there is no App to write with".to_owned()).into()),
            // What was read from a file has no installation; which it is, GitHub knows.
            Some(github) if gate.installation == InstallationId(0) => {
                self.show(github, &view, wanted, &mut claim.applied, tried_before).await
            }
            Some(github) => self.show_through(github, gate, &view, wanted, (&mut claim.applied, tried_before)).await,
        };
        let refusal = match &outcome {
            Err(Stop::GitHub(error)) => {
                let again = retry_at(error, (ticket, claim.attempts), self.clock.now());
                self.look_into(error, &claim, again).await
            }
            _ => None,
        };
        Shown { claim, before, outcome, refusal }
    }

    /// Records what came of showing a ticket, and what that says of the gate.
    async fn record(&self, tx: &mut Tx, gate: &Gate<'_>, row: &mut GateRow, shown: Shown) -> Result<()> {
        let Shown { mut claim, before, outcome, refusal } = shown;
        match &outcome {
            // Of a repository that cannot be read nothing is known.
            Err(Stop::GitHub(_)) if matches!(refusal, Some(Refusal::OutOfReach)) => {}
            Err(Stop::GitHub(error)) if error.is_a_refusal() => claim.applied.refused += 1,
            Ok(()) | Err(Stop::GitHub(_)) => claim.applied.refused = 0,
            Err(Stop::Closed(_) | Stop::Lost | Stop::Store(_)) => {}
        }
        let (issue, now) = (claim.ticket.issue, self.clock.now());
        let ticket = place_name(&claim.ticket);
        // What is gone shows no deadline any more, whatever was last seen there.
        let gone = Applied::default();
        let after = if matches!(refusal, Some(Refusal::Gone(_))) { &gone } else { &claim.applied };
        self.note_deadlines(tx, &claim.ticket, &before, after).await?;
        if let Some(refusal) = refusal {
            return self.record_refusal(tx, &claim, refusal).await;
        }
        match outcome {
            Ok(()) => {
                tx.published(&claim.ticket, claim.version, &claim.applied).await?;
                tx.count_failures(gate.installation, 0, 0).await?;
            }
            Err(Stop::Closed(until)) => tx.publish_later(&claim.ticket, &claim.applied, Some(until)).await?,
            // Whoever has the turn by now goes on from what is known of it.
            Err(Stop::Lost | Stop::Store(_)) => {}
            Err(Stop::GitHub(error)) if error.is_a_limit() => {
                let until = self.keep_quiet(tx, gate, row, &error).await?;
                tx.publish_later(&claim.ticket, &claim.applied, Some(until)).await?;
            }
            Err(Stop::GitHub(error)) => {
                let at = retry_at(&error, (&claim.ticket, claim.attempts), now);
                tracing::warn!(%ticket, %error, retry_at = %at, attempts = claim.attempts, "could not be shown at GitHub yet");
                tx.publish_again(&claim.ticket, &claim.applied, at).await?;
                if claim.attempts == ENOUGH {
                    let text = format!("could not be shown at GitHub so far: {}; it is tried again every few minutes", said(&error));
                    tx.note_once(issue, now, "G7", &text).await?;
                }
                // The next try asks for a token first, and so tells whether it is that or the App's key.
                if error.is_of_credentials() && (error.is_to_the_app() || claim.attempts > 1) {
                    self.warn_of_credentials(tx, gate.installation, &error).await?;
                }
                // One ticket that fails again and again holds up nobody; when all fail, GitHub is away.
                if claim.attempts == 1 && (error.is_of_unknown_fate() || error.is_of_credentials()) {
                    row.unanswered += 1;
                    tx.count_failures(gate.installation, row.refused, row.unanswered).await?;
                    let pause =
                        SignedDuration::from_secs(2_i64.saturating_pow(u32::try_from(row.unanswered.clamp(1, 5)).unwrap_or(5)).min(30));
                    row.pause = row.pause.max(plus(now, pause));
                    tx.pause_gate(gate.installation, row.pause).await?;
                }
            }
        }
        Ok(())
    }

    /// Closes the gate for as long as GitHub asked, or for a minute, two, four … at most an hour where it named no time.
    async fn keep_quiet(&self, tx: &mut Tx, gate: &Gate<'_>, row: &mut GateRow, error: &ApiError) -> Result<Timestamp> {
        let now = self.clock.now();
        let asked = self.github.as_ref().and_then(|github| github.quiet_until(gate.installation));
        let mut until = asked.unwrap_or(now);
        if let ApiError::Refused { retry_after: None, .. } = error {
            row.refused += 1;
            tx.count_failures(gate.installation, row.refused, row.unanswered).await?;
            let doubled = 2_i64.saturating_pow(u32::try_from((row.refused - 1).clamp(0, 6)).unwrap_or(6)).saturating_mul(60).min(3600);
            until = until.max(plus(now, SignedDuration::from_secs(doubled)));
        }
        if let Some(github) = &self.github {
            github.keep_quiet(gate.installation, until);
        }
        row.quiet = row.quiet.max(until);
        tx.quiet_gate(gate.installation, until).await?;
        let installation = gate.installation;
        tracing::warn!(%installation, %until, %error, rule = "G7", "GitHub asks for quiet: nothing is sent through this installation until then");
        Ok(until)
    }

    /// Sends the difference between what GitHub should show of a ticket and what was last applied, when the turn at its installation's
    /// gate is free. What was done is noted in `applied` as it is done, so that the next try goes on from there. `tried_before`: an
    /// earlier try may have had effect.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer; the gate is closed.
    pub async fn show(
        &self,
        github: &GitHub,
        view: &View<'_>,
        wanted: Projection,
        applied: &mut Applied,
        tried_before: bool,
    ) -> std::result::Result<(), Stop> {
        let installation = match view.ticket.installation {
            InstallationId(0) => github.installation_of(&view.ticket.repo_name).await?,
            known => known,
        };
        let Some(gate) = self.gate(installation).await? else {
            return Err(Stop::Closed(plus(self.clock.now(), SignedDuration::from_secs(2))));
        };
        let shown = self.show_through(github, &gate, view, wanted, (applied, tried_before)).await;
        let mut tx = self.store.write().await?;
        gate.hold(&mut tx).await?;
        gate.leave(&mut tx).await?;
        tx.commit().await?;
        shown
    }

    async fn show_through(
        &self,
        github: &GitHub,
        gate: &Gate<'_>,
        view: &View<'_>,
        wanted: Projection,
        (applied, tried_before): (&mut Applied, bool),
    ) -> std::result::Result<(), Stop> {
        let ticket = view.ticket;
        let place = Place { gate, installation: gate.installation, repo: ticket.repo, number: ticket.number };
        // What GitHub will not have in one place keeps nothing from the others; it is told of at the end.
        let mut refused = None;
        keep(&mut refused, self.show_labels(github, (&place, ticket), &wanted, applied).await)?;
        for assigns in &wanted.assigns {
            keep(&mut refused, self.assign(github, (&place, ticket), assigns, applied).await)?;
        }
        let mut standing = None;
        for post in wanted.posts {
            let shown = self.apply_post(github, &place, view, post, applied, (tried_before || ticket.found, &mut standing)).await;
            keep(&mut refused, shown)?;
        }
        if let Some(wish) = wanted.wish.filter(|wish| applied.wish != Some(wish.cause.0)) {
            keep(&mut refused, self.carry_out(github, &place, ticket, wish, applied, tried_before).await)?;
        }
        for comment in wanted.thanked {
            if applied.thanked.contains(&comment.0) {
                continue;
            }
            let pass = gate.pass().await?;
            match pass.send(github.thank(place.installation, place.repo, comment)).await {
                Err(error) if error.is_a_limit() => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(ticket = %place_name(ticket), %comment, %error, "no thumbs-up: it is a courtesy and not tried again");
                }
                Ok(()) => {}
            }
            applied.thanked.push(comment.0);
        }
        // What is written comes back as a webhook, and has to be told from what other bots do (G5). Asked once; until it is known,
        // no bot is taken for another.
        let _ = github.bot_login().await;
        refused.map_or(Ok(()), |error| Err(Stop::GitHub(error)))
    }

    /// Assigns the people of a step, once: who takes them off again has the last word (`E1`).
    async fn assign(
        &self,
        github: &GitHub,
        (place, ticket): (&Place<'_>, &Ticket),
        assigns: &Assigns,
        applied: &mut Applied,
    ) -> std::result::Result<(), Stop> {
        if applied.assigned.contains(&assigns.key) {
            return Ok(());
        }
        let pass = place.gate.pass().await?;
        let left_out = pass.send(github.assign(place.installation, place.repo, place.number, &assigns.logins)).await?;
        applied.assigned.push(assigns.key.clone());
        tracing::info!(ticket = %place_name(ticket), step = %assigns.step, logins = ?assigns.logins, ?left_out, "assigned");
        let now = self.clock.now();
        // A database that fails here costs a line, no more than that.
        if let Ok(mut tx) = self.store.write().await {
            for login in &left_out {
                let text = format!(
                    "`{login}`, whom the step `{}` assigns, cannot be assigned in {}: GitHub takes people who may work there, and as many as the repository's plan allows (E1).",
                    assigns.step, ticket.repo_name
                );
                let _ = tx.note_once(ticket.issue, now, "E1", &text).await;
                let _ = self.warn(&mut tx, &[(format!("assign:{}:{}", place.repo, login.to_lowercase()), text)], now).await;
            }
            let _ = tx.commit().await;
        }
        Ok(())
    }

    /// Opens or closes the issue. Where an earlier try may have done it, it is looked at first, so that what people did since is not
    /// undone by a repetition (`G7`).
    async fn carry_out(
        &self,
        github: &GitHub,
        place: &Place<'_>,
        ticket: &Ticket,
        wish: Wish,
        applied: &mut Applied,
        tried_before: bool,
    ) -> std::result::Result<(), Stop> {
        let begun = applied.wishing.filter(|(cause, _)| *cause == wish.cause.0).map(|(_, second)| second);
        if !tried_before || !github.was_set(place.installation, place.repo, place.number, wish.close, begun).await? {
            if begun.is_none() {
                applied.wishing = Some((wish.cause.0, self.clock.now().as_second()));
            }
            let pass = place.gate.pass().await?;
            match pass.send(github.set_state(place.installation, place.repo, place.number, wish.close)).await {
                // An older GitHub Enterprise Server knows no duplicates.
                Err(ApiError::Refused { status: 422, .. }) if wish.close == Some(CloseReason::Duplicate) => {
                    let (pass, close) = (place.gate.pass().await?, Some(CloseReason::NotPlanned));
                    pass.send(github.set_state(place.installation, place.repo, place.number, close)).await?;
                }
                answer => answer?,
            }
            tracing::info!(ticket = %place_name(ticket), close = ?wish.close, "opened or closed as wished");
        }
        applied.wish = Some(wish.cause.0);
        applied.wishing = None;
        Ok(())
    }

    async fn apply_post(
        &self,
        github: &GitHub,
        place: &Place<'_>,
        view: &View<'_>,
        post: Post,
        applied: &mut Applied,
        (may_stand, standing): (bool, &mut Option<Vec<Standing>>),
    ) -> std::result::Result<(), Stop> {
        let marker = messages::marker(view.ticket.issue, post);
        let body = cut(messages::comment(view, post));
        let digest: String = hex::encode(Sha256::digest(body.as_bytes())).chars().take(24).collect();
        let known = applied.comments.get(&marker).cloned();
        let mut id = known.as_ref().and_then(|comment| comment.id).map(CommentId);
        if id.is_none() && (may_stand || known.is_some()) {
            // Whether an earlier try arrived is not known: look before saying it twice (G7).
            if standing.is_none() {
                *standing = Some(github.comments(place.installation, place.repo, place.number).await?);
            }
            id = find(standing.iter().flatten(), &github.bot_login().await?, &marker);
        }
        // Without a digest, what it says was forgotten, and so it is said anew (O2).
        let anew = known.as_ref().is_some_and(|comment| comment.id.is_some() && comment.digest.is_empty());
        let shown = known.filter(|comment| comment.id.is_some() && !comment.digest.is_empty()).map(|comment| comment.digest);
        match id {
            Some(_) if shown.as_ref() == Some(&digest) => return Ok(()),
            Some(_) if shown.is_some() && post != Post::Status => return Ok(()),
            // A reply is said once; that it stands there was not known yet.
            Some(_) if matches!(post, Post::Reply(_)) && !anew => {}
            Some(comment) => {
                let pass = place.gate.pass().await?;
                match pass.send(github.edit_comment(place.installation, place.repo, comment, &body)).await {
                    // Somebody deleted it; where the issue is gone too, posting says so.
                    Err(error) if error.is_gone() => id = None,
                    edited => {
                        edited?;
                        tracing::info!(ticket = %place_name(view.ticket), "comment edited");
                    }
                }
            }
            None => {}
        }
        if id.is_none() {
            let pass = place.gate.pass().await?;
            let posted = pass.send(github.post_comment(place.installation, place.repo, place.number, &body)).await;
            id = match posted {
                Err(error) if error.is_of_unknown_fate() => {
                    let unsure = AppliedComment { id: None, digest: digest.clone() };
                    applied.comments.insert(marker.clone(), unsure);
                    Some(self.look_for(github, place, &marker).await.ok_or(error)?)
                }
                posted => Some(posted?),
            };
            tracing::info!(ticket = %place_name(view.ticket), "commented");
        }
        applied.comments.insert(marker, AppliedComment { id: id.map(|id| id.0), digest });
        Ok(())
    }

    /// Whether a comment that was just sent, and not answered, stands there all the same.
    async fn look_for(&self, github: &GitHub, place: &Place<'_>, marker: &str) -> Option<CommentId> {
        let look = async {
            let standing = github.comments(place.installation, place.repo, place.number).await.ok()?;
            find(standing.iter(), &github.bot_login().await.ok()?, marker)
        };
        tokio::time::timeout(LOOK_WITHIN, look).await.ok().flatten()
    }
}

/// The desk's own comment with this marker.
fn find<'s>(mut standing: impl Iterator<Item = &'s Standing>, bot: &str, marker: &str) -> Option<CommentId> {
    standing.find(|comment| comment.author == bot && comment.body.starts_with(marker)).map(|comment| comment.id)
}

/// Keeps what GitHub refuses for good for the end; anything else ends it at once.
fn keep(refused: &mut Option<ApiError>, result: std::result::Result<(), Stop>) -> std::result::Result<(), Stop> {
    match result {
        Err(Stop::GitHub(error)) if error.is_for_good() => {
            refused.get_or_insert(error);
            Ok(())
        }
        other => other,
    }
}

/// What would be shown, for an operator who tries the desk on a live repository (`O1`).
fn show_only(view: &View<'_>, wanted: Projection) {
    let labels: Vec<_> = wanted.labels.iter().map(|label| &label.name).collect();
    let assigned: Vec<_> = wanted.assigns.iter().flat_map(|assigns| &assigns.logins).collect();
    tracing::info!(ticket = %place_name(view.ticket), ?labels, ?assigned, "observes: would show");
    for post in wanted.posts {
        tracing::info!(ticket = %place_name(view.ticket), comment = %messages::comment(view, post), "observes: would comment");
    }
}

/// Where to write.
#[derive(Debug)]
pub(super) struct Place<'g> {
    pub(super) gate: &'g Gate<'g>,
    pub(super) installation: InstallationId,
    pub(super) repo: RepoId,
    pub(super) number: i64,
}

pub(super) fn place_name(ticket: &Ticket) -> String {
    format!("{}#{}", ticket.repo_name, ticket.number)
}

/// As GitHub asks, else 2 s, 4 s, 8 s … at most five minutes, and up to half of that more, so that not all come at once (`G7`). A
/// missing permission is not given within seconds: from a minute to an hour.
fn retry_at(error: &ApiError, (ticket, attempts): (&Ticket, i64), now: Timestamp) -> Timestamp {
    let power = 2_i64.saturating_pow(u32::try_from(attempts.clamp(1, 12)).unwrap_or(12));
    let base = match error {
        ApiError::Refused { retry_after: Some(after), .. } => return plus(now, SignedDuration::try_from(*after).unwrap_or_default()),
        ApiError::Refused { status: 403, .. } => power.saturating_mul(30).min(3600),
        _ => power.min(300),
    };
    // The same for a ticket's same try: nothing here has to be unforeseeable.
    let spread = (ticket.issue.0 ^ attempts.wrapping_mul(7919)).rem_euclid(500);
    let spread = base.saturating_mul(spread);
    plus(now, SignedDuration::from_millis(base.saturating_mul(1000).saturating_add(spread)))
}
