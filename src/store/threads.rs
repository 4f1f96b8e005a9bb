//! Threads in channels that a bot speaks in: the message that each ticket's hangs on, and the rows of the outbox that bring it up to date
//! (`E8`).

use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Row, Tx};
use crate::domain::IssueId;
use jiff::Timestamp;
use serde::Serialize;

/// The thread of a ticket in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// The ticket.
    pub issue_id: i64,
    /// The channel, as the desk calls it.
    pub channel: String,
    /// The same as the chat calls it: a thread elsewhere is none here.
    pub place: String,
    /// The message that it hangs on, as the chat calls it.
    pub root: String,
    /// What that message shows of the ticket.
    pub shown: String,
    /// When something was last said or written anew in it, in milliseconds.
    pub said_ms: i64,
}

#[derive(Serialize)]
struct Renewal<'a> {
    key: String,
    channel: &'a str,
    root_of: i64,
}

impl Tx {
    /// The threads of these tickets.
    ///
    /// # Errors
    /// The database fails.
    pub async fn threads(&mut self, issues: &[IssueId]) -> Result<Vec<Thread>> {
        if issues.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = issues.iter().map(|issue| issue.0).collect();
        let statement = sql!(
            "SELECT issue_id, channel, place, root, shown, said_ms FROM threads WHERE issue_id {in ints $1} ORDER BY issue_id, channel"
        );
        self.rows(statement, [list(&ids)?]).await?.iter().map(thread).collect()
    }

    /// The thread of a ticket in a channel, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn thread(&mut self, issue: IssueId, channel: &str) -> Result<Option<Thread>> {
        Ok(self.threads(&[issue]).await?.into_iter().find(|thread| thread.channel == channel))
    }

    /// Keeps a thread; one that the ticket had there before is no more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_thread(&mut self, thread: &Thread) -> Result<()> {
        let statement = sql!(
            "INSERT INTO threads (issue_id, channel, place, root, shown, said_ms) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (issue_id, channel) DO UPDATE SET place = excluded.place, root = excluded.root, shown = excluded.shown,
                 said_ms = excluded.said_ms"
        );
        let args: [Arg; 6] = [
            thread.issue_id.into(),
            thread.channel.as_str().into(),
            thread.place.as_str().into(),
            thread.root.as_str().into(),
            thread.shown.as_str().into(),
            thread.said_ms.into(),
        ];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Forgets the thread that hangs on a message: that is gone. Another that the ticket has got since stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_thread(&mut self, issue: IssueId, channel: &str, root: &str) -> Result<()> {
        let statement = sql!("DELETE FROM threads WHERE issue_id = $1 AND channel = $2 AND root = $3");
        self.run(statement, [issue.0.into(), channel.into(), root.into()]).await?;
        Ok(())
    }

    /// Has the messages that these threads hang on written anew. One that waits for that already is not put into the queue a second time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renew_roots(&mut self, threads: &[Thread], now: Timestamp) -> Result<()> {
        if threads.is_empty() {
            return Ok(());
        }
        let rows = threads.iter().map(|thread| Renewal {
            key: format!("root:{}:{}", thread.issue_id, thread.channel),
            channel: &thread.channel,
            root_of: thread.issue_id,
        });
        let rows: Vec<_> = rows.collect();
        let statement = sql!(
            "INSERT INTO outbox (key, channel, issue_id, root_of, cycle, body, at_ms, created_ms, confirmed_ms, lease_ms, attempts, state,
                                 note)
             SELECT key, channel, NULL, root_of, 0, '', $2, $2, $2, 0, 0, 'pending', ''
             FROM {rows $1: key TEXT, channel TEXT, root_of BIGINT} WHERE true
             ON CONFLICT (key) DO UPDATE SET state = 'pending', at_ms = excluded.at_ms, created_ms = excluded.created_ms,
                 confirmed_ms = excluded.confirmed_ms, lease_ms = 0, sent_in = NULL, done_ms = NULL, note = ''
                 WHERE outbox.state <> 'pending'"
        );
        self.run(statement, [list(&rows)?, now.as_millisecond().into()]).await?;
        Ok(())
    }
}

fn thread(row: &Row) -> Result<Thread> {
    Ok(Thread {
        issue_id: row.int("issue_id")?,
        channel: row.text("channel")?,
        place: row.text("place")?,
        root: row.text("root")?,
        shown: row.text("shown")?,
        said_ms: row.int("said_ms")?,
    })
}
