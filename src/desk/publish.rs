//! Showing tickets at GitHub: the whole projection is computed, compared with what was last applied, and only the difference
//! is sent (`G1`, `G6`). Whatever goes wrong, the ticket stays to be published and this runs again.

use super::Desk;
use super::limits::cut;
use crate::domain::partner::Partner;
use crate::domain::projection::{Post, Projection};
use crate::domain::quota::Entry;
use crate::domain::ticket::Ticket;
use crate::domain::{CommentId, InstallationId, IssueId, RepoId};
use crate::github::client::{ApiError, GitHub, Standing};
use crate::messages::{self, View};
use crate::store::{Applied, AppliedComment, Claim, Result};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Nobody else publishes a ticket while its publisher holds it for this long.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
const MOST_AT_ONCE: i64 = 100;

/// What a reply about a ticket looks at: the ledger, and the ticket's log.
type Account = (Vec<Entry>, Vec<(Timestamp, String, String)>);

impl Desk {
    /// Publishes every ticket that differs from what GitHub was last told. Says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish(&self) -> Result<usize> {
        self.tell_who_can_read().await?;
        self.end_rests().await?;
        let mut done = 0;
        loop {
            let mut tx = self.store.write().await?;
            let mut claims = tx.claim_dirty(self.clock.now(), LEASE, MOST_AT_ONCE).await?;
            if claims.is_empty() {
                tx.rollback().await?;
                // Only when every ticket is shown, and in the same run, so that no ticket wants a label while it is deleted.
                self.sweep().await?;
                return Ok(done);
            }
            self.correct(&mut tx, &mut claims).await?;
            let now = self.clock.now();
            let mut accounts = BTreeMap::new();
            for claim in &claims {
                // Only a reply that is not given yet looks at the ledger and the log.
                if self.owes_a_reply(claim) {
                    let ticket = &claim.ticket;
                    let ledger = tx.ledger_about(ticket.issue, ticket.partner(), self.ledger_since(now)).await?;
                    accounts.insert(ticket.issue, (ledger, tx.log_of(ticket.issue).await?));
                }
            }
            let mut partners = BTreeMap::new();
            for id in claims.iter().filter_map(|claim| claim.ticket.partner()) {
                if !partners.contains_key(id)
                    && let Some(partner) = tx.partner(id).await?
                {
                    partners.insert(id.clone(), partner);
                }
            }
            tx.commit().await?;
            done += claims.len();
            // Writes to one installation go one at a time; installations do not wait for each other (G7).
            let mut by_installation: BTreeMap<InstallationId, Vec<Claim>> = BTreeMap::new();
            for claim in claims {
                by_installation.entry(claim.ticket.installation).or_default().push(claim);
            }
            let runs = by_installation.into_values().map(|claims| self.publish_in_order(claims, &partners, &accounts));
            for result in futures_util::future::join_all(runs).await {
                result?;
            }
        }
    }

    fn owes_a_reply(&self, claim: &Claim) -> bool {
        let posts = claim.ticket.projection(&self.programme, &self.policy).posts.into_iter();
        let mut replies = posts.filter(|post| matches!(post, Post::Reply(_))).map(|post| messages::marker(claim.ticket.issue, post));
        replies.any(|marker| claim.applied.comments.get(&marker).is_none_or(|comment| comment.id.is_none()))
    }

    async fn publish_in_order(
        &self,
        claims: Vec<Claim>,
        partners: &BTreeMap<crate::domain::PartnerId, Partner>,
        accounts: &BTreeMap<IssueId, Account>,
    ) -> Result<()> {
        let mut closed_until: Option<Timestamp> = None;
        for mut claim in claims {
            if let Some(at) = closed_until {
                // GitHub asked for quiet, or does not answer: that holds for the whole installation (G7).
                let mut tx = self.store.write().await?;
                tx.publish_again(claim.ticket.issue, &claim.applied, at).await?;
                tx.commit().await?;
                continue;
            }
            let partner = claim.ticket.partner().and_then(|id| partners.get(id));
            let (ledger, log) = accounts.get(&claim.ticket.issue).map_or((&[][..], &[][..]), |(ledger, log)| (ledger, log));
            let now = self.clock.now();
            let view = View { ticket: &claim.ticket, partner, programme: &self.programme, policy: &self.policy, ledger, log, now };
            let before = claim.applied.clone();
            let wanted = claim.ticket.projection(&self.programme, &self.policy);
            let outcome = match &self.github {
                _ if self.observes() => {
                    show_only(&view, wanted);
                    Ok(())
                }
                None => Err(ApiError::Credentials("there is no App to write with".to_owned())),
                Some(github) => self.show(github, &view, wanted, &mut claim.applied, claim.attempts > 1).await,
            };
            let ticket = place_name(&claim.ticket);
            let mut tx = self.store.write().await?;
            let gone = matches!(&outcome, Err(error) if error.is_gone());
            // What is gone shows no deadline any more, whatever was last seen there.
            let after = if gone { &Applied::default() } else { &claim.applied };
            self.note_deadlines(&mut tx, &claim.ticket, &before, after).await?;
            match outcome {
                Ok(()) => tx.published(claim.ticket.issue, claim.version, &claim.applied).await?,
                Err(error) if error.is_gone() => {
                    tracing::warn!(%ticket, %error, "the issue is not there any more; nothing is shown on it");
                    tx.published(claim.ticket.issue, claim.version, &claim.applied).await?;
                }
                Err(error) => {
                    let at = retry_at(&error, claim.attempts, self.clock.now());
                    tracing::warn!(%ticket, %error, retry_at = %at, attempts = claim.attempts, "could not be shown at GitHub yet");
                    tx.publish_again(claim.ticket.issue, &claim.applied, at).await?;
                    let everywhere = matches!(error, ApiError::NoAnswer(_)) || matches!(error.status(), Some(401 | 403 | 429 | 500..));
                    closed_until = everywhere.then_some(at);
                }
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Sends the difference between what GitHub should show of a ticket and what was last applied. What was done is noted in
    /// `applied` as it is done, so that the next try goes on from there. `tried_before`: an earlier try may have had effect.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn show(
        &self,
        github: &GitHub,
        view: &View<'_>,
        wanted: Projection,
        applied: &mut Applied,
        tried_before: bool,
    ) -> std::result::Result<(), ApiError> {
        let ticket = view.ticket;
        let installation = match ticket.installation {
            InstallationId(0) => github.installation_of(&ticket.repo_name).await?,
            known => known,
        };
        let place = Place { installation, repo: ticket.repo, number: ticket.number };
        self.show_labels(github, (place, ticket), &wanted, applied).await?;
        let mut standing = None;
        for post in wanted.posts {
            self.apply_post(github, place, view, post, applied, (tried_before || ticket.found, &mut standing)).await?;
        }
        if let Some(wish) = wanted.wish.filter(|wish| applied.wish != Some(wish.cause.0)) {
            github.set_state(place.installation, place.repo, place.number, wish.close).await?;
            tracing::info!(ticket = %place_name(ticket), close = ?wish.close, "opened or closed as wished");
            applied.wish = Some(wish.cause.0);
        }
        for comment in wanted.thanked {
            if applied.thanked.contains(&comment.0) {
                continue;
            }
            if let Err(error) = github.thank(place.installation, place.repo, comment).await {
                tracing::debug!(ticket = %place_name(ticket), %comment, %error, "no thumbs-up: it is a courtesy and not tried again");
            }
            applied.thanked.push(comment.0);
        }
        // What is written comes back as a webhook, and has to be told from what other bots do (G5). Asked once; until it is known,
        // no bot is taken for another.
        let _ = github.bot_login().await;
        Ok(())
    }

    async fn apply_post(
        &self,
        github: &GitHub,
        place: Place,
        view: &View<'_>,
        post: Post,
        applied: &mut Applied,
        (may_stand, standing): (bool, &mut Option<Vec<Standing>>),
    ) -> std::result::Result<(), ApiError> {
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
            let bot = github.bot_login().await?;
            let found = standing.iter().flatten().find(|comment| comment.author == bot && comment.body.starts_with(&marker));
            id = found.map(|comment| comment.id);
        }
        // Without a digest, what it says was forgotten, and so it is said anew (O2).
        let shown = known.filter(|comment| comment.id.is_some() && !comment.digest.is_empty()).map(|comment| comment.digest);
        match id {
            Some(_) if shown.as_ref() == Some(&digest) => return Ok(()),
            Some(_) if shown.is_some() && post != Post::Status => return Ok(()),
            // A reply is said once; that it stands there was not known yet.
            Some(_) if matches!(post, Post::Reply(_)) => {}
            Some(comment) => match github.edit_comment(place.installation, place.repo, comment, &body).await {
                // Somebody deleted it; where the issue is gone too, posting says so.
                Err(error) if error.is_gone() => id = None,
                edited => edited?,
            },
            None => {}
        }
        if id.is_none() {
            let unsure = AppliedComment { id: None, digest: digest.clone() };
            applied.comments.insert(marker.clone(), unsure);
            id = Some(github.post_comment(place.installation, place.repo, place.number, &body).await?);
            tracing::info!(ticket = %place_name(view.ticket), "commented");
        }
        applied.comments.insert(marker, AppliedComment { id: id.map(|id| id.0), digest });
        Ok(())
    }
}

/// What would be shown, for an operator who tries the desk on a live repository (`O1`).
fn show_only(view: &View<'_>, wanted: Projection) {
    let labels: Vec<_> = wanted.labels.iter().map(|label| &label.name).collect();
    tracing::info!(ticket = %place_name(view.ticket), ?labels, "observes: would show");
    for post in wanted.posts {
        tracing::info!(ticket = %place_name(view.ticket), comment = %messages::comment(view, post), "observes: would comment");
    }
}

/// Where to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) installation: InstallationId,
    pub(super) repo: RepoId,
    pub(super) number: i64,
}

pub(super) fn place_name(ticket: &Ticket) -> String {
    format!("{}#{}", ticket.repo_name, ticket.number)
}

/// As GitHub asks, else 2 s, 4 s, 8 s … at most five minutes; within 5 s for a request whose fate is unknown (`G7`).
fn retry_at(error: &ApiError, attempts: i64, now: Timestamp) -> Timestamp {
    let back_off = 2_i64.saturating_pow(u32::try_from(attempts.clamp(1, 9)).unwrap_or(9)).min(300);
    let wait = match error {
        ApiError::Refused { retry_after: Some(after), .. } => {
            SignedDuration::try_from(*after).unwrap_or(SignedDuration::from_secs(back_off))
        }
        ApiError::Refused { status: 403 | 429, .. } => SignedDuration::from_secs(60.max(back_off)),
        _ => SignedDuration::from_secs(back_off),
    };
    now.saturating_add(wait).unwrap_or(now)
}
