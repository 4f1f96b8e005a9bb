//! What GitHub was asked about people's rights, and of whom it has to be asked (`W3`).

use super::books::Loaded;
use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Row, Tx};
use crate::domain::book::Agents;
use crate::domain::ticket::Ticket;
use crate::domain::{InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// A team of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRow {
    /// `org/slug`, in lower case.
    pub key: String,
    /// When its members were last read; `None`: never.
    pub asked: Option<Timestamp>,
    /// How often reading it has failed since.
    pub attempts: i64,
    /// Why GitHub refused to tell its members when it was last asked; empty: it did not.
    pub refusal: String,
}

/// Somebody of whom a ticket has to know whether they are a support engineer.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The ticket.
    pub issue: IssueId,
    /// Of whom.
    pub user: UserId,
    /// Their login as the ticket knows it.
    pub login: String,
    /// In which repository.
    pub repo: RepoId,
    /// Through which installation it can be asked.
    pub installation: InstallationId,
    /// How often it was asked in vain.
    pub attempts: i64,
}

#[derive(Serialize)]
struct Asked {
    repo_id: i64,
    user_id: i64,
    agent: i64,
}

#[derive(Serialize)]
struct Waits {
    issue_id: i64,
    user_id: i64,
}

/// The agents, as far as they matter to people.
macro_rules! agents_of {
    ($people:literal, $since:literal) => {
        concat!(
            "SELECT 'login' AS kind, login_key AS name, CAST(0 AS BIGINT) AS repo_id, user_id, CAST(0 AS BIGINT) AS flag FROM agents
             UNION ALL
             SELECT 'listed', '', 0, NULL, listed FROM rights_state
             UNION ALL
             SELECT 'team', team_key, 0, NULL, CASE WHEN asked_ms IS NULL OR unsure = 1 THEN 1 ELSE 0 END FROM teams
             {then}
             SELECT 'person' AS kind, p.team_key AS name, CAST(0 AS BIGINT) AS repo_id, p.user_id,
                 CASE WHEN p.unsure = 1 THEN 2 WHEN t.unsure = 1 THEN 0 ELSE p.member END AS flag
             FROM team_people p JOIN teams t ON t.team_key = p.team_key WHERE p.user_id {each ints ",
            $people,
            "}
             {then}
             SELECT 'may' AS kind, '' AS name, repo_id, user_id, agent AS flag FROM permissions WHERE user_id {each ints ",
            $people,
            "} AND asked_ms > ",
            $since
        )
    };
}
pub(super) use agents_of;

/// Reads what [`agents_of!`] selects.
pub(super) fn agents(rows: &[Row]) -> Result<Agents> {
    let mut agents = Agents::default();
    for row in rows {
        let user = row.maybe_int("user_id")?.map(UserId);
        match (row.text("kind")?.as_str(), user, row.int("flag")?) {
            ("may", Some(user), agent) => drop(agents.may_triage.insert((RepoId(row.int("repo_id")?), user), agent != 0)),
            ("person", Some(user), 2) => drop(agents.unsure.insert(user)),
            ("team", _, unsure) => agents.any_unsure |= unsure != 0,
            ("listed", _, listed) => agents.by_permission = listed == 0,
            ("login", Some(user), _) | ("person", Some(user), 1) => drop(agents.ids.insert(user)),
            ("login", None, _) => drop(agents.unbound.insert(row.text("name")?)),
            _ => {}
        }
    }
    Ok(agents)
}

impl Tx {
    /// Makes the table of teams hold exactly these; what is known of those that stay is kept. `listed` says whether any agents are
    /// configured at all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_teams(&mut self, teams: &BTreeSet<String>, listed: bool) -> Result<()> {
        let changed = self.run(sql!("UPDATE rights_state SET listed = $1 WHERE listed <> $1"), [i64::from(listed).into()]).await? > 0;
        let present = self.rows(sql!("SELECT team_key FROM teams"), []).await?;
        let present = present.iter().map(|row| row.text("team_key")).collect::<Result<BTreeSet<_>>>()?;
        for gone in present.difference(teams) {
            self.run(sql!("DELETE FROM team_people WHERE team_key = $1"), [gone.as_str().into()]).await?;
            self.run(sql!("DELETE FROM teams WHERE team_key = $1"), [gone.as_str().into()]).await?;
        }
        for new in teams.difference(&present) {
            let statement = sql!("INSERT INTO teams (team_key, unsure, next_ms, attempts, refusal) VALUES ($1, 0, 0, 0, '')");
            self.run(statement, [new.as_str().into()]).await?;
        }
        if changed || present != *teams {
            // Who waits for an answer may have one now.
            self.want_at_once().await?;
        }
        Ok(())
    }

    /// Has every team read again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read_teams_at_once(&mut self) -> Result<()> {
        self.run(sql!("UPDATE teams SET next_ms = 0"), []).await?;
        Ok(())
    }

    /// Has those teams read again that were last read before this instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read_old_teams(&mut self, older_than: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE teams SET next_ms = 0 WHERE next_ms IS NULL AND asked_ms <= $1");
        self.run(statement, [older_than.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Whether a team was last read before this instant, and nothing has it read again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_old_teams(&mut self, older_than: Timestamp) -> Result<bool> {
        let statement = sql!("SELECT team_key FROM teams WHERE next_ms IS NULL AND asked_ms <= $1 LIMIT 1");
        Ok(!self.rows(statement, [older_than.as_millisecond().into()]).await?.is_empty())
    }

    /// Teams that have to be read now; of those, too, that are not due yet but stand in the way of an answer, if `hurried`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_teams(&mut self, now: Timestamp, hurried: bool) -> Result<Vec<TeamRow>> {
        let statement = sql!(
            "SELECT team_key, asked_ms, attempts, refusal FROM teams
             WHERE next_ms <= $1 OR ($2 = 1 AND (asked_ms IS NULL OR unsure = 1 OR team_key IN (SELECT team_key FROM team_people WHERE unsure = 1)))
             ORDER BY team_key"
        );
        let rows = self.rows(statement, [now.as_millisecond().into(), i64::from(hurried).into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(TeamRow {
                    key: row.text("team_key")?,
                    asked: row.maybe_instant("asked_ms")?,
                    attempts: row.int("attempts")?,
                    refusal: row.text("refusal")?,
                })
            })
            .collect()
    }

    /// Puts the members of a team as GitHub told them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn team_read(&mut self, key: &str, members: &[UserId], now: Timestamp) -> Result<()> {
        self.run(sql!("DELETE FROM team_people WHERE team_key = $1"), [key.into()]).await?;
        let statement = sql!(
            "INSERT INTO team_people (team_key, user_id, member, unsure) SELECT $2, user_id, 1, 0 FROM {rows $1: user_id BIGINT} WHERE true
             ON CONFLICT (user_id, team_key) DO NOTHING"
        );
        let rows: Vec<_> = members.iter().map(|user| Waits { issue_id: 0, user_id: user.0 }).collect();
        self.run(statement, [list(&rows)?, key.into()]).await?;
        let statement = sql!("UPDATE teams SET asked_ms = $2, unsure = 0, next_ms = NULL, attempts = 0, refusal = '' WHERE team_key = $1");
        self.run(statement, [key.into(), now.as_millisecond().into()]).await?;
        self.want_at_once().await
    }

    /// GitHub refuses to tell the members of a team: those that were last known stay.
    ///
    /// # Errors
    /// The database fails.
    pub async fn team_refused(&mut self, key: &str, refusal: &str, again: Timestamp) -> Result<()> {
        self.run(sql!("DELETE FROM team_people WHERE team_key = $1 AND member = 0"), [key.into()]).await?;
        self.run(sql!("UPDATE team_people SET unsure = 0 WHERE team_key = $1"), [key.into()]).await?;
        let statement = sql!("UPDATE teams SET unsure = 0, next_ms = $2, attempts = attempts + 1, refusal = $3 WHERE team_key = $1");
        self.run(statement, [key.into(), again.as_millisecond().into(), refusal.into()]).await?;
        self.want_at_once().await
    }

    /// A team could not be asked about.
    ///
    /// # Errors
    /// The database fails.
    pub async fn team_failed(&mut self, key: &str, again: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE teams SET next_ms = $2, attempts = attempts + 1 WHERE team_key = $1");
        self.run(statement, [key.into(), again.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Somebody's place in teams has changed, in those whose keys begin with `prefix`: what was read says nothing of them any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unsure_person(&mut self, prefix: &str, user: UserId) -> Result<()> {
        let statement = sql!(
            "INSERT INTO team_people (team_key, user_id, member, unsure) SELECT team_key, $2, 0, 1 FROM teams
             WHERE substr(team_key, 1, length($1)) = $1
             ON CONFLICT (user_id, team_key) DO UPDATE SET unsure = 1"
        );
        self.run(statement, [prefix.into(), user.0.into()]).await?;
        let statement = sql!("UPDATE teams SET next_ms = 0 WHERE substr(team_key, 1, length($1)) = $1");
        self.run(statement, [prefix.into()]).await?;
        self.rights_changed().await
    }

    /// Teams whose keys begin with `prefix` have changed: what was read says nothing any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unsure_teams(&mut self, prefix: &str) -> Result<()> {
        let statement = sql!("UPDATE teams SET unsure = 1, next_ms = 0 WHERE substr(team_key, 1, length($1)) = $1");
        self.run(statement, [prefix.into()]).await?;
        self.rights_changed().await
    }

    /// Forgets what was asked about permissions: of one person or of all, in one repository, in those of an installation, or everywhere.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_permissions(
        &mut self,
        user: Option<UserId>,
        repo: Option<RepoId>,
        installation: Option<InstallationId>,
    ) -> Result<()> {
        let args: [Arg; 3] = [user.map_or(0, |id| id.0).into(), repo.map_or(0, |id| id.0).into(), installation.map_or(0, |id| id.0).into()];
        let statement = sql!(
            "DELETE FROM permissions WHERE ($1 = 0 OR user_id = $1) AND ($2 = 0 OR repo_id = $2)
             AND ($3 = 0 OR repo_id IN (SELECT id FROM repositories WHERE installation_id = $3))"
        );
        self.run(statement, args).await?;
        self.rights_changed().await
    }

    /// Keeps what GitHub said of permissions.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_permissions(&mut self, said: &[(RepoId, UserId, bool)], now: Timestamp) -> Result<()> {
        let rows = said.iter().map(|(repo, user, agent)| Asked { repo_id: repo.0, user_id: user.0, agent: i64::from(*agent) });
        let statement = sql!(
            "INSERT INTO permissions (repo_id, user_id, agent, asked_ms) SELECT repo_id, user_id, agent, $2
             FROM {rows $1: repo_id BIGINT, user_id BIGINT, agent BIGINT} WHERE true
             ON CONFLICT (repo_id, user_id) DO UPDATE SET agent = excluded.agent, asked_ms = excluded.asked_ms"
        );
        self.run(statement, [list(&rows.collect::<Vec<_>>())?, now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Lets go of what is too old to be used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn drop_old_permissions(&mut self, before: Timestamp) -> Result<()> {
        self.run(sql!("DELETE FROM permissions WHERE asked_ms <= $1"), [before.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Which of these repositories and people need not be asked about: that was done after `since`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn fresh_permissions(&mut self, people: &BTreeSet<UserId>, since: Timestamp) -> Result<BTreeSet<(RepoId, UserId)>> {
        let statement = sql!("SELECT repo_id, user_id FROM permissions WHERE user_id {in ints $1} AND asked_ms > $2");
        let rows = self.rows(statement, [list(people)?, since.as_millisecond().into()]).await?;
        rows.iter().map(|row| Ok((RepoId(row.int("repo_id")?), UserId(row.int("user_id")?)))).collect()
    }

    /// Whether neither logins nor teams are configured, so that permissions count.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_permission(&mut self) -> Result<bool> {
        let rows = self.rows(sql!("SELECT listed FROM rights_state WHERE id = 1"), []).await?;
        rows.first().map_or(Ok(false), |row| Ok(!row.flag("listed")?))
    }

    /// How often rights have changed. An answer of GitHub's is only kept if this is still what it was when it was asked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_of_rights_changes(&mut self) -> Result<i64> {
        let rows = self.rows(sql!("SELECT changes FROM rights_state WHERE id = 1"), []).await?;
        rows.first().map_or(Ok(0), |row| row.int("changes"))
    }

    async fn rights_changed(&mut self) -> Result<()> {
        self.run(sql!("UPDATE rights_state SET changes = changes + 1 WHERE id = 1"), []).await?;
        Ok(())
    }

    async fn want_at_once(&mut self) -> Result<()> {
        self.run(sql!("UPDATE rights_wanted SET next_ms = 0 WHERE next_ms > 0"), []).await?;
        Ok(())
    }

    /// Of whom tickets have to know, and have to ask now; of these tickets only, whether it is time or not, if there are any. Beside them
    /// the tickets that do not read back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wanted(
        &mut self,
        now: Timestamp,
        only: Option<&BTreeSet<IssueId>>,
        most: i64,
    ) -> Result<(Vec<Wanted>, BTreeSet<IssueId>)> {
        let due = sql!(
            "SELECT w.issue_id, w.user_id, w.attempts, t.repo_id, t.installation_id, t.doc
             FROM rights_wanted w JOIN tickets t ON t.issue_id = w.issue_id
             WHERE w.next_ms <= $1 ORDER BY w.next_ms, w.issue_id, w.user_id LIMIT $2"
        );
        let theirs = sql!(
            "SELECT w.issue_id, w.user_id, w.attempts, t.repo_id, t.installation_id, t.doc
             FROM rights_wanted w JOIN tickets t ON t.issue_id = w.issue_id WHERE w.issue_id {in ints $1} ORDER BY w.issue_id, w.user_id"
        );
        let rows = match only {
            Some(issues) => self.rows(theirs, [list(issues)?]).await?,
            None => self.rows(due, [now.as_millisecond().into(), most.into()]).await?,
        };
        let (mut all, mut unread) = (Vec::with_capacity(rows.len()), BTreeSet::new());
        for row in &rows {
            match wanted(row) {
                Err(error) if error.is_of_one_record() => drop(unread.insert(IssueId(row.int("issue_id")?))),
                read => all.push(read?),
            }
        }
        Ok((all, unread))
    }

    /// Asks nothing for these tickets before an instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ask_later(&mut self, issues: &BTreeSet<IssueId>, at: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE rights_wanted SET next_ms = $2 WHERE issue_id {in ints $1}");
        self.run(statement, [list(issues)?, at.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Which of these tickets still wait to hear of somebody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wanting(&mut self, issues: &BTreeSet<IssueId>) -> Result<BTreeSet<IssueId>> {
        let statement = sql!("SELECT DISTINCT issue_id FROM rights_wanted WHERE issue_id {in ints $1}");
        let rows = self.rows(statement, [list(issues)?]).await?;
        rows.iter().map(|row| Ok(IssueId(row.int("issue_id")?))).collect()
    }

    /// Has somebody asked about again later, everywhere that it could not be found out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn want_later(&mut self, later: &[(Wanted, Timestamp)]) -> Result<()> {
        #[derive(Serialize)]
        struct Later {
            issue_id: i64,
            user_id: i64,
            next_ms: i64,
        }
        let rows =
            later.iter().map(|(wanted, at)| Later { issue_id: wanted.issue.0, user_id: wanted.user.0, next_ms: at.as_millisecond() });
        let statement = sql!(
            "UPDATE rights_wanted SET attempts = rights_wanted.attempts + 1, next_ms = r.next_ms
             FROM {rows $1: issue_id BIGINT, user_id BIGINT, next_ms BIGINT}
             WHERE rights_wanted.issue_id = r.issue_id AND rights_wanted.user_id = r.user_id"
        );
        self.run(statement, [list(&rows.collect::<Vec<_>>())?]).await?;
        Ok(())
    }

    /// The earliest instant at which GitHub has to be asked about anybody's rights.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_rights(&mut self) -> Result<Option<Timestamp>> {
        let statement = sql!(
            "SELECT min(next_ms) AS at_ms FROM (SELECT min(next_ms) AS next_ms FROM rights_wanted
                                                UNION ALL SELECT min(next_ms) FROM teams) AS both_of_them"
        );
        let rows = self.rows(statement, []).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_instant("at_ms"))
    }

    /// Takes somebody out of all of it (`O2`).
    pub(super) async fn forget_rights(&mut self, user: UserId) -> Result<()> {
        self.run(sql!("DELETE FROM team_people WHERE user_id = $1"), [user.0.into()]).await?;
        self.run(sql!("DELETE FROM permissions WHERE user_id = $1"), [user.0.into()]).await?;
        self.run(sql!("DELETE FROM rights_wanted WHERE user_id = $1"), [user.0.into()]).await?;
        Ok(())
    }

    /// Saves of whom the changed tickets have to know.
    pub(super) async fn save_wanted(&mut self, loaded: &Loaded) -> Result<()> {
        let changed: Vec<_> = loaded.book.changes.tickets.iter().filter_map(|id| loaded.book.tickets.get(id)).collect();
        let waits = changed.iter().flat_map(|ticket| ticket.unasked().into_keys().map(|user| (ticket.issue, user)));
        let rows: Vec<_> = waits.map(|(issue, user)| Waits { issue_id: issue.0, user_id: user.0 }).collect();
        if rows.is_empty() && !changed.iter().any(|ticket| loaded.wanting.contains(&ticket.issue)) {
            return Ok(());
        }
        let issues: Vec<_> = changed.iter().map(|ticket| ticket.issue).collect();
        let rows = list(&rows)?;
        let statement = sql!(
            "DELETE FROM rights_wanted WHERE issue_id {in ints $2} AND NOT EXISTS
                 (SELECT 1 FROM {rows $1: issue_id BIGINT, user_id BIGINT}
                  WHERE r.issue_id = rights_wanted.issue_id AND r.user_id = rights_wanted.user_id)"
        );
        self.run(statement, [rows.clone(), list(&issues)?]).await?;
        let statement = sql!(
            "INSERT INTO rights_wanted (issue_id, user_id, next_ms, attempts) SELECT issue_id, user_id, 0, 0
             FROM {rows $1: issue_id BIGINT, user_id BIGINT} WHERE true ON CONFLICT (issue_id, user_id) DO NOTHING"
        );
        self.run(statement, [rows]).await?;
        Ok(())
    }
}

fn wanted(row: &Row) -> Result<Wanted> {
    let ticket: Ticket = row.json("doc")?;
    let user = UserId(row.int("user_id")?);
    Ok(Wanted {
        issue: ticket.issue,
        user,
        login: ticket.unasked().remove(&user).map(|person| person.login).unwrap_or_default(),
        repo: RepoId(row.int("repo_id")?),
        installation: InstallationId(row.int("installation_id")?),
        attempts: row.int("attempts")?,
    })
}
