//! The outbox: chat messages that were decided, until they are sent or no longer true (`E2`, `E7`), and the channels that do not take
//! them. Who writes does so alone, so looking and claiming are two statements.
//!
//! How a message stands is asked by a `CASE` where its key or its ticket already says which it is: to PostgreSQL the index of what waits
//! seems short before anything does, and by it every key would be looked for among all that waits by then.

use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Row, Tx};
use crate::domain::IssueId;
use crate::programme::TierId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A message as it is put into the outbox.
#[derive(Debug, Clone, Serialize)]
pub struct Outgoing {
    /// Ticket, cycle, step, occurrence and channel: unique, so that nothing is said twice.
    pub key: String,
    /// The chat channel.
    pub channel: String,
    /// The ticket; `None`: a word to the operator.
    pub issue_id: Option<i64>,
    /// The ticket's cycle.
    pub cycle: i64,
    /// The message as JSON.
    pub body: String,
    /// The instant that it is about, in milliseconds: that of the step.
    pub at_ms: i64,
    /// When it was decided.
    pub created_ms: i64,
    /// When GitHub was last asked whether it is still true.
    pub confirmed_ms: i64,
}

/// A message that waits to be sent.
#[derive(Debug, Clone)]
pub struct PendingPing {
    /// See [`Outgoing::key`].
    pub key: String,
    /// The channel that it is meant for.
    pub channel: String,
    /// The ticket.
    pub issue: Option<IssueId>,
    /// It says nothing new, but has the first message about this ticket show how it stands (`E8`).
    pub root_of: Option<IssueId>,
    /// The ticket's cycle.
    pub cycle: i64,
    /// The message as JSON.
    pub body: String,
    /// The instant that it is about.
    pub at: Timestamp,
    /// When it was decided.
    pub created: Timestamp,
    /// When GitHub was last asked.
    pub confirmed_at: Timestamp,
    /// Until when somebody holds it.
    pub leased_until: Timestamp,
    /// How often it was claimed: that tells one claim from the next.
    pub attempts: i64,
    /// The digest that took it (`E4`).
    pub digest: Option<String>,
}

/// How it stands with a channel that does not take what it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Tries that failed, one after the other.
    pub failures: i64,
    /// When the first of them did.
    pub since: Timestamp,
    /// When it is tried again.
    pub open: Timestamp,
    /// It refuses what it is sent: somebody has to do something about it.
    pub refused: bool,
    /// What it answered last.
    pub why: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, Serialize)]
pub struct Fate {
    /// See [`Outgoing::key`].
    pub key: String,
    /// `sent`, or `void` because it is no longer true.
    pub state: &'static str,
    /// The channel that took it.
    pub sent_in: Option<String>,
    /// The reason, or a remark.
    pub note: String,
}

#[derive(Serialize)]
struct Held<'a> {
    key: &'a str,
    attempts: i64,
}

/// What is selected of a message.
macro_rules! pending {
    ($rest:literal) => {
        sql!(concat!(
            "SELECT key, channel, issue_id, root_of, cycle, body, at_ms, created_ms, confirmed_ms, lease_ms, attempts, digest FROM outbox
             WHERE state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM tickets JOIN freezes ON freezes.repo_id = tickets.repo_id
                               WHERE tickets.issue_id = outbox.issue_id AND freezes.until_ms IS NULL) AND ",
            $rest
        ))
    };
}

impl Tx {
    /// Channels with something to send, as [`Tx::first_ping`] goes by: from one channel to the next and no further into its messages than to
    /// the first that may go, however many wait.
    ///
    /// # Errors
    /// The database fails.
    pub async fn busy_channels(&mut self, now: Timestamp, only_notices: bool, held: &[TierId]) -> Result<Vec<String>> {
        let statement = sql!(
            "WITH RECURSIVE waiting (channel) AS (
                 SELECT (SELECT channel FROM outbox WHERE state = 'pending' ORDER BY channel LIMIT 1)
                 UNION ALL
                 SELECT (SELECT o.channel FROM outbox o WHERE o.state = 'pending' AND o.channel > waiting.channel ORDER BY o.channel LIMIT 1)
                 FROM waiting WHERE waiting.channel IS NOT NULL)
             SELECT channel FROM waiting WHERE channel IS NOT NULL AND (
                 SELECT 1 FROM outbox o WHERE o.state = 'pending' AND o.channel = waiting.channel
                   AND (o.at_ms <= $2 OR o.issue_id IS NULL) AND ($3 = 0 OR o.issue_id IS NULL)
                   AND NOT EXISTS (SELECT 1 FROM tickets JOIN freezes ON freezes.repo_id = tickets.repo_id
                                   WHERE tickets.issue_id = o.issue_id AND freezes.until_ms IS NULL)
                   AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.issue_id = o.issue_id AND tickets.tier {in texts $1})
                 LIMIT 1) IS NOT NULL
             ORDER BY channel"
        );
        let rows = self.rows(statement, [list(&held)?, now.as_millisecond().into(), i64::from(only_notices).into()]).await?;
        rows.iter().map(|row| row.text("channel")).collect()
    }

    /// The oldest message of a channel, whoever holds it: so a channel stays in order. Messages about tickets of a repository that is
    /// out of the desk's hands wait until it is back, and hold up no others (`S12`); so do those of `held` tiers (`E6`), all but
    /// notices where pings are held, and those of instants to come, which were decided by a clock that was ahead (`R7`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_ping(&mut self, channel: &str, now: Timestamp, only_notices: bool, held: &[TierId]) -> Result<Option<PendingPing>> {
        let statement = pending!(
            "channel = $1 AND ($2 = 0 OR issue_id IS NULL) AND (at_ms <= $4 OR issue_id IS NULL)
               AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.issue_id = outbox.issue_id AND tickets.tier {in texts $3})
             ORDER BY created_ms, key LIMIT 1"
        );
        let args: [Arg; 4] = [channel.into(), i64::from(only_notices).into(), list(&held)?, now.as_millisecond().into()];
        let rows = self.rows(statement, args).await?;
        rows.first().map(ping).transpose()
    }

    /// The oldest message of these channels that nobody holds, and that another channel can say in their place.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_free_ping(
        &mut self,
        channels: &[String],
        now: Timestamp,
        only_notices: bool,
        held: &[TierId],
    ) -> Result<Option<PendingPing>> {
        let statement = pending!(
            "channel {in texts $1} AND lease_ms <= $2 AND root_of IS NULL AND ($3 = 0 OR issue_id IS NULL)
               AND (at_ms <= $2 OR issue_id IS NULL)
               AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.issue_id = outbox.issue_id AND tickets.tier {in texts $4})
             ORDER BY created_ms, key LIMIT 1"
        );
        let args: [Arg; 4] = [list(&channels)?, now.as_millisecond().into(), i64::from(only_notices).into(), list(&held)?];
        let rows = self.rows(statement, args).await?;
        rows.first().map(ping).transpose()
    }

    /// Messages of these channels about tickets of other tiers than the `held`, held by nobody, the oldest first; `gathered`: those in a
    /// digest as well.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting_pings(
        &mut self,
        channels: &[String],
        now: Timestamp,
        held: &[TierId],
        (gathered, most): (bool, i64),
    ) -> Result<Vec<PendingPing>> {
        let statement = pending!(
            "channel {in texts $1} AND issue_id IS NOT NULL AND lease_ms <= $2 AND at_ms <= $2 AND ($5 = 1 OR digest IS NULL)
               AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.issue_id = outbox.issue_id AND tickets.tier {in texts $4})
             ORDER BY created_ms, key LIMIT $3"
        );
        let args: [Arg; 5] = [list(&channels)?, now.as_millisecond().into(), most.into(), list(&held)?, i64::from(gathered).into()];
        self.rows(statement, args).await?.iter().map(ping).collect()
    }

    /// The messages of a digest, as far as they are of these channels, about tickets of other tiers than the `held`, and held by nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn digest_pings(&mut self, digest: &str, channels: &[String], now: Timestamp, held: &[TierId]) -> Result<Vec<PendingPing>> {
        let statement = pending!(
            "channel {in texts $2} AND digest = $1 AND lease_ms <= $3 AND at_ms <= $3
               AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.issue_id = outbox.issue_id AND tickets.tier {in texts $4})
             ORDER BY created_ms, key"
        );
        let args: [Arg; 4] = [digest.into(), list(&channels)?, now.as_millisecond().into(), list(&held)?];
        let rows = self.rows(statement, args).await?;
        rows.iter().map(ping).collect()
    }

    /// Takes a channel's messages out of a digest that another was to send in its place.
    ///
    /// # Errors
    /// The database fails.
    pub async fn leave_digest(&mut self, digest: &str, channel: &str) -> Result<()> {
        let statement = sql!("UPDATE outbox SET digest = NULL WHERE state = 'pending' AND channel = $2 AND digest = $1");
        self.run(statement, [digest.into(), channel.into()]).await?;
        Ok(())
    }

    /// Holds messages until an instant, those of a digest under its name. Each claim counts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hold_pings(&mut self, pings: &mut [PendingPing], digest: Option<&str>, until: Timestamp) -> Result<()> {
        let keys: Vec<_> = pings.iter().map(|ping| &ping.key).collect();
        let statement =
            sql!("UPDATE outbox SET lease_ms = $2, attempts = attempts + 1, digest = coalesce($3, digest) WHERE key {in texts $1}");
        let digest_name: Arg = digest.map(str::to_owned).into();
        self.run(statement, [list(&keys)?, until.as_millisecond().into(), digest_name]).await?;
        for ping in pings {
            ping.attempts += 1;
            ping.leased_until = until;
        }
        Ok(())
    }

    /// Holds on to messages until an instant. `false`: somebody else holds one of them by now, or has sent it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hold_on(&mut self, pings: &[PendingPing], until: Timestamp) -> Result<bool> {
        let statement = sql!(
            "UPDATE outbox SET lease_ms = $2 FROM {rows $1: key TEXT, attempts BIGINT}
             WHERE outbox.key = r.key AND outbox.attempts = r.attempts AND CASE WHEN outbox.state = 'pending' THEN 1 END = 1"
        );
        let held = self.run(statement, [held(pings)?, until.as_millisecond().into()]).await?;
        Ok(usize::try_from(held).is_ok_and(|held| held == pings.len()))
    }

    /// Lets go of messages that this claim still holds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_back_pings(&mut self, pings: &[PendingPing], note: &str) -> Result<()> {
        let statement = sql!(
            "UPDATE outbox SET lease_ms = 0, note = $2 FROM {rows $1: key TEXT, attempts BIGINT}
             WHERE outbox.key = r.key AND outbox.attempts = r.attempts AND CASE WHEN outbox.state = 'pending' THEN 1 END = 1"
        );
        self.run(statement, [held(pings)?, note.into()]).await?;
        Ok(())
    }

    /// Lets go of messages that this claim still holds, for another digest to say.
    ///
    /// # Errors
    /// The database fails.
    pub async fn leave_for_digest(&mut self, pings: &[PendingPing], digest: &str) -> Result<()> {
        let statement = sql!(
            "UPDATE outbox SET lease_ms = 0, digest = $2 FROM {rows $1: key TEXT, attempts BIGINT}
             WHERE outbox.key = r.key AND outbox.attempts = r.attempts AND CASE WHEN outbox.state = 'pending' THEN 1 END = 1"
        );
        self.run(statement, [held(pings)?, digest.into()]).await?;
        Ok(())
    }

    /// Records what became of messages.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pings_done(&mut self, fates: &[Fate], now: Timestamp) -> Result<()> {
        if fates.is_empty() {
            return Ok(());
        }
        let statement = sql!(
            "UPDATE outbox SET state = r.state, note = r.note, sent_in = r.sent_in, done_ms = $2, lease_ms = 0
             FROM {rows $1: key TEXT, state TEXT, note TEXT, sent_in TEXT} WHERE outbox.key = r.key
               AND CASE WHEN outbox.state = 'pending' THEN 1 END = 1"
        );
        self.run(statement, [list(&fates)?, now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Channels that do not take what they are sent.
    ///
    /// # Errors
    /// The database fails.
    pub async fn failing_channels(&mut self) -> Result<BTreeMap<String, ChannelState>> {
        let rows = self.rows(sql!("SELECT name, failures, since_ms, open_ms, refused, why FROM channels"), []).await?;
        let state = |row: &Row| {
            let state = ChannelState {
                failures: row.int("failures")?,
                since: row.instant("since_ms")?,
                open: row.instant("open_ms")?,
                refused: row.flag("refused")?,
                why: row.text("why")?,
            };
            Ok((row.text("name")?, state))
        };
        rows.iter().map(state).collect()
    }

    /// Notes that a channel did not take something, and how it stands with it now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn channel_failed(&mut self, name: &str, state: &ChannelState) -> Result<()> {
        let statement = sql!(
            "INSERT INTO channels (name, failures, since_ms, open_ms, refused, why) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, since_ms = excluded.since_ms, open_ms = excluded.open_ms,
                 refused = excluded.refused, why = excluded.why"
        );
        let args: [Arg; 6] = [
            name.into(),
            state.failures.into(),
            state.since.as_millisecond().into(),
            state.open.as_millisecond().into(),
            i64::from(state.refused).into(),
            state.why.as_str().into(),
        ];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Notes that a channel takes what it is sent.
    ///
    /// # Errors
    /// The database fails.
    pub async fn channel_works(&mut self, name: &str) -> Result<()> {
        self.run(sql!("DELETE FROM channels WHERE name = $1"), [name.into()]).await?;
        Ok(())
    }

    /// Forgets that channels failed which began to after an instant that is still to come, by a clock that was ahead, and tries no channel
    /// later than then.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_failures_after(&mut self, instant: Timestamp) -> Result<()> {
        self.run(sql!("DELETE FROM channels WHERE since_ms > $1"), [instant.as_millisecond().into()]).await?;
        self.run(sql!("UPDATE channels SET open_ms = $1 WHERE open_ms > $1"), [instant.as_millisecond().into()]).await?;
        Ok(())
    }

    /// The tickets that messages are about.
    ///
    /// # Errors
    /// The database fails.
    pub async fn issues_of_pings(&mut self, keys: &[&str]) -> Result<Vec<IssueId>> {
        let rows = self.rows(sql!("SELECT issue_id FROM outbox WHERE key {in texts $1}"), [list(&keys)?]).await?;
        let issues = rows.iter().map(|row| row.maybe_int("issue_id")).collect::<Result<BTreeSet<_>>>()?;
        Ok(issues.into_iter().flatten().map(IssueId).collect())
    }

    /// Marks as wrong what was said of these clocks though they had ended: of steps after the end, and what was said after the second
    /// instant. Says how many messages there were (`S3`, `R5`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn said_wrongly(&mut self, ended: &[EndedCycle], now: Timestamp) -> Result<u64> {
        let statement = sql!(
            "UPDATE outbox SET wrong_ms = $2 FROM {rows $1: issue_id BIGINT, cycle BIGINT, end_ms BIGINT, seen_ms BIGINT}
             WHERE outbox.issue_id = r.issue_id
               AND CASE WHEN outbox.cycle = r.cycle AND outbox.state = 'sent' AND outbox.wrong_ms IS NULL
                             AND (outbox.at_ms > r.end_ms OR outbox.done_ms > r.seen_ms) THEN 1 END = 1"
        );
        self.run(statement, [list(&ended)?, now.as_millisecond().into()]).await
    }

    /// What was said, turned out wrong, and was not put right yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wrong_pings(&mut self) -> Result<Vec<WrongPing>> {
        let statement = sql!(
            "SELECT key, issue_id, cycle, sent_in, done_ms, body FROM outbox
             WHERE wrong_ms IS NOT NULL AND righted_ms IS NULL ORDER BY done_ms, key"
        );
        let wrong = |row: &Row| {
            Ok(WrongPing {
                key: row.text("key")?,
                issue: IssueId(row.maybe_int("issue_id")?.unwrap_or_default()),
                cycle: row.int("cycle")?,
                channel: row.maybe_text("sent_in")?.unwrap_or_default(),
                said: row.maybe_instant("done_ms")?.unwrap_or_default(),
                body: row.text("body")?,
            })
        };
        self.rows(statement, []).await?.iter().map(wrong).collect()
    }

    /// Notes that it was put right.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_right(&mut self, now: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE outbox SET righted_ms = $1 WHERE wrong_ms IS NOT NULL AND righted_ms IS NULL");
        self.run(statement, [now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// How many messages were let go of since an instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn void_since(&mut self, since: Timestamp) -> Result<i64> {
        let statement =
            sql!("SELECT count(*) AS n FROM outbox WHERE state = 'void' AND issue_id IS NOT NULL AND done_ms >= $1 AND created_ms <= $1");
        let rows = self.rows(statement, [since.as_millisecond().into()]).await?;
        rows.first().map_or(Ok(0), |row| row.int("n"))
    }

    /// The next instant after `now` at which a message may be sent, if any waits: by its own channel, or, `patience` after that has
    /// begun to fail, by another.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_ping(&mut self, now: Timestamp, patience: jiff::SignedDuration) -> Result<Option<Timestamp>> {
        let busy = self.busy_channels(Timestamp::MAX, false, &[]).await?;
        let failing = self.failing_channels().await?;
        let open = busy.iter().filter_map(|channel| failing.get(channel));
        let instants = open.flat_map(|state| [Some(state.open), state.since.saturating_add(patience).ok()]).flatten();
        let of_others = failing.values().map(|state| state.open);
        let next = instants.chain(of_others.filter(|_| !busy.is_empty())).filter(|at| *at > now).min();
        Ok(next)
    }
}

/// A clock that has ended.
#[derive(Debug, Clone, Serialize)]
pub struct EndedCycle {
    /// Its ticket.
    pub issue_id: i64,
    /// Its number.
    pub cycle: i64,
    /// Its end.
    pub end_ms: i64,
    /// What was said after this instant should have known.
    pub seen_ms: i64,
}

/// Something that was said and turned out wrong.
#[derive(Debug, Clone)]
pub struct WrongPing {
    /// See [`Outgoing::key`].
    pub key: String,
    /// Its ticket.
    pub issue: IssueId,
    /// The ticket's cycle.
    pub cycle: i64,
    /// Where it was said.
    pub channel: String,
    /// When it was said.
    pub said: Timestamp,
    /// The message as JSON.
    pub body: String,
}

fn held(pings: &[PendingPing]) -> Result<Arg> {
    let held: Vec<_> = pings.iter().map(|ping| Held { key: &ping.key, attempts: ping.attempts }).collect();
    list(&held)
}

fn ping(row: &Row) -> Result<PendingPing> {
    Ok(PendingPing {
        key: row.text("key")?,
        channel: row.text("channel")?,
        issue: row.maybe_int("issue_id")?.map(IssueId),
        root_of: row.maybe_int("root_of")?.map(IssueId),
        cycle: row.int("cycle")?,
        body: row.text("body")?,
        at: row.instant("at_ms")?,
        created: row.instant("created_ms")?,
        confirmed_at: row.instant("confirmed_ms")?,
        leased_until: row.instant("lease_ms")?,
        attempts: row.int("attempts")?,
        digest: row.maybe_text("digest")?,
    })
}
