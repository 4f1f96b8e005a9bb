//! Asking GitHub who is a support engineer (`W3`): the members of teams, and who may triage where neither logins nor teams are
//! configured. Intake waits for none of it: what is not known yet is kept as not known, asked right afterwards, and judged again.

use super::Desk;
use super::escalate::ASIDE;
use super::intake::Outcome;
use crate::domain::event::{PlaceEvent, PlaceWhat, Repo, RightsEvent};
use crate::domain::ticket::Ticket;
use crate::domain::{InstallationId, IssueId, RepoId, UserId};
use crate::github::client::{ApiError, GitHub, InstallationInfo};
use crate::store::{Needs, Result, TeamRow, Tx, Wanted};
use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

/// What GitHub said of somebody's permission is asked again after this.
const PERMISSIONS_LAST: SignedDuration = SignedDuration::from_hours(24);
/// Teams are read again, at the next catching up, after this.
const TEAMS_LAST: SignedDuration = SignedDuration::from_hours(1);
/// A team that GitHub refuses to show is asked for again after this; the operator has to do something first.
const REFUSED_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// People asked about at the same time.
const ASK_AT_ONCE: usize = 8;
/// People dealt with in one round.
const MOST_AT_ONCE: i64 = 200;
/// Whoever asks GitHub too much waits at least this long.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// What cannot be asked because GitHub shows nothing there is tried again after this.
const OUT_OF_REACH: SignedDuration = SignedDuration::from_hours(1);

/// From when on what GitHub said of permissions still counts at `now`.
pub(super) fn fresh_since(now: Timestamp) -> Timestamp {
    now.saturating_sub(PERMISSIONS_LAST).unwrap_or(Timestamp::MIN)
}

/// What asking for a team gave.
enum TeamRead {
    Members(Vec<UserId>),
    /// With a status, where GitHub was asked at all: no such team, or it may not be read.
    Refused(Option<u16>),
    Failed(ApiError),
}

/// What asking about people gave: what GitHub said, and why it could not be asked.
#[derive(Default)]
struct Answers {
    said: BTreeMap<(RepoId, UserId), bool>,
    failed: BTreeMap<(RepoId, UserId), ApiError>,
    /// Installations in which GitHub asks for patience, and for how long: nobody else is asked there.
    quiet: BTreeMap<InstallationId, SignedDuration>,
}

impl Answers {
    /// When somebody of whom it is still not known is asked about again.
    fn again(&self, one: &Wanted, now: Timestamp) -> Timestamp {
        let own = wait(one.attempts + 1, self.failed.get(&(one.repo, one.user)), now);
        after(now, self.quiet.get(&one.installation).map_or(own, |quiet| own.max(*quiet)))
    }
}

impl Desk {
    /// Asks GitHub about everybody of whom a ticket has to know, and reads teams that have to be read. Says how much there was to do.
    ///
    /// # Errors
    /// The database fails; what was to be asked stays so.
    pub async fn ask_rights(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let round = self.ask_round(None, std::future::pending()).await?;
            done += round;
            if round == 0 {
                return Ok(done);
            }
        }
    }

    /// Asks about the people on these tickets, before something is said about them (`E3`), until `limit`. Gives back those tickets of
    /// which it is still not known who answered.
    pub(super) async fn ask_before(&self, issues: &BTreeSet<IssueId>, limit: impl Future<Output = ()> + Send) -> Result<BTreeSet<IssueId>> {
        if self.wanting(issues).await?.is_empty() {
            return Ok(BTreeSet::new());
        }
        self.ask_round(Some(issues), limit).await?;
        self.wanting(issues).await
    }

    async fn wanting(&self, issues: &BTreeSet<IssueId>) -> Result<BTreeSet<IssueId>> {
        let mut tx = self.store.read().await?;
        let wanting = tx.wanting(issues).await?;
        tx.rollback().await?;
        Ok(wanting)
    }

    /// One round: teams first, since they may answer for many; then people.
    async fn ask_round(&self, only: Option<&BTreeSet<IssueId>>, limit: impl Future<Output = ()> + Send) -> Result<usize> {
        // Without an App there is nobody to ask; what waits goes on waiting.
        if self.github.is_none() {
            return Ok(0);
        }
        let mut limit = pin!(limit);
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let changes = tx.count_of_rights_changes().await?;
        let teams = tx.due_teams(now, only.is_some()).await?;
        tx.rollback().await?;
        if !teams.is_empty() {
            tokio::select! {
                read = self.read_teams(&teams) => self.keep_teams(&teams, read, changes, now).await?,
                () = &mut limit => return Ok(0),
            }
        }

        let mut tx = self.store.read().await?;
        let (wanted, unread) = tx.wanted(now, only, MOST_AT_ONCE).await?;
        let people = wanted.iter().map(|wanted| wanted.user).collect();
        let fresh = tx.fresh_permissions(&people, fresh_since(now)).await?;
        let by_permission = tx.by_permission().await?;
        let changes = tx.count_of_rights_changes().await?;
        tx.rollback().await?;
        if !unread.is_empty() {
            // They would stand in front of the others for ever.
            let mut tx = self.store.write().await?;
            tx.ask_later(&unread, after(now, ASIDE)).await?;
            tx.commit().await?;
        }
        if wanted.is_empty() {
            return Ok(teams.len());
        }
        let mut asked: BTreeMap<(RepoId, UserId), &Wanted> = wanted.iter().map(|wanted| ((wanted.repo, wanted.user), wanted)).collect();
        asked.retain(|who, _| by_permission && !fresh.contains(who));
        let answers = self.ask_about(asked.into_values().cloned().collect(), limit).await;
        self.keep_answers(&wanted, &answers, changes, now).await?;
        Ok(teams.len() + wanted.len())
    }

    async fn read_teams(&self, teams: &[TeamRow]) -> Vec<TeamRead> {
        let Some(github) = &self.github else { return Vec::new() };
        let installations = match github.installations().await {
            Ok(installations) => installations,
            Err(error) => {
                tracing::warn!(%error, "teams cannot be read: GitHub does not say where the App is installed");
                return teams.iter().map(|_| TeamRead::Failed(ApiError::NoAnswer(error.to_string()))).collect();
            }
        };
        let reads = stream::iter(teams.to_vec()).map(|team| {
            let org = team.key.split_once('/').map_or("", |(org, _)| org);
            let there = installations.iter().find(|installation| installation.account.eq_ignore_ascii_case(org)).cloned();
            read_team(github.clone(), team, there)
        });
        reads.buffered(ASK_AT_ONCE).collect().await
    }

    async fn keep_teams(&self, teams: &[TeamRow], read: Vec<TeamRead>, changes: i64, now: Timestamp) -> Result<()> {
        let mut tx = self.store.write().await?;
        if tx.count_of_rights_changes().await? != changes {
            // Somebody came or went while GitHub was asked: the answer may be from before.
            return tx.rollback().await;
        }
        for (team, read) in teams.iter().zip(read) {
            let key = &team.key;
            match read {
                TeamRead::Members(members) => {
                    tracing::debug!(team = %key, members = members.len(), "read a team");
                    tx.team_read(key, &members, now).await?;
                }
                TeamRead::Refused(status) => {
                    let refusal = refusal(team, status);
                    if refusal == team.refusal {
                        tracing::warn!("{refusal}");
                    } else {
                        self.warn(&mut tx, &[(format!("team:{key}:{}", now.as_millisecond()), refusal.clone())], now).await?;
                    }
                    tx.team_refused(key, &refusal, after(now, REFUSED_AGAIN)).await?;
                }
                TeamRead::Failed(error) => {
                    tracing::warn!(team = %key, %error, "a team could not be read and is tried again");
                    tx.team_failed(key, after(now, wait(team.attempts + 1, Some(&error), now))).await?;
                }
            }
        }
        tx.commit().await
    }

    /// Asks about people, some beside each other, until `limit`; who is not asked by then is not in the answer.
    async fn ask_about(&self, people: Vec<Wanted>, limit: impl Future<Output = ()> + Send) -> Answers {
        let mut answers = Answers::default();
        let Some(github) = &self.github else { return answers };
        let mut limit = pin!(limit);
        for people in people.chunks(ASK_AT_ONCE) {
            let mut asking = stream::FuturesUnordered::new();
            for one in people.iter().filter(|one| !answers.quiet.contains_key(&one.installation)).cloned() {
                asking.push(ask(github.clone(), one));
            }
            loop {
                let (one, said) = tokio::select! {
                    said = asking.next() => match said {
                        Some(said) => said,
                        None => break,
                    },
                    () = &mut limit => return answers,
                };
                match said {
                    Ok(agent) => drop(answers.said.insert((one.repo, one.user), agent)),
                    Err(error) => {
                        if error.is_a_limit() {
                            answers.quiet.insert(one.installation, wait(one.attempts + 1, Some(&error), self.clock.now()));
                        }
                        tracing::warn!(login = %one.login, %error, "whether this is a support engineer could not be asked and is tried again");
                        answers.failed.insert((one.repo, one.user), error);
                    }
                }
            }
        }
        answers
    }

    async fn keep_answers(&self, wanted: &[Wanted], answers: &Answers, changes: i64, now: Timestamp) -> Result<()> {
        let mut tx = self.store.write().await?;
        let outdated = tx.count_of_rights_changes().await? != changes;
        if outdated && !answers.said.is_empty() {
            // Somebody's rights changed while GitHub was asked: it is asked again.
            return tx.rollback().await;
        }
        if !answers.said.is_empty() {
            let said: Vec<_> = answers.said.iter().map(|((repo, user), agent)| (*repo, *user, *agent)).collect();
            tx.put_permissions(&said, now).await?;
        }
        let issues: BTreeSet<_> = wanted.iter().map(|wanted| wanted.issue).collect();
        let needs = Needs { issues: issues.clone(), instants: [now].into(), rights_since: fresh_since(now), ..Needs::default() };
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let rules = self.rules();
        for issue in &issues {
            rules.rights_known(&mut loaded.book, *issue, now);
        }
        let changed = !loaded.book.changes.tickets.is_empty();
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        self.warn(&mut tx, &loaded.book.changes.notices, now).await?;
        self.notice_wrong(&mut tx, &loaded.book, now).await?;
        let still = |one: &&Wanted| loaded.book.tickets.get(&one.issue).is_some_and(|ticket| ticket.unasked().contains_key(&one.user));
        let later: Vec<_> = wanted.iter().filter(still).map(|one| (one.clone(), answers.again(one, now))).collect();
        if !later.is_empty() {
            tx.want_later(&later).await?;
        }
        tx.commit().await?;
        self.tell(&loaded.book);
        if changed {
            self.wakes.publish.notify_one();
            self.wakes.speak.notify_one();
        }
        Ok(())
    }

    /// Somebody's rights have changed: what was asked about them says nothing any more.
    pub(super) async fn take_rights(&self, tx: &mut Tx, event: &RightsEvent) -> Result<Outcome> {
        let RightsEvent { installation, person, team, repo } = event;
        let installation = Some(*installation).filter(|id| *id != InstallationId(0));
        let of_org = team.as_ref().map_or_else(String::new, |(org, _)| format!("{}/", org.to_ascii_lowercase()));
        match (person, repo) {
            // What somebody may do in one repository says nothing of teams, and which repositories a team has nothing of its members.
            (Some(person), Some(repo)) => tx.forget_permissions(Some(person.id), Some(*repo), None).await?,
            (None, Some(repo)) => tx.forget_permissions(None, Some(*repo), None).await?,
            (Some(person), None) => {
                tx.forget_permissions(Some(person.id), None, None).await?;
                // Any team of the organisation: a member of one is a member of those above it.
                tx.unsure_person(&of_org, person.id).await?;
            }
            (None, None) => {
                tx.forget_permissions(None, None, installation).await?;
                tx.unsure_teams(&of_org).await?;
            }
        }
        Ok(Outcome::Noted)
    }

    /// A repository that changed hands, or that the App was given, has other people in it.
    pub(super) async fn forget_rights_at(&self, tx: &mut Tx, event: &PlaceEvent) -> Result<()> {
        let repos: Vec<&Repo> = match &event.what {
            PlaceWhat::Seen(repo) | PlaceWhat::Archived(repo) | PlaceWhat::Unarchived(repo) | PlaceWhat::Deleted(repo) => vec![repo],
            PlaceWhat::Repositories { added, removed } => added.iter().chain(removed).collect(),
            PlaceWhat::Installed(repos) => repos.iter().collect(),
            PlaceWhat::Suspended | PlaceWhat::Unsuspended | PlaceWhat::Uninstalled => Vec::new(),
        };
        for repo in repos {
            tx.forget_permissions(None, Some(repo.id), None).await?;
        }
        if matches!(event.what, PlaceWhat::Installed(_) | PlaceWhat::Unsuspended) {
            // Teams that could not be read may be readable now.
            tx.read_teams_at_once().await?;
        }
        Ok(())
    }

    /// Has teams read again that were read long ago, and lets go of permissions that were asked long ago.
    pub(super) async fn rights_grow_old(&self, now: Timestamp) -> Result<()> {
        let old = now.saturating_sub(TEAMS_LAST).unwrap_or(Timestamp::MIN);
        let mut tx = self.store.read().await?;
        let has_old = tx.has_old_teams(old).await?;
        let by_permission = tx.by_permission().await?;
        tx.rollback().await?;
        if has_old || by_permission {
            let mut tx = self.store.write().await?;
            tx.read_old_teams(old).await?;
            tx.drop_old_permissions(fresh_since(now)).await?;
            tx.commit().await?;
            self.wakes.rights.notify_one();
        }
        Ok(())
    }
}

async fn ask(github: Arc<GitHub>, one: Wanted) -> (Wanted, std::result::Result<bool, ApiError>) {
    let said = github.may_triage(one.installation, one.repo, one.user, &one.login).await;
    (one, said)
}

async fn read_team(github: Arc<GitHub>, team: TeamRow, there: Option<InstallationInfo>) -> TeamRead {
    let (Some(installation), Some((org, slug))) = (there, team.key.split_once('/')) else { return TeamRead::Refused(None) };
    match github.team_members(installation.id, org, slug).await {
        Ok(members) => TeamRead::Members(members),
        Err(error) if matches!(error.status(), Some(403 | 404)) && !error.is_a_limit() && installation.suspended.is_none() => {
            TeamRead::Refused(error.status())
        }
        Err(error) => TeamRead::Failed(error),
    }
}

/// What the operator is told of a team that cannot be read, with the remedy.
fn refusal(team: &TeamRow, status: Option<u16>) -> String {
    let key = &team.key;
    let org = key.split('/').next().unwrap_or_default();
    let why = match status {
        None => format!("the App is not installed on {org}. Install it there, or correct the name in \"agents\""),
        Some(403) => format!(
            "GitHub answers 403. Give the App the organisation permission \"Members: read\", and have an owner of {org} accept it in its installation"
        ),
        Some(status) => format!(
            "GitHub answers {status}. Check the name in \"agents\" against the team's address, and that the App's installation on {org} has the organisation permission \"Members: read\""
        ),
    };
    let meanwhile = match team.asked {
        Some(at) => format!("Until then its members count as they were on {at}"),
        None => "Until then nobody counts as a support engineer by it, and what people answer is judged when it can be read".to_owned(),
    };
    format!("The team {key} cannot be read: {why}. {meanwhile} (W3).")
}

/// How long to wait after a failure: as long as GitHub asks for, else 2 s, 4 s, 8 s … at most five minutes.
fn wait(attempts: i64, error: Option<&ApiError>, now: Timestamp) -> SignedDuration {
    let own = SignedDuration::from_secs(2_i64.saturating_pow(u32::try_from(attempts.clamp(1, 9)).unwrap_or(9)).min(300));
    match error {
        Some(ApiError::Refused { retry_after: Some(asked), .. }) => SignedDuration::try_from(*asked).unwrap_or(own).max(own),
        Some(ApiError::Quiet(until)) => until.duration_since(now),
        Some(error) if error.is_a_limit() => own.max(PATIENCE),
        // The repository, or the installation, is not there any more, or not for the desk.
        Some(error) if error.is_gone() => own.max(OUT_OF_REACH),
        _ => own,
    }
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(now)
}
