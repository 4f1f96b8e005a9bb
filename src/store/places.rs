//! Repositories: how they were last seen, when they were out of the desk's hands, and which tickets have to follow (`S12`, `G3`).

use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Row, StoreError, Tx, to_json};
use crate::domain::book::Place;
use crate::domain::ticket::Freeze;
use crate::domain::{InstallationId, IssueId, RepoId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A repository that the desk has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoRow {
    /// Which.
    pub id: RepoId,
    /// How it was last seen.
    pub place: Place,
    /// When it was first seen (`R2`).
    pub first_seen: Timestamp,
    /// Up to when changes were listed.
    pub listed: Option<Timestamp>,
}

impl Tx {
    /// Every repository that was seen.
    ///
    /// # Errors
    /// The database fails.
    pub async fn all_repos(&mut self) -> Result<Vec<RepoRow>> {
        let statement = sql!(
            "SELECT id, full_name, private, installation_id, seen_ms, former_names, first_seen_ms, listed_ms FROM repositories ORDER BY id"
        );
        self.rows(statement, []).await?.iter().map(repo_row).collect()
    }

    /// These repositories, as far as they were seen, and all of an installation.
    ///
    /// # Errors
    /// The database fails.
    pub async fn repos(&mut self, ids: &BTreeSet<RepoId>, of: InstallationId) -> Result<Vec<RepoRow>> {
        let statement = sql!(
            "SELECT id, full_name, private, installation_id, seen_ms, former_names, first_seen_ms, listed_ms FROM repositories
             WHERE id {in ints $1} OR (installation_id = $2 AND installation_id <> 0) ORDER BY id"
        );
        self.rows(statement, [list(ids)?, of.0.into()]).await?.iter().map(repo_row).collect()
    }

    /// Remembers a repository as it is seen now; when it was first seen stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_place(&mut self, id: RepoId, place: &Place, first_seen: Timestamp) -> Result<()> {
        let statement = sql!(
            "INSERT INTO repositories (id, installation_id, full_name, private, seen_ms, first_seen_ms, former_names)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET installation_id = excluded.installation_id, full_name = excluded.full_name,
                 private = excluded.private, seen_ms = excluded.seen_ms, former_names = excluded.former_names"
        );
        let args: [Arg; 7] = [
            id.0.into(),
            place.installation.0.into(),
            place.full_name.as_str().into(),
            i64::from(place.private).into(),
            place.seen.as_millisecond().into(),
            first_seen.as_millisecond().into(),
            to_json(&place.former)?.into(),
        ];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Remembers up to when a repository's changes were listed (`R2`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn repo_listed(&mut self, repo: RepoId, at: Timestamp) -> Result<()> {
        self.run(sql!("UPDATE repositories SET listed_ms = $2 WHERE id = $1"), [repo.0.into(), at.as_millisecond().into()]).await?;
        Ok(())
    }

    /// When these repositories were out of the desk's hands.
    ///
    /// # Errors
    /// The database fails.
    pub async fn freezes(&mut self, repos: &BTreeSet<RepoId>) -> Result<BTreeMap<RepoId, Vec<Freeze>>> {
        let statement =
            sql!("SELECT repo_id, from_ms, until_ms, why FROM freezes WHERE repo_id {in ints $1} ORDER BY repo_id, from_ms, why");
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in self.rows(statement, [list(repos)?]).await? {
            found.entry(RepoId(row.int("repo_id")?)).or_default().push(freeze(&row)?);
        }
        Ok(found)
    }

    /// Makes these the times in which these repositories were out of the desk's hands.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_freezes(&mut self, freezes: &BTreeMap<RepoId, Vec<Freeze>>) -> Result<()> {
        #[derive(Serialize)]
        struct FreezeRow {
            repo_id: i64,
            why: &'static str,
            from_ms: i64,
            until_ms: Option<i64>,
        }
        let repos: Vec<_> = freezes.keys().collect();
        self.run(sql!("DELETE FROM freezes WHERE repo_id {in ints $1}"), [list(&repos)?]).await?;
        let row = |repo: &RepoId, freeze: &Freeze| FreezeRow {
            repo_id: repo.0,
            why: freeze.why.word(),
            from_ms: freeze.from.as_millisecond(),
            until_ms: freeze.until.map(Timestamp::as_millisecond),
        };
        let rows: Vec<_> = freezes.iter().flat_map(|(repo, all)| all.iter().map(move |freeze| row(repo, freeze))).collect();
        let statement = sql!(
            "INSERT INTO freezes (repo_id, why, from_ms, until_ms) SELECT repo_id, why, from_ms, until_ms
             FROM {rows $1: repo_id BIGINT, why TEXT, from_ms BIGINT, until_ms BIGINT} WHERE true"
        );
        self.run(statement, [list(&rows)?]).await?;
        Ok(())
    }

    /// Tickets of these repositories with something before them, and when they need the desk next: they wait for a slot, for an answer,
    /// or to be shown.
    ///
    /// # Errors
    /// The database fails.
    pub async fn live_tickets(&mut self, repos: &BTreeSet<RepoId>) -> Result<BTreeMap<IssueId, Option<Timestamp>>> {
        let statement = sql!(
            "SELECT issue_id, next_at_ms FROM tickets WHERE live = 1 AND repo_id {in ints $1}
             UNION SELECT issue_id, next_at_ms FROM tickets WHERE version <> published AND repo_id {in ints $1}"
        );
        let rows = self.rows(statement, [list(repos)?]).await?;
        rows.iter().map(|row| Ok((IssueId(row.int("issue_id")?), row.maybe_instant("next_at_ms")?))).collect()
    }

    /// Notes that the tickets of these repositories do not know yet who can read them (`G3`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn tell_all(&mut self, repos: &BTreeSet<RepoId>) -> Result<()> {
        self.run(sql!("UPDATE repositories SET told_up_to = -1 WHERE id {in ints $1}"), [list(repos)?]).await?;
        Ok(())
    }

    /// A repository some of whose tickets do not know yet who can read them, and the number up to which they do.
    ///
    /// # Errors
    /// The database fails.
    pub async fn telling(&mut self) -> Result<Option<(RepoId, i64)>> {
        let statement = sql!("SELECT id, told_up_to FROM repositories WHERE told_up_to IS NOT NULL ORDER BY id LIMIT 1");
        let rows = self.rows(statement, []).await?;
        rows.first().map(|row| Ok((RepoId(row.int("id")?), row.int("told_up_to")?))).transpose()
    }

    /// The next tickets of a repository, by their numbers, of which GitHub shows something or is to show something; with them when
    /// they need the desk next.
    ///
    /// # Errors
    /// The database fails.
    pub async fn shown_after(&mut self, repo: RepoId, number: i64, most: i64) -> Result<Vec<(i64, IssueId, Option<Timestamp>)>> {
        let statement = sql!(
            "SELECT number, issue_id, next_at_ms FROM tickets WHERE repo_id = $1 AND number > $2 AND (applied IS NOT NULL OR version <> published)
             ORDER BY number LIMIT $3"
        );
        let rows = self.rows(statement, [repo.0.into(), number.into(), most.into()]).await?;
        rows.iter().map(|row| Ok((row.int("number")?, IssueId(row.int("issue_id")?), row.maybe_instant("next_at_ms")?))).collect()
    }

    /// Notes up to which number the tickets of a repository know who can read them; `None`: all do.
    ///
    /// # Errors
    /// The database fails.
    pub async fn told_up_to(&mut self, repo: RepoId, number: Option<i64>) -> Result<()> {
        self.run(sql!("UPDATE repositories SET told_up_to = $2 WHERE id = $1"), [repo.0.into(), number.into()]).await?;
        Ok(())
    }
}

fn repo_row(row: &Row) -> Result<RepoRow> {
    Ok(RepoRow {
        id: RepoId(row.int("id")?),
        place: place(row)?,
        first_seen: row.instant("first_seen_ms")?,
        listed: row.maybe_instant("listed_ms")?,
    })
}

pub(super) fn place(row: &Row) -> Result<Place> {
    Ok(Place {
        full_name: row.text("full_name")?,
        private: row.flag("private")?,
        installation: InstallationId(row.int("installation_id")?),
        seen: row.instant("seen_ms")?,
        former: row.json("former_names")?,
    })
}

pub(super) fn freeze(row: &Row) -> Result<Freeze> {
    let why = row.text("why")?.parse().map_err(|why| StoreError::Unreadable { what: "freezes.why", why })?;
    Ok(Freeze { from: row.instant("from_ms")?, until: row.maybe_instant("until_ms")?, why })
}
