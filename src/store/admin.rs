//! What operators keep: partners, members, agents, repositories, and the record of who changed what.

use super::books::{membership, partner, partner_id};
use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Tx, to_json};
use crate::domain::partner::{Membership, Partner};
use crate::domain::quota::Entry;
use crate::domain::{IssueId, PartnerId, UserId};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A membership with its place in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Its place.
    pub id: i64,
    /// Itself.
    pub member: Membership,
}

/// One act of an operator, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// The command.
    pub act: String,
    /// What it changed.
    pub detail: String,
}

impl Tx {
    /// Every partner, by id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn all_partners(&mut self) -> Result<Vec<Partner>> {
        let rows = self.rows(sql!("SELECT id, name, time_zone, tiers FROM partners ORDER BY id"), []).await?;
        rows.iter().map(partner).collect()
    }

    /// One partner.
    ///
    /// # Errors
    /// The database fails.
    pub async fn partner(&mut self, id: &PartnerId) -> Result<Option<Partner>> {
        let rows = self.rows(sql!("SELECT id, name, time_zone, tiers FROM partners WHERE id = $1"), [id.as_str().into()]).await?;
        rows.first().map(partner).transpose()
    }

    /// What these partners are called, those that there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn partners_called(&mut self, ids: &BTreeSet<PartnerId>) -> Result<BTreeMap<PartnerId, String>> {
        let ids: Vec<_> = ids.iter().map(PartnerId::as_str).collect();
        let rows = self.rows(sql!("SELECT id, name FROM partners WHERE id {in texts $1}"), [list(&ids)?]).await?;
        rows.iter().map(|row| Ok((partner_id(row, "id")?, row.text("name")?))).collect()
    }

    /// Adds a partner, or takes over its name, zone and tiers.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_partner(&mut self, partner: &Partner) -> Result<()> {
        let statement = sql!(
            "INSERT INTO partners (id, name, name_key, time_zone, tiers) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, time_zone = excluded.time_zone,
                 tiers = excluded.tiers"
        );
        let args: [Arg; 5] = [
            partner.id.as_str().into(),
            partner.name.as_str().into(),
            partner.name.trim().to_lowercase().into(),
            partner.time_zone.clone().into(),
            to_json(&partner.tiers)?.into(),
        ];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Memberships of one partner, or of all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn all_members(&mut self, of: Option<&PartnerId>) -> Result<Vec<MemberRow>> {
        let statement = sql!(
            "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members
             WHERE $1 = '' OR partner_id = $1 ORDER BY partner_id, id"
        );
        let rows = self.rows(statement, [of.map_or("", PartnerId::as_str).into()]).await?;
        rows.iter().map(|row| Ok(MemberRow { id: row.int("id")?, member: membership(row)? })).collect()
    }

    /// Memberships that wait for their id: none was asked for, or asking failed (`W1`, `W6`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn unbound_members(&mut self) -> Result<Vec<MemberRow>> {
        let statement = sql!(
            "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members
             WHERE user_id IS NULL AND login <> '' ORDER BY id"
        );
        let rows = self.rows(statement, []).await?;
        rows.iter().map(|row| Ok(MemberRow { id: row.int("id")?, member: membership(row)? })).collect()
    }

    /// Adds a membership, or takes over the one with this place.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_member(&mut self, id: Option<i64>, member: &Membership) -> Result<()> {
        let values: [Arg; 9] = [
            id.unwrap_or_default().into(),
            member.partner.as_str().into(),
            member.user.map(|user| user.0).into(),
            member.login.as_str().into(),
            member.login.to_ascii_lowercase().into(),
            member.from.map(Timestamp::as_millisecond).into(),
            member.until.map(Timestamp::as_millisecond).into(),
            i64::from(member.primary).into(),
            i64::from(member.lookup_failed).into(),
        ];
        if id.is_some() {
            let statement = sql!(
                "UPDATE members SET partner_id = $2, user_id = $3, login = $4, login_key = $5, from_ms = $6, until_ms = $7,
                     is_primary = $8, lookup_failed = $9 WHERE id = $1"
            );
            self.run(statement, values).await?;
        } else {
            let statement = sql!(
                "INSERT INTO members (partner_id, user_id, login, login_key, from_ms, until_ms, is_primary, lookup_failed)
                 SELECT $2, $3, $4, $5, $6, $7, $8, $9 WHERE $1 = 0"
            );
            self.run(statement, values).await?;
        }
        Ok(())
    }

    /// Has tickets looked at again at once that other partners or members might admit: those refused, unknown or waiting; and running clocks, which a rise
    /// of the tier moves (`S11`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_again(&mut self, now: Timestamp) -> Result<()> {
        let statement =
            sql!("UPDATE tickets SET next_at_ms = $1 WHERE standing IN ('nobody', 'no_subscription', 'not_included', 'checking')");
        self.run(statement, [now.as_millisecond().into()]).await?;
        self.run(sql!("UPDATE tickets SET next_at_ms = $1 WHERE standing = 'waiting'"), [now.as_millisecond().into()]).await?;
        // A rise of the tier moves promises that run (S11); a ticket whose clock has ended has no next instant.
        let running = sql!("UPDATE tickets SET next_at_ms = $1 WHERE standing = 'admitted' AND next_at_ms > $1");
        self.run(running, [now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Makes the table of agents hold exactly these logins; what is known of those that stay is kept (`W3`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_agents(&mut self, logins: &BTreeSet<String>) -> Result<()> {
        let present = self.rows(sql!("SELECT login_key FROM agents"), []).await?;
        let present = present.iter().map(|row| row.text("login_key")).collect::<Result<BTreeSet<_>>>()?;
        for gone in present.difference(logins) {
            self.run(sql!("DELETE FROM agents WHERE login_key = $1"), [gone.as_str().into()]).await?;
        }
        for new in logins.difference(&present) {
            self.run(sql!("INSERT INTO agents (login_key) VALUES ($1)"), [new.as_str().into()]).await?;
        }
        Ok(())
    }

    /// Agents whose ids are not known yet, by login.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unbound_agents(&mut self) -> Result<Vec<String>> {
        let rows = self.rows(sql!("SELECT login_key FROM agents WHERE user_id IS NULL ORDER BY login_key"), []).await?;
        rows.iter().map(|row| row.text("login_key")).collect()
    }

    /// Binds an agent's login to its id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn bind_agent(&mut self, login: &str, user: UserId) -> Result<()> {
        let args = [login.to_ascii_lowercase().into(), user.0.into()];
        self.run(sql!("UPDATE agents SET user_id = $2 WHERE login_key = $1"), args).await?;
        Ok(())
    }

    /// The ledger of one partner, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ledger(&mut self, partner: &PartnerId) -> Result<Vec<Entry>> {
        let statement = sql!(
            "SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger WHERE partner_id = $1 ORDER BY at_ms, key"
        );
        let rows = self.rows(statement, [partner.as_str().into()]).await?;
        rows.iter().map(super::books::entry).collect()
    }

    /// What an account of a ticket needs of the ledger: its own lines, its partner's of the windows from `since` on, and grants that
    /// can still be used then.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ledger_about(&mut self, issue: IssueId, partner: Option<&PartnerId>, since: Timestamp) -> Result<Vec<Entry>> {
        let statement = sql!(
            "SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE issue_id = $1
             UNION SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE partner_id = $2 AND at_ms >= $3
             UNION SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE partner_id = $2 AND kind = 'grant' AND until_ms > $3
             UNION SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE grant_key IN (SELECT key FROM ledger WHERE partner_id = $2 AND kind = 'grant' AND until_ms > $3)
             ORDER BY at_ms, key"
        );
        let args = [issue.0.into(), partner.map_or("", PartnerId::as_str).into(), since.as_millisecond().into()];
        self.rows(statement, args).await?.iter().map(super::books::entry).collect()
    }

    /// A ticket's log: instant, rule, reason.
    ///
    /// # Errors
    /// The database fails.
    pub async fn log_of(&mut self, issue: IssueId) -> Result<Vec<(Timestamp, String, String)>> {
        let rows = self.rows(sql!("SELECT at_ms, rule, text FROM ticket_log WHERE issue_id = $1 ORDER BY id"), [issue.0.into()]).await?;
        let mut log = Vec::new();
        for row in &rows {
            let at = row.instant("at_ms")?;
            let lines = super::books::log_lines(&row.text("rule")?, &row.text("text")?);
            log.extend(lines.into_iter().map(|(rule, text)| (at, rule, text)));
        }
        Ok(log)
    }

    /// The record of operators' acts from an instant on, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_since(&mut self, since: Timestamp) -> Result<Vec<AuditLine>> {
        let rows = self
            .rows(sql!("SELECT at_ms, act, detail FROM admin_audit WHERE at_ms >= $1 ORDER BY at_ms, id"), [since.as_millisecond().into()]);
        let line = |row: &super::Row| Ok(AuditLine { at: row.instant("at_ms")?, act: row.text("act")?, detail: row.text("detail")? });
        rows.await?.iter().map(line).collect()
    }

    /// What the last act of a name was about.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_act(&mut self, act: &str) -> Result<Option<String>> {
        let rows = self.rows(sql!("SELECT detail FROM admin_audit WHERE act = $1 ORDER BY id DESC LIMIT 1"), [act.into()]).await?;
        rows.first().map(|row| row.text("detail")).transpose()
    }

    /// Records an act of an operator.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(&mut self, line: &AuditLine) -> Result<()> {
        let args = [line.at.as_millisecond().into(), line.act.as_str().into(), line.detail.as_str().into()];
        self.run(sql!("INSERT INTO admin_audit (at_ms, act, detail) VALUES ($1, $2, $3)"), args).await?;
        Ok(())
    }
}
