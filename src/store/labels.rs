//! The labels of repositories, as far as the desk knows them (`G2`, `G5`). Names are compared in lower case, as GitHub compares them.

use super::list::list;
use super::sql::sql;
use super::{Result, Row, Tx};
use crate::domain::{InstallationId, IssueId, RepoId};
use jiff::Timestamp;
use serde::Serialize;

/// A label that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoLabel {
    /// The desk's name for it, in lower case.
    pub key: String,
    /// What it is called there since somebody renamed it.
    pub called: Option<String>,
    /// The desk created it: only such a label may it ever delete.
    pub by_desk: bool,
}

impl RepoLabel {
    /// Whether this is what the label is called in the repository.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.called.as_ref().map_or_else(|| self.key.clone(), |called| called.to_lowercase()) == name.to_lowercase()
    }
}

/// A deadline's label that no ticket showed when it was last looked at.
#[derive(Debug, Clone)]
pub struct IdleLabel {
    /// Through which installation.
    pub installation: InstallationId,
    /// Where.
    pub repo: RepoId,
    /// The repository's name.
    pub full_name: String,
    /// Its name in lower case.
    pub key: String,
    /// Created by a release that did not note which labels are deadlines.
    pub of_old: bool,
}

impl Tx {
    /// The labels that a repository is known to have, out of `keys`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn labels_of(&mut self, repo: RepoId, keys: &[String]) -> Result<Vec<RepoLabel>> {
        let statement = sql!("SELECT name_key, called, by_desk FROM repo_labels WHERE repo_id = $1 AND name_key {in texts $2}");
        let rows = self.rows(statement, [repo.0.into(), list(&keys)?]).await?;
        rows.iter().map(label).collect()
    }

    /// The labels that people renamed, by repository.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renamed_labels(&mut self, repos: &[RepoId]) -> Result<Vec<(RepoId, RepoLabel)>> {
        let statement =
            sql!("SELECT repo_id, name_key, called, by_desk FROM repo_labels WHERE repo_id {in ints $1} AND called IS NOT NULL");
        let rows = self.rows(statement, [list(&repos)?]).await?;
        rows.iter().map(|row| Ok((RepoId(row.int("repo_id")?), label(row)?))).collect()
    }

    /// Remembers that a repository has a label, and whether the desk created it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn label_exists(&mut self, repo: RepoId, name: &str, by_desk: bool) -> Result<()> {
        let statement =
            sql!("INSERT INTO repo_labels (repo_id, name_key, by_desk) VALUES ($1, $2, $3) ON CONFLICT (repo_id, name_key) DO NOTHING");
        self.run(statement, [repo.0.into(), name.to_lowercase().into(), i64::from(by_desk).into()]).await?;
        Ok(())
    }

    /// Remembers what a label is called now; `None`: by the desk's own name again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn label_called(&mut self, repo: RepoId, key: &str, called: Option<&str>) -> Result<()> {
        let statement = sql!(
            "INSERT INTO repo_labels (repo_id, name_key, by_desk, called) VALUES ($1, $2, 0, $3)
             ON CONFLICT (repo_id, name_key) DO UPDATE SET called = excluded.called"
        );
        self.run(statement, [repo.0.into(), key.into(), called.map(str::to_owned).into()]).await?;
        Ok(())
    }

    /// Forgets a label that a repository has no longer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn label_gone(&mut self, repo: RepoId, key: &str) -> Result<()> {
        self.run(sql!("DELETE FROM repo_labels WHERE repo_id = $1 AND name_key = $2"), [repo.0.into(), key.into()]).await?;
        Ok(())
    }

    /// Notes which deadlines' labels a ticket shows no longer, and which it shows from now on. Those that it shows no longer may be
    /// looked at from `look_at` on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deadlines_moved(
        &mut self,
        (repo, issue): (RepoId, IssueId),
        gone: &[String],
        come: &[String],
        look_at: Timestamp,
    ) -> Result<()> {
        #[derive(Serialize)]
        struct Shown<'a> {
            name_key: &'a str,
        }
        if !gone.is_empty() {
            let gone = list(&gone)?;
            let statement = sql!("DELETE FROM shown_deadlines WHERE repo_id = $1 AND issue_id = $2 AND name_key {in texts $3}");
            self.run(statement, [repo.0.into(), issue.0.into(), gone.clone()]).await?;
            let statement = sql!(
                "UPDATE repo_labels SET idle_ms = $3 WHERE repo_id = $1 AND by_desk = 1 AND called IS NULL AND name_key {in texts $2}"
            );
            self.run(statement, [repo.0.into(), gone, look_at.as_millisecond().into()]).await?;
        }
        if !come.is_empty() {
            let rows: Vec<_> = come.iter().map(|name_key| Shown { name_key }).collect();
            let statement = sql!(
                "INSERT INTO shown_deadlines (repo_id, name_key, issue_id) SELECT $2, name_key, $3 FROM {rows $1: name_key TEXT} WHERE true
                 ON CONFLICT (repo_id, name_key, issue_id) DO NOTHING"
            );
            self.run(statement, [list(&rows)?, repo.0.into(), issue.0.into()]).await?;
        }
        Ok(())
    }

    /// Notes that many tickets show a deadline's label no longer, which may be looked at from `look_at` on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deadline_left(&mut self, (repo, key): (RepoId, &str), issues: &[IssueId], look_at: Timestamp) -> Result<()> {
        if issues.is_empty() {
            return Ok(());
        }
        let statement = sql!("DELETE FROM shown_deadlines WHERE repo_id = $1 AND name_key = $2 AND issue_id {in ints $3}");
        self.run(statement, [repo.0.into(), key.into(), list(&issues)?]).await?;
        let statement = sql!("UPDATE repo_labels SET idle_ms = $3 WHERE repo_id = $1 AND by_desk = 1 AND called IS NULL AND name_key = $2");
        self.run(statement, [repo.0.into(), key.into(), look_at.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Whether any ticket shows this deadline's label.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_shown(&mut self, repo: RepoId, key: &str) -> Result<bool> {
        let statement = sql!("SELECT issue_id FROM shown_deadlines WHERE repo_id = $1 AND name_key = $2 LIMIT 1");
        Ok(!self.rows(statement, [repo.0.into(), key.into()]).await?.is_empty())
    }

    /// Labels whose time to be looked at has come, the longest idle first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn idle_labels(&mut self, now: Timestamp, most: i64) -> Result<Vec<IdleLabel>> {
        let statement = sql!(
            "SELECT l.repo_id, l.name_key, l.idle_ms, r.installation_id, r.full_name
             FROM repo_labels l JOIN repositories r ON r.id = l.repo_id WHERE l.idle_ms <= $1 ORDER BY l.idle_ms, l.name_key LIMIT $2"
        );
        let rows = self.rows(statement, [now.as_millisecond().into(), most.into()]).await?;
        let idle = |row: &Row| {
            Ok(IdleLabel {
                installation: InstallationId(row.int("installation_id")?),
                repo: RepoId(row.int("repo_id")?),
                full_name: row.text("full_name")?,
                key: row.text("name_key")?,
                of_old: row.int("idle_ms")? == 0,
            })
        };
        rows.iter().map(idle).collect()
    }

    /// Sets when a label is looked at; `None`: when a ticket has stopped to show it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_at_label(&mut self, repo: RepoId, key: &str, at: Option<Timestamp>) -> Result<()> {
        let statement = sql!("UPDATE repo_labels SET idle_ms = $3 WHERE repo_id = $1 AND name_key = $2");
        self.run(statement, [repo.0.into(), key.into(), at.map(Timestamp::as_millisecond).into()]).await?;
        Ok(())
    }
}

fn label(row: &Row) -> Result<RepoLabel> {
    Ok(RepoLabel { key: row.text("name_key")?, called: row.maybe_text("called")?, by_desk: row.flag("by_desk")? })
}
